//! The sample's texts as they stand in `assets/sample/`, read once: conversations, patterns, people.

use crate::conversation::embedding;
use crate::postgres::{Fault, Kind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The files of conversations, by subject.
const CONVERSATIONS: &[(&str, &str)] = &[
    ("languages.md", include_str!("../../assets/sample/conversations/languages.md")),
    ("long.md", include_str!("../../assets/sample/conversations/long.md")),
    ("operations.md", include_str!("../../assets/sample/conversations/operations.md")),
    ("postgres.md", include_str!("../../assets/sample/conversations/postgres.md")),
    ("python.md", include_str!("../../assets/sample/conversations/python.md")),
    ("rust.md", include_str!("../../assets/sample/conversations/rust.md")),
    ("shell.md", include_str!("../../assets/sample/conversations/shell.md")),
    ("tools.md", include_str!("../../assets/sample/conversations/tools.md")),
    ("web.md", include_str!("../../assets/sample/conversations/web.md")),
];
const PATTERNS: &str = include_str!("../../assets/sample/patterns.toml");
const PEOPLE: &str = include_str!("../../assets/sample/people.toml");

/// The model that the sample's answers are said to come from.
const MODEL: &str = "robbie-code-2";

/// All texts of the sample. Times are ages in seconds, counted back from the moment of filling.
#[derive(Debug)]
pub struct Library {
    /// Conversations, oldest first.
    pub conversations: Vec<Conversation>,
    /// Their messages, in order within each conversation.
    pub messages: Vec<Message>,
    /// The code blocks cut out of the messages.
    pub blocks: Vec<Block>,
    /// Learned patterns.
    pub patterns: Vec<Pattern>,
    /// Users, with Robbie's mood towards each.
    pub people: Vec<Person>,
}

/// A row of `code_conversations`.
#[derive(Clone, Debug, Serialize)]
pub struct Conversation {
    /// Primary key, made from the title.
    pub id: Uuid,
    /// The TEXT user id.
    pub user_id: String,
    /// The editor session.
    pub session_id: String,
    /// The title.
    pub title: String,
    /// `code`, `chat`, `debug` or `refactor`.
    pub context_type: String,
    /// Seconds since it began.
    pub age_s: f64,
    /// Seconds since its last message.
    pub last_age_s: f64,
}

/// A row of `code_messages`.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// Primary key.
    pub id: Uuid,
    /// Its conversation.
    pub conversation_id: Uuid,
    /// `user`, `assistant` or `system`.
    pub role: String,
    /// Markdown.
    pub content: String,
    /// Lexical embedding in SQL form.
    pub embedding: Option<String>,
    /// Seconds since it was written.
    pub age_s: f64,
    /// Model, tokens, embedder.
    pub metadata: serde_json::Value,
}

/// A row of `code_blocks`.
#[derive(Clone, Debug, Serialize)]
pub struct Block {
    /// Primary key.
    pub id: Uuid,
    /// The conversation it was cut from.
    pub conversation_id: Uuid,
    /// The session of that conversation.
    pub session_id: String,
    /// Path in the project talked about.
    pub file_path: String,
    /// The fence's language.
    pub language: String,
    /// The code.
    pub content: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Lexical embedding in SQL form.
    pub embedding: Option<String>,
    /// Seconds since it was written.
    pub age_s: f64,
    /// The message it stands in, and the embedder.
    pub metadata: serde_json::Value,
}

/// A row of `learned_patterns`.
#[derive(Clone, Debug, Serialize)]
pub struct Pattern {
    /// Primary key, made from the name.
    pub id: Uuid,
    /// The TEXT user id.
    pub user_id: String,
    /// One of the five types.
    pub pattern_type: String,
    /// The name.
    pub pattern_name: String,
    /// Example.
    pub example_code: String,
    /// Explanation.
    pub explanation: String,
    /// How often it was seen.
    pub frequency: i32,
    /// Seconds since it was last used.
    pub age_s: f64,
    /// Lexical embedding in SQL form.
    pub embedding: Option<String>,
    /// The embedder.
    pub metadata: serde_json::Value,
}

/// A user of the master, and Robbie's mood towards them.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Person {
    /// The TEXT user id, and the user's name on the master.
    pub name: String,
    /// Role on the master.
    pub role: String,
    /// Very important.
    pub vip: bool,
    /// Whether `user_id_mapping` has the text id.
    pub mapped: bool,
    /// 1 (Gandhi) to 10 (Genghis).
    pub gandhi_genghis: i32,
    /// 1 to 11.
    pub attraction: i32,
    /// Free context.
    pub context: serde_json::Value,
    /// How Robbie got into this mood, oldest first.
    pub history: Vec<Step>,
}

/// One change of mood or level.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Step {
    /// How long ago, such as `5d 2h`.
    pub age: String,
    /// The column that changed.
    pub field: String,
    /// Its value before.
    pub from: String,
    /// Its value after.
    pub to: String,
    /// Why.
    pub reason: String,
}

impl Person {
    /// The user's key on the master.
    pub fn id(&self) -> Uuid {
        id_of("user", &self.name)
    }
    /// The mood that the history ends in.
    pub fn mood(&self) -> &str {
        let last = self.history.iter().rev().find(|s| s.field == "current_mood");
        last.map_or("friendly", |s| s.to.as_str())
    }
}

impl Library {
    /// Reads the texts that are built in.
    pub fn read() -> Result<Self, Fault> {
        let mut library = Self {
            conversations: Vec::new(),
            messages: Vec::new(),
            blocks: Vec::new(),
            patterns: read_patterns(PATTERNS)?,
            people: read_people(PEOPLE)?,
        };
        for (file, text) in CONVERSATIONS {
            super::markdown::read(text, &mut library).map_err(|why| broken(file, &why))?;
        }
        library.conversations.sort_by(|a, b| b.age_s.total_cmp(&a.age_s));
        Ok(library)
    }
}

/// A key that is the same at every filling: made from what it is the key of.
pub fn id_of(sort: &str, name: &str) -> Uuid {
    let digest = Sha256::digest(format!("robbie sample {sort} {name}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The lexical embedding of a text in SQL form.
pub fn embedded(text: &str) -> Option<String> {
    embedding::embed(text).map(|e| e.to_sql())
}

/// What a message's metadata holds.
pub fn message_metadata(role: &str, content: &str) -> serde_json::Value {
    let tokens = content.len().div_ceil(4);
    match role {
        "assistant" => serde_json::json!({ "model": MODEL, "tokens": tokens, "embedder": embedding::ID }),
        _ => serde_json::json!({ "tokens": tokens, "embedder": embedding::ID }),
    }
}

/// The seconds of an age such as `12d 4h` or `45m`.
pub fn age_seconds(age: &str) -> Result<f64, String> {
    let mut seconds = 0.0;
    for part in age.split_whitespace() {
        let digits = part.trim_end_matches(char::is_alphabetic);
        let unit = &part[digits.len()..];
        let number: f64 = digits.parse().map_err(|_| format!("{age:?} is no age"))?;
        seconds += number
            * match unit {
                "d" => 86_400.0,
                "h" => 3_600.0,
                "m" => 60.0,
                _ => return Err(format!("{age:?} is no age: units are d, h, m")),
            };
    }
    Ok(seconds)
}

fn read_patterns(text: &str) -> Result<Vec<Pattern>, Fault> {
    #[derive(Deserialize)]
    struct File {
        pattern: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        user: String,
        r#type: String,
        name: String,
        frequency: i32,
        age: String,
        explanation: String,
        example: String,
    }
    let file: File = toml::from_str(text).map_err(|e| broken("patterns.toml", &e.to_string()))?;
    file.pattern
        .into_iter()
        .map(|p| {
            Ok(Pattern {
                id: id_of("pattern", &p.name),
                embedding: embedded(&format!("{}\n{}\n{}", p.name, p.explanation, p.example)),
                age_s: age_seconds(&p.age).map_err(|why| broken("patterns.toml", &why))?,
                user_id: p.user,
                pattern_type: p.r#type,
                pattern_name: p.name,
                example_code: p.example.trim_end().to_owned(),
                explanation: p.explanation,
                frequency: p.frequency,
                metadata: serde_json::json!({ "embedder": embedding::ID }),
            })
        })
        .collect()
}

fn read_people(text: &str) -> Result<Vec<Person>, Fault> {
    #[derive(Deserialize)]
    struct File {
        user: Vec<Person>,
    }
    let file: File = toml::from_str(text).map_err(|e| broken("people.toml", &e.to_string()))?;
    Ok(file.user)
}

fn broken(file: &str, why: &str) -> Fault {
    Fault::new(Kind::Other, format!("the built-in sample cannot be read: {why}")).about(format!("assets/sample/{file}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_sample_is_as_large_and_varied_as_promised() {
        let library = Library::read().unwrap();
        assert!(library.conversations.len() >= 40, "{}", library.conversations.len());
        assert!(library.messages.len() >= 400, "{}", library.messages.len());
        assert!(library.blocks.len() >= 40, "{}", library.blocks.len());
        assert!(library.patterns.len() >= 25, "{}", library.patterns.len());
        let languages: BTreeSet<_> = library.blocks.iter().map(|b| b.language.as_str()).collect();
        for wanted in ["rust", "typescript", "python", "sql", "bash", "go", "json", "yaml", "html", "css"] {
            assert!(languages.contains(wanted), "{wanted} is missing in {languages:?}");
        }
        let types: BTreeSet<_> = library.patterns.iter().map(|p| p.pattern_type.as_str()).collect();
        assert_eq!(types.len(), 5);
        let contexts: BTreeSet<_> = library.conversations.iter().map(|c| c.context_type.as_str()).collect();
        assert_eq!(contexts.into_iter().collect::<Vec<_>>(), ["chat", "code", "debug", "refactor"]);
        let lengths: Vec<_> = library
            .conversations
            .iter()
            .map(|c| library.messages.iter().filter(|m| m.conversation_id == c.id).count())
            .collect();
        assert!(lengths.iter().any(|n| *n >= 40) && lengths.iter().any(|n| *n <= 2), "{lengths:?}");
    }

    #[test]
    fn every_text_has_a_vector_and_every_key_is_unique() {
        let library = Library::read().unwrap();
        assert!(library.messages.iter().all(|m| m.embedding.is_some()));
        assert!(library.blocks.iter().all(|b| b.embedding.is_some()));
        assert!(library.patterns.iter().all(|p| p.embedding.is_some()));
        let mut keys = BTreeSet::new();
        let ids = (library.conversations.iter().map(|c| c.id))
            .chain(library.messages.iter().map(|m| m.id))
            .chain(library.blocks.iter().map(|b| b.id))
            .chain(library.patterns.iter().map(|p| p.id));
        for id in ids {
            assert!(keys.insert(id), "{id} twice");
        }
    }

    #[test]
    fn nothing_lies_in_the_future_and_users_are_known() {
        let library = Library::read().unwrap();
        assert!(library.messages.iter().all(|m| m.age_s > 0.0));
        let known: BTreeSet<_> = library.people.iter().map(|p| p.name.as_str()).collect();
        assert!(library.conversations.iter().all(|c| known.contains(c.user_id.as_str())));
        assert!(library.patterns.iter().all(|p| known.contains(p.user_id.as_str())));
        assert!(library.people.iter().all(|p| p.attraction <= 7 || p.name == "allan"));
    }

    #[test]
    fn ages() {
        assert_eq!(age_seconds("1d 2h"), Ok(93_600.0));
        assert_eq!(age_seconds("45m"), Ok(2_700.0));
        assert!(age_seconds("2w").is_err());
        assert!(age_seconds("é").is_err());
    }
}
