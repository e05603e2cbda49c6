//! What a person does, and what the clock and the links say.

use super::prompt::Wanted;
use super::window::Window;
use super::{Action, Command, Inside, Level, Purpose, Queue, REFRESH, Section, Tab, Then, Typing, view};
use crate::postgres::LinkStatus;
use crate::queue::{Anchor, Filter, Scope, Sort, SortBy, filter};
use crate::ui::pane::LinkView;
use crate::ui::{Effect, Input, Level as Weight, Links, Move, Now, Pane, Step};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// So long the cursor rests before the entry beside the list is read.
const PEEK: Duration = Duration::from_millis(90);
/// So much of the time may go into counting and grouping again.
const SHARE: u32 = 20;

impl Queue {
    pub(super) fn step(&mut self, input: Input<Action, <Self as Pane>::Message>, now: Now) -> Step<Self> {
        let input = match self.edit_step(input) {
            Ok(effects) => return effects,
            Err(input) => input,
        };
        match input {
            Input::Action(action) => {
                self.touched = true;
                self.act(action, now)
            }
            Input::Move(step) => {
                self.touched = true;
                self.moved(step)
            }
            Input::Open => {
                self.touched = true;
                self.open()
            }
            Input::Back => self.back(),
            Input::Key(chord) => self.key(chord),
            Input::Paste(text) => self.paste(&text),
            Input::Click { zone, index, double } => self.click(zone, index, double),
            Input::Scroll { lines, .. } => self.scroll(i64::from(lines)),
            Input::Timer(id) => self.timer(id, now),
            Input::Shown => {
                self.shown = true;
                let mut effects = vec![Effect::Timer { id: "refresh", after: REFRESH }];
                effects.extend(if self.shape.is_some() { self.refresh(now) } else { self.first_read() });
                effects
            }
            Input::Hidden => {
                self.shown = false;
                vec![Effect::StopTimer("refresh"), Effect::StopTimer("peek")]
            }
            Input::LinksChanged(links) => self.links_changed(links, now),
            Input::EngineChanged(status) if self.shown && !status.busy => self.refresh(now),
            Input::Resized(size) => {
                self.size = size;
                let mut effects = self.fill();
                effects.extend(self.peek());
                effects
            }
            Input::Viewport { zone: view::ENTRIES | view::REASONS, rows } => {
                self.rows = rows;
                Vec::new()
            }
            Input::Keys(keys) => {
                self.keys = Some(keys);
                Vec::new()
            }
            Input::Chosen(chosen) => self.start(&chosen),
            Input::Declined => {
                self.frozen = None;
                Vec::new()
            }
            Input::Broke => self.broke(now),
            Input::JobChanged(progress) => self.job_changed(&progress, now),
            Input::Routed(route) => self.routed(route.filter.as_deref()),
            _ => Vec::new(),
        }
    }

    fn first_read(&mut self) -> Step<Self> {
        if self.loading || self.replica_is_down() { Vec::new() } else { vec![self.ask(Anchor::First)] }
    }

    fn links_changed(&mut self, links: Arc<Links>, now: Now) -> Step<Self> {
        let before = self.links.replace(links);
        let links = self.links.as_ref().map(|links| (links.replica.name.clone(), links.replica.is_up()));
        let was = before.map(|links| (links.replica.name.clone(), links.replica.is_up()));
        let (Some((name, up)), was) = (links, was) else { return Vec::new() };
        if was.as_ref().is_some_and(|(old, _)| *old != name) {
            // Another replica: another queue.
            let kept = Self {
                links: self.links.take(),
                keys: self.keys.take(),
                size: self.size,
                shown: self.shown,
                busy: self.busy,
                replaying: self.replaying,
                ..Self::default()
            };
            *self = Self { question: self.question + 1, ..kept };
            return self.first_read();
        }
        let came = up && was.is_none_or(|(_, was)| !was);
        match (came, self.shape.is_some()) {
            (true, true) => {
                self.pulse = None;
                self.refresh(now)
            }
            // What was asked for while the link was being made has waited for it.
            (true, false) => self.first_read(),
            (false, _) => Vec::new(),
        }
    }

    fn timer(&mut self, id: &'static str, now: Now) -> Step<Self> {
        match id {
            "refresh" if self.shown => {
                let mut effects = vec![Effect::Timer { id: "refresh", after: REFRESH }];
                if !self.replica_is_down() {
                    effects.extend(if self.shape.is_some() { self.refresh(now) } else { self.first_read() });
                }
                effects
            }
            "filter" => self.follow_filter(),
            "peek" => self.look(),
            _ => Vec::new(),
        }
    }

    /// Looks again, without moving anything.
    pub(super) fn refresh(&mut self, _now: Now) -> Step<Self> {
        let Some(shape) = self.shape.clone() else { return self.first_read() };
        let (anchor, from_start) = self.window.around();
        self.refreshing = self.window.selected().map(|entry| entry.id);
        vec![Effect::Run(Command::Refresh {
            question: self.question,
            shape,
            scope: Box::new(self.scope.clone()),
            anchor,
            from_start,
            pulse: self.pulse.clone(),
        })]
    }

    /// What else should be read after the queue was written to: groups and count, as often as they are cheap.
    pub(super) fn follow_up(&mut self, now: Now) -> Step<Self> {
        let mut effects = Vec::new();
        // One that is under way comes to its end: where it takes longer than the refresh, none would otherwise.
        if !self.grouping && now.uptime.saturating_sub(self.groups_at) >= self.groups_cost * SHARE {
            effects.extend(self.regroup());
        }
        if now.uptime.saturating_sub(self.counted_at) >= self.count_cost * SHARE {
            effects.extend(self.recount());
        }
        effects
    }

    /// Reads the reasons.
    pub(super) fn regroup(&mut self) -> Step<Self> {
        let Some(shape) = self.shape.clone() else { return Vec::new() };
        self.grouping = true;
        vec![Effect::Run(Command::Groups { shape })]
    }

    fn routed(&mut self, text: Option<&str>) -> Step<Self> {
        self.touched = true;
        let Some(text) = text else { return Vec::new() };
        match filter::parse(text) {
            Ok(filter) => {
                self.level = Level::List;
                self.tab = Tab::Open;
                self.filter.set(text);
                self.scope = Scope { filter, ..Scope::default() };
                self.relist()
            }
            Err(error) => vec![Effect::toast(Weight::Warn, format!("The filter was not understood: {error}"))],
        }
    }

    fn act(&mut self, action: Action, now: Now) -> Step<Self> {
        match action {
            Action::Filter if self.level == Level::Entry => {
                self.inside.section = Section::Payload;
                self.wanted(Wanted::Find);
                Vec::new()
            }
            Action::Filter => {
                if self.level == Level::Groups {
                    self.enter_list(None);
                }
                self.level = Level::List;
                self.before_typing = self.filter.text().to_owned();
                self.typing = Some(Typing::Filter);
                if self.window.is_empty() && self.shape.is_some() { self.relist() } else { Vec::new() }
            }
            Action::Jump if self.level == Level::List => {
                self.jump.set("");
                self.typing = Some(Typing::Jump);
                Vec::new()
            }
            Action::Replay => self.dry(Then::Ask),
            Action::DryRun => self.dry(Then::Tell),
            Action::Discard => self.choose(Purpose::Discard),
            Action::Fix => self.fix(),
            Action::TakeBack => self.take_back(),
            Action::DoAgain => self.do_again(),
            Action::NextHit | Action::PreviousHit if self.level == Level::Entry => {
                self.inside.section = Section::Payload;
                if self.inside.payload.hit(action == Action::PreviousHit) {
                    return Vec::new();
                }
                vec![Effect::toast(Weight::Info, "Nothing is found; / searches the payload")]
            }
            Action::Mark if self.level == Level::Entry && self.inside.section == Section::Payload => {
                self.inside.payload.fold();
                Vec::new()
            }
            Action::Edit => match self.targets()[..] {
                [id] => self.edit_entry(id, None),
                [] => vec![Effect::toast(Weight::Info, "No entry is selected")],
                _ => vec![Effect::toast(Weight::Info, "One entry is edited at a time: u takes the marks away")],
            },
            Action::MarkAll if self.level == Level::List => self.mark_all(),
            Action::Mark if self.level == Level::List => {
                if let Some(id) = self.window.selected().map(|entry| entry.id) {
                    if !self.marks.remove(&id) {
                        self.marks.insert(id);
                    }
                    self.last_mark = Some(id);
                }
                self.moved(Move::Down)
            }
            Action::MarkRange if self.level == Level::List => self.mark_range(),
            Action::Unmark => {
                self.marks.clear();
                Vec::new()
            }
            Action::NextStates if self.level == Level::List => self.turn(1),
            Action::NextStates if self.level == Level::Entry => self.turn_section(1),
            Action::NextStates if self.level == Level::Groups => {
                self.enter_list(None);
                self.relist()
            }
            Action::CopyId => self.targets().first().map_or_else(Vec::new, |_| {
                let ids: Vec<String> = self.targets().iter().map(Uuid::to_string).collect();
                vec![Effect::Copy(ids.join("\n"))]
            }),
            Action::CopyEntry => match (self.targets().first(), self.shape.clone()) {
                (Some(id), Some(shape)) => vec![Effect::Run(Command::Copy { shape, id: *id })],
                _ => Vec::new(),
            },
            Action::Refresh => {
                self.pulse = None;
                let mut effects = if self.fault.is_some() {
                    self.shape = None;
                    self.loading = false;
                    self.first_read()
                } else {
                    self.refresh(now)
                };
                effects.extend(self.look());
                effects
            }
            Action::Sort(by) if self.level == Level::List => self.sort(by),
            _ => Vec::new(),
        }
    }

    fn sort(&mut self, by: SortBy) -> Step<Self> {
        let descending = self.scope.sort.by == by && !self.scope.sort.descending;
        self.scope.sort = Sort { by, descending };
        self.relist()
    }

    pub(super) fn turn(&mut self, by: isize) -> Step<Self> {
        let tabs = self.tabs();
        let at = tabs.iter().position(|tab| *tab == self.tab).unwrap_or(0) as isize;
        self.tab = tabs[(at + by).rem_euclid(tabs.len() as isize) as usize];
        self.scope.members = None;
        self.relist()
    }

    fn mark_range(&mut self) -> Step<Self> {
        let ids: Vec<Uuid> = self.window.entries().map(|entry| entry.id).collect();
        let Some(here) = self.window.index() else { return Vec::new() };
        let from = self.last_mark.and_then(|id| ids.iter().position(|other| *other == id)).unwrap_or(here);
        self.marks.extend(&ids[from.min(here)..=from.max(here)]);
        self.last_mark = ids.get(here).copied();
        Vec::new()
    }

    fn enter_list(&mut self, reason: Option<usize>) {
        let group = reason.and_then(|n| self.groups.as_ref()?.groups.get(n));
        self.level = Level::List;
        self.scope = Scope { members: group.map(|group| group.members.clone()), ..Scope::default() };
        self.tab = Tab::Open;
        self.filter.set("");
        self.filter_error = None;
        self.marks.clear();
    }

    /// Back to the reasons. They are of what is open, so neither the choice of states nor the rows of the list are kept.
    fn leave_list(&mut self) {
        self.enter_list(None);
        self.level = Level::Groups;
        self.window = Window::default();
        self.question += 1;
        (self.loading, self.growing, self.matching) = (false, false, None);
    }

    pub(super) fn open(&mut self) -> Step<Self> {
        match self.level {
            Level::Groups => {
                let any = self.groups.as_ref().is_some_and(|groups| !groups.groups.is_empty());
                self.enter_list(any.then_some(self.reason));
                self.relist()
            }
            Level::List => {
                let Some((id, state)) = self.window.selected().map(|entry| (entry.id, entry.state)) else {
                    return Vec::new();
                };
                (self.level, self.under) = (Level::Entry, Level::List);
                self.trail.clear();
                if self.inside.id != Some(id) {
                    self.inside = Inside { id: Some(id), ..Inside::default() };
                }
                let mut effects = self.look();
                effects.extend(self.predict(state));
                effects
            }
            Level::Entry => self.open_line(),
        }
    }

    /// Opens the line of an entry that the cursor is on.
    fn open_line(&mut self) -> Step<Self> {
        match (self.inside.section, self.inside.id, self.shape.clone()) {
            (Section::Rows, ..) => self.turn_section(1),
            (Section::Tries, ..) => self.follow(),
            (Section::Payload, Some(id), Some(shape)) if self.inside.payload.is_at_missing() => {
                vec![Effect::Run(Command::Rest { shape, id })]
            }
            (Section::Payload, ..) => {
                self.inside.payload.fold();
                Vec::new()
            }
        }
    }

    /// One level out.
    fn back(&mut self) -> Step<Self> {
        match self.level {
            Level::Entry => self.leave(),
            Level::List if !self.scope.filter.is_everything() => {
                self.filter.set("");
                self.set_filter(Filter::everything())
            }
            Level::List => {
                if let Some(members) = self.scope.members.take() {
                    let groups = self.groups.as_ref().map(|groups| &groups.groups);
                    let at = groups.and_then(|groups| groups.iter().position(|group| group.id == members.id));
                    self.reason = at.unwrap_or(self.reason);
                }
                self.leave_list();
                Vec::new()
            }
            Level::Groups => Vec::new(),
        }
    }

    /// Reads the entry beside the list when the cursor has come to rest.
    pub(super) fn peek(&self) -> Step<Self> {
        if self.level == Level::List && self.is_wide() {
            return vec![Effect::Timer { id: "peek", after: PEEK }];
        }
        Vec::new()
    }

    /// Reads the entry under the cursor in full.
    pub(super) fn look(&mut self) -> Step<Self> {
        let wanted = match self.level {
            Level::Groups => None,
            Level::List if !self.is_wide() => None,
            Level::List => self.window.selected().map(|entry| entry.id),
            Level::Entry => self.inside.id,
        };
        let (Some(id), Some(shape)) = (wanted, self.shape.clone()) else { return Vec::new() };
        if self.inside.id != Some(id) {
            self.inside = Inside { id: Some(id), section: self.inside.section, ..Inside::default() };
        }
        vec![Effect::Run(Command::Detail { shape, id })]
    }
}

/// Whether it is known that nobody answers there; a link that is only about to be made is not down.
pub(super) fn is_down(link: &LinkView) -> bool {
    matches!(link.status, LinkStatus::Down { .. })
}
