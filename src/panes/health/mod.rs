//! The Health pane: is sync healthy, and where to look if it is not.
//!
//! State and its changes; what is drawn is in `view`, what is asked of the databases in `work`.

mod actions;
mod columns;
mod history;
mod parts;
mod view;
mod work;

use crate::health::{Known, Report, Standing};
use crate::postgres::{LinkStatus, Side};
use crate::ui::header::Facts;
use crate::ui::pane::Ask;
use crate::ui::{
    ActionSpec, Answer, Effect, Input, Job, Level, Links, Move, Now, Pane, Policy, Role, Route, Scene, Services, Step,
};
use history::History;
use ratatui::layout::Rect;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use actions::Action;
pub use view::View;
pub use work::{Command, EngineHere, Message};

/// Between two refreshes while the pane is on the screen, and while it is not.
const SHOWN: Duration = Duration::from_secs(2);
const HIDDEN: Duration = Duration::from_secs(15);
/// A refresh may take this share of the time, no more: a slow server is asked less often.
const SHARE: u32 = 20;
/// How long what changed stays marked.
const MARKED: Duration = Duration::from_secs(2);
const MOOD: Duration = Duration::from_secs(30);

/// The pane's state.
#[derive(Default)]
pub struct Health {
    links: Option<Arc<Links>>,
    known: Known,
    report: Option<Report>,
    read_at: Option<Duration>,
    lost_since: [Option<SystemTime>; 2],
    shown: bool,
    loading: bool,
    syncing: bool,
    selected: usize,
    changed: Vec<Changed>,
    history: History,
    engine: Option<EngineHere>,
}

/// A cell that changed, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Changed {
    table: String,
    column: usize,
    at: Duration,
}

/// What the cursor can stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Table(usize),
    Deduction(usize),
}

impl Health {
    fn tables(&self) -> usize {
        self.report.as_ref().map_or(0, |r| r.tables.len())
    }

    fn items(&self) -> usize {
        self.tables() + self.report.as_ref().map_or(0, |r| r.deductions.len())
    }

    fn item(&self) -> Option<Item> {
        let tables = self.tables();
        match self.selected {
            i if i < tables => Some(Item::Table(i)),
            i if i < self.items() => Some(Item::Deduction(i - tables)),
            _ => None,
        }
    }

    fn load(&mut self) -> Effect<Command> {
        self.loading = true;
        Effect::Run(Command::Load(self.known.clone()))
    }

    /// Whether a side is out of reach, as the link says or the last answer said.
    fn is_lost(&self, side: Side) -> bool {
        let link_down = self.links.as_ref().is_some_and(|l| matches!(l.of(side).status, LinkStatus::Down { .. }));
        link_down || self.lost_since[side as usize].is_some()
    }

    /// What the cursor stands on, opened.
    fn open(&self) -> Step<Self> {
        let (Some(report), Some(item)) = (&self.report, self.item()) else { return Vec::new() };
        match item {
            Item::Table(i) => {
                let table = &report.tables[i];
                let filter = format!("table:{} state:pending,failed,blocked", table.name);
                vec![Effect::Go(Route::to("queue").filtered(filter))]
            }
            Item::Deduction(i) => {
                let deduction = &report.deductions[i];
                match (&deduction.queue_filter, &deduction.remedy) {
                    (Some(filter), _) => vec![Effect::Go(Route::to("queue").filtered(filter.clone()))],
                    (None, Some(remedy)) => vec![Effect::toast(Level::Info, format!("What to do: {remedy}"))],
                    (None, None) => vec![Effect::toast(Level::Info, deduction.sentence.clone())],
                }
            }
        }
    }

    fn act(&mut self, action: Action) -> Step<Self> {
        match action {
            Action::Refresh => vec![self.load()],
            Action::ShowFailed => vec![Effect::Go(Route::to("queue").filtered("state:failed"))],
            Action::SyncNow if self.syncing => vec![Effect::toast(Level::Info, "A cycle is under way")],
            Action::SyncNow => {
                self.syncing = true;
                vec![Effect::Run(Command::Sync)]
            }
            Action::Pause => self.pause(),
        }
    }

    fn pause(&self) -> Step<Self> {
        match &self.engine {
            Some(engine) if engine.paused => vec![Effect::Run(Command::Resume)],
            Some(_) => vec![Effect::Ask(Ask {
                question: "Pause the engine of this console?".to_owned(),
                details: vec![
                    "Nothing is pushed or pulled until it is resumed with p, or the console ends.".to_owned(),
                    "What is written meanwhile stays in the queue and the changelog.".to_owned(),
                ],
                confirm: "Pause".to_owned(),
                danger: false,
                type_the_name: None,
                then: Command::Pause,
            })],
            None => {
                let holder = self.report.as_ref().and_then(|r| r.engine.holder.clone());
                let words = holder.map_or_else(
                    || "No engine runs here that could be paused".to_owned(),
                    |holder| format!("The engine runs elsewhere ({holder}): pause it there"),
                );
                vec![Effect::toast(Level::Info, words)]
            }
        }
    }

    fn told(&mut self, message: Message, now: Now) -> Step<Self> {
        match message {
            Message::Loaded(loaded) => {
                self.loading = false;
                self.known = loaded.known;
                self.engine = loaded.engine;
                let wait = (loaded.took * SHARE).max(if self.shown { SHOWN } else { HIDDEN });
                self.take(loaded.report, now);
                let mut effects = vec![Effect::Timer { id: "refresh", after: wait }, Effect::Publish(self.facts(now))];
                if !self.changed.is_empty() {
                    effects.push(Effect::Timer { id: "unmark", after: MARKED });
                }
                effects
            }
            Message::Mood(mood) => {
                let facts = Facts { mood: mood.map(|m| m.name().to_owned()), ..Facts::default() };
                vec![Effect::Publish(facts), Effect::Timer { id: "mood", after: MOOD }]
            }
            Message::Said { level, text } => {
                self.syncing = false;
                vec![Effect::toast(level, text), self.load()]
            }
        }
    }

    /// Takes a report: what a lost side said last is kept, what changed is marked, the cursor stays on its row.
    fn take(&mut self, mut report: Report, now: Now) {
        let kept = self.selection_name();
        for (i, side) in [&report.master].into_iter().chain(&report.replicas).take(2).enumerate() {
            self.lost_since[i] = if side.reachable { None } else { self.lost_since[i].or(Some(now.wall)) };
        }
        if let Some(old) = &self.report {
            parts::carry(old, &mut report);
            self.changed.retain(|c| now.uptime.saturating_sub(c.at) < MARKED);
            for (table, column) in columns::differences(&old.tables, &report.tables) {
                self.changed.retain(|c| !(c.table == table && c.column == column));
                self.changed.push(Changed { table, column, at: now.uptime });
            }
        }
        self.history.note(&report);
        self.report = Some(report);
        self.read_at = Some(now.uptime);
        if let Some(at) = kept.and_then(|name| self.find(&name)) {
            self.selected = at;
        }
        self.selected = self.selected.min(self.items().saturating_sub(1));
    }

    /// The name of what is selected, which outlives a refresh.
    fn selection_name(&self) -> Option<String> {
        let report = self.report.as_ref()?;
        Some(match self.item()? {
            Item::Table(i) => report.tables[i].name.clone(),
            Item::Deduction(i) => deduction_name(&report.deductions[i]),
        })
    }

    fn find(&self, name: &str) -> Option<usize> {
        let report = self.report.as_ref()?;
        let tables = report.tables.iter().map(|t| t.name.clone());
        tables.chain(report.deductions.iter().map(deduction_name)).position(|n| n == name)
    }

    fn facts(&self, now: Now) -> Facts {
        let Some(report) = &self.report else { return Facts::default() };
        let count = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok());
        let next = report.engine.next_cycle_s.filter(|s| s.is_finite()).map(Duration::from_secs_f64);
        Facts {
            pending: count(report.queue.pending),
            failed: report.queue.failed.and(count(Some(report.queue.stuck()))),
            engine: Some(parts::engine_words(&report.engine, self.engine.as_ref())),
            next_cycle: next.and_then(|s| now.wall.checked_add(s)),
            mood: None,
        }
    }

    fn links_changed(&mut self, links: Arc<Links>) -> Step<Self> {
        let other_replica = self.links.as_ref().is_some_and(|old| links.is_other_replica(old));
        if other_replica {
            let shown = self.shown;
            *self = Self { shown, ..Self::default() };
        }
        // What was asked for while a link was being made has waited for it.
        let waited = |old: &Links, side| self.loading && matches!(old.of(side).status, LinkStatus::Connecting);
        let was_up = |side| self.links.as_ref().is_some_and(|old| old.of(side).is_up() || waited(old, side));
        let came_up = [Side::Master, Side::Replica].into_iter().any(|side| links.of(side).is_up() && !was_up(side));
        let went = [Side::Master, Side::Replica]
            .into_iter()
            .any(|side| !links.of(side).is_up() && self.links.as_ref().is_some_and(|old| old.of(side).is_up()));
        let first = self.links.is_none();
        self.links = Some(links);
        let mut effects = Vec::new();
        if came_up || went || first || other_replica {
            effects.push(self.load());
        }
        if first || other_replica || came_up {
            effects.push(Effect::Run(Command::Mood));
        }
        effects
    }

    fn step(&mut self, step: Move) {
        let last = self.items().saturating_sub(1);
        self.selected = match step {
            Move::Up => self.selected.saturating_sub(1),
            Move::Down => (self.selected + 1).min(last),
            Move::PageUp | Move::First => 0,
            Move::PageDown | Move::Last => last,
            Move::Left | Move::Right => self.selected,
        };
    }
}

/// What a deduction is about, without its numbers: it is the same one when they change.
fn deduction_name(deduction: &crate::health::Deduction) -> String {
    let words: String = deduction.sentence.chars().filter(|c| !c.is_ascii_digit()).collect();
    format!("{words}{}", deduction.queue_filter.as_deref().unwrap_or_default())
}

impl Pane for Health {
    type Action = Action;
    type Command = Command;
    type Message = Message;
    type View = View;

    const NAME: &'static str = "health";
    const TITLE: &'static str = "Health";

    fn actions() -> &'static [ActionSpec<Action>] {
        actions::ACTIONS
    }

    fn update(&mut self, input: Input<Action, Message>, now: Now) -> Step<Self> {
        match input {
            Input::Action(action) => self.act(action),
            Input::Message(message) => self.told(message, now),
            Input::Move(step) => {
                self.step(step);
                Vec::new()
            }
            Input::Open => self.open(),
            Input::Click { zone: view::TABLES, index, double } => self.click(index, double),
            Input::Click { zone: view::DEDUCTIONS, index, double } => self.click(self.tables() + index, double),
            Input::Scroll { lines, .. } => {
                self.step(if lines < 0 { Move::Up } else { Move::Down });
                Vec::new()
            }
            Input::Timer("refresh") if !self.loading => vec![self.load()],
            Input::Timer("mood") => vec![Effect::Run(Command::Mood)],
            Input::Timer("unmark") => {
                self.changed.retain(|c| now.uptime.saturating_sub(c.at) < MARKED);
                Vec::new()
            }
            Input::Shown => {
                self.shown = true;
                let fresh = self.read_at.is_some_and(|at| now.uptime.saturating_sub(at) < SHOWN);
                if fresh { vec![Effect::Timer { id: "refresh", after: SHOWN }] } else { vec![self.load()] }
            }
            Input::Hidden => {
                self.shown = false;
                vec![Effect::Timer { id: "refresh", after: HIDDEN }]
            }
            Input::LinksChanged(links) => self.links_changed(links),
            Input::EngineChanged(status) => self.engine_changed(EngineHere::from(&*status)),
            _ => Vec::new(),
        }
    }

    fn draw(&self, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
        view::draw(self, scene, area, view);
    }

    fn policy(command: &Command) -> Policy {
        match command {
            Command::Load(_) => Policy::Read("health"),
            Command::Mood => Policy::Read("mood"),
            Command::Sync | Command::Pause | Command::Resume => Policy::Write,
        }
    }

    async fn perform(command: Command, services: Arc<Services>, _job: Job<Message>) -> Message {
        work::perform(command, &services).await
    }

    fn label(command: &Command) -> String {
        match command {
            Command::Load(_) => "reading both sides",
            Command::Mood => "reading the mood",
            Command::Sync => "a cycle runs",
            Command::Pause | Command::Resume => "telling the engine",
        }
        .to_owned()
    }

    fn answer(&self, now: Now) -> Answer {
        let Some(report) = &self.report else {
            return Answer::new(Role::Muted, "Waiting for both sides.");
        };
        let role = match report.standing {
            Standing::Healthy => Role::Ok,
            Standing::Degraded => Role::Warn,
            Standing::Unhealthy | Standing::Unreachable => Role::Bad,
            Standing::Unknown => Role::Muted,
        };
        let age = self.read_at.map_or(Duration::ZERO, |at| now.uptime.saturating_sub(at));
        let stale = if age > SHOWN * 5 && self.shown {
            format!(" (as of {} ago)", crate::ui::format::age(age))
        } else {
            String::new()
        };
        Answer::new(role, format!("{}{stale}", report.sentence))
    }

    fn footer(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.report.as_ref().is_some_and(|r| r.queue.stuck() > 0) {
            actions.push(Action::ShowFailed);
        }
        actions.push(Action::SyncNow);
        if self.engine.is_some() {
            actions.push(Action::Pause);
        }
        actions.push(Action::Refresh);
        actions
    }
}

impl Health {
    /// After a cycle the numbers are read at once; what is only a new state of the engine is shown as it is.
    fn engine_changed(&mut self, engine: EngineHere) -> Step<Self> {
        let cycled = self.engine.as_ref().is_some_and(|old| old.cycles != engine.cycles);
        self.engine = Some(engine);
        if cycled && self.shown && !self.loading { vec![self.load()] } else { Vec::new() }
    }

    fn click(&mut self, index: usize, double: bool) -> Step<Self> {
        self.selected = index.min(self.items().saturating_sub(1));
        if double { self.open() } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests;
