//! Where the two sides differ, table by table, by the same digests as a pull by comparison. Reads only.

use super::compare;
use super::digest::{self, Rows};
use super::session::Sessions;
use super::side::{at_one_snapshot, on_master, on_replica};
use super::stage;
use super::statements::OPEN;
use super::tables::{self, Table};
use crate::postgres::{Fault, Pair, Side};
use serde::Serialize;
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// Differing keys that are named per table.
const NAMED: usize = 10;
/// Buckets whose keys are read at once.
const AT_ONCE: usize = 16;

/// What a comparison of both sides found.
#[derive(Debug, Default, Serialize)]
pub struct Differences {
    /// Whether neither side had anything left for the other: otherwise differences are to be expected.
    pub drained: bool,
    /// Entries of the replica that are not settled.
    pub waiting: i64,
    /// Changes of the master that were not pulled yet; unknown where it has no changelog.
    pub unpulled: Option<i64>,
    /// Rows here that were edited and not settled, or that were put off.
    pub left_alone: i64,
    /// Per table.
    pub tables: Vec<TableDifference>,
    /// Tables that are not synced, and why.
    pub refused: Vec<String>,
}

/// What a comparison found in one table. Columns that triggers keep are not compared.
#[derive(Debug, Serialize)]
pub struct TableDifference {
    /// Its name.
    pub table: String,
    /// Rows on the master.
    pub master_rows: i64,
    /// Rows on the replica.
    pub replica_rows: i64,
    /// Whether they are the same.
    pub equal: bool,
    /// The keys of the first rows that are not, each by column.
    pub differing: Vec<BTreeMap<String, String>>,
}

impl Differences {
    /// Whether all tables are equal.
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(|t| t.equal)
    }
}

/// Compares all synced tables, each side at one snapshot.
pub async fn differences(pair: &Pair) -> Result<Differences, Fault> {
    let mut s = Sessions::open_to_compare(pair, "compare").await?;
    let compares = s.compares;
    let replica = at_one_snapshot(&mut s.replica, Side::Replica).await?;
    let master = at_one_snapshot(&mut s.master, Side::Master).await?;
    let (master, replica) = (master.client(), replica.client());
    let mut found = Differences { unpulled: None, ..left(replica).await? };
    if !compares {
        found.unpulled = unpulled(master, replica).await?;
    }
    found.drained = found.waiting == 0 && found.left_alone == 0 && found.unpulled == Some(0);
    let tables = if compares { compare::tables(master, replica).await? } else { tables::read(master, replica).await? };
    found.refused = tables.refused;
    for mut table in tables.ordered {
        table.columns.retain(|c| !c.ignored || table.key.contains(&c.name));
        found.tables.push(difference(master, replica, &table).await?);
    }
    Ok(found)
}

async fn difference(master: &Client, replica: &Client, table: &Table) -> Result<TableDifference, Fault> {
    let theirs = Rows::of(master, Side::Master, table).await?;
    let ours = Rows::of(replica, Side::Replica, table).await?;
    let (there, here) = tokio::try_join!(theirs.digests(master), ours.digests(replica))?;
    let buckets = digest::differing(&there, &here);
    let mut differing = vec![];
    for some in buckets.chunks(AT_ONCE) {
        let (there, here) = tokio::try_join!(theirs.keys(master, some), ours.keys(replica, some))?;
        let absent = here.keys().filter(|k| !there.contains_key(*k));
        let keys = there.iter().filter(|(k, row)| here.get(*k) != Some(row)).map(|(k, _)| k).chain(absent);
        differing.extend(keys.map(|key| table.key.iter().cloned().zip(key.iter().cloned()).collect()));
        if differing.len() >= NAMED {
            break;
        }
    }
    differing.truncate(NAMED);
    Ok(TableDifference {
        table: table.name.clone(),
        master_rows: digest::rows(&there),
        replica_rows: digest::rows(&here),
        equal: buckets.is_empty(),
        differing,
    })
}

/// What the replica has not settled.
async fn left(replica: &Client) -> Result<Differences, Fault> {
    let row = replica
        .query_one(
            &format!(
                "SELECT (SELECT count(*) FROM robbie_sync.entry e WHERE {OPEN}),
                     (SELECT count(*) FROM (SELECT tbl, pk FROM robbie_sync.base UNION SELECT tbl, pk FROM robbie_sync.deferred) k)"
            ),
            &[],
        )
        .await
        .map_err(on_replica)?;
    Ok(Differences { waiting: row.get(0), left_alone: row.get(1), ..Differences::default() })
}

/// Changes of the master since the cursor; unknown where nothing was pulled yet.
async fn unpulled(master: &Client, replica: &Client) -> Result<Option<i64>, Fault> {
    const CURSOR: &str = "SELECT snapshot::text FROM robbie_sync.cursor WHERE state = 'following'";
    let cursor = replica.query_opt(CURSOR, &[]).await.map_err(on_replica)?;
    let Some(cursor) = cursor else { return Ok(None) };
    let window = stage::window(cursor.get(0));
    let count = format!("SELECT count(*) FROM robbie_sync.changelog c WHERE {window}");
    let row = master.query_one(&count, &[]).await.map_err(on_master)?;
    Ok(Some(row.get(0)))
}
