//! The score: 100 minus what is wrong, each thing named.
//!
//! | what                                        | points                                         |
//! |---------------------------------------------|------------------------------------------------|
//! | a side that cannot be reached               | 40                                             |
//! | no synced table, no engine notes (a side)   | 10 for the notes, 5 for each table, at most 25 |
//! | entries stuck for one reason                | min(n, 2 + 2·log2 n), at most 20, together 40  |
//! | no engine, or a stale one                   | 15                                             |
//! | the last cycle failed                       | 10                                             |
//! | the deployed worker is blocked, none of ours runs | 10                                       |
//! | never pulled, the first pull unfinished; another master | 5; 10                             |
//! | behind by over 1 min, 10 min, 1 h           | 5, 10, 15                                      |
//! | an entry waits unsent over 5 min, 1 h       | 5, 10                                          |
//! | a paused table                              | 5, together 15                                 |
//! | the master is a standby                     | 10                                             |
//! | open conflicts                              | 1 each, at most 5                              |
//! | connections 90 % used                       | 5 a side                                       |
//! | a transaction open over 5 min, locks waited for | 3 a side, each                             |
//! | rows differ though nothing is queued or behind | 6 a table, at most 12                       |
//! | something could not be checked              | 5 a side                                       |
//!
//! The points add up to exactly 100 minus the score: where more is wrong than 100 points hold, the cheapest are cut.

use super::report::{Deduction, Reason, Report, SideHealth, Standing, TableHealth};
use super::words::{age, count, entries, safe};

/// Fills in deductions, score and standing.
pub fn judge(report: &mut Report) {
    let mut found = Vec::new();
    for side in std::iter::once(&report.master).chain(&report.replicas) {
        side_deductions(side, &mut found);
    }
    stuck(report, &mut found);
    engine(report, &mut found);
    waiting(report, &mut found);
    found.retain(|d| d.points > 0);
    // Dearest first; equals stay in the order above, so that lines do not jump between refreshes.
    found.sort_by_key(|d| std::cmp::Reverse(d.points));
    let mut left = 100_u8;
    for deduction in &mut found {
        deduction.points = deduction.points.min(left);
        left -= deduction.points;
    }
    found.retain(|d| d.points > 0);
    let lost = std::iter::once(&report.master).chain(&report.replicas).filter(|s| !s.reachable).count();
    if lost == 1 + report.replicas.len() {
        // Nothing is known, so nothing is claimed.
        if let Some(first) = found.first_mut() {
            first.points += left;
            left = 0;
        }
    }
    // What was not looked at is not healthy.
    let checked = report.queue.failed.is_some()
        && std::iter::once(&report.master).chain(&report.replicas).all(|side| side.unchecked.is_empty());
    report.standing = match left {
        _ if lost > 0 => Standing::Unreachable,
        95.. if report.queue.stuck() == 0 && checked => Standing::Healthy,
        50.. => Standing::Degraded,
        _ => Standing::Unhealthy,
    };
    report.score = left;
    report.deductions = found;
}

fn deduction(points: u8, sentence: impl Into<String>) -> Deduction {
    Deduction { points, sentence: sentence.into(), replica: None, remedy: None, queue_filter: None }
}

fn side_deductions(side: &SideHealth, found: &mut Vec<Deduction>) {
    let name = safe(&side.name, 40);
    if let Some(fault) = &side.fault {
        let code = fault.sqlstate.as_deref().map(|c| format!(" [{}]", safe(c, 5))).unwrap_or_default();
        let mut lost = deduction(40, format!("{name} cannot be reached: {}{code}", safe(&fault.message, 200)));
        lost.remedy.clone_from(&fault.remedy);
        found.push(lost);
        return;
    }
    if !side.reachable {
        found.push(deduction(40, format!("{name} has not answered yet")));
        return;
    }
    missing(side, &name, found);
    if !side.unchecked.is_empty() {
        found.push(deduction(5, format!("{name}: not checked: {}", safe(&side.unchecked.join("; "), 200))));
    }
    if side.name == "master" && side.in_recovery == Some(true) {
        let mut standby = deduction(10, format!("{name} is a standby: nothing can be pushed to it"));
        standby.remedy = Some("connect to the primary (target_session_attrs=read-write)".to_owned());
        found.push(standby);
    }
    if let (Some(used), Some(most)) = (side.connections, side.connections_max)
        && used * 10 >= most * 9
    {
        found.push(deduction(5, format!("{name} uses {used} of {most} connections")));
    }
    if let Some(open) = side.longest_transaction_s.filter(|s| *s > 300.0) {
        found.push(deduction(3, format!("{name} has a transaction open for {}", age(open))));
    }
    if let Some(waiting) = side.blocked_locks.filter(|n| *n > 0) {
        found.push(deduction(3, format!("{name}: {waiting} locks are waited for")));
    }
}

fn missing(side: &SideHealth, name: &str, found: &mut Vec<Deduction>) {
    for refused in [false, true] {
        let objects: Vec<_> = side.missing.iter().filter(|m| m.refused == refused).collect();
        let Some(first) = objects.first() else { continue };
        let notes = objects.iter().any(|m| m.object.starts_with("robbie_sync."));
        let tables = objects.iter().filter(|m| !m.object.starts_with("robbie_sync.")).count();
        let points = (if notes { 10 } else { 0 } + 5 * tables).min(25) as u8;
        let listed: Vec<&str> = objects.iter().take(3).map(|m| m.object.as_str()).collect();
        let more = if objects.len() > 3 { format!(" and {} more", objects.len() - 3) } else { String::new() };
        let what = if refused { "may not be read by this role" } else { "missing" };
        let mut lacks = deduction(points, format!("{name}: {}{more} {what}", listed.join(", ")));
        lacks.remedy = Some(first.remedy.clone());
        found.push(lacks);
    }
}

/// Points for `n` entries stuck for one reason: every entry counts while they are few, doublings when they are many.
fn stuck_points(n: i64) -> u8 {
    if n <= 0 {
        return 0;
    }
    let many = 2.0 + 2.0 * (n as f64).log2();
    (n as f64).min(many.ceil()).min(20.0) as u8
}

fn stuck(report: &Report, found: &mut Vec<Deduction>) {
    let mut left = 40_u8;
    let mut named = 0;
    for reason in &report.reasons {
        let points = stuck_points(reason.count).min(left);
        left -= points;
        named += reason.count;
        let mut one = deduction(points, why(reason));
        one.queue_filter = Some(filter(reason));
        found.push(one);
    }
    let rest = report.queue.stuck() - named;
    if rest > 0 {
        let mut more =
            deduction(stuck_points(rest).min(left), format!("{} are stuck for other reasons", entries(rest)));
        more.queue_filter = Some("state:failed,blocked".to_owned());
        found.push(more);
    }
}

/// Why entries are stuck, in one sentence.
pub fn why(reason: &Reason) -> String {
    let (n, table) = (reason.count, safe(&reason.table, 60));
    let object = reason.object.as_deref().map(|o| safe(o, 80));
    let about = object.as_deref().map(|o| format!(" ({o})")).unwrap_or_default();
    let number = entries(n);
    let (wait, lack, fail, have) =
        if n == 1 { ("waits", "lacks", "failed", "has") } else { ("wait", "lack", "failed", "have") };
    match reason.verdict.as_deref() {
        Some("waits_for_parent") => format!("{number} of {table} {wait} for a parent that is not on the master{about}"),
        Some("waits_for_chain") => format!("{number} of {table} {wait} for an earlier entry of the same row{about}"),
        Some("unmapped_user") => format!("{number} of {table} {have} a user without a mapping{about}"),
        Some("lacks_key") => format!("{number} of {table} {lack} the primary key"),
        Some("zero_rows") => format!("{number} of {table} found no row to change on the master"),
        Some("overwrites_newer") => format!("{number} of {table} would overwrite a newer row of the master"),
        verdict => {
            let code = reason.sqlstate.as_deref().map(|c| format!(" with {}", safe(c, 5)));
            let told = verdict.filter(|v| *v != "fault").map(|v| format!(" ({})", safe(v, 30).replace('_', " ")));
            let text = reason.text.as_deref().map(|t| format!(": {}", safe(t, 100))).unwrap_or_default();
            let on = object.map_or_else(
                || table.clone(),
                |o| if o.contains('.') || o.contains(&table) { o } else { format!("{table} ({o})") },
            );
            format!("{number} {fail}{} on {on}{}{text}", code.unwrap_or_default(), told.unwrap_or_default())
        }
    }
}

/// The filter of the queue that shows the entries of a reason.
pub fn filter(reason: &Reason) -> String {
    let entries = format!("state:{} table:{}", reason.state, word(&reason.table));
    match (&reason.sqlstate, &reason.verdict) {
        (Some(code), _) => format!("{entries} sqlstate:{}", word(code)),
        (None, Some(verdict)) => format!("{entries} verdict:{}", word(verdict)),
        (None, None) => entries,
    }
}

/// A value of the filter grammar: quoted unless it is a plain word. Nothing in it ends a quote of the grammar or of a
/// shell, where the filter may be pasted.
fn word(value: &str) -> String {
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        value.to_owned()
    } else {
        format!("\"{}\"", safe(value, 80).replace(['"', '\\', '\''], ""))
    }
}

fn engine(report: &Report, found: &mut Vec<Deduction>) {
    let engine = &report.engine;
    if engine.running == Some(false) {
        let mut stopped = deduction(15, "no engine runs for this replica");
        stopped.remedy = Some("robbie sync".to_owned());
        found.push(stopped);
        if report.queue.starvation.is_some() {
            found
                .push(deduction(10, "the deployed worker is blocked by the oldest 100 entries, which all have errors"));
        }
    } else if engine.stale {
        let since = engine.last_cycle_age_s.unwrap_or(0.0);
        found.push(deduction(15, format!("the engine is stale: its last cycle began {} ago", age(since))));
    }
    if let Some(run) = report.runs.first().filter(|r| r.outcome.as_deref() == Some("failed")) {
        let why = run.fault.as_deref().map(|f| format!(": {}", safe(f, 160))).unwrap_or_default();
        found.push(deduction(10, format!("the last cycle failed{why}")));
    }
    match engine.pull.as_deref() {
        Some("never") => found.push(deduction(5, "this replica has never pulled from the master")),
        Some("bootstrapping") => {
            let load = report.replicas.first().and_then(|r| r.load.as_ref());
            let far = load.map(|l| format!(": {}", l.words()[1..].join(", "))).unwrap_or_default();
            found.push(deduction(5, format!("the first load of this replica is not complete{far}")));
        }
        Some("comparing") => found.push(deduction(
            10,
            "the master has no robbie_sync: its changes are found by comparing all rows, and nothing is sent to it",
        )),
        Some("resync") => found.push(deduction(
            10,
            "the master is not the one this replica followed (restored or failed over): rows are compared again",
        )),
        _ => {}
    }
    let paused: Vec<_> = report.tables.iter().filter(|t| t.paused.is_some()).collect();
    for (i, table) in paused.iter().enumerate().take(3) {
        let why = safe(table.paused.as_deref().unwrap_or_default(), 120);
        let more =
            if i == 2 && paused.len() > 3 { format!(" (and {} more tables)", paused.len() - 3) } else { String::new() };
        found.push(deduction(5, format!("{} is paused: {why}{more}", safe(&table.name, 60))));
    }
}

fn waiting(report: &Report, found: &mut Vec<Deduction>) {
    let behind = report.tables.iter().filter_map(|t| t.lag_s).fold(0.0_f64, f64::max);
    let points = steps(behind, &[(60.0, 5), (600.0, 10), (3600.0, 15)]);
    if points > 0 {
        let changes: i64 = report.tables.iter().filter_map(|t| t.lag_changes).sum();
        found.push(deduction(
            points,
            format!("{} changes of the master wait to be taken, the oldest for {}", count(changes), age(behind)),
        ));
    }
    // Stuck entries have their own lines; this is about entries that could go and do not.
    if report.queue.pending.is_some_and(|n| n > 0) && report.queue.stuck() == 0 {
        let oldest = report.queue.oldest_age_s.unwrap_or(0.0);
        let points = steps(oldest, &[(300.0, 5), (3600.0, 10)]);
        if points > 0 {
            let mut unsent = deduction(points, format!("an entry has waited unsent for {}", age(oldest)));
            unsent.queue_filter = Some("state:pending".to_owned());
            found.push(unsent);
        }
    }
    differences(report, found);
    if let Some(open) = report.conflicts.open.filter(|n| *n > 0) {
        let (noun, verb) = if open == 1 { ("conflict", "is") } else { ("conflicts", "are") };
        let mut conflicts = deduction(open.min(5) as u8, format!("{} {noun} {verb} not resolved", count(open)));
        conflicts.remedy = Some("robbie conflicts list".to_owned());
        found.push(conflicts);
    }
}

/// Tables at rest whose numbers of rows differ: nothing is queued, behind or deferred that would explain it.
fn differences(report: &Report, found: &mut Vec<Deduction>) {
    if report.engine.deferred != Some(0) {
        return;
    }
    let at_rest = |t: &&TableHealth| {
        [t.pending, t.failed, t.blocked, t.lag_changes].iter().all(|n| *n == Some(0))
            && !t.master_rows_estimated
            && !t.replica_rows_estimated
    };
    let differing = report.tables.iter().filter(at_rest).filter_map(|t| Some((t, t.master_rows?, t.replica_rows?)));
    for (table, master, replica) in differing.filter(|(_, master, replica)| master != replica).take(2) {
        let (master, replica) = (count(master), count(replica));
        let name = safe(&table.name, 60);
        let mut differs = deduction(
            6,
            format!("{name} has {master} rows on the master and {replica} here, and nothing is queued or behind"),
        );
        differs.remedy = Some(format!("robbie rows diff {name}"));
        found.push(differs);
    }
}

/// The points of the last step that `value` is over.
fn steps(value: f64, steps: &[(f64, u8)]) -> u8 {
    steps.iter().rev().find(|(over, _)| value > *over).map_or(0, |(_, points)| *points)
}

#[cfg(test)]
#[path = "score_tests.rs"]
mod tests;
