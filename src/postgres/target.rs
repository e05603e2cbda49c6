//! A database one wants to be connected to: where it is, how to get in, what is asked of it.

use super::dsn::Parameters;
use super::tls::{Roots, TlsMode, TlsOptions};
use super::{Fault, Kind, Side, service};
use crate::settings::Environment;
use rustls::ClientConfig;
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode, SslNegotiation};

/// Where a database is and how to get in. `Debug` and errors never show the password.
#[derive(Clone, Debug)]
pub struct Target {
    /// Which side of the pair.
    pub side: Side,
    /// What people call it: `master`, or the replica's name.
    pub name: String,
    /// Hosts, ports, database, user, password, time-outs.
    pub config: Config,
    /// Whether sessions are read-only (`default_transaction_read_only`).
    pub read_only: bool,
    /// What the driver's configuration cannot say.
    pub access: Access,
}

/// What the driver's configuration cannot say.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// TLS.
    pub tls: TlsOptions,
    /// Where the password comes from if the configuration has none.
    pub password: PasswordSource,
    /// `target_session_attrs`.
    pub session: SessionWanted,
    /// What the password command printed, until the server refuses it: it may ask for a finger on a key.
    pub(super) printed: Arc<Mutex<Option<SecretString>>>,
    /// Read when first needed: the system's certificates take milliseconds.
    tls_config: Arc<OnceLock<Arc<ClientConfig>>>,
}

/// Where a password comes from that is not written down.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum PasswordSource {
    /// Nowhere else.
    #[default]
    None,
    /// libpq's password file.
    File(PathBuf),
    /// What a shell command prints.
    Command(String),
}

impl std::fmt::Debug for PasswordSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::File(file) => f.debug_tuple("File").field(file).finish(),
            // A command line may hold a secret of its own.
            Self::Command(_) => f.write_str("Command(***)"),
        }
    }
}

/// What sort of server is wanted (`target_session_attrs`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionWanted {
    /// Any.
    #[default]
    Any,
    /// One that accepts writes.
    ReadWrite,
    /// One that does not.
    ReadOnly,
    /// One that is not in recovery.
    Primary,
    /// One that is in recovery.
    Standby,
    /// One in recovery if there is one, else any.
    PreferStandby,
}

impl SessionWanted {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "any" => Self::Any,
            "read-write" => Self::ReadWrite,
            "read-only" => Self::ReadOnly,
            "primary" => Self::Primary,
            "standby" => Self::Standby,
            "prefer-standby" => Self::PreferStandby,
            _ => return None,
        })
    }
    /// libpq's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::PreferStandby => "prefer-standby",
        }
    }
}

impl Target {
    /// A target that is reached as `config` says.
    pub fn new(side: Side, name: impl Into<String>, config: Config) -> Self {
        let mode = match config.get_ssl_mode() {
            SslMode::Disable => TlsMode::Disable,
            SslMode::Require => TlsMode::Require,
            _ => TlsMode::Prefer,
        };
        let access = Access { tls: TlsOptions { mode, ..TlsOptions::default() }, ..Access::default() };
        Self { side, name: name.into(), config, read_only: false, access }
    }

    /// A target as a connection string, the service file, the environment and libpq's defaults describe it.
    pub fn from_dsn(side: Side, name: &str, dsn: &str, environment: &Environment) -> Result<Self, Fault> {
        Parameters::parse(dsn).and_then(|p| Self::from_parameters(side, name, p, environment)).map_err(|f| f.on(side))
    }

    /// A target as parameters describe it.
    pub fn from_parameters(
        side: Side,
        name: &str,
        mut parameters: Parameters,
        environment: &Environment,
    ) -> Result<Self, Fault> {
        service::apply(&mut parameters, environment)?;
        for (parameter, variable) in VARIABLES {
            parameters.set_default(parameter, environment.get(variable));
        }
        if parameters.get("password_command").is_none() {
            parameters.set_default("password", environment.get("PGPASSWORD"));
        }
        let home = environment.get("HOME").map(PathBuf::from);
        let mut config = Config::new();
        hosts(&mut config, &parameters)?;
        session(&mut config, &parameters, environment)?;
        let access = Access {
            tls: tls(&parameters, home.as_deref())?,
            password: password(&parameters, home.as_deref()),
            session: named(&parameters, "target_session_attrs", SessionWanted::parse)?.unwrap_or_default(),
            ..Access::default()
        };
        if access.tls.direct {
            config.ssl_negotiation(SslNegotiation::Direct);
        }
        if let PasswordSource::None | PasswordSource::File(_) = access.password
            && let Some(password) = parameters.get("password")
        {
            config.password(password);
        }
        Ok(Self { side, name: name.to_owned(), config, read_only: false, access })
    }

    /// Where it is, for people: `host:port`, several separated by commas, or a socket's folder.
    pub fn address(&self) -> String {
        let ports = self.config.get_ports();
        let port = |i: usize| ports.get(i).or_else(|| ports.first()).copied().unwrap_or(5432);
        let hosts: Vec<String> = if self.config.get_hosts().is_empty() {
            let addresses = self.config.get_hostaddrs().iter().enumerate();
            addresses.map(|(i, address)| format!("{address}:{}", port(i))).collect()
        } else {
            self.config.get_hosts().iter().enumerate().map(|(i, host)| host_name(host, port(i))).collect()
        };
        hosts.join(",")
    }

    /// The database's name, as the server will take it.
    pub fn database(&self) -> &str {
        self.config.get_dbname().or(self.config.get_user()).unwrap_or("postgres")
    }

    /// Whether only sockets of this machine are named.
    pub fn is_local(&self) -> bool {
        let hosts = self.config.get_hosts();
        !hosts.is_empty() && hosts.iter().all(|host| !matches!(host, Host::Tcp(_)))
    }

    /// The TLS configuration, made when first asked for.
    pub(super) fn tls_config(&self) -> Result<Arc<ClientConfig>, Fault> {
        if let Some(config) = self.access.tls_config.get() {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.access.tls.client_config().map_err(|f| f.on(self.side))?);
        Ok(Arc::clone(self.access.tls_config.get_or_init(|| config)))
    }
}

/// A host and port as people write them.
pub(super) fn host_name(host: &Host, port: u16) -> String {
    match host {
        Host::Tcp(name) if name.contains(':') => format!("[{name}]:{port}"),
        Host::Tcp(name) => format!("{name}:{port}"),
        #[cfg(unix)]
        Host::Unix(folder) => folder.join(format!(".s.PGSQL.{port}")).display().to_string(),
    }
}

/// libpq's variables; `PGPASSWORD` is apart, for a password command goes before it.
const VARIABLES: &[(&str, &str)] = &[
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("passfile", "PGPASSFILE"),
    ("options", "PGOPTIONS"),
    ("sslmode", "PGSSLMODE"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
];

/// How long a server may take to let us in, if nothing else is said.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

fn wrong(name: &str, wanted: &str) -> Fault {
    // The value is not repeated: in a mistyped URL it may be a piece of the password.
    Fault::new(Kind::Settings, format!("`{name}` of the connection string must be {wanted}")).about(name.to_owned())
}

fn named<T>(parameters: &Parameters, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Fault> {
    parameters.get(name).map(|text| parse(text).ok_or_else(|| wrong(name, "one of libpq's values"))).transpose()
}

fn seconds(parameters: &Parameters, name: &str) -> Result<Option<Duration>, Fault> {
    let text = parameters.get(name);
    text.map(|t| t.parse().map(Duration::from_secs).map_err(|_| wrong(name, "a number of seconds"))).transpose()
}

fn hosts(config: &mut Config, parameters: &Parameters) -> Result<(), Fault> {
    let list = |name: &str| parameters.get(name).map(|text| text.split(',').map(str::trim).collect::<Vec<_>>());
    let addresses = list("hostaddr").unwrap_or_default();
    let names = list("host").unwrap_or_default();
    let count = names.len().max(addresses.len()).max(1);
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err(wrong("hostaddr", "as many addresses as there are hosts"));
    }
    let ports = list("port").unwrap_or_default();
    if ports.len() > 1 && ports.len() != count {
        return Err(wrong("port", "one port, or as many as there are hosts"));
    }
    for i in 0..count {
        let address = addresses.get(i).filter(|a| !a.is_empty());
        match (names.get(i).filter(|n| !n.is_empty()), address) {
            (Some(name), _) => config.host(*name),
            // A connection wants a name where it has an address, and a socket or localhost where it has neither.
            (None, Some(address)) => config.host(*address),
            (None, None) => config.host(default_host()),
        };
        if address.is_none() && !addresses.is_empty() {
            return Err(wrong("hostaddr", "an address for every host"));
        }
        if let Some(address) = address {
            config.hostaddr(address.parse().map_err(|_| wrong("hostaddr", "an IP address"))?);
        }
        let port = ports.get(i).or(ports.first()).copied().filter(|p| !p.is_empty()).unwrap_or("5432");
        config.port(port.parse().map_err(|_| wrong("port", "a number from 1 to 65535"))?);
    }
    Ok(())
}

/// Where libpq looks when no host is named: the socket's folder if there is one.
fn default_host() -> &'static str {
    let sockets = ["/var/run/postgresql", "/run/postgresql"];
    sockets.into_iter().find(|folder| Path::new(folder).is_dir()).unwrap_or("localhost")
}

fn session(config: &mut Config, parameters: &Parameters, environment: &Environment) -> Result<(), Fault> {
    let account = parameters.get("user").is_none().then(|| account(environment)).flatten();
    let user = parameters.get("user").or(account.as_deref()).ok_or_else(|| {
        Fault::new(Kind::Settings, "no user is named for the connection")
            .remedy("write user@host in the URL, or set PGUSER")
    })?;
    config.user(user).dbname(parameters.get("dbname").unwrap_or(user));
    if let Some(options) = parameters.get("options") {
        config.options(options);
    }
    // As in libpq, 0 is no limit there; here a silent server must be named at some time.
    let timeout = seconds(parameters, "connect_timeout")?.filter(|t| !t.is_zero()).unwrap_or(CONNECT_TIMEOUT);
    config.connect_timeout(timeout);
    config.keepalives(parameters.get("keepalives") != Some("0"));
    config.keepalives_idle(seconds(parameters, "keepalives_idle")?.unwrap_or(Duration::from_secs(30)));
    config.keepalives_interval(seconds(parameters, "keepalives_interval")?.unwrap_or(Duration::from_secs(5)));
    config.keepalives_retries(named(parameters, "keepalives_count", |t| t.parse().ok())?.unwrap_or(3));
    let unanswered = named(parameters, "tcp_user_timeout", |t| t.parse().ok().map(Duration::from_millis))?;
    config.tcp_user_timeout(unanswered.unwrap_or(Duration::from_secs(10)));
    if parameters.get("load_balance_hosts") == Some("random") {
        config.load_balance_hosts(LoadBalanceHosts::Random);
    }
    if let Some(binding) = parameters.get("channel_binding") {
        use tokio_postgres::config::ChannelBinding;
        config.channel_binding(match binding {
            "disable" => ChannelBinding::Disable,
            "prefer" => ChannelBinding::Prefer,
            "require" => ChannelBinding::Require,
            _ => return Err(wrong("channel_binding", "disable, prefer or require")),
        });
    }
    Ok(())
}

/// The name of the person's account, libpq's default for the user.
fn account(environment: &Environment) -> Option<String> {
    #[cfg(unix)]
    if let Ok(Some(user)) = nix::unistd::User::from_uid(nix::unistd::geteuid()) {
        return Some(user.name);
    }
    ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| environment.get(name)).map(ToOwned::to_owned)
}

fn tls(parameters: &Parameters, home: Option<&Path>) -> Result<TlsOptions, Fault> {
    let own = |file: &str| home.map(|h| h.join(".postgresql").join(file)).filter(|f| f.is_file());
    let modes = "disable, allow, prefer, require, verify-ca or verify-full";
    let asked =
        parameters.get("sslmode").map(|t| TlsMode::parse(t).ok_or_else(|| wrong("sslmode", modes))).transpose()?;
    let roots = match parameters.get("sslrootcert") {
        Some("system") => Some(Roots::System),
        Some(file) => Some(Roots::File(file.into())),
        None => own("root.crt").map(Roots::File),
    };
    let direct = match parameters.get("sslnegotiation") {
        None | Some("postgres") => false,
        Some("direct") => true,
        Some(_) => return Err(wrong("sslnegotiation", "postgres or direct")),
    };
    let mode = match (asked, &roots) {
        (Some(mode), Some(Roots::System)) if mode < TlsMode::VerifyFull => {
            return Err(wrong("sslmode", "verify-full with sslrootcert=system")
                .remedy("anybody can get a certificate of a public authority: only the host name tells them apart"));
        }
        (None, Some(Roots::System)) => TlsMode::VerifyFull,
        (Some(TlsMode::VerifyCa), None) => {
            return Err(Fault::new(Kind::Settings, "sslmode=verify-ca needs the authority's certificate")
                .remedy("set sslrootcert to its PEM file, or use verify-full with sslrootcert=system"));
        }
        (asked, _) => asked.unwrap_or_default(),
    };
    if direct && mode < TlsMode::Require {
        return Err(wrong("sslmode", "require or stronger with sslnegotiation=direct"));
    }
    let file = |name: &str, default: &str| parameters.get(name).map(PathBuf::from).or_else(|| own(default));
    let client = file("sslcert", "postgresql.crt").zip(file("sslkey", "postgresql.key"));
    Ok(TlsOptions { mode, roots, client, direct })
}

fn password(parameters: &Parameters, home: Option<&Path>) -> PasswordSource {
    if parameters.get("password").is_some() {
        return PasswordSource::None;
    }
    if let Some(command) = parameters.get("password_command") {
        return PasswordSource::Command(command.to_owned());
    }
    let file = parameters.get("passfile").map(PathBuf::from).or_else(|| home.map(|h| h.join(".pgpass")));
    file.map_or(PasswordSource::None, PasswordSource::File)
}

#[cfg(test)]
mod tests;
