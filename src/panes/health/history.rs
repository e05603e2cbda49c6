//! Throughput, lag and conflicts over time: bounded, seeded from the cycles the replica has noted.

use crate::health::Report;
use std::collections::VecDeque;

/// Samples kept: eight minutes of refreshes, or the last cycles.
const MOST: usize = 240;

/// What the sparklines show, oldest first.
#[derive(Debug, Default)]
pub struct History {
    /// Entries pushed per second, by cycle.
    pub pushed: Vec<f64>,
    /// Conflicts, by cycle.
    pub conflicts: Vec<f64>,
    /// Seconds behind: at the noted cycles before this console came, then at each refresh.
    pub lag: VecDeque<f64>,
}

impl History {
    /// Takes one report.
    pub fn note(&mut self, report: &Report) {
        // Newest first in the report; the bars run to the right.
        self.pushed = report
            .runs
            .iter()
            .rev()
            .map(|run| run.pushed as f64 / run.duration_s.filter(|s| *s > 0.0).unwrap_or(1.0))
            .collect();
        self.conflicts = report.runs.iter().rev().map(|run| run.conflicts as f64).collect();
        if self.lag.is_empty() {
            self.lag.extend(report.runs.iter().rev().filter_map(|run| run.lag_s));
        }
        if let Some(lag) = report.tables.iter().filter_map(|t| t.lag_s).reduce(f64::max) {
            self.lag.push_back(lag);
        }
        while self.lag.len() > MOST {
            self.lag.pop_front();
        }
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.pushed.is_empty() && self.lag.is_empty()
    }

    /// The highest throughput seen.
    pub fn peak(&self) -> f64 {
        self.pushed.iter().copied().fold(0.0, f64::max)
    }

    /// The lag that one sample in a hundred exceeds.
    pub fn lag_p99(&self) -> Option<f64> {
        let mut sorted: Vec<f64> = self.lag.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let at = (sorted.len() * 99).div_ceil(100).checked_sub(1)?;
        sorted.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Run, TableHealth};

    #[test]
    fn it_is_seeded_once_and_stays_bounded() {
        let run = |pushed, lag| Run { pushed, duration_s: Some(0.5), lag_s: Some(lag), ..Run::default() };
        let table = TableHealth { lag_s: Some(0.25), ..TableHealth::default() };
        let report = Report { runs: vec![run(30, 2.0), run(10, 1.0)], tables: vec![table], ..Report::default() };
        let mut history = History::default();
        history.note(&report);
        assert_eq!(history.pushed, [20.0, 60.0]);
        assert_eq!(history.lag, [1.0, 2.0, 0.25]);
        for _ in 0..1_000 {
            history.note(&report);
        }
        assert_eq!((history.lag.len(), history.pushed.len(), history.peak()), (MOST, 2, 60.0));
        assert_eq!(history.lag_p99(), Some(0.25));
        assert_eq!(History::default().lag_p99(), None);
    }
}
