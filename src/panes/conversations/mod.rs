//! The Conversations pane: what Robbie remembers, on both sides: listed, read, searched and compared.
//!
//! State and its changes; what is drawn is in `view`, what is asked of the databases in `work`.

mod actions;
mod answers;
mod deeds;
mod document;
mod items;
mod keys;
mod levels;
mod list;
mod moves;
mod view;
mod work;

use crate::conversation::search::Mode;
use crate::conversation::{Presence, Sides};
use crate::postgres::{LinkStatus, Side};
use crate::ui::field::Field as Line;
use crate::ui::format::{count, plural};
use crate::ui::{ActionSpec, Answer, Effect, Input, Job, Links, Move, Now, Pane, Policy, Role, Scene, Services, Step};
use document::Document;
use levels::{Level, Shown};
use list::List;
use ratatui::layout::{Rect, Size};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;
use work::Ask;

pub use actions::Action;
pub use view::View;
pub use work::{Command, Message};

/// Between two refreshes of the list while it is on the screen.
const REFRESH: Duration = Duration::from_secs(10);
/// So long the cursor rests before the preview is read.
const REST: Duration = Duration::from_millis(60);

/// The pane's state.
#[derive(Default)]
pub struct Conversations {
    links: Option<Arc<Links>>,
    sides: Option<Arc<Sides>>,
    list: List,
    preview: Preview,
    levels: Vec<Level>,
    typing: Option<(Typing, Line)>,
    mode: Mode,
    /// What was searched last, for the history of the line.
    line: Line,
    size: Size,
    shown: bool,
    /// What can be taken back, the last one last.
    done: Vec<deeds::Done>,
    /// How many lists are enough is being measured.
    measuring: bool,
    now: Option<Now>,
}

/// The preview: the one that is shown, and the one that is wanted.
#[derive(Debug, Default)]
struct Preview {
    wanted: Option<Uuid>,
    shown: Option<(Uuid, Document)>,
    fault: Option<String>,
}

/// What is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typing {
    Search,
    /// Which blocks.
    Blocks,
    /// A title for this conversation.
    Title(Uuid),
    /// A file for this conversation.
    File(Uuid),
}

impl Conversations {
    fn run(&self, ask: Ask) -> Effect<Command> {
        Effect::Run(Command { sides: self.sides.clone(), ask })
    }

    /// Reads the list from a place; answers to older questions no longer count.
    fn read_list(&mut self, from: Option<crate::conversation::Key>, back: bool, grow: bool) -> Effect<Command> {
        if !grow {
            self.list.question += 1;
        }
        self.list.waiting = true;
        let filter = self.list.narrow.filter(self.now.unwrap_or(Now::at(0)));
        let (question, side, sort) = (self.list.question, self.list.narrow.side, self.list.sort);
        self.run(Ask::List { question, side, filter, sort, from, back, grow })
    }

    fn read_facets(&self) -> Effect<Command> {
        let filter = self.list.narrow.filter(self.now.unwrap_or(Now::at(0)));
        self.run(Ask::Facets { question: self.list.question, side: self.list.narrow.side, filter })
    }

    /// Lists anew: something else is wanted, or everything may have changed.
    fn list_anew(&mut self) -> Step<Self> {
        let from = self.list.around();
        vec![self.read_list(from, false, false), self.read_facets()]
    }

    fn refresh(&mut self) -> Step<Self> {
        self.sides = None;
        let mut effects = self.list_anew();
        effects.push(Effect::Timer { id: "conversations", after: REFRESH });
        self.preview.wanted = None;
        effects.extend(self.follow());
        effects
    }

    /// Has the preview follow the cursor, once it rests.
    fn follow(&mut self) -> Option<Effect<Command>> {
        let id = self.list.selected()?.conversation.id;
        if !self.levels.is_empty() || self.preview.wanted == Some(id) || !view::has_preview(self.size) {
            return None;
        }
        self.preview.wanted = Some(id);
        Some(Effect::Timer { id: "conversation-preview", after: REST })
    }

    fn links_changed(&mut self, links: Arc<Links>) -> Step<Self> {
        if self.links.as_ref().is_some_and(|old| links.is_other_replica(old)) {
            *self = Self { shown: self.shown, size: self.size, now: self.now, ..Self::default() };
        }
        let moved = self.links.as_ref().is_none_or(|old| old.up() != links.up());
        self.links = Some(links);
        if moved && self.shown { self.refresh() } else { Vec::new() }
    }

    /// The name that must be typed before a protected master is written to.
    fn protected(&self) -> Option<String> {
        self.links.as_ref().and_then(|l| l.name_wanted(Side::Master))
    }

    /// The sides that are away, as the links say.
    fn away(&self) -> Vec<&'static str> {
        let Some(links) = &self.links else { return Vec::new() };
        let down = |s: &LinkStatus| matches!(s, LinkStatus::Down { .. });
        [("master", &links.master.status), ("replica", &links.replica.status)]
            .into_iter()
            .filter(|(_, status)| down(status))
            .map(|(name, _)| name)
            .collect()
    }
}

impl Pane for Conversations {
    type Action = Action;
    type Command = Command;
    type Message = Message;
    type View = View;

    const NAME: &'static str = "conversations";
    const TITLE: &'static str = "Conversations";

    fn actions() -> &'static [ActionSpec<Action>] {
        actions::ACTIONS
    }

    fn update(&mut self, input: Input<Action, Message>, now: Now) -> Step<Self> {
        self.now = Some(now);
        match input {
            Input::Action(action) => self.act(action),
            Input::Message(message) => self.told(message),
            Input::Move(step) => self.step(step),
            Input::Open => self.open(),
            Input::Back => self.back(),
            Input::Key(chord) => self.key(chord),
            Input::Paste(text) => {
                if let Some((_, line)) = &mut self.typing {
                    line.insert(&text);
                }
                Vec::new()
            }
            Input::Click { zone, index, double } => self.click(zone, index, double),
            Input::Scroll { zone, lines } => self.scroll(zone, lines),
            Input::Timer("conversations") if self.shown => {
                let mut effects = vec![Effect::Timer { id: "conversations", after: REFRESH }];
                if self.levels.is_empty() && !self.list.waiting {
                    self.sides = None;
                    effects.extend(self.list_anew());
                }
                effects
            }
            Input::Timer("conversation-preview") => {
                let Some(id) = self.preview.wanted else { return Vec::new() };
                vec![self.run(Ask::Preview { id, side: self.list.narrow.side })]
            }
            Input::Shown => {
                self.shown = true;
                self.refresh()
            }
            Input::Hidden => {
                self.shown = false;
                vec![Effect::StopTimer("conversations")]
            }
            Input::LinksChanged(links) => self.links_changed(links),
            Input::Resized(size) => {
                self.size = size;
                self.lay_out();
                self.follow().into_iter().collect()
            }
            Input::Routed(route) => route.filter.map(|text| self.search(text)).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    fn draw(&self, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
        view::draw(self, scene, area, view);
    }

    fn policy(command: &Command) -> Policy {
        match &command.ask {
            Ask::List { grow: false, .. } => Policy::Read("conversations"),
            Ask::List { .. } => Policy::Read("conversations-more"),
            Ask::Whereabouts { .. } => Policy::Read("conversation-whereabouts"),
            Ask::Facets { .. } => Policy::Read("conversation-facets"),
            Ask::Preview { .. } => Policy::Read("conversation-preview"),
            Ask::More { .. } => Policy::Read("conversation-more"),
            Ask::Measure { .. } => Policy::Read("conversation-recall"),
            Ask::Do(_) => Policy::Write,
            _ => Policy::Read("conversation"),
        }
    }

    async fn perform(command: Command, services: Arc<Services>, _job: Job<Message>) -> Message {
        Box::pin(work::perform(command, &services)).await
    }

    fn label(command: &Command) -> String {
        match &command.ask {
            Ask::List { .. } => "listing conversations",
            Ask::Whereabouts { .. } => "comparing the sides",
            Ask::Facets { .. } => "counting conversations",
            Ask::Search { .. } | Ask::Like { .. } => "searching",
            Ask::Measure { .. } => "measuring the index over vectors",
            Ask::Do(_) => "writing",
            _ => "reading",
        }
        .to_owned()
    }

    fn answer(&self, _now: Now) -> Answer {
        self.levels.last().map_or_else(|| self.sentence(), Level::sentence)
    }

    fn breadcrumb(&self) -> Vec<String> {
        let mut out: Vec<String> = self.levels.iter().map(Level::name).collect();
        if out.is_empty() && self.list.choosing.is_some() {
            out.push("what is listed".to_owned());
        }
        out
    }

    fn text_focus(&self) -> bool {
        self.typing.is_some()
    }

    fn footer(&self) -> Vec<Action> {
        use Action as A;
        match self.levels.last().map(|level| &level.shown) {
            None if self.list.choosing.is_some() => vec![A::Everything, A::Search],
            None => vec![A::Search, A::Facets, A::Sort, A::Blocks, A::Patterns, A::Rename, A::Delete],
            Some(Shown::Reading { .. }) => {
                vec![A::NextMessage, A::NextCode, A::Copy, A::CopyCode, A::Similar, A::OtherSide, A::Export]
            }
            Some(Shown::Text { .. }) => vec![A::Conversation, A::Copy, A::Similar],
            Some(Shown::Blocks { .. }) => vec![A::Search, A::Conversation, A::Copy, A::Similar],
            Some(Shown::Patterns { .. }) => vec![A::Facets, A::Copy, A::Similar],
            Some(Shown::Results { .. }) => vec![A::Search, A::Mode, A::Similar, A::Copy],
        }
    }
}

impl Conversations {
    /// The pane's answer: how many there are, and what is not the same on both sides.
    fn sentence(&self) -> Answer {
        let list = &self.list;
        if let Some(fault) = &list.fault {
            return Answer::new(Role::Bad, fault.clone());
        }
        if !list.read {
            return Answer::new(Role::Muted, "Reading the conversations of both sides.");
        }
        let narrowed = list.narrow.words();
        let about = if narrowed.is_empty() { String::new() } else { format!(" ({})", narrowed.join(", ")) };
        if list.len() == 0 {
            return Answer::new(Role::Muted, format!("There is no conversation{about}."));
        }
        let mut text = if list.is_whole() {
            plural(list.len() as u64, "conversation", "conversations")
        } else {
            let near: i64 = list.facets.iter().flat_map(|f| &f.users).map(|(_, n)| n).sum();
            match list.facets {
                Some(_) if list.narrow.user.is_none() => format!("About {} conversations", count(near.unsigned_abs())),
                _ => "Many conversations".to_owned(),
            }
        };
        text.push_str(&about);
        let of = |wanted: Presence| list.rows().filter(|l| l.presence == wanted).count();
        let queued = list.rows().filter(|l| l.queued > 0).count();
        let parts: Vec<String> = [
            (of(Presence::Different), "differ between the sides"),
            (of(Presence::MasterOnly), "are on the master only"),
            (of(Presence::ReplicaOnly), "are on the replica only"),
            (queued, "have entries in the queue"),
        ]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
        let whole = if list.is_whole() { "" } else { " of those read" };
        let away = self.away();
        let mut role = if parts.is_empty() && away.is_empty() { Role::Ok } else { Role::Warn };
        let said = match (away.as_slice(), parts.is_empty()) {
            ([], true) if list.rows().all(|l| l.presence == Presence::Equal) => "the same on both sides".to_owned(),
            ([], true) if of(Presence::Pending) > 0 => {
                role = Role::Muted;
                "comparing the sides".to_owned()
            }
            ([], true) => {
                role = Role::Muted;
                "the other side cannot be asked".to_owned()
            }
            ([], false) => format!("{}{whole}", parts.join(", ")),
            (away, true) => format!("the {} is away", away.join(" and the ")),
            (away, false) => format!("the {} is away; {}{whole}", away.join(" and the "), parts.join(", ")),
        };
        Answer::new(role, format!("{text}; {said}."))
    }

    /// Rows that a page moves.
    fn page(&self) -> usize {
        usize::from(self.size.height.saturating_sub(2).max(1))
    }

    fn page_of(&self, step: Move) -> Option<i64> {
        let page = self.page() as i64;
        match step {
            Move::Up => Some(-1),
            Move::Down => Some(1),
            Move::PageUp => Some(-page),
            Move::PageDown => Some(page),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
