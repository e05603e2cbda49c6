//! What the pane asks of the databases, and the answers.

use super::window::{AROUND, Edge, PAGE};
use crate::postgres::{Fault, Link, Side};
use crate::queue::detail::{self, Detail};
use crate::queue::groups::{self, Groups};
use crate::queue::images::{self, Image};
use crate::queue::store::{self, Pulse, Total};
use crate::queue::starvation::{self, Worker};
use crate::queue::{Anchor, Columns, Page, Scope, Shape, columns};
use crate::sync::discard::{self, By, Put};
use crate::sync::{self, EntryOutcome, Mode, ReplayOptions};
use crate::ui::{Job, Services};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::Client;
use uuid::Uuid;

/// So long the first answer waits for the groups, so that the pane opens on them.
const GRACE: Duration = Duration::from_millis(40);

/// So many entries are tried before a replay of more is asked about.
const TRIED: usize = 2_000;

/// Work of the pane.
#[derive(Clone, Debug)]
pub enum Command {
    /// Finds the queue and reads the first page of the list.
    Open {
        /// Which question this is.
        question: u64,
        /// The list.
        scope: Box<Scope>,
        /// Where to begin.
        anchor: Anchor,
    },
    /// Reads a page at an edge of what is held.
    Page {
        /// Which question this is.
        question: u64,
        /// The shape of the queue.
        shape: Shape,
        /// The list.
        scope: Box<Scope>,
        /// Where to read.
        anchor: Anchor,
        /// Which edge; none replaces what is held.
        edge: Option<Edge>,
    },
    /// Looks whether the queue was written to, and reads the rows around the cursor again if it was.
    Refresh {
        /// Which question this is.
        question: u64,
        /// The shape of the queue.
        shape: Shape,
        /// The list.
        scope: Box<Scope>,
        /// Where to read.
        anchor: Anchor,
        /// Whether that is the list's beginning.
        from_start: bool,
        /// The last pulse; none reads in any case.
        pulse: Option<Pulse>,
    },
    /// Reads the groups.
    Groups {
        /// The shape of the queue.
        shape: Shape,
    },
    /// Counts what the list holds.
    Count {
        /// Which question this is.
        question: u64,
        /// The shape of the queue.
        shape: Shape,
        /// The list.
        scope: Box<Scope>,
    },
    /// Reads one entry in full, and its row on both sides.
    Detail {
        /// The shape of the queue.
        shape: Shape,
        /// The entry.
        id: Uuid,
    },
    /// Tries entries dry.
    Dry {
        /// The entries.
        ids: Vec<Uuid>,
        /// What the answer is for.
        then: Then,
    },
    /// Replays entries.
    Replay {
        /// The entries.
        ids: Vec<Uuid>,
        /// Applies what the engine holds back.
        force: bool,
    },
    /// Finds the ids of all that match, to act on them.
    Ids {
        /// Which question this is.
        question: u64,
        /// The shape of the queue.
        shape: Shape,
        /// What matches.
        scope: Box<Scope>,
        /// What for.
        purpose: Purpose,
    },
    /// Discards or restores entries, or says what a discard would do.
    Put {
        /// The entries.
        ids: Vec<Uuid>,
        /// Which of it.
        put: Putting,
    },
    /// Reads an entry whole for the clipboard.
    Copy {
        /// The shape of the queue.
        shape: Shape,
        /// The entry.
        id: Uuid,
    },
}

/// What entries are chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be marked.
    Marks,
    /// To be tried dry.
    Dry(Then),
    /// To be discarded.
    Discard,
}

/// Into the archive and out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Putting {
    /// Only to say what a discard would do.
    Look,
    /// Into the archive.
    Discard,
    /// Out of it.
    Restore,
}

impl Putting {
    /// While it goes on.
    pub fn doing(self) -> &'static str {
        match self {
            Self::Look => "looking at",
            Self::Discard => "discarding",
            Self::Restore => "restoring",
        }
    }
    /// When it is done.
    pub fn done(self) -> &'static str {
        if self == Self::Restore { "restored" } else { "discarded" }
    }
}

/// What a dry run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// To show the predicted row.
    Show,
    /// To say what would happen.
    Tell,
    /// To ask whether it shall happen.
    Ask,
}

/// Answers.
#[derive(Debug)]
pub enum Message {
    /// The queue was found.
    Opened {
        /// Which question this answers.
        question: u64,
        /// The shape of the queue.
        shape: Shape,
        /// Where the page was read from.
        anchor: Anchor,
        /// The first page.
        page: Page,
        /// How many entries there are.
        total: Total,
        /// The pulse at that time.
        pulse: Pulse,
        /// The groups, if they were quick.
        groups: Option<Groups>,
    },
    /// A page at an edge.
    Paged {
        /// Which question this answers.
        question: u64,
        /// Where the page was read from.
        anchor: Anchor,
        /// Which edge.
        edge: Option<Edge>,
        /// The page.
        page: Page,
    },
    /// Nothing was written since.
    Quiet,
    /// The rows around the cursor, read again.
    Refreshed {
        /// Which question this answers.
        question: u64,
        /// Whether they are the list's beginning.
        from_start: bool,
        /// The rows.
        page: Page,
        /// How many entries there are.
        total: Total,
        /// The pulse at that time.
        pulse: Pulse,
    },
    /// The groups, and how long reading them took.
    Grouped(Groups, Duration),
    /// How many entries the list holds, and how long counting them took.
    Counted {
        /// Which question this answers.
        question: u64,
        /// How many.
        count: i64,
        /// How long it took.
        took: Duration,
    },
    /// One entry in full; none if it is gone.
    Detail(Uuid, Option<Box<Detail>>),
    /// The row of an entry on both sides, or why not.
    Images(Uuid, Box<[Result<Image, Fault>; 2]>),
    /// What a replay would do.
    Dried(Vec<Uuid>, Then, Result<Vec<EntryOutcome>, Fault>),
    /// What a replay did.
    Replayed(Vec<Uuid>, Result<Vec<EntryOutcome>, Fault>),
    /// The ids of what is meant.
    Chosen {
        /// Which question this answers.
        question: u64,
        /// What for.
        purpose: Purpose,
        /// The entries.
        ids: Vec<Uuid>,
    },
    /// A write has begun.
    Begun,
    /// What became, or would become, of entries.
    Put(Vec<Uuid>, Putting, Result<Vec<Put>, Fault>),
    /// How the deployed worker fares.
    Worker(Worker),
    /// What the master knows of the columns of an entry's table.
    Columns(Uuid, Columns),
    /// An entry for the clipboard.
    Copied(String),
    /// A read failed.
    Failed {
        /// Which question this answers; none for what is beside the list.
        question: Option<u64>,
        /// Why.
        fault: Fault,
    },
}

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
            let tried = &ids[..ids.len().min(TRIED)];
            let outcomes = sync::replay(&pair, tried, options(Mode::Dry, false)).await;
            Ok(Message::Dried(ids, then, outcomes))
        }
        Command::Replay { ids, force } => {
            job.tell(Message::Begun);
            let outcomes = sync::replay(&pair, &ids, options(Mode::Apply, force)).await;
            Ok(Message::Replayed(ids, outcomes))
        }
        Command::Ids { question, shape, scope, purpose } => {
            aside(&pair.replica, "choice", &job, async |client| {
                let ids = store::ids(client, &shape, &scope).await?;
                Ok(Message::Chosen { question, purpose, ids })
            })
            .await
        }
        Command::Put { ids, put } => {
            let engine = services.engine().map(AsRef::as_ref);
            let by = By { actor: "console", reason: "from the console", engine };
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
    let shape = Shape::read(&client).await?;
    let (page, total, pulse) = tokio::try_join!(
        store::page(&client, &shape, scope, &anchor, PAGE),
        store::total(&client),
        store::pulse(&client),
    )?;
    let opened = |groups| Message::Opened { question, shape: shape.clone(), anchor, page, total, pulse, groups };
    let began = tokio::time::Instant::now();
    let all = Scope::default();
    if total.exact {
        // Few entries: the groups come at once, and the pane opens on them.
        job.tell(Message::Worker(starvation::read(&client, &shape).await?));
        return Ok(opened(Some(groups::read(&client, &shape, &all).await?)));
    }
    let read = aside(replica, "groups", job, async |client| groups::read(client, &shape, &all).await);
    let mut read = std::pin::pin!(read);
    if let Ok(groups) = timeout(GRACE, &mut read).await {
        return Ok(opened(Some(groups?)));
    }
    job.tell(opened(None));
    Ok(Message::Grouped(read.await?, began.elapsed()))
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
    let pulse = store::pulse(&client).await?;
    if last.as_ref() == Some(&pulse) {
        return Ok(None);
    }
    let (page, total) = tokio::try_join!(store::page(&client, shape, scope, anchor, AROUND), store::total(&client))?;
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

/// The entry as one JSON document, its payload digit for digit.
async fn whole(replica: &Link, shape: &Shape, id: Uuid) -> Result<String, Fault> {
    let client = replica.session().await?;
    let gone = || Fault::new(crate::postgres::Kind::Data, format!("the entry {id} is gone")).on(Side::Replica);
    let mut found = detail::read(&client, shape, id).await?.ok_or_else(gone)?;
    while (found.payload.chars().count() as i64) < found.payload_chars {
        let more = detail::payload_from(&client, id, found.payload.chars().count() as i64).await?;
        if more.is_empty() {
            break;
        }
        found.payload.push_str(&more);
    }
    let payload = std::mem::take(&mut found.payload);
    let rest = serde_json::to_string_pretty(&found).unwrap_or_default();
    // The payload goes in as the JSON that it is, not as a text that holds JSON.
    Ok(rest.replacen("\"payload\": \"\"", &format!("\"payload\": {payload}"), 1))
}
