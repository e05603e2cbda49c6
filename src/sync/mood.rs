//! Saving a personality on both sides: the master first, and through the engine to the replica; where the master is away, on the
//! replica and in the queue. The replica's row is never written beside the engine: what the master has comes by the pull.

mod unite;

pub(super) use unite::{is_due, unite};

use super::hand::{self, Refused};
use super::lock;
use crate::personality::{self, Attempt, Change, Clash, Edit, Field};
use crate::postgres::{Fault, Kind, Link, Pair, Side};
use serde::Serialize;
use std::time::{Duration, Instant};

/// How long the replica's engine is waited for, so that it can be said whether the replica has it.
const PATIENCE: Duration = Duration::from_secs(3);
/// What to do where it is not known whether a side saved.
const AGAIN: &str = "look again when it is back: saving the same once more changes nothing twice";

/// What came of saving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Saved {
    /// On the master; whether the replica has it too, or why not yet.
    OnMaster {
        /// What was changed.
        changes: Vec<Change>,
        /// Why the replica does not have it yet; none: it has.
        replica_later: Option<String>,
    },
    /// On the replica and in its queue: the master is away.
    Queued {
        /// What was changed.
        changes: Vec<Change>,
        /// Why the master was not asked.
        master_away: String,
    },
    /// Others changed these since they were loaded: nothing was written anywhere.
    Clashes {
        /// The side that has them.
        side: String,
        /// Each with what was loaded, what is wanted, and what it is now.
        clashes: Vec<Clash>,
    },
    /// All was as wanted already.
    Nothing,
}

/// What saving would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Per side: what it changes there, what is in its way, or why the side cannot take it.
    pub master: Step,
    /// The same for the replica; where the master is asked first, it follows by the pull.
    pub replica: Step,
    /// The side that is written first.
    pub first: String,
}

/// What saving would do on one side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The columns it changes.
    pub changes: Vec<Change>,
    /// What others changed since it was loaded.
    pub clashes: Vec<Clash>,
    /// Why nothing can be said or done there.
    pub refused: Option<String>,
}

/// Says what saving would do on both sides; writes nothing.
pub async fn plan(pair: &Pair, edit: &Edit) -> Result<Plan, Fault> {
    let (master, replica) = tokio::join!(look(&pair.master, edit), look(&pair.replica, edit));
    let first = match &master {
        Err(fault) if fault.kind == Kind::Unreachable => Side::Replica,
        _ => Side::Master,
    };
    if let (Err(one), Err(_)) = (&master, &replica) {
        return Err(one.clone());
    }
    let step = |found: Result<Attempt, Fault>| match found {
        Ok(Attempt::Done(changes)) => Step { changes, ..Step::default() },
        Ok(Attempt::Clashes(clashes)) => Step { clashes, ..Step::default() },
        Err(fault) => Step { refused: Some(fault.to_string()), ..Step::default() },
    };
    Ok(Plan { master: step(master), replica: step(replica), first: first.to_string() })
}

async fn look(link: &Link, edit: &Edit) -> Result<Attempt, Fault> {
    let on = |e| Fault::from_postgres(e, link.side());
    let mut client = link.dedicated("personality").await?;
    let t = client.build_transaction().read_only(true).start().await.map_err(on)?;
    personality::preview(&t, link.side(), edit).await
}

/// Saves a change. Refuses what breaks a limit, and writes nothing where others were first.
pub async fn save(pair: &Pair, edit: &Edit) -> Result<Saved, Fault> {
    personality::limits::check(&edit.set, &edit.user, chrono::Utc::now())?;
    match write(&pair.master, edit).await {
        Ok(Attempt::Clashes(clashes)) => Ok(Saved::Clashes { side: Side::Master.to_string(), clashes }),
        Ok(Attempt::Done(changes)) => {
            let replica_later = follow(pair, edit).await;
            if changes.is_empty() && replica_later.is_none() {
                return Ok(Saved::Nothing);
            }
            Ok(Saved::OnMaster { changes, replica_later })
        }
        Err(away) if away.is_away() && !away.sent => {
            match write(&pair.replica, edit).await.map_err(|r| r.into_fault(AGAIN))? {
                Attempt::Clashes(clashes) => Ok(Saved::Clashes { side: Side::Replica.to_string(), clashes }),
                Attempt::Done(changes) if changes.is_empty() => Ok(Saved::Nothing),
                Attempt::Done(changes) => {
                    // An engine that runs sends it as soon as the master is back; without one the queue keeps it.
                    let _ = lock::ask(&pair.replica).await;
                    Ok(Saved::Queued { changes, master_away: away.fault.to_string() })
                }
            }
        }
        Err(refused) => Err(refused.into_fault(AGAIN)),
    }
}

async fn write(link: &Link, edit: &Edit) -> Result<Attempt, Refused> {
    let side = link.side();
    let mut client = hand::writable(link, "personality").await.map_err(Refused::before)?;
    let t = hand::begin(&mut client, side).await.map_err(Refused::before)?;
    let attempt = personality::write(&t, side, edit).await.map_err(Refused::before)?;
    if matches!(&attempt, Attempt::Done(changes) if !changes.is_empty()) {
        t.commit().await.map_err(|e| Refused::sent(Fault::from_postgres(e, side)))?;
    }
    Ok(attempt)
}

/// Has the replica take what the master holds now; why it does not have it yet.
async fn follow(pair: &Pair, edit: &Edit) -> Option<String> {
    if let Err(fault) = hand::follow(pair, &edit.actor).await {
        return Some(fault.to_string());
    }
    let began = Instant::now();
    loop {
        match arrived(pair, edit).await {
            Ok(true) => return None,
            Ok(false) if began.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(50)).await,
            Ok(false) => {
                return Some(
                    "its row has changes of its own, or the engine is at other work: the next pull decides".to_owned(),
                );
            }
            Err(fault) => return Some(fault.to_string()),
        }
    }
}

/// Whether the replica holds what was wanted, as far as it has the columns.
async fn arrived(pair: &Pair, edit: &Edit) -> Result<bool, Fault> {
    let sheet = personality::sheet(&pair.replica).await?;
    if !sheet.shape.state {
        return Ok(true);
    }
    let Some(row) = sheet.of(&edit.user) else { return Ok(false) };
    let has = |(field, json): (&Field, &String)| row.values.get(field).is_none_or(|held| field.same(held, json));
    Ok(edit.set.iter().all(has))
}
