//! The report as text: the sentence, the two sides, the tables, what takes points off.

use crate::health::words::{age, count, latency, safe, size};
use crate::health::{Report, Rows, SideHealth, Standing, TableHealth};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

/// What a piece of text means; only a terminal that wants colours gets them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ink {
    Plain,
    Strong,
    Dim,
    Good,
    Warn,
    Bad,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "31",
        }
    }
}

/// Paints pieces; every text is made safe here, so that nothing of a server reaches the terminal unseen.
struct Paper {
    out: String,
    colour: bool,
}

impl Paper {
    fn put(&mut self, text: &str, ink: Ink) {
        let text = safe(text, 2_000);
        if self.colour && ink != Ink::Plain && !text.is_empty() {
            let _ = write!(self.out, "\x1b[{}m{text}\x1b[0m", ink.code());
        } else {
            self.out.push_str(&text);
        }
    }
    fn end(&mut self) {
        while self.out.ends_with(' ') {
            self.out.pop();
        }
        self.out.push('\n');
    }
    fn line(&mut self, text: &str, ink: Ink) {
        self.put(text, ink);
        self.end();
    }
}

/// The whole report.
pub fn text(report: &Report, colour: bool) -> String {
    let mut paper = Paper { out: String::with_capacity(2_048), colour };
    let ink = match report.standing {
        Standing::Healthy => Ink::Good,
        Standing::Degraded => Ink::Warn,
        Standing::Unhealthy | Standing::Unreachable => Ink::Bad,
        Standing::Unknown => Ink::Dim,
    };
    paper.line(&report.sentence, ink);
    for banner in &report.banners {
        paper.line(&format!("! {banner}"), Ink::Warn);
    }
    paper.end();
    sides(&mut paper, report);
    engine(&mut paper, report);
    queue(&mut paper, report);
    paper.end();
    tables(&mut paper, &report.tables, report.replicas.len() > 1);
    deductions(&mut paper, report);
    paper.out
}

const LABEL: usize = 11;

fn label(paper: &mut Paper, name: &str) {
    paper.put(&format!("{:<LABEL$} ", safe(name, 30)), Ink::Strong);
}

fn sides(paper: &mut Paper, report: &Report) {
    for side in std::iter::once(&report.master).chain(&report.replicas) {
        label(paper, &side.name);
        if let Some(fault) = &side.fault {
            let code = fault.sqlstate.as_deref().map(|c| format!(" [{c}]")).unwrap_or_default();
            paper.line(&format!("cannot be reached: {}{code}", fault.message), Ink::Bad);
            if let Some(remedy) = &fault.remedy {
                paper.line(&format!("{:LABEL$} → {remedy}", ""), Ink::Dim);
            }
            continue;
        }
        paper.line(&facts(side).join(" · "), Ink::Plain);
        if let Some(load) = &side.load {
            paper.line(&format!("{:LABEL$} {}", "", load.words().join(" · ")), Ink::Plain);
        }
        missing(paper, side);
        for unchecked in &side.unchecked {
            paper.line(&format!("{:LABEL$} not checked: {unchecked}", ""), Ink::Warn);
        }
    }
}

/// What a side lacks, a line for each command that puts it right.
fn missing(paper: &mut Paper, side: &SideHealth) {
    let mut remedies: Vec<&str> = side.missing.iter().map(|m| m.remedy.as_str()).collect();
    remedies.dedup();
    for remedy in remedies {
        let of: Vec<_> = side.missing.iter().filter(|m| m.remedy == remedy).collect();
        let names: Vec<&str> = of.iter().take(4).map(|m| m.object.as_str()).collect();
        let more = if of.len() > 4 { format!(" and {} more", of.len() - 4) } else { String::new() };
        let refused = of.first().is_some_and(|m| m.refused);
        let what = if refused { "may not be read" } else { "missing" };
        paper.line(&format!("{:LABEL$} {what}: {}{more} → {remedy}", "", names.join(", ")), Ink::Warn);
    }
}

fn facts(side: &SideHealth) -> Vec<String> {
    let mut out = Vec::new();
    out.extend(side.version.as_ref().map(|v| format!("PostgreSQL {}", v.split(' ').next().unwrap_or(v))));
    out.extend(side.database.clone());
    out.extend(side.uptime_s.map(|s| format!("up {}", age(s))));
    out.extend(side.size_bytes.map(size));
    if let (Some(used), Some(most)) = (side.connections, side.connections_max) {
        out.push(format!("{used}/{most} connections"));
    }
    out.extend(side.latency_ms.map(latency));
    out.extend((side.tls == Some(true)).then(|| "TLS".to_owned()));
    out.extend(side.longest_transaction_s.filter(|s| *s >= 1.0).map(|s| format!("longest transaction {}", age(s))));
    out.extend(side.blocked_locks.filter(|n| *n > 0).map(|n| format!("{n} blocked locks")));
    out.extend((side.in_recovery == Some(true)).then(|| "standby".to_owned()));
    out.extend((side.read_only == Some(true)).then(|| "read-only".to_owned()));
    out
}

fn engine(paper: &mut Paper, report: &Report) {
    let engine = &report.engine;
    label(paper, "engine");
    let mut parts = vec![match (engine.running, &engine.holder) {
        (Some(true), Some(holder)) => holder.clone(),
        (Some(true), None) => "runs".to_owned(),
        (Some(false), _) => "none runs".to_owned(),
        (None, _) => "not known".to_owned(),
    }];
    parts.extend(engine.interval_s.map(|s| format!("every {}", age(s))));
    parts.extend(engine.last_cycle_age_s.map(|s| format!("last cycle {} ago", age(s))));
    parts.extend(
        engine.next_cycle_s.map(|s| if s < 1.0 { "next is due".into() } else { format!("next in {}", age(s)) }),
    );
    parts.extend(engine.deferred.filter(|n| *n > 0).map(|n| format!("{} rows deferred", count(n))));
    let ink = if engine.running == Some(false) || engine.stale { Ink::Warn } else { Ink::Plain };
    paper.line(&parts.join(" · "), ink);
}

fn queue(paper: &mut Paper, report: &Report) {
    let queue = &report.queue;
    label(paper, "queue");
    let least = if queue.at_least { "≥" } else { "" };
    let about = if queue.synced_estimated { "~" } else { "" };
    let parts = [
        ("pending", queue.pending, least),
        ("failed", queue.failed, least),
        ("blocked", queue.blocked, least),
        ("synced", queue.synced, about),
        ("discarded", queue.discarded, ""),
    ];
    let known: Vec<String> =
        parts.iter().filter_map(|(name, n, sign)| n.map(|n| format!("{sign}{} {name}", count(n)))).collect();
    let mut line = if known.is_empty() { "not known".to_owned() } else { known.join(" · ") };
    if let Some(oldest) = queue.oldest_age_s {
        let _ = write!(line, " · oldest {}", age(oldest));
    }
    if queue.retries_tracked == Some(false) {
        line.push_str(" · retries: not tracked");
    }
    paper.line(&line, if queue.stuck() > 0 { Ink::Warn } else { Ink::Plain });
}

const HEADS: [&str; 8] = ["table", "master", "replica", "behind", "pending", "failed", "blocked", "last sync"];

fn tables(paper: &mut Paper, tables: &[TableHealth], several: bool) {
    let cells: Vec<[String; 8]> = tables.iter().map(|t| cells(t, several)).collect();
    let widths: Vec<usize> = (0..HEADS.len())
        .map(|i| cells.iter().map(|row| row[i].width()).chain([HEADS[i].width()]).max().unwrap_or(0))
        .collect();
    let row = |cells: &[String]| {
        let mut line = String::new();
        for (i, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(width.saturating_sub(cell.width()));
            let parts = if i == 0 { ["", cell.as_str(), &pad] } else { ["  ", &pad, cell.as_str()] };
            line.extend(parts);
        }
        line
    };
    paper.line(&row(&HEADS.map(ToOwned::to_owned)), Ink::Dim);
    for (table, cells) in tables.iter().zip(&cells) {
        let stuck = table.failed.unwrap_or(0) + table.blocked.unwrap_or(0) > 0 || table.paused.is_some();
        paper.line(&row(cells), if stuck { Ink::Warn } else { Ink::Plain });
    }
}

fn cells(table: &TableHealth, several: bool) -> [String; 8] {
    let dot = |n: Option<i64>| n.map_or_else(|| "?".to_owned(), |n| if n == 0 { "·".to_owned() } else { count(n) });
    let rows = |count_: Option<i64>, estimated| {
        let rows = count_.map(|count| Rows { count, estimated });
        rows.map_or_else(|| "–".to_owned(), |r| format!("{}{}", if r.estimated { "~" } else { "" }, count(r.count)))
    };
    let behind = match (table.lag_changes, table.lag_s) {
        (Some(0), _) => "·".to_owned(),
        (Some(n), Some(s)) => format!("{}, {}", count(n), age(s)),
        _ => "?".to_owned(),
    };
    let name = if several { format!("{}: {}", table.replica, table.name) } else { table.name.clone() };
    [
        safe(&name, 60),
        rows(table.master_rows, table.master_rows_estimated),
        rows(table.replica_rows, table.replica_rows_estimated),
        behind,
        dot(table.pending),
        dot(table.failed),
        dot(table.blocked),
        table.last_sync_s.map_or_else(|| "–".to_owned(), |s| format!("{} ago", age(s.max(1.0).round()))),
    ]
}

fn deductions(paper: &mut Paper, report: &Report) {
    if report.deductions.is_empty() {
        return;
    }
    paper.end();
    paper.line(&format!("score {} of 100", report.score), Ink::Strong);
    for deduction in &report.deductions {
        let replica = deduction.replica.as_deref().filter(|_| report.replicas.len() > 1);
        let replica = replica.map(|r| format!("{r}: ")).unwrap_or_default();
        paper.put(&format!("{:>4}  ", format!("−{}", deduction.points)), Ink::Warn);
        paper.put(&format!("{replica}{}", deduction.sentence), Ink::Plain);
        let next = match (&deduction.queue_filter, &deduction.remedy) {
            (Some(filter), _) => Some(format!("robbie queue list --filter '{filter}'")),
            (None, remedy) => remedy.clone(),
        };
        if let Some(next) = next {
            paper.put(&format!("  → {next}"), Ink::Dim);
        }
        paper.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{EngineHealth, FaultWords, LoadHealth, QueueHealth, Reason, score, sentence};

    fn report() -> Report {
        let side = |name: &str| SideHealth {
            name: name.into(),
            reachable: true,
            latency_ms: Some(0.3),
            version: Some("18.4 (Debian)".into()),
            database: Some("robbieverse".into()),
            uptime_s: Some(11_000.0),
            size_bytes: Some(410 << 20),
            connections: Some(4),
            connections_max: Some(100),
            ..SideHealth::default()
        };
        let table = |name: &str, failed| TableHealth {
            name: name.into(),
            master_rows: Some(184_201),
            replica_rows: Some(184_188),
            replica_rows_estimated: true,
            lag_changes: Some(13),
            lag_s: Some(0.4),
            pending: Some(4),
            failed: Some(failed),
            blocked: Some(0),
            last_sync_s: Some(8.2),
            ..TableHealth::default()
        };
        let mut report = Report {
            master: side("master"),
            replicas: vec![side("vengeance")],
            tables: vec![table("code_messages", 31), table("code_blocks", 0)],
            queue: QueueHealth {
                pending: Some(4),
                failed: Some(31),
                blocked: Some(0),
                synced: Some(1_204),
                discarded: Some(0),
                oldest_age_s: Some(7_300.0),
                reasons: Some(1),
                retries_tracked: Some(false),
                ..QueueHealth::default()
            },
            engine: EngineHealth {
                running: Some(true),
                holder: Some("pid 4711 on laptop".into()),
                interval_s: Some(30.0),
                last_cycle_age_s: Some(8.0),
                next_cycle_s: Some(22.0),
                ..EngineHealth::default()
            },
            reasons: vec![Reason {
                table: "code_messages".into(),
                state: "failed".into(),
                sqlstate: Some("23503".into()),
                count: 31,
                ..Reason::default()
            }],
            ..Report::default()
        };
        score::judge(&mut report);
        report.sentence = sentence(&report);
        report
    }

    #[test]
    fn a_report_reads_well() {
        insta::assert_snapshot!(text(&report(), false));
    }

    #[test]
    fn a_first_load_is_said_of_its_replica() {
        let mut report = report();
        let load =
            LoadHealth { tables_done: 3, tables: 9, rows: 120_000, total: 400_123, percent: 29, quiet_s: Some(0.4) };
        report.replicas[0].load = Some(load);
        report.engine.pull = Some("bootstrapping".into());
        score::judge(&mut report);
        report.sentence = sentence(&report);
        insta::assert_snapshot!(text(&report, false));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["replicas"][0]["load"]["rows"], 120_000);
    }

    #[test]
    fn a_lost_master_is_named_with_its_remedy() {
        let mut report = report();
        let fault =
            FaultWords { message: "connection refused".into(), sqlstate: None, remedy: Some("start it".into()) };
        report.master = SideHealth { name: "master".into(), fault: Some(fault), ..SideHealth::default() };
        score::judge(&mut report);
        report.sentence = sentence(&report);
        insta::assert_snapshot!(text(&report, false));
    }

    #[test]
    fn colours_only_where_they_are_wanted_and_hostile_text_never_acts() {
        let mut report = report();
        report.tables[0].name = "x\u{1b}[2J\u{7}".into();
        report.replicas[0].database = Some("d\u{9b}m\n".into());
        let plain = text(&report, false);
        assert!(!plain.chars().any(|c| c.is_control() && c != '\n'), "{plain:?}");
        let coloured = text(&report, true);
        assert!(coloured.contains("\u{1b}[33m") && !coloured.contains("\u{1b}[2J") && !coloured.contains('\u{7}'));
    }

    #[test]
    fn the_json_has_what_the_contract_says() {
        let json = serde_json::to_value(report()).unwrap();
        for key in ["master", "replicas", "queue", "tables", "engine", "score", "deductions"] {
            assert!(json.get(key).is_some(), "{key}");
        }
        let has = |object: &serde_json::Value, keys: &[&str]| {
            for key in keys {
                assert!(object.get(key).is_some(), "{key} in {object}");
            }
        };
        has(&json["replicas"][0], &["name", "reachable", "latency_ms", "version"]);
        has(&json["queue"], &["pending", "failed", "blocked", "synced", "discarded", "oldest_age_s"]);
        has(&json["tables"][0], &["name", "master_rows", "replica_rows", "lag_changes", "lag_s", "pending", "failed"]);
        has(&json["engine"], &["running", "holder", "last_cycle", "next_cycle_s"]);
        has(&json["deductions"][0], &["points", "sentence"]);
    }
}
