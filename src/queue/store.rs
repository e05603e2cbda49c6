//! The queue's reads: one statement each, bounded, and none of them counts a big table on the way to a page.

use super::page::{self, Anchor, Page, Scope, SortBy};
use super::sql::{Statement, Value};
use super::{Entry, Shape};
use crate::postgres::{Fault, Kind, Side};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

/// How many entries a list may be sorted by something that no index holds.
pub const SORT_BOUND: i64 = 50_000;
/// Up to how many rows a total is counted rather than estimated.
const COUNT_BOUND: i64 = 100_000;

/// Runs a statement on the replica in one round trip.
pub(super) async fn rows(client: &Client, statement: &Statement) -> Result<Vec<Row>, Fault> {
    client
        .query_typed(&statement.text, &statement.parameters())
        .await
        .map_err(|error| Fault::from_postgres(error, Side::Replica))
}

fn refused(error: &super::filter::FilterError) -> Fault {
    Fault::new(Kind::Settings, format!("filter, {error}"))
}

/// Reads one page, in the order of the list whichever way it was read.
pub async fn page(client: &Client, shape: &Shape, scope: &Scope, anchor: &Anchor, limit: u16) -> Result<Page, Fault> {
    if scope.sort.by != SortBy::Time {
        sortable(client, shape, scope).await?;
    }
    // One more than asked for says whether there are more.
    let statement = page::statement(shape, scope, anchor, i64::from(limit) + 1).map_err(|e| refused(&e))?;
    let mut entries: Vec<Entry> = rows(client, &statement).await?.iter().map(Entry::from_row).collect();
    let more = entries.len() > usize::from(limit);
    entries.truncate(usize::from(limit));
    if matches!(anchor, Anchor::Before(_) | Anchor::Last) {
        entries.reverse();
    }
    Ok(Page { entries, more })
}

async fn sortable(client: &Client, shape: &Shape, scope: &Scope) -> Result<(), Fault> {
    let found = count_up_to(client, shape, scope, SORT_BOUND + 1).await?;
    if found <= SORT_BOUND {
        return Ok(());
    }
    let by = scope.sort.by.name();
    Err(Fault::new(
        Kind::Settings,
        format!(
            "no index holds the order by {by}, and more than {SORT_BOUND} entries match: too many to sort for a page"
        ),
    )
    .on(Side::Replica)
    .remedy("filter to fewer entries, or sort by time"))
}

/// Counts what matches, but no further than `bound`.
pub async fn count_up_to(client: &Client, shape: &Shape, scope: &Scope, bound: i64) -> Result<i64, Fault> {
    let mut found = 0;
    for source in scope.sources(shape).map_err(|e| refused(&e))? {
        let mut statement = Statement::new("select count(*) from (select 1");
        // States alone stand in one table, and in its indexes.
        let states_only = source.migrated && !source.discarded && scope.is_plain();
        statement.push(if states_only { " from robbie_sync.entry e" } else { source.from() }).push(" where ");
        scope.condition(&source, &mut statement).map_err(|e| refused(&e))?;
        statement.push(" limit ").bind(Value::Int(bound - found)).push(") bounded");
        found += rows(client, &statement).await?.first().map_or(0, |row| row.get::<_, i64>(0));
    }
    Ok(found)
}

/// Counts exactly what matches. Meant for the background, on a session whose statement can be cancelled.
pub async fn count(client: &Client, shape: &Shape, scope: &Scope) -> Result<i64, Fault> {
    count_up_to(client, shape, scope, i64::MAX).await
}

/// The ids of everything that matches, in order, with no cap: what an action on all of it is frozen to.
pub async fn ids(client: &Client, shape: &Shape, scope: &Scope) -> Result<Vec<Uuid>, Fault> {
    let mut ids = Vec::new();
    for source in scope.sources(shape).map_err(|e| refused(&e))? {
        let mut statement = Statement::new("select p.id");
        statement.push(source.from()).push(" where ");
        scope.condition(&source, &mut statement).map_err(|e| refused(&e))?;
        statement.push(if source.migrated { " order by e.seq" } else { " order by p.created_at, p.id" });
        ids.extend(rows(client, &statement).await?.iter().map(|row| row.get::<_, Uuid>(0)));
    }
    Ok(ids)
}

/// How many entries there are, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Total {
    /// The number.
    pub entries: i64,
    /// Counted, not estimated from the planner's statistics.
    pub exact: bool,
}

/// How many entries the queue has: counted while that is cheap, else estimated.
pub async fn total(client: &Client) -> Result<Total, Fault> {
    let statement = "select case when reltuples >= 100000 then reltuples::bigint end,
        case when reltuples < 100000 then (select count(*) from (select 1 from public.pending_sync limit $1) few) end
        from pg_class where oid = 'public.pending_sync'::regclass";
    let mut statement = Statement::new(statement);
    statement.values.push(Value::Int(COUNT_BOUND));
    let rows = rows(client, &statement).await?;
    let Some(row) = rows.first() else { return Ok(Total { entries: 0, exact: true }) };
    let (estimated, counted): (Option<i64>, Option<i64>) = (row.get(0), row.get(1));
    Ok(match (estimated, counted) {
        (Some(entries), _) => Total { entries, exact: false },
        (None, counted) => {
            let entries = counted.unwrap_or(0);
            Total { entries, exact: entries < COUNT_BOUND }
        }
    })
}

/// What changes when the queue changes: PostgreSQL's own counters of writes to its tables. Costs no look at a row.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Pulse(Vec<i64>);

/// Feels the pulse: equal to the last one means that nothing was written since (up to a second late).
pub async fn pulse(client: &Client) -> Result<Pulse, Fault> {
    let statement = Statement::new(
        "select coalesce(sum(n_tup_ins), 0)::bigint, coalesce(sum(n_tup_upd), 0)::bigint, \
         coalesce(sum(n_tup_del), 0)::bigint from pg_stat_user_tables \
         where schemaname = 'public' and relname = 'pending_sync' or schemaname = 'robbie_sync' and relname in ('entry', 'archive')",
    );
    let rows = rows(client, &statement).await?;
    Ok(Pulse(rows.first().map(|row| (0..3).map(|n| row.get(n)).collect()).unwrap_or_default()))
}

/// How old the oldest open entry is, in seconds; `None` with nothing open.
pub async fn oldest_open_age(client: &Client, shape: &Shape) -> Result<Option<i64>, Fault> {
    let scope = Scope::default();
    let page = page(client, shape, &scope, &Anchor::First, 1).await?;
    Ok(page.entries.first().and_then(|entry| entry.age_s))
}
