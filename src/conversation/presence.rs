//! Whether both sides hold the same conversation, which messages differ, and what the queue still has for it.

use super::{Kind, Shape, rows};
use crate::postgres::statement::{Statement, Value};
use crate::postgres::{Fault, Link};
use std::collections::BTreeMap;
use tokio_postgres::Client;
use uuid::Uuid;

/// Where a conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// On both sides, the same.
    Equal,
    /// On both sides, not the same.
    Different,
    /// On the master only.
    MasterOnly,
    /// On the replica only.
    ReplicaOnly,
    /// On the side that was asked; the other one could not be.
    Unknown,
    /// Not compared yet.
    Pending,
}

impl Presence {
    /// The glyph of it.
    pub fn glyph(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Different => "≠",
            Self::MasterOnly => "◂",
            Self::ReplicaOnly => "▸",
            Self::Unknown => "?",
            Self::Pending => "…",
        }
    }
    /// The words of it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Equal => "both sides, equal",
            Self::Different => "both sides, different",
            Self::MasterOnly => "master only",
            Self::ReplicaOnly => "replica only",
            Self::Unknown => "the other side cannot be asked",
            Self::Pending => "not compared yet",
        }
    }
}

/// What a conversation comes to on one side: equal digests mean equal conversations, messages and blocks.
pub type Digests = BTreeMap<Uuid, String>;

/// The digest of one row. Times go in as what they are, whatever the column's type; what triggers keep (counts, times of the last
/// change) stays out: it says nothing that the messages do not.
fn row_digest(shape: &Shape, kind: Kind, alias: &str, columns: &[(&str, &str)]) -> String {
    let parts: Vec<String> = columns
        .iter()
        .map(|(column, sql_type)| match (*column, *sql_type) {
            ("user_id", _) => shape.user(kind, alias),
            (column, "timestamptz") => {
                format!("extract(epoch FROM {})::text", shape.column(kind, alias, column, sql_type))
            }
            (column, _) => format!("{}::text", shape.column(kind, alias, column, sql_type)),
        })
        .collect();
    format!("md5(ROW({})::text)", parts.join(", "))
}

const CONVERSATION: &[(&str, &str)] = &[
    ("user_id", "text"),
    ("session_id", "text"),
    ("title", "text"),
    ("context_type", "text"),
    ("created_at", "timestamptz"),
    ("metadata", "jsonb"),
];
const MESSAGE: &[(&str, &str)] =
    &[("role", "text"), ("content", "text"), ("created_at", "timestamptz"), ("metadata", "jsonb")];
const BLOCK: &[(&str, &str)] = &[
    ("file_path", "text"),
    ("language", "text"),
    ("content", "text"),
    ("tags", "text[]"),
    ("session_id", "text"),
    ("created_at", "timestamptz"),
    ("metadata", "jsonb"),
];

/// What each of these conversations comes to on a side; those it does not have are left out.
pub async fn digests(link: &Link, shape: &Shape, ids: &[Uuid]) -> Result<Digests, Fault> {
    let of_rows = |kind: Kind, columns| {
        if shape.has_column(kind.table(), "conversation_id") {
            let digest = row_digest(shape, kind, "r", columns);
            format!(
                "(SELECT md5(string_agg(r.id::text || {digest}, ',' ORDER BY r.id)) FROM public.{} r WHERE r.conversation_id = c.id)",
                kind.table()
            )
        } else {
            "NULL::text".to_owned()
        }
    };
    let mut statement = Statement::new("SELECT c.id, concat_ws('/', ");
    statement.push(&row_digest(shape, Kind::Conversation, "c", CONVERSATION)).push(", coalesce(");
    statement.push(&of_rows(Kind::Message, MESSAGE)).push(", '-'), coalesce(");
    statement.push(&of_rows(Kind::Block, BLOCK)).push(", '-')) FROM public.code_conversations c WHERE c.id = ANY (");
    statement.bind(Value::Ids(ids.to_vec())).push(")");
    let client = link.session().await?;
    Ok(rows(&client, link, &statement).await?.iter().map(|r| (r.get(0), r.get(1))).collect())
}

/// Where a message is, compared with the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageMark {
    /// On both sides, not the same.
    Different,
    /// On the master only.
    MasterOnly,
    /// On the replica only.
    ReplicaOnly,
}

/// The messages of a conversation that are not the same on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Differing {
    /// Each with where it is.
    pub messages: BTreeMap<Uuid, MessageMark>,
}

async fn message_digests(link: &Link, shape: &Shape, conversation: Uuid) -> Result<Digests, Fault> {
    if !shape.has_column("code_messages", "conversation_id") {
        return Ok(Digests::new());
    }
    let mut statement = Statement::new("SELECT m.id, ");
    statement.push(&row_digest(shape, Kind::Message, "m", MESSAGE));
    statement.push(" FROM public.code_messages m WHERE m.conversation_id = ").bind(Value::Id(conversation));
    let client = link.session().await?;
    Ok(rows(&client, link, &statement).await?.iter().map(|r| (r.get(0), r.get(1))).collect())
}

/// Compares the messages of a conversation between the sides.
pub async fn differing(master: (&Link, &Shape), replica: (&Link, &Shape), id: Uuid) -> Result<Differing, Fault> {
    let (theirs, ours) =
        tokio::try_join!(message_digests(master.0, master.1, id), message_digests(replica.0, replica.1, id))?;
    let mut messages = BTreeMap::new();
    for (id, digest) in &theirs {
        match ours.get(id) {
            None => _ = messages.insert(*id, MessageMark::MasterOnly),
            Some(other) if other != digest => _ = messages.insert(*id, MessageMark::Different),
            Some(_) => {}
        }
    }
    for id in ours.keys().filter(|id| !theirs.contains_key(id)) {
        messages.insert(*id, MessageMark::ReplicaOnly);
    }
    Ok(Differing { messages })
}

/// What the queue has for conversations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queued {
    /// Entries that were not sent, for each conversation that has some.
    pub entries: BTreeMap<Uuid, i64>,
    /// Whether only the oldest part of the queue was looked through.
    pub partly: bool,
}

/// How many entries that were not sent are looked through.
const LOOKED_THROUGH: i64 = 50_000;

/// Counts the entries that were not sent of these conversations, their messages and their blocks.
pub async fn queued(client: &Client, link: &Link, shape: &Shape, ids: &[Uuid]) -> Result<Queued, Fault> {
    if !shape.has_column("pending_sync", "data") || ids.is_empty() {
        return Ok(Queued::default());
    }
    let texts: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    let mut statement = Statement::new(
        "WITH open AS MATERIALIZED (
           SELECT p.table_name::text AS tbl, p.data FROM public.pending_sync p WHERE p.synced_at IS NULL LIMIT ",
    );
    statement.bind(Value::Int(LOOKED_THROUGH)).push(
        "), named AS (
           SELECT lower(CASE WHEN jsonb_typeof(data) <> 'object' THEN NULL
                             WHEN tbl = 'code_conversations' THEN data ->> 'id'
                             WHEN tbl IN ('code_messages', 'code_blocks') THEN data ->> 'conversation_id' END) AS id FROM open)
         SELECT n.id, count(*), (SELECT count(*) FROM open) FROM named n WHERE n.id = ANY (",
    );
    statement.bind(Value::Texts(texts)).push(") GROUP BY n.id");
    let mut queued = Queued::default();
    for row in rows(client, link, &statement).await? {
        if let Ok(id) = row.get::<_, String>(0).parse() {
            queued.entries.insert(id, row.get(1));
        }
        queued.partly |= row.get::<_, i64>(2) >= LOOKED_THROUGH;
    }
    Ok(queued)
}
