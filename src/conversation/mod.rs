//! Code conversations: what Robbie remembers, listed, read, compared between the sides, searched and exported.
//!
//! Everything here but [`write`] reads. One side at a time is asked; what both sides hold is put together in [`pair`].

pub mod embed;
pub mod embedding;
pub mod endpoint;
pub mod export;
mod filter;
pub mod fulltext;
mod head;
pub mod index;
mod list;
mod pair;
mod presence;
pub mod query;
mod read;
pub mod recall;
pub mod search;
mod shape;
pub mod similar;
pub mod snippet;
pub mod write;

pub use filter::{Facets, Filter, facets};
pub use head::{Conversation, conversation};
pub use list::{Key, Page, Sort, page};
pub use pair::{Listed, Listing, Sides, Whereabouts, find, listing, outline, whereabouts};
pub use presence::{Differing, MessageMark, Presence, Queued, differing, digests, queued};
pub use read::{
    Block, BlockFilter, From, Message, MessagePage, Pattern, block, blocks, message, messages, pattern, patterns,
};
pub use shape::Shape;

use crate::postgres::statement::Statement;
use crate::postgres::{Fault, Link};
use tokio_postgres::{Client, Row};

/// A table that holds something to be read and searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The title of a conversation.
    Conversation,
    /// A message.
    Message,
    /// A code block.
    Block,
    /// A learned pattern.
    Pattern,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Conversation, Self::Message, Self::Block, Self::Pattern];

    /// The table it stands in.
    pub fn table(self) -> &'static str {
        match self {
            Self::Conversation => "code_conversations",
            Self::Message => "code_messages",
            Self::Block => "code_blocks",
            Self::Pattern => "learned_patterns",
        }
    }
    /// The word people read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conversation => "title",
            Self::Message => "message",
            Self::Block => "block",
            Self::Pattern => "pattern",
        }
    }
}

/// Runs a statement in one round trip.
async fn rows(client: &Client, link: &Link, statement: &Statement) -> Result<Vec<Row>, Fault> {
    client
        .query_typed(&statement.text, &statement.parameters())
        .await
        .map_err(|error| Fault::from_postgres(error, link.side()))
}
