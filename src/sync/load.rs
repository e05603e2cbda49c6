//! The first load of a replica whose master has big tables: table by table, parents first, a big one in chunks in the order
//! of its key. Each chunk is one transaction here together with how far the load is, so that one that was broken off goes on
//! where it stopped.
//!
//! The chunks are of different snapshots, none older than the cursor's, which is stored (and acknowledged, so that the master
//! forgets nothing) before the first. When all is loaded the ordinary pull from that cursor makes it exact.

use super::apply;
use super::batch;
use super::guard::{self, Cursor, Found, Pull};
use super::keyset::Keyset;
use super::pull::{self, Plan, Shapes, Staged};
use super::report::{CycleOptions, PullReport};
use super::session::Sessions;
use super::side::{at_one_snapshot, on_master, on_replica};
use super::stage::{self, Source};
use super::tables::{self, Table, Tables};
use crate::postgres::{Fault, Kind, Side};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

/// How a first load is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portions {
    /// Rows of a chunk.
    pub rows: u32,
    /// A table is taken in chunks if the master estimates that it has more rows than this.
    pub over: u64,
}

impl Default for Portions {
    fn default() -> Self {
        Self { rows: 20_000, over: 50_000 }
    }
}

/// How far a first load is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LoadProgress {
    /// The table being loaded.
    pub table: String,
    /// Tables loaded.
    pub tables_done: u64,
    /// Tables in all.
    pub tables: u64,
    /// Rows loaded, also before it was broken off.
    pub rows: u64,
    /// Rows in all: an estimate.
    pub total: u64,
    /// Chunks and whole tables taken this time.
    pub chunks: u64,
    /// Whether it goes on with a load that was broken off.
    pub resumed: bool,
}

type Told = dyn Fn(&LoadProgress) + Send + Sync;

/// Is told how a first load gets on.
#[derive(Clone, Default)]
pub struct Watcher(Option<Arc<Told>>);

impl Watcher {
    /// One that does this.
    pub fn new(told: impl Fn(&LoadProgress) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(told)))
    }
    fn tell(&self, progress: &LoadProgress) {
        if let Some(told) = &self.0 {
            told(progress);
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watcher" } else { "nobody" })
    }
}

/// Which part of a table a stage holds, and how far the table is with it.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// The condition on rows `t` here that they are in this part, with an AND behind it; empty: all are.
    pub within: String,
    /// Whether it is the last one.
    pub done: bool,
    after: Option<Vec<String>>,
    rows: u64,
    total: u64,
}

impl Chunk {
    /// Notes it, in the transaction that takes its rows.
    pub async fn note(&self, t: &Transaction<'_>, table: &str, shape: &str) -> Result<(), Fault> {
        t.execute(
            "INSERT INTO robbie_sync.load_progress (tbl, after, rows, total, shape, done) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (tbl) DO UPDATE SET after = excluded.after, rows = excluded.rows, total = excluded.total,
                 shape = excluded.shape, done = excluded.done, at = clock_timestamp()",
            &[&table, &self.after, &(self.rows as i64), &(self.total as i64), &shape, &self.done],
        )
        .await
        .map_err(on_replica)?;
        Ok(())
    }
}

/// Loads what a replica that was never filled lacks, if the master has big tables, or goes on with it. Otherwise does nothing:
/// the pull takes all at once.
pub async fn load(
    s: &mut Sessions,
    options: &CycleOptions,
    report: &mut PullReport,
    warnings: &mut Vec<String>,
) -> Result<(), Fault> {
    let known = guard::read_cursor(&s.replica).await?;
    if known.as_ref().is_some_and(|c| c.state != guard::BOOTSTRAPPING) {
        return Ok(());
    }
    let transaction = snapshot(&mut s.master).await?;
    let arrival = guard::arrive(transaction.client(), &s.replica, false).await?;
    warnings.extend(arrival.warning);
    let offered = tables::offered(transaction.client()).await?;
    let (shapes, _) = pull::shapes(transaction.client(), &s.replica, &offered).await?;
    let mut tables = tables::read(transaction.client(), &s.replica).await?;
    let sizes = sizes(&transaction).await?;
    transaction.commit().await.map_err(on_master)?;
    let is_big = |t: &Table| sizes.get(&t.name).is_some_and(|rows| *rows > options.portions.over);
    let worth = known.is_some() || tables.ordered.iter().any(|t| is_big(t) && Keyset::of(t, &tables).is_some());
    if arrival.mode != Pull::First || !worth {
        return Ok(());
    }
    pull::watch(&s.replica, &mut tables).await?;
    let resumed = known.is_some();
    let mut kept = if resumed { kept(&s.replica, &shapes).await? } else { BTreeMap::new() };
    let mut progress = LoadProgress { tables: tables.ordered.len() as u64, resumed, ..LoadProgress::default() };
    for table in &tables.ordered {
        let chunk = kept.entry(table.name.clone()).or_default();
        if !chunk.done {
            chunk.total = sizes.get(&table.name).copied().unwrap_or_default().max(chunk.rows);
        }
        progress.rows += chunk.rows;
        progress.total += chunk.total;
    }
    let cursor = begin(s, known, &arrival.found, arrival.snapshot, (&kept, &shapes), warnings).await?;
    reach!("load.begun");
    (report.full, report.full_because) = (true, Some(pull::FIRST_LOAD.into()));
    let mut loading = Loading { cursor, tables: &tables, shapes, rows: options.portions.rows, progress };
    for table in &tables.ordered {
        let mut chunk = kept.remove(&table.name).unwrap_or_default();
        // What was begun in chunks is gone on with in chunks.
        let keyset = if chunk.after.is_some() || is_big(table) { Keyset::of(table, &tables) } else { None };
        loading.progress.table.clone_from(&table.name);
        while !chunk.done {
            options.watcher.tell(&loading.progress);
            chunk = loading.take(s, table, keyset.as_ref(), chunk, report).await?;
            report.load = Some(loading.progress.clone());
            reach!("load.taken");
        }
        loading.progress.tables_done += 1;
        report.load = Some(loading.progress.clone());
    }
    options.watcher.tell(&loading.progress);
    reach!("load.end");
    s.replica.execute("SELECT robbie_sync.loaded()", &[]).await.map_err(on_replica)?;
    Ok(())
}

/// A load under way.
struct Loading<'a> {
    cursor: Cursor,
    tables: &'a Tables,
    shapes: Shapes,
    rows: u32,
    progress: LoadProgress,
}

impl Loading<'_> {
    /// Takes the next chunk of a table, or all of it.
    async fn take(
        &mut self,
        s: &mut Sessions,
        table: &Table,
        keyset: Option<&Keyset<'_>>,
        before: Chunk,
        report: &mut PullReport,
    ) -> Result<Chunk, Fault> {
        let transaction = snapshot(&mut s.master).await?;
        is_still_there(&transaction, &self.cursor).await?;
        let stage = "pg_temp.robbie_stage_load".to_owned();
        stage::create(&s.replica, &stage, table).await?;
        let which = keyset.map(|k| k.chunk(before.after.as_deref(), self.rows));
        let source = which.as_deref().map_or(Source::Whole, Source::Part);
        let (rows, bytes) = stage::fill(&transaction, &s.replica, table, &source, &stage).await?;
        transaction.commit().await.map_err(on_master)?;
        reach!("load.read");
        // The last key of a chunk that is full: more may follow.
        let last = match keyset {
            Some(keyset) if rows >= u64::from(self.rows) => Some(keyset.last(&s.replica, &stage).await?),
            _ => None,
        };
        let within = keyset.map_or_else(String::new, |k| k.within(before.after.as_deref(), last.as_deref()));
        let (done, taken) = (last.is_none(), before.rows + rows);
        let total = if done { taken } else { before.total.max(taken) };
        let chunk = Chunk { within, done, after: last.or(before.after), rows: taken, total };
        let staged = Staged { table, stage, whole: Some(Pull::First), rows, chunk: Some(chunk.clone()) };
        let plan = Plan {
            cursor: self.cursor.clone(),
            tables: self.tables,
            staged: vec![staged],
            moved: true,
            shapes: self.shapes.clone(),
        };
        apply::apply(&mut s.replica, s.rest_triggers, &plan, report).await?;
        s.replica.batch_execute("DROP TABLE pg_temp.robbie_stage_load").await.map_err(on_replica)?;
        report.seen += rows;
        report.bytes += bytes;
        self.progress.rows += rows;
        self.progress.total = (self.progress.total + total).saturating_sub(before.total);
        self.progress.chunks += 1;
        Ok(chunk)
    }
}

/// Stores where the load begins, before anything is taken, and has the master keep what changes from there on.
async fn begin(
    s: &mut Sessions,
    known: Option<Cursor>,
    found: &Found,
    snapshot: String,
    (tables, shapes): (&BTreeMap<String, Chunk>, &Shapes),
    warnings: &mut Vec<String>,
) -> Result<Cursor, Fault> {
    let sender = batch::sender(&s.replica, Uuid::nil(), "engine").await?;
    if let Some(cursor) = known {
        if found.acked.as_ref() != Some(&cursor.snapshot) {
            pull::acknowledge(&s.master, &sender, &cursor.snapshot, warnings).await;
        }
        return Ok(cursor);
    }
    let witness = guard::attest(&s.master, sender.node, warnings).await;
    pull::acknowledge(&s.master, &sender, &snapshot, warnings).await;
    let cursor = Cursor { snapshot, witness, state: guard::BOOTSTRAPPING.into(), ..pull::seen(found) };
    let t = s.replica.transaction().await.map_err(on_replica)?;
    t.execute("DELETE FROM robbie_sync.load_progress", &[]).await.map_err(on_replica)?;
    for (table, chunk) in tables {
        chunk.note(&t, table, shapes.get(table).map_or("", String::as_str)).await?;
    }
    guard::write_cursor(&t, &cursor).await?;
    t.commit().await.map_err(on_replica)?;
    Ok(cursor)
}

/// How far tables are that look as they did.
async fn kept(replica: &Client, shapes: &Shapes) -> Result<BTreeMap<String, Chunk>, Fault> {
    let rows = replica
        .query("SELECT tbl, after, rows, total, done, shape FROM robbie_sync.load_progress", &[])
        .await
        .map_err(on_replica)?;
    let number = |n: i64| n.unsigned_abs();
    Ok(rows
        .iter()
        .filter(|r| shapes.get(r.get::<_, &str>(0)).is_some_and(|shape| shape == r.get::<_, &str>(5)))
        .map(|r| {
            let (rows, total) = (number(r.get(2)), number(r.get(3)));
            (r.get(0), Chunk { after: r.get(1), rows, total, done: r.get(4), within: String::new() })
        })
        .collect())
}

/// Rows of each synced table, as the master's planner estimates them: by its size, and how dense it was when it was analysed.
async fn sizes(master: &Transaction<'_>) -> Result<BTreeMap<String, u64>, Fault> {
    let rows = master
        .query(
            "SELECT s.tbl, sum(pg_relation_size(l.oid) / current_setting('block_size')::float8
                 * CASE WHEN l.reltuples > 0 AND l.relpages > 0 THEN l.reltuples / l.relpages ELSE 50 END)::bigint
             FROM robbie_sync.synced_table s
             JOIN pg_class c ON c.relnamespace = 'public'::regnamespace AND c.relname = s.tbl AND c.relkind IN ('r', 'p')
             CROSS JOIN LATERAL (SELECT c.oid WHERE c.relkind = 'r'
                 UNION ALL SELECT p.relid FROM pg_partition_tree(c.oid) p WHERE c.relkind = 'p' AND p.isleaf) part
             JOIN pg_class l ON l.oid = part.oid
             GROUP BY s.tbl",
            &[],
        )
        .await
        .map_err(on_master)?;
    Ok(rows.iter().map(|r| (r.get(0), r.get::<_, Option<i64>>(1).unwrap_or(0).unsigned_abs())).collect())
}

/// A master that is put back while it is loaded from no longer has the witness of where the load began.
async fn is_still_there(master: &Transaction<'_>, cursor: &Cursor) -> Result<(), Fault> {
    let Some(witness) = cursor.witness else { return Ok(()) };
    let found = master
        .query_one("SELECT EXISTS (SELECT 1 FROM robbie_sync.witness w WHERE w.token = $1)", &[&witness])
        .await
        .map_err(on_master)?;
    if found.get(0) {
        return Ok(());
    }
    Err(Fault::new(Kind::Other, "the master was restored or replaced while it was loaded from")
        .on(Side::Master)
        .remedy("the next cycle compares all rows; nothing that is here is overwritten"))
}

async fn snapshot(master: &mut Client) -> Result<Transaction<'_>, Fault> {
    let transaction = at_one_snapshot(master, Side::Master).await?;
    transaction.batch_execute("SET LOCAL work_mem = '64MB'").await.map_err(on_master)?;
    Ok(transaction)
}
