//! The drain: queued entries to the master.

use crate::bed::{Bed, Two, close, connect, count};
use crate::figure::{Limit, Samples, compared};
use crate::rows::{self, COLUMNS};
use crate::{Wanted, copy, naive};
use robbie_console::postgres::Pair;
use robbie_console::sync::{self, CycleOptions};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// Entries that the worker in use today is given: its rate does not depend on how many there are.
const NAIVE: u64 = 2_000;

/// Measures inserts and updates.
pub async fn run(bed: &Bed, wanted: &Wanted) {
    let inserts = queued(bed, wanted.rows, wanted.rows, false).await;
    let (engine, limit, naive) = turns(bed, wanted, &inserts, false).await;
    compared("drain, inserts", "rows/s", &engine, ("COPY and upsert", &limit), Limit::Least(0.5));
    compared("drain, inserts", "rows/s", &engine, ("row by row", &naive), Limit::Least(20.0));
    bed.drop_both(&inserts).await;
    let updates = queued(bed, wanted.rows, wanted.rows, true).await;
    let (engine, limit, _) = turns(bed, wanted, &updates, true).await;
    compared("drain, updates with base images", "rows/s", &engine, ("COPY and upsert", &limit), Limit::None);
    bed.drop_both(&updates).await;
}

/// A pair with so many messages, and `rows` entries queued: of messages that are there or of new ones.
pub async fn queued(bed: &Bed, there: u64, rows: u64, updates: bool) -> Two {
    let two = rows::synced(bed, there).await;
    let replica = rows::filling(&two.replica).await;
    let began = Instant::now();
    if updates {
        rows::queue_updates(&replica, 1, rows).await;
    } else {
        rows::queue_inserts(&replica, there + 1, there + rows).await;
    }
    eprintln!("{rows} entries queued in {:.1} s", began.elapsed().as_secs_f64());
    close(replica).await;
    rows::tidy(bed, &two).await;
    two
}

async fn turns(bed: &Bed, wanted: &Wanted, queued: &Two, updates: bool) -> (Samples, Samples, Samples) {
    let (mut engine, mut limit, mut naive) = (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..wanted.runs {
        let two = bed.copy_of(queued).await;
        let took = drained(&two.pair(), wanted.rows).await;
        eprintln!("engine {:.2} s", took.as_secs_f64());
        engine.add_rate(wanted.rows, took);
        check(&two, if updates { wanted.rows } else { 2 * wanted.rows }).await;
        bed.drop_both(&two).await;

        let two = bed.copy_of(queued).await;
        let master = connect(&two.master).await;
        let (first, last) = if updates { (1, wanted.rows) } else { (wanted.rows + 1, 2 * wanted.rows) };
        let text = copy::text(&master, &rows::messages(first, last, 1)).await;
        let took = copy::upsert(&master, text).await;
        eprintln!("COPY and upsert {:.2} s", took.as_secs_f64());
        limit.add_rate(wanted.rows, took);
        bed.drop_both(&two).await;

        if !updates {
            let two = bed.copy_of(queued).await;
            let (master, replica) = (connect(&two.master).await, connect(&two.replica).await);
            naive::without_the_engine(&master, &replica).await;
            let entries = NAIVE.min(wanted.rows);
            naive.add_rate(entries, naive::drain(&master, &replica, entries).await);
            bed.drop_both(&two).await;
        }
    }
    (engine, limit, naive)
}

/// One push of everything that is queued, from connecting to the last note.
pub async fn drained(pair: &Pair, entries: u64) -> Duration {
    let began = Instant::now();
    let options = CycleOptions { pull: false, ..CycleOptions::default() };
    let report = sync::cycle(pair, options).await.unwrap();
    let took = began.elapsed();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    assert_eq!(report.push.unwrap().applied, entries);
    took
}

/// Everything that was queued is on the master, once, and nothing is queued any more.
pub async fn check(two: &Two, rows: u64) {
    let (master, replica) = (connect(&two.master).await, connect(&two.replica).await);
    assert_eq!(count(&replica, "pending_sync WHERE synced_at IS NULL").await, 0);
    let digest =
        format!("SELECT md5(string_agg(t::text, '' ORDER BY t.id)) FROM (SELECT {COLUMNS} FROM code_messages) t");
    let of = async |client: &Client| client.query_one(&digest, &[]).await.unwrap().get::<_, Option<String>>(0);
    assert!(of(&master).await == of(&replica).await, "the two sides differ");
    assert_eq!(count(&master, "code_messages").await, rows);
    let miscounted = "code_conversations c WHERE message_count <> (SELECT count(*) FROM code_messages m WHERE m.conversation_id = c.id)";
    assert_eq!(count(&master, miscounted).await, 0);
}
