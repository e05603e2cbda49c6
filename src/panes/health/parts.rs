//! What stands in the lines about each side, and what is kept of a side that was lost. Pure.

use super::EngineHere;
use crate::health::words::{count, latency, short_age, size};
use crate::health::{EngineHealth, Report, SideHealth};
use crate::ui::Role;

/// A piece of a line; pieces leave from the end where the room is short.
pub type Piece = (String, Role);

/// Fills what a lost side no longer says with what it said last; its fault stays.
pub fn carry(old: &Report, new: &mut Report) {
    if !new.master.reachable {
        keep(&old.master, &mut new.master);
        new.conflicts = old.conflicts;
    }
    let replica_lost = new.replicas.first().is_some_and(|r| !r.reachable);
    if let (true, Some(before), Some(now)) = (replica_lost, old.replicas.first(), new.replicas.first_mut()) {
        keep(before, now);
        new.queue = old.queue.clone();
        new.runs.clone_from(&old.runs);
        new.reasons.clone_from(&old.reasons);
    }
    for table in &mut new.tables {
        let Some(before) = old.tables.iter().find(|t| t.name == table.name) else { continue };
        if !new.master.reachable {
            table.master_rows = before.master_rows;
            table.master_rows_estimated = before.master_rows_estimated;
            table.changes_per_hour = before.changes_per_hour;
        }
        if replica_lost {
            let master = table.clone();
            *table = before.clone();
            table.master_rows = master.master_rows;
            table.master_rows_estimated = master.master_rows_estimated;
            table.changes_per_hour = master.changes_per_hour;
            table.changes_at_least = master.changes_at_least;
        }
    }
}

fn keep(old: &SideHealth, new: &mut SideHealth) {
    let fault = new.fault.clone();
    *new = SideHealth { reachable: false, fault, latency_ms: None, ..old.clone() };
}

/// The first line of a side: what server it is and how much of it is used.
pub fn server(side: &SideHealth) -> Vec<Piece> {
    let Some(version) = &side.version else { return vec![("connecting…".to_owned(), Role::Muted)] };
    let mut out = vec![(format!("PostgreSQL {}", short_version(version)), Role::Text)];
    out.extend(side.uptime_s.map(|s| (format!("up {}", short_age(s)), Role::Text)));
    out.extend(side.size_bytes.map(|b| (size(b), Role::Text)));
    if let (Some(used), Some(most)) = (side.connections, side.connections_max) {
        let role = if used * 10 >= most * 9 { Role::Bad } else { Role::Text };
        out.push((format!("{used}/{most} conn"), role));
    }
    out.extend(side.latency_ms.map(|ms| (latency(ms), Role::Muted)));
    out
}

/// `16.4 (Debian 16.4-1.pgdg120+1)` without the packager.
fn short_version(version: &str) -> &str {
    version.split_whitespace().next().unwrap_or(version)
}

/// The second line of a side: what goes on in it.
pub fn activity(side: &SideHealth) -> Vec<Piece> {
    let mut out = Vec::new();
    if let Some(s) = side.longest_transaction_s {
        let role = if s > 300.0 { Role::Warn } else { Role::Muted };
        let text =
            if s > 0.0 { format!("longest transaction {}", short_age(s)) } else { "no open transaction".to_owned() };
        out.push((text, role));
    }
    if let Some(n) = side.blocked_locks {
        out.push(if n == 0 {
            ("no blocked locks".to_owned(), Role::Muted)
        } else {
            (format!("{n} blocked locks"), Role::Warn)
        });
    }
    if side.in_recovery == Some(true) {
        out.push(("standby".to_owned(), Role::Warn));
    }
    if side.read_only == Some(true) {
        out.push(("read-only".to_owned(), Role::Info));
    }
    if side.sessions_hidden == Some(true) {
        out.push(("other roles' sessions are hidden".to_owned(), Role::Muted));
    }
    out
}

/// The second line of the replica: the engine.
pub fn engine(engine: &EngineHealth, here: Option<&EngineHere>, runs_ok: Option<bool>) -> Vec<Piece> {
    let mut out = vec![(engine_words(engine, here), engine_role(engine, here))];
    if let Some(fault) = here.and_then(|h| h.fault.clone()) {
        out.push((fault, Role::Warn));
    }
    let cycles = here.filter(|h| !h.held_elsewhere).map(|h| h.cycles);
    if let Some(cycles) = cycles {
        let (word, role) = if runs_ok == Some(false) { ("failed", Role::Bad) } else { ("ok", Role::Muted) };
        out.push((format!("cycle {} {word}", count(cycles as i64)), role));
    }
    if let Some(next) = engine.next_cycle_s.filter(|_| !engine.stale && here.is_none_or(|h| !h.paused)) {
        let words = if next < 1.0 { "next is due".to_owned() } else { format!("next in {}", whole_age(next.ceil())) };
        out.push((words, Role::Muted));
    }
    if let Some(s) = engine.last_cycle_age_s.filter(|_| cycles.is_none()) {
        out.push((format!("last cycle {} ago", whole_age(s)), Role::Muted));
    }
    if let Some(n) = engine.deferred.filter(|n| *n > 0) {
        out.push((format!("{} rows deferred", count(n)), Role::Info));
    }
    out
}

/// An age without fractions.
pub fn whole_age(seconds: f64) -> String {
    crate::ui::format::age(std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// Who runs the engine, in words.
pub fn engine_words(engine: &EngineHealth, here: Option<&EngineHere>) -> String {
    if let Some(here) = here.filter(|h| !h.held_elsewhere) {
        return match here {
            h if h.paused => "engine here, paused".to_owned(),
            h if h.busy => "engine here, cycle running".to_owned(),
            _ => engine.pid.map_or_else(|| "engine here".to_owned(), |pid| format!("engine here (pid {pid})")),
        };
    }
    match (engine.running, &engine.holder) {
        (Some(true), Some(holder)) => format!("engine {holder}"),
        (Some(true), None) => "engine runs".to_owned(),
        (Some(false), _) => "no engine".to_owned(),
        (None, _) => "engine unknown".to_owned(),
    }
}

fn engine_role(engine: &EngineHealth, here: Option<&EngineHere>) -> Role {
    let paused = here.is_some_and(|h| h.paused);
    match engine.running {
        Some(true) if engine.stale || paused => Role::Warn,
        Some(true) => Role::Text,
        Some(false) => Role::Warn,
        None => Role::Muted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{FaultWords, TableHealth};

    fn side(name: &str, version: &str) -> SideHealth {
        SideHealth { name: name.into(), reachable: true, version: Some(version.into()), ..SideHealth::default() }
    }

    #[test]
    fn a_lost_side_keeps_what_it_said_and_the_other_goes_on() {
        let table = |master, replica| TableHealth {
            name: "t".into(),
            master_rows: Some(master),
            replica_rows: replica,
            failed: replica,
            ..TableHealth::default()
        };
        let mut old = Report { master: side("master", "16"), replicas: vec![side("r", "18")], ..Report::default() };
        old.tables = vec![table(10, Some(9))];
        old.queue.failed = Some(9);
        let mut new = old.clone();
        new.replicas =
            vec![SideHealth { name: "r".into(), fault: Some(FaultWords::default()), ..SideHealth::default() }];
        new.tables = vec![table(12, None)];
        new.queue = crate::health::QueueHealth::default();
        carry(&old, &mut new);
        assert_eq!(new.tables, vec![table(12, Some(9))]);
        assert_eq!((new.queue.failed, new.replicas[0].version.as_deref()), (Some(9), Some("18")));
        assert!(!new.replicas[0].reachable && new.replicas[0].fault.is_some());
    }

    #[test]
    fn the_engine_is_named_wherever_it_runs() {
        let there = EngineHealth {
            running: Some(true),
            holder: Some("pid 7 on town".into()),
            pid: Some(7),
            ..EngineHealth::default()
        };
        let here = EngineHere::default();
        assert_eq!(engine_words(&there, None), "engine pid 7 on town");
        assert_eq!(engine_words(&there, Some(&here)), "engine here (pid 7)");
        assert_eq!(engine_words(&there, Some(&EngineHere { paused: true, ..here.clone() })), "engine here, paused");
        assert_eq!(engine_words(&there, Some(&EngineHere { held_elsewhere: true, ..here })), "engine pid 7 on town");
        assert_eq!(engine_words(&EngineHealth { running: Some(false), ..there }, None), "no engine");
        assert_eq!(engine_words(&EngineHealth::default(), None), "engine unknown");
    }

    #[test]
    fn a_packagers_words_leave_the_version() {
        let lines = server(&side("m", "16.4 (Debian 16.4-1.pgdg120+1)"));
        assert_eq!(lines[0].0, "PostgreSQL 16.4");
    }
}
