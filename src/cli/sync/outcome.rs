//! What a cycle came to: in one line, and as an exit code.

use crate::cli::Exit;
use crate::sync::{CycleReport, Detection};
use std::fmt::Write as _;

/// The exit code of one cycle.
pub fn judged(report: &CycleReport) -> Exit {
    if !report.faults.is_empty() {
        Exit::Partial
    } else if report.needs_attention() {
        Exit::Attention
    } else {
        Exit::Done
    }
}

/// The one that says more: unreachable over partly done over attention.
pub fn worse(one: Exit, other: Exit) -> Exit {
    let rank = |e: Exit| match e {
        Exit::Done => 0,
        Exit::Attention => 1,
        Exit::Partial => 2,
        Exit::Usage => 3,
        Exit::Unreachable => 4,
        Exit::Signalled(_) => 5,
    };
    if rank(other) > rank(one) { other } else { one }
}

/// What a cycle did, in one line.
pub fn sentence(report: &CycleReport) -> String {
    let mut text = String::new();
    let mut add = |what: &str, n: u64| {
        if n > 0 {
            let _ = write!(text, "{}{what} {n}", if text.is_empty() { "" } else { ", " });
        }
    };
    if let Some(push) = &report.push {
        add("sent", push.applied + push.no_change);
        add("conflicts settled", push.conflicts);
        add("failed", push.failed);
        add("waiting", push.blocked);
        add("locked out for now", push.later);
    }
    if let Some(pull) = &report.pull {
        add("inserted", pull.inserted);
        add("updated", pull.updated);
        add("deleted", pull.deleted);
        add("put off", pull.deferred);
        if let Some(load) = pull.load.as_ref().filter(|l| l.tables_done < l.tables) {
            add("loaded so far", load.rows);
        }
        if let Some(why) = &pull.full_because {
            let _ = write!(text, "{}all rows compared ({why})", if text.is_empty() { "" } else { ", " });
        }
    }
    if text.is_empty() {
        text.push_str("nothing to do");
    }
    if report.mode == Detection::Comparison {
        text.push_str("; found by comparing all rows, nothing is sent");
    }
    format!("{text} ({:.0} ms)", report.duration_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{PullReport, PushReport};
    use std::time::SystemTime;

    fn report() -> CycleReport {
        CycleReport {
            duration_ms: 12.3,
            push: Some(PushReport::default()),
            pull: Some(PullReport::default()),
            ..CycleReport::begun(SystemTime::UNIX_EPOCH, Detection::Changelog)
        }
    }

    #[test]
    fn a_cycle_is_one_sentence_and_its_exit_code_says_how_it_went() {
        let mut r = report();
        assert_eq!((sentence(&r).as_str(), judged(&r)), ("nothing to do (12 ms)", Exit::Done));
        r.push = Some(PushReport { applied: 3, failed: 2, ..PushReport::default() });
        r.pull = Some(PullReport { updated: 1, ..PullReport::default() });
        assert_eq!((sentence(&r).as_str(), judged(&r)), ("sent 3, failed 2, updated 1 (12 ms)", Exit::Attention));
        r.mode = Detection::Comparison;
        assert_eq!(sentence(&r), "sent 3, failed 2, updated 1; found by comparing all rows, nothing is sent (12 ms)");
        r.faults.push("master: gone".into());
        assert_eq!(judged(&r), Exit::Partial);
        assert_eq!(worse(Exit::Partial, Exit::Attention), Exit::Partial);
        assert_eq!(worse(Exit::Partial, Exit::Unreachable), Exit::Unreachable);
    }
}
