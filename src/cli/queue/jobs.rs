//! `robbie queue replay` as a job, and `robbie queue jobs`: watched, listed, shown, resumed, cancelled.

use super::{ACTOR, Queue, Replay, ask};
use crate::cli::{Exit, output};
use crate::postgres::{Fault, Kind};
use crate::sync::freeze::Frozen;
use crate::sync::job::{self, JobHandle, JobOptions, JobState, JobSummary, Progress};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::Write as _;
use std::time::Duration;
use uuid::Uuid;

/// Entries of a job printed at most by `show`, unless asked for more.
const SHOWN: i64 = 1_000;
const TEMPLATE: &str = "{bar:30} {percent:>3} %  {human_pos}/{human_len}  {msg}  {elapsed}";

/// How a replay of many goes about it.
#[derive(Args, Debug)]
pub struct Pace {
    /// So many entries a second (1 to 500), as a job that can be resumed.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=500))]
    pub rate: Option<u16>,
    /// Begin with 1 entry, then 5, 20, 100, 500 at a time; each step only after one without a failure.
    #[arg(long)]
    pub ramp: bool,
    /// Dry-run first, and stop at the first kind of error that it did not foretell.
    #[arg(long)]
    pub stop_on_new: bool,
    /// Stop when more than this share of what was tried did not go through, such as 5%; asked from the 20th entry on.
    #[arg(long, value_name = "P%", value_parser = share)]
    pub max_failures: Option<f64>,
}

impl Pace {
    /// Whether a job is asked for.
    pub fn is_given(&self) -> bool {
        self.rate.is_some() || self.ramp || self.stop_on_new || self.max_failures.is_some()
    }
}

fn share(text: &str) -> Result<f64, String> {
    let percent = text.trim_end_matches('%').trim().parse::<f64>().ok().filter(|p| (0.0..=100.0).contains(p));
    percent.map(|p| p / 100.0).ok_or_else(|| "a share from 0% to 100%".to_owned())
}

/// What to do with the jobs.
#[derive(Debug, Subcommand)]
pub enum Jobs {
    /// List the replays of many, the last first; they are kept for 30 days.
    List,
    /// Show one, and what became of its entries.
    Show {
        /// The job's id.
        job: Uuid,
        /// Go on behind this place: the `n` of the last entry shown.
        #[arg(long, default_value_t = 0)]
        after: i64,
    },
    /// Go on with one that was interrupted, stopped or cancelled; nothing is applied twice.
    Resume {
        /// The job's id.
        job: Uuid,
    },
    /// End one that is under way, in whatever process.
    Cancel {
        /// The job's id.
        job: Uuid,
    },
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    job: &'a JobSummary,
    entries: &'a [job::JobEntry],
}

impl Queue {
    /// Replays a frozen selection as a job.
    pub(super) async fn replay_as_job(&self, frozen: Frozen, replay: &Replay, json: bool) -> Result<Exit, Fault> {
        let options = JobOptions {
            rate: replay.pace.rate,
            ramp: replay.pace.ramp,
            stop_on_new: replay.pace.stop_on_new,
            max_failures: replay.pace.max_failures,
            actor: ACTOR.to_owned(),
            reason: replay.reason.clone(),
        };
        let handle = job::start(&self.pair, frozen, options).await?;
        watched(handle, json).await
    }

    pub(super) async fn jobs(&self, jobs: &Jobs, json: bool) -> Result<Exit, Fault> {
        match jobs {
            Jobs::List => {
                let found = job::list(&self.client).await?;
                if json {
                    output::json(&found)?;
                } else {
                    found.iter().try_for_each(|job| output::line(line(job)))?;
                }
                Ok(Exit::Done)
            }
            Jobs::Show { job, after } => self.show_job(*job, *after, json).await,
            Jobs::Resume { job } => {
                let handle = job::resume(&self.pair, *job).await?;
                watched(handle, json).await
            }
            Jobs::Cancel { job } => {
                let under_way = job::cancel(&self.pair, *job).await?;
                if json {
                    output::json(&serde_json::json!({ "job": job, "cancelled": under_way }))?;
                } else {
                    output::note(if under_way { "it ends within a second" } else { "it was not under way" });
                }
                Ok(if under_way { Exit::Done } else { Exit::Attention })
            }
        }
    }

    async fn show_job(&self, id: Uuid, after: i64, json: bool) -> Result<Exit, Fault> {
        let found = job::one(&self.client, id).await?;
        let entries = job::entries(&self.client, id, after, SHOWN).await?;
        if json {
            output::json(&Shown { job: &found, entries: &entries })?;
        } else {
            output::line(line(&found))?;
            for e in &entries {
                let of = |text: &Option<String>| text.as_deref().unwrap_or("-").replace('_', " ");
                let why = e.message.as_ref().map(|m| format!("\n    {m}")).unwrap_or_default();
                output::line(format!("{:>7}  {}  {:<16}  {}{why}", e.n, e.id, of(&e.verdict), of(&e.outcome)))?;
            }
            if let Some(last) = entries.last().filter(|_| entries.len() as i64 == SHOWN) {
                output::note(format!("more: --after {}", last.n));
            }
        }
        Ok(Exit::Done)
    }

    /// Asks whether so many are to be replayed; a protected target wants its name.
    pub(super) fn agrees_to(&self, frozen: &Frozen) -> Result<bool, Fault> {
        let master = &self.pair.master.target().name;
        let question = format!("Replay {} to {master}?", ask::entries(frozen.entries.len()));
        ask::agreed(&question, self.protected.then_some(master.as_str()))
    }
}

/// Watches a job to its end: a bar on a terminal, with `--json` a line for each change. Ctrl-c cancels it.
async fn watched(handle: JobHandle, json: bool) -> Result<Exit, Fault> {
    let mut progress = handle.progress();
    let bar = (!json && output::progress_is_seen()).then(|| {
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(progress.borrow().total).with_style(style)
    });
    let mut told = None;
    let last = loop {
        let now = progress.borrow_and_update().clone();
        if now.state.is_over() {
            break now;
        }
        if let Some(bar) = &bar {
            bar.set_position(now.done);
            bar.set_message(format!("{:.0}/s  {}", now.rate, counts(&now)));
        }
        if json && told != Some(now.done) {
            json_line(&now)?;
            told = Some(now.done);
        }
        tokio::select! {
            changed = progress.changed() => if changed.is_err() {
                break progress.borrow().clone();
            },
            _ = tokio::signal::ctrl_c() => handle.cancel(),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    if json {
        json_line(&last)?;
    } else {
        for (family, n) in &last.errors_by_family {
            output::line(format!("{n:>7}  {family}"))?;
        }
        let why = last.why.as_ref().map(|w| format!(": {w}")).unwrap_or_default();
        output::note(format!(
            "job {} {}{why}\n{} of {} done: {}",
            last.job,
            last.state.name(),
            last.done,
            last.total,
            counts(&last)
        ));
        if last.state != JobState::Done {
            output::note(format!("go on: robbie queue jobs resume {}", last.job));
        }
    }
    Ok(Exit::of_done(last.settled() as usize, last.total as usize))
}

fn counts(progress: &Progress) -> String {
    let words = progress.by_outcome.iter().map(|(o, n)| format!("{n} {}", o.name().replace('_', " ")));
    words.collect::<Vec<_>>().join(", ")
}

fn line(job: &JobSummary) -> String {
    let reason = job.reason.as_ref().map(|r| format!("  {r}")).unwrap_or_default();
    let why = job.why.as_ref().map(|w| format!("\n    {w}")).unwrap_or_default();
    format!(
        "{}  {}  {:<11}  {}/{}  {}{reason}{why}",
        job.job,
        job.created_at,
        job.state.name(),
        job.done,
        job.total,
        job.actor
    )
}

fn json_line(progress: &Progress) -> Result<(), Fault> {
    let mut bytes = serde_json::to_vec(progress)
        .map_err(|e| Fault::new(Kind::Local, "the answer could not be written as JSON").because(e))?;
    let _ = bytes.write_all(b"\n");
    output::raw(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_given_in_percent() {
        assert_eq!((share("5%"), share("50")), (Ok(0.05), Ok(0.5)));
        assert!(share("101%").is_err() && share("few").is_err());
    }
}
