//! Acting on entries: the selected, the marked, all of a reason, all that match.

use super::outcomes::entries;
use super::steps::is_down;
use super::{Command, Level, Purpose, Putting, Queue, Then};
use crate::postgres::{LinkStatus, Side};
use crate::queue::{Scope, State};
use crate::ui::pane::LinkView;
use crate::ui::{Effect, Level as Weight, Step};
use uuid::Uuid;

impl Queue {
    /// Tries what is meant dry; what for, the answer says.
    pub(super) fn dry(&mut self, then: Then) -> Step<Self> {
        self.choose(Purpose::Dry(then))
    }

    /// Does something with what is meant: the entry, the marked ones, or all of a reason. The ids of a reason are read
    /// first, so that what is asked about is what is acted on.
    pub(super) fn choose(&mut self, purpose: Purpose) -> Step<Self> {
        if let Some(refusal) = self.refusal() {
            return vec![refusal];
        }
        if self.busy {
            return vec![Effect::toast(Weight::Info, "A replay is under way; this waits until it is done")];
        }
        let ids = self.targets();
        if !ids.is_empty() {
            return self.chosen(purpose, ids);
        }
        let group = self.groups.as_ref().and_then(|groups| groups.groups.get(self.reason));
        match (self.level, group, self.shape.clone()) {
            (Level::Groups, Some(group), Some(shape)) => {
                let states = vec![State::Failed, State::Blocked];
                let scope = Scope { members: Some(group.members.clone()), states, ..Scope::default() };
                vec![Effect::Run(Command::Ids { question: self.question, shape, scope: Box::new(scope), purpose })]
            }
            _ => vec![Effect::toast(Weight::Info, "No entry is selected")],
        }
    }

    /// Marks all that match, the rows not on the screen as well.
    pub(super) fn mark_all(&self) -> Step<Self> {
        let Some(shape) = self.shape.clone() else { return Vec::new() };
        let scope = Box::new(self.scope.clone());
        vec![Effect::Run(Command::Ids { question: self.question, shape, scope, purpose: Purpose::Marks })]
    }

    /// The entries meant are known by id.
    pub(super) fn chosen(&mut self, purpose: Purpose, ids: Vec<Uuid>) -> Step<Self> {
        if ids.is_empty() {
            return vec![Effect::toast(Weight::Info, "No entry of it is left in the queue")];
        }
        match purpose {
            Purpose::Marks => {
                let words = format!("{} marked: all that match now", entries(ids.len()));
                self.marks = ids.into_iter().collect();
                vec![Effect::toast(Weight::Info, words)]
            }
            Purpose::Dry(then) => vec![Effect::Run(Command::Dry { ids, then })],
            Purpose::Discard => vec![Effect::Run(Command::Put { ids, put: Putting::Look, reason: String::new() })],
        }
    }

    /// The name that a person must type before a protected target is written to.
    pub(super) fn name_wanted(&self, side: Side) -> Option<String> {
        self.links.as_ref()?.name_wanted(side)
    }

    /// Why nothing can be replayed here.
    pub(super) fn refusal(&self) -> Option<Effect<Command>> {
        if self.shape.as_ref().is_some_and(|shape| !shape.migrated) {
            let words = "This replica can be read, but not replayed from: it keeps no state per entry yet. \
                         `robbie schema migrate --target replica` adds it (20-sync-infrastructure)";
            return Some(Effect::toast(Weight::Warn, words));
        }
        let links = self.links.as_ref()?;
        if is_down(&links.master) {
            return Some(Effect::toast(Weight::Warn, "The master is not connected: nothing can be tried now"));
        }
        (is_read_only(&links.master) || is_read_only(&links.replica))
            .then(|| Effect::toast(Weight::Warn, "This session is read-only: nothing can be replayed"))
    }

    /// Asks a dry run for the row as it would become.
    pub(super) fn predict(&self, state: State) -> Step<Self> {
        let open = State::OPEN.contains(&state);
        let able = self.shape.as_ref().is_some_and(|shape| shape.migrated)
            && self.links.as_ref().is_some_and(|links| !is_down(&links.master) && !is_read_only(&links.master));
        match self.inside.id {
            Some(id) if open && able => vec![Effect::Run(Command::Dry { ids: vec![id], then: Then::Show })],
            _ => Vec::new(),
        }
    }
}

/// Whether no write is possible, by the server or because it was asked for.
fn is_read_only(link: &LinkView) -> bool {
    link.read_only || matches!(link.status, LinkStatus::Up { read_only: true, .. })
}
