//! Sends chosen entries once more, or tries them dry, through the same function as the engine.

use super::batch::{self, Entry};
use super::chain::Chains;
use super::plan::{self, Step};
use super::report::{EntryOutcome, Mode, Outcome, ReplayOptions};
use super::session::Sessions;
use super::settle;
use super::side::on_replica;
use crate::postgres::{Fault, Pair};
use crate::queue::Verdict;
use std::collections::HashMap;
use tokio_postgres::Client;
use uuid::Uuid;

/// Entries in one transaction.
const CHUNK: usize = 500;

/// Replays entries: parents first, each row's own chain in order, every effect with its ledger row.
///
/// Answers come in the order in which the entries were asked for. A dry run runs the same statements and rolls them back;
/// what a rollback leaves behind are the values that sequences gave out. More than 500 entries are several
/// transactions: dry, a later one does not see what an earlier one would have done.
pub async fn replay(pair: &Pair, ids: &[Uuid], options: ReplayOptions) -> Result<Vec<EntryOutcome>, Fault> {
    let mut s = Sessions::open(pair, if options.mode == Mode::Dry { "dry run" } else { "replay" }).await?;
    if options.mode == Mode::Apply {
        super::lock::read_queue(&s.replica).await?;
        s.replica.execute("SELECT robbie_sync.note_missed()", &[]).await.map_err(on_replica)?;
    }
    let entries = read(&s.replica, ids).await?;
    let depth = batch::depths(&s.master, &entries).await?;
    let steps: Vec<Step<'_>> = entries.iter().map(Entry::step).collect();
    let planned: Vec<Entry> = plan::order(&steps, &depth).into_iter().map(|i| entries[i].clone()).collect();

    let run = Uuid::new_v4();
    let mut found: HashMap<Uuid, EntryOutcome> = HashMap::new();
    let mut stopped = None;
    let mut chains = Chains::default();
    for chunk in planned.chunks(CHUNK) {
        let mut chunk = chunk.to_vec();
        chains.hold_back(&mut chunk);
        match send(&mut s, &chunk, run, &options).await {
            Ok(outcomes) => {
                let settled = outcomes.iter().filter(|o| o.outcome.is_settled()).map(|o| o.id).collect();
                chains.remember(&chunk, &settled);
                found.extend(outcomes.into_iter().map(|o| (o.id, o)));
            }
            Err(fault) => {
                stopped = Some(fault);
                break;
            }
        }
    }
    if options.mode == Mode::Apply && !planned.is_empty() {
        record(&s.replica, run, &found, &options, stopped.as_ref()).await?;
    }
    match stopped {
        Some(fault) if found.is_empty() => return Err(fault),
        Some(fault) => {
            for entry in planned.iter().filter(|e| !found.contains_key(&e.id)).collect::<Vec<_>>() {
                found.insert(entry.id, unsent(entry.id, &fault));
            }
        }
        None => {}
    }
    Ok(ids.iter().map(|id| found.get(id).cloned().unwrap_or_else(|| missing(*id))).collect())
}

async fn send(
    s: &mut Sessions,
    chunk: &[Entry],
    run: Uuid,
    options: &ReplayOptions,
) -> Result<Vec<EntryOutcome>, Fault> {
    let mut tried = 0;
    loop {
        tried += 1;
        let mut sender = batch::sender(&s.replica, run, &options.actor).await?;
        sender.reason.clone_from(&options.reason);
        sender.force = options.force;
        match batch::apply(&mut s.master, chunk, &sender, options.mode == Mode::Apply, true).await {
            Ok(answers) => {
                if options.mode == Mode::Apply {
                    settle::settle(&s.replica, &answers, &sender, None).await?;
                }
                return Ok(answers.into_iter().map(|a| a.outcome).collect());
            }
            // The engine's push may have changed the nonce between our look and our call.
            Err(fault) if super::guard::is_identity_clash(&fault) && tried < 3 => {}
            Err(fault) => return Err(fault),
        }
    }
}

async fn read(replica: &Client, ids: &[Uuid]) -> Result<Vec<Entry>, Fault> {
    let rows = replica
        .query(
            "SELECT p.id, coalesce(e.seq, 0), coalesce(e.tbl, p.table_name::text), coalesce(e.op, upper(p.operation)), e.pk::text,
                    p.data::text, coalesce(e.base, CASE WHEN e.op <> 'INSERT' THEN b.image END)::text, e.seen,
                    p.xmin::text, (
                        SELECT f.entry_id FROM robbie_sync.entry f
                        WHERE f.tbl = e.tbl AND f.pk = e.pk AND f.seq < e.seq AND f.entry_id <> ALL ($1)
                          AND f.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined')
                        ORDER BY f.seq LIMIT 1)
             FROM public.pending_sync p LEFT JOIN robbie_sync.entry e ON e.entry_id = p.id
             LEFT JOIN robbie_sync.base b ON b.tbl = e.tbl AND b.pk = e.pk AND b.xid = e.xid
             WHERE p.id = ANY ($1)",
            &[&ids],
        )
        .await
        .map_err(on_replica)?;
    Ok(rows.iter().map(batch::entry).collect())
}

async fn record(
    replica: &Client,
    run: Uuid,
    found: &HashMap<Uuid, EntryOutcome>,
    options: &ReplayOptions,
    stopped: Option<&Fault>,
) -> Result<(), Fault> {
    let counted = |wanted: &[Outcome]| found.values().filter(|o| wanted.contains(&o.outcome)).count() as i64;
    let settled = found.values().filter(|o| o.outcome.is_settled()).count() as i64;
    let outcome = match (stopped, settled == found.len() as i64) {
        (None, true) => "ok",
        _ if settled == 0 => "failed",
        _ => "partial",
    };
    replica
        .execute(
            "INSERT INTO robbie_sync.run (run_id, kind, actor, finished_at, outcome, pushed, failed, blocked, conflicts, fault, reason)
             VALUES ($1, 'replay', $2, clock_timestamp(), $3, $4, $5, $6, $7, $8, $9)",
            &[
                &run,
                &options.actor,
                &outcome,
                &settled,
                &counted(&[Outcome::Failed]),
                &counted(&[Outcome::Blocked, Outcome::Held, Outcome::Later]),
                &counted(&[Outcome::ConflictResolved]),
                &stopped.map(ToString::to_string),
                &options.reason,
            ],
        )
        .await
        .map_err(on_replica)?;
    Ok(())
}

fn unsent(id: Uuid, fault: &Fault) -> EntryOutcome {
    EntryOutcome {
        sqlstate: fault.sqlstate.clone(),
        message: Some(format!("not tried: {fault}")),
        object: fault.object.clone(),
        remedy: fault.remedy.clone(),
        ..blank(id, Outcome::Later)
    }
}

fn missing(id: Uuid) -> EntryOutcome {
    EntryOutcome {
        message: Some("the queue has no entry with this id".into()),
        object: Some("pending_sync".into()),
        ..blank(id, Outcome::Missing)
    }
}

fn blank(id: Uuid, outcome: Outcome) -> EntryOutcome {
    EntryOutcome {
        id,
        verdict: Verdict::Fault,
        outcome,
        sqlstate: None,
        message: None,
        detail: None,
        object: None,
        remedy: None,
        before: None,
        after: None,
    }
}
