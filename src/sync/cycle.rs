//! One cycle: a push, then a pull, then a row in `robbie_sync.run` if anything moved.

use super::guard::{self, Pull};
use super::lock::{self, Asked, EngineLock};
use super::look::{self, Look};
use super::report::{CycleOptions, CycleReport, Detection, PullReport, PushReport};
use super::session::{self, Sessions};
use super::side::{on_master, on_replica};
use super::watchdog::{self, Processes};
use super::{compare, lossy, mood, prune, pull, push};
use crate::personality;
use crate::postgres::{Fault, Kind, Pair, Side};
use std::time::{Duration, Instant, SystemTime};
use tokio::time::timeout;
use uuid::Uuid;

/// How long a look may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How long both sessions may take to be opened and prepared.
const OPENING: Duration = Duration::from_secs(20);

/// Runs one cycle, unless another engine works on this replica: then the fault names it.
pub async fn cycle(pair: &Pair, options: CycleOptions) -> Result<CycleReport, Fault> {
    let asked = timeout(OPENING, Box::pin(EngineLock::ask(&pair.replica, Duration::ZERO, None))).await;
    let lock = match asked.unwrap_or_else(|_| Err(watchdog::silent(Side::Replica, OPENING)))? {
        Asked::Held(lock) => lock,
        Asked::Taken(holder) => return Err(lock::taken(&holder)),
    };
    lock.beat().await?;
    let mut worker = Worker::new(pair.clone(), &lock);
    let done = Box::pin(worker.cycle(&options)).await;
    lock.release().await;
    done
}

/// What runs cycles one after the other and keeps its sessions between them. Its owner holds the engine lock.
pub struct Worker {
    pair: Pair,
    lock_pid: i32,
    sessions: Option<Sessions>,
    pruned: Option<Instant>,
    /// When all rows were compared last, with a master that needs it.
    compared: Option<Instant>,
    /// Server processes that a dead connection left behind.
    left: Option<Processes>,
}

impl Worker {
    /// For a pair; nothing is connected yet.
    pub fn new(pair: Pair, lock: &EngineLock) -> Self {
        Self { pair, lock_pid: lock.pid, sessions: None, pruned: None, compared: None, left: None }
    }

    /// Runs a cycle. A fault that stopped one half while the other did something stands in the report.
    pub async fn cycle(&mut self, options: &CycleOptions) -> Result<CycleReport, Fault> {
        let (started_at, began) = (SystemTime::now(), Instant::now());
        if let Some(sessions) = self.sessions.as_ref().filter(|s| s.compares)
            && timeout(ANSWER, sessions.was_migrated()).await.unwrap_or(true)
        {
            self.sessions = None;
        }
        let fresh = self.sessions.as_ref().is_none_or(|s| !s.are_open());
        let mut sessions = self.sessions().await?;
        let run = Uuid::new_v4();
        let mode = if sessions.compares { Detection::Comparison } else { Detection::Changelog };
        let mut report = CycleReport::begun(started_at, mode);
        let (pair, processes) = (self.pair.clone(), sessions.processes());
        let work = Box::pin(self.halves(&mut sessions, run, options, &mut report, (began, fresh)));
        let fault = match watchdog::guarded(&pair, processes, work).await {
            Ok(fault) => fault,
            Err(dead) => {
                // What it had under way is rolled back when its server processes are ended; the ledger settles the rest.
                self.left = Some(processes);
                report.duration_ms = began.elapsed().as_secs_f64() * 1000.0;
                report.faults.push(dead.told());
                Some(dead)
            }
        };
        let lost = fault.as_ref().is_some_and(|f| f.kind == Kind::Unreachable || f.kind == Kind::Schema);
        if !lost && sessions.are_open() {
            self.sessions = Some(sessions);
        }
        let moved = report.push.as_ref().is_some_and(|p| p.tried() > 0) || report.pull.is_some();
        match fault {
            Some(fault) if !moved => Err(fault),
            _ => Ok(report),
        }
    }

    /// Takes back moods whose time is over, and makes one row of a user's two. What goes wrong there stops no cycle.
    async fn tend(&self, sessions: &mut Sessions, actor: &str) -> Result<(), String> {
        let tended = async {
            personality::expire(&mut sessions.master, actor).await?;
            if mood::is_due(&sessions.replica).await? {
                Box::pin(mood::unite(&self.pair, actor)).await?;
            }
            Ok(())
        };
        tended.await.map_err(|f: Fault| format!("the personality was not looked after: {f}"))
    }

    /// The push, the pull, and what is written down about them; returns what stopped one of the halves.
    async fn halves(
        &mut self,
        sessions: &mut Sessions,
        run: Uuid,
        options: &CycleOptions,
        report: &mut CycleReport,
        (began, fresh): (Instant, bool),
    ) -> Option<Fault> {
        if sessions.compares {
            let fault = self.compare(sessions, options, report).await.err();
            return written(sessions, run, &options.actor, report, began, fault).await;
        }
        // A master that is not the one it was is looked at before anything is sent to it, all of it.
        let (mut fault, mut look_first) = (None, false);
        if fresh || options.thorough {
            match guard::check(sessions).await {
                Ok(arrival) => {
                    look_first = options.pull && matches!(arrival.mode, Pull::Rewound(_));
                    report.warnings.extend(arrival.warning);
                }
                Err(f) => fault = Some(f),
            }
        }
        if look_first {
            fault = self.pull(sessions, options, report).await.err();
        }
        if options.thorough && fault.is_none() {
            report.warnings.extend(self.tend(sessions, &options.actor).await.err());
        }
        if options.push && fault.is_none() {
            let pushed = report.push.insert(PushReport::default());
            fault = self.push(sessions, run, options, pushed).await.err();
        }
        if options.pull && !look_first && fault.as_ref().is_none_or(|f| f.kind != Kind::Unreachable) {
            let pulled = self.pull(sessions, options, report).await;
            fault = fault.or(pulled.err());
        }
        if options.thorough && fault.is_none() {
            report.clock_offset_s = sessions.clock_offset().await;
        }
        if fault.is_none() && options.thorough && self.pruned.is_none_or(|at| at.elapsed() > prune::EVERY) {
            // At the start of an engine, and of each `--once`.
            if self.pruned.is_none() {
                match lossy::warnings(&mut sessions.replica).await {
                    Ok(found) => report.warnings.extend(found),
                    Err(f) => {
                        report.warnings.push(format!("values that entries cannot carry were not looked for: {f}"));
                    }
                }
            }
            self.pruned = Some(Instant::now());
            if let Err(f) = prune::prune(sessions, options.keep).await {
                report.warnings.push(format!("old bookkeeping was not removed: {f}"));
            }
        }
        written(sessions, run, &options.actor, report, began, fault).await
    }

    /// Takes what differs on a master that can only be compared. Not for every notification: it reads all rows.
    async fn compare(
        &mut self,
        sessions: &mut Sessions,
        options: &CycleOptions,
        report: &mut CycleReport,
    ) -> Result<(), Fault> {
        report.warnings.push(compare::WARNING.to_owned());
        let rested = self.compared.is_none_or(|at| at.elapsed() >= compare::EVERY);
        if options.pull && options.thorough && rested {
            report.pull = Some(compare::pull(sessions, &mut report.warnings).await?);
            self.compared = Some(Instant::now());
        }
        Ok(())
    }

    /// Looks whether a cycle would find anything; where that cannot be told, it might.
    pub async fn look(&mut self, options: &CycleOptions) -> Look {
        let unknown = Look { anything: true, ..Look::default() };
        let Some(sessions) = &self.sessions else { return unknown };
        if sessions.compares {
            return Look::default();
        }
        let Ok(look) = timeout(ANSWER, look::look(sessions, options)).await else {
            self.left = Some(sessions.processes());
            self.sessions = None;
            return unknown;
        };
        look.unwrap_or(unknown)
    }

    /// The server process of the session on the master, while there is one.
    pub fn master_pid(&self) -> Option<i32> {
        self.sessions.as_ref().map(|s| s.master_pid)
    }

    async fn sessions(&mut self) -> Result<Sessions, Fault> {
        if let Some(sessions) = self.sessions.take().filter(Sessions::are_open) {
            return Ok(sessions);
        }
        let opening = Box::pin(async {
            let sessions = Sessions::open_to_compare(&self.pair, "sync").await?;
            if sessions.replica_pid == self.lock_pid {
                return Err(session::pooled(Side::Replica));
            }
            if let Some(left) = self.left.take() {
                watchdog::end(&sessions, left).await;
            }
            rename(&sessions, &self.pair.replica.target().name).await?;
            Ok(sessions)
        });
        timeout(OPENING, opening).await.unwrap_or_else(|_| {
            Err(Fault::new(Kind::Unreachable, format!("no session was ready within {} s", OPENING.as_secs()))
                .remedy("it is tried again by itself; check the network"))
        })
    }

    async fn pull(
        &self,
        sessions: &mut Sessions,
        options: &CycleOptions,
        report: &mut CycleReport,
    ) -> Result<(), Fault> {
        let looked = Instant::now();
        let mut pulled = PullReport::default();
        let done = pull::pull(sessions, options, &mut pulled, &mut report.warnings).await;
        // Its age by the master's clock when it was found, and how long it took from there by ours.
        pulled.lag_s = pulled.lag_s.map(|age| age + looked.elapsed().as_secs_f64());
        // What was loaded stays, whatever stopped it.
        if done.is_ok() || pulled.load.is_some() {
            report.pull = Some(pulled);
        }
        done
    }

    async fn push(
        &self,
        sessions: &mut Sessions,
        run: Uuid,
        options: &CycleOptions,
        report: &mut PushReport,
    ) -> Result<(), Fault> {
        if options.thorough {
            prepare(sessions).await?;
        }
        let (looked, here) = (Instant::now(), look::here(&sessions.replica).await?);
        let drained = push::drain(sessions, run, &options.actor, report).await;
        if report.applied + report.no_change + report.conflicts > 0 {
            report.lag_s = here.oldest_s.map(|age| age + looked.elapsed().as_secs_f64());
        }
        drained
    }
}

/// Has the replica call itself as the person calls it; the master lists it by that name.
async fn rename(s: &Sessions, name: &str) -> Result<(), Fault> {
    s.replica
        .execute("UPDATE robbie_sync.this_node SET name = $1 WHERE name <> $1", &[&name])
        .await
        .map_err(on_replica)?;
    Ok(())
}

/// Notes entries that no trigger noted, and frees those whose user has been mapped since.
async fn prepare(s: &Sessions) -> Result<(), Fault> {
    s.replica.execute("SELECT robbie_sync.note_missed()", &[]).await.map_err(on_replica)?;
    let waiting = s
        .replica
        .query(
            "SELECT DISTINCT substr(blocked_on, 9) FROM robbie_sync.entry
             WHERE state = 'blocked' AND blocked_on LIKE 'mapping %' AND next_attempt_at > clock_timestamp() LIMIT 1000",
            &[],
        )
        .await
        .map_err(on_replica)?;
    if waiting.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = waiting.iter().map(|r| r.get(0)).collect();
    let mapped = s
        .master
        .query("SELECT i FROM unnest($1::text[]) i WHERE robbie_sync.mapped_user(i) IS NOT NULL", &[&ids])
        .await
        .map_err(on_master)?;
    let mapped: Vec<String> = mapped.iter().map(|r| format!("mapping {}", r.get::<_, String>(0))).collect();
    s.replica
        .execute(
            "UPDATE robbie_sync.entry SET state = 'ready', next_attempt_at = clock_timestamp(), blocked_on = NULL
             WHERE state = 'blocked' AND blocked_on = ANY ($1)",
            &[&mapped],
        )
        .await
        .map_err(on_replica)?;
    Ok(())
}

/// Completes the report of a cycle, and writes its run unless it was idle; returns what stopped it.
async fn written(
    sessions: &Sessions,
    run: Uuid,
    actor: &str,
    report: &mut CycleReport,
    began: Instant,
    mut fault: Option<Fault>,
) -> Option<Fault> {
    report.faults.extend(fault.as_ref().map(Fault::told));
    report.duration_ms = began.elapsed().as_secs_f64() * 1000.0;
    if !report.is_idle() && !sessions.replica.is_closed() {
        match record(sessions, run, actor, report).await {
            Ok(written) => report.run_id = written,
            Err(other) => {
                report.faults.push(other.told());
                fault.get_or_insert(other);
            }
        }
    }
    fault
}

/// Writes the run; a fault that is the same as the last run's is not written again.
async fn record(s: &Sessions, run: Uuid, actor: &str, report: &CycleReport) -> Result<Option<Uuid>, Fault> {
    let push = report.push.clone().unwrap_or_default();
    let pull = report.pull.clone().unwrap_or_default();
    let fault = report.faults.first();
    let moved = push.tried() > 0 || pull.seen > 0;
    let outcome = match (fault.is_some(), moved, push.failed + push.blocked + push.later) {
        (true, false, _) => "failed",
        (true, true, _) | (false, _, 1..) => "partial",
        (false, _, 0) => "ok",
    };
    let counted = |n: u64| n as i64;
    reach!("record.before");
    let written = s
        .replica
        .execute(
            "INSERT INTO robbie_sync.run (run_id, kind, actor, started_at, finished_at, outcome, pushed, failed, blocked, pulled,
                 deleted, deferred, conflicts, lag_s, fault, reason)
             SELECT $1, $2, $3, clock_timestamp() - make_interval(secs => $4), clock_timestamp(), $5, $6, $7, $8, $9, $10, $11, $12,
                 $13, $14, $15
             WHERE $16 OR $14::text IS DISTINCT FROM (SELECT r.fault FROM robbie_sync.run r ORDER BY r.started_at DESC LIMIT 1)",
            &[
                &run,
                &(if pull.full { "load" } else { "cycle" }),
                &actor,
                &(report.duration_ms / 1000.0),
                &outcome,
                &counted(push.applied + push.no_change + push.conflicts),
                &counted(push.failed),
                &counted(push.blocked + push.later),
                &counted(pull.inserted + pull.updated),
                &counted(pull.deleted),
                &counted(pull.deferred),
                &counted(push.conflicts),
                &pull.lag_s,
                &fault,
                &pull.full_because,
                &moved,
            ],
        )
        .await
        .map_err(on_replica)?;
    reach!("record.after");
    Ok((written > 0).then_some(run))
}
