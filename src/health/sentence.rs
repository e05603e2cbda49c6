//! The one sentence that answers "is sync healthy?".

use super::report::{Report, SideHealth, Standing};
use super::words::{age, entries, safe};

/// The answer, in words.
pub fn sentence(report: &Report) -> String {
    let lost: Vec<&SideHealth> =
        std::iter::once(&report.master).chain(&report.replicas).filter(|s| !s.reachable).collect();
    if !lost.is_empty() {
        return unreachable(report, &lost);
    }
    match report.standing {
        Standing::Unknown => "Waiting for both sides.".to_owned(),
        Standing::Healthy => format!("Healthy. {}", behind(report)),
        standing => {
            let word = if standing == Standing::Unhealthy { "Unhealthy" } else { "Degraded" };
            format!("{word}, {}. {}", report.score, worst(report))
        }
    }
}

fn unreachable(report: &Report, lost: &[&SideHealth]) -> String {
    if lost.iter().any(|s| s.fault.is_none()) {
        return "Waiting for both sides.".to_owned();
    }
    let why =
        |s: &SideHealth| s.fault.as_ref().map_or_else(String::new, |f| safe(f.message.trim_end_matches('.'), 160));
    if lost.len() == 1 + report.replicas.len() {
        return format!("No side can be reached: {}.", why(lost[0]));
    }
    let names: Vec<String> = lost.iter().map(|s| safe(&s.name, 40)).collect();
    let there = std::iter::once(&report.master).chain(&report.replicas).find(|s| s.reachable);
    let works = there.map(|s| format!(" {} works on", safe(&s.name, 40))).unwrap_or_default();
    let waits = match report.queue.pending {
        Some(n) if n > 0 => format!("; {} {} to be sent", entries(n), if n == 1 { "waits" } else { "wait" }),
        _ => String::new(),
    };
    format!("{} cannot be reached: {}.{works}{waits}.", names.join(" and "), why(lost[0]))
}

/// How far the replica is behind.
fn behind(report: &Report) -> String {
    let name = report.replicas.first().map_or_else(|| "The replica".to_owned(), |r| safe(&r.name, 40));
    if report.tables.iter().all(|t| t.lag_changes.is_none()) {
        return format!("How far {name} is behind is not known.");
    }
    let most = report.tables.iter().filter_map(|t| t.lag_s).fold(0.0_f64, f64::max);
    let changes: i64 = report.tables.iter().filter_map(|t| t.lag_changes).sum();
    if changes == 0 { format!("{name} is in step.") } else { format!("{name} is {} behind.", age(most)) }
}

/// What costs most, and whether that is all.
fn worst(report: &Report) -> String {
    let stuck = report.queue.stuck();
    let dearest = report.deductions.first();
    let about_stuck = dearest.is_none_or(|d| d.queue_filter.is_some());
    if stuck > 0 && about_stuck {
        let reasons = match report.queue.reasons.unwrap_or(0) {
            0 => String::new(),
            1 => " for 1 reason".to_owned(),
            n => format!(" for {n} reasons"),
        };
        let verb = if stuck == 1 { "is" } else { "are" };
        let oldest = report.queue.oldest_age_s.map(|a| format!("; the oldest waits {}", age(a))).unwrap_or_default();
        let least = if report.queue.at_least { "At least " } else { "" };
        let others = report.deductions.iter().filter(|d| d.queue_filter.is_none()).count();
        let rest = match others {
            0 => " Everything else is in step.".to_owned(),
            1 => format!(" Also: {}.", first_up(&report.deductions, false)),
            n => format!(" {n} other things need a look."),
        };
        return format!("{least}{} {verb} stuck{reasons}{oldest}.{rest}", entries(stuck));
    }
    match dearest {
        None => "Nothing is wrong.".to_owned(),
        Some(first) => {
            let more = match report.deductions.len() {
                1 => String::new(),
                2 => " One more thing needs a look.".to_owned(),
                n => format!(" {} more things need a look.", n - 1),
            };
            let mut text = first.sentence.clone();
            if let Some(c) = text.get(..1) {
                // A name (code_messages, vengeance) keeps its spelling; a sentence begins with a capital.
                if !text.split(' ').next().is_some_and(|w| w.contains(['_', ':'])) && !is_name(report, &text) {
                    text = format!("{}{}", c.to_uppercase(), &text[1..]);
                }
            }
            format!("{text}.{more}")
        }
    }
}

fn is_name(report: &Report, text: &str) -> bool {
    std::iter::once(&report.master).chain(&report.replicas).any(|s| !s.name.is_empty() && text.starts_with(&s.name))
}

/// The dearest deduction that is (or is not) about entries.
fn first_up(deductions: &[super::report::Deduction], about_entries: bool) -> String {
    deductions
        .iter()
        .find(|d| d.queue_filter.is_some() == about_entries)
        .map(|d| d.sentence.clone())
        .unwrap_or_default()
}

#[cfg(test)]
#[path = "sentence_tests.rs"]
mod tests;
