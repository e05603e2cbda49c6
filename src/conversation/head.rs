//! A conversation without its messages.

use super::filter::{has_code, moved};
use super::list::{Key, Sort};
use super::{Kind, Shape, rows};
use crate::postgres::statement::{Statement, Value};
use crate::postgres::{Fault, Link};
use tokio_postgres::Row;
use uuid::Uuid;

/// A conversation without its messages. Times are as the server prints them in UTC.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Conversation {
    /// Its key.
    pub id: Uuid,
    /// The user, by the replica's text id where it is known.
    pub user: Option<String>,
    /// The editor's session.
    pub session: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// `code`, `chat`, `debug` or `refactor`.
    pub context: Option<String>,
    /// When it began.
    pub created_at: Option<String>,
    /// When it was last changed.
    pub updated_at: Option<String>,
    /// When its last message was written.
    pub last_message_at: Option<String>,
    /// Seconds since then.
    pub age_s: Option<i64>,
    /// How many messages it says it has.
    pub message_count: Option<i64>,
    /// How many code blocks were cut out of it.
    pub blocks: i64,
    /// Whether there is code in it.
    pub has_code: bool,
    /// The languages of its code blocks.
    pub languages: Vec<String>,
    /// Metadata, as JSON text.
    #[serde(serialize_with = "super::export::raw_json")]
    pub metadata: Option<String>,
    /// Its place in the order that was asked for.
    #[serde(skip)]
    pub key: Key,
}

/// The columns of the conversation `c`; the last is its place in `sort`.
pub(super) fn columns(shape: &Shape, sort: Sort) -> String {
    let c = |name, sql_type| shape.column(Kind::Conversation, "c", name, sql_type);
    let of_blocks = |what: &str, none: &str| {
        if shape.has_column("code_blocks", "conversation_id") {
            format!("(SELECT {what} FROM public.code_blocks b WHERE b.conversation_id = c.id)")
        } else {
            none.to_owned()
        }
    };
    let moved = moved(shape, "c");
    format!(
        "c.id, {}, left({}::text, 200), left({}::text, 1000), {}::text, {}::text, {}::text, {}::text, \
         CASE WHEN isfinite({moved}) THEN extract(epoch FROM now() - {moved})::bigint END, {}::bigint, {}, {}, {}, {}::text, ({})::text",
        shape.user(Kind::Conversation, "c"),
        c("session_id", "text"),
        c("title", "text"),
        c("context_type", "text"),
        c("created_at", "timestamptz"),
        c("updated_at", "timestamptz"),
        c("last_message_at", "timestamptz"),
        c("message_count", "bigint"),
        of_blocks("count(*)", "0::bigint"),
        has_code(shape),
        of_blocks(
            "coalesce(array_agg(DISTINCT lower(b.language) ORDER BY lower(b.language)) FILTER (WHERE b.language IS NOT NULL), '{}')",
            "'{}'::text[]"
        ),
        c("metadata", "jsonb"),
        sort.expression(shape),
    )
}

impl Conversation {
    pub(super) fn from_row(row: &Row) -> Self {
        let id: Uuid = row.get(0);
        Self {
            id,
            user: row.get(1),
            session: row.get(2),
            title: row.get(3),
            context: row.get(4),
            created_at: row.get(5),
            updated_at: row.get(6),
            last_message_at: row.get(7),
            age_s: row.get(8),
            message_count: row.get(9),
            blocks: row.get(10),
            has_code: row.get(11),
            languages: row.get(12),
            metadata: row.get(13),
            key: Key { value: row.get::<_, Option<String>>(14).unwrap_or_default(), id },
        }
    }
}

/// Those of these conversations that a side has.
pub(super) async fn conversations(
    link: &Link,
    shape: &Shape,
    sort: Sort,
    ids: &[Uuid],
) -> Result<Vec<Conversation>, Fault> {
    let mut statement = Statement::new("SELECT ");
    statement.push(&columns(shape, sort)).push(" FROM public.code_conversations c WHERE c.id = ANY (");
    statement.bind(Value::Ids(ids.to_vec())).push(")");
    let client = link.session().await?;
    Ok(rows(&client, link, &statement).await?.iter().map(Conversation::from_row).collect())
}

/// One conversation of a side.
pub async fn conversation(link: &Link, shape: &Shape, id: Uuid) -> Result<Option<Conversation>, Fault> {
    Ok(conversations(link, shape, Sort::Recent, &[id]).await?.pop())
}
