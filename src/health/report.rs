//! What is known of a pair's health, in the shape `robbie status --json` prints.
//!
//! `None` means "not known" everywhere: the side is out of reach, the object is missing, or the server took too long.
//! Nothing here is guessed; a number that is an estimate says so.

use super::words::count;
use serde::Serialize;

/// The whole answer: how the master and its replicas are, and what takes points off.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// In one word.
    pub standing: Standing,
    /// In one sentence.
    pub sentence: String,
    /// 0 to 100; 100 minus the points of all deductions.
    pub score: u8,
    /// The master.
    pub master: SideHealth,
    /// The replicas, in the order they were asked for.
    pub replicas: Vec<SideHealth>,
    /// The queue (of all replicas together).
    pub queue: QueueHealth,
    /// The synced tables (of every replica in turn).
    pub tables: Vec<TableHealth>,
    /// Who runs the engine.
    pub engine: EngineHealth,
    /// What takes points off, dearest first.
    pub deductions: Vec<Deduction>,
    /// What must be said loudly.
    pub banners: Vec<String>,
    /// Why entries are stuck, most entries first.
    pub reasons: Vec<Reason>,
    /// Conflicts on the master.
    pub conflicts: ConflictHealth,
    /// The last cycles that did something, newest first.
    pub runs: Vec<Run>,
}

/// How things stand, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nothing needs a person.
    Healthy,
    /// Something needs a person.
    Degraded,
    /// Much needs a person.
    Unhealthy,
    /// A needed side cannot be reached.
    Unreachable,
    /// Nothing has been read yet.
    #[default]
    Unknown,
}

/// One side as its server describes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SideHealth {
    /// `master`, or the replica's name.
    pub name: String,
    /// Whether the last question was answered.
    pub reachable: bool,
    /// Round trip of the last probe.
    pub latency_ms: Option<f64>,
    /// `server_version`.
    pub version: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// Whether the session is encrypted.
    pub tls: Option<bool>,
    /// Seconds since the server started.
    pub uptime_s: Option<f64>,
    /// Size of the database.
    pub size_bytes: Option<i64>,
    /// Client sessions on the server.
    pub connections: Option<i64>,
    /// `max_connections`.
    pub connections_max: Option<i64>,
    /// Age of the oldest open transaction of the database, ours excepted; 0 when there is none.
    pub longest_transaction_s: Option<f64>,
    /// Locks waited for.
    pub blocked_locks: Option<i64>,
    /// Whether the server is a standby.
    pub in_recovery: Option<bool>,
    /// Whether our sessions may only read.
    pub read_only: Option<bool>,
    /// Whether other roles' sessions are hidden from this role (`pg_read_all_stats` shows them).
    pub sessions_hidden: Option<bool>,
    /// Why it did not answer, in the server's own words.
    pub fault: Option<FaultWords>,
    /// What is missing here, and which command adds it.
    pub missing: Vec<Missing>,
    /// What could not be checked here, and why.
    pub unchecked: Vec<String>,
    /// How far its first load is, if it was begun and is not complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadHealth>,
    /// What is this replica's own, where several are reported together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<ReplicaShare>,
}

/// How far a first load in chunks is, whoever runs it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LoadHealth {
    /// Tables loaded.
    pub tables_done: i64,
    /// Tables in all.
    pub tables: i64,
    /// Rows loaded.
    pub rows: i64,
    /// Rows in all: an estimate.
    pub total: i64,
    /// Of the rows; 100 when all tables are loaded.
    pub percent: i64,
    /// Seconds since something was loaded.
    pub quiet_s: Option<f64>,
}

impl LoadHealth {
    /// It in words, the most telling ones first.
    pub fn words(&self) -> [String; 3] {
        [
            format!("first load {} %", self.percent),
            format!("{} of ~{} rows", count(self.rows), count(self.total)),
            format!("{} of {} tables", count(self.tables_done), count(self.tables)),
        ]
    }
}

/// A replica's own part of a report on several.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ReplicaShare {
    /// Its queue.
    pub queue: QueueHealth,
    /// Its engine.
    pub engine: EngineHealth,
    /// Its score.
    pub score: u8,
}

/// A failure as a person should read it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FaultWords {
    /// What failed and why.
    pub message: String,
    /// The SQLSTATE, if the server gave one.
    pub sqlstate: Option<String>,
    /// What to do next.
    pub remedy: Option<String>,
}

/// A thing that should be there and is not (or is refused).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The table or column.
    pub object: String,
    /// Whether it exists but may not be read.
    pub refused: bool,
    /// The command that puts it right.
    pub remedy: String,
}

/// The queue in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct QueueHealth {
    /// Will be sent.
    pub pending: Option<i64>,
    /// Tried and failed.
    pub failed: Option<i64>,
    /// Wait for something else.
    pub blocked: Option<i64>,
    /// Took effect.
    pub synced: Option<i64>,
    /// Put aside by a person.
    pub discarded: Option<i64>,
    /// Age of the oldest entry that is not synced.
    pub oldest_age_s: Option<f64>,
    /// Whether pending, failed and blocked are lower bounds (the queue is longer than is counted).
    pub at_least: bool,
    /// Whether `synced` is an estimate.
    pub synced_estimated: bool,
    /// Different reasons why entries are stuck.
    pub reasons: Option<i64>,
    /// Whether something maintains `retry_count` and `last_retry`.
    pub retries_tracked: Option<bool>,
    /// Set when the deployed worker cannot get past the oldest entries.
    pub starvation: Option<Starvation>,
}

impl QueueHealth {
    /// Entries that will not move by themselves.
    pub fn stuck(&self) -> i64 {
        self.failed.unwrap_or(0) + self.blocked.unwrap_or(0)
    }
}

/// The oldest 100 unsynced entries all have errors: the deployed worker reads nothing else.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Starvation {
    /// Entries without an error that it never reaches.
    pub starving: i64,
    /// Whether that is a lower bound.
    pub at_least: bool,
    /// Age of the oldest entry in its way.
    pub oldest_age_s: Option<f64>,
    /// The commonest table and error in its way.
    pub by: Option<String>,
}

/// A number of rows that may be an estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// How many.
    pub count: i64,
    /// Whether the planner's estimate was taken for it.
    pub estimated: bool,
}

/// One synced table on both sides.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TableHealth {
    /// The table.
    pub name: String,
    /// Which replica.
    pub replica: String,
    /// Rows on the master.
    pub master_rows: Option<i64>,
    /// Rows on the replica.
    pub replica_rows: Option<i64>,
    /// Whether `master_rows` is an estimate.
    pub master_rows_estimated: bool,
    /// Whether `replica_rows` is an estimate.
    pub replica_rows_estimated: bool,
    /// Changes on the master in the last hour.
    pub changes_per_hour: Option<i64>,
    /// Whether that is a lower bound.
    pub changes_at_least: bool,
    /// Changes on the master that the replica has not taken.
    pub lag_changes: Option<i64>,
    /// Age of the oldest of them; 0 when there is none.
    pub lag_s: Option<f64>,
    /// Entries that will be sent.
    pub pending: Option<i64>,
    /// Entries that failed.
    pub failed: Option<i64>,
    /// Entries that wait for something else.
    pub blocked: Option<i64>,
    /// Seconds since rows of it last moved, either way.
    pub last_sync_s: Option<f64>,
    /// Why the engine leaves it alone, if it does.
    pub paused: Option<String>,
}

/// Who runs the engine for a replica, and when the next cycle is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EngineHealth {
    /// Whether a session of an engine holds the lock; `None` when the replica did not answer.
    pub running: Option<bool>,
    /// `pid 4711 on laptop`.
    pub holder: Option<String>,
    /// Its process.
    pub pid: Option<u32>,
    /// Its machine.
    pub host: Option<String>,
    /// Its interval.
    pub interval_s: Option<f64>,
    /// When it last ran a cycle (text of the server).
    pub last_cycle: Option<String>,
    /// Seconds since then.
    pub last_cycle_age_s: Option<f64>,
    /// Seconds to the next one; 0 when due.
    pub next_cycle_s: Option<f64>,
    /// Whether the last cycle is older than three intervals.
    pub stale: bool,
    /// Where the pull stands: `following`, `comparing` (a master without `robbie_sync`), `bootstrapping` (the first load is not
    /// complete), `resync`, or `never` when nothing was pulled yet.
    pub pull: Option<String>,
    /// Rows of the master not taken because an unsent local edit stands there.
    pub deferred: Option<i64>,
}

/// Something that takes points off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deduction {
    /// How many.
    pub points: u8,
    /// Why, in one sentence.
    pub sentence: String,
    /// Which replica it is about, where one is meant.
    pub replica: Option<String>,
    /// What to do.
    pub remedy: Option<String>,
    /// A filter of the queue that shows the entries, if it is about entries.
    pub queue_filter: Option<String>,
}

/// Why entries are stuck: one error on one object of one table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct Reason {
    /// The table.
    pub table: String,
    /// `failed` or `blocked`.
    pub state: String,
    /// The verdict, where the engine gave one.
    pub verdict: Option<String>,
    /// The SQLSTATE, where there is one.
    pub sqlstate: Option<String>,
    /// The constraint, column or user it is about.
    pub object: Option<String>,
    /// The stored text of a queue that no engine judged yet.
    pub text: Option<String>,
    /// How many entries.
    pub count: i64,
    /// Age of the oldest.
    pub oldest_age_s: Option<f64>,
}

/// Conflicts on the master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConflictHealth {
    /// In the last 24 hours.
    pub last_24h: Option<i64>,
    /// Not yet looked at by a person.
    pub open: Option<i64>,
}

/// One cycle that did something.
#[derive(Clone, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct Run {
    /// When it began (text of the server).
    pub started_at: String,
    /// Seconds since it began.
    pub age_s: Option<f64>,
    /// How long it took.
    pub duration_s: Option<f64>,
    /// `ok`, `partial`, `failed`, or nothing while it runs.
    pub outcome: Option<String>,
    /// Entries that took effect.
    pub pushed: i64,
    /// Entries that failed.
    pub failed: i64,
    /// Entries that wait.
    pub blocked: i64,
    /// Rows taken from the master.
    pub pulled: i64,
    /// Rows deleted here.
    pub deleted: i64,
    /// Conflicts met.
    pub conflicts: i64,
    /// How far behind the replica was.
    pub lag_s: Option<f64>,
    /// What went wrong.
    pub fault: Option<String>,
}
