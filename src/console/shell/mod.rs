//! The console's state: panes, overlays, messages, open questions. Pure: events in, orders out.

mod cycle;
mod dispatch;
mod effects;
mod event;
pub mod jobs;
pub mod messages;
pub mod replays;

pub use event::{Event, Order, Stage, Timer, Wish};

use super::clipboard;
use super::keymap::{Global, Keymap};
use super::overlay::{Overlay, ask};
use crate::ui::Theme;
use crate::ui::header::Facts;
use crate::ui::host::{AnyPane, Registration, Word};
use crate::ui::pane::{Input, Level, Links, Now, Policy};
use crate::ui::scene::Zone;
use crate::ui::theme::Depth;
use jobs::{Jobs, Question};
use messages::Messages;
use ratatui::layout::Size;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::sync::EngineStatus;

/// The console itself, where a pane is meant.
const CONSOLE: usize = usize::MAX;
/// The spinner's step while something is awaited.
const SPIN: Duration = Duration::from_millis(100);

/// What the shell is made from.
pub struct Setup {
    /// The panes.
    pub panes: Vec<Registration>,
    /// The keys in force.
    pub keymap: Keymap,
    /// The theme in force, at the terminal's depth.
    pub theme: Theme,
    /// How many colours the terminal shows.
    pub depth: Depth,
    /// All themes that can be chosen: name and text.
    pub themes: Vec<(String, String)>,
    /// Whether the mouse is reported at the start.
    pub mouse: bool,
    /// The profile's name, as far as it is known.
    pub profile: String,
    /// Whether the profile is protected.
    pub protected: bool,
    /// The terminal's size.
    pub size: Size,
}

/// A pane on its tab.
pub(super) struct Tab {
    pub(super) title: &'static str,
    pub(super) name: &'static str,
    pub(super) pane: Box<dyn AnyPane>,
    build: fn() -> Box<dyn AnyPane>,
    /// What the pane was told of its layout.
    size: Option<Size>,
    viewports: HashMap<&'static str, u16>,
}

/// The console's state.
pub struct Shell {
    pub(super) tabs: Vec<Tab>,
    pub(super) active: usize,
    pub(super) keymap: Keymap,
    pub(super) theme: Theme,
    depth: Depth,
    themes: Vec<(String, String)>,
    pub(super) jobs: Jobs,
    pub(super) replays: replays::Replays,
    pub(super) messages: Messages,
    pub(super) overlay: Option<Overlay>,
    pub(super) questions: VecDeque<ask::Question>,
    pub(super) facts: Facts,
    pub(super) links: Option<Arc<Links>>,
    pub(super) engine: Option<Arc<EngineStatus>>,
    pub(super) profile: String,
    pub(super) replicas: usize,
    pub(super) stage: Stage,
    pub(super) size: Size,
    pub(super) mouse: bool,
    /// Whether changes on the master ask for its name: shown while writing.
    pub(super) protected: bool,
    pub(super) leaving: bool,
    zones: Vec<Zone>,
    last_click: Option<(&'static str, usize, Duration)>,
}

impl Shell {
    /// The state before anything happened.
    pub fn new(setup: Setup) -> Self {
        let tabs = setup
            .panes
            .iter()
            .map(|r| Tab {
                title: r.title,
                name: r.name,
                pane: (r.build)(),
                build: r.build,
                size: None,
                viewports: HashMap::new(),
            })
            .collect();
        Self {
            tabs,
            active: 0,
            keymap: setup.keymap,
            theme: setup.theme,
            depth: setup.depth,
            themes: setup.themes,
            jobs: Jobs::default(),
            replays: replays::Replays::default(),
            messages: Messages::default(),
            overlay: None,
            questions: VecDeque::new(),
            facts: Facts::default(),
            links: None,
            engine: None,
            profile: setup.profile,
            replicas: 1,
            stage: Stage::Starting,
            size: setup.size,
            mouse: setup.mouse,
            protected: setup.protected,
            leaving: false,
            zones: Vec::new(),
            last_click: None,
        }
    }

    /// Changes the state by one event.
    pub fn update(&mut self, event: Event, now: Now) -> Vec<Order> {
        match event {
            Event::Key(key) => self.key(key, now),
            Event::Paste(text) => self.paste(text, now),
            Event::Mouse(mouse) => self.mouse(mouse, now),
            Event::Resize(size) => {
                self.size = size;
                vec![Order::Redraw]
            }
            Event::Ready { profile, links, replicas, engine } => {
                self.profile = profile;
                self.replicas = replicas;
                self.engine = engine.then(Arc::default);
                self.stage = Stage::Running;
                self.links = Some(Arc::clone(&links));
                self.begin(links, now)
            }
            Event::Failed { message, remedy } => {
                self.stage = Stage::Failed { message, remedy };
                Vec::new()
            }
            Event::Links(links) => {
                self.links = Some(Arc::clone(&links));
                self.tell_all(&Input::LinksChanged(links), now)
            }
            Event::Switched(links) => self.switched(links, now),
            Event::Engine(status) => {
                self.engine = Some(Arc::clone(&status));
                self.tell_all(&Input::EngineChanged(status), now)
            }
            Event::Replay { replica, progress } => self.replay_told(replica, progress, now),
            Event::Told(question, word) => match self.jobs.asker(question) {
                Some(pane) => self.tell(pane, Input::Message(word), now),
                None => Vec::new(),
            },
            Event::Answered(question, word) => self.answered(question, word, now),
            Event::Broke(question, reason) => self.broke(question, &reason, now),
            Event::Timer(timer) => self.timer(timer, now),
            Event::Edited { pane, tag, text } => self.tell(pane, Input::Edited { tag, text }, now),
            Event::CopyByTerminal(text) => self.copy_by_terminal(&text, now),
            Event::Say(level, text) => self.say(level, text, now),
            Event::Continued => vec![Order::Redraw],
            Event::TerminalGone => vec![Order::Quit],
        }
    }

    /// Feeds what the last frame showed back: sizes and visible rows that changed; `None` where nothing did.
    pub fn settle(
        &mut self,
        zones: Vec<Zone>,
        viewports: &[(&'static str, u16)],
        pane: Size,
        now: Now,
    ) -> Option<Vec<Order>> {
        self.zones = zones;
        if self.stage != Stage::Running || pane.width == 0 {
            return None;
        }
        let active = self.active;
        let tab = self.tabs.get_mut(active)?;
        let mut inputs: Vec<Input<usize, Word>> = Vec::new();
        if tab.size != Some(pane) {
            tab.size = Some(pane);
            inputs.push(Input::Resized(pane));
        }
        for &(zone, rows) in viewports.iter().filter(|(zone, _)| !zone.starts_with('@')) {
            if tab.viewports.insert(zone, rows) != Some(rows) {
                inputs.push(Input::Viewport { zone, rows });
            }
        }
        let any = !inputs.is_empty();
        let orders = inputs.into_iter().flat_map(|input| self.tell(active, input, now)).collect();
        any.then_some(orders)
    }

    fn copy_by_terminal(&mut self, text: &str, now: Now) -> Vec<Order> {
        let Some(bytes) = clipboard::osc52(text) else {
            let text = format!("not copied: over {} bytes, and there is no desktop clipboard", clipboard::OSC52_LIMIT);
            return self.say(Level::Warn, text, now);
        };
        let said = format!("copied, {} characters (by the terminal)", text.chars().count());
        let mut orders = self.say(Level::Ok, said, now);
        orders.push(Order::CopyByTerminal(bytes));
        orders
    }

    fn answered(&mut self, question: Question, word: Word, now: Now) -> Vec<Order> {
        let Some(running) = self.jobs.close(question) else { return Vec::new() };
        let mut orders = match running.pane {
            CONSOLE => match word.downcast::<cycle::Said>() {
                Ok(said) => self.say(said.0, said.1, now),
                Err(word) => self.replays_answered(word, now),
            },
            pane => self.tell(pane, Input::Message(word), now),
        };
        orders.extend(self.quiet());
        orders.extend(self.leave_if_done());
        orders
    }

    /// Nothing is awaited any more: no timer is left for it.
    fn quiet(&self) -> Option<Order> {
        (!self.jobs.is_busy()).then_some(Order::Sleep(Timer::Spinner))
    }

    /// Begins all panes anew on another replica. Its reads are dropped; writes on the one before finish.
    fn switched(&mut self, links: Arc<Links>, now: Now) -> Vec<Order> {
        let mut orders: Vec<Order> = self.jobs.cancel_reads().into_iter().map(Order::Abort).collect();
        self.questions.clear();
        self.facts = Facts::default();
        for tab in &mut self.tabs {
            *tab = Tab { pane: (tab.build)(), size: None, viewports: HashMap::new(), ..*tab };
        }
        self.links = Some(Arc::clone(&links));
        orders.extend(self.say(Level::Info, format!("shows {}", links.replica.name), now));
        orders.extend(self.begin(links, now));
        orders
    }

    /// Tells panes that know nothing yet what the keys are called and what is connected, and the first one that it is shown.
    fn begin(&mut self, links: Arc<Links>, now: Now) -> Vec<Order> {
        let mut orders = Vec::new();
        for pane in 0..self.tabs.len() {
            let names = Arc::new(self.keymap.names(pane));
            orders.extend(self.tell(pane, Input::Keys(names), now));
        }
        orders.extend(self.tell_all(&Input::LinksChanged(links), now));
        orders.extend(self.tell(self.active, Input::Shown, now));
        orders
    }

    fn broke(&mut self, question: Question, reason: &str, now: Now) -> Vec<Order> {
        let Some(running) = self.jobs.close(question) else { return Vec::new() };
        let text = format!("a defect of robbie ended \"{}\": {reason}; the log has the details", running.label);
        let mut orders = self.say(Level::Bad, text, now);
        if running.policy == Policy::Write {
            orders.extend(self.tell(running.pane, Input::Broke, now));
        }
        orders.extend(self.leave_if_done());
        orders
    }

    fn timer(&mut self, timer: Timer, now: Now) -> Vec<Order> {
        match timer {
            Timer::Pane(pane, id) => self.tell(pane, Input::Timer(id), now),
            Timer::Message => self.message_timer(now),
            Timer::Spinner if self.jobs.is_busy() || self.stage == Stage::Starting => {
                vec![Order::Wake(Timer::Spinner, SPIN)]
            }
            Timer::Spinner => Vec::new(),
        }
    }

    fn message_timer(&self, now: Now) -> Vec<Order> {
        self.messages.next_end(now).map(|after| Order::Wake(Timer::Message, after)).into_iter().collect()
    }

    /// Says something on the screen and in the log.
    fn say(&mut self, level: Level, text: String, now: Now) -> Vec<Order> {
        match level {
            Level::Ok | Level::Info => tracing::info!("{text}"),
            Level::Warn => tracing::warn!("{text}"),
            Level::Bad => tracing::error!("{text}"),
        }
        self.messages.say(level, text, now);
        self.message_timer(now)
    }

    /// Leaves, unless writes are under way: those are waited for, and asking again leaves at once.
    fn leave(&mut self, now: Now) -> Vec<Order> {
        if !self.leaving && self.replays.running().next().is_some() {
            return self.ask_to_leave();
        }
        match self.jobs.writes() {
            _ if self.leaving => vec![Order::Quit],
            0 => vec![Order::Quit],
            n => {
                self.leaving = true;
                let what = if n == 1 { "a write is".to_owned() } else { format!("{n} writes are") };
                let text = format!("{what} under way: robbie leaves when done. Once more leaves at once.");
                self.say(Level::Warn, text, now)
            }
        }
    }

    fn leave_if_done(&self) -> Vec<Order> {
        if self.leaving && self.jobs.writes() == 0 && self.replays.running().next().is_none() {
            vec![Order::Quit]
        } else {
            Vec::new()
        }
    }

    /// The names of all themes.
    pub(super) fn theme_names(&self) -> Vec<String> {
        self.themes.iter().map(|(name, _)| name.clone()).collect()
    }

    fn use_theme(&mut self, name: &str, now: Now) -> Vec<Order> {
        let Some((_, text)) = self.themes.iter().find(|(n, _)| n == name) else { return Vec::new() };
        match Theme::parse(name, text) {
            Ok(theme) => {
                self.theme = theme.at_depth(self.depth);
                Vec::new()
            }
            Err(reason) => self.say(Level::Bad, reason, now),
        }
    }

    /// The panes' titles.
    pub(super) fn titles(&self) -> Vec<&'static str> {
        self.tabs.iter().map(|t| t.title).collect()
    }

    /// Whether a global action has anything to act on here.
    fn refuse(&mut self, action: Global, now: Now) -> Option<Vec<Order>> {
        let reason = match action {
            Global::PauseEngine if self.engine.is_none() => {
                "the engine does not run in this process: `robbie sync` runs it"
            }
            Global::NextReplica if self.replicas < 2 => "there is one replica only",
            _ => return None,
        };
        Some(self.say(Level::Info, reason.to_owned(), now))
    }
}

#[cfg(test)]
mod tests;
