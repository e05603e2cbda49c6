//! A replay of many entries as a job: paced, watched, paused and cancelled; kept on the replica, so that it can go on.

mod pace;
mod run;
mod store;

use super::freeze::Frozen;
use super::replay::Sending;
use super::report::{Mode, Outcome, ReplayOptions};
use crate::postgres::{Fault, Kind, Pair, Side};
use crate::queue::Verdict;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use uuid::Uuid;

pub use store::{JobEntry, JobSummary, entries, list, one, progress};

/// How a job goes about it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct JobOptions {
    /// Entries a second, 1 to 500; none: as fast as it goes.
    pub rate: Option<u16>,
    /// Begins with 1 entry, then 5, 20, 100, 500 at a time, each step only after one without a failure.
    pub ramp: bool,
    /// Stops at the first error family that the preview did not foretell.
    pub stop_on_new: bool,
    /// Stops when more than this share (0 to 1) of what was tried did not go through; asked from the 20th entry on.
    pub max_failures: Option<f64>,
    /// Who asks.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Under way.
    Running,
    /// Told to wait.
    Paused,
    /// Every entry has its outcome.
    Done,
    /// A new error family, or too many failures: see why. Can be resumed.
    Stopped,
    /// By a person. Can be resumed.
    Cancelled,
    /// A side was lost, or its process ended. Can be resumed.
    Interrupted,
}

impl JobState {
    /// The name as the database and `--json` spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
    fn from_name(name: &str) -> Self {
        [Self::Running, Self::Paused, Self::Done, Self::Stopped, Self::Cancelled]
            .into_iter()
            .find(|s| s.name() == name)
            .unwrap_or(Self::Interrupted)
    }
    /// Whether it works no more.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Running | Self::Paused)
    }
}

/// How far a job is.
#[derive(Clone, Debug, Serialize)]
pub struct Progress {
    /// The job.
    pub job: Uuid,
    /// Entries with an outcome.
    pub done: u64,
    /// All its entries.
    pub total: u64,
    /// Entries a second, over the last seconds.
    pub rate: f64,
    /// How many did what.
    pub by_verdict: BTreeMap<Verdict, u64>,
    /// How many came to what.
    pub by_outcome: BTreeMap<Outcome, u64>,
    /// How many did not go through, by what they have in common.
    pub errors_by_family: BTreeMap<String, u64>,
    /// Where it stands.
    pub state: JobState,
    /// Why it stopped.
    pub why: Option<String>,
}

impl Progress {
    /// Entries that are done with.
    pub fn settled(&self) -> u64 {
        self.by_outcome.iter().filter(|(o, _)| o.is_settled()).map(|(_, n)| n).sum()
    }
    /// Entries that failed or wait.
    pub fn failures(&self) -> u64 {
        [Outcome::Failed, Outcome::Blocked, Outcome::Held].iter().filter_map(|o| self.by_outcome.get(o)).sum()
    }
}

/// What a person wants of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Run,
    Pause,
    Cancel,
}

/// A job of this process. It goes on when this is dropped; when the process ends it is interrupted, and can be resumed.
#[derive(Clone, Debug)]
pub struct JobHandle {
    /// The job.
    pub job: Uuid,
    progress: watch::Receiver<Progress>,
    wish: Arc<watch::Sender<Wish>>,
}

impl JobHandle {
    /// How far it is; told at least four times a second while it works.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }
    /// Has it wait before the next entries.
    pub fn pause(&self) {
        self.wish.send_if_modified(|w| {
            *w == Wish::Run && {
                *w = Wish::Pause;
                true
            }
        });
    }
    /// Has it go on.
    pub fn resume(&self) {
        self.wish.send_if_modified(|w| {
            *w == Wish::Pause && {
                *w = Wish::Run;
                true
            }
        });
    }
    /// Ends it within a second; what is under way by then is given up by the master.
    pub fn cancel(&self) {
        self.wish.send_replace(Wish::Cancel);
    }
    /// Waits until it works no more.
    pub async fn ended(&self) -> Progress {
        let mut progress = self.progress.clone();
        // The sender goes only after it has said how it ended.
        let _ = progress.wait_for(|p| p.state.is_over()).await;
        progress.borrow().clone()
    }
}

/// Starts a replay of a frozen selection.
pub async fn start(pair: &Pair, frozen: Frozen, options: JobOptions) -> Result<JobHandle, Fault> {
    if options.rate.is_some_and(|r| !(1..=500).contains(&r)) {
        return Err(Fault::new(Kind::Settings, "the rate of a job is 1 to 500 entries a second"));
    }
    let mut sending = opened(pair, frozen.run, &options, frozen.force).await?;
    store::create(&mut sending.s.replica, &frozen, &options).await?;
    begin(pair, sending, options).await
}

/// Goes on with a job that was interrupted, stopped or cancelled: with what has no outcome yet. What took effect before it was
/// noted is in the ledger, and not applied again.
pub async fn resume(pair: &Pair, job: Uuid) -> Result<JobHandle, Fault> {
    let replica = pair.replica.session().await?;
    let (options, force) = store::options(&replica, job).await?;
    begin(pair, opened(pair, job, &options, force).await?, options).await
}

/// Asks the job of another process to end; its process looks at least twice a second. Whether there was one under way.
pub async fn cancel(pair: &Pair, job: Uuid) -> Result<bool, Fault> {
    store::cancel(&*pair.replica.session().await?, job).await
}

async fn opened(pair: &Pair, job: Uuid, options: &JobOptions, force: bool) -> Result<Sending, Fault> {
    let replay =
        ReplayOptions { mode: Mode::Apply, actor: options.actor.clone(), reason: options.reason.clone(), force };
    let sending = Box::pin(Sending::open(pair, job, replay, false)).await?;
    if store::take(&sending.s.replica, job).await? {
        return Ok(sending);
    }
    Err(Fault::new(Kind::Other, format!("job {job} is under way in another process"))
        .on(Side::Replica)
        .remedy("watch it with `robbie queue jobs show`, or end it with `robbie queue jobs cancel`"))
}

async fn begin(pair: &Pair, mut sending: Sending, options: JobOptions) -> Result<JobHandle, Fault> {
    let job = sending.run;
    let open = store::begun(&sending.s.replica, job).await?;
    // Only what is still to do is in nobody's way: a failed entry of the same row, tried before, is.
    sending.plan(&open).await?;
    let progress = store::progress(&sending.s.replica, job).await?;
    let known = store::known(&sending.s.replica, job).await?;
    let (told, heard) = watch::channel(progress);
    let wish = Arc::new(watch::channel(Wish::Run).0);
    let running = (run::Runner { pair: pair.clone(), sending, options, known, told, wish: Arc::clone(&wish) }).run();
    #[cfg(debug_assertions)]
    let running = super::failpoint::carried(running);
    #[expect(
        clippy::disallowed_methods,
        reason = "the job's one task: it outlives its handle, and ends with the process"
    )]
    tokio::spawn(running);
    Ok(JobHandle { job, progress: heard, wish })
}
