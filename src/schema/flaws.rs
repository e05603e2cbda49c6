//! Flaws in how tables go together and how they are indexed, each with what it costs.

use super::user_ids::{self, UserId};
use super::{Database, Deduction, Part};
use crate::postgres::catalog::{Index, Table};
use std::collections::BTreeMap;

/// Tables that hold the same thing when both are there: as it is worked with, and as it was fetched.
const DOUBLES: [(&str, &str); 3] =
    [("companies", "crm_companies"), ("contacts", "crm_contacts"), ("deals", "crm_deals")];

/// Finds them.
pub(super) fn flaws(database: &Database) -> Vec<Deduction> {
    let mut found = Vec::new();
    let mut add = |part, each: u8, most: u8, reason: &str, objects: Vec<String>| {
        if !objects.is_empty() {
            let points = each.saturating_mul(u8::try_from(objects.len()).unwrap_or(u8::MAX)).min(most);
            found.push(Deduction { part, points, reason: reason.to_owned(), objects });
        }
    };
    let consistency = Part::Consistency;
    add(consistency, 5, 25, "tables without a primary key", of_tables(database, |t| t.primary_key.is_empty()));
    // What bridges them takes most of the harm away.
    let mixed = if database.has("user_id_mapping") { 2 } else { 10 };
    add(consistency, mixed, mixed, "user ids of several types", mixed_user_ids(database));
    add(consistency, 5, 20, "the same table in several schemas", duplicates(database));
    add(consistency, 1, 3, "two tables for one thing", doubles(database));
    add(consistency, 5, 20, "foreign keys between columns of different types", clashing_keys(database));
    add(consistency, 2, 10, "constraints never checked on the rows that were there", unchecked(database));
    add(consistency, 5, 5, "times without a time zone beside times with one", zoneless(database));
    add(consistency, 3, 10, "triggers that are switched off", switched_off(database));
    let performance = Part::Performance;
    add(performance, 3, 40, "foreign keys without an index", unindexed_keys(database));
    add(performance, 5, 20, "embeddings without a vector index", unindexed_vectors(database));
    add(performance, 10, 20, "indexes that cannot be used", each_index(database, |_, i| !i.valid));
    add(performance, 3, 15, "indexes that are there twice", doubled_indexes(database));
    found
}

fn of_tables(database: &Database, wrong: impl Fn(&Table) -> bool) -> Vec<String> {
    database.tables().filter(|t| wrong(t)).map(label).collect()
}

/// The name of a table, with its schema where that is not `public`.
pub(super) fn label(table: &Table) -> String {
    if table.schema == "public" { table.name.clone() } else { format!("{}.{}", table.schema, table.name) }
}

fn mixed_user_ids(database: &Database) -> Vec<String> {
    let kinds = [("uuid", UserId::Uuid), ("text", UserId::Text), ("another type", UserId::Other)];
    let found: Vec<String> = kinds
        .into_iter()
        .map(|(word, kind)| (word, user_ids::tables(database, kind)))
        .filter(|(_, tables)| !tables.is_empty())
        .map(|(word, tables)| format!("{word}: {}", tables.join(", ")))
        .collect();
    if found.len() > 1 { found } else { Vec::new() }
}

fn duplicates(database: &Database) -> Vec<String> {
    let mut schemas: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for table in database.tables() {
        schemas.entry(&table.name).or_default().push(&table.schema);
    }
    schemas.into_iter().filter(|(_, s)| s.len() > 1).map(|(name, s)| format!("{name} in {}", s.join(", "))).collect()
}

fn doubles(database: &Database) -> Vec<String> {
    let both = |pair: &&(&str, &str)| database.has(pair.0) && database.has(pair.1);
    DOUBLES.iter().filter(both).map(|(a, b)| format!("{a} and {b}")).collect()
}

fn clashing_keys(database: &Database) -> Vec<String> {
    let mut found = Vec::new();
    for table in database.tables() {
        for key in &table.foreign_keys {
            let Some(other) = database.catalog.table(&key.referenced_schema, &key.referenced_table) else { continue };
            for (ours, theirs) in key.columns.iter().zip(&key.referenced_columns) {
                let (Some(a), Some(b)) = (table.column(ours), other.column(theirs)) else { continue };
                if a.type_name != b.type_name {
                    let (from, to) = (label(table), label(other));
                    found.push(format!("{from}.{ours} {} → {to}.{theirs} {}", a.type_name, b.type_name));
                }
            }
        }
    }
    found
}

fn unchecked(database: &Database) -> Vec<String> {
    let mut found = Vec::new();
    for table in database.tables() {
        let keys = table.foreign_keys.iter().filter(|k| !k.validated).map(|k| &k.name);
        let checks = table.checks.iter().filter(|c| !c.validated).map(|c| &c.name);
        found.extend(keys.chain(checks).map(|name| format!("{}: {name}", label(table))));
    }
    found
}

fn zoneless(database: &Database) -> Vec<String> {
    let with = |table: &Table, word: &str| {
        table.columns.iter().any(|c| c.type_name.starts_with("timestamp") && c.type_name.contains(word))
    };
    let without = of_tables(database, |t| with(t, "without time zone"));
    if database.tables().any(|t| with(t, "with time zone")) { without } else { Vec::new() }
}

fn switched_off(database: &Database) -> Vec<String> {
    let off = |t: &Table| {
        let name = label(t);
        t.triggers.iter().filter(|g| !g.enabled).map(move |g| format!("{name}: {}", g.name)).collect::<Vec<_>>()
    };
    database.tables().flat_map(off).collect()
}

/// The foreign keys whose columns no index starts with, as `table(column, …)`.
pub(super) fn unindexed_keys(database: &Database) -> Vec<String> {
    let mut found = Vec::new();
    for table in database.tables() {
        for key in table.foreign_keys.iter().filter(|k| !table.is_indexed_by(&k.columns)) {
            found.push(format!("{}({})", label(table), key.columns.join(", ")));
        }
    }
    found
}

fn unindexed_vectors(database: &Database) -> Vec<String> {
    let mut found = Vec::new();
    for table in database.tables() {
        for column in table.columns.iter().filter(|c| c.type_name.contains("vector(")) {
            let near = |i: &Index| {
                matches!(i.method.as_str(), "ivfflat" | "hnsw") && i.columns.iter().any(|c| c.contains(&column.name))
            };
            if !table.indexes.iter().any(near) {
                found.push(format!("{}.{}", label(table), column.name));
            }
        }
    }
    found
}

fn each_index(database: &Database, wrong: impl Fn(&Table, &Index) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for table in database.tables() {
        found.extend(table.indexes.iter().filter(|i| wrong(table, i)).map(|i| format!("{}: {}", label(table), i.name)));
    }
    found
}

/// An index that another one of the same definition stands before.
fn doubled_indexes(database: &Database) -> Vec<String> {
    // Behind the name all of the definition is what the index is: method, columns, classes, order, condition.
    let what =
        |i: &Index| i.definition.split_once(" ON ").map(|(head, rest)| (head.contains("UNIQUE"), rest.to_owned()));
    each_index(database, |table, index| {
        let same = |other: &&Index| what(other) == what(index);
        table.indexes.iter().find(same).is_some_and(|first| first.name != index.name)
    })
}
