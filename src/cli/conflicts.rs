//! `robbie conflicts list|show|replay|resolve`: what both sides changed, and what became of it.

use super::{ACTOR, Exit, Invocation, output, targets};
use crate::postgres::{Fault, Kind, Pair, Side};
use crate::sync::Outcome;
use crate::sync::conflict::{self, Conflict, Redo, Wanted};
use clap::{Args, Subcommand};

/// Arguments of `robbie conflicts`.
#[derive(Args, Debug)]
pub struct ConflictsArgs {
    /// What to do with the conflict log.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the conflict log.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List conflicts, the last first.
    List {
        /// Those that were resolved too.
        #[arg(long)]
        all: bool,
        /// Only of this table.
        #[arg(long)]
        table: Option<String>,
        /// Only of this kind, such as `update_origin_differs`.
        #[arg(long)]
        kind: Option<String>,
        /// Only those of the last time, such as '2 hours' or '7 days'.
        #[arg(long, value_name = "INTERVAL")]
        since: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        limit: u16,
        /// Go on behind this conflict: `next` of the page before.
        #[arg(long, value_name = "ID")]
        after: Option<i64>,
    },
    /// Show one: what both started from, what each wanted, and what the row became.
    Show {
        /// Its number.
        id: i64,
    },
    /// Apply the losing image after all: a new entry of the queue, judged like every other.
    Replay {
        /// Its number.
        id: i64,
        /// Only say what would be sent.
        #[arg(long)]
        dry_run: bool,
        /// Also where the row was changed again since, or the conflict is resolved already.
        #[arg(long)]
        force: bool,
    },
    /// Mark one as looked at.
    Resolve {
        /// Its number.
        id: i64,
        /// How it was resolved, for the record.
        #[arg(long, default_value = "looked at")]
        note: String,
    },
}

/// Runs the command.
pub async fn run(args: ConflictsArgs, invocation: &Invocation) -> Result<Exit, Fault> {
    let pair = targets(&invocation.settings)?.pair();
    let json = invocation.json;
    match args.action {
        Action::List { all, table, kind, since, limit, after } => {
            let wanted = Wanted { resolved_too: all, table, kind, within: since, before: after };
            list(&pair, &wanted, limit, json).await
        }
        Action::Show { id } => show(&pair, id, json).await,
        Action::Replay { id, dry_run, force } => replay(&pair, id, dry_run, force, json).await,
        Action::Resolve { id, note } => resolve(&pair, id, &note, json).await,
    }
}

async fn list(pair: &Pair, wanted: &Wanted, limit: u16, json: bool) -> Result<Exit, Fault> {
    let master = pair.master.session().await?;
    // One more than asked for says whether there are more.
    let mut found = conflict::list(&master, wanted, i64::from(limit) + 1).await.map_err(|fault| {
        match fault.sqlstate.as_deref() {
            Some("22007" | "22008" | "22015") => Fault::new(Kind::Settings, "--since is no span of time")
                .remedy("write it as in --since '2 hours' or --since '7 days'"),
            _ => fault,
        }
    })?;
    let more = found.len() > usize::from(limit);
    found.truncate(usize::from(limit));
    let next = found.last().filter(|_| more).map(|c| c.id);
    if json {
        output::json(&serde_json::json!({ "conflicts": found, "next": next }))?;
    } else if found.is_empty() {
        output::note("no conflict matches");
    } else {
        for c in &found {
            output::line(heading(c))?;
        }
        if let Some(next) = next {
            output::note(format!("more: robbie conflicts list --after {next}"));
        }
    }
    Ok(if found.iter().any(|c| c.resolved.is_none()) { Exit::Attention } else { Exit::Done })
}

fn heading(c: &Conflict) -> String {
    let mark = if c.resolved.is_some() { "resolved" } else { "open" };
    format!(
        "{:>6}  {}  {mark:<8}  {:<21}  {} {}  {}",
        c.id,
        &c.at[..c.at.len().min(19)],
        c.kind,
        c.table,
        c.key,
        c.rule
    )
}

async fn show(pair: &Pair, id: i64, json: bool) -> Result<Exit, Fault> {
    let master = pair.master.session().await?;
    let (found, images) = conflict::show(&master, id).await?;
    if json {
        output::json(&serde_json::json!({ "conflict": found, "images": images }))?;
        return Ok(Exit::Done);
    }
    output::line(heading(&found))?;
    if let Some(replica) = &found.replica {
        output::line(format!("        of replica {replica}"))?;
    }
    for entry in &found.entries {
        output::line(format!("        entry {entry}"))?;
    }
    if let Some(resolved) = &found.resolved {
        output::line(format!("        resolved {resolved}"))?;
    }
    let absent = |image: &Option<String>| if image.is_none() { " (no row)" } else { "" };
    for (name, image) in
        [("base", &images.base), ("local", &images.local), ("remote", &images.remote), ("result", &images.result)]
    {
        output::line(format!("{name}{}", absent(image)))?;
        let place = ["base", "local", "remote", "result"].iter().position(|n| *n == name).unwrap_or_default();
        for (column, values) in images.differing.iter().filter(|_| image.is_some()) {
            output::line(format!("    {column}: {}", values[place].as_deref().unwrap_or("–")))?;
        }
    }
    Ok(Exit::Done)
}

async fn replay(pair: &Pair, id: i64, dry_run: bool, force: bool, json: bool) -> Result<Exit, Fault> {
    let master = pair.master.session().await?;
    let (found, _) = conflict::show(&master, id).await?;
    let redo = conflict::plan(&master, id).await?;
    if dry_run {
        return told(&redo, "would be sent", json);
    }
    if redo.columns.is_empty() {
        conflict::resolve(&master, id, ACTOR, "the master's row has it already").await?;
        return told(&redo, "nothing to send", json);
    }
    let objection = match &found.resolved {
        Some(resolved) => Some(format!("conflict {id} is resolved already: {resolved}")),
        None if redo.moved => Some(format!("the row of conflict {id} was changed again since")),
        None => None,
    };
    if let Some(objection) = objection.filter(|_| !force) {
        return Err(Fault::new(Kind::Data, objection)
            .on(Side::Master)
            .about(found.table)
            .remedy("look at `robbie conflicts replay --dry-run`; --force applies it all the same"));
    }
    let redo = conflict::replay(pair, id, redo, ACTOR).await?;
    told(&redo, "sent", json)
}

fn told(redo: &Redo, what: &str, json: bool) -> Result<Exit, Fault> {
    let applied = redo.outcome.as_ref().is_none_or(|o| matches!(o.outcome, Outcome::Applied | Outcome::NoChange));
    if json {
        output::json(redo)?;
    } else {
        output::line(format!("{what}: {} {} {}", redo.operation, redo.table, redo.payload))?;
        if redo.moved {
            output::note("the row was changed again since the conflict");
        }
        if let Some(outcome) = &redo.outcome {
            let message = outcome.message.as_deref().map(|m| format!(": {m}")).unwrap_or_default();
            output::line(format!("{}{message}", outcome.outcome.name()))?;
        }
    }
    Ok(if applied { Exit::Done } else { Exit::Attention })
}

async fn resolve(pair: &Pair, id: i64, note: &str, json: bool) -> Result<Exit, Fault> {
    let master = pair.master.session().await?;
    let (before, _) = conflict::show(&master, id).await?;
    let open = conflict::resolve(&master, id, ACTOR, note).await?;
    if json {
        output::json(&serde_json::json!({ "id": id, "resolved": open, "before": before.resolved }))?;
    } else if open {
        output::line(format!("conflict {id} is resolved"))?;
    } else {
        output::note(format!("conflict {id} was resolved before: {}", before.resolved.unwrap_or_default()));
    }
    Ok(Exit::Done)
}
