//! Reads conversations from Markdown: `+++` TOML heads, `=== role` lines, and fences that name a file and tags.

use super::library::{Block, Conversation, Library, Message, age_seconds, embedded, id_of, message_metadata};
use crate::conversation::embedding;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    title: String,
    user: String,
    session: String,
    context: String,
    age: String,
}

/// Adds all conversations of one file to the library.
pub(super) fn read(text: &str, library: &mut Library) -> Result<(), String> {
    let mut parts = text.split("+++\n");
    if parts.next().is_some_and(|before| !before.trim().is_empty()) {
        return Err("text before the first +++".into());
    }
    while let (Some(head), Some(body)) = (parts.next(), parts.next()) {
        let head: Head = toml::from_str(head).map_err(|e| e.to_string())?;
        let title = head.title.clone();
        one(head, body, library).map_err(|why| format!("{title:?}: {why}"))?;
    }
    Ok(())
}

fn one(head: Head, body: &str, library: &mut Library) -> Result<(), String> {
    let mut conversation = Conversation {
        id: id_of("conversation", &head.title),
        age_s: age_seconds(&head.age)?,
        last_age_s: 0.0,
        title: head.title,
        user_id: head.user,
        session_id: head.session,
        context_type: head.context,
    };
    let mut age_s = conversation.age_s;
    for (at, (role, text)) in messages(body)?.into_iter().enumerate() {
        let id = id_of("message", &format!("{} {at}", conversation.title));
        age_s -= pause(at, &role, &text);
        let (content, blocks) = cut_blocks(&text);
        for (nth, block) in blocks.into_iter().enumerate() {
            library.blocks.push(Block {
                id: id_of("block", &format!("{id} {nth}")),
                conversation_id: conversation.id,
                session_id: conversation.session_id.clone(),
                embedding: embedded(&format!("{} {}\n{}", block.path, block.tags.join(" "), block.code)),
                file_path: block.path,
                language: block.language,
                content: block.code,
                tags: block.tags,
                age_s,
                metadata: serde_json::json!({ "message_id": id, "embedder": embedding::ID }),
            });
        }
        library.messages.push(Message {
            id,
            conversation_id: conversation.id,
            embedding: embedded(&content),
            metadata: message_metadata(&role, &content),
            role,
            content,
            age_s,
        });
    }
    conversation.last_age_s = age_s;
    library.conversations.push(conversation);
    Ok(())
}

/// The seconds before a message: people think, answers take as long as they are.
fn pause(at: usize, role: &str, text: &str) -> f64 {
    match (at, role) {
        (0, _) => 0.0,
        (_, "assistant") => 3.0 + text.len() as f64 / 80.0,
        _ => 35.0 + f64::from(u32::try_from(text.len() * 37 % 180).unwrap_or(0)),
    }
}

/// The messages of a body: role and text.
fn messages(body: &str) -> Result<Vec<(String, String)>, String> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in body.lines() {
        if let Some(role) = line.strip_prefix("=== ") {
            if !["user", "assistant", "system"].contains(&role) {
                return Err(format!("no such role: {role:?}"));
            }
            found.push((role.to_owned(), String::new()));
        } else if let Some((_, text)) = found.last_mut() {
            text.push_str(line);
            text.push('\n');
        } else {
            return Err("text before the first message".into());
        }
    }
    for (_, text) in &mut found {
        text.truncate(text.trim_end().len());
    }
    Ok(found)
}

/// A code block that names its file.
struct Cut {
    language: String,
    path: String,
    tags: Vec<String>,
    code: String,
}

/// Takes the file and tags off the fences (a message shows the language only) and returns those blocks beside the text.
fn cut_blocks(text: &str) -> (String, Vec<Cut>) {
    let mut content = Vec::new();
    let mut blocks: Vec<Cut> = Vec::new();
    let mut open: Option<Cut> = None;
    for line in text.lines() {
        let fence = line.strip_prefix("```");
        if let Some(mut cut) = open.take() {
            if fence == Some("") {
                blocks.push(cut);
            } else {
                cut.code.push_str(line);
                cut.code.push('\n');
                open = Some(cut);
            }
            content.push(line.to_owned());
            continue;
        }
        let mut words = fence.unwrap_or_default().split_whitespace();
        if let (Some(language), Some(path)) = (words.next(), words.next()) {
            let tags = words.map(|tag| tag.trim_start_matches('#').to_owned()).collect();
            open = Some(Cut { language: language.to_owned(), path: path.to_owned(), tags, code: String::new() });
            content.push(format!("```{language}"));
        } else {
            content.push(line.to_owned());
        }
    }
    (content.join("\n"), blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_that_name_a_file_become_blocks() {
        let (content, blocks) = cut_blocks("a\n```rust src/x.rs #one #two\nlet a = 1;\n```\nb\n```sql\nselect 1\n```");
        assert_eq!(content, "a\n```rust\nlet a = 1;\n```\nb\n```sql\nselect 1\n```");
        assert_eq!(blocks.len(), 1);
        assert_eq!((blocks[0].path.as_str(), blocks[0].language.as_str()), ("src/x.rs", "rust"));
        assert_eq!(blocks[0].tags, ["one", "two"]);
        assert_eq!(blocks[0].code, "let a = 1;\n");
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(messages("=== robot\nx").unwrap_err().contains("robot"));
        assert!(messages("x").unwrap_err().contains("before"));
    }
}
