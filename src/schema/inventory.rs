//! What a database holds: every schema and table with counts and sizes, and what it was recognised as.

use super::{Database, Recognition};
use crate::postgres::Side;
use crate::postgres::catalog::TableKind;

/// One table or view.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Entry {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Table, partitioned table, view.
    pub kind: TableKind,
    /// How many columns it has.
    pub columns: usize,
    /// The columns of its primary key.
    pub primary_key: Vec<String>,
    /// How many foreign keys it has.
    pub foreign_keys: usize,
    /// How many indexes it has.
    pub indexes: usize,
    /// How many triggers it has.
    pub triggers: usize,
    /// An estimate of its rows: the planner's, or where it was never analysed that of the statistics; `None` for views.
    pub estimated_rows: Option<f64>,
    /// Bytes on disk with indexes and long values; `None` for views.
    pub bytes: Option<i64>,
}

/// What one database holds.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Inventory {
    /// What the user calls the database.
    pub name: String,
    /// Its side.
    pub side: Side,
    /// What it was recognised as, and by what.
    #[serde(flatten)]
    pub recognition: Recognition,
    /// Its extensions with their versions.
    pub extensions: Vec<String>,
    /// How many functions and procedures are its own.
    pub routines: usize,
    /// How many tables hold rows, without partitions and the engine's own.
    pub tables: usize,
    /// All of them, with views and the engine's own, by schema and name.
    pub entries: Vec<Entry>,
}

impl Inventory {
    /// Takes stock of a database.
    pub fn of(database: &Database) -> Self {
        let entry = |t: &crate::postgres::catalog::Table| Entry {
            schema: t.schema.clone(),
            name: t.name.clone(),
            kind: t.kind,
            columns: t.columns.len(),
            primary_key: t.primary_key.clone(),
            foreign_keys: t.foreign_keys.len(),
            indexes: t.indexes.len(),
            triggers: t.triggers.len(),
            estimated_rows: database.extent(t).map(|e| t.estimated_rows.unwrap_or(e.live as f64)),
            bytes: database.extent(t).map(|e| e.bytes),
        };
        let extensions = &database.catalog.extensions;
        Self {
            name: database.name.clone(),
            side: database.side,
            recognition: Recognition::of(database),
            extensions: extensions.iter().map(|(name, e)| format!("{name} {}", e.version)).collect(),
            routines: database.routines.len(),
            tables: database.tables().count(),
            entries: database.catalog.tables().map(entry).collect(),
        }
    }
}
