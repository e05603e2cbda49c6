//! What panes ask for, turned into orders.

use super::{Order, SPIN, Shell, Stage, Timer};
use crate::console::overlay::ask::{Question, Then};
use crate::ui::host::{Word, Work};
use crate::ui::pane::{Effect, Input, Level, Now, Route};

use super::jobs::PATIENCE;

impl Shell {
    /// Tells a pane something and sees to what it wants done.
    pub(super) fn tell(&mut self, pane: usize, input: Input<usize, Word>, now: Now) -> Vec<Order> {
        let Some(tab) = self.tabs.get_mut(pane) else { return Vec::new() };
        let effects = tab.pane.update(input, now);
        effects.into_iter().flat_map(|effect| self.effect(pane, effect, now)).collect()
    }

    /// Tells every pane something that can be told often.
    pub(super) fn tell_all(&mut self, input: &Input<usize, Word>, now: Now) -> Vec<Order> {
        let copies = (0..self.tabs.len()).map(|pane| {
            let copy = match input {
                Input::LinksChanged(links) => Some(Input::LinksChanged(links.clone())),
                Input::EngineChanged(status) => Some(Input::EngineChanged(status.clone())),
                Input::JobChanged(progress) => Some(Input::JobChanged(progress.clone())),
                _ => None,
            };
            (pane, copy)
        });
        let copies: Vec<_> = copies.collect();
        copies
            .into_iter()
            .filter_map(|(p, i)| Some((p, i?)))
            .flat_map(|(pane, input)| self.tell(pane, input, now))
            .collect()
    }

    fn effect(&mut self, pane: usize, effect: Effect<Work>, now: Now) -> Vec<Order> {
        match effect {
            Effect::Run(work) => self.run(pane, work, now),
            Effect::Cancel(kind) => self.jobs.cancel(pane, kind).map(Order::Abort).into_iter().collect(),
            Effect::Timer { id, after } => vec![Order::Wake(Timer::Pane(pane, id), after)],
            Effect::StopTimer(id) => vec![Order::Sleep(Timer::Pane(pane, id))],
            Effect::Toast { level, text } => self.say(level, text, now),
            Effect::Ask(ask) => {
                self.questions.push_back(Question::new(pane, ask.map(Then::Run), Vec::new()));
                Vec::new()
            }
            Effect::AskHow { ask, choices } => {
                let ask = ask.map(|()| Then::Choose(Vec::new()));
                self.questions.push_back(Question::new(pane, ask, choices));
                Vec::new()
            }
            Effect::Copy(text) => vec![Order::Copy(text)],
            Effect::Edit { tag, initial, extension } => vec![Order::Edit { pane, tag, initial, extension }],
            Effect::Go(route) => self.go(route, now),
            Effect::Publish(facts) => {
                self.facts.merge(facts);
                Vec::new()
            }
        }
    }

    /// Starts work and supersedes what it replaces.
    pub(super) fn run(&mut self, pane: usize, work: Work, now: Now) -> Vec<Order> {
        let idle = !self.jobs.is_busy();
        let (question, superseded) = self.jobs.open(pane, work.policy, work.label.clone(), now);
        let mut orders: Vec<Order> = superseded.map(Order::Abort).into_iter().collect();
        if idle {
            orders.push(Order::Wake(Timer::Spinner, PATIENCE.max(SPIN)));
        }
        orders.push(Order::Spawn(question, work));
        orders
    }

    fn go(&mut self, route: Route, now: Now) -> Vec<Order> {
        let Some(pane) = self.tabs.iter().position(|t| t.name == route.pane) else {
            return self.say(Level::Info, format!("there is no pane `{}` in this version", route.pane), now);
        };
        let mut orders = self.show(pane, now);
        orders.extend(self.tell(pane, Input::Routed(route), now));
        orders
    }

    /// Shows a pane.
    pub(super) fn show(&mut self, pane: usize, now: Now) -> Vec<Order> {
        if pane == self.active || pane >= self.tabs.len() {
            return Vec::new();
        }
        // Before there are links no pane can ask for anything: the one that is shown then hears of it with them.
        if self.stage == Stage::Starting {
            self.active = pane;
            return Vec::new();
        }
        let mut orders = self.tell(self.active, Input::Hidden, now);
        self.active = pane;
        orders.extend(self.tell(pane, Input::Shown, now));
        orders
    }
}
