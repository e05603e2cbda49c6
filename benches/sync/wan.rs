//! The drain over a long line, beside itself on the same machine.

use crate::bed::{Bed, Two};
use crate::drain::{check, drained, queued};
use crate::figure::{Limit, Samples, compared};
use crate::proxy::{Proxy, Upstream, Weather};
use crate::{Wanted, bed, naive};
use robbie_console::postgres::{Pair, Target};
use std::time::Duration;

/// What a question and its answer take longer.
const ROUND_TRIP: Duration = Duration::from_millis(30);
/// Entries that the worker in use today is given.
const NAIVE: u64 = 50;

/// Measures it.
pub async fn run(bed: &Bed, wanted: &Wanted) {
    let queued = queued(bed, wanted.rows, wanted.rows, false).await;
    let (mut near, mut far, mut naive) = (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..wanted.runs {
        let two = bed.copy_of(&queued).await;
        near.add_rate(wanted.rows, drained(&two.pair(), wanted.rows).await);
        bed.drop_both(&two).await;

        let two = bed.copy_of(&queued).await;
        let (through, line) = far_away(&two.master).await;
        far.add_rate(wanted.rows, drained(&Pair::new(through, two.replica.clone()), wanted.rows).await);
        drop(line);
        check(&two, 2 * wanted.rows).await;
        bed.drop_both(&two).await;
        naive.add_rate(NAIVE, row_by_row(bed, &queued).await);
    }
    let measure = "drain, inserts, 30 ms round trip";
    compared(measure, "rows/s", &far, ("itself without", &near), Limit::Least(0.8));
    compared(measure, "rows/s", &far, ("row by row", &naive), Limit::Least(500.0));
    bed.drop_both(&queued).await;
}

/// A server at the other end of a long line; the line ends with what is returned.
async fn far_away(target: &Target) -> (Target, Proxy) {
    let line = Proxy::start(Upstream::Unix(bed::socket(target))).await;
    line.weather(Weather { latency: ROUND_TRIP / 2, ..Weather::default() });
    let mut through = target.clone();
    through.config = tokio_postgres::Config::new();
    through
        .config
        .host("127.0.0.1")
        .port(line.port())
        .dbname(target.database())
        .user(target.config.get_user().unwrap())
        .password(target.config.get_password().unwrap());
    (through, line)
}

async fn row_by_row(bed: &Bed, queued: &Two) -> Duration {
    use crate::bed::connect;
    let two = bed.copy_of(queued).await;
    let (through, line) = far_away(&two.master).await;
    let (master, replica) = (connect(&through).await, connect(&two.replica).await);
    naive::without_the_engine(&master, &replica).await;
    let took = naive::drain(&master, &replica, NAIVE).await;
    drop(line);
    bed.drop_both(&two).await;
    took
}
