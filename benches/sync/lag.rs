//! From the commit of one change to its being seen on the other side, the engine running as it runs.

use crate::bed::{Bed, connect};
use crate::figure::{Limit, Samples, alone, short};
use crate::rows::{self, COLUMNS};
use robbie_console::postgres::Target;
use robbie_console::sync::{Engine, EngineOptions};
use std::time::{Duration, Instant};

/// Changes each way, and messages that are there before.
const CHANGES: u64 = 200;
const ROWS: u64 = 20_000;
/// How often it is looked whether a change has come.
const LOOK: Duration = Duration::from_millis(4);
/// The longest pause between two changes.
const PAUSE: u64 = 1_200;

/// Measures both ways at once.
pub async fn run(bed: &Bed) {
    let two = rows::synced(bed, ROWS).await;
    let engine = Engine::start(two.pair(), EngineOptions::default());
    engine.status().wait_for(|s| s.cycles > 0 && !s.busy).await.unwrap();
    let (up, down) = tokio::join!(changes(&two.replica, &two.master, true), changes(&two.master, &two.replica, false));
    for (way, lags) in [("replica to master", &up), ("master to replica", &down)] {
        for (name, share, limit) in [("p50", 0.5, 0.3), ("p99", 0.99, 1.5)] {
            let value = lags.at(share);
            let said = format!("{} s (most {} s)", short(value), short(lags.at(1.0)));
            alone(&format!("change to visible, {way}, {name} of {CHANGES}"), &said, value, Limit::Most(limit));
        }
    }
    engine.stop().await;
    bed.drop_both(&two).await;
}

/// Makes single changes at one side and waits for each at the other.
async fn changes(from: &Target, to: &Target, queued: bool) -> Samples {
    let (from, to) = (connect(from).await, connect(to).await);
    let mut lags = Samples::default();
    // Any seed will do: pauses are to be irregular, not unforeseeable.
    let mut seed = if queued { 11_u64 } else { 13 };
    for change in 1..=CHANGES {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis((seed >> 33) % PAUSE)).await;
        let n = ROWS + change + if queued { 0 } else { CHANGES };
        let insert = format!("INSERT INTO code_messages ({COLUMNS}) {}", rows::messages(n, n, 1));
        if queued {
            from.batch_execute(&format!(
                "WITH written AS ({insert} RETURNING *) INSERT INTO pending_sync (table_name, operation, data)
                 SELECT 'code_messages', 'INSERT', to_jsonb(w) - 'embedding' FROM written w"
            ))
            .await
            .unwrap();
        } else {
            from.batch_execute(&insert).await.unwrap();
        }
        let began = Instant::now();
        let seen = format!("SELECT 1 FROM code_messages WHERE id = {}", rows::id(&format!("'{n}'")));
        let seen = to.prepare(&seen).await.unwrap();
        while to.query_opt(&seen, &[]).await.unwrap().is_none() {
            assert!(began.elapsed() < Duration::from_mins(1), "change {n} has not come in a minute");
            tokio::time::sleep(LOOK).await;
        }
        lags.add(began.elapsed().as_secs_f64());
    }
    lags
}
