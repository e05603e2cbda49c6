//! The structural differences of two databases, each with the SQL that would bring the first to the second. Nothing is run.

mod sql;
mod tables;
mod types;

use super::{Database, ENGINE};

/// What a difference is about. The order is that of the statements in a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A schema.
    Schema,
    /// A whole table.
    Table,
    /// A column.
    Column,
    /// A column's type.
    Type,
    /// A column's default.
    Default,
    /// Whether a column refuses NULL.
    NotNull,
    /// A primary key.
    PrimaryKey,
    /// A unique constraint.
    Unique,
    /// A check.
    Check,
    /// A function or procedure.
    Function,
    /// An index.
    Index,
    /// A trigger.
    Trigger,
    /// A foreign key.
    ForeignKey,
}

impl Part {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Table => "table",
            Self::Column => "column",
            Self::Type => "type",
            Self::Default => "default",
            Self::NotNull => "not null",
            Self::PrimaryKey => "primary key",
            Self::Unique => "unique",
            Self::Check => "check",
            Self::Function => "function",
            Self::Index => "index",
            Self::Trigger => "trigger",
            Self::ForeignKey => "foreign key",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// What it is about.
    pub part: Part,
    /// Which object: `deals`, `deals.amount`.
    pub object: String,
    /// How the first has it; `None`: not at all.
    pub first: Option<String>,
    /// How the second has it.
    pub second: Option<String>,
    /// The statement that would bring the first to the second.
    pub sql: String,
    /// Whether that takes away what the first has, or may cut its values: in a script such a statement is a comment.
    pub destroys: bool,
}

/// Compares two databases; what the engine keeps for itself is left out.
pub fn diff(first: &Database, second: &Database) -> Vec<Difference> {
    let mut found = Vec::new();
    let schemas = |d: &Database| {
        let all = d.catalog.schemas.iter().filter(|s| *s != ENGINE).cloned();
        all.collect::<Vec<_>>()
    };
    let (ours, theirs) = (schemas(first), schemas(second));
    for name in theirs.iter().filter(|s| !ours.contains(s)) {
        found.push(added(Part::Schema, name, name, format!("CREATE SCHEMA {};", sql::quote(name))));
    }
    for name in ours.iter().filter(|s| !theirs.contains(s)) {
        found.push(gone(Part::Schema, name, name, format!("DROP SCHEMA {};", sql::quote(name))));
    }
    tables::compare(first, second, &mut found);
    routines(first, second, &mut found);
    found.sort_by(|a, b| (a.part, &a.object).cmp(&(b.part, &b.object)));
    found
}

/// The differences as one script. Statements that take something away are comments: a person decides on them.
pub fn script(differences: &[Difference]) -> String {
    let mut out =
        String::from("-- Look at every statement before you run any of them.\nSET check_function_bodies = off;\n");
    let (taking, giving): (Vec<&Difference>, Vec<&Difference>) = differences.iter().partition(|d| d.destroys);
    for difference in giving {
        out.push_str(&difference.sql);
        out.push('\n');
    }
    if !taking.is_empty() {
        out.push_str("\n-- These take away what is only in the first, or cut values to a narrower type.\n");
    }
    for difference in taking.into_iter().rev() {
        for line in difference.sql.lines() {
            out.push_str("-- ");
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn added(part: Part, object: &str, second: &str, sql: String) -> Difference {
    Difference { part, object: object.to_owned(), first: None, second: Some(second.to_owned()), sql, destroys: false }
}

fn gone(part: Part, object: &str, first: &str, sql: String) -> Difference {
    Difference { part, object: object.to_owned(), first: Some(first.to_owned()), second: None, sql, destroys: true }
}

fn changed(part: Part, object: &str, first: &str, second: &str, sql: String) -> Difference {
    let (first, second) = (Some(first.to_owned()), Some(second.to_owned()));
    Difference { part, object: object.to_owned(), first, second, sql, destroys: false }
}

fn routines(first: &Database, second: &Database, found: &mut Vec<Difference>) {
    let own = |d: &'_ Database| d.routines.iter().filter(|r| r.schema != ENGINE).cloned().collect::<Vec<_>>();
    let (ours, theirs) = (own(first), own(second));
    for theirs in &theirs {
        let object = sql::signature(theirs);
        match ours.iter().find(|o| sql::signature(o) == object) {
            None => found.push(added(Part::Function, &object, "there", format!("{};", theirs.definition.trim_end()))),
            Some(o) if o.definition.trim_end() != theirs.definition.trim_end() => {
                let (a, b) = sql::where_they_part(&o.definition, &theirs.definition);
                found.push(changed(Part::Function, &object, &a, &b, format!("{};", theirs.definition.trim_end())));
            }
            Some(_) => {}
        }
    }
    for ours in ours.iter().filter(|o| !theirs.iter().any(|t| sql::signature(t) == sql::signature(o))) {
        let object = sql::signature(ours);
        let kind = if ours.definition.to_lowercase().contains("procedure") { "ROUTINE" } else { "FUNCTION" };
        let drop = format!("DROP {kind} {}.{}({});", sql::quote(&ours.schema), sql::quote(&ours.name), ours.arguments);
        found.push(gone(Part::Function, &object, "there", drop));
    }
}
