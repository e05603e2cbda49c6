//! The Queue pane: what is stuck and why, entry by entry, and getting it through.
//!
//! It opens on the reasons; Enter goes in, Esc comes back by one level. State is here, what changes it in `steps` (a
//! person) and `answers` (a database), what is drawn in `view` and `inside`, what is asked in `work`.

mod answers;
mod bulk;
mod compare;
mod deeds;
mod editor;
mod empty;
mod fixes;
mod fixing;
mod fold;
mod history;
mod inside;
mod job;
mod json;
mod keys;
mod lines;
mod messages;
mod moves;
mod outcomes;
mod payload;
mod places;
mod prompt;
#[cfg(test)]
mod samples;
mod steps;
#[cfg(test)]
mod tests;
mod typing;
mod view;
mod window;
mod work;

use crate::postgres::Fault;
use crate::queue::filter::FilterError;
use crate::queue::groups::Groups;
use crate::queue::starvation::Worker;
use crate::queue::store::{Pulse, Total};
use crate::queue::{Anchor, Scope, Shape};
use crate::sync::freeze::Frozen;
use crate::ui::field::Field;
use crate::ui::format::{count, plural};
use crate::ui::{ActionSpec, Answer, Effect, Input, Job, KeyNames, Links, Now, Pane, Policy, Scene, Services, Step};
use places::{Inside, Level, Section, Tab, Typing};
use ratatui::layout::{Rect, Size};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;
use window::Window;

pub use keys::Action;
pub use messages::{Command, Message, Purpose, Putting, Then};
pub use view::View;
pub use window::Edge;

/// Between two looks at the queue while the pane is on the screen.
const REFRESH: Duration = Duration::from_secs(3);
/// What is not looked at for so long is drawn as stale.
const STALE: Duration = Duration::from_secs(20);

/// The pane's state.
#[derive(Default)]
pub struct Queue {
    links: Option<Arc<Links>>,
    /// What the keys are called.
    keys: Option<Arc<KeyNames>>,
    size: Size,
    shown: bool,
    /// Whether a person did anything yet: until then the groups may come to the front.
    touched: bool,
    level: Level,
    shape: Option<Shape>,
    /// Why the queue cannot be read.
    fault: Option<Fault>,
    loading: bool,
    /// The question whose answer is awaited; an answer to another is late and dropped.
    question: u64,
    pulse: Option<Pulse>,
    read_at: Option<Duration>,

    groups: Option<Groups>,
    /// Whether the reasons are being read.
    grouping: bool,
    groups_cost: Duration,
    groups_at: Duration,
    reason: usize,

    tab: Tab,
    scope: Scope,
    window: Window,
    growing: bool,
    /// The row under the cursor when rows were asked for again.
    refreshing: Option<Uuid>,
    rows: u16,
    total: Option<Total>,
    matching: Option<i64>,
    count_cost: Duration,
    counted_at: Duration,
    /// How old the oldest entry was, and when that was read.
    oldest: Option<(i64, Duration)>,
    marks: BTreeSet<Uuid>,
    last_mark: Option<Uuid>,

    filter: Field,
    jump: Field,
    typing: Option<Typing>,
    /// The filter that was in force when typing began.
    before_typing: String,
    filter_error: Option<FilterError>,

    inside: Inside,
    /// Something is being replayed, discarded or restored.
    busy: bool,
    /// The entry that is edited.
    editing: Option<Box<editor::Editing>>,
    /// A replay of many is under way.
    replaying: bool,
    /// The entries of the replay of many that was started here.
    started: Vec<Uuid>,
    /// The entries of the question that is about to be asked.
    frozen: Option<Box<Frozen>>,
    /// What was done here, to be taken back.
    deeds: deeds::Deeds,
    /// What a person is asked to type.
    prompt: prompt::Prompt,
    /// The entries that one came from, by way of a chain or a parent.
    trail: Vec<Inside>,
    /// The level that the first of them was opened from.
    under: Level,
    /// How the deployed worker fares.
    worker: Option<Worker>,
}

impl Queue {
    /// Reads the list from the start (or another end), as a new question.
    fn ask(&mut self, anchor: Anchor) -> Effect<Command> {
        self.question += 1;
        self.loading = true;
        self.growing = false;
        let (question, scope) = (self.question, Box::new(self.scope.clone()));
        Effect::Run(match &self.shape {
            Some(shape) => Command::Page { question, shape: shape.clone(), scope, anchor, edge: None },
            None => Command::Open { question, scope, anchor },
        })
    }

    /// The list changed: reads it from its beginning and counts it.
    fn relist(&mut self) -> Step<Self> {
        self.matching = None;
        self.scope.states = self.tab.states();
        let mut effects = vec![self.ask(Anchor::First)];
        effects.extend(self.recount());
        effects
    }

    fn recount(&self) -> Option<Effect<Command>> {
        let shape = self.shape.clone()?;
        Some(Effect::Run(Command::Count { question: self.question, shape, scope: Box::new(self.scope.clone()) }))
    }

    /// The next page, if the cursor is near an edge.
    fn prefetch(&mut self) -> Step<Self> {
        let (Some(shape), Some((edge, anchor)), false) = (&self.shape, self.window.wants(), self.growing) else {
            return Vec::new();
        };
        self.growing = true;
        let (shape, scope) = (shape.clone(), Box::new(self.scope.clone()));
        vec![Effect::Run(Command::Page { question: self.question, shape, scope, anchor, edge: Some(edge) })]
    }

    /// What is behind the screen is read when somebody moves: many open the pane for its reasons. A very tall screen is filled at once.
    fn fill(&mut self) -> Step<Self> {
        if self.touched || self.size.height >= window::FIRST { self.prefetch() } else { Vec::new() }
    }

    /// The choices of states that there are here.
    fn tabs(&self) -> &'static [Tab] {
        let archive = self.shape.as_ref().is_some_and(|shape| shape.archive);
        &Tab::ALL[..Tab::ALL.len() - usize::from(!archive)]
    }

    /// Whether list and entry stand side by side.
    fn is_wide(&self) -> bool {
        self.size.width >= 130
    }

    /// The key of an action, as texts name it.
    fn key_of(&self, action: Action) -> String {
        let spec = keys::ACTIONS.iter().find(|spec| spec.action == action);
        let (name, default) = spec.map_or(("", ""), |spec| (spec.name, spec.keys.first().copied().unwrap_or_default()));
        self.keys.as_ref().map_or_else(|| default.to_owned(), |keys| keys.of(name))
    }

    /// The key that shows the jobs.
    fn key_of_jobs(&self) -> String {
        self.keys.as_ref().map_or_else(|| "J".to_owned(), |keys| keys.of("jobs"))
    }

    fn replica_is_up(&self) -> bool {
        self.links.as_ref().is_some_and(|links| links.replica.is_up())
    }

    fn replica_is_down(&self) -> bool {
        self.links.as_ref().is_some_and(|links| steps::is_down(&links.replica))
    }

    /// Whether what is shown was not confirmed lately.
    fn is_stale(&self, now: Now) -> bool {
        let old = self.read_at.is_some_and(|at| now.uptime.saturating_sub(at) > STALE);
        self.read_at.is_some() && (old || self.links.is_some() && !self.replica_is_up())
    }

    /// How old an entry is now.
    fn age_of(at: Duration, age_s: Option<i64>, now: Now) -> Option<Duration> {
        let seconds = u64::try_from(age_s?).unwrap_or(0);
        Some(Duration::from_secs(seconds) + now.uptime.saturating_sub(at))
    }

    /// The entries an action is meant for: the marked ones, else the selected one.
    fn targets(&self) -> Vec<Uuid> {
        match self.level {
            Level::Groups => Vec::new(),
            Level::Entry => self.inside.id.into_iter().collect(),
            Level::List if !self.marks.is_empty() => self.marks.iter().copied().collect(),
            Level::List => self.window.selected().map(|entry| entry.id).into_iter().collect(),
        }
    }
}

impl Pane for Queue {
    type Action = Action;
    type Command = Command;
    type Message = Message;
    type View = View;

    const NAME: &'static str = "queue";
    const TITLE: &'static str = "Queue";

    fn actions() -> &'static [ActionSpec<Action>] {
        keys::ACTIONS
    }

    fn update(&mut self, input: Input<Action, Message>, now: Now) -> Step<Self> {
        match input {
            Input::Message(message) => self.told(message, now),
            input => self.step(input, now),
        }
    }

    fn draw(&self, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
        view::draw(self, scene, area, view);
        if let Some(editing) = &self.editing {
            editor::view::draw(editing, scene, area, &mut view.editor);
        }
    }

    fn policy(command: &Command) -> Policy {
        match command {
            Command::Open { .. } | Command::Page { .. } => Policy::Read("queue-page"),
            Command::Refresh { .. } => Policy::Read("queue-refresh"),
            Command::Groups { .. } => Policy::Read("queue-groups"),
            Command::Count { .. } => Policy::Read("queue-count"),
            Command::Detail { .. } => Policy::Read("queue-entry"),
            Command::Copy { .. } => Policy::Read("queue-copy"),
            Command::Rest { .. } => Policy::Read("queue-payload"),
            Command::Dry { .. } => Policy::Read("queue-dry-run"),
            Command::Ids { .. } => Policy::Read("queue-ids"),
            Command::Put { put: Putting::Look, .. } => Policy::Read("queue-discard"),
            Command::Edit(editor::Ask::Open(_)) => Policy::Read("queue-edit"),
            Command::Edit(editor::Ask::Check { .. }) => Policy::Read("queue-edit-check"),
            Command::Edit(editor::Ask::Try { .. }) => Policy::Read("queue-edit-try"),
            Command::Undo { dry: true, .. } => Policy::Read("queue-undo"),
            Command::Plan { .. } | Command::FindUser { .. } | Command::Parent { .. } => Policy::Read("queue-fix"),
            Command::Edit(editor::Ask::Save { .. })
            | Command::Replay { .. }
            | Command::Start { .. }
            | Command::Put { .. }
            | Command::Undo { .. }
            | Command::Mend { .. } => Policy::Write,
        }
    }

    async fn perform(command: Command, services: Arc<Services>, job: Job<Message>) -> Message {
        work::perform(command, &services, job).await
    }

    fn label(command: &Command) -> String {
        match command {
            Command::Open { .. } | Command::Page { .. } | Command::Refresh { .. } => "reading entries".to_owned(),
            Command::Groups { .. } => "grouping failures".to_owned(),
            Command::Count { .. } => "counting entries".to_owned(),
            Command::Detail { .. } | Command::Copy { .. } | Command::Rest { .. } => "reading the entry".to_owned(),
            Command::Dry { ids, .. } => format!("dry run of {}", plural(ids.len() as u64, "entry", "entries")),
            Command::Edit(editor::Ask::Save { .. }) => "saving the edit".to_owned(),
            Command::Edit(_) => "checking the edit".to_owned(),
            Command::Ids { .. } => "finding the entries".to_owned(),
            Command::Undo { ids, redo, .. } => {
                let doing = if *redo { "redoing" } else { "undoing" };
                format!("{doing} {}", plural(ids.len() as u64, "entry", "entries"))
            }
            Command::Plan { .. } => "looking for the remedy".to_owned(),
            Command::FindUser { .. } => "looking for the user".to_owned(),
            Command::Parent { .. } => "looking for the parent".to_owned(),
            Command::Mend { .. } => "doing the remedy".to_owned(),
            Command::Put { ids, put, .. } => {
                format!("{} {}", put.doing(), plural(ids.len() as u64, "entry", "entries"))
            }
            Command::Start { frozen, .. } => {
                format!("starting a replay of {}", plural(frozen.entries.len() as u64, "entry", "entries"))
            }
            Command::Replay { ids, .. } => format!("replaying {}", plural(ids.len() as u64, "entry", "entries")),
        }
    }

    fn badge(&self) -> Option<String> {
        let stuck = self.groups.as_ref()?.entries;
        (stuck > 0).then(|| count(stuck.unsigned_abs()))
    }

    fn answer(&self, now: Now) -> Answer {
        view::answer(self, now)
    }

    fn breadcrumb(&self) -> Vec<String> {
        let mut levels = Vec::new();
        if self.level != Level::Groups {
            let reason = self.scope.members.as_ref().and_then(|members| {
                let group = self.groups.as_ref()?.groups.iter().find(|group| group.id == members.id)?;
                let code = group.diagnosis.sqlstate.clone().unwrap_or_else(|| group.diagnosis.name.to_owned());
                Some(format!("{code} {}", group.table))
            });
            levels.push(reason.unwrap_or_else(|| format!("{} entries", self.tab.name())));
            if !self.scope.filter.is_everything() {
                levels.push(format!("/{}", self.scope.filter));
            }
        }
        if self.level == Level::Entry {
            // The way here is short, where one is is whole.
            levels.extend(self.trail.iter().filter_map(|inside| Some(view::short_id(inside.id?))));
            levels.push(self.inside.id.map(|id| id.to_string()).unwrap_or_default());
        }
        levels
    }

    fn text_focus(&self) -> bool {
        self.typing.is_some() || self.prompt.wanted.is_some() || self.editing.is_some()
    }

    fn field_keys(&self) -> Vec<(&'static str, &'static str)> {
        match (&self.editing, self.typing) {
            (Some(editing), _) => editor::view::keys(editing),
            (None, Some(Typing::Filter)) => vec![("Enter", "keep"), ("↑", "earlier ones"), ("Esc", "as before")],
            _ => vec![("Enter", "go on"), ("Esc", "leave it")],
        }
    }

    fn footer(&self) -> Vec<Action> {
        match self.level {
            Level::Groups => {
                vec![Action::Fix, Action::Replay, Action::DryRun, Action::Discard, Action::Filter, Action::Refresh]
            }
            Level::List if self.shows_discarded() => {
                vec![Action::Fix, Action::Mark, Action::Filter, Action::NextStates, Action::CopyId]
            }
            Level::List => {
                let act = [Action::Fix, Action::Replay, Action::DryRun, Action::Discard, Action::Mark];
                act.into_iter().chain([Action::Filter, Action::NextStates]).collect()
            }
            Level::Entry if self.shows_discarded() => {
                vec![Action::Fix, Action::NextStates, Action::CopyId, Action::CopyEntry]
            }
            Level::Entry if self.shows_synced() => {
                vec![Action::TakeBack, Action::NextStates, Action::Filter, Action::CopyId, Action::CopyEntry]
            }
            Level::Entry if self.inside.section == Section::Payload => {
                let act = [Action::Fix, Action::Replay, Action::Discard, Action::Filter, Action::NextHit];
                act.into_iter().chain([Action::NextStates]).collect()
            }
            Level::Entry => {
                let act = [Action::Fix, Action::Edit, Action::Replay, Action::DryRun, Action::Discard];
                act.into_iter().chain([Action::NextStates, Action::CopyId]).collect()
            }
        }
    }
}
