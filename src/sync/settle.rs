//! What became of a batch is noted on the replica.

use super::batch::{Answer, Sender};
use super::report::Outcome;
use super::side::on_replica;
use crate::postgres::Fault;
use std::collections::HashMap;
use tokio_postgres::Client;
use uuid::Uuid;

/// The code of a lock that was not had in time.
const LOCKED: &str = "55P03";

/// Notes on the replica what became of a batch: exactly the entries that were answered for; and the nonce that the master is
/// known to have taken. What somebody here holds a lock on is left for later, and noted from the ledger then: as due in some
/// seconds, or where not even that can be written, not at all; these are returned.
pub async fn settle(
    replica: &Client,
    answers: &[Answer],
    sender: &Sender,
    confirmed: Option<Uuid>,
) -> Result<Vec<Uuid>, Fault> {
    match note(replica, answers, sender, confirmed).await {
        Err(fault) if fault.sqlstate.as_deref() == Some(LOCKED) => {
            let free = unlocked(replica, answers).await?;
            let (mut answers, left): (Vec<Answer>, Vec<Answer>) =
                answers.iter().cloned().partition(|a| free.contains_key(&a.outcome.id));
            answers.iter_mut().filter(|a| !free[&a.outcome.id]).for_each(|a| a.outcome.outcome = Outcome::Later);
            note(replica, &answers, sender, confirmed).await?;
            Ok(left.iter().map(|a| a.outcome.id).collect())
        }
        done => done.map(|()| vec![]),
    }
}

/// Those of the answered entries whose state can be written without waiting; and whether all of it can: neither they
/// nor the notes of their rows are locked.
async fn unlocked(replica: &Client, answers: &[Answer]) -> Result<HashMap<Uuid, bool>, Fault> {
    let ids: Vec<Uuid> = answers.iter().map(|a| a.outcome.id).collect();
    let rows = replica
        .query(
            "WITH queued AS MATERIALIZED (SELECT p.id FROM public.pending_sync p WHERE p.id = ANY ($1) FOR UPDATE SKIP LOCKED),
                  noted AS MATERIALIZED (
                      SELECT e.entry_id, e.tbl, e.pk FROM robbie_sync.entry e WHERE e.entry_id = ANY ($1) FOR UPDATE SKIP LOCKED),
                  edited AS MATERIALIZED (
                      SELECT b.tbl, b.pk FROM robbie_sync.base b WHERE (b.tbl, b.pk) IN (SELECT n.tbl, n.pk FROM noted n) FOR UPDATE SKIP LOCKED)
             SELECT n.entry_id, n.entry_id IN (SELECT q.id FROM queued q)
                 AND (EXISTS (SELECT 1 FROM edited e WHERE e.tbl = n.tbl AND e.pk = n.pk)
                      OR NOT EXISTS (SELECT 1 FROM robbie_sync.base b WHERE b.tbl = n.tbl AND b.pk = n.pk))
             FROM noted n",
            &[&ids],
        )
        .await
        .map_err(on_replica)?;
    Ok(rows.iter().map(|r| (r.get(0), r.get(1))).collect())
}

/// One try of [`settle`].
async fn note(replica: &Client, answers: &[Answer], sender: &Sender, confirmed: Option<Uuid>) -> Result<(), Fault> {
    reach!("settle.before");
    let ids: Vec<Uuid> = answers.iter().map(|a| a.outcome.id).collect();
    let versions: Vec<Option<&str>> = answers.iter().map(|a| a.version.as_deref()).collect();
    let verdicts: Vec<&str> = answers.iter().map(|a| a.outcome.verdict.name()).collect();
    let outcomes: Vec<&str> = answers.iter().map(|a| a.outcome.outcome.name()).collect();
    let states: Vec<Option<&str>> = answers.iter().map(|a| a.outcome.sqlstate.as_deref()).collect();
    let messages: Vec<Option<&str>> = answers.iter().map(|a| a.outcome.message.as_deref()).collect();
    let details: Vec<Option<&str>> = answers.iter().map(|a| a.outcome.detail.as_deref()).collect();
    let objects: Vec<Option<&str>> = answers.iter().map(|a| a.outcome.object.as_deref()).collect();
    let blocked_on: Vec<Option<&str>> = answers.iter().map(|a| a.blocked_on.as_deref()).collect();
    let blocked_by: Vec<Option<Uuid>> = answers.iter().map(|a| a.blocked_by).collect();
    let pks: Vec<Option<&str>> = answers.iter().map(|a| a.pk.as_deref()).collect();
    let durations: Vec<Option<f64>> = answers.iter().map(|a| a.ms).collect();
    replica
        .execute(
            "SELECT robbie_sync.settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            &[
                &sender.run,
                &sender.actor,
                &confirmed,
                &ids,
                &versions,
                &verdicts,
                &outcomes,
                &states,
                &messages,
                &details,
                &objects,
                &blocked_on,
                &blocked_by,
                &pks,
                &durations,
            ],
        )
        .await
        .map_err(on_replica)?;
    reach!("settle.after");
    Ok(())
}
