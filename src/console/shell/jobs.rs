//! Which questions are open: what runs, for whom, since when. A pure table; the tasks are the loop's.

use crate::ui::pane::{Now, Policy};
use std::time::Duration;

/// After this long, waiting is shown.
pub const PATIENCE: Duration = Duration::from_millis(150);

/// The number of a question; answers carry it.
pub type Question = u64;

/// Work under way.
#[derive(Clone, Debug)]
pub struct Running {
    /// Its number.
    pub question: Question,
    /// The pane that asked.
    pub pane: usize,
    /// How it is treated.
    pub policy: Policy,
    /// What it is called.
    pub label: String,
    /// When it was asked.
    pub since: Duration,
}

/// The table.
#[derive(Debug, Default)]
pub struct Jobs {
    last: Question,
    running: Vec<Running>,
}

impl Jobs {
    /// Opens a question; a read of the same pane and kind that is still open is superseded, its number returned.
    pub fn open(&mut self, pane: usize, policy: Policy, label: String, now: Now) -> (Question, Option<Question>) {
        let superseded = match policy {
            Policy::Read(kind) => self.cancel(pane, kind),
            Policy::Write => None,
        };
        self.last += 1;
        self.running.push(Running { question: self.last, pane, policy, label, since: now.uptime });
        (self.last, superseded)
    }

    /// Drops the open read of a kind; answers to it are late from now on.
    pub fn cancel(&mut self, pane: usize, kind: &str) -> Option<Question> {
        let at =
            self.running.iter().position(|r| r.pane == pane && matches!(r.policy, Policy::Read(k) if k == kind))?;
        Some(self.running.remove(at).question)
    }

    /// Drops all open reads.
    pub fn cancel_reads(&mut self) -> Vec<Question> {
        let (reads, writes): (Vec<_>, Vec<_>) = self.running.drain(..).partition(|r| r.policy != Policy::Write);
        self.running = writes;
        reads.into_iter().map(|r| r.question).collect()
    }

    /// The pane that asked, if the question is still open.
    pub fn asker(&self, question: Question) -> Option<usize> {
        self.running.iter().find(|r| r.question == question).map(|r| r.pane)
    }

    /// Closes a question; `None` where the answer is late.
    pub fn close(&mut self, question: Question) -> Option<Running> {
        let at = self.running.iter().position(|r| r.question == question)?;
        Some(self.running.remove(at))
    }

    /// How many writes are under way.
    pub fn writes(&self) -> usize {
        self.running.iter().filter(|r| r.policy == Policy::Write).count()
    }

    /// Work that people wait for by now: writes first, then the eldest.
    pub fn awaited(&self, now: Now) -> Vec<&Running> {
        let mut out: Vec<&Running> =
            self.running.iter().filter(|r| now.uptime.saturating_sub(r.since) >= PATIENCE).collect();
        out.sort_by_key(|r| (r.policy != Policy::Write, r.since));
        out
    }

    /// Whether anything runs.
    pub fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_read_of_the_same_kind_supersedes() {
        let mut jobs = Jobs::default();
        let (first, none) = jobs.open(0, Policy::Read("page"), "a".into(), Now::at(0));
        let (other, _) = jobs.open(0, Policy::Read("count"), "b".into(), Now::at(0));
        let (elsewhere, _) = jobs.open(1, Policy::Read("page"), "c".into(), Now::at(0));
        let (second, superseded) = jobs.open(0, Policy::Read("page"), "d".into(), Now::at(0));
        assert_eq!((none, superseded), (None, Some(first)));
        assert!(jobs.close(first).is_none(), "the late answer is dropped");
        for question in [other, elsewhere, second] {
            assert!(jobs.close(question).is_some());
        }
        assert!(!jobs.is_busy());
    }

    #[test]
    fn writes_are_never_superseded() {
        let mut jobs = Jobs::default();
        let (a, _) = jobs.open(0, Policy::Write, "a".into(), Now::at(0));
        let (b, superseded) = jobs.open(0, Policy::Write, "b".into(), Now::at(0));
        assert_eq!((superseded, jobs.writes()), (None, 2));
        assert_eq!((jobs.asker(a), jobs.asker(b)), (Some(0), Some(0)));
    }

    #[test]
    fn waiting_shows_after_a_moment_and_writes_come_first() {
        let mut jobs = Jobs::default();
        jobs.open(0, Policy::Read("page"), "read".into(), Now::at(0));
        jobs.open(0, Policy::Write, "write".into(), Now::at(1));
        assert_eq!(jobs.awaited(Now::at(0)).len(), 0);
        let labels: Vec<_> = jobs.awaited(Now::at(2)).iter().map(|r| r.label.clone()).collect();
        assert_eq!(labels, ["write", "read"]);
    }
}
