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
    if stuck > 0 && dearest.is_none_or(|d| d.queue_filter.is_some()) {
        let mut others = report.deductions.iter().filter(|d| d.queue_filter.is_none());
        let rest = match (others.next(), others.count()) {
            (None, _) => " Everything else is in step.".to_owned(),
            (Some(one), 0) => format!(" Also: {}.", one.sentence),
            (Some(_), n) => format!(" {} other things need a look.", n + 1),
        };
        return format!("{}{rest}", stuck_words(report));
    }
    if stuck > 0
        && let Some(first) = dearest
    {
        return format!("{}. {}", capital(report, &first.sentence), stuck_words(report));
    }
    match dearest {
        None => "Nothing is wrong.".to_owned(),
        Some(first) => {
            let more = match report.deductions.len() {
                1 => String::new(),
                2 => " One more thing needs a look.".to_owned(),
                n => format!(" {} more things need a look.", n - 1),
            };
            format!("{}.{more}", capital(report, &first.sentence))
        }
    }
}

fn is_name(report: &Report, text: &str) -> bool {
    std::iter::once(&report.master).chain(&report.replicas).any(|s| !s.name.is_empty() && text.starts_with(&s.name))
}

/// `37 entries are stuck for 3 reasons; the oldest waits 2 h.`
fn stuck_words(report: &Report) -> String {
    let stuck = report.queue.stuck();
    let reasons = match report.queue.reasons.unwrap_or(0) {
        0 => String::new(),
        1 => " for 1 reason".to_owned(),
        n => format!(" for {n} reasons"),
    };
    let verb = if stuck == 1 { "is" } else { "are" };
    let oldest = report.queue.oldest_age_s.map(|a| format!("; the oldest waits {}", age(a))).unwrap_or_default();
    let least = if report.queue.at_least { "At least " } else { "" };
    format!("{least}{} {verb} stuck{reasons}{oldest}.", entries(stuck))
}

/// A sentence with a capital, unless it begins with the name of a table or a side, which keeps its spelling.
fn capital(report: &Report, text: &str) -> String {
    let name = text.split(' ').next().is_some_and(|word| word.contains(['_', ':'])) || is_name(report, text);
    match text.chars().next() {
        Some(first) if !name => format!("{}{}", first.to_uppercase(), &text[first.len_utf8()..]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
#[path = "sentence_tests.rs"]
mod tests;
