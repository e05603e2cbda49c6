//! Sends chosen entries once more, or tries them dry, through the same function as the engine.

use super::batch::{self, DIGEST, Entry};
use super::chain::Chains;
use super::freeze::{Frozen, FrozenEntry};
use super::plan::{self, Step};
use super::report::{EntryOutcome, Mode, Outcome, ReplayOptions, run_outcome};
use super::session::Sessions;
use super::settle;
use super::side::on_replica;
use crate::postgres::{Fault, Pair};
use crate::queue::Verdict;
use std::collections::{HashMap, HashSet};
use tokio_postgres::Client;
use uuid::Uuid;

/// Entries in one transaction.
const CHUNK: usize = 500;

/// Up to how many entries answers have the rows before and after.
const PICTURED: usize = 1_000;
/// About how many bytes of payload are in one transaction.
const BYTES: u64 = 16 << 20;

/// Replays entries: parents first, each row's own chain in order, every effect with its ledger row.
///
/// Answers come in the order in which the entries were asked for; with more than 1,000 they have no images. A dry run runs the
/// same statements and rolls them back; what a rollback leaves behind are the values that sequences gave out. More than 500
/// entries are several transactions: dry, a later one does not see what an earlier one would have done.
pub async fn replay(pair: &Pair, ids: &[Uuid], options: ReplayOptions) -> Result<Vec<EntryOutcome>, Fault> {
    send_all(pair, ids, &HashMap::new(), options).await
}

/// Replays entries as they were frozen: what changed since is answered as drifted, and not tried.
pub async fn replay_frozen(pair: &Pair, frozen: &Frozen, options: ReplayOptions) -> Result<Vec<EntryOutcome>, Fault> {
    // An id that the queue did not have then is missing, and has not drifted.
    let known = frozen.entries.iter().filter(|e| e.hash.is_some()).map(|e| (e.id, e.clone())).collect();
    send_all(pair, &frozen.ids(), &known, options).await
}

async fn send_all(
    pair: &Pair,
    ids: &[Uuid],
    frozen: &HashMap<Uuid, FrozenEntry>,
    options: ReplayOptions,
) -> Result<Vec<EntryOutcome>, Fault> {
    let mut sending = Sending::open(pair, Uuid::new_v4(), options, ids.len() <= PICTURED).await?;
    let planned = sending.plan(ids).await?;
    let mut found: HashMap<Uuid, EntryOutcome> = HashMap::new();
    let mut stopped = None;
    let mut todo = planned.clone();
    'passes: while !todo.is_empty() {
        let mut settled = false;
        let chunks = chunks(&todo);
        let several = chunks.len() > 1;
        for chunk in chunks {
            match sending.send(&chunk, frozen).await {
                Ok(outcomes) => {
                    settled |= outcomes.iter().any(|o| o.outcome.is_settled());
                    found.extend(outcomes.into_iter().map(|o| (o.id, o)));
                }
                Err(fault) => {
                    stopped = Some(fault);
                    break 'passes;
                }
            }
        }
        // What waited for something of a later chunk is tried again; within a chunk the master has done that.
        if !settled || !several || sending.options.mode == Mode::Dry {
            break;
        }
        todo.retain(|p| found.get(&p.id).is_some_and(is_late));
    }
    if sending.options.mode == Mode::Apply && !planned.is_empty() {
        record(&sending.s.replica, sending.run, &found, &sending.options, stopped.as_ref()).await?;
    }
    match stopped {
        Some(fault) if found.is_empty() => return Err(fault),
        Some(fault) => {
            for place in planned.iter().filter(|p| !found.contains_key(&p.id)).collect::<Vec<_>>() {
                found.insert(place.id, unsent(place.id, &fault));
            }
        }
        None => {}
    }
    Ok(ids.iter().map(|id| found.remove(id).unwrap_or_else(|| gone(*id, frozen))).collect())
}

/// Whether an entry may go through once others have.
pub(super) fn is_late(outcome: &EntryOutcome) -> bool {
    matches!(outcome.verdict, Verdict::WaitsForParent | Verdict::WaitsForChain)
        || outcome.outcome == Outcome::Later
        || (outcome.outcome != Outcome::NoChange && outcome.sqlstate.as_deref() == Some("23505"))
}

/// An entry's place in the plan: its payload is read when its turn has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The entry.
    pub id: Uuid,
    /// About how much of memory its payload takes.
    bytes: u64,
}

/// What goes together in one transaction.
fn chunks(places: &[Place]) -> Vec<Vec<Uuid>> {
    let mut chunks: Vec<Vec<Uuid>> = vec![];
    let mut room = 0;
    for place in places {
        match chunks.last_mut() {
            Some(last) if last.len() < CHUNK && place.bytes <= room => {
                last.push(place.id);
                room -= place.bytes;
            }
            _ => {
                chunks.push(vec![place.id]);
                room = BYTES.saturating_sub(place.bytes);
            }
        }
    }
    chunks
}

/// A replay under way: its sessions, and which rows an unsettled entry stands in the way of.
pub(super) struct Sending {
    /// The sessions.
    pub s: Sessions,
    /// The run it belongs to.
    pub run: Uuid,
    /// How.
    pub options: ReplayOptions,
    images: bool,
    chains: Chains,
    /// How deep each table of the plan lies.
    depth: HashMap<String, i64>,
}

impl Sending {
    /// Opens the sessions.
    pub async fn open(pair: &Pair, run: Uuid, options: ReplayOptions, images: bool) -> Result<Self, Fault> {
        let s = Sessions::open(pair, if options.mode == Mode::Dry { "dry run" } else { "replay" }).await?;
        if options.mode == Mode::Apply {
            super::lock::read_queue(&s.replica).await?;
            s.replica.execute("SELECT robbie_sync.note_missed()", &[]).await.map_err(on_replica)?;
        }
        Ok(Self { s, run, options, images, chains: Chains::default(), depth: HashMap::new() })
    }

    /// The order in which these entries are applied; those that the queue does not have are left out. They are the ones whose
    /// own order is kept from now on: any other open entry of their rows is in their way.
    pub async fn plan(&mut self, ids: &[Uuid]) -> Result<Vec<Place>, Fault> {
        const MAKE: &str =
            "CREATE TEMP TABLE IF NOT EXISTS robbie_chosen (id uuid PRIMARY KEY); TRUNCATE pg_temp.robbie_chosen";
        self.s.replica.batch_execute(MAKE).await.map_err(on_replica)?;
        for page in ids.chunks(20_000) {
            let add = "INSERT INTO pg_temp.robbie_chosen SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING";
            self.s.replica.execute(add, &[&page]).await.map_err(on_replica)?;
        }
        self.s.replica.batch_execute("ANALYZE pg_temp.robbie_chosen").await.map_err(on_replica)?;
        let selves = batch::self_references(&self.s.master).await?;
        let rows = self
            .s
            .replica
            .query(
                "SELECT p.id, coalesce(e.seq, 0), coalesce(e.tbl, p.table_name::text),
                        coalesce(e.op, upper(p.operation)) = 'DELETE', md5(e.pk::text), pg_column_size(p.data)::bigint,
                        ARRAY(SELECT md5((SELECT jsonb_object_agg(k.value, CASE WHEN e.op = 'DELETE' THEN coalesce(e.base, p.data) ELSE p.data END -> k.key) FROM jsonb_each_text(s.pairs) k)::text)
                              FROM jsonb_to_recordset($1::text::jsonb) s(tbl text, pairs jsonb) WHERE s.tbl = e.tbl)
                 FROM pg_temp.robbie_chosen c JOIN public.pending_sync p USING (id)
                 LEFT JOIN robbie_sync.entry e ON e.entry_id = p.id",
                &[&selves],
            )
            .await
            .map_err(on_replica)?;
        self.depth = batch::depths(&self.s.master, rows.iter().map(|r| r.get(2)).collect()).await?;
        let steps: Vec<Step<'_>> = rows
            .iter()
            .map(|r| Step { seq: r.get(1), table: r.get(2), key: r.get(4), delete: r.get(3), points: r.get(6) })
            .collect();
        let place = |i: usize| Place { id: rows[i].get(0), bytes: rows[i].get::<_, i64>(5).unsigned_abs() * 4 };
        Ok(plan::order(&steps, &self.depth).into_iter().map(place).collect())
    }

    /// Sends entries of the plan in one transaction, and notes what became of them.
    pub async fn send(
        &mut self,
        ids: &[Uuid],
        frozen: &HashMap<Uuid, FrozenEntry>,
    ) -> Result<Vec<EntryOutcome>, Fault> {
        let all = read(&self.s.replica, ids).await?;
        let found: HashSet<Uuid> = all.iter().map(|(e, _)| e.id).collect();
        let mut outcomes: Vec<EntryOutcome> = vec![];
        for id in ids.iter().filter(|id| !found.contains(id)) {
            outcomes.push(gone(*id, frozen));
        }
        let edited = |e: &Entry, hash: &str| frozen.get(&e.id).is_some_and(|f| f.hash.as_deref() != Some(hash));
        let (changed, same): (Vec<_>, Vec<_>) = all.into_iter().partition(|(e, hash)| edited(e, hash));
        outcomes.extend(changed.iter().map(|(e, _)| drifted(e.id, "it was edited")));
        let ranks: HashMap<&Uuid, i64> = ids.iter().zip(0..).collect();
        let ranked = |e: Entry| Entry { rank: ranks.get(&e.id).copied(), ..e };
        let mut same: Vec<Entry> = same.into_iter().map(|(e, _)| ranked(e)).collect();
        let changed: Vec<Entry> = changed.into_iter().map(|(e, _)| e).collect();
        self.chains.remember(&changed, &HashSet::new());
        self.chains.hold_back(&mut same);
        if !same.is_empty() {
            outcomes.extend(self.apply(&same, frozen).await?);
        }
        let settled = outcomes.iter().filter(|o| o.outcome.is_settled()).map(|o| o.id).collect();
        self.chains.remember(&same, &settled);
        Ok(outcomes)
    }

    async fn apply(
        &mut self,
        entries: &[Entry],
        frozen: &HashMap<Uuid, FrozenEntry>,
    ) -> Result<Vec<EntryOutcome>, Fault> {
        let keep = self.options.mode == Mode::Apply;
        let mut tried = 0;
        loop {
            tried += 1;
            let mut sender = batch::sender(&self.s.replica, self.run, &self.options.actor).await?;
            sender.reason.clone_from(&self.options.reason);
            sender.force = self.options.force;
            let row = |e: &Entry| Some((e.id, frozen.get(&e.id)?.row.clone()?));
            sender.frozen = entries.iter().filter_map(row).collect();
            match batch::apply(&mut self.s.master, entries, &self.depth, &sender, keep, self.images).await {
                Ok(answers) => {
                    let (moved, answers): (Vec<_>, Vec<_>) =
                        answers.into_iter().partition(|a| a.outcome.outcome == Outcome::Drifted);
                    if keep && !answers.is_empty() {
                        settle::settle(&self.s.replica, &answers, &sender, None).await?;
                    }
                    return Ok(answers.into_iter().chain(moved).map(|a| a.outcome).collect());
                }
                // The engine's push may have changed the nonce between our look and our call.
                Err(fault) if super::guard::is_identity_clash(&fault) && tried < 5 => {}
                Err(fault) => return Err(fault),
            }
        }
    }
}

/// The entries with these ids, and the digest of what they say.
async fn read(replica: &Client, ids: &[Uuid]) -> Result<Vec<(Entry, String)>, Fault> {
    let sql = format!(
            "SELECT p.id, coalesce(e.seq, 0), coalesce(e.tbl, p.table_name::text), coalesce(e.op, upper(p.operation)), e.pk::text,
                    p.data::text, coalesce(e.base, CASE WHEN e.op <> 'INSERT' THEN b.image END)::text, e.seen,
                    p.xmin::text, (
                        -- No LIMIT: it would have the planner go through all open entries by their order.
                        SELECT (array_agg(f.entry_id ORDER BY f.seq))[1] FROM robbie_sync.entry f
                        WHERE f.tbl = e.tbl AND f.pk = e.pk AND f.seq < e.seq
                          AND NOT EXISTS (SELECT 1 FROM pg_temp.robbie_chosen c WHERE c.id = f.entry_id)
                          AND f.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined')),
                    {DIGEST}
             FROM public.pending_sync p LEFT JOIN robbie_sync.entry e ON e.entry_id = p.id
             LEFT JOIN robbie_sync.base b ON b.tbl = e.tbl AND b.pk = e.pk AND b.xid = e.xid
             WHERE p.id = ANY ($1)"
        );
    let rows = replica.query(&sql, &[&ids]).await.map_err(on_replica)?;
    Ok(rows.iter().map(|r| (batch::entry(r), r.get(10))).collect())
}

async fn record(
    replica: &Client,
    run: Uuid,
    found: &HashMap<Uuid, EntryOutcome>,
    options: &ReplayOptions,
    stopped: Option<&Fault>,
) -> Result<(), Fault> {
    let counted = |wanted: &[Outcome]| found.values().filter(|o| wanted.contains(&o.outcome)).count() as i64;
    let settled = found.values().filter(|o| o.outcome.is_settled()).count();
    let outcome = run_outcome(settled as u64, found.len() as u64, stopped.is_some());
    replica
        .execute(
            "INSERT INTO robbie_sync.run (run_id, kind, actor, finished_at, outcome, pushed, failed, blocked, conflicts, fault, reason)
             VALUES ($1, 'replay', $2, clock_timestamp(), $3, $4, $5, $6, $7, $8, $9)",
            &[
                &run,
                &options.actor,
                &outcome,
                &(settled as i64),
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
        ..EntryOutcome::bare(id, Verdict::Fault, Outcome::Later)
    }
}

fn drifted(id: Uuid, how: &str) -> EntryOutcome {
    EntryOutcome {
        message: Some(format!("{how} since the preview")),
        object: Some("pending_sync".into()),
        remedy: Some("look at it again, and replay it then: robbie queue dry-run".into()),
        ..EntryOutcome::bare(id, Verdict::Fault, Outcome::Drifted)
    }
}

/// The answer for an entry that the queue does not have.
fn gone(id: Uuid, frozen: &HashMap<Uuid, FrozenEntry>) -> EntryOutcome {
    if frozen.contains_key(&id) { drifted(id, "it left the queue") } else { missing(id) }
}

fn missing(id: Uuid) -> EntryOutcome {
    EntryOutcome {
        message: Some("the queue has no entry with this id".into()),
        object: Some("pending_sync".into()),
        ..EntryOutcome::bare(id, Verdict::Fault, Outcome::Missing)
    }
}
