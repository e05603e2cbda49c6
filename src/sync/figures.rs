//! What an engine counts while it runs: rows, cycles, and how long a change takes to the other side.

use super::report::{CycleReport, PullReport, PushReport};
use serde::Serialize;
use std::collections::VecDeque;
use std::time::SystemTime;

/// Upper bounds of the lag's histogram, in seconds.
pub const BOUNDS: [f64; 12] = [0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 1.5, 3.0, 10.0, 60.0, 600.0, 3600.0];
/// Percentiles are of this many last observations.
const RECENT: usize = 512;

/// How long changes took in one direction: one observation per cycle that took some, its oldest change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lags {
    recent: VecDeque<f64>,
    /// Observations at most as long as each of [`BOUNDS`], each counted once; the longer ones are only in `count`.
    pub buckets: [u64; BOUNDS.len()],
    /// Observations.
    pub count: u64,
    /// Their sum, in seconds.
    pub sum: f64,
}

/// Percentiles of the last observations, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half took no longer.
    pub p50: f64,
    /// 95 of 100 took no longer.
    pub p95: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
}

impl Lags {
    /// Counts one.
    pub fn observe(&mut self, seconds: f64) {
        let seconds = seconds.max(0.0);
        if let Some(place) = BOUNDS.iter().position(|&bound| seconds <= bound) {
            self.buckets[place] += 1;
        }
        self.count += 1;
        self.sum += seconds;
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(seconds);
    }
    /// Percentiles of the last observations; none before the first.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let mut sorted: Vec<f64> = self.recent.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        // The nearest rank that is not below: a single slow one among few shows.
        let at = |of: f64| sorted[((of * sorted.len() as f64).ceil() as usize).saturating_sub(1).min(last)];
        Some(Percentiles { p50: at(0.5), p95: at(0.95), p99: at(0.99) })
    }
}

/// What an engine has done since it started.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Cycles that did all they should, whether or not there was anything to do.
    pub cycles_ok: u64,
    /// Cycles that were stopped by a fault.
    pub cycles_failed: u64,
    /// Cheap looks after a notification that found nothing new.
    pub idle_looks: u64,
    /// All pushes together.
    pub pushed: PushReport,
    /// All pulls together.
    pub pulled: PullReport,
    /// From an entry's being queued until the master has it.
    pub push_lag: Lags,
    /// From a write on the master until it is visible here.
    pub pull_lag: Lags,
    /// How far the master's clock is ahead of the replica's, in seconds.
    pub clock_offset_s: Option<f64>,
    /// When the last cycle ended.
    pub last_at: Option<SystemTime>,
    /// How long it took, in seconds.
    pub last_s: f64,
    /// When a cycle last did all it should.
    pub last_ok_at: Option<SystemTime>,
    /// When all rows were last compared.
    pub last_compared_at: Option<SystemTime>,
}

impl Figures {
    /// Counts a cycle that came to a report.
    pub fn count(&mut self, report: &CycleReport) {
        let now = SystemTime::now();
        self.ended(now, report.duration_ms / 1000.0);
        if report.faults.is_empty() {
            self.cycles_ok += 1;
            self.last_ok_at = Some(now);
        } else {
            self.cycles_failed += 1;
        }
        if let Some(push) = &report.push {
            let all = &mut self.pushed;
            all.applied += push.applied;
            all.no_change += push.no_change;
            all.conflicts += push.conflicts;
            all.failed += push.failed;
            all.blocked += push.blocked;
            all.later += push.later;
            if let Some(lag) = push.lag_s {
                self.push_lag.observe(lag);
            }
        }
        if let Some(pull) = &report.pull {
            let all = &mut self.pulled;
            all.seen += pull.seen;
            all.bytes += pull.bytes;
            all.inserted += pull.inserted;
            all.updated += pull.updated;
            all.deleted += pull.deleted;
            all.deferred += pull.deferred;
            if let Some(lag) = pull.lag_s.filter(|_| !pull.full) {
                self.pull_lag.observe(lag);
            }
            if pull.full && report.faults.is_empty() {
                self.last_compared_at = Some(now);
            }
        }
        self.clock_offset_s = report.clock_offset_s.or(self.clock_offset_s);
    }
    /// Counts a cycle that came to nothing.
    pub fn count_failure(&mut self, seconds: f64) {
        self.cycles_failed += 1;
        self.ended(SystemTime::now(), seconds);
    }

    fn ended(&mut self, at: SystemTime, seconds: f64) {
        (self.last_at, self.last_s) = (Some(at), seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_last_observations_and_buckets_of_all() {
        let mut lags = Lags::default();
        assert_eq!(lags.percentiles(), None);
        for n in 1..=1000 {
            lags.observe(f64::from(n) / 1000.0);
        }
        let p = lags.percentiles().unwrap();
        assert_eq!((p.p50, p.p95, p.p99), (0.744, 0.975, 0.995));
        assert_eq!((lags.count, lags.buckets[0], lags.buckets[5]), (1000, 50, 500));
        assert_eq!(lags.buckets.iter().sum::<u64>(), 1000);
        lags.observe(9999.0);
        assert_eq!((lags.count, lags.buckets.iter().sum::<u64>()), (1001, 1000));
        // A clock that is a little ahead makes no negative lag.
        let mut one = Lags::default();
        one.observe(-0.1);
        assert_eq!(one.percentiles().map(|p| p.p99), Some(0.0));
    }
}
