//! Keys, pastes and clicks: who gets them.

use super::{CONSOLE, Order, Shell, Stage};
use crate::console::keymap::{Global, Meaning};
use crate::console::overlay::Overlay;
use crate::console::overlay::ask::{Reply, Then};
use crate::console::overlay::palette::{Choice, Palette, Picked};
use crate::ui::Chord;
use crate::ui::pane::{Input, Level, Move, Now};
use ratatui::crossterm::event::{KeyCode, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;
use std::time::Duration;

/// Two clicks within this time are one double click.
const DOUBLE: Duration = Duration::from_millis(500);
/// Lines the wheel moves.
const WHEEL: i32 = 3;

impl Shell {
    pub(super) fn key(&mut self, key: Chord, now: Now) -> Vec<Order> {
        let meaning = self.keymap.meaning(self.active, key);
        // These work whatever has the keys; none of them types a letter.
        if let Some(Meaning::Global(action @ (Global::Interrupt | Global::Redraw | Global::Suspend))) = meaning
            && key.text().is_none()
        {
            return self.global(action, now);
        }
        if let Some(question) = self.questions.front_mut() {
            let reply = question.key(key);
            return self.reply(&reply, now);
        }
        if self.overlay.is_some() {
            return self.overlay_key(key, meaning, now);
        }
        let typing = self.tabs.get(self.active).is_some_and(|t| t.pane.text_focus());
        if typing && self.stage == Stage::Running {
            return self.tell(self.active, Input::Key(key), now);
        }
        match meaning {
            Some(Meaning::Global(action)) => self.global(action, now),
            Some(Meaning::Pane(index)) if self.stage == Stage::Running => {
                self.tell(self.active, Input::Action(index), now)
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn paste(&mut self, text: String, now: Now) -> Vec<Order> {
        if let Some(question) = self.questions.front_mut() {
            question.paste(&text);
        } else if let Some(Overlay::Palette(palette)) = &mut self.overlay {
            palette.paste(&text);
        } else if self.overlay.is_none() && self.tabs.get(self.active).is_some_and(|t| t.pane.text_focus()) {
            return self.tell(self.active, Input::Paste(text), now);
        }
        Vec::new()
    }

    fn reply(&mut self, reply: &Reply, now: Now) -> Vec<Order> {
        match reply {
            Reply::Waiting => Vec::new(),
            Reply::Yes => match self.questions.pop_front() {
                Some(question) => {
                    let pane = question.pane;
                    match question.into_then() {
                        Then::Run(work) => self.run(pane, work, now),
                        Then::Choose(chosen) => self.tell(pane, Input::Chosen(chosen), now),
                        Then::Leave => self.leave_after_replays(now),
                    }
                }
                None => Vec::new(),
            },
            Reply::No => match self.questions.pop_front() {
                Some(question) => self.tell(question.pane, Input::Declined, now),
                None => Vec::new(),
            },
        }
    }

    pub(super) fn global(&mut self, action: Global, now: Now) -> Vec<Order> {
        if let Some(orders) = self.refuse(action, now) {
            return orders;
        }
        match action {
            Global::Interrupt => self.leave(now),
            Global::Quit if self.depth() == 0 || self.stage != Stage::Running => self.leave(now),
            Global::Quit => self.tell(self.active, Input::Back, now),
            Global::Back => self.back(now),
            Global::Open => self.pass(Input::Open, now),
            Global::Move(step) => self.pass(Input::Move(step), now),
            Global::Pane(number) => self.show(number, now),
            Global::NextPane => self.show((self.active + 1) % self.tabs.len().max(1), now),
            Global::PreviousPane => {
                let count = self.tabs.len().max(1);
                self.show((self.active + count - 1) % count, now)
            }
            Global::Palette => {
                let palette = Palette::new(&self.keymap, &self.titles(), self.active, &self.theme_names());
                self.overlay = Some(Overlay::Palette(Box::new(palette)));
                Vec::new()
            }
            Global::Help => self.lay(Overlay::Help { offset: 0 }),
            Global::Log => {
                self.messages.dismiss(now);
                self.lay(Overlay::Log { offset: 0 })
            }
            Global::Jobs => self.show_replays(now),
            Global::PauseJob => self.pause_replay(None, now),
            Global::CancelJob => self.cancel_replay(None, now),
            Global::Themes => {
                let selected = self.themes.iter().position(|(n, _)| *n == self.theme.name).unwrap_or(0);
                self.lay(Overlay::Themes { selected, before: self.theme.name.clone() })
            }
            Global::Mouse => {
                self.mouse = !self.mouse;
                let text = if self.mouse { "the mouse works here" } else { "the mouse is the terminal's: select text" };
                let mut orders = self.say(Level::Info, text.to_owned(), now);
                orders.push(Order::Mouse(self.mouse));
                orders
            }
            Global::SyncNow if self.stage != Stage::Running => Vec::new(),
            Global::SyncNow if self.engine.as_ref().is_none_or(|e| e.held_by.is_some()) => {
                self.run(CONSOLE, super::cycle::work(), now)
            }
            Global::SyncNow => {
                let mut orders = self.say(Level::Info, "a cycle was asked for".to_owned(), now);
                orders.push(Order::WakeEngine);
                orders
            }
            Global::PauseEngine => {
                let pause = !self.engine.as_ref().is_some_and(|e| e.paused);
                let text = if pause { "the engine is paused" } else { "the engine goes on" };
                let mut orders = self.say(Level::Info, text.to_owned(), now);
                orders.push(Order::PauseEngine(pause));
                orders
            }
            Global::NextReplica => vec![Order::NextReplica],
            Global::Config => vec![Order::EditConfig],
            Global::Redraw => vec![Order::Redraw],
            Global::Suspend => vec![Order::Suspend],
        }
    }

    fn lay(&mut self, overlay: Overlay) -> Vec<Order> {
        self.overlay = Some(overlay);
        Vec::new()
    }

    fn pass(&mut self, input: Input<usize, crate::ui::host::Word>, now: Now) -> Vec<Order> {
        if self.stage == Stage::Running { self.tell(self.active, input, now) } else { Vec::new() }
    }

    pub(super) fn depth(&self) -> usize {
        self.tabs.get(self.active).map_or(0, |t| t.pane.breadcrumb().len())
    }

    /// Esc: one level, whatever is innermost.
    fn back(&mut self, now: Now) -> Vec<Order> {
        if self.depth() > 0 {
            return self.pass(Input::Back, now);
        }
        self.messages.dismiss(now);
        Vec::new()
    }

    fn overlay_key(&mut self, key: Chord, meaning: Option<Meaning>, now: Now) -> Vec<Order> {
        if matches!(self.overlay, Some(Overlay::Replays(_))) {
            return self.replays_key(key, meaning, now);
        }
        if let Some(Overlay::Palette(palette)) = &mut self.overlay {
            let picked = palette.key(key);
            return self.picked(picked, now);
        }
        let closes = matches!(key.code, KeyCode::Esc)
            || matches!(meaning, Some(Meaning::Global(Global::Quit | Global::Help | Global::Log | Global::Themes)));
        if closes {
            return self.close_overlay(now);
        }
        match (meaning, key.code) {
            (Some(Meaning::Global(Global::Move(step))), _) => self.overlay_move(step, now),
            (_, KeyCode::Enter) => self.keep_theme(now),
            _ => Vec::new(),
        }
    }

    /// Closes the overlay; a theme that was only looked at goes back.
    fn close_overlay(&mut self, now: Now) -> Vec<Order> {
        match self.overlay.take() {
            Some(Overlay::Themes { before, .. }) => self.use_theme(&before, now),
            _ => Vec::new(),
        }
    }

    fn keep_theme(&mut self, now: Now) -> Vec<Order> {
        match self.overlay.take() {
            Some(Overlay::Themes { before, .. }) if before != self.theme.name => {
                let text = format!("theme {0}; `theme = \"{0}\"` in config.toml keeps it", self.theme.name);
                self.say(Level::Info, text, now)
            }
            _ => Vec::new(),
        }
    }

    fn overlay_move(&mut self, step: Move, now: Now) -> Vec<Order> {
        let by: i64 = match step {
            Move::Up => -1,
            Move::Down => 1,
            Move::PageUp => -10,
            Move::PageDown => 10,
            Move::First => i64::MIN / 2,
            Move::Last => i64::MAX / 2,
            Move::Left | Move::Right => 0,
        };
        let themes = self.themes.len();
        match &mut self.overlay {
            Some(Overlay::Help { offset } | Overlay::Log { offset }) => {
                // Drawing keeps it inside the text.
                *offset = (*offset as i64).saturating_add(by).clamp(0, 10_000) as usize;
                Vec::new()
            }
            Some(Overlay::Themes { selected, .. }) => {
                *selected = (*selected as i64).saturating_add(by).clamp(0, themes.saturating_sub(1) as i64) as usize;
                let chosen = *selected;
                self.preview(chosen, now)
            }
            _ => Vec::new(),
        }
    }

    fn preview(&mut self, at: usize, now: Now) -> Vec<Order> {
        match self.themes.get(at).map(|(name, _)| name.clone()) {
            Some(name) => self.use_theme(&name, now),
            None => Vec::new(),
        }
    }

    fn picked(&mut self, picked: Picked, now: Now) -> Vec<Order> {
        match picked {
            Picked::Waiting => Vec::new(),
            Picked::Closed => self.close_overlay(now),
            Picked::Choice(choice) => {
                self.overlay = None;
                match choice {
                    Choice::Global(action) => self.global(action, now),
                    Choice::Pane(pane, index) => {
                        let mut orders = self.show(pane, now);
                        orders.extend(self.pass(Input::Action(index), now));
                        orders
                    }
                    Choice::Theme(name) => self.use_theme(&name, now),
                }
            }
        }
    }

    pub(super) fn mouse(&mut self, event: MouseEvent, now: Now) -> Vec<Order> {
        let at = Position::new(event.column, event.row);
        let hit = self.zones.iter().rev().find(|z| z.area.contains(at)).copied();
        let hit = hit.map(|z| (z.name, z.index));
        match event.kind {
            MouseEventKind::ScrollUp => self.wheel(hit, -WHEEL, now),
            MouseEventKind::ScrollDown => self.wheel(hit, WHEEL, now),
            MouseEventKind::Down(MouseButton::Left) => {
                let Some((zone, index)) = hit else { return Vec::new() };
                let double = self
                    .last_click
                    .is_some_and(|(z, i, when)| (z, i) == (zone, index) && now.uptime.saturating_sub(when) < DOUBLE);
                self.last_click = (!double).then_some((zone, index, now.uptime));
                self.click(zone, index, double, now)
            }
            _ => Vec::new(),
        }
    }

    fn click(&mut self, zone: &'static str, index: usize, double: bool, now: Now) -> Vec<Order> {
        if let Some(question) = self.questions.front_mut() {
            let reply = match zone {
                "@ask" => question.click(index),
                "@ask-choice" => question.choose(index),
                _ => Reply::Waiting,
            };
            return self.reply(&reply, now);
        }
        match (&self.overlay, zone) {
            (Some(Overlay::Palette(palette)), "@palette") => {
                let picked = palette.pick(index);
                self.picked(picked, now)
            }
            (Some(Overlay::Themes { .. }), "@themes") => {
                if let Some(Overlay::Themes { selected, .. }) = &mut self.overlay {
                    *selected = index;
                }
                self.preview(index, now)
            }
            (Some(Overlay::Replays(_)), "@jobs") => self.click_replays(index, double, now),
            (Some(_), _) => Vec::new(),
            (None, "@strip") => self.global(Global::Jobs, now),
            (None, "@tab") => self.show(index, now),
            (None, "@hint-global") => match self.keymap.globals().get(index).map(|e| e.meaning) {
                Some(Meaning::Global(action)) => self.global(action, now),
                _ => Vec::new(),
            },
            (None, "@hint-pane") => self.pass(Input::Action(index), now),
            (None, "@messages") => self.global(Global::Log, now),
            (None, zone) if zone.starts_with('@') => Vec::new(),
            (None, zone) => self.pass(Input::Click { zone, index, double }, now),
        }
    }

    fn wheel(&mut self, hit: Option<(&'static str, usize)>, lines: i32, now: Now) -> Vec<Order> {
        if self.questions.front().is_some() {
            return Vec::new();
        }
        if let Some(Overlay::Palette(palette)) = &mut self.overlay {
            palette.step(i64::from(lines));
            return Vec::new();
        }
        if matches!(self.overlay, Some(Overlay::Replays(_))) {
            let step = if lines < 0 { Move::Up } else { Move::Down };
            return (0..lines.unsigned_abs()).flat_map(|_| self.replays_move(step, now)).collect();
        }
        if self.overlay.is_some() {
            let step = if lines < 0 { Move::Up } else { Move::Down };
            return (0..lines.unsigned_abs()).flat_map(|_| self.overlay_move(step, now)).collect();
        }
        let zone = hit.map(|(zone, _)| zone).filter(|zone| !zone.starts_with('@'));
        self.pass(Input::Scroll { zone, lines }, now)
    }
}
