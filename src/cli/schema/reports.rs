//! `robbie schema inventory|compare|gaps|score`: what the databases hold, and how they go together.

use super::{Chosen, chosen, connect};
use crate::cli::{Exit, Invocation, output};
use crate::postgres::{Fault, Side};
use crate::schema::document::{self, Document, Format};
use crate::schema::{self, Database, GapState, Inventory, Score};
use clap::ValueEnum;

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum ReportFormat {
    /// Aligned columns.
    #[default]
    Text,
    /// Markdown.
    Markdown,
}

impl From<ReportFormat> for Format {
    fn from(format: ReportFormat) -> Self {
        match format {
            ReportFormat::Text => Self::Text,
            ReportFormat::Markdown => Self::Markdown,
        }
    }
}

/// Which report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    Inventory,
    Compare,
    Gaps,
    Score,
}

/// A score below this needs attention.
pub(super) const HEALTHY: u8 = 80;

/// What could be read, and why the rest could not.
pub(super) struct Read {
    pub databases: Vec<Database>,
    pub faults: Vec<(String, Fault)>,
}

impl Read {
    /// How a command ends that would have ended with `exit` if every database had been there.
    pub fn exit(&self, exit: Exit) -> Exit {
        match self.faults.first() {
            None => exit,
            Some((_, fault)) if self.databases.is_empty() => Exit::of(fault),
            Some(_) => Exit::Partial,
        }
    }
    fn documents(&self) -> Vec<serde_json::Value> {
        self.faults.iter().map(|(name, fault)| serde_json::json!({ "target": name, "error": fault })).collect()
    }
}

/// Reads the chosen databases, all at the same time; a side that is away does not hold up the other.
pub(super) async fn read(invocation: &Invocation, only: Option<Side>) -> Result<Read, Fault> {
    let reading = chosen(&invocation.settings, only)?.into_iter().map(|Chosen { target, .. }| async move {
        let found = match connect(&target).await {
            Ok(client) => Database::read(&client, target.side, &target.name).await,
            Err(fault) => Err(fault),
        };
        (target.name, found)
    });
    let mut read = Read { databases: Vec::new(), faults: Vec::new() };
    for (name, found) in futures_util::future::join_all(reading).await {
        match found {
            Ok(database) => read.databases.push(database),
            Err(fault) => {
                if !invocation.json {
                    output::note(output::describe(&fault));
                }
                read.faults.push((name, fault));
            }
        }
    }
    Ok(read)
}

/// Runs one of the reports.
pub(super) async fn run(
    report: Report,
    invocation: &Invocation,
    only: Option<Side>,
    format: ReportFormat,
) -> Result<Exit, Fault> {
    let read = read(invocation, only).await?;
    let databases = &read.databases;
    let names: Vec<String> = databases.iter().map(|d| d.name.clone()).collect();
    let mut text = Document::default();
    let mut json = serde_json::json!({ "unreachable": read.documents() });
    let exit = match report {
        Report::Inventory => {
            let all: Vec<Inventory> = databases.iter().map(Inventory::of).collect();
            json["databases"] = serde_json::json!(all);
            document::inventories(&mut text, &all);
            Exit::Done
        }
        Report::Compare => {
            let rows = schema::compare(databases);
            json["databases"] = serde_json::json!(families(databases));
            json["features"] = serde_json::json!(rows);
            document::matrix(&mut text, &names, &rows, Format::from(format) == Format::Markdown);
            if rows.iter().all(|r| r.ok) { Exit::Done } else { Exit::Attention }
        }
        Report::Gaps => {
            let gaps = schema::gaps(databases);
            json["gaps"] = serde_json::json!(gaps);
            document::gaps(&mut text, &gaps);
            if gaps.iter().any(|g| g.state == GapState::Open) { Exit::Attention } else { Exit::Done }
        }
        Report::Score => {
            let scores: Vec<(String, Score)> = databases.iter().map(|d| (d.name.clone(), Score::of(d))).collect();
            let one = |(name, score): &(String, Score)| serde_json::json!({ "target": name, "score": score });
            json["scores"] = scores.iter().map(one).collect();
            document::scores(&mut text, &scores);
            if scores.iter().all(|(_, s)| s.total >= HEALTHY) { Exit::Done } else { Exit::Attention }
        }
    };
    if invocation.json {
        output::json(&json)?;
    } else if !databases.is_empty() {
        output::line(text.write(format.into()))?;
    }
    Ok(read.exit(exit))
}

pub(super) fn families(databases: &[Database]) -> Vec<serde_json::Value> {
    let one = |d: &Database| {
        let recognition = schema::Recognition::of(d);
        serde_json::json!({ "target": d.name, "side": d.side, "family": recognition.family, "evidence": recognition.evidence })
    };
    databases.iter().map(one).collect()
}
