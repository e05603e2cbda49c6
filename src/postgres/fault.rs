//! An error a person can act on: kind, SQLSTATE, side, object, message, remedy, and its source.

use super::Side;
use std::error::Error as StdError;

/// What sort of failure this is; decides the retry policy and which remedy is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The server cannot be reached, or the connection broke (class 08, 57P0x, sockets, time-outs to connect).
    Unreachable,
    /// The password, role, certificate or `pg_hba.conf` refuses us (class 28, 3D000).
    Refused,
    /// TLS could not be set up as asked.
    Tls,
    /// A privilege is missing, or the session is read-only (42501, 25006).
    Privilege,
    /// A table, column, function or type is missing or different (42P01, 42703, 42804, …).
    Schema,
    /// The data break a rule of the table (class 23, 22).
    Data,
    /// Worth trying again by itself: deadlock, serialisation, lock or statement time-out, out of resources.
    Transient,
    /// The configuration is wrong.
    Settings,
    /// Something on this machine: a file, a process, a download.
    Local,
    /// Anything else.
    Other,
}

/// A failure with everything a person needs to act on it. Row values and secrets never stand in one.
#[derive(Debug, serde::Serialize)]
pub struct Fault {
    /// What sort of failure.
    pub kind: Kind,
    /// Which database, where one is meant.
    pub side: Option<Side>,
    /// The SQLSTATE, if the server answered with one.
    pub sqlstate: Option<String>,
    /// The object it is about: `table.column`, a constraint, a file.
    pub object: Option<String>,
    /// What failed and why, one sentence.
    pub message: String,
    /// What to do next.
    pub remedy: Option<String>,
    /// The error underneath.
    #[serde(skip)]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Fault {
    /// A fault of `kind` with a message.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, side: None, sqlstate: None, object: None, message: message.into(), remedy: None, source: None }
    }
    /// Names the side.
    #[must_use]
    pub fn on(mut self, side: Side) -> Self {
        self.side = Some(side);
        self
    }
    /// Names the object.
    #[must_use]
    pub fn about(mut self, object: impl Into<String>) -> Self {
        self.object = Some(object.into());
        self
    }
    /// Says what to do next.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
    /// Keeps the error underneath.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
    /// Judges an error of the driver: kind, SQLSTATE, object and remedy come from the server's answer.
    pub fn from_postgres(error: tokio_postgres::Error, side: Side) -> Self {
        let Some(db) = error.as_db_error() else {
            let cause = StdError::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            return Self::new(Kind::Unreachable, cause).on(side).because(error);
        };
        let code = db.code().code().to_owned();
        let kind = kind_of(&code);
        let mut fault = Self::new(kind, db.message()).on(side);
        fault.object = db.constraint().or(db.column()).or(db.table()).map(ToOwned::to_owned);
        fault.sqlstate = Some(code);
        fault.because(error)
    }
}

impl From<crate::settings::Problem> for Fault {
    fn from(problem: crate::settings::Problem) -> Self {
        let mut fault = Self::new(Kind::Settings, problem.to_string());
        fault.object = problem.place.map(|(file, line)| format!("{}:{line}", file.display()));
        fault.remedy = problem.remedy;
        fault
    }
}

/// The kind that a SQLSTATE belongs to.
pub fn kind_of(sqlstate: &str) -> Kind {
    match sqlstate {
        "57P01" | "57P02" | "57P03" => Kind::Unreachable,
        "3D000" => Kind::Refused,
        "42501" | "25006" => Kind::Privilege,
        "40001" | "40P01" | "55P03" | "57014" => Kind::Transient,
        s if s.starts_with("08") => Kind::Unreachable,
        s if s.starts_with("28") => Kind::Refused,
        s if s.starts_with("53") => Kind::Transient,
        s if s.starts_with("42") => Kind::Schema,
        s if s.starts_with("22") || s.starts_with("23") => Kind::Data,
        _ => Kind::Other,
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(side) = self.side {
            write!(f, "{side}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(code) = &self.sqlstate {
            write!(f, " [{code}]")?;
        }
        Ok(())
    }
}

impl StdError for Fault {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|s| s.as_ref() as &(dyn StdError + 'static))
    }
}
