//! Entries that nobody wants are put aside, byte for byte, and put back.

use super::replay;
use super::report::{Mode, Outcome, ReplayOptions, run_outcome};
use super::schedule::EngineHandle;
use super::session::Sessions;
use super::side::{on_master, on_replica};
use super::turn::Turn;
use crate::postgres::{Fault, Kind, Pair, Side};
use serde::Serialize;
use std::collections::HashMap;
use tokio_postgres::Client;
use uuid::Uuid;

/// Entries in one transaction.
const CHUNK: usize = 500;

/// What became, or would become, of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is in the archive.
    Discarded,
    /// It is in the queue again.
    Restored,
    /// It is settled already: nothing is left to discard.
    Settled,
    /// Its effect is on the master; the queue did not know yet.
    TookEffect,
    /// The queue has an entry of this id.
    Queued,
    /// There is no such entry.
    Missing,
}

impl Fate {
    /// The name as `--json` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Discarded => "discarded",
            Self::Restored => "restored",
            Self::Settled => "settled",
            Self::TookEffect => "took_effect",
            Self::Queued => "queued",
            Self::Missing => "missing",
        }
    }
    /// Whether what was asked for was done.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Discarded | Self::Restored)
    }
}

/// The answer for one entry.
#[derive(Clone, Debug, Serialize)]
pub struct Put {
    /// The entry.
    pub id: Uuid,
    /// What became of it.
    pub fate: Fate,
    /// Why, and what else there is to know.
    pub message: Option<String>,
    /// What to do next.
    pub remedy: Option<String>,
}

impl Put {
    fn new(id: Uuid, fate: Fate, message: impl Into<String>, remedy: &str) -> Self {
        Self { id, fate, message: Some(message.into()), remedy: Some(remedy.to_owned()).filter(|r| !r.is_empty()) }
    }
    fn queued(id: Uuid) -> Self {
        Self::new(id, Fate::Queued, "the queue has an entry with this id", "")
    }
    fn not_archived(id: Uuid) -> Self {
        let remedy = "robbie queue archived lists them; they are kept 30 days";
        Self::new(id, Fate::Missing, "the archive has no entry with this id", remedy)
    }
}

/// An entry of the archive.
#[derive(Clone, Debug, Serialize)]
pub struct Archived {
    /// The entry.
    pub id: Uuid,
    /// When it was discarded, in UTC.
    pub at: String,
    /// By whom.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
    /// Its table.
    pub table: String,
    /// Its operation.
    pub operation: String,
    /// Its payload, as JSON text.
    pub payload: String,
}

/// Who discards or restores, and why.
#[derive(Clone, Copy)]
pub struct By<'a> {
    /// Who.
    pub actor: &'a str,
    /// Why, in a person's words.
    pub reason: &'a str,
    /// The engine of this process, where there is one: it goes on between two cycles.
    pub engine: Option<&'a EngineHandle>,
}

/// Moves entries out of the queue into the archive. None is marked as synced. What took effect on the master is not discarded but
/// settled; answers come in the order asked for.
pub async fn discard(pair: &Pair, ids: &[Uuid], by: By<'_>) -> Result<Vec<Put>, Fault> {
    let mut turn = Turn::take(pair, by.engine, "discard").await?;
    let mut found = look(&turn.sessions, ids).await?;
    let wanted: Vec<Uuid> = ids.iter().copied().filter(|id| found[id].fate.is_done()).collect();
    let mut gone = 0;
    let mut done = Ok(());
    for chunk in wanted.chunks(CHUNK) {
        match archive(&mut turn.sessions.replica, chunk, by).await {
            Ok(archived) => {
                gone += archived.len();
                for id in chunk.iter().filter(|id| !archived.contains(id)) {
                    found.insert(*id, Put::new(*id, Fate::Missing, "somebody settled or removed it just now", ""));
                }
            }
            Err(fault) => {
                done = Err(fault);
                break;
            }
        }
    }
    record(&turn.sessions.replica, "discard", by, gone, ids.len(), done.as_ref().err()).await?;
    turn.end().await;
    done?;
    settle(pair, found.values().filter(|p| p.fate == Fate::TookEffect).map(|p| p.id).collect(), by).await?;
    Ok(ids.iter().map(|id| found[id].clone()).collect())
}

/// What [`discard`] would do.
pub async fn preview(pair: &Pair, ids: &[Uuid]) -> Result<Vec<Put>, Fault> {
    let sessions = Sessions::open(pair, "discard").await?;
    let found = look(&sessions, ids).await?;
    Ok(ids.iter().map(|id| found[id].clone()).collect())
}

/// Puts archived entries back into the queue as they were, each at its old place. The row here is not put back: where the master's was
/// taken meanwhile it stays until the entry went.
pub async fn restore(pair: &Pair, ids: &[Uuid], by: By<'_>) -> Result<Vec<Put>, Fault> {
    let replica = Sessions::replica_only(pair, "restore").await?;
    let mut answers = vec![];
    for id in ids {
        let sql = "SELECT CASE WHEN NOT EXISTS (SELECT FROM public.pending_sync WHERE id = $1) THEN robbie_sync.restore($1) END";
        answers.push(match replica.query_one(sql, &[id]).await.map_err(on_replica)?.get(0) {
            None => Put::queued(*id),
            Some(true) => Put { id: *id, fate: Fate::Restored, message: None, remedy: None },
            Some(false) => Put::not_archived(*id),
        });
    }
    let done = answers.iter().filter(|a| a.fate.is_done()).count();
    record(&replica, "restore", by, done, ids.len(), None).await?;
    Ok(answers)
}

/// What [`restore`] would do.
pub async fn preview_restore(replica: &Client, ids: &[Uuid]) -> Result<Vec<Put>, Fault> {
    let rows = replica
        .query(
            "SELECT i.id, EXISTS (SELECT FROM public.pending_sync p WHERE p.id = i.id), EXISTS (SELECT FROM robbie_sync.archive a WHERE a.entry_id = i.id)
             FROM unnest($1::uuid[]) WITH ORDINALITY i(id, n) ORDER BY i.n",
            &[&ids],
        )
        .await
        .map_err(on_replica)?;
    let put = |row: &tokio_postgres::Row| match (row.get(1), row.get(2)) {
        (true, _) => Put::queued(row.get(0)),
        (false, true) => Put { id: row.get(0), fate: Fate::Restored, message: None, remedy: None },
        (false, false) => Put::not_archived(row.get(0)),
    };
    Ok(rows.iter().map(put).collect())
}

/// The archive, the last discarded first, behind `after`.
pub async fn archived(replica: &Client, after: Option<Uuid>, limit: i64) -> Result<Vec<Archived>, Fault> {
    let rows = replica
        .query(
            "SELECT a.entry_id, (a.discarded_at AT TIME ZONE 'UTC')::text || 'Z', a.actor, a.reason,
                    coalesce(a.pending_row ->> 'table_name', ''), coalesce(a.pending_row ->> 'operation', ''), a.data_text
             FROM robbie_sync.archive a
             WHERE $1::uuid IS NULL OR (a.discarded_at, a.entry_id) < (SELECT b.discarded_at, b.entry_id FROM robbie_sync.archive b WHERE b.entry_id = $1)
             ORDER BY a.discarded_at DESC, a.entry_id DESC LIMIT $2",
            &[&after, &limit],
        )
        .await
        .map_err(on_replica)?;
    let entry = |r: &tokio_postgres::Row| Archived {
        id: r.get(0),
        at: r.get(1),
        actor: r.get(2),
        reason: r.get(3),
        table: r.get(4),
        operation: r.get(5),
        payload: r.get(6),
    };
    Ok(rows.iter().map(entry).collect())
}

/// What the queue and the ledger say of entries: `Discarded` for those that can be.
async fn look(s: &Sessions, ids: &[Uuid]) -> Result<HashMap<Uuid, Put>, Fault> {
    let mut found: HashMap<Uuid, Put> =
        ids.iter().map(|id| (*id, Put::new(*id, Fate::Missing, "the queue has no entry with this id", ""))).collect();
    for chunk in ids.chunks(CHUNK) {
        let rows = s
            .replica
            .query(
                "SELECT p.id, p.synced_at IS NOT NULL, coalesce(e.tbl, p.table_name::text), coalesce(e.op, upper(p.operation)), p.data::text,
                     (SELECT count(*) FROM robbie_sync.entry f WHERE f.tbl = e.tbl AND f.pk = e.pk AND f.seq > e.seq
                          AND f.state NOT IN ('applied', 'superseded', 'conflict_resolved'))
                 FROM public.pending_sync p LEFT JOIN robbie_sync.entry e ON e.entry_id = p.id WHERE p.id = ANY ($1)",
                &[&chunk],
            )
            .await
            .map_err(on_replica)?;
        let (mut open, mut tables, mut ops, mut payloads) = (vec![], vec![], vec![], vec![]);
        for row in &rows {
            let id: Uuid = row.get(0);
            if row.get(1) {
                found.insert(
                    id,
                    Put::new(id, Fate::Settled, "it is settled already", "robbie queue undo takes its effect back"),
                );
                continue;
            }
            let later: i64 = row.get(5);
            let message = (later > 0).then(|| format!("{later} later entries of the same row stay in the queue"));
            found.insert(id, Put { id, fate: Fate::Discarded, message, remedy: None });
            open.push(id);
            tables.push(row.get::<_, String>(2));
            ops.push(row.get::<_, String>(3));
            payloads.push(row.get::<_, String>(4));
        }
        let known = s
            .master
            .query(
                "SELECT a.entry_id, (a.applied_at AT TIME ZONE 'UTC')::text || 'Z'
                 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) o(id, tbl, op, payload)
                 JOIN robbie_sync.applied a ON a.entry_id = o.id AND a.tbl = o.tbl AND a.op = o.op AND a.outcome <> 'undone'
                     AND robbie_sync.same_payload(a.payload_hash, o.payload::jsonb)",
                &[&open, &tables, &ops, &payloads],
            )
            .await
            .map_err(on_master)?;
        for row in &known {
            let (id, at): (Uuid, String) = (row.get(0), row.get(1));
            let message = format!("it took effect on the master at {at}");
            found.insert(id, Put::new(id, Fate::TookEffect, message, "robbie queue undo takes its effect back"));
        }
    }
    Ok(found)
}

async fn archive(replica: &mut Client, ids: &[Uuid], by: By<'_>) -> Result<Vec<Uuid>, Fault> {
    let transaction = replica.transaction().await.map_err(on_replica)?;
    let rows = transaction
        .query("SELECT * FROM robbie_sync.discard($1, $2, $3)", &[&ids, &by.actor, &by.reason])
        .await
        .map_err(on_replica)?;
    transaction.commit().await.map_err(on_replica)?;
    Ok(rows.iter().map(|r| r.get(0)).collect())
}

/// Has entries noted as settled whose effect the ledger knows: nothing is applied.
async fn settle(pair: &Pair, ids: Vec<Uuid>, by: By<'_>) -> Result<(), Fault> {
    if ids.is_empty() {
        return Ok(());
    }
    let reason = Some("found in the ledger".to_owned());
    let options = ReplayOptions { mode: Mode::Apply, actor: by.actor.to_owned(), reason, force: false };
    let told = replay::replay(pair, &ids, options).await?;
    match told.into_iter().find(|o| !o.outcome.is_settled() && o.outcome != Outcome::Missing) {
        Some(left) => Err(Fault::new(Kind::Other, left.message.unwrap_or_default()).on(Side::Master)),
        None => Ok(()),
    }
}

pub(super) async fn record(
    replica: &Client,
    kind: &str,
    by: By<'_>,
    done: usize,
    of: usize,
    fault: Option<&Fault>,
) -> Result<(), Fault> {
    if done == 0 && fault.is_none() {
        return Ok(());
    }
    let outcome = run_outcome(done as u64, of as u64, fault.is_some());
    replica
        .execute(
            "INSERT INTO robbie_sync.run (kind, actor, finished_at, outcome, pushed, failed, fault, reason)
             VALUES ($1, $2, clock_timestamp(), $3, $4, $5, $6, $7)",
            &[
                &kind,
                &by.actor,
                &outcome,
                &(done as i64),
                &((of - done) as i64),
                &fault.map(ToString::to_string),
                &by.reason,
            ],
        )
        .await
        .map_err(on_replica)?;
    Ok(())
}
