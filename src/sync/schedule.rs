//! Runs cycles by themselves: every interval, and soon after either side says that something changed.
//!
//! A side that is lost never ends the engine: it waits, tries again, and says what is missing.

use super::cycle::Worker;
use super::ear::{Ear, Heard};
use super::load::Watcher;
use super::lock::{Asked, EngineLock};
use super::pace::{Next, PATIENCE, Pace};
use super::reconcile::reconcile;
use super::report::{CycleOptions, CycleReport, EngineStatus, KEEP};
use super::watchdog;
use crate::postgres::{Fault, Kind, Pair, Side};
use futures_util::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, broadcast, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What a cycle came to.
pub type Done = Result<Arc<CycleReport>, Fault>;

/// Cycles that a slow listener may fall behind.
const BACKLOG: usize = 256;
/// How long the lock may take to be asked for.
const ASKING: Duration = Duration::from_secs(15);
/// How long a cycle under way may take to end when the engine is stopped.
const LAST: Duration = Duration::from_secs(5);

/// How an engine runs.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The longest time between two cycles.
    pub interval: Duration,
    /// Whether cycles push.
    pub push: bool,
    /// Whether cycles pull.
    pub pull: bool,
    /// How long history is kept, and a replica that is away is waited for.
    pub keep: Duration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { interval: Duration::from_secs(30), push: true, pull: true, keep: KEEP }
    }
}

/// The engine of this process.
pub struct Engine {
    pair: Pair,
    options: EngineOptions,
    status: watch::Sender<EngineStatus>,
    cycles: broadcast::Sender<Done>,
    signals: Arc<Signals>,
    paused: watch::Receiver<bool>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Signals {
    wake: Notify,
    /// Held by a cycle under way, and by what must not meet one.
    turn: Arc<Mutex<()>>,
}

/// A running engine; dropping it stops the engine after the cycle under way.
pub struct EngineHandle {
    status: watch::Receiver<EngineStatus>,
    cycles: broadcast::Sender<Done>,
    signals: Arc<Signals>,
    paused: watch::Sender<bool>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts the engine of a pair. A side that cannot be reached, or another engine on the replica, is waited for.
    pub fn start(pair: Pair, options: EngineOptions) -> EngineHandle {
        Self::start_after(pair, options, std::future::ready(Ok(())))
    }
    /// Starts the engine of a pair when `first` is done; if that fails the engine never runs, and its status says why.
    pub fn start_after(
        pair: Pair,
        options: EngineOptions,
        first: impl Future<Output = Result<(), Fault>> + Send + 'static,
    ) -> EngineHandle {
        let (status, watched) = watch::channel(EngineStatus::default());
        let (pause, paused) = watch::channel(false);
        let cycles = broadcast::Sender::new(BACKLOG);
        let (signals, stop) = (Arc::new(Signals::default()), CancellationToken::new());
        let engine = Self {
            pair,
            options,
            status,
            cycles: cycles.clone(),
            signals: Arc::clone(&signals),
            paused,
            stop: stop.clone(),
        };
        let running = engine.run_after(first);
        #[cfg(debug_assertions)]
        let running = super::failpoint::carried(running);
        #[expect(clippy::disallowed_methods, reason = "the engine's one task; its handle stops and awaits it")]
        let task = tokio::spawn(running);
        EngineHandle { status: watched, cycles, signals, paused: pause, stop, task: Some(task) }
    }

    async fn run_after(self, first: impl Future<Output = Result<(), Fault>> + Send) {
        let done = tokio::select! {
            biased;
            () = self.stop.cancelled() => return,
            done = first => done,
        };
        match done {
            Ok(()) => self.run().await,
            Err(fault) => self.status.send_modify(|s| s.fault = Some(fault.told())),
        }
    }

    async fn run(mut self) {
        let (mut wait, mut lost) = (PATIENCE.0, None);
        while !self.stop.is_cancelled() {
            let asking = Box::pin(EngineLock::ask(&self.pair.replica, self.options.interval, lost));
            let asked = tokio::time::timeout(ASKING, asking).await;
            match asked.unwrap_or_else(|_| Err(watchdog::silent(Side::Replica, ASKING))) {
                Ok(Asked::Held(lock)) => {
                    lost = Some(lock.pid);
                    self.status.send_modify(|s| {
                        s.running = true;
                        s.held_by = None;
                        s.fault = None;
                    });
                    let ended = AssertUnwindSafe(Box::pin(self.work(&lock))).catch_unwind().await;
                    self.status.send_modify(|s| {
                        s.running = false;
                        s.busy = false;
                        s.next_at = None;
                        s.fault = ended.as_ref().err().map(|panic| broken(&**panic).told()).or(s.fault.take());
                    });
                    if ended.is_ok() {
                        wait = PATIENCE.0;
                        continue;
                    }
                }
                Ok(Asked::Taken(holder)) => self.status.send_modify(|s| {
                    s.held_by = Some(holder);
                    s.fault = None;
                }),
                Err(fault) => self.status.send_modify(|s| s.fault = Some(fault.told())),
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = self.signals.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(PATIENCE.1);
        }
    }

    /// Runs cycles until told to stop, or until the lock's session is lost.
    async fn work(&mut self, lock: &EngineLock) {
        let mut worker = Worker::new(self.pair.clone(), lock);
        let mut ears = [Ear::new(&["robbie_queue", "robbie_wake"]), Ear::new(&["robbie_changes"])];
        let mut pace = Pace::new(self.options.interval, Instant::now());
        let mut next = Next::Thorough;
        // What an earlier process did and did not note; asked once, when a cycle has shown that both sides are who they were.
        let mut reconciled = !self.options.push;
        while !self.stop.is_cancelled() {
            if next == Next::Look {
                let look = worker.look(&self.cycle_options(false)).await;
                self.status.send_modify(|s| s.figures.idle_looks += u64::from(!look.anything));
                pace.looked(Instant::now(), &look);
            } else {
                if lock.beat().await.is_err() {
                    return;
                }
                // Listening starts before the cycle, so that what comes in between is heard.
                ears[0].listen(&self.pair.replica).await;
                ears[1].listen(&self.pair.master).await;
                pace.begins(Instant::now());
                let (well, moved) = self.cycle(&mut worker, next == Next::Thorough).await;
                ears[1].own = worker.master_pid();
                if well && !reconciled {
                    reconciled = Box::pin(reconcile(&self.pair, "engine")).await.is_ok();
                }
                pace.ended(Instant::now(), well, moved);
            }
            let Some(due) = self.wait(lock, &mut ears, &mut pace).await else { return };
            next = due;
        }
    }

    fn cycle_options(&self, thorough: bool) -> CycleOptions {
        let EngineOptions { push, pull, keep, .. } = self.options;
        let status = self.status.clone();
        let watcher = Watcher::new(move |progress| status.send_modify(|s| s.load = Some(progress.clone())));
        CycleOptions { push, pull, thorough, keep, watcher, ..CycleOptions::default() }
    }

    /// Runs a cycle and says what came of it: whether it went well, and whether anything moved.
    async fn cycle(&self, worker: &mut Worker, thorough: bool) -> (bool, bool) {
        let _turn = self.signals.turn.lock().await;
        self.status.send_modify(|s| s.busy = true);
        let began = Instant::now();
        let done = Box::pin(worker.cycle(&self.cycle_options(thorough))).await.map(Arc::new);
        self.status.send_modify(|s| {
            s.busy = false;
            s.load = None;
            s.cycles += 1;
            match &done {
                Ok(report) => {
                    s.figures.count(report);
                    s.fault = report.faults.first().cloned();
                    // An idle cycle is not worth forgetting the last one that did something.
                    if !report.is_idle() || s.last_cycle.is_none() {
                        s.last_cycle = Some(CycleReport::clone(report));
                    }
                }
                Err(fault) => {
                    s.figures.count_failure(began.elapsed().as_secs_f64());
                    s.fault = Some(fault.told());
                }
            }
        });
        let said = done.as_ref().is_ok_and(|r| r.faults.is_empty());
        let moved = done.as_ref().is_ok_and(|r| !r.is_idle());
        // Nobody need listen.
        let _ = self.cycles.send(done);
        (said, moved)
    }

    /// Waits until something is due; none when told to stop or the lock was lost.
    async fn wait(&mut self, lock: &EngineLock, ears: &mut [Ear; 2], pace: &mut Pace) -> Option<Next> {
        loop {
            let (next, due) = pace.next();
            let deaf = ears.iter().any(|e| e.deaf);
            self.status.send_if_modified(|s| {
                let at = SystemTime::now() + due.saturating_duration_since(Instant::now());
                let changed = s.probing != deaf;
                (s.next_at, s.probing) = (Some(at), deaf);
                changed
            });
            let [replica, master] = &mut *ears;
            let heard = tokio::select! {
                () = self.stop.cancelled() => return None,
                _ = self.paused.changed() => None,
                () = self.signals.wake.notified() => Some(Heard::Change),
                heard = replica.heard() => Some(heard),
                heard = master.heard() => Some(heard),
                () = tokio::time::sleep_until(due) => None,
            };
            let now = Instant::now();
            match heard {
                Some(Heard::Change | Heard::Loss) => pace.woken(now),
                Some(Heard::Hearing) => pace.hears(now, ears.iter().any(|e| e.deaf)),
                None => {}
            }
            let paused = *self.paused.borrow();
            self.status.send_if_modified(|s| std::mem::replace(&mut s.paused, paused) != paused);
            if paused {
                // Nothing is due while paused; the lock is shown to be alive all the same.
                pace.rest();
                tokio::select! {
                    () = self.stop.cancelled() => return None,
                    _ = self.paused.changed() => {}
                    () = tokio::time::sleep(self.options.interval) => lock.beat().await.ok()?,
                }
            } else if heard.is_none() && now >= due {
                return Some(next);
            }
        }
    }
}

/// The fault of a cycle that panicked.
fn broken(panic: &(dyn Any + Send)) -> Fault {
    let said = panic.downcast_ref::<&str>().map(ToString::to_string);
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Fault::new(Kind::Other, format!("the engine met a defect of its own and starts again: {said}"))
        .remedy("nothing is lost; the log says where it was: please report it")
}

impl EngineHandle {
    /// Watches where it stands.
    pub fn status(&self) -> watch::Receiver<EngineStatus> {
        self.status.clone()
    }
    /// Every cycle from now on, in order; a listener that falls far behind is told how many it missed.
    pub fn cycles(&self) -> broadcast::Receiver<Done> {
        self.cycles.subscribe()
    }
    /// Asks for a cycle now.
    pub fn wake(&self) {
        self.signals.wake.notify_one();
    }
    /// Starts no further cycle until [`resume`](Self::resume).
    pub fn pause(&self) {
        self.paused.send_replace(true);
    }
    /// Goes on.
    pub fn resume(&self) {
        self.paused.send_replace(false);
        self.wake();
    }
    /// Waits for the cycle under way; none starts before what is returned is dropped.
    pub async fn between_cycles(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.signals.turn).lock_owned().await
    }
    /// Starts no further cycle; [`stop`](Self::stop) waits for the one under way.
    pub fn stop_soon(&self) {
        self.stop.cancel();
    }
    /// Ends it after the cycle under way. One that takes long, or hangs on a lost network, is dropped after some seconds:
    /// what it had not committed is rolled back, and the next engine goes on from there.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(mut task) = self.task.take()
            && tokio::time::timeout(LAST, &mut task).await.is_err()
        {
            task.abort();
        }
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
