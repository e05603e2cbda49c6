//! What a database answered.

use super::window::Edge;
use super::{Command, Inside, Level, Message, Queue, Then};
use crate::postgres::{Fault, Kind};
use crate::queue::groups::Groups;
use crate::queue::store::{Pulse, Total};
use crate::queue::{Anchor, Page, SortBy, Verdict};
use crate::sync::{EntryOutcome, Outcome};
use crate::ui::format::plural;
use crate::ui::pane::Ask;
use crate::ui::{Effect, Level as Weight, Now, Step};
use std::collections::BTreeMap;
use uuid::Uuid;

impl Queue {
    pub(super) fn told(&mut self, message: Message, now: Now) -> Step<Self> {
        match message {
            Message::Opened { question, shape, anchor, page, total, pulse, groups } if question == self.question => {
                self.shape = Some(shape);
                self.fault = None;
                self.seen(total, pulse, now);
                self.take_page(page, &anchor, now);
                let mut effects = Vec::new();
                if let Some(groups) = groups {
                    effects.extend(self.take_groups(groups, now));
                } else if self.groups.is_none() && !self.touched {
                    // The reasons take longer than the rows: the rows do not wait for them.
                    self.level = Level::List;
                }
                effects.extend(self.recount());
                effects.extend(self.prefetch());
                effects.extend(self.peek());
                effects
            }
            Message::Paged { question, anchor, edge, page } if question == self.question => {
                self.read_at = Some(now.uptime);
                match edge {
                    Some(edge) => self.take_edge(edge, page, now),
                    None => self.take_page(page, &anchor, now),
                }
                let mut effects = self.prefetch();
                effects.extend(self.peek());
                effects
            }
            Message::Refreshed { question, from_start, page, total, pulse } => {
                self.seen(total, pulse, now);
                if question == self.question && !self.loading {
                    self.take_refresh(page, from_start, now);
                }
                let mut effects = self.follow_up(now);
                effects.extend(self.prefetch());
                if self.level == Level::Entry || self.is_wide() {
                    effects.extend(self.look());
                }
                effects
            }
            Message::Quiet => {
                self.read_at = Some(now.uptime);
                self.fault = None;
                Vec::new()
            }
            Message::Grouped(groups, cost) => {
                self.groups_cost = cost;
                self.take_groups(groups, now)
            }
            Message::Counted { question, count, took } if question == self.question => {
                (self.matching, self.count_cost, self.counted_at) = (Some(count), took, now.uptime);
                Vec::new()
            }
            Message::Detail(id, found) if self.inside.id == Some(id) => {
                self.inside.gone = found.is_none();
                if found.is_some() {
                    self.inside.detail = found;
                }
                Vec::new()
            }
            Message::Images(id, images) if self.inside.id == Some(id) => {
                self.inside.images = Some(images);
                Vec::new()
            }
            Message::Dried(ids, then, outcomes) => self.dried(ids, then, outcomes),
            Message::Replayed(ids, outcomes) => self.replayed(&ids, outcomes, now),
            Message::Copied(text) => vec![Effect::Copy(text)],
            Message::Failed { question, fault } => self.failed(question, fault),
            // Late answers to old questions.
            Message::Opened { .. }
            | Message::Paged { .. }
            | Message::Counted { .. }
            | Message::Detail(..)
            | Message::Images(..) => Vec::new(),
        }
    }

    fn seen(&mut self, total: Total, pulse: Pulse, now: Now) {
        self.total = Some(total);
        self.pulse = Some(pulse);
        self.read_at = Some(now.uptime);
        self.fault = None;
    }

    fn take_page(&mut self, page: Page, anchor: &Anchor, now: Now) {
        self.loading = false;
        self.growing = false;
        if *anchor == Anchor::First && self.scope.sort.by == SortBy::Time && !self.scope.sort.descending {
            self.oldest_s = page.entries.first().and_then(|entry| entry.age_s);
        }
        self.window.replace(page, anchor, now.uptime);
    }

    fn take_edge(&mut self, edge: Edge, page: Page, now: Now) {
        self.growing = false;
        self.window.grow(edge, page, now.uptime);
    }

    /// Rows read again. If the cursor has left them meanwhile, they are not taken: it must not be moved.
    fn take_refresh(&mut self, page: Page, from_start: bool, now: Now) {
        let here = self.window.selected().map(|entry| entry.id);
        let still = here.is_none_or(|id| self.refreshing == Some(id) || page.entries.iter().any(|e| e.id == id));
        if still {
            if from_start && self.scope.sort.by == SortBy::Time && !self.scope.sort.descending {
                self.oldest_s = page.entries.first().and_then(|entry| entry.age_s);
            }
            self.growing = false;
            self.window.renew(page, from_start, now.uptime);
        }
    }

    fn take_groups(&mut self, groups: Groups, now: Now) -> Step<Self> {
        let selected = self.groups.as_ref().and_then(|old| old.groups.get(self.reason)).map(|group| group.id.clone());
        let at = selected.and_then(|id| groups.groups.iter().position(|group| group.id == id));
        self.reason = at.unwrap_or(self.reason).min(groups.groups.len().saturating_sub(1));
        if let Some(members) = &mut self.scope.members
            && let Some(group) = groups.groups.iter().find(|group| group.id == members.id)
        {
            // New entries may have joined the reason that is open.
            *members = group.members.clone();
        }
        let failed = groups.entries;
        self.groups_at = now.uptime;
        if !self.touched {
            // What is wrong comes first; with nothing wrong the entries do. Someone at work is not sent about.
            self.level = if groups.groups.is_empty() { Level::List } else { Level::Groups };
        }
        self.groups = Some(groups);
        let facts = crate::ui::header::Facts { failed: u64::try_from(failed).ok(), ..Default::default() };
        vec![Effect::Publish(facts)]
    }

    fn failed(&mut self, question: Option<u64>, fault: Fault) -> Step<Self> {
        if question.is_some_and(|question| question != self.question) {
            return Vec::new();
        }
        if question.is_some() {
            self.loading = false;
            self.growing = false;
        }
        // A refused sort leaves the list as it was.
        if fault.kind == Kind::Settings {
            self.scope.sort = crate::queue::Sort::default();
            let mut effects = vec![Effect::fault(&fault)];
            effects.extend(self.relist());
            return effects;
        }
        if question.is_none() && self.shape.is_some() {
            return if fault.kind == Kind::Unreachable { Vec::new() } else { vec![Effect::fault(&fault)] };
        }
        if matches!(fault.kind, Kind::Schema | Kind::Privilege) {
            self.shape = None;
        }
        self.fault = Some(fault);
        Vec::new()
    }

    fn dried(&mut self, ids: Vec<Uuid>, then: Then, outcomes: Result<Vec<EntryOutcome>, Fault>) -> Step<Self> {
        let one = match &outcomes {
            Ok(found) => found.first().cloned().map(Ok),
            Err(fault) => Some(Err(fault.clone())),
        };
        if self.inside.id == ids.first().copied() && ids.len() == 1 {
            self.inside.predicted = one;
        }
        let found = match outcomes {
            Ok(found) => found,
            Err(_) if then == Then::Show => return Vec::new(),
            Err(fault) => return vec![Effect::fault(&fault)],
        };
        match then {
            Then::Show => Vec::new(),
            Then::Tell => {
                let weight = if found.iter().all(|o| o.outcome.is_settled()) { Weight::Ok } else { Weight::Warn };
                let words = match &found[..] {
                    [one] => said(one, true),
                    all => format!("A replay of {}: {}", entries(all.len()), summary(all)),
                };
                vec![Effect::toast(weight, words)]
            }
            Then::Ask => vec![Effect::Ask(self.question_for(ids, &found))],
        }
    }

    fn question_for(&self, ids: Vec<Uuid>, found: &[EntryOutcome]) -> Ask<Command> {
        let master = self.links.as_ref().map_or("the master", |links| links.master.name.as_str());
        let held = !found.is_empty() && found.iter().all(|o| o.outcome == Outcome::Held);
        let mut details: Vec<String> = match found {
            [one] => vec![said(one, true)],
            all => vec![format!("dry run: {}", summary(all))],
        };
        details.extend(found.iter().filter(|o| !o.outcome.is_settled()).filter_map(remedy).take(3));
        let without_row = held && found.iter().all(|o| o.verdict == Verdict::ZeroRows);
        if without_row {
            details.push("A Yes settles it without a write: there is no row on the master to change.".into());
        } else if held {
            details
                .push("The engine holds it back; a Yes applies it all the same. The row as it is now is kept.".into());
        } else {
            details.push("Effect and ledger are committed together: nothing is applied twice.".into());
        }
        let what = entries(ids.len());
        let doing = match (without_row, held) {
            (true, _) => "Settle",
            (false, true) => "Apply",
            (false, false) => "Replay",
        };
        Ask {
            question: if without_row {
                format!("Settle {what} as done?")
            } else {
                format!("{doing} {what} to {master}?")
            },
            details,
            confirm: format!("{doing} {what}"),
            danger: held,
            type_the_name: None,
            then: Command::Replay { ids, force: held },
        }
    }

    fn replayed(&mut self, ids: &[Uuid], outcomes: Result<Vec<EntryOutcome>, Fault>, now: Now) -> Step<Self> {
        self.pulse = None;
        let mut effects = match outcomes {
            Err(fault) => vec![Effect::fault(&fault)],
            Ok(found) => {
                let settled = found.iter().filter(|o| o.outcome.is_settled()).count();
                let weight = match settled {
                    n if n == found.len() => Weight::Ok,
                    0 => Weight::Bad,
                    _ => Weight::Warn,
                };
                for done in found.iter().filter(|o| o.outcome.is_settled()) {
                    self.marks.remove(&done.id);
                }
                let words = match &found[..] {
                    [one] => said(one, false),
                    all => format!("{} replayed: {}", entries(all.len()), summary(all)),
                };
                vec![Effect::toast(weight, words)]
            }
        };
        if self.inside.id == ids.first().copied() {
            self.inside = Inside { id: self.inside.id, section: self.inside.section, ..Inside::default() };
        }
        effects.extend(self.refresh(now));
        effects.extend(self.look());
        effects
    }
}

fn entries(n: usize) -> String {
    plural(n as u64, "entry", "entries")
}

/// How many of each outcome.
fn summary(found: &[EntryOutcome]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for one in found {
        *counts.entry(one.outcome.name()).or_default() += 1;
    }
    let words: Vec<String> = counts.iter().map(|(name, n)| format!("{n} {}", name.replace('_', " "))).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

/// One outcome in words.
fn said(one: &EntryOutcome, dry: bool) -> String {
    let (would, did) = if dry { ("would ", "") } else { ("", "ed") };
    let effect = match one.outcome {
        Outcome::Applied if dry => format!("It would be applied: {}", one.verdict),
        Outcome::Applied => format!("Applied: {}", one.verdict),
        Outcome::NoChange => {
            format!("It {would}chang{} nothing: the master has it already", if dry { "e" } else { did })
        }
        Outcome::Superseded => "A later entry of the same row carries it".to_owned(),
        Outcome::ConflictResolved => "Settled by the merge rule; both images are kept".to_owned(),
        Outcome::Held => format!("Held for a choice: {}", one.verdict),
        Outcome::Blocked => format!("Waits: {}", one.verdict),
        Outcome::Failed if dry => format!("It would fail: {}", one.verdict),
        Outcome::Failed => format!("Failed: {}", one.verdict),
        Outcome::Later => "The row is locked on the master; it is tried again soon".to_owned(),
        Outcome::Missing => "The entry is no longer in the queue".to_owned(),
        Outcome::Drifted => "It changed since the preview: look at it again".to_owned(),
    };
    let code = one.sqlstate.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
    let message =
        one.message.as_deref().filter(|_| !one.outcome.is_settled()).map(|m| format!(": {m}")).unwrap_or_default();
    format!("{effect}{code}{message}")
}

/// What to do about an outcome: the engine's words, else those of the diagnosis.
pub(super) fn remedy(one: &EntryOutcome) -> Option<String> {
    one.remedy.clone().or_else(|| {
        let text = one.message.as_deref().unwrap_or_default();
        let found =
            crate::queue::diagnosis::of_outcome(one.verdict, one.sqlstate.as_deref(), one.object.as_deref(), text)?;
        Some(found.remedy)
    })
}
