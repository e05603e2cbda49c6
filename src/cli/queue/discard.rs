//! Entries that nobody wants: discarded into the archive, listed there, and restored.

use super::ask::{self, Consent};
use super::{ACTOR, Chosen, Queue};
use crate::cli::{Exit, output};
use crate::postgres::Fault;
use crate::sync::discard::{self, By, Put};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Arguments of `robbie queue discard`.
#[derive(Args, Debug)]
pub struct Discard {
    /// Which entries.
    #[command(flatten)]
    pub chosen: Chosen,
    /// Why, for the record.
    #[arg(long)]
    pub reason: String,
    /// Whether to ask.
    #[command(flatten)]
    pub consent: Consent,
}

/// Arguments of `robbie queue restore`.
#[derive(Args, Debug)]
pub struct Restore {
    /// Which entries of the archive.
    #[command(flatten)]
    pub chosen: Chosen,
    /// Why, for the record.
    #[arg(long, default_value = "restored")]
    pub reason: String,
    /// Whether to ask.
    #[command(flatten)]
    pub consent: Consent,
}

/// Arguments of `robbie queue archived`.
#[derive(Args, Debug)]
pub struct Archive {
    /// How many entries.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub limit: u16,
    /// Go on behind this entry: `next` of the page before.
    #[arg(long, value_name = "ID")]
    pub after: Option<Uuid>,
}

/// What became of entries, as `--json` prints it.
#[derive(Serialize)]
struct Report<'a> {
    dry_run: bool,
    outcomes: BTreeMap<&'static str, usize>,
    entries: &'a [Put],
}

impl Queue {
    pub(super) async fn discard(&self, discard: &Discard, json: bool) -> Result<Exit, Fault> {
        let ids = self.freeze(&discard.chosen).await?;
        if discard.consent.dry_run || ids.is_empty() {
            let found = if ids.is_empty() { vec![] } else { discard::preview(&self.pair, &ids).await? };
            return report(&found, discard.consent.dry_run, json);
        }
        let replica = &self.pair.replica.target().name;
        let question = format!(
            "Discard {} of {replica}? The edits of their rows are given up, and the master's rows taken again.",
            ask::entries(ids.len())
        );
        if !discard.consent.yes && !ask::agreed(&question, self.protected.then_some(replica))? {
            output::note("nothing was discarded");
            return Ok(Exit::Done);
        }
        let by = By { actor: ACTOR, reason: &discard.reason, engine: None };
        report(&discard::discard(&self.pair, &ids, by).await?, false, json)
    }

    pub(super) async fn restore(&self, restore: &Restore, json: bool) -> Result<Exit, Fault> {
        let ids = self.frozen_archive(&restore.chosen).await?;
        if restore.consent.dry_run || ids.is_empty() {
            return report(&discard::preview_restore(&self.client, &ids).await?, restore.consent.dry_run, json);
        }
        let replica = &self.pair.replica.target().name;
        let question = format!(
            "Restore {} to the queue of {replica}? They are sent again; the rows here stay as they are until then.",
            ask::entries(ids.len())
        );
        if !restore.consent.yes && !ask::agreed(&question, self.protected.then_some(replica))? {
            output::note("nothing was restored");
            return Ok(Exit::Done);
        }
        let by = By { actor: ACTOR, reason: &restore.reason, engine: None };
        report(&discard::restore(&self.pair, &ids, by).await?, false, json)
    }

    pub(super) async fn archived(&self, archive: &Archive, json: bool) -> Result<Exit, Fault> {
        let mut found = discard::archived(&self.client, archive.after, i64::from(archive.limit) + 1).await?;
        let more = found.len() > usize::from(archive.limit);
        found.truncate(usize::from(archive.limit));
        let next = found.last().filter(|_| more).map(|a| a.id);
        if json {
            output::json(&serde_json::json!({ "entries": found, "next": next }))?;
            return Ok(Exit::Done);
        }
        for a in &found {
            let at = &a.at[..a.at.len().min(19)];
            let reason = a.reason.as_deref().unwrap_or("–");
            output::line(format!("{}  {at}  {:<8} {:<24} {}: {reason}", a.id, a.operation, a.table, a.actor))?;
        }
        match next {
            Some(next) => output::note(format!("more: --after {next}")),
            None if found.is_empty() => output::note("the archive is empty"),
            None => {}
        }
        Ok(Exit::Done)
    }
}

fn report(found: &[Put], dry_run: bool, json: bool) -> Result<Exit, Fault> {
    let mut outcomes: BTreeMap<&'static str, usize> = BTreeMap::new();
    for put in found {
        *outcomes.entry(put.fate.name()).or_default() += 1;
    }
    if json {
        output::json(&Report { dry_run, outcomes, entries: found })?;
    } else {
        for put in found {
            output::line(format!("{}  {}", put.id, put.fate.name().replace('_', " ")))?;
            for text in [put.message.clone(), put.remedy.as_ref().map(|r| format!("→ {r}"))].into_iter().flatten() {
                output::line(format!("    {text}"))?;
            }
        }
        let counts: Vec<String> = outcomes.iter().map(|(name, n)| format!("{n} {}", name.replace('_', " "))).collect();
        let counts = if counts.is_empty() { "no entry is meant".to_owned() } else { counts.join(", ") };
        output::note(format!("{}: {counts}", if dry_run { "would be" } else { "done" }));
    }
    Ok(Exit::of_done(found.iter().filter(|p| p.fate.is_done()).count(), found.len()))
}
