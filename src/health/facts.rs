//! The answers of the two sides as they come: JSON of counts and ages, read into types. No row data is in them.

use super::report::{Reason, Run};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What every server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Server {
    pub version: String,
    pub database: String,
    pub uptime_s: Option<f64>,
    pub size_bytes: Option<i64>,
    pub connections: Option<i64>,
    pub connections_max: Option<i64>,
    pub longest_transaction_s: Option<f64>,
    pub sessions_hidden: bool,
    pub blocked_locks: Option<i64>,
    pub in_recovery: bool,
    pub read_only: bool,
}

/// The size of one table, in the order of `Shape::tables`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct TableSize {
    pub estimate: i64,
    pub writes: i64,
    pub counted: Option<i64>,
}

/// A master's answer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct MasterFacts {
    pub server: Server,
    pub tables: Option<Vec<TableSize>>,
    pub changes: Option<Changes>,
    /// Table, changes not seen by the replica, age of the oldest.
    pub lag: Option<Vec<(String, i64, Option<f64>)>>,
    pub conflicts: Option<Conflicts>,
}

/// The newest changes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Changes {
    pub looked_at: i64,
    /// Whether even the oldest of those looked at is of the last hour.
    pub oldest_in_hour: Option<bool>,
    pub by_table: BTreeMap<String, i64>,
}

/// Conflicts.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Conflicts {
    pub last_24h: i64,
    pub open: i64,
}

/// A replica's answer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ReplicaFacts {
    pub server: Server,
    pub tables: Option<Vec<TableSize>>,
    pub open: Option<Open>,
    pub queue: Option<Queue>,
    pub discarded: Option<i64>,
    pub deferred: Option<i64>,
    pub cursor: Option<Cursor>,
    pub load: Option<Load>,
    pub node_id: Option<uuid::Uuid>,
    pub table_state: Option<Vec<TableState>>,
    pub runs: Option<Vec<Run>>,
    pub engines: Option<Vec<EngineSession>>,
}

/// The open entries.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Open {
    /// Table, `pending` | `failed` | `blocked`, how many.
    pub by_table: Vec<(String, String, i64)>,
    pub reason_count: i64,
    pub reasons: Vec<Reason>,
}

/// What `pending_sync` itself says.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Queue {
    pub looked_at: i64,
    pub with_error: i64,
    pub oldest_age_s: Option<f64>,
    pub retried: bool,
    pub by: Option<String>,
    pub starving: Option<i64>,
    pub estimate: i64,
    pub synced_counted: Option<i64>,
}

/// How far the replica has pulled.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Cursor {
    pub snapshot: String,
    pub state: String,
}

/// How far a first load is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Load {
    pub tables_done: i64,
    pub tables: i64,
    pub rows: i64,
    pub total: i64,
    pub quiet_s: Option<f64>,
}

/// What the engine noted of one table.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct TableState {
    pub table: String,
    pub paused: Option<String>,
    pub last_sync_s: Option<f64>,
}

/// A session that holds an engine's lock.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct EngineSession {
    pub application: String,
    pub last_cycle: Option<String>,
    pub age_s: Option<f64>,
}
