//! Writing conversations on both sides: the master first, and through the engine to the replica; where the master is away or does not
//! have it, on the replica and in the queue.

use super::hand::{self, Following, Refused};
use super::lock;
use crate::conversation::write::{self, Trashed, Writer};
use crate::conversation::{self, Shape};
use crate::postgres::{Fault, Kind, Link, Pair, Side};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// Whose sessions these are, and who pulls.
const SESSION: &str = "conversations";
/// What to do where it is not known whether a side wrote.
const AGAIN: &str = "look again when it is back";

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "written", rename_all = "snake_case")]
pub enum Written {
    /// On the master; and why the replica does not have it yet, where it does not.
    OnMaster {
        /// Why the replica does not have it yet.
        replica_later: Option<String>,
    },
    /// On the replica and in its queue.
    Queued {
        /// Why not on the master.
        why: String,
    },
}

impl Written {
    /// The side that was written first.
    pub fn side(&self) -> Side {
        match self {
            Self::OnMaster { .. } => Side::Master,
            Self::Queued { .. } => Side::Replica,
        }
    }
}

/// What is to be written, once for whichever side takes it.
enum Change<'a> {
    Rename { from: Option<&'a str>, title: &'a str },
    Delete { actor: &'a str },
}

/// Gives a conversation another title; refused where it no longer has the one that was seen.
pub async fn rename(pair: &Pair, id: Uuid, from: Option<&str>, title: &str) -> Result<Written, Fault> {
    Ok(change(pair, id, &Change::Rename { from, title }).await?.1)
}

/// Deletes a conversation with all it holds, into the trash of the side that is written; the key to bring it back by.
pub async fn delete(pair: &Pair, id: Uuid, actor: &str) -> Result<(Uuid, Written), Fault> {
    change(pair, id, &Change::Delete { actor }).await
}

async fn change(pair: &Pair, id: Uuid, change: &Change<'_>) -> Result<(Uuid, Written), Fault> {
    let why = match on_side(&pair.master, id, change, Some(pair)).await {
        Ok(Some(key)) => return Ok((key, Written::OnMaster { replica_later: follow(pair).await })),
        Ok(None) => "the master does not have it yet".to_owned(),
        Err(away) if away.is_away() && !away.sent => away.fault.to_string(),
        Err(refused) => return Err(refused.into_fault(AGAIN)),
    };
    match on_side(&pair.replica, id, change, None).await.map_err(|r| r.into_fault(AGAIN))? {
        Some(key) => {
            // An engine that runs sends it as soon as it can; without one the queue keeps it.
            let _ = lock::ask(&pair.replica).await;
            Ok((key, Written::Queued { why }))
        }
        None => {
            Err(Fault::new(Kind::Settings, format!("there is no conversation {id}"))
                .remedy("robbie conversations list"))
        }
    }
}

async fn on_side(link: &Link, id: Uuid, change: &Change<'_>, queue_of: Option<&Pair>) -> Result<Option<Uuid>, Refused> {
    let shape = Shape::needed(link).await.map_err(Refused::before)?;
    let mut client = hand::writable(link, SESSION).await.map_err(Refused::before)?;
    if let (Some(pair), Change::Delete { .. }) = (queue_of, change)
        && conversation::conversation(link, &shape, id).await.map_err(Refused::before)?.is_some()
    {
        nothing_queued(pair, id).await.map_err(Refused::before)?;
    }
    let t = hand::begin(&mut client, link.side()).await.map_err(Refused::before)?;
    let writer = Writer { t: &t, side: link.side(), shape: &shape };
    let key = match change {
        Change::Rename { from, title } => writer.rename(id, *from, title).await.map(|there| there.then_some(id)),
        Change::Delete { actor } => writer.delete(id, actor).await,
    }
    .map_err(Refused::before)?;
    t.commit().await.map_err(|e| Refused::sent(Fault::from_postgres(e, link.side())))?;
    Ok(key)
}

/// What the queue still has for it would fail once it is gone from the master.
async fn nothing_queued(pair: &Pair, id: Uuid) -> Result<(), Fault> {
    let Ok(shape) = Shape::read(&pair.replica).await else { return Ok(()) };
    let client = pair.replica.session().await?;
    let queued = conversation::queued(&client, &pair.replica, &shape, &[id]).await?;
    match queued.entries.get(&id) {
        Some(n) => Err(Fault::new(
            Kind::Data,
            format!("{n} entries of it wait in the queue, and would fail once it is deleted"),
        )
        .on(Side::Replica)
        .about("pending_sync")
        .remedy("send or discard them first: robbie sync --once, or the Queue pane")),
        None => Ok(()),
    }
}

/// Has the replica take what the master holds now; why it does not have it yet.
async fn follow(pair: &Pair) -> Option<String> {
    match hand::follow(pair, SESSION).await {
        Ok(Following::Pulled) => None,
        Ok(Following::Asked) => Some("the engine was asked to pull it now".to_owned()),
        Err(fault) => Some(fault.to_string()),
    }
}

/// What was deleted on a side and not brought back, the last first.
pub async fn trash(link: &Link) -> Result<Vec<Trashed>, Fault> {
    let sql = "SELECT id, conversation_id, title, actor, deleted_at::text FROM robbie_sync.trash
               WHERE restored_at IS NULL ORDER BY deleted_at DESC, id LIMIT 1000";
    let client = link.session().await?;
    let found = match client.query(sql, &[]).await {
        Ok(found) => found,
        Err(e) if matches!(e.code().map(tokio_postgres::error::SqlState::code), Some("42P01" | "3F000")) => {
            return Ok(Vec::new());
        }
        Err(e) => return Err(Fault::from_postgres(e, link.side())),
    };
    let of_row = |r: &tokio_postgres::Row| Trashed {
        id: r.get(0),
        conversation_id: r.get(1),
        title: r.get(2),
        actor: r.get(3),
        deleted_at: r.get(4),
    };
    Ok(found.iter().map(of_row).collect())
}

/// Brings back what was deleted on a side.
pub async fn restore(pair: &Pair, key: Uuid, side: Side) -> Result<Written, Fault> {
    let link = pair.side(side);
    let shape = Shape::needed(link).await?;
    let mut client = hand::writable(link, SESSION).await?;
    let t = hand::begin(&mut client, side).await?;
    Writer { t: &t, side, shape: &shape }.restore(key).await?;
    t.commit().await.map_err(|e| Fault::from_postgres(e, side))?;
    Ok(match side {
        Side::Master => Written::OnMaster { replica_later: follow(pair).await },
        Side::Replica => {
            let _ = lock::ask(&pair.replica).await;
            Written::Queued { why: "it was deleted on the replica".to_owned() }
        }
    })
}

/// What came of one conversation of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// The conversation.
    pub id: Uuid,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, where it was refused.
    pub why: Option<String>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was written.
    Imported,
    /// It is there, and the same.
    Same,
    /// It is there, and not the same: it was left alone.
    Different,
    /// It could not be written.
    Refused,
}

/// The conversations of an exported file, each as JSON text.
pub fn documents(file: &str) -> Result<Vec<&str>, Fault> {
    #[derive(serde::Deserialize)]
    struct File<'a> {
        format: String,
        #[serde(borrow)]
        conversations: Vec<&'a RawValue>,
    }
    let wrong = |why: String| {
        Fault::new(Kind::Settings, why).remedy("robbie conversations export --format json writes such a file")
    };
    let read: File<'_> =
        serde_json::from_str(file).map_err(|e| wrong(format!("this is no export of conversations: {e}")))?;
    if read.format != conversation::export::FORMAT {
        return Err(wrong(format!("its format is {:?}; {:?} can be read", read.format, conversation::export::FORMAT)));
    }
    Ok(read.conversations.into_iter().map(RawValue::get).collect())
}

/// Writes a conversation of an export into the replica, and queues it for the master; what is there already is left alone.
pub async fn import(pair: &Pair, document: &str, dry: bool) -> Result<Imported, Fault> {
    let (id, user) = write::about(document)?;
    let link = &pair.replica;
    let shape = Shape::needed(link).await?;
    let named = match &user {
        Some(user) => text_id(pair, user).await?,
        None => None,
    };
    let mut client = if dry { link.dedicated(SESSION).await? } else { hand::writable(link, SESSION).await? };
    let t = hand::begin(&mut client, Side::Replica).await?;
    let writer = Writer { t: &t, side: Side::Replica, shape: &shape };
    let outcome = match writer.same(document).await? {
        Some(true) => Outcome::Same,
        Some(false) => Outcome::Different,
        None if dry => Outcome::Imported,
        None => match writer.insert(document, named.as_deref(), true).await {
            Ok(_) => Outcome::Imported,
            Err(fault) if fault.kind == Kind::Unreachable => return Err(fault),
            Err(fault) => return Ok(Imported { id, outcome: Outcome::Refused, why: Some(fault.to_string()) }),
        },
    };
    if outcome == Outcome::Imported && !dry {
        t.commit().await.map_err(|e| Fault::from_postgres(e, Side::Replica))?;
    }
    Ok(Imported { id, outcome, why: None })
}

/// The replica's name for a user that the file names by the master's id.
async fn text_id(pair: &Pair, user: &str) -> Result<Option<String>, Fault> {
    if user.parse::<Uuid>().is_err() {
        return Ok(None);
    }
    let sql = "SELECT min(text_id) FROM public.user_id_mapping WHERE uuid_id::text = $1";
    for link in [&pair.replica, &pair.master] {
        let Ok(shape) = Shape::read(link).await else { continue };
        if !shape.maps_users() {
            continue;
        }
        let client = link.session().await?;
        let row = client.query_one(sql, &[&user]).await.map_err(|e| Fault::from_postgres(e, link.side()))?;
        if let Some(name) = row.get::<_, Option<String>>(0) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}
