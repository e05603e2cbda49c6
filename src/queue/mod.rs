//! The queue: entries of `pending_sync`, where each stands, and what applying it does.
//!
//! Pure types and judgement; the SQL is in [`store`]. Nothing here changes an entry: sending one is the engine's.

pub mod columns;
pub mod detail;
pub mod diagnosis;
pub mod entry;
pub mod filter;
pub mod groups;
pub mod images;
mod lots;
pub mod mask;
pub mod page;
pub mod shape;
pub use crate::postgres::statement as sql;
pub mod starvation;
pub mod store;

pub use columns::{Columns, Excuse};
pub use diagnosis::{Diagnosis, Proof};
pub use entry::{Discarded, Entry, Key};
pub use filter::Filter;
pub use groups::Group;
pub use page::{Anchor, Page, Scope, Sort, SortBy};
pub use shape::Shape;

use serde::{Deserialize, Serialize};

/// What applying an entry does; every entry gets exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Inserts the row, as meant.
    Insert,
    /// Updates the row, as meant.
    Update,
    /// Deletes the row, as meant.
    Delete,
    /// The master already equals the payload, or the ledger has the entry.
    NoChange,
    /// An UPDATE or DELETE that finds no row.
    ZeroRows,
    /// The master row is newer than the entry.
    OverwritesNewer,
    /// A foreign-key parent is absent on the master.
    WaitsForParent,
    /// An earlier entry of the same row is failed.
    WaitsForChain,
    /// The payload has no primary key.
    LacksKey,
    /// A TEXT user id without a mapping.
    UnmappedUser,
    /// Unknown table or column, wrong type, missing NOT NULL, too long, not in an enum or check.
    SchemaMismatch,
    /// Unique, check, exclusion, or a foreign key from a parent's delete.
    Constraint,
    /// Anything else, with its SQLSTATE.
    Fault,
}

impl Verdict {
    /// The name as the database and `--json` spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::NoChange => "no_change",
            Self::ZeroRows => "zero_rows",
            Self::OverwritesNewer => "overwrites_newer",
            Self::WaitsForParent => "waits_for_parent",
            Self::WaitsForChain => "waits_for_chain",
            Self::LacksKey => "lacks_key",
            Self::UnmappedUser => "unmapped_user",
            Self::SchemaMismatch => "schema_mismatch",
            Self::Constraint => "constraint",
            Self::Fault => "fault",
        }
    }
    /// All verdicts, in the order people read them.
    pub const ALL: [Self; 13] = [
        Self::Insert,
        Self::Update,
        Self::Delete,
        Self::NoChange,
        Self::ZeroRows,
        Self::OverwritesNewer,
        Self::WaitsForParent,
        Self::WaitsForChain,
        Self::LacksKey,
        Self::UnmappedUser,
        Self::SchemaMismatch,
        Self::Constraint,
        Self::Fault,
    ];
    /// Reads a name as the database spells it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.name() == name)
    }
}

/// Where an entry stands, as people speak of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Will be sent (`ready`, `inflight`).
    Pending,
    /// Was tried and failed (`retry`, `quarantined`).
    Failed,
    /// Waits for something else (`blocked`).
    Blocked,
    /// Its effect is on the master (`applied`, `superseded`, `conflict_resolved`).
    Synced,
    /// Put aside by a person (in the archive).
    Discarded,
}

impl State {
    /// All states, in the order of an entry's life.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Failed, Self::Blocked, Self::Synced, Self::Discarded];
    /// The states of what stands in the queue; what is discarded stands in the archive.
    pub const QUEUED: [Self; 4] = [Self::Pending, Self::Failed, Self::Blocked, Self::Synced];
    /// The states whose effect is not on the master yet.
    pub const OPEN: [Self; 3] = [Self::Pending, Self::Failed, Self::Blocked];

    /// The name in filters and `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Synced => "synced",
            Self::Discarded => "discarded",
        }
    }
    /// Reads a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name().eq_ignore_ascii_case(name))
    }
    /// What `robbie_sync.entry.state` says, in people's words.
    pub fn of_entry(state: &str) -> Self {
        match state {
            "retry" | "quarantined" => Self::Failed,
            "blocked" => Self::Blocked,
            "applied" | "superseded" | "conflict_resolved" => Self::Synced,
            _ => Self::Pending,
        }
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name().replace('_', " "))
    }
}
