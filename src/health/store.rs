//! Reads the health of a pair: one statement to each side, two when something changed or is slow.

use super::assemble::{Answer, assemble};
use super::facts::{MasterFacts, ReplicaFacts};
use super::report::Report;
use super::shape::{Shape, probe};
use super::statement::{self, COUNTED, Depth, Snapshot};
use crate::postgres::{Fault, Kind, Link, LinkStatus, Pair};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::{Client, SimpleQueryMessage};

/// A shape is believed this long; a statement that finds it wrong ends that at once.
const SHAPE_LIVES: Duration = Duration::from_secs(30);
/// Large tables are counted this often at most.
const COUNTS_LIVE: Duration = Duration::from_mins(1);
/// A side that says nothing for this long counts as lost (the server itself stops a statement after one second).
const PATIENCE: Duration = Duration::from_secs(4);
/// How long the master waits for the replica to say how far it has pulled, where that is known from the last time, and
/// where it is not.
const CURSOR_PATIENCE: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];

/// What is remembered from one reading to the next, so that a refresh is one statement.
#[derive(Clone, Debug, Default)]
pub struct Known {
    master: KnownSide,
    replica: KnownSide,
    cursor: Option<Snapshot>,
    node: Option<uuid::Uuid>,
}

#[derive(Clone, Debug, Default)]
struct KnownSide {
    shape: Option<(Arc<Shape>, Instant)>,
    counts: Vec<(String, ExactCount)>,
    counted_at: Option<Instant>,
    /// A session for these readings alone: over a million entries one takes a quarter of a second, and what others ask on the
    /// shared session would wait for it.
    session: Option<Arc<Client>>,
}

impl KnownSide {
    async fn session(&mut self, link: &Link) -> Result<Arc<Client>, Fault> {
        if let Some(open) = self.session.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(open));
        }
        let opened = Arc::new(link.dedicated("health").await?);
        self.session = Some(Arc::clone(&opened));
        Ok(opened)
    }
}

/// A count of a large table, and the writes the table had seen by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExactCount {
    pub count: i64,
    pub writes: i64,
}

/// Where the statements go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    /// To the session that the link shares.
    Shared,
    /// To one that is kept from reading to reading.
    Own,
}

/// Reads both sides at once, on sessions that it keeps, and judges them. A side that does not answer is a fact, not an error.
pub async fn read(pair: &Pair, known: Known) -> (Report, Known) {
    read_on(On::Own, pair, known).await
}

async fn read_on(on: On, pair: &Pair, known: Known) -> (Report, Known) {
    let Known { master: mut known_master, replica: mut known_replica, cursor, node } = known;
    let (tell, told) = tokio::sync::oneshot::channel();
    let replica = async {
        let answer: Answer<ReplicaFacts> = side(on, &pair.replica, &mut known_replica, statement::replica).await;
        let facts = answer.facts();
        let position = facts.and_then(|f| f.cursor.as_ref()).and_then(|c| Snapshot::parse(&c.snapshot));
        let id = facts.and_then(|f| f.node_id);
        // The master may have gone on without waiting.
        let _ = tell.send((position.clone(), id));
        (answer, position, id)
    };
    let master = async {
        let patience = CURSOR_PATIENCE[usize::from(cursor.is_none())];
        let fresh = tokio::time::timeout(patience, told).await.ok().and_then(Result::ok).unwrap_or_default();
        let (cursor, node) = (fresh.0.or(cursor.clone()), fresh.1.or(node));
        let ask = |shape: &Shape, depth| statement::master(shape, depth, cursor.as_ref(), node);
        side::<MasterFacts>(on, &pair.master, &mut known_master, ask).await
    };
    let ((replica, position, id), master) = tokio::join!(replica, master);
    let report = assemble(&master, &replica);
    let known = Known { master: known_master, replica: known_replica, cursor: position.or(cursor), node: id.or(node) };
    (report, known)
}

/// Reads a master and any number of replicas, for the command line.
pub async fn read_all(pairs: &[Pair]) -> Vec<Report> {
    futures_util::future::join_all(
        pairs.iter().map(|pair| async { read_on(On::Shared, pair, Known::default()).await.0 }),
    )
    .await
}

async fn side<F: DeserializeOwned>(
    on: On,
    link: &Link,
    known: &mut KnownSide,
    ask: impl Fn(&Shape, Depth) -> String,
) -> Answer<F> {
    let name = link.target().name.clone();
    match tokio::time::timeout(PATIENCE, answer(on, link, known, ask)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(fault)) => {
            *known = KnownSide::default();
            Answer::lost(name, &fault)
        }
        Err(_) => {
            *known = KnownSide::default();
            let silent = Fault::new(Kind::Unreachable, format!("no answer for {} s", PATIENCE.as_secs()))
                .on(link.side())
                .remedy("check the network, or whether the server is overloaded");
            Answer::lost(name, &silent)
        }
    }
}

async fn answer<F: DeserializeOwned>(
    on: On,
    link: &Link,
    known: &mut KnownSide,
    ask: impl Fn(&Shape, Depth) -> String,
) -> Result<Answer<F>, Fault> {
    // Asked for in any case: it says whether the link is up.
    let shared = link.session().await?;
    let client = if on == On::Own { known.session(link).await? } else { shared };
    let mut round_trip = None;
    let known_shape =
        known.shape.as_ref().filter(|(_, at)| at.elapsed() < SHAPE_LIVES).map(|(shape, _)| Arc::clone(shape));
    let mut shape = if let Some(shape) = known_shape {
        shape
    } else {
        let started = Instant::now();
        let shape = read_shape(link, &client).await?;
        round_trip = Some(started.elapsed());
        shape
    };
    let mut unchecked = Vec::new();
    let mut text = one_value(link, &client, &ask(&shape, Depth::Full)).await;
    if text.as_ref().is_err_and(|fault| matches!(fault.kind, Kind::Schema | Kind::Privilege)) {
        // Somebody migrated (or revoked) since the shape was read.
        shape = read_shape(link, &client).await?;
        text = one_value(link, &client, &ask(&shape, Depth::Full)).await;
    }
    let text = match text {
        Ok(text) => text,
        Err(fault) if fault.kind == Kind::Unreachable || fault.kind == Kind::Refused => return Err(fault),
        Err(fault) => {
            unchecked.push(why_unchecked(&fault));
            one_value(link, &client, &ask(&shape, Depth::Server)).await?
        }
    };
    let facts: F = serde_json::from_str(&text).map_err(|e| {
        Fault::new(Kind::Other, "the answer about its health could not be read").on(link.side()).because(e)
    })?;
    known.shape = known
        .shape
        .take()
        .filter(|(old, _)| Arc::ptr_eq(old, &shape))
        .or_else(|| Some((Arc::clone(&shape), Instant::now())));
    let (latency, tls) = match &*link.status().borrow() {
        LinkStatus::Up { latency, tls, .. } => (Some(*latency), Some(*tls)),
        _ => (None, None),
    };
    count_large_tables(link, &client, known, &shape, &text).await;
    Ok(Answer::Given {
        name: link.target().name.clone(),
        facts: Box::new(facts),
        shape,
        latency: latency.or(round_trip),
        tls,
        counts: known.counts.clone(),
        unchecked,
    })
}

/// Why a side was asked for less than everything.
fn why_unchecked(fault: &Fault) -> String {
    match fault.sqlstate.as_deref() {
        Some("57014") => "tables and queue: the server took over a second".to_owned(),
        Some("55P03") => "tables and queue: a lock was not free".to_owned(),
        _ => format!("tables and queue: {fault}"),
    }
}

/// The part of an answer that says how large the tables are.
#[derive(serde::Deserialize)]
struct Sizes {
    #[serde(default)]
    tables: Vec<super::facts::TableSize>,
}

/// Counts the tables that are too large for every refresh; what is not counted within a second stays an estimate.
async fn count_large_tables(link: &Link, client: &Client, known: &mut KnownSide, shape: &Shape, text: &str) {
    match known.counted_at {
        Some(at) if at.elapsed() < COUNTS_LIVE => return,
        // The first answer does not wait for a count.
        None => {
            known.counted_at = Instant::now().checked_sub(COUNTS_LIVE);
            return;
        }
        Some(_) => {}
    }
    let Ok(sizes) = serde_json::from_str::<Sizes>(text) else { return };
    let large: Vec<&str> = shape
        .tables()
        .into_iter()
        .zip(&sizes.tables)
        .filter(|(_, size)| size.counted.is_none_or(|n| n > COUNTED))
        .map(|((name, _), _)| name)
        .collect();
    known.counted_at = Some(Instant::now());
    if large.is_empty() {
        known.counts.clear();
        return;
    }
    let counted = one_value(link, client, &statement::exact_counts(&large)).await.ok();
    let counted = counted.and_then(|text| serde_json::from_str::<Vec<(i64, i64)>>(&text).ok()).unwrap_or_default();
    known.counts = large
        .into_iter()
        .zip(counted)
        .map(|(name, (count, writes))| (name.to_owned(), ExactCount { count, writes }))
        .collect();
}

async fn read_shape(link: &Link, client: &Client) -> Result<Arc<Shape>, Fault> {
    let text = one_value(link, client, &probe()).await?;
    let shape = Shape::parse(&text)
        .map_err(|e| Fault::new(Kind::Other, "the catalog's answer could not be read").on(link.side()).because(e))?;
    Ok(Arc::new(shape))
}

/// Runs statements that end in one row of one column, in one message: they are one transaction and one round trip,
/// and nothing they set stays behind on the shared session.
async fn one_value(link: &Link, client: &Client, sql: &str) -> Result<String, Fault> {
    let messages = client.simple_query(sql).await.map_err(|e| Fault::from_postgres(e, link.side()))?;
    messages
        .into_iter()
        .find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
            _ => None,
        })
        .ok_or_else(|| Fault::new(Kind::Other, "the server answered without a row").on(link.side()))
}
