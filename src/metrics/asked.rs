//! What only a database knows, asked in one statement per side.

use crate::postgres::{Fault, Link, Pair, Side};
use serde::Deserialize;
use std::time::Duration;
use tokio_postgres::types::Type;

/// Open entries that are counted one by one at most; beyond it the figures are lower bounds, and say so.
pub const MOST: i64 = 50_000;
/// How long a side may take to answer a scrape.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the replica knows.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Replica {
    /// Open entries by table, state and reason.
    pub queue: Vec<Queue>,
    /// Rows moved, by table, since the replica was set up.
    pub tables: Vec<Moved>,
    /// Whether there are more open entries than were counted.
    pub more: bool,
    /// Rows of the master that are put off here (at most [`MOST`]).
    pub deferred: i64,
    /// Age of the cursor's last move, in seconds.
    pub cursor_age_s: Option<f64>,
}

/// Open entries of one table in one state.
#[derive(Clone, Debug, Deserialize)]
pub struct Queue {
    /// The table.
    pub tbl: String,
    /// The state.
    pub state: String,
    /// What a blocked one waits for, or the verdict on one that failed.
    pub reason: String,
    /// How many.
    pub entries: i64,
    /// Age of the oldest, in seconds.
    pub oldest_s: f64,
}

/// Rows moved of one table.
#[derive(Clone, Debug, Deserialize)]
pub struct Moved {
    /// The table.
    pub tbl: String,
    /// Entries that reached the master.
    pub pushed: i64,
    /// Rows taken from it.
    pub pulled: i64,
    /// Whether it is paused.
    pub paused: bool,
}

/// What the master knows.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Master {
    /// Rows of the ledger, as the server's statistics estimate them.
    pub ledger_rows: i64,
    /// Its size with indexes.
    pub ledger_bytes: i64,
    /// Rows of the changelog, as the server's statistics estimate them.
    pub changelog_rows: i64,
    /// Its size with indexes.
    pub changelog_bytes: i64,
    /// Age of the oldest change that a replica heard of in the last 30 days has not taken, in seconds.
    pub oldest_untaken_s: f64,
    /// Replicas heard of in the last 30 days.
    pub replicas: i64,
    /// Conflicts nobody has looked at, by kind (at most [`MOST`] in all).
    pub conflicts: Vec<Conflicts>,
}

/// Open conflicts of one kind.
#[derive(Clone, Debug, Deserialize)]
pub struct Conflicts {
    /// The kind.
    pub kind: String,
    /// How many.
    pub open: i64,
}

const REPLICA: &str = "
    WITH open AS MATERIALIZED (
        SELECT e.tbl, e.state, e.queued_at, CASE e.state
            WHEN 'blocked' THEN split_part(coalesce(e.blocked_on, e.verdict, ''), ' ', 1)
            WHEN 'retry' THEN coalesce(e.verdict, '') WHEN 'quarantined' THEN coalesce(e.verdict, '') ELSE '' END AS reason
        FROM robbie_sync.entry e
        WHERE e.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined') ORDER BY e.seq LIMIT $1
    )
    SELECT jsonb_build_object(
        'queue', coalesce((SELECT jsonb_agg(q) FROM (
            SELECT o.tbl, o.state, o.reason, count(*) AS entries,
                greatest(extract(epoch FROM clock_timestamp() - min(o.queued_at))::float8, 0) AS oldest_s
            FROM open o GROUP BY o.tbl, o.state, o.reason ORDER BY 1, 2, 3) q), '[]'),
        'more', (SELECT count(*) FROM open) >= $1,
        'tables', coalesce((SELECT jsonb_agg(t) FROM (
            SELECT s.tbl, s.pushed, s.pulled, s.paused IS NOT NULL AS paused FROM robbie_sync.table_state s ORDER BY 1) t), '[]'),
        'deferred', (SELECT count(*) FROM (SELECT FROM robbie_sync.deferred LIMIT $1) d),
        'cursor_age_s', (SELECT extract(epoch FROM clock_timestamp() - c.pulled_at)::float8 FROM robbie_sync.cursor c))::text";

const MASTER: &str = "
    WITH live AS (
        SELECT min(pg_snapshot_xmin(n.snapshot)::text::numeric)::text::xid8 AS xmin, count(*) AS replicas FROM robbie_sync.node n
        WHERE n.snapshot IS NOT NULL AND n.last_seen > clock_timestamp() - interval '30 days'
    )
    SELECT jsonb_build_object(
        'ledger_rows', coalesce(pg_stat_get_live_tuples('robbie_sync.applied'::regclass), 0),
        'ledger_bytes', pg_total_relation_size('robbie_sync.applied'),
        'changelog_rows', coalesce(pg_stat_get_live_tuples('robbie_sync.changelog'::regclass), 0),
        'changelog_bytes', pg_total_relation_size('robbie_sync.changelog'),
        'oldest_untaken_s', coalesce((SELECT greatest(extract(epoch FROM clock_timestamp() - c.at)::float8, 0)
            FROM robbie_sync.changelog c, live l
            WHERE c.xid >= l.xmin AND EXISTS (SELECT FROM robbie_sync.node n WHERE n.snapshot IS NOT NULL
                AND n.last_seen > clock_timestamp() - interval '30 days' AND NOT pg_visible_in_snapshot(c.xid, n.snapshot))
            ORDER BY c.xid LIMIT 1), 0),
        'replicas', (SELECT l.replicas FROM live l),
        'conflicts', coalesce((SELECT jsonb_agg(k) FROM (
            SELECT o.kind, count(*) AS open FROM (
                SELECT c.kind FROM robbie_sync.conflict c WHERE c.resolved_at IS NULL LIMIT $1) o
            GROUP BY o.kind ORDER BY 1) k), '[]'))::text";

/// Asks both sides; a side that does not answer in time is left out.
pub async fn ask(pair: &Pair) -> (Option<Replica>, Option<Master>) {
    let (replica, master) = tokio::join!(
        tokio::time::timeout(PATIENCE, one::<Replica>(&pair.replica, REPLICA)),
        tokio::time::timeout(PATIENCE, one::<Master>(&pair.master, MASTER)),
    );
    (told(replica, Side::Replica), told(master, Side::Master))
}

fn told<T>(answer: Result<Result<T, Fault>, tokio::time::error::Elapsed>, side: Side) -> Option<T> {
    match answer {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(fault)) => {
            tracing::debug!(%fault, "a scrape was not answered in full");
            None
        }
        Err(_) => {
            tracing::debug!(%side, "a scrape was not answered in time");
            None
        }
    }
}

async fn one<T: for<'a> Deserialize<'a>>(link: &Link, sql: &str) -> Result<T, Fault> {
    let (client, side) = (link.session().await?, link.side());
    let on = |e| Fault::from_postgres(e, side);
    let rows = client.query_typed(sql, &[(&MOST, Type::INT8)]).await.map_err(on)?;
    let text = rows.first().map(|r| r.get::<_, String>(0)).unwrap_or_default();
    serde_json::from_str(&text).map_err(|e| {
        Fault::new(crate::postgres::Kind::Schema, "figures came in a shape this version does not know")
            .on(side)
            .because(e)
    })
}
