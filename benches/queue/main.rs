//! The queue's reads: 80,000 failures into their groups, and pages, sorts, filters and groups over a million entries.
//!
//! `cargo bench --bench queue -- [--entries N]`. It starts a pair of servers of its own and prints a table in Markdown. A million
//! entries are 980,000 synced ones, and 20,000 failed ones of the families of the suite.

#![allow(clippy::unwrap_used, clippy::disallowed_macros, reason = "a bench that meets an error has ended, and prints")]
#![allow(dead_code, reason = "it shares the bed of the engine's bench")]

#[path = "../sync/bed.rs"]
mod bed;
#[path = "../../tests/suite/support/failures.rs"]
mod failures;

use bed::{Bed, connect};
use robbie_console::postgres::Side;
use robbie_console::queue::{Anchor, Scope, Shape, Sort, SortBy, filter, groups, store};
use std::time::Instant;
use tokio_postgres::Client;

const RUNS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let given = arguments.iter().position(|a| a == "--entries").and_then(|at| arguments.get(at + 1));
    let entries: u64 = given.map_or(1_000_000, |n| n.parse().unwrap());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let bed = Bed::start().await;
        println!("| measure | median | most | limit |\n|---|---|---|---|");
        families(&bed).await;
        million(&bed, entries).await;
        bed.stop().await;
    });
}

/// The median and the most of some runs, in milliseconds.
async fn timed<T>(name: &str, limit: &str, work: impl AsyncFn() -> T) {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        work().await;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!("| {name} | {:.1} ms | {:.1} ms | {limit} |", times[RUNS / 2], times[RUNS - 1]);
}

async fn quarantine(client: &Client) {
    client
        .batch_execute(
            "update robbie_sync.entry e set state = 'quarantined', attempts = 12,
               heard = hashtextextended(p.error, 0) from pending_sync p where p.id = e.entry_id and p.error is not null;
             analyze pending_sync; analyze robbie_sync.entry",
        )
        .await
        .unwrap();
}

async fn families(bed: &Bed) {
    let target = bed.migrated(Side::Replica).await;
    let client = connect(&target).await;
    let (all, families) = failures::failures(80_000, 15_600);
    failures::queue(&client, &all).await;
    quarantine(&client).await;
    let shape = Shape::read(&client).await.unwrap();
    let found = groups::read(&client, &shape, &Scope::default()).await.unwrap();
    assert_eq!((found.groups.len(), found.entries), (families, 80_000));
    let name = format!("80,000 failures with 15,600 texts into {families} groups");
    timed(&name, "≤ 600 ms", async || groups::read(&client, &shape, &Scope::default()).await.unwrap()).await;
    drop(client);
    bed.drop(&target).await;
}

async fn million(bed: &Bed, entries: u64) {
    let target = bed.migrated(Side::Replica).await;
    let client = connect(&target).await;
    let failed = entries / 50;
    // As an old queue is: what is synced was noted as such, once.
    client
        .batch_execute(&format!(
            "alter table pending_sync disable trigger robbie_queued;
             insert into pending_sync (table_name, operation, data, created_at, synced_at)
               select 'code_messages', 'INSERT', jsonb_build_object('id', gen_random_uuid(), 'content', repeat('measured ', 30) || n),
                 now() - n * interval '1 second', now() from generate_series(1, {}) n;
             alter table pending_sync enable trigger robbie_queued;
             insert into robbie_sync.entry (entry_id, tbl, op, pk, state)
               select id, table_name, operation, jsonb_build_object('id', data -> 'id'), 'applied' from pending_sync",
            entries - failed
        ))
        .await
        .unwrap();
    let (all, _) = failures::failures(failed as usize, failed as usize / 5);
    failures::queue(&client, &all).await;
    quarantine(&client).await;
    let shape = Shape::read(&client).await.unwrap();
    let every = |text: &str, by: SortBy| Scope {
        states: robbie_console::queue::State::QUEUED.to_vec(),
        filter: filter::parse(text).unwrap(),
        sort: Sort { by, descending: false },
        ..Scope::default()
    };
    let stuck = |text: &str, by: SortBy| Scope {
        filter: filter::parse(text).unwrap(),
        ..Scope { sort: Sort { by, descending: false }, ..Scope::default() }
    };
    let of = format!("of {entries} entries");
    let page = async |scope: &Scope, anchor: &Anchor| store::page(&client, &shape, scope, anchor, 400).await.unwrap();
    for (name, scope, anchor, limit) in [
        ("first page", every("", SortBy::Time), Anchor::First, "≤ 20 ms"),
        ("page in the middle", every("", SortBy::Time), Anchor::Share(0.5), "≤ 20 ms"),
        ("last page", every("", SortBy::Time), Anchor::Last, "≤ 20 ms"),
        ("first page of the open ones", stuck("", SortBy::Time), Anchor::First, "≤ 20 ms"),
        ("open ones by table", stuck("", SortBy::Table), Anchor::First, "≤ 1 s"),
        ("open ones by tries", stuck("", SortBy::Attempts), Anchor::First, "≤ 1 s"),
        ("open ones, a word", stuck("deadlock", SortBy::Time), Anchor::First, "≤ 1 s"),
        ("open ones, a code", stuck("sqlstate:23505", SortBy::Time), Anchor::First, "≤ 1 s"),
        ("open ones, a path of the payload", stuck("data.family:7", SortBy::Time), Anchor::First, "≤ 1 s"),
        ("all, a word that nothing has", every("nothing-has-this", SortBy::Time), Anchor::First, "≤ 1 s"),
        ("all, a path that nothing has", every("data.x:7", SortBy::Time), Anchor::First, "≤ 1 s"),
    ] {
        timed(&format!("{name}, {of}"), limit, async || page(&scope, &anchor).await).await;
    }
    timed(&format!("groups of {failed} failures, {of}"), "≤ 1 s", async || {
        groups::read(&client, &shape, &Scope::default()).await.unwrap()
    })
    .await;
    drop(client);
    bed.drop(&target).await;
}
