//! Dry runs of a thousand entries, and how well a job keeps its rate.

use crate::bed::{Bed, connect};
use crate::figure::{Limit, Samples, alone, short};
use crate::{Wanted, drain};
use robbie_console::sync::job::{self, JobOptions};
use robbie_console::sync::{self, Mode, ReplayOptions, freeze};
use std::time::Instant;
use uuid::Uuid;

/// Entries of a dry run.
const TRIED: u64 = 1_000;

/// Measures both.
pub async fn run(bed: &Bed, wanted: &Wanted) {
    dry(bed, wanted).await;
    for (rate, entries) in [(1, 15), (50, 500), (500, 5_000)] {
        paced(bed, rate, entries).await;
    }
}

async fn dry(bed: &Bed, wanted: &Wanted) {
    for (what, updates) in [("inserts", false), ("updates", true)] {
        let two = drain::queued(bed, TRIED, TRIED, updates).await;
        let ids = open(&two.replica).await;
        let mut took = Samples::default();
        for _ in 0..wanted.runs {
            let options = ReplayOptions { mode: Mode::Dry, actor: "bench".into(), reason: None, force: false };
            let began = Instant::now();
            let outcomes = sync::replay(&two.pair(), &ids, options).await.unwrap();
            took.add(began.elapsed().as_secs_f64());
            assert!(outcomes.len() as u64 == TRIED && outcomes.iter().all(|o| o.outcome.is_settled()));
        }
        alone(&format!("dry run of {TRIED} {what}"), &took.said("s"), took.median(), Limit::Most(2.0));
        bed.drop_both(&two).await;
    }
}

/// A job at a rate, from its start to its end, without the preview.
async fn paced(bed: &Bed, rate: u16, entries: u64) {
    let two = drain::queued(bed, entries, entries, false).await;
    let ids = open(&two.replica).await;
    let frozen = freeze::freeze(&two.pair(), &ids, false).await.unwrap();
    let options = JobOptions { rate: Some(rate), actor: "bench".into(), ..JobOptions::default() };
    let handle = job::start(&two.pair(), frozen, options).await.unwrap();
    let mut progress = handle.progress();
    // From the first that are done to the last: a rate is between events.
    let first = progress.wait_for(|p| p.done > 0).await.unwrap().done;
    let began = Instant::now();
    let last = progress.wait_for(|p| p.done == entries).await.unwrap().done;
    let measured = (last - first) as f64 / began.elapsed().as_secs_f64();
    let ended = handle.ended().await;
    assert_eq!(ended.settled(), entries);
    let off = (measured / f64::from(rate) - 1.0).abs() * 100.0;
    let said = format!("{}/s, {} % off", short(measured), short(off));
    alone(&format!("a job of {entries} at {rate}/s"), &said, off, Limit::Most(10.0));
    bed.drop_both(&two).await;
}

async fn open(replica: &robbie_console::postgres::Target) -> Vec<Uuid> {
    let client = connect(replica).await;
    let rows = client.query("SELECT entry_id FROM robbie_sync.entry ORDER BY seq", &[]).await.unwrap();
    rows.iter().map(|r| r.get(0)).collect()
}
