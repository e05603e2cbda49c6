//! What the capture costs those who write on the master: single rows, each a transaction, with the triggers and without.

use crate::Wanted;
use crate::bed::{Bed, Two, close, connect};
use crate::figure::{Limit, Samples, compared};
use crate::rows::{self, CONVERSATIONS};
use robbie_console::postgres::Target;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// One turn of one writer.
const SLICE: Duration = Duration::from_millis(500);
/// Messages that are there before.
const ROWS: u64 = 20_000;

const INSERT: &str = "INSERT INTO code_messages (conversation_id, role, content, metadata)
    VALUES (md5('c' || $1::bigint)::uuid, 'user', repeat(md5($2::bigint::text), 9), '{}')";
const UPDATE: &str =
    "UPDATE code_messages SET content = repeat(md5($1::bigint::text), 9) WHERE id = md5('m' || $2::bigint)::uuid";

/// Measures inserts and updates, with one writer and with sixteen.
pub async fn run(bed: &Bed, wanted: &Wanted) {
    let with = rows::synced(bed, ROWS).await;
    let without = bed.copy_of(&with).await;
    let master = connect(&without.master).await;
    for table in ["code_conversations", "code_messages"] {
        master.batch_execute(&format!("SELECT robbie_sync.release('{table}')")).await.unwrap();
    }
    close(master).await;
    for (what, statement) in [("insert", INSERT), ("update", UPDATE)] {
        for writers in [1, 16] {
            let limit = if writers == 1 { Limit::Least(0.8) } else { Limit::Least(0.9) };
            measure(wanted, (&with, &without), what, statement, writers, limit).await;
        }
    }
    bed.drop_both(&with).await;
    bed.drop_both(&without).await;
}

async fn measure(
    wanted: &Wanted,
    (with, without): (&Two, &Two),
    what: &str,
    statement: &'static str,
    writers: u64,
    limit: Limit,
) {
    let (mut captured, mut plain) = (Samples::default(), Samples::default());
    for turn in 0..=wanted.runs * 5 {
        let (c, p) = (write(&with.master, statement, writers).await, write(&without.master, statement, writers).await);
        // The first turn warms both up.
        if turn > 0 {
            captured.add(c);
            plain.add(p);
        }
    }
    let measure = format!("capture: single-row {what}, {writers} writer{}", if writers == 1 { "" } else { "s" });
    compared(&measure, "tx/s", &captured, ("no capture", &plain), limit);
}

/// Transactions per second of so many writers. Each has written once before the clock starts: what a session prepares at its first
/// write is no part of the rate.
pub async fn write(master: &Target, statement: &'static str, writers: u64) -> f64 {
    let mut all = JoinSet::new();
    let ready = Arc::new(Barrier::new(writers as usize));
    for writer in 0..writers {
        let client = connect(master).await;
        let prepared = client.prepare(statement).await.unwrap();
        let ready = Arc::clone(&ready);
        all.spawn(async move {
            let (mut began, mut written) = (Instant::now(), 0_u64);
            while written == 0 || began.elapsed() < SLICE {
                // Any number will do; a writer's own, so that two of them seldom meet in one row.
                let n = (written * 7919 + writer * 104_729) % ROWS;
                let n = if statement == INSERT { n % CONVERSATIONS } else { n + 1 };
                let (first, second) = if statement == INSERT { (n, written) } else { (written, n) };
                client.execute(&prepared, &[&(first as i64), &(second as i64)]).await.unwrap();
                if written == 0 {
                    ready.wait().await;
                    began = Instant::now();
                }
                written += 1;
            }
            written - 1
        });
    }
    all.join_all().await.into_iter().sum::<u64>() as f64 / SLICE.as_secs_f64()
}
