//! Which tables are synced, and what both sides know of their columns: read anew for each pull that has something to do.

use super::side::{on_master, on_replica};
use crate::postgres::Fault;
use crate::postgres::identifiers::quote;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Client;

/// A column that stands on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type here, as SQL writes it.
    pub local_type: String,
    /// Its type on the master.
    pub master_type: String,
    /// Whether JSON carries a value of its type on the master as one scalar.
    pub plain: bool,
    /// Whether two values of its type here can be compared; otherwise their texts are.
    pub comparable: bool,
    /// Whether the master holds a user's uuid where the replica holds their text id.
    pub mapped_user: bool,
    /// Whether it is never compared: kept by triggers, or the time of the last change.
    pub ignored: bool,
}

impl Column {
    /// The type of the column that its text is copied into: its own, where both sides agree.
    pub fn stage_type(&self) -> &str {
        if self.local_type == self.master_type { &self.local_type } else { "text" }
    }
    /// The staged value as the table takes it. Text into a text type is left to assignment, which refuses what is too
    /// long; a cast would cut it.
    pub fn staged(&self) -> String {
        let name = quote(&self.name);
        let textual = ["text", "character", "\"char\""].iter().any(|t| self.local_type.starts_with(t));
        if self.stage_type() == self.local_type || textual {
            format!("s.{name}")
        } else {
            format!("s.{name}::{}", self.local_type)
        }
    }
}

/// A foreign key of a table here: to another table here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its name.
    pub name: String,
    /// The table that points.
    pub child: String,
    /// The columns that point.
    pub columns: Vec<String>,
    /// The table pointed at.
    pub parent: String,
    /// The columns pointed at.
    pub parent_columns: Vec<String>,
}

/// A synced table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name, the same on both sides, in the schema `public`.
    pub name: String,
    /// The columns of its key, the same on both sides.
    pub key: Vec<String>,
    /// The columns that both sides have and that can be written here.
    pub columns: Vec<Column>,
    /// The column with the time of the last change, where both sides have one.
    pub stamp: Option<String>,
}

impl Table {
    /// Its quoted and qualified name.
    pub fn target(&self) -> String {
        format!("public.{}", quote(&self.name))
    }
    /// The columns of its key that can be written.
    pub fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().filter_map(|k| self.columns.iter().find(|c| &c.name == k))
    }
}

/// The synced tables, parents first, the references among the tables here, and what cannot be synced and why.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// Parents before children.
    pub ordered: Vec<Table>,
    /// All foreign keys here that touch a synced table.
    pub references: Vec<Reference>,
    /// Tables that the master offers and that cannot be taken here.
    pub refused: Vec<String>,
}

/// The tables that the master has synced.
pub async fn offered(master: &Client) -> Result<Vec<String>, Fault> {
    let rows = master.query("SELECT tbl FROM robbie_sync.synced_table", &[]).await.map_err(on_master)?;
    Ok(rows.iter().map(|r| r.get(0)).collect())
}

#[derive(Debug, Default)]
struct OneSide {
    key: Vec<(i32, String)>,
    columns: Vec<Found>,
}

#[derive(Debug)]
struct Found {
    name: String,
    type_name: String,
    generated: bool,
    comparable: bool,
    plain: bool,
}

/// The columns of the tables `$1`: type, place in the key, whether computed, whether comparable, whether a JSON scalar.
const COLUMNS: &str = "
    SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod),
           coalesce((SELECT k.place::integer FROM pg_index i
                     CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY k(attnum, place)
                     WHERE i.indrelid = c.oid AND i.indisprimary AND k.attnum = a.attnum), 0), a.attgenerated <> '',
           coalesce(b.typtype IN ('e', 'r', 'm') OR b.oid IN ('varchar'::regtype, 'bpchar'::regtype) OR EXISTS (
               SELECT 1 FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod
               WHERE m.amname = 'btree' AND o.opcdefault AND o.opcintype = b.oid), false),
           d.typcategory NOT IN ('A', 'C') AND d.oid NOT IN ('json'::regtype, 'jsonb'::regtype)
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    JOIN pg_type d ON d.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
    JOIN pg_type b ON b.oid = CASE WHEN d.typcategory = 'A' AND d.typelem <> 0 THEN d.typelem ELSE d.oid END
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname = ANY ($1)
    ORDER BY c.relname, a.attnum";

const REFERENCES: &str = "
    SELECT f.conname::text, c.relname::text, p.relname::text,
           ARRAY(SELECT a.attname::text FROM unnest(f.conkey) WITH ORDINALITY k(n, i)
                 JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.n ORDER BY k.i),
           ARRAY(SELECT a.attname::text FROM unnest(f.confkey) WITH ORDINALITY k(n, i)
                 JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.n ORDER BY k.i)
    FROM pg_constraint f
    JOIN pg_class c ON c.oid = f.conrelid
    JOIN pg_class p ON p.oid = f.confrelid
    WHERE f.contype = 'f' AND f.conparentid = 0
      AND c.relnamespace = 'public'::regnamespace AND p.relnamespace = 'public'::regnamespace
      AND (c.relname = ANY ($1) OR p.relname = ANY ($1))
    ORDER BY f.conname";

/// Reads what both sides know of the tables that the master syncs.
pub async fn read(master: &Client, replica: &Client) -> Result<Tables, Fault> {
    let offered =
        master.query("SELECT tbl, derived, stamps FROM robbie_sync.synced_table", &[]).await.map_err(on_master)?;
    joined_all(master, replica, &offered).await
}

/// Reads what both sides know of the tables that the replica watches: where the master has no list of its own.
pub async fn read_watched(master: &Client, replica: &Client) -> Result<Tables, Fault> {
    let watched = replica
        .query(
            "SELECT c.relname::text, array_remove(w.ignored, 'updated_at'), array_remove(ARRAY[
                 (SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'updated_at')], NULL)
             FROM robbie_sync.watched() w JOIN pg_class c ON c.oid = w.target
             WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition",
            &[],
        )
        .await
        .map_err(on_replica)?;
    joined_all(master, replica, &watched).await
}

/// Joins both sides' columns of the tables offered: name, derived columns, stamps.
async fn joined_all(master: &Client, replica: &Client, offered: &[tokio_postgres::Row]) -> Result<Tables, Fault> {
    let names: Vec<String> = offered.iter().map(|r| r.get(0)).collect();
    let theirs = by_table(&master.query(COLUMNS, &[&names]).await.map_err(on_master)?);
    let ours = by_table(&replica.query(COLUMNS, &[&names]).await.map_err(on_replica)?);
    let users = master.query(USERS, &[&names]).await.map_err(on_master)?;
    let users: BTreeSet<(String, String)> = users.iter().map(|r| (r.get(0), r.get(1))).collect();
    let references = replica.query(REFERENCES, &[&names]).await.map_err(on_replica)?;
    let references: Vec<Reference> = references
        .iter()
        .map(|r| Reference {
            name: r.get(0),
            child: r.get(1),
            parent: r.get(2),
            columns: r.get(3),
            parent_columns: r.get(4),
        })
        .collect();

    let mut tables = Tables { references, ..Tables::default() };
    let mut found = BTreeMap::new();
    for row in offered {
        let name: String = row.get(0);
        let derived: Vec<String> = row.get(1);
        let stamps: Vec<String> = row.get(2);
        // A table that only one side has is none of ours; gaps are shown by the schema comparison.
        let (Some(theirs), Some(ours)) = (theirs.get(&name), ours.get(&name)) else { continue };
        match joined(&name, theirs, ours, &derived, &stamps, &users) {
            Ok(table) => drop(found.insert(name, table)),
            Err(why) => tables.refused.push(why),
        }
    }
    for name in parents_first(found.keys().cloned().collect(), &tables.references) {
        tables.ordered.extend(found.remove(&name));
    }
    Ok(tables)
}

/// The uuid columns of the tables `$1` that mean a user.
const USERS: &str = "
    SELECT c.relname::text, a.attname::text
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'uuid'::regtype
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY ($1)
      AND (a.attname = 'user_id' OR EXISTS (
          SELECT 1 FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f'
          AND f.confrelid = to_regclass('public.users') AND f.conkey = ARRAY[a.attnum]))";

fn by_table(rows: &[tokio_postgres::Row]) -> BTreeMap<String, OneSide> {
    let mut tables: BTreeMap<String, OneSide> = BTreeMap::new();
    for row in rows {
        let table = tables.entry(row.get(0)).or_default();
        let (name, type_name, place): (String, String, i32) = (row.get(1), row.get(2), row.get(3));
        if place > 0 {
            table.key.push((place, name.clone()));
        }
        table.columns.push(Found { name, type_name, generated: row.get(4), comparable: row.get(5), plain: row.get(6) });
    }
    for table in tables.values_mut() {
        table.key.sort();
    }
    tables
}

fn joined(
    name: &str,
    theirs: &OneSide,
    ours: &OneSide,
    derived: &[String],
    stamps: &[String],
    users: &BTreeSet<(String, String)>,
) -> Result<Table, String> {
    if ours.key.is_empty() {
        return Err(format!("table {name} has no primary key on the replica: it is not synced"));
    }
    if ours.key != theirs.key {
        return Err(format!(
            "table {name} has another primary key on the replica than on the master: it is not synced"
        ));
    }
    let columns: Vec<Column> = ours
        .columns
        .iter()
        .filter(|c| !c.generated)
        .filter_map(|c| {
            let there = theirs.columns.iter().find(|t| t.name == c.name)?;
            Some(Column {
                name: c.name.clone(),
                local_type: c.type_name.clone(),
                master_type: there.type_name.clone(),
                plain: there.plain,
                comparable: c.comparable,
                mapped_user: c.type_name != "uuid" && users.contains(&(name.to_owned(), c.name.clone())),
                ignored: derived.contains(&c.name) || stamps.contains(&c.name),
            })
        })
        .collect();
    if !ours.key.iter().all(|(_, k)| columns.iter().any(|c| &c.name == k)) {
        return Err(format!("table {name} has a computed column in its primary key: it is not synced"));
    }
    if columns.iter().any(|c| c.mapped_user && ours.key.iter().any(|(_, k)| k == &c.name)) {
        return Err(format!(
            "table {name} has a user in its primary key, whom the two sides call otherwise: it is not synced"
        ));
    }
    let stamp = stamps.iter().find(|s| columns.iter().any(|c| &c.name == *s && c.local_type.starts_with("timestamp")));
    Ok(Table {
        name: name.to_owned(),
        key: ours.key.iter().map(|(_, c)| c.clone()).collect(),
        stamp: stamp.cloned(),
        columns,
    })
}

/// Orders names so that a table stands after those it points at; a cycle is cut at the first name met.
pub fn parents_first(names: Vec<String>, references: &[Reference]) -> Vec<String> {
    let mut ordered: Vec<String> = Vec::with_capacity(names.len());
    let mut left = names;
    while !left.is_empty() {
        let free = left.iter().position(|n| {
            references.iter().all(|r| &r.child != n || r.parent == r.child || !left.iter().any(|l| l == &r.parent))
        });
        ordered.push(left.remove(free.unwrap_or(0)));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(child: &str, parent: &str) -> Reference {
        Reference {
            name: format!("{child}_{parent}"),
            child: child.into(),
            columns: vec!["p".into()],
            parent: parent.into(),
            parent_columns: vec!["id".into()],
        }
    }

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn parents_stand_before_children_and_a_cycle_does_not_hang() {
        let references = [reference("a", "b"), reference("b", "c"), reference("c", "c")];
        assert_eq!(parents_first(names(&["a", "b", "c"]), &references), names(&["c", "b", "a"]));
        let cycle = [reference("a", "b"), reference("b", "a")];
        assert_eq!(parents_first(names(&["a", "b"]), &cycle).len(), 2);
    }

    #[test]
    fn a_text_that_goes_into_another_text_type_is_not_cut_by_a_cast() {
        let mut column = Column {
            name: "n".into(),
            local_type: "character varying(5)".into(),
            master_type: "text".into(),
            plain: true,
            comparable: true,
            mapped_user: false,
            ignored: false,
        };
        assert_eq!((column.stage_type(), column.staged().as_str()), ("text", "s.\"n\""));
        column.local_type = "integer".into();
        assert_eq!(column.staged(), "s.\"n\"::integer");
        column.master_type = "integer".into();
        assert_eq!((column.stage_type(), column.staged().as_str()), ("integer", "s.\"n\""));
    }
}
