//! A long text in parts, of which only those on the screen are laid out: messages, a code block, a pattern.

use crate::conversation::Kind;
use crate::ui::code::Line;
use crate::ui::markdown::{self, Page};
use crate::ui::{Role, text};
use std::collections::{BTreeMap, VecDeque};
use uuid::Uuid;

/// A part: a message, say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub kind: Kind,
    pub id: Uuid,
    /// Its first line.
    pub head: Line,
    pub body: Body,
    /// Its place among the others, where there are more.
    pub place: (String, Uuid),
}

/// What an item holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Markdown(String),
    Code { language: String, source: String },
}

impl Body {
    fn text(&self) -> &str {
        match self {
            Self::Markdown(text) | Self::Code { source: text, .. } => text,
        }
    }
}

impl Item {
    /// All of its text, for the clipboard.
    pub(super) fn text(&self) -> &str {
        self.body.text()
    }
}

/// So many items are held; more are read when they are needed.
const HELD: usize = 300;
/// So many bytes of text are held.
const BYTES: usize = 4 << 20;
/// So many items stay laid out.
const LAID: usize = 40;
/// So near to an end more are read.
const NEAR: usize = 8;

/// The items that are held, and where one is in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    items: VecDeque<Item>,
    /// Whether there are more before and behind.
    pub more: [bool; 2],
    width: usize,
    height: usize,
    /// The first line on the screen.
    top: (usize, usize),
    /// The item one is at, and the code in it.
    at: (usize, Option<usize>),
    laid: BTreeMap<Uuid, Page>,
}

impl Document {
    pub(super) fn new(items: Vec<Item>, more: [bool; 2], width: usize, height: usize) -> Self {
        let mut new = Self { items: items.into(), more, width: width.max(4), height, ..Self::default() };
        new.settle();
        new
    }
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
    pub(super) fn current(&self) -> Option<&Item> {
        self.items.get(self.at.0)
    }
    /// The code one is at: the one gone to, or else the first on the screen of this item.
    pub(super) fn code(&self) -> Option<&str> {
        let page = self.laid.get(&self.current()?.id)?;
        let first = if self.top.0 == self.at.0 { self.top.1 } else { 0 };
        let seen = || page.codes.iter().position(|c| c.lines.end + 1 > first);
        page.codes.get(self.at.1.or_else(seen)?).map(|c| c.text.as_str())
    }
    pub(super) fn resize(&mut self, width: usize, height: usize) {
        if self.width != width.max(4) {
            self.width = width.max(4);
            self.laid.clear();
        }
        self.height = height;
        self.settle();
    }
    /// The lines of an item: its head, its text, and an empty one.
    fn high(&mut self, index: usize) -> usize {
        let Some(item) = self.items.get(index) else { return 0 };
        let cells = self.width.saturating_sub(2);
        let page = self.laid.entry(item.id).or_insert_with(|| match &item.body {
            Body::Markdown(text) => markdown::lay(text, cells),
            Body::Code { language, source } => markdown::lay_code(language, source, cells),
        });
        page.lines.len() + 2
    }
    /// Moves by lines.
    pub(super) fn scroll(&mut self, by: i64) {
        for _ in 0..by.unsigned_abs() {
            if by > 0 {
                self.top.1 += 1;
                if self.top.1 >= self.high(self.top.0) && self.top.0 + 1 < self.items.len() {
                    self.top = (self.top.0 + 1, 0);
                }
            } else if self.top.1 > 0 {
                self.top.1 -= 1;
            } else if self.top.0 > 0 {
                self.top.0 -= 1;
                self.top.1 = self.high(self.top.0) - 1;
            }
        }
        self.settle();
        // One is at what is on the screen.
        let last = self.last_on_screen();
        if !(self.top.0..=last).contains(&self.at.0) || self.at.1.is_none() {
            let begins = self.top.0 + usize::from(self.top.1 + 3 > self.high(self.top.0));
            self.at = (self.at.0.clamp(begins.min(last), last), None);
            if by != 0 {
                self.at.0 = begins.min(last);
            }
        }
    }
    fn last_on_screen(&mut self) -> usize {
        let (mut index, mut left) = (self.top.0, self.height);
        let mut from = self.top.1;
        while index + 1 < self.items.len() {
            let lines = self.high(index).saturating_sub(from);
            if lines >= left {
                break;
            }
            left -= lines;
            from = 0;
            index += 1;
        }
        index
    }
    /// Keeps the screen full at the end, lays out what it shows and lets go of what is far away.
    fn settle(&mut self) {
        self.top.0 = self.top.0.min(self.items.len().saturating_sub(1));
        let (mut index, mut lines) = (self.top.0, 0);
        let over = self.top.1;
        while index < self.items.len() && lines < self.height + over {
            lines += self.high(index);
            index += 1;
        }
        // The empty line after the last item need not be seen.
        let mut missing = (self.height + over).saturating_sub(lines.saturating_sub(1));
        while missing > 0 && self.top != (0, 0) {
            if self.top.1 > 0 {
                let step = missing.min(self.top.1);
                self.top.1 -= step;
                missing -= step;
            } else {
                self.top.0 -= 1;
                self.top.1 = self.high(self.top.0);
            }
        }
        if self.laid.len() > LAID {
            let near = self.top.0.saturating_sub(LAID / 4)..index + LAID / 4;
            let kept: Vec<Uuid> =
                self.items.iter().enumerate().filter(|(n, _)| near.contains(n)).map(|(_, i)| i.id).collect();
            self.laid.retain(|id, _| kept.contains(id));
        }
    }
    /// To the next item, or the one before.
    pub(super) fn step(&mut self, forward: bool) {
        let to = if forward { self.at.0 + 1 } else { self.at.0.saturating_sub(1) };
        self.go(to.min(self.items.len().saturating_sub(1)), None);
    }
    /// To the next code, or the one before; whether there is one among the items held.
    pub(super) fn step_code(&mut self, forward: bool) -> bool {
        let (mut index, mut code) = self.at;
        loop {
            self.high(index);
            let codes = self.items.get(index).and_then(|i| self.laid.get(&i.id)).map_or(0, |p| p.codes.len());
            let next = match (forward, code) {
                (true, None) => Some(0),
                (true, Some(n)) => Some(n + 1),
                (false, None) => None,
                (false, Some(n)) => n.checked_sub(1),
            };
            if let Some(n) = next.filter(|n| *n < codes) {
                self.go(index, Some(n));
                return true;
            }
            if forward {
                index += 1;
                code = None;
            } else {
                let Some(before) = index.checked_sub(1) else { return false };
                index = before;
                self.high(index);
                code = self.items.get(index).and_then(|i| self.laid.get(&i.id)).map(|p| p.codes.len());
            }
            if index >= self.items.len() {
                return false;
            }
        }
    }
    /// To an item held.
    pub(super) fn go_to(&mut self, id: Uuid) -> bool {
        let found = self.items.iter().position(|item| item.id == id);
        if let Some(index) = found {
            self.go(index, None);
        }
        found.is_some()
    }
    /// To the first or the last of those held.
    pub(super) fn go_end(&mut self, last: bool) {
        self.go(if last { self.items.len().saturating_sub(1) } else { 0 }, None);
        if last {
            self.scroll_to_end();
        }
    }
    fn scroll_to_end(&mut self) {
        self.top = (self.items.len().saturating_sub(1), usize::MAX / 4);
        let lines = self.high(self.top.0);
        self.top.1 = lines;
        self.settle();
    }
    fn go(&mut self, index: usize, code: Option<usize>) {
        self.at = (index, code);
        self.high(index);
        let page = self.items.get(index).and_then(|i| self.laid.get(&i.id));
        let line = code.and_then(|n| Some(page?.codes.get(n)?.lines.start)).unwrap_or(0);
        self.top = (index, line);
        self.settle();
    }
    /// What is to be read before one gets to an end: behind it (`true`) or before it.
    pub(super) fn wants(&self) -> Option<(bool, (String, Uuid))> {
        if self.more[1] && self.items.len().saturating_sub(self.at.0.max(self.top.0)) <= NEAR {
            return self.items.back().map(|i| (true, i.place.clone()));
        }
        if self.more[0] && self.at.0.min(self.top.0) < NEAR {
            return self.items.front().map(|i| (false, i.place.clone()));
        }
        None
    }
    /// Adds items at an end and lets go of as many at the other.
    pub(super) fn grow(&mut self, forward: bool, items: Vec<Item>, more: bool) {
        if forward {
            self.items.extend(items);
            self.more[1] = more;
            while self.is_full() && self.top.0.min(self.at.0) > NEAR {
                self.items.pop_front();
                self.top.0 -= 1;
                self.at.0 -= 1;
                self.more[0] = true;
            }
        } else {
            let added = items.len();
            for item in items.into_iter().rev() {
                self.items.push_front(item);
            }
            self.top.0 += added;
            self.at.0 += added;
            self.more[0] = more;
            while self.is_full() && self.items.len() > self.top.0.max(self.at.0) + NEAR * 2 {
                self.items.pop_back();
                self.more[1] = true;
            }
        }
        self.settle();
    }
    fn is_full(&self) -> bool {
        self.items.len() > HELD || self.items.iter().map(|i| i.text().len()).sum::<usize>() > BYTES
    }
    /// The lines on the screen: each with whether it belongs to what one is at.
    pub(super) fn screen(&self) -> Vec<(Line, bool)> {
        let mut out = Vec::new();
        let (mut index, mut skip) = self.top;
        while out.len() < self.height
            && let Some(item) = self.items.get(index)
        {
            let Some(page) = self.laid.get(&item.id) else { break };
            let head = std::iter::once((item.head.clone(), self.at == (index, None)));
            let code = self.at.1.filter(|_| self.at.0 == index).and_then(|n| page.codes.get(n));
            let body =
                page.lines.iter().enumerate().map(|(n, line)| (line.clone(), code.is_some_and(|c| c.lines.start == n)));
            let all = head.chain(body).chain(std::iter::once((Line::new(), false)));
            out.extend(all.skip(skip).take(self.height - out.len()));
            skip = 0;
            index += 1;
        }
        out
    }
    /// How much stands before the screen, of a thousand, by the items held.
    pub(super) fn share(&self) -> Option<usize> {
        let all = self.items.len();
        (all > 0 && (self.more != [false; 2] || self.top != (0, 0) || self.last_shown() + 1 < all))
            .then(|| (self.top.0 * 1000 / all).min(1000))
    }
    fn last_shown(&self) -> usize {
        let mut left = self.height + self.top.1;
        for (n, item) in self.items.iter().enumerate().skip(self.top.0) {
            let high = self.laid.get(&item.id).map_or(0, |p| p.lines.len() + 2);
            if high >= left {
                return n;
            }
            left -= high;
        }
        self.items.len()
    }
}

/// A line with what was found in it in another role.
pub(super) fn marked(line: Line, marker: &crate::conversation::snippet::Marker) -> Line {
    let words: String = line.iter().map(|(w, _)| w.as_str()).collect();
    let found = marker.find(&words);
    if found.is_empty() {
        return line;
    }
    let mut out = Line::new();
    let mut at = 0;
    for (part, role) in line {
        let end = at + part.len();
        let mut from = at;
        for mark in found.iter().filter(|m| m.start < end && m.end > at) {
            let (start, stop) = (mark.start.max(at), mark.end.min(end));
            out.push((words[from..start].to_owned(), role));
            out.push((words[start..stop].to_owned(), Role::Match));
            from = stop;
        }
        out.push((words[from..end].to_owned(), role));
        at = end;
    }
    out.retain(|(w, _)| !w.is_empty());
    out
}

/// The first words of a text on one line, safe.
pub(super) fn flat(text: &str) -> String {
    text::safe(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}
