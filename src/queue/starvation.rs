//! Whether the deployed worker still gets through: it reads the oldest 100 unsynced entries and nothing else.

use super::sql::{Statement, Value};
use super::{Shape, mask, store};
use crate::postgres::Fault;
use tokio_postgres::Client;

/// How many entries the deployed worker looks at.
const READ: i64 = 100;
/// How many of the unsynced entries are looked at.
const MOST: i64 = 10_000;

/// How the deployed worker fares on this queue.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Worker {
    /// Set when it cannot get past the oldest entries.
    pub blocked: Option<Blocked>,
    /// Whether anything counts tries: the engine, or the worker.
    pub retries_tracked: bool,
}

/// What the worker is blocked by.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Blocked {
    /// The commonest table and error among the oldest, its values masked.
    pub by: String,
    /// Entries without an error that it never reaches.
    pub starving: i64,
    /// Whether that is a lower bound.
    pub at_least: bool,
    /// Age of the oldest entry, in seconds.
    pub oldest_s: Option<i64>,
}

impl Blocked {
    /// In one line, the most important first.
    pub fn words(&self) -> String {
        let about = if self.at_least { "at least " } else { "" };
        let starving = match self.starving {
            0 => "none starves".to_owned(),
            1 => "1 starves".to_owned(),
            n => format!("{about}{n} starve"),
        };
        let oldest = self.oldest_s.map(|s| match s {
            s if s < 60 => format!(" · oldest {s}s"),
            s if s < 3_600 => format!(" · oldest {}m", s / 60),
            s if s < 172_800 => format!(" · oldest {}h", s / 3_600),
            s => format!(" · oldest {}d", s / 86_400),
        });
        let oldest = oldest.unwrap_or_default();
        format!("Deployed worker blocked: its 100 oldest failed · {starving}{oldest} · {}", self.by)
    }
}

/// Looks, in one bounded statement.
pub async fn read(client: &Client, shape: &Shape) -> Result<Worker, Fault> {
    if !shape.has_error {
        return Ok(Worker { blocked: None, retries_tracked: shape.migrated });
    }
    let retried = match (shape.has_retry_count, shape.has_last_retry) {
        (true, true) => "coalesce(p.retry_count, 0) > 0 or p.last_retry is not null",
        (true, false) => "coalesce(p.retry_count, 0) > 0",
        (false, true) => "p.last_retry is not null",
        (false, false) => "false",
    };
    let mut statement = Statement::new(&format!(
        "with open as materialized (select p.table_name::text as tbl, left(p.error, 300) as error, p.created_at, \
         {retried} as retried, row_number() over (order by p.created_at) as n from (select * from public.pending_sync q \
         where q.synced_at is null order by q.created_at limit "
    ));
    statement.bind(Value::Int(MOST)).push(") p), oldest as (select * from open where n <= ").bind(Value::Int(READ));
    statement.push(
        ") select (select count(*) from oldest where error <> ''), (select count(*) from open where error is null or error = ''), \
         (select count(*) from open), (select extract(epoch from now() - min(created_at) filter (where isfinite(created_at)))::bigint \
         from oldest), (select tbl || ': ' || error from oldest where error <> '' group by tbl, error order by count(*) desc, 1 limit 1), \
         (select coalesce(bool_or(retried), false) from open), (select count(*) from open where error <> '')",
    );
    let rows = store::rows(client, &statement).await?;
    let Some(row) = rows.first() else { return Ok(Worker::default()) };
    let (failed_oldest, waiting, open): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    let (retried, failed): (bool, i64) = (row.get(5), row.get(6));
    let blocked = (failed_oldest == READ).then(|| Blocked {
        by: row.get::<_, Option<&str>>(4).map(mask::mask).unwrap_or_default(),
        starving: waiting,
        at_least: open == MOST,
        oldest_s: row.get(3),
    });
    // Failures without a single counted try: nothing writes the counter.
    Ok(Worker { blocked, retries_tracked: shape.migrated || retried || failed == 0 })
}
