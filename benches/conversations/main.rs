//! Conversations in numbers: pages of the list over both sides, opening one, full text, similarity, and what an index finds of what is near.
//!
//! `cargo bench --bench conversations -- [--conversations N] [--every N] [--runs N] [--anywhere]`. It starts a pair of servers of its own, fills both with N
//! conversations of 50 messages each (every tenth, or `--every`, message of the replica with a vector, which lie around subjects or, with
//! `--anywhere`, anywhere), and prints a table in Markdown.

#![allow(clippy::unwrap_used, clippy::disallowed_macros, reason = "a bench that meets an error has ended, and prints")]
#![allow(dead_code, reason = "it shares the bed of the engine's bench")]

#[path = "../sync/bed.rs"]
mod bed;
mod vectors;

use bed::{Bed, Two, connect};
use robbie_console::conversation::embed::Embedder;
use robbie_console::conversation::search::{self, Mode};
use robbie_console::conversation::{self as domain, Filter, From, Key, Kind, Shape, Sides, Sort, recall, similar};
use robbie_console::postgres::{Fault, Side};
use std::time::Instant;
use tokio_postgres::Client;
use uuid::Uuid;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, otherwise: usize| {
        let at = arguments.iter().position(|a| a == name);
        at.and_then(|at| arguments.get(at + 1)).map_or(otherwise, |n| n.parse().unwrap())
    };
    let (conversations, runs) = (number("--conversations", 20_000), number("--runs", 200));
    let every = number("--every", 10);
    let lie =
        if arguments.iter().any(|a| a == "--anywhere") { vectors::Lie::Anywhere } else { vectors::Lie::AroundSubjects };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let bed = Bed::start().await;
        let two = Two { master: bed.migrated(Side::Master).await, replica: bed.migrated(Side::Replica).await };
        for side in [Side::Master, Side::Replica] {
            let began = Instant::now();
            let target = if side == Side::Master { &two.master } else { &two.replica };
            fill(&connect(&bed.superuser(side, target.database())).await, side, conversations, every, lie).await;
            eprintln!("{side} filled in {:.0} s", began.elapsed().as_secs_f64());
        }
        measure(&two, runs).await;
        bed.stop().await;
    });
}

/// Fills a side with the same texts as the other: ids and words are made of numbers.
async fn fill(client: &Client, side: Side, conversations: usize, every: usize, lie: vectors::Lie) {
    let user = if side == Side::Master { "gen_random_uuid()" } else { "'allan'" };
    let key = |kind: &str, n: &str| format!("md5('{kind}' || {n})::uuid");
    let statements = [
        "drop index if exists idx_code_messages_embedding, robbie_search_message;
         alter table code_messages disable trigger user; alter table code_conversations disable trigger user;
         set synchronous_commit = off; set maintenance_work_mem = '1GB'; set work_mem = '256MB'"
            .to_owned(),
        if side == Side::Master {
            "insert into users (id, username, email, password_hash) values (md5('allan')::uuid, 'allan', 'a@example.org', 'x') on conflict do nothing;
             insert into user_id_mapping (text_id, uuid_id, service) values ('allan', md5('allan')::uuid, 'robbie-code') on conflict do nothing"
                .to_owned()
        } else {
            "select 1".to_owned()
        },
        format!(
            "insert into code_conversations (id, user_id, session_id, title, context_type, created_at, updated_at, last_message_at, message_count)
             select {}, {}, 's' || n % 50, 'Conversation ' || n || ' about w' || n % 5000, (array['code','chat','debug','refactor'])[1 + n % 4],
                    timestamptz '2026-01-01Z' + n * interval '1 minute', '2026-06-01Z', timestamptz '2026-02-01Z' + n * interval '1 minute', 50
               from generate_series(1, {conversations}) n",
            key("c", "n"),
            if side == Side::Master { "md5('allan')::uuid" } else { user }
        ),
        // Words as people use them: few often, many seldom. The numbers are mixed by md5, the same on both sides.
        format!(
            "insert into code_messages (id, conversation_id, role, content, created_at)
             select {}, {}, case when n % 2 = 0 then 'user' else 'assistant' end, x.words,
                    timestamptz '2026-01-01Z' + n * interval '1 second'
               from generate_series(1, {}) n,
                    lateral (select string_agg('w' || floor(5000 * power((('x' || substr(md5(n || '.' || i), 1, 7))::bit(28)::int / 268435456.0), 3)), ' ') as words
                               from generate_series(1, 40) i) x",
            key("m", "n"),
            key("c", "(1 + n % C)".replace('C', &conversations.to_string()).as_str()),
            conversations * 50
        ),
        "select 1".to_owned(),
        "create index robbie_search_message on code_messages using gin (robbie_sync.search_vector((coalesce(content, ''))))".to_owned(),
        if side == Side::Replica {
            "create index idx_code_messages_embedding on code_messages using ivfflat (embedding vector_cosine_ops) with (lists = 100)".to_owned()
        } else {
            "select 1".to_owned()
        },
        "alter table code_messages enable trigger user; alter table code_conversations enable trigger user; vacuum analyze".to_owned(),
    ];
    for (n, statement) in statements.into_iter().enumerate() {
        if n == 4 && side == Side::Replica {
            vectors::fill(client, conversations * 50 / every, every, lie).await;
        }
        // `vacuum` stands alone.
        for one in statement.split(';') {
            client.batch_execute(one).await.unwrap_or_else(|e| panic!("{e:?}: {one}"));
        }
    }
}

/// The middle, the 99th of a hundred, and how many.
fn line(name: &str, mut times: Vec<f64>, note: &str) {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("| {name} | {:.1} ms | {:.1} ms | {note} |", at(0.5), at(0.99));
}

async fn timed<T>(name: &str, runs: usize, note: &str, work: impl AsyncFn(usize) -> Result<T, Fault>) {
    let mut times = Vec::new();
    for n in 0..runs {
        let began = Instant::now();
        work(n).await.unwrap();
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    line(name, times, note);
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of =
        |name: &str| status.lines().find(|l| l.starts_with(name)).map_or("?", |l| l[name.len()..].trim()).to_owned();
    format!("now {}, most {}", of("VmRSS:"), of("VmHWM:"))
}

async fn measure(two: &Two, runs: usize) {
    let pair = two.pair();
    let sides = Sides::read(&pair).await.unwrap();
    let everything = Filter::default();
    let mut keys: Vec<Key> = Vec::new();
    let mut from = None;
    for _ in 0..60 {
        let page = domain::listing(&sides, None, &everything, Sort::Recent, from.as_ref(), false, 80).await.unwrap();
        from = page.next;
        keys.extend(from.clone());
    }
    println!("| measure | p50 | p99 | |\n|---|---|---|---|");
    timed("list: the first page of both sides, 80 rows", runs, "", async |_| {
        domain::outline(&sides, None, &everything, Sort::Recent, None, false, 80).await
    })
    .await;
    timed("list: a page somewhere in it, 80 rows", runs, "", async |n| {
        domain::outline(&sides, None, &everything, Sort::Recent, Some(&keys[n * 7 % keys.len()]), false, 80).await
    })
    .await;
    timed("list: the first page, with where each conversation is", runs, "as the command lists", async |_| {
        domain::listing(&sides, None, &everything, Sort::Recent, None, false, 80).await
    })
    .await;
    timed("list: a page somewhere in it, with where each is", runs, "", async |n| {
        domain::listing(&sides, None, &everything, Sort::Recent, Some(&keys[n * 7 % keys.len()]), false, 80).await
    })
    .await;
    timed("list: a page of the replica alone", runs, "", async |n| {
        let from = Some(&keys[n * 11 % keys.len()]);
        domain::outline(&sides, Some(Side::Replica), &everything, Sort::Recent, from, n % 2 == 0, 80).await
    })
    .await;
    let (link, shape) = sides.of(Side::Replica).unwrap();
    timed("facets", 10, "in the background", async |_| domain::facets(link, shape, &everything).await).await;
    timed("open: where it is, and its messages", runs, "", async |n| {
        let id = keys[n * 13 % keys.len()].id;
        domain::find(&sides, None, id).await?;
        domain::messages(link, shape, id, &From::Start, 40).await
    })
    .await;
    for (name, words) in [
        ("full text: a rare word", ["w4990", "w4871", "w4702", "w4555"]),
        ("full text: two words", ["w4301 w120", "w3999 w77", "w4100 w300", "w2500 w61"]),
        ("full text: a frequent word", ["w0", "w1", "w2", "w3"]),
        ("full text: a phrase", ["\"w1 w0\"", "\"w0 w2\"", "\"w3 w1\"", "\"w5 w4\""]),
    ] {
        timed(name, runs / 4, "", async |n| {
            search::search(link, shape, words[n % 4], Mode::Text, &Embedder::Lexical, 20).await
        })
        .await;
    }
    similarity(two, link, shape, runs).await;
    println!("\nmemory of this process: {}", memory());
}

async fn similarity(two: &Two, link: &robbie_console::postgres::Link, shape: &Shape, runs: usize) {
    let client = connect(&two.replica).await;
    let ids: Vec<Uuid> = client
        .query(
            "select id from code_messages where embedding is not null order by md5(id::text) limit $1",
            &[&(runs as i64)],
        )
        .await
        .unwrap()
        .iter()
        .map(|r| r.get(0))
        .collect();
    timed("similarity: more like a message, in all lists", 20.min(ids.len()), "before it was measured", async |n| {
        search::more_like(link, shape, Kind::Message, ids[n], 20).await
    })
    .await;
    let began = Instant::now();
    let found = recall::measure(link, shape, Kind::Message, Some("bench"), similar::RECALL).await.unwrap().unwrap();
    println!(
        "| measuring how many lists are enough, once | {:.1} s | | {} of 100 found {:.3} |",
        began.elapsed().as_secs_f64(),
        found.probes,
        found.recall
    );
    timed("similarity: more like a message, through IVFFlat", ids.len(), "recall wanted: 0.95", async |n| {
        search::more_like(link, shape, Kind::Message, ids[n], 20).await
    })
    .await;
    let (mut quick, mut exact) = (Vec::new(), Vec::new());
    let (mut hits, mut all) = (0, 0);
    for id in ids.iter().take(50) {
        let origin = similar::origin(link, shape, Kind::Message, *id).await.unwrap().unwrap();
        let began = Instant::now();
        let near = similar::neighbours(link, shape, &origin, Some(*id), similar::RECALL).await.unwrap();
        quick.push(began.elapsed().as_secs_f64() * 1e3);
        let began = Instant::now();
        let truth = similar::neighbours(link, shape, &origin, Some(*id), 1.0).await.unwrap();
        exact.push(began.elapsed().as_secs_f64() * 1e3);
        let wanted: Vec<Uuid> = truth.near.iter().take(10).map(|n| n.id).collect();
        hits += near.near.iter().take(10).filter(|n| wanted.contains(&n.id)).count();
        all += wanted.len();
    }
    line("similarity: neighbours through IVFFlat, as many lists as are enough", quick, "");
    line("similarity: neighbours in all lists, which is exact", exact, "");
    println!(
        "| recall@10 of IVFFlat against exact | {:.3} | | wanted: {} |",
        f64::from(hits as u32) / f64::from(all as u32),
        similar::RECALL
    );
}
