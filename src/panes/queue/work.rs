//! How the pane's questions are asked of the databases.

use super::fixing;
use super::json::Layout;
use super::messages::{Command, Laid, Message, Putting, Then};
use super::window::{AROUND, FIRST, PAGE};
use crate::postgres::{Fault, Link, Side};
use crate::queue::detail::{self, Detail};
use crate::queue::groups;
use crate::queue::images::{self, Image};
use crate::queue::starvation;
use crate::queue::store::{self, Pulse, Total};
use crate::queue::{Anchor, Page, Scope, Shape, columns};
use crate::sync::adopt;
use crate::sync::discard::{self, By};
use crate::sync::freeze;
use crate::sync::undo;
use crate::sync::{self, Mode, ReplayOptions};
use crate::ui::{Job, Services};
use std::sync::Arc;
use tokio_postgres::Client;
use uuid::Uuid;

/// So many entries are tried before a replay of more is asked about.
const TRIED: usize = 2_000;

/// Remedies are done in this name.
const BY: By<'static> = By { actor: "console", reason: "a remedy, in the console", engine: None };

/// Does the work.
pub(super) async fn perform(command: Command, services: &Services, job: Job<Message>) -> Message {
    let pair = services.pair();
    let question = match &command {
        Command::Open { question, .. } | Command::Page { question, .. } | Command::Refresh { question, .. } => {
            Some(*question)
        }
        _ => None,
    };
    let done = match command {
        Command::Open { question, scope, anchor } => open(&pair.replica, question, &scope, anchor, &job).await,
        Command::Page { question, shape, scope, anchor, edge } => page(&pair.replica, &shape, &scope, &anchor)
            .await
            .map(|page| Message::Paged { question, anchor, edge, page }),
        Command::Refresh { question, shape, scope, anchor, from_start, pulse } => {
            refresh(&pair.replica, &shape, &scope, &anchor, pulse).await.map(|read| match read {
                Some((page, total, pulse)) => Message::Refreshed { question, from_start, page, total, pulse },
                None => Message::Quiet,
            })
        }
        Command::Groups { shape } => {
            aside(&pair.replica, "groups", &job, async |client| {
                let began = tokio::time::Instant::now();
                let groups = groups::read(client, &shape, &Scope::default()).await?;
                job.tell(Message::Worker(starvation::read(client, &shape).await?));
                Ok(Message::Grouped(groups, began.elapsed()))
            })
            .await
        }
        Command::Count { question, shape, scope } => {
            aside(&pair.replica, "count", &job, async |client| {
                let began = tokio::time::Instant::now();
                let count = store::count(client, &shape, &scope).await?;
                Ok(Message::Counted { question, count, took: began.elapsed() })
            })
            .await
        }
        Command::Detail { shape, id } => look(&pair.master, &pair.replica, &shape, id, &job).await,
        Command::Dry { ids, then } => {
            if then == Then::Ask {
                // Frozen before it is tried: what changes in between has drifted, and is not applied unseen.
                match freeze::freeze(&pair, &ids, false).await {
                    Ok(frozen) => job.tell(Message::Frozen(Box::new(frozen))),
                    Err(fault) => return Message::Dried(ids, then, Err(fault)),
                }
            }
            let tried = &ids[..ids.len().min(TRIED)];
            let outcomes = sync::replay(&pair, tried, options(Mode::Dry, false)).await;
            Ok(Message::Dried(ids, then, outcomes))
        }
        Command::Replay { ids, force, frozen } => {
            job.tell(Message::Begun);
            let options = options(Mode::Apply, force);
            let outcomes = match frozen {
                Some(frozen) => sync::replay_frozen(&pair, &frozen, options).await,
                None => sync::replay(&pair, &ids, options).await,
            };
            Ok(Message::Replayed(ids, outcomes))
        }
        Command::Edit(ask) => return super::editor::work::perform(ask, services, &job).await,
        Command::Start { frozen, options } => return super::job::start(services, *frozen, options).await,
        Command::Ids { question, shape, scope, purpose } => {
            aside(&pair.replica, "choice", &job, async |client| {
                let ids = store::ids(client, &shape, &scope).await?;
                Ok(Message::Chosen { question, purpose, ids })
            })
            .await
        }
        Command::Put { ids, put, reason } => {
            let engine = services.engine().map(AsRef::as_ref);
            let by = By { actor: "console", reason: &reason, engine };
            if put != Putting::Look {
                job.tell(Message::Begun);
            }
            let found = match put {
                Putting::Look => discard::preview(&pair, &ids).await,
                Putting::Discard => discard::discard(&pair, &ids, by).await,
                Putting::Restore => discard::restore(&pair, &ids, by).await,
            };
            Ok(Message::Put(ids, put, found))
        }
        Command::Undo { ids, redo, dry, reason } => {
            if !dry {
                job.tell(Message::Begun);
            }
            let mode = if dry { Mode::Dry } else { Mode::Apply };
            let by = By { actor: "console", reason: &reason, engine: None };
            let found =
                if redo { undo::redo(&pair, &ids, mode, by).await } else { undo::undo(&pair, &ids, mode, by).await };
            Ok(Message::Undone { ids, redo, dry, reason, found })
        }
        Command::Plan { shape, id } => Ok(Message::Planned(id, fixing::plan(&pair, &shape, id, BY).await)),
        Command::FindUser { id, text, waiting, named } => {
            let user = async {
                let master = pair.master.session().await?;
                adopt::user_named(&master, &named).await
            };
            Ok(Message::UserFound { id, text, waiting, user: user.await })
        }
        Command::Mend { id, mend } => {
            job.tell(Message::Begun);
            let by = By { engine: services.engine().map(AsRef::as_ref), ..BY };
            Ok(Message::Mended(id, fixing::mend(&pair, id, mend, by).await))
        }
        Command::Parent { id } => Ok(Message::Parent(id, adopt::parent(&pair, id, false).await)),
        Command::Rest { shape, id } => rest(&pair.replica, &shape, id).await,
        Command::Copy { shape, id } => whole(&pair.replica, &shape, id).await.map(Message::Copied),
    };
    done.unwrap_or_else(|fault| Message::Failed { question, fault })
}

fn options(mode: Mode, force: bool) -> ReplayOptions {
    ReplayOptions { mode, actor: "console".to_owned(), reason: None, force }
}

async fn open(
    replica: &Arc<Link>,
    question: u64,
    scope: &Scope,
    anchor: Anchor,
    job: &Job<Message>,
) -> Result<Message, Fault> {
    let client = replica.session().await?;
    // Asked before the page: what is written between counts as news. And what the shape refuses is told, not what follows from it.
    let (shape, news) = tokio::join!(Shape::read(&client), store::news(&client, None));
    let (shape, (pulse, total)) = (shape?, news?.unwrap_or_default());
    let page = store::page(&client, &shape, scope, &anchor, FIRST).await?;
    let mut groups = None;
    if total.exact {
        // Few entries: the groups come at once, and the pane opens on them. Else the pane asks for them.
        job.tell(Message::Worker(starvation::read(&client, &shape).await?));
        groups = Some(groups::read(&client, &shape, &Scope::default()).await?);
    }
    Ok(Message::Opened { question, shape, anchor, page, total, pulse, groups })
}

async fn page(replica: &Link, shape: &Shape, scope: &Scope, anchor: &Anchor) -> Result<Page, Fault> {
    let client = replica.session().await?;
    store::page(&client, shape, scope, anchor, PAGE).await
}

async fn refresh(
    replica: &Link,
    shape: &Shape,
    scope: &Scope,
    anchor: &Anchor,
    last: Option<Pulse>,
) -> Result<Option<(Page, Total, Pulse)>, Fault> {
    let client = replica.session().await?;
    let Some((pulse, total)) = store::news(&client, last.as_ref()).await? else { return Ok(None) };
    let page = store::page(&client, shape, scope, anchor, AROUND).await?;
    Ok(Some((page, total, pulse)))
}

/// Does something long on a session of its own, so that pages do not queue behind it; dropping the job cancels it.
async fn aside<T>(
    link: &Arc<Link>,
    purpose: &str,
    job: &Job<Message>,
    work: impl AsyncFnOnce(&Client) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let client = Arc::new(link.dedicated(&format!("queue {purpose}")).await?);
    let (session, link) = (Arc::clone(&client), Arc::clone(link));
    job.when_cancelled(async move {
        // If it cannot be cancelled, the statement's time limit ends it.
        let _ = link.cancel(&session).await;
    });
    work(&client).await
}

async fn look(master: &Link, replica: &Link, shape: &Shape, id: Uuid, job: &Job<Message>) -> Result<Message, Fault> {
    let client = replica.session().await?;
    let Some(found) = detail::read(&client, shape, id).await? else { return Ok(Message::Detail(id, None)) };
    let (table, payload) = (found.entry.table.clone(), found.payload.clone());
    job.tell(Message::Laid(id, lay_out(payload.clone(), found.payload_chars).await));
    job.tell(Message::Detail(id, Some(Box::new(found))));
    let on = async |link: &Link, side: Side| {
        let session = link.session().await?;
        images::read(&session, side, &client, shape, id, &table).await
    };
    let (there, here) = tokio::join!(on(replica, Side::Replica), on(master, Side::Master));
    if let Ok(session) = master.session().await {
        let mut texts = vec![payload.as_str()];
        texts.extend([&there, &here].into_iter().filter_map(|image| match image {
            Ok(Image::Row(row)) => Some(row.as_str()),
            _ => None,
        }));
        // Without it, more is drawn as different than is.
        if let Ok(columns) = columns::read(&session, &table, &texts).await {
            job.tell(Message::Columns(id, columns));
        }
    }
    Ok(Message::Images(id, Box::new([there, here])))
}

/// Lays a payload out, away from where keys are answered and the screen is drawn.
async fn lay_out(payload: String, chars: i64) -> Laid {
    let lay = move || {
        let missing = chars - payload.chars().count() as i64;
        Layout::new(payload, missing)
    };
    Arc::new(tokio::task::spawn_blocking(lay).await.unwrap_or_default())
}

/// A long payload to its end.
async fn rest(replica: &Link, shape: &Shape, id: Uuid) -> Result<Message, Fault> {
    let client = replica.session().await?;
    let Some(mut found) = detail::read(&client, shape, id).await? else { return Ok(Message::Detail(id, None)) };
    read_rest(&client, shape, &mut found).await?;
    Ok(Message::Laid(id, lay_out(found.payload, found.payload_chars).await))
}

async fn read_rest(client: &Client, shape: &Shape, found: &mut Detail) -> Result<(), Fault> {
    let mut held = found.payload.chars().count() as i64;
    while held < found.payload_chars {
        let more = detail::payload_from(client, shape, found.entry.id, held).await?;
        if more.is_empty() {
            break;
        }
        held += more.chars().count() as i64;
        found.payload.push_str(&more);
    }
    Ok(())
}

/// The entry as one JSON document, its payload digit for digit.
async fn whole(replica: &Link, shape: &Shape, id: Uuid) -> Result<String, Fault> {
    let client = replica.session().await?;
    let gone = || Fault::new(crate::postgres::Kind::Data, format!("the entry {id} is gone")).on(Side::Replica);
    let mut found = detail::read(&client, shape, id).await?.ok_or_else(gone)?;
    read_rest(&client, shape, &mut found).await?;
    let payload = std::mem::take(&mut found.payload);
    let rest = serde_json::to_string_pretty(&found).unwrap_or_default();
    // The payload goes in as the JSON that it is, not as a text that holds JSON.
    Ok(rest.replacen("\"payload\": \"\"", &format!("\"payload\": {payload}"), 1))
}
