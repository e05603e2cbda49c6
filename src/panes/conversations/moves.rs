//! What the cursor, the mouse and the wheel do.

use super::levels::Shown;
use super::view::zones;
use super::{Ask, Conversations};
use crate::conversation::From;
use crate::ui::{Move, Step};

impl Conversations {
    pub(super) fn step(&mut self, step: Move) -> Step<Self> {
        let by = self.page_of(step);
        if self.levels.is_empty() {
            if self.list.choosing.is_some() {
                self.list.step_choice(by.unwrap_or(match step {
                    Move::First => -10_000,
                    Move::Last => 10_000,
                    _ => 0,
                }));
                if step == Move::Right {
                    self.list.choosing = None;
                }
                return Vec::new();
            }
            match (by, step) {
                (Some(by), _) => self.list.step(by),
                (None, Move::First | Move::Last) => {
                    let last = step == Move::Last;
                    if !self.list.go_end(last) {
                        self.list.forget();
                        return vec![self.read_list(None, last, false)];
                    }
                }
                (None, Move::Right) => return self.open(),
                (None, _) => return self.facets(),
            }
            return self.after_move();
        }
        self.step_level(step, by)
    }

    fn step_level(&mut self, step: Move, by: Option<i64>) -> Step<Self> {
        if step == Move::Left {
            return self.back();
        }
        let page = self.page();
        let Some(level) = self.levels.last_mut() else { return Vec::new() };
        match &mut level.shown {
            Shown::Reading { id, about, document, loading, .. } => {
                match (by, step) {
                    (Some(by), _) => document.scroll(by),
                    (None, Move::First | Move::Last) => {
                        let last = step == Move::Last;
                        if document.more[usize::from(last)] {
                            let Some(about) = about else { return Vec::new() };
                            *loading = true;
                            let from = if last { From::End } else { From::Start };
                            let ask = Ask::More { id: *id, side: about.side, from };
                            return vec![self.run(ask)];
                        }
                        document.go_end(last);
                    }
                    _ => {}
                }
                self.read_on()
            }
            Shown::Text { document, .. } => {
                match (by, step) {
                    (Some(by), _) => document.scroll(by),
                    (None, Move::First | Move::Last) => document.go_end(step == Move::Last),
                    _ => {}
                }
                Vec::new()
            }
            Shown::Blocks { rows: Some(rows), at, pages, more, filter, .. } => {
                let to = *at as i64 + by.unwrap_or(0);
                let last = rows.len() as i64 - 1;
                if to > last && *at as i64 == last && *more {
                    // The next page; its place is the last row of this one.
                    pages.push(rows.last().map(|b| b.id));
                    *at = 0;
                } else if to < 0 && *at == 0 && pages.len() > 1 {
                    pages.pop();
                    *at = usize::from(super::work::BLOCKS);
                } else {
                    *at = match step {
                        Move::First => 0,
                        Move::Last => rows.len().saturating_sub(1),
                        Move::Right => return self.open(),
                        _ => usize::try_from(to.clamp(0, last.max(0))).unwrap_or(0),
                    };
                    self.look();
                    return Vec::new();
                }
                let ask = Ask::Blocks { filter: filter.clone(), after: pages.last().copied().flatten() };
                vec![self.run(ask)]
            }
            Shown::Patterns { rows: Some(rows), at, .. } => {
                if step == Move::Right {
                    return self.open();
                }
                *at = step.within(*at, rows.len(), page);
                self.look();
                Vec::new()
            }
            Shown::Results { results: Some(Ok(found)), at, .. } => {
                if step == Move::Right {
                    return self.open();
                }
                // A result takes three rows.
                *at = step.within(*at, found.results.len(), (page / 3).max(1));
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// After the cursor of the list moved: more rows where it comes near an end, and the preview.
    pub(super) fn after_move(&mut self) -> Step<Self> {
        let mut effects = Vec::new();
        if let Some((from, back)) = self.list.wants().filter(|_| !self.list.waiting) {
            effects.push(self.read_list(Some(from), back, true));
        }
        effects.extend(self.follow());
        effects
    }

    pub(super) fn click(&mut self, zone: &'static str, index: usize, double: bool) -> Step<Self> {
        match zone {
            zones::LIST => {
                self.list.choosing = None;
                self.list.select(index);
                if double { self.open() } else { self.after_move() }
            }
            zones::FACETS => {
                self.list.choosing = Some(index);
                self.choose()
            }
            zones::ROWS => {
                if let Some(Shown::Blocks { at, .. } | Shown::Patterns { at, .. } | Shown::Results { at, .. }) =
                    self.levels.last_mut().map(|l| &mut l.shown)
                {
                    *at = index;
                }
                self.look();
                if double { self.open() } else { Vec::new() }
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn scroll(&mut self, zone: Option<&'static str>, lines: i32) -> Step<Self> {
        if zone == Some(zones::PREVIEW) {
            if let Some((_, document)) = &mut self.preview.shown {
                document.scroll(i64::from(lines));
            }
            return Vec::new();
        }
        if self.document().is_some() {
            return self.in_document(|d| d.scroll(i64::from(lines)));
        }
        self.step(if lines < 0 { Move::Up } else { Move::Down })
    }
}
