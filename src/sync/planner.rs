//! How staged rows are joined, where statistics do not say how many rows there are.
//!
//! A table that was empty when it was vacuumed or analysed counts as empty for as long as the statement runs that fills it, and
//! one that kept its pages then even after that. The planner then takes a nested loop over whole tables for cheap. It is not
//! left that choice where all of the table is worth reading once, or where its statistics cannot be true.

use super::side::on_replica;
use crate::postgres::Fault;
use tokio_postgres::Transaction;

/// What was edited here.
pub const BASE: &str = "robbie_sync.base";
/// What is queued here.
pub const ENTRY: &str = "robbie_sync.entry";
/// What was put off.
pub const DEFERRED: &str = "robbie_sync.deferred";

/// With stages no larger than this, in bytes, no plan is bad.
const LITTLE: i64 = 32 * 1024;

/// Chooses for the joins of one transaction on the replica.
#[derive(Clone, Copy)]
pub struct Planner<'a> {
    t: &'a Transaction<'a>,
    chooses: bool,
}

impl<'a> Planner<'a> {
    /// For a transaction that takes these stages; `grow`: to which it adds rows.
    pub async fn new(t: &'a Transaction<'a>, stages: &[&str], grow: bool) -> Result<Self, Fault> {
        let large = "SELECT coalesce(bool_or(pg_relation_size(s::regclass) > $2), false) FROM unnest($1::text[]) s";
        let row = t.query_one(large, &[&stages, &LITTLE]).await.map_err(on_replica)?;
        Ok(Self { t, chooses: grow || row.get(0) })
    }

    /// The next statements join a stage with these tables. A page is read about as fast as a row is looked up.
    pub async fn join(&self, stage: &str, tables: &[&str]) -> Result<(), Fault> {
        if !self.chooses {
            return Ok(());
        }
        let choice = format!(
            "SELECT set_config('enable_nestloop', CASE WHEN bool_or(f.untrue) OR bool_and(f.pages <= s.rows) THEN 'off' ELSE 'on' END, true)
             FROM (SELECT CASE WHEN c.reltuples >= 0 THEN c.reltuples ELSE (SELECT count(*) FROM {stage}) END
                   FROM pg_class c WHERE c.oid = $2::text::regclass) s(rows)
             CROSS JOIN unnest($1::text[]) name
             CROSS JOIN LATERAL (
                 SELECT bool_or(l.relpages > 0 AND l.reltuples < l.relpages),
                     sum(pg_relation_size(l.oid)) / current_setting('block_size')::bigint
                 FROM (SELECT name::regclass::oid UNION SELECT p.relid FROM pg_partition_tree(name::regclass) p) part(oid)
                 JOIN pg_class l ON l.oid = part.oid AND l.relkind = 'r') f(untrue, pages)"
        );
        self.t.execute(&choice, &[&tables, &stage]).await.map_err(on_replica)?;
        Ok(())
    }

    /// The next statements are for few rows at a time.
    pub async fn singly(&self) -> Result<(), Fault> {
        self.t.batch_execute("SET LOCAL enable_nestloop = on").await.map_err(on_replica)
    }
}
