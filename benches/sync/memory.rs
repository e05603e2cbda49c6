//! What the program holds in memory while it works off a long queue, and while one very long row passes.

use crate::Wanted;
use crate::bed::{Bed, ROBBIE, Two, close, connect, count, url};
use crate::drain::queued;
use crate::figure::{Limit, alone, short};
use crate::rows::{self, filling};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Entries of the long queue, per row of `--rows`.
const TIMES: u64 = 10;
/// Megabytes of the long row.
const LONG: u64 = 200;

/// Measures it.
pub async fn run(bed: &Bed, wanted: &Wanted) {
    let entries = wanted.rows * TIMES;
    let two = queued(bed, wanted.rows, entries, false).await;
    let began = Instant::now();
    let peak = peak_mb(&two, "--push-only");
    let took = began.elapsed().as_secs_f64();
    let replica = connect(&two.replica).await;
    assert_eq!(count(&replica, "pending_sync WHERE synced_at IS NULL").await, 0);
    drop(replica);
    assert_eq!(count(&connect(&two.master).await, "code_messages").await, wanted.rows + entries);
    let said = format!("{} MB, {} rows/s", short(peak), short(entries as f64 / took));
    alone(&format!("resident at most, {entries} entries drained"), &said, peak, Limit::Most(128.0));
    bed.drop_both(&two).await;

    let two = rows::synced(bed, 0).await;
    let replica = filling(&two.replica).await;
    let long = format!("repeat(md5('long'), {})", LONG * 1_000_000 / 32);
    replica
        .batch_execute(&format!(
            "WITH written AS (INSERT INTO code_messages (conversation_id, role, content)
                 VALUES (md5('c1')::uuid, 'user', {long}) RETURNING *)
             INSERT INTO pending_sync (table_name, operation, data)
             SELECT 'code_messages', 'INSERT', to_jsonb(w) - 'embedding' FROM written w"
        ))
        .await
        .unwrap();
    close(replica).await;
    let peak = peak_mb(&two, "--push-only");
    let arrived = count(&connect(&two.master).await, "code_messages").await;
    say_long("pushed", peak, arrived == 1);
    bed.drop_both(&two).await;

    let two = rows::synced(bed, 0).await;
    let insert =
        format!("INSERT INTO code_messages (conversation_id, role, content) VALUES (md5('c1')::uuid, 'user', {long})");
    connect(&two.master).await.batch_execute(&insert).await.unwrap();
    let peak = peak_mb(&two, "--pull-only");
    let arrived = count(&connect(&two.replica).await, "code_messages").await;
    say_long("pulled", peak, arrived == 1);
    bed.drop_both(&two).await;
}

fn say_long(moved: &str, peak: f64, arrived: bool) {
    let what = if arrived { "" } else { " (it was refused)" };
    let said = format!("{} MB{what}", short(peak));
    alone(&format!("resident at most, a row of {LONG} MB {moved}"), &said, peak, Limit::Most(64.0));
}

/// Runs one cycle of the program and says how much memory it held at most.
fn peak_mb(two: &Two, half: &str) -> f64 {
    let home = tempfile::Builder::new().prefix("robbie-bench-home").tempdir().unwrap();
    let mut child = Command::new(ROBBIE)
        .args(["--master", &url(&two.master), "--replica", &url(&two.replica), "sync", "--once", half])
        .env("ROBBIE_HOME", home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = 0.0;
    while child.try_wait().unwrap().is_none() {
        peak = high_water_mb(child.id()).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(5));
    }
    peak
}

fn high_water_mb(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(Path::new(&format!("/proc/{pid}/status"))).ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kb| kb / 1024.0)
}
