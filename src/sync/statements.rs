//! The SQL with which staged rows are taken into one table. Names come from the catalog and are quoted; nothing else varies.
//!
//! In a stage `s`: `~pk` is the key as JSON, `~live` says whether the master has the row, `~state` why it is left alone
//! (NULL: take it), `~new` that it was inserted just now.

use super::pull::Staged;
use super::tables::{Column, Reference, Table};
use crate::postgres::identifiers::quote;
use postgres_protocol::escape::escape_literal;

/// Entries that are not settled.
pub const OPEN: &str = "e.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined')";

/// Writes the statements of one staged table.
pub struct Statements<'a> {
    table: &'a Table,
    stage: &'a str,
    target: String,
    literal: String,
    same_key: String,
}

impl<'a> Statements<'a> {
    /// For a staged table.
    pub fn new(staged: &'a Staged<'_>) -> Self {
        let table = staged.table;
        let same_key: Vec<String> =
            key_columns(table).map(|c| format!("t.{} = {}", quote(&c.name), c.staged())).collect();
        Self {
            table,
            stage: &staged.stage,
            target: table.target(),
            literal: escape_literal(&table.name),
            same_key: same_key.join(" AND "),
        }
    }

    fn names(&self, row: &str) -> String {
        let names: Vec<String> = self.table.columns.iter().map(|c| format!("{row}{}", quote(&c.name))).collect();
        names.join(", ")
    }
    fn staged_values(&self) -> String {
        let values: Vec<String> = self.table.columns.iter().map(Column::staged).collect();
        values.join(", ")
    }
    /// Whether the row here and the staged one differ; `all` also looks at columns that triggers keep.
    fn differs(&self, all: bool) -> String {
        let differing: Vec<String> = self
            .table
            .columns
            .iter()
            .filter(|c| all || !c.ignored)
            .map(|c| {
                let cast = if c.comparable { "" } else { "::text" };
                format!("t.{}{cast} IS DISTINCT FROM {}{cast}", quote(&c.name), c.staged())
            })
            .collect();
        if differing.is_empty() { "false".into() } else { format!("({})", differing.join(" OR ")) }
    }

    /// Adds to a whole stage what this side has and the master has not: to be deleted, or (`keep`) left alone.
    pub fn add_absent(&self, keep: bool) -> String {
        let key: Vec<String> =
            self.table.key.iter().map(|k| format!("{}, t.{}", escape_literal(k), quote(k))).collect();
        let names: Vec<String> = self.table.key.iter().map(|k| quote(k)).collect();
        let values: Vec<String> = self.table.key.iter().map(|k| format!("t.{}", quote(k))).collect();
        let absent =
            format!("FROM {} t WHERE NOT EXISTS (SELECT 1 FROM {} s WHERE {})", self.target, self.stage, self.same_key);
        if keep {
            // Noted as local: no later comparison takes them for rows that the master deleted.
            format!(
                "INSERT INTO robbie_sync.base (tbl, pk, image) SELECT {}, jsonb_build_object({}), NULL {absent} \
                 ON CONFLICT (tbl, pk) DO NOTHING",
                self.literal,
                key.join(", ")
            )
        } else {
            format!(
                "INSERT INTO {} (\"~pk\", \"~live\", {}) SELECT jsonb_build_object({}), false, {} {absent}",
                self.stage,
                names.join(", "),
                key.join(", "),
                values.join(", ")
            )
        }
    }
    /// Leaves rows alone that differ from a master which lost history.
    pub fn leave_differing(&self) -> String {
        format!(
            "UPDATE {} s SET \"~state\" = 'differs from the restored master' FROM {} t \
             WHERE s.\"~state\" IS NULL AND {} AND {}",
            self.stage,
            self.target,
            self.same_key,
            self.differs(false)
        )
    }
    /// Leaves rows alone whose local version is the newer one, before anything was ever synced.
    pub fn leave_newer(&self) -> Option<String> {
        let stamp = self.table.columns.iter().find(|c| Some(&c.name) == self.table.stamp.as_ref())?;
        Some(format!(
            "UPDATE {} s SET \"~state\" = 'newer here than on the master' FROM {} t \
             WHERE s.\"~state\" IS NULL AND {} AND t.{} > {} AND {}",
            self.stage,
            self.target,
            self.same_key,
            quote(&stamp.name),
            stamp.staged(),
            self.differs(false)
        ))
    }
    /// Leaves rows alone whose parent is not here.
    pub fn leave_orphans(&self, reference: &Reference) -> String {
        let given: Vec<String> = reference.columns.iter().map(|c| format!("s.{} IS NOT NULL", quote(c))).collect();
        let joined = |row: &str, columns: &[String]| {
            let pairs: Vec<String> = columns
                .iter()
                .zip(&reference.columns)
                .map(|(theirs, ours)| format!("{row}.{} = {}", quote(theirs), self.staged_value(ours)))
                .collect();
            pairs.join(" AND ")
        };
        let itself = if reference.parent == reference.child {
            format!(
                " AND NOT EXISTS (SELECT 1 FROM {} o WHERE o.\"~live\" AND o.\"~state\" IS NULL AND {})",
                self.stage,
                joined("o", &reference.parent_columns)
            )
        } else {
            String::new()
        };
        format!(
            "UPDATE {} s SET \"~state\" = 'parent missing: ' || {} WHERE s.\"~live\" AND s.\"~state\" IS NULL AND {} \
             AND NOT EXISTS (SELECT 1 FROM public.{} p WHERE {}){itself}",
            self.stage,
            escape_literal(&reference.name),
            given.join(" AND "),
            quote(&reference.parent),
            joined("p", &reference.parent_columns)
        )
    }
    fn staged_value(&self, name: &str) -> String {
        self.table.columns.iter().find(|c| c.name == name).map_or_else(|| format!("s.{}", quote(name)), Column::staged)
    }
    /// Step 1: inserts what is not here; `one` restricts it to the row `$1`.
    pub fn insert(&self, one: bool) -> String {
        let keys: Vec<String> = self.table.key.iter().map(|k| quote(k)).collect();
        format!(
            "WITH fresh AS (
                 INSERT INTO {target} AS x ({}) OVERRIDING SYSTEM VALUE
                 SELECT {} FROM {stage} s
                 WHERE s.\"~live\" AND s.\"~state\" IS NULL {}
                   AND NOT EXISTS (SELECT 1 FROM {target} t WHERE {})
                   AND NOT EXISTS (SELECT 1 FROM robbie_sync.entry e WHERE e.tbl = {tbl} AND e.pk = s.\"~pk\" AND {OPEN})
                   AND NOT EXISTS (SELECT 1 FROM robbie_sync.base b WHERE b.tbl = {tbl} AND b.pk = s.\"~pk\")
                 ON CONFLICT ({}) DO NOTHING RETURNING x.*)
             UPDATE {stage} s SET \"~new\" = true FROM fresh t WHERE {}",
            self.names(""),
            self.staged_values(),
            if one { "AND s.\"~n\" = $1" } else { "" },
            self.same_key,
            keys.join(", "),
            self.same_key,
            target = self.target,
            stage = self.stage,
            tbl = self.literal,
        )
    }
    /// Step 2: locks the rows that are to change, in the order of their keys.
    pub fn lock(&self) -> [String; 2] {
        let order: Vec<String> = self.table.key.iter().map(|k| format!("t.{}", quote(k))).collect();
        let locked = |condition: String, strength: &str| {
            format!(
                "SELECT 1 FROM {} t JOIN {} s ON {} WHERE s.\"~state\" IS NULL AND {condition} ORDER BY {} FOR {strength} OF t",
                self.target,
                self.stage,
                self.same_key,
                order.join(", ")
            )
        };
        [
            locked(format!("s.\"~live\" AND NOT s.\"~new\" AND {}", self.differs(true)), "NO KEY UPDATE"),
            locked("NOT s.\"~live\"".into(), "UPDATE"),
        ]
    }
    /// Step 3: leaves alone what was edited here. A row that already is as the master has it is not edited any more.
    pub fn leave_edited(&self) -> Vec<String> {
        let (stage, tbl) = (self.stage, &self.literal);
        let ignored: Vec<String> =
            self.table.columns.iter().filter(|c| c.ignored).map(|c| escape_literal(&c.name)).collect();
        let ignored = format!("ARRAY[{}]::text[]", ignored.join(", "));
        let open = format!("SELECT 1 FROM robbie_sync.entry e WHERE e.tbl = {tbl} AND e.pk = s.\"~pk\" AND {OPEN}");
        vec![
            format!("UPDATE {stage} s SET \"~state\" = 'unsent entry' WHERE s.\"~state\" IS NULL AND EXISTS ({open})"),
            format!(
                "DELETE FROM robbie_sync.base b USING {stage} s LEFT JOIN {} t ON {}
                 WHERE b.tbl = {tbl} AND b.pk = s.\"~pk\" AND s.\"~state\" IS NULL AND NOT s.\"~new\"
                   AND pg_visible_in_snapshot(b.xid, pg_current_snapshot()) AND (
                     (s.\"~live\" AND t.{key} IS NOT NULL AND (NOT {}
                         OR (b.image IS NOT NULL AND (to_jsonb(t) - {ignored}) = (b.image - {ignored}))))
                     OR (NOT s.\"~live\" AND t.{key} IS NULL))",
                self.target,
                self.same_key,
                self.differs(false),
                key = quote(&self.table.key[0]),
            ),
            format!(
                "UPDATE {stage} s SET \"~state\" = 'local edit that was never queued' FROM robbie_sync.base b
                 WHERE b.tbl = {tbl} AND b.pk = s.\"~pk\" AND s.\"~state\" IS NULL"
            ),
            // A local delete that came between our look and our insert: the row goes again.
            format!(
                "DELETE FROM {} t USING {stage} s WHERE {} AND s.\"~new\" AND s.\"~state\" IS NOT NULL",
                self.target, self.same_key
            ),
        ]
    }
    /// A row that needed no change was not locked: an edit of it since step 3 is seen together with its note.
    fn not_edited_meanwhile(&self) -> String {
        let tbl = &self.literal;
        format!(
            "NOT EXISTS (SELECT 1 FROM robbie_sync.base b WHERE b.tbl = {tbl} AND b.pk = s.\"~pk\") \
             AND NOT EXISTS (SELECT 1 FROM robbie_sync.entry e WHERE e.tbl = {tbl} AND e.pk = s.\"~pk\" AND {OPEN})"
        )
    }
    /// Step 4: updates what differs; `again` also what was just inserted and changed by a trigger since.
    pub fn update(&self, one: bool, again: bool) -> Option<String> {
        let set: Vec<String> = self
            .table
            .columns
            .iter()
            .filter(|c| !self.table.key.contains(&c.name))
            .map(|c| format!("{} = {}", quote(&c.name), c.staged()))
            .collect();
        (!set.is_empty()).then(|| {
            format!(
                "UPDATE {} t SET {} FROM {} s WHERE s.\"~live\" AND s.\"~state\" IS NULL {} {} AND {} AND {} AND {}",
                self.target,
                set.join(", "),
                self.stage,
                if again { "" } else { "AND NOT s.\"~new\"" },
                if one { "AND s.\"~n\" = $1" } else { "" },
                self.same_key,
                self.differs(true),
                self.not_edited_meanwhile()
            )
        })
    }
    /// Leaves a row alone that is to go while rows here still point at it.
    pub fn leave_parents(&self, reference: &Reference) -> String {
        let pairs: Vec<String> = reference
            .columns
            .iter()
            .zip(&reference.parent_columns)
            .map(|(child, parent)| format!("c.{} = t.{}", quote(child), quote(parent)))
            .collect();
        format!(
            "UPDATE {stage} s SET \"~state\" = 'rows here still point at it: ' || {} FROM {} t \
             WHERE NOT s.\"~live\" AND s.\"~state\" IS NULL AND {} AND EXISTS (SELECT 1 FROM public.{} c WHERE {}{})",
            escape_literal(&reference.name),
            self.target,
            self.same_key,
            quote(&reference.child),
            pairs.join(" AND "),
            // Rows that point at themselves, or at each other and go together, do not keep each other.
            if reference.child == reference.parent {
                format!(
                    " AND NOT EXISTS (SELECT 1 FROM {} o WHERE NOT o.\"~live\" AND o.\"~state\" IS NULL AND {})",
                    self.stage,
                    self.table.key.iter().map(|k| format!("o.{0} = c.{0}", quote(k))).collect::<Vec<_>>().join(" AND ")
                )
            } else {
                String::new()
            },
            stage = self.stage,
        )
    }
    /// Step 4, rows that are gone on the master.
    pub fn delete(&self) -> String {
        format!(
            "DELETE FROM {} t USING {} s WHERE {} AND NOT s.\"~live\" AND s.\"~state\" IS NULL AND {}",
            self.target,
            self.stage,
            self.same_key,
            self.not_edited_meanwhile()
        )
    }
    /// Notes what was left alone, and forgets what was taken.
    pub fn note_deferred(&self, snapshot: &str) -> [String; 2] {
        [
            format!(
                "DELETE FROM robbie_sync.deferred d USING {} s WHERE d.tbl = {} AND d.pk = s.\"~pk\" AND s.\"~state\" IS NULL",
                self.stage, self.literal
            ),
            format!(
                "INSERT INTO robbie_sync.deferred AS d (tbl, pk, reason, snapshot)
                 SELECT DISTINCT ON (s.\"~pk\") {}, s.\"~pk\", s.\"~state\", {}::pg_snapshot FROM {} s WHERE s.\"~state\" IS NOT NULL
                 ON CONFLICT (tbl, pk) DO UPDATE SET reason = excluded.reason, snapshot = excluded.snapshot
                 WHERE d.reason IS DISTINCT FROM excluded.reason",
                self.literal,
                escape_literal(snapshot),
                self.stage
            ),
        ]
    }
}

fn key_columns(table: &Table) -> impl Iterator<Item = &Column> {
    table.key.iter().filter_map(|k| table.columns.iter().find(|c| &c.name == k))
}
