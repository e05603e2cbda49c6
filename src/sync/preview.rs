//! What a cycle would find, without writing anything.

use super::look;
use super::replay::replay;
use super::report::{CycleOptions, Mode, ReplayOptions};
use super::session::Sessions;
use super::side::{on_master, on_replica};
use crate::postgres::{Fault, Pair};
use postgres_protocol::escape::escape_literal;
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Entries that are tried dry.
const TRIED: i64 = 500;
/// Changes that are counted.
const COUNTED: i64 = 100_000;

/// What a cycle would find.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// Entries that are due, at most 500.
    pub due: u64,
    /// Whether more are due than were tried.
    pub more_due: bool,
    /// What trying them dry came to: outcomes with their numbers.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Keys that changed on the master since the last pull, by table; own pushes among them. At most 100,000 in all.
    pub changed: BTreeMap<String, i64>,
    /// Whether there is no last pull to go on from, and all rows would be compared.
    pub whole: bool,
}

/// Says what a cycle would send and take.
pub async fn preview(pair: &Pair, options: &CycleOptions) -> Result<Preview, Fault> {
    let s = Sessions::open(pair, "dry run").await?;
    let mut preview = Preview::default();
    if options.push {
        let rows = s
            .replica
            .query(
                "SELECT e.entry_id FROM robbie_sync.entry e
                 WHERE e.state IN ('ready', 'retry', 'blocked') AND e.next_attempt_at <= now() ORDER BY e.seq LIMIT $1",
                &[&(TRIED + 1)],
            )
            .await
            .map_err(on_replica)?;
        preview.more_due = rows.len() as i64 > TRIED;
        let ids: Vec<Uuid> = rows.iter().take(TRIED as usize).map(|r| r.get(0)).collect();
        preview.due = ids.len() as u64;
        let dry = ReplayOptions { mode: Mode::Dry, actor: options.actor.clone(), reason: None, force: false };
        for outcome in replay(pair, &ids, dry).await? {
            *preview.outcomes.entry(outcome.outcome.name()).or_default() += 1;
        }
    }
    if options.pull {
        match look::here(&s.replica).await?.cursor {
            None => preview.whole = true,
            Some(cursor) => preview.changed = changed(&s, &cursor).await?,
        }
    }
    Ok(preview)
}

async fn changed(s: &Sessions, cursor: &str) -> Result<BTreeMap<String, i64>, Fault> {
    let rows = s
        .master
        .query(
            &format!(
                "SELECT w.tbl, count(DISTINCT w.pk) FROM (
                     SELECT c.tbl, c.pk FROM robbie_sync.changelog c
                     WHERE c.xid >= pg_snapshot_xmin({0}::pg_snapshot) AND NOT pg_visible_in_snapshot(c.xid, {0}::pg_snapshot)
                     LIMIT {COUNTED}) w
                 GROUP BY w.tbl",
                escape_literal(cursor)
            ),
            &[],
        )
        .await
        .map_err(on_master)?;
    Ok(rows.iter().map(|r| (r.get(0), r.get(1))).collect())
}
