//! Migrations of the two schemas, and what databases have of them: inventory, comparison, gaps, score.
//!
//! The migration files are in the binary. Each runs in its own transaction, all of them under one advisory lock, and is recorded
//! with its checksum in `robbie_sync.migration`, apart for each [`Schema`]. The runner is ours and not refinery, because
//! refinery wants files named `V1__name.sql` where the names here are given (`01-core.sql` … `23-personality.sql`), has no
//! dry run, takes no lock that names its holder, and has no place for what a file adopted or replaced in a database that
//! held most of its tables already; checksums and two targets alone it could do.
//!
//! SQL is in `store`; the order of things is in `runner`. What is compared was read once, in [`Database::read`]; the judgement
//! (`family`, `matrix`, `gaps`, `score`) is pure, and `document` writes it as text or Markdown.

pub mod analysis;
mod database;
mod diff;
pub mod document;
mod expected;
mod family;
mod flaws;
mod gaps;
mod inventory;
mod matrix;
mod migrations;
mod refusal;
mod runner;
mod score;
mod store;
mod user_ids;

pub use database::{Database, Extent, Routine};
pub use diff::{Difference, Part as Differing, diff, script};
pub use family::{Family, Recognition};
pub use gaps::{Gap, GapState, gaps};
pub use inventory::{Entry, Inventory};
pub use matrix::{Cell, Presence, Row, compare};
pub use score::{Deduction, PARTS, Part, Score, total};

pub use migrations::Migration;
pub use runner::{migrate, migrate_files};
pub use store::status;

use crate::postgres::Side;
use std::time::Duration;

/// What a rollback at the end of a dry run leaves behind; shown with every dry run.
pub const DRY_RUN_CAVEAT: &str = "The dry run was rolled back. A rollback does not give back sequence numbers that were drawn, and while it ran, \
     writers of the tables it touched had to wait.";

/// The schema that the engine keeps its own tables in.
const ENGINE: &str = "robbie_sync";

/// One of the schemas that this binary can bring a database to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schema {
    /// The lean schema of the code assistant, on replicas.
    SmartRobbie,
    /// The schema of all business logic, on the master.
    Unified,
}

impl Schema {
    /// The name of its folder, and of its rows in `robbie_sync.migration`.
    pub fn name(self) -> &'static str {
        match self {
            Self::SmartRobbie => "smart-robbie",
            Self::Unified => "unified",
        }
    }
    /// The schema that a side of the pair has.
    pub fn of(side: Side) -> Self {
        match side {
            Side::Master => Self::Unified,
            Side::Replica => Self::SmartRobbie,
        }
    }
}

/// Whether a run stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Run each pending file in its own transaction and keep it.
    Apply,
    /// Run all pending files in one transaction and roll it back.
    DryRun,
}

/// How a file fared in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It had been applied before; nothing was done.
    Unchanged,
    /// It was applied now.
    Applied,
    /// It ran, and was rolled back with the dry run.
    WouldApply,
}

/// One file in a [`MigrationReport`].
#[derive(Clone, Debug, serde::Serialize)]
pub struct FileReport {
    /// The file's name, without the folder.
    pub name: String,
    /// The SHA-256 of its text.
    pub checksum: String,
    /// What happened to it.
    pub outcome: Outcome,
    /// How long it ran, in milliseconds; 0 if it did not.
    pub duration_ms: f64,
    /// What it says it adopted or replaced.
    pub note: Option<String>,
}

/// What a run did, or would do.
#[derive(Clone, Debug, serde::Serialize)]
pub struct MigrationReport {
    /// Which schema.
    pub schema: Schema,
    /// Which side it ran on.
    pub side: Side,
    /// Whether all of it was rolled back.
    pub dry_run: bool,
    /// Every file this binary has, in order.
    pub files: Vec<FileReport>,
    /// What a person should know, such as files recorded there that this binary does not have.
    pub warnings: Vec<String>,
}

impl MigrationReport {
    /// How many files ran.
    pub fn changed(&self) -> usize {
        self.files.iter().filter(|f| f.outcome != Outcome::Unchanged).count()
    }
    /// How long they ran.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.files.iter().map(|f| f.duration_ms).sum::<f64>() / 1000.0)
    }
}

/// Where a migration stands on a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Recorded, with the checksum this binary has.
    Applied,
    /// Not recorded.
    Pending,
    /// Recorded with another checksum: the file was changed after it ran.
    Altered,
    /// Recorded with another checksum, and only definitions: they will be made anew.
    Redefined,
    /// Recorded, but this binary does not have it: a newer binary was here.
    Unknown,
}

/// One migration as a database knows it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct MigrationStatus {
    /// The file's name.
    pub name: String,
    /// Where it stands.
    pub state: State,
    /// When it was applied, in UTC, as the server wrote it.
    pub applied_at: Option<String>,
    /// By which role and version.
    pub applied_by: Option<String>,
    /// How long it ran, in milliseconds.
    pub duration_ms: Option<f64>,
    /// The recorded checksum, or this binary's where nothing is recorded.
    pub checksum: String,
    /// What it said it adopted or replaced.
    pub note: Option<String>,
}
