//! A payload changed by hand: checked against the master, tried dry, saved only where nobody changed the entry meanwhile.

use super::batch::{self, DIGEST};
use super::discard::{By, record};
use super::lock;
use super::place::Places;
use super::report::{EntryOutcome, Outcome};
use super::session::Sessions;
use super::side::{on_master, on_replica};
use crate::postgres::{Fault, Kind, Pair, Side};
use crate::queue::Verdict;
use serde::Serialize;
use std::collections::HashMap;
use tokio_postgres::Client;
use uuid::Uuid;

/// Something that is wrong with a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The line of the text, from 1.
    pub line: usize,
    /// The column in it, from 1.
    pub column: usize,
    /// The table's column; empty: the payload as a whole.
    pub path: String,
    /// What is wrong.
    pub reason: String,
}

/// An entry as it is edited.
#[derive(Clone, Debug, Serialize)]
pub struct Draft {
    /// The entry.
    pub id: Uuid,
    /// Its table.
    pub table: String,
    /// Its operation.
    pub operation: String,
    /// Its row, as JSON text, where it is known.
    pub key: Option<String>,
    /// Its payload, with line breaks.
    pub text: String,
    /// The payload as it was queued, where it was edited before.
    pub original: Option<String>,
    /// What it must still be when the edit is saved.
    pub version: String,
}

/// A column that an edit changes: its name, and its value before and after, as JSON text; none: it is not there.
pub type Change = (String, Option<String>, Option<String>);

/// What an edit did or would do.
#[derive(Clone, Debug, Serialize)]
pub struct Edited {
    /// What it changes.
    pub changes: Vec<Change>,
    /// What is wrong with it; then it was not saved.
    pub problems: Vec<Problem>,
    /// What sending it would come to.
    pub outcome: Option<EntryOutcome>,
    /// Whether it was saved.
    pub saved: bool,
}

impl Edited {
    /// Whether nothing speaks against saving it: what waits for another entry or a choice may.
    pub fn can_be_saved(&self) -> bool {
        let fits = self.outcome.as_ref().is_some_and(|o| match o.outcome {
            Outcome::Failed | Outcome::Later | Outcome::Missing => false,
            Outcome::Blocked => {
                !matches!(o.verdict, Verdict::SchemaMismatch | Verdict::LacksKey | Verdict::UnmappedUser)
            }
            _ => true,
        });
        self.problems.is_empty() && fits && !self.changes.is_empty()
    }
}

/// Opens an entry that is not settled, to be edited.
pub async fn draft(replica: &Client, id: Uuid) -> Result<Draft, Fault> {
    let sql = format!(
        "SELECT coalesce(e.tbl, p.table_name::text), coalesce(e.op, upper(p.operation)), e.pk::text, jsonb_pretty(p.data), e.original,
             {DIGEST}, p.synced_at IS NOT NULL
         FROM public.pending_sync p LEFT JOIN robbie_sync.entry e ON e.entry_id = p.id WHERE p.id = $1"
    );
    let row = replica.query_opt(&sql, &[&id]).await.map_err(on_replica)?.ok_or_else(|| missing(id))?;
    if row.get(6) {
        return Err(Fault::new(Kind::Data, "the entry is settled: it is not sent again")
            .on(Side::Replica)
            .remedy("robbie queue undo takes its effect back; another change is a new entry"));
    }
    Ok(Draft {
        id,
        table: row.get(0),
        operation: row.get(1),
        key: row.get(2),
        text: row.get(3),
        original: row.get(4),
        version: row.get(5),
    })
}

/// A draft's text with values put in, each `path=value`: the path's parts with dots, the value JSON or else a text.
pub async fn set(replica: &Client, text: &str, values: &[String]) -> Result<String, Fault> {
    let mut text = text.to_owned();
    for value in values {
        let wrong = || Fault::new(Kind::Settings, format!("--set {value} is not path=value"));
        let (path, value) = value.split_once('=').ok_or_else(wrong)?;
        let path: Vec<&str> = path.split('.').collect();
        let json = if serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok() {
            value.to_owned()
        } else {
            serde_json::Value::from(value).to_string()
        };
        let sql = "SELECT jsonb_pretty(jsonb_set($1::text::jsonb, $2, $3::text::jsonb, true))";
        let row = replica.query_one(sql, &[&text, &path, &json]).await.map_err(on_replica)?;
        text = row.get(0);
    }
    Ok(text)
}

/// Where a text stops being JSON, if it does.
pub fn no_json(text: &str) -> Option<Problem> {
    let error = serde_json::from_str::<serde::de::IgnoredAny>(text).err()?;
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
    let (line, column) = (error.line().max(1), error.column().max(1));
    Some(Problem { line, column, path: String::new(), reason: format!("it is no JSON: {reason}") })
}

/// What is wrong with the text of a payload for a table of the master; nothing: it can be tried.
pub async fn check(
    master: &Client,
    table: &str,
    op: &str,
    key: Option<&str>,
    text: &str,
) -> Result<Vec<Problem>, Fault> {
    if let Some(problem) = no_json(text) {
        return Ok(vec![problem]);
    }
    let sql = "SELECT p.path, p.reason FROM robbie_sync.problems($1, $2, $3::text::jsonb, $4::text::jsonb) p";
    let found = match master.query(sql, &[&table, &op, &key, &text]).await {
        Ok(rows) => rows.iter().map(|r| (r.get(0), r.get(1))).collect(),
        // What is JSON and cannot be kept: a zero character, or a number beyond all bounds.
        Err(error) if error.code().is_some_and(|c| c.code().starts_with("22")) => {
            let reason = error.as_db_error().map(|e| e.message().to_owned()).unwrap_or_default();
            vec![(String::new(), reason)]
        }
        Err(error) => return Err(on_master(error)),
    };
    let places = Places::of(text);
    let problem = |(path, reason): (String, String)| {
        let (line, column) = places.of_key(&path);
        Problem { line, column, path, reason }
    };
    Ok(found.into_iter().map(problem).collect())
}

/// Checks an edit, tries it on the master and rolls that back; and where `save` says so and nothing speaks against it, saves it. The
/// original payload is kept; an entry that was changed since the draft is refused.
pub async fn edit(pair: &Pair, draft: &Draft, text: &str, save: bool, by: By<'_>) -> Result<Edited, Fault> {
    let mut s = Sessions::open(pair, "edit").await?;
    let (table, op, key) = (draft.table.as_str(), draft.operation.as_str(), draft.key.as_deref());
    let problems = check(&s.master, table, op, key, text).await?;
    if !problems.is_empty() {
        return Ok(Edited { changes: vec![], problems, outcome: None, saved: false });
    }
    let changes = changes(&s.replica, &draft.text, text).await?;
    let outcome = dry(&mut s, draft.id, text, by).await?;
    let mut edited = Edited { changes, problems, outcome: Some(outcome), saved: false };
    if save && edited.can_be_saved() {
        write(&mut s.replica, draft, text).await?;
        record(&s.replica, "edit", by, 1, 1, None).await?;
        lock::ask(&pair.replica).await?;
        edited.saved = true;
    }
    Ok(edited)
}

/// What sending an entry with this payload would come to.
async fn dry(s: &mut Sessions, id: Uuid, text: &str, by: By<'_>) -> Result<EntryOutcome, Fault> {
    let row = s
        .replica
        .query_opt(
            "SELECT p.id, coalesce(e.seq, 0), coalesce(e.tbl, p.table_name::text), coalesce(e.op, upper(p.operation)), e.pk::text,
                 ($2::text::jsonb)::text, coalesce(e.base, CASE WHEN e.op <> 'INSERT' THEN b.image END)::text, e.seen, p.xmin::text, NULL::uuid
             FROM public.pending_sync p LEFT JOIN robbie_sync.entry e ON e.entry_id = p.id
             LEFT JOIN robbie_sync.base b ON b.tbl = e.tbl AND b.pk = e.pk AND b.xid = e.xid WHERE p.id = $1",
            &[&id, &text],
        )
        .await
        .map_err(on_replica)?
        .ok_or_else(|| missing(id))?;
    let sender = batch::sender(&s.replica, Uuid::new_v4(), by.actor).await?;
    let answers = batch::apply(&mut s.master, &[batch::entry(&row)], &HashMap::new(), &sender, false, true).await?;
    answers.into_iter().next().map(|a| a.outcome).ok_or_else(|| missing(id))
}

/// The columns in which two payloads differ.
async fn changes(replica: &Client, before: &str, after: &str) -> Result<Vec<Change>, Fault> {
    let rows = replica
        .query(
            "WITH images AS (SELECT $1::text::jsonb AS old, $2::text::jsonb AS new),
                  sides AS (SELECT CASE jsonb_typeof(old) WHEN 'object' THEN old ELSE jsonb_build_object('', old) END AS old, new FROM images)
             SELECT k, (old -> k)::text, (new -> k)::text FROM sides, LATERAL (
                 SELECT jsonb_object_keys(old || new) AS k) keys
             WHERE (old -> k)::text IS DISTINCT FROM (new -> k)::text ORDER BY k",
            &[&before, &after],
        )
        .await
        .map_err(on_replica)?;
    Ok(rows.iter().map(|r| (r.get(0), r.get(1), r.get(2))).collect())
}

async fn write(replica: &mut Client, draft: &Draft, text: &str) -> Result<(), Fault> {
    let t = replica.transaction().await.map_err(on_replica)?;
    let sql = format!(
        "SELECT p.data::text FROM public.pending_sync p WHERE p.id = $1 AND p.synced_at IS NULL AND {DIGEST} = $2 FOR UPDATE"
    );
    let Some(row) = t.query_opt(&sql, &[&draft.id, &draft.version]).await.map_err(on_replica)? else {
        return Err(Fault::new(
            Kind::Data,
            "the entry was changed, settled or removed since it was opened: nothing was saved",
        )
        .on(Side::Replica)
        .about("pending_sync")
        .remedy("open it again, and edit it as it is now"));
    };
    let old: String = row.get(0);
    let sql = "UPDATE public.pending_sync SET data = $2::text::jsonb, error = NULL WHERE id = $1";
    t.execute(sql, &[&draft.id, &text]).await.map_err(on_replica)?;
    // What was said of the payload before is not said of this one. The trigger has made the entry due.
    let noted = t
        .execute(
            "UPDATE robbie_sync.entry SET original = coalesce(original, $2), state = 'ready', next_attempt_at = clock_timestamp(), attempts = 0,
                 blocked_on = NULL, blocked_by = NULL, verdict = NULL, sqlstate = NULL, object = NULL,
                 pk = coalesce(robbie_sync.key_of(tbl, $3::text::jsonb), pk)
             WHERE entry_id = $1",
            &[&draft.id, &old, &text],
        )
        .await
        .map_err(on_replica)?;
    if noted != 1 {
        return Err(Fault::new(Kind::Other, "the engine has not noted this entry yet")
            .on(Side::Replica)
            .remedy("robbie sync --once"));
    }
    t.commit().await.map_err(on_replica)
}

pub(super) fn missing(id: Uuid) -> Fault {
    Fault::new(Kind::Settings, format!("the queue has no entry {id}")).on(Side::Replica).about("pending_sync")
}
