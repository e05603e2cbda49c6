//! What a table's columns mean when the images of a row are compared: users are mapped, and some columns never count.
//!
//! A replica knows users by text and the master by uuid; the master's triggers keep some columns by themselves.

use super::sql::{Statement, Value};
use crate::postgres::{Fault, Side, identifiers};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::{Client, Row};

/// What is known of the columns of a table; empty where the master keeps no such knowledge.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Columns {
    /// The columns that hold a user: uuid on the master.
    pub users: BTreeSet<String>,
    /// Text ids of users with the uuid that the master maps each to.
    pub mapping: BTreeMap<String, String>,
    /// Kept by a trigger of the master: never sent, never compared.
    pub derived: BTreeSet<String>,
    /// Times of the last change: sent, but never compared.
    pub stamps: BTreeSet<String>,
}

/// Why a difference in a column is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Excuse {
    /// The same user, by text and by uuid.
    SameUser,
    /// A trigger of the master keeps the column.
    Derived,
    /// The time of the last change.
    Stamp,
}

impl Excuse {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::SameUser => "same user",
            Self::Derived => "derived",
            Self::Stamp => "time of change",
        }
    }
}

impl Columns {
    /// Why two values of a column, as JSON texts, may differ and mean the same; `None`: a difference counts.
    pub fn excuse(&self, column: &str, one: &str, other: &str) -> Option<Excuse> {
        if self.derived.contains(column) {
            return Some(Excuse::Derived);
        }
        if self.stamps.contains(column) {
            return Some(Excuse::Stamp);
        }
        let (one, other) = (self.user(column, one)?, self.user(column, other)?);
        (one == other).then_some(Excuse::SameUser)
    }
    /// The user as the master knows them.
    fn user(&self, column: &str, json: &str) -> Option<String> {
        let text: String = self.users.contains(column).then(|| serde_json::from_str(json).ok())??;
        Some(self.mapping.get(&text).unwrap_or(&text).to_lowercase())
    }
}

const PROBE: &str = "
select array(select a.attname::text from pg_attribute a where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
             and a.atttypid = 'uuid'::regtype and (a.attname = 'user_id' or exists (
                 select 1 from pg_constraint f where f.conrelid = t.oid and f.contype = 'f'
                 and f.confrelid = to_regclass('public.users') and f.conkey = array[a.attnum]))) as users,
       coalesce(has_table_privilege(to_regclass('public.user_id_mapping'), 'select'), false) as mapped,
       coalesce((select has_schema_privilege(k.relnamespace, 'usage') and has_table_privilege(k.oid, 'select') from pg_class k
                 join pg_namespace n on n.oid = k.relnamespace where n.nspname = 'robbie_sync' and k.relname = 'synced_table'),
                false) as ruled
from (select to_regclass($1) as oid) t";

async fn rows(master: &Client, statement: &Statement) -> Result<Vec<Row>, Fault> {
    master
        .query_typed(&statement.text, &statement.parameters())
        .await
        .map_err(|error| Fault::from_postgres(error, Side::Master))
}

/// Reads what the master knows of a table's columns, with the mapping of the users that these images (JSON texts) name.
pub async fn read(master: &Client, table: &str, images: &[&str]) -> Result<Columns, Fault> {
    let table = table.strip_prefix("public.").unwrap_or(table);
    let mut probe = Statement::new(PROBE);
    probe.values.push(Value::Text(identifiers::qualified("public", table).replace('\0', "\u{fffd}")));
    let found = rows(master, &probe).await?;
    let Some(row) = found.first() else { return Ok(Columns::default()) };
    let mut columns = Columns { users: row.get::<_, Vec<String>>("users").into_iter().collect(), ..Columns::default() };
    if row.get("ruled") {
        let mut statement = Statement::new("select derived, stamps from robbie_sync.synced_table where tbl = ");
        statement.text_value(table);
        if let Some(rule) = rows(master, &statement).await?.first() {
            columns.derived = rule.get::<_, Vec<String>>(0).into_iter().collect();
            columns.stamps = rule.get::<_, Vec<String>>(1).into_iter().collect();
        }
    }
    let named = users_in(&columns.users, images);
    if row.get("mapped") && !named.is_empty() {
        let mut statement =
            Statement::new("select text_id::text, uuid_id::text from public.user_id_mapping where uuid_id is not null");
        statement.push(" and text_id = any(").bind(Value::Texts(named)).push(")");
        columns.mapping = rows(master, &statement).await?.iter().map(|row| (row.get(0), row.get(1))).collect();
    }
    Ok(columns)
}

/// The users that these images name. What is no whole JSON object names none.
fn users_in(columns: &BTreeSet<String>, images: &[&str]) -> Vec<String> {
    let mut named = BTreeSet::new();
    for image in images {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(image).unwrap_or_default();
        let values = columns.iter().filter_map(|name| fields.get(name));
        named.extend(values.filter_map(|value| serde_json::from_str::<String>(value.get()).ok()));
    }
    named.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{Columns, Excuse};

    #[test]
    fn a_mapped_user_is_no_difference_and_another_one_is() {
        let set = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        let columns = Columns {
            users: set(&["user_id"]),
            mapping: [("allan".to_owned(), "aaaaaaaa-0000-4000-8000-000000000001".to_owned())].into(),
            derived: set(&["message_count"]),
            stamps: set(&["updated_at"]),
        };
        let uuid = "\"AAAAAAAA-0000-4000-8000-000000000001\"";
        assert_eq!(columns.excuse("user_id", "\"allan\"", uuid), Some(Excuse::SameUser));
        assert_eq!(columns.excuse("user_id", "\"zoe\"", uuid), None);
        assert_eq!(columns.excuse("user_id", "null", uuid), None);
        assert_eq!(columns.excuse("title", "\"allan\"", uuid), None);
        assert_eq!(columns.excuse("message_count", "1", "2"), Some(Excuse::Derived));
        assert_eq!(columns.excuse("updated_at", "1", "2"), Some(Excuse::Stamp));
    }
}
