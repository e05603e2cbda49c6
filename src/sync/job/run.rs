//! A job at work.

use super::pace::Pace;
use super::store::{self, Turn};
use super::{JobOptions, JobState, Progress, Wish};
use crate::postgres::{Fault, Pair};
use crate::sync::freeze::{FrozenEntry, family};
use crate::sync::replay::Sending;
use crate::sync::report::EntryOutcome;
use crate::sync::side::{on_master, on_replica};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{interval, timeout};
use uuid::Uuid;

/// How often progress is told.
const TOLD: Duration = Duration::from_millis(250);
/// A transaction under way gets this long after a cancel.
const GRACE: Duration = Duration::from_millis(300);
/// From how many tried entries on their share of failures means something.
const SHARE_FROM: u64 = 20;
/// The code of a statement that was given up or ran out of time.
const GIVEN_UP: &str = "57014";

/// A job and all it needs.
pub struct Runner {
    pub pair: Pair,
    pub sending: Sending,
    pub options: JobOptions,
    pub known: BTreeSet<String>,
    pub told: watch::Sender<Progress>,
    pub wish: Arc<watch::Sender<Wish>>,
}

impl Runner {
    /// Works until the end, and says and notes how it ended.
    pub async fn run(mut self) {
        let pair = self.pair.clone();
        let (told, wish, job) = (self.told.clone(), Arc::clone(&self.wish), self.sending.run);
        let ended = tokio::select! {
            ended = self.work() => ended,
            () = watch_over(&pair, job, &told, &wish) => return,
        };
        let (state, why) = ended.unwrap_or_else(|fault| (JobState::Interrupted, Some(fault.to_string())));
        let last = told.borrow().clone();
        let noted = store::end(&self.sending.s.replica, &last, state, why.as_deref(), &self.options).await;
        let why = why.or_else(|| noted.err().map(|f| format!("its end could not be noted: {f}")));
        // The lock goes before others hear of the end, so that whoever resumes it then can.
        drop(self.sending);
        told.send_modify(|p| (p.state, p.why) = (state, why));
    }

    async fn work(&mut self) -> Result<(JobState, Option<String>), Fault> {
        let mut pace = Pace::new(&self.options);
        let job = self.sending.run;
        let mut late = false;
        loop {
            let (mut after, mut settled) = (-1, false);
            loop {
                if self.rested(&mut pace).await {
                    return Ok((JobState::Cancelled, None));
                }
                let turns = store::next(&self.sending.s.replica, job, after, pace.next() as i64, late).await?;
                let Some(last) = turns.last().map(|t| t.n) else { break };
                let began = Instant::now();
                let outcomes = match self.send(&turns).await {
                    Ok(outcomes) => outcomes,
                    Err(_) if self.is_cancelled() => return Ok((JobState::Cancelled, None)),
                    // One slow entry must not stop the others: they are sent in smaller lots until it is alone.
                    Err(f) if f.sqlstate.as_deref() == Some(GIVEN_UP) && turns.len() > 1 => {
                        pace.shrink();
                        continue;
                    }
                    Err(fault) => return Err(fault),
                };
                after = last;
                settled |= outcomes.iter().any(|o| o.outcome.is_settled());
                let new = self.count(&turns, &outcomes);
                store::note(&self.sending.s.replica, job, &turns, &outcomes).await?;
                pace.sent(turns.len(), began.elapsed(), !outcomes.iter().any(|o| family(o).is_some()));
                if let Some(why) = self.stops(new) {
                    return Ok((JobState::Stopped, Some(why)));
                }
            }
            // What waited for something that came later is tried again, as long as that helps.
            if !settled {
                return Ok((JobState::Done, None));
            }
            late = true;
        }
    }

    /// Waits for the next turn and while it is paused; whether it was cancelled.
    async fn rested(&mut self, pace: &mut Pace) -> bool {
        let mut wished = self.wish.subscribe();
        let waited = tokio::select! {
            () = pace.wait() => true,
            _ = wished.wait_for(|w| *w != Wish::Run) => false,
        };
        if !waited && *wished.borrow() == Wish::Pause {
            self.told.send_modify(|p| p.state = JobState::Paused);
            let _ = wished.wait_for(|w| *w != Wish::Pause).await;
            self.told.send_modify(|p| p.state = JobState::Running);
            pace.rested();
        }
        self.is_cancelled()
    }

    fn is_cancelled(&self) -> bool {
        *self.wish.borrow() == Wish::Cancel
    }

    /// Sends the entries; after a cancel the master is asked to give them up.
    async fn send(&mut self, turns: &[Turn]) -> Result<Vec<EntryOutcome>, Fault> {
        let ids: Vec<Uuid> = turns.iter().map(|t| t.entry.id).collect();
        let frozen: HashMap<Uuid, FrozenEntry> = turns.iter().map(|t| (t.entry.id, t.entry.clone())).collect();
        let mut wished = self.wish.subscribe();
        let backend = self.sending.s.master_pid;
        let mut sent = std::pin::pin!(self.sending.send(&ids, &frozen));
        tokio::select! {
            done = &mut sent => return done,
            _ = wished.wait_for(|w| *w == Wish::Cancel) => {}
        }
        if let Ok(done) = timeout(GRACE, &mut sent).await {
            return done;
        }
        let master = self.pair.master.session().await?;
        master.execute("SELECT pg_cancel_backend($1)", &[&backend]).await.map_err(on_master)?;
        sent.await
    }

    /// Counts what became of entries, and answers a family that was not known.
    fn count(&mut self, turns: &[Turn], outcomes: &[EntryOutcome]) -> Option<String> {
        let before: HashMap<Uuid, &Turn> = turns.iter().map(|t| (t.entry.id, t)).collect();
        let mut new = None;
        self.told.send_modify(|p| {
            for outcome in outcomes {
                if let Some(told) = before.get(&outcome.id).and_then(|t| t.told.as_ref()) {
                    less(&mut p.by_outcome, &told.outcome);
                    less(&mut p.by_verdict, &told.verdict);
                    told.family.as_ref().inspect(|f| less(&mut p.errors_by_family, f));
                } else {
                    p.done += 1;
                }
                *p.by_outcome.entry(outcome.outcome).or_default() += 1;
                *p.by_verdict.entry(outcome.verdict).or_default() += 1;
                if let Some(family) = family(outcome) {
                    if outcome.verdict != crate::queue::Verdict::WaitsForChain && !self.known.contains(&family) {
                        new = Some(family.clone());
                    }
                    *p.errors_by_family.entry(family).or_default() += 1;
                }
            }
        });
        new
    }

    fn stops(&self, new: Option<String>) -> Option<String> {
        let p = self.told.borrow();
        if let Some(family) = new.filter(|_| self.options.stop_on_new) {
            return Some(format!("an error that the preview did not foretell: {family}"));
        }
        let share = p.failures() as f64 / p.done.max(1) as f64;
        let most = self.options.max_failures.filter(|most| p.done >= SHARE_FROM.min(p.total) && share > *most)?;
        Some(format!("{} of {} did not go through, more than {} %", p.failures(), p.done, most * 100.0))
    }
}

fn less<K: Ord>(counts: &mut std::collections::BTreeMap<K, u64>, key: &K) {
    if let Some(n) = counts.get_mut(key) {
        *n -= 1;
        if *n == 0 {
            counts.remove(key);
        }
    }
}

/// Tells progress and its rate, and hears another process that cancels the job. Never ends.
async fn watch_over(pair: &Pair, job: Uuid, told: &watch::Sender<Progress>, wish: &watch::Sender<Wish>) {
    let mut ticks = interval(TOLD);
    let mut seen: VecDeque<(Instant, u64)> = VecDeque::new();
    for tick in 0u64.. {
        ticks.tick().await;
        let (now, done) = (Instant::now(), told.borrow().done);
        seen.push_back((now, done));
        if seen.len() > 20 {
            seen.pop_front();
        }
        if let Some((then, before)) = seen.front() {
            let seconds = now.duration_since(*then).as_secs_f64();
            told.send_modify(|p| p.rate = if seconds > 0.0 { (done - before) as f64 / seconds } else { 0.0 });
        }
        if tick % 2 == 1 && is_cancelled(pair, job).await.unwrap_or(false) {
            wish.send_replace(Wish::Cancel);
        }
    }
}

async fn is_cancelled(pair: &Pair, job: Uuid) -> Result<bool, Fault> {
    let replica = pair.replica.session().await?;
    let sql = "SELECT EXISTS (SELECT FROM robbie_sync.job j WHERE j.job_id = $1 AND j.state = 'cancelled')";
    Ok(replica.query_one(sql, &[&job]).await.map_err(on_replica)?.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::report::Outcome;

    #[test]
    fn a_count_that_reaches_nothing_is_gone() {
        let mut counts = std::collections::BTreeMap::from([(Outcome::Blocked, 2)]);
        less(&mut counts, &Outcome::Blocked);
        assert_eq!(counts, std::collections::BTreeMap::from([(Outcome::Blocked, 1)]));
        less(&mut counts, &Outcome::Blocked);
        assert!(counts.is_empty());
    }
}
