//! The two commands that go through the engine: dry run and replay of a frozen set of entries.

use super::{Chosen, Queue, Replay};
use crate::cli::{Exit, output};
use crate::postgres::{Fault, Kind, Side};
use crate::queue::{Proof, diagnosis};
use crate::sync::{self, EntryOutcome, Mode, Outcome, ReplayOptions};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal};
use uuid::Uuid;

/// What became of the entries, as `--json` prints it.
#[derive(Serialize)]
struct Report<'a> {
    dry_run: bool,
    chosen: usize,
    outcomes: BTreeMap<&'static str, usize>,
    entries: &'a [EntryOutcome],
}

impl Queue {
    pub(super) async fn dry_run(&self, chosen: &Chosen, json: bool) -> Result<Exit, Fault> {
        let ids = self.freeze(chosen).await?;
        let outcomes = self.send(&ids, Mode::Dry, None, false).await?;
        if !json {
            output::note(
                "nothing was written; sequences on the master may have advanced, which a rollback does not undo",
            );
        }
        report(&outcomes, ids.len(), true, json)
    }

    pub(super) async fn replay(&self, replay: &Replay, json: bool) -> Result<Exit, Fault> {
        let ids = self.freeze(&replay.chosen).await?;
        if ids.is_empty() {
            return report(&[], 0, false, json);
        }
        if !replay.yes && !self.confirmed(ids.len())? {
            output::note("nothing was replayed");
            return Ok(Exit::Done);
        }
        let outcomes = self.send(&ids, Mode::Apply, replay.reason.clone(), replay.force).await?;
        report(&outcomes, ids.len(), false, json)
    }

    async fn send(
        &self,
        ids: &[Uuid],
        mode: Mode,
        reason: Option<String>,
        force: bool,
    ) -> Result<Vec<EntryOutcome>, Fault> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        if !self.shape.migrated {
            return Err(needs_migration());
        }
        let options = ReplayOptions { mode, actor: "command line".to_owned(), reason, force };
        sync::replay(&self.pair, ids, options).await
    }

    /// Asks on the terminal; without one, a yes has to be given as a flag.
    fn confirmed(&self, count: usize) -> Result<bool, Fault> {
        if !std::io::stdin().is_terminal() {
            return Err(Fault::new(Kind::Settings, "there is no terminal to ask on").remedy("add --yes to go ahead"));
        }
        let master = &self.pair.master.target().name;
        let entries = if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") };
        eprint!("Replay {entries} to {}? [y/N] ", output::printable(master));
        let mut answer = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut answer)
            .map_err(|e| Fault::new(Kind::Local, "the answer could not be read").because(e))?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
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
        output::json(&Report { dry_run, chosen, outcomes: counts, entries: outcomes })?;
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

/// 0 all settled, 4 some, 1 none of them.
fn exit(outcomes: &[EntryOutcome]) -> Exit {
    let settled = outcomes.iter().filter(|entry| entry.outcome.is_settled()).count();
    match (settled, outcomes.len()) {
        (settled, all) if settled == all => Exit::Done,
        (0, _) => Exit::Attention,
        _ => Exit::Partial,
    }
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
    if entry.remedy.is_some() || entry.outcome.is_settled() || entry.outcome == Outcome::Missing {
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
