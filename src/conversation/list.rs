//! Pages of conversations of one side, by keyset: a page costs the same wherever it lies.

use super::filter::{Filter, moved};
use super::head::{self, Conversation};
use super::{Kind, Shape, rows};
use crate::postgres::statement::{Statement, Value};
use crate::postgres::{Fault, Link};
use std::cmp::Ordering;
use uuid::Uuid;

/// An order of conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The one with the last message first.
    #[default]
    Recent,
    /// The one that was begun last first.
    Begun,
    /// By title, by the codes of its characters: the same on every server.
    Title,
    /// The longest first.
    Messages,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Recent, Self::Begun, Self::Title, Self::Messages];

    /// The word people read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recent => "recent",
            Self::Begun => "begun",
            Self::Title => "title",
            Self::Messages => "messages",
        }
    }
    fn descends(self) -> bool {
        self != Self::Title
    }
    /// What the conversation `c` is ordered by; never NULL.
    pub(super) fn expression(self, shape: &Shape) -> String {
        let c = |name, sql_type| shape.column(Kind::Conversation, "c", name, sql_type);
        match self {
            Self::Recent => moved(shape, "c"),
            Self::Begun => {
                format!(
                    "coalesce({}::timestamptz, '0001-01-01 00:00:00+00'::timestamptz)",
                    c("created_at", "timestamptz")
                )
            }
            Self::Title => format!("(coalesce({}::text, '') COLLATE \"C\")", c("title", "text")),
            Self::Messages => format!("coalesce({}::bigint, 0)", c("message_count", "bigint")),
        }
    }
    fn sql_type(self) -> &'static str {
        match self {
            Self::Recent | Self::Begun => "timestamptz",
            Self::Title => "text",
            Self::Messages => "bigint",
        }
    }
    /// Which of two places comes first.
    pub fn compare(self, one: &Key, other: &Key) -> Ordering {
        let values = match self {
            // A session prints times in UTC, the largest unit first: as texts they have their order.
            Self::Recent | Self::Begun | Self::Title => one.value.cmp(&other.value),
            Self::Messages => {
                let number = |key: &Key| key.value.parse::<i64>().unwrap_or(0);
                number(one).cmp(&number(other))
            }
        };
        let order = values.then_with(|| one.id.cmp(&other.id));
        if self.descends() { order.reverse() } else { order }
    }
}

/// A place in an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// What it is ordered by, as the server prints it.
    pub value: String,
    /// The tie-breaker.
    pub id: Uuid,
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.id, self.value)
    }
}

impl std::str::FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, value) = text.split_once('@').ok_or("is no place of a list: take `next` of the page before")?;
        let id = id.parse().map_err(|_| "is no place of a list: take `next` of the page before")?;
        Ok(Self { value: value.to_owned(), id })
    }
}

/// Conversations in order, and whether there are more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The conversations.
    pub conversations: Vec<Conversation>,
    /// Whether more follow.
    pub more: bool,
}

/// Reads at most `limit` conversations behind a place, or before it where `back` is set; in the order of the list either way.
pub async fn page(
    link: &Link,
    shape: &Shape,
    filter: &Filter,
    sort: Sort,
    from: Option<&Key>,
    back: bool,
    limit: u16,
) -> Result<Page, Fault> {
    let limit = usize::from(limit);
    let descending = sort.descends() != back;
    let expression = sort.expression(shape);
    let mut statement = Statement::new("SELECT ");
    statement.push(&head::columns(shape, sort)).push(" FROM public.code_conversations c WHERE ");
    filter.condition(shape, &mut statement);
    if let Some(key) = from {
        statement.push(&format!(" AND ({expression}, c.id) {} (", if descending { "<" } else { ">" }));
        statement.text_value(key.value.clone()).push("::text::").push(sort.sql_type());
        statement.push(", ").bind(Value::Id(key.id)).push(")");
    }
    let direction = if descending { " DESC" } else { "" };
    statement.push(&format!(" ORDER BY {expression}{direction}, c.id{direction} LIMIT "));
    // One more than asked for says whether there are more.
    statement.bind(Value::Int(limit as i64 + 1));
    let client = link.session().await?;
    let mut found: Vec<Conversation> =
        rows(&client, link, &statement).await?.iter().map(Conversation::from_row).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    if back {
        found.reverse();
    }
    Ok(Page { conversations: found, more })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: &str, id: u128) -> Key {
        Key { value: value.to_owned(), id: Uuid::from_u128(id) }
    }

    #[test]
    fn times_numbers_and_titles_are_in_the_servers_order() {
        let order = Sort::Recent.compare(&key("2026-01-01 00:00:00.5+00", 1), &key("2026-01-01 00:00:00+00", 2));
        assert_eq!(order, Ordering::Less, "the later one comes first, with or without a fraction");
        assert_eq!(Sort::Messages.compare(&key("10", 1), &key("9", 1)), Ordering::Less);
        assert_eq!(Sort::Title.compare(&key("A", 1), &key("a", 1)), Ordering::Less);
        assert_eq!(Sort::Recent.compare(&key("x", 2), &key("x", 1)), Ordering::Less);
    }

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let one = key("2026-01-01 00:00:00.5+00", 7);
        assert_eq!(one.to_string().parse(), Ok(one));
        assert!("nonsense".parse::<Key>().is_err());
    }
}
