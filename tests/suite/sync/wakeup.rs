//! How soon a change is on the other side, and what happens when nobody answers.

use super::fixture::{Fixture, until_count};
use crate::support::connect;
use crate::support::proxy::Weather;
use crate::torture::size;
use robbie_console::postgres::{Link, Pair, Side};
use robbie_console::sync::{Engine, EngineHandle, EngineOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::Client;
use uuid::Uuid;

/// An engine that does nothing by itself for an hour.
async fn engine(pair: &Pair, f: &Fixture) -> EngineHandle {
    let options = EngineOptions { interval: Duration::from_hours(1), ..EngineOptions::default() };
    let engine = Engine::start(pair.clone(), options);
    let mut status = engine.status();
    let ready = status.wait_for(|s| s.cycles > 0 && !s.busy);
    tokio::time::timeout(Duration::from_secs(30), ready).await.unwrap().unwrap();
    until_count(&f.replica, "robbie_sync.cursor", 1).await;
    engine
}

fn percentile(sorted: &[f64], of: f64) -> f64 {
    sorted[((of * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len()) - 1]
}

/// From each row's write on one side to its being seen on the other, in seconds; both servers have one clock here. The
/// other side is asked every 10 ms, which is counted in.
async fn lags(
    from: &Client,
    to: &Client,
    write: impl AsyncFn(&Client, usize),
    writes: usize,
    pause: Duration,
) -> Vec<f64> {
    let mut written = Vec::new();
    let mut seen: Vec<Option<f64>> = Vec::new();
    let began = Instant::now();
    let mut next = Duration::ZERO;
    while seen.iter().any(Option::is_none) || written.len() < writes {
        if written.len() < writes && began.elapsed() >= next {
            write(from, written.len()).await;
            written.push(Instant::now());
            seen.push(None);
            next += pause;
        }
        let rows = to.query("select title from code_conversations where title ~ '^[0-9]+$'", &[]).await.unwrap();
        for row in &rows {
            let n: usize = row.get::<_, String>(0).parse().unwrap();
            if seen[n].is_none() {
                seen[n] = Some(written[n].elapsed().as_secs_f64());
            }
        }
        assert!(began.elapsed() < pause * writes as u32 + Duration::from_secs(40), "some never came: {seen:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut lags: Vec<f64> = seen.into_iter().flatten().collect();
    lags.sort_by(f64::total_cmp);
    lags
}

#[tokio::test]
async fn changes_are_on_the_other_side_within_a_moment_both_ways() {
    let f = Fixture::new().await;
    let engine = engine(&f.pair, &f).await;
    let here = async |_: &Client, n: usize| {
        f.conversation(Uuid::new_v4(), &n.to_string()).await;
    };
    let there = async |client: &Client, n: usize| {
        let sql = "insert into code_conversations (session_id, title) values ('s', $1)";
        client.execute(sql, &[&n.to_string()]).await.unwrap();
    };
    let clean = async || {
        f.master.batch_execute("delete from code_conversations").await.unwrap();
        until_count(&f.replica, "code_conversations", 0).await;
    };
    // Several in the gate's time: the session tells of one, and is silent about the next two.
    for (what, pause, writes) in
        [("single", Duration::from_millis(700), size(6, 200)), ("burst", Duration::from_millis(100), size(25, 400))]
    {
        for (direction, found) in [
            ("push", lags(&f.replica, &f.master, here, writes, pause).await),
            ("pull", {
                clean().await;
                lags(&f.master, &f.replica, there, writes, pause).await
            }),
        ] {
            let (p50, p99) = (percentile(&found, 0.5), percentile(&found, 0.99));
            eprintln!(
                "{what} {direction}: p50 {p50:.3} s, p95 {:.3} s, p99 {p99:.3} s of {writes}",
                percentile(&found, 0.95)
            );
            // Targets are 0.3 and 1.5 s; the suite's machine is at work with other tests.
            assert!(p50 < 1.0 && p99 < 3.0, "{what} {direction}: {found:?}");
        }
        clean().await;
    }
    let figures = engine.status().borrow().figures.clone();
    eprintln!("the engine's own figures: {:?} {:?}", figures.push_lag.percentiles(), figures.pull_lag.percentiles());
    assert!(figures.push_lag.count > 0 && figures.pull_lag.count > 0);
    engine.stop().await;
}

#[tokio::test]
async fn a_change_held_back_in_a_transaction_that_commits_late_does_not_wait_for_the_interval() {
    let f = Fixture::new().await;
    let engine = engine(&f.pair, &f).await;
    // The first statement tells, and its commit with it. The second, in the gate's time, is silent, and commits long
    // after the last look that follows a notification.
    for sql in [
        "insert into code_conversations (session_id, title) values ('s', 'told')",
        "begin",
        "insert into code_conversations (session_id, title) values ('s', 'held back')",
    ] {
        f.master.batch_execute(sql).await.unwrap();
    }
    let queue = |title: &str| {
        let id = Uuid::new_v4();
        format!(
            "insert into pending_sync (table_name, operation, data) values ('code_conversations', 'INSERT',
                 '{{\"id\": \"{id}\", \"user_id\": \"allan\", \"session_id\": \"s\", \"title\": \"{title}\"}}')"
        )
    };
    let writer = connect(&f.test.replica).await;
    for sql in [&queue("early"), "begin", &queue("late")] {
        writer.batch_execute(sql).await.unwrap();
    }
    until_count(&f.replica, "code_conversations where title = 'told'", 1).await;
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    let looks = engine.status().borrow().figures.idle_looks;
    f.master.batch_execute("commit").await.unwrap();
    writer.batch_execute("commit").await.unwrap();
    let pulled = until_count(&f.replica, "code_conversations where title = 'held back'", 1).await;
    let pushed = until_count(&f.master, "code_conversations where title = 'late'", 1).await;
    eprintln!("held back: pulled after {pulled:?}, pushed after {:?}", pulled + pushed);
    assert!(pulled + pushed < Duration::from_secs(5));
    assert!(looks >= 3, "{looks}");
    // Then there is nothing to look for any more.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let (looks, cycles) = {
        let status = engine.status();
        let s = status.borrow();
        (s.figures.idle_looks, s.cycles)
    };
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let status = engine.status();
    assert_eq!((status.borrow().figures.idle_looks, status.borrow().cycles), (looks, cycles));
    engine.stop().await;
}

#[tokio::test]
async fn a_connection_that_went_dead_is_noticed_and_work_goes_on() {
    let f = Fixture::new().await;
    let (master_line, master) = f.test.behind_proxy(Side::Master).await;
    let (replica_line, replica) = f.test.behind_proxy(Side::Replica).await;
    let pair = Pair { master: Arc::new(Link::new(master)), replica: Arc::new(Link::new(replica)) };
    let engine = engine(&pair, &f).await;
    // Both lines forget us, and nobody is told: not even the lock's session ends.
    master_line.forget();
    replica_line.forget();
    f.conversation(Uuid::new_v4(), "after").await;
    engine.wake();
    let took = until_count(&f.master, "code_conversations where title = 'after'", 1).await;
    eprintln!("forgotten: {took:?}");
    assert!(took < Duration::from_secs(35));

    // Now only the master's line, in the middle of a cycle.
    master_line.forget();
    let began = Instant::now();
    f.conversation(Uuid::new_v4(), "again").await;
    engine.wake();
    until_count(&f.master, "code_conversations where title = 'again'", 1).await;
    eprintln!("forgotten by the master: {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(35));

    // A server that takes what is sent and answers nothing does not keep the engine from stopping.
    master_line.weather(Weather { black_from: true, ..Weather::default() });
    f.conversation(Uuid::new_v4(), "stuck").await;
    engine.wake();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    engine.stop().await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}
