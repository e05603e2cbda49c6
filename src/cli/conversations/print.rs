//! Conversations as lines and documents.

use super::output;
use crate::conversation::search::Results;
use crate::conversation::snippet::Snippet;
use crate::conversation::{Block, Differing, Facets, Listed, MessageMark, MessagePage, Pattern};
use crate::postgres::{Fault, Kind, Side};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::IsTerminal;
use uuid::Uuid;

/// Puts a document's members behind those of another.
pub fn merge<T: Serialize>(into: &mut Value, document: &T) -> Result<(), Fault> {
    let more = serde_json::to_value(document)
        .map_err(|e| Fault::new(Kind::Local, "the answer could not be written as JSON").because(e))?;
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
    Ok(())
}

/// A text on one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The moment of a timestamp, to the minute.
fn minute(at: Option<&str>) -> String {
    at.map_or_else(|| "–".to_owned(), |at| at.chars().take(16).collect())
}

/// The list: a line per conversation.
pub fn list(found: &[Listed], facets: Option<&Facets>) -> Result<(), Fault> {
    if found.is_empty() {
        output::note("no conversation matches");
    }
    for listed in found {
        let c = &listed.conversation;
        let queued = if listed.queued > 0 { format!("  ↑{} queued", listed.queued) } else { String::new() };
        let languages = if c.languages.is_empty() { String::new() } else { format!("  [{}]", c.languages.join(" ")) };
        output::line(format!(
            "{}  {}  {}  {:<8}  {:<8}  {:>4}  {}{languages}{queued}",
            listed.presence.glyph(),
            c.id,
            minute(c.last_message_at.as_deref()),
            c.user.as_deref().unwrap_or("–"),
            c.context.as_deref().unwrap_or("–"),
            c.message_count.unwrap_or(0),
            flat(c.title.as_deref().unwrap_or("(no title)")),
        ))?;
    }
    for (name, values) in
        facets.iter().flat_map(|f| [("user", &f.users), ("context", &f.contexts), ("language", &f.languages)])
    {
        let values: Vec<String> = values.iter().map(|(value, count)| format!("{value} {count}")).collect();
        output::line(format!("{name}: {}", values.join(", ")))?;
    }
    Ok(())
}

/// A conversation to read.
pub fn conversation(
    listed: &Listed,
    side: Side,
    page: &MessagePage,
    blocks: &[Block],
    differing: &Differing,
) -> Result<(), Fault> {
    let c = &listed.conversation;
    output::line(flat(c.title.as_deref().unwrap_or("(no title)")))?;
    let queued = if listed.queued > 0 { format!(" · {} entries queued", listed.queued) } else { String::new() };
    output::line(format!(
        "{} · {} · {} · shown as on the {side} · {} {}{queued}",
        c.id,
        c.user.as_deref().unwrap_or("–"),
        c.context.as_deref().unwrap_or("–"),
        listed.presence.glyph(),
        listed.presence.words(),
    ))?;
    for m in &page.messages {
        let mark = match differing.messages.get(&m.id) {
            Some(MessageMark::Different) => "  ≠ differs on the other side",
            Some(MessageMark::MasterOnly) => "  ◂ master only",
            Some(MessageMark::ReplicaOnly) => "  ▸ replica only",
            None => "",
        };
        let model = m.model.as_deref().map(|model| format!(" · {model}")).unwrap_or_default();
        let tokens = m.tokens.as_deref().map(|tokens| format!(" · {tokens} tokens")).unwrap_or_default();
        output::line(format!("\n── {} · {}{model}{tokens}{mark}", m.role, minute(m.created_at.as_deref())))?;
        output::line(&m.content)?;
        if let Some(all) = m.cut {
            output::note(format!("… of {all} characters; the export has all of them"));
        }
    }
    let elsewhere = differing.messages.iter().filter(|(id, _)| page.messages.iter().all(|m| m.id != **id)).count();
    if elsewhere > 0 {
        output::note(format!("{elsewhere} more messages differ or are on the other side only"));
    }
    if page.more {
        output::note("more messages: --limit");
    }
    for block in blocks {
        output::line(format!("{}  {:<10}  {}", block.id, block.language, flat(&block.file_path)))?;
    }
    Ok(())
}

/// A snippet with what was found marked: in reverse on a terminal.
fn marked(snippet: &Snippet) -> String {
    let mut out = String::new();
    let mut at = 0;
    for mark in &snippet.marks {
        out.push_str(&output::printable(&snippet.text[at..mark.start]));
        let _ = write!(out, "\x1b[1m{}\x1b[22m", output::printable(&snippet.text[mark.clone()]));
        at = mark.end;
    }
    out.push_str(&output::printable(&snippet.text[at..]));
    out
}

/// The results of a search.
pub fn results(found: &Results) -> Result<(), Fault> {
    let coloured = std::io::stdout().is_terminal();
    for (n, one) in found.results.iter().enumerate() {
        let mut facts = vec![one.kind.name().to_owned()];
        facts.extend(one.detail.clone());
        facts.extend(one.text_rank.map(|rank| format!("words #{rank}")));
        facts.extend(one.similar_rank.zip(one.cosine).map(|(rank, cosine)| format!("similar #{rank} ({cosine:.2})")));
        if one.hits > 1 {
            facts.push(format!("{} hits", one.hits));
        }
        if !one.missing.is_empty() {
            facts.push(format!("without: {}", one.missing.join(", ")));
        }
        output::line(format!("{:>3}  {}", n + 1, flat(one.title.as_deref().unwrap_or("(no title)"))))?;
        output::line(format!("     {}  {}", one.conversation_id.unwrap_or(one.id), flat(&facts.join(" · "))))?;
        if coloured {
            output::raw(format!("     {}\n", marked(&one.snippet)).as_bytes())?;
        } else {
            output::line(format!("     {}", one.snippet.text))?;
        }
    }
    if found.results.is_empty() {
        output::note("nothing was found");
    }
    for note in &found.notes {
        output::note(note);
    }
    Ok(())
}

/// Code blocks.
pub fn blocks(found: &[Block], next: Option<Uuid>) -> Result<(), Fault> {
    for block in found {
        let tags = if block.tags.is_empty() { String::new() } else { format!("  #{}", block.tags.join(" #")) };
        let lines = block.content.lines().count();
        let at = minute(block.created_at.as_deref());
        output::line(format!(
            "{}  {at}  {:<10}  {:>4} lines  {}{}",
            block.id,
            flat(&block.language),
            lines,
            flat(&block.file_path),
            flat(&tags),
        ))?;
    }
    if let Some(next) = next {
        output::note(format!("more: --after {next}"));
    }
    Ok(())
}

/// Learned patterns.
pub fn patterns(found: &[Pattern], more: bool) -> Result<(), Fault> {
    for p in found {
        output::line(format!(
            "{}  {:>4}×  {}  {:<17}  {}",
            p.id,
            p.frequency,
            minute(p.last_used.as_deref()),
            flat(&p.pattern_type),
            flat(&p.name)
        ))?;
        if let Some(explanation) = &p.explanation {
            output::line(format!("      {}", flat(explanation)))?;
        }
    }
    if more {
        output::note("more: --limit");
    }
    Ok(())
}
