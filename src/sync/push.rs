//! The push: takes due entries in batches, has the master apply them in one call each, and notes what became of them.
//!
//! A batch is read (replica), applied with its ledger rows (master, one transaction), and noted (replica, one transaction).
//! Each side goes on by itself: while the master applies one, the replica reads the one after and notes the one before.
//! Whatever is lost between them is found in the ledger by the next try.

use super::batch::{self, Answer, Entry, Sender};
use super::chain::Chains;
use super::lossy::JsonNulls;
use super::report::{Outcome, PushReport};
use super::session::Sessions;
use super::settle;
use crate::postgres::Fault;
use std::collections::{HashMap, HashSet, VecDeque};
use std::mem;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
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
    let most = AtomicI32::new(FIRST);
    let json_nulls = JsonNulls::of(&s.replica).await?;
    let mut here = Here { replica: &s.replica, sender: &sender, most: &most, json_nulls, left: HashSet::new() };
    let mut there = There {
        master: &mut s.master,
        sender: &sender,
        most: &most,
        confirmed: None,
        depth: HashMap::new(),
        chains: Chains::default(),
    };
    let mut next = first;
    // What was settled may have freed entries that stand before: they are gone through again.
    while !next.is_empty() {
        let before = report.settled();
        // One batch waits while another is sent; and the master does not run ahead of the notes by more than one.
        let (batches, arriving) = mpsc::channel(1);
        let (told, heard) = mpsc::channel(1);
        let (sent, noted) =
            tokio::join!(there.send_all(arriving, told, report), here.read_and_note(next, batches, heard));
        sent.and(noted)?;
        if report.settled() == before {
            break;
        }
        next = batch::claim(&s.replica, 0, most.load(Relaxed), None).await?;
    }
    Ok(())
}

/// A batch on its way to the master.
struct Batch {
    entries: Vec<Entry>,
    /// What was taken out of it and is not sent, and the answers for these.
    taken: Vec<Entry>,
    refused: Vec<Answer>,
}

/// What became of a batch, on its way back; and the nonce, once the master has taken it.
struct Told {
    answers: Vec<Answer>,
    confirmed: Option<Uuid>,
}

/// The replica's half of a drain.
struct Here<'a> {
    replica: &'a Client,
    sender: &'a Sender,
    most: &'a AtomicI32,
    json_nulls: JsonNulls,
    /// What could not be noted, because somebody here had it locked: not sent again in this drain.
    left: HashSet<Uuid>,
}

impl Here<'_> {
    /// Goes once through the queue, `first` being its first batch: reads a batch as soon as there is room for it, and notes what
    /// was told, until the other half has ended. Reading comes first, so that the master does not wait for notes.
    async fn read_and_note(
        &mut self,
        first: Vec<Entry>,
        batches: mpsc::Sender<Batch>,
        mut heard: mpsc::Receiver<Told>,
    ) -> Result<(), Fault> {
        let (mut first, mut after) = (Some(first), 0);
        let mut batches = Some(batches);
        loop {
            let all_read = tokio::select! {
                biased;
                room = room(batches.as_ref()) => {
                    let entries = match first.take() {
                        Some(first) => first,
                        None => batch::claim(self.replica, after, self.most.load(Relaxed), None).await?,
                    };
                    let last = entries.last().map(|e| e.seq);
                    if let (Some(room), Some(last)) = (room, last) {
                        after = last;
                        room.send(self.checked(entries).await?);
                        false
                    } else {
                        true
                    }
                }
                told = heard.recv() => {
                    let Some(told) = told else { return Ok(()) };
                    let left = settle::settle(self.replica, &told.answers, self.sender, told.confirmed).await?;
                    self.left.extend(left);
                    false
                }
            };
            if all_read {
                batches = None;
            }
        }
    }

    /// A batch without what cannot be sent.
    async fn checked(&self, mut entries: Vec<Entry>) -> Result<Batch, Fault> {
        entries.retain(|e| !self.left.contains(&e.id));
        let (taken, refused) = self.json_nulls.take_out(self.replica, &mut entries).await?;
        Ok(Batch { entries, taken, refused })
    }
}

/// Waits until there is room for a batch; none where nobody takes one any more. Without a channel it waits for ever.
async fn room(batches: Option<&mpsc::Sender<Batch>>) -> Option<mpsc::Permit<'_, Batch>> {
    match batches {
        Some(batches) => batches.reserve().await.ok(),
        None => std::future::pending().await,
    }
}

/// The master's half of a drain.
struct There<'a> {
    master: &'a mut Client,
    sender: &'a Sender,
    most: &'a AtomicI32,
    /// The nonce, once the master has taken it.
    confirmed: Option<Uuid>,
    /// How deep each table lies that an entry was of.
    depth: HashMap<String, i64>,
    chains: Chains,
}

impl There<'_> {
    /// Has the master apply what arrives, until nothing more does, and tells what became of it. Nothing is known of a batch that
    /// fails: it is due again at once, in its old order, and no failure is counted. How soon the master is asked again is the
    /// schedule's affair.
    async fn send_all(
        &mut self,
        mut arriving: mpsc::Receiver<Batch>,
        told: mpsc::Sender<Told>,
        report: &mut PushReport,
    ) -> Result<(), Fault> {
        while let Some(Batch { entries, taken, refused }) = arriving.recv().await {
            self.chains.remember(&taken, &HashSet::new());
            let mut answers = refused;
            let mut parts = VecDeque::from([entries]);
            while let Some(mut part) = parts.pop_front() {
                self.chains.hold_back(&mut part);
                match self.send(&part).await {
                    Ok(came) => {
                        self.chains.remember(&part, &settled(&came));
                        answers.extend(came);
                    }
                    // One slow entry must not stop the others: the batch is cut down until it is alone, and then it failed.
                    Err(fault) if fault.sqlstate.as_deref() == Some(TOO_SLOW) && part.len() > 1 => {
                        let size = part.len().div_ceil(4);
                        self.most.store(size as i32, Relaxed);
                        while !part.is_empty() {
                            parts.push_front(part.split_off((part.len() - 1) / size * size));
                        }
                        continue;
                    }
                    Err(fault) if fault.sqlstate.as_deref() == Some(TOO_SLOW) => {
                        self.chains.remember(&part, &HashSet::new());
                        answers.extend(part.iter().map(|e| batch::too_slow(e, &fault)));
                    }
                    Err(fault) => return Err(fault),
                }
                report.count(&answers);
                let told = told.send(Told { answers: mem::take(&mut answers), confirmed: self.confirmed }).await;
                if told.is_err() {
                    // The other half has failed, and says why.
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Has the master apply a batch, unless nothing of it is left. How long it takes says how many there are in the next one.
    async fn send(&mut self, entries: &[Entry]) -> Result<Vec<Answer>, Fault> {
        if entries.is_empty() {
            return Ok(vec![]);
        }
        self.look_at_tables(entries).await?;
        let began = Instant::now();
        let answers = batch::apply(self.master, entries, &self.depth, self.sender, true, false).await?;
        let most = self.most.load(Relaxed);
        self.most.store(if began.elapsed() > LONG { (most / 2).max(64) } else { (most * 2).min(MOST) }, Relaxed);
        self.confirmed = self.sender.fresh;
        Ok(answers)
    }

    /// Finds out in which order the tables come, where there is one that was not met before.
    async fn look_at_tables(&mut self, entries: &[Entry]) -> Result<(), Fault> {
        if entries.iter().any(|e| !self.depth.contains_key(&e.table)) {
            let known = self.depth.keys().chain(entries.iter().map(|e| &e.table)).map(String::as_str).collect();
            self.depth = batch::depths(self.master, known).await?;
        }
        Ok(())
    }
}

fn settled(answers: &[Answer]) -> HashSet<Uuid> {
    answers.iter().filter(|a| a.outcome.outcome.is_settled()).map(|a| a.outcome.id).collect()
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
