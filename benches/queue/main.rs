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
use robbie_console::postgres::{Fault, Side};
use robbie_console::queue::{Anchor, Scope, Shape, Sort, SortBy, State, filter, groups, store};
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
async fn timed<T>(name: &str, limit: &str, work: impl AsyncFn() -> Result<T, Fault>) {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        if let Err(fault) = work().await {
            println!("| {name} | {} | | {limit} |", fault.message);
            return;
        }
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
    timed(&name, "≤ 600 ms", async || groups::read(&client, &shape, &Scope::default()).await).await;
    drop(client);
    bed.drop(&target).await;
}

/// An old queue: what is synced was noted as such, once; one in fifty failed.
async fn fill(client: &Client, entries: u64) {
    let failed = entries / 50;
    client
        .batch_execute(&format!(
            "alter table pending_sync disable trigger robbie_queued;
             insert into pending_sync (table_name, operation, data, created_at, synced_at)
               select (array['code_messages', 'code_blocks', 'code_conversations', 'learned_patterns'])[1 + n % 4],
                 (array['INSERT', 'UPDATE', 'DELETE'])[1 + n % 3],
                 jsonb_build_object('id', gen_random_uuid(), 'n', n, 'content', repeat('measured ', 30) || n),
                 now() - ({entries} - n) * interval '1 second', now() from generate_series(1, {}) n;
             alter table pending_sync enable trigger robbie_queued;
             insert into robbie_sync.entry (entry_id, tbl, op, pk, base, state, attempts)
               select id, table_name, operation, jsonb_build_object('id', data -> 'id'), data, 'applied', (data ->> 'n')::int % 3
               from pending_sync order by created_at",
            entries - failed
        ))
        .await
        .unwrap();
    let (all, _) = failures::failures(failed as usize, failed as usize / 5);
    failures::queue(client, &all).await;
    quarantine(client).await;
    // As autovacuum leaves it.
    vacuum(client).await;
}

async fn vacuum(client: &Client) {
    for table in ["pending_sync", "robbie_sync.entry"] {
        client.batch_execute(&format!("vacuum analyze {table}")).await.unwrap();
    }
}

fn scope(states: &[State], text: &str, by: SortBy) -> Scope {
    let filter = filter::parse(text).unwrap();
    Scope { states: states.to_vec(), filter, sort: Sort { by, descending: false }, ..Scope::default() }
}

/// Every statement ends within a second, or the bench does.
const LIMIT: &str = "set statement_timeout = '1s'";

async fn million(bed: &Bed, entries: u64) {
    let target = bed.migrated(Side::Replica).await;
    let client = connect(&target).await;
    fill(&client, entries).await;
    let shape = Shape::read(&client).await.unwrap();
    client.batch_execute(LIMIT).await.unwrap();
    let (all, open) = (&State::QUEUED[..], &State::OPEN[..]);
    let of = format!("of {entries} entries");
    let page = async |scope: &Scope, anchor: &Anchor| store::page(&client, &shape, scope, anchor, 300).await;
    let sorts = [SortBy::Time, SortBy::Table, SortBy::Operation, SortBy::State, SortBy::Attempts];
    for (name, states) in [("all", all), ("open", open)] {
        for by in sorts {
            let scope = scope(states, "", by);
            let limit = if by == SortBy::Time { "≤ 20 ms" } else { "≤ 1 s" };
            let first = page(&scope, &Anchor::First).await.unwrap();
            let key = first.entries.last().unwrap().key.clone();
            for (place, anchor) in [("first", Anchor::First), ("next", Anchor::After(key)), ("last", Anchor::Last)] {
                let name = format!("{name}, by {}, {place} page, {of}", by.name());
                timed(&name, limit, async || page(&scope, &anchor).await).await;
            }
        }
    }
    let middle = scope(all, "", SortBy::Time);
    timed(&format!("all, by time, page in the middle, {of}"), "≤ 20 ms", async || {
        page(&middle, &Anchor::Share(0.5)).await
    })
    .await;
    for (name, states, text) in [
        ("open, a word", open, "deadlock"),
        ("open, a code", open, "sqlstate:23505"),
        ("open, a path of the payload", open, "data.family:7"),
        ("open, what nothing has", open, "nothing-has-this"),
        ("all, a table", all, "table:code_blocks"),
        ("all, a path that few have", all, "data.n:777777"),
        ("all, an age", all, "age>10d"),
        ("all, a word that nothing has", all, "nothing-has-this"),
        ("all, a path that nothing has", all, "data.x:7"),
    ] {
        let scope = scope(states, text, SortBy::Time);
        timed(&format!("{name}, {of}"), "≤ 1 s a statement", async || page(&scope, &Anchor::First).await).await;
    }
    let filtered = scope(all, "table:code_blocks", SortBy::Attempts);
    timed(&format!("all, a table, by attempts, {of}"), "≤ 1 s a statement", async || {
        page(&filtered, &Anchor::First).await
    })
    .await;
    timed(&format!("a count, of a filter, {of}"), "≤ 1 s a statement", async || {
        store::count(&client, &shape, &filtered).await
    })
    .await;
    timed(&format!("whether something changed, and the total, {of}"), "≤ 20 ms", async || {
        store::news(&client, None).await
    })
    .await;
    timed(&format!("groups of {} failures, {of}", entries / 50), "≤ 1 s a statement", async || {
        groups::read(&client, &shape, &Scope::default()).await
    })
    .await;
    // All of them stuck: what a replica has that was long alone, with a worker that failed.
    client
        .batch_execute(
            "set statement_timeout = 0; update robbie_sync.entry set state = 'quarantined' where state = 'applied';
             update pending_sync set error = 'duplicate key value violates unique constraint \"k' || (data ->> 'n')::int % 100 || '\"'
               where error is null",
        )
        .await
        .unwrap();
    vacuum(&client).await;
    client.batch_execute(LIMIT).await.unwrap();
    for by in sorts {
        let scope = scope(open, "", by);
        timed(&format!("all failed, by {}, {of}", by.name()), "≤ 1 s", async || page(&scope, &Anchor::First).await)
            .await;
    }
    let found = groups::read(&client, &shape, &Scope::default()).await.unwrap();
    assert_eq!((found.entries, found.groups.iter().map(|g| g.count).sum::<i64>()), (entries as i64, entries as i64));
    timed(&format!("{entries} failures into {} groups", found.groups.len()), "≤ 1 s a statement", async || {
        groups::read(&client, &shape, &Scope::default()).await
    })
    .await;
    drop(client);
    bed.drop(&target).await;
}
