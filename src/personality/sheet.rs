//! What a side has: which of the columns, and every user's row.

use super::{Field, Values, limits};
use crate::postgres::{Fault, Link, Side};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_postgres::GenericClient;

/// Which tables and columns of the personality a side has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Whether there is a state table at all.
    pub state: bool,
    /// The columns of the state table.
    pub columns: Vec<String>,
    /// The columns of the history.
    pub history: Vec<String>,
    /// The columns of the presets.
    pub presets: Vec<String>,
    /// Whether there is a queue.
    pub queue: bool,
    /// Whether user ids can be mapped here.
    pub mapping: bool,
}

impl Shape {
    /// The fields that a change can be made of here.
    pub fn fields(&self) -> Vec<Field> {
        Field::ALL.into_iter().filter(|f| self.has(*f)).collect()
    }
    /// Whether a field has a column here.
    pub fn has(&self, field: Field) -> bool {
        self.columns_of(field).next().is_some()
    }
    /// The columns of a field that are here.
    pub fn columns_of(&self, field: Field) -> impl Iterator<Item = &'static str> {
        field.columns().iter().copied().filter(|c| self.has_column(c))
    }
    /// Whether the state table has a column.
    pub fn has_column(&self, name: &str) -> bool {
        self.columns.iter().any(|c| c == name)
    }
    /// Which of the deployed forms the table has.
    pub fn form(&self) -> &'static str {
        match (self.state, self.has_column("gandhi_genghis_level"), self.has_column("gandhi_genghis")) {
            (false, ..) => "absent",
            (_, true, true) => "both forms",
            (_, true, false) => "short form",
            (_, false, true) => "full form",
            (_, false, false) => "neither form",
        }
    }
}

/// One user's row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The user, by the text id where one is mapped.
    pub user: String,
    /// The user id as it stands in the row.
    pub stored_user: String,
    /// The row's key, as text.
    pub id: Option<String>,
    /// The values of the fields that are here.
    pub values: Values,
    /// How long ago it was last written, by the server's own clock.
    pub age: Option<Duration>,
}

/// Everything a side says about personalities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// Its shape.
    pub shape: Shape,
    /// The rows, by user; Allan first.
    pub rows: Vec<Row>,
}

impl Sheet {
    /// A user's row.
    pub fn of(&self, user: &str) -> Option<&Row> {
        self.rows.iter().find(|r| r.user == user)
    }
}

/// The shape in one row of arrays.
const SHAPE: &str = "
    SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum)
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = to_regnamespace('public') AND c.relkind IN ('r', 'p', 'v')
      AND c.relname IN ('robbie_personality_state', 'mood_transitions', 'personality_presets', 'pending_sync', 'user_id_mapping')
    GROUP BY c.relname";

/// Reads the shape of a side.
pub async fn shape(client: &impl GenericClient, side: Side) -> Result<Shape, Fault> {
    let rows = client.query(SHAPE, &[]).await.map_err(|e| Fault::from_postgres(e, side))?;
    let mut shape = Shape::default();
    for row in rows {
        let (table, columns): (String, Vec<String>) = (row.get(0), row.get(1));
        match table.as_str() {
            "robbie_personality_state" => (shape.state, shape.columns) = (true, columns),
            "mood_transitions" => shape.history = columns,
            "personality_presets" => shape.presets = columns,
            "pending_sync" => shape.queue = true,
            _ => shape.mapping = true,
        }
    }
    Ok(shape)
}

/// The rows as columns of JSON text: exact, whatever the types are. `$1`: only this user, or all.
fn rows_sql(shape: &Shape) -> String {
    let mapped = if shape.mapping {
        "(SELECT min(m.text_id) FROM public.user_id_mapping m WHERE m.uuid_id::text = p.user_id::text)"
    } else {
        "NULL::text"
    };
    let stamp = if shape.has_column("updated_at") { "p.updated_at" } else { "NULL::timestamptz" };
    let id = if shape.has_column("id") { "p.id::text" } else { "NULL::text" };
    format!(
        "SELECT coalesce({mapped}, p.user_id::text) AS person, p.user_id::text, {id},
                greatest(0, extract(epoch FROM clock_timestamp() - {stamp}))::float8, j.names, j.contents, p.ctid::text
         FROM public.robbie_personality_state p
         CROSS JOIN LATERAL (SELECT array_agg(k) AS names, array_agg(v::text) AS contents FROM jsonb_each(to_jsonb(p)) e(k, v)) j
         WHERE $1::text IS NULL OR $1 IN (p.user_id::text, {mapped})
         ORDER BY (p.user_id::text = $1) DESC NULLS LAST, {stamp} DESC NULLS LAST"
    )
}

/// The fields of a row that was read column by column, as JSON text.
pub fn values_of(names: &[String], contents: &[String]) -> Values {
    let held: BTreeMap<&str, &String> = names.iter().map(String::as_str).zip(contents).collect();
    let value = |field: Field| {
        let columns = field.columns().iter().filter_map(|c| held.get(*c).copied());
        // Two names that were never made equal: the first that has a value.
        let found = columns.clone().find(|v| *v != "null").or_else(|| columns.clone().next())?;
        Some((field, field.canonical(found.clone())))
    };
    Field::ALL.into_iter().filter_map(value).collect()
}

/// One row as it was read; beside it where it stands in the table.
fn row(row: &tokio_postgres::Row) -> (Row, String) {
    let (names, contents): (Vec<String>, Vec<String>) = (row.get(4), row.get(5));
    let values = values_of(&names, &contents);
    let age: Option<f64> = row.get(3);
    let read = Row {
        user: row.get(0),
        stored_user: row.get(1),
        id: row.get(2),
        values,
        age: age.map(Duration::from_secs_f64),
    };
    (read, row.get(6))
}

/// Reads the row of one user, and where it stands in the table; under a lock if `locked`.
pub(super) async fn one(
    client: &impl GenericClient,
    side: Side,
    shape: &Shape,
    user: &str,
    locked: bool,
) -> Result<Option<(Row, String)>, Fault> {
    let lock = if locked { "FOR NO KEY UPDATE OF p" } else { "" };
    let sql = format!("{} LIMIT 1 {lock}", rows_sql(shape));
    let found = client.query_opt(&sql, &[&user]).await.map_err(|e| Fault::from_postgres(e, side))?;
    Ok(found.as_ref().map(row))
}

/// Reads everything a side has; nothing where it has no such table.
pub async fn sheet(link: &Link) -> Result<Sheet, Fault> {
    let client = link.session().await?;
    let side = link.side();
    let shape = shape(&*client, side).await?;
    if !shape.state {
        return Ok(Sheet { shape, rows: Vec::new() });
    }
    let nobody: Option<&str> = None;
    let found = client.query(&rows_sql(&shape), &[&nobody]).await.map_err(|e| Fault::from_postgres(e, side))?;
    let mut rows: Vec<Row> = found.iter().map(|r| row(r).0).collect();
    // The rows came newest first: of several for one person the newest stands for them.
    rows.sort_by(|a, b| (a.user != limits::ALLAN, &a.user).cmp(&(b.user != limits::ALLAN, &b.user)));
    rows.dedup_by(|later, first| later.user == first.user);
    Ok(Sheet { shape, rows })
}

/// Both sides of a user, and where they differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The user.
    pub user: String,
    /// On the master.
    pub master: Option<Row>,
    /// On the replica.
    pub replica: Option<Row>,
}

impl Person {
    /// The fields that both sides have, and in which they differ.
    pub fn differs(&self) -> Vec<Field> {
        let (Some(master), Some(replica)) = (&self.master, &self.replica) else { return Vec::new() };
        let differ =
            |f: &Field| matches!((master.values.get(f), replica.values.get(f)), (Some(m), Some(r)) if !f.same(m, r));
        Field::ALL.into_iter().filter(differ).collect()
    }
    /// What stands for the person: the master's, and the replica's where that is not known.
    pub fn values(&self) -> Values {
        let mut values = self.replica.as_ref().map(|r| r.values.clone()).unwrap_or_default();
        values.extend(self.master.as_ref().map(|r| r.values.clone()).unwrap_or_default());
        values
    }
}

/// All users of both sides, Allan first.
pub fn people(master: Option<&Sheet>, replica: Option<&Sheet>) -> Vec<Person> {
    let all = [master, replica].into_iter().flatten().flat_map(|s| &s.rows).map(|r| r.user.clone());
    let mut users: Vec<String> = all.collect();
    users.sort_by(|a, b| (a != limits::ALLAN, a).cmp(&(b != limits::ALLAN, b)));
    users.dedup();
    let of = |sheet: Option<&Sheet>, user: &str| sheet.and_then(|s| s.of(user)).cloned();
    users.into_iter().map(|user| Person { master: of(master, &user), replica: of(replica, &user), user }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(users: &[(&str, &str)]) -> Sheet {
        let row = |(user, level): &(&str, &str)| Row {
            user: (*user).to_owned(),
            values: [(Field::GandhiGenghis, (*level).to_owned())].into(),
            ..Row::default()
        };
        Sheet { rows: users.iter().map(row).collect(), ..Sheet::default() }
    }

    #[test]
    fn allan_comes_first_and_the_sides_are_set_side_by_side() {
        let (master, replica) = (sheet(&[("aaron", "5"), ("maya", "3")]), sheet(&[("maya", "4"), ("allan", "1")]));
        let people = people(Some(&master), Some(&replica));
        assert_eq!(people.iter().map(|p| p.user.as_str()).collect::<Vec<_>>(), ["allan", "aaron", "maya"]);
        assert_eq!((people[2].differs(), people[1].differs()), (vec![Field::GandhiGenghis], vec![]));
        assert_eq!(people[2].values()[&Field::GandhiGenghis], "3");
        assert_eq!(people[0].values()[&Field::GandhiGenghis], "1");
    }

    #[test]
    fn a_shape_says_which_form_it_is_and_what_can_be_set() {
        let columns = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let short = Shape {
            state: true,
            columns: columns(&["current_mood", "gandhi_genghis_level", "context"]),
            ..Shape::default()
        };
        assert_eq!(
            (short.form(), short.fields()),
            ("short form", vec![Field::Mood, Field::GandhiGenghis, Field::Context])
        );
        let full = Shape { state: true, columns: columns(&["gandhi_genghis", "turbo"]), ..Shape::default() };
        assert_eq!((full.form(), full.has(Field::Context)), ("full form", false));
        assert_eq!(Shape::default().form(), "absent");
    }
}
