use super::*;
use crate::health::{ConflictHealth, EngineHealth, FaultWords, QueueHealth, Run, Starvation, TableHealth};
use proptest::prelude::*;

fn side(name: &str) -> SideHealth {
    SideHealth { name: name.into(), reachable: true, ..SideHealth::default() }
}

fn healthy() -> Report {
    Report {
        master: side("master"),
        replicas: vec![side("vengeance")],
        engine: EngineHealth { running: Some(true), ..EngineHealth::default() },
        queue: QueueHealth { pending: Some(0), failed: Some(0), blocked: Some(0), ..QueueHealth::default() },
        ..Report::default()
    }
}

fn reason(table: &str, sqlstate: &str, count: i64) -> Reason {
    Reason { table: table.into(), state: "failed".into(), sqlstate: Some(sqlstate.into()), count, ..Reason::default() }
}

fn judged(mut report: Report) -> Report {
    judge(&mut report);
    report
}

#[test]
fn a_healthy_pair_has_a_hundred() {
    let report = judged(healthy());
    assert_eq!((report.score, report.standing), (100, Standing::Healthy));
    assert!(report.deductions.is_empty());
}

#[test]
fn the_mock_up_adds_up() {
    let mut report = healthy();
    report.queue.failed = Some(37);
    report.reasons = vec![
        reason("code_messages", "23503", 31),
        reason("code_conversations", "22001", 4),
        Reason {
            verdict: Some("unmapped_user".into()),
            object: Some("guest".into()),
            ..reason("learned_patterns", "x", 2)
        },
    ];
    let report = judged(report);
    let points: Vec<u8> = report.deductions.iter().map(|d| d.points).collect();
    assert_eq!((report.score, points), (82, vec![12, 4, 2]));
    assert_eq!(report.standing, Standing::Degraded);
    assert_eq!(report.deductions[0].sentence, "31 entries failed with 23503 on code_messages");
    assert_eq!(report.deductions[0].queue_filter.as_deref(), Some("state:failed table:code_messages sqlstate:23503"));
    assert_eq!(report.deductions[2].sentence, "2 entries of learned_patterns have a user without a mapping (guest)");
}

#[test]
fn a_lost_side_costs_and_two_lost_sides_leave_nothing() {
    let mut report = healthy();
    report.master = SideHealth {
        name: "master".into(),
        fault: Some(FaultWords { message: "refused".into(), ..FaultWords::default() }),
        ..SideHealth::default()
    };
    let one = judged(report.clone());
    assert_eq!((one.score, one.standing), (60, Standing::Unreachable));
    report.replicas[0].reachable = false;
    let two = judged(report);
    assert_eq!((two.score, two.standing), (0, Standing::Unreachable));
    assert_eq!(two.deductions.iter().map(|d| u32::from(d.points)).sum::<u32>(), 100);
}

#[test]
fn one_stuck_entry_is_never_healthy() {
    let mut report = healthy();
    report.queue.blocked = Some(1);
    report.reasons = vec![Reason { state: "blocked".into(), ..reason("code_blocks", "23503", 1) }];
    let report = judged(report);
    assert_eq!((report.score, report.standing), (99, Standing::Degraded));
}

#[test]
fn hostile_names_are_marked_and_quoted() {
    let why_ = why(&reason("a\u{1b}[2J\"b", "23\u{7}03", 1));
    assert!(!why_.chars().any(char::is_control), "{why_}");
    let filter_ = filter(&reason("a b\" OR state:synced", "23503", 1));
    assert_eq!(filter_, "state:failed table:\"a b OR state:synced\" sqlstate:23503");
}

#[test]
fn points_for_stuck_entries_never_fall() {
    let points: Vec<u8> = (0..5_000).map(stuck_points).collect();
    assert!(points.windows(2).all(|w| w[0] <= w[1]));
    assert_eq!((points[0], points[1], points[31], stuck_points(i64::MAX)), (0, 1, 12, 20));
}

prop_compose! {
    fn any_report()(
        reachable in (any::<bool>(), any::<bool>()),
        counts in proptest::collection::vec(0_i64..200_000, 0..8),
        more in 0_i64..50_000,
        engine in (any::<Option<bool>>(), any::<bool>(), 0.0..1e7_f64),
        lag in proptest::option::of(0.0..1e6_f64),
        oldest in proptest::option::of(0.0..1e6_f64),
        pending in 0_i64..10,
        conflicts in proptest::option::of(0_i64..40),
        paused in 0_usize..5,
        used in 0_i64..120,
        starving in any::<bool>(),
        unchecked in any::<bool>(),
        failed_run in any::<bool>(),
    ) -> Report {
        let mut report = healthy();
        report.master.reachable = reachable.0;
        report.replicas[0].reachable = reachable.1;
        report.master.connections = Some(used);
        report.master.connections_max = Some(100);
        if unchecked { report.master.unchecked.push("tables".into()); }
        report.queue.failed = Some(counts.iter().sum::<i64>() + more);
        report.queue.pending = Some(pending);
        report.queue.oldest_age_s = oldest;
        report.queue.starvation = starving.then(Starvation::default);
        report.reasons = counts.iter().map(|n| reason("t", "23503", *n)).collect();
        report.engine = EngineHealth { running: engine.0, stale: engine.1, last_cycle_age_s: Some(engine.2), ..EngineHealth::default() };
        report.conflicts = ConflictHealth { last_24h: conflicts, open: conflicts };
        report.tables = (0..5).map(|i| TableHealth {
            lag_s: lag, lag_changes: lag.map(|_| 3), paused: (i < paused).then(|| "why".into()), ..TableHealth::default()
        }).collect();
        if failed_run { report.runs.push(Run { outcome: Some("failed".into()), ..Run::default() }); }
        report
    }
}

proptest! {
    #[test]
    fn the_points_and_the_score_make_a_hundred(report in any_report()) {
        let report = judged(report);
        let points: u32 = report.deductions.iter().map(|d| u32::from(d.points)).sum();
        prop_assert_eq!(points + u32::from(report.score), 100);
        prop_assert!(report.deductions.iter().all(|d| d.points > 0 && !d.sentence.is_empty()));
        prop_assert!(report.deductions.windows(2).all(|w| w[0].points >= w[1].points));
        if report.standing == Standing::Healthy {
            prop_assert!(report.queue.stuck() == 0 && report.score >= 95);
        }
    }

    #[test]
    fn worse_never_scores_better(report in any_report(), more in 1_i64..10_000, longer in 1.0..1e5_f64) {
        let before = judged(report.clone()).score;
        let mut stuck = report.clone();
        stuck.reasons.push(reason("u", "22001", more));
        stuck.queue.failed = stuck.queue.failed.map(|n| n + more);
        prop_assert!(judged(stuck).score <= before);
        let mut late = report.clone();
        for table in &mut late.tables {
            table.lag_s = Some(table.lag_s.unwrap_or(0.0) + longer);
        }
        prop_assert!(judged(late).score <= before);
        let mut stopped = report.clone();
        stopped.engine.running = Some(false);
        prop_assert!(judged(stopped).score <= before);
        let mut blind = report;
        blind.replicas[0].unchecked.push("queue".into());
        prop_assert!(judged(blind).score <= before);
    }
}

#[test]
fn rows_that_differ_at_rest_are_said_and_explained_ones_are_not() {
    let mut report = healthy();
    report.engine.deferred = Some(0);
    let table = TableHealth {
        name: "code_blocks".into(),
        master_rows: Some(5),
        replica_rows: Some(1_240),
        lag_changes: Some(0),
        pending: Some(0),
        failed: Some(0),
        blocked: Some(0),
        ..TableHealth::default()
    };
    report.tables = vec![table.clone()];
    let told = judged(report.clone());
    assert_eq!((told.score, told.standing), (94, Standing::Degraded));
    assert_eq!(
        told.deductions[0].sentence,
        "code_blocks has 5 rows on the master and 1 240 here, and nothing is queued or behind"
    );
    for excused in [
        TableHealth { pending: Some(1), ..table.clone() },
        TableHealth { lag_changes: Some(2), ..table.clone() },
        TableHealth { replica_rows_estimated: true, ..table.clone() },
        TableHealth { replica_rows: Some(5), ..table },
    ] {
        report.tables = vec![excused];
        assert_eq!(judged(report.clone()).score, 100);
    }
}
