//! `robbie conversations embed`: vectors for what has none.

use super::embedder::{EmbedderArg, embedder};
use super::{SideArg, output};
use crate::cli::Exit;
use crate::conversation::embed::{Filling, KINDS};
use crate::conversation::{Kind, Sides};
use crate::postgres::Fault;
use crate::settings::Settings;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Arguments of `robbie conversations embed`.
#[derive(Args, Debug)]
pub struct EmbedArgs {
    /// On this side: the master's vectors come to the replicas by the pull, a replica's go through its queue.
    #[arg(long, value_enum, default_value_t = SideArg::Master)]
    pub side: SideArg,
    /// What makes the vectors; by default the configured endpoint, or else the built-in embedder.
    #[arg(long, value_enum)]
    pub embedder: Option<EmbedderArg>,
    /// Only these.
    #[arg(long, value_enum)]
    pub only: Option<What>,
    /// How many rows at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub batch: u16,
    /// At most so many batches a minute.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub rate: Option<u16>,
    /// At most so many rows of each table; run it again to go on.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Only say how many rows have none.
    #[arg(long)]
    pub dry_run: bool,
}

/// What gets vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Messages.
    Messages,
    /// Code blocks.
    Blocks,
    /// Learned patterns.
    Patterns,
}

impl What {
    fn kind(self) -> Kind {
        match self {
            Self::Messages => Kind::Message,
            Self::Blocks => Kind::Block,
            Self::Patterns => Kind::Pattern,
        }
    }
}

/// What came of one table.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
struct Filled {
    missing: i64,
    filled: u64,
}

/// Runs the command.
pub async fn run(args: EmbedArgs, sides: &Sides, settings: &Settings, json: bool) -> Result<Exit, Fault> {
    let embedder = embedder(settings, args.embedder)?;
    let side = args.side.into();
    let (link, shape) = sides.of(side)?;
    let mut done: BTreeMap<&str, Filled> = BTreeMap::new();
    for kind in KINDS.into_iter().filter(|kind| args.only.is_none_or(|only| only.kind() == *kind)) {
        let filling = Filling { link, shape, kind, embedder: &embedder };
        let missing = filling.missing().await?;
        let mut filled = 0;
        if !args.dry_run && missing > 0 {
            filled = fill(&filling, &args, missing, json).await?;
        }
        done.insert(kind.table(), Filled { missing, filled });
    }
    let left: i64 = done.values().map(|f| f.missing - f.filled as i64).sum();
    if json {
        output::json(&serde_json::json!({ "side": side, "embedder": embedder.id(), "tables": done, "left": left }))?;
    } else {
        for (table, f) in &done {
            output::line(format!("{table:<18}  {} without an embedding, {} filled", f.missing, f.filled))?;
        }
        output::note(format!("embedder: {}", embedder.id()));
        if left > 0 && !args.dry_run {
            output::note(format!("{left} have none still: what has no word gets none, and --limit stops early"));
        }
    }
    Ok(Exit::Done)
}

async fn fill(filling: &Filling<'_>, args: &EmbedArgs, missing: i64, json: bool) -> Result<u64, Fault> {
    let bar = ProgressBar::new(missing.unsigned_abs());
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {per_sec} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(filling.kind.table());
    if json || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let pause = args.rate.map(|rate| Duration::from_mins(1) / u32::from(rate));
    let (mut after, mut filled) = (None, 0);
    loop {
        let began = Instant::now();
        let left = args.limit.map_or(u64::from(args.batch), |limit| limit.saturating_sub(filled));
        let size = left.min(u64::from(args.batch)) as u16;
        if size == 0 {
            break;
        }
        // Each batch is written by itself: what is interrupted goes on where it stopped.
        let batch = filling.batch(after, size).await.inspect_err(|_| {
            bar.abandon();
            output::note(format!("{filled} rows of {} were filled before", filling.kind.table()));
        })?;
        filled += batch.filled;
        bar.inc(batch.looked as u64);
        if batch.last.is_none() || batch.looked < usize::from(size) {
            break;
        }
        after = batch.last;
        if let Some(rest) = pause.and_then(|pause| pause.checked_sub(began.elapsed())) {
            tokio::time::sleep(rest).await;
        }
    }
    bar.finish_and_clear();
    Ok(filled)
}
