//! One database as the comparisons see it: its catalog, how large its tables are, who is let at which rows, its functions.
//!
//! Six statements, however many tables there are, sent together on one session.

use crate::postgres::{Catalog, Fault, Side, catalog};
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// Sizes, and whether rows are guarded one by one. A table that is dropped meanwhile has no size and is left out.
const EXTENTS: &str = "
    SELECT n.nspname::text AS schema, c.relname::text AS name, pg_catalog.pg_total_relation_size(c.oid) AS bytes,
           pg_catalog.pg_stat_get_live_tuples(c.oid) AS live,
           c.relrowsecurity AS guarded
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// Functions and procedures that are nobody's extension.
const ROUTINES: &str = "
    SELECT n.nspname::text AS schema, p.proname::text AS name,
           pg_catalog.pg_get_function_identity_arguments(p.oid) AS arguments, pg_catalog.pg_get_functiondef(p.oid) AS definition
      FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
     WHERE p.prokind IN ('f', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
     ORDER BY 1, 2, 3";

/// What was read of one database.
#[derive(Clone, Debug)]
pub struct Database {
    /// What the user calls it.
    pub name: String,
    /// Which side of the pair it is.
    pub side: Side,
    /// Its catalog.
    pub catalog: Catalog,
    /// How large each table is, by schema and name.
    pub extents: BTreeMap<(String, String), Extent>,
    /// Its functions and procedures, without those of extensions.
    pub routines: Vec<Routine>,
}

/// How large a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Bytes on disk with indexes and long values.
    pub bytes: i64,
    /// Rows, as the statistics have counted writes; 0 after they were lost.
    pub live: i64,
    /// Whether row-level security is on.
    pub guarded: bool,
}

/// A function or a procedure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routine {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its arguments, as a statement that drops it would name them.
    pub arguments: String,
    /// The statement that makes it.
    pub definition: String,
}

impl Database {
    /// Reads the database that `client` is connected to.
    pub async fn read(client: &Client, side: Side, name: &str) -> Result<Self, Fault> {
        let others = async {
            tokio::try_join!(client.query(EXTENTS, &[]), client.query(ROUTINES, &[]))
                .map_err(|e| Fault::from_postgres(e, side))
        };
        let (catalog, (extents, routines)) = tokio::try_join!(Catalog::read(client, side), others)?;
        let extent = |row: &tokio_postgres::Row| {
            let bytes = row.get::<_, Option<i64>>("bytes")?;
            Some((
                (row.get("schema"), row.get("name")),
                Extent { bytes, live: row.get("live"), guarded: row.get("guarded") },
            ))
        };
        Ok(Self {
            name: name.to_owned(),
            side,
            catalog,
            extents: extents.iter().filter_map(extent).collect(),
            routines: routines
                .iter()
                .map(|row| Routine {
                    schema: row.get("schema"),
                    name: row.get("name"),
                    arguments: row.get("arguments"),
                    definition: row.get("definition"),
                })
                .collect(),
        })
    }
    /// The tables that hold the user's rows: without views, partitions, and what the engine keeps for itself.
    pub fn tables(&self) -> impl Iterator<Item = &catalog::Table> {
        self.catalog.tables().filter(|t| t.stores_rows() && !t.partition && t.schema != super::ENGINE)
    }
    /// Whether `public` has a table of this name.
    pub fn has(&self, table: &str) -> bool {
        self.table(table).is_some()
    }
    /// The table of this name in `public`.
    pub fn table(&self, name: &str) -> Option<&catalog::Table> {
        self.catalog.public(name).filter(|t| t.stores_rows())
    }
    /// The extent of a table.
    pub fn extent(&self, table: &catalog::Table) -> Option<Extent> {
        self.extents.get(&(table.schema.clone(), table.name.clone())).copied()
    }
}
