//! The four gaps of the analysis: what keeps a replica of the assistant and a unified master apart, and what closes it.

use super::expected::CODE;
use super::matrix::{Personality, personality, queue_without};
use super::user_ids::{self, UserId};
use super::{Database, ENGINE, Family, Recognition, Schema};
use crate::postgres::Side;

/// Where a gap stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapState {
    /// It is there.
    Open,
    /// It is closed.
    Closed,
    /// It cannot be told: the database it is about is away.
    Unknown,
}

/// One of the gaps.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Gap {
    /// Its number in the analysis.
    pub number: u8,
    /// What it is.
    pub title: &'static str,
    /// Where it stands.
    pub state: GapState,
    /// What shows it.
    pub evidence: Vec<String>,
    /// The migration files that close it, as `schema/file`; those of an open gap only.
    pub migrations: Vec<String>,
    /// The command that runs them.
    pub command: Option<&'static str>,
}

/// Looks for the gaps in the databases that could be read.
pub fn gaps(databases: &[Database]) -> Vec<Gap> {
    // A database of the assistant is a replica wherever it lies; the gaps are about the other one.
    let assistant = |d: &&Database| Recognition::of(d).measure(d.side) == Family::SmartRobbie;
    let masters: Vec<&Database> = databases.iter().filter(|d| !assistant(d)).collect();
    vec![
        sync_tables(databases),
        user_id_types(databases, &masters),
        code_tables(&masters),
        personalities(databases, &masters),
    ]
}

/// What was found: whether the gap is open, and what shows it either way.
#[derive(Default)]
struct Finding {
    open: Vec<(Side, String)>,
    closed: Vec<String>,
}

impl Finding {
    fn note(&mut self, database: &Database, wrong: Option<String>, right: &str) {
        match wrong {
            Some(wrong) => self.open.push((database.side, format!("{}: {wrong}", database.name))),
            None => self.closed.push(format!("{}: {right}", database.name)),
        }
    }
    fn gap(self, number: u8, title: &'static str, on_master: &str, on_replica: &str) -> Gap {
        let (master, replica) = (
            self.open.iter().any(|(side, _)| *side == Side::Master),
            self.open.iter().any(|(side, _)| *side == Side::Replica),
        );
        let mut migrations = Vec::new();
        if master {
            migrations.push(format!("{}/{on_master}", Schema::Unified.name()));
        }
        if replica {
            migrations.push(format!("{}/{on_replica}", Schema::SmartRobbie.name()));
        }
        let command = match (master, replica) {
            (true, true) => Some("robbie schema migrate"),
            (true, false) => Some("robbie schema migrate --target master"),
            (false, true) => Some("robbie schema migrate --target replica"),
            (false, false) => None,
        };
        let state = match (self.open.is_empty(), self.closed.is_empty()) {
            (false, _) => GapState::Open,
            (true, false) => GapState::Closed,
            (true, true) => GapState::Unknown,
        };
        let evidence = self.open.into_iter().map(|(_, text)| text).chain(self.closed).collect();
        Gap { number, title, state, evidence, migrations, command }
    }
}

fn sync_tables(databases: &[Database]) -> Gap {
    let mut found = Finding::default();
    for database in databases {
        let wrong = match queue_without(database) {
            None => Some("no table pending_sync".to_owned()),
            Some(missing) if !missing.is_empty() => Some(format!("pending_sync has no {}", missing.join(", "))),
            Some(_) => None,
        };
        found.note(database, wrong, "pending_sync with its nine columns");
    }
    found.gap(1, "No sync tables", "20-sync-infrastructure.sql", "01-smart-robbie.sql")
}

fn user_id_types(databases: &[Database], masters: &[&Database]) -> Gap {
    let mut found = Finding::default();
    for master in masters {
        let mapped = master.table("user_id_mapping").is_some_and(|t| t.has_columns(&["text_id", "uuid_id"]));
        let uuid = user_ids::tables(master, UserId::Uuid);
        let wrong = (!mapped).then(|| {
            let texts: Vec<String> = databases
                .iter()
                .map(|d| (d, user_ids::tables(d, UserId::Text)))
                .filter(|(_, tables)| !tables.is_empty())
                .map(|(d, tables)| format!("TEXT user ids in {} ({})", d.name, tables.join(", ")))
                .collect();
            let here = format!("no table user_id_mapping; UUID user ids in {} tables", uuid.len());
            if texts.is_empty() { here } else { format!("{here}; {}", texts.join("; ")) }
        });
        found.note(master, wrong, "user_id_mapping");
    }
    found.gap(2, "Different user id types", "21-user-id-mapping.sql", "")
}

fn code_tables(masters: &[&Database]) -> Gap {
    let mut found = Finding::default();
    for master in masters {
        let missing: Vec<&str> = CODE.into_iter().filter(|name| !master.has(name)).collect();
        let wrong = (!missing.is_empty()).then(|| format!("no table {}", missing.join(", ")));
        found.note(master, wrong, "all four code tables");
    }
    found.gap(3, "Code tables missing from the unified schema", "22-code-intelligence.sql", "")
}

fn personalities(databases: &[Database], masters: &[&Database]) -> Gap {
    let mut found = Finding::default();
    for master in masters {
        let form = personality(master);
        let wrong = (form != Some(Personality::Canonical)).then(|| {
            let here = match form {
                None => "no table robbie_personality_state",
                Some(Personality::Short) => "robbie_personality_state in the simplified form",
                Some(Personality::Full) => "robbie_personality_state in the full form",
                _ => "robbie_personality_state without its levels",
            };
            let others: Vec<&str> = databases
                .iter()
                .filter(|d| d.name != master.name && personality(d).is_some_and(|p| Some(p) != form))
                .map(|d| d.name.as_str())
                .collect();
            if others.is_empty() { here.to_owned() } else { format!("{here}; another form in {}", others.join(", ")) }
        });
        found.note(master, wrong, "one canonical robbie_personality_state for both forms");
    }
    found.gap(4, "Personality state duplicated", "23-personality.sql", "")
}

/// Whether the engine's own tables are there.
pub(super) fn engine_without(database: &Database, tables: &[&'static str]) -> Vec<&'static str> {
    tables.iter().filter(|name| database.catalog.table(ENGINE, name).is_none()).copied().collect()
}
