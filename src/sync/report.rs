//! What is asked of the engine and what it answers: options, reports, outcomes.

use super::figures::Figures;
use super::load::{LoadProgress, Portions, Watcher};
use crate::queue::Verdict;
use serde::Serialize;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// What one cycle does.
#[derive(Clone, Debug)]
pub struct CycleOptions {
    /// Sends the queue.
    pub push: bool,
    /// Takes the master's changes.
    pub pull: bool,
    /// Also looks for entries that no trigger noted and for users mapped since (every interval, not every wake-up).
    pub thorough: bool,
    /// Who asks; stands in runs and attempts.
    pub actor: String,
    /// How long history is kept, and a replica that is away is waited for.
    pub keep: Duration,
    /// How a first load is cut into chunks.
    pub portions: Portions,
    /// Who is told how a first load gets on.
    pub watcher: Watcher,
}

/// History is kept this long unless somebody says otherwise.
pub const KEEP: Duration = Duration::from_hours(24 * 30);

impl Default for CycleOptions {
    fn default() -> Self {
        Self {
            push: true,
            pull: true,
            thorough: true,
            actor: "engine".to_owned(),
            keep: KEEP,
            portions: Portions::default(),
            watcher: Watcher::default(),
        }
    }
}

/// What applying one entry came to. In a dry run: what it would come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Took effect on the master.
    Applied,
    /// The master already was as the entry wants it, or the ledger has the entry.
    NoChange,
    /// A later entry of the same row carries it.
    Superseded,
    /// Settled by the merge rule; the losing image is in the conflict log.
    ConflictResolved,
    /// Needs a person's choice.
    Held,
    /// Waits for something named.
    Blocked,
    /// Failed.
    Failed,
    /// Met a lock or a lack of resources on the master; tried again soon, not counted as a failure.
    Later,
    /// There is no such entry in the queue.
    Missing,
    /// Changed since it was previewed, itself or its row on the master: not tried.
    Drifted,
}

impl Outcome {
    /// The name as the database and `--json` spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::NoChange => "no_change",
            Self::Superseded => "superseded",
            Self::ConflictResolved => "conflict_resolved",
            Self::Held => "held",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
            Self::Later => "later",
            Self::Missing => "missing",
            Self::Drifted => "drifted",
        }
    }
    /// Reads a name as the database spells it.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Applied,
            Self::NoChange,
            Self::Superseded,
            Self::ConflictResolved,
            Self::Held,
            Self::Blocked,
            Self::Failed,
            Self::Later,
            Self::Missing,
            Self::Drifted,
        ]
        .into_iter()
        .find(|o| o.name() == name)
    }
    /// Whether the entry is done with: its effect is on the master or decided by the merge rule.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Applied | Self::NoChange | Self::Superseded | Self::ConflictResolved)
    }
}

/// What happened, or would happen, to one entry.
#[derive(Clone, Debug, Serialize)]
pub struct EntryOutcome {
    /// The entry.
    pub id: Uuid,
    /// What applying it does.
    pub verdict: Verdict,
    /// What it came to.
    pub outcome: Outcome,
    /// The server's code, for failures.
    pub sqlstate: Option<String>,
    /// Why, one sentence.
    pub message: Option<String>,
    /// The server's detail.
    pub detail: Option<String>,
    /// The table, column or constraint it is about.
    pub object: Option<String>,
    /// What to do next.
    pub remedy: Option<String>,
    /// The master's row before, as JSON text.
    pub before: Option<String>,
    /// The master's row after (in a dry run: as it would be), as JSON text.
    pub after: Option<String>,
}

impl EntryOutcome {
    /// Of an entry of which nothing more is known.
    pub(super) fn bare(id: Uuid, verdict: Verdict, outcome: Outcome) -> Self {
        Self {
            id,
            verdict,
            outcome,
            sqlstate: None,
            message: None,
            detail: None,
            object: None,
            remedy: None,
            before: None,
            after: None,
        }
    }
}

/// What a run came to in which so many of so many entries were settled, as the list of runs has it.
pub(super) fn run_outcome(settled: u64, of: u64, stopped: bool) -> &'static str {
    match settled {
        _ if settled == of && !stopped => "ok",
        0 => "failed",
        _ => "partial",
    }
}

/// Whether a replay takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Runs the same statements and rolls them back.
    Dry,
    /// Applies.
    Apply,
}

/// How entries are replayed.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Dry or for real.
    pub mode: Mode,
    /// Who asks; stands in the ledger, the run and the attempts.
    pub actor: String,
    /// Why, in a person's words.
    pub reason: Option<String>,
    /// Applies what would overwrite a newer row, and settles what finds no row.
    pub force: bool,
}

/// What a push did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PushReport {
    /// Entries whose effect is on the master.
    pub applied: u64,
    /// Entries that changed nothing, or that the ledger had.
    pub no_change: u64,
    /// Entries settled by the merge rule.
    pub conflicts: u64,
    /// Entries that failed.
    pub failed: u64,
    /// Entries that wait for something or for a choice.
    pub blocked: u64,
    /// Entries that met a lock and are tried again soon.
    pub later: u64,
    /// From the queueing of the oldest new entry until the last batch was on the master, in seconds.
    pub lag_s: Option<f64>,
}

impl PushReport {
    /// Entries tried.
    pub fn tried(&self) -> u64 {
        self.applied + self.no_change + self.conflicts + self.failed + self.blocked + self.later
    }
}

/// What a pull did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PullReport {
    /// Rows of the master looked at.
    pub seen: u64,
    /// Rows inserted here.
    pub inserted: u64,
    /// Rows updated here.
    pub updated: u64,
    /// Rows deleted here.
    pub deleted: u64,
    /// Rows not taken yet: an unsent local edit stands there, or a parent or mapping is missing.
    pub deferred: u64,
    /// Whether all rows were compared: the first load, or after the master was restored or failed over.
    pub full: bool,
    /// Why all rows were compared.
    pub full_because: Option<String>,
    /// Bytes of text copied from the master.
    pub bytes: u64,
    /// Age of the oldest change taken when it was visible here, in seconds.
    pub lag_s: Option<f64>,
    /// How far a first load in chunks is, if one was under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadProgress>,
}

impl PullReport {
    /// Rows written here.
    pub fn written(&self) -> u64 {
        self.inserted + self.updated + self.deleted
    }
}

/// How a cycle finds out what changed on the master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Detection {
    /// By the changelog that its triggers write.
    #[default]
    Changelog,
    /// By comparing all rows: the master has no `robbie_sync` and does not let us make it.
    Comparison,
}

/// What one cycle did.
#[derive(Clone, Debug, Serialize)]
pub struct CycleReport {
    /// The row of `robbie_sync.run`; none for an idle cycle.
    pub run_id: Option<Uuid>,
    /// When it began.
    #[serde(serialize_with = "as_rfc3339")]
    pub started_at: SystemTime,
    /// How long it took.
    pub duration_ms: f64,
    /// How changes of the master were found.
    pub mode: Detection,
    /// The push, if asked for and done.
    pub push: Option<PushReport>,
    /// The pull, if asked for and done.
    pub pull: Option<PullReport>,
    /// What stopped a half of it, as a person should read it.
    pub faults: Vec<String>,
    /// What deserves a look though nothing stopped.
    pub warnings: Vec<String>,
    /// How far the master's clock is ahead of the replica's, in seconds; measured in thorough cycles.
    pub clock_offset_s: Option<f64>,
}

impl CycleReport {
    /// Of a cycle that begins now and has done nothing yet.
    pub fn begun(started_at: SystemTime, mode: Detection) -> Self {
        Self {
            run_id: None,
            started_at,
            duration_ms: 0.0,
            mode,
            push: None,
            pull: None,
            faults: vec![],
            warnings: vec![],
            clock_offset_s: None,
        }
    }
    /// Whether nothing moved and nothing failed.
    pub fn is_idle(&self) -> bool {
        self.faults.is_empty()
            && self.push.as_ref().is_none_or(|p| p.tried() == 0)
            && self.pull.as_ref().is_none_or(|p| p.seen == 0)
    }
    /// Whether an entry failed, waits, or a half was stopped.
    pub fn needs_attention(&self) -> bool {
        !self.faults.is_empty() || self.push.as_ref().is_some_and(|p| p.failed + p.blocked > 0)
    }
}

/// Where the engine of this process stands.
#[derive(Clone, Debug, Default)]
pub struct EngineStatus {
    /// Whether it holds the replica's engine lock.
    pub running: bool,
    /// Whether it was told to wait.
    pub paused: bool,
    /// Whether a cycle is under way.
    pub busy: bool,
    /// Cycles done.
    pub cycles: u64,
    /// The last cycle that did something, or the first.
    pub last_cycle: Option<CycleReport>,
    /// When the next one is due at the latest.
    pub next_at: Option<SystemTime>,
    /// What stops it now, as a person should read it.
    pub fault: Option<String>,
    /// Whether the engine of another process holds the lock, and which (its `application_name`).
    pub held_by: Option<String>,
    /// How far a first load in chunks is, while one is under way.
    pub load: Option<LoadProgress>,
    /// Whether a side sends no notifications (a pooler stands before it): then it is asked again and again.
    pub probing: bool,
    /// What it has counted since it started.
    pub figures: Figures,
}

fn as_rfc3339<S: serde::Serializer>(at: &SystemTime, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&chrono::DateTime::<chrono::Utc>::from(*at).to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_outcomes_are_read_back() {
        for name in ["applied", "no_change", "superseded", "conflict_resolved", "held", "blocked", "failed", "later"] {
            assert_eq!(Outcome::from_name(name).map(Outcome::name), Some(name));
        }
        assert_eq!(Outcome::from_name("success"), None);
    }

    #[test]
    fn a_cycle_that_only_failed_is_neither_idle_nor_healthy() {
        let mut report = CycleReport {
            push: Some(PushReport::default()),
            pull: Some(PullReport::default()),
            ..CycleReport::begun(SystemTime::UNIX_EPOCH, Detection::Changelog)
        };
        assert!(report.is_idle() && !report.needs_attention());
        report.push = Some(PushReport { failed: 1, ..PushReport::default() });
        assert!(!report.is_idle() && report.needs_attention());
    }
}
