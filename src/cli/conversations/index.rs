//! `robbie conversations index`: the indexes that searches use.

use super::{SideArg, output};
use crate::cli::Exit;
use crate::conversation::Sides;
use crate::conversation::index::{self, Index, State};
use crate::postgres::{Fault, Side};
use clap::Args;
use std::time::Instant;

/// Arguments of `robbie conversations index`.
#[derive(Args, Debug)]
pub struct IndexArgs {
    /// Only on this side; by default on both.
    #[arg(long, value_enum)]
    pub side: Option<SideArg>,
    /// Only say which are there.
    #[arg(long)]
    pub dry_run: bool,
}

/// What became of an index.
#[derive(serde::Serialize)]
struct Outcome {
    side: Side,
    #[serde(flatten)]
    index: Index,
    made: bool,
    fault: Option<String>,
}

/// Runs the command.
pub async fn run(args: IndexArgs, sides: &Sides, json: bool) -> Result<Exit, Fault> {
    let wanted = args.side.map_or_else(|| sides.readable(), |side| vec![side.into()]);
    let mut all: Vec<Outcome> = Vec::new();
    for side in wanted {
        let (link, shape) = sides.of(side)?;
        for index in index::survey(link, shape).await? {
            let builds = !args.dry_run && matches!(index.state, State::Missing | State::Invalid);
            let mut outcome = Outcome { side, index, made: false, fault: None };
            if builds {
                output::note(format!("{side}: making {} on {} …", outcome.index.name, outcome.index.table));
                let began = Instant::now();
                match index::build(link, &outcome.index).await {
                    Ok(()) => outcome.made = true,
                    Err(fault) => outcome.fault = Some(fault.to_string()),
                }
                output::note(format!("{:.1} s", began.elapsed().as_secs_f64()));
            }
            if !json {
                say(&outcome, args.dry_run)?;
            }
            all.push(outcome);
        }
    }
    if args.side.is_none() {
        sides.faults().for_each(|fault| output::note(fault.to_string()));
    }
    if json {
        output::json(&serde_json::json!({ "dry_run": args.dry_run, "indexes": all }))?;
    }
    let whole = all.iter().all(|one| one.made || one.index.state == State::There);
    Ok(match (whole, all.iter().any(|one| one.made)) {
        (true, _) => Exit::Done,
        (false, true) => Exit::Partial,
        (false, false) => Exit::Attention,
    })
}

fn say(one: &Outcome, dry_run: bool) -> Result<(), Fault> {
    let state = match (&one.index.state, one.made, &one.fault) {
        (_, true, _) => "made".to_owned(),
        (_, _, Some(fault)) => format!("not made: {fault}"),
        (State::There, ..) => "there".to_owned(),
        (State::Missing, ..) => "missing".to_owned(),
        (State::Invalid, ..) => "left over by a build that was broken off, and of no use".to_owned(),
        (State::Impossible(why), ..) => format!("missing; {why}"),
    };
    output::line(format!("{:<7}  {:<30}  {:<10}  {state}", one.side, one.index.name, one.index.serves))?;
    if !one.made && one.index.state != State::There && (dry_run || matches!(one.index.state, State::Impossible(_))) {
        output::note(format!("  {}", one.index.sql));
    }
    Ok(())
}
