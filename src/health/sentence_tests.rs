use super::*;
use crate::health::{EngineHealth, FaultWords, QueueHealth, Reason, TableHealth, score};

fn pair() -> Report {
    let side = |name: &str| SideHealth { name: name.into(), reachable: true, ..SideHealth::default() };
    Report {
        master: side("master"),
        replicas: vec![side("vengeance")],
        engine: EngineHealth { running: Some(true), ..EngineHealth::default() },
        queue: QueueHealth { pending: Some(0), failed: Some(0), blocked: Some(0), ..QueueHealth::default() },
        tables: vec![TableHealth { lag_changes: Some(0), lag_s: Some(0.0), ..TableHealth::default() }],
        ..Report::default()
    }
}

fn said(mut report: Report) -> String {
    score::judge(&mut report);
    sentence(&report)
}

#[test]
fn healthy() {
    assert_eq!(said(pair()), "Healthy. vengeance is in step.");
    let mut late = pair();
    late.tables[0] = TableHealth { lag_changes: Some(13), lag_s: Some(0.4), ..TableHealth::default() };
    assert_eq!(said(late), "Healthy. vengeance is 0.4 s behind.");
    let mut unknown = pair();
    unknown.tables[0] = TableHealth::default();
    assert_eq!(said(unknown), "Healthy. How far vengeance is behind is not known.");
}

#[test]
fn stuck() {
    let mut report = pair();
    report.queue.failed = Some(37);
    report.queue.reasons = Some(3);
    report.queue.oldest_age_s = Some(7_300.0);
    report.reasons = [31, 4, 2]
        .map(|count| Reason { table: "code_messages".into(), state: "failed".into(), count, ..Reason::default() })
        .to_vec();
    assert_eq!(
        said(report.clone()),
        "Degraded, 82. 37 entries are stuck for 3 reasons; the oldest waits 2 h. Everything else is in step."
    );
    report.engine.running = Some(false);
    assert_eq!(
        said(report),
        "Degraded, 67. No engine runs for this replica. 37 entries are stuck for 3 reasons; the oldest waits 2 h."
    );
}

#[test]
fn one_stuck_entry_is_singular() {
    let mut report = pair();
    report.queue.blocked = Some(1);
    report.queue.reasons = Some(1);
    report.reasons =
        vec![Reason { table: "code_blocks".into(), state: "blocked".into(), count: 1, ..Reason::default() }];
    assert_eq!(said(report), "Degraded, 99. 1 entry is stuck for 1 reason. Everything else is in step.");
}

#[test]
fn lost_sides() {
    let fault = FaultWords { message: "connection refused".into(), ..FaultWords::default() };
    let mut report = pair();
    report.master = SideHealth { name: "master".into(), fault: Some(fault.clone()), ..SideHealth::default() };
    report.queue.pending = Some(12);
    assert_eq!(
        said(report.clone()),
        "master cannot be reached: connection refused. vengeance works on; 12 entries wait to be sent."
    );
    report.replicas[0] = SideHealth { name: "vengeance".into(), fault: Some(fault), ..SideHealth::default() };
    assert_eq!(said(report), "No side can be reached: connection refused.");
}

#[test]
fn before_the_first_answer() {
    assert_eq!(sentence(&Report::default()), "Waiting for both sides.");
}
