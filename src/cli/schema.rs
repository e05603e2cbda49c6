//! `robbie schema …`: bringing databases to their schema, and telling what they hold.

mod analyze;
mod differ;
pub mod reports;

use super::embedded::Which;
use super::{Exit, Invocation, output, targets};
use crate::postgres::{Fault, Kind, Link, Side, Target};
use crate::schema::{self, DRY_RUN_CAVEAT, FileReport, MigrationStatus, Mode, Outcome, Schema, State};
use crate::settings::{Place, Settings};
use clap::{Args, Subcommand};
use reports::{Report, ReportFormat};
use serde::Serialize;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use tokio_postgres::Client;

/// Arguments of `robbie schema`.
#[derive(Args, Debug)]
pub struct SchemaArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: SchemaAction,
}

/// What to do with the schemas.
#[derive(Debug, Subcommand)]
pub enum SchemaAction {
    /// Run the migrations that a database does not have yet.
    Migrate {
        /// Only this side; both if not given.
        #[arg(long, value_enum)]
        target: Option<Which>,
        /// Run them in one transaction and roll it back.
        #[arg(long)]
        dry_run: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Show which migrations a database has.
    Status {
        /// Only this side; both if not given.
        #[arg(long, value_enum)]
        target: Option<Which>,
    },
    /// List what a database holds, with rows (estimated) and sizes, and which schema it is recognised as.
    Inventory {
        /// Only this side; both if not given.
        #[arg(long, value_enum)]
        target: Option<Which>,
        /// How to write it.
        #[arg(long, value_enum, default_value_t)]
        format: ReportFormat,
    },
    /// Compare the databases feature by feature; with `--format markdown` or --json also what shows it.
    Compare {
        /// Only this side; both if not given.
        #[arg(long, value_enum)]
        target: Option<Which>,
        /// How to write it.
        #[arg(long, value_enum, default_value_t)]
        format: ReportFormat,
    },
    /// Name what keeps the schemas apart (queue, user ids, code tables, personality), and the migration that closes it.
    Gaps {
        /// Only this side; both if not given.
        #[arg(long, value_enum)]
        target: Option<Which>,
        /// How to write it.
        #[arg(long, value_enum, default_value_t)]
        format: ReportFormat,
    },
    /// Load SQL files into a scratch server, file by file, and tell what fails, what clashes, and how they compare and score.
    ///
    /// Each folder with .sql files right in it, and each file that is named, is a schema of its own. The files run as a role that is
    /// no superuser, on a server that is made for this and gone afterwards; the databases of the settings are not touched.
    Analyze {
        /// Folders or files.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// How to write it.
        #[arg(long, value_enum, default_value_t)]
        format: ReportFormat,
    },
    /// Show how two schemas differ: tables, columns, types, defaults, constraints, indexes, triggers, functions; with the SQL between.
    ///
    /// Each is `master`, `replica`, the name of a replica, an SQL file or a folder of them. No statement of the SQL is run; those
    /// that take something away are comments in it.
    Diff {
        /// What would be brought to the second.
        first: String,
        /// What it would be brought to.
        second: String,
        /// Write the SQL only.
        #[arg(long)]
        sql: bool,
        /// How to write it.
        #[arg(long, value_enum, default_value_t)]
        format: ReportFormat,
    },
    /// Score the schemas: completeness, consistency, performance, sync-ready, with every deduction named.
    Score {
        /// Only this side; both if not given.
        #[arg(long, value_enum)]
        target: Option<Which>,
        /// How to write it.
        #[arg(long, value_enum, default_value_t)]
        format: ReportFormat,
    },
}

/// Runs `robbie schema`.
pub async fn run(args: SchemaArgs, invocation: &Invocation) -> Result<Exit, Fault> {
    match args.action {
        SchemaAction::Migrate { target, dry_run, yes } => {
            let mode = if dry_run { Mode::DryRun } else { Mode::Apply };
            migrate(invocation, target.map(Into::into), mode, yes).await
        }
        SchemaAction::Status { target } => status(invocation, target.map(Into::into)).await,
        SchemaAction::Inventory { target, format } => report(Report::Inventory, invocation, target, format).await,
        SchemaAction::Compare { target, format } => report(Report::Compare, invocation, target, format).await,
        SchemaAction::Gaps { target, format } => report(Report::Gaps, invocation, target, format).await,
        SchemaAction::Analyze { paths, format } => analyze::run(&paths, format, invocation).await,
        SchemaAction::Diff { first, second, sql, format } => {
            differ::run([&first, &second], sql, format, invocation).await
        }
        SchemaAction::Score { target, format } => report(Report::Score, invocation, target, format).await,
    }
}

async fn report(
    report: Report,
    invocation: &Invocation,
    target: Option<Which>,
    format: ReportFormat,
) -> Result<Exit, Fault> {
    reports::run(report, invocation, target.map(Into::into), format).await
}

/// One database and what came of it.
#[derive(Serialize)]
struct Answer<T> {
    target: String,
    side: Side,
    schema: Schema,
    #[serde(flatten)]
    found: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Fault>,
}

#[derive(Serialize)]
struct Migrations {
    migrations: Vec<MigrationStatus>,
}

#[derive(Serialize)]
struct Ran {
    files: Vec<FileReport>,
    warnings: Vec<String>,
}

/// A database that is meant, and whether it is one of the embedded servers.
struct Chosen {
    target: Target,
    embedded: bool,
}

/// The databases that are meant. A side that is not wanted need not be named.
fn chosen(settings: &Settings, only: Option<Side>) -> Result<Vec<Chosen>, Fault> {
    let mut all = Vec::new();
    if only != Some(Side::Replica) {
        let target = targets::target(settings, Side::Master, "master", &settings.master)?;
        all.push(Chosen { target, embedded: matches!(settings.master.value, Place::Embedded) });
    }
    if only != Some(Side::Master) {
        for replica in &settings.replicas {
            let target = targets::target(settings, Side::Replica, &replica.name, &replica.place)?;
            all.push(Chosen { target, embedded: matches!(replica.place.value, Place::Embedded) });
        }
    }
    Ok(all)
}

async fn connect(target: &Target) -> Result<Client, Fault> {
    Link::new(target.clone()).dedicated("schema").await
}

async fn status(invocation: &Invocation, only: Option<Side>) -> Result<Exit, Fault> {
    let mut answers = Vec::new();
    for Chosen { target, .. } in chosen(&invocation.settings, only)? {
        let result = read_status(&target).await;
        answers.push(answer(&target, result.map(|migrations| Migrations { migrations })));
    }
    if invocation.json {
        output::json(&serde_json::json!({ "targets": answers }))?;
    } else {
        for answer in &answers {
            show_status(answer)?;
        }
    }
    let behind = answers
        .iter()
        .filter_map(|a| a.found.as_ref())
        .any(|m| m.migrations.iter().any(|s| matches!(s.state, State::Pending | State::Altered | State::Redefined)));
    Ok(match answers.iter().find_map(|a| a.error.as_ref()) {
        Some(fault) => Exit::of(fault),
        None if behind => Exit::Attention,
        None => Exit::Done,
    })
}

async fn read_status(target: &Target) -> Result<Vec<MigrationStatus>, Fault> {
    schema::status(&connect(target).await?, target.side, Schema::of(target.side)).await
}

fn show_status(answer: &Answer<Migrations>) -> Result<(), Fault> {
    output::line(format!("{} · schema {}", answer.target, answer.schema.name()))?;
    if let Some(fault) = &answer.error {
        output::note(output::describe(fault));
    }
    for status in answer.found.iter().flat_map(|found| &found.migrations) {
        let (word, rest) = match (status.state, &status.applied_at, &status.applied_by) {
            (State::Applied, Some(at), Some(by)) => ("applied", format!("{} by {by}", &at[..at.len().min(19)])),
            (State::Applied, ..) => ("applied", String::new()),
            (State::Pending, ..) => ("pending", String::new()),
            (State::Altered, ..) => ("ALTERED", "the file was changed after it was applied".to_owned()),
            (State::Redefined, ..) => {
                ("newer", "definitions of another version are there: migrating puts in these".to_owned())
            }
            (State::Unknown, ..) => ("unknown", "recorded, but not in this binary: a newer one was here".to_owned()),
        };
        output::line(format!("  {word:<8} {:<30} {rest}", status.name).trim_end())?;
        if let Some(note) = &status.note {
            output::line(format!("    {note}"))?;
        }
    }
    Ok(())
}

async fn migrate(invocation: &Invocation, only: Option<Side>, mode: Mode, yes: bool) -> Result<Exit, Fault> {
    let chosen = chosen(&invocation.settings, only)?;
    if let Some(Chosen { target, .. }) = chosen.iter().find(|c| c.target.read_only) {
        return Err(Fault::new(Kind::Settings, "a read-only session cannot migrate")
            .on(target.side)
            .remedy("leave out --read-only, and `read_only` in the configuration"));
    }
    if mode == Mode::Apply && !yes && !agreed(&chosen).await? {
        output::note("nothing was changed");
        return Ok(Exit::Attention);
    }
    let mut answers = Vec::new();
    for Chosen { target, .. } in &chosen {
        let result = match connect(target).await {
            Ok(mut client) => schema::migrate(&mut client, target.side, Schema::of(target.side), mode).await,
            Err(fault) => Err(fault),
        };
        answers.push(answer(target, result.map(|report| Ran { files: report.files, warnings: report.warnings })));
    }
    if invocation.json {
        let caveat = (mode == Mode::DryRun).then_some(DRY_RUN_CAVEAT);
        output::json(&serde_json::json!({ "dry_run": mode == Mode::DryRun, "caveat": caveat, "targets": answers }))?;
    } else {
        for answer in &answers {
            show_report(answer)?;
        }
        if mode == Mode::DryRun {
            output::line(DRY_RUN_CAVEAT)?;
        }
    }
    Ok(match answers.iter().find_map(|a| a.error.as_ref()) {
        None => Exit::Done,
        Some(_) if answers.iter().any(|a| a.found.is_some()) => Exit::Partial,
        Some(fault) => Exit::of(fault),
    })
}

/// Shows what is pending on the databases that are not embedded and asks whether to go on; no question where nothing is.
async fn agreed(chosen: &[Chosen]) -> Result<bool, Fault> {
    let mut pending = Vec::new();
    for Chosen { target, .. } in chosen.iter().filter(|c| !c.embedded) {
        // A side that cannot be read is reported when it is migrated.
        let Ok(migrations) = read_status(target).await else { continue };
        let runs = |m: &MigrationStatus| matches!(m.state, State::Pending | State::Redefined);
        let names: Vec<_> = migrations.into_iter().filter(runs).map(|m| m.name).collect();
        if !names.is_empty() {
            pending.push(format!("  {} ({}): {}", target.name, target.address(), names.join(", ")));
        }
    }
    if pending.is_empty() {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Fault::new(Kind::Settings, "nobody can be asked whether to migrate")
            .remedy("`robbie schema migrate --yes`; try it first with --dry-run"));
    }
    output::note(format!("These migrations will run:\n{}\nGo on? [y/N]", pending.join("\n")));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    Ok(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn answer<T>(target: &Target, result: Result<T, Fault>) -> Answer<T> {
    let (found, error) = match result {
        Ok(found) => (Some(found), None),
        Err(fault) => (None, Some(fault)),
    };
    Answer { target: target.name.clone(), side: target.side, schema: Schema::of(target.side), found, error }
}

fn show_report(answer: &Answer<Ran>) -> Result<(), Fault> {
    if let Some(fault) = &answer.error {
        output::note(output::describe(fault));
    }
    let Some(ran) = &answer.found else { return Ok(()) };
    for warning in &ran.warnings {
        output::note(format!("{}: {warning}", answer.target));
    }
    output::line(format!("{} · schema {}", answer.target, answer.schema.name()))?;
    for file in &ran.files {
        let word = match file.outcome {
            Outcome::Unchanged => continue,
            Outcome::Applied => "applied",
            Outcome::WouldApply => "would apply",
        };
        output::line(format!("  {word} {} ({:.0} ms)", file.name, file.duration_ms))?;
        if let Some(note) = &file.note {
            output::line(format!("    {note}"))?;
        }
    }
    let unchanged = ran.files.iter().filter(|f| f.outcome == Outcome::Unchanged).count();
    output::line(format!("  {unchanged} of {} were there before", ran.files.len()))
}
