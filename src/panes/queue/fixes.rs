//! The key that does what the diagnosis names: finds out what that is, asks, and does it.

use super::fixing::{Mend, Plan, foreseen, refusal};
use super::outcomes::entries;
use super::prompt::Wanted;
use super::{Command, Level, Queue, Then};
use crate::postgres::Fault;
use crate::queue::State;
use crate::ui::pane::Ask;
use crate::ui::{Effect, Level as Weight, Now, Step};
use uuid::Uuid;

impl Queue {
    /// Finds out what the remedy of the entry comes to; of a reason, for its sample.
    pub(super) fn fix(&mut self) -> Step<Self> {
        if self.shows_discarded() {
            return self.restore_targets();
        }
        if let Some(refusal) = self.refusal() {
            return vec![refusal];
        }
        if self.busy {
            return vec![Effect::toast(Weight::Info, "Something is being written; this waits until it is done")];
        }
        let group = self.groups.as_ref().and_then(|groups| groups.groups.get(self.reason));
        let id = match self.level {
            Level::Groups => group.map(|group| group.sample),
            Level::List => self.window.selected().map(|entry| entry.id),
            Level::Entry => self.inside.id,
        };
        match (id, self.shape.clone()) {
            (Some(id), Some(shape)) => vec![Effect::Run(Command::Plan { shape, id })],
            _ => vec![Effect::toast(Weight::Info, "No entry is selected")],
        }
    }

    /// What the remedy comes to is known: asks, goes on, or says it.
    pub(super) fn planned(&mut self, id: Uuid, plan: Result<Plan, Fault>) -> Step<Self> {
        let say = |words: String| vec![Effect::toast(Weight::Warn, words)];
        match plan {
            Err(fault) => vec![Effect::fault(&fault)],
            Ok(_) if self.busy => Vec::new(),
            Ok(Plan::Try) => self.for_sample(id, vec![Effect::Run(Command::Dry { ids: vec![id], then: Then::Ask })]),
            Ok(Plan::First(ids)) => self.for_sample(id, vec![Effect::Run(Command::Dry { ids, then: Then::Ask })]),
            Ok(Plan::GoTo(other, why)) => {
                let mut effects = say(format!("This one has to go first. {why}"));
                effects.extend(self.enter(other));
                effects
            }
            Ok(Plan::Adopt(edited)) if !edited.can_be_saved() => {
                say(format!("The key of the row here does not help: {}", refusal(&edited)))
            }
            Ok(Plan::Adopt(edited)) => {
                let mut details: Vec<String> = edited
                    .changes
                    .iter()
                    .map(|(column, _, value)| format!("{column}: {}", value.as_deref().unwrap_or("–")))
                    .collect();
                details.extend(foreseen(edited.outcome.as_ref()));
                details.push(
                    "It is the only row here with all values of the entry. The payload as queued is kept.".into(),
                );
                let question = format!("Give the entry the key of its row on {}, and send it?", self.replica_name());
                self.agree(id, question, details, "Adopt the key", Mend::Adopt(edited.changes))
            }
            Ok(Plan::Map { text, waiting, users }) => {
                self.wanted(Wanted::User { id, text, waiting, users });
                Vec::new()
            }
            Ok(Plan::Queue(parent)) => {
                let details = vec![
                    format!("{} {}", parent.table, parent.key),
                    "It is on this replica only, and in no entry. An INSERT of the row as it is now goes into \
                     pending_sync; the engine sends it, and then this entry."
                        .into(),
                ];
                let question = format!("Queue the missing row of {} on {}?", parent.table, self.replica_name());
                self.agree(id, question, details, "Queue the parent", Mend::Parent)
            }
            Ok(Plan::Edit(column)) => {
                let effects = self.edit_entry(id, column);
                self.for_sample(id, effects)
            }
            Ok(Plan::Migrate(remedy)) => say(format!("The master's schema comes first: {remedy}")),
            Ok(Plan::Words(words)) => say(words),
        }
    }

    /// The user that a text id shall be mapped to was found: asks.
    pub(super) fn user_found(
        &mut self,
        id: Uuid,
        text: String,
        waiting: i64,
        user: Result<(Uuid, Option<String>), Fault>,
    ) -> Step<Self> {
        let (user, name) = match user {
            Ok(found) => found,
            Err(fault) => return vec![Effect::fault(&fault)],
        };
        let name = name.unwrap_or_else(|| user.to_string());
        let waiting = entries(usize::try_from(waiting).unwrap_or(0));
        let details = vec![
            format!("user_id_mapping: {text} → {user} ({name})"),
            format!("{waiting} waiting for it will be sent in the name of {name}."),
            "A wrong mapping writes rows in another user's name; rows sent so far keep their user.".into(),
        ];
        let question = format!("Map user {text} to {name} on {}?", self.master_name());
        self.agree(id, question, details, "Map the user", Mend::Map { text, user })
    }

    /// That one entry stands for a reason, where it does.
    fn one_of_many(&self, id: Uuid) -> Option<String> {
        let group = self.groups.as_ref()?.groups.get(self.reason)?;
        let count = crate::ui::format::count(group.count.unsigned_abs());
        (self.level == Level::Groups && group.count > 1)
            .then(|| format!("This is about {id}, one of {count} entries of this reason."))
    }

    /// What is done about a reason's sample says that it is about that one.
    fn for_sample(&self, id: Uuid, mut effects: Step<Self>) -> Step<Self> {
        effects.extend(self.one_of_many(id).map(|words| Effect::toast(Weight::Info, words)));
        effects
    }

    /// Asks whether a remedy shall be done.
    fn agree(&self, id: Uuid, question: String, mut details: Vec<String>, confirm: &str, mend: Mend) -> Step<Self> {
        details.extend(self.one_of_many(id));
        vec![Effect::Ask(Ask {
            question,
            details,
            confirm: confirm.to_owned(),
            danger: false,
            type_the_name: self.name_wanted(mend.side()),
            then: Command::Mend { id, mend },
        })]
    }

    pub(super) fn mended(&mut self, id: Uuid, done: Result<String, Fault>, now: Now) -> Step<Self> {
        self.busy = false;
        self.pulse = None;
        let mut effects = match done {
            Ok(words) => vec![Effect::toast(Weight::Ok, words)],
            Err(fault) => vec![Effect::fault(&fault)],
        };
        effects.extend(self.after_writing(&[id], now));
        effects
    }

    /// Whether what is selected stands in the archive.
    pub(super) fn shows_discarded(&self) -> bool {
        let state = match self.level {
            Level::Groups => return false,
            Level::List => self.window.selected().map(|entry| entry.state),
            Level::Entry => self.inside.detail.as_ref().map(|detail| detail.entry.state),
        };
        state == Some(State::Discarded)
    }

    pub(super) fn master_name(&self) -> &str {
        self.links.as_ref().map_or("the master", |links| links.master.name.as_str())
    }

    pub(super) fn replica_name(&self) -> &str {
        self.links.as_ref().map_or("the replica", |links| links.replica.name.as_str())
    }
}
