//! Cells to bytes: the difference between two frames as few bytes as it takes, inside one synchronised update.

mod scroll;
mod style;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use std::io::Write as _;
use style::Pen;
use unicode_width::UnicodeWidthStr as _;

const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// What the terminal shows, as far as we know.
pub struct Screen {
    shown: Buffer,
    /// Nothing is known of it: the next frame is drawn whole.
    unknown: bool,
    cursor: Option<Position>,
    /// Whether erasing leaves the ground that is set (all but a few old terminals).
    erases_with_ground: bool,
}

impl Screen {
    /// A screen of which nothing is known.
    pub fn new(area: Rect, erases_with_ground: bool) -> Self {
        Self { shown: Buffer::empty(area), unknown: true, cursor: None, erases_with_ground }
    }

    /// Forgets what is shown: the next frame is drawn whole.
    pub fn forget(&mut self) {
        self.unknown = true;
    }

    /// The bytes that turn what is shown into `next`; empty where nothing changed.
    pub fn paint(&mut self, mut next: Buffer, cursor: Option<Position>) -> Vec<u8> {
        let mut out = Vec::new();
        let mut pen = Pen::default();
        if self.unknown || self.shown.area != next.area {
            out.extend_from_slice(b"\x1b[0m\x1b[r\x1b[?25l\x1b[2J");
            self.shown = Buffer::empty(next.area);
            self.cursor = None;
            self.unknown = false;
            pen = Pen::reset();
        } else if let Some(shift) = scroll::find(&self.shown, &next) {
            scroll::apply(&mut out, &mut self.shown, shift);
        }
        self.write_cells(&mut out, &next, &mut pen);
        std::mem::swap(&mut self.shown, &mut next);
        self.place_cursor(&mut out, cursor);
        if out.is_empty() {
            return out;
        }
        let mut frame = Vec::with_capacity(out.len() + 24);
        frame.extend_from_slice(BEGIN);
        frame.extend_from_slice(&out);
        if pen.is_set() {
            frame.extend_from_slice(b"\x1b[0m");
        }
        frame.extend_from_slice(END);
        frame
    }

    fn write_cells(&self, out: &mut Vec<u8>, next: &Buffer, pen: &mut Pen) {
        let updates = self.shown.diff(next);
        let mut at: Option<Position> = None;
        let mut i = 0;
        while i < updates.len() {
            let (x, y, cell) = updates[i];
            go(out, at, Position::new(x, y));
            pen.set(out, cell);
            let blanks = self.blank_run(&updates[i..]);
            let to_edge = usize::from(x) + blanks == usize::from(next.area.right());
            if blanks > if to_edge { 3 } else { 10 } {
                // The ground is enough: one short sequence instead of a row of spaces.
                if to_edge {
                    out.extend_from_slice(b"\x1b[K");
                } else {
                    let _ = write!(out, "\x1b[{blanks}X");
                }
                at = Some(Position::new(x, y));
                i += blanks;
                continue;
            }
            out.extend_from_slice(cell.symbol().as_bytes());
            let ascii = cell.symbol().len() == 1;
            let width = if ascii { 1 } else { cell.symbol().width().max(1) as u16 };
            // Terminals disagree about the width of what is not a plain letter: say the next place anew.
            let plain = ascii || (width == 1 && cell.symbol().chars().count() == 1);
            at = (plain && x + width < next.area.right()).then(|| Position::new(x + width, y));
            i += 1;
        }
    }

    /// How many updates from here are blank cells side by side in one style that erasing can make.
    fn blank_run(&self, updates: &[(u16, u16, &Cell)]) -> usize {
        if !self.erases_with_ground {
            return 0;
        }
        let (x, y, first) = updates[0];
        let same = |(n, (cx, cy, cell)): &(usize, &(u16, u16, &Cell))| {
            *cy == y && usize::from(*cx) == usize::from(x) + n && cell.symbol() == " " && style::erasable(first, cell)
        };
        updates.iter().enumerate().take_while(same).count()
    }

    fn place_cursor(&mut self, out: &mut Vec<u8>, cursor: Option<Position>) {
        match (cursor, self.cursor) {
            (None, None) => {}
            (None, Some(_)) => out.extend_from_slice(b"\x1b[?25l"),
            (Some(p), before) => {
                if !out.is_empty() || before != cursor {
                    let _ = write!(out, "\x1b[{};{}H", p.y + 1, p.x + 1);
                }
                if before.is_none() {
                    out.extend_from_slice(b"\x1b[?25h");
                }
            }
        }
        self.cursor = cursor;
    }
}

/// The shortest way from where the terminal writes next to `to`.
fn go(out: &mut Vec<u8>, from: Option<Position>, to: Position) {
    let _ = match from {
        Some(p) if p == to => Ok(()),
        Some(p) if p.y == to.y && to.x == p.x + 1 => write!(out, "\x1b[C"),
        Some(p) if p.y == to.y && to.x > p.x => write!(out, "\x1b[{}C", to.x - p.x),
        _ if to.x == 0 => write!(out, "\x1b[{}H", to.y + 1),
        _ => write!(out, "\x1b[{};{}H", to.y + 1, to.x + 1),
    };
}

#[cfg(test)]
mod tests;
