//! `robbie embedded start|stop|status|psql|destroy`: the local servers.

use super::{Exit, Global, output};
use crate::embedded::{self, Home, Installation, Options, Servers, Status, progress};
use crate::postgres::{Fault, Kind, Side};
use crate::settings::{Environment, Settings};
use clap::{Args, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::io::{BufRead, IsTerminal};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Arguments of `robbie embedded`.
#[derive(Args, Debug)]
pub struct EmbeddedArgs {
    /// What to do with the servers.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the servers.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Start both servers and leave them running for later commands.
    Start {
        /// Stay, keep the servers up, and stop them when interrupted.
        #[arg(long)]
        foreground: bool,
    },
    /// Stop both servers, unless another robbie uses them.
    Stop,
    /// Show where they live, whether they run, and who uses them.
    Status,
    /// Open psql on one of them.
    Psql {
        /// Which one.
        #[arg(value_enum)]
        side: Which,
        /// Connect as the superuser instead of the ordinary role that robbie uses.
        #[arg(long)]
        superuser: bool,
        /// Arguments for psql.
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Stop both servers and remove their data for good.
    Destroy {
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Stop the servers when the process at the other end of stdin ends.
    #[command(hide = true)]
    Watch {
        /// Remove everything as well.
        #[arg(long)]
        ephemeral: bool,
        /// The lease of that process.
        #[arg(long)]
        lease: PathBuf,
        /// The data folder that the pair belongs to.
        data: PathBuf,
    },
}

/// One of the servers.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Which {
    /// The master.
    Master,
    /// The replica.
    Replica,
}

impl From<Which> for Side {
    fn from(which: Which) -> Self {
        match which {
            Which::Master => Self::Master,
            Which::Replica => Self::Replica,
        }
    }
}

/// Runs `robbie embedded`.
pub async fn run(args: EmbeddedArgs, global: &Global) -> Result<Exit, Fault> {
    // The watchdog is told where; it must not depend on a configuration that may have changed meanwhile.
    if let Action::Watch { ephemeral, lease, data } = args.action {
        return embedded::watch(&Home::at(&data)?, &lease, ephemeral).map(|()| Exit::Done);
    }
    let settings = Settings::load(&global.choices(), Environment::of_process())?;
    let home = Home::of_user(&settings.home, &settings.environment)?;
    match args.action {
        Action::Start { foreground } => start(home, foreground, global.json).await,
        Action::Stop => stop(home, global.json).await,
        Action::Status => show(&embedded::status(&home)?, global.json).map(|()| Exit::Done),
        Action::Psql { side, superuser, arguments } => psql(&home, side.into(), superuser, &arguments),
        Action::Destroy { yes } => destroy(&home, yes, global.json),
        Action::Watch { .. } => Ok(Exit::Done),
    }
}

async fn start(home: Home, foreground: bool, json: bool) -> Result<Exit, Fault> {
    // From here on a signal is waited for: it must not end the process between the start and the stop.
    let ending = Ending::new()?;
    let options = Options { keep: !foreground, ..Options::default() };
    let servers = embedded::start(home, options, Arc::new(progress::on_stderr())).await?;
    show(&embedded::status(servers.home())?, json)?;
    if foreground {
        ending.attend(&servers).await?;
        servers.stop().await?;
    }
    Ok(Exit::Done)
}

/// The signals that ask a process to end.
struct Ending {
    interrupted: Signal,
    terminated: Signal,
    hung_up: Signal,
}

impl Ending {
    fn new() -> Result<Self, Fault> {
        let on = |kind| signal(kind).map_err(|e| Fault::new(Kind::Local, "cannot wait for signals").because(e));
        Ok(Self {
            interrupted: on(SignalKind::interrupt())?,
            terminated: on(SignalKind::terminate())?,
            hung_up: on(SignalKind::hangup())?,
        })
    }
    /// Keeps the servers up until one of the signals comes.
    async fn attend(mut self, servers: &Servers) -> Result<(), Fault> {
        let mut pulse = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = self.interrupted.recv() => return Ok(()),
                _ = self.terminated.recv() => return Ok(()),
                _ = self.hung_up.recv() => return Ok(()),
                _ = pulse.tick() => if servers.ensure().await? {
                    output::note("started again what had ended");
                },
            }
        }
    }
}

async fn stop(home: Home, json: bool) -> Result<Exit, Fault> {
    let users = embedded::stop(home.clone()).await?;
    if json {
        output::json(&embedded::status(&home)?)?;
    }
    if users.is_empty() {
        if !json {
            output::line("stopped")?;
        }
        return Ok(Exit::Done);
    }
    let pids: Vec<String> = users.iter().map(ToString::to_string).collect();
    output::note(format!("in use by process {}; the servers stop when it ends", pids.join(", ")));
    Ok(Exit::Attention)
}

fn show(status: &Status, json: bool) -> Result<(), Fault> {
    if json {
        return output::json(status);
    }
    for server in &status.servers {
        let process = server.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
        output::line(format!("{:<13} {}{process}", server.side.to_string(), server.state))?;
        output::line(format!("{:<13} {}, database {}", "", server.socket.display(), server.database))?;
        output::line(format!("{:<13} {}", "", server.data.display()))?;
    }
    let installation = match &status.installation {
        Some(i) => format!("PostgreSQL {} in {}", i.version, i.bindir.display()),
        None => "none yet; the next start fetches one".to_owned(),
    };
    output::line(format!("{:<13} {installation}", "installation"))?;
    let users: Vec<String> = status.users.iter().map(ToString::to_string).collect();
    let used = if users.is_empty() { "nobody".to_owned() } else { format!("process {}", users.join(", ")) };
    output::line(format!("{:<13} {used}", "used by"))?;
    let until = if status.keep { "robbie embedded stop" } else { "the last robbie that uses them ends" };
    output::line(format!("{:<13} {until}", "running until"))?;
    status.note.as_ref().map_or(Ok(()), |note| output::line(format!("{:<13} {note}", "note")))
}

/// What libpq reads from the environment about servers that are not ours.
const ELSEWHERE: [&str; 9] = [
    "PGPASSWORD",
    "PGHOSTADDR",
    "PGSERVICE",
    "PGSSLMODE",
    "PGSSLNEGOTIATION",
    "PGREQUIREAUTH",
    "PGREQUIRESSL",
    "PGCHANNELBINDING",
    "PGTARGETSESSIONATTRS",
];

/// Becomes psql. The password is in a file that psql reads; it stands in no argument and no variable.
fn psql(home: &Home, side: Side, superuser: bool, arguments: &[OsString]) -> Result<Exit, Fault> {
    let status = embedded::status(home)?;
    let server = status.servers.iter().find(|s| s.side == side && s.state == "running").ok_or_else(|| {
        Fault::new(Kind::Unreachable, "the embedded server does not run").on(side).remedy("robbie embedded start")
    })?;
    let installation = status.installation.map_or_else(|| Installation::find_or_fetch(home, &progress::silent), Ok)?;
    let place = embedded::connection(home, side, superuser);
    let mut psql = std::process::Command::new(installation.program("psql"));
    for name in ELSEWHERE {
        psql.env_remove(name);
    }
    let error = psql
        .env("PGPASSFILE", &place.passwords)
        .env("PGHOST", &place.host)
        .env("PGPORT", place.port.to_string())
        .env("PGUSER", place.user)
        .env("PGDATABASE", server.database)
        .env("PGAPPNAME", "robbie psql")
        .args(arguments)
        .exec();
    Err(Fault::new(Kind::Local, format!("cannot run {}: {error}", installation.program("psql").display()))
        .remedy("set ROBBIE_PG_BINDIR to the bin folder of a PostgreSQL with pgvector and psql")
        .because(error))
}

fn destroy(home: &Home, yes: bool, json: bool) -> Result<Exit, Fault> {
    if !yes {
        if !std::io::stdin().is_terminal() {
            return Err(Fault::new(Kind::Settings, "nobody can be asked whether to remove the embedded data")
                .remedy("robbie embedded destroy --yes"));
        }
        output::note(format!(
            "This removes the embedded master and replica in {} with all their data. Go on? [y/N]",
            home.place().display()
        ));
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        if read.is_err() || !matches!(answer.trim(), "y" | "Y" | "yes") {
            output::note("nothing was removed");
            return Ok(Exit::Attention);
        }
    }
    embedded::destroy(home)?;
    if json {
        output::json(&embedded::status(home)?)?;
    } else {
        output::line("removed the embedded master and replica; the PostgreSQL installation stays")?;
    }
    Ok(Exit::Done)
}
