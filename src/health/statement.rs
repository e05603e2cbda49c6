//! Builds the one statement a refresh sends to a side, from what that side has.
//!
//! Every part is a scalar subquery that touches a bounded number of rows, so that the whole is one round trip whose
//! cost does not grow with the tables. The answer is one JSON document of counts and ages (never of row data).

use super::shape::Shape;
use crate::postgres::identifiers::{qualified, quote};

/// A table with at most this many rows is counted exactly at every refresh.
pub const COUNTED: i64 = 10_000;
/// Open entries and unseen changes are counted up to here; beyond it the number is a lower bound.
pub const OPEN_MOST: i64 = 100_000;
/// Reasons listed; the rest is only counted.
const REASONS: i64 = 12;
/// Errors of an unjudged queue whose text is grouped.
const TEXTS: i64 = 5_000;
/// Changes of the master looked at for the rate per hour.
const RECENT_CHANGES: i64 = 10_000;

/// How much of a side is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Everything.
    Full,
    /// The server alone, after the full question took too long.
    Server,
}

/// Begins every refresh: no statement of it may run longer than a second, nor wait for a lock.
const LIMITS: &str = "SET LOCAL statement_timeout = '1s'; SET LOCAL lock_timeout = '200ms'; ";

/// The question to a replica.
pub fn replica(shape: &Shape, depth: Depth) -> String {
    let mut parts = vec![("server", server())];
    if depth == Depth::Full {
        parts.push(("tables", tables(shape)));
        if let Some(open) = open_entries(shape) {
            parts.push(("open", open));
        }
        if let Some(queue) = queue(shape) {
            parts.push(("queue", queue));
        }
        if shape.readable("robbie_sync.archive").is_some() {
            parts.push(("discarded", bounded("robbie_sync.archive", "")));
        }
        if shape.readable("robbie_sync.deferred").is_some() {
            parts.push(("deferred", bounded("robbie_sync.deferred", "")));
        }
        if shape.has("robbie_sync.cursor", &["snapshot", "state"]) {
            parts.push(("cursor", CURSOR.to_owned()));
            if shape.has("robbie_sync.load_progress", &["rows", "total", "done", "at"]) {
                parts.push(("load", LOAD.to_owned()));
            }
        }
        if shape.has("robbie_sync.this_node", &["node_id"]) {
            parts.push(("node_id", "(SELECT node_id::text FROM robbie_sync.this_node)".to_owned()));
        }
        if shape.has("robbie_sync.table_state", &["tbl", "last_pushed", "last_pulled", "paused"]) {
            parts.push(("table_state", TABLE_STATE.to_owned()));
        }
        if shape.has("robbie_sync.run", &["kind", "started_at", "finished_at", "outcome", "lag_s", "fault"]) {
            parts.push(("runs", RUNS.to_owned()));
        }
        parts.push(("engines", ENGINES.to_owned()));
    }
    statement(&parts)
}

/// The question to the master. `cursor` is how far the replica has pulled; without it the master's own note of the
/// node is taken.
pub fn master(shape: &Shape, depth: Depth, cursor: Option<&Snapshot>, node: Option<uuid::Uuid>) -> String {
    let mut parts = vec![("server", server())];
    if depth == Depth::Full {
        parts.push(("tables", tables(shape)));
        if shape.has("robbie_sync.changelog", &["xid", "tbl", "at"]) {
            parts.push(("changes", CHANGES.replace("{most}", &RECENT_CHANGES.to_string())));
            let seen = match (cursor, node) {
                (Some(cursor), _) => Some(format!("'{}'::pg_snapshot", cursor.0)),
                (None, Some(node)) if shape.has("robbie_sync.node", &["node_id", "snapshot"]) => {
                    Some(format!("(SELECT snapshot FROM robbie_sync.node WHERE node_id = '{node}')"))
                }
                _ => None,
            };
            if let Some(seen) = seen {
                parts.push(("lag", LAG.replace("{seen}", &seen).replace("{most}", &OPEN_MOST.to_string())));
            }
        }
        if shape.has("robbie_sync.conflict", &["conflict_id", "at", "resolved_at"]) {
            parts.push(("conflicts", CONFLICTS.to_owned()));
        }
    }
    statement(&parts)
}

/// The question for exact counts of the tables that are too large to be counted at every refresh.
pub fn exact_counts(tables: &[&str]) -> String {
    let counts: Vec<String> = tables
        .iter()
        .map(|name| {
            format!("jsonb_build_array((SELECT count(*) FROM {0}), {1})", qualified("public", name), writes(name))
        })
        .collect();
    format!("{LIMITS}SELECT jsonb_build_array({})::text", counts.join(", "))
}

/// The text of a `pg_snapshot`, checked: digits, colons and commas only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot(String);

impl Snapshot {
    /// Takes a snapshot's text; anything else is refused (it would stand in a statement).
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let well = number(parts.next()?)
            && number(parts.next()?)
            && parts.next()?.split(',').all(|x| x.is_empty() || number(x))
            && parts.next().is_none();
        well.then(|| Self(text.to_owned()))
    }
}

fn statement(parts: &[(&str, String)]) -> String {
    // jsonb_build_object takes at most 100 arguments; there are a dozen parts.
    let body: Vec<String> = parts.iter().map(|(key, sql)| format!("'{key}', {sql}")).collect();
    format!("{LIMITS}SELECT jsonb_build_object({})::text", body.join(",\n"))
}

fn server() -> String {
    // Another role's session shows its name and database only, unless this role may read all statistics.
    "(SELECT jsonb_build_object(
        'version', current_setting('server_version'),
        'database', current_database(),
        'uptime_s', extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8,
        'size_bytes', CASE WHEN has_database_privilege(current_database(), 'CONNECT') THEN pg_database_size(current_database()) END,
        'connections', count(*) FILTER (WHERE a.backend_type = 'client backend' OR a.backend_type IS NULL AND a.datid IS NOT NULL),
        'connections_max', current_setting('max_connections')::int,
        'longest_transaction_s', coalesce(max(extract(epoch FROM clock_timestamp() - a.xact_start))
            FILTER (WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'), 0)::float8,
        'sessions_hidden', count(*) FILTER (WHERE a.datname = current_database() AND a.backend_type IS NULL) > 0,
        'blocked_locks', (SELECT count(*) FROM pg_catalog.pg_locks WHERE NOT granted),
        'in_recovery', pg_is_in_recovery(),
        'read_only', current_setting('transaction_read_only') = 'on')
      FROM pg_catalog.pg_stat_activity a)"
        .to_owned()
}

/// Rows inserted and deleted so far: a count taken at the same number is still exact.
fn writes(table: &str) -> String {
    let name = qualified("public", table).replace('\'', "''");
    format!("(SELECT pg_stat_get_tuples_inserted('{name}'::regclass) + pg_stat_get_tuples_deleted('{name}'::regclass))")
}

fn tables(shape: &Shape) -> String {
    let rows: Vec<String> = shape
        .tables()
        .into_iter()
        .map(|(name, oid)| {
            let table = qualified("public", name);
            format!(
                "(SELECT jsonb_build_object('estimate', c.reltuples::bigint,
                    'writes', pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_deleted(c.oid),
                    'counted', CASE WHEN c.reltuples <= {COUNTED} THEN
                        (SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {COUNTED} + 1) few) END)
                   FROM pg_catalog.pg_class c WHERE c.oid = {oid})"
            )
        })
        .collect();
    format!("jsonb_build_array({})", rows.join(", "))
}

/// `count(*)` that stops one after [`COUNTED`].
fn bounded(relation: &str, filter: &str) -> String {
    format!("(SELECT count(*) FROM (SELECT 1 FROM {relation} {filter} LIMIT {COUNTED} + 1) few)")
}

/// The beginning of an error's text without the values in it: what stands after `=`, identifiers and numbers.
fn masked(column: &str, most: u32) -> String {
    format!(
        r"left(regexp_replace(left({column}, 400), '=\([^)]*\)?|[0-9a-fA-F]{{8}}-[0-9a-fA-F-]{{27}}|[0-9]+', '…', 'g'), {most})"
    )
}

/// Open entries by table and state, and why they are stuck: from the engine's own notes where there are any, else from
/// the queue itself, where all that is known of a failure is its text.
fn open_entries(shape: &Shape) -> Option<String> {
    let entry = ["tbl", "state", "verdict", "sqlstate", "object", "blocked_on", "queued_at"];
    let open = if shape.has("robbie_sync.entry", &entry) {
        format!(
            "SELECT e.tbl, CASE WHEN e.state IN ('ready', 'inflight') THEN 'pending'
                    WHEN e.state = 'blocked' THEN 'blocked' ELSE 'failed' END AS state,
                    e.verdict, e.sqlstate, coalesce(e.object, e.blocked_on) AS object, NULL::text AS text, e.queued_at AS at
               FROM robbie_sync.entry e
              WHERE e.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined')
              ORDER BY e.seq LIMIT {OPEN_MOST} + 1"
        )
    } else if shape.has("public.pending_sync", &["table_name", "created_at", "synced_at", "error"]) {
        // Only the oldest errors are read and masked: their text may be long.
        let masked = masked("p.error", 200);
        format!(
            "SELECT p.table_name::text AS tbl, CASE WHEN p.error IS NULL THEN 'pending' ELSE 'failed' END AS state,
                    NULL::text AS verdict, NULL::text AS sqlstate, NULL::text AS object,
                    CASE WHEN p.error IS NOT NULL AND row_number() OVER () <= {TEXTS} THEN
                      {masked} END AS text,
                    p.created_at AS at
               FROM (SELECT table_name, error, created_at FROM public.pending_sync q WHERE q.synced_at IS NULL
                      ORDER BY q.created_at LIMIT {OPEN_MOST} + 1) p"
        )
    } else {
        return None;
    };
    Some(format!(
        "(WITH open AS MATERIALIZED ({open}),
          why AS MATERIALIZED (SELECT tbl, state, verdict, sqlstate, object, text, count(*) AS count, min(at) AS at
                    FROM open WHERE state <> 'pending' GROUP BY 1, 2, 3, 4, 5, 6)
          SELECT jsonb_build_object(
            'by_table', coalesce((SELECT jsonb_agg(jsonb_build_array(tbl, state, n)) FROM
                (SELECT tbl, state, count(*) AS n FROM open GROUP BY tbl, state) t), '[]'),
            'reason_count', (SELECT count(*) FROM why),
            'reasons', coalesce((SELECT jsonb_agg(jsonb_build_object('table', tbl, 'state', state, 'verdict', verdict,
                'sqlstate', sqlstate, 'object', left(object, 200), 'text', text, 'count', count,
                'oldest_age_s', extract(epoch FROM clock_timestamp() - at)::float8))
                FROM (SELECT * FROM why ORDER BY count DESC, tbl, object LIMIT {REASONS}) w), '[]')))"
    ))
}

/// What the queue itself says: the age of its oldest, what is synced, and whether the deployed worker is stuck.
fn queue(shape: &Shape) -> Option<String> {
    let relation = shape.readable("public.pending_sync")?;
    if !shape.has("public.pending_sync", &["table_name", "created_at", "synced_at", "error"]) {
        return None;
    }
    let has = |column: &str| relation.columns.iter().any(|c| c == column);
    let retried: Vec<String> = [("retry_count", "coalesce({c}, 0) > 0"), ("last_retry", "{c} IS NOT NULL")]
        .into_iter()
        .filter(|(column, _)| has(column))
        .map(|(column, test)| test.replace("{c}", &quote(column)))
        .collect();
    let retried = if retried.is_empty() { "false".to_owned() } else { retried.join(" OR ") };
    let columns: Vec<&str> = ["retry_count", "last_retry"].into_iter().filter(|c| has(c)).collect();
    let columns = if columns.is_empty() { String::new() } else { format!(", {}", columns.join(", ")) };
    let oid = relation.oid;
    let by = masked("w.error", 80);
    Some(format!(
        "(WITH oldest AS MATERIALIZED (SELECT q.table_name, q.error, q.created_at{columns} FROM public.pending_sync q
             WHERE q.synced_at IS NULL ORDER BY q.created_at LIMIT 100)
          SELECT jsonb_build_object(
            'looked_at', count(*), 'with_error', count(o.error),
            'oldest_age_s', extract(epoch FROM clock_timestamp() - min(o.created_at))::float8,
            'retried', coalesce(bool_or({retried}), false),
            'by', (SELECT w.table_name || ': ' || {by} FROM oldest w WHERE w.error IS NOT NULL
                    GROUP BY w.table_name, {by} ORDER BY count(*) DESC LIMIT 1),
            'starving', CASE WHEN count(*) = 100 AND count(o.error) = 100 THEN
                (SELECT count(*) FROM (SELECT error FROM public.pending_sync q WHERE q.synced_at IS NULL
                    ORDER BY q.created_at LIMIT {OPEN_MOST}) s WHERE s.error IS NULL) END,
            'estimate', (SELECT c.reltuples::bigint FROM pg_catalog.pg_class c WHERE c.oid = {oid}),
            'synced_counted', CASE WHEN (SELECT c.reltuples FROM pg_catalog.pg_class c WHERE c.oid = {oid}) <= {COUNTED}
                THEN {}  END) FROM oldest o)",
        bounded("public.pending_sync q", "WHERE q.synced_at IS NOT NULL")
    ))
}

const CURSOR: &str = "(SELECT jsonb_build_object('snapshot', snapshot::text, 'state', state) FROM robbie_sync.cursor)";

const LOAD: &str = "(SELECT jsonb_build_object('tables', count(*), 'tables_done', count(*) FILTER (WHERE done), 'rows', sum(rows),
    'total', sum(greatest(total, rows)), 'quiet_s', extract(epoch FROM clock_timestamp() - max(at))::float8)
    FROM robbie_sync.load_progress HAVING count(*) > 0 AND EXISTS (SELECT FROM robbie_sync.cursor WHERE state = 'bootstrapping'))";

const TABLE_STATE: &str = "coalesce((SELECT jsonb_agg(jsonb_build_object('table', tbl, 'paused', left(paused, 200),
    'last_sync_s', extract(epoch FROM clock_timestamp() - greatest(last_pushed, last_pulled))::float8))
    FROM robbie_sync.table_state), '[]')";

const RUNS: &str =
    "coalesce((SELECT jsonb_agg(jsonb_build_object('started_at', to_char(r.started_at, 'YYYY-MM-DD HH24:MI:SS'),
    'age_s', extract(epoch FROM clock_timestamp() - r.started_at)::float8,
    'duration_s', extract(epoch FROM r.finished_at - r.started_at)::float8, 'outcome', r.outcome, 'pushed', r.pushed,
    'failed', r.failed, 'blocked', r.blocked, 'pulled', r.pulled, 'deleted', r.deleted, 'conflicts', r.conflicts,
    'lag_s', r.lag_s, 'fault', left(r.fault, 300)) ORDER BY r.started_at DESC)
    FROM (SELECT * FROM robbie_sync.run t WHERE t.kind = 'cycle' ORDER BY t.started_at DESC LIMIT 50) r), '[]')";

const ENGINES: &str = "coalesce((SELECT jsonb_agg(jsonb_build_object('application', a.application_name,
    'last_cycle', to_char(a.query_start, 'YYYY-MM-DD HH24:MI:SS'),
    'age_s', extract(epoch FROM clock_timestamp() - a.query_start)::float8))
    FROM pg_catalog.pg_stat_activity a
   WHERE a.datname = current_database() AND a.application_name LIKE 'robbie engine %'
     AND EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.granted)), '[]')";

/// The newest changes by transaction, which the changelog is indexed on; those of the last hour are counted.
const CHANGES: &str =
    "(SELECT jsonb_build_object('looked_at', count(*), 'oldest_in_hour', bool_and(c.at > now() - interval '1 hour'),
    'by_table', coalesce((SELECT jsonb_object_agg(t.tbl, t.n) FROM
      (SELECT h.tbl, count(*) AS n FROM (SELECT tbl, at FROM robbie_sync.changelog l ORDER BY l.xid DESC LIMIT {most}) h
        WHERE h.at > now() - interval '1 hour' GROUP BY h.tbl) t), '{}'))
    FROM (SELECT at FROM robbie_sync.changelog l ORDER BY l.xid DESC LIMIT {most}) c)";

/// Changes visible now that were not visible at the replica's snapshot: late commits of old transactions are among
/// them, and nothing is counted twice.
const LAG: &str = "(WITH seen AS MATERIALIZED (SELECT {seen} AS s),
     unseen AS MATERIALIZED (SELECT c.tbl, c.at FROM robbie_sync.changelog c, seen
        WHERE c.xid >= pg_snapshot_xmin(seen.s) AND NOT pg_visible_in_snapshot(c.xid, seen.s) LIMIT {most} + 1)
   SELECT CASE WHEN (SELECT s FROM seen) IS NOT NULL THEN coalesce((SELECT jsonb_agg(jsonb_build_array(u.tbl, u.n, u.age)) FROM
     (SELECT tbl, count(*) AS n, extract(epoch FROM clock_timestamp() - min(at))::float8 AS age FROM unseen GROUP BY tbl) u), '[]') END)";

const CONFLICTS: &str = "(SELECT jsonb_build_object(
    'last_24h', (SELECT count(*) FROM (SELECT at FROM robbie_sync.conflict c ORDER BY c.conflict_id DESC LIMIT 10000) r
        WHERE r.at > now() - interval '24 hours'),
    'open', (SELECT count(*) FROM (SELECT 1 FROM robbie_sync.conflict c WHERE c.resolved_at IS NULL LIMIT 10000) o)))";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_snapshot_gets_into_a_statement() {
        for good in ["738:741:", "738:745:739,741", "1:1:"] {
            assert!(Snapshot::parse(good).is_some(), "{good}");
        }
        for bad in ["", "1", "1:2", "1:2:3:4", "1:2:'; drop table x; --", "a:b:", "1:2:3,x", ":2:"] {
            assert!(Snapshot::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_side_is_asked_only_for_what_it_has() {
        let bare = replica(&Shape::default(), Depth::Full);
        assert!(!bare.contains("robbie_sync.") && !bare.contains("pending_sync"), "{bare}");
        let sql = master(&Shape::default(), Depth::Full, Snapshot::parse("1:2:").as_ref(), None);
        assert!(!sql.contains("robbie_sync."), "{sql}");
        let server = replica(&Shape::default(), Depth::Server);
        assert!(!server.contains("jsonb_build_array"), "{server}");
    }
}
