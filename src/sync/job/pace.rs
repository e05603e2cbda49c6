//! How many entries are sent next, and when.

use super::JobOptions;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The steps of a ramp.
const RAMP: [usize; 5] = [1, 5, 20, 100, 500];
/// Entries in the first transaction of a job without a rate, and the most in one.
const FIRST: usize = 100;
const MOST: usize = 500;
/// How long a transaction should take, so that a cancel is soon heard.
const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_millis(400);

/// The pace of a job.
pub struct Pace {
    rate: Option<f64>,
    /// The next turn is due then, where there is a rate.
    due: Instant,
    step: Option<usize>,
    size: usize,
}

impl Pace {
    /// Of a job that begins now.
    pub fn new(options: &JobOptions) -> Self {
        Self { rate: options.rate.map(f64::from), due: Instant::now(), step: options.ramp.then_some(0), size: FIRST }
    }
    /// How many go next: with a rate about a tenth of a second's worth, and what is owed.
    pub fn next(&self) -> usize {
        self.next_at(Instant::now())
    }
    fn next_at(&self, now: Instant) -> usize {
        let owed = now.saturating_duration_since(self.due).as_secs_f64();
        let of_rate = self.rate.map_or(self.size, |r| ((r * (owed + 0.1)) as usize).clamp(1, self.size));
        self.step.map_or(of_rate, |s| of_rate.min(RAMP[s]))
    }
    /// Waits until the next may go. What a slow server cost is caught up on, up to one second of it.
    pub async fn wait(&mut self) {
        sleep(self.delay(Instant::now())).await;
    }
    fn delay(&mut self, now: Instant) -> Duration {
        self.due = self.due.max(now.checked_sub(Duration::from_secs(1)).unwrap_or(now));
        self.due.saturating_duration_since(now)
    }
    /// Time that was spent waiting for a person is not caught up on.
    pub fn rested(&mut self) {
        self.due = self.due.max(Instant::now());
    }
    /// So many were sent, in this time.
    pub fn sent(&mut self, entries: usize, took: Duration, clean: bool) {
        if let Some(rate) = self.rate {
            self.due += Duration::from_secs_f64(entries as f64 / rate);
        }
        if let Some(step) = self.step.as_mut().filter(|_| clean) {
            *step = (*step + 1).min(RAMP.len() - 1);
        }
        if took > LONG {
            self.shrink();
        } else if took < SHORT && entries >= self.size {
            self.size = (self.size * 2).min(MOST);
        }
    }
    /// The last was too much.
    pub fn shrink(&mut self) {
        self.size = (self.size / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_and_a_stall_is_caught_up_on() {
        for rate in [1u16, 50, 500] {
            let mut pace = Pace::new(&JobOptions { rate: Some(rate), ..JobOptions::default() });
            let (began, mut now, mut sent) = (pace.due, pace.due, 0);
            while sent < usize::from(rate) * 10 {
                now += pace.delay(now);
                let n = pace.next_at(now);
                now += Duration::from_millis(if sent == 0 { 400 } else { 5 });
                pace.sent(n, Duration::from_millis(5), true);
                sent += n;
            }
            now += pace.delay(now);
            let measured = sent as f64 / (now - began).as_secs_f64();
            assert!((measured / f64::from(rate) - 1.0).abs() < 0.02, "{rate}: {measured}");
        }
    }

    #[test]
    fn a_ramp_grows_only_after_a_clean_step() {
        let mut pace = Pace::new(&JobOptions { ramp: true, ..JobOptions::default() });
        pace.size = MOST;
        let mut steps = vec![];
        for clean in [true, false, true, true, true, true] {
            steps.push(pace.next());
            pace.sent(pace.next(), SHORT, clean);
        }
        assert_eq!(steps, [1, 5, 5, 20, 100, 500]);
    }
}
