//! A fault at every named point of the engine: nothing lost, nothing twice.

use super::account::Account;
use super::{Draw, seed, size};
use crate::support;
use crate::sync::fixture::{Fixture, count};
use robbie_console::postgres::Side;
use robbie_console::sync::failpoint::{Action, Failpoints, POINTS};
use robbie_console::sync::{self, CycleOptions, Engine, EngineOptions};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

/// This is passed only where rows are edited here between the one before and the next look at them.
const LOCKING: &str = "take.lock";
const BEFORE: &str = "take.insert";
const IN_BETWEEN: Duration = Duration::from_secs(1);

/// Passed only where a replica is filled from big tables.
fn of_a_load(point: &str) -> bool {
    point.starts_with("load.")
}

#[tokio::test]
async fn a_cycle_with_a_queue_and_changes_passes_every_point() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "up").await;
    f.messages(id, 3).await;
    f.master.batch_execute("insert into code_conversations (session_id, title) values ('s', 'down')").await.unwrap();
    let points = Failpoints::default();
    points.scope(f.cycle()).await;
    // Rows are locked before they are written only where an edit came in between.
    f.master.execute("update code_conversations set title = 'theirs' where id = $1", &[&id]).await.unwrap();
    points.arm("take.insert", Action::Stall(Duration::from_millis(500)), 1).unwrap();
    let edit = async {
        while !points.fired() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        f.replica.execute("update code_conversations set title = 'ours' where id = $1", &[&id]).await.unwrap();
    };
    tokio::join!(points.scope(f.cycle()), edit);
    let reached = points.reached();
    let missed: Vec<_> = POINTS.iter().filter(|p| !of_a_load(p) && !reached.contains(*p)).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_at_any_point_nothing_is_lost_and_nothing_is_done_twice() {
    let seed = seed();
    let mut draw = Draw::new(seed);
    let stall = Duration::from_millis(if super::is_full() { 5000 } else { 300 });
    let actions = [Action::Error, Action::Panic, Action::Kill, Action::Stall(stall)];
    let points = POINTS.iter().filter(|p| !of_a_load(p));
    let mut rounds: Vec<(&str, Action)> = points.flat_map(|p| actions.map(|a| (*p, a))).collect();
    for i in (1..rounds.len()).rev() {
        rounds.swap(i, draw.below(i as u64 + 1) as usize);
    }
    rounds.truncate(size(8, rounds.len()));
    let home = support::folder();
    let mut account = Account::new(Fixture::new().await).await;
    for (round, (point, action)) in rounds.into_iter().enumerate() {
        let context = format!("seed {seed}, round {round}: {action:?} at {point}");
        account.write_here(&mut draw, 6).await;
        account.write_there(&mut draw, 4).await;
        if action == Action::Kill {
            killed(&mut account, home.path(), point, &context).await;
        } else {
            failed(&mut account, &mut draw, point, action, &context).await;
        }
        account.settle(Duration::from_secs(30), &context).await;
        account.audit(&context).await;
    }
}

/// Has a replica that is in step forget all it has, and the master seem to have much more than it has.
async fn emptied(account: &Account) {
    account
        .f
        .replica
        .batch_execute(
            "set robbie_sync.apply = 'on';
             delete from code_messages; delete from code_conversations;
             reset robbie_sync.apply;
             delete from robbie_sync.cursor; delete from robbie_sync.table_state",
        )
        .await
        .unwrap();
    let root = support::connect(&account.f.test.superuser(Side::Master)).await;
    root.batch_execute(
        "analyze code_messages, code_conversations;
         update pg_class set reltuples = relpages * 100000 where relname in ('code_messages', 'code_conversations')",
    )
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_load_that_fails_or_is_killed_at_any_of_its_points_is_gone_on_with() {
    let seed = seed();
    let mut draw = Draw::new(seed);
    let points = POINTS.iter().filter(|p| of_a_load(p));
    let mut rounds: Vec<_> =
        points.flat_map(|p| [Action::Error, Action::Panic, Action::Kill].map(|a| (*p, a))).collect();
    for i in (1..rounds.len()).rev() {
        rounds.swap(i, draw.below(i as u64 + 1) as usize);
    }
    rounds.truncate(size(2, rounds.len()));
    let home = support::folder();
    let mut account = Account::new(Fixture::new().await).await;
    for (round, (point, action)) in rounds.into_iter().enumerate() {
        let context = format!("seed {seed}, round {round}: {action:?} at {point}");
        account.write_here(&mut draw, 12).await;
        account.settle(Duration::from_secs(30), &context).await;
        emptied(&account).await;
        account.write_there(&mut draw, 4).await;
        if action == Action::Kill {
            killed(&mut account, home.path(), point, &context).await;
        } else {
            failed(&mut account, &mut draw, point, action, &context).await;
        }
        let state = "robbie_sync.cursor where state = 'bootstrapping'";
        assert_eq!(count(&account.f.replica, state).await, 1, "{context}");
        account.write_there(&mut draw, 4).await;
        account.settle(Duration::from_secs(30), &context).await;
        account.audit(&context).await;
        assert_eq!(count(&account.f.replica, state).await, 0, "{context}");
    }
}

/// A cycle in this process, while both sides go on writing.
async fn failed(account: &mut Account, draw: &mut Draw, point: &str, action: Action, context: &str) {
    let points = Failpoints::default();
    points.arm(point, action, 1).unwrap();
    if point == LOCKING {
        account.edit_shared(false).await;
        points.arm(BEFORE, Action::Stall(IN_BETWEEN), 1).unwrap();
    }
    let pair = account.f.test.pair();
    let own = points.clone();
    #[expect(clippy::disallowed_methods, reason = "a panic ends the task, and is what is looked for")]
    let cycle = tokio::spawn(async move { own.scope(sync::cycle(&pair, CycleOptions::default())).await });
    if point == LOCKING {
        while !points.reached().contains(BEFORE) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        account.edit_shared(true).await;
    }
    if !of_a_load(point) {
        account.write_here(draw, 3).await;
    }
    account.write_there(draw, 2).await;
    let ended = cycle.await;
    assert!(points.fired(), "{context}: not reached");
    match action {
        Action::Panic => assert!(ended.is_err_and(|e| e.is_panic()), "{context}"),
        Action::Error => {
            let told = match ended.unwrap() {
                Ok(report) => report.faults.into_iter().chain(report.warnings).collect(),
                Err(fault) => vec![fault.to_string()],
            };
            assert!(told.iter().any(|t| t.contains(point)), "{context}: {told:?}");
        }
        _ => assert!(ended.unwrap().is_ok_and(|r| r.faults.is_empty()), "{context}"),
    }
}

/// A cycle of the program, killed at the point.
async fn killed(account: &mut Account, home: &Path, point: &str, context: &str) {
    let mut armed = format!("{point}:kill");
    if point == LOCKING {
        account.edit_shared(false).await;
        armed = format!("{armed},{BEFORE}:stall={}", IN_BETWEEN.as_millis());
    }
    let mut command = support::command(home);
    let urls = [account.f.test.url(Side::Master), account.f.test.url(Side::Replica)];
    command.args(["--master", &urls[0], "--replica", &urls[1], "sync", "--once"]);
    command.env("ROBBIE_FAILPOINT", armed);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    if point == LOCKING {
        let stalled = "pg_stat_activity where application_name = 'robbie sync' and datname = current_database()
             and state = 'idle in transaction' and state_change < clock_timestamp() - interval '100 ms'";
        while count(&account.f.replica, stalled).await == 0 {
            assert!(!output.is_finished(), "{context}: it did not stall");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        account.edit_shared(true).await;
    }
    let output = output.await.unwrap();
    assert_eq!(output.status.signal(), Some(9), "{context}: {output:?}");
}

#[tokio::test]
async fn an_engine_that_panics_says_so_and_goes_on() {
    let f = Fixture::new().await;
    let points = Failpoints::parse("apply.after:panic").unwrap();
    let id = f.conversation(Uuid::new_v4(), "through").await;
    let engine = points.scope(async { Engine::start(f.pair.clone(), EngineOptions::default()) }).await;
    let mut status = engine.status();
    let told = status.wait_for(|s| s.fault.is_some()).await.unwrap().fault.clone().unwrap();
    assert!(told.contains("defect") && told.contains("failpoint apply.after"), "{told}");
    let back = status.wait_for(|s| s.running && s.cycles > 0 && !s.busy);
    tokio::time::timeout(Duration::from_secs(20), back).await.unwrap().unwrap();
    assert_eq!(f.note(id).await, "applied insert");
    engine.stop().await;
}
