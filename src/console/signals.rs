//! Signals: which end the console, and being stopped and continued.

use nix::sys::signal::{Signal, raise};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// The terminal went away.
pub const HANG_UP: i32 = Signal::SIGHUP as i32;

/// The signals that are waited for.
pub struct Signals {
    terminate: Stream,
    hang_up: Stream,
    interrupt: Stream,
    go_on: Stream,
}

impl Signals {
    /// Waits for them from now on instead of dying.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            go_on: signal(SignalKind::from_raw(Signal::SIGCONT as i32))?,
        })
    }

    /// The next one: the number of one that ends us, or `None` after a stop.
    pub async fn next(&mut self) -> Option<i32> {
        tokio::select! {
            _ = self.terminate.recv() => Some(Signal::SIGTERM as i32),
            _ = self.hang_up.recv() => Some(HANG_UP),
            _ = self.interrupt.recv() => Some(Signal::SIGINT as i32),
            _ = self.go_on.recv() => None,
        }
    }
}

/// Stops the process as Ctrl-Z does, until it is continued. Where no shell could continue it, nothing happens.
pub fn stop() {
    let _ = raise(Signal::SIGTSTP);
}
