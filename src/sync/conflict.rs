//! The conflict log: what both sides changed, what became of it, and applying the losing image after all.

use super::report::{EntryOutcome, Mode, ReplayOptions};
use crate::postgres::{Fault, Kind, Pair, Side};
use serde::Serialize;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

/// Which conflicts.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Those that were resolved too.
    pub resolved_too: bool,
    /// Only of this table.
    pub table: Option<String>,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only the younger ones than this, as PostgreSQL reads an interval.
    pub within: Option<String>,
    /// Only those logged before this one.
    pub before: Option<i64>,
}

/// One row of the log.
#[derive(Clone, Debug, Serialize)]
pub struct Conflict {
    /// Its number.
    pub id: i64,
    /// When it was met, in UTC.
    pub at: String,
    /// What met, by PostgreSQL's names.
    pub kind: String,
    /// The table.
    pub table: String,
    /// The row, as JSON text.
    pub key: String,
    /// What decided.
    pub rule: String,
    /// The replica whose entry it was.
    pub replica: Option<String>,
    /// The entries.
    pub entries: Vec<Uuid>,
    /// When, by whom and how it was resolved.
    pub resolved: Option<String>,
}

/// The images of a conflict, as JSON text.
#[derive(Clone, Debug, Serialize)]
pub struct Images {
    /// What both started from.
    pub base: Option<String>,
    /// What the replica wanted.
    pub local: Option<String>,
    /// What the master had.
    pub remote: Option<String>,
    /// What the master had then.
    pub result: Option<String>,
    /// Per column that is not the same in all images: its name, and its value in base, local, remote and result.
    pub differing: Vec<(String, [Option<String>; 4])>,
}

/// What a replay is or would be.
#[derive(Clone, Debug, Serialize)]
pub struct Redo {
    /// The operation.
    pub operation: String,
    /// The table.
    pub table: String,
    /// The columns it sets; none: there is nothing left to do.
    pub columns: Vec<String>,
    /// The payload, as JSON text.
    pub payload: String,
    /// Whether the row was changed again since the conflict.
    pub moved: bool,
    /// What became of it; none for a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<EntryOutcome>,
    #[serde(skip)]
    base: Option<String>,
}

const COLUMNS: &str = "c.conflict_id, (c.at AT TIME ZONE 'UTC')::text || 'Z', c.kind, c.tbl, c.pk::text, c.rule, n.name, c.entry_ids,
    CASE WHEN c.resolved_at IS NOT NULL THEN concat_ws(' ', (c.resolved_at AT TIME ZONE 'UTC')::text || 'Z', 'by ' || c.resolved_by || ':', c.resolution) END";
const FROM: &str = "robbie_sync.conflict c LEFT JOIN robbie_sync.node n ON n.node_id = c.node_id";

fn on_master(e: tokio_postgres::Error) -> Fault {
    Fault::from_postgres(e, Side::Master).about("robbie_sync.conflict")
}

fn conflict(row: &Row) -> Conflict {
    Conflict {
        id: row.get(0),
        at: row.get(1),
        kind: row.get(2),
        table: row.get(3),
        key: row.get(4),
        rule: row.get(5),
        replica: row.get(6),
        entries: row.get(7),
        resolved: row.get(8),
    }
}

/// Lists conflicts, the last first; at most `limit`, read by the log's key.
pub async fn list(master: &Client, wanted: &Wanted, limit: i64) -> Result<Vec<Conflict>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM}
         WHERE ($1 OR c.resolved_at IS NULL) AND ($2::text IS NULL OR c.tbl = $2) AND ($3::text IS NULL OR c.kind = $3)
           AND ($4::text IS NULL OR c.at > clock_timestamp() - $4::text::interval) AND ($5::bigint IS NULL OR c.conflict_id < $5)
         ORDER BY c.conflict_id DESC LIMIT $6"
    );
    let rows = master
        .query(&sql, &[&wanted.resolved_too, &wanted.table, &wanted.kind, &wanted.within, &wanted.before, &limit])
        .await
        .map_err(on_master)?;
    Ok(rows.iter().map(conflict).collect())
}

/// One conflict with all its images.
pub async fn show(master: &Client, id: i64) -> Result<(Conflict, Images), Fault> {
    let sql = format!(
        "SELECT {COLUMNS}, c.base::text, c.local::text, c.remote::text, c.result::text FROM {FROM} WHERE c.conflict_id = $1"
    );
    let row = master.query_opt(&sql, &[&id]).await.map_err(on_master)?.ok_or_else(|| unknown(id))?;
    let columns = master
        .query(
            "SELECT k, c.base ->> k, c.local ->> k, c.remote ->> k, c.result ->> k FROM robbie_sync.conflict c, LATERAL (
                 SELECT DISTINCT k FROM jsonb_object_keys(coalesce(c.base, '{}') || coalesce(c.local, '{}') || coalesce(c.remote, '{}')) k) keys
             WHERE c.conflict_id = $1 AND NOT (coalesce(c.base -> k, 'null') = coalesce(c.remote -> k, 'null')
                 AND coalesce(c.remote -> k, 'null') = coalesce(c.result -> k, 'null') AND coalesce(c.local -> k, c.remote -> k, 'null') = coalesce(c.remote -> k, 'null'))
             ORDER BY k",
            &[&id],
        )
        .await
        .map_err(on_master)?;
    let differing = columns.iter().map(|r| (r.get(0), [r.get(1), r.get(2), r.get(3), r.get(4)])).collect();
    let images = Images { base: row.get(9), local: row.get(10), remote: row.get(11), result: row.get(12), differing };
    Ok((conflict(&row), images))
}

/// Marks an open conflict as looked at; whether it was open.
pub async fn resolve(master: &Client, id: i64, actor: &str, how: &str) -> Result<bool, Fault> {
    let changed = master
        .execute(
            "UPDATE robbie_sync.conflict SET resolved_at = clock_timestamp(), resolved_by = $2, resolution = $3
             WHERE conflict_id = $1 AND resolved_at IS NULL",
            &[&id, &actor, &how],
        )
        .await
        .map_err(on_master)?;
    Ok(changed > 0)
}

/// What would be sent to apply the losing image of a conflict after all.
pub async fn plan(master: &Client, id: i64) -> Result<Redo, Fault> {
    let row = master
        .query_one(
            "SELECT r.tbl, r.op, r.data::text, r.base::text, r.moved, r.columns FROM robbie_sync.redo($1) r",
            &[&id],
        )
        .await
        .map_err(on_master)?;
    let Some(table) = row.get::<_, Option<String>>(0) else { return Err(unknown(id)) };
    Ok(Redo {
        table,
        operation: row.get(1),
        payload: row.get(2),
        base: row.get(3),
        moved: row.get(4),
        columns: row.get(5),
        outcome: None,
    })
}

/// Applies the losing image of a conflict: as a new entry of this replica's queue, through the same door as every other. It
/// starts from the master's row as `redo` has it; where somebody changes that first, it is a conflict again.
pub async fn replay(pair: &Pair, id: i64, mut redo: Redo, actor: &str) -> Result<Redo, Fault> {
    let mut replica = pair.replica.dedicated("conflicts").await?;
    let on_replica = |e| Fault::from_postgres(e, Side::Replica).about("pending_sync");
    // One statement for the trigger that notes the entry, one for what the note cannot know; the engine sees both or none.
    let transaction = replica.transaction().await.map_err(on_replica)?;
    let entry: Uuid = transaction
        .query_one(
            "INSERT INTO public.pending_sync (table_name, operation, data) VALUES ($1::text, $2::text, $3::text::jsonb) RETURNING id",
            &[&redo.table, &redo.operation, &redo.payload],
        )
        .await
        .map_err(on_replica)?
        .get(0);
    transaction
        .execute("UPDATE robbie_sync.entry SET base = $2::text::jsonb WHERE entry_id = $1", &[&entry, &redo.base])
        .await
        .map_err(on_replica)?;
    transaction.commit().await.map_err(on_replica)?;
    let options = ReplayOptions {
        mode: Mode::Apply,
        actor: actor.to_owned(),
        reason: Some(format!("the losing image of conflict {id}")),
        force: false,
    };
    redo.outcome = super::replay(pair, &[entry], options).await?.pop();
    if redo.outcome.as_ref().is_some_and(|o| o.outcome.is_settled() && o.outcome != super::Outcome::ConflictResolved) {
        let master = pair.master.session().await?;
        resolve(&master, id, actor, &format!("replayed as entry {entry}")).await?;
    }
    Ok(redo)
}

fn unknown(id: i64) -> Fault {
    Fault::new(Kind::Settings, format!("the log has no conflict {id}"))
        .on(Side::Master)
        .about("robbie_sync.conflict")
        .remedy("robbie conflicts list --all")
}
