//! What the user chose: flags over environment over `config.toml` over the embedded pair.
//!
//! Nothing here connects to anything. A database is a [`Place`]; `postgres::Target` is made from it.

mod environment;
pub mod file;
mod home;
mod load;
mod nearest;
mod origin;
mod problem;

pub use environment::Environment;
pub use home::Home;
pub use nearest::nearest;
pub use origin::{Chosen, Origin};
pub use problem::Problem;

use secrecy::SecretString;
use std::path::PathBuf;
use std::time::Duration;

/// What was chosen by flags.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// `--master`.
    pub master: Option<SecretString>,
    /// `--replica`, each `[NAME=]URL`.
    pub replicas: Vec<SecretString>,
    /// `--profile`.
    pub profile: Option<String>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--read-only`.
    pub read_only: bool,
    /// `--no-color`.
    pub no_color: bool,
    /// `--log-level`.
    pub log_level: Option<String>,
}

/// Where a database is, as the user wrote it.
#[derive(Clone, Debug)]
pub enum Place {
    /// The embedded server of this side.
    Embedded,
    /// A server somewhere.
    Server {
        /// A libpq URL or key=value string.
        dsn: SecretString,
        /// A shell command that prints the password.
        password_command: Option<SecretString>,
    },
    /// Nobody said, and the other side is a real one: guessing would mix somebody's data with the demo's.
    Unnamed,
}

impl Place {
    /// What a person wrote: `embedded`, or a URL or key=value string.
    pub fn written(dsn: String, password_command: Option<String>) -> Self {
        if dsn == "embedded" {
            Self::Embedded
        } else {
            Self::Server { dsn: dsn.into(), password_command: password_command.map(Into::into) }
        }
    }
}

/// A replica by name.
#[derive(Clone, Debug)]
pub struct Replica {
    /// What people call it.
    pub name: String,
    /// Where it is.
    pub place: Chosen<Place>,
}

/// Everything the user chose, each value with its origin.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folders.
    pub home: Home,
    /// The environment as it was at start.
    pub environment: Environment,
    /// The profile in use, if one is.
    pub profile: Option<Chosen<String>>,
    /// The master.
    pub master: Chosen<Place>,
    /// The replicas, at least one.
    pub replicas: Vec<Replica>,
    /// Whether changes ask for the profile's name.
    pub protected: Chosen<bool>,
    /// Whether sessions are read-only.
    pub read_only: Chosen<bool>,
    /// The theme's name.
    pub theme: Chosen<String>,
    /// The time between two cycles of the engine.
    pub interval: Chosen<Duration>,
    /// How long the engine keeps history, and waits for a replica that is away.
    pub keep: Chosen<Duration>,
    /// Whether the engine may run by itself.
    pub sync_enabled: Chosen<bool>,
    /// Whether the console uses the mouse.
    pub mouse: Chosen<bool>,
    /// Whether colours may be used.
    pub color: Chosen<bool>,
    /// Key overrides, as written: action = "key" or a list of keys.
    pub keys: toml::Table,
    /// How much goes to the log file.
    pub log_level: Chosen<String>,
    /// The endpoint that turns texts into vectors, where one is configured.
    pub embeddings: Option<file::Embeddings>,
}
