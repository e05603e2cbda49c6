//! The part of a long list that is held: around the cursor, bounded, growing at either edge and shrinking at the other.
//!
//! Rows have a number that stays while they are held, so that what is on the screen stays where it is when rows come
//! before it or a refresh replaces them.

use crate::queue::{Anchor, Entry, Page};
use std::collections::VecDeque;
use std::time::Duration;

/// Rows read before anything is shown: a large screen full.
pub(super) const FIRST: u16 = 80;
/// Rows read at once.
pub(super) const PAGE: u16 = 200;
/// Rows held at most.
pub(super) const HELD: usize = 1_000;
/// So near to an edge the next page is asked for: several screens, so that it is there before a held key arrives.
const NEAR: i64 = 200;
/// Rows read around the cursor by a refresh, and how many of them before the first row on the screen: neither edge is near then.
pub(super) const AROUND: u16 = 500;
const AROUND_BEFORE: i64 = 220;

/// A row with the time when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub entry: Entry,
    pub at: Duration,
}

/// Which way the list grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Before what is held.
    Front,
    /// Behind it.
    Back,
}

/// The rows that are held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    rows: VecDeque<Held>,
    /// The number of the first row.
    base: i64,
    /// The number of the row under the cursor.
    cursor: i64,
    /// Whether the list goes on before and behind.
    more: [bool; 2],
    /// Steps that wait for rows still being read.
    owed: i64,
}

impl Window {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
    pub(super) fn row(&self, index: usize) -> Option<&Held> {
        self.rows.get(index)
    }
    /// The number of the first row held.
    pub(super) fn base(&self) -> i64 {
        self.base
    }
    /// The place of the cursor among the rows held.
    pub(super) fn index(&self) -> Option<usize> {
        (!self.rows.is_empty()).then(|| usize::try_from(self.cursor - self.base).unwrap_or(0).min(self.rows.len() - 1))
    }
    pub(super) fn selected(&self) -> Option<&Entry> {
        self.index().map(|index| &self.rows[index].entry)
    }
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.rows.iter().map(|held| &held.entry)
    }
    /// Whether all of the list is held.
    pub(super) fn is_whole(&self) -> bool {
        self.more == [false; 2]
    }
    fn end(&self) -> i64 {
        self.base + self.rows.len() as i64
    }

    /// Replaces all rows by a page that was read from `anchor`; the cursor goes to its first row, or its last.
    pub(super) fn replace(&mut self, page: Page, anchor: &Anchor, at: Duration) {
        let backwards = matches!(anchor, Anchor::Last | Anchor::Before(_));
        self.base = 0;
        self.more = match anchor {
            Anchor::First => [false, page.more],
            Anchor::Last => [page.more, false],
            Anchor::Before(_) => [page.more, true],
            Anchor::After(_) | Anchor::From(_) | Anchor::Share(_) => [true, page.more],
        };
        self.rows = page.entries.into_iter().map(|entry| Held { entry, at }).collect();
        self.cursor = if backwards { self.end() - 1 } else { 0 };
        self.owed = 0;
    }

    /// Adds a page at an edge and lets go of as many rows at the other.
    pub(super) fn grow(&mut self, edge: Edge, page: Page, at: Duration) {
        let rows = page.entries.into_iter().map(|entry| Held { entry, at });
        match edge {
            Edge::Back => {
                self.rows.extend(rows);
                self.more[1] = page.more;
                while self.rows.len() > HELD && self.base < self.cursor {
                    self.rows.pop_front();
                    self.base += 1;
                    self.more[0] = true;
                }
            }
            Edge::Front => {
                for held in rows.rev() {
                    self.rows.push_front(held);
                    self.base -= 1;
                }
                self.more[0] = page.more;
                while self.rows.len() > HELD && self.end() - 1 > self.cursor {
                    self.rows.pop_back();
                    self.more[1] = true;
                }
            }
        }
        let owed = std::mem::take(&mut self.owed);
        self.step(owed);
    }

    /// Takes rows read again around the cursor. The row under the cursor keeps its number, and so its place on the
    /// screen; if it is gone, the one that took its place in the order is next to it.
    pub(super) fn renew(&mut self, page: Page, from_start: bool, at: Duration) {
        let selected = self.selected().map(|entry| entry.id);
        // The nearest row, after or before, that is still there.
        let survivor = {
            let index = self.index().unwrap_or(0);
            let there = |held: &Held| page.entries.iter().position(|entry| entry.id == held.entry.id);
            let after = self.rows.iter().enumerate().skip(index).find_map(|(n, held)| Some((n, there(held)?)));
            after.or_else(|| {
                self.rows.iter().enumerate().take(index).rev().find_map(|(n, held)| Some((n, there(held)?)))
            })
        };
        let (old, new) = survivor.unwrap_or((0, 0));
        let kept = survivor.is_some_and(|(n, _)| self.rows.get(n).map(|held| held.entry.id) == selected);
        let number = self.base + old as i64;
        self.more = [!from_start, page.more];
        self.rows = page.entries.into_iter().map(|entry| Held { entry, at }).collect();
        if survivor.is_some() {
            // A row that took the place of the lost one stands where the lost one stood.
            let stands = if kept { number } else { self.cursor };
            self.base = stands - new as i64;
            self.cursor = stands;
        } else {
            self.base = 0;
            self.cursor = 0;
        }
        self.cursor = self.cursor.clamp(self.base, (self.end() - 1).max(self.base));
    }

    /// Moves the cursor; what lies beyond the rows held is owed until they are there.
    pub(super) fn step(&mut self, by: i64) {
        if self.rows.is_empty() {
            return;
        }
        let wanted = self.cursor + by;
        self.cursor = wanted.clamp(self.base, self.end() - 1);
        let left = wanted - self.cursor;
        let goes_on = if left > 0 { self.more[1] } else { self.more[0] };
        self.owed = if goes_on { left.clamp(-(HELD as i64), HELD as i64) } else { 0 };
    }

    /// Puts the cursor on a row held.
    pub(super) fn select(&mut self, index: usize) {
        self.cursor = self.base + index.min(self.rows.len().saturating_sub(1)) as i64;
        self.owed = 0;
    }

    /// To an end, if it is held; else the caller must read it.
    pub(super) fn go_to_end(&mut self, edge: Edge) -> bool {
        let held = match edge {
            Edge::Front => !self.more[0],
            Edge::Back => !self.more[1],
        };
        if held && !self.rows.is_empty() {
            self.cursor = if edge == Edge::Front { self.base } else { self.end() - 1 };
            self.owed = 0;
        }
        held
    }

    /// The page that should be read before the cursor gets to an edge.
    pub(super) fn wants(&self) -> Option<(Edge, Anchor)> {
        let (first, last) = (self.rows.front()?, self.rows.back()?);
        if self.more[1] && self.end() - self.cursor < NEAR {
            return Some((Edge::Back, Anchor::After(last.entry.key.clone())));
        }
        if self.more[0] && self.cursor - self.base < NEAR {
            return Some((Edge::Front, Anchor::Before(first.entry.key.clone())));
        }
        None
    }

    /// Where to read again from, and whether that is the list's beginning.
    pub(super) fn around(&self) -> (Anchor, bool) {
        let index = self.cursor - self.base - AROUND_BEFORE;
        match usize::try_from(index).ok().filter(|index| *index > 0).and_then(|index| self.rows.get(index)) {
            Some(held) => (Anchor::From(held.entry.key.clone()), false),
            None if self.more[0] => match self.rows.front() {
                Some(held) => (Anchor::From(held.entry.key.clone()), false),
                None => (Anchor::First, true),
            },
            None => (Anchor::First, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panes::queue::samples::entry;

    fn page(numbers: std::ops::Range<u32>, more: bool) -> Page {
        Page { entries: numbers.map(entry).collect(), more }
    }

    fn window(numbers: std::ops::Range<u32>, more: bool) -> Window {
        let mut window = Window::default();
        window.replace(page(numbers, more), &Anchor::First, Duration::ZERO);
        window
    }

    fn numbers(window: &Window) -> Vec<u32> {
        window.entries().map(|e| e.attempts as u32).collect()
    }

    #[test]
    fn paging_down_a_million_rows_holds_a_thousand() {
        let mut window = window(0..200, true);
        let mut read = 200;
        for _ in 0..5_000 {
            window.step(37);
            while let Some((edge, anchor)) = window.wants() {
                assert_eq!(edge, Edge::Back);
                assert_eq!(anchor, Anchor::After(entry(read - 1).key));
                window.grow(edge, page(read..read + 200, true), Duration::ZERO);
                read += 200;
            }
            assert!(window.len() <= HELD);
        }
        assert_eq!(window.selected().unwrap().attempts, 5_000 * 37);
        assert!(window.more[0]);
    }

    #[test]
    fn and_up_again_to_the_very_first() {
        let mut window = Window::default();
        window.replace(page(9_800..10_000, true), &Anchor::Last, Duration::ZERO);
        assert_eq!(window.selected().unwrap().attempts, 9_999);
        for _ in 0..300 {
            window.step(-50);
            while let Some((edge, _)) = window.wants() {
                assert_eq!(edge, Edge::Front);
                let first = numbers(&window)[0];
                window.grow(edge, page(first.saturating_sub(200)..first, first > 200), Duration::ZERO);
            }
        }
        assert_eq!(window.selected().unwrap().attempts, 0);
        assert!(window.go_to_end(Edge::Front) && !window.go_to_end(Edge::Back));
    }

    #[test]
    fn steps_beyond_what_is_read_are_owed() {
        let mut window = window(0..200, true);
        window.step(260);
        assert_eq!(window.selected().unwrap().attempts, 199);
        window.grow(Edge::Back, page(200..400, false), Duration::ZERO);
        assert_eq!(window.selected().unwrap().attempts, 260);
        window.step(1_000);
        assert_eq!(window.selected().unwrap().attempts, 399);
        assert_eq!(window.owed, 0, "there is nothing more to owe");
    }

    #[test]
    fn a_refresh_keeps_the_row_and_its_place() {
        let mut window = window(0..200, true);
        window.step(50);
        let (number, id) = (window.cursor, window.selected().unwrap().id);
        // Ten rows before it are gone, and new ones came behind.
        let entries = (10..250).map(entry).collect();
        window.renew(Page { entries, more: true }, true, Duration::ZERO);
        assert_eq!((window.cursor, window.selected().unwrap().id), (number, id));
        assert_eq!(window.index(), Some(40));
    }

    #[test]
    fn a_refresh_without_the_row_goes_to_what_took_its_place() {
        let mut window = window(0..200, false);
        window.step(50);
        let number = window.cursor;
        let entries = (0..200).filter(|n| *n != 50).map(entry).collect();
        window.renew(Page { entries, more: false }, true, Duration::ZERO);
        assert_eq!((window.cursor, window.selected().unwrap().attempts), (number, 51));
        window.go_to_end(Edge::Back);
        window.renew(page(0..100, false), true, Duration::ZERO);
        assert_eq!(window.selected().unwrap().attempts, 99);
        window.renew(page(0..0, false), true, Duration::ZERO);
        assert_eq!(window.selected(), None);
        window.step(5);
        window.renew(page(0..3, false), true, Duration::ZERO);
        assert_eq!(window.selected().unwrap().attempts, 0);
    }

    #[test]
    fn a_refresh_reads_from_before_the_screen() {
        let mut window = window(0..400, true);
        assert_eq!(window.around(), (Anchor::First, true));
        window.step(300);
        assert_eq!(window.around(), (Anchor::From(entry(80).key), false));
    }
}
