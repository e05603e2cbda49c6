//! The two commands that go through the engine: dry run and replay of a frozen set of entries.

use super::{ACTOR, Chosen, Queue, Replay};
use crate::cli::{Exit, output};
use crate::postgres::{Fault, Kind, Side};
use crate::queue::{Proof, diagnosis};
use crate::sync::{self, EntryOutcome, Mode, Outcome, ReplayOptions, freeze};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use uuid::Uuid;

/// From more entries on a replay is a job, which can be resumed.
const MANY: usize = 500;
/// What a dry run leaves behind.
const SEQUENCES: &str =
    "nothing was written; sequences on the master may have advanced, which a rollback does not undo";

/// What became of the entries, as `--json` prints it.
#[derive(Serialize)]
struct Report<'a> {
    dry_run: bool,
    chosen: usize,
    outcomes: BTreeMap<&'static str, usize>,
    entries: &'a [EntryOutcome],
    /// What a rollback does not undo.
    #[serde(skip_serializing_if = "Option::is_none")]
    disclosure: Option<&'static str>,
}

impl Queue {
    pub(super) async fn dry_run(&self, chosen: &Chosen, json: bool) -> Result<Exit, Fault> {
        let ids = self.freeze(chosen).await?;
        let outcomes = self.try_out(&ids).await?;
        if !json {
            output::note(SEQUENCES);
        }
        report(&outcomes, ids.len(), true, json)
    }

    pub(super) async fn replay(&self, replay: &Replay, json: bool) -> Result<Exit, Fault> {
        let ids = self.freeze(&replay.chosen).await?;
        if ids.is_empty() {
            return report(&[], 0, false, json);
        }
        if !self.shape.migrated {
            return Err(needs_migration());
        }
        // What is asked about is frozen: what changes while the question stands is left alone.
        let frozen = if replay.pace.stop_on_new {
            freeze::preview(&self.pair, &ids, replay.force).await?
        } else {
            freeze::freeze(&self.pair, &ids, replay.force).await?
        };
        if !replay.yes && !self.agrees_to(&frozen)? {
            output::note("nothing was replayed");
            return Ok(Exit::Done);
        }
        if replay.pace.is_given() || ids.len() > MANY {
            return self.replay_as_job(frozen, replay, json).await;
        }
        let options = ReplayOptions {
            mode: Mode::Apply,
            actor: ACTOR.to_owned(),
            reason: replay.reason.clone(),
            force: replay.force,
        };
        let outcomes = sync::replay_frozen(&self.pair, &frozen, options).await?;
        report(&outcomes, ids.len(), false, json)
    }

    async fn try_out(&self, ids: &[Uuid]) -> Result<Vec<EntryOutcome>, Fault> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        if !self.shape.migrated {
            return Err(needs_migration());
        }
        let options = ReplayOptions { mode: Mode::Dry, actor: ACTOR.to_owned(), reason: None, force: false };
        sync::replay(&self.pair, ids, options).await
    }
}

/// What a replay needs and this replica lacks.
pub(crate) fn needs_migration() -> Fault {
    Fault::new(Kind::Schema, "this replica can be read, but not replayed from: it keeps no state per entry yet")
        .on(Side::Replica)
        .about("robbie_sync.entry")
        .remedy("robbie schema migrate --target replica adds it (20-sync-infrastructure); no row is lost")
}

fn report(outcomes: &[EntryOutcome], chosen: usize, dry_run: bool, json: bool) -> Result<Exit, Fault> {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for entry in outcomes {
        *counts.entry(entry.outcome.name()).or_default() += 1;
    }
    if json {
        output::json(&Report {
            dry_run,
            chosen,
            outcomes: counts,
            entries: outcomes,
            disclosure: dry_run.then_some(SEQUENCES),
        })?;
    } else {
        for entry in outcomes {
            output::line(line(entry))?;
        }
        let counts: Vec<String> = counts.iter().map(|(name, n)| format!("{n} {}", name.replace('_', " "))).collect();
        let what = if dry_run { "would be" } else { "done" };
        let counts = if counts.is_empty() { "no entry is meant".to_owned() } else { counts.join(", ") };
        output::note(format!("{what}: {counts}"));
    }
    Ok(exit(outcomes))
}

fn exit(outcomes: &[EntryOutcome]) -> Exit {
    Exit::of_done(outcomes.iter().filter(|entry| entry.outcome.is_settled()).count(), outcomes.len())
}

fn line(entry: &EntryOutcome) -> String {
    let mut line =
        format!("{}  {:<16}  {}", entry.id, entry.verdict.to_string(), entry.outcome.name().replace('_', " "));
    if let Some(message) = &entry.message {
        let code = entry.sqlstate.as_ref().map(|code| format!("{code} ")).unwrap_or_default();
        let _ = write!(line, "\n    {code}{message}");
    }
    if let Some(remedy) = remedy(entry) {
        let _ = write!(line, "\n    → {remedy}");
    }
    line
}

/// The engine's remedy, else that of the code.
pub(crate) fn remedy(entry: &EntryOutcome) -> Option<String> {
    if entry.remedy.is_some()
        || entry.outcome.is_settled()
        || matches!(entry.outcome, Outcome::Missing | Outcome::Drifted)
    {
        return entry.remedy.clone();
    }
    let found = diagnosis::of_outcome(
        entry.verdict,
        entry.sqlstate.as_deref(),
        entry.object.as_deref(),
        entry.message.as_deref().unwrap_or_default(),
    )?;
    debug_assert_eq!(found.proof, Proof::Proven);
    Some(found.remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Verdict;

    fn outcome(outcome: Outcome) -> EntryOutcome {
        EntryOutcome {
            id: Uuid::nil(),
            verdict: Verdict::SchemaMismatch,
            outcome,
            sqlstate: Some("22001".into()),
            message: Some("value too long for type character varying(255)".into()),
            detail: None,
            object: Some("code_conversations.title".into()),
            remedy: None,
            before: None,
            after: None,
        }
    }

    #[test]
    fn exit_codes_follow_the_contract() {
        assert_eq!(exit(&[]), Exit::Done);
        assert_eq!(exit(&[outcome(Outcome::Applied), outcome(Outcome::NoChange)]), Exit::Done);
        assert_eq!(exit(&[outcome(Outcome::Failed)]), Exit::Attention);
        assert_eq!(exit(&[outcome(Outcome::Applied), outcome(Outcome::Held)]), Exit::Partial);
    }

    #[test]
    fn a_failure_has_a_remedy_and_a_success_none() {
        assert!(remedy(&outcome(Outcome::Failed)).unwrap().contains("shorten"));
        assert_eq!(remedy(&outcome(Outcome::Applied)), None);
        assert!(line(&outcome(Outcome::Failed)).contains("22001 value too long"));
    }
}
