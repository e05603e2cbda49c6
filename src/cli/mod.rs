//! The command line: arguments, one file and one function per command, exit codes.

pub mod completions;
pub mod config;
pub mod conflicts;
#[cfg(feature = "tui")]
pub mod console;
pub mod conversations;
pub mod demo;
pub mod doctor;
pub mod embedded;
mod exit;
pub mod man;
pub mod output;
pub mod personality;
pub mod queue;
pub mod schema;
pub mod status;
pub mod sync;
pub mod targets;
pub mod users;

pub use exit::Exit;
pub use targets::{Targets, targets};

use crate::observe::{self, Log};
use crate::postgres::Fault;
use crate::settings::{Choices, Environment, Settings};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Who acts, for the record.
const ACTOR: &str = "command line";

/// Admin console and sync engine for a master PostgreSQL and its offline replicas.
#[derive(Debug, Parser)]
#[command(name = "robbie", version, max_term_width = 100, infer_long_args = true)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options that every command takes, before or after its name.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The master database: a libpq URL or key=value string, or `embedded`.
    ///
    /// Other users of this machine can see a password in an argument: use ~/.pgpass, `password_command` or a profile.
    #[arg(long, global = true, value_name = "URL")]
    pub master: Option<String>,
    /// A replica, repeatable: a libpq URL or key=value string, or `embedded`.
    #[arg(long, global = true, value_name = "[NAME=]URL")]
    pub replica: Vec<String>,
    /// The profile of the configuration file to use.
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Another configuration file.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Open read-only database sessions: no write reaches either server.
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Print one JSON document on stdout.
    #[arg(long, global = true)]
    pub json: bool,
    /// Use no colours.
    #[arg(long, global = true)]
    pub no_color: bool,
    /// How much goes to the log file.
    #[arg(long, global = true, value_name = "LEVEL", value_parser = ["off", "error", "warn", "info", "debug", "trace"])]
    pub log_level: Option<String>,
    /// Keeps the log open until the last fault is shown.
    #[arg(skip)]
    log: Arc<OnceLock<Log>>,
}

impl Global {
    /// The choices made by flags, for [`Settings::load`].
    pub fn choices(&self) -> Choices {
        Choices {
            master: self.master.clone().map(Into::into),
            replicas: self.replica.iter().cloned().map(Into::into).collect(),
            profile: self.profile.clone(),
            config: self.config.clone(),
            read_only: self.read_only,
            no_color: self.no_color,
            log_level: self.log_level.clone(),
        }
    }
}

/// What every command that works on databases is given.
#[derive(Debug)]
pub struct Invocation {
    /// Flags over environment over file over the embedded pair.
    pub settings: Settings,
    /// Whether stdout carries one JSON document.
    pub json: bool,
}

impl Invocation {
    /// Reads the settings and starts the log.
    pub fn new(global: &Global) -> Result<Self, Fault> {
        let settings = Settings::load(&global.choices(), Environment::of_process())?;
        global.log.get_or_init(|| {
            let (log, unwritten) = observe::start(&settings);
            if let Some(reason) = unwritten {
                output::note(reason);
            }
            log
        });
        Ok(Self { settings, json: global.json })
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Open the console (this is what `robbie` alone does).
    #[cfg(feature = "tui")]
    Console,
    /// Open the console on two databases of its own, filled with sample data and syncing.
    Demo(demo::DemoArgs),
    /// Show, check or write the configuration file.
    Config(config::ConfigArgs),
    /// See what both sides changed, what became of it, and apply the losing image after all.
    Conflicts(conflicts::ConflictsArgs),
    /// List, read, compare, search and export the conversations that Robbie remembers.
    Conversations(conversations::ConversationsArgs),
    /// See and set Robbie's mood and levels on both sides, their history and presets.
    Personality(personality::PersonalityArgs),
    /// See what is stuck in the queue, why, and replay it.
    Queue(queue::QueueArgs),
    /// Start, stop and look into the embedded PostgreSQL servers.
    Embedded(embedded::EmbeddedArgs),
    /// Bring databases to their schema, and show where they stand.
    Schema(schema::SchemaArgs),
    /// Say whether sync is healthy: both sides, the queue, the engine, and what needs attention.
    Status(status::StatusArgs),
    /// Run the engine without the console: send the queue, take the master's changes.
    Sync(sync::SyncArgs),
    /// See and set which user of the master a replica's text id means.
    Users(users::UsersArgs),
    /// Look at everything that must be right, and say what to do where it is not.
    Doctor(doctor::DoctorArgs),
    /// Print a completion script for a shell.
    Completions(completions::CompletionsArgs),
    /// Print the manual page.
    Man(man::ManArgs),
}

/// Runs the command and shows its fault, if it has one.
pub async fn run(cli: Cli) -> Exit {
    let global = cli.global.clone();
    match dispatch(cli).await {
        Ok(exit) => exit,
        Err(fault) => {
            output::fault(&fault, global.json);
            Exit::of(&fault)
        }
    }
}

async fn dispatch(cli: Cli) -> Result<Exit, Fault> {
    let Cli { global, command } = cli;
    #[cfg(feature = "tui")]
    let command = command.unwrap_or(Command::Console);
    #[cfg(not(feature = "tui"))]
    let command = command.ok_or_else(without_console)?;
    match command {
        // These need no valid configuration: they explain it, write it, or do not read it. Every other command is
        // `name::run(args, &Invocation::new(&global)?).await`.
        #[cfg(feature = "tui")]
        Command::Console => console::run(&Invocation::new(&global)?).await,
        Command::Demo(args) => demo::run(args, &global).await,
        Command::Config(args) => config::run(args, &global).await,
        Command::Embedded(args) => embedded::run(args, &global).await,
        Command::Conflicts(args) => conflicts::run(args, &Invocation::new(&global)?).await,
        Command::Conversations(args) => Box::pin(conversations::run(args, &Invocation::new(&global)?)).await,
        Command::Personality(args) => Box::pin(personality::run(args, &Invocation::new(&global)?)).await,
        Command::Queue(args) => queue::run(args, &Invocation::new(&global)?).await,
        Command::Schema(args) => schema::run(args, &Invocation::new(&global)?).await,
        Command::Status(args) => status::run(&args, &Invocation::new(&global)?).await,
        Command::Sync(args) => sync::run(&args, &Invocation::new(&global)?).await,
        Command::Users(args) => users::run(args, &Invocation::new(&global)?).await,
        Command::Doctor(args) => doctor::run(args, &global).await,
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

#[cfg(not(feature = "tui"))]
fn without_console() -> Fault {
    Fault::new(crate::postgres::Kind::Settings, "this build has no console")
        .remedy("`robbie help` lists the commands; `robbie status` shows where things stand")
}
