//! An error a person can act on: kind, SQLSTATE, side, object, message, remedy, and its source.

use super::{Side, reach, remedy};
use std::error::Error as StdError;
use std::sync::Arc;
use tokio_postgres::error::DbError;

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
#[derive(Clone, Debug, serde::Serialize)]
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
    pub source: Option<Arc<dyn StdError + Send + Sync>>,
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
    /// Where only one line is kept: what failed, and what to do next.
    pub fn told(&self) -> String {
        match &self.remedy {
            Some(remedy) => format!("{self} ({remedy})"),
            None => self.to_string(),
        }
    }
    /// Keeps the error underneath.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }
    /// Judges an error of the driver: kind, SQLSTATE, object and remedy come from the server's answer.
    pub fn from_postgres(error: tokio_postgres::Error, side: Side) -> Self {
        let Some(db) = error.as_db_error() else { return Self::from_driver(error, side) };
        let code = db.code().code().to_owned();
        let mut fault = Self::new(kind_of(&code), db.message()).on(side);
        fault.object = object(db);
        fault.remedy = remedy::of(&code, db.message()).map(ToOwned::to_owned);
        fault.sqlstate = Some(code);
        fault.because(error)
    }

    /// An error that no server sent: a lost connection, or a mistake in how we asked.
    fn from_driver(error: tokio_postgres::Error, side: Side) -> Self {
        let said = error.to_string();
        let ours = ["serializing", "deserializing", "invalid column", "unexpected number", "expected", "encoding"];
        if ours.iter().any(|word| said.contains(word)) {
            let cause = StdError::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            return Self::new(Kind::Other, format!("{said}{cause}"))
                .on(side)
                .because(error)
                .remedy("the database is not shaped as expected here; `robbie schema status` compares");
        }
        Self::new(Kind::Unreachable, reach::why(&error))
            .on(side)
            .because(error)
            .remedy("the connection comes back by itself when the server does")
    }
}

/// What the server's error is about: the constraint, else the column, else the table, else a name in the message.
fn object(db: &DbError) -> Option<String> {
    let table = db.table().map(|table| match db.schema() {
        Some(schema) if schema != "public" => format!("{schema}.{table}"),
        _ => table.to_owned(),
    });
    match (db.constraint(), db.column(), table) {
        (Some(constraint), _, _) => Some(constraint.to_owned()),
        (None, Some(column), Some(table)) => Some(format!("{table}.{column}")),
        (None, Some(column), None) => Some(column.to_owned()),
        (None, None, Some(table)) => Some(table),
        (None, None, None) => named_in(db.code().code(), db.message()),
    }
}

/// The server names missing objects only in its message, first in double quotes (or, for a function, without).
fn named_in(code: &str, message: &str) -> Option<String> {
    if !matches!(code, "3D000" | "3F000" | "42P01" | "42703" | "42704" | "42883" | "42501" | "28P01" | "28000") {
        return None;
    }
    let quoted = message.split('"').nth(1).map(ToOwned::to_owned);
    quoted.or_else(|| {
        let words: Vec<&str> = message.split_whitespace().collect();
        let at = words
            .iter()
            .position(|w| matches!(*w, "function" | "column" | "table" | "relation" | "schema" | "type"))?;
        words.get(at + 1).map(|word| (*word).to_owned())
    })
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
        // 57P0x: the server shuts down, crashed, starts up, or the database was dropped under us; 25P03, 57P05: it
        // closed a session that idled.
        "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "25P03" => Kind::Unreachable,
        "3D000" => Kind::Refused,
        "42501" | "25006" => Kind::Privilege,
        "40001" | "40P01" | "55P03" | "57014" | "55006" => Kind::Transient,
        "0A000" | "3F000" => Kind::Schema,
        // Too large or too deep for the server: trying again changes nothing.
        s if s.starts_with("54") => Kind::Data,
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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("08006", Kind::Unreachable)]
    #[case("57P01", Kind::Unreachable)]
    #[case("57P03", Kind::Unreachable)]
    #[case("28P01", Kind::Refused)]
    #[case("28000", Kind::Refused)]
    #[case("3D000", Kind::Refused)]
    #[case("42501", Kind::Privilege)]
    #[case("25006", Kind::Privilege)]
    #[case("40001", Kind::Transient)]
    #[case("40P01", Kind::Transient)]
    #[case("53100", Kind::Transient)]
    #[case("53300", Kind::Transient)]
    #[case("55P03", Kind::Transient)]
    #[case("57014", Kind::Transient)]
    #[case("42601", Kind::Schema)]
    #[case("42703", Kind::Schema)]
    #[case("42804", Kind::Schema)]
    #[case("42P01", Kind::Schema)]
    #[case("42P10", Kind::Schema)]
    #[case("22001", Kind::Data)]
    #[case("22P05", Kind::Data)]
    #[case("23505", Kind::Data)]
    #[case("23P01", Kind::Data)]
    #[case("54000", Kind::Data)]
    #[case("XX000", Kind::Other)]
    fn kinds(#[case] sqlstate: &str, #[case] kind: Kind) {
        assert_eq!(kind_of(sqlstate), kind);
    }

    #[test]
    fn a_missing_object_is_taken_from_the_message() {
        assert_eq!(named_in("42P01", "relation \"pending_sync\" does not exist").as_deref(), Some("pending_sync"));
        assert_eq!(named_in("42703", "column m.updated_at does not exist").as_deref(), Some("m.updated_at"));
        assert_eq!(named_in("42501", "permission denied for table users").as_deref(), Some("users"));
        assert_eq!(named_in("22P02", "invalid input syntax for type uuid: \"secret row value\""), None);
    }

    #[test]
    fn a_fault_serialises_without_its_source() {
        let fault = Fault::new(Kind::Refused, "no").on(Side::Replica).because("driver").remedy("do");
        let json = serde_json::to_value(&fault).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"kind": "refused", "side": "replica", "sqlstate": null, "object": null, "message": "no", "remedy": "do"})
        );
    }
}
