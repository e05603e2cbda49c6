//! Removes bookkeeping that nobody needs any more: little at a time, and only what every replica has confirmed.

use super::session::Sessions;
use super::side::on_master;
use crate::postgres::{Fault, Side};
use std::time::Duration;

/// How often at most.
pub const EVERY: Duration = Duration::from_mins(10);

/// The changelog below what every replica has pulled (a replica not heard of for so long is not waited for: it will
/// compare all rows), but a day of it stays, because it tells who changed a row last.
const CHANGELOG: &str = "
    WITH wanted AS (
        SELECT min(pg_snapshot_xmin(n.snapshot)::text::numeric) AS xid FROM robbie_sync.node n
        WHERE n.snapshot IS NOT NULL AND n.last_seen > clock_timestamp() - make_interval(secs => $1)
    ), old AS (
        -- The oldest first, and their age then: a day of changes is not read through to find that all are young.
        SELECT c.ctid, c.xid FROM (
            SELECT c.ctid, c.xid, c.at FROM robbie_sync.changelog c
            WHERE c.xid < (SELECT w.xid::text::xid8 FROM wanted w) ORDER BY c.xid LIMIT 20000) c
        WHERE c.at < clock_timestamp() - interval '1 day'
    ), gone AS (
        DELETE FROM robbie_sync.changelog c USING old o WHERE c.ctid = o.ctid RETURNING o.xid
    )
    INSERT INTO robbie_sync.pruned AS p (below) SELECT (max(xid::text::numeric) + 1)::text::xid8 FROM gone HAVING count(*) > 0
    ON CONFLICT (only_row) DO UPDATE SET below = excluded.below, at = clock_timestamp() WHERE p.below < excluded.below";

/// The ledger of what a replica has noted as settled: until then undo needs it.
const LEDGER: &str = "
    DELETE FROM robbie_sync.applied a USING (
        SELECT a.entry_id FROM robbie_sync.applied a JOIN robbie_sync.node n ON n.node_id = a.node_id
        WHERE a.seq <= n.acked_seq AND a.applied_at < clock_timestamp() - make_interval(secs => $1) LIMIT 20000) old
    WHERE old.entry_id = a.entry_id";

/// Runs, by age and by number: a busy replica has one per cycle that did something.
const RUNS: &str = "
    DELETE FROM robbie_sync.run WHERE run_id IN (
        SELECT r.run_id FROM robbie_sync.run r
        WHERE r.started_at < greatest(clock_timestamp() - make_interval(secs => $1),
            (SELECT k.started_at FROM robbie_sync.run k ORDER BY k.started_at DESC OFFSET 100000 LIMIT 1))
        ORDER BY r.started_at LIMIT 20000)";

/// Tries of entries that are settled or gone. Only the oldest are looked at: they have no index by time.
const ATTEMPTS: &str = "
    DELETE FROM robbie_sync.attempt WHERE attempt_no IN (
        SELECT a.attempt_no FROM (SELECT * FROM robbie_sync.attempt ORDER BY attempt_no LIMIT 100000) a
        WHERE a.at < clock_timestamp() - make_interval(secs => $1) AND NOT EXISTS (
            SELECT FROM robbie_sync.entry e WHERE e.entry_id = a.entry_id
            AND e.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined')))";

const ARCHIVE: &str =
    "DELETE FROM robbie_sync.archive WHERE discarded_at < clock_timestamp() - make_interval(secs => $1)";

/// Removes a bounded part of what is older than `keep`.
pub async fn prune(s: &Sessions, keep: Duration) -> Result<(), Fault> {
    reach!("prune.before");
    let keep = keep.as_secs_f64();
    for (client, side, statement) in [
        (&s.master, Side::Master, CHANGELOG),
        (&s.replica, Side::Replica, RUNS),
        (&s.replica, Side::Replica, ATTEMPTS),
        (&s.replica, Side::Replica, ARCHIVE),
    ] {
        client.execute(statement, &[&keep]).await.map_err(|e| Fault::from_postgres(e, side))?;
    }
    // What the ledger lacks of the last month was lost with the master's history (`lost`): so long it is kept at least.
    let ledger = keep.max(Duration::from_hours(30 * 24).as_secs_f64());
    s.master.execute(LEDGER, &[&ledger]).await.map_err(on_master)?;
    let witnesses = "SELECT robbie_sync.prune_witnesses()";
    s.master.execute(witnesses, &[]).await.map_err(on_master)?;
    reach!("prune.after");
    Ok(())
}
