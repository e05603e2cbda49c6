//! Keeps the shared session of a link: connects once for all who wait, notices the loss, comes back with patience.

use super::connector::Connector;
use super::dial::{self, Connected, Session};
use super::tls::TlsMode;
use super::{Fault, Kind, LinkStatus, Target};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, watch};
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

const SHORTEST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
const REFUSED_WAIT: Duration = Duration::from_secs(30);
const SETTINGS_WAIT: Duration = Duration::from_mins(5);

/// What a caller who wants the session gets.
pub(super) enum State {
    /// An answer is on its way.
    Trying,
    /// The session.
    Up(Arc<Client>),
    /// The fault of the last try; another is due.
    Down(Fault),
}

/// The shared session and the task that keeps it.
pub(super) struct Keeper {
    pub(super) target: Target,
    pub(super) state: watch::Sender<State>,
    pub(super) status: watch::Sender<LinkStatus>,
    /// Somebody does not want to wait for the next try.
    pub(super) retry: Notify,
    started: AtomicBool,
    /// Why the connection was given up though the socket has not noticed yet.
    lost: Mutex<Option<Fault>>,
    lose: Notify,
    stopped: CancellationToken,
}

impl Keeper {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            state: watch::Sender::new(State::Trying),
            status: watch::Sender::new(LinkStatus::Connecting),
            retry: Notify::new(),
            started: AtomicBool::new(false),
            lost: Mutex::new(None),
            lose: Notify::new(),
            stopped: CancellationToken::new(),
        }
    }

    /// Starts the task, once.
    pub(super) fn start(self: &Arc<Self>) {
        if self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        let keeper = Arc::clone(self);
        #[expect(clippy::disallowed_methods, reason = "owned by the link: dropping that stops the task")]
        tokio::spawn(async move {
            let stopped = keeper.stopped.clone();
            tokio::select! {
                () = keeper.keep() => {}
                () = stopped.cancelled() => {}
            }
        });
    }

    /// Ends the task and with it the shared session, when the last user lets go of it.
    pub(super) fn stop(&self) {
        self.stopped.cancel();
        self.state.send_replace(State::Down(Fault::new(Kind::Unreachable, "the link was closed").on(self.target.side)));
    }

    /// Gives the session up: it does not answer.
    pub(super) fn lose(&self, fault: Fault) {
        *self.lost() = Some(fault);
        self.lose.notify_one();
    }

    /// A connector for asking the server to cancel a statement.
    pub(super) fn connector(&self) -> Result<Connector, Fault> {
        if self.target.access.tls.mode == TlsMode::Disable || self.target.is_local() {
            return Ok(Connector::default());
        }
        Ok(Connector::new(&self.target.tls_config()?))
    }

    async fn keep(&self) {
        let mut failures = 0;
        let mut down_since = None;
        loop {
            match dial::dial(&self.target, &Session::new("shared"), None).await {
                Ok(connected) => {
                    (failures, down_since) = (0, None);
                    let fault = self.stay(connected).await;
                    tracing::warn!(target = self.target.name, "connection lost: {fault}");
                    down_since.get_or_insert_with(SystemTime::now);
                    // Shown as lost at once; whoever wants the session waits for the first try to get it back.
                    self.status.send_replace(LinkStatus::down(&fault, SystemTime::now(), Duration::ZERO));
                    self.state.send_replace(State::Trying);
                }
                Err(fault) => {
                    let wait = patience(fault.kind, failures);
                    failures += 1;
                    tracing::warn!(
                        target = self.target.name,
                        try_again_ms = wait.as_millis() as u64,
                        "not connected: {fault}"
                    );
                    let since = *down_since.get_or_insert_with(SystemTime::now);
                    self.status.send_replace(LinkStatus::down(&fault, since, wait));
                    self.state.send_replace(State::Down(fault));
                    // Either will do; a wait that was cut short counts like one that ended.
                    let _ = tokio::time::timeout(wait, self.retry.notified()).await;
                }
            }
        }
    }

    /// Publishes the session and waits until it is lost.
    async fn stay(&self, connected: Connected) -> Fault {
        let Connected { client, facts, ended, task } = connected;
        tracing::info!(
            target = self.target.name,
            host = facts.host,
            version = facts.version,
            tls = facts.tls,
            "connected"
        );
        self.lost().take();
        self.status.send_replace(LinkStatus::up(facts));
        self.state.send_replace(State::Up(Arc::new(client)));
        let mut ended = ended;
        loop {
            tokio::select! {
                reason = &mut ended => {
                    let reason = reason.unwrap_or_else(|_| "the connection ended".to_owned());
                    return Fault::new(Kind::Unreachable, format!("connection lost: {reason}"))
                        .on(self.target.side)
                        .about(self.target.address())
                        .remedy("it comes back by itself when the server does");
                }
                () = self.lose.notified() => {
                    // A call that came before this connection was made finds no fault here.
                    if let Some(fault) = self.lost().take() {
                        // Statements under way on a dead line end with it.
                        task.abort();
                        return fault;
                    }
                }
            }
        }
    }

    fn lost(&self) -> MutexGuard<'_, Option<Fault>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait before the next try.
fn patience(kind: Kind, failures: u32) -> Duration {
    match kind {
        // A wrong password sent again and again locks accounts, and a password command may ask a person each time.
        Kind::Refused => REFUSED_WAIT,
        Kind::Settings => SETTINGS_WAIT,
        _ => backoff(failures),
    }
}

/// 250 ms, doubled with each failure up to 15 s, and somewhere between a half and the whole of that: links that lost
/// the same server do not come back in step.
fn backoff(failures: u32) -> Duration {
    let whole = SHORTEST_WAIT.saturating_mul(1 << failures.min(8)).min(LONGEST_WAIT);
    let random = RandomState::new().hash_one(failures) % 1000;
    whole / 2 + whole.mul_f64(random as f64 / 2000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_and_has_an_end() {
        for failures in 0..40 {
            let wait = backoff(failures);
            assert!(wait >= SHORTEST_WAIT / 2 && wait <= LONGEST_WAIT, "{wait:?}");
        }
        assert!(backoff(3) >= Duration::from_secs(1));
        assert!(backoff(39) >= LONGEST_WAIT / 2);
    }

    #[test]
    fn waits_are_not_all_alike() {
        let waits: std::collections::HashSet<Duration> = (0..20).map(|_| backoff(6)).collect();
        assert!(waits.len() > 1);
    }
}
