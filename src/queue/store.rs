//! The queue's reads: one statement each, bounded, and none of them counts a big table on the way to a page.

use super::lots::{self, Lot, in_reading_order, lots};
use super::page::{self, Anchor, Page, Scope, SortBy};
use super::sql::{Statement, Value};
use super::{Entry, Shape};
use crate::postgres::{Fault, Kind, Side};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

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
    let limit = usize::from(limit);
    let backwards = scope.reads_backwards(anchor);
    let mut more = false;
    let mut entries: Vec<Entry> = Vec::new();
    for source in scope.sources(shape).map_err(|e| refused(&e))? {
        let mut of_source = 0;
        let lots = lots(client, &source, scope).await?;
        for lot in in_reading_order(lots, scope, anchor) {
            // One more than asked for says whether there are more.
            let statement = page::statement(&source, scope, anchor, lot, limit as i64 + 1).map_err(|e| refused(&e))?;
            let rows = rows(client, &statement).await?;
            more |= rows.len() > limit;
            entries.extend(rows.iter().filter_map(Entry::from_row));
            of_source += rows.len();
            if scope.sort.by == SortBy::Time && of_source > limit {
                break;
            }
        }
    }
    let kinds = shape.order(scope.sort.by, scope.open_only()).iter().map(|(_, kind)| *kind).collect::<Vec<_>>();
    if shape.migrated {
        entries.sort_by(|one, other| {
            let order = lots::compare(&one.key, &other.key, &kinds);
            if backwards { order.reverse() } else { order }
        });
    }
    more |= entries.len() > limit;
    entries.truncate(limit);
    if matches!(anchor, Anchor::Before(_) | Anchor::Last) {
        entries.reverse();
    }
    Ok(Page { entries, more })
}

/// Counts what matches, but no further than `bound`.
pub async fn count_up_to(client: &Client, shape: &Shape, scope: &Scope, bound: i64) -> Result<i64, Fault> {
    let mut found = 0;
    for source in scope.sources(shape).map_err(|e| refused(&e))? {
        for lot in lots(client, &source, scope).await? {
            let mut statement = Statement::new("select count(*) from (select 1");
            push_matching(&mut statement, &source, scope, lot)?;
            statement.push(" limit ").bind(Value::Int(bound - found)).push(") bounded");
            found += rows(client, &statement).await?.first().map_or(0, |row| row.get::<_, i64>(0));
        }
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
        for lot in lots(client, &source, scope).await? {
            let mut statement = Statement::new("select ");
            statement.push(source.place_id());
            push_matching(&mut statement, &source, scope, lot)?;
            statement.push(if source.migrated { " order by e.seq" } else { " order by p.created_at, p.id" });
            ids.extend(rows(client, &statement).await?.iter().map(|row| row.get::<_, Uuid>(0)));
        }
    }
    Ok(ids)
}

fn push_matching(out: &mut Statement, source: &Shape, scope: &Scope, lot: Option<Lot>) -> Result<(), Fault> {
    // States alone stand in one table, and in its indexes.
    if scope.is_plain() && !source.discarded {
        out.push(" from ").push(source.places_table());
    } else {
        out.push(&Lot::tables(lot, source));
    }
    out.push(" where ");
    scope.condition(source, out).map_err(|e| refused(&e))?;
    if let Some(lot) = lot {
        lot.condition(out);
    }
    Ok(())
}

/// How many entries there are, and how that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Total {
    /// The number.
    pub entries: i64,
    /// Counted, not estimated from the planner's statistics.
    pub exact: bool,
}

/// What changes when the queue changes: PostgreSQL's own counters of writes to its tables. Costs no look at a row.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Pulse(Vec<i64>);

/// Feels the pulse, which is up to a second late, and where it is not `last` says how many entries the queue has: counted while that is
/// cheap, else estimated. `None`: nothing was written since.
pub async fn news(client: &Client, last: Option<&Pulse>) -> Result<Option<(Pulse, Total)>, Fault> {
    let mut statement = Statement::new(
        "with felt as materialized (
           select array[coalesce(sum(pg_stat_get_tuples_inserted(c.oid)), 0), coalesce(sum(pg_stat_get_tuples_updated(c.oid)), 0),
                        coalesce(sum(pg_stat_get_tuples_deleted(c.oid)), 0)]::bigint[] as pulse
           from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where (n.nspname, c.relname) in (('public', 'pending_sync'), ('robbie_sync', 'entry'), ('robbie_sync', 'archive')))
         select pulse, reltuples::bigint, case when reltuples < ",
    );
    statement
        .bind(Value::Int(COUNT_BOUND))
        .push(" then (select count(*) from (select 1 from public.pending_sync limit ");
    statement
        .bind(Value::Int(COUNT_BOUND))
        .push(") few) end from felt, pg_class where oid = 'public.pending_sync'::regclass");
    statement.push(" and pulse <> ").bind(Value::Ints(last.map(|pulse| pulse.0.clone()).unwrap_or_default()));
    let rows = rows(client, &statement).await?;
    Ok(rows.first().map(|row| {
        let (estimated, counted): (i64, Option<i64>) = (row.get(1), row.get(2));
        let entries = counted.unwrap_or(estimated);
        let total = Total { entries, exact: counted.is_some_and(|counted| counted < COUNT_BOUND) };
        (Pulse(row.get(0)), total)
    }))
}

/// How many entries the queue has.
pub async fn total(client: &Client) -> Result<Total, Fault> {
    Ok(news(client, None).await?.map_or(Total { entries: 0, exact: true }, |(_, total)| total))
}

/// How old the oldest open entry is, in seconds; `None` with nothing open.
pub async fn oldest_open_age(client: &Client, shape: &Shape) -> Result<Option<i64>, Fault> {
    let scope = Scope::default();
    let page = page(client, shape, &scope, &Anchor::First, 1).await?;
    Ok(page.entries.first().and_then(|entry| entry.age_s))
}
