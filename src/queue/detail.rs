//! One entry in full, read when someone opens it: payload, tries, and the other entries of the same row.

use super::diagnosis::Evidence;
use super::sql::{Statement, Value};
use super::{Anchor, Entry, Scope, Shape, State, filter, page, store};
use crate::postgres::{Fault, Kind, Side};
use serde::Serialize;
use tokio_postgres::Client;
use uuid::Uuid;

/// How many characters of a payload are read at once.
pub const CHUNK: i64 = 1 << 20;
/// How many tries and chained entries are read.
const MANY: i64 = 200;

/// One entry with everything that is kept about it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Detail {
    /// The entry as in a list.
    #[serde(flatten)]
    pub entry: Entry,
    /// The payload as PostgreSQL writes it, digit for digit; its first [`CHUNK`] characters.
    pub payload: String,
    /// The payload's whole length in characters.
    pub payload_chars: i64,
    /// The stored error, whole.
    pub error_text: Option<String>,
    /// When it was last tried.
    pub last_tried: Option<String>,
    /// When it is tried next.
    pub next_attempt: Option<String>,
    /// The entry it waits for.
    pub blocked_by: Option<Uuid>,
    /// The row before the edit, where the engine kept it.
    pub base: Option<String>,
    /// The tries, the latest first.
    pub tries: Vec<Attempt>,
    /// The other open entries of the same row, in their order.
    pub chain: Vec<Chained>,
}

impl Detail {
    /// What is known about its failure, from the whole error.
    pub fn evidence(&self) -> Evidence<'_> {
        Evidence { text: self.error_text.as_deref().unwrap_or_default(), ..self.entry.evidence() }
    }
}

/// One try of an entry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attempt {
    /// When.
    pub at: String,
    /// How long ago, in seconds.
    pub age_s: i64,
    /// By whom.
    pub actor: String,
    /// What it would do.
    pub verdict: String,
    /// What came of it.
    pub outcome: String,
    /// The SQLSTATE.
    pub sqlstate: Option<String>,
    /// The server's words.
    pub message: Option<String>,
    /// The object.
    pub object: Option<String>,
    /// How long it took.
    pub duration_ms: Option<f64>,
}

/// Another open entry of the same row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chained {
    /// Its id.
    pub id: Uuid,
    /// Its operation.
    pub operation: String,
    /// Where it stands.
    pub state: State,
    /// How long ago it was queued.
    pub age_s: Option<i64>,
    /// Whether it comes before the entry.
    pub before: bool,
}

/// Reads an entry in full, from the queue or else the archive; `None` where it is gone.
pub async fn read(client: &Client, shape: &Shape, id: Uuid) -> Result<Option<Detail>, Fault> {
    for place in shape.places() {
        if let Some(found) = read_from(client, &place, id).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

async fn read_from(client: &Client, shape: &Shape, id: Uuid) -> Result<Option<Detail>, Fault> {
    let scope = Scope {
        states: if shape.discarded { vec![State::Discarded] } else { State::QUEUED.to_vec() },
        filter: filter::Filter::Test(
            filter::Test::Text(filter::TextField::Id, vec![id.to_string()]),
            filter::Column::default(),
        ),
        ..Scope::default()
    };
    let listed = page::statement(shape, &scope, &Anchor::First, None, 1)
        .map_err(|error| Fault::new(Kind::Other, error.to_string()).on(Side::Replica))?;
    let whole = whole_statement(shape, id);
    let tries = tries_statement(id);
    let chain = chain_statement(shape, id);
    // Sent together: the shared session pipelines them.
    let (listed, whole, chain) =
        tokio::try_join!(store::rows(client, &listed), store::rows(client, &whole), store::rows(client, &chain))?;
    let (Some(entry), Some(whole)) = (listed.first().and_then(Entry::from_row), whole.first()) else { return Ok(None) };
    let tries = if shape.migrated { store::rows(client, &tries).await? } else { Vec::new() };
    Ok(Some(Detail {
        entry,
        payload: whole.get("payload"),
        payload_chars: whole.get("chars"),
        error_text: whole.get("error"),
        last_tried: whole.get("last_tried"),
        next_attempt: whole.get("next_attempt"),
        blocked_by: whole.get("blocked_by"),
        base: whole.get("base"),
        tries: tries
            .iter()
            .map(|row| Attempt {
                at: row.get("at"),
                age_s: row.get("age_s"),
                actor: row.get("actor"),
                verdict: row.get("verdict"),
                outcome: row.get("outcome"),
                sqlstate: row.get("sqlstate"),
                message: row.get("message"),
                object: row.get("object"),
                duration_ms: row.get("duration_ms"),
            })
            .collect(),
        chain: chain
            .iter()
            .map(|row| Chained {
                id: row.get("id"),
                operation: row.get("operation"),
                state: State::from_name(row.get("state")).unwrap_or(State::Pending),
                age_s: row.get("age_s"),
                before: row.get("before"),
            })
            .collect(),
    }))
}

fn whole_statement(shape: &Shape, id: Uuid) -> Statement {
    let engine = if shape.migrated {
        "case when e.state in ('ready', 'retry', 'blocked') then e.next_attempt_at::text end as next_attempt, \
         e.blocked_by, e.base::text as base"
    } else {
        "null::text as next_attempt, null::uuid as blocked_by, null::text as base"
    };
    let mut out = Statement::new(&format!(
        "select left(d.t, {CHUNK}) as payload, length(d.t)::bigint as chars, {} as error, {}::text as last_tried, {engine}",
        shape.error(),
        shape.last_tried().unwrap_or("null"),
    ));
    let payload = if shape.discarded { "a.data_text" } else { "p.data::text" };
    // OFFSET 0 keeps the planner from writing the payload's text three times.
    out.push(&shape.from()).push(&format!(" cross join lateral (select {payload} as t offset 0) d where p.id = "));
    out.bind(Value::Id(id));
    out
}

fn tries_statement(id: Uuid) -> Statement {
    let mut out = Statement::new(
        "select at::text, greatest(extract(epoch from now() - a.at), 0)::bigint as age_s, actor, verdict, outcome, \
         sqlstate, left(message, 2000) as message, object, duration_ms from robbie_sync.attempt a where entry_id = ",
    );
    out.bind(Value::Id(id)).push(" order by attempt_no desc limit ").bind(Value::Int(MANY));
    out
}

fn chain_statement(shape: &Shape, id: Uuid) -> Statement {
    let columns = format!(
        "p.id, p.operation::text, {} as state, \
         case when isfinite(p.created_at) then extract(epoch from now() - p.created_at)::bigint end as age_s",
        Shape { discarded: false, ..shape.clone() }.state()
    );
    let me = if shape.discarded {
        "(select entry_id, seq, entry_row ->> 'tbl' as tbl, entry_row -> 'pk' as pk from robbie_sync.archive)"
    } else {
        "robbie_sync.entry"
    };
    let mut out = if shape.migrated {
        Statement::new(&format!(
            "select {columns}, e.seq < me.seq as before from {me} me \
             join robbie_sync.entry e on e.tbl = me.tbl and e.pk = me.pk and e.entry_id <> me.entry_id \
             and e.state in ('ready', 'inflight', 'retry', 'blocked', 'quarantined') \
             join public.pending_sync p on p.id = e.entry_id where me.entry_id = "
        ))
    } else {
        Statement::new(&format!(
            "select {columns}, coalesce((p.created_at, p.id) < (me.created_at, me.id), false) as before \
             from public.pending_sync me join public.pending_sync p on p.table_name = me.table_name \
             and p.data ->> 'id' = me.data ->> 'id' and p.id <> me.id and p.synced_at is null where me.id = "
        ))
    };
    out.bind(Value::Id(id)).push(if shape.migrated { " order by e.seq" } else { " order by p.created_at, p.id" });
    out.push(" limit ").bind(Value::Int(MANY));
    out
}

/// Reads a further piece of a payload: [`CHUNK`] characters from `from` (counted from 0).
pub async fn payload_from(client: &Client, shape: &Shape, id: Uuid, from: i64) -> Result<String, Fault> {
    for place in shape.places() {
        let payload = if place.discarded { "a.data_text" } else { "p.data::text" };
        let mut statement = Statement::new(&format!("select substr({payload}, "));
        statement.bind(Value::Int(from + 1)).push("::int, ").bind(Value::Int(CHUNK)).push("::int)");
        statement.push(&place.from()).push(" where p.id = ").bind(Value::Id(id));
        if let Some(row) = store::rows(client, &statement).await?.first() {
            return Ok(row.get(0));
        }
    }
    Ok(String::new())
}

/// Finds the ids that begin so, in the queue and in the archive; at most `limit`.
pub async fn ids_beginning(client: &Client, shape: &Shape, beginning: &str, limit: i64) -> Result<Vec<Uuid>, Fault> {
    // The range of uuids with this beginning, so that the primary key is used.
    let hex: String = beginning.chars().filter(|c| *c != '-').collect();
    if hex.is_empty() || hex.len() > 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(Vec::new());
    }
    let bound = |fill: char| Uuid::parse_str(&format!("{hex}{}", fill.to_string().repeat(32 - hex.len())));
    let (Ok(low), Ok(high)) = (bound('0'), bound('f')) else { return Ok(Vec::new()) };
    let mut ids: Vec<Uuid> = Vec::new();
    for place in shape.places() {
        let from = if place.discarded { place.from() } else { " from public.pending_sync p".to_owned() };
        let mut statement = Statement::new("select p.id");
        statement.push(&from).push(" where p.id between ").bind(Value::Id(low)).push(" and ").bind(Value::Id(high));
        statement.push(" order by p.id limit ").bind(Value::Int(limit));
        ids.extend(store::rows(client, &statement).await?.iter().map(|row| row.get::<_, Uuid>(0)));
    }
    ids.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(ids)
}
