//! The pull, on the master: which rows changed since the cursor, and their text, copied byte for byte into stage tables
//! on the replica. All of it at one snapshot; `apply` then takes the stages in one transaction.

use super::guard::{self, Arrival, Cursor, Found, Pull};
use super::load::{self, Chunk};
use super::report::{CycleOptions, PullReport};
use super::session::Sessions;
use super::side::{at_one_snapshot, on_master, on_replica};
use super::stage::{self, Source};
use super::tables::{self, Table, Tables};
use super::{apply, batch};
use crate::postgres::identifiers::quote;
use crate::postgres::{Fault, Side};
use std::collections::BTreeMap;
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

/// Why all rows are taken from a master that was never pulled from.
pub const FIRST_LOAD: &str = "first load";
/// Deferred keys that are looked at again in one pull, per table: what was settled just now, and of the others some by chance,
/// so that none waits for ever behind others.
const AGAIN: i64 = 5_000;

/// A table's rows as they wait on the replica.
pub struct Staged<'a> {
    /// The table.
    pub table: &'a Table,
    /// The stage's quoted name.
    pub stage: String,
    /// If it holds all rows of the master: what that means for rows here.
    pub whole: Option<Pull>,
    /// Rows staged.
    pub rows: u64,
    /// Of a first load: which part of the table it is.
    pub chunk: Option<Chunk>,
}

impl Staged<'_> {
    /// Whether nothing of the table is left to be taken.
    pub fn is_all(&self) -> bool {
        self.chunk.as_ref().is_none_or(|c| c.done)
    }
}

/// What one pull is about.
pub struct Plan<'a> {
    /// The new cursor.
    pub cursor: Cursor,
    /// What both sides know of the tables.
    pub tables: &'a Tables,
    /// The stages, parents first.
    pub staged: Vec<Staged<'a>>,
    /// Whether the master changed, and not only put-off rows are looked at again.
    pub moved: bool,
    /// What the tables look like.
    pub shapes: Shapes,
}

/// By table: the digest of its columns on both sides.
pub type Shapes = BTreeMap<String, String>;

/// Takes what changed on the master.
pub async fn pull(
    s: &mut Sessions,
    options: &CycleOptions,
    report: &mut PullReport,
    warnings: &mut Vec<String>,
) -> Result<(), Fault> {
    load::load(s, options, report, warnings).await?;
    let cursor = guard::read_cursor(&s.replica).await?;
    reach!("cursor.read");
    let again = deferred(&s.replica, options.thorough).await?;
    let transaction = at_one_snapshot(&mut s.master, Side::Master).await?;
    // For the joins of many changed keys with their rows.
    transaction.batch_execute("SET LOCAL work_mem = '64MB'").await.map_err(on_master)?;
    reach!("look.before");
    let Arrival { mode, found, snapshot, warning } = guard::arrive(transaction.client(), &s.replica, false).await?;
    warnings.extend(warning);
    let sender = batch::sender(&s.replica, Uuid::nil(), "engine").await?;
    let loaded = report.seen;
    let offered = tables::offered(transaction.client()).await?;
    let (shapes, new) = shapes(transaction.client(), &s.replica, &offered).await?;
    let changes = match (mode, &cursor) {
        (Pull::Follow, Some(cursor)) => changes(&transaction, &cursor.snapshot).await?,
        _ => BTreeMap::new(),
    };
    reach!("look.after");
    report.lag_s = changes.values().filter_map(|c| c.oldest_s).reduce(f64::max);
    if mode == Pull::Follow && changes.is_empty() && again.is_empty() && new.is_empty() {
        let unheard = found.acked.as_deref() != cursor.as_ref().map(|c| c.snapshot.as_str());
        transaction.commit().await.map_err(on_master)?;
        if let (true, Some(cursor)) = (unheard, &cursor) {
            acknowledge(&s.master, &sender, &cursor.snapshot, warnings).await;
        }
        return Ok(());
    }
    let full = match mode {
        Pull::Follow => None,
        Pull::First => Some(FIRST_LOAD),
        Pull::Trusted(why) | Pull::Rewound(why) => Some(why),
    };
    report.full |= full.is_some();
    report.full_because = full.map(Into::into).or(report.full_because.take());

    let mut tables = tables::read(transaction.client(), &s.replica).await?;
    watch(&s.replica, &mut tables).await?;
    warnings.extend(tables.refused.iter().cloned());
    let moved = full.is_some() || !changes.is_empty() || tables.ordered.iter().any(|t| new.contains_key(&t.name));
    let mut plan = Plan { cursor: Cursor { snapshot, ..seen(&found) }, tables: &tables, staged: vec![], moved, shapes };
    for (place, table) in tables.ordered.iter().enumerate() {
        let change = changes.get(&table.name);
        let keys = again.get(&table.name);
        let whole = match mode {
            Pull::Follow => {
                new.get(&table.name).copied().or_else(|| change.is_some_and(|c| c.truncated).then_some(Pull::Follow))
            }
            // What a comparison never met is met for the first time.
            Pull::Trusted(_) if new.get(&table.name) == Some(&Pull::First) => Some(Pull::First),
            _ => Some(mode),
        };
        let remapped = changes.contains_key(stage::MAPPING) && table.columns.iter().any(|c| c.mapped_user);
        if whole.is_none() && change.is_none() && keys.is_none() && !remapped {
            continue;
        }
        let source = match (&whole, &cursor) {
            (None, Some(cursor)) => Source::Keys {
                since: (change.is_some() || remapped).then_some(cursor.snapshot.as_str()),
                remapped,
                again: keys.map_or(&[], Vec::as_slice),
            },
            _ => Source::Whole,
        };
        let stage = format!("pg_temp.{}", quote(&format!("robbie_stage_{place}")));
        stage::create(&s.replica, &stage, table).await?;
        let (rows, bytes) = stage::fill(&transaction, &s.replica, table, &source, &stage).await?;
        report.seen += rows;
        report.bytes += bytes;
        plan.staged.push(Staged { table, stage, whole, rows, chunk: None });
    }
    transaction.commit().await.map_err(on_master)?;
    watch_partitions(&s.master, warnings).await?;
    reach!("staged");
    if moved {
        let kept = cursor.as_ref().and_then(|c| c.witness).filter(|_| full.is_none());
        plan.cursor.witness = guard::attest(&s.master, sender.node, warnings).await.or(kept);
    } else {
        plan.cursor.witness = cursor.as_ref().and_then(|c| c.witness);
    }
    apply::apply(&mut s.replica, s.rest_triggers, &plan, report).await?;
    for staged in &plan.staged {
        s.replica.batch_execute(&format!("DROP TABLE {}", staged.stage)).await.map_err(on_replica)?;
    }
    if moved || report.written() > 0 {
        reach!("acknowledge.before");
        acknowledge(&s.master, &sender, &plan.cursor.snapshot, warnings).await;
        reach!("acknowledge.after");
    } else {
        report.seen = loaded;
    }
    Ok(())
}

/// A cursor of the master as it was found, without its snapshot.
pub fn seen(found: &Found) -> Cursor {
    Cursor {
        system: found.system.clone(),
        timeline: found.timeline,
        snapshot: String::new(),
        state: "following".into(),
        witness: None,
    }
}

/// Keys put off earlier that may be taken now. What waits for anything but its own entry is looked at thoroughly only.
async fn deferred(replica: &Client, thorough: bool) -> Result<BTreeMap<String, Vec<String>>, Fault> {
    let rows = replica
        .query(
            "SELECT d.tbl, d.pk::text FROM (
                 SELECT d.tbl, d.pk, row_number() OVER (PARTITION BY d.tbl ORDER BY d.reason <> 'settled', random()) AS place
                 FROM robbie_sync.deferred d
                 WHERE (d.reason IN ('settled', 'unsent entry') OR $1)
                   AND NOT EXISTS (
                     SELECT 1 FROM robbie_sync.entry e WHERE e.tbl = d.tbl AND e.pk = d.pk
                     AND e.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined'))) d
             WHERE d.place <= $2",
            &[&thorough, &AGAIN],
        )
        .await
        .map_err(on_replica)?;
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows {
        keys.entry(row.get(0)).or_default().push(row.get(1));
    }
    Ok(keys)
}

/// The digest of each table's columns of those named in `$1`.
const SHAPES: &str = "
    SELECT c.relname::text, encode(sha256(convert_to(string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod)), ','
               ORDER BY a.attname), 'UTF8')), 'hex'), c.oid::text
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY ($1)
    GROUP BY c.relname, c.oid";

/// What the tables look like now, and which of them must be taken whole: those never taken, and those that have got or lost
/// a column since, or were put away and made again. What went by meanwhile is in no window. Only where both are the tables
/// they were does a row that the master lacks go here too: a table made anew has no notes of what was edited.
pub async fn shapes(
    master: &Client,
    replica: &Client,
    offered: &[String],
) -> Result<(Shapes, BTreeMap<String, Pull>), Fault> {
    let theirs = master.query(SHAPES, &[&offered]).await.map_err(on_master)?;
    let ours = replica.query(SHAPES, &[&offered]).await.map_err(on_replica)?;
    let known = replica
        .query("SELECT tbl, coalesce(shape, '') FROM robbie_sync.table_state WHERE last_pulled IS NOT NULL", &[])
        .await
        .map_err(on_replica)?;
    let known: BTreeMap<String, String> = known.iter().map(|r| (r.get(0), r.get(1))).collect();
    let theirs: BTreeMap<String, (String, String)> = theirs.iter().map(|r| (r.get(0), (r.get(1), r.get(2)))).collect();
    let (mut shapes, mut whole) = (Shapes::new(), BTreeMap::new());
    for row in &ours {
        let (name, here, oid): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let Some((there, their_oid)) = theirs.get(&name) else { continue };
        let tables = format!("{their_oid}/{oid}");
        let shape = format!("{there} {here} {tables}");
        let mode = match known.get(&name) {
            Some(then) if *then == shape => None,
            Some(then) if then.ends_with(&format!(" {tables}")) => Some(Pull::Trusted("its columns changed")),
            _ => Some(Pull::First),
        };
        whole.extend(mode.map(|m| (name.clone(), m)));
        shapes.insert(name, shape);
    }
    Ok((shapes, whole))
}

struct Change {
    truncated: bool,
    oldest_s: Option<f64>,
}

async fn changes(master: &Transaction<'_>, since: &str) -> Result<BTreeMap<String, Change>, Fault> {
    let rows = master
        .query(
            &format!(
                "SELECT c.tbl, bool_or(c.op = 'T'), extract(epoch FROM clock_timestamp() - min(c.at))::float8
                 FROM robbie_sync.changelog c WHERE {} GROUP BY c.tbl",
                stage::window(since)
            ),
            &[],
        )
        .await
        .map_err(on_master)?;
    Ok(rows.iter().map(|r| (r.get(0), Change { truncated: r.get(1), oldest_s: r.get(2) })).collect())
}

/// Has edits of every table noted from now on; a table where that cannot be is not taken.
pub async fn watch(replica: &Client, tables: &mut Tables) -> Result<(), Fault> {
    let names: Vec<&str> = tables.ordered.iter().map(|t| t.name.as_str()).collect();
    let unwatched = replica
        .query(
            "SELECT c.relname::text, c.oid::regclass::text FROM pg_class c
             WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY ($1)
               AND NOT EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'robbie_edit_update')",
            &[&names],
        )
        .await
        .map_err(on_replica)?;
    for row in unwatched {
        let (name, target): (String, String) = (row.get(0), row.get(1));
        let Some(place) = tables.ordered.iter().position(|t| t.name == name) else { continue };
        let ignored: Vec<&str> =
            tables.ordered[place].columns.iter().filter(|c| c.ignored).map(|c| c.name.as_str()).collect();
        let watched = replica.execute("SELECT robbie_sync.watch($1::text::regclass, $2)", &[&target, &ignored]).await;
        if let Err(e) = watched {
            tables
                .refused
                .push(format!("table {name} cannot be watched for local edits, and is not synced: {}", on_replica(e)));
            tables.ordered.remove(place);
        }
    }
    Ok(())
}

/// A partition that came later has its rows captured by the triggers it inherits, but not a TRUNCATE of its own.
async fn watch_partitions(master: &Client, warnings: &mut Vec<String>) -> Result<(), Fault> {
    let later = master
        .query(
            "SELECT DISTINCT c.oid::regclass::text FROM robbie_sync.synced_table s
             JOIN pg_class c ON c.relnamespace = 'public'::regnamespace AND c.relname = s.tbl AND c.relkind = 'p'
             CROSS JOIN LATERAL pg_partition_tree(c.oid::regclass) p
             WHERE NOT EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = p.relid AND t.tgname = 'robbie_capture_truncate')",
            &[],
        )
        .await
        .map_err(on_master)?;
    for row in later {
        let target: String = row.get(0);
        if let Err(e) = master.execute("SELECT robbie_sync.capture($1::text::regclass)", &[&target]).await {
            warnings.push(format!(
                "a TRUNCATE of a new partition of {target} is not seen; capture it again: {}",
                on_master(e)
            ));
        }
    }
    Ok(())
}

/// Tells the master how far this replica is, so that it may forget; a master that cannot be written is told later.
pub async fn acknowledge(master: &Client, sender: &batch::Sender, snapshot: &str, warnings: &mut Vec<String>) {
    let told = master
        .execute(
            "INSERT INTO robbie_sync.node AS n (node_id, name, snapshot) VALUES ($1, $2, $3::text::pg_snapshot)
             ON CONFLICT (node_id) DO UPDATE SET snapshot = excluded.snapshot, name = excluded.name, last_seen = clock_timestamp()
             WHERE n.snapshot::text IS DISTINCT FROM excluded.snapshot::text",
            &[&sender.node, &sender.name, &snapshot],
        )
        .await;
    if let Err(e) = told {
        warnings.push(format!("the master could not be told how far this replica is: {}", on_master(e)));
    }
}
