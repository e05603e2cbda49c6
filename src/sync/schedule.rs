//! Runs cycles by themselves: every interval, and soon after either side says that something changed.
//!
//! A side that is lost never ends the engine: it waits, tries again, and says what is missing.

use super::cycle::Worker;
use super::lock::{Asked, EngineLock};
use super::report::{CycleOptions, EngineStatus};
use crate::postgres::{Fault, Kind, Link, Pair};
use futures_util::FutureExt;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_postgres::Notification;
use tokio_util::sync::CancellationToken;

/// After a wake-up the sides are looked at again this often: notifications are held back for 250 ms per session.
const ECHOES: [Duration; 3] = [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(3)];
/// Between two tries while a side is lost: from the first to the second, doubling.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// How an engine runs.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The longest time between two cycles.
    pub interval: Duration,
    /// Whether cycles push.
    pub push: bool,
    /// Whether cycles pull.
    pub pull: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { interval: Duration::from_secs(30), push: true, pull: true }
    }
}

/// The engine of this process.
pub struct Engine {
    pair: Pair,
    options: EngineOptions,
    status: watch::Sender<EngineStatus>,
    signals: Arc<Signals>,
    paused: watch::Receiver<bool>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Signals {
    wake: Notify,
}

/// A running engine; dropping it stops the engine after the cycle under way.
pub struct EngineHandle {
    status: watch::Receiver<EngineStatus>,
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
        let (signals, stop) = (Arc::new(Signals::default()), CancellationToken::new());
        let engine = Self { pair, options, status, signals: Arc::clone(&signals), paused, stop: stop.clone() };
        let running = engine.run_after(first);
        #[cfg(debug_assertions)]
        let running = super::failpoint::carried(running);
        #[expect(clippy::disallowed_methods, reason = "the engine's one task; its handle stops and awaits it")]
        let task = tokio::spawn(running);
        EngineHandle { status: watched, signals, paused: pause, stop, task: Some(task) }
    }

    async fn run_after(self, first: impl Future<Output = Result<(), Fault>> + Send) {
        let done = tokio::select! {
            biased;
            () = self.stop.cancelled() => return,
            done = first => done,
        };
        match done {
            Ok(()) => self.run().await,
            Err(fault) => self.status.send_modify(|s| s.fault = Some(told(&fault))),
        }
    }

    async fn run(mut self) {
        let mut wait = PATIENCE.0;
        while !self.stop.is_cancelled() {
            match EngineLock::ask(&self.pair.replica, self.options.interval).await {
                Ok(Asked::Held(lock)) => {
                    wait = PATIENCE.0;
                    self.status.send_modify(|s| {
                        s.running = true;
                        s.held_by = None;
                        s.fault = None;
                    });
                    let ended = AssertUnwindSafe(self.work(&lock)).catch_unwind().await;
                    self.status.send_modify(|s| {
                        s.running = false;
                        s.busy = false;
                        s.next_at = None;
                    });
                    // A defect of the engine: what it had under way was rolled back with its sessions.
                    match ended {
                        Ok(()) => continue,
                        Err(panic) => self.status.send_modify(|s| s.fault = Some(told(&broken(panic.as_ref())))),
                    }
                }
                Ok(Asked::Taken(holder)) => self.status.send_modify(|s| {
                    s.held_by = Some(holder);
                    s.fault = None;
                }),
                Err(fault) => self.status.send_modify(|s| s.fault = Some(told(&fault))),
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
        let mut worker = Worker::new(self.pair.clone());
        let mut ears = [Ear::new(&["robbie_queue", "robbie_wake"]), Ear::new(&["robbie_changes"])];
        let mut echoes: VecDeque<Instant> = VecDeque::new();
        let mut thorough = true;
        let mut patience = PATIENCE.0;
        loop {
            if lock.beat().await.is_err() || self.stop.is_cancelled() {
                return;
            }
            // Listening starts before the look, so that what comes in between is heard.
            ears[0].listen(&self.pair.replica).await;
            ears[1].listen(&self.pair.master).await;
            self.status.send_modify(|s| s.busy = true);
            let options =
                CycleOptions { push: self.options.push, pull: self.options.pull, thorough, ..CycleOptions::default() };
            let done = worker.cycle(&options).await;
            let well = done.as_ref().is_ok_and(|r| r.faults.is_empty());
            patience = if well { PATIENCE.0 } else { (patience * 2).min(PATIENCE.1) };
            let pause = if well { self.options.interval } else { patience.min(self.options.interval) };
            self.status.send_modify(|s| {
                s.busy = false;
                s.cycles += 1;
                s.next_at = Some(SystemTime::now() + pause);
                match done {
                    Ok(report) => {
                        s.fault = report.faults.first().cloned();
                        // An idle look is not worth forgetting the last cycle that did something.
                        if !report.is_idle() || s.last_cycle.is_none() {
                            s.last_cycle = Some(report);
                        }
                    }
                    Err(fault) => s.fault = Some(told(&fault)),
                }
            });
            let due = Instant::now() + pause;
            loop {
                let next = echoes.front().copied().filter(|_| well).unwrap_or(due).min(due);
                let [replica, master] = &mut ears;
                let woken = tokio::select! {
                    () = self.stop.cancelled() => return,
                    _ = self.paused.changed() => false,
                    () = self.signals.wake.notified() => true,
                    () = replica.heard() => true,
                    () = master.heard() => true,
                    () = tokio::time::sleep_until(next) => false,
                };
                if woken {
                    echoes = ECHOES.iter().map(|&e| Instant::now() + e).collect();
                }
                let paused = *self.paused.borrow();
                self.status.send_if_modified(|s| std::mem::replace(&mut s.paused, paused) != paused);
                let now = Instant::now();
                if !paused && (woken || now >= next) {
                    echoes.retain(|e| *e > now);
                    thorough = now >= due || !well;
                    break;
                }
                if paused {
                    // Nothing is due while paused; the lock is shown to be alive all the same.
                    echoes.clear();
                    tokio::select! {
                        () = self.stop.cancelled() => return,
                        _ = self.paused.changed() => {}
                        () = tokio::time::sleep(self.options.interval) => if lock.beat().await.is_err() { return },
                    }
                }
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

fn told(fault: &Fault) -> String {
    match &fault.remedy {
        Some(remedy) => format!("{fault} ({remedy})"),
        None => fault.to_string(),
    }
}

/// Listens on one side, if that side can be reached.
struct Ear {
    channels: &'static [&'static str],
    stream: Option<mpsc::Receiver<Notification>>,
}

impl Ear {
    fn new(channels: &'static [&'static str]) -> Self {
        Self { channels, stream: None }
    }
    async fn listen(&mut self, link: &Link) {
        if self.stream.is_none() {
            self.stream = link.listen(self.channels).await.ok();
        }
    }
    /// Returns when something was heard, however often, or when the connection was lost: the lock's session went with
    /// it, and should be back before the next interval. Never returns while nobody listens.
    async fn heard(&mut self) {
        let Some(stream) = &mut self.stream else { return std::future::pending().await };
        if stream.recv().await.is_none() {
            self.stream = None;
            // A server that drops listeners at once must not make the engine spin.
            return tokio::time::sleep(ECHOES[0]).await;
        }
        while stream.try_recv().is_ok() {}
    }
}

impl EngineHandle {
    /// Watches where it stands.
    pub fn status(&self) -> watch::Receiver<EngineStatus> {
        self.status.clone()
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
    /// Ends it after the cycle under way; one that hangs on a lost network is given ten seconds.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(mut task) = self.task.take()
            && tokio::time::timeout(Duration::from_secs(10), &mut task).await.is_err()
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
