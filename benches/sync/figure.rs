//! Samples, and the rows of the table.

use crate::Wanted;
use crate::bed::Bed;
use std::time::Duration;

/// What the turns of one measurement came to.
#[derive(Clone, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// One turn more.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }
    /// Rows that took `elapsed`, as rows per second.
    pub fn add_rate(&mut self, rows: u64, elapsed: Duration) {
        self.add(rows as f64 / elapsed.as_secs_f64());
    }
    /// The value below which `share` of them lie.
    pub fn at(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[((sorted.len() - 1) as f64 * share).round() as usize]
    }
    /// The one in the middle.
    pub fn median(&self) -> f64 {
        self.at(0.5)
    }
    /// The median with the least and the most.
    pub fn said(&self, unit: &str) -> String {
        format!("{} {unit} ({}–{})", short(self.median()), short(self.at(0.0)), short(self.at(1.0)))
    }
}

/// What a figure must be.
#[derive(Clone, Copy)]
pub enum Limit {
    /// At least.
    Least(f64),
    /// At most.
    Most(f64),
    /// Nothing was asked.
    None,
}

impl Limit {
    fn judge(self, value: f64) -> String {
        let (sign, limit, met) = match self {
            Self::Least(limit) => ("≥", limit, value >= limit),
            Self::Most(limit) => ("≤", limit, value <= limit),
            Self::None => return String::new(),
        };
        format!("{sign} {limit}: {}", if met { "met" } else { "**missed**" })
    }
}

/// A number with the digits that mean something.
pub fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 10_000.0 => format!("{:.1}k", value / 1e3),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// Where the figures are from, and the table's head.
pub async fn head(bed: &Bed, wanted: &Wanted) {
    let cores = std::thread::available_parallelism().unwrap();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?").to_owned();
    println!(
        "PostgreSQL {}, fsync on, {cores} cores, load {load} at the start; {} rows, {} turns; median (least–most).\n",
        bed.installation.version, wanted.rows, wanted.runs
    );
    println!("| measure | engine | baseline | ratio | limit |\n|---|---|---|---|---|");
}

/// A rate beside a baseline's; the ratio is judged.
pub fn compared(measure: &str, unit: &str, engine: &Samples, baseline: (&str, &Samples), limit: Limit) {
    let ratio = engine.median() / baseline.1.median();
    println!(
        "| {measure} | {} | {}: {} | {} | {} |",
        engine.said(unit),
        baseline.0,
        baseline.1.said(unit),
        short(ratio),
        limit.judge(ratio)
    );
}

/// A figure by itself, judged by itself.
pub fn alone(measure: &str, said: &str, value: f64, limit: Limit) {
    println!("| {measure} | {said} | | | {} |", limit.judge(value));
}
