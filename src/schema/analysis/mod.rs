//! The analysis of folders of SQL files: each is loaded, file by file, into a database of its own on a scratch server, and what
//! came of it is told: statements that fail, tables declared twice, types that clash between the schemas; then the databases
//! themselves are compared and scored like any other.

mod load;
mod statements;
mod written;

pub use load::load;
pub use statements::{Kind, Statement, split};
pub use written::findings;

use super::{Database, flaws};
use crate::postgres::{Fault, Kind as FaultKind};
use std::path::{Path, PathBuf};

/// Files that make up one schema, in the order in which they are loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name of their folder, or of the one file.
    pub name: String,
    /// The files.
    pub files: Vec<PathBuf>,
}

/// Why a statement failed, in the terms of the analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// It is not PostgreSQL's SQL.
    Syntax,
    /// It names something that is not there.
    BrokenReference,
    /// Columns that refer to each other, or values, are of different types.
    TypeClash,
    /// What it makes is there already.
    Duplicate,
    /// It needs what the scratch server does not have or does not allow: an extension, a role, a file.
    Environment,
    /// Anything else.
    Other,
}

impl Class {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::BrokenReference => "broken reference",
            Self::TypeClash => "type clash",
            Self::Duplicate => "duplicate",
            Self::Environment => "not on the scratch server",
            Self::Other => "other",
        }
    }
    /// Judges a failure by its SQLSTATE and the first words of the statement.
    fn of(sqlstate: &str, words: &[String]) -> Self {
        if words.first().is_some_and(|w| w == "create") && words.get(1).is_some_and(|w| w == "extension") {
            return Self::Environment;
        }
        match sqlstate {
            "42601" | "42602" | "42622" | "42939" => Self::Syntax,
            "42P01" | "42703" | "42883" | "42704" | "3F000" | "42P10" | "42830" | "23503" => Self::BrokenReference,
            "42804" | "42846" | "22P02" | "42P18" | "42P21" => Self::TypeClash,
            "42P07" | "42710" | "42701" | "42712" | "42723" | "42P06" | "42P16" | "23505" => Self::Duplicate,
            "58P01" | "0A000" | "42501" | "25006" | "58030" => Self::Environment,
            _ => Self::Other,
        }
    }
}

/// A statement that failed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// The file, as it was named.
    pub file: String,
    /// The line that the error is on, or else that the statement begins on.
    pub line: usize,
    /// The SQLSTATE.
    pub sqlstate: String,
    /// What sort of failure it is.
    pub class: Class,
    /// What the server said.
    pub reason: String,
    /// The first line of the statement.
    pub statement: String,
}

/// A table that is declared more than once.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Twice {
    /// The table.
    pub table: String,
    /// Where it is declared first, as `file:line`.
    pub first: String,
    /// Where again.
    pub again: String,
    /// How the columns differ; empty where they are the same.
    pub differences: Vec<String>,
}

/// A column that two schemas have under one name with different types.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Clash {
    /// `table.column`.
    pub column: String,
    /// Its type in each schema, as `schema: type`.
    pub types: Vec<String>,
}

/// What came of loading one source.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// How many files.
    pub files: usize,
    /// How many statements were run.
    pub statements: usize,
    /// Those that failed.
    pub failures: Vec<Failure>,
    /// What was passed over, and why.
    pub notes: Vec<String>,
    /// Tables that are declared more than once.
    pub twice: Vec<Twice>,
    /// The database that came of it.
    pub database: Database,
}

impl Loaded {
    /// The failures that are the files' own.
    pub fn faults(&self) -> usize {
        self.failures.iter().filter(|f| f.class != Class::Environment).count()
    }
    /// The foreign keys that no index begins with, as `table(column, …)`.
    pub fn unindexed(&self) -> Vec<String> {
        flaws::unindexed_keys(&self.database)
    }
}

/// The schemas that paths name: a file is one, and so is each folder that has SQL files right in it, in or below a path.
pub fn sources(paths: &[PathBuf]) -> Result<Vec<Source>, Fault> {
    let mut found = Vec::new();
    for path in paths {
        let before = found.len();
        if path.is_file() {
            found.push(Source { name: stem(path), files: vec![path.clone()] });
        } else {
            below(path, 0, &mut found)?;
        }
        if found.len() == before {
            return Err(Fault::new(FaultKind::Settings, format!("{} has no .sql files", path.display()))
                .remedy("name SQL files, or folders that have some in them or below them"));
        }
    }
    // Folders of the same name are told apart by the ones they are in.
    let names: Vec<String> = found.iter().map(|s| s.name.clone()).collect();
    for source in &mut found {
        if names.iter().filter(|n| **n == source.name).count() > 1
            && let Some(folder) = source.files.first().and_then(|f| f.parent())
        {
            source.name = folder.display().to_string();
        }
    }
    Ok(found)
}

/// How deep folders are looked into: enough for a repository, and an end where links make a ring.
const DEEPEST: usize = 6;

fn below(folder: &Path, depth: usize, found: &mut Vec<Source>) -> Result<(), Fault> {
    let unreadable = |e: std::io::Error| {
        Fault::new(FaultKind::Settings, format!("{} cannot be read: {e}", folder.display())).because(e)
    };
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    let is_sql = |p: &&PathBuf| p.is_file() && p.extension().is_some_and(|e| e.eq_ignore_ascii_case("sql"));
    let files: Vec<PathBuf> = entries.iter().filter(is_sql).cloned().collect();
    if !files.is_empty() {
        let named = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        found.push(Source { name: stem(&named), files });
    }
    for entry in entries.iter().filter(|p| p.is_dir() && depth < DEEPEST && !hidden(p)) {
        below(entry, depth + 1, found)?;
    }
    Ok(())
}

fn hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'))
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}

/// The columns that several schemas have under one name, and not as one type.
pub fn clashes(databases: &[Database]) -> Vec<Clash> {
    let mut found: Vec<Clash> = Vec::new();
    for (n, first) in databases.iter().enumerate() {
        for table in first.tables().filter(|t| t.schema == "public" && !databases[..n].iter().any(|d| d.has(&t.name))) {
            for column in &table.columns {
                let types: Vec<(&str, &str)> = databases[n..]
                    .iter()
                    .filter_map(|d| {
                        Some((d.name.as_str(), d.table(&table.name)?.column(&column.name)?.type_name.as_str()))
                    })
                    .collect();
                if types.iter().any(|(_, t)| *t != column.type_name) {
                    let types = types.iter().map(|(name, t)| format!("{name}: {t}")).collect();
                    found.push(Clash { column: format!("{}.{}", table.name, column.name), types });
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_with_files_are_schemas_and_hidden_ones_are_not() {
        let top = tempfile::tempdir().unwrap();
        for file in ["a/02.sql", "a/01.SQL", "a/readme.md", "b/c/x.sql", ".git/y.sql", "one.sql"] {
            let path = top.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = sources(&[top.path().join("a"), top.path().join("b"), top.path().join("one.sql")]).unwrap();
        let told: Vec<(String, usize)> = found.iter().map(|s| (s.name.clone(), s.files.len())).collect();
        assert_eq!(told, [("a".to_owned(), 2), ("c".to_owned(), 1), ("one".to_owned(), 1)]);
        assert!(found[0].files[0].ends_with("01.SQL"));
        assert!(sources(&[top.path().join("a/readme.md")]).is_ok(), "a named file is taken as it is");
        assert!(sources(&[top.path().join(".git/none")]).is_err());
    }

    #[test]
    fn failures_have_classes() {
        let words = |text: &str| statements::words(text, 3);
        assert_eq!(Class::of("58P01", &words("create extension \"uuid-ossp\"")), Class::Environment);
        assert_eq!(Class::of("42P01", &words("alter table a")), Class::BrokenReference);
        assert_eq!(Class::of("42804", &words("alter table a")), Class::TypeClash);
        assert_eq!(Class::of("42P07", &words("create table a")), Class::Duplicate);
        assert_eq!(Class::of("42601", &words("alter table a")), Class::Syntax);
        assert_eq!(Class::of("22012", &words("select 1/0")), Class::Other);
    }
}
