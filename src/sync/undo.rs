//! Taking back what an entry did to the master, and doing it again.

use super::discard::{By, record};
use super::remedy;
use super::replay;
use super::report::{EntryOutcome, Mode, Outcome, ReplayOptions};
use super::session::Sessions;
use super::side::{on_master, on_replica};
use crate::postgres::{Fault, Pair};
use crate::queue::Verdict;
use std::collections::HashMap;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

const LIMITS: &str = "SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '60s'";

/// Undoes entries: each row becomes what it was before, on the master in one transaction, and comes here with the next pull. An entry
/// is refused where its row moved on there, is edited here, or has no image in the ledger. Answers come in the order asked for;
/// `Applied` is undone. Dry: the same, rolled back.
pub async fn undo(pair: &Pair, ids: &[Uuid], mode: Mode, by: By<'_>) -> Result<Vec<EntryOutcome>, Fault> {
    let mut s = Sessions::open(pair, "undo").await?;
    let edited = edited(&s.master, &s.replica, ids).await?;
    let free: Vec<Uuid> = ids.iter().copied().filter(|id| !edited.contains_key(id)).collect();
    let transaction = s.master.transaction().await.map_err(on_master)?;
    transaction.batch_execute(LIMITS).await.map_err(on_master)?;
    let rows = transaction
        .query(
            "SELECT r.entry_id, r.verdict, r.outcome, r.sqlstate, r.message, r.detail, r.object, r.before_image::text, r.after_image::text
             FROM robbie_sync.undo($1, $2, $3) r",
            &[&free, &by.actor, &by.reason],
        )
        .await
        .map_err(on_master)?;
    let mut found: HashMap<Uuid, EntryOutcome> = rows.iter().map(|r| (r.get(0), answer(r))).collect();
    if mode == Mode::Dry {
        transaction.rollback().await.map_err(on_master)?;
    } else {
        transaction.commit().await.map_err(on_master)?;
        note(&s.replica, &found, by).await?;
        let done = found.values().filter(|o| o.outcome == Outcome::Applied).count();
        record(&s.replica, "undo", by, done, ids.len(), None).await?;
        super::lock::ask(&pair.replica).await?;
    }
    found.extend(edited);
    Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
}

/// Applies undone entries once more. One whose row was changed since the undo is refused: nothing is overwritten.
pub async fn redo(pair: &Pair, ids: &[Uuid], mode: Mode, by: By<'_>) -> Result<Vec<EntryOutcome>, Fault> {
    let s = Sessions::open(pair, "redo").await?;
    let mut refused = HashMap::new();
    let sql = "SELECT i.id, c.why FROM unnest($1::uuid[]) i(id) CROSS JOIN LATERAL robbie_sync.can_redo(i.id) c(why) WHERE c.why IS NOT NULL";
    for row in s.master.query(sql, &[&ids]).await.map_err(on_master)? {
        let remedy = "look at both images; robbie queue replay --force applies it all the same";
        refused.insert(row.get(0), held(row.get(0), row.get(1), remedy));
    }
    drop(s);
    let free: Vec<Uuid> = ids.iter().copied().filter(|id| !refused.contains_key(id)).collect();
    if !free.is_empty() {
        let reason = Some(by.reason.to_owned());
        let options = ReplayOptions { mode, actor: by.actor.to_owned(), reason, force: true };
        refused.extend(replay::replay(pair, &free, options).await?.into_iter().map(|o| (o.id, o)));
    }
    Ok(ids.iter().filter_map(|id| refused.get(id).cloned()).collect())
}

/// Entries whose row has an edit here that is not on the master yet.
async fn edited(master: &Client, replica: &Client, ids: &[Uuid]) -> Result<HashMap<Uuid, EntryOutcome>, Fault> {
    let rows = master
        .query("SELECT a.entry_id, a.tbl, a.pk::text FROM robbie_sync.applied a WHERE a.entry_id = ANY ($1)", &[&ids])
        .await
        .map_err(on_master)?;
    let ids: Vec<Uuid> = rows.iter().map(|r| r.get(0)).collect();
    let tables: Vec<&str> = rows.iter().map(|r| r.get(1)).collect();
    let keys: Vec<Option<&str>> = rows.iter().map(|r| r.get(2)).collect();
    let open = replica
        .query(
            "SELECT w.id, w.tbl FROM unnest($1::uuid[], $2::text[], $3::text[]) w(id, tbl, pk)
             LEFT JOIN robbie_sync.entry e ON e.entry_id = w.id
             CROSS JOIN LATERAL (SELECT coalesce(e.pk, w.pk::jsonb) AS pk) k
             WHERE EXISTS (SELECT 1 FROM robbie_sync.base b WHERE b.tbl = w.tbl AND b.pk = k.pk) OR robbie_sync.is_open(w.tbl, k.pk)",
            &[&ids, &tables, &keys],
        )
        .await
        .map_err(on_replica)?;
    let refusal = |r: &Row| {
        let (id, table): (Uuid, String) = (r.get(0), r.get(1));
        let message = format!("the row of {table} has an edit here that is not on the master yet");
        (id, held(id, message, "send or discard that edit first"))
    };
    Ok(open.iter().map(refusal).collect())
}

/// Notes on the replica what was undone.
async fn note(replica: &Client, found: &HashMap<Uuid, EntryOutcome>, by: By<'_>) -> Result<(), Fault> {
    let undone: Vec<&EntryOutcome> = found.values().filter(|o| o.outcome == Outcome::Applied).collect();
    let ids: Vec<Uuid> = undone.iter().map(|o| o.id).collect();
    let verdicts: Vec<&str> = undone.iter().map(|o| o.verdict.name()).collect();
    replica
        .execute(
            "INSERT INTO robbie_sync.attempt (entry_id, actor, verdict, outcome, message)
             SELECT u.id, $3, u.verdict, 'undone', $4 FROM unnest($1::uuid[], $2::text[]) u(id, verdict)",
            &[&ids, &verdicts, &by.actor, &by.reason],
        )
        .await
        .map_err(on_replica)?;
    Ok(())
}

fn answer(row: &Row) -> EntryOutcome {
    let verdict = Verdict::from_name(row.get(1)).unwrap_or(Verdict::Fault);
    let outcome = Outcome::from_name(row.get(2)).unwrap_or(Outcome::Failed);
    let (sqlstate, object): (Option<String>, Option<String>) = (row.get(3), row.get(6));
    let remedy = match (outcome, verdict) {
        (Outcome::Failed, Verdict::OverwritesNewer) => {
            Some("look at the row as it is now, and change it by a new entry".into())
        }
        (Outcome::Failed, Verdict::Constraint | Verdict::Fault) if sqlstate.is_some() => {
            remedy::of(verdict, outcome, sqlstate.as_deref(), object.as_deref())
        }
        _ => None,
    };
    EntryOutcome {
        sqlstate,
        message: row.get(4),
        detail: row.get(5),
        object,
        remedy,
        before: row.get(7),
        after: row.get(8),
        ..EntryOutcome::bare(row.get(0), verdict, outcome)
    }
}

fn held(id: Uuid, message: String, remedy: &str) -> EntryOutcome {
    EntryOutcome {
        message: Some(message),
        remedy: Some(remedy.to_owned()),
        ..EntryOutcome::bare(id, Verdict::OverwritesNewer, Outcome::Held)
    }
}
