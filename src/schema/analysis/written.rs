//! The findings of an analysis, written as sections of a document.

use super::{Clash, Loaded};
use crate::schema::document::Document;

/// Writes what came of loading the files.
pub fn findings(document: &mut Document, all: &[Loaded], clashes: &[Clash]) {
    document.heading("Files");
    let row = |l: &Loaded| {
        let elsewhere = l.failures.len() - l.faults();
        vec![
            l.database.name.clone(),
            l.files.to_string(),
            l.statements.to_string(),
            l.faults().to_string(),
            elsewhere.to_string(),
            l.twice.len().to_string(),
            l.unindexed().len().to_string(),
        ]
    };
    let head = ["schema", "files", "statements", "failed", "not possible here", "declared twice", "keys without index"];
    document.table(&head, all.iter().map(row).collect());
    for loaded in all {
        let name = &loaded.database.name;
        if !loaded.failures.is_empty() {
            document.heading(format!("Statements that fail: {name}"));
            let row = |f: &super::Failure| {
                vec![
                    format!("{}:{}", f.file, f.line),
                    f.sqlstate.clone(),
                    f.class.name().to_owned(),
                    f.reason.clone(),
                    f.statement.clone(),
                ]
            };
            let rows = loaded.failures.iter().map(row).collect();
            document.table(&["where", "SQLSTATE", "sort", "reason", "statement"], rows);
        }
        if !loaded.twice.is_empty() {
            document.heading(format!("Tables declared twice: {name}"));
            let said = |t: &super::Twice| {
                let how =
                    if t.differences.is_empty() { "the same columns".to_owned() } else { t.differences.join("; ") };
                format!("{}: {}, again {}: {how}", t.table, t.first, t.again)
            };
            document.list(loaded.twice.iter().map(said).collect());
        }
        let unindexed = loaded.unindexed();
        if !unindexed.is_empty() {
            document.heading(format!("Foreign keys without an index: {name}"));
            document.list(unindexed);
        }
        if !loaded.notes.is_empty() {
            document.heading(format!("Passed over: {name}"));
            document.list(loaded.notes.clone());
        }
    }
    if !clashes.is_empty() {
        document.heading("Types that clash between the schemas");
        document.list(clashes.iter().map(|c| format!("{}: {}", c.column, c.types.join("; "))).collect());
    }
}
