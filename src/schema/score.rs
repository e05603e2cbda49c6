//! The health score of a schema: four parts, every deduction named, their rounded mean.

use super::expected::{self, CODE};
use super::gaps::engine_without;
use super::matrix::queue_without;
use super::{Database, Family, Recognition, flaws};

/// The parts of the score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Are the tables of its schema there?
    Completeness,
    /// Do they go together?
    Consistency,
    /// Are the indexes there that the queries need?
    Performance,
    /// Can it be synced?
    SyncReady,
}

/// The parts in their order.
pub const PARTS: [Part; 4] = [Part::Completeness, Part::Consistency, Part::Performance, Part::SyncReady];

impl Part {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completeness => "completeness",
            Self::Consistency => "consistency",
            Self::Performance => "performance",
            Self::SyncReady => "sync-ready",
        }
    }
}

/// Something that costs points.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Deduction {
    /// In which part.
    pub part: Part,
    /// How many.
    pub points: u8,
    /// For what.
    pub reason: String,
    /// Which objects.
    pub objects: Vec<String>,
}

/// The score of one database.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Score {
    /// By which schema it was measured.
    pub measured_by: Family,
    /// 0 to 100.
    pub completeness: u8,
    /// 0 to 100.
    pub consistency: u8,
    /// 0 to 100.
    pub performance: u8,
    /// 0 to 100.
    pub sync_ready: u8,
    /// Their rounded mean.
    pub total: u8,
    /// Why it is not 100.
    pub deductions: Vec<Deduction>,
}

/// The rounded mean of the four parts.
pub fn total(parts: [u8; 4]) -> u8 {
    let sum: u16 = parts.into_iter().map(u16::from).sum();
    ((sum + 2) / 4) as u8
}

impl Score {
    /// Scores a database.
    pub fn of(database: &Database) -> Self {
        let family = Recognition::of(database).measure(database.side);
        let mut deductions = completeness(database, family);
        deductions.extend(flaws::flaws(database));
        deductions.extend(sync_ready(database, family));
        Self::from_deductions(family, deductions)
    }
    fn from_deductions(measured_by: Family, mut deductions: Vec<Deduction>) -> Self {
        let mut left = [100_u8; 4];
        // What is named is what is taken: the last points of a part are not taken twice.
        for deduction in &mut deductions {
            let part = &mut left[deduction.part as usize];
            deduction.points = deduction.points.min(*part);
            *part -= deduction.points;
        }
        deductions.retain(|d| d.points > 0);
        let [completeness, consistency, performance, sync_ready] = left;
        Self { measured_by, completeness, consistency, performance, sync_ready, total: total(left), deductions }
    }
    /// The points of a part.
    pub fn part(&self, part: Part) -> u8 {
        match part {
            Part::Completeness => self.completeness,
            Part::Consistency => self.consistency,
            Part::Performance => self.performance,
            Part::SyncReady => self.sync_ready,
        }
    }
}

/// A missing table counts whole, one without some of its columns half; all tables of the schema together are 100 points.
fn completeness(database: &Database, family: Family) -> Vec<Deduction> {
    let files = expected::files(family);
    let all = 2 * files.iter().map(|f| f.tables.len()).sum::<usize>();
    let (mut deductions, mut lost, mut taken) = (Vec::new(), 0, 0);
    for file in files {
        let missing: Vec<String> = file.tables.iter().filter(|t| !database.has(t)).map(|t| (*t).to_owned()).collect();
        let incomplete: Vec<String> = file
            .tables
            .iter()
            .filter_map(|name| {
                let table = database.table(name)?;
                let without: Vec<&str> =
                    expected::columns(name).iter().filter(|c| table.column(c).is_none()).copied().collect();
                (!without.is_empty()).then(|| format!("{name} without {}", without.join(", ")))
            })
            .collect();
        lost += 2 * missing.len() + incomplete.len();
        // Rounded over the files together, so that the deductions add up to the whole.
        let until_here = (200 * lost + all) / (2 * all);
        if !missing.is_empty() || !incomplete.is_empty() {
            let (of, gone) = (file.tables.len(), missing.len());
            let reason = match (gone, incomplete.len()) {
                (0, n) => format!("{}: {n} of {of} tables incomplete", file.name),
                (gone, 0) => format!("{}: {gone} of {of} tables missing", file.name),
                (gone, n) => format!("{}: {gone} of {of} tables missing, {n} incomplete", file.name),
            };
            let objects = missing.into_iter().chain(incomplete).collect();
            let points = (until_here - taken) as u8;
            deductions.push(Deduction { part: Part::Completeness, points, reason, objects });
        }
        taken = until_here;
    }
    deductions
}

/// What syncing needs, each with its points.
fn sync_ready(database: &Database, family: Family) -> Vec<Deduction> {
    let mut deductions = Vec::new();
    let mut lose = |points: u8, reason: &str, objects: &[&str]| {
        let objects = objects.iter().map(|&o| o.to_owned()).collect();
        deductions.push(Deduction { part: Part::SyncReady, points, reason: reason.to_owned(), objects });
    };
    let assistant = family == Family::SmartRobbie;
    let queue = if assistant { 60 } else { 25 };
    match queue_without(database) {
        None => lose(queue, "no queue for writes made offline", &["pending_sync"]),
        Some(missing) if !missing.is_empty() => lose(queue / 2, "the queue lacks columns", &missing),
        Some(_) => {}
    }
    if assistant {
        let unsynced =
            |i: &crate::postgres::catalog::Index| i.predicate.as_ref().is_some_and(|p| p.contains("synced_at"));
        if !database.table("pending_sync").is_some_and(|t| t.indexes.iter().any(unsynced)) {
            lose(10, "no index on the unsynced rows of the queue", &["pending_sync"]);
        }
        let keyless: Vec<&str> =
            CODE.into_iter().filter(|name| database.table(name).is_none_or(|t| t.primary_key.is_empty())).collect();
        if !keyless.is_empty() {
            lose(10, "a synced table is missing or has no primary key", &keyless);
        }
        let engine = engine_without(database, &["entry", "cursor", "base"]);
        if !engine.is_empty() {
            lose(20, "the engine's bookkeeping is not there", &engine);
        }
    } else {
        if !database.has("user_id_mapping") {
            lose(25, "nothing maps TEXT user ids to users", &["user_id_mapping"]);
        }
        let code: Vec<&str> = CODE.into_iter().filter(|name| !database.has(name)).collect();
        if !code.is_empty() {
            lose(25, "tables that replicas sync are missing", &code);
        }
        let engine = engine_without(database, &["applied", "changelog", "node"]);
        if !engine.is_empty() {
            lose(25, "the engine's ledger and changelog are not there", &engine);
        }
    }
    if let Some(table) = database.table("pending_sync") {
        let on_error =
            |i: &&crate::postgres::catalog::Index| i.method == "btree" && i.columns.iter().any(|c| c == "error");
        if let Some(index) = table.indexes.iter().find(on_error) {
            lose(
                5,
                "a btree index on the queue's error: a text over about 2,700 bytes cannot be stored",
                &[&index.name],
            );
        }
    }
    deductions
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures of the schema analysis.
    #[test]
    fn the_total_is_the_rounded_mean() {
        assert_eq!(total([95, 100, 90, 100]), 96, "Smart Robbie");
        assert_eq!(total([70, 80, 85, 0]), 59, "Main Aurora");
        assert_eq!(total([100, 95, 90, 0]), 71, "Unified");
        assert_eq!(total([100; 4]), 100);
        assert_eq!(total([0, 0, 0, 2]), 1, "a half is rounded up");
    }

    #[test]
    fn deductions_are_what_is_taken_and_no_part_goes_below_zero() {
        let lose = |part, points| Deduction { part, points, reason: String::new(), objects: Vec::new() };
        let score = Score::from_deductions(
            Family::Unified,
            vec![
                lose(Part::SyncReady, 80),
                lose(Part::SyncReady, 40),
                lose(Part::SyncReady, 5),
                lose(Part::Performance, 10),
            ],
        );
        assert_eq!([score.completeness, score.consistency, score.performance, score.sync_ready], [100, 100, 90, 0]);
        assert_eq!(score.deductions.iter().map(|d| d.points).collect::<Vec<_>>(), [80, 20, 10]);
    }
}
