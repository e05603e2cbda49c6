//! Remedies for one entry: the key it lacks, the parent it waits for.

use super::ask::{self, Consent};
use super::{ACTOR, Queue, edit};
use crate::cli::{Exit, output};
use crate::postgres::Fault;
use crate::sync::adopt::{self, Place};
use crate::sync::discard::By;
use clap::Args;

/// Arguments of `robbie queue adopt` and `robbie queue parent`.
#[derive(Args, Debug)]
pub struct Fix {
    /// The entry's id, or an unambiguous beginning of it.
    pub id: String,
    /// Whether to ask.
    #[command(flatten)]
    pub consent: Consent,
}

impl Queue {
    pub(super) async fn adopt(&self, fix: &Fix, json: bool) -> Result<Exit, Fault> {
        let id = self.resolve(&fix.id).await?;
        let by = By { actor: ACTOR, reason: "adopted the key of the matching row", engine: None };
        let tried = adopt::adopt_key(&self.pair, id, false, by).await?;
        if fix.consent.dry_run || !tried.can_be_saved() {
            return edit::report(&tried, json);
        }
        if !fix.consent.yes && !json {
            edit::changes(&tried)?;
        }
        if !fix.consent.yes && !self.agreed("Give the entry this key? It is sent at once.")? {
            return Ok(Exit::Done);
        }
        edit::report(&adopt::adopt_key(&self.pair, id, true, by).await?, json)
    }

    pub(super) async fn parent(&self, fix: &Fix, json: bool) -> Result<Exit, Fault> {
        let id = self.resolve(&fix.id).await?;
        let mut found = adopt::parent(&self.pair, id, false).await?;
        let here = found.as_ref().is_some_and(|p| p.place == Place::Replica);
        if here && !fix.consent.dry_run && (fix.consent.yes || self.agreed("The parent is only here. Queue it?")?) {
            found = adopt::parent(&self.pair, id, true).await?;
        }
        if json {
            output::json(&serde_json::json!({ "parent": found }))?;
        } else if let Some(p) = &found {
            let place = match &p.place {
                Place::Master => "is on the master: the entry goes with its next try".to_owned(),
                Place::Queued { entry, state } => format!("is queued as {entry} ({state})"),
                Place::Replica => "is only here".to_owned(),
                Place::Nowhere => "is nowhere: edit or discard the entry".to_owned(),
            };
            output::line(format!("{} {} {place}", p.table, p.key))?;
            if let Some(queued) = p.queued {
                output::line(format!("queued as {queued}"))?;
            }
        } else {
            output::note("it waits for no row");
        }
        let waits = found.is_some_and(|p| p.queued.is_none() && matches!(p.place, Place::Replica | Place::Nowhere));
        Ok(if waits { Exit::Attention } else { Exit::Done })
    }

    fn agreed(&self, question: &str) -> Result<bool, Fault> {
        ask::agreed(question, self.protected.then_some(self.pair.replica.target().name.as_str()))
    }
}
