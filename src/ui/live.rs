//! The replays of many entries that this process does: owned here, so that they outlive the pane that started them.

use crate::sync::job::JobHandle;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;
use uuid::Uuid;

/// A job of this process.
#[derive(Clone, Debug)]
pub struct LiveJob {
    /// How it is told what to do, and how it tells how far it is.
    pub handle: JobHandle,
    /// The replica whose queue it works on.
    pub replica: String,
    /// Counts the starts of this process: a job that is resumed is a new start.
    pub start: u64,
}

/// All jobs of this process that are not over.
#[derive(Debug, Default)]
pub struct LiveJobs {
    starts: AtomicU64,
    jobs: watch::Sender<Vec<LiveJob>>,
}

impl LiveJobs {
    /// Takes a job into care; those that are over are let go.
    pub fn add(&self, handle: JobHandle, replica: String) {
        let start = self.starts.fetch_add(1, Ordering::Relaxed);
        self.jobs.send_modify(|jobs| {
            jobs.retain(|other| !other.handle.progress().borrow().state.is_over());
            jobs.push(LiveJob { handle, replica, start });
        });
    }

    /// One of them.
    pub fn get(&self, job: Uuid) -> Option<JobHandle> {
        self.jobs.borrow().iter().find(|live| live.handle.job == job).map(|live| live.handle.clone())
    }

    /// Hears of new ones.
    pub fn news(&self) -> watch::Receiver<Vec<LiveJob>> {
        self.jobs.subscribe()
    }
}
