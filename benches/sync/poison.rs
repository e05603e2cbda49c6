//! A thousand entries that cannot be applied before nine thousand that can.

use crate::Wanted;
use crate::bed::{Bed, Two, close, connect, count};
use crate::figure::{Limit, Samples, compared};
use crate::rows;
use robbie_console::sync::{self, CycleOptions};
use std::time::Instant;
use tokio_postgres::Client;

const POISON: u64 = 1_000;
const GOOD: u64 = 9_000;
/// Messages that are there before.
const THERE: u64 = 10_000;

/// Measures it.
pub async fn run(bed: &Bed, wanted: &Wanted) {
    let clean = prepared(bed, false).await;
    let poisoned = prepared(bed, true).await;
    let (mut with, mut without) = (Samples::default(), Samples::default());
    for _ in 0..wanted.runs {
        for (queued, samples) in [(&clean, &mut without), (&poisoned, &mut with)] {
            let two = bed.copy_of(queued).await;
            let began = Instant::now();
            let options = CycleOptions { pull: false, ..CycleOptions::default() };
            let report = sync::cycle(&two.pair(), options).await.unwrap();
            let took = began.elapsed();
            assert!(report.faults.is_empty(), "{:?}", report.faults);
            assert_eq!(count(&connect(&two.master).await, "code_messages").await, THERE + GOOD);
            let left = count(&connect(&two.replica).await, "pending_sync WHERE synced_at IS NULL").await;
            assert_eq!(left, if std::ptr::eq(queued, &raw const poisoned) { POISON } else { 0 });
            samples.add_rate(GOOD, took);
            bed.drop_both(&two).await;
        }
    }
    compared(
        "drain, 1,000 poison entries before 9,000 good ones: good ones",
        "rows/s",
        &with,
        ("9,000 good ones", &without),
        Limit::Least(0.8),
    );
    bed.drop_both(&clean).await;
    bed.drop_both(&poisoned).await;
}

async fn prepared(bed: &Bed, poisoned: bool) -> Two {
    let two = rows::synced(bed, THERE).await;
    let replica = rows::filling(&two.replica).await;
    if poisoned {
        poison(&replica).await;
    }
    rows::queue_inserts(&replica, THERE + 1, THERE + GOOD).await;
    close(replica).await;
    rows::tidy(bed, &two).await;
    two
}

/// Of each sort a quarter: no such conversation, a role that the table forbids, no date, a column the master lacks.
async fn poison(replica: &Client) {
    for (place, broken) in [
        r#"{"conversation_id": "00000000-0000-4000-8000-000000000000"}"#,
        r#"{"role": "robot"}"#,
        r#"{"created_at": "yesterday week"}"#,
        r#"{"colour": "green"}"#,
    ]
    .into_iter()
    .enumerate()
    {
        let from = 1_000_000 + place as u64 * 1_000;
        replica
            .batch_execute(&format!(
                "INSERT INTO pending_sync (table_name, operation, data)
                 SELECT 'code_messages', 'INSERT', to_jsonb(w) || '{broken}' FROM ({}) AS w ({})",
                rows::messages(from, from + POISON / 4 - 1, 1),
                rows::COLUMNS
            ))
            .await
            .unwrap();
    }
}
