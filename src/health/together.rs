//! One report on a master and several replicas, put together from a report on each pair.

use super::report::{QueueHealth, ReplicaShare, Report, Standing};

/// Puts reports together: the queue is the sum, the tables are listed replica by replica, score and sentence are
/// those of the worst, and what is the same for all (the master) is said once.
pub fn together(mut reports: Vec<Report>) -> Report {
    if reports.len() <= 1 {
        return reports.pop().unwrap_or_default();
    }
    for report in &mut reports {
        let share = ReplicaShare { queue: report.queue.clone(), engine: report.engine.clone(), score: report.score };
        let Some(replica) = report.replicas.first_mut() else { continue };
        replica.share = Some(share);
        let name = replica.name.clone();
        let about_replica = |sentence: &str| !sentence.starts_with("master");
        for deduction in &mut report.deductions {
            deduction.replica = about_replica(&deduction.sentence).then(|| name.clone());
        }
    }
    reports.sort_by_key(|report| report.score);
    let worst = reports.remove(0);
    let mut all = worst;
    all.sentence = match (all.standing, all.replicas.first()) {
        // The name stands in the sentence of these already.
        (Standing::Healthy | Standing::Unreachable, _) | (_, None) => all.sentence,
        (_, Some(replica)) => format!("{}: {}", replica.name, all.sentence),
    };
    for report in reports {
        all.queue = sum(&all.queue, &report.queue);
        all.tables.extend(report.tables);
        all.replicas.extend(report.replicas);
        for deduction in report.deductions {
            if !all.deductions.contains(&deduction) {
                all.deductions.push(deduction);
            }
        }
        all.banners.extend(report.banners.into_iter().filter(|b| !all.banners.contains(b)).collect::<Vec<_>>());
        all.reasons.extend(report.reasons);
        if !all.master.reachable && report.master.reachable {
            all.master = report.master;
        }
    }
    all.deductions.sort_by_key(|d| std::cmp::Reverse(d.points));
    all.replicas.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn sum(a: &QueueHealth, b: &QueueHealth) -> QueueHealth {
    // A sum with an unknown part is unknown.
    let add = |a: Option<i64>, b: Option<i64>| Some(a? + b?);
    QueueHealth {
        pending: add(a.pending, b.pending),
        failed: add(a.failed, b.failed),
        blocked: add(a.blocked, b.blocked),
        synced: add(a.synced, b.synced),
        discarded: add(a.discarded, b.discarded),
        oldest_age_s: [a.oldest_age_s, b.oldest_age_s].into_iter().flatten().reduce(f64::max),
        at_least: a.at_least || b.at_least,
        synced_estimated: a.synced_estimated || b.synced_estimated,
        reasons: add(a.reasons, b.reasons),
        retries_tracked: a.retries_tracked.or(b.retries_tracked),
        starvation: a.starvation.clone().or_else(|| b.starvation.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Deduction, SideHealth};

    fn report(name: &str, failed: Option<i64>, score: u8) -> Report {
        let deduction = |sentence: &str| Deduction {
            points: 3,
            sentence: sentence.into(),
            replica: None,
            remedy: None,
            queue_filter: None,
        };
        Report {
            standing: Standing::Degraded,
            sentence: "Degraded.".into(),
            score,
            master: SideHealth { name: "master".into(), reachable: true, ..SideHealth::default() },
            replicas: vec![SideHealth { name: name.into(), reachable: true, ..SideHealth::default() }],
            queue: QueueHealth { failed, oldest_age_s: failed.map(|n| n as f64), ..QueueHealth::default() },
            deductions: vec![deduction("master: 2 locks are waited for"), deduction("no engine runs for this replica")],
            ..Report::default()
        }
    }

    #[test]
    fn the_worst_speaks_and_the_master_is_counted_once() {
        let all = together(vec![report("town", Some(2), 90), report("laptop", Some(5), 70)]);
        assert_eq!((all.score, all.sentence.as_str(), all.queue.failed), (70, "laptop: Degraded.", Some(7)));
        assert_eq!(all.queue.oldest_age_s, Some(5.0));
        let names: Vec<_> = all.replicas.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["laptop", "town"]);
        let about: Vec<_> = all.deductions.iter().map(|d| d.replica.as_deref()).collect();
        assert_eq!(about, [None, Some("laptop"), Some("town")]);
        assert_eq!(all.replicas[1].share.as_ref().map(|s| (s.score, s.queue.failed)), Some((90, Some(2))));
    }

    #[test]
    fn a_sum_with_an_unknown_part_is_unknown() {
        assert_eq!(together(vec![report("a", None, 1), report("b", Some(5), 2)]).queue.failed, None);
    }
}
