//! The list: what narrows it, its order, and the part of it that is held around the cursor.

use crate::conversation::{Facets, Filter, Key, Listed, Listing, Presence, Sort, Whereabouts};
use crate::postgres::Side;
use crate::ui::Now;
use chrono::{DateTime, SecondsFormat, Utc};
use std::collections::{BTreeMap, VecDeque};
use uuid::Uuid;

/// Rows read at once.
pub(super) const PAGE: u16 = 80;
/// Rows held at most.
const HELD: usize = 400;
/// So near to an end the next page is read.
const NEAR: usize = 40;

/// Since when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum When {
    #[default]
    Ever,
    Day,
    Week,
    Month,
    Year,
}

impl When {
    const ALL: [Self; 5] = [Self::Ever, Self::Day, Self::Week, Self::Month, Self::Year];

    fn name(self) -> &'static str {
        match self {
            Self::Ever => "any time",
            Self::Day => "24 hours",
            Self::Week => "7 days",
            Self::Month => "30 days",
            Self::Year => "a year",
        }
    }
    fn hours(self) -> Option<i64> {
        match self {
            Self::Ever => None,
            Self::Day => Some(24),
            Self::Week => Some(24 * 7),
            Self::Month => Some(24 * 30),
            Self::Year => Some(24 * 365),
        }
    }
}

/// What narrows the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Narrow {
    pub side: Option<Side>,
    pub user: Option<String>,
    pub context: Option<String>,
    pub language: Option<String>,
    pub code: Option<bool>,
    pub when: When,
}

impl Narrow {
    pub(super) fn filter(&self, now: Now) -> Filter {
        let since = self.when.hours().map(|hours| DateTime::<Utc>::from(now.wall) - chrono::Duration::hours(hours));
        Filter {
            user: self.user.clone(),
            context: self.context.clone(),
            language: self.language.clone(),
            since: since.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true)),
            has_code: self.code,
            ..Filter::default()
        }
    }
    /// What it says in words; nothing where everything is listed.
    pub(super) fn words(&self) -> Vec<String> {
        let mut out: Vec<String> = self.side.iter().map(|side| format!("on the {side}")).collect();
        out.extend([&self.user, &self.context, &self.language].into_iter().flatten().cloned());
        out.extend(self.code.map(|code| if code { "with code" } else { "without code" }.to_owned()));
        out.extend((self.when != When::Ever).then(|| format!("last {}", self.when.name().trim_start_matches("a "))));
        out
    }
}

/// A line of the facets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Head(&'static str),
    Side(Option<Side>),
    User(String, i64),
    Context(String, i64),
    Language(String, i64),
    Code(Option<bool>),
    When(When),
}

impl Choice {
    pub(super) fn is_chosen(&self, by: &Narrow) -> bool {
        match self {
            Self::Head(_) => false,
            Self::Side(side) => by.side == *side,
            Self::User(user, _) => by.user.as_ref() == Some(user),
            Self::Context(context, _) => by.context.as_ref() == Some(context),
            Self::Language(language, _) => by.language.as_ref() == Some(language),
            Self::Code(code) => by.code == *code,
            Self::When(when) => by.when == *when,
        }
    }
    pub(super) fn words(&self) -> (String, Option<i64>) {
        match self {
            Self::Head(name) => ((*name).to_owned(), None),
            Self::Side(side) => (side.map_or("both".to_owned(), |s| s.to_string()), None),
            Self::User(v, n) | Self::Context(v, n) | Self::Language(v, n) => (v.clone(), Some(*n)),
            Self::Code(None) => ("with and without".to_owned(), None),
            Self::Code(Some(true)) => ("with code".to_owned(), None),
            Self::Code(Some(false)) => ("without code".to_owned(), None),
            Self::When(when) => (when.name().to_owned(), None),
        }
    }
}

/// The list.
#[derive(Debug, Default)]
pub(super) struct List {
    pub narrow: Narrow,
    pub sort: Sort,
    rows: VecDeque<Listed>,
    /// The number of the first row held: rows keep theirs while others come before them.
    pub base: i64,
    pub cursor: i64,
    /// Where more is to be read, before and behind.
    ends: [Option<Key>; 2],
    /// The question whose answer is waited for; answers to older ones are dropped.
    pub question: u64,
    pub waiting: bool,
    pub read: bool,
    pub fault: Option<String>,
    pub queue_partly: bool,
    pub facets: Option<Facets>,
    /// The facets have the keys, at this line.
    pub choosing: Option<usize>,
}

impl List {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
    pub(super) fn rows(&self) -> impl Iterator<Item = &Listed> {
        self.rows.iter()
    }
    pub(super) fn row(&self, index: usize) -> Option<&Listed> {
        self.rows.get(index)
    }
    pub(super) fn index(&self) -> Option<usize> {
        (!self.rows.is_empty()).then(|| usize::try_from(self.cursor - self.base).unwrap_or(0).min(self.rows.len() - 1))
    }
    pub(super) fn selected(&self) -> Option<&Listed> {
        self.rows.get(self.index()?)
    }
    pub(super) fn is_whole(&self) -> bool {
        self.ends == [None, None]
    }
    pub(super) fn step(&mut self, by: i64) {
        self.cursor = (self.cursor + by).clamp(self.base, self.base + (self.rows.len() as i64 - 1).max(0));
    }
    pub(super) fn select(&mut self, index: usize) {
        self.cursor = self.base + index.min(self.rows.len().saturating_sub(1)) as i64;
    }
    /// To the first or last, if it is held.
    pub(super) fn go_end(&mut self, last: bool) -> bool {
        let held = self.ends[usize::from(last)].is_none();
        if held && !self.rows.is_empty() {
            self.cursor = if last { self.base + self.rows.len() as i64 - 1 } else { self.base };
        }
        held
    }
    /// The page that is to be read before the cursor gets to an end: from where, and whether backwards.
    pub(super) fn wants(&self) -> Option<(Key, bool)> {
        let index = self.index()?;
        if let Some(end) = &self.ends[1]
            && self.rows.len() - index <= NEAR
        {
            return Some((end.clone(), false));
        }
        self.ends[0].as_ref().filter(|_| index < NEAR).map(|end| (end.clone(), true))
    }
    /// From where the rows around the cursor are read again.
    pub(super) fn around(&self) -> Option<Key> {
        let first = self.index()?.checked_sub(usize::from(PAGE) / 2)?;
        self.rows.get(first).map(|row| row.conversation.key.clone())
    }
    /// Takes a page that replaces everything: from the beginning, from the end (`back`), or from a place.
    pub(super) fn replace(&mut self, page: Listing, from: Option<&Key>, back: bool) {
        let kept: Option<Uuid> = self.selected().map(|row| row.conversation.id);
        let offset = self.cursor - self.base;
        self.ends = match (from, back) {
            (None, false) => [None, page.next],
            (None, true) => [page.next, None],
            (Some(from), _) => [Some(from.clone()), page.next],
        };
        let known: BTreeMap<Uuid, (Presence, i64)> =
            self.rows.iter().map(|row| (row.conversation.id, (row.presence, row.queued))).collect();
        self.rows = page.conversations.into();
        for row in &mut self.rows {
            // Until it is compared again, what was found before stands there: no flicker.
            if let Some(before) = known.get(&row.conversation.id).filter(|_| row.presence == Presence::Pending) {
                (row.presence, row.queued) = *before;
            }
        }
        let at = self.rows.iter().position(|row| Some(row.conversation.id) == kept);
        if let (Some(at), true) = (at, self.read) {
            // What one looks at stays where it stands.
            self.base = self.cursor - at as i64;
        } else {
            self.base = 0;
            self.cursor = match (back, from) {
                (true, _) => self.rows.len() as i64 - 1,
                (false, Some(_)) => offset,
                (false, None) => 0,
            };
        }
        self.step(0);
        self.read = true;
        self.fault = None;
    }
    /// Which conversations are to be compared: these, and those held that never were.
    pub(super) fn to_compare(&self, mut new: Vec<Uuid>) -> Vec<Uuid> {
        new.extend(self.rows.iter().filter(|row| row.presence == Presence::Pending).map(|row| row.conversation.id));
        new.sort_unstable();
        new.dedup();
        new
    }
    /// Writes down where those are that were asked about.
    pub(super) fn tell(&mut self, asked: &[Uuid], places: &Whereabouts) {
        self.queue_partly = places.queue_partly;
        for row in self.rows.iter_mut().filter(|row| asked.contains(&row.conversation.id)) {
            places.tell(row);
        }
    }
    /// Forgets what is held, as when something else is to be listed.
    pub(super) fn forget(&mut self) {
        self.rows.clear();
        self.ends = [None, None];
        (self.base, self.cursor, self.read) = (0, 0, false);
    }
    /// Adds a page at an end and lets go of as many rows at the other.
    pub(super) fn grow(&mut self, page: Listing, back: bool) {
        if back {
            for row in page.conversations.into_iter().rev() {
                self.rows.push_front(row);
                self.base -= 1;
            }
            self.ends[0] = page.next;
            while self.rows.len() > HELD && self.index().is_some_and(|i| i + NEAR < self.rows.len()) {
                self.rows.pop_back();
                self.ends[1] = self.rows.back().map(|row| row.conversation.key.clone());
            }
        } else {
            self.rows.extend(page.conversations);
            self.ends[1] = page.next;
            while self.rows.len() > HELD && self.index().is_some_and(|i| i > NEAR) {
                self.rows.pop_front();
                self.base += 1;
                self.ends[0] = self.rows.front().map(|row| row.conversation.key.clone());
            }
        }
    }
    /// The lines of the facets.
    pub(super) fn choices(&self) -> Vec<Choice> {
        let mut out = vec![Choice::Head("side"), Choice::Side(None)];
        out.extend([Side::Master, Side::Replica].map(|side| Choice::Side(Some(side))));
        let facets = self.facets.clone().unwrap_or_default();
        let mut add = |head, values: Vec<Choice>| {
            if !values.is_empty() {
                out.push(Choice::Head(head));
                out.extend(values);
            }
        };
        add("user", facets.users.into_iter().map(|(v, n)| Choice::User(v, n)).collect());
        add("context", facets.contexts.into_iter().map(|(v, n)| Choice::Context(v, n)).collect());
        add("language", facets.languages.into_iter().map(|(v, n)| Choice::Language(v, n)).collect());
        add("code", [None, Some(true), Some(false)].map(Choice::Code).to_vec());
        add("last message", When::ALL.map(Choice::When).to_vec());
        out
    }
    /// Chooses a line, or takes the choice back.
    pub(super) fn choose(&mut self, choice: &Choice) {
        let by = &mut self.narrow;
        let toggle = |held: &mut Option<String>, value: &String| {
            *held = if held.as_ref() == Some(value) { None } else { Some(value.clone()) };
        };
        match choice {
            Choice::Head(_) => {}
            Choice::Side(side) => by.side = *side,
            Choice::User(v, _) => toggle(&mut by.user, v),
            Choice::Context(v, _) => toggle(&mut by.context, v),
            Choice::Language(v, _) => toggle(&mut by.language, v),
            Choice::Code(code) => by.code = *code,
            Choice::When(when) => by.when = *when,
        }
    }
    /// Takes everything anew, with the cursor where it may be: for facets whose lines changed.
    pub(super) fn step_choice(&mut self, by: i64) {
        let lines = self.choices();
        let Some(at) = self.choosing else { return };
        let mut to = at as i64;
        for _ in 0..by.unsigned_abs() {
            let mut next = to + by.signum();
            while matches!(usize::try_from(next).ok().and_then(|n| lines.get(n)), Some(Choice::Head(_))) {
                next += by.signum();
            }
            if usize::try_from(next).is_ok_and(|n| n < lines.len()) {
                to = next;
            }
        }
        self.choosing = usize::try_from(to).ok().map(|to| to.min(lines.len() - 1));
    }
}
