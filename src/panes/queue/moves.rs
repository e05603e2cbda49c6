//! The cursor: through reasons, entries and one entry, by key, wheel and click.

use super::window::Edge;
use super::{Level, Queue, Section, view};
use crate::queue::Anchor;
use crate::ui::{Move, Step};

impl Queue {
    pub(super) fn moved(&mut self, step: Move) -> Step<Self> {
        match self.level {
            Level::Groups => self.move_reason(step),
            Level::List => self.move_row(step),
            Level::Entry => self.move_inside(step),
        }
    }

    fn move_reason(&mut self, step: Move) -> Step<Self> {
        if step == Move::Right {
            return self.open();
        }
        let groups = self.groups.as_ref().map_or(0, |groups| groups.groups.len());
        self.reason = step.within(self.reason, groups, usize::from(self.rows.max(2) - 1));
        Vec::new()
    }

    fn move_row(&mut self, step: Move) -> Step<Self> {
        let page = i64::from(self.rows.max(2) - 1);
        match step {
            Move::Up => self.window.step(-1),
            Move::Down => self.window.step(1),
            Move::PageUp => self.window.step(-page),
            Move::PageDown => self.window.step(page),
            Move::Left => return self.turn(-1),
            Move::Right => return self.turn(1),
            Move::First if !self.window.go_to_end(Edge::Front) => return vec![self.ask(Anchor::First)],
            Move::Last if !self.window.go_to_end(Edge::Back) => return vec![self.ask(Anchor::Last)],
            Move::First | Move::Last => {}
        }
        let mut effects = self.prefetch();
        effects.extend(self.peek());
        effects
    }

    /// Shows the next part of the entry; with its length less one, the one before.
    pub(super) fn turn_section(&mut self, by: usize) -> Step<Self> {
        let at = Section::ALL.iter().position(|section| *section == self.inside.section).unwrap_or(0);
        self.inside.section = Section::ALL[(at + by) % Section::ALL.len()];
        self.inside.scroll = 0;
        Vec::new()
    }

    pub(super) fn move_inside(&mut self, step: Move) -> Step<Self> {
        let page = usize::from(self.size.height.max(12) - 10);
        if self.inside.section == Section::Payload && self.inside.payload.step(step, page) {
            return Vec::new();
        }
        let inside = &mut self.inside;
        match step {
            Move::Up => inside.scroll = inside.scroll.saturating_sub(1),
            Move::Down => inside.scroll += 1,
            Move::PageUp => inside.scroll = inside.scroll.saturating_sub(page),
            Move::PageDown => inside.scroll += page,
            Move::First => inside.scroll = 0,
            Move::Last => inside.scroll = usize::MAX,
            Move::Left => return self.turn_section(Section::ALL.len() - 1),
            Move::Right => return self.turn_section(1),
        }
        let lines = super::inside::lines_of(inside);
        inside.scroll = inside.scroll.min(lines.saturating_sub(1));
        Vec::new()
    }

    pub(super) fn scroll(&mut self, lines: i64) -> Step<Self> {
        self.touched = true;
        let step = if lines < 0 { Move::Up } else { Move::Down };
        let mut effects = Vec::new();
        for _ in 0..lines.unsigned_abs().min(50) {
            effects = self.moved(step);
        }
        effects
    }

    pub(super) fn click(&mut self, zone: &str, index: usize, double: bool) -> Step<Self> {
        self.touched = true;
        match zone {
            view::REASONS => self.reason = index,
            view::ENTRIES => self.window.select(index),
            view::TABS => {
                let at = self.tabs().iter().position(|tab| *tab == self.tab).unwrap_or(0) as isize;
                return self.turn(index as isize - at);
            }
            view::SECTIONS => {
                self.inside.section = Section::ALL[index % Section::ALL.len()];
                self.inside.scroll = 0;
                return Vec::new();
            }
            view::PAYLOAD | view::TRIES if self.level == Level::Entry => {
                let part = if zone == view::PAYLOAD { Section::Payload } else { Section::Tries };
                self.inside.section = part;
                self.inside.scroll = index;
                self.inside.payload.put_cursor(if part == Section::Payload {
                    index
                } else {
                    self.inside.payload.cursor()
                });
            }
            _ => return Vec::new(),
        }
        if double { self.open() } else { self.peek() }
    }
}
