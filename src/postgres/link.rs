//! A database one wants to be connected to: where it is, and a connection that comes back by itself.

use super::{Fault, Side};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio_postgres::{Client, Config, NoTls};

/// Where a database is and how to get in. `Debug` and errors never show the password.
#[derive(Clone)]
pub struct Target {
    /// Which side of the pair.
    pub side: Side,
    /// What people call it: `master`, or the replica's name.
    pub name: String,
    /// Host, port, database, user, password, time-outs.
    pub config: Config,
    /// Whether sessions are read-only (`default_transaction_read_only`).
    pub read_only: bool,
}

impl Target {
    /// A target that is reached as `config` says.
    pub fn new(side: Side, name: impl Into<String>, config: Config) -> Self {
        Self { side, name: name.into(), config, read_only: false }
    }
}

/// Where a link stands.
#[derive(Clone, Debug)]
pub enum LinkStatus {
    /// Not connected yet; trying.
    Connecting,
    /// Connected.
    Up {
        /// Round trip of the last probe.
        latency: Duration,
        /// `server_version`, such as `18.4`.
        version: String,
        /// Whether the connection is encrypted.
        tls: bool,
        /// Since when.
        since: std::time::SystemTime,
    },
    /// Not connected: why, since when, and when it is tried again.
    Down {
        /// Why, as a person should read it.
        reason: String,
        /// What to do.
        remedy: Option<String>,
        /// Since when.
        since: std::time::SystemTime,
        /// When the next try is due.
        retry_at: std::time::SystemTime,
    },
}

/// A connection to one target that is made when first needed and made again when lost.
pub struct Link {
    target: Target,
    shared: Mutex<Option<Arc<Client>>>,
    status: watch::Sender<LinkStatus>,
}

impl Link {
    /// A link to `target`; nothing is connected yet.
    pub fn new(target: Target) -> Self {
        Self { target, shared: Mutex::new(None), status: watch::Sender::new(LinkStatus::Connecting) }
    }
    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }
    /// The side.
    pub fn side(&self) -> Side {
        self.target.side
    }
    /// Watches the status.
    pub fn status(&self) -> watch::Receiver<LinkStatus> {
        self.status.subscribe()
    }
    /// The shared session for short reads (statements of several callers are pipelined on it; no transactions).
    pub async fn session(&self) -> Result<Arc<Client>, Fault> {
        let mut shared = self.shared.lock().await;
        if let Some(client) = shared.as_ref().filter(|c| !c.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.dedicated("console").await?);
        *shared = Some(Arc::clone(&client));
        Ok(client)
    }
    /// A session of one's own, for transactions, COPY and LISTEN. `purpose` stands in its `application_name`.
    pub async fn dedicated(&self, purpose: &str) -> Result<Client, Fault> {
        let mut config = self.target.config.clone();
        config.application_name(format!("robbie {purpose}"));
        let (client, connection) =
            config.connect(NoTls).await.map_err(|e| Fault::from_postgres(e, self.target.side))?;
        spawn_connection(connection);
        Ok(client)
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

#[expect(
    clippy::disallowed_methods,
    reason = "a connection's task is owned by its client: it ends when that is dropped"
)]
fn spawn_connection<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    tokio_postgres::Connection<S, T>: Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
{
    tokio::spawn(connection);
}
