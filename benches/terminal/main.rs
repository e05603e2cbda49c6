//! The whole program, measured from outside through a pseudo-terminal: first paint, rows, keys, memory, idleness.
//!
//! `cargo bench --bench terminal [-- --entries 1000000]`. It builds a pair of its own in a temporary home, fills the queue,
//! and measures beside the console a baseline that everybody knows: psql showing the same page of the same table.

#![allow(clippy::unwrap_used, clippy::disallowed_macros, reason = "a bench that meets an error has ended, and prints")]

mod pty;

use pty::{Program, median};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROBBIE: &str = env!("CARGO_BIN_EXE_robbie");
const RUNS: usize = 9;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let entries: u64 = arguments
        .iter()
        .position(|a| a == "--entries")
        .and_then(|i| arguments.get(i + 1))
        .map_or(20_000, |n| n.parse().unwrap());
    let home = tempfile::Builder::new().prefix("robbie-bench").tempdir().unwrap();
    open_to_everybody(home.path());
    prepare(home.path(), entries);
    println!("| measure | value |\n|---|---|\n| entries in the queue | {entries} |");
    starts(home.path());
    baseline(home.path());
    session(home.path());
    robbie(home.path(), &["embedded", "destroy", "--yes"]);
}

/// As root the servers run as another user, who must be able to reach the folder.
fn open_to_everybody(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn command(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(ROBBIE);
    command.args(arguments).env("ROBBIE_HOME", home).stdin(Stdio::null());
    command
}

fn robbie(home: &Path, arguments: &[&str]) {
    let output = command(home, arguments).output().unwrap();
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1)), "{arguments:?}: {code:?} {}", String::from_utf8_lossy(&output.stderr));
}

/// A seeded pair that stays up, with `entries` failed entries more in the queue.
fn prepare(home: &Path, entries: u64) {
    robbie(home, &["demo", "--quiet"]);
    robbie(home, &["embedded", "start"]);
    let fill = format!(
        "INSERT INTO pending_sync (table_name, operation, data, error, created_at) \
         SELECT 'code_messages', 'INSERT', jsonb_build_object('id', gen_random_uuid(), 'conversation_id', gen_random_uuid(), \
         'role', 'user', 'content', repeat('measured ', 30) || i), 'insert or update on table \"code_messages\" violates \
         foreign key constraint \"code_messages_conversation_id_fkey\"', now() - i * interval '1 second' \
         FROM generate_series(1, {entries}) AS g(i); UPDATE robbie_sync.entry SET state = 'quarantined', \
         attempts = 12, verdict = 'waits_for_parent', sqlstate = '23503', object = 'code_messages_conversation_id_fkey' \
         WHERE state = 'ready'; ANALYZE pending_sync; ANALYZE robbie_sync.entry"
    );
    robbie(home, &["embedded", "psql", "replica", "--", "-qc", &fill]);
}

/// From exec to the first frame and to the first rows, medians of several starts.
fn starts(home: &Path) {
    let (mut paint, mut health, mut rows, mut reasons) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let mut program = Program::start(ROBBIE, &["console"], home, (120, 40));
        paint.push(program.first_paint());
        health.push(program.wait_for("code_messages"));
        program.quit("q");
        let mut program = Program::start(ROBBIE, &["console"], home, (120, 40));
        program.send("2");
        rows.push(program.wait_for("parent missing"));
        reasons.push(program.wait_for("stuck for"));
        program.quit("q");
    }
    println!("| first paint | {:.1} ms |", median(&mut paint));
    println!("| Health filled, from exec | {:.1} ms |", median(&mut health));
    println!("| queue's first rows, from exec | {:.1} ms |", median(&mut rows));
    println!("| queue's reasons, from exec | {:.1} ms |", median(&mut reasons));
}

/// psql showing one page of the same rows: what a person had before.
fn baseline(home: &Path) {
    let page = "SELECT id, table_name, left(data::text, 120) FROM pending_sync ORDER BY created_at LIMIT 400";
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            robbie(home, &["embedded", "psql", "replica", "--", "-c", page]);
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    println!("| baseline: psql shows 400 rows | {:.1} ms |", median(&mut times));
}

/// One long session in the queue: keys, memory, idleness.
fn session(home: &Path) {
    let mut program = Program::start(ROBBIE, &["console"], home, (120, 40));
    program.send("2");
    program.wait_for("stuck for");
    program.settle(Duration::from_millis(800));
    println!("| resident, open | {:.1} MB |", program.resident_mb());
    program.press("\r", 1);
    program.settle(Duration::from_millis(800));
    for (name, key, presses) in [("down", "j", 100), ("page down", "\x1b[6~", 100), ("page up", "\x1b[5~", 60)] {
        let mut times = program.press(key, presses);
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        println!("| key to paint, {name}: p50 / p99 | {:.2} / {:.2} ms |", at(0.5), at(0.99));
    }
    for key in ["G", "g"] {
        program.press(key, 1);
        program.settle(Duration::from_millis(300));
    }
    println!("| resident, after paging, End and Home | {:.1} MB |", program.resident_mb());
    println!("| resident, peak | {:.1} MB |", program.peak_mb());
    let idle = program.idle(Duration::from_secs(10));
    println!("| idle 10 s, with its refresh: CPU / bytes | {:.3} s / {} |", idle.cpu_s, idle.bytes);
    program.quit("q");
}
