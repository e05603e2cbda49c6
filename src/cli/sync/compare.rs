//! `robbie sync --compare`.

use super::{Line, Pair};
use crate::cli::{Exit, output};
use crate::postgres::Fault;
use crate::sync::{self, Differences};

/// Says per table whether both sides have the same rows.
pub async fn run(pairs: &[(String, Pair)], json: bool) -> Result<Exit, Fault> {
    let mut exit = Exit::Done;
    for (name, pair) in pairs {
        let found = Box::pin(sync::differences(pair)).await?;
        if !found.is_equal() {
            exit = Exit::Attention;
        }
        if json {
            super::say(&Line { compared: Some(&found), ..Line::of(name) }, true)?;
        } else {
            told(&found).into_iter().try_for_each(|text| output::line(format!("{name}: {text}")))?;
        }
    }
    Ok(exit)
}

fn told(found: &Differences) -> Vec<String> {
    let mut lines = found.refused.clone();
    if !found.drained {
        lines.push(format!(
            "not at rest, so rows may differ: {} entries wait, {} rows are edited here or put off, {}",
            found.waiting,
            found.left_alone,
            match found.unpulled {
                Some(n) => format!("{n} changes of the master are not pulled yet"),
                None => "it is not known what of the master was not pulled yet".to_owned(),
            }
        ));
    }
    for table in &found.tables {
        let verdict = if table.equal { "equal" } else { "different" };
        lines.push(format!(
            "{}: {verdict}, {} rows on the master, {} here",
            table.table, table.master_rows, table.replica_rows
        ));
        for key in &table.differing {
            let columns: Vec<String> = key.iter().map(|(column, value)| format!("{column} {value}")).collect();
            lines.push(format!("  differs: {}", columns.join(", ")));
        }
    }
    lines
}
