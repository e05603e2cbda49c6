//! A replay of many: asked about with its pace, started as a job that the console owns, and looked at again when it is over.

use super::deeds::Deed;
use super::outcomes::{entries, remedy};
use super::{Command, Message, Queue};
use crate::postgres::{Fault, Side};
use crate::sync::freeze::{Frozen, family};
use crate::sync::job::{self, JobOptions, Progress};
use crate::sync::{EntryOutcome, Outcome};
use crate::ui::format::count;
use crate::ui::pane::{Ask, Choice};
use crate::ui::{Effect, Level as Weight, Now, Services, Step};
use std::collections::{BTreeMap, BTreeSet};

/// Entries a second; none: as fast as it goes.
const RATES: [(&str, Option<u16>); 7] = [
    ("as fast as it goes", None),
    ("1 entry a second", Some(1)),
    ("5 entries a second", Some(5)),
    ("20 entries a second", Some(20)),
    ("50 entries a second", Some(50)),
    ("200 entries a second", Some(200)),
    ("500 entries a second", Some(500)),
];
/// When it stops by itself: at a new reason, and above which share of failures.
const STOPS: [(&str, bool, Option<f64>); 4] = [
    ("at a failure the dry run did not foretell", true, None),
    ("when more than 1 in 10 fail", false, Some(0.1)),
    ("when more than half fail", false, Some(0.5)),
    ("never: every entry is tried", false, None),
];
const RAMPS: [&str; 2] = ["at full size", "with 1, then 5, 20, 100, 500 at a time"];

/// The choices that stand in the question.
fn choices() -> Vec<Choice> {
    vec![
        Choice { name: "pace", values: RATES.map(|(words, _)| words).to_vec(), chosen: 0 },
        Choice { name: "begins", values: RAMPS.to_vec(), chosen: 0 },
        Choice { name: "stops", values: STOPS.map(|(words, ..)| words).to_vec(), chosen: 0 },
    ]
}

/// What was chosen, as the job wants it.
fn options(chosen: &[usize]) -> JobOptions {
    let at = |n: usize| chosen.get(n).copied().unwrap_or(0);
    let (_, stop_on_new, max_failures) = STOPS[at(2).min(STOPS.len() - 1)];
    JobOptions {
        rate: RATES[at(0).min(RATES.len() - 1)].1,
        ramp: at(1) == 1,
        stop_on_new,
        max_failures,
        actor: "console".to_owned(),
        reason: None,
    }
}

impl Queue {
    /// Asks whether what was frozen shall be sent, and how.
    pub(super) fn ask_to_start(&mut self, found: &[EntryOutcome], frozen: Option<Box<Frozen>>) -> Step<Self> {
        let Some(mut frozen) = frozen else { return Vec::new() };
        if self.replaying {
            return vec![Effect::toast(
                Weight::Info,
                format!("A replay of many is under way; {} shows it", self.key_of_jobs()),
            )];
        }
        let master = self.links.as_ref().map_or("the master", |links| links.master.name.as_str()).to_owned();
        let (tried, all) = (found.len(), frozen.entries.len());
        let held = tried == all && found.iter().all(|o| o.outcome == Outcome::Held);
        let by = |name: fn(&EntryOutcome) -> &'static str| {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for one in found {
                *counts.entry(name(one)).or_default() += 1;
            }
            let words = counts.iter().map(|(name, n)| format!("{} {}", count(*n as u64), name.replace('_', " ")));
            words.collect::<Vec<_>>().join(", ")
        };
        let part = if tried < all { format!(" of the first {}", count(tried as u64)) } else { String::new() };
        let mut details = vec![
            format!("dry run{part}: {}", by(|one| one.verdict.name())),
            format!("they would come to: {}", by(|one| one.outcome.name())),
        ];
        if tried < all {
            let others = entries(all - tried);
            details.push(format!("{others} beyond these were not tried dry; each is looked at when its turn comes."));
        }
        let remedies: BTreeSet<String> = found.iter().filter(|o| !o.outcome.is_settled()).filter_map(remedy).collect();
        details.extend(remedies.into_iter().take(3).map(|words| format!("→ {words}")));
        details.push(if held {
            "The engine holds them back; a Yes applies them all the same. The rows as they are now are kept.".into()
        } else {
            "What changes from now on is left alone and reported; nothing is applied twice.".into()
        });
        frozen.force = held;
        frozen.families = found.iter().filter_map(family).collect();
        self.frozen = Some(frozen);
        let doing = if held { "Apply" } else { "Replay" };
        let what = entries(all);
        let ask = Ask {
            question: format!("{doing} {what} to {master}?"),
            details,
            confirm: format!("{doing} {what}"),
            danger: held,
            type_the_name: self.name_wanted(Side::Master),
            then: (),
        };
        vec![Effect::AskHow { ask, choices: choices() }]
    }

    /// A Yes, and how.
    pub(super) fn start(&mut self, chosen: &[usize]) -> Step<Self> {
        let Some(frozen) = self.frozen.take() else { return Vec::new() };
        self.marks.clear();
        self.started = frozen.ids();
        vec![Effect::Run(Command::Start { frozen, options: options(chosen) })]
    }

    /// A replay of many began, or is over.
    pub(super) fn job_changed(&mut self, progress: &Progress, now: Now) -> Step<Self> {
        self.replaying = !progress.state.is_over();
        if progress.state.is_over() && progress.settled() > 0 && !self.started.is_empty() {
            self.deeds.add(Deed::Replayed(std::mem::take(&mut self.started)));
        }
        if self.replaying || !self.shown {
            return Vec::new();
        }
        self.pulse = None;
        let mut effects = self.refresh(now);
        effects.extend(self.look());
        effects
    }

    /// A write broke: nothing is awaited of it any more.
    pub(super) fn broke(&mut self, now: Now) -> Step<Self> {
        (self.busy, self.grouping) = (false, false);
        self.edit_broke();
        self.pulse = None;
        self.refresh(now)
    }

    /// Whether the job could be started.
    pub(super) fn started(started: Result<(), Fault>) -> Step<Self> {
        started.err().map(|fault| Effect::fault(&fault)).into_iter().collect()
    }
}

/// Starts the job, and gives it into the console's care.
pub(super) async fn start(services: &Services, frozen: Frozen, options: JobOptions) -> Message {
    let replica = services.links().replica.name;
    let started = job::start(&services.pair(), frozen, options).await;
    Message::Started(started.map(|handle| services.jobs().add(handle, replica)))
}
