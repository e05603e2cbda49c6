//! Writers of the master that commit late: everything is pulled, where a poller of the last change misses some; and every
//! read here shows one state of the master.

use super::world::Site;
use super::{Draw, is_full, seed, size};
use crate::support;
use crate::sync::fixture::{Fixture, count, text};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// What is commonly done instead: takes the rows whose stamp is after the last one seen.
struct Poller {
    client: Client,
    last: String,
    seen: BTreeSet<i64>,
}

impl Poller {
    async fn poll(&mut self) {
        let sql =
            "select id, updated_at::text from written where updated_at > $1::text::timestamptz order by updated_at";
        for row in self.client.query(sql, &[&self.last]).await.unwrap() {
            self.seen.insert(row.get(0));
            self.last = row.get(1);
        }
    }
}

async fn with_table(columns: &str, name: &str) -> (Fixture, Site) {
    let f = Fixture::new().await;
    let table = format!("create table {name} ({columns})");
    f.master.batch_execute(&format!("{table}; select robbie_sync.capture('{name}')")).await.unwrap();
    f.replica.batch_execute(&format!("{table}; select robbie_sync.watch('{name}')")).await.unwrap();
    let mut engine = Site::new(f.pair.clone(), support::connect(&f.test.replica).await);
    engine.cycle(true, true).await.unwrap();
    (f, engine)
}

#[tokio::test]
async fn what_is_committed_late_is_not_missed_though_a_poller_misses_it() {
    let (f, mut engine) = with_table("id bigint primary key, updated_at timestamptz default now()", "written").await;
    let seed = seed();
    let mut poller =
        Poller { client: support::connect(&f.test.master).await, last: "-infinity".into(), seen: BTreeSet::new() };
    // One writer stamps first and commits last, after the poll that saw the other.
    let late = support::connect(&f.test.master).await;
    late.batch_execute("begin; insert into written values (-2)").await.unwrap();
    f.master.batch_execute("insert into written values (-1)").await.unwrap();
    poller.poll().await;
    engine.cycle(true, true).await.unwrap();
    late.batch_execute("commit").await.unwrap();
    poller.poll().await;
    engine.cycle(true, true).await.unwrap();
    assert_eq!(text(&f.replica, "select string_agg(id::text, ' ' order by id) from written").await, "-2 -1");
    assert_eq!(poller.seen, BTreeSet::from([-1]), "the poller missed the one that came late");

    let (writers, rows) = (16, size(1_000, 16_000) as i64);
    let mut tasks = vec![];
    for writer in 0..writers {
        let client = support::connect(&f.test.master).await;
        let mut draw = Draw::new(seed + writer);
        let share = rows / writers as i64;
        #[expect(clippy::disallowed_methods, reason = "a writer of this test, awaited below")]
        tasks.push(tokio::spawn(async move {
            let mut done = 0;
            while done < share {
                let some = (1 + draw.below(20) as i64).min(share - done);
                let from = writer as i64 * share + done;
                client
                    .batch_execute(&format!(
                        "begin; insert into written select generate_series({from}, {})",
                        from + some - 1
                    ))
                    .await
                    .unwrap();
                let long = is_full() && draw.below(80) == 0;
                let pause = if long { 1_000 + draw.below(2_000) } else { draw.below(100) };
                tokio::time::sleep(Duration::from_millis(pause)).await;
                client.batch_execute("commit").await.unwrap();
                done += some;
            }
        }));
    }
    while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
        engine.cycle(true, true).await.unwrap();
        poller.poll().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    engine.cycle(true, true).await.unwrap();
    poller.poll().await;
    let all = count(&f.master, "written").await;
    assert_eq!(count(&f.replica, "written").await, all, "I3 no miss");
    let hash = "select sum(hashtextextended(w::text, 0)) from written w";
    assert_eq!(text(&f.replica, hash).await, text(&f.master, hash).await, "I3 no miss");
    let missed = all - poller.seen.len() as i64;
    eprintln!("{all} rows of {writers} writers: 0 missed; a poller of max(updated_at) missed {missed}");
    assert!(missed >= if is_full() { 2 } else { 1 });
}

#[tokio::test]
async fn a_writer_that_idles_in_another_database_holds_nothing_up() {
    let (f, mut engine) = with_table("id bigint primary key", "written").await;
    let elsewhere = support::bare_pair().await;
    let idle = support::connect(&elsewhere.master).await;
    idle.batch_execute("begin; create table held (id integer)").await.unwrap();
    for n in 0..3 {
        f.master.execute("insert into written values ($1)", &[&n]).await.unwrap();
        engine.cycle(true, true).await.unwrap();
        assert_eq!(count(&f.replica, "written").await, n + 1, "it arrives with the next pull");
    }
    idle.batch_execute("rollback").await.unwrap();
}

#[tokio::test]
async fn every_read_here_shows_one_state_of_the_master() {
    let (f, mut engine) = with_table("id integer primary key, balance bigint not null", "accounts").await;
    f.master.batch_execute("insert into accounts select n, 1000 from generate_series(1, 20) n").await.unwrap();
    engine.cycle(true, true).await.unwrap();
    let (seed, pulls) = (seed(), size(6, 1_000));
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = vec![];
    for bank in 0..4 {
        let client = support::connect(&f.test.master).await;
        let (mut draw, stop) = (Draw::new(seed + bank), Arc::clone(&stop));
        #[expect(clippy::disallowed_methods, reason = "a writer of this test, awaited below")]
        tasks.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let (from, to) = (1 + draw.below(20), 1 + draw.below(20));
                let (first, second) = (from.min(to), from.max(to));
                // In the order of the keys, so that two transfers do not deadlock; in two statements.
                let (minus, plus) = if first == from { (-7, 7) } else { (7, -7) };
                client
                    .batch_execute(&format!(
                        "begin; update accounts set balance = balance + ({minus}) where id = {first};
                         update accounts set balance = balance + ({plus}) where id = {second}; commit"
                    ))
                    .await
                    .unwrap();
            }
        }));
    }
    let reader = support::connect(&f.test.replica).await;
    let (mut reads, mut states) = (0, BTreeSet::new());
    for _ in 0..pulls {
        let reading = async {
            let until = Instant::now() + Duration::from_millis(20);
            while Instant::now() < until {
                let row = reader.query_one(
                    "select sum(balance)::bigint, string_agg(balance::text, ' ' order by id) from accounts",
                    &[],
                );
                let row = row.await.unwrap();
                assert_eq!(row.get::<_, i64>(0), 20_000, "I4 one snapshot: money came or went in a local read");
                states.insert(row.get::<_, String>(1));
                reads += 1;
            }
        };
        let (pulled, ()) = tokio::join!(engine.cycle(true, true), reading);
        pulled.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    engine.cycle(true, true).await.unwrap();
    let all = "select string_agg(a::text, ' ' order by id) from accounts a";
    assert_eq!(text(&f.replica, all).await, text(&f.master, all).await, "I3 no miss");
    eprintln!("{reads} reads saw {} states", states.len());
    assert!(states.len() > 1, "the reads saw the transfers happen");
}
