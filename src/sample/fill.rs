//! Fills a pair of migrated databases with the sample, through the engine wherever the engine would do it: what stands on
//! both sides was pulled or pushed, and what is stuck in the queue was really tried.

use super::library::Library;
use super::story::{Entry, Story};
use super::{master, replica};
use crate::postgres::{Fault, Kind, Pair, Side};
use crate::sync::{self, CycleOptions, CycleReport};
use tokio_postgres::Client;

/// Conversations newer than this were written on the replica and pushed; older ones came from the master.
const NEWER_S: f64 = 20.5 * 86_400.0;
/// Story entries older than this failed often enough to be given up by the engine; the others are still being tried.
const GIVEN_UP_S: f64 = 8.0 * 3_600.0;
/// How often the older ones are tried: as often as the engine tries before it asks for a person.
const TRIES: usize = 12;
/// What our sessions are called.
const PURPOSE: &str = "sample";

/// What the databases hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A sample that was not finished.
    Half,
    /// The sample.
    Sample,
    /// Somebody's data.
    Other,
}

/// What [`seed`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeded {
    /// Filled the databases.
    Now,
    /// Found the sample of an earlier time, and left it as it is.
    Before,
}

/// Says what a pair holds.
pub async fn look(pair: &Pair) -> Result<Found, Fault> {
    let on_master = pair.master.session().await?;
    let row = on_master
        .query_one(
            "SELECT (SELECT value ->> 'stage' FROM system_config WHERE key = 'robbie.sample'),
                    EXISTS (SELECT FROM code_conversations) OR EXISTS (SELECT FROM users)",
            &[],
        )
        .await
        .map_err(|e| Fault::from_postgres(e, Side::Master))?;
    let stage: Option<String> = row.get(0);
    if let Some(stage) = stage {
        return Ok(if stage == "done" { Found::Sample } else { Found::Half });
    }
    let on_replica = pair.replica.session().await?;
    let other = on_replica
        .query_one("SELECT EXISTS (SELECT FROM code_conversations) OR EXISTS (SELECT FROM pending_sync)", &[])
        .await
        .map_err(|e| Fault::from_postgres(e, Side::Replica))?;
    Ok(if row.get(1) || other.get(0) { Found::Other } else { Found::Nothing })
}

/// Fills a pair of migrated databases with the sample; one that has it keeps it, and one with other data is refused.
/// `step` is told what is being done. No engine may be running on the pair.
pub async fn seed(pair: &Pair, step: &(dyn Fn(&str) + Sync)) -> Result<Seeded, Fault> {
    match look(pair).await? {
        Found::Sample => return Ok(Seeded::Before),
        Found::Other => {
            return Err(Fault::new(
                Kind::Settings,
                "these databases hold data that is not the sample's; nothing was written",
            )
            .remedy("use another ROBBIE_HOME for the demo"));
        }
        Found::Nothing | Found::Half => {}
    }
    let library = Library::read()?;
    let story = Story::read(chrono::Utc::now())?;
    let mut on_master = pair.master.dedicated(PURPOSE).await?;
    let mut on_replica = pair.replica.dedicated(PURPOSE).await?;

    if stage(&on_master).await?.is_none() {
        step("writing the master's conversations");
        master::fill(&mut on_master, &library, NEWER_S, &story.before, &story.rows, &note("master")).await?;
    }
    step("pulling them to the replica");
    cycle(pair, true).await?;
    step("writing and pushing the replica's");
    replica::history(&mut on_replica, &library, NEWER_S).await?;
    cycle(pair, true).await?;

    step("going offline for three days");
    let early = |e: &Entry| e.age_s >= GIVEN_UP_S;
    replica::offline(&mut on_replica, &story, early, &story.unqueued).await?;
    if stage(&on_master).await?.as_deref() == Some("master") {
        on_master_at_once(&on_master, &story.meanwhile, "meanwhile").await?;
    }
    step("trying what was queued");
    cycle(pair, true).await?;
    for _ in 1..TRIES {
        make_due(&on_replica).await?;
        cycle(pair, false).await?;
    }
    replica::offline(&mut on_replica, &story, |e| !early(e), &[]).await?;
    cycle(pair, true).await?;
    if stage(&on_master).await?.as_deref() == Some("meanwhile") {
        on_master_at_once(&on_master, &story.afterwards, "done").await?;
    }
    cycle(pair, true).await?;
    Ok(Seeded::Now)
}

/// Why a pair with other data is left alone.
pub fn others_data() -> Fault {
    Fault::new(Kind::Settings, "these databases hold data that is not the sample's; nothing was written")
        .remedy("use another ROBBIE_HOME for the demo")
}

/// One cycle that must not be stopped by a fault; the tries after the first need no pull.
async fn cycle(pair: &Pair, whole: bool) -> Result<CycleReport, Fault> {
    let options = CycleOptions { pull: whole, thorough: whole, ..CycleOptions::default() };
    let report = sync::cycle(pair, options).await?;
    match report.faults.first() {
        Some(fault) => Err(Fault::new(Kind::Other, format!("filling in the sample was stopped: {fault}"))),
        None => Ok(report),
    }
}

/// Makes what failed due now, as waiting for its next time would.
async fn make_due(replica: &Client) -> Result<(), Fault> {
    replica
        .batch_execute("UPDATE robbie_sync.entry SET next_attempt_at = clock_timestamp() WHERE state = 'retry'")
        .await
        .map_err(|e| Fault::from_postgres(e, Side::Replica))
}

/// How far the filling has come.
async fn stage(master: &Client) -> Result<Option<String>, Fault> {
    let row = master
        .query_opt("SELECT value ->> 'stage' FROM system_config WHERE key = 'robbie.sample'", &[])
        .await
        .map_err(|e| Fault::from_postgres(e, Side::Master))?;
    Ok(row.and_then(|r| r.get(0)))
}

/// The statement that notes a stage.
fn note(stage: &str) -> String {
    format!(
        "INSERT INTO system_config (key, value, category, description)
         VALUES ('robbie.sample', '{{\"stage\": \"{stage}\"}}', 'sample', 'This database holds the sample data of robbie demo.')
         ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    )
}

/// Runs statements on the master and notes the stage in one transaction.
async fn on_master_at_once(master: &Client, sql: &str, stage: &str) -> Result<(), Fault> {
    // One simple-protocol message is one transaction.
    master.batch_execute(&format!("{sql};{}", note(stage))).await.map_err(|e| Fault::from_postgres(e, Side::Master))
}
