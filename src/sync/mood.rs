//! Saving a personality on both sides: the master first, and through the engine to the replica; where the master is away, on the
//! replica and in the queue. The replica's row is never written beside the engine: what the master has comes by the pull.

mod unite;

pub(super) use unite::{is_due, unite};

use super::{CycleOptions, cycle, lock};
use crate::personality::{self, Attempt, Change, Clash, Edit, Field};
use crate::postgres::{Fault, Kind, Link, Pair, Side};
use serde::Serialize;
use std::time::{Duration, Instant};

/// How long the replica's engine is waited for, so that it can be said whether the replica has it.
const PATIENCE: Duration = Duration::from_secs(3);

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
        Err(fault) if is_away(fault) => Side::Replica,
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
        Err(Refused::Before(away)) if is_away(&away) => match write(&pair.replica, edit).await {
            Ok(Attempt::Clashes(clashes)) => Ok(Saved::Clashes { side: Side::Replica.to_string(), clashes }),
            Ok(Attempt::Done(changes)) if changes.is_empty() => Ok(Saved::Nothing),
            Ok(Attempt::Done(changes)) => {
                // An engine that runs sends it as soon as the master is back; without one the queue keeps it.
                let _ = lock::ask(&pair.replica).await;
                Ok(Saved::Queued { changes, master_away: away.to_string() })
            }
            Err(Refused::Before(fault) | Refused::Under(fault)) => Err(fault),
        },
        Err(Refused::Under(fault)) if is_away(&fault) => {
            let message = format!(
                "the master was lost while it was saving, so it is not known whether it did: {}",
                fault.message
            );
            Err(Fault { message, ..fault }
                .remedy("look again when it is back: saving the same once more changes nothing twice"))
        }
        Err(Refused::Before(fault) | Refused::Under(fault)) => Err(fault),
    }
}

/// A side that could not be written: before anything was sent, or somewhere in between.
enum Refused {
    Before(Fault),
    Under(Fault),
}

fn is_away(fault: &Fault) -> bool {
    fault.kind == Kind::Unreachable
}

async fn write(link: &Link, edit: &Edit) -> Result<Attempt, Refused> {
    let side = link.side();
    if link.target().read_only {
        return Err(Refused::Before(
            Fault::new(Kind::Settings, "sessions are read-only: nothing can be saved")
                .on(side)
                .remedy("leave out --read-only, and `read_only` in the configuration"),
        ));
    }
    let mut client = link.dedicated("personality").await.map_err(Refused::Before)?;
    let on = |e| Refused::Under(Fault::from_postgres(e, side));
    let t = client.transaction().await.map_err(on)?;
    t.batch_execute("SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '20s'; SET LOCAL timezone = 'UTC'")
        .await
        .map_err(on)?;
    let attempt = personality::write(&t, side, edit).await.map_err(Refused::Under)?;
    if matches!(&attempt, Attempt::Done(changes) if !changes.is_empty()) {
        t.commit().await.map_err(on)?;
    }
    Ok(attempt)
}

/// Has the replica take what the master holds now; why it does not have it yet.
async fn follow(pair: &Pair, edit: &Edit) -> Option<String> {
    match lock::holder(&pair.replica).await {
        Err(fault) => return Some(fault.to_string()),
        Ok(Some(_)) => {
            if let Err(fault) = lock::ask(&pair.replica).await {
                return Some(fault.to_string());
            }
        }
        Ok(None) => {
            let options =
                CycleOptions { push: false, thorough: false, actor: edit.actor.clone(), ..CycleOptions::default() };
            if let Err(fault) = Box::pin(cycle(pair, options)).await {
                return Some(fault.to_string());
            }
        }
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
