//! Puts the answers of the two sides together to a report. Pure.

use super::engine;
use super::facts::{EngineSession, Load, MasterFacts, Queue, ReplicaFacts, Server, TableSize};
use super::report::{
    ConflictHealth, EngineHealth, FaultWords, LoadHealth, Missing, QueueHealth, Report, Rows, SideHealth, Starvation,
    TableHealth,
};
use super::shape::{SYNCED, Shape};
use super::statement::{COUNTED, OPEN_MOST};
use super::store::ExactCount;
use super::{score, sentence};
use crate::postgres::{Fault, Side};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What one side said.
pub(super) enum Answer<F> {
    /// It answered.
    Given {
        name: String,
        facts: Box<F>,
        shape: Arc<Shape>,
        latency: Option<Duration>,
        tls: Option<bool>,
        counts: Vec<(String, ExactCount)>,
        unchecked: Vec<String>,
    },
    /// It did not.
    Lost { name: String, words: FaultWords },
}

impl<F> Answer<F> {
    /// A side that did not answer, for `fault`.
    pub(super) fn lost(name: String, fault: &Fault) -> Self {
        let words = FaultWords {
            message: fault.message.clone(),
            sqlstate: fault.sqlstate.clone(),
            remedy: fault.remedy.clone(),
        };
        Self::Lost { name, words }
    }
    /// The facts, if it answered.
    pub(super) fn facts(&self) -> Option<&F> {
        match self {
            Self::Given { facts, .. } => Some(facts),
            Self::Lost { .. } => None,
        }
    }
}

/// The report on one pair.
pub(super) fn assemble(master: &Answer<MasterFacts>, replica: &Answer<ReplicaFacts>) -> Report {
    let mut replica_side = side(replica, Side::Replica, |f| &f.server);
    replica_side.load = replica.facts().and_then(load);
    let mut report = Report {
        master: side(master, Side::Master, |f| &f.server),
        queue: queue(replica.facts()),
        tables: tables(master, replica, &replica_side.name),
        engine: engine_health(replica.facts()),
        reasons: replica.facts().and_then(|f| f.open.as_ref()).map(|o| o.reasons.clone()).unwrap_or_default(),
        conflicts: conflicts(master.facts()),
        runs: replica.facts().and_then(|f| f.runs.clone()).unwrap_or_default(),
        replicas: vec![replica_side],
        ..Report::default()
    };
    report.banners = banners(&report);
    score::judge(&mut report);
    report.sentence = sentence::sentence(&report);
    report
}

fn side<F>(answer: &Answer<F>, which: Side, server: impl Fn(&F) -> &Server) -> SideHealth {
    match answer {
        Answer::Lost { name, words } => {
            SideHealth { name: name.clone(), fault: Some(words.clone()), ..SideHealth::default() }
        }
        Answer::Given { name, facts, shape, latency, tls, unchecked, .. } => {
            let s = server(facts);
            SideHealth {
                name: name.clone(),
                reachable: true,
                latency_ms: latency.map(|l| (l.as_secs_f64() * 1e5).round() / 100.0),
                version: Some(s.version.clone()),
                database: Some(s.database.clone()),
                tls: *tls,
                uptime_s: s.uptime_s,
                size_bytes: s.size_bytes,
                connections: s.connections,
                connections_max: s.connections_max,
                longest_transaction_s: s.longest_transaction_s,
                blocked_locks: s.blocked_locks,
                in_recovery: Some(s.in_recovery),
                read_only: Some(s.read_only),
                sessions_hidden: Some(s.sessions_hidden),
                fault: None,
                missing: missing(shape, which),
                unchecked: unchecked.clone(),
                load: None,
                share: None,
            }
        }
    }
}

/// The objects a side should have, and which command adds or opens them.
fn missing(shape: &Shape, which: Side) -> Vec<Missing> {
    let own: &[&str] = match which {
        Side::Master => &["robbie_sync.changelog", "robbie_sync.applied", "robbie_sync.node", "robbie_sync.conflict"],
        Side::Replica => &["public.pending_sync", "robbie_sync.entry", "robbie_sync.cursor", "robbie_sync.run"],
    };
    let tables = SYNCED.map(|t| format!("public.{t}"));
    own.iter()
        .copied()
        .chain(tables.iter().map(String::as_str))
        .filter(|object| shape.readable(object).is_none())
        .map(|object| {
            let refused = shape.exists(object);
            let remedy = if refused {
                format!("GRANT SELECT ON {object} to this role")
            } else {
                format!("robbie schema migrate --target {which}")
            };
            Missing { object: object.strip_prefix("public.").unwrap_or(object).to_owned(), refused, remedy }
        })
        .collect()
}

fn queue(facts: Option<&ReplicaFacts>) -> QueueHealth {
    let Some(facts) = facts else { return QueueHealth::default() };
    let mut out = QueueHealth { discarded: facts.discarded, ..QueueHealth::default() };
    let mut open_total = 0;
    if let Some(open) = &facts.open {
        let sum = |state: &str| open.by_table.iter().filter(|(_, s, _)| s == state).map(|(_, _, n)| n).sum::<i64>();
        out.pending = Some(sum("pending"));
        out.failed = Some(sum("failed"));
        out.blocked = Some(sum("blocked"));
        out.reasons = Some(open.reason_count);
        open_total = open.by_table.iter().map(|(_, _, n)| n).sum();
        out.at_least = open_total > OPEN_MOST;
    }
    if let Some(q) = &facts.queue {
        out.oldest_age_s = q.oldest_age_s.map(|s| s.max(0.0));
        out.retries_tracked = (q.with_error > 0).then_some(q.retried);
        out.starvation = starvation(q);
        (out.synced, out.synced_estimated) = match q.synced_counted {
            Some(n) if n <= COUNTED => (Some(n), false),
            _ => (Some((q.estimate - open_total).max(0)), true),
        };
    }
    out
}

fn starvation(q: &Queue) -> Option<Starvation> {
    (q.looked_at >= 100 && q.with_error == q.looked_at).then(|| Starvation {
        starving: q.starving.unwrap_or(0),
        at_least: q.starving.is_some_and(|n| n >= OPEN_MOST - 100),
        oldest_age_s: q.oldest_age_s.map(|s| s.max(0.0)),
        by: q.by.clone(),
    })
}

fn engine_health(facts: Option<&ReplicaFacts>) -> EngineHealth {
    let Some(facts) = facts else { return EngineHealth::default() };
    let mut out = EngineHealth { deferred: facts.deferred, pull: pull(facts), ..EngineHealth::default() };
    let Some(sessions) = &facts.engines else { return out };
    // The lock admits one; a name that cannot be read is still an engine.
    let best = sessions.iter().find(|s| engine::parse(&s.application).is_some()).or(sessions.first());
    out.running = Some(best.is_some());
    let Some(EngineSession { application, last_cycle, age_s }) = best else { return out };
    out.last_cycle.clone_from(last_cycle);
    out.last_cycle_age_s = age_s.map(|s| s.max(0.0));
    match engine::parse(application) {
        None => out.holder = Some(application.clone()),
        Some(name) => {
            out.holder = Some(if name.host.is_empty() {
                format!("pid {}", name.pid)
            } else {
                format!("pid {} on {}", name.pid, name.host)
            });
            out.pid = Some(name.pid);
            out.host = Some(name.host).filter(|h| !h.is_empty());
            out.interval_s = Some(name.interval_s);
            if let Some(age) = out.last_cycle_age_s {
                out.next_cycle_s = Some((name.interval_s - age).max(0.0));
                let loads = facts.load.as_ref().is_some_and(|l| l.quiet_s.is_some_and(|s| s < LOADING_S));
                out.stale = age > 3.0 * name.interval_s && !loads;
            }
        }
    }
    out
}

/// Where the pull stands; a replica with no place for a cursor says nothing.
fn pull(facts: &ReplicaFacts) -> Option<String> {
    // `node_id` stands beside the cursor: where it was read, a missing cursor means that nothing was pulled yet.
    let state = facts.cursor.as_ref().map(|c| c.state.clone());
    state.or_else(|| facts.node_id.map(|_| "never".to_owned()))
}

/// A load in which something was loaded a minute ago is under way, however long its cycle takes.
const LOADING_S: f64 = 60.0;

fn load(facts: &ReplicaFacts) -> Option<LoadHealth> {
    let load = facts.load.as_ref()?;
    let percent = if load.tables_done == load.tables { 100 } else { (load.rows * 100 / load.total.max(1)).min(99) };
    let Load { tables_done, tables, rows, total, quiet_s } = load.clone();
    Some(LoadHealth { tables_done, tables, rows, total, percent, quiet_s })
}

fn conflicts(facts: Option<&MasterFacts>) -> ConflictHealth {
    let read = facts.and_then(|f| f.conflicts.as_ref());
    ConflictHealth { last_24h: read.map(|c| c.last_24h), open: read.map(|c| c.open) }
}

/// The name of a table without the schema everybody means.
fn plain(table: &str) -> &str {
    table.strip_prefix("public.").unwrap_or(table)
}

fn tables(master: &Answer<MasterFacts>, replica: &Answer<ReplicaFacts>, replica_name: &str) -> Vec<TableHealth> {
    let (mf, rf) = (master.facts(), replica.facts());
    let lag = mf.and_then(|f| f.lag.as_ref());
    let changes = mf.and_then(|f| f.changes.as_ref());
    let open = rf.and_then(|f| f.open.as_ref());
    let states = rf.and_then(|f| f.table_state.as_ref());
    // Tables that entries or changes name without being among the synced ones come last, so that they are not hidden.
    let others: BTreeSet<&str> = open
        .iter()
        .flat_map(|o| o.by_table.iter().map(|(t, _, _)| plain(t)))
        .chain(lag.iter().flat_map(|l| l.iter().map(|(t, _, _)| plain(t))))
        .chain(states.iter().flat_map(|s| s.iter().map(|t| plain(&t.table))))
        .filter(|t| !SYNCED.contains(t))
        .collect();
    let row = |name: &str| {
        let count = |state: &str| {
            open.map(|o| o.by_table.iter().filter(|(t, s, _)| plain(t) == name && s == state).map(|(_, _, n)| n).sum())
        };
        let behind = lag.map(|l| l.iter().find(|(t, _, _)| plain(t) == name));
        let state = states.and_then(|s| s.iter().find(|t| plain(&t.table) == name));
        let on_master = rows(master, mf.and_then(|f| f.tables.as_deref()), name);
        let on_replica = rows(replica, rf.and_then(|f| f.tables.as_deref()), name);
        TableHealth {
            name: name.to_owned(),
            replica: replica_name.to_owned(),
            master_rows: on_master.map(|r| r.count),
            master_rows_estimated: on_master.is_some_and(|r| r.estimated),
            replica_rows: on_replica.map(|r| r.count),
            replica_rows_estimated: on_replica.is_some_and(|r| r.estimated),
            changes_per_hour: changes
                .map(|c| c.by_table.iter().filter(|(t, _)| plain(t) == name).map(|(_, n)| n).sum()),
            changes_at_least: changes.is_some_and(|c| c.looked_at >= COUNTED && c.oldest_in_hour == Some(true)),
            lag_changes: behind.map(|b| b.map_or(0, |(_, n, _)| *n)),
            lag_s: behind.map(|b| b.and_then(|(_, _, age)| *age).unwrap_or(0.0).max(0.0)),
            pending: count("pending"),
            failed: count("failed"),
            blocked: count("blocked"),
            last_sync_s: state.and_then(|s| s.last_sync_s).map(|s| s.max(0.0)),
            paused: state.and_then(|s| s.paused.clone()),
        }
    };
    SYNCED.into_iter().chain(others).map(row).collect()
}

/// The rows of a table: counted now, counted a while ago and unchanged since, or estimated.
fn rows<F>(answer: &Answer<F>, sizes: Option<&[TableSize]>, name: &str) -> Option<Rows> {
    let Answer::Given { shape, counts, .. } = answer else { return None };
    let at = shape.tables().iter().position(|(table, _)| *table == name)?;
    let size = sizes?.get(at)?;
    if let Some(count) = size.counted.filter(|n| *n <= COUNTED) {
        return Some(Rows { count, estimated: false });
    }
    let exact = counts.iter().find(|(table, _)| table == name).map(|(_, exact)| *exact);
    match exact {
        Some(exact) => Some(Rows { count: exact.count, estimated: exact.writes != size.writes }),
        // Never analysed, and more than is counted: the bound is all that is known.
        None => Some(Rows { count: size.estimate.max(size.counted.unwrap_or(0)), estimated: true }),
    }
}

fn banners(report: &Report) -> Vec<String> {
    use super::words::{age, count, entries, safe};
    let mut out = Vec::new();
    if let Some(s) = &report.queue.starvation {
        let by = s.by.as_deref().map(|by| format!(" by {}", safe(by, 100))).unwrap_or_default();
        let oldest = s.oldest_age_s.map(|a| format!("; the oldest in its way is {} old", age(a))).unwrap_or_default();
        let behind = match s.starving {
            0 => "nothing waits behind them".to_owned(),
            n => format!("{}{} starve behind them", if s.at_least { "at least " } else { "" }, entries(n)),
        };
        out.push(format!(
            "The deployed worker is blocked{by}: the oldest 100 unsynced entries all have errors and it reads no others; {behind}{oldest}."
        ));
    }
    let engine = &report.engine;
    if engine.running == Some(false) {
        out.push(
            "No engine runs for this replica: nothing is pushed or pulled. Start one with: robbie sync".to_owned(),
        );
    } else if engine.stale {
        let (age_s, interval) = (engine.last_cycle_age_s.unwrap_or(0.0), engine.interval_s.unwrap_or(0.0));
        out.push(format!(
            "The engine ({}) is stale: its last cycle began {} ago, one is due every {}.",
            safe(engine.holder.as_deref().unwrap_or("unknown"), 80),
            age(age_s),
            age(interval)
        ));
    }
    if report.queue.at_least {
        out.push(format!("The queue holds more than {} open entries; the numbers are lower bounds.", count(OPEN_MOST)));
    }
    out
}
