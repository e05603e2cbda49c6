//! The queue in plain text, for people at a prompt.

use crate::cli::output;
use crate::postgres::Fault;
use crate::queue::detail::Detail;
use crate::queue::diagnosis::{self, Diagnosis};
use crate::queue::groups::Groups;
use crate::queue::images::Image;
use crate::queue::{Discarded, Entry, State};
use serde::Serialize;
use std::fmt::Write as _;

/// The beginning of a text on one line.
fn short(text: &str, chars: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= chars {
        return line;
    }
    line.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

fn age(seconds: Option<i64>) -> String {
    let Some(seconds) = seconds else { return "–".to_owned() };
    let s = seconds.max(0);
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m", s / 60),
        3_600..86_400 => format!("{}h", s / 3_600),
        _ => format!("{}d", s / 86_400),
    }
}

/// One line per entry.
pub(super) fn entries(entries: &[Entry]) -> Result<(), Fault> {
    if entries.is_empty() {
        output::note("no entry matches");
        return Ok(());
    }
    output::line(format!(
        "{:<36}  {:<8} {:<9} {:>4} {:>3}  {:<24} reason",
        "id", "op", "state", "age", "try", "table"
    ))?;
    for entry in entries {
        let reason = entry.discarded.as_ref().map(discarded).or_else(|| {
            let found = diagnosis::diagnose(&entry.evidence())?;
            Some(format!("{} {}", found.sqlstate.as_deref().unwrap_or_default(), found.name))
        });
        let reason = reason.unwrap_or_default();
        output::line(format!(
            "{}  {:<8} {:<9} {:>4} {:>3}  {:<24} {}",
            entry.id,
            short(&entry.operation, 8),
            entry.state.name(),
            age(entry.age_s),
            entry.attempts,
            short(&entry.table, 24),
            reason.trim(),
        ))?;
    }
    Ok(())
}

/// Who discarded an entry, when and why.
fn discarded(by: &Discarded) -> String {
    let reason = by.reason.as_deref().unwrap_or("no reason given");
    format!("{} ago by {}: {}", age(Some(by.age_s)), by.actor, short(reason, 200))
}

/// One block per group, the biggest first.
pub(super) fn groups(found: &Groups) -> Result<(), Fault> {
    if found.groups.is_empty() {
        output::note("nothing failed and nothing is blocked");
        return Ok(());
    }
    for group in &found.groups {
        let code = group.diagnosis.sqlstate.as_deref().unwrap_or("–");
        let mut text = format!(
            "{}  {:>6}  {:<8} {}  {code} {}  ({}, {} – {} ago)",
            group.id,
            group.count,
            short(&group.operation, 8),
            short(&group.table, 40),
            group.diagnosis.name,
            group.diagnosis.proof,
            age(group.first_s),
            age(group.last_s),
        );
        let _ = write!(text, "\n    {}\n    → {}", short(&group.diagnosis.cause, 200), group.diagnosis.remedy);
        output::line(text)?;
    }
    let more = if found.cut { " (the first of more)" } else { "" };
    output::note(format!("{} entries{more} stuck for {} reasons", found.entries, found.groups.len()));
    Ok(())
}

/// An entry in full with what is known beside it.
#[derive(Serialize)]
pub(super) struct Shown {
    #[serde(flatten)]
    detail: Detail,
    diagnosis: Option<Diagnosis>,
    replica_row: Side,
    master_row: Side,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Side {
    Image(Image),
    Fault { fault: Fault },
}

impl Shown {
    pub(super) fn new(detail: Detail, images: [Result<Image, Fault>; 2]) -> Self {
        let [replica_row, master_row] = images.map(|image| match image {
            Ok(image) => Side::Image(image),
            Err(fault) => Side::Fault { fault },
        });
        let diagnosis = diagnosis::diagnose(&detail.evidence());
        Self { detail, diagnosis, replica_row, master_row }
    }

    pub(super) fn state(&self) -> State {
        self.detail.entry.state
    }

    pub(super) fn print(&self) -> Result<(), Fault> {
        let Detail { entry, payload, payload_chars, error_text, tries, chain, .. } = &self.detail;
        output::line(format!(
            "{}  {} {}  {}, queued {} ago, {} tries",
            entry.id,
            entry.operation,
            entry.table,
            entry.state,
            age(entry.age_s),
            entry.attempts
        ))?;
        if let Some(by) = &entry.discarded {
            output::line(format!("discarded {}", discarded(by)))?;
        }
        if let Some(found) = &self.diagnosis {
            let code = found.sqlstate.as_deref().unwrap_or("no code");
            output::line(format!("\n{} ({}, {code} {})\n  {}", found.verdict, found.proof, found.name, found.cause))?;
            if let Some(object) = &found.object {
                output::line(format!("  object: {object}"))?;
            }
            output::line(format!("  → {}\n  risk: {}", found.remedy, found.risk))?;
        }
        if let Some(error) = error_text {
            output::line(format!("\nstored error\n  {}", error.replace('\n', "\n  ")))?;
        }
        output::line(format!("\npayload\n  {payload}"))?;
        let shown = payload.chars().count() as i64;
        if shown < *payload_chars {
            output::line(format!("  … {} characters more", payload_chars - shown))?;
        }
        for (name, side) in [("replica row", &self.replica_row), ("master row", &self.master_row)] {
            output::line(format!("\n{name}\n  {}", said(side)))?;
        }
        if !tries.is_empty() {
            output::line("\ntries, the latest first")?;
        }
        for attempt in tries {
            let code = attempt.sqlstate.as_deref().unwrap_or_default();
            output::line(format!(
                "  {:>4} ago  {:<14} {:<12} {code} {}",
                age(Some(attempt.age_s)),
                attempt.actor,
                attempt.outcome,
                short(attempt.message.as_deref().unwrap_or_default(), 120)
            ))?;
        }
        if !chain.is_empty() {
            output::line("\nother open entries of the same row")?;
        }
        for other in chain {
            let place = if other.before { "before" } else { "after" };
            output::line(format!("  {place:<6}  {}  {:<8} {}", other.id, other.operation, other.state))?;
        }
        Ok(())
    }
}

fn said(side: &Side) -> String {
    match side {
        Side::Image(Image::Row(row)) => row.clone(),
        Side::Image(Image::Absent) => "there is no such row".to_owned(),
        Side::Image(Image::NoTable) => "there is no such table".to_owned(),
        Side::Image(Image::NoKey) => "the entry does not say which row it means".to_owned(),
        Side::Fault { fault } => fault.to_string(),
    }
}
