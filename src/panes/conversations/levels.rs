//! What is open above the list: a conversation, a block or pattern, the blocks, the patterns, results.

use super::document::{Document, flat};
use crate::conversation::query::Query;
use crate::conversation::search::{Mode, Results};
use crate::conversation::snippet::Marker;
use crate::conversation::{Block, BlockFilter, Kind, Listed, Pattern, Presence};
use crate::postgres::Side;
use crate::ui::format::plural;
use crate::ui::{Answer, Role};
use std::fmt::Write as _;
use uuid::Uuid;

/// A level.
#[derive(Debug)]
pub(super) struct Level {
    pub shown: Shown,
    /// What was looked for on the way here: marked in what is read.
    pub marker: Marker,
}

/// What a level shows.
#[derive(Debug)]
pub(super) enum Shown {
    /// A conversation.
    Reading { id: Uuid, about: Option<Box<About>>, document: Document, loading: bool, fault: Option<String> },
    /// One message, block or pattern alone.
    Text { kind: Kind, id: Uuid, conversation: Option<Uuid>, document: Document },
    /// A page of blocks; `pages` are the places before which each page began.
    Blocks {
        typed: String,
        filter: BlockFilter,
        pages: Vec<Option<Uuid>>,
        rows: Option<Vec<Block>>,
        more: bool,
        at: usize,
        fault: Option<String>,
    },
    /// Patterns.
    Patterns {
        of_type: Option<String>,
        types: Vec<String>,
        rows: Option<Vec<Pattern>>,
        more: bool,
        at: usize,
        fault: Option<String>,
    },
    /// What a search found.
    Results { query: Asked, results: Option<Result<Box<Results>, String>>, at: usize },
}

/// What was searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Text(String, Mode),
    Like(Kind, Uuid),
}

/// What is known of the conversation that is read.
#[derive(Debug)]
pub(super) struct About {
    pub listed: Listed,
    pub side: Side,
    /// Messages that differ, and those the other side alone has.
    pub differing: crate::conversation::Differing,
}

impl Level {
    pub(super) fn new(shown: Shown) -> Self {
        Self { shown, marker: Marker::default() }
    }
    pub(super) fn searching(query: Asked) -> Self {
        let marker = match &query {
            Asked::Text(text, _) => Query::parse(text).map(|q| Marker::new(&q)).unwrap_or_default(),
            Asked::Like(..) => Marker::default(),
        };
        Self { shown: Shown::Results { query, results: None, at: 0 }, marker }
    }
    /// Its name in the breadcrumb.
    pub(super) fn name(&self) -> String {
        match &self.shown {
            Shown::Reading { about, .. } => {
                let title = about.as_ref().and_then(|a| a.listed.conversation.title.clone());
                flat(title.as_deref().unwrap_or("conversation"))
            }
            Shown::Text { kind, .. } => kind.name().to_owned(),
            Shown::Blocks { typed, .. } if typed.is_empty() => "blocks".to_owned(),
            Shown::Blocks { typed, .. } => format!("blocks: {}", flat(typed)),
            Shown::Patterns { of_type: Some(name), .. } => format!("patterns: {}", flat(name)),
            Shown::Patterns { .. } => "patterns".to_owned(),
            Shown::Results { query: Asked::Text(text, _), .. } => format!("“{}”", flat(text)),
            Shown::Results { query: Asked::Like(kind, _), .. } => format!("like this {}", kind.name()),
        }
    }
    /// The answer line.
    pub(super) fn sentence(&self) -> Answer {
        match &self.shown {
            Shown::Reading { fault: Some(fault), .. }
            | Shown::Blocks { fault: Some(fault), .. }
            | Shown::Patterns { fault: Some(fault), .. }
            | Shown::Results { results: Some(Err(fault)), .. } => Answer::new(Role::Bad, fault.clone()),
            Shown::Reading { about: None, .. } => Answer::new(Role::Muted, "Reading the conversation."),
            Shown::Reading { about: Some(about), .. } => about.sentence(),
            Shown::Text { document, .. } if document.is_empty() => Answer::new(Role::Muted, "Reading it."),
            Shown::Text { conversation: None, .. } => Answer::new(Role::Muted, "It belongs to no conversation."),
            Shown::Text { .. } => Answer::new(Role::Muted, "It stands in a conversation: v opens it."),
            Shown::Blocks { rows: None, .. } => Answer::new(Role::Muted, "Reading the code blocks."),
            Shown::Blocks { rows: Some(rows), .. } if rows.is_empty() => {
                Answer::new(Role::Muted, "There is no such code block.")
            }
            Shown::Blocks { rows: Some(rows), more, pages, .. } => {
                let before = (pages.len() - 1) * usize::from(super::work::BLOCKS);
                let more = if *more { ", and there are more" } else { "" };
                Answer::new(
                    Role::Text,
                    format!("Code blocks {} to {}, the newest first{more}.", before + 1, before + rows.len()),
                )
            }
            Shown::Patterns { rows: None, .. } => Answer::new(Role::Muted, "Reading the patterns."),
            Shown::Patterns { rows: Some(rows), .. } if rows.is_empty() => {
                Answer::new(Role::Muted, "No pattern was learned yet.")
            }
            Shown::Patterns { rows: Some(rows), more, .. } => {
                let more = if *more { "; there are more, f chooses a type" } else { "" };
                let n = plural(rows.len() as u64, "pattern was", "patterns were");
                Answer::new(Role::Text, format!("{n} learned, the most frequent first{more}."))
            }
            Shown::Results { results: None, .. } => Answer::new(Role::Muted, "Searching."),
            Shown::Results { query, results: Some(Ok(found)), .. } => {
                let how = match query {
                    Asked::Text(_, mode) => format!("by {}", mode_words(*mode)),
                    Asked::Like(kind, _) => format!("like this {}", kind.name()),
                };
                let n = found.results.len();
                let mut text = if n == 0 {
                    format!("Nothing was found {how}")
                } else {
                    format!("{} {how}", plural(n as u64, "result", "results"))
                };
                for note in &found.notes {
                    text.push_str("; ");
                    text.push_str(note);
                }
                Answer::new(if n == 0 { Role::Warn } else { Role::Text }, format!("{text}."))
            }
        }
    }
}

/// How a search is done, in words.
pub(super) fn mode_words(mode: Mode) -> &'static str {
    match mode {
        Mode::Hybrid => "words and similarity",
        Mode::Text => "words",
        Mode::Similar => "similarity",
    }
}

impl About {
    fn sentence(&self) -> Answer {
        let presence = self.listed.presence;
        let mut text = format!("As the {} has it; {}", self.side, presence.words());
        let n = self.differing.messages.len() as u64;
        if n > 0 {
            let _ = write!(text, ": {}", plural(n, "message differs", "messages differ"));
        }
        if self.listed.queued > 0 {
            let n = self.listed.queued.unsigned_abs();
            let _ = write!(text, "; {} in the queue", plural(n, "entry waits", "entries wait"));
        }
        let role = if presence == Presence::Equal && self.listed.queued == 0 { Role::Ok } else { Role::Warn };
        Answer::new(role, format!("{text}."))
    }
}
