//! The Schema pane: what both databases are, what is missing, how they differ, and bringing them up to date.
//!
//! State and its changes; what is drawn is in `view`, what is asked of the databases in `work`, what is judged of them in `judged`.

mod actions;
mod deeds;
mod judged;
mod view;
mod work;

use crate::postgres::{LinkStatus, Side};
use crate::schema::{GapState, State};
use crate::sync::adopt::Mapping;
use crate::ui::field::Field as Line;
use crate::ui::{
    ActionSpec, Answer, Effect, Input, Job, Links, Move, Now, Pane, Policy, Role, Scene, Services, Step, format,
};
use judged::Judged;
use ratatui::layout::Rect;
use std::collections::BTreeSet;
use std::sync::Arc;

pub use actions::Action;
pub use view::View;
pub use work::{Command, Message, Told};

/// The views of the pane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Section {
    /// The scores with what they lack.
    #[default]
    Score,
    /// The migrations of both sides.
    Migrations,
    /// Databases, schemas, tables.
    Inventory,
    /// The comparison matrix.
    Comparison,
    /// The gaps and what closes them.
    Gaps,
    /// The structural differences.
    Differences,
    /// Text ids and whom they mean.
    Users,
}

/// The views in their order.
const SECTIONS: [(Section, &str); 7] = [
    (Section::Score, "Score"),
    (Section::Migrations, "Migrations"),
    (Section::Inventory, "Inventory"),
    (Section::Comparison, "Comparison"),
    (Section::Gaps, "Gaps"),
    (Section::Differences, "Differences"),
    (Section::Users, "Users"),
];

/// Rows that a page moves.
const PAGE: usize = 10;

/// Both sides, master first.
const SIDES: [Side; 2] = [Side::Master, Side::Replica];

/// The pane's state.
#[derive(Default)]
pub struct Schema {
    links: Option<Arc<Links>>,
    /// What each side said last, and the fault where it does not answer now.
    sides: [Option<Told>; 2],
    faults: [Option<String>; 2],
    judged: Judged,
    users: Option<Result<Vec<Mapping>, String>>,
    section: Section,
    /// The selected row of each view.
    at: [usize; 7],
    /// Parts of the inventory that are folded or, the engine's schema, unfolded.
    turned: BTreeSet<String>,
    /// Whether the differences of what only one side has are shown too.
    whole: bool,
    shown: bool,
    loading: bool,
    /// What the last run said, by side.
    ran: [Vec<String>; 2],
    /// The user that a text id is to mean, while it is typed.
    typing: Option<(String, Line)>,
}

impl Schema {
    fn load(&mut self) -> Step<Self> {
        self.loading = true;
        vec![Effect::Run(Command::Load), Effect::Run(Command::Users)]
    }

    fn name(&self, side: Side) -> String {
        self.links.as_ref().map_or_else(|| side.to_string(), |l| l.of(side).name.clone())
    }

    /// Whether a side is out of reach, as the link says or the last answer said.
    fn is_lost(&self, side: Side) -> bool {
        let down = self.links.as_ref().is_some_and(|l| matches!(l.of(side).status, LinkStatus::Down { .. }));
        down || self.faults[side as usize].is_some()
    }

    /// The migrations of a side that would run.
    fn pending(&self, side: Side) -> Vec<&str> {
        let runs = |state| matches!(state, State::Pending | State::Redefined);
        let all = self.sides[side as usize].iter().flat_map(|t| &t.migrations);
        all.filter(|m| runs(m.state)).map(|m| m.name.as_str()).collect()
    }

    fn selected(&self) -> usize {
        self.at[self.section as usize].min(view::len(self).saturating_sub(1))
    }

    /// Shows a view. The mapping is read anew for its own, for it changes with the queue.
    fn show(&mut self, section: Section) -> Step<Self> {
        let news = section == Section::Users && self.section != section;
        self.section = section;
        if news { vec![Effect::Run(Command::Users)] } else { Vec::new() }
    }

    fn turn(&mut self, by: usize) -> Step<Self> {
        let (section, _) = SECTIONS[(self.section as usize + by) % SECTIONS.len()];
        self.show(section)
    }

    fn step(&mut self, step: Move) -> Step<Self> {
        match step {
            Move::Left => return self.turn(SECTIONS.len() - 1),
            Move::Right => return self.turn(1),
            step => self.at[self.section as usize] = step.within(self.selected(), view::len(self), PAGE),
        }
        Vec::new()
    }

    fn links_changed(&mut self, links: Arc<Links>) -> Step<Self> {
        if self.links.as_ref().is_some_and(|old| links.is_other_replica(old)) {
            *self = Self { shown: self.shown, section: self.section, ..Self::default() };
        }
        let moved = self.links.as_ref().is_none_or(|old| old.up() != links.up());
        self.links = Some(links);
        if moved && self.shown { self.load() } else { Vec::new() }
    }
}

impl Pane for Schema {
    type Action = Action;
    type Command = Command;
    type Message = Message;
    type View = View;

    const NAME: &'static str = "schema";
    const TITLE: &'static str = "Schema";

    fn actions() -> &'static [ActionSpec<Action>] {
        actions::ACTIONS
    }

    fn update(&mut self, input: Input<Action, Message>, _now: Now) -> Step<Self> {
        match input {
            Input::Action(action) => self.act(action),
            Input::Message(message) => self.told(message),
            Input::Move(step) => self.step(step),
            Input::Open => self.open(),
            Input::Back => {
                self.typing = None;
                Vec::new()
            }
            Input::Key(chord) => self.key(chord),
            Input::Paste(text) => {
                if let Some((_, line)) = &mut self.typing {
                    line.insert(&text);
                }
                Vec::new()
            }
            Input::Click { zone, index, double } => self.click(zone, index, double),
            Input::Scroll { lines, .. } => self.step(if lines < 0 { Move::Up } else { Move::Down }),
            Input::Shown => {
                self.shown = true;
                self.load()
            }
            Input::Hidden => {
                self.shown = false;
                Vec::new()
            }
            Input::LinksChanged(links) => self.links_changed(links),
            _ => Vec::new(),
        }
    }

    fn draw(&self, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
        view::draw(self, scene, area, view);
    }

    fn policy(command: &Command) -> Policy {
        match command {
            Command::Load => Policy::Read("schema"),
            Command::Users => Policy::Read("users"),
            Command::Migrate(..) | Command::Map(..) | Command::Unmap(_) => Policy::Write,
        }
    }

    async fn perform(command: Command, services: Arc<Services>, _job: Job<Message>) -> Message {
        Box::pin(work::perform(command, &services)).await
    }

    fn label(command: &Command) -> String {
        match command {
            Command::Load => "reading both catalogs".to_owned(),
            Command::Users => "reading the mapping of users".to_owned(),
            Command::Migrate(side, crate::schema::Mode::Apply) => format!("migrating the {side}"),
            Command::Migrate(side, crate::schema::Mode::DryRun) => format!("trying the migrations on the {side}"),
            Command::Map(..) | Command::Unmap(_) => "changing the mapping".to_owned(),
        }
    }

    fn badge(&self) -> Option<String> {
        let pending: usize = SIDES.into_iter().map(|side| self.pending(side).len()).sum();
        (pending > 0).then(|| pending.to_string())
    }

    fn answer(&self, _now: Now) -> Answer {
        self.sentence()
    }

    fn text_focus(&self) -> bool {
        self.typing.is_some()
    }

    fn footer(&self) -> Vec<Action> {
        match self.section {
            Section::Migrations => vec![Action::DryRun, Action::Apply, Action::Next, Action::Refresh],
            Section::Gaps => vec![Action::Copy, Action::DryRun, Action::Apply, Action::Next],
            Section::Differences => vec![Action::Copy, Action::CopyAll, Action::Whole, Action::Next],
            Section::Users => vec![Action::Map, Action::Unmap, Action::Next, Action::Refresh],
            Section::Score | Section::Inventory | Section::Comparison => {
                vec![Action::Next, Action::Previous, Action::Refresh]
            }
        }
    }
}

impl Schema {
    /// The pane's answer: what the databases are and score, and what there is to do.
    fn sentence(&self) -> Answer {
        if self.judged.names.is_empty() {
            return match &self.faults {
                [Some(fault), Some(_)] => Answer::new(Role::Bad, format!("Neither side answers: {fault}")),
                _ => Answer::new(Role::Muted, "Reading both catalogs."),
            };
        }
        let is = ["is ", ""];
        let score = |(n, name): (usize, &String)| {
            let family = self.judged.inventories[n].recognition.family.name();
            format!("{name} {}{family} {}", is[n.min(1)], self.judged.scores[n].total)
        };
        let mut parts = vec![self.judged.names.iter().enumerate().map(score).collect::<Vec<_>>().join(", ")];
        let mut role = Role::Ok;
        for side in SIDES.into_iter().filter(|side| self.is_lost(*side)) {
            parts.push(format!("{} is away", self.name(side)));
            role = Role::Warn;
        }
        let pending: usize = SIDES.into_iter().map(|side| self.pending(side).len()).sum();
        if pending > 0 {
            parts.push(format::plural(pending as u64, "migration waits", "migrations wait"));
            role = Role::Warn;
        }
        let open = self.judged.gaps.iter().filter(|g| g.state == GapState::Open).count();
        if open > 0 {
            parts.push(format!("{} open", format::plural(open as u64, "gap", "gaps")));
            role = Role::Warn;
        }
        Answer::new(role, format!("{}.", parts.join("; ")))
    }
}

#[cfg(test)]
mod tests;
