//! What is judged of the databases once they were read, and the rows of the inventory.

use super::Told;
use crate::schema::{self, Database, Deduction, Difference, Differing, Gap, Inventory, Row, Score};
use std::collections::BTreeSet;

/// All that is shown of the databases that are known.
#[derive(Default)]
pub struct Judged {
    /// The databases, master first.
    pub names: Vec<String>,
    /// What each holds.
    pub inventories: Vec<Inventory>,
    /// The matrix.
    pub rows: Vec<Row>,
    /// The gaps.
    pub gaps: Vec<Gap>,
    /// The scores.
    pub scores: Vec<Score>,
    /// Every deduction, with the database it is of.
    pub deductions: Vec<(usize, Deduction)>,
    /// What would bring the replica to the master, if both are known.
    pub differences: Option<Vec<Difference>>,
    /// Which of these are about tables that both have.
    pub shared: Vec<usize>,
}

impl Judged {
    /// Judges what was read.
    pub fn of(sides: &[Option<Told>; 2]) -> Self {
        let known: Vec<Database> = sides.iter().flatten().map(|t| Database::clone(&t.database)).collect();
        let scores: Vec<Score> = known.iter().map(Score::of).collect();
        let of = |(n, s): (usize, &Score)| s.deductions.iter().map(|d| (n, d.clone())).collect::<Vec<_>>();
        let deductions = scores.iter().enumerate().flat_map(of).collect();
        let differences = match known.as_slice() {
            [master, replica] => Some(schema::diff(replica, master)),
            _ => None,
        };
        let shared = match (known.as_slice(), &differences) {
            ([master, replica], Some(all)) => {
                let both = tables_of_both(master, replica);
                let is_shared = |d: &Difference| {
                    !matches!(d.part, Differing::Schema | Differing::Table | Differing::Function)
                        && (both.contains(&d.object)
                            || d.object.rsplit_once('.').is_some_and(|(table, _)| both.contains(table)))
                };
                (0..all.len()).filter(|&n| is_shared(&all[n])).collect()
            }
            _ => Vec::new(),
        };
        Self {
            names: known.iter().map(|d| d.name.clone()).collect(),
            inventories: known.iter().map(Inventory::of).collect(),
            rows: if known.is_empty() { Vec::new() } else { schema::compare(&known) },
            gaps: if known.is_empty() { Vec::new() } else { schema::gaps(&known) },
            scores,
            deductions,
            differences,
            shared,
        }
    }

    /// The rows of the inventory; `turned` are those that are not as they begin.
    pub fn tree(&self, turned: &BTreeSet<String>) -> Vec<Node> {
        let mut rows = Vec::new();
        for (n, inventory) in self.inventories.iter().enumerate() {
            let key = inventory.name.clone();
            let open = !turned.contains(&key);
            let bytes = inventory.entries.iter().filter_map(|e| e.bytes).sum();
            rows.push(Node { kind: Kind::Database { open }, database: n, key, count: inventory.tables, bytes });
            if !open {
                continue;
            }
            let schemas: BTreeSet<&str> = inventory.entries.iter().map(|e| e.schema.as_str()).collect();
            for schema in schemas {
                let key = format!("{}\u{0}{schema}", inventory.name);
                let of = inventory.entries.iter().enumerate().filter(|(_, e)| e.schema == schema);
                let entries: Vec<usize> = of.map(|(i, _)| i).collect();
                // What is not the user's own begins folded.
                let open = (schema == "public") != turned.contains(&key);
                let bytes = entries.iter().filter_map(|&i| inventory.entries[i].bytes).sum();
                let name = schema.to_owned();
                rows.push(Node { kind: Kind::Schema { name, open }, database: n, key, count: entries.len(), bytes });
                if open {
                    rows.extend(entries.into_iter().map(|i| Node {
                        kind: Kind::Table(i),
                        database: n,
                        key: String::new(),
                        count: 0,
                        bytes: inventory.entries[i].bytes.unwrap_or(0),
                    }));
                }
            }
        }
        rows
    }
}

/// The names, as differences give them, of tables that both have.
fn tables_of_both(a: &Database, b: &Database) -> BTreeSet<String> {
    let label =
        |schema: &str, name: &str| if schema == "public" { name.to_owned() } else { format!("{schema}.{name}") };
    a.tables()
        .filter(|t| b.catalog.table(&t.schema, &t.name).is_some_and(crate::postgres::catalog::Table::stores_rows))
        .map(|t| label(&t.schema, &t.name))
        .collect()
}

/// One row of the inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Of which database.
    pub database: usize,
    /// By what it is folded.
    pub key: String,
    /// How many tables are in it.
    pub count: usize,
    /// Their size.
    pub bytes: i64,
}

/// What a row of the inventory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A database.
    Database {
        /// Whether its schemas are shown.
        open: bool,
    },
    /// A schema.
    Schema {
        /// Its name.
        name: String,
        /// Whether its tables are shown.
        open: bool,
    },
    /// A table: its place among the entries.
    Table(usize),
}
