//! A table: columns as wide as they must be, cells broken into lines where there is not the room.

use super::words::Words;
use crate::ui::code::Line;
use crate::ui::{Role, text};
use pulldown_cmark::Alignment;

pub(super) struct Table {
    alignments: Vec<Alignment>,
    rows: Vec<Vec<Words>>,
}

/// The cells between two columns.
const GAP: usize = 2;

impl Table {
    pub(super) fn new(alignments: Vec<Alignment>) -> Self {
        Self { alignments, rows: Vec::new() }
    }
    pub(super) fn row(&mut self) {
        self.rows.push(Vec::new());
    }
    pub(super) fn cell(&mut self, words: Words) {
        let head = self.rows.len() == 1;
        if let Some(row) = self.rows.last_mut() {
            row.push(if head { words.in_role(Role::Strong) } else { words });
        }
    }

    /// The widths of the columns in the room there is: the widest give first.
    fn widths(&self, room: usize) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let natural = |n: usize| self.rows.iter().filter_map(|r| r.get(n)).map(Words::natural).max().unwrap_or(0);
        let mut widths: Vec<usize> = (0..columns).map(|n| natural(n).max(1)).collect();
        let gaps = GAP * columns.saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > room {
            let Some(widest) = widths.iter_mut().max().filter(|w| **w > 3) else { break };
            *widest -= 1;
        }
        widths
    }

    pub(super) fn lay(self, room: usize) -> Vec<Line> {
        let widths = self.widths(room);
        let mut out = Vec::new();
        for (n, row) in self.rows.into_iter().enumerate() {
            let mut cells: Vec<Vec<Line>> = row.into_iter().zip(&widths).map(|(words, w)| words.wrap(*w)).collect();
            cells.resize(widths.len(), Vec::new());
            let high = cells.iter().map(Vec::len).max().unwrap_or(1);
            for y in 0..high {
                let mut line = Line::new();
                for (x, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                    let parts = cell.get(y).cloned().unwrap_or_default();
                    let used: usize = parts.iter().map(|(words, _)| text::width(words)).sum();
                    let free = width.saturating_sub(used);
                    let before = match self.alignments.get(x) {
                        Some(Alignment::Right) => free,
                        Some(Alignment::Center) => free / 2,
                        _ => 0,
                    };
                    line.push((" ".repeat(before), Role::Text));
                    line.extend(parts);
                    let after = free - before + if x + 1 < widths.len() { GAP } else { 0 };
                    line.push((" ".repeat(after), Role::Text));
                }
                line.retain(|(words, _)| !words.is_empty());
                out.push(cut(line, room));
            }
            if n == 0 {
                let rule: Vec<String> = widths.iter().map(|w| "─".repeat(*w)).collect();
                out.push(cut(vec![(rule.join("  "), Role::Rule)], room));
            }
        }
        out
    }
}

/// A line at its edge: columns of three cells each that still do not fit are cut with a mark.
fn cut(line: Line, room: usize) -> Line {
    let mut left = room;
    let mut out = Line::new();
    for (words, role) in line {
        let shown = text::truncate(&words, left).into_owned();
        left = left.saturating_sub(text::width(&shown));
        let whole = shown.len() == words.len();
        out.push((shown, role));
        if !whole {
            break;
        }
    }
    out
}
