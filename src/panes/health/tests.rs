//! What the pane does about each input, and what it looks like in each state.

use super::work::Loaded;
use super::*;
use crate::health::{
    ConflictHealth, EngineHealth, FaultWords, LoadHealth, QueueHealth, Reason, Run, SideHealth, Starvation,
    TableHealth, score, sentence,
};
use crate::panes::drawing;
use crate::postgres::Kind;
use crate::ui::pane::LinkView;

fn side(name: &str, version: &str, database: &str) -> SideHealth {
    SideHealth {
        name: name.into(),
        reachable: true,
        latency_ms: Some(if name == "master" { 18.2 } else { 0.31 }),
        version: Some(version.into()),
        database: Some(database.into()),
        tls: Some(name == "master"),
        uptime_s: Some(if name == "master" { 3_550_000.0 } else { 11_000.0 }),
        size_bytes: Some(if name == "master" { 12 << 30 } else { 410 << 20 }),
        connections: Some(if name == "master" { 18 } else { 4 }),
        connections_max: Some(100),
        longest_transaction_s: Some(0.8),
        blocked_locks: Some(0),
        in_recovery: Some(false),
        read_only: Some(false),
        sessions_hidden: Some(false),
        ..SideHealth::default()
    }
}

fn table(name: &str, rows: (i64, i64), lag: (i64, f64), pending: i64, failed: i64) -> TableHealth {
    TableHealth {
        name: name.into(),
        replica: "vengeance".into(),
        master_rows: Some(rows.0),
        replica_rows: Some(rows.1),
        changes_per_hour: Some(lag.0 * 24),
        lag_changes: Some(lag.0),
        lag_s: Some(lag.1),
        pending: Some(pending),
        failed: Some(failed),
        blocked: Some(0),
        last_sync_s: Some(8.4),
        ..TableHealth::default()
    }
}

fn reason(table: &str, sqlstate: &str, verdict: &str, object: Option<&str>, count: i64) -> Reason {
    Reason {
        table: table.into(),
        state: "failed".into(),
        sqlstate: Some(sqlstate.into()),
        verdict: Some(verdict.into()),
        object: object.map(Into::into),
        count,
        ..Reason::default()
    }
}

fn judged(mut report: Report) -> Report {
    score::judge(&mut report);
    report.sentence = sentence(&report);
    report
}

/// The state of the mock-up.
fn busy() -> Report {
    judged(Report {
        master: side("master", "16.4 (Debian 16.4-1)", "aurora_unified"),
        replicas: vec![side("vengeance", "18.4", "robbieverse")],
        queue: QueueHealth {
            pending: Some(5),
            failed: Some(37),
            blocked: Some(0),
            synced: Some(1_204),
            discarded: Some(0),
            oldest_age_s: Some(7_300.0),
            reasons: Some(3),
            ..QueueHealth::default()
        },
        tables: vec![
            table("code_conversations", (12_408, 12_408), (0, 0.0), 1, 4),
            table("code_messages", (184_201, 184_188), (13, 0.4), 4, 31),
            table("code_blocks", (39_022, 39_022), (0, 0.0), 0, 0),
            table("learned_patterns", (512, 512), (0, 0.0), 0, 2),
            TableHealth { master_rows_estimated: true, ..table("robbie_personality_state", (3, 3), (0, 0.0), 0, 0) },
        ],
        engine: EngineHealth {
            running: Some(true),
            holder: Some("pid 4711 on vengeance".into()),
            pid: Some(4711),
            host: Some("vengeance".into()),
            interval_s: Some(30.0),
            last_cycle_age_s: Some(18.0),
            next_cycle_s: Some(12.0),
            pull: Some("following".into()),
            ..EngineHealth::default()
        },
        reasons: vec![
            reason("code_messages", "23503", "waits_for_parent", Some("code_messages.conversation_id"), 31),
            reason("code_conversations", "22001", "schema_mismatch", Some("code_conversations.title"), 4),
            reason("learned_patterns", "23502", "unmapped_user", Some("guest"), 2),
        ],
        conflicts: ConflictHealth { last_24h: Some(2), open: Some(0) },
        runs: (0..20)
            .map(|i| Run {
                started_at: format!("2026-11-01 08:{:02}:12", 59 - i),
                duration_s: Some(0.4),
                outcome: Some(
                    if i == 3 {
                        "failed"
                    } else if i % 5 == 0 {
                        "partial"
                    } else {
                        "ok"
                    }
                    .into(),
                ),
                pushed: (i * 37) % 90,
                pulled: (i * 11) % 40,
                failed: i64::from(i % 5 == 0) * 3,
                lag_s: Some(0.2 * i as f64),
                fault: (i == 3).then(|| "master: connection reset by peer".into()),
                ..Run::default()
            })
            .collect(),
        ..Report::default()
    })
}

fn loaded(report: Report) -> Input<Action, Message> {
    let took = Duration::from_millis(4);
    Input::Message(Message::Loaded(Box::new(Loaded { report, known: Known::default(), engine: None, took })))
}

fn pane(report: Report) -> Health {
    let mut pane = Health::default();
    pane.update(Input::Shown, Now::at(1));
    pane.update(loaded(report), Now::at(1));
    pane
}

fn drawn(pane: &Health, width: u16, height: u16, at: u64) -> String {
    format!("[{}]\n{}", pane.answer(Now::at(at)).text, drawing::lines(pane, width, height, at))
}

/// The body at a terminal's size: header, tabs, answer and footer are the console's.
fn shot(pane: &Health, width: u16, height: u16) -> String {
    drawn(pane, width, height - 4, 1)
}

#[test]
fn stuck_at_every_size() {
    let mut pane = pane(busy());
    pane.update(Input::Move(Move::Down), Now::at(1));
    for (width, height) in [(120, 30), (80, 24), (140, 42), (200, 60), (60, 16), (40, 10)] {
        insta::assert_snapshot!(format!("stuck_{width}x{height}"), shot(&pane, width, height));
    }
}

#[test]
fn no_size_panics() {
    let pane = pane(busy());
    for width in (0..210).step_by(7) {
        for height in 0..64 {
            drawn(&pane, width, height, 1);
        }
    }
}

#[test]
fn waiting_for_the_first_answer() {
    insta::assert_snapshot!(drawn(&Health::default(), 80, 4, 0));
}

#[test]
fn healthy() {
    let mut report = busy();
    report.reasons.clear();
    report.queue = QueueHealth {
        pending: Some(0),
        failed: Some(0),
        blocked: Some(0),
        synced: Some(1_241),
        ..QueueHealth::default()
    };
    for table in &mut report.tables {
        table.failed = Some(0);
        table.pending = Some(0);
    }
    report.runs.remove(0);
    insta::assert_snapshot!(shot(&pane(judged(report)), 120, 30));
}

#[test]
fn a_first_load_under_way() {
    let mut report = busy();
    report.replicas[0].load =
        Some(LoadHealth { tables_done: 3, tables: 9, rows: 120_000, total: 400_123, percent: 29, quiet_s: Some(0.4) });
    report.engine.pull = Some("bootstrapping".into());
    report.engine.last_cycle_age_s = Some(140.0);
    report.engine.next_cycle_s = Some(0.0);
    let pane = pane(judged(report));
    for (width, height) in [(80, 24), (120, 30), (200, 60), (60, 16)] {
        insta::assert_snapshot!(format!("loading_{width}x{height}"), shot(&pane, width, height));
    }
}

#[test]
fn what_was_asked_for_before_there_were_links_is_not_asked_for_again() {
    let down = LinkStatus::Down {
        reason: "connection refused".into(),
        kind: Kind::Unreachable,
        remedy: None,
        since: Now::at(0).wall,
        retry_at: Now::at(5).wall,
    };
    let up = LinkStatus::Up {
        latency: Duration::from_micros(300),
        version: "18.4".into(),
        tls: false,
        verified: false,
        role: "robbie".into(),
        superuser: false,
        in_recovery: false,
        read_only: false,
        host: "local".into(),
        pid: 1,
        since: Now::at(0).wall,
    };
    let links = |master: &LinkStatus, replica: &LinkStatus| {
        let link = |side: Side, status: &LinkStatus| LinkView {
            side,
            name: side.to_string(),
            database: "robbie".into(),
            read_only: false,
            protected: false,
            status: status.clone(),
        };
        Input::LinksChanged(Arc::new(Links {
            master: link(Side::Master, master),
            replica: link(Side::Replica, replica),
        }))
    };
    let making = LinkStatus::Connecting;
    let mut pane = Health::default();
    assert_eq!(pane.update(links(&making, &making), Now::at(0)).len(), 2, "health and mood");
    assert!(pane.update(links(&making, &up), Now::at(0)).is_empty());
    assert!(pane.update(links(&up, &up), Now::at(0)).is_empty());
    pane.update(loaded(busy()), Now::at(0));
    pane.update(links(&down, &up), Now::at(1));
    assert_eq!(pane.update(links(&up, &up), Now::at(2)).len(), 2, "it was lost, and is back");
}

#[test]
fn the_master_is_lost_after_it_was_seen() {
    let mut pane = pane(busy());
    let mut report = busy();
    let fault = FaultWords {
        message: "connection refused".into(),
        sqlstate: None,
        remedy: Some("is PostgreSQL running on db.example.org:5432?".into()),
    };
    report.master = SideHealth { name: "master".into(), fault: Some(fault), ..SideHealth::default() };
    for table in &mut report.tables {
        table.master_rows = None;
        table.changes_per_hour = None;
        table.lag_changes = None;
        table.lag_s = None;
    }
    pane.update(loaded(judged(report.clone())), Now::at(5));
    pane.update(loaded(judged(report)), Now::at(7));
    assert!(pane.is_lost(Side::Master) && !pane.is_lost(Side::Replica));
    insta::assert_snapshot!(drawn(&pane, 120, 26, 17));
}

#[test]
fn a_database_without_anything() {
    let missing = |object: &str, refused| crate::health::Missing {
        object: object.into(),
        refused,
        remedy: if refused {
            format!("GRANT SELECT ON {object} to this role")
        } else {
            "robbie schema migrate --target replica".into()
        },
    };
    let mut replica = side("vengeance", "18.4", "robbieverse");
    replica.missing =
        vec![missing("robbie_sync.entry", false), missing("pending_sync", false), missing("code_blocks", true)];
    replica.sessions_hidden = Some(true);
    let tables = ["code_conversations", "code_messages", "code_blocks", "learned_patterns", "robbie_personality_state"]
        .map(|name| TableHealth { name: name.into(), ..TableHealth::default() })
        .to_vec();
    let engine = EngineHealth { running: Some(false), ..EngineHealth::default() };
    let master = side("master", "18.4", "aurora_unified");
    let report = judged(Report { master, replicas: vec![replica], tables, engine, ..Report::default() });
    insta::assert_snapshot!(shot(&pane(report), 120, 30));
}

#[test]
fn starving_and_stale() {
    let mut report = busy();
    report.queue.starvation =
        Some(Starvation { starving: 20, by: Some("code_messages: violates fk".into()), ..Starvation::default() });
    report.engine.stale = true;
    report.engine.last_cycle_age_s = Some(700.0);
    report.banners = vec![
        "The deployed worker is blocked by code_messages: violates fk: the oldest 100 unsynced entries all have errors and it reads no others; 20 entries starve behind them.".into(),
        "The engine (pid 4711 on vengeance) is stale: its last cycle began 11 min ago, one is due every 30 s.".into(),
    ];
    insta::assert_snapshot!(shot(&pane(judged(report)), 120, 30));
}

#[test]
fn hostile_text_is_marked() {
    let mut report = busy();
    report.replicas[0].name = "ven\u{1b}[2Jgeance".into();
    report.reasons[0].object = Some("title\u{7}\u{202e}\nx".into());
    report.tables[0].name = "tab\u{9b}le".into();
    let text = shot(&pane(judged(report)), 120, 30);
    assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{text}");
}

#[test]
fn a_refresh_keeps_the_row_and_marks_what_changed() {
    let mut pane = pane(busy());
    pane.update(Input::Move(Move::Last), Now::at(1));
    let name = pane.selection_name();
    let mut report = busy();
    report.tables[1].failed = Some(30);
    report.reasons[0].count = 30;
    report.reasons.push(reason("code_blocks", "42703", "schema_mismatch", None, 60));
    let effects = pane.update(loaded(judged(report)), Now::at(3));
    assert_eq!(pane.selection_name(), name);
    let changed: Vec<_> = pane.changed.iter().map(|c| (c.table.as_str(), c.column, c.at.as_secs())).collect();
    assert_eq!(changed, [("code_messages", 7, 3), ("code_messages", 8, 3)]);
    assert!(effects.iter().any(|e| matches!(e, Effect::Timer { id: "unmark", .. })));
    pane.update(Input::Timer("unmark"), Now::at(5));
    assert!(pane.changed.is_empty());
}

#[test]
fn enter_goes_to_the_entries_meant() {
    let mut pane = pane(busy());
    let routed = |effects: Step<Health>| match effects.into_iter().next() {
        Some(Effect::Go(route)) => route.filter,
        other => panic!("{other:?}"),
    };
    pane.update(Input::Move(Move::Down), Now::at(1));
    assert_eq!(
        routed(pane.update(Input::Open, Now::at(1))).as_deref(),
        Some("table:code_messages state:pending,failed,blocked")
    );
    for _ in 0..4 {
        pane.update(Input::Move(Move::Down), Now::at(1));
    }
    assert_eq!(
        routed(pane.update(Input::Open, Now::at(1))).as_deref(),
        Some("state:failed table:code_messages sqlstate:23503")
    );
    assert_eq!(routed(pane.update(Input::Action(Action::ShowFailed), Now::at(1))).as_deref(), Some("state:failed"));
}

#[test]
fn one_reading_at_a_time_and_slower_when_hidden() {
    let mut pane = Health::default();
    assert!(matches!(pane.update(Input::Shown, Now::at(0))[..], [Effect::Run(Command::Load(_))]));
    assert!(pane.update(Input::Timer("refresh"), Now::at(2)).is_empty());
    let wait = |effects: Step<Health>| {
        effects.into_iter().find_map(|e| match e {
            Effect::Timer { id: "refresh", after } => Some(after),
            _ => None,
        })
    };
    assert_eq!(wait(pane.update(loaded(busy()), Now::at(3))), Some(SHOWN));
    assert_eq!(wait(pane.update(Input::Hidden, Now::at(4))), Some(HIDDEN));
    assert!(matches!(pane.update(Input::Timer("refresh"), Now::at(20))[..], [Effect::Run(Command::Load(_))]));
    assert_eq!(wait(pane.update(loaded(busy()), Now::at(21))), Some(HIDDEN));
    let slow = Loaded { report: busy(), known: Known::default(), engine: None, took: Duration::from_secs(1) };
    assert_eq!(
        wait(pane.update(Input::Message(Message::Loaded(Box::new(slow))), Now::at(30))),
        Some(Duration::from_secs(20))
    );
}

#[test]
fn pausing_asks_first_and_says_where_the_engine_is() {
    let mut pane = pane(busy());
    assert!(matches!(&pane.update(Input::Action(Action::Pause), Now::at(1))[..],
        [Effect::Toast { text, .. }] if text.contains("pid 4711 on vengeance")));
    assert!(!pane.footer().contains(&Action::Pause));
    pane.engine = Some(EngineHere::default());
    assert!(matches!(pane.update(Input::Action(Action::Pause), Now::at(1))[..], [Effect::Ask(_)]));
    assert!(pane.footer().contains(&Action::Pause));
    pane.engine = Some(EngineHere { paused: true, ..EngineHere::default() });
    assert!(matches!(pane.update(Input::Action(Action::Pause), Now::at(1))[..], [Effect::Run(Command::Resume)]));
}

#[test]
fn the_header_learns_what_was_read() {
    let mut pane = Health::default();
    let effects = pane.update(loaded(busy()), Now::at(1));
    let facts = effects.into_iter().find_map(|e| match e {
        Effect::Publish(facts) => Some(facts),
        _ => None,
    });
    let facts = facts.unwrap();
    assert_eq!((facts.pending, facts.failed), (Some(5), Some(37)));
    assert_eq!(facts.next_cycle, Some(Now::at(13).wall));
    assert_eq!(facts.engine.as_deref(), Some("engine pid 4711 on vengeance"));
}
