//! Panes of different types behind one: what the loop holds.

use super::pane::{Answer, Ask, Effect, Input, Job, Now, Pane, Policy};
use super::scene::Scene;
use super::services::Services;
use futures_util::future::BoxFuture;
use ratatui::layout::Rect;
use std::any::Any;
use std::sync::Arc;

/// A message of a pane whose type only that pane knows.
pub type Word = Box<dyn Any + Send>;

type Run = Box<dyn FnOnce(Arc<Services>, Job<Word>) -> BoxFuture<'static, Word> + Send>;

/// A command of a pane, ready to be run.
pub struct Work {
    /// How it is treated while it runs.
    pub policy: Policy,
    /// What the job strip says.
    pub label: String,
    /// Starts it.
    pub run: Run,
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work").field("policy", &self.policy).field("label", &self.label).finish_non_exhaustive()
    }
}

/// What is known of an action without its type.
#[derive(Clone, Copy, Debug)]
pub struct ActionInfo {
    /// The name in palette and settings.
    pub name: &'static str,
    /// The default keys.
    pub keys: &'static [&'static str],
    /// The footer's words.
    pub short: &'static str,
    /// One sentence.
    pub help: &'static str,
}

/// A row of the registry.
pub struct Registration {
    /// The pane's name.
    pub name: &'static str,
    /// The tab's title.
    pub title: &'static str,
    /// Its actions; a pane refers to them by their index here.
    pub actions: Vec<ActionInfo>,
    /// Makes the pane.
    pub build: fn() -> Box<dyn AnyPane>,
}

impl Registration {
    /// The row of a pane.
    pub fn of<P: Pane>() -> Self {
        let actions = P::actions()
            .iter()
            .map(|a| ActionInfo { name: a.name, keys: a.keys, short: a.short, help: a.help })
            .collect();
        Self { name: P::NAME, title: P::TITLE, actions, build: || Box::new(Hosted::<P>::default()) }
    }
}

/// A pane whose types are hidden: actions are indices, messages are [`Word`]s, commands are [`Work`].
pub trait AnyPane: Send {
    /// See [`Pane::update`].
    fn update(&mut self, input: Input<usize, Word>, now: Now) -> Vec<Effect<Work>>;
    /// See [`Pane::draw`].
    fn draw(&mut self, scene: &mut Scene<'_>, area: Rect);
    /// See [`Pane::badge`].
    fn badge(&self) -> Option<String>;
    /// See [`Pane::answer`].
    fn answer(&self, now: Now) -> Answer;
    /// See [`Pane::breadcrumb`].
    fn breadcrumb(&self) -> Vec<String>;
    /// See [`Pane::text_focus`].
    fn text_focus(&self) -> bool;
    /// See [`Pane::footer`].
    fn footer(&self) -> Vec<usize>;
    /// See [`Pane::field_keys`].
    fn field_keys(&self) -> Vec<(&'static str, &'static str)>;
}

/// A pane with its layout memory.
struct Hosted<P: Pane> {
    pane: P,
    view: P::View,
}

impl<P: Pane> Default for Hosted<P> {
    fn default() -> Self {
        Self { pane: P::default(), view: P::View::default() }
    }
}

impl<P: Pane> AnyPane for Hosted<P> {
    fn update(&mut self, input: Input<usize, Word>, now: Now) -> Vec<Effect<Work>> {
        let Some(input) = typed::<P>(input) else { return Vec::new() };
        self.pane.update(input, now).into_iter().map(|effect| effect.map(work::<P>)).collect()
    }

    fn draw(&mut self, scene: &mut Scene<'_>, area: Rect) {
        self.pane.draw(scene, area, &mut self.view);
    }

    fn badge(&self) -> Option<String> {
        self.pane.badge()
    }

    fn answer(&self, now: Now) -> Answer {
        self.pane.answer(now)
    }

    fn breadcrumb(&self) -> Vec<String> {
        self.pane.breadcrumb()
    }

    fn text_focus(&self) -> bool {
        self.pane.text_focus()
    }

    fn footer(&self) -> Vec<usize> {
        let index = |action| P::actions().iter().position(|spec| spec.action == action);
        self.pane.footer().into_iter().filter_map(index).collect()
    }

    fn field_keys(&self) -> Vec<(&'static str, &'static str)> {
        self.pane.field_keys()
    }
}

/// Gives an input its types back; `None` for an action or a message that is not this pane's.
fn typed<P: Pane>(input: Input<usize, Word>) -> Option<Input<P::Action, P::Message>> {
    Some(match input {
        Input::Action(index) => Input::Action(P::actions().get(index)?.action),
        Input::Message(word) => Input::Message(*word.downcast::<P::Message>().ok()?),
        Input::Move(step) => Input::Move(step),
        Input::Open => Input::Open,
        Input::Back => Input::Back,
        Input::Key(chord) => Input::Key(chord),
        Input::Paste(text) => Input::Paste(text),
        Input::Click { zone, index, double } => Input::Click { zone, index, double },
        Input::Scroll { zone, lines } => Input::Scroll { zone, lines },
        Input::Timer(id) => Input::Timer(id),
        Input::Keys(keys) => Input::Keys(keys),
        Input::Shown => Input::Shown,
        Input::Hidden => Input::Hidden,
        Input::LinksChanged(links) => Input::LinksChanged(links),
        Input::EngineChanged(status) => Input::EngineChanged(status),
        Input::Resized(size) => Input::Resized(size),
        Input::Viewport { zone, rows } => Input::Viewport { zone, rows },
        Input::Routed(route) => Input::Routed(route),
        Input::Edited { tag, text } => Input::Edited { tag, text },
        Input::Declined => Input::Declined,
        Input::Chosen(which) => Input::Chosen(which),
        Input::Broke => Input::Broke,
        Input::JobChanged(progress) => Input::JobChanged(progress),
    })
}

/// Hides the types of a command.
fn work<P: Pane>(command: P::Command) -> Work {
    Work {
        policy: P::policy(&command),
        label: P::label(&command),
        run: Box::new(move |services, job: Job<Word>| {
            let tell = Arc::clone(&job.tell);
            let typed = Job::<P::Message> {
                tell: Arc::new(move |message| tell(Box::new(message))),
                on_cancel: Arc::clone(&job.on_cancel),
            };
            Box::pin(async move { Box::new(P::perform(command, services, typed).await) as Word })
        }),
    }
}

impl<C> Ask<C> {
    /// The same question over another type of command.
    pub fn map<D>(self, f: impl FnOnce(C) -> D) -> Ask<D> {
        Ask {
            question: self.question,
            details: self.details,
            confirm: self.confirm,
            danger: self.danger,
            type_the_name: self.type_the_name,
            then: f(self.then),
        }
    }
}

impl<C> Effect<C> {
    /// The same effect over another type of command.
    pub fn map<D>(self, f: impl FnOnce(C) -> D) -> Effect<D> {
        match self {
            Self::Run(command) => Effect::Run(f(command)),
            Self::Ask(ask) => Effect::Ask(ask.map(f)),
            Self::AskHow { ask, choices } => Effect::AskHow { ask, choices },
            Self::Cancel(kind) => Effect::Cancel(kind),
            Self::Timer { id, after } => Effect::Timer { id, after },
            Self::StopTimer(id) => Effect::StopTimer(id),
            Self::Toast { level, text } => Effect::Toast { level, text },
            Self::Copy(text) => Effect::Copy(text),
            Self::Edit { tag, initial, extension } => Effect::Edit { tag, initial, extension },
            Self::Go(route) => Effect::Go(route),
            Self::Publish(facts) => Effect::Publish(facts),
        }
    }
}
