//! Writes a change on one side, in the caller's transaction: the row, what it was changed from, and on a replica the entries.

use super::edit::{Basis, Change, Clash, Edit};
use super::sheet::{self, Shape};
use super::{Field, limits};
use crate::postgres::identifiers::quote;
use crate::postgres::{Fault, Kind, Side};
use chrono::Utc;
use serde_json::{Map, Value};
use tokio_postgres::Transaction;

const STATE: &str = "robbie_personality_state";
const HISTORY: &str = "mood_transitions";

/// What came of writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// These columns were changed; none: all was as wanted.
    Done(Vec<Change>),
    /// Others changed these since they were loaded: nothing was written.
    Clashes(Vec<Clash>),
}

/// What a change would do on a side, without doing it.
pub async fn preview(t: &Transaction<'_>, side: Side, edit: &Edit) -> Result<Attempt, Fault> {
    let shape = usable(t, side, edit).await?;
    let found = sheet::one(t, side, &shape, &edit.user, false).await?;
    let now = found.map(|(row, _)| row.values).unwrap_or_default();
    let (changes, clashes) = edit.against(&now, basis(side));
    Ok(if clashes.is_empty() { Attempt::Done(changes) } else { Attempt::Clashes(clashes) })
}

/// Writes a change: all of it, or nothing where others were first.
pub async fn write(t: &Transaction<'_>, side: Side, edit: &Edit) -> Result<Attempt, Fault> {
    limits::check(&edit.set, &edit.user, Utc::now())?;
    let on = |e| Fault::from_postgres(e, side).about(STATE);
    let shape = usable(t, side, edit).await?;
    // Where there is no row yet two consoles would both make one; a table without a unique user lets them.
    t.execute("SELECT pg_advisory_xact_lock(hashtextextended('robbie personality ' || $1, 0))", &[&edit.user])
        .await
        .map_err(on)?;
    let found = sheet::one(t, side, &shape, &edit.user, true).await?;
    let now = found.as_ref().map(|(row, _)| row.values.clone()).unwrap_or_default();
    let (changes, clashes) = edit.against(&now, basis(side));
    if !clashes.is_empty() {
        return Ok(Attempt::Clashes(clashes));
    }
    if changes.is_empty() {
        return Ok(Attempt::Done(changes));
    }
    let mut columns: Vec<String> = Vec::new();
    let mut image = Map::new();
    for change in &changes {
        let value: Value =
            serde_json::from_str(&change.new).map_err(|e| Fault::new(Kind::Data, "a value is no JSON").because(e))?;
        for column in shape.columns_of(change.field) {
            image.insert(column.to_owned(), value.clone());
            columns.push(column.to_owned());
        }
    }
    let operation = if let Some((_, place)) = &found {
        update(t, side, &shape, &columns, &image, place, changes.iter().any(|c| c.field == Field::Mood)).await?;
        "UPDATE"
    } else {
        image.insert("user_id".to_owned(), Value::from(edit.user.as_str()));
        insert(t, side, STATE, &image).await?;
        columns.push("user_id".to_owned());
        "INSERT"
    };
    note(t, side, &shape, edit, &changes).await?;
    if side == Side::Replica {
        if !shape.queue {
            return Err(Fault::new(
                Kind::Schema,
                "the replica has no queue: a change here would never reach the master",
            )
            .on(side)
            .about("pending_sync")
            .remedy("robbie schema migrate --target replica"));
        }
        columns.push("id".to_owned());
        queue_state(t, &shape, edit, operation, &columns).await?;
    }
    Ok(Attempt::Done(changes))
}

fn basis(side: Side) -> Basis {
    match side {
        Side::Master => Basis::Master,
        Side::Replica => Basis::Replica,
    }
}

/// The shape, where it can hold the change.
async fn usable(t: &Transaction<'_>, side: Side, edit: &Edit) -> Result<Shape, Fault> {
    let shape = sheet::shape(t, side).await?;
    if !shape.state {
        return Err(Fault::new(Kind::Schema, format!("the {side} has no table {STATE}"))
            .on(side)
            .about(STATE)
            .remedy(format!("robbie schema migrate --target {side}")));
    }
    if let Some(absent) = edit.set.keys().find(|f| !shape.has(**f)) {
        let other = match side {
            Side::Master => format!("robbie schema migrate --target {side}"),
            Side::Replica => "set it when the master is back".to_owned(),
        };
        return Err(Fault::new(Kind::Schema, format!("the {side}'s {STATE} has no column for {}", absent.label()))
            .on(side)
            .about(format!("{STATE}.{}", absent.name()))
            .remedy(other));
    }
    Ok(shape)
}

async fn update(
    t: &Transaction<'_>,
    side: Side,
    shape: &Shape,
    columns: &[String],
    image: &Map<String, Value>,
    place: &str,
    mood: bool,
) -> Result<(), Fault> {
    let mut sets: Vec<String> = columns.iter().map(|c| format!("{0} = r.{0}", quote(c))).collect();
    // Tables without our triggers keep no time of their own.
    sets.extend(shape.has_column("updated_at").then(|| "updated_at = CURRENT_TIMESTAMP".to_owned()));
    sets.extend(
        (mood && shape.has_column("last_mood_change")).then(|| "last_mood_change = CURRENT_TIMESTAMP".to_owned()),
    );
    let sql = format!(
        "UPDATE public.{STATE} p SET {} FROM jsonb_populate_record(NULL::public.{STATE}, $1::text::jsonb) r WHERE p.ctid = $2::text::tid",
        sets.join(", ")
    );
    let image = Value::from(image.clone()).to_string();
    let on = |e| Fault::from_postgres(e, side).about(STATE);
    match t.execute(&sql, &[&image, &place]).await.map_err(on)? {
        1 => Ok(()),
        _ => Err(Fault::new(Kind::Data, "the row was not written: a trigger or a row-level policy interferes")
            .on(side)
            .about(STATE)),
    }
}

async fn insert(t: &Transaction<'_>, side: Side, table: &str, image: &Map<String, Value>) -> Result<(), Fault> {
    let list: Vec<String> = image.keys().map(|k| quote(k)).collect();
    let list = list.join(", ");
    let sql = format!(
        "INSERT INTO public.{table} ({list}) SELECT {list} FROM jsonb_populate_record(NULL::public.{table}, $1::text::jsonb) r"
    );
    let image = Value::from(image.clone()).to_string();
    t.execute(&sql, &[&image]).await.map(drop).map_err(|e| Fault::from_postgres(e, side).about(table))
}

/// Writes the history: a row per field, with the same number wherever and however often the change is sent.
async fn note(t: &Transaction<'_>, side: Side, shape: &Shape, edit: &Edit, changes: &[Change]) -> Result<(), Fault> {
    let on = |e| Fault::from_postgres(e, side).about(HISTORY);
    for change in changes {
        let id = edit.transition_id(change.field);
        let full = history_image(edit, change, id);
        let image: Map<String, Value> =
            full.iter().filter(|(k, _)| shape.history.contains(k)).map(|(k, v)| (k.clone(), v.clone())).collect();
        if image.contains_key("field_changed") {
            let known = "SELECT 1 FROM public.mood_transitions h WHERE h.id::text = $1";
            if image.contains_key("id") && t.query_opt(known, &[&id.to_string()]).await.map_err(on)?.is_some() {
                continue;
            }
            insert(t, side, HISTORY, &image).await?;
        }
        if side == Side::Replica && shape.queue {
            let entry = "INSERT INTO public.pending_sync (table_name, operation, data)
                 VALUES ('mood_transitions', 'INSERT', $1::text::jsonb || jsonb_build_object('changed_at', CURRENT_TIMESTAMP))";
            t.execute(entry, &[&Value::from(full).to_string()]).await.map_err(on)?;
        }
    }
    Ok(())
}

fn history_image(edit: &Edit, change: &Change, id: uuid::Uuid) -> Map<String, Value> {
    [
        ("id", Value::from(id.to_string())),
        ("user_id", Value::from(edit.user.as_str())),
        ("field_changed", Value::from(change.field.name())),
        ("old_value", change.field.plain(&change.old).into()),
        ("new_value", change.field.plain(&change.new).into()),
        ("change_reason", edit.reason.clone().into()),
        ("triggered_by", Value::from(edit.actor.as_str())),
        ("platform", Value::from(edit.platform.as_str())),
    ]
    .into_iter()
    .map(|(k, v)| (k.to_owned(), v))
    .collect()
}

/// Queues what was written: only what this change sets, and the key. The trigger on the queue notes from what it started.
async fn queue_state(
    t: &Transaction<'_>,
    shape: &Shape,
    edit: &Edit,
    operation: &str,
    columns: &[String],
) -> Result<(), Fault> {
    let mapped = if shape.mapping {
        "OR p.user_id::text IN (SELECT m.uuid_id::text FROM public.user_id_mapping m WHERE m.text_id = $3)"
    } else {
        ""
    };
    let sql = format!(
        "INSERT INTO public.pending_sync (table_name, operation, data)
         SELECT '{STATE}', $1, (SELECT jsonb_object_agg(k, v) FROM jsonb_each(to_jsonb(p)) e(k, v) WHERE k = ANY ($2))
         FROM public.{STATE} p WHERE p.user_id::text = $3 {mapped} ORDER BY (p.user_id::text = $3) DESC, p.updated_at DESC LIMIT 1"
    );
    let on = |e| Fault::from_postgres(e, Side::Replica).about("pending_sync");
    t.execute(&sql, &[&operation, &columns, &edit.user]).await.map(drop).map_err(on)
}
