//! The Personality pane: how Robbie is, on both sides, and setting it by hand.
//!
//! State and its changes; what is drawn is in `view`, what is asked of the databases in `work`.

mod actions;
mod answers;
mod draft;
mod keys;
mod view;
mod work;
mod writing;

use crate::personality::history::Transition;
use crate::personality::presets::Preset;
use crate::personality::{Clash, Edit, Field, Person, Sheet};
use crate::postgres::{LinkStatus, Side};
use crate::ui::field::Field as Line;
use crate::ui::{
    ActionSpec, Answer, Effect, Input, Job, Links, Move, Now, Pane, Policy, Role, Scene, Services, Step, format,
};
use chrono::{DateTime, Utc};
use draft::Draft;
use ratatui::layout::Rect;
use std::sync::Arc;
use std::time::Duration;

pub use actions::Action;
pub use view::View;
pub use work::{Command, Message};

/// Between two refreshes while the pane is on the screen.
const REFRESH: Duration = Duration::from_secs(5);

/// The pane's state.
#[derive(Default)]
pub struct Personality {
    links: Option<Arc<Links>>,
    /// What each side said last, and the fault where it does not answer now.
    sides: [Option<Sheet>; 2],
    faults: [Option<String>; 2],
    read_at: Option<Duration>,
    people: Vec<Person>,
    draft: Draft,
    row: usize,
    level: Level,
    shown: bool,
    loading: bool,
    saving: bool,
    typing: Option<(Typing, Line)>,
    history: Option<Result<Vec<Transition>, String>>,
    /// Whether the history is the master's.
    history_of_master: bool,
    span: usize,
    everybody: bool,
    chosen: usize,
    presets: Option<Result<Vec<Preset>, String>>,
    preset: usize,
    /// The text that is written: the context, or a preset.
    writing: Option<Box<writing::Writing>>,
    /// The time of the last input: nothing here asks a clock.
    clock: DateTime<Utc>,
}

/// What is open.
#[derive(Clone, Debug, Default, PartialEq)]
enum Level {
    /// The state.
    #[default]
    State,
    /// The history.
    History,
    /// The presets.
    Presets,
    /// What others changed meanwhile: decided column by column; `true` is mine.
    Clashes { edit: Box<Edit>, side: String, clashes: Vec<Clash>, mine: Vec<bool>, at: usize },
}

/// What is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typing {
    /// A field's value.
    Value(Field),
    /// Why it is saved.
    Reason,
    /// A preset's name.
    Preset,
}

/// The spans of the history.
const SPANS: [(&str, Option<Duration>); 5] = [
    ("30 days", Some(Duration::from_hours(24 * 30))),
    ("7 days", Some(Duration::from_hours(24 * 7))),
    ("a day", Some(Duration::from_hours(24))),
    ("a year", Some(Duration::from_hours(24 * 365))),
    ("all time", None),
];

impl Personality {
    fn person(&self) -> Option<&Person> {
        self.people.iter().find(|p| p.user == self.draft.user)
    }

    /// The fields that either side has.
    fn fields(&self) -> Vec<Field> {
        let has = |f: &Field| self.sides.iter().flatten().any(|s| s.shape.has(*f));
        Field::ALL.into_iter().filter(has).collect()
    }

    fn field(&self) -> Option<Field> {
        self.fields().get(self.row).copied()
    }

    fn reached(&self) -> [bool; 2] {
        [0, 1].map(|i| self.sides[i].is_some() && self.faults[i].is_none())
    }

    /// Whether a side is out of reach, as the link says or the last answer said.
    fn is_lost(&self, side: Side) -> bool {
        let down = self.links.as_ref().is_some_and(|l| matches!(l.of(side).status, LinkStatus::Down { .. }));
        down || self.faults[side as usize].is_some()
    }

    fn name(&self, side: Side) -> String {
        self.links.as_ref().map_or_else(|| side.to_string(), |l| l.of(side).name.clone())
    }

    fn load(&mut self) -> Effect<Command> {
        self.loading = true;
        Effect::Run(Command::Load)
    }

    fn ask_history(&self) -> Effect<Command> {
        let user = (!self.everybody).then(|| self.draft.user.clone());
        Effect::Run(Command::History(work::wanted(user, SPANS[self.span].1)))
    }

    fn everything(&mut self) -> Step<Self> {
        let mut effects = vec![self.load()];
        if !self.draft.user.is_empty() {
            effects.push(self.ask_history());
        }
        effects.push(Effect::Run(Command::Presets));
        effects
    }

    fn links_changed(&mut self, links: Arc<Links>) -> Step<Self> {
        if self.links.as_ref().is_some_and(|old| links.is_other_replica(old)) {
            *self = Self { shown: self.shown, ..Self::default() };
        }
        let moved = self.links.as_ref().is_none_or(|old| old.up() != links.up());
        self.links = Some(links);
        if moved && self.shown { self.everything() } else { Vec::new() }
    }

    /// The name that must be typed before a protected master is written to.
    fn protected(&self) -> Option<String> {
        self.links.as_ref().and_then(|l| l.name_wanted(Side::Master))
    }
}

impl Pane for Personality {
    type Action = Action;
    type Command = Command;
    type Message = Message;
    type View = View;

    const NAME: &'static str = "personality";
    const TITLE: &'static str = "Personality";

    fn actions() -> &'static [ActionSpec<Action>] {
        actions::ACTIONS
    }

    fn update(&mut self, input: Input<Action, Message>, now: Now) -> Step<Self> {
        self.clock = now.wall.into();
        if let Some(step) = self.writing_step(&input) {
            return step;
        }
        match input {
            Input::Action(action) => self.act(action),
            Input::Message(message) => self.told(message, now),
            Input::Move(step) => self.step(step),
            Input::Open => self.open(),
            Input::Back => {
                self.level = Level::State;
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
            Input::Timer("personality") if self.shown && !self.loading => vec![self.load()],
            Input::Shown => {
                self.shown = true;
                let mut effects = self.everything();
                effects.push(Effect::Timer { id: "personality", after: REFRESH });
                effects
            }
            Input::Hidden => {
                self.shown = false;
                vec![Effect::StopTimer("personality")]
            }
            Input::LinksChanged(links) => self.links_changed(links),
            _ => Vec::new(),
        }
    }

    fn draw(&self, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
        view::draw(self, scene, area, view);
        if let Some(writing) = &self.writing {
            writing::draw(writing, scene, area, &mut view.editor);
        }
    }

    fn policy(command: &Command) -> Policy {
        match command {
            Command::Load => Policy::Read("personality"),
            Command::History(_) => Policy::Read("moods"),
            Command::Presets => Policy::Read("presets"),
            Command::Plan(_) => Policy::Read("plan"),
            Command::Save(_) | Command::SavePreset(_) | Command::DeletePreset(..) => Policy::Write,
        }
    }

    async fn perform(command: Command, services: Arc<Services>, _job: Job<Message>) -> Message {
        Box::pin(work::perform(command, &services)).await
    }

    fn label(command: &Command) -> String {
        match command {
            Command::Load => "reading both sides",
            Command::History(_) => "reading the history",
            Command::Presets => "reading the presets",
            Command::Plan(_) => "looking what that changes",
            Command::Save(_) => "saving",
            Command::SavePreset(_) | Command::DeletePreset(..) => "writing the preset",
        }
        .to_owned()
    }

    fn badge(&self) -> Option<String> {
        (!self.draft.set.is_empty()).then(|| format!("•{}", self.draft.set.len()))
    }

    fn answer(&self, _now: Now) -> Answer {
        self.sentence()
    }

    fn breadcrumb(&self) -> Vec<String> {
        let user = self.draft.user.clone();
        match &self.level {
            Level::State => Vec::new(),
            Level::History if self.everybody => vec!["history".to_owned()],
            Level::History => vec![format!("history of {user}")],
            Level::Presets => vec!["presets".to_owned()],
            Level::Clashes { .. } => vec![format!("others were first at {user}")],
        }
    }

    fn text_focus(&self) -> bool {
        self.typing.is_some() || self.writing.is_some()
    }

    fn field_keys(&self) -> Vec<(&'static str, &'static str)> {
        if self.writing.is_some() { writing::KEYS.to_vec() } else { vec![("Enter", "done"), ("Esc", "back")] }
    }

    fn footer(&self) -> Vec<Action> {
        match &self.level {
            _ if self.writing.is_some() => Vec::new(),
            Level::State if self.draft.set.is_empty() => {
                vec![Action::History, Action::Presets, Action::NextUser, Action::Refresh]
            }
            Level::State => vec![Action::Save, Action::Forget, Action::History, Action::Presets],
            Level::History => vec![Action::Whose, Action::Span, Action::NextUser, Action::Refresh],
            Level::Presets => vec![Action::NewPreset, Action::EditPreset, Action::DeletePreset, Action::Refresh],
            Level::Clashes { .. } => vec![Action::Mine, Action::Theirs, Action::Save],
        }
    }
}

impl Personality {
    /// The pane's answer: how Robbie is for this user, what is not saved, and what is not in step.
    fn sentence(&self) -> Answer {
        let Some(person) = self.person() else {
            return match (&self.faults, self.read_at) {
                ([Some(fault), Some(_)], _) => Answer::new(Role::Bad, format!("Neither side answers: {fault}")),
                (_, None) => Answer::new(Role::Muted, "Waiting for both sides."),
                ([None, None], _) => Answer::new(Role::Muted, "No user has a state yet."),
                _ => Answer::new(Role::Warn, "One side does not answer, and the other has no user's state."),
            };
        };
        let mood = Field::Mood.shown(person.values().get(&Field::Mood).map_or("null", String::as_str));
        let user = &person.user;
        let mut parts = vec![format!("Robbie is {mood} for {user}")];
        let mut role = Role::Ok;
        let differs = person.differs();
        for side in [Side::Master, Side::Replica] {
            if self.is_lost(side) {
                parts.push(match side {
                    Side::Master => "the master is away: what is saved waits in the queue".to_owned(),
                    Side::Replica => "the replica is away".to_owned(),
                });
                role = Role::Warn;
            }
        }
        if !differs.is_empty() {
            let labels: Vec<&str> = differs.iter().map(|f| f.label()).collect();
            parts.push(format!("the sides differ in {}", labels.join(", ")));
            role = Role::Warn;
        }
        if !self.draft.set.is_empty() {
            parts.push(format!("{} not saved", format::plural(self.draft.set.len() as u64, "edit", "edits")));
            role = Role::Warn;
        }
        Answer::new(role, format!("{}.", parts.join("; ")))
    }
}

#[cfg(test)]
mod tests;
