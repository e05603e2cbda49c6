//! Which of the known schemas a database has, told from its tables.

use super::expected::{AURORA_MARKS, CODE, UNIFIED_MARKS};
use super::{Database, user_ids};
use crate::postgres::Side;

/// A schema that is known by name, or why none is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// The code assistant's: code tables with TEXT user ids.
    SmartRobbie,
    /// The original one: users with the tables of the first application.
    MainAurora,
    /// All business logic, with or without the code tables under UUID user ids.
    Unified,
    /// Tables of several of these.
    Mixed,
    /// Tables, and none that these schemas are known by.
    Other,
    /// No table at all.
    Empty,
}

impl Family {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SmartRobbie => "Smart Robbie",
            Self::MainAurora => "Main Aurora",
            Self::Unified => "Unified",
            Self::Mixed => "mixed",
            Self::Other => "other",
            Self::Empty => "empty",
        }
    }
}

/// What a database was recognised as, and by which tables.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Recognition {
    /// As what.
    pub family: Family,
    /// By which tables, each with the schema it speaks for.
    pub evidence: Vec<String>,
}

impl Recognition {
    /// Recognises a database.
    pub fn of(database: &Database) -> Self {
        let found = |names: &[&'static str]| names.iter().filter(|n| database.has(n)).copied().collect::<Vec<_>>();
        let code: Vec<&str> = found(&CODE)
            .into_iter()
            .filter(|name| {
                database.table(name).and_then(user_ids::of).is_some_and(|kind| kind == user_ids::UserId::Text)
            })
            .collect();
        let keyed = database.has("users");
        let aurora = found(&AURORA_MARKS);
        let unified = found(&UNIFIED_MARKS);
        let mut families = Vec::new();
        let mut evidence = Vec::new();
        if !code.is_empty() {
            families.push(Family::SmartRobbie);
            evidence.push(format!("Smart Robbie: {} with TEXT user ids", code.join(", ")));
        }
        if keyed && aurora.len() >= 2 {
            families.push(Family::MainAurora);
            evidence.push(format!("Main Aurora: users, {}", aurora.join(", ")));
        }
        if keyed && !unified.is_empty() {
            families.push(Family::Unified);
            evidence.push(format!("Unified: users, {}", unified.join(", ")));
        }
        let family = match families.as_slice() {
            [] if database.tables().next().is_none() => Family::Empty,
            [] => Family::Other,
            [one] => *one,
            _ => Family::Mixed,
        };
        Self { family, evidence }
    }
    /// The schema to measure the database by: its own, or the one that its side is for.
    pub fn measure(&self, side: Side) -> Family {
        match (self.family, side) {
            (Family::Mixed, _) | (Family::Other | Family::Empty, Side::Master) => Family::Unified,
            (Family::Other | Family::Empty, Side::Replica) => Family::SmartRobbie,
            (family, _) => family,
        }
    }
}
