//! What took effect and was never noted, because its process ended in between, is noted from the master's ledger.

use super::discard::{self, Fate};
use super::freeze;
use super::lost;
use super::replay::replay_frozen;
use super::report::{Mode, ReplayOptions};
use super::session::Sessions;
use crate::postgres::{Fault, Pair};
use std::collections::HashSet;
use uuid::Uuid;

/// Settles entries that the queue holds back (failed, blocked, in quarantine) though the ledger has their effect; how many. What is due
/// is sent anyhow, and found there. Nothing is applied, and where there is nothing to settle nothing is written.
pub async fn reconcile(pair: &Pair, actor: &str) -> Result<usize, Fault> {
    let sessions = Sessions::open(pair, "reconcile").await?;
    let known = lost::held_though_done(&sessions.master, &sessions.replica).await?;
    if known.is_empty() {
        return Ok(0);
    }
    // Frozen before their payloads are compared: one that is edited now is not what the ledger has, and has drifted.
    let mut frozen = freeze::freeze(pair, &known, false).await?;
    let found = discard::preview(pair, &known).await?;
    let done: HashSet<Uuid> = found.iter().filter(|put| put.fate == Fate::TookEffect).map(|put| put.id).collect();
    frozen.entries.retain(|entry| done.contains(&entry.id));
    if frozen.entries.is_empty() {
        return Ok(0);
    }
    let reason = Some("found in the ledger".to_owned());
    let options = ReplayOptions { mode: Mode::Apply, actor: actor.to_owned(), reason, force: false };
    let told = replay_frozen(pair, &frozen, options).await?;
    Ok(told.iter().filter(|outcome| outcome.outcome.is_settled()).count())
}
