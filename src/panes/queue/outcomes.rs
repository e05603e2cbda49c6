//! What dry runs and replays found: the question before, and the words after.

use super::deeds::Deed;
use super::{Command, Inside, Queue, Then};
use crate::postgres::{Fault, Side};
use crate::queue::Verdict;
use crate::sync::freeze::Frozen;
use crate::sync::{EntryOutcome, Outcome};
use crate::ui::format::{count, plural};
use crate::ui::pane::Ask;
use crate::ui::{Effect, Level as Weight, Now, Step};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

impl Queue {
    pub(super) fn dried(
        &mut self,
        ids: Vec<Uuid>,
        then: Then,
        outcomes: Result<Vec<EntryOutcome>, Fault>,
    ) -> Step<Self> {
        let one = match &outcomes {
            Ok(found) => found.first().cloned().map(Ok),
            Err(fault) => Some(Err(fault.clone())),
        };
        if self.inside.id == ids.first().copied() && ids.len() == 1 {
            self.inside.predicted = one;
            self.inside.compare();
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
                    all if all.len() < ids.len() => {
                        let (tried, of) = (count(all.len() as u64), entries(ids.len()));
                        format!("A replay of the first {tried} of {of}: {}; the others were not tried", summary(all))
                    }
                    all => format!("A replay of {}: {}", entries(all.len()), summary(all)),
                };
                vec![Effect::toast(weight, words)]
            }
            Then::Ask if self.busy => Vec::new(),
            Then::Ask if ids.len() > 1 => {
                let frozen = self.frozen.take();
                self.ask_to_start(&found, frozen)
            }
            Then::Ask => {
                let frozen = self.frozen.take();
                vec![Effect::Ask(self.question_for(ids, &found, frozen))]
            }
        }
    }

    fn question_for(&self, ids: Vec<Uuid>, found: &[EntryOutcome], frozen: Option<Box<Frozen>>) -> Ask<Command> {
        let master = self.links.as_ref().map_or("the master", |links| links.master.name.as_str());
        let part = found.len() < ids.len();
        let held = !part && !found.is_empty() && found.iter().all(|o| o.outcome == Outcome::Held);
        let mut details: Vec<String> = match found {
            [one] => vec![said(one, true)],
            all if part => vec![format!("dry run of the first {}: {}", count(all.len() as u64), summary(all))],
            all => vec![format!("dry run: {}", summary(all))],
        };
        // Each remedy once, however many need it.
        let remedies: BTreeSet<String> = found.iter().filter(|o| !o.outcome.is_settled()).filter_map(remedy).collect();
        details.extend(remedies.into_iter().take(3).map(|words| format!("→ {words}")));
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
            type_the_name: self.name_wanted(Side::Master),
            then: Command::Replay { ids, force: held, frozen },
        }
    }

    pub(super) fn replayed(
        &mut self,
        ids: &[Uuid],
        outcomes: Result<Vec<EntryOutcome>, Fault>,
        now: Now,
    ) -> Step<Self> {
        self.pulse = None;
        self.busy = false;
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
                let applied: Vec<Uuid> = found.iter().filter(|o| o.outcome == Outcome::Applied).map(|o| o.id).collect();
                if !applied.is_empty() {
                    self.deeds.add(Deed::Replayed(applied));
                }
                let words = match &found[..] {
                    [one] => said(one, false),
                    all => format!("{} replayed: {}", entries(all.len()), summary(all)),
                };
                vec![Effect::toast(weight, words)]
            }
        };
        effects.extend(self.after_writing(ids, now));
        effects
    }

    /// Reads again what was written to.
    pub(super) fn after_writing(&mut self, ids: &[Uuid], now: Now) -> Step<Self> {
        let mut effects = Vec::new();
        if self.inside.id.is_some_and(|id| ids.contains(&id)) {
            let (id, section, payload) =
                (self.inside.id, self.inside.section, std::mem::take(&mut self.inside.payload));
            self.inside = Inside { id, payload, section, ..Inside::default() };
        }
        effects.extend(self.refresh(now));
        effects.extend(self.look());
        effects
    }
}

pub(super) fn entries(n: usize) -> String {
    plural(n as u64, "entry", "entries")
}

/// How many of each outcome.
pub(super) fn summary(found: &[EntryOutcome]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for one in found {
        *counts.entry(one.outcome.name()).or_default() += 1;
    }
    let words: Vec<String> = counts.iter().map(|(name, n)| format!("{n} {}", name.replace('_', " "))).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

/// One outcome in words.
pub(super) fn said(one: &EntryOutcome, dry: bool) -> String {
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
