//! When the engine does what: a cycle at once when something was heard, cheap looks for a while after, and a thorough
//! cycle every interval.

use super::look::{GATE, HeldBack, Look};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Looks after the last notification: one within the gate's time, for bursts, one past it, and two for clocks that jump.
const ECHOES: [Duration; 4] = [
    Duration::from_millis(125),
    GATE.saturating_add(Duration::from_millis(50)),
    Duration::from_secs(1),
    Duration::from_secs(3),
];
/// Between two looks while a transaction is open that may hold a change back, or while a side cannot be listened to:
/// a tenth of the time since something moved, within these.
const PROBES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// From the start of a cycle to the start of one that a notification asks for; and while something is broken.
const SPACING: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// Between two tries while something is broken: from the first to the second, doubling.
pub const PATIENCE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A cycle that also looks for what no trigger noted.
    Thorough,
    /// A cycle.
    Cycle,
    /// A look whether a cycle would find anything.
    Look,
}

/// The times at which something is due.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    patience: Duration,
    began: Instant,
    thorough: Instant,
    cycle: Option<Instant>,
    looks: VecDeque<Instant>,
    heard: Instant,
    held: Option<HeldBack>,
    /// Whether a side cannot be listened to: then looking is all there is.
    deaf: bool,
}

impl Pace {
    /// Everything is due at once.
    pub fn new(interval: Duration, now: Instant) -> Self {
        Self {
            interval,
            patience: PATIENCE.0,
            began: now,
            thorough: now,
            cycle: None,
            looks: VecDeque::new(),
            heard: now,
            held: None,
            deaf: false,
        }
    }
    /// What is due next, and when.
    pub fn next(&self) -> (Next, Instant) {
        let mut next = (Next::Thorough, self.thorough);
        for (what, at) in [(Next::Cycle, self.cycle), (Next::Look, self.looks.front().copied())] {
            if let Some(at) = at.filter(|at| *at < next.1) {
                next = (what, at);
            }
        }
        next
    }
    /// A notification came, or somebody asks: a cycle is due, and looks after it.
    pub fn woken(&mut self, now: Instant) {
        let spacing = if self.patience == PATIENCE.0 { SPACING.0 } else { SPACING.1 };
        self.cycle = Some(now.max(self.began + spacing));
        self.looks = ECHOES.iter().map(|&echo| now + echo).collect();
        (self.heard, self.held) = (now, None);
    }
    /// A cycle begins.
    pub fn begins(&mut self, now: Instant) {
        (self.began, self.cycle) = (now, None);
    }
    /// A cycle ended; `well` unless something was broken.
    pub fn ended(&mut self, now: Instant, well: bool, moved: bool) {
        if well {
            self.patience = PATIENCE.0;
            self.thorough = now + self.interval;
        } else {
            self.patience = (self.patience * 2).min(PATIENCE.1);
            self.thorough = now + self.patience.min(self.interval);
            self.looks.clear();
            return;
        }
        if moved && self.deaf {
            self.heard = now;
        }
        self.look_again(now);
    }
    /// A look was done.
    pub fn looked(&mut self, now: Instant, look: &Look) {
        self.looks.retain(|at| *at > now);
        match &mut self.held {
            Some(held) => held.release(look),
            None if now >= self.heard + GATE => self.held = Some(HeldBack::since(look)),
            None => {}
        }
        if look.anything {
            self.cycle = Some(now);
        }
        self.look_again(now);
    }
    /// Whether notifications come through was found out.
    pub fn hears(&mut self, now: Instant, deaf: bool) {
        self.deaf = deaf;
        self.look_again(now);
    }
    /// Nothing is looked for until the next thorough cycle.
    pub fn rest(&mut self) {
        self.looks.clear();
        self.cycle = None;
    }

    fn look_again(&mut self, now: Instant) {
        let held = self.held.as_ref().is_some_and(|held| !held.is_over());
        if self.looks.is_empty() && (held || self.deaf) {
            self.looks.push_back(now + (now.saturating_duration_since(self.heard) / 10).clamp(PROBES.0, PROBES.1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::look::Open;
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn look(ended_below: u64, begun_below: u64) -> Look {
        Look { anything: false, replica: None, master: Some(Open { ended_below, begun_below }) }
    }

    #[test]
    fn a_notification_brings_a_cycle_then_looks_then_the_interval() {
        let start = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(30), start);
        assert_eq!(pace.next(), (Next::Thorough, start));
        pace.begins(start);
        pace.ended(start, true, true);
        assert_eq!(pace.next(), (Next::Thorough, start + 30_000 * MS));
        let heard = start + 5_000 * MS;
        pace.woken(heard);
        assert_eq!(pace.next(), (Next::Cycle, heard));
        pace.begins(heard);
        pace.ended(heard + 10 * MS, true, true);
        for at in [125, 300, 1_000, 3_000] {
            assert_eq!(pace.next(), (Next::Look, heard + at * MS));
            pace.looked(heard + at * MS, &look(9, 9));
        }
        assert_eq!(pace.next(), (Next::Thorough, heard + 30_010 * MS));
        // Notifications one after the other do not make cycles one after the other.
        pace.woken(heard + 20 * MS);
        assert_eq!(pace.next(), (Next::Cycle, heard + 100 * MS));
    }

    #[test]
    fn while_a_transaction_is_open_that_may_hold_a_change_back_looking_goes_on() {
        let start = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(30), start);
        pace.ended(start, true, true);
        pace.woken(start);
        pace.begins(start);
        pace.ended(start, true, true);
        let mut at = start;
        let mut waits = vec![];
        for _ in 0..8 {
            let (next, when) = pace.next();
            assert_eq!(next, Next::Look);
            waits.push((when - at).as_millis());
            at = when;
            pace.looked(at, &look(7, 12));
        }
        assert_eq!(waits, [125, 175, 700, 2_000, 1_000, 1_000, 1_000, 1_000]);
        pace.looked(at, &Look { anything: true, ..look(12, 12) });
        assert_eq!(pace.next().0, Next::Cycle);
        pace.begins(at);
        pace.ended(at, true, true);
        assert_eq!(pace.next().0, Next::Look, "the look that was set before the transaction ended");
        let (_, when) = pace.next();
        pace.looked(when, &look(13, 13));
        assert_eq!(pace.next().0, Next::Thorough);
    }

    #[test]
    fn what_is_broken_is_tried_less_and_less_often_and_a_deaf_engine_looks() {
        let start = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(30), start);
        let mut waits = vec![];
        for _ in 0..7 {
            pace.woken(start);
            pace.begins(start);
            pace.ended(start, false, false);
            waits.push((pace.next().1 - start).as_millis());
        }
        assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
        pace.deaf = true;
        pace.ended(start, true, true);
        assert_eq!(pace.next(), (Next::Look, start + 1_000 * MS));
        let later = start + 60_000 * MS;
        pace.ended(later, true, false);
        pace.looked(later, &look(1, 1));
        assert_eq!(pace.next(), (Next::Look, later + 5_000 * MS));
    }
}
