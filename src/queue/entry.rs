//! One entry as a list shows it: short, with its payload cut on the server.

use super::diagnosis::Evidence;
use super::{State, Verdict};
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

/// An entry in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its id.
    pub id: Uuid,
    /// Where it stands in the order of the list.
    #[serde(skip)]
    pub key: Key,
    /// The table it changes, as the entry names it.
    pub table: String,
    /// INSERT, UPDATE, DELETE, UPSERT, or what stands there.
    pub operation: String,
    /// Where it stands.
    pub state: State,
    /// The state in the engine's words (`quarantined`), where the engine keeps one.
    pub engine_state: Option<String>,
    /// The row's key, as far as it is known.
    pub row_key: Option<String>,
    /// When it was queued, as PostgreSQL writes it.
    pub created_at: Option<String>,
    /// When it was queued, in milliseconds since 1970; `None` for infinities.
    #[serde(skip)]
    pub created_ms: Option<i64>,
    /// How long ago that is, in seconds, by the replica's clock.
    pub age_s: Option<i64>,
    /// When its effect was noted.
    pub synced_at: Option<String>,
    /// How often it was tried.
    pub attempts: i32,
    /// What applying it does, where that was found out.
    pub verdict: Option<Verdict>,
    /// The SQLSTATE of the last failure, where one is noted.
    pub sqlstate: Option<String>,
    /// The object of the last failure.
    pub object: Option<String>,
    /// Whether verdict, code and object come from a live answer to the stored error.
    #[serde(skip)]
    pub live: bool,
    /// What it waits for.
    pub blocked_on: Option<String>,
    /// The stored error, cut.
    pub error: Option<String>,
    /// The payload's beginning; `None` where it is too big to be looked into for a list.
    pub preview: Option<String>,
    /// The payload's stored size.
    pub bytes: i32,
    /// Who put it aside, when and why; `None` for what stands in the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discarded: Option<Discarded>,
}

/// How an entry came into the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Discarded {
    /// When, as PostgreSQL writes it.
    pub at: String,
    /// How long ago that is, in seconds, by the replica's clock.
    pub age_s: i64,
    /// By whom.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
}

/// A place in an order: the values of the order's columns, as PostgreSQL writes them.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Key(pub Vec<Option<String>>);

impl Key {
    /// The place as one word for a command line with nothing in it that a shell minds.
    pub fn to_place(&self) -> String {
        let json = serde_json::to_string(&self.0).unwrap_or_default();
        json.bytes().fold(String::new(), |place, byte| place + &format!("{byte:02x}"))
    }
    /// Reads a place of [`Key::to_place`].
    pub fn from_place(place: &str) -> Option<Self> {
        let digits = place.as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let json: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
        let values: Vec<Option<String>> = serde_json::from_slice(&json?).ok()?;
        (!values.is_empty() && values.len() <= 3).then_some(Self(values))
    }
}

impl Entry {
    /// Reads a row of the page statement; `None`: it is in the engine's notes only.
    pub(super) fn from_row(row: &Row) -> Option<Self> {
        let state: &str = row.get("state");
        Some(Self {
            id: row.get("id"),
            key: Key(row.get("key")),
            table: row.get::<_, Option<String>>("table_name")?,
            operation: row.get("operation"),
            state: State::from_name(state).unwrap_or(State::Pending),
            engine_state: row.get("engine_state"),
            row_key: row.get("row_key"),
            created_at: row.get("created_at"),
            created_ms: row.get("created_ms"),
            age_s: row.get("age_s"),
            synced_at: row.get("synced_at"),
            attempts: row.get("attempts"),
            verdict: row.get::<_, Option<&str>>("verdict").and_then(Verdict::from_name),
            sqlstate: row.get("sqlstate"),
            object: row.get("object"),
            live: row.get("live"),
            blocked_on: row.get("blocked_on"),
            error: row.get("error"),
            preview: row.get("preview"),
            bytes: row.get("bytes"),
            discarded: row.get::<_, Option<String>>("discarded_at").map(|at| Discarded {
                at,
                age_s: row.get("discarded_age_s"),
                actor: row.get("discarded_by"),
                reason: row.get("discarded_why"),
            }),
        })
    }

    /// What is known about its failure.
    pub fn evidence(&self) -> Evidence<'_> {
        Evidence {
            table: &self.table,
            operation: &self.operation,
            state: self.state,
            verdict: self.verdict,
            sqlstate: self.sqlstate.as_deref(),
            object: self.object.as_deref(),
            blocked_on: self.blocked_on.as_deref(),
            text: self.error.as_deref().unwrap_or_default(),
            live: self.live,
            synced: self.synced_at.is_some(),
        }
    }
}
