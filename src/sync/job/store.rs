//! A job as it is kept on the replica.

use super::{JobOptions, JobState, Progress};
use crate::postgres::{Fault, Kind, Side};
use crate::queue::Verdict;
use crate::sync::freeze::{Frozen, FrozenEntry, family};
use crate::sync::report::{EntryOutcome, Outcome, run_outcome};
use crate::sync::side::on_replica;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

/// Jobs are kept this long after their end.
const KEPT: &str = "30 days";
/// Rows written at once.
const PAGE: usize = 5_000;
/// The first half of the lock that a job's process holds: `robj`.
const LOCK: i32 = 0x726f_626a;

/// An entry whose turn it is.
pub struct Turn {
    /// Its place in the job.
    pub n: i64,
    /// The entry as it was frozen.
    pub entry: FrozenEntry,
    /// What became of it when it was tried before.
    pub told: Option<Told>,
}

/// An earlier outcome.
pub struct Told {
    pub verdict: Verdict,
    pub outcome: Outcome,
    pub family: Option<String>,
}

/// A job in a list.
#[derive(Clone, Debug, Serialize)]
pub struct JobSummary {
    /// The job, which is also its run.
    pub job: Uuid,
    /// Who.
    pub actor: String,
    /// Why it was started.
    pub reason: Option<String>,
    /// Where it stands.
    pub state: JobState,
    /// Why it stopped.
    pub why: Option<String>,
    /// Its entries.
    pub total: i64,
    /// Those with an outcome.
    pub done: i64,
    /// When it was started, in RFC 3339.
    pub created_at: String,
    /// How many came to what.
    pub by_outcome: BTreeMap<String, i64>,
    /// Entries a second; none: as fast as it goes.
    pub rate: Option<i32>,
    /// Whether it begins small.
    pub ramp: bool,
    /// Whether it stops at a new error family.
    pub stop_on_new: bool,
    /// The share of failures above which it stops.
    pub max_failures: Option<f64>,
}

/// What became of one entry of a job.
#[derive(Clone, Debug, Serialize)]
pub struct JobEntry {
    /// Its place in the job.
    pub n: i64,
    /// The entry.
    pub id: Uuid,
    /// What applying it does.
    pub verdict: Option<String>,
    /// What it came to; none: not tried yet.
    pub outcome: Option<String>,
    /// The server's code.
    pub sqlstate: Option<String>,
    /// Why.
    pub message: Option<String>,
}

/// Writes a new job and its entries, all or nothing.
pub async fn create(replica: &mut Client, frozen: &Frozen, options: &JobOptions) -> Result<(), Fault> {
    let t = replica.transaction().await.map_err(on_replica)?;
    let prune = format!("DELETE FROM robbie_sync.job WHERE finished_at < clock_timestamp() - interval '{KEPT}'");
    t.batch_execute(&prune).await.map_err(on_replica)?;
    let known: Vec<&String> = frozen.families.iter().collect();
    t.execute(
        "INSERT INTO robbie_sync.job (job_id, actor, reason, force, rate, ramp, stop_on_new, max_failures, known, state, total)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'running', $10)",
        &[
            &frozen.run,
            &options.actor,
            &options.reason,
            &frozen.force,
            &options.rate.map(i32::from),
            &options.ramp,
            &options.stop_on_new,
            &options.max_failures,
            &known,
            &(frozen.entries.len() as i64),
        ],
    )
    .await
    .map_err(on_replica)?;
    for (page, entries) in frozen.entries.chunks(PAGE).enumerate() {
        let ids: Vec<Uuid> = entries.iter().map(|e| e.id).collect();
        let hashes: Vec<Option<&str>> = entries.iter().map(|e| e.hash.as_deref()).collect();
        let rows: Vec<Option<&str>> = entries.iter().map(|e| e.row.as_deref()).collect();
        t.execute(
            "INSERT INTO robbie_sync.job_entry (job_id, n, entry_id, hash, row_version)
             SELECT $1, $2 + c.n, c.id, c.hash, c.version
             FROM unnest($3::uuid[], $4::text[], $5::text[]) WITH ORDINALITY c(id, hash, version, n)",
            &[&frozen.run, &((page * PAGE) as i64), &ids, &hashes, &rows],
        )
        .await
        .map_err(on_replica)?;
    }
    t.commit().await.map_err(on_replica)
}

/// Takes the lock of a job for this session; whether it was free.
pub async fn take(replica: &Client, job: Uuid) -> Result<bool, Fault> {
    let sql = "SELECT pg_try_advisory_lock($1, hashtext($2::uuid::text))";
    Ok(replica.query_one(sql, &[&LOCK, &job]).await.map_err(on_replica)?.get(0))
}

/// How a job was asked for, and whether over newer rows.
pub async fn options(replica: &Client, job: Uuid) -> Result<(JobOptions, bool), Fault> {
    let sql =
        "SELECT rate, ramp, stop_on_new, max_failures, actor, reason, force FROM robbie_sync.job WHERE job_id = $1";
    let row = replica.query_opt(sql, &[&job]).await.map_err(on_replica)?.ok_or_else(|| no_job(job))?;
    let options = JobOptions {
        rate: row.get::<_, Option<i32>>(0).and_then(|r| u16::try_from(r).ok()),
        ramp: row.get(1),
        stop_on_new: row.get(2),
        max_failures: row.get(3),
        actor: row.get(4),
        reason: row.get(5),
    };
    Ok((options, row.get(6)))
}

/// Notes that it is under way, and answers the entries that are still to do.
pub async fn begun(replica: &Client, job: Uuid) -> Result<Vec<Uuid>, Fault> {
    let sql = "UPDATE robbie_sync.job SET state = 'running', why = NULL, finished_at = NULL WHERE job_id = $1";
    replica.execute(sql, &[&job]).await.map_err(on_replica)?;
    let sql = "SELECT entry_id FROM robbie_sync.job_entry WHERE job_id = $1 AND outcome IS NULL";
    Ok(replica.query(sql, &[&job]).await.map_err(on_replica)?.iter().map(|r| r.get(0)).collect())
}

/// The error families that are no news: those of the preview, and those met before.
pub async fn known(replica: &Client, job: Uuid) -> Result<BTreeSet<String>, Fault> {
    let sql = "SELECT unnest(known) FROM robbie_sync.job WHERE job_id = $1
               UNION SELECT family FROM robbie_sync.job_entry WHERE job_id = $1 AND family IS NOT NULL";
    Ok(replica.query(sql, &[&job]).await.map_err(on_replica)?.iter().map(|r| r.get(0)).collect())
}

/// How far it is.
pub async fn progress(replica: &Client, job: Uuid) -> Result<Progress, Fault> {
    let mut progress = Progress {
        job,
        done: 0,
        total: 0,
        rate: 0.0,
        by_verdict: BTreeMap::new(),
        by_outcome: BTreeMap::new(),
        errors_by_family: BTreeMap::new(),
        state: JobState::Running,
        why: None,
    };
    let sql = "SELECT verdict, outcome, family, count(*) FROM robbie_sync.job_entry WHERE job_id = $1 GROUP BY 1, 2, 3";
    for row in replica.query(sql, &[&job]).await.map_err(on_replica)? {
        let n = row.get::<_, i64>(3).unsigned_abs();
        progress.total += n;
        let Some(told) = told(&row, 0) else { continue };
        progress.done += n;
        *progress.by_verdict.entry(told.verdict).or_default() += n;
        *progress.by_outcome.entry(told.outcome).or_default() += n;
        if let Some(family) = told.family {
            *progress.errors_by_family.entry(family).or_default() += n;
        }
    }
    Ok(progress)
}

/// The next entries behind `after`: those that were not tried, and where `late` those that may go through now.
pub async fn next(replica: &Client, job: Uuid, after: i64, most: i64, late: bool) -> Result<Vec<Turn>, Fault> {
    let rows = replica
        .query(
            "SELECT j.n, j.entry_id, j.hash, j.row_version, j.verdict, j.outcome, j.family
             FROM robbie_sync.job_entry j
             WHERE j.job_id = $1 AND j.n > $2 AND (j.outcome IS NULL OR $4 AND (
                 j.outcome = 'later' OR j.outcome = 'blocked' AND j.verdict IN ('waits_for_parent', 'waits_for_chain')
                 OR j.outcome IN ('failed', 'blocked') AND j.sqlstate = '23505'))
             ORDER BY j.n LIMIT $3",
            &[&job, &after, &most, &late],
        )
        .await
        .map_err(on_replica)?;
    let turn = |r: &Row| Turn {
        n: r.get(0),
        entry: FrozenEntry { id: r.get(1), hash: r.get(2), row: r.get(3), verdict: None, outcome: None },
        told: told(r, 4),
    };
    Ok(rows.iter().map(turn).collect())
}

fn told(row: &Row, at: usize) -> Option<Told> {
    Some(Told {
        verdict: Verdict::from_name(row.get::<_, Option<&str>>(at)?)?,
        outcome: Outcome::from_name(row.get::<_, Option<&str>>(at + 1)?)?,
        family: row.get(at + 2),
    })
}

/// Notes what became of entries.
pub async fn note(replica: &Client, job: Uuid, turns: &[Turn], outcomes: &[EntryOutcome]) -> Result<(), Fault> {
    let places: HashMap<Uuid, i64> = turns.iter().map(|t| (t.entry.id, t.n)).collect();
    let ns: Vec<Option<i64>> = outcomes.iter().map(|o| places.get(&o.id).copied()).collect();
    let verdicts: Vec<&str> = outcomes.iter().map(|o| o.verdict.name()).collect();
    let names: Vec<&str> = outcomes.iter().map(|o| o.outcome.name()).collect();
    let codes: Vec<Option<&str>> = outcomes.iter().map(|o| o.sqlstate.as_deref()).collect();
    let messages: Vec<Option<&str>> = outcomes.iter().map(|o| o.message.as_deref()).collect();
    let families: Vec<Option<String>> = outcomes.iter().map(family).collect();
    replica
        .execute(
            "UPDATE robbie_sync.job_entry j SET verdict = c.verdict, outcome = c.outcome, sqlstate = c.sqlstate,
                 message = left(c.message, 2000), family = c.family, at = clock_timestamp()
             FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
                 c(n, verdict, outcome, sqlstate, message, family)
             WHERE j.job_id = $1 AND j.n = c.n",
            &[&job, &ns, &verdicts, &names, &codes, &messages, &families],
        )
        .await
        .map_err(on_replica)?;
    Ok(())
}

/// Notes the end, also in the list of runs.
pub async fn end(
    replica: &Client,
    last: &Progress,
    state: JobState,
    why: Option<&str>,
    options: &JobOptions,
) -> Result<(), Fault> {
    let outcome = run_outcome(last.settled(), last.total, false);
    let of = |o: Outcome| last.by_outcome.get(&o).copied().unwrap_or(0) as i64;
    let waits = of(Outcome::Blocked) + of(Outcome::Held) + of(Outcome::Later);
    replica
        .execute(
            "WITH ended AS (UPDATE robbie_sync.job SET state = $2, why = $3, finished_at = clock_timestamp() WHERE job_id = $1 RETURNING created_at)
             INSERT INTO robbie_sync.run (run_id, kind, actor, started_at, finished_at, outcome, pushed, failed, blocked, conflicts, fault, reason)
             SELECT $1, 'replay', $4, e.created_at, clock_timestamp(), $5, $6, $7, $8, $9, $3, $10 FROM ended e
             ON CONFLICT (run_id) DO UPDATE SET finished_at = excluded.finished_at, outcome = excluded.outcome, pushed = excluded.pushed,
                 failed = excluded.failed, blocked = excluded.blocked, conflicts = excluded.conflicts, fault = excluded.fault",
            &[
                &last.job,
                &state.name(),
                &why,
                &options.actor,
                &outcome,
                &(last.settled() as i64),
                &of(Outcome::Failed),
                &waits,
                &of(Outcome::ConflictResolved),
                &options.reason,
            ],
        )
        .await
        .map_err(on_replica)?;
    Ok(())
}

/// Asks for its end; whether it was under way.
pub async fn cancel(replica: &Client, job: Uuid) -> Result<bool, Fault> {
    let before = one(replica, job).await?;
    let sql = "UPDATE robbie_sync.job SET state = 'cancelled', finished_at = clock_timestamp() WHERE job_id = $1 AND state IN ('running', 'paused')";
    replica.execute(sql, &[&job]).await.map_err(on_replica)?;
    Ok(!before.state.is_over())
}

/// All jobs, the last first. One that is noted as under way and that no process holds is interrupted.
pub async fn list(replica: &Client) -> Result<Vec<JobSummary>, Fault> {
    summaries(replica, None).await
}

/// One job.
pub async fn one(replica: &Client, job: Uuid) -> Result<JobSummary, Fault> {
    summaries(replica, Some(job)).await?.pop().ok_or_else(|| no_job(job))
}

async fn summaries(replica: &Client, job: Option<Uuid>) -> Result<Vec<JobSummary>, Fault> {
    let rows = replica
        .query(
            "WITH counts AS (
                 SELECT e.job_id, e.outcome, count(*) AS many FROM robbie_sync.job_entry e
                 WHERE e.outcome IS NOT NULL AND ($1::uuid IS NULL OR e.job_id = $1) GROUP BY 1, 2)
             SELECT j.job_id, j.actor, j.reason, CASE WHEN j.state NOT IN ('running', 'paused') OR EXISTS (
                        SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = $2
                          AND l.objid::bigint = (hashtext(j.job_id::text)::bigint & 4294967295)
                          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
                    THEN j.state ELSE 'interrupted' END,
                    j.why, j.total, to_char(j.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),
                    ARRAY(SELECT c.outcome FROM counts c WHERE c.job_id = j.job_id ORDER BY c.outcome),
                    ARRAY(SELECT c.many FROM counts c WHERE c.job_id = j.job_id ORDER BY c.outcome),
                    j.rate, j.ramp, j.stop_on_new, j.max_failures
             FROM robbie_sync.job j WHERE $1::uuid IS NULL OR j.job_id = $1 ORDER BY j.created_at DESC",
            &[&job, &i64::from(LOCK)],
        )
        .await
        .map_err(on_replica)?;
    let summary = |r: &Row| {
        let (names, counts): (Vec<String>, Vec<i64>) = (r.get(7), r.get(8));
        JobSummary {
            job: r.get(0),
            actor: r.get(1),
            reason: r.get(2),
            state: JobState::from_name(r.get(3)),
            why: r.get(4),
            total: r.get(5),
            done: counts.iter().sum(),
            created_at: r.get(6),
            by_outcome: names.into_iter().zip(counts).collect(),
            rate: r.get(9),
            ramp: r.get(10),
            stop_on_new: r.get(11),
            max_failures: r.get(12),
        }
    };
    Ok(rows.iter().map(summary).collect())
}

/// What became of the entries of a job, a page behind `after`.
pub async fn entries(replica: &Client, job: Uuid, after: i64, most: i64) -> Result<Vec<JobEntry>, Fault> {
    let sql = "SELECT n, entry_id, verdict, outcome, sqlstate, message FROM robbie_sync.job_entry
               WHERE job_id = $1 AND n > $2 ORDER BY n LIMIT $3";
    let rows = replica.query(sql, &[&job, &after, &most]).await.map_err(on_replica)?;
    let entry = |r: &Row| JobEntry {
        n: r.get(0),
        id: r.get(1),
        verdict: r.get(2),
        outcome: r.get(3),
        sqlstate: r.get(4),
        message: r.get(5),
    };
    Ok(rows.iter().map(entry).collect())
}

fn no_job(job: Uuid) -> Fault {
    Fault::new(Kind::Settings, format!("there is no job {job}"))
        .on(Side::Replica)
        .remedy("robbie queue jobs list: jobs are kept for 30 days")
}
