//! The engine, measured against what moves the same rows with less to promise.
//!
//! `cargo bench --bench sync -- [--rows N] [--runs N] [SUBJECT …]`. It starts a pair of servers of its own, with fsync as a user
//! has it, and prints a table in Markdown on stdout; what it is doing goes to stderr. Every figure stands beside its
//! baseline of the same run: the two are taken in turns, and medians are given with the least and the most.

#![allow(clippy::unwrap_used, clippy::disallowed_macros, reason = "a bench that meets an error has ended, and prints")]

mod bed;
mod capture;
mod copy;
mod drain;
mod figure;
mod growth;
mod lag;
mod memory;
mod naive;
mod native;
mod poison;
#[path = "../../tests/suite/support/proxy.rs"]
mod proxy;
mod pull;
mod replay;
mod replicas;
mod rows;
mod wan;

use bed::Bed;

/// What is measured, in the order of the table.
const SUBJECTS: [&str; 11] =
    ["drain", "pull", "wan", "capture", "lag", "memory", "poison", "replay", "replicas", "tables", "rows"];

/// What the command line asks for.
pub struct Wanted {
    /// Rows of the subjects that move many.
    rows: u64,
    /// Turns of each measurement.
    runs: usize,
    subjects: Vec<String>,
}

impl Wanted {
    fn of_command_line() -> Self {
        let mut wanted = Self { rows: 100_000, runs: 3, subjects: vec![] };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--rows" => wanted.rows = arguments.next().and_then(|n| n.parse().ok()).expect("--rows NUMBER"),
                "--runs" => wanted.runs = arguments.next().and_then(|n| n.parse().ok()).expect("--runs NUMBER"),
                // Cargo's own.
                "--bench" => {}
                subject if SUBJECTS.contains(&subject) => wanted.subjects.push(argument),
                other => panic!("{other}: not one of --rows N, --runs N, {}", SUBJECTS.join(", ")),
            }
        }
        wanted
    }
    fn wants(&self, subject: &str) -> bool {
        self.subjects.is_empty() || self.subjects.iter().any(|s| s == subject)
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let wanted = Wanted::of_command_line();
    let bed = Bed::start().await;
    figure::head(&bed, &wanted).await;
    for subject in SUBJECTS.into_iter().filter(|s| wanted.wants(s)) {
        eprintln!("== {subject}");
        match subject {
            "drain" => drain::run(&bed, &wanted).await,
            "pull" => pull::run(&bed, &wanted).await,
            "wan" => wan::run(&bed, &wanted).await,
            "capture" => capture::run(&bed, &wanted).await,
            "lag" => lag::run(&bed).await,
            "memory" => memory::run(&bed, &wanted).await,
            "poison" => poison::run(&bed, &wanted).await,
            "replay" => replay::run(&bed, &wanted).await,
            "replicas" => replicas::run(&bed).await,
            "tables" => growth::tables(&bed, &wanted).await,
            _ => growth::rows(&bed, &wanted).await,
        }
    }
    bed.stop().await;
}
