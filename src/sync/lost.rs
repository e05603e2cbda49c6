//! What was sent and then lost, with a master that was restored or promoted too early, or by a replica that forgot it.

use super::side::{on_master, on_replica};
use crate::postgres::Fault;
use std::collections::HashSet;
use tokio_postgres::Client;
use uuid::Uuid;

/// Entries asked about at once.
const CHUNK: i64 = 10_000;

/// What the engine itself settled, as long as the ledger is sure to have it: the master forgets after 30 days.
const SETTLED: &str = "
    SELECT e.entry_id, e.seq FROM robbie_sync.entry e JOIN public.pending_sync p ON p.id = e.entry_id
    WHERE e.seq > $1 AND p.synced_at > clock_timestamp() - interval '29 days'
      AND (e.state IN ('superseded', 'conflict_resolved')
           OR (e.state = 'applied' AND e.verdict IN ('insert', 'update', 'delete', 'no_change')))
    ORDER BY e.seq LIMIT $2";

const OPEN: &str = "
    SELECT e.entry_id, e.seq FROM robbie_sync.entry e
    WHERE e.seq > $1 AND e.state IN ('ready', 'inflight', 'retry', 'blocked') ORDER BY e.seq LIMIT $2";

/// Of what the engine settled, the last before the first that is open, and the last of all: where these are in the ledger,
/// so is what was settled before.
const LAST: &str = "
    SELECT s.entry_id FROM (VALUES (coalesce((SELECT min(o.seq) - 1 FROM robbie_sync.entry o
                 WHERE o.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined')), 0)),
             ((SELECT max(m.seq) FROM robbie_sync.entry m))) upto(seq)
    CROSS JOIN LATERAL (
        SELECT e.entry_id FROM robbie_sync.entry e JOIN public.pending_sync p ON p.id = e.entry_id
        WHERE e.seq <= upto.seq AND e.seq > upto.seq - 1000 AND p.synced_at > clock_timestamp() - interval '29 days'
          AND (e.state IN ('superseded', 'conflict_resolved')
               OR (e.state = 'applied' AND e.verdict IN ('insert', 'update', 'delete', 'no_change')))
        ORDER BY e.seq DESC LIMIT 1) s";

/// Of the entries `$1`, those that the ledger lacks.
const UNKNOWN: &str =
    "SELECT e FROM unnest($1::uuid[]) e WHERE NOT EXISTS (SELECT 1 FROM robbie_sync.applied a WHERE a.entry_id = e)";

/// Of the entries `$1`, those that did not take effect as far as the ledger says: what was undone may be due again.
const NOT_DONE: &str = "SELECT e FROM unnest($1::uuid[]) e WHERE NOT EXISTS (SELECT 1 FROM robbie_sync.applied a WHERE a.entry_id = e AND a.outcome <> 'undone')";

/// What the queue holds back.
const HELD: &str = "
    SELECT e.entry_id, e.seq FROM robbie_sync.entry e
    WHERE e.seq > $1 AND e.state IN ('retry', 'quarantined', 'blocked') ORDER BY e.seq LIMIT $2";

/// Of the entries `$1`, those whose effect the ledger has.
const DONE: &str = "SELECT a.entry_id FROM robbie_sync.applied a WHERE a.entry_id = ANY ($1) AND a.outcome <> 'undone'";

/// Of the open entries `$1` with the places `$2`: those that the replica `$3` had settled, says its acknowledgement, and
/// whose place no other entry took since it forgot them.
const DOUBTFUL: &str = "
    SELECT o.id FROM unnest($1::uuid[], $2::bigint[]) o(id, seq)
    JOIN robbie_sync.node n ON n.node_id = $3 AND o.seq <= n.acked_seq
    WHERE NOT EXISTS (SELECT 1 FROM robbie_sync.applied a WHERE a.entry_id = o.id)
      AND NOT EXISTS (SELECT 1 FROM robbie_sync.applied a WHERE a.node_id = $3 AND a.seq = o.seq)";

const FORGOTTEN: &str = "this replica was restored or copied, and its later self had settled this entry; \
     whether it took effect is not known any more: replay or discard it";

/// Whether the ledger has what was settled last.
pub async fn has_last(master: &Client, replica: &Client) -> Result<bool, Fault> {
    let last = replica.query(LAST, &[]).await.map_err(on_replica)?;
    let last: Vec<Uuid> = last.iter().map(|r| r.get(0)).collect();
    Ok(last.is_empty() || master.query(UNKNOWN, &[&last]).await.map_err(on_master)?.is_empty())
}

/// Whether the ledger lacks anything that was settled.
pub async fn has_lost(master: &Client, replica: &Client) -> Result<bool, Fault> {
    let mut entries = Chunks::of(replica, SETTLED);
    while let Some((ids, _)) = entries.next().await? {
        if !master.query(UNKNOWN, &[&ids]).await.map_err(on_master)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the master has met a later life of this replica: one that sent what is not sent yet here, or that numbered
/// entries beyond ours. Then this replica was restored from a backup, or is a copy.
pub async fn has_another_life(master: &Client, replica: &Client, node: Uuid) -> Result<bool, Fault> {
    let ours = replica.query_one("SELECT last_value FROM robbie_sync.entry_seq_seq", &[]).await.map_err(on_replica)?;
    let theirs = master
        .query_one(
            "SELECT greatest((SELECT max(a.seq) FROM robbie_sync.applied a WHERE a.node_id = $1),
                 (SELECT n.acked_seq FROM robbie_sync.node n WHERE n.node_id = $1))",
            &[&node],
        )
        .await
        .map_err(on_master)?;
    if theirs.get::<_, Option<i64>>(0) > Some(ours.get(0)) {
        return Ok(true);
    }
    let mut entries = Chunks::of(replica, OPEN);
    while let Some((ids, _)) = entries.next().await? {
        let unknown = master.query(NOT_DONE, &[&ids]).await.map_err(on_master)?;
        if unknown.len() < ids.len() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Entries that the queue holds back and that have an effect in the ledger, whatever their payload says by now.
pub async fn held_though_done(master: &Client, replica: &Client) -> Result<Vec<Uuid>, Fault> {
    let mut done = Vec::new();
    let ledger =
        master.query_one("SELECT to_regclass('robbie_sync.applied') IS NOT NULL", &[]).await.map_err(on_master)?;
    if !ledger.get::<_, bool>(0) {
        return Ok(done);
    }
    let mut entries = Chunks::of(replica, HELD);
    while let Some((ids, _)) = entries.next().await? {
        done.extend(master.query(DONE, &[&ids]).await.map_err(on_master)?.iter().map(|r| r.get::<_, Uuid>(0)));
    }
    Ok(done)
}

/// What turned out.
pub struct Turn {
    /// The master lost history.
    pub rewound: bool,
    /// Another has this replica's identity, or had it before this one was restored.
    pub clash: bool,
    /// What this replica had seen of the history that the master still has, as `robbie_sync.entry.seen` says it.
    pub seen: Option<String>,
}

/// Puts the replica's bookkeeping in order: what the master lost is due again, what a forgotten life of this replica may
/// have done is held, and an identity that another has is given up. Says what was done.
pub async fn recover(master: &Client, replica: &Client, turn: Turn) -> Result<Option<String>, Fault> {
    let what = match (turn.rewound, turn.clash) {
        (true, false) => "the master has lost history",
        (true, true) => "one of the two databases was restored or copied",
        _ => "this replica was restored or copied and goes on under an identity of its own",
    };
    let mut said = vec![what.to_owned()];
    if turn.rewound {
        let again = send_again(master, replica).await?;
        if again > 0 {
            said.push(format!("{again} entries whose effect it lost are sent again"));
        }
    }
    if turn.clash {
        let held = hold_forgotten(master, replica).await?;
        if held > 0 {
            said.push(format!("{held} entries wait for a choice, for this replica's later self had settled them"));
        }
    }
    replica
        .execute("SELECT robbie_sync.start_over($1, $2, $3)", &[&turn.rewound, &turn.clash, &turn.seen])
        .await
        .map_err(on_replica)?;
    Ok(Some(said.join("; ")))
}

/// Has entries sent again that were settled here and that the ledger lacks: the effect and its ledger row are one
/// transaction, so what is absent there never happened.
async fn send_again(master: &Client, replica: &Client) -> Result<u64, Fault> {
    let mut again = 0;
    let mut entries = Chunks::of(replica, SETTLED);
    while let Some((ids, _)) = entries.next().await? {
        let lost = master.query(UNKNOWN, &[&ids]).await.map_err(on_master)?;
        let lost: Vec<Uuid> = lost.iter().map(|r| r.get(0)).collect();
        if !lost.is_empty() {
            let row = replica.query_one("SELECT robbie_sync.unsettle($1)", &[&lost]).await.map_err(on_replica)?;
            again += row.get::<_, i64>(0).unsigned_abs();
        }
    }
    Ok(again)
}

async fn hold_forgotten(master: &Client, replica: &Client) -> Result<i64, Fault> {
    let node = replica.query_one("SELECT node_id FROM robbie_sync.this_node", &[]).await.map_err(on_replica)?;
    let node: Uuid = node.get(0);
    let mut held = 0;
    let mut entries = Chunks::of(replica, OPEN);
    while let Some((ids, seqs)) = entries.next().await? {
        let doubtful = master.query(DOUBTFUL, &[&ids, &seqs, &node]).await.map_err(on_master)?;
        let doubtful: HashSet<Uuid> = doubtful.iter().map(|r| r.get(0)).collect();
        let doubtful: Vec<Uuid> = ids.into_iter().filter(|id| doubtful.contains(id)).collect();
        if !doubtful.is_empty() {
            let row = replica
                .query_one("SELECT robbie_sync.hold($1, $2)", &[&doubtful, &FORGOTTEN])
                .await
                .map_err(on_replica)?;
            held += row.get::<_, i64>(0);
        }
    }
    Ok(held)
}

/// Entries of the replica, so many at a time, in their order.
struct Chunks<'a> {
    replica: &'a Client,
    query: &'static str,
    after: i64,
}

impl<'a> Chunks<'a> {
    fn of(replica: &'a Client, query: &'static str) -> Self {
        Self { replica, query, after: -1 }
    }
    async fn next(&mut self) -> Result<Option<(Vec<Uuid>, Vec<i64>)>, Fault> {
        let rows = self.replica.query(self.query, &[&self.after, &CHUNK]).await.map_err(on_replica)?;
        let (ids, seqs): (Vec<Uuid>, Vec<i64>) = rows.iter().map(|r| (r.get::<_, Uuid>(0), r.get::<_, i64>(1))).unzip();
        let Some(&last) = seqs.last() else { return Ok(None) };
        self.after = last;
        Ok(Some((ids, seqs)))
    }
}
