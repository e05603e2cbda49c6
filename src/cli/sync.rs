//! `robbie sync`: the engine without the console, once or until it is stopped.

use super::{Exit, Invocation, Targets, output, targets};
use crate::metrics::{self, Exporter, Source};
use crate::postgres::{Fault, Kind, Pair, Side};
use crate::settings;
use crate::sync::figures::{Figures, Percentiles};
use crate::sync::{self, CycleOptions, CycleReport, Done, Engine, EngineHandle, EngineOptions, EngineStatus, Preview};
use crate::sync::{Detection, Differences};
use clap::Args;

mod bar;
mod compare;
mod dry;
mod outcome;
use bar::Bar;
use futures_util::future::join_all;
use indicatif::MultiProgress;
use outcome::{judged, sentence, worse};
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Arguments of `robbie sync`.
#[derive(Args, Debug)]
pub struct SyncArgs {
    /// Run one cycle and end. If an engine runs already, it is asked for a cycle instead.
    #[arg(long)]
    pub once: bool,
    /// Say what a cycle would send and take, and write nothing.
    #[arg(long, requires = "once")]
    pub dry_run: bool,
    /// Compare the rows of both sides, table by table, and write nothing; ends with 1 where they differ. Columns that
    /// triggers keep are left out.
    #[arg(long, conflicts_with_all = ["once", "runs", "interval", "metrics", "push_only", "pull_only"])]
    pub compare: bool,
    /// List the last cycles that did something, and the last replays.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "20", conflicts_with_all = ["once", "interval", "metrics"])]
    pub runs: Option<u16>,
    /// The longest time between two cycles, such as 30s or 5m.
    #[arg(long, value_name = "TIME", conflicts_with = "once", value_parser = interval)]
    pub interval: Option<Duration>,
    /// Only send the queue.
    #[arg(long, conflicts_with = "pull_only")]
    pub push_only: bool,
    /// Only take the master's changes.
    #[arg(long)]
    pub pull_only: bool,
    /// Serve figures for Prometheus under `http://ADDR/metrics`, such as 127.0.0.1:9187.
    #[arg(long, value_name = "ADDR", conflicts_with = "once")]
    pub metrics: Option<String>,
}

fn interval(text: &str) -> Result<Duration, String> {
    settings::file::duration(text).ok_or_else(|| "a time such as 30s or 5m, or a number of seconds".to_owned())
}

/// One line of `--json`: a cycle of one replica, or why there was none.
#[derive(Clone, Copy, Serialize)]
struct Line<'a> {
    replica: &'a str,
    #[serde(flatten)]
    cycle: Option<&'a CycleReport>,
    #[serde(flatten)]
    figures: Option<Telling>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Fault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<&'a Preview>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compared: Option<&'a Differences>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runs: Option<&'a RawValue>,
}

/// What a line says of all cycles until now.
#[derive(Clone, Copy, Serialize)]
struct Telling {
    push_lag: Option<Percentiles>,
    pull_lag: Option<Percentiles>,
    cycles_ok: u64,
    cycles_failed: u64,
}

impl Telling {
    fn of(figures: &Figures) -> Self {
        Self {
            push_lag: figures.push_lag.percentiles(),
            pull_lag: figures.pull_lag.percentiles(),
            cycles_ok: figures.cycles_ok,
            cycles_failed: figures.cycles_failed,
        }
    }
}

impl<'a> Line<'a> {
    fn of(replica: &'a str) -> Self {
        Self {
            replica,
            cycle: None,
            figures: None,
            held_by: None,
            asked: None,
            error: None,
            preview: None,
            compared: None,
            runs: None,
        }
    }
}

/// Runs it.
pub async fn run(args: &SyncArgs, invocation: &Invocation) -> Result<Exit, Fault> {
    #[cfg(debug_assertions)]
    if let Some(armed) = invocation.settings.environment.get("ROBBIE_FAILPOINT") {
        return sync::failpoint::Failpoints::parse(armed)?.scope(work(args, invocation)).await;
    }
    Box::pin(work(args, invocation)).await
}

async fn work(args: &SyncArgs, invocation: &Invocation) -> Result<Exit, Fault> {
    let targets = targets::targets(&invocation.settings)?;
    if let Some(most) = args.runs {
        return dry::runs(&named(&targets), most, invocation.json).await;
    }
    if let Some(target) = std::iter::once(&targets.master).chain(&targets.replicas).find(|t| t.read_only) {
        return Err(Fault::new(Kind::Settings, "syncing writes, and sessions are read-only")
            .on(target.side)
            .remedy("leave out --read-only, and `read_only` in the configuration"));
    }
    let pairs = named(&targets);
    if args.compare {
        return compare::run(&pairs, invocation.json).await;
    }
    if args.dry_run {
        return dry::run(args, &pairs, invocation.json).await;
    }
    if args.once {
        return once(args, &pairs, invocation).await;
    }
    if !invocation.settings.sync_enabled.value {
        return Err(Fault::new(
            Kind::Settings,
            format!("syncing is switched off (from {})", invocation.settings.sync_enabled.origin),
        )
        .remedy("set SYNC_ENABLED=true; `robbie sync --once` runs one cycle all the same"));
    }
    let options = EngineOptions {
        interval: args.interval.unwrap_or(invocation.settings.interval.value),
        push: !args.pull_only,
        pull: !args.push_only,
        keep: invocation.settings.keep.value,
    };
    until_stopped(&pairs, &options, args.metrics.as_deref(), invocation.json).await
}

fn named(targets: &Targets) -> Vec<(String, Pair)> {
    targets.replicas.iter().map(|r| (r.name.clone(), Pair::new(targets.master.clone(), r.clone()))).collect()
}

async fn once(args: &SyncArgs, pairs: &[(String, Pair)], invocation: &Invocation) -> Result<Exit, Fault> {
    let (mut worst, json, keep) = (Exit::Done, invocation.json, invocation.settings.keep.value);
    for (name, pair) in pairs {
        let bar = Arc::new(Bar::new(name, &MultiProgress::new()));
        let (push, pull, watcher) = (!args.pull_only, !args.push_only, bar.watcher());
        let done = sync::cycle(pair, CycleOptions { push, pull, keep, watcher, ..CycleOptions::default() }).await;
        bar.show(None);
        let line = Line::of(name);
        let exit = match done {
            Ok(report) => {
                say(&Line { cycle: Some(&report), ..line }, json)?;
                judged(&report)
            }
            Err(fault) => match sync::holder(&pair.replica).await.ok().flatten() {
                Some(holder) if fault.kind == Kind::Other => {
                    sync::ask(&pair.replica).await?;
                    say(&Line { held_by: Some(&holder), asked: Some(true), ..line }, json)?;
                    Exit::Attention
                }
                _ => {
                    if json {
                        say(&Line { error: Some(&fault), ..line }, json)?;
                    }
                    output::note(output::describe(&fault));
                    Exit::of(&fault)
                }
            },
        };
        worst = worse(worst, exit);
    }
    Ok(worst)
}

async fn until_stopped(
    pairs: &[(String, Pair)],
    options: &EngineOptions,
    metrics: Option<&str>,
    json: bool,
) -> Result<Exit, Fault> {
    let signals = |kind| signal(kind).map_err(|e| Fault::new(Kind::Local, "signals cannot be heard").because(e));
    let (mut terminate, mut interrupt) = (signals(SignalKind::terminate())?, signals(SignalKind::interrupt())?);
    // The address first: a port that is taken is said before anything is synced.
    let listener = match metrics {
        Some(address) => Some(metrics::listen(address).await?),
        None => None,
    };
    let engines: Vec<EngineHandle> =
        pairs.iter().map(|(_, pair)| Engine::start(pair.clone(), options.clone())).collect();
    let sources = pairs.iter().zip(&engines).map(|((replica, pair), engine)| Source {
        replica: replica.clone(),
        pair: pair.clone(),
        status: engine.status(),
    });
    let exporter = listener.map(|listener| Exporter::start(listener, sources.collect()));
    let (mut told, bars) = (JoinSet::new(), MultiProgress::new());
    for ((name, _), engine) in pairs.iter().zip(&engines) {
        told.spawn(tell(Bar::new(name, &bars), name.clone(), engine.status(), engine.cycles(), json));
    }
    let ended = loop {
        tokio::select! {
            _ = terminate.recv() => break None,
            _ = interrupt.recv() => break None,
            // Telling ends where another engine works already, and where stdout is gone. The other replicas go on.
            Some(ended) = told.join_next() => match ended {
                Ok(Ok(_)) if !told.is_empty() => {}
                ended => break Some(ended),
            },
        }
    };
    engines.iter().for_each(EngineHandle::stop_soon);
    let stopping = join_all(engines.into_iter().map(EngineHandle::stop));
    tokio::select! {
        _ = stopping => {}
        // Whoever asks twice means now.
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    drop(exporter);
    match ended {
        Some(Ok(ended)) => ended,
        _ => Ok(Exit::Done),
    }
}

/// Tells of every cycle, and of faults as they come and go.
async fn tell(
    bar: Bar,
    name: String,
    mut status: watch::Receiver<EngineStatus>,
    mut cycles: broadcast::Receiver<Done>,
    json: bool,
) -> Result<Exit, Fault> {
    let (mut fault, mut probing, mut mode) = (None, false, Detection::default());
    let line = Line::of(&name);
    loop {
        tokio::select! {
            biased;
            done = cycles.recv() => match done {
                Ok(Ok(report)) => {
                    bar.show(None);
                    let figures = Telling::of(&status.borrow().figures);
                    let changed = std::mem::replace(&mut mode, report.mode) != report.mode;
                    if json || changed || !report.is_idle() {
                        say(&Line { cycle: Some(&report), figures: Some(figures), ..line }, json)?;
                    }
                }
                Ok(Err(stopped)) if json => say(&Line { error: Some(&stopped), ..line }, json)?,
                Ok(Err(_)) => {}
                Err(RecvError::Lagged(missed)) => output::note(format!("{name}: {missed} cycles were not told")),
                Err(RecvError::Closed) => return Ok(Exit::Done),
            },
            changed = status.changed() => {
                if changed.is_err() {
                    return Ok(Exit::Done);
                }
                let now = status.borrow_and_update().clone();
                bar.show(now.load.as_ref());
                if let Some(holder) = &now.held_by {
                    say(&Line { held_by: Some(holder), ..line }, json)?;
                    return Ok(Exit::Attention);
                }
                if now.fault != fault {
                    match &now.fault {
                        Some(fault) => output::note(format!("{name}: {fault}")),
                        None => output::note(format!("{name}: goes on")),
                    }
                    fault.clone_from(&now.fault);
                }
                if std::mem::replace(&mut probing, now.probing) != now.probing {
                    output::note(if probing {
                        format!("{name}: notifications do not come through (a pooler stands before a server?): it is asked every few seconds")
                    } else {
                        format!("{name}: notifications come through again")
                    });
                }
            }
        }
    }
}

fn say(line: &Line<'_>, json: bool) -> Result<(), Fault> {
    if json {
        let mut bytes = serde_json::to_vec(line)
            .map_err(|e| Fault::new(Kind::Local, "the cycle could not be written as JSON").because(e))?;
        bytes.push(b'\n');
        return output::raw(&bytes);
    }
    if let Some(holder) = line.held_by {
        return output::line(format!(
            "{}: another engine works on this replica: {holder}{}",
            output::side_label(Side::Replica, line.replica),
            if line.asked == Some(true) { "; it was asked for a cycle" } else { "" }
        ));
    }
    let Some(report) = line.cycle else { return Ok(()) };
    for text in report.faults.iter().chain(&report.warnings) {
        output::note(format!("{}: {text}", line.replica));
    }
    output::line(format!("{}: {}", line.replica, sentence(report)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn a_line_of_json_is_one_line() {
        let r = CycleReport::begun(SystemTime::UNIX_EPOCH, sync::Detection::Changelog);
        let line = Line { cycle: Some(&r), ..Line::of("town") };
        let text = serde_json::to_string(&line).unwrap();
        assert!(
            text.starts_with(r#"{"replica":"town","run_id":null,"started_at":"1970-01-01T00:00:00.000Z""#),
            "{text}"
        );
        assert!(!text.contains('\n'));
    }
}
