//! The four statements behind [`Catalog::read`] and the assembly of their answers.

use super::{
    Action, Catalog, Check, Column, Extension, ForeignKey, Identity, Index, Table, TableKind, Trigger, Unique,
};
use crate::postgres::{Fault, Side};
use tokio_postgres::{Client, Row};

/// Schemas, extensions and relations; `what` tells them apart. Temporary and system schemas stay out.
const RELATIONS: &str = "
    SELECT 'schema' AS what, n.nspname::text AS schema, ''::text AS name, ''::text AS kind, false AS partition,
           NULL::float8 AS rows
      FROM pg_catalog.pg_namespace n
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION ALL
    SELECT 'extension', n.nspname, e.extname, e.extversion, false, NULL
      FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
    UNION ALL
    SELECT 'relation', n.nspname, c.relname, c.relkind::text, c.relispartition, nullif(c.reltuples, -1)::float8
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// Columns in their order, with what a writer must know of each.
const COLUMNS: &str = "
    SELECT n.nspname::text AS schema, c.relname::text AS rel, a.attname::text AS name,
           pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
           pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS default, a.attgenerated <> '' AS generated,
           a.attidentity::text AS identity,
           CASE WHEN t.oid IN ('pg_catalog.varchar'::regtype, 'pg_catalog.bpchar'::regtype) AND a.atttypmod > 4
                THEN a.atttypmod - 4 END AS max_length,
           CASE WHEN t.typtype = 'e' THEN ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e
                                                 WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) END AS labels
      FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     ORDER BY a.attrelid, a.attnum";

/// Constraints, with the names of the columns on both ends in the key's order.
const CONSTRAINTS: &str = "
    SELECT n.nspname::text AS schema, c.relname::text AS rel, k.conname::text AS name, k.contype::text AS type,
           ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(num, ord)
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num ORDER BY u.ord) AS columns,
           fn.nspname::text AS ref_schema, f.relname::text AS ref_rel,
           ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u(num, ord)
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num ORDER BY u.ord) AS ref_columns,
           k.confdeltype::text AS on_delete, k.confupdtype::text AS on_update, k.condeferrable AS deferrable,
           k.convalidated AS validated,
           CASE WHEN k.contype = 'c' THEN pg_catalog.pg_get_constraintdef(k.oid) END AS definition
      FROM pg_catalog.pg_constraint k
      JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_class f ON f.oid = k.confrelid
      LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
     WHERE k.contype IN ('p', 'u', 'f', 'c') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     ORDER BY k.conrelid, k.conname";

/// Indexes and triggers in one answer; `what` tells them apart.
const INDEXES_AND_TRIGGERS: &str = "
    SELECT 'index' AS what, n.nspname::text AS schema, c.relname::text AS rel, i.relname::text AS name,
           am.amname::text AS detail,
           ARRAY(SELECT pg_catalog.pg_get_indexdef(x.indexrelid, g, true)
                   FROM generate_series(1, x.indnkeyatts) AS g ORDER BY g) AS columns,
           x.indisunique AS flag, x.indisprimary AS second_flag, x.indisvalid AS third_flag,
           pg_catalog.pg_get_expr(x.indpred, x.indrelid, true) AS predicate,
           pg_catalog.pg_get_indexdef(x.indexrelid) AS definition
      FROM pg_catalog.pg_index x
      JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
      JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
      JOIN pg_catalog.pg_am am ON am.oid = i.relam
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION ALL
    SELECT 'trigger', n.nspname, c.relname, t.tgname, fn.nspname || '.' || p.proname, '{}'::text[],
           (t.tgtype & 1) = 1, t.tgenabled IN ('O', 'A'), true, NULL, pg_catalog.pg_get_triggerdef(t.oid)
      FROM pg_catalog.pg_trigger t
      JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
      JOIN pg_catalog.pg_namespace fn ON fn.oid = p.pronamespace
     WHERE NOT t.tgisinternal AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     ORDER BY 2, 3, 4";

impl Catalog {
    /// Reads the catalog of the database that `client` is connected to. `side` stands in the fault if it fails.
    ///
    /// The four answers come from four snapshots: an object created or dropped in between is left out, not half read.
    pub async fn read(client: &Client, side: Side) -> Result<Self, Fault> {
        let (relations, columns, constraints, extras) = tokio::try_join!(
            client.query(RELATIONS, &[]),
            client.query(COLUMNS, &[]),
            client.query(CONSTRAINTS, &[]),
            client.query(INDEXES_AND_TRIGGERS, &[]),
        )
        .map_err(|e| Fault::from_postgres(e, side))?;

        let mut catalog = Self::default();
        for row in &relations {
            catalog.add_relation(row);
        }
        catalog.schemas.sort();
        for row in &columns {
            if let Some(table) = catalog.owner(row) {
                table.columns.push(column(row));
            }
        }
        for row in &constraints {
            if let Some(table) = catalog.owner(row) {
                add_constraint(table, row);
            }
        }
        for row in &extras {
            if let Some(table) = catalog.owner(row) {
                match row.get::<_, &str>("what") {
                    "index" => table.indexes.push(index(row)),
                    _ => table.triggers.push(trigger(row)),
                }
            }
        }
        catalog.tables.values_mut().for_each(|tables| tables.retain(|_, t| !t.columns.is_empty()));
        Ok(catalog)
    }

    fn add_relation(&mut self, row: &Row) {
        let (schema, name, detail): (String, String, String) = (row.get("schema"), row.get("name"), row.get("kind"));
        match row.get::<_, &str>("what") {
            "schema" => self.schemas.push(schema),
            "extension" => {
                self.extensions.insert(name, Extension { version: detail, schema });
            }
            _ => {
                let kind = match detail.as_str() {
                    "p" => TableKind::Partitioned,
                    "v" => TableKind::View,
                    "m" => TableKind::MaterializedView,
                    "f" => TableKind::Foreign,
                    _ => TableKind::Ordinary,
                };
                let table = Table {
                    schema: schema.clone(),
                    name: name.clone(),
                    kind,
                    partition: row.get("partition"),
                    estimated_rows: row.get("rows"),
                    columns: Vec::new(),
                    primary_key: Vec::new(),
                    uniques: Vec::new(),
                    foreign_keys: Vec::new(),
                    checks: Vec::new(),
                    triggers: Vec::new(),
                    indexes: Vec::new(),
                };
                self.tables.entry(schema).or_default().insert(name, table);
            }
        }
    }

    fn owner(&mut self, row: &Row) -> Option<&mut Table> {
        self.tables.get_mut(row.get::<_, &str>("schema"))?.get_mut(row.get::<_, &str>("rel"))
    }
}

fn column(row: &Row) -> Column {
    Column {
        name: row.get("name"),
        type_name: row.get("type"),
        not_null: row.get("not_null"),
        default: row.get("default"),
        generated: row.get("generated"),
        identity: match row.get::<_, &str>("identity") {
            "a" => Some(Identity::Always),
            "d" => Some(Identity::ByDefault),
            _ => None,
        },
        max_length: row.get("max_length"),
        enum_labels: row.get::<_, Option<Vec<String>>>("labels").unwrap_or_default(),
    }
}

fn add_constraint(table: &mut Table, row: &Row) {
    let name: String = row.get("name");
    let columns: Vec<String> = row.get("columns");
    match row.get::<_, &str>("type") {
        "p" => table.primary_key = columns,
        "u" => table.uniques.push(Unique { name, columns, deferrable: row.get("deferrable") }),
        "f" => table.foreign_keys.push(ForeignKey {
            name,
            columns,
            referenced_schema: row.get::<_, Option<String>>("ref_schema").unwrap_or_default(),
            referenced_table: row.get::<_, Option<String>>("ref_rel").unwrap_or_default(),
            referenced_columns: row.get("ref_columns"),
            on_delete: action(row.get("on_delete")),
            on_update: action(row.get("on_update")),
            deferrable: row.get("deferrable"),
            validated: row.get("validated"),
        }),
        _ => table.checks.push(Check {
            name,
            columns,
            definition: row.get::<_, Option<String>>("definition").unwrap_or_default(),
            validated: row.get("validated"),
        }),
    }
}

fn action(letter: &str) -> Action {
    match letter {
        "r" => Action::Restrict,
        "c" => Action::Cascade,
        "n" => Action::SetNull,
        "d" => Action::SetDefault,
        _ => Action::NoAction,
    }
}

fn index(row: &Row) -> Index {
    Index {
        name: row.get("name"),
        method: row.get("detail"),
        columns: row.get("columns"),
        unique: row.get("flag"),
        primary: row.get("second_flag"),
        predicate: row.get("predicate"),
        valid: row.get("third_flag"),
        definition: row.get("definition"),
    }
}

fn trigger(row: &Row) -> Trigger {
    Trigger {
        name: row.get("name"),
        per_row: row.get("flag"),
        enabled: row.get("second_flag"),
        function: row.get("detail"),
        definition: row.get("definition"),
    }
}
