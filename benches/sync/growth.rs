//! How the cost grows with rows and with tables.

use crate::Wanted;
use crate::bed::{Bed, Two, close, connect};
use crate::drain::drained;
use crate::figure::short;
use crate::pull::pulled;
use crate::rows::{self, queue_inserts};
use robbie_console::postgres::Side;
use std::time::Duration;
use tokio_postgres::Client;

/// Rows that change between two pulls.
const CHANGES: u64 = 1_000;
/// Tables that the product syncs as it comes.
const OWN: u64 = 5;

/// First load, and a thousand changes, of tables that grow.
pub async fn rows(bed: &Bed, wanted: &Wanted) {
    println!("\nOne table that grows:\n");
    println!("| rows | first load | rows/s | pull of {CHANGES} changes | drain of {CHANGES} entries | nothing to do |");
    println!("|---|---|---|---|---|---|");
    for size in [wanted.rows / 10, wanted.rows, wanted.rows * 10] {
        let two = rows::filled(bed, size, 0).await;
        let master = connect(&two.master).await;
        let (report, load) = pulled(&two).await;
        assert!(report.full && report.inserted >= size, "{report:?}");
        bed.settle(&two.replica).await;
        // Here and there in the table.
        let step = (size / CHANGES).max(1);
        let update = format!(
            "UPDATE code_messages SET content = content || ' changed' WHERE id IN (SELECT {} FROM generate_series({step}, {size}, {step}) n)",
            rows::id("n")
        );
        master.batch_execute(&update).await.unwrap();
        let (report, pull) = pulled(&two).await;
        assert!(report.updated >= CHANGES.min(size) && !report.full, "{report:?}");
        let replica = connect(&two.replica).await;
        queue_inserts(&replica, size + 1, size + CHANGES).await;
        let drain = drained(&two.pair(), CHANGES).await;
        pulled(&two).await;
        let (_, idle) = pulled(&two).await;
        println!(
            "| {size} | {} | {} | {} | {} | {} |",
            seconds(load),
            short(size as f64 / load.as_secs_f64()),
            seconds(pull),
            seconds(drain),
            seconds(idle)
        );
        drop((master, replica));
        bed.drop_both(&two).await;
    }
}

/// A thousand changes in more and more tables.
pub async fn tables(bed: &Bed, wanted: &Wanted) {
    println!("\nTables of 100 rows each, medians of {}:\n", wanted.runs);
    println!("| tables | first load | pull of {CHANGES} changes over all | over one | nothing to do |");
    println!("|---|---|---|---|---|");
    for tables in [5, 50, 200] {
        let two = with_tables(bed, tables).await;
        let master = connect(&two.master).await;
        let (_, load) = pulled(&two).await;
        let (mut all, mut one, mut idle) = (vec![], vec![], vec![]);
        for turn in 0..wanted.runs {
            let each = (CHANGES / tables).max(1);
            let statements: Vec<String> = (1..=tables).map(|t| insert(t, each, turn as u64)).collect();
            master.batch_execute(&statements.join(";")).await.unwrap();
            all.push(pulled(&two).await.1);
            master.batch_execute(&insert(1, CHANGES, turn as u64 + 1_000)).await.unwrap();
            one.push(pulled(&two).await.1);
            idle.push(pulled(&two).await.1);
        }
        println!(
            "| {} | {} | {} | {} | {} |",
            tables + OWN,
            seconds(load),
            seconds(median(all)),
            seconds(median(one)),
            seconds(median(idle))
        );
        close(master).await;
        bed.drop_both(&two).await;
    }
}

fn insert(table: u64, rows: u64, turn: u64) -> String {
    format!("INSERT INTO thing_{table} (body) SELECT 'turn {turn} row ' || n FROM generate_series(1, {rows}) n")
}

/// A pair with so many tables more.
async fn with_tables(bed: &Bed, tables: u64) -> Two {
    let two = Two { master: bed.migrated(Side::Master).await, replica: bed.migrated(Side::Replica).await };
    for (target, enlist) in [(&two.master, "capture"), (&two.replica, "watch")] {
        let client: Client = connect(target).await;
        for t in 1..=tables {
            client
                .batch_execute(&format!(
                    "CREATE TABLE thing_{t} (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), body text NOT NULL,
                         at timestamptz NOT NULL DEFAULT now());
                     SELECT robbie_sync.{enlist}('thing_{t}')"
                ))
                .await
                .unwrap();
            if enlist == "capture" {
                client.batch_execute(&insert(t, 100, 0)).await.unwrap();
            }
        }
        close(client).await;
    }
    two
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn seconds(time: Duration) -> String {
    format!("{} s", short(time.as_secs_f64()))
}
