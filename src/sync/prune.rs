//! Removes bookkeeping that nobody needs any more: little at a time, and only what every replica has confirmed.

use super::session::Sessions;
use crate::postgres::{Fault, Side};
use std::time::Duration;

/// How often at most.
pub const EVERY: Duration = Duration::from_mins(10);

/// The changelog below what every replica has pulled (a replica not heard of for 30 days is not waited for: it will
/// compare all rows), but a day of it stays, because it tells who changed a row last.
const CHANGELOG: &str = "
    WITH wanted AS (
        SELECT min(pg_snapshot_xmin(n.snapshot)::text::numeric) AS xid FROM robbie_sync.node n
        WHERE n.snapshot IS NOT NULL AND n.last_seen > clock_timestamp() - interval '30 days'
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

/// The ledger of what a replica has noted as settled, after 30 days: until then undo needs it.
const LEDGER: &str = "
    DELETE FROM robbie_sync.applied a USING (
        SELECT a.entry_id FROM robbie_sync.applied a JOIN robbie_sync.node n ON n.node_id = a.node_id
        WHERE a.seq <= n.acked_seq AND a.applied_at < clock_timestamp() - interval '30 days' LIMIT 20000) old
    WHERE old.entry_id = a.entry_id";

const HERE: &str = "
    DELETE FROM robbie_sync.run WHERE run_id IN (
        SELECT run_id FROM robbie_sync.run WHERE started_at < clock_timestamp() - interval '90 days' ORDER BY started_at LIMIT 20000);
    DELETE FROM robbie_sync.archive WHERE discarded_at < clock_timestamp() - interval '30 days'";

/// Removes a bounded part of what is no longer needed.
pub async fn prune(s: &Sessions) -> Result<(), Fault> {
    reach!("prune.before");
    s.master.execute(CHANGELOG, &[]).await.map_err(|e| Fault::from_postgres(e, Side::Master))?;
    s.master.execute(LEDGER, &[]).await.map_err(|e| Fault::from_postgres(e, Side::Master))?;
    s.replica.batch_execute(HERE).await.map_err(|e| Fault::from_postgres(e, Side::Replica))?;
    reach!("prune.after");
    Ok(())
}
