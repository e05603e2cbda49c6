//! Messages, blocks and patterns as parts of a document.

use super::document::{Body, Item, flat};
use crate::conversation::{Block, Kind, Message, MessageMark, Pattern};
use crate::ui::Role;
use crate::ui::code::Line;
use std::fmt::Write as _;

/// The moment of a timestamp, to the minute.
pub(super) fn minute(at: Option<&str>) -> String {
    at.map_or_else(|| "–".to_owned(), |at| at.chars().take(16).collect())
}

/// A message, with where it differs from the other side's.
pub(super) fn message(m: &Message, mark: Option<MessageMark>) -> Item {
    let role = match m.role.as_str() {
        "user" => Role::Accent,
        "assistant" => Role::Info,
        _ => Role::Warn,
    };
    let mut head: Line = vec![(flat(&m.role), role), (format!("  {}", minute(m.created_at.as_deref())), Role::Muted)];
    let facts = [m.model.as_deref().map(flat), m.tokens.as_deref().map(|t| format!("{} tokens", flat(t)))];
    head.extend(facts.into_iter().flatten().map(|fact| (format!(" · {fact}"), Role::Dim)));
    if !m.embedded {
        head.push((" · no embedding".to_owned(), Role::Dim));
    }
    if let Some((words, role)) = mark.map(|mark| match mark {
        MessageMark::Different => ("  ≠ the other side has it differently", Role::Warn),
        MessageMark::MasterOnly => ("  ◂ on the master only", Role::Master),
        MessageMark::ReplicaOnly => ("  ▸ on the replica only", Role::Replica),
    }) {
        head.push((words.to_owned(), role));
    }
    let mut text = m.content.clone();
    if let Some(all) = m.cut {
        let _ = write!(text, "\n\n… of {all} characters; the export has all of them");
    }
    Item { kind: Kind::Message, id: m.id, head, body: Body::Markdown(text), place: m.place.clone() }
}

/// A code block.
pub(super) fn block(b: &Block) -> Item {
    let mut head: Line = vec![(flat(&b.file_path), Role::Strong)];
    head.push((format!("  {}", minute(b.created_at.as_deref())), Role::Muted));
    if !b.tags.is_empty() {
        head.push((format!("  #{}", flat(&b.tags.join(" #"))), Role::Dim));
    }
    if let Some(session) = &b.session {
        head.push((format!("  session {}", flat(session)), Role::Dim));
    }
    let body = Body::Code { language: b.language.clone(), source: b.content.clone() };
    Item::alone(Kind::Block, b.id, head, body)
}

/// A learned pattern: its explanation, and its example as code.
pub(super) fn pattern(p: &Pattern) -> Item {
    let head = vec![
        (flat(&p.name), Role::Strong),
        (
            format!("  {} · {} times · last {}", flat(&p.pattern_type), p.frequency, minute(p.last_used.as_deref())),
            Role::Muted,
        ),
    ];
    let explanation = p.explanation.as_deref().unwrap_or("No explanation was learned.");
    // Longer than any fence in the example.
    let fence = "`".repeat(p.example.split(|c| c != '`').map(str::len).max().unwrap_or(0).max(2) + 1);
    let text = format!("{explanation}\n\n{fence}{}\n{}\n{fence}\n", language(&p.example), p.example);
    Item::alone(Kind::Pattern, p.id, head, Body::Markdown(text))
}

/// The language that an example seems to be written in; patterns do not say.
fn language(example: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|w| example.contains(w));
    if has(&["fn ", "impl ", "let mut", "::"]) {
        "rust"
    } else if has(&["=> {", "const ", "interface ", "function ", "React", "useState"]) {
        "ts"
    } else if has(&["def ", "import ", "self."]) {
        "python"
    } else if has(&["SELECT", "INSERT", "CREATE ", "select "]) {
        "sql"
    } else {
        ""
    }
}
