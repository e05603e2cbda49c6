//! What an entry waits for, the other entries of its row, and its tries; from some of the lines one can go on.

use super::inside::seconds;
use super::lines::Parts;
use super::view::state_look;
use super::{Action, Command, Inside, Level, Queue};
use crate::postgres::Fault;
use crate::queue::State;
use crate::queue::detail::Detail;
use crate::sync::adopt::{Parent, Place};
use crate::ui::format::age;
use crate::ui::{Effect, Level as Weight, Role, Step};
use uuid::Uuid;

/// So many entries deep one can go.
const DEEP: usize = 20;

/// A line, and where Enter leads from it.
pub(super) struct Line {
    pub parts: Parts,
    pub goes: Option<Goes>,
}

/// Where Enter leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goes {
    Entry(Uuid),
    /// To the entry of the parent, wherever it is.
    Parent,
}

fn plain(words: impl Into<String>, role: Role) -> Line {
    Line { parts: vec![(words.into(), role)], goes: None }
}

/// The lines: what it waits for, the chain, the tries.
pub(super) fn lines(detail: &Detail) -> Vec<Line> {
    let mut lines = Vec::new();
    let parent = detail.entry.blocked_on.as_deref().and_then(|words| words.strip_prefix("parent "));
    if let Some(parent) = parent {
        let parts = vec![
            ("parent  ".to_owned(), Role::Muted),
            (parent.to_owned(), Role::Text),
            ("  Enter goes there".to_owned(), Role::Dim),
        ];
        lines.push(Line { parts, goes: Some(Goes::Parent) });
    }
    if let Some(by) = detail.blocked_by.filter(|by| detail.chain.iter().all(|other| other.id != *by)) {
        let parts = vec![("waits for  ".to_owned(), Role::Muted), (by.to_string(), Role::Text)];
        lines.push(Line { parts, goes: Some(Goes::Entry(by)) });
    }
    lines.extend(chain(detail));
    lines.push(plain("", Role::Text));
    lines.extend(tries(detail));
    lines
}

/// The open entries of the row in their order, this one among them.
fn chain(detail: &Detail) -> Vec<Line> {
    if detail.chain.is_empty() {
        return vec![plain("no other open entry of this row", Role::Muted)];
    }
    let mut lines = vec![plain("open entries of this row, in order", Role::Muted)];
    let me = &detail.entry;
    let line = |place: &str, state: State, operation: &str, age_s: Option<i64>, id: Uuid| {
        let (glyph, role) = state_look(state);
        let old = age_s.map_or_else(|| "–".to_owned(), |s| age(seconds(s)));
        vec![
            (format!("{place:<7} "), Role::Muted),
            (format!("{glyph} {:<8}", state.name()), role),
            (format!("{operation:<8} {old:>4} ago  "), Role::Text),
            (id.to_string(), Role::Dim),
        ]
    };
    let of = |before: bool, place: &'static str| {
        detail.chain.iter().filter(move |other| other.before == before).map(move |other| Line {
            parts: line(place, other.state, &other.operation, other.age_s, other.id),
            goes: Some(Goes::Entry(other.id)),
        })
    };
    lines.extend(of(true, "earlier"));
    lines.push(Line { parts: line("this", me.state, &me.operation, me.age_s, me.id), goes: None });
    lines.extend(of(false, "later"));
    lines
}

fn tries(detail: &Detail) -> Vec<Line> {
    let mut lines = Vec::new();
    if detail.tries.is_empty() {
        let words = match detail.entry.attempts {
            0 => "not tried yet",
            _ => "tries were counted, but not kept, by what wrote the counter",
        };
        lines.push(plain(words, Role::Muted));
    }
    for one in &detail.tries {
        let code = one.sqlstate.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
        let message = one.message.as_ref().map(|message| format!(" {message}")).unwrap_or_default();
        let role = match one.outcome.as_str() {
            "applied" | "no_change" | "superseded" | "conflict_resolved" => Role::Ok,
            "failed" => Role::Bad,
            _ => Role::Warn,
        };
        let when = age(seconds(one.age_s));
        lines.push(plain(format!("{when:>4} ago  {:<10} {}{code}{message}", one.actor, one.outcome), role));
    }
    if let Some(next) = &detail.next_attempt {
        lines.push(plain(format!("tried again at {next}"), Role::Muted));
    }
    lines
}

impl Queue {
    /// Goes where the line under the cursor leads.
    pub(super) fn follow(&mut self) -> Step<Self> {
        let Some(detail) = &self.inside.detail else { return Vec::new() };
        match (lines(detail).get(self.inside.scroll).and_then(|line| line.goes), self.inside.id) {
            (Some(Goes::Entry(id)), _) => self.enter(id),
            (Some(Goes::Parent), Some(id)) => vec![Effect::Run(Command::Parent { id })],
            _ => Vec::new(),
        }
    }

    /// The parent of the open entry was found: goes to its entry, or says where it is.
    pub(super) fn parent_found(&mut self, id: Uuid, parent: Result<Option<Parent>, Fault>) -> Step<Self> {
        if self.level != Level::Entry || self.inside.id != Some(id) {
            return Vec::new();
        }
        let parent = match parent {
            Ok(Some(parent)) => parent,
            Ok(None) => return vec![Effect::toast(Weight::Info, "It waits for no row any more")],
            Err(fault) => return vec![Effect::fault(&fault)],
        };
        let words = match parent.place {
            Place::Queued { entry, .. } => return self.enter(entry),
            Place::Master => {
                format!(
                    "is on the master by now: the entry goes with its next try, or with {}",
                    self.key_of(Action::Replay)
                )
            }
            Place::Replica => {
                format!("is on this replica only, and in no entry: {} queues it", self.key_of(Action::Fix))
            }
            Place::Nowhere => "is on neither side and not in the queue".to_owned(),
        };
        vec![Effect::toast(Weight::Info, format!("{} {} {words}", parent.table, parent.key))]
    }

    /// Opens an entry; Esc comes back to where one is now.
    pub(super) fn enter(&mut self, id: Uuid) -> Step<Self> {
        let section = self.inside.section;
        if self.level == Level::Entry {
            if self.inside.id == Some(id) {
                return Vec::new();
            }
            self.trail.push(std::mem::take(&mut self.inside));
            if self.trail.len() > DEEP {
                self.trail.remove(0);
            }
        } else {
            self.under = self.level;
            self.trail.clear();
        }
        self.level = Level::Entry;
        if self.inside.id != Some(id) {
            self.inside = Inside { id: Some(id), section, ..Inside::default() };
        }
        let mut effects = self.look();
        effects.extend(self.predict(State::Pending));
        effects
    }

    /// One entry back, or out of the last.
    pub(super) fn leave(&mut self) -> Step<Self> {
        let Some(before) = self.trail.pop() else {
            self.level = self.under;
            return Vec::new();
        };
        self.inside = before;
        self.look()
    }
}
