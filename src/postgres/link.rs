//! A connection that is made when first needed and comes back by itself.

use super::dial::{self, Connected, Session};
use super::keeper::{Keeper, State};
use super::{Fault, Kind, LinkStatus, Side, Target, identifiers};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio_postgres::{Client, Notification};
use tokio_util::sync::CancellationToken;

/// How long a probe waits before it asks on another session what is the matter.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);
/// How long that other session may take before the connection counts as lost.
const BUSY_PATIENCE: Duration = Duration::from_secs(2);
/// How long a cancelled statement may take to end.
const CANCEL_PATIENCE: Duration = Duration::from_secs(3);

/// A connection to one target that is made when first needed and made again when lost.
pub struct Link {
    keeper: Arc<Keeper>,
}

impl Link {
    /// A link to `target`; nothing is connected yet.
    pub fn new(target: Target) -> Self {
        Self { keeper: Arc::new(Keeper::new(target)) }
    }
    /// The target.
    pub fn target(&self) -> &Target {
        &self.keeper.target
    }
    /// The side.
    pub fn side(&self) -> Side {
        self.target().side
    }
    /// Watches the status.
    pub fn status(&self) -> watch::Receiver<LinkStatus> {
        self.keeper.status.subscribe()
    }
    /// The shared session for short reads (statements of several callers are pipelined on it; no transactions).
    ///
    /// Waits only while the first answer of a try is outstanding. Between two tries it fails at once with the fault
    /// of the last.
    pub async fn session(&self) -> Result<Arc<Client>, Fault> {
        self.keeper.start();
        let mut state = self.keeper.state.subscribe();
        loop {
            match &*state.borrow_and_update() {
                State::Up(client) if !client.is_closed() => return Ok(Arc::clone(client)),
                State::Down(fault) => return Err(fault.clone()),
                State::Up(_) | State::Trying => {}
            }
            if state.changed().await.is_err() {
                return Err(Fault::new(Kind::Unreachable, "the link was closed").on(self.side()));
            }
        }
    }
    /// A session of one's own, for transactions, COPY and LISTEN. `purpose` stands in its `application_name`.
    pub async fn dedicated(&self, purpose: &str) -> Result<Client, Fault> {
        self.dedicated_with(&Session::new(purpose)).await
    }
    /// A session of one's own with limits of one's own.
    pub async fn dedicated_with(&self, session: &Session) -> Result<Client, Fault> {
        Ok(self.dial(session, None).await?.client)
    }
    /// Notifications of these channels, on a session of their own. The stream ends when the connection does; dropping
    /// it ends the session.
    pub async fn listen(&self, channels: &[&str]) -> Result<mpsc::Receiver<Notification>, Fault> {
        let (sender, receiver) = mpsc::channel(64);
        let Connected { client, ended, .. } = self.dial(&Session::new("listen"), Some(&sender)).await?;
        let statement: Vec<String> = channels.iter().map(|c| format!("listen {}", identifiers::quote(c))).collect();
        client.batch_execute(&statement.join(";")).await.map_err(|e| Fault::from_postgres(e, self.side()))?;
        let keep = async move {
            tokio::select! {
                _ = ended => {}
                () = sender.closed() => {}
            }
            drop(client);
        };
        #[expect(clippy::disallowed_methods, reason = "owned by the receiver: the task ends when that is dropped")]
        tokio::spawn(keep);
        Ok(receiver)
    }
    /// Measures a round trip now. A server that answers neither this session nor a new one makes the link down at once.
    pub async fn probe(&self) -> Result<Duration, Fault> {
        let client = self.session().await?;
        let asked = Instant::now();
        let mut answer = pin!(client.simple_query("select 1"));
        let mut patience = PROBE_PATIENCE;
        let answer = loop {
            match tokio::time::timeout(patience, &mut answer).await {
                Ok(answer) => break answer,
                // Statements of others may stand before ours: then the session is busy, not dead.
                Err(_) if self.is_busy().await => patience = patience.saturating_mul(2),
                Err(_) => {
                    let message = format!("the server has not answered for {:.0} s", asked.elapsed().as_secs_f32());
                    let fault = Fault::new(Kind::Unreachable, message)
                        .on(self.side())
                        .about(self.target().address())
                        .remedy("it is tried again by itself; check the network");
                    self.keeper.lose(fault.clone());
                    return Err(fault);
                }
            }
        };
        answer.map_err(|e| Fault::from_postgres(e, self.side()))?;
        let took = asked.elapsed();
        if patience == PROBE_PATIENCE {
            self.keeper.status.send_if_modified(|status| {
                let LinkStatus::Up { latency, .. } = status else { return false };
                *latency = took;
                true
            });
        }
        Ok(took)
    }

    /// Asks on another session whether the server is at work for the shared one.
    async fn is_busy(&self) -> bool {
        let LinkStatus::Up { pid, .. } = *self.keeper.status.borrow() else { return false };
        let asking = async {
            let client = self.dedicated("probe").await.ok()?;
            let state = "select state = 'active' from pg_catalog.pg_stat_activity where pid = $1";
            client.query_opt(state, &[&pid]).await.ok()??.get::<_, Option<bool>>(0)
        };
        tokio::time::timeout(BUSY_PATIENCE, asking).await.ok().flatten().unwrap_or(false)
    }
    /// Tries again now instead of when it is due.
    pub fn retry_now(&self) {
        self.keeper.start();
        self.keeper.retry.notify_one();
    }
    /// Asks the server to give up what `client` is doing.
    pub async fn cancel(&self, client: &Client) -> Result<(), Fault> {
        let connector = self.keeper.connector()?;
        client.cancel_token().cancel_query(connector).await.map_err(|e| Fault::from_postgres(e, self.side()))
    }
    /// Does the work; when `token` is cancelled, the server is asked to give it up, and its answer is waited for.
    ///
    /// Dropping the future of a statement would leave it running on the server.
    pub async fn with_cancel<T>(
        &self,
        client: &Client,
        token: &CancellationToken,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let mut work = pin!(work);
        tokio::select! {
            done = &mut work => return done,
            () = token.cancelled() => {}
        }
        let given_up = || Fault::new(Kind::Transient, "given up on request").on(self.side());
        self.cancel(client).await?;
        tokio::time::timeout(CANCEL_PATIENCE, work).await.unwrap_or_else(|_| Err(given_up()))
    }

    async fn dial(&self, session: &Session, notices: Option<&mpsc::Sender<Notification>>) -> Result<Connected, Fault> {
        // Known to be down: the answer is the one that the keeper got, not another wait for the same.
        if let State::Down(fault) = &*self.keeper.state.borrow() {
            return Err(fault.clone());
        }
        dial::dial(self.target(), session, notices).await
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.stop();
    }
}

/// A master and one replica.
#[derive(Clone)]
pub struct Pair {
    /// The single source of truth.
    pub master: Arc<Link>,
    /// The local copy.
    pub replica: Arc<Link>,
}

impl Pair {
    /// Links to both sides; nothing is connected yet.
    pub fn new(master: Target, replica: Target) -> Self {
        Self { master: Arc::new(Link::new(master)), replica: Arc::new(Link::new(replica)) }
    }
    /// The link of a side.
    pub fn side(&self, side: Side) -> &Arc<Link> {
        match side {
            Side::Master => &self.master,
            Side::Replica => &self.replica,
        }
    }
}
