//! Connecting once: hosts, addresses, TLS, password, session settings, and what the server says of itself.

use super::connector::{Connector, TlsStream};
use super::password::{self, Password};
use super::target::{SessionWanted, Target, host_name};
use super::tls::TlsMode;
use super::{Fault, Kind, reach};
use secrecy::ExposeSecret;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Notification, SimpleQueryMessage, Socket};

/// What a session is for and how long its statements may take.
#[derive(Clone, Debug)]
pub struct Session {
    /// Stands in `application_name` after `robbie `.
    pub purpose: String,
    /// `lock_timeout`.
    pub lock_timeout: Duration,
    /// `statement_timeout`.
    pub statement_timeout: Duration,
}

impl Session {
    /// A session with the usual limits: 5 s for a lock, 30 s for a statement.
    pub fn new(purpose: impl Into<String>) -> Self {
        let (lock_timeout, statement_timeout) = (Duration::from_secs(5), Duration::from_secs(30));
        Self { purpose: purpose.into(), lock_timeout, statement_timeout }
    }
    /// Sets both limits.
    #[must_use]
    pub fn limits(mut self, lock: Duration, statement: Duration) -> Self {
        (self.lock_timeout, self.statement_timeout) = (lock, statement);
        self
    }

    /// The statements that make every session alike. What is asked first is answered as the server was found.
    fn opening(&self, read_only: bool) -> String {
        let read_only = if read_only { "set default_transaction_read_only to on;" } else { "" };
        format!(
            "select current_setting('server_version'), current_user, current_setting('is_superuser'), \
               pg_catalog.pg_is_in_recovery(), current_setting('transaction_read_only'), pg_catalog.pg_backend_pid();\
             set timezone to 'UTC'; set datestyle to 'ISO, MDY'; set intervalstyle to 'postgres';\
             set extra_float_digits to 1; set bytea_output to 'hex'; set client_min_messages to 'warning';\
             set jit to off; set lock_timeout to {}; set statement_timeout to {};\
             set idle_in_transaction_session_timeout to '5min';{read_only}",
            self.lock_timeout.as_millis(),
            self.statement_timeout.as_millis(),
        )
    }
}

/// What the server said of itself when we came in.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The host that let us in, `host:port`.
    pub host: String,
    /// How long the first question took.
    pub latency: Duration,
    /// `server_version` without the packager's words, such as `18.4`.
    pub version: String,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Whether the server's certificate was checked.
    pub verified: bool,
    /// The role we are.
    pub role: String,
    /// Whether that is a superuser.
    pub superuser: bool,
    /// Whether the server is a standby.
    pub in_recovery: bool,
    /// Whether the server refuses writes, by itself or because we asked for it.
    pub read_only: bool,
    /// The server process of this session.
    pub pid: i32,
}

/// A session just opened.
pub struct Connected {
    /// The session.
    pub client: Client,
    /// What the server said of itself.
    pub facts: Facts,
    /// Says why, when the connection ends.
    pub ended: oneshot::Receiver<String>,
    /// The connection's task.
    pub task: AbortHandle,
}

/// Connects to the first host of the target that will have us.
pub async fn dial(
    target: &Target,
    session: &Session,
    notices: Option<&mpsc::Sender<Notification>>,
) -> Result<Connected, Fault> {
    let wanted = target.access.session;
    let first = if wanted == SessionWanted::PreferStandby { SessionWanted::Standby } else { wanted };
    match round(target, session, notices, first).await {
        Err(fault) if wanted == SessionWanted::PreferStandby && fault.kind == Kind::Unreachable => {
            round(target, session, notices, SessionWanted::Any).await
        }
        done => done,
    }
}

/// One round over all hosts.
async fn round(
    target: &Target,
    session: &Session,
    notices: Option<&mpsc::Sender<Notification>>,
    wanted: SessionWanted,
) -> Result<Connected, Fault> {
    let (ports, addresses) = (target.config.get_ports(), target.config.get_hostaddrs());
    let mut faults: Vec<Fault> = Vec::new();
    for (i, host) in target.config.get_hosts().iter().enumerate() {
        let port = ports.get(i).or_else(|| ports.first()).copied().unwrap_or(5432);
        let attempt = Attempt { target, session, notices, wanted, host, port, name: host_name(host, port) };
        match attempt.host(addresses.get(i).copied()).await {
            Ok(connected) => return Ok(connected),
            // As libpq: a server that knows us and refuses ends the search.
            Err(fault) if fault.kind == Kind::Refused || fault.kind == Kind::Settings => return Err(fault),
            Err(fault) => faults.push(fault),
        }
    }
    Err(reach::none_of(faults, target))
}

/// One host to try.
struct Attempt<'a> {
    target: &'a Target,
    session: &'a Session,
    notices: Option<&'a mpsc::Sender<Notification>>,
    wanted: SessionWanted,
    host: &'a Host,
    port: u16,
    name: String,
}

impl Attempt<'_> {
    async fn host(&self, address: Option<IpAddr>) -> Result<Connected, Fault> {
        let password = password::find(self.target, self.host, self.port).await?;
        match self.addresses(address, &password).await {
            // A command may print a token that has expired meanwhile: asked anew, once.
            Err(fault) if fault.kind == Kind::Refused && password.kept => {
                password::forget(self.target).await;
                let fresh = password::find(self.target, self.host, self.port).await?;
                self.addresses(address, &fresh).await
            }
            Err(fault) if fault.kind == Kind::Refused => {
                password::forget(self.target).await;
                Err(fault)
            }
            done => done,
        }
    }

    async fn addresses(&self, address: Option<IpAddr>, password: &Password) -> Result<Connected, Fault> {
        let budget = self.target.config.get_connect_timeout().copied().unwrap_or(Duration::from_secs(3));
        let started = Instant::now();
        let name = match self.host {
            Host::Tcp(name) => name,
            #[cfg(unix)]
            Host::Unix(_) => return self.modes(None, password, budget).await,
        };
        let addresses = match address {
            Some(address) => vec![address],
            None => reach::resolve(name, self.port, budget).await.map_err(|f| self.placed(f))?,
        };
        let mut last = None;
        for (i, address) in addresses.iter().enumerate() {
            let share = budget.saturating_sub(started.elapsed()) / (addresses.len() - i) as u32;
            match self.modes(Some(*address), password, share.max(Duration::from_millis(200))).await {
                Err(fault) if fault.kind == Kind::Unreachable => last = Some(fault),
                done => return done,
            }
        }
        Err(last.unwrap_or_else(|| self.placed(Fault::new(Kind::Unreachable, "the host has no address"))))
    }

    /// Tries what `sslmode` allows, in its order.
    async fn modes(&self, address: Option<IpAddr>, password: &Password, budget: Duration) -> Result<Connected, Fault> {
        let plain = |o| self.once(address, password, budget, SslMode::Disable, o);
        let hba = |fault: &Fault| fault.sqlstate.as_deref() == Some("28000");
        match self.target.access.tls.mode {
            // Nobody listens in on a socket of this machine; libpq does not encrypt there either.
            _ if address.is_none() => plain(Connector::default()).await,
            TlsMode::Disable => plain(Connector::default()).await,
            TlsMode::Allow => match plain(Connector::default()).await {
                Err(fault) if hba(&fault) => self.encrypted(address, password, budget, SslMode::Require).await,
                done => done,
            },
            TlsMode::Prefer => {
                // A certificate of ours that cannot be read is a mistake, and no reason to do without TLS.
                self.target.tls_config()?;
                match self.encrypted(address, password, budget, SslMode::Prefer).await {
                    Err(fault) if fault.kind == Kind::Tls || hba(&fault) => plain(Connector::default()).await,
                    done => done,
                }
            }
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => {
                self.encrypted(address, password, budget, SslMode::Require).await
            }
        }
    }

    async fn encrypted(
        &self,
        address: Option<IpAddr>,
        password: &Password,
        budget: Duration,
        mode: SslMode,
    ) -> Result<Connected, Fault> {
        let connector = Connector::new(&self.target.tls_config()?);
        self.once(address, password, budget, mode, connector).await
    }

    /// One connection, one session.
    async fn once(
        &self,
        address: Option<IpAddr>,
        password: &Password,
        budget: Duration,
        mode: SslMode,
        connector: Connector,
    ) -> Result<Connected, Fault> {
        let config = self.config(address, password, budget, mode);
        let opening = async {
            let (client, connection) = config
                .connect(connector.clone())
                .await
                .map_err(|e| reach::judge(e, &connector, self.target, password.hint.as_deref()))?;
            let (ended, task) = spawn(connection, self.notices.cloned());
            let facts = self.introduce(&client, &connector).await?;
            Ok(Connected { client, facts, ended, task })
        };
        match tokio::time::timeout(budget, opening).await {
            Ok(done) => done.map_err(|f| self.placed(f)),
            Err(_) => Err(self.placed(reach::silent(budget))),
        }
    }

    fn config(&self, address: Option<IpAddr>, password: &Password, budget: Duration, mode: SslMode) -> Config {
        let from = &self.target.config;
        let mut config = Config::new();
        match self.host {
            Host::Tcp(name) => config.host(name.as_str()),
            #[cfg(unix)]
            Host::Unix(folder) => config.host_path(folder),
        };
        if let Some(address) = address {
            config.hostaddr(address);
        }
        config.port(self.port).ssl_mode(mode).ssl_negotiation(from.get_ssl_negotiation());
        config.application_name(format!("robbie {}", self.session.purpose)).dbname(self.target.database());
        config.channel_binding(from.get_channel_binding());
        // A little less than the whole: then it is the network that does not answer, not the server.
        config.connect_timeout(budget.mul_f32(0.9));
        config.keepalives(from.get_keepalives()).keepalives_idle(from.get_keepalives_idle());
        if let Some(user) = from.get_user() {
            config.user(user);
        }
        match (&password.secret, from.get_password()) {
            (Some(secret), _) => config.password(secret.expose_secret()),
            (None, Some(written)) => config.password(written),
            (None, None) => &mut config,
        };
        if let Some(options) = from.get_options() {
            config.options(options);
        }
        if let Some(interval) = from.get_keepalives_interval() {
            config.keepalives_interval(interval);
        }
        if let Some(retries) = from.get_keepalives_retries() {
            config.keepalives_retries(retries);
        }
        if let Some(timeout) = from.get_tcp_user_timeout() {
            config.tcp_user_timeout(*timeout);
        }
        config
    }

    /// Makes the session like every other, and asks the server who it is, in one round trip.
    async fn introduce(&self, client: &Client, connector: &Connector) -> Result<Facts, Fault> {
        let asked = Instant::now();
        let answers = client
            .simple_query(&self.session.opening(self.target.read_only))
            .await
            .map_err(|e| Fault::from_postgres(e, self.target.side))?;
        let latency = asked.elapsed();
        let row = answers.iter().find_map(|m| if let SimpleQueryMessage::Row(row) = m { Some(row) } else { None });
        let get = |i: usize| row.and_then(|r| r.get(i)).unwrap_or_default();
        let (in_recovery, refuses_writes) = (get(3) == "t", get(4) == "on");
        let facts = Facts {
            host: self.name.clone(),
            latency,
            version: get(0).split(' ').next().unwrap_or_default().to_owned(),
            tls: connector.done(),
            verified: connector.done() && self.target.access.tls.verifies(),
            role: get(1).to_owned(),
            superuser: get(2) == "on",
            in_recovery,
            read_only: refuses_writes || self.target.read_only,
            pid: get(5).parse().unwrap_or_default(),
        };
        let fits = match self.wanted {
            SessionWanted::Any | SessionWanted::PreferStandby => true,
            SessionWanted::ReadWrite => !refuses_writes && !in_recovery,
            SessionWanted::ReadOnly => refuses_writes || in_recovery,
            SessionWanted::Primary => !in_recovery,
            SessionWanted::Standby => in_recovery,
        };
        if fits { Ok(facts) } else { Err(reach::unwanted(self.wanted, in_recovery)) }
    }

    fn placed(&self, fault: Fault) -> Fault {
        let fault = fault.on(self.target.side);
        if fault.object.is_some() { fault } else { fault.about(self.name.clone()) }
    }
}

/// Drives the connection until it ends; it ends by itself when its client is dropped.
fn spawn(
    mut connection: Connection<Socket, TlsStream>,
    notices: Option<mpsc::Sender<Notification>>,
) -> (oneshot::Receiver<String>, AbortHandle) {
    let (say, ended) = oneshot::channel();
    let drive = async move {
        let reason = loop {
            match std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                Some(Ok(AsyncMessage::Notification(notification))) => {
                    if let Some(notices) = &notices {
                        // Full: as many wake-ups wait already that one more says nothing new.
                        let _ = notices.try_send(notification);
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => break reach::why(&error),
                None => break "the connection was closed".to_owned(),
            }
        };
        // Nobody may be waiting for it.
        let _ = say.send(reason);
    };
    #[expect(clippy::disallowed_methods, reason = "owned by the client: the task ends when that is dropped")]
    let task = tokio::spawn(drive).abort_handle();
    (ended, task)
}
