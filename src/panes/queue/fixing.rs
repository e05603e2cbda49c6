//! What a remedy would do, looked up on both sides, and the doing of it.

use super::outcomes::said;
use crate::postgres::{Fault, Kind, Pair, Side};
use crate::queue::detail::{self, Detail};
use crate::queue::diagnosis::{self, Diagnosis, Fix};
use crate::queue::{Shape, Verdict};
use crate::sync::adopt::{self, Parent, Place};
use crate::sync::discard::By;
use crate::sync::edit::{Change, Edited};
use crate::sync::{self, EntryOutcome, Mode, ReplayOptions};
use uuid::Uuid;

/// The service that a mapping made here stands for, as on the command line.
const SERVICE: &str = "robbie-code";
/// So many users of the master are named to choose from.
const NAMED: i64 = 6;

/// What a remedy comes to, before anybody has agreed to it.
#[derive(Debug)]
pub enum Plan {
    /// The key of the row here goes into the payload.
    Adopt(Box<Edited>),
    /// A user needs a mapping.
    Map {
        /// The replica's text id.
        text: String,
        /// Entries that wait for it.
        waiting: i64,
        /// Some users of the master.
        users: Vec<String>,
    },
    /// The parent is only here: it can be queued.
    Queue(Parent),
    /// Others have to go first, and can: all of them, in order, the entry itself last.
    First(Vec<Uuid>),
    /// Another entry stands in the way, and has a failure of its own.
    GoTo(Uuid, String),
    /// A replay does it, or says what is missing.
    Try,
    /// The payload must change.
    Edit(Option<String>),
    /// The master must change.
    Migrate(String),
    /// Nothing that a key could do.
    Words(String),
}

/// A remedy that a person agreed to.
#[derive(Clone, Debug)]
pub enum Mend {
    /// The key goes into the payload, if it still is this one.
    Adopt(Vec<Change>),
    /// The text id is mapped to this user of the master.
    Map {
        /// The replica's text id.
        text: String,
        /// The user.
        user: Uuid,
    },
    /// The parent is queued.
    Parent,
}

impl Mend {
    /// The side that is written to.
    pub fn side(&self) -> Side {
        if matches!(self, Self::Map { .. }) { Side::Master } else { Side::Replica }
    }
}

/// What the key does about a diagnosis, in a few words; `None`: nothing but say the remedy.
pub(super) fn verb(found: &Diagnosis) -> Option<&'static str> {
    Some(match found.fix {
        Fix::AdoptKey => "adopt the key",
        Fix::MapUser => "map the user",
        Fix::QueueParent => "send the parent",
        Fix::ChainFirst => "send the earlier one",
        Fix::Edit => "edit",
        Fix::Migrate => "migrate",
        Fix::Wait => "try now",
        Fix::Choose if is_a_replay(found) => "choose",
        Fix::Choose | Fix::Grant | Fix::Server | Fix::None => return None,
    })
}

/// Whether the choice is one that a replay asks about.
fn is_a_replay(found: &Diagnosis) -> bool {
    let held = matches!(found.verdict, Verdict::ZeroRows | Verdict::OverwritesNewer);
    held || found.verdict == Verdict::Fault && found.sqlstate.is_none()
}

/// Finds out what the remedy of an entry's diagnosis comes to. Writes nothing.
pub(super) async fn plan(pair: &Pair, shape: &Shape, id: Uuid, by: By<'_>) -> Result<Plan, Fault> {
    let client = pair.replica.session().await?;
    let gone = || Fault::new(Kind::Data, format!("the entry {id} is gone")).on(Side::Replica);
    let entry = detail::read(&client, shape, id).await?.ok_or_else(gone)?;
    let Some(found) = diagnosis::diagnose(&entry.evidence()) else {
        return Ok(Plan::Words("Nothing is wrong with this entry".to_owned()));
    };
    Ok(match found.fix {
        Fix::AdoptKey => Plan::Adopt(Box::new(adopt::adopt_key(pair, id, false, by).await?)),
        Fix::MapUser => map(pair, &entry, &found).await?,
        Fix::QueueParent => parent(pair, id).await?,
        Fix::ChainFirst => {
            let mut before: Vec<Uuid> = entry.chain.iter().filter(|e| e.before).map(|e| e.id).collect();
            if before.is_empty() {
                before.extend(entry.blocked_by);
            }
            first(pair, before, id).await?
        }
        Fix::Wait => Plan::Try,
        Fix::Choose if is_a_replay(&found) => Plan::Try,
        Fix::Edit => Plan::Edit(found.object),
        Fix::Migrate => Plan::Migrate(found.remedy),
        Fix::Choose | Fix::Grant | Fix::Server => Plan::Words(format!("This takes a person: {}", found.remedy)),
        Fix::None => Plan::Words(found.remedy),
    })
}

async fn map(pair: &Pair, entry: &Detail, found: &Diagnosis) -> Result<Plan, Fault> {
    let Some(text) = entry.entry.blocked_on.as_deref().and_then(|words| words.strip_prefix("mapping ")) else {
        return Ok(Plan::Words(format!("Which user is not known here: {}", found.remedy)));
    };
    let (master, replica) = (pair.master.session().await?, pair.replica.session().await?);
    let known = adopt::users(&master, &replica).await?;
    let of = known.iter().find(|mapping| mapping.text == text);
    if of.is_some_and(|mapping| mapping.user.is_some()) {
        return Ok(Plan::Try);
    }
    let waiting = of.map_or(0, |mapping| mapping.waiting);
    Ok(Plan::Map { text: text.to_owned(), waiting, users: adopt::user_names(&master, NAMED).await? })
}

async fn parent(pair: &Pair, id: Uuid) -> Result<Plan, Fault> {
    let Some(found) = adopt::parent(pair, id, false).await? else { return Ok(Plan::Try) };
    Ok(match &found.place {
        Place::Master => Plan::Try,
        Place::Queued { entry, .. } => first(pair, vec![*entry], id).await?,
        Place::Replica => Plan::Queue(found),
        Place::Nowhere => {
            let (table, key) = (&found.table, &found.key);
            Plan::Words(format!("{table} {key} is on neither side nor in the queue: edit the entry, or discard it"))
        }
    })
}

/// Others before the entry, if they get through; else the way to the one that does not.
async fn first(pair: &Pair, mut before: Vec<Uuid>, id: Uuid) -> Result<Plan, Fault> {
    if before.is_empty() {
        return Ok(Plan::Try);
    }
    let options = ReplayOptions { mode: Mode::Dry, actor: "console".to_owned(), reason: None, force: false };
    before.push(id);
    let mut outcomes = sync::replay(pair, &before, options).await?;
    let own = outcomes.pop().and_then(|one| one.message);
    Ok(match outcomes.iter().find(|one| !one.outcome.is_settled()) {
        // The same is said of both: they wait for each other.
        Some(stuck) if own == stuck.message => {
            Plan::Words([said(stuck, true), stuck.remedy.clone().unwrap_or_default()].join(". "))
        }
        Some(stuck) => Plan::GoTo(stuck.id, said(stuck, true)),
        None => Plan::First(before),
    })
}

/// Does it; what was done, in words.
pub(super) async fn mend(pair: &Pair, id: Uuid, mend: Mend, by: By<'_>) -> Result<String, Fault> {
    match mend {
        Mend::Adopt(shown) => {
            let now = adopt::adopt_key(pair, id, false, by).await?;
            if now.changes != shown {
                return Err(Fault::new(Kind::Data, "the row here has another key than was shown")
                    .on(Side::Replica)
                    .remedy("look at it again, and choose anew"));
            }
            let done = adopt::adopt_key(pair, id, true, by).await?;
            if done.saved {
                return Ok("The entry has its key now, and is sent".to_owned());
            }
            Err(Fault::new(Kind::Data, refusal(&done))
                .on(Side::Master)
                .remedy("edit the payload, or discard the entry"))
        }
        Mend::Map { text, user } => {
            let (mapping, released) = adopt::map_user(pair, &text, &user.to_string(), SERVICE, by).await?;
            let name = mapping.name.unwrap_or_else(|| user.to_string());
            let sent = super::outcomes::entries(usize::try_from(released).unwrap_or(usize::MAX));
            Ok(format!(
                "{text} is mapped to {name}; {sent} waiting for it {}",
                if released == 1 { "is sent" } else { "are sent" }
            ))
        }
        Mend::Parent => match adopt::parent(pair, id, true).await? {
            Some(Parent { table, queued: Some(entry), .. }) => {
                Ok(format!("The parent of {table} is queued as {entry}; both are sent"))
            }
            _ => Ok("The parent is on its way already; nothing was queued".to_owned()),
        },
    }
}

/// Why an edit was not saved, or would not be.
pub(super) fn refusal(edited: &Edited) -> String {
    match (edited.problems.first(), &edited.outcome) {
        (Some(problem), _) => format!("{}: {}", problem.path, problem.reason),
        (None, Some(outcome)) => said(outcome, true),
        (None, None) => "it changes nothing".to_owned(),
    }
}

/// The outcome of a dry run in one line, for a question.
pub(super) fn foreseen(outcome: Option<&EntryOutcome>) -> Option<String> {
    outcome.map(|outcome| format!("dry run: {}", said(outcome, true)))
}
