//! Taking back what entries did to the master, and doing it again.

use super::ask::{self, Consent};
use super::{ACTOR, Queue};
use crate::cli::{Exit, output};
use crate::postgres::Fault;
use crate::sync::discard::By;
use crate::sync::{EntryOutcome, Mode, Outcome, undo};
use clap::Args;
use uuid::Uuid;

/// Arguments of `robbie queue undo` and `robbie queue redo`.
#[derive(Args, Debug)]
pub struct Undo {
    /// Entries that took effect, by id.
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<Uuid>,
    /// Why, for the record.
    #[arg(long, default_value = "by hand")]
    pub reason: String,
    /// Whether to ask.
    #[command(flatten)]
    pub consent: Consent,
}

impl Queue {
    pub(super) async fn undo(&self, args: &Undo, again: bool, json: bool) -> Result<Exit, Fault> {
        let by = By { actor: ACTOR, reason: &args.reason, engine: None };
        let master = &self.pair.master.target().name;
        let entries = ask::entries(args.ids.len());
        let question = if again {
            format!("Apply {entries} to {master} once more?")
        } else {
            format!("Undo {entries} on {master}? Each row becomes what it was before.")
        };
        if !args.consent.dry_run && !args.consent.yes && !ask::agreed(&question, self.protected.then_some(master))? {
            output::note("nothing was changed");
            return Ok(Exit::Done);
        }
        let mode = if args.consent.dry_run { Mode::Dry } else { Mode::Apply };
        let found = if again {
            undo::redo(&self.pair, &args.ids, mode, by).await?
        } else {
            undo::undo(&self.pair, &args.ids, mode, by).await?
        };
        if json {
            output::json(&serde_json::json!({ "dry_run": args.consent.dry_run, "entries": found }))?;
        } else {
            let done = if again { "applied again" } else { "undone" };
            let done = if args.consent.dry_run { format!("would be {done}") } else { done.to_owned() };
            for entry in &found {
                output::line(line(entry, &done))?;
            }
        }
        Ok(Exit::of_done(found.iter().filter(|o| o.outcome.is_settled()).count(), found.len()))
    }
}

fn line(entry: &EntryOutcome, done: &str) -> String {
    let what = if entry.outcome == Outcome::Failed || entry.outcome == Outcome::Held {
        "refused"
    } else {
        entry.outcome.name()
    };
    let mut line = format!("{}  {}", entry.id, if entry.outcome == Outcome::Applied { done } else { what });
    let message = entry.message.as_ref().map(|m| match &entry.sqlstate {
        Some(code) => format!("{code} {m}"),
        None => m.clone(),
    });
    for text in message.into_iter().chain(entry.remedy.as_ref().map(|r| format!("→ {r}"))) {
        line.push_str("\n    ");
        line.push_str(&text);
    }
    line
}
