//! The push: takes due entries in batches, has the master apply them in one call each, and notes what became of them.
//!
//! A batch is read (replica), applied with its ledger rows (master, one transaction), and noted (replica, one transaction).
//! While the master applies one, the replica notes the one before and reads the one after. Whatever is lost between them
//! is found in the ledger by the next try.

use super::batch::{self, Answer, Entry, Sender};
use super::chain::Chains;
use super::lossy::JsonNulls;
use super::report::{Outcome, PushReport};
use super::session::Sessions;
use super::settle;
use crate::postgres::Fault;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};
use tokio_postgres::Client;
use uuid::Uuid;

/// Entries in a batch: the first one, and the most there may be.
const FIRST: i32 = 5_000;
const MOST: i32 = 10_000;
/// A batch that takes longer is followed by a smaller one, so that nobody waits long for its locks.
const LONG: Duration = Duration::from_secs(2);
/// The code of a statement that ran out of time.
const TOO_SLOW: &str = "57014";

/// Sends everything that is due; `report` also counts what was sent before a fault.
pub async fn drain(s: &mut Sessions, run: Uuid, actor: &str, report: &mut PushReport) -> Result<(), Fault> {
    batch::unclaim(&s.replica).await?;
    let first = batch::claim(&s.replica, 0, FIRST, Some(Uuid::new_v4())).await?;
    if first.is_empty() {
        return Ok(());
    }
    let mut sender = batch::sender(&s.replica, run, actor).await?;
    reach!("nonce.read");
    // One nonce for all batches of a drain: the one before is not noted yet when the next one is sent.
    sender.fresh = sender.nonces.last().copied().flatten();
    let json_nulls = JsonNulls::of(&s.replica).await?;
    let mut drain = Drain {
        sender,
        most: FIRST,
        confirmed: None,
        depth: HashMap::new(),
        chains: Chains::default(),
        json_nulls,
        left: HashSet::new(),
    };
    let mut next = first;
    // What was settled may have freed entries that stand before: they are gone through again.
    while !next.is_empty() {
        let before = report.settled();
        drain.pass(s, next, report).await?;
        if report.settled() == before {
            break;
        }
        next = batch::claim(&s.replica, 0, drain.most, None).await?;
    }
    Ok(())
}

/// A drain under way.
struct Drain {
    sender: Sender,
    most: i32,
    /// The nonce, once the master has taken it.
    confirmed: Option<Uuid>,
    /// How deep each table lies that an entry was of.
    depth: HashMap<String, i64>,
    chains: Chains,
    json_nulls: JsonNulls,
    /// What could not be noted, because somebody here had it locked: not sent again in this drain.
    left: HashSet<Uuid>,
}

impl Drain {
    /// Goes once through the queue, from `current` on.
    async fn pass(&mut self, s: &mut Sessions, mut current: Vec<Entry>, report: &mut PushReport) -> Result<(), Fault> {
        let mut answered: Vec<Answer> = vec![];
        while let (Some(start), Some(end)) = (current.first().map(|e| e.seq), current.last().map(|e| e.seq)) {
            current.retain(|e| !self.left.contains(&e.id));
            let (taken, refused) = self.json_nulls.take_out(&s.replica, &mut current).await?;
            self.chains.remember(&taken, &HashSet::new());
            self.chains.hold_back(&mut current);
            self.look_at_tables(&s.master, &current).await?;
            // Nothing is known of a batch that fails: it is due again at once, in its old order, and no failure is counted. How
            // soon the master is asked again is the schedule's affair.
            let ((applied, took), following) = tokio::join!(
                timed(self.send(&mut s.master, &current)),
                self.note_and_read(&s.replica, &answered, end),
            );
            let (following, left) = following?;
            self.left.extend(left);
            match applied {
                Ok(mut answers) => {
                    self.confirmed = if current.is_empty() { self.confirmed } else { self.sender.fresh };
                    self.chains.remember(&current, &settled(&answers));
                    answers.extend(refused);
                    report.count(&answers);
                    answered = answers;
                    current = following;
                    self.most = if took > LONG { (self.most / 2).max(64) } else { (self.most * 2).min(MOST) };
                }
                // One slow entry must not stop the others: the batch is cut down until it is alone, and then it failed.
                Err(fault) if fault.sqlstate.as_deref() == Some(TOO_SLOW) && current.len() > 1 => {
                    answered.clear();
                    self.most = (current.len() as i32 / 4).max(1);
                    current = batch::claim(&s.replica, start - 1, self.most, None).await?;
                }
                Err(fault) if fault.sqlstate.as_deref() == Some(TOO_SLOW) => {
                    answered = current.iter().map(|e| batch::too_slow(e, &fault)).chain(refused).collect();
                    self.chains.remember(&current, &HashSet::new());
                    report.count(&answered);
                    current = following;
                }
                Err(fault) => return Err(fault),
            }
        }
        self.left.extend(settle::settle(&s.replica, &answered, &self.sender, self.confirmed).await?);
        Ok(())
    }

    /// Has the master apply a batch, unless nothing of it is left.
    async fn send(&self, master: &mut Client, entries: &[Entry]) -> Result<Vec<Answer>, Fault> {
        if entries.is_empty() {
            return Ok(vec![]);
        }
        batch::apply_in_order(master, entries, &self.depth, &self.sender, true, false).await
    }

    /// Finds out in which order the tables come, where there is one that was not met before.
    async fn look_at_tables(&mut self, master: &Client, entries: &[Entry]) -> Result<(), Fault> {
        if entries.iter().any(|e| !self.depth.contains_key(&e.table)) {
            let known = self.depth.keys().chain(entries.iter().map(|e| &e.table)).map(String::as_str).collect();
            self.depth = batch::depths_of(master, known).await?;
        }
        Ok(())
    }

    /// What the replica does while the master applies a batch: notes the one before, and reads the one after.
    async fn note_and_read(
        &self,
        replica: &Client,
        answered: &[Answer],
        after: i64,
    ) -> Result<(Vec<Entry>, Vec<Uuid>), Fault> {
        let left = match answered {
            [] => vec![],
            _ => settle::settle(replica, answered, &self.sender, self.confirmed).await?,
        };
        Ok((batch::claim(replica, after, self.most, None).await?, left))
    }
}

fn settled(answers: &[Answer]) -> HashSet<Uuid> {
    answers.iter().filter(|a| a.outcome.outcome.is_settled()).map(|a| a.outcome.id).collect()
}

/// What came of it, and how long it took: the master alone says whether a batch was too large for it.
async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    (work.await, began.elapsed())
}

impl PushReport {
    fn settled(&self) -> u64 {
        self.applied + self.no_change + self.conflicts
    }

    fn count(&mut self, answers: &[Answer]) {
        for answer in answers {
            *match answer.outcome.outcome {
                Outcome::Applied => &mut self.applied,
                Outcome::NoChange | Outcome::Superseded => &mut self.no_change,
                Outcome::ConflictResolved => &mut self.conflicts,
                Outcome::Held | Outcome::Blocked => &mut self.blocked,
                Outcome::Failed | Outcome::Missing | Outcome::Drifted => &mut self.failed,
                Outcome::Later => &mut self.later,
            } += 1;
        }
    }
}
