//! The SQL with which staged rows are taken into one table. Names come from the catalog and are quoted; nothing else varies.
//!
//! In a stage `s`: `~live` says whether the master has the row, `~state` why it is left alone (NULL: take it), `~new` that it
//! was inserted just now. Its key as JSON is made where it is needed: where nothing was edited that is nowhere.

use super::pull::Staged;
use super::tables::{Column, Reference, Table};
use crate::postgres::identifiers::quote;
use postgres_protocol::escape::escape_literal;

/// Entries that are not settled.
pub const OPEN: &str = "e.state NOT IN ('applied', 'superseded', 'conflict_resolved')";

/// Why rows are left alone when all are compared.
const DIFFERS: &str = "differs from the restored master";
const NEWER: &str = "newer here than on the master";
const UNSYNCED: &str = "differs from the master, never synced here";

/// Writes the statements of one staged table.
pub struct Statements<'a> {
    table: &'a Table,
    stage: &'a str,
    target: String,
    literal: String,
    same_key: String,
    pk: String,
    within: String,
}

impl<'a> Statements<'a> {
    /// For a staged table.
    pub fn new(staged: &'a Staged<'_>) -> Self {
        let table = staged.table;
        let same_key: Vec<String> =
            table.key_columns().map(|c| format!("t.{} = {}", quote(&c.name), c.staged())).collect();
        let pk: Vec<String> = table
            .key_columns()
            .map(|c| format!("{}, s.{}::{}", escape_literal(&c.name), quote(&c.name), c.local_type))
            .collect();
        Self {
            table,
            stage: &staged.stage,
            target: table.target(),
            literal: escape_literal(&table.name),
            same_key: same_key.join(" AND "),
            pk: format!("jsonb_build_object({})", pk.join(", ")),
            within: staged.chunk.as_ref().map_or_else(String::new, |c| c.within.clone()),
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

    /// Removes from a stage what is the same here as on the master, where `also` holds of the row `t`.
    pub fn forget_equal(&self, all: bool, also: &str) -> String {
        let (stage, target, key, differs) = (self.stage, &self.target, &self.same_key, self.differs(all));
        format!("DELETE FROM {stage} s USING {target} t WHERE s.\"~live\" AND {key} AND NOT {differs} AND {also}")
    }
    /// Adds to a whole stage what this side has and the master has not: to be deleted, or (`keep`) left alone.
    pub fn add_absent(&self, keep: bool) -> String {
        let key: Vec<String> =
            self.table.key.iter().map(|k| format!("{}, t.{}", escape_literal(k), quote(k))).collect();
        let names: Vec<String> = self.table.key.iter().map(|k| quote(k)).collect();
        let values: Vec<String> = self.table.key.iter().map(|k| format!("t.{}", quote(k))).collect();
        let absent = format!(
            "FROM {} t WHERE {} NOT EXISTS (SELECT 1 FROM {} s WHERE {})",
            self.target, self.within, self.stage, self.same_key
        );
        if keep {
            // Noted as local: no later comparison takes them for rows that the master deleted.
            let pk = format!("jsonb_build_object({})", key.join(", "));
            format!(
                "INSERT INTO robbie_sync.base (tbl, pk, image) SELECT {}, {pk}, NULL {absent} AND NOT EXISTS ({}) \
                 ON CONFLICT (tbl, pk) DO NOTHING",
                self.literal,
                self.open_entry(&pk)
            )
        } else {
            format!(
                "INSERT INTO {} (\"~live\", {}) SELECT false, {} {absent}",
                self.stage,
                names.join(", "),
                values.join(", ")
            )
        }
    }
    /// An unsettled entry of the row whose key is `pk`: it keeps that row from being taken, and says when that ends.
    fn open_entry(&self, pk: &str) -> String {
        format!("SELECT 1 FROM robbie_sync.entry e WHERE e.tbl = {} AND e.pk = {pk} AND {OPEN}", self.literal)
    }
    /// Leaves rows alone that differ from a master which lost history.
    pub fn leave_differing(&self) -> String {
        format!(
            "UPDATE {} s SET \"~state\" = '{DIFFERS}' FROM {} t \
             WHERE s.\"~state\" IS NULL AND {} AND {}",
            self.stage,
            self.target,
            self.same_key,
            self.differs(false)
        )
    }
    /// Notes rows that were just left alone as edited here: no later pull takes the master's over them.
    pub fn keep_left(&self) -> String {
        format!(
            "INSERT INTO robbie_sync.base (tbl, pk, image) SELECT {}, k.pk, NULL \
             FROM {} s CROSS JOIN LATERAL (SELECT {}) k(pk) \
             WHERE s.\"~state\" IN ('{DIFFERS}', '{NEWER}', '{UNSYNCED}') AND NOT EXISTS ({}) ON CONFLICT (tbl, pk) DO NOTHING",
            self.literal,
            self.stage,
            self.pk,
            self.open_entry("k.pk")
        )
    }
    /// Leaves rows alone that differ, where nothing says which is the newer one.
    pub fn leave_unsynced(&self) -> String {
        self.leave_differing().replace(DIFFERS, UNSYNCED)
    }
    /// Keeps the images of rows here that were never synced and that the master's, the newer ones, are about to overwrite: as
    /// discarded entries.
    pub fn archive_overwritten(&self) -> String {
        format!(
            "INSERT INTO robbie_sync.archive (entry_id, pending_row, data_text, reason, actor)
             SELECT k.id, jsonb_build_object('id', k.id, 'table_name', {}, 'operation', 'UPDATE', 'data', k.image, 'created_at', clock_timestamp()),
                 k.image::text, 'never synced here, and older than the row of the master that the first load took', 'engine'
             FROM (SELECT gen_random_uuid(), robbie_sync.image_of(t) FROM {} t JOIN {} s ON {}
                   WHERE s.\"~live\" AND s.\"~state\" IS NULL AND {}) k(id, image)",
            self.literal,
            self.target,
            self.stage,
            self.same_key,
            self.differs(false)
        )
    }
    /// Leaves rows alone whose local version is the newer one, before anything was ever synced.
    pub fn leave_newer(&self) -> Option<String> {
        let stamp = self.table.columns.iter().find(|c| Some(&c.name) == self.table.stamp.as_ref())?;
        Some(format!(
            "UPDATE {} s SET \"~state\" = '{NEWER}' FROM {} t \
             WHERE s.\"~state\" IS NULL AND {} AND t.{} > {} AND {}",
            self.stage,
            self.target,
            self.same_key,
            quote(&stamp.name),
            stamp.staged(),
            self.differs(false)
        ))
    }
    /// Locks the parents of what is to be taken: they stay until the end of the transaction.
    pub fn hold_parents(&self, reference: &Reference) -> String {
        let of = |columns: &[String]| columns.iter().map(|c| format!("p.{}", quote(c))).collect::<Vec<_>>().join(", ");
        let values: Vec<String> = reference.columns.iter().map(|c| self.staged_value(c)).collect();
        let columns = of(&reference.parent_columns);
        format!(
            "SELECT 1 FROM public.{} p WHERE ({columns}) IN (SELECT {} FROM {} s WHERE s.\"~live\" AND s.\"~state\" IS NULL) \
             ORDER BY {columns} FOR KEY SHARE OF p",
            quote(&reference.parent),
            values.join(", "),
            self.stage
        )
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
    /// Inserts what is not here; `one` restricts it to the stage's rows `$1`, `noted` has the stage say which they were.
    pub fn insert(&self, one: bool, noted: bool) -> String {
        let keys: Vec<String> = self.table.key.iter().map(|k| quote(k)).collect();
        let insert = format!(
            "INSERT INTO {target} AS x ({}) OVERRIDING SYSTEM VALUE
             SELECT {} FROM {stage} s
             WHERE s.\"~live\" AND s.\"~state\" IS NULL {}
               AND NOT EXISTS (SELECT 1 FROM {target} t WHERE {})
             ON CONFLICT ({}) DO NOTHING",
            self.names(""),
            self.staged_values(),
            only(one),
            self.same_key,
            keys.join(", "),
            target = self.target,
            stage = self.stage,
        );
        if noted {
            format!(
                "WITH fresh AS ({insert} RETURNING x.*) UPDATE {} s SET \"~new\" = true FROM fresh t WHERE {}",
                self.stage, self.same_key
            )
        } else {
            insert
        }
    }
    /// Locks the rows that are to change, in the order of their keys.
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
    /// Leaves alone what was edited here. A row that already is as the master has it is not edited any more.
    pub fn leave_edited(&self) -> [String; 3] {
        let (stage, tbl, pk) = (self.stage, &self.literal, &self.pk);
        let ignored: Vec<String> =
            self.table.columns.iter().filter(|c| c.ignored).map(|c| escape_literal(&c.name)).collect();
        let ignored = format!("ARRAY[{}]::text[]", ignored.join(", "));
        [
            format!(
                "UPDATE {stage} s SET \"~state\" = 'unsent entry' FROM robbie_sync.entry e
                 WHERE e.tbl = {tbl} AND e.pk = {pk} AND {OPEN} AND s.\"~state\" IS NULL"
            ),
            format!(
                "DELETE FROM robbie_sync.base b USING {stage} s LEFT JOIN {} t ON {}
                 WHERE b.tbl = {tbl} AND b.pk = {pk} AND s.\"~state\" IS NULL AND NOT s.\"~new\"
                   AND pg_visible_in_snapshot(b.xid, pg_current_snapshot()) AND (
                     (s.\"~live\" AND t.{key} IS NOT NULL AND (NOT {}
                         OR (b.image IS NOT NULL AND (to_jsonb(t.*) - {ignored}) = (b.image - {ignored}))))
                     OR (NOT s.\"~live\" AND t.{key} IS NULL))",
                self.target,
                self.same_key,
                self.differs(false),
                key = quote(&self.table.key[0]),
            ),
            format!(
                "UPDATE {stage} s SET \"~state\" = coalesce((SELECT d.reason FROM robbie_sync.deferred d
                     WHERE d.tbl = {tbl} AND d.pk = b.pk AND d.reason IN ('{DIFFERS}', '{NEWER}', '{UNSYNCED}')), 'local edit that was never queued')
                 FROM robbie_sync.base b WHERE b.tbl = {tbl} AND b.pk = {pk} AND s.\"~state\" IS NULL"
            ),
        ]
    }
    /// A local delete that came between our look and our insert: the row goes again.
    pub fn take_back(&self) -> String {
        format!(
            "DELETE FROM {} t USING {} s WHERE {} AND s.\"~new\" AND s.\"~state\" IS NOT NULL",
            self.target, self.stage, self.same_key
        )
    }
    /// Whether a row that is to be taken, or was, is edited here.
    pub fn is_edited(&self) -> String {
        let (stage, tbl, pk) = (self.stage, &self.literal, &self.pk);
        format!(
            "SELECT EXISTS (SELECT 1 FROM {stage} s JOIN robbie_sync.base b ON b.tbl = {tbl} AND b.pk = {pk} WHERE s.\"~state\" IS NULL)
                 OR EXISTS (SELECT 1 FROM {stage} s JOIN robbie_sync.entry e ON e.tbl = {tbl} AND e.pk = {pk} AND {OPEN} \
                            WHERE s.\"~state\" IS NULL)"
        )
    }
    /// A row that needed no change was not locked: an edit of it since step 3 is seen together with its note.
    fn not_edited_meanwhile(&self) -> String {
        let (tbl, pk) = (&self.literal, &self.pk);
        format!(
            " AND NOT EXISTS (SELECT 1 FROM robbie_sync.base b WHERE b.tbl = {tbl} AND b.pk = {pk}) \
             AND NOT EXISTS (SELECT 1 FROM robbie_sync.entry e WHERE e.tbl = {tbl} AND e.pk = {pk} AND {OPEN})"
        )
    }
    /// Updates what differs. `guarded`: only what is not edited here at this moment.
    pub fn update(&self, one: bool, guarded: bool) -> Option<String> {
        let set: Vec<String> = self
            .table
            .columns
            .iter()
            .filter(|c| !self.table.key.contains(&c.name))
            .map(|c| format!("{} = {}", quote(&c.name), c.staged()))
            .collect();
        (!set.is_empty()).then(|| {
            format!(
                "UPDATE {} t SET {} FROM {} s WHERE s.\"~live\" AND s.\"~state\" IS NULL {} AND {} AND {}{}",
                self.target,
                set.join(", "),
                self.stage,
                only(one),
                self.same_key,
                self.differs(true),
                if guarded { self.not_edited_meanwhile() } else { String::new() }
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
    /// Deletes what is gone on the master.
    pub fn delete(&self, guarded: bool) -> String {
        format!(
            "DELETE FROM {} t USING {} s WHERE {} AND NOT s.\"~live\" AND s.\"~state\" IS NULL{}",
            self.target,
            self.stage,
            self.same_key,
            if guarded { self.not_edited_meanwhile() } else { String::new() }
        )
    }
    /// How many rows were left alone.
    pub fn count_left(&self) -> String {
        format!("SELECT count(*) FROM {} s WHERE s.\"~state\" IS NOT NULL", self.stage)
    }
    /// Forgets that rows were put off which are taken now.
    pub fn forget_deferred(&self) -> String {
        format!(
            "DELETE FROM robbie_sync.deferred d USING {} s WHERE d.tbl = {} AND d.pk = {} AND s.\"~state\" IS NULL",
            self.stage, self.literal, self.pk
        )
    }
    /// Notes what was left alone.
    pub fn note_deferred(&self, snapshot: &str) -> String {
        format!(
            "INSERT INTO robbie_sync.deferred AS d (tbl, pk, reason, snapshot)
             SELECT DISTINCT ON (k.pk) {}, k.pk, s.\"~state\", {}::pg_snapshot
             FROM {} s CROSS JOIN LATERAL (SELECT {}) k(pk) WHERE s.\"~state\" IS NOT NULL
             ON CONFLICT (tbl, pk) DO UPDATE SET reason = excluded.reason, snapshot = excluded.snapshot
             WHERE d.reason IS DISTINCT FROM excluded.reason",
            self.literal,
            escape_literal(snapshot),
            self.stage,
            self.pk
        )
    }
}

fn only(one: bool) -> &'static str {
    if one { "AND s.ctid = ANY ($1)" } else { "" }
}
