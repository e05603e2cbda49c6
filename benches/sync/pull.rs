//! The pull: the same changes of the master taken by the engine, by COPY and one statement, and by logical replication.

use crate::bed::{Bed, Two, connect, count};
use crate::figure::{Limit, Samples, compared};
use crate::native::Subscription;
use crate::rows::{self, COLUMNS};
use crate::{Wanted, copy};
use robbie_console::postgres::{Side, Target};
use robbie_console::sync::{self, CycleOptions, PullReport};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// Rows that a program of the master changes in one transaction.
const TRANSACTION: u64 = 1_000;

/// Three ways to the same rows, each with a database of its own on the replica's server.
struct Ways {
    two: Two,
    limit: Target,
    native: Subscription,
    subscribed: Target,
}

/// What one sort of change came to.
#[derive(Default)]
struct Rates {
    engine: Way,
    limit: Way,
    native: Way,
}

/// What one way came to: rows per second, and per second of processor, which says more where others use the machine.
#[derive(Default)]
struct Way {
    rate: Samples,
    cheapness: Samples,
}

impl Way {
    fn add(&mut self, name: &str, rows: u64, took: Duration, cpu: f64) {
        eprintln!("{name} {:.2} s, processor {cpu:.2} s", took.as_secs_f64());
        self.rate.add_rate(rows, took);
        self.cheapness.add(rows as f64 / cpu);
    }
}

/// Measures updates, inserts and deletes.
pub async fn run(bed: &Bed, wanted: &Wanted) {
    bed.restart_with("wal_level = logical").await;
    let ways = Ways::new(bed, wanted.rows).await;
    let master = connect(&ways.two.master).await;
    let rows = wanted.rows;
    let (mut updates, mut inserts, mut deletes) = (Rates::default(), Rates::default(), Rates::default());
    for turn in 1..=wanted.runs as u32 {
        for (first, last) in rows::parts(1, rows, TRANSACTION) {
            master.batch_execute(&rows::update(first, last, turn)).await.unwrap();
        }
        let changed = format!("SELECT {COLUMNS} FROM code_messages");
        let arrived = format!(
            "(SELECT (s.content = t.content) FROM ({}) AS s ({COLUMNS}) JOIN code_messages t ON t.id = s.id)",
            rows::messages(rows, rows, turn)
        );
        ways.turn(bed, &mut updates, rows, &master, &changed, &arrived, false).await;

        for (first, last) in rows::parts(rows + 1, 2 * rows, TRANSACTION) {
            let insert = format!("INSERT INTO code_messages ({COLUMNS}) {}", rows::messages(first, last, turn));
            master.batch_execute(&insert).await.unwrap();
        }
        let last = rows::id(&format!("'{}'", 2 * rows));
        let arrived = format!("EXISTS (SELECT FROM code_messages WHERE id = {last})");
        let new = rows::messages(rows + 1, 2 * rows, turn);
        ways.turn(bed, &mut inserts, rows, &master, &new, &arrived, false).await;

        for (first, last) in rows::parts(rows + 1, 2 * rows, TRANSACTION) {
            let delete = format!(
                "DELETE FROM code_messages WHERE id IN (SELECT {} FROM generate_series({first}, {last}) n)",
                rows::id("n")
            );
            master.batch_execute(&delete).await.unwrap();
        }
        let keys = format!("SELECT {} FROM generate_series({}, {}) n", rows::id("n"), rows + 1, 2 * rows);
        ways.turn(bed, &mut deletes, rows, &master, &keys, &format!("NOT {arrived}"), true).await;
    }
    for (what, rates, least) in [
        ("updates", &updates, (Limit::Least(0.5), Limit::Least(1.3))),
        ("inserts", &inserts, (Limit::None, Limit::None)),
        ("deletes", &deletes, (Limit::None, Limit::None)),
    ] {
        let measure = format!("pull, {what}");
        let one = if what == "deletes" { "COPY and delete" } else { "COPY and upsert" };
        for (name, way, least) in [(one, &rates.limit, least.0), ("logical replication", &rates.native, least.1)] {
            let (engine, spent) = (&rates.engine, format!("{measure}, processor"));
            compared(&measure, "rows/s", &engine.rate, (name, &way.rate), least);
            compared(&spent, "rows per CPU second", &engine.cheapness, (name, &way.cheapness), Limit::None);
        }
    }
    ways.end(bed).await;
}

impl Ways {
    async fn new(bed: &Bed, rows: u64) -> Self {
        let two = rows::synced(bed, rows).await;
        let limit = bed.copy(Side::Replica, two.replica.database()).await;
        let subscribed = bed.copy(Side::Replica, two.replica.database()).await;
        let native = Subscription::new(bed, &two.master, &subscribed).await;
        // The first pull compares everything and sets the cursor.
        pulled(&two).await;
        Self { two, limit, native, subscribed }
    }
    /// The three take what the master has just done. `text` are the rows, or their keys, for the way of COPY.
    #[expect(clippy::too_many_arguments, reason = "one call per sort of change")]
    async fn turn(
        &self,
        bed: &Bed,
        rates: &mut Rates,
        rows: u64,
        master: &Client,
        text: &str,
        arrived: &str,
        deletes: bool,
    ) {
        for target in [&self.two.master, &self.two.replica, &self.limit, &self.subscribed] {
            bed.settle(target).await;
        }
        let before = bed.cpu();
        let (report, took) = pulled(&self.two).await;
        rates.engine.add("engine", rows, took, bed.cpu() - before);
        // The messages, and the conversations whose statistics moved with them.
        assert!(report.written() >= rows && report.deferred == 0 && !report.full, "{report:?}");

        let text = copy::text(master, text).await;
        let limit = connect(&self.limit).await;
        let before = bed.cpu();
        let took = if deletes { copy::delete(&limit, text).await } else { copy::upsert(&limit, text).await };
        rates.limit.add("COPY", rows, took, bed.cpu() - before);

        let (took, cpu) = self.native.catch_up(bed, arrived).await;
        rates.native.add("logical replication", rows, took, cpu);
        self.check(master).await;
    }
    /// All four have the same rows.
    async fn check(&self, master: &Client) {
        let digest =
            format!("SELECT md5(string_agg(t::text, '' ORDER BY t.id)) FROM (SELECT {COLUMNS} FROM code_messages) t");
        let wanted: Option<String> = master.query_one(&digest, &[]).await.unwrap().get(0);
        for target in [&self.two.replica, &self.limit, &self.subscribed] {
            let found: Option<String> = connect(target).await.query_one(&digest, &[]).await.unwrap().get(0);
            assert!(found == wanted, "{} differs: {} rows", target.database(), count(master, "code_messages").await);
        }
    }
    async fn end(self, bed: &Bed) {
        self.native.end().await;
        bed.drop_both(&self.two).await;
        bed.drop(&self.limit).await;
        bed.drop(&self.subscribed).await;
    }
}

/// One pull, from connecting to the acknowledgement.
pub async fn pulled(two: &Two) -> (PullReport, Duration) {
    let began = Instant::now();
    let options = CycleOptions { push: false, ..CycleOptions::default() };
    let report = sync::cycle(&two.pair(), options).await.unwrap();
    let took = began.elapsed();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    (report.pull.unwrap(), took)
}
