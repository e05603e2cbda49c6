//! `robbie status`: is sync healthy, in words or as JSON, with an exit code a monitor can use.

mod text;

use super::{Exit, Invocation, output, targets};
use crate::health::{self, Report, Standing};
use crate::postgres::{Fault, Link, Pair};
use clap::Args;
use std::io::IsTerminal;
use std::sync::Arc;

/// Arguments of `robbie status`.
#[derive(Args, Debug)]
pub struct StatusArgs {}

/// Reads both sides and prints the report. A side that is out of reach is reported, and the other one too.
pub async fn run(_args: &StatusArgs, invocation: &Invocation) -> Result<Exit, Fault> {
    let targets = targets(&invocation.settings)?;
    let master = Arc::new(Link::new(targets.master));
    let pairs: Vec<Pair> = targets
        .replicas
        .into_iter()
        .map(|replica| Pair { master: Arc::clone(&master), replica: Arc::new(Link::new(replica)) })
        .collect();
    let report = health::together(health::read_all(&pairs).await);
    let colour = invocation.settings.color.value && std::io::stdout().is_terminal();
    print(&report, invocation.json, colour)?;
    Ok(exit(&report))
}

/// Prints a report as one JSON document or as text.
pub fn print(report: &Report, json: bool, colour: bool) -> Result<(), Fault> {
    if json { output::json(report) } else { output::raw(text::text(report, colour).as_bytes()) }
}

/// 0 healthy, 1 needs attention, 3 a side is out of reach.
pub fn exit(report: &Report) -> Exit {
    match report.standing {
        Standing::Healthy => Exit::Done,
        Standing::Degraded | Standing::Unhealthy => Exit::Attention,
        Standing::Unreachable | Standing::Unknown => Exit::Unreachable,
    }
}
