//! What a conversation holds, read in pages: messages, code blocks; and the learned patterns.

use super::{Kind, Shape, rows};
use crate::postgres::statement::{Statement, Value};
use crate::postgres::{Fault, Link};
use tokio_postgres::Row;
use uuid::Uuid;

/// Up to how many characters of a text a page carries; all of it comes with [`message`] and the export.
const SHOWN: usize = 200_000;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Message {
    /// Its key.
    pub id: Uuid,
    /// `user`, `assistant` or `system`.
    pub role: String,
    /// Markdown.
    pub content: String,
    /// How many characters it has where `content` is only its beginning.
    pub cut: Option<i64>,
    /// When it was written.
    pub created_at: Option<String>,
    /// The model that wrote it.
    pub model: Option<String>,
    /// Its length in tokens.
    pub tokens: Option<String>,
    /// Which embedder made its vector; `None` where there is no vector, or nobody said.
    pub embedder: Option<String>,
    /// Whether it has a vector.
    pub embedded: bool,
    /// Its place in the conversation.
    #[serde(skip)]
    pub place: (String, Uuid),
}

/// Messages in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessagePage {
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether more follow.
    pub more: bool,
}

/// When a row was made; never NULL.
fn made(shape: &Shape, kind: Kind, alias: &str) -> String {
    let column = shape.column(kind, alias, "created_at", "timestamptz");
    format!("coalesce({column}::timestamptz, '0001-01-01 00:00:00+00'::timestamptz)")
}

fn embedded(shape: &Shape, kind: Kind, alias: &str) -> String {
    if shape.has_column(kind.table(), "embedding") {
        format!("{alias}.embedding IS NOT NULL")
    } else {
        "false".to_owned()
    }
}

fn columns(shape: &Shape, shown: usize) -> String {
    let m = |name, sql_type| shape.column(Kind::Message, "m", name, sql_type);
    let content = m("content", "text");
    format!(
        "m.id, coalesce({}::text, ''), left(coalesce({content}, ''), {shown}), \
         CASE WHEN char_length({content}) > {shown} THEN char_length({content})::bigint END, {}::text, {}, {}, {}, {}, ({})::text",
        m("role", "text"),
        m("created_at", "timestamptz"),
        shape.metadata(Kind::Message, "m", "model"),
        shape.metadata(Kind::Message, "m", "tokens"),
        shape.metadata(Kind::Message, "m", "embedder"),
        embedded(shape, Kind::Message, "m"),
        made(shape, Kind::Message, "m"),
    )
}

fn of_row(row: &Row) -> Message {
    let id: Uuid = row.get(0);
    Message {
        id,
        role: row.get(1),
        content: row.get(2),
        cut: row.get(3),
        created_at: row.get(4),
        model: row.get(5),
        tokens: row.get(6),
        embedder: row.get(7),
        embedded: row.get(8),
        place: (row.get(9), id),
    }
}

/// Where messages are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// The first ones.
    Start,
    /// The last ones.
    End,
    /// Those behind a place.
    After((String, Uuid)),
    /// Those before a place.
    Before((String, Uuid)),
}

/// Reads at most `limit` messages; in their order, wherever they are read from.
pub async fn messages(
    link: &Link,
    shape: &Shape,
    conversation: Uuid,
    from: &From,
    limit: u16,
) -> Result<MessagePage, Fault> {
    if !shape.has_column("code_messages", "conversation_id") {
        return Ok(MessagePage::default());
    }
    let made = made(shape, Kind::Message, "m");
    let back = matches!(from, From::End | From::Before(_));
    let mut statement = Statement::new("SELECT ");
    statement.push(&columns(shape, SHOWN)).push(" FROM public.code_messages m WHERE m.conversation_id = ");
    statement.bind(Value::Id(conversation));
    if let From::After((at, id)) | From::Before((at, id)) = from {
        let sign = if back { "<" } else { ">" };
        statement.push(&format!(" AND ({made}, m.id) {sign} (")).text_value(at.clone()).push("::text::timestamptz, ");
        statement.bind(Value::Id(*id)).push(")");
    }
    let way = if back { " DESC" } else { "" };
    statement.push(&format!(" ORDER BY {made}{way}, m.id{way} LIMIT ")).bind(Value::Int(i64::from(limit) + 1));
    let client = link.session().await?;
    let mut messages: Vec<Message> = rows(&client, link, &statement).await?.iter().map(of_row).collect();
    let more = messages.len() > usize::from(limit);
    messages.truncate(usize::from(limit));
    if back {
        messages.reverse();
    }
    Ok(MessagePage { messages, more })
}

/// One message with all of its text.
pub async fn message(link: &Link, shape: &Shape, id: Uuid) -> Result<Option<Message>, Fault> {
    let mut statement = Statement::new("SELECT ");
    statement
        .push(&columns(shape, i32::MAX as usize))
        .push(" FROM public.code_messages m WHERE m.id = ")
        .bind(Value::Id(id));
    let client = link.session().await?;
    Ok(rows(&client, link, &statement).await?.first().map(of_row))
}

/// A code block.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Block {
    /// Its key.
    pub id: Uuid,
    /// The conversation it was cut from.
    pub conversation_id: Option<Uuid>,
    /// The file it belongs to.
    pub file_path: String,
    /// Its language.
    pub language: String,
    /// The code.
    pub content: String,
    /// Tags.
    pub tags: Vec<String>,
    /// The editor's session.
    pub session: Option<String>,
    /// When it was made.
    pub created_at: Option<String>,
    /// Whether it has a vector.
    pub embedded: bool,
}

/// Which code blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockFilter {
    /// This one.
    pub id: Option<Uuid>,
    /// Of this conversation.
    pub conversation: Option<Uuid>,
    /// What the file's path holds.
    pub file: Option<String>,
    /// The language.
    pub language: Option<String>,
    /// A tag.
    pub tag: Option<String>,
    /// The session.
    pub session: Option<String>,
}

/// Lists code blocks, the newest first, behind the last of the page before.
pub async fn blocks(
    link: &Link,
    shape: &Shape,
    filter: &BlockFilter,
    after: Option<Uuid>,
    limit: u16,
) -> Result<(Vec<Block>, bool), Fault> {
    if !shape.has(Kind::Block) {
        return Ok((Vec::new(), false));
    }
    let b = |name, sql_type| shape.column(Kind::Block, "b", name, sql_type);
    let made = made(shape, Kind::Block, "b");
    let mut s = Statement::new(&format!(
        "SELECT b.id, {}::uuid, coalesce({}::text, ''), coalesce({}::text, ''), left(coalesce({}, ''), {SHOWN}), \
         coalesce({}::text[], '{{}}'), {}::text, {}::text, {} FROM public.code_blocks b WHERE true",
        b("conversation_id", "uuid"),
        b("file_path", "text"),
        b("language", "text"),
        b("content", "text"),
        b("tags", "text[]"),
        b("session_id", "text"),
        b("created_at", "timestamptz"),
        embedded(shape, Kind::Block, "b"),
    ));
    if let Some(id) = filter.id {
        s.push(" AND b.id = ").bind(Value::Id(id));
    }
    if let Some(id) = filter.conversation {
        s.push(&format!(" AND {}::uuid = ", b("conversation_id", "uuid"))).bind(Value::Id(id));
    }
    if let Some(file) = &filter.file {
        s.push(&format!(" AND strpos(lower({}), lower(", b("file_path", "text")))
            .text_value(file.clone())
            .push(")) > 0");
    }
    if let Some(language) = &filter.language {
        s.push(&format!(" AND lower({}) = lower(", b("language", "text"))).text_value(language.clone()).push(")");
    }
    if let Some(tag) = &filter.tag {
        s.push(" AND ").text_value(tag.clone()).push(&format!(" = ANY ({}::text[])", b("tags", "text[]")));
    }
    if let Some(session) = &filter.session {
        s.push(&format!(" AND {}::text = ", b("session_id", "text"))).text_value(session.clone());
    }
    if let Some(after) = after {
        let place = made.replace("b.", "a.");
        s.push(&format!(" AND ({made}, b.id) < (SELECT {place}, a.id FROM public.code_blocks a WHERE a.id = "));
        s.bind(Value::Id(after)).push(")");
    }
    s.push(&format!(" ORDER BY {made} DESC, b.id DESC LIMIT ")).bind(Value::Int(i64::from(limit) + 1));
    let client = link.session().await?;
    let mut found: Vec<Block> = rows(&client, link, &s)
        .await?
        .iter()
        .map(|r| Block {
            id: r.get(0),
            conversation_id: r.get(1),
            file_path: r.get(2),
            language: r.get(3),
            content: r.get(4),
            tags: r.get(5),
            session: r.get(6),
            created_at: r.get(7),
            embedded: r.get(8),
        })
        .collect();
    let more = found.len() > usize::from(limit);
    found.truncate(usize::from(limit));
    Ok((found, more))
}

/// One code block.
pub async fn block(link: &Link, shape: &Shape, id: Uuid) -> Result<Option<Block>, Fault> {
    let filter = BlockFilter { id: Some(id), ..BlockFilter::default() };
    Ok(blocks(link, shape, &filter, None, 1).await?.0.pop())
}

/// A learned pattern.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Pattern {
    /// Its key.
    pub id: Uuid,
    /// The user it was learned from.
    pub user: Option<String>,
    /// One of the five types.
    pub pattern_type: String,
    /// Its name.
    pub name: String,
    /// An example.
    pub example: String,
    /// Why.
    pub explanation: Option<String>,
    /// How often it was seen.
    pub frequency: i64,
    /// When it was last used.
    pub last_used: Option<String>,
    /// Whether it has a vector.
    pub embedded: bool,
}

/// Lists learned patterns, the most frequent first, and among those the last used; of a type where one is given.
pub async fn patterns(
    link: &Link,
    shape: &Shape,
    of_type: Option<&str>,
    limit: u16,
) -> Result<(Vec<Pattern>, bool), Fault> {
    patterns_of(link, shape, of_type, None, limit).await
}

/// One pattern.
pub async fn pattern(link: &Link, shape: &Shape, id: Uuid) -> Result<Option<Pattern>, Fault> {
    Ok(patterns_of(link, shape, None, Some(id), 1).await?.0.pop())
}

async fn patterns_of(
    link: &Link,
    shape: &Shape,
    of_type: Option<&str>,
    id: Option<Uuid>,
    limit: u16,
) -> Result<(Vec<Pattern>, bool), Fault> {
    if !shape.has(Kind::Pattern) {
        return Ok((Vec::new(), false));
    }
    let p = |name, sql_type| shape.column(Kind::Pattern, "p", name, sql_type);
    let mut s = Statement::new(&format!(
        "SELECT p.id, {}, coalesce({}::text, ''), coalesce({}::text, ''), left(coalesce({}, ''), {SHOWN}), left({}, {SHOWN}), \
         coalesce({}::bigint, 0), {}::text, {} FROM public.learned_patterns p WHERE true",
        shape.user(Kind::Pattern, "p"),
        p("pattern_type", "text"),
        p("pattern_name", "text"),
        p("example_code", "text"),
        p("explanation", "text"),
        p("frequency", "bigint"),
        p("last_used", "timestamptz"),
        embedded(shape, Kind::Pattern, "p"),
    ));
    if let Some(of_type) = of_type {
        s.push(&format!(" AND {}::text = ", p("pattern_type", "text"))).text_value(of_type);
    }
    if let Some(id) = id {
        s.push(" AND p.id = ").bind(Value::Id(id));
    }
    s.push(&format!(
        " ORDER BY coalesce({}::bigint, 0) DESC, {} DESC NULLS LAST, p.id LIMIT ",
        p("frequency", "bigint"),
        p("last_used", "timestamptz")
    ));
    s.bind(Value::Int(i64::from(limit) + 1));
    let client = link.session().await?;
    let mut found: Vec<Pattern> = rows(&client, link, &s)
        .await?
        .iter()
        .map(|r| Pattern {
            id: r.get(0),
            user: r.get(1),
            pattern_type: r.get(2),
            name: r.get(3),
            example: r.get(4),
            explanation: r.get(5),
            frequency: r.get(6),
            last_used: r.get(7),
            embedded: r.get(8),
        })
        .collect();
    let more = found.len() > usize::from(limit);
    found.truncate(usize::from(limit));
    Ok((found, more))
}
