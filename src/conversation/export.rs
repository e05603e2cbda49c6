//! Conversations as files: Markdown to read, JSON that loses nothing.

use super::{From, Kind, Shape, Sides};
use crate::postgres::{Fault, Kind as FaultKind, Link, Side};
use std::fmt::Write as _;
use std::path::Path;
use tokio_postgres::GenericClient;
use uuid::Uuid;

/// The name of the JSON form; it changes when a reader must change.
pub const FORMAT: &str = "robbie-conversations/1";

/// Writes JSON text into a document as what it is, so that no number passes through a float.
#[expect(clippy::ref_option, reason = "the form in which serde calls it")]
pub(super) fn raw_json<S: serde::Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::Serialize;
    let value: Option<Box<serde_json::value::RawValue>> =
        text.as_ref().and_then(|text| serde_json::value::RawValue::from_string(text.clone()).ok());
    value.serialize(serializer)
}

/// One conversation as JSON text: its row, its messages' and its blocks', each with all columns as the database has them.
/// `None` where the side does not have it.
pub async fn json(link: &Link, shape: &Shape, id: Uuid) -> Result<Option<String>, Fault> {
    let client = link.session().await?;
    document(&*client, link.side(), shape, id).await
}

/// The same, within a transaction or not.
pub(super) async fn document<C: GenericClient + Sync>(
    client: &C,
    side: Side,
    shape: &Shape,
    id: Uuid,
) -> Result<Option<String>, Fault> {
    let of = |kind: Kind| {
        if shape.has_column(kind.table(), "conversation_id") {
            let order = shape.column(kind, "r", "created_at", "timestamptz");
            format!(
                "(SELECT coalesce(string_agg(to_jsonb(r)::text, E',\\n    ' ORDER BY {order}, r.id), '') FROM public.{} r WHERE r.conversation_id = c.id)",
                kind.table()
            )
        } else {
            "''".to_owned()
        }
    };
    let sql = format!(
        "SELECT to_jsonb(c)::text, {}, {} FROM public.code_conversations c WHERE c.id = $1",
        of(Kind::Message),
        of(Kind::Block)
    );
    let row = client.query_opt(&sql, &[&id]).await.map_err(|e| Fault::from_postgres(e, side))?;
    Ok(row.map(|row| {
        let (conversation, messages, blocks): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        format!("{{\"conversation\": {conversation},\n   \"messages\": [{messages}],\n   \"blocks\": [{blocks}]}}")
    }))
}

/// What a JSON export begins with; the conversations follow, separated by commas, and then [`JSON_END`].
pub fn json_begin(side: crate::postgres::Side) -> String {
    format!("{{\"format\": \"{FORMAT}\", \"side\": \"{side}\", \"conversations\": [\n  ")
}

/// What a JSON export ends with.
pub const JSON_END: &str = "\n]}\n";

/// How many messages are read at once.
const MESSAGES: u16 = 1_000;

/// One conversation of a side as Markdown; `None` where it is not there.
pub async fn read_markdown(link: &Link, shape: &Shape, id: Uuid) -> Result<Option<String>, Fault> {
    let Some(conversation) = super::conversation(link, shape, id).await? else { return Ok(None) };
    let mut messages = Vec::new();
    let mut from = From::Start;
    loop {
        let page = super::messages(link, shape, id, &from, MESSAGES).await?;
        if let Some(last) = page.messages.last() {
            from = From::After(last.place.clone());
        }
        for message in page.messages {
            // Of a very long one the page has only the beginning.
            let whole = match message.cut {
                Some(_) => super::message(link, shape, message.id).await?,
                None => None,
            };
            messages.push(whole.unwrap_or(message));
        }
        if !page.more {
            break;
        }
    }
    Ok(Some(markdown(&conversation, &messages)))
}

/// Writes one conversation into a new file: JSON where its name ends so, else Markdown.
pub async fn to_file(sides: &Sides, id: Uuid, path: &Path) -> Result<(), Fault> {
    use std::io::Write as _;
    let (side, _) = super::find(sides, None, id).await?;
    let (link, shape) = sides.of(side)?;
    let is_json = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
    let text = if is_json {
        json(link, shape, id).await?.map(|one| format!("{}{one}{JSON_END}", json_begin(side)))
    } else {
        read_markdown(link, shape, id).await?
    };
    let text = text.unwrap_or_default();
    let written = std::fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|e| unwritable(path, e))
}

/// Why a file cannot be written.
pub fn unwritable(path: &Path, error: std::io::Error) -> Fault {
    let name = path.display().to_string();
    let fault = Fault::new(FaultKind::Local, format!("the export cannot be written: {error}")).about(name);
    if error.kind() == std::io::ErrorKind::AlreadyExists {
        return fault.remedy("name another file, or remove this one first");
    }
    fault.because(error)
}

/// A conversation, as it was read, as Markdown.
pub fn markdown(conversation: &super::Conversation, messages: &[super::Message]) -> String {
    let mut out = String::new();
    let title = conversation.title.as_deref().unwrap_or("Without a title").replace(['\r', '\n'], " ");
    let _ = writeln!(out, "# {title}\n");
    let facts = [
        ("conversation", Some(conversation.id.to_string())),
        ("user", conversation.user.clone()),
        ("context", conversation.context.clone()),
        ("session", conversation.session.clone()),
        ("begun", conversation.created_at.clone()),
        ("last message", conversation.last_message_at.clone()),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            let _ = writeln!(out, "- {name}: {value}");
        }
    }
    for message in messages {
        let about = [message.created_at.clone(), message.model.clone()].into_iter().flatten().collect::<Vec<_>>();
        let about = if about.is_empty() { String::new() } else { format!(" · {}", about.join(" · ")) };
        // A fence that the message left open must not swallow the next one.
        let (fence, open) = open_fence(&message.content);
        let _ = write!(out, "\n## {}{about}\n\n{}\n", message.role, message.content.trim_end());
        if open {
            let _ = writeln!(out, "{fence}");
        }
    }
    out
}

/// Whether a text ends inside a fenced block, and what closes it.
fn open_fence(text: &str) -> (String, bool) {
    let mut open: Option<String> = None;
    for line in text.lines().map(str::trim_start) {
        let Some(mark) = line.chars().next().filter(|c| matches!(c, '`' | '~')) else { continue };
        let length = line.chars().take_while(|c| *c == mark).count();
        if length < 3 {
            continue;
        }
        match &open {
            None => open = Some(mark.to_string().repeat(length)),
            Some(fence) if line.trim_end().len() == length && fence.starts_with(mark) && length >= fence.len() => {
                open = None;
            }
            Some(_) => {}
        }
    }
    let is_open = open.is_some();
    (open.unwrap_or_default(), is_open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_left_open_is_closed() {
        assert!(!open_fence("a\n```rust\nx\n```\nb").1);
        assert_eq!(open_fence("````\n```\ninside"), ("````".to_owned(), true));
        assert_eq!(open_fence("~~~\n```\n~~~"), (String::new(), false));
    }
}
