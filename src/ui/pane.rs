//! The contract between a screen and the console.
//!
//! The flow has one direction: key → [`ActionSpec`] → [`Pane::update`] → [`Effect`] (data) → [`Pane::perform`] (a job)
//! → message → `update` → state → [`Pane::draw`]. `update` is pure: it reads no clock, no file, no network.

pub use super::links::{LinkView, Links};
pub use super::work::{Job, Policy, Undo};

use super::services::Services;
use super::{ActionSpec, Chord, KeyNames, Role, Scene};
use crate::postgres::Fault;
use crate::sync::EngineStatus;
use crate::sync::job::Progress;
use ratatui::layout::{Rect, Size};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// One screen: state, a pure `update`, a `draw` that cannot change state, and the work it asks for.
pub trait Pane: Default + Send + 'static {
    /// What a person means, named once in [`Pane::actions`].
    type Action: Copy + PartialEq + std::fmt::Debug + Send + Sync + 'static;
    /// Work wanted, as data.
    type Command: std::fmt::Debug + Send + 'static;
    /// The answer to a command.
    type Message: Send + 'static;
    /// Layout memory (scroll offsets); never meaning.
    type View: Default + Send + 'static;

    /// The name in settings, routes and logs: `queue`.
    const NAME: &'static str;
    /// The title on the tab: `Queue`.
    const TITLE: &'static str;

    /// Every action of this pane, with its default keys and help.
    fn actions() -> &'static [ActionSpec<Self::Action>];

    /// Changes the state by one input and says what is to be done about it.
    fn update(&mut self, input: Input<Self::Action, Self::Message>, now: Now) -> Vec<Effect<Self::Command>>;

    /// Draws the body of the screen (header, tabs, answer line and footer are the console's).
    fn draw(&self, scene: &mut Scene<'_>, area: Rect, view: &mut Self::View);

    /// Whether a command is a read (which a newer one supersedes) or a write (which must finish).
    fn policy(command: &Self::Command) -> Policy;

    /// Does the work. The only async function of a pane; its faults are part of the message.
    fn perform(
        command: Self::Command,
        services: Arc<Services>,
        job: Job<Self::Message>,
    ) -> impl Future<Output = Self::Message> + Send;

    /// What the job strip says while a command runs: `loading entries`.
    fn label(command: &Self::Command) -> String {
        let _ = command;
        format!("{} working", Self::NAME)
    }

    /// The number beside the title on the tab.
    fn badge(&self) -> Option<String> {
        None
    }

    /// The answer to the pane's one question, in words.
    fn answer(&self, now: Now) -> Answer;

    /// The levels that are open, outermost first; empty at the root. Esc unwinds one.
    fn breadcrumb(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether a text field has the keys: then every key arrives as [`Input::Key`] and no action is looked up.
    fn text_focus(&self) -> bool {
        false
    }

    /// The actions worth showing in the footer now, most useful first.
    fn footer(&self) -> Vec<Self::Action> {
        Vec::new()
    }

    /// What the footer says instead while a text field has the keys: each key with its words.
    fn field_keys(&self) -> Vec<(&'static str, &'static str)> {
        vec![("Enter", "done"), ("Esc", "back")]
    }
}

/// The effects of a pane, for signatures.
pub type Step<P> = Vec<Effect<<P as Pane>::Command>>;

/// The time, handed in from outside so that `update` and `draw` stay pure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Time since the console started; never goes back.
    pub uptime: Duration,
    /// The wall clock.
    pub wall: SystemTime,
}

impl Now {
    /// A moment `seconds` after the start, for tests; the wall clock starts at 2026-11-01 00:00 UTC.
    pub fn at(seconds: u64) -> Self {
        let uptime = Duration::from_secs(seconds);
        Self { uptime, wall: SystemTime::UNIX_EPOCH + Duration::from_hours(498_192) + uptime }
    }

    /// How long ago `then` was; zero if it lies in the future.
    pub fn since(self, then: SystemTime) -> Duration {
        self.wall.duration_since(then).unwrap_or_default()
    }
}

/// A step of the cursor. These keys are the same in every pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// One up.
    Up,
    /// One down.
    Down,
    /// To the left, or out.
    Left,
    /// To the right, or in.
    Right,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the first.
    First,
    /// To the last.
    Last,
}

impl Move {
    /// Where the cursor goes from `at` in a list of `len`; left and right leave it where it is.
    pub fn within(self, at: usize, len: usize, page: usize) -> usize {
        let last = len.saturating_sub(1);
        match self {
            Self::Up => at.saturating_sub(1),
            Self::Down => (at + 1).min(last),
            Self::PageUp => at.saturating_sub(page),
            Self::PageDown => (at + page).min(last),
            Self::First => 0,
            Self::Last => last,
            Self::Left | Self::Right => at,
        }
    }
}

/// What a pane is told.
#[derive(Clone, Debug)]
pub enum Input<A, M> {
    /// An action of the pane, from a key, the palette or a click on the footer.
    Action(A),
    /// The answer to a command (or word from one that still runs, through [`Job::tell`]).
    Message(M),
    /// The cursor is to move.
    Move(Move),
    /// Enter: open what is selected.
    Open,
    /// Esc or q: close the innermost level. Comes only while [`Pane::breadcrumb`] is not empty.
    Back,
    /// A key for the text field that has the focus.
    Key(Chord),
    /// Text pasted by the terminal (only while a text field has the focus).
    Paste(String),
    /// A click on a zone that `draw` announced with [`Scene::zone`].
    Click {
        /// The name of the zone.
        zone: &'static str,
        /// Which one of its things.
        index: usize,
        /// A second click on the same within half a second.
        double: bool,
    },
    /// The wheel, over a zone or nothing in particular; positive is down.
    Scroll {
        /// The zone under the pointer.
        zone: Option<&'static str>,
        /// How many lines.
        lines: i32,
    },
    /// A timer set with [`Effect::Timer`] ran out.
    Timer(&'static str),
    /// What the keys are called (sent once, before anything else).
    Keys(Arc<KeyNames>),
    /// The pane came on the screen.
    Shown,
    /// The pane left the screen.
    Hidden,
    /// A connection was made or lost (also sent once before the first `Shown`).
    LinksChanged(Arc<Links>),
    /// The status of this process's engine changed: a cycle began or ended, it was paused, it waits for another.
    EngineChanged(Arc<EngineStatus>),
    /// The size of the pane's area changed.
    Resized(Size),
    /// How many rows of a list named by [`Scene::viewport`] are on the screen now.
    Viewport {
        /// The list.
        zone: &'static str,
        /// Rows on the screen: the length of a page.
        rows: u16,
    },
    /// Another pane sent the user here.
    Routed(Route),
    /// The editor started by [`Effect::Edit`] ended: the text, or `None` where nothing was changed.
    Edited {
        /// The tag given with the effect.
        tag: &'static str,
        /// The new text.
        text: Option<String>,
    },
    /// A question of [`Effect::Ask`] was answered with No.
    Declined,
    /// A question of [`Effect::AskHow`] was answered with Yes: the index of what was chosen, for each choice.
    Chosen(Vec<usize>),
    /// A write of this pane broke by a defect of the program: there is no answer to it.
    Broke,
    /// A replay of many began, was paused, goes on, or is over.
    JobChanged(Arc<Progress>),
}

/// What a pane wants done. Data only.
#[derive(Debug)]
pub enum Effect<C> {
    /// Do this work; the answer comes as [`Input::Message`].
    Run(C),
    /// Drop the running read of this kind, on the server too.
    Cancel(&'static str),
    /// Wake me with [`Input::Timer`]; a second one with the same id replaces the first.
    Timer {
        /// The name it comes back under.
        id: &'static str,
        /// After how long.
        after: Duration,
    },
    /// Stop a timer.
    StopTimer(&'static str),
    /// Say something for six seconds (and in the log).
    Toast {
        /// How serious it is.
        level: Level,
        /// What to say.
        text: String,
    },
    /// Ask first. The default is No, and no transaction is open meanwhile.
    Ask(Ask<C>),
    /// Ask first, and how: a Yes comes as [`Input::Chosen`].
    AskHow {
        /// The question.
        ask: Ask<()>,
        /// What is to be chosen.
        choices: Vec<Choice>,
    },
    /// Put text on the clipboard.
    Copy(String),
    /// Let the user edit text in `$EDITOR`; the result comes as [`Input::Edited`].
    Edit {
        /// Comes back with the text.
        tag: &'static str,
        /// The text to start from.
        initial: String,
        /// The file's extension, for the editor's sake: `json`.
        extension: &'static str,
    },
    /// Send the user to another pane.
    Go(Route),
    /// Tell the header what this pane found out.
    Publish(super::header::Facts),
}

impl<C> Effect<C> {
    /// A toast.
    pub fn toast(level: Level, text: impl Into<String>) -> Self {
        Self::Toast { level, text: text.into() }
    }

    /// A toast that says a fault with its remedy.
    pub fn fault(fault: &Fault) -> Self {
        let remedy = fault.remedy.as_ref().map_or_else(String::new, |r| format!(". {r}"));
        Self::Toast { level: Level::Bad, text: format!("{fault}{remedy}") }
    }
}

/// How serious a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It worked.
    Ok,
    /// Good to know.
    Info,
    /// Needs an eye.
    Warn,
    /// Failed.
    Bad,
}

impl Level {
    /// The glyph that stands beside the colour.
    pub fn glyph(self) -> &'static str {
        match self {
            Self::Ok => "✓",
            Self::Info => "·",
            Self::Warn => "!",
            Self::Bad => "✗",
        }
    }
    /// The colour's role.
    pub fn role(self) -> Role {
        match self {
            Self::Ok => Role::Ok,
            Self::Info => Role::Info,
            Self::Warn => Role::Warn,
            Self::Bad => Role::Bad,
        }
    }
}

/// A confirmation as data.
#[derive(Debug)]
pub struct Ask<C> {
    /// One sentence: what will happen, to how many, where.
    pub question: String,
    /// What stands below it: the statement, the names, the risk.
    pub details: Vec<String>,
    /// What the button that does it says: `Replay 31 entries`.
    pub confirm: String,
    /// Whether it destroys something.
    pub danger: bool,
    /// A protected target asks for its name: the text that must be typed.
    pub type_the_name: Option<String>,
    /// What a Yes runs.
    pub then: C,
}

/// Something to be chosen together with a Yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What it is about, in a word or two.
    pub name: &'static str,
    /// What there is to choose from.
    pub values: Vec<&'static str>,
    /// The chosen one.
    pub chosen: usize,
}

/// The pane's one-line answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The colour and weight of it.
    pub role: Role,
    /// The sentence.
    pub text: String,
}

impl Answer {
    /// An answer in a role.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self { role, text: text.into() }
    }
}

/// Where to send the user: a pane, and what to show there in that pane's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The pane's [`Pane::NAME`].
    pub pane: &'static str,
    /// What to show: a filter in the pane's grammar.
    pub filter: Option<String>,
}

impl Route {
    /// To a pane as it stands.
    pub fn to(pane: &'static str) -> Self {
        Self { pane, filter: None }
    }
    /// To what a filter shows there.
    #[must_use]
    pub fn filtered(mut self, filter: impl Into<String>) -> Self {
        self.filter = Some(filter.into());
        self
    }
}
