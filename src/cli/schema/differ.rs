//! `robbie schema diff FIRST SECOND`: how two schemas differ, live or from files, and the SQL between them.

use super::reports::ReportFormat;
use super::{Chosen, analyze, chosen, connect};
use crate::cli::{Exit, Invocation, output};
use crate::postgres::{Fault, Kind, Side};
use crate::schema::analysis::{self, Source};
use crate::schema::document::Document;
use crate::schema::{self, Database, Difference};
use std::path::PathBuf;

/// Compares and tells.
pub async fn run(
    names: [&str; 2],
    sql_only: bool,
    format: ReportFormat,
    invocation: &Invocation,
) -> Result<Exit, Fault> {
    let [mut first, mut second] = both(names, invocation).await?;
    if first.name == second.name {
        // Two folders `sql`, say: they are told apart as they were named.
        [first.name, second.name] = names.map(ToOwned::to_owned);
    }
    let differences = schema::diff(&first, &second);
    if invocation.json {
        let script = schema::script(&differences);
        let (first, second) = (&first.name, &second.name);
        output::json(
            &serde_json::json!({ "first": first, "second": second, "differences": differences, "sql": script }),
        )?;
    } else if sql_only {
        output::line(schema::script(&differences))?;
    } else {
        output::line(document(&first.name, &second.name, &differences).write(format.into()))?;
    }
    Ok(if differences.is_empty() { Exit::Done } else { Exit::Attention })
}

/// Reads both, each from where it is.
async fn both(names: [&str; 2], invocation: &Invocation) -> Result<[Database; 2], Fault> {
    let mut sources = Vec::new();
    let mut live = Vec::new();
    for name in names {
        let target = target(name, invocation)?;
        if target.is_none() {
            sources.push(source(name)?);
        }
        live.push(target);
    }
    let mut loaded = Vec::new();
    if !sources.is_empty() {
        for one in analyze::load(&sources, invocation).await? {
            if one.faults() > 0 {
                let (faults, name) = (one.faults(), &one.database.name);
                output::note(format!("{name}: {faults} statements failed (robbie schema analyze names them)"));
            }
            loaded.push(one.database);
        }
        loaded.reverse();
    }
    let mut found = Vec::new();
    for target in live {
        found.push(match target {
            Some(Chosen { target, .. }) => Database::read(&connect(&target).await?, target.side, &target.name).await?,
            None => loaded.pop().ok_or_else(|| Fault::new(Kind::Other, "the files were not loaded"))?,
        });
    }
    found.try_into().map_err(|_| Fault::new(Kind::Other, "two schemas are compared"))
}

/// The live database of this name: `master`, `replica`, or a replica's own.
fn target(name: &str, invocation: &Invocation) -> Result<Option<Chosen>, Fault> {
    let only = match name {
        "master" => Some(Side::Master),
        "replica" => Some(Side::Replica),
        _ if std::path::Path::new(name).exists() => return Ok(None),
        _ => None,
    };
    let all = chosen(&invocation.settings, only)?;
    let found = all.into_iter().find(|c| only.is_some() || c.target.name == name);
    found.map(Some).ok_or_else(|| {
        Fault::new(Kind::Settings, format!("{name} is neither a side nor a file or folder"))
            .remedy("name `master`, `replica`, a replica of the settings, an SQL file, or a folder of them")
    })
}

/// One schema of a path: with several folders below it, it would be several.
fn source(name: &str) -> Result<Source, Fault> {
    let mut found = analysis::sources(&[PathBuf::from(name)])?;
    if found.len() > 1 {
        let all: Vec<String> = found.iter().map(|s| s.name.clone()).collect();
        return Err(Fault::new(Kind::Settings, format!("{name} holds several schemas: {}", all.join(", ")))
            .remedy("name the folder of one of them"));
    }
    found.pop().ok_or_else(|| Fault::new(Kind::Settings, format!("{name} has no .sql files")))
}

fn document(first: &str, second: &str, differences: &[Difference]) -> Document {
    let mut text = Document::default();
    text.heading(format!("{first} and {second}"));
    if differences.is_empty() {
        text.line("They have the same structure.");
        return text;
    }
    let row = |d: &Difference| {
        let cell = |side: &Option<String>| side.clone().unwrap_or_else(|| "–".to_owned());
        vec![d.part.name().to_owned(), d.object.clone(), cell(&d.first), cell(&d.second)]
    };
    text.table(&["what", "object", first, second], differences.iter().map(row).collect());
    text.heading(format!("What would bring {first} to {second}; nothing of it was run"));
    text.sql(schema::script(differences));
    text
}
