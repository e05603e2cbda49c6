//! Runs cycles by themselves: every interval, and soon after either side says that something changed.

use super::report::EngineStatus;
use crate::postgres::Pair;
use std::time::Duration;
use tokio::sync::watch;

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
pub struct Engine;

/// A running engine; dropping it stops the engine after the cycle under way.
pub struct EngineHandle {
    status: watch::Sender<EngineStatus>,
}

impl Engine {
    /// Starts the engine of a pair. A side that cannot be reached, or another engine on the replica, is waited for.
    pub fn start(_pair: Pair, _options: EngineOptions) -> EngineHandle {
        EngineHandle { status: watch::Sender::default() }
    }
}

impl EngineHandle {
    /// Watches where it stands.
    pub fn status(&self) -> watch::Receiver<EngineStatus> {
        self.status.subscribe()
    }
    /// Asks for a cycle now.
    pub fn wake(&self) {}
    /// Starts no further cycle until [`resume`](Self::resume).
    pub fn pause(&self) {}
    /// Goes on.
    pub fn resume(&self) {}
    /// Ends it after the cycle under way.
    pub async fn stop(self) {}
}
