//! Of which type the columns are that name a user: TEXT in the code assistant, UUID in the unified schema.

use super::Database;
use crate::postgres::catalog::Table;

/// The type of a user's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum UserId {
    Text,
    Uuid,
    Other,
}

/// The type of a table's `user_id`; for `users` of its `id`.
pub(super) fn of(table: &Table) -> Option<UserId> {
    let column = table.column(if table.name == "users" { "id" } else { "user_id" })?;
    Some(match column.type_name.as_str() {
        "uuid" => UserId::Uuid,
        name if name == "text" || name.starts_with("character varying") => UserId::Text,
        _ => UserId::Other,
    })
}

/// The tables whose user ids are of this type. Names given by services of others (Slack's `user_id`) and the
/// personality, whose user is a name on both sides, do not count.
pub(super) fn tables(database: &Database, kind: UserId) -> Vec<String> {
    const OTHERS: [&str; 4] = ["slack_users", "slack_messages", "robbie_personality_state", "personality_presets"];
    database
        .tables()
        .filter(|t| t.schema == "public" && !OTHERS.contains(&t.name.as_str()) && t.name != "mood_transitions")
        .filter(|t| of(t) == Some(kind))
        .map(|t| t.name.clone())
        .collect()
}
