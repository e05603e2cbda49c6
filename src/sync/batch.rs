//! A batch of entries: read on the replica, applied on the master in one call, noted on the replica.

use super::plan::{self, Step};
use super::remedy;
use super::report::{EntryOutcome, Outcome};
use super::side::{on_master, on_replica};
use crate::postgres::{Fault, Kind, Side};
use crate::queue::Verdict;
use std::collections::HashMap;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Transaction};
use uuid::Uuid;

/// About how many bytes of payload are in a batch.
const BYTES: i64 = 16 << 20;
/// Locks on the master are waited for this long, so that one locked row delays its own entry and no other for long.
const LIMITS: &str = "SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '60s'; SET LOCAL idle_in_transaction_session_timeout = '15s'";
/// The call that applies a batch. Its types are given, so that it is not described by the server first.
const PUSH: &str =
    "SELECT r.entry_id, r.verdict, r.outcome, r.sqlstate, r.message, r.detail, r.object, r.blocked_on, r.blocked_by,
        r.pk::text, CASE WHEN $19 THEN r.before_image::text END, CASE WHEN $19 THEN r.after_image::text END, r.ms
    FROM robbie_sync.push($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) r";
/// A dry run disturbs nobody for longer than this.
const DRY_LIMITS: &str = "SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '5s'";

/// The digest by which an entry `p` of the queue that was edited is told from what it was.
pub const DIGEST: &str = "md5(concat_ws(chr(31), p.table_name, p.operation, p.data::text))";

/// An entry as it is sent.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id in `pending_sync`.
    pub id: Uuid,
    /// Its place in the queue.
    pub seq: i64,
    /// Its table.
    pub table: String,
    /// What it does.
    pub op: String,
    /// Its row, as JSON text, where it is known.
    pub pk: Option<String>,
    /// Its payload, as JSON text.
    pub payload: String,
    /// The last synced image of its row, as JSON text.
    pub base: Option<String>,
    /// What the replica had seen of the master when it was queued, where that is known.
    pub seen: Option<String>,
    /// Its version when it was read; an entry that was edited since is not settled.
    pub version: String,
    /// The earlier entry of its row that must be settled first.
    pub waits: Option<Uuid>,
    /// Its place in a plan that was made before; else that in the queue counts.
    pub rank: Option<i64>,
}

impl Entry {
    /// What the plan needs to know of it.
    pub fn step(&self) -> Step<'_> {
        Step {
            seq: self.rank.unwrap_or(self.seq),
            table: &self.table,
            key: self.pk.as_deref(),
            delete: self.op == "DELETE",
            points: vec![],
        }
    }
}

/// What the master needs to know of a batch beside its entries.
#[derive(Clone, Debug)]
pub struct Sender {
    /// This replica.
    pub node: Uuid,
    /// Its name.
    pub name: String,
    /// The nonces that the master may hold.
    pub nonces: Vec<Option<Uuid>>,
    /// The nonce of this push; none leaves it.
    pub fresh: Option<Uuid>,
    /// Up to which entry all are settled and noted.
    pub acked: i64,
    /// The run this belongs to.
    pub run: Uuid,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
    /// Applies over newer rows.
    pub force: bool,
    /// The versions of the master's rows with which entries were chosen: where another one is met, the entry is not applied.
    pub frozen: HashMap<Uuid, String>,
}

/// What the master answered for one entry.
#[derive(Clone, Debug)]
pub struct Answer {
    /// For the caller.
    pub outcome: EntryOutcome,
    pub(super) blocked_on: Option<String>,
    pub(super) blocked_by: Option<Uuid>,
    pub(super) pk: Option<String>,
    pub(super) ms: Option<f64>,
    pub(super) version: Option<String>,
}

/// What this replica says of itself with a push.
pub async fn sender(replica: &Client, run: Uuid, actor: &str) -> Result<Sender, Fault> {
    let row = replica
        .query_one(
            "SELECT n.node_id, n.name, n.nonce, n.next_nonce, coalesce((SELECT min(e.seq) - 1 FROM robbie_sync.entry e
                 WHERE e.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined')), 0)
             FROM robbie_sync.this_node n",
            &[],
        )
        .await
        .map_err(on_replica)?;
    let (nonce, next): (Option<Uuid>, Option<Uuid>) = (row.get(2), row.get(3));
    let nonces = if next.is_some() { vec![nonce, next] } else { vec![nonce] };
    Ok(Sender {
        node: row.get(0),
        name: row.get(1),
        nonces,
        fresh: None,
        acked: row.get(4),
        run,
        actor: actor.to_owned(),
        reason: None,
        force: false,
        frozen: HashMap::new(),
    })
}

/// The answer for an entry that the master could not apply in time.
pub fn too_slow(entry: &Entry, fault: &Fault) -> Answer {
    let state = fault.sqlstate.as_deref();
    unheard(entry, Verdict::Fault, Outcome::Failed, state, fault.message.clone(), &entry.table)
}

/// The answer for an entry that says NULL where this side has a JSON `null`: it is not sent.
pub fn not_sent(entry: &Entry, place: &str) -> Answer {
    let message = format!(
        "{place} holds a JSON null here, and the entry would make it NULL: write NULL or another value there, or replay the entry to send NULL"
    );
    let answer = unheard(entry, Verdict::SchemaMismatch, Outcome::Blocked, None, message, place);
    Answer { blocked_on: Some("json null".into()), ..answer }
}

/// An answer that the master did not give.
fn unheard(
    entry: &Entry,
    verdict: Verdict,
    outcome: Outcome,
    sqlstate: Option<&str>,
    message: String,
    object: &str,
) -> Answer {
    Answer {
        outcome: EntryOutcome {
            sqlstate: sqlstate.map(ToOwned::to_owned),
            message: Some(message),
            object: Some(object.to_owned()),
            remedy: remedy::of(verdict, outcome, sqlstate, Some(object)),
            ..EntryOutcome::bare(entry.id, verdict, outcome)
        },
        blocked_on: None,
        blocked_by: None,
        pk: entry.pk.clone(),
        ms: None,
        version: Some(entry.version.clone()),
    }
}

/// The next entries that are due, behind the place `after` in the queue: at most `most`. `fresh` is the nonce of a push that
/// starts with them.
pub async fn claim(replica: &Client, after: i64, most: i32, fresh: Option<Uuid>) -> Result<Vec<Entry>, Fault> {
    reach!("claim.before");
    let rows = replica
        .query(
            "SELECT c.entry_id, c.seq, c.tbl, c.op, c.pk, c.payload, c.base, c.seen, c.version, NULL::uuid
             FROM robbie_sync.claim($1, $2, $3, $4) c",
            &[&after, &most, &BYTES, &fresh],
        )
        .await
        .map_err(on_replica)?;
    reach!("claim.after");
    Ok(rows.iter().map(entry).collect())
}

/// Reads an entry from a row: id, seq, table, operation, key, payload, base, what was seen, version, what it waits for.
pub fn entry(row: &Row) -> Entry {
    Entry {
        id: row.get(0),
        seq: row.get(1),
        table: row.get(2),
        op: row.get(3),
        pk: row.get(4),
        payload: row.get(5),
        base: row.get(6),
        seen: row.get(7),
        version: row.get(8),
        waits: row.get(9),
        rank: None,
    }
}

/// Applies entries on the master in one transaction, parents first by the [`depths`] of their tables; `keep` says whether it
/// stays, and `images` whether the answers have the rows before and after. Three round trips.
pub async fn apply(
    master: &mut Client,
    entries: &[Entry],
    depth: &HashMap<String, i64>,
    sender: &Sender,
    keep: bool,
    images: bool,
) -> Result<Vec<Answer>, Fault> {
    reach!("send.before");
    let steps: Vec<Step<'_>> = entries.iter().map(Entry::step).collect();
    let mut planned: Vec<&Entry> = plan::order(&steps, depth).into_iter().map(|i| &entries[i]).collect();
    let transaction = master.transaction().await.map_err(on_master)?;
    reach!("apply.before");
    let limits = if keep { LIMITS } else { DRY_LIMITS };
    let moved = if sender.frozen.is_empty() {
        vec![]
    } else {
        take_out_moved(&transaction, limits, &mut planned, sender).await?
    };
    let ids: Vec<Uuid> = planned.iter().map(|e| e.id).collect();
    let seqs: Vec<i64> = planned.iter().map(|e| e.seq).collect();
    let tables: Vec<&str> = planned.iter().map(|e| e.table.as_str()).collect();
    let ops: Vec<&str> = planned.iter().map(|e| e.op.as_str()).collect();
    let pks: Vec<Option<&str>> = planned.iter().map(|e| e.pk.as_deref()).collect();
    let payloads: Vec<&str> = planned.iter().map(|e| e.payload.as_str()).collect();
    let bases: Vec<Option<&str>> = planned.iter().map(|e| e.base.as_deref()).collect();
    let seen: Vec<Option<&str>> = planned.iter().map(|e| e.seen.as_deref()).collect();
    let waits: Vec<Option<Uuid>> = planned.iter().map(|e| e.waits).collect();

    // Sent together: where the limits are refused the rest is too.
    let limits = transaction.batch_execute(limits);
    let parameters: [(&(dyn ToSql + Sync), Type); 19] = [
        (&sender.node, Type::UUID),
        (&sender.name, Type::TEXT),
        (&sender.nonces, Type::UUID_ARRAY),
        (&sender.fresh, Type::UUID),
        (&sender.acked, Type::INT8),
        (&sender.run, Type::UUID),
        (&sender.actor, Type::TEXT),
        (&sender.reason, Type::TEXT),
        (&sender.force, Type::BOOL),
        (&ids, Type::UUID_ARRAY),
        (&seqs, Type::INT8_ARRAY),
        (&tables, Type::TEXT_ARRAY),
        (&ops, Type::TEXT_ARRAY),
        (&pks, Type::TEXT_ARRAY),
        (&payloads, Type::TEXT_ARRAY),
        (&bases, Type::TEXT_ARRAY),
        (&seen, Type::TEXT_ARRAY),
        (&waits, Type::UUID_ARRAY),
        (&images, Type::BOOL),
    ];
    let (limits, rows) = tokio::join!(limits, transaction.query_typed(PUSH, &parameters));
    limits.map_err(on_master)?;
    let rows = rows.map_err(on_master)?;
    let mut answers: Vec<Answer> = rows.iter().map(answer).collect::<Result<_, _>>()?;
    if answers.len() != planned.len() {
        let told =
            format!("robbie_sync.push answered for {} of {} entries: nothing was kept", answers.len(), planned.len());
        return Err(Fault::new(Kind::Schema, told).on(Side::Master).remedy("robbie schema migrate --target master"));
    }
    let sent: HashMap<Uuid, &str> = planned.iter().map(|e| (e.id, e.version.as_str())).collect();
    for answer in &mut answers {
        answer.version = sent.get(&answer.outcome.id).map(ToString::to_string);
    }
    reach!("apply.after");
    if keep {
        transaction.commit().await.map_err(on_master)?;
    } else {
        transaction.rollback().await.map_err(on_master)?;
    }
    reach!("apply.committed");
    answers.extend(moved);
    Ok(answers)
}

/// Takes the entries out whose row on the master is not the one that they were chosen with, and answers for them. The rows of
/// the others are locked until the transaction ends.
async fn take_out_moved(
    transaction: &Transaction<'_>,
    limits: &str,
    planned: &mut Vec<&Entry>,
    sender: &Sender,
) -> Result<Vec<Answer>, Fault> {
    transaction.batch_execute(limits).await.map_err(on_master)?;
    let asked: Vec<&Entry> = planned.iter().copied().filter(|e| sender.frozen.contains_key(&e.id)).collect();
    let ids: Vec<Uuid> = asked.iter().map(|e| e.id).collect();
    let tables: Vec<&str> = asked.iter().map(|e| e.table.as_str()).collect();
    let keys: Vec<Option<&str>> = asked.iter().map(|e| e.pk.as_deref()).collect();
    let rows = transaction
        .query(
            "SELECT v.id, v.version FROM robbie_sync.row_versions($1, $2, $3, $4, true) v WHERE NOT v.excused",
            &[&sender.run, &ids, &tables, &keys],
        )
        .await
        .map_err(on_master)?;
    let moved: HashMap<Uuid, bool> = rows
        .iter()
        .map(|r| (r.get::<_, Uuid>(0), r.get::<_, String>(1)))
        .filter(|(id, version)| sender.frozen.get(id).is_some_and(|frozen| frozen != version))
        .map(|(id, version)| (id, version == "locked"))
        .collect();
    let answers = planned.iter().filter_map(|e| Some(unmoved(e, *moved.get(&e.id)?))).collect();
    planned.retain(|e| !moved.contains_key(&e.id));
    Ok(answers)
}

/// The answer for an entry that was not applied, for its row is locked or another one now.
fn unmoved(entry: &Entry, locked: bool) -> Answer {
    let (outcome, message) = if locked {
        (Outcome::Later, "somebody has its row on the master locked")
    } else {
        (Outcome::Drifted, "its row on the master changed since the preview")
    };
    let answer = unheard(entry, Verdict::Fault, outcome, None, message.to_owned(), &entry.table);
    let again = "look at it again, and replay it then: robbie queue dry-run".to_owned();
    Answer { outcome: EntryOutcome { remedy: Some(again), ..answer.outcome }, ..answer }
}

fn answer(row: &Row) -> Result<Answer, Fault> {
    let (verdict, outcome): (&str, &str) = (row.get(1), row.get(2));
    let unknown = |what: &str| {
        Fault::new(
            Kind::Schema,
            format!("the master's robbie_sync.push answered {what:?}, which this version does not know"),
        )
        .on(Side::Master)
        .remedy("use the version of robbie that migrated the master, or a newer one")
    };
    let verdict = Verdict::from_name(verdict).ok_or_else(|| unknown(verdict))?;
    let outcome = Outcome::from_name(outcome).ok_or_else(|| unknown(outcome))?;
    let mut outcome = EntryOutcome {
        sqlstate: row.get(3),
        message: row.get(4),
        detail: row.get(5),
        object: row.get(6),
        before: row.get(10),
        after: row.get(11),
        ..EntryOutcome::bare(row.get(0), verdict, outcome)
    };
    outcome.remedy = remedy::after(&outcome);
    Ok(Answer {
        outcome,
        blocked_on: row.get(7),
        blocked_by: row.get(8),
        pk: row.get(9),
        ms: row.get(12),
        version: None,
    })
}

/// The tables whose rows point at others of theirs, as JSON: per foreign key the table, and which of its columns holds which of the key.
pub async fn self_references(master: &Client) -> Result<String, Fault> {
    let row = master
        .query_one(
            "SELECT coalesce(jsonb_agg(jsonb_build_object('tbl', c.relname, 'pairs', (
                 SELECT jsonb_object_agg(l.attname, r.attname) FROM unnest(f.conkey, f.confkey) k(here, there)
                 JOIN pg_attribute l ON l.attrelid = c.oid AND l.attnum = k.here
                 JOIN pg_attribute r ON r.attrelid = c.oid AND r.attnum = k.there))), '[]')::text
             FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid
             WHERE f.contype = 'f' AND f.conrelid = f.confrelid AND f.conparentid = 0 AND c.relnamespace = 'public'::regnamespace",
            &[],
        )
        .await
        .map_err(on_master)?;
    Ok(row.get(0))
}

/// How far each of these tables is from those that point at nothing.
pub async fn depths(master: &Client, mut names: Vec<&str>) -> Result<HashMap<String, i64>, Fault> {
    names.sort_unstable();
    names.dedup();
    let rows = master
        .query(
            "WITH RECURSIVE points AS (
                 SELECT DISTINCT c.relname::text AS child, p.relname::text AS parent
                 FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_class p ON p.oid = f.confrelid
                 WHERE f.contype = 'f' AND f.conrelid <> f.confrelid AND c.relnamespace = 'public'::regnamespace
                   AND c.relname = ANY ($1) AND p.relname = ANY ($1)
             ), walk (tbl, depth) AS (
                 SELECT n, 0::bigint FROM unnest($1::text[]) n
                 UNION
                 SELECT p.child, w.depth + 1 FROM walk w JOIN points p ON p.parent = w.tbl WHERE w.depth < 50
             )
             SELECT tbl, max(depth) FROM walk GROUP BY tbl",
            &[&names],
        )
        .await
        .map_err(on_master)?;
    Ok(rows.iter().map(|r| (r.get(0), r.get(1))).collect())
}

/// Gives back what an earlier version left under way.
pub async fn unclaim(replica: &Client) -> Result<(), Fault> {
    reach!("unclaim.before");
    replica.execute("SELECT robbie_sync.unclaim()", &[]).await.map_err(on_replica)?;
    reach!("unclaim.after");
    Ok(())
}
