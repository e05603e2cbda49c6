//! A long queue is looked through in lots: no statement goes through more entries than it can within a second.

use super::page::{Anchor, Scope, SortBy};
use super::sql::{Statement, Value};
use super::{Key, Shape, store};
use crate::postgres::Fault;
use std::cmp::Ordering;
use tokio_postgres::Client;

/// How many entries a filter is tried on by one statement.
pub const FILTERED: i64 = 100_000;
/// How many failures are grouped by one statement.
pub const GROUPED: i64 = 50_000;

/// Up to how many entries each is looked up.
const FEW: i64 = 100_000;

/// A range of places in the queue, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lot {
    from: i64,
    to: i64,
    /// Its entries are few among many: each is looked up, whatever the planner thinks of going through all.
    few: bool,
}

impl Lot {
    /// The tables to read a lot of a source from; without one all of it.
    pub fn tables(lot: Option<Self>, source: &Shape) -> String {
        if lot.is_some_and(|lot| lot.few) { source.looked_up() } else { source.from() }
    }
    /// Adds the condition for being in it.
    pub fn condition(self, out: &mut Statement) {
        out.push(" and e.seq between ").bind(Value::Int(self.from)).push(" and ").bind(Value::Int(self.to));
    }
}

/// The lots that a source is looked through in for a filter or a sort, in the order of the queue; one that is `None` is all of it. By
/// time states alone have indexes, and a deployed queue has no places.
pub async fn lots(client: &Client, source: &Shape, scope: &Scope) -> Result<Vec<Option<Lot>>, Fault> {
    if scope.is_plain() && scope.sort.by == SortBy::Time || !source.migrated || source.discarded {
        return Ok(vec![None]);
    }
    let states = scope.in_states(source);
    // The open ones have an index of their own, in which few are quickly counted.
    let few = if scope.open_only() {
        format!("(select count(*) from (select from robbie_sync.entry e where {states} limit {}) few)", FEW + 1)
    } else {
        "null::bigint".to_owned()
    };
    let statement = format!(
        "select (select min(seq) from robbie_sync.entry e where {states}), (select max(seq) from robbie_sync.entry e where {states}), \
         (select reltuples::bigint from pg_class where oid = 'robbie_sync.entry'::regclass), {few}"
    );
    let rows = store::rows(client, &Statement::new(&statement)).await?;
    if rows.first().and_then(|row| row.get::<_, Option<i64>>(3)).is_some_and(|few| few <= FEW) {
        return Ok(vec![Some(Lot { from: i64::MIN, to: i64::MAX, few: true })]);
    }
    let Some((Some(first), Some(last))) = rows.first().map(|row| (row.get(0), row.get(1))) else {
        return Ok(vec![None]);
    };
    Ok(divided(first, last, rows[0].get(2), FILTERED))
}

/// The lots whose failures are grouped, each of [`GROUPED`] but the last: they are few among many, so they are counted off in their
/// index.
pub async fn of_failures(client: &Client, source: &Shape, scope: &Scope) -> Result<Vec<Option<Lot>>, Fault> {
    if !source.migrated || source.discarded {
        return Ok(vec![None]);
    }
    let mut lots = Vec::new();
    let mut from = i64::MIN;
    loop {
        let mut statement = Statement::new("select e.seq from robbie_sync.entry e where ");
        statement.push(&scope.in_states(source)).push(" and e.seq >= ").bind(Value::Int(from));
        statement.push(" order by e.seq limit 1 offset ").bind(Value::Int(GROUPED));
        let rows = store::rows(client, &statement).await?;
        let Some(next) = rows.first().map(|row| row.get::<_, i64>(0)) else { break };
        lots.push(Some(Lot { from, to: next - 1, few: true }));
        from = next;
    }
    lots.push(Some(Lot { from, to: i64::MAX, few: true }));
    Ok(lots)
}

/// Divides the places from `first` to `last`, which hold about `entries` (below zero: not known), into even lots. What comes before
/// and behind meanwhile is in the outer ones.
fn divided(first: i64, last: i64, entries: i64, size: i64) -> Vec<Option<Lot>> {
    let places = last.saturating_sub(first);
    let entries = if entries < 0 { places } else { places.min(entries) };
    let count = (entries + size - 1) / size;
    if count <= 1 {
        return vec![None];
    }
    let begins = |n: i64| first + ((i128::from(places) * i128::from(n)) / i128::from(count)) as i64;
    let lot = |n: i64| Lot {
        from: if n == 0 { i64::MIN } else { begins(n) },
        to: if n == count - 1 { i64::MAX } else { begins(n + 1) - 1 },
        few: false,
    };
    (0..count).map(|n| Some(lot(n))).collect()
}

/// The lots in which a page from this anchor can begin or go on, in reading order.
pub fn in_reading_order(mut lots: Vec<Option<Lot>>, scope: &Scope, anchor: &Anchor) -> Vec<Option<Lot>> {
    let backwards = scope.reads_backwards(anchor);
    if backwards {
        lots.reverse();
    }
    if scope.sort.by == SortBy::Time
        && let Anchor::After(key) | Anchor::Before(key) | Anchor::From(key) = anchor
        && let Some(place) = key.0.first().and_then(|place| place.as_ref()?.parse::<i64>().ok())
    {
        lots.retain(|lot| lot.is_none_or(|lot| if backwards { lot.from <= place } else { lot.to >= place }));
    }
    lots
}

/// The order of two places; `kinds` are the types of the order's columns.
pub fn compare(one: &Key, other: &Key, kinds: &[&str]) -> Ordering {
    let values = one.0.iter().zip(&other.0).zip(kinds);
    let mut orders = values.map(|((one, other), kind)| match (one, other) {
        (Some(one), Some(other)) if kind.ends_with("int") => {
            one.parse::<i64>().unwrap_or_default().cmp(&other.parse::<i64>().unwrap_or_default())
        }
        // What has no value comes last, as in an index.
        (None, other) => {
            if other.is_none() {
                Ordering::Equal
            } else {
                Ordering::Greater
            }
        }
        (Some(_), None) => Ordering::Less,
        (Some(one), Some(other)) => one.as_bytes().cmp(other.as_bytes()),
    });
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Sort;
    use proptest::prelude::*;

    fn key(values: &[&str]) -> Key {
        Key(values.iter().map(|v| Some((*v).to_owned())).collect())
    }

    #[test]
    fn numbers_are_compared_as_such_and_texts_by_their_bytes() {
        assert_eq!(compare(&key(&["9"]), &key(&["10"]), &["bigint"]), Ordering::Less);
        let kinds = ["text collate \"C\"", "bigint"];
        assert_eq!(compare(&key(&["a", "9"]), &key(&["a", "10"]), &kinds), Ordering::Less);
        assert_eq!(compare(&key(&["b", "9"]), &key(&["a", "10"]), &kinds), Ordering::Greater);
        assert_eq!(compare(&key(&["Z", "1"]), &key(&["a", "1"]), &kinds), Ordering::Less);
    }

    #[test]
    fn only_lots_that_can_hold_the_page_are_read() {
        let lots = divided(0, 1_000_000, 1_000_000, 350_000);
        assert_eq!(lots.len(), 3);
        let places = |anchor: &Anchor, descending: bool| -> Vec<i64> {
            let scope = Scope { sort: Sort { by: SortBy::Time, descending }, ..Scope::default() };
            in_reading_order(lots.clone(), &scope, anchor).iter().map(|lot| lot.unwrap().to).collect()
        };
        let ends: Vec<i64> = lots.iter().map(|lot| lot.unwrap().to).collect();
        assert_eq!(places(&Anchor::First, false), ends);
        assert_eq!(places(&Anchor::First, true), [ends[2], ends[1], ends[0]]);
        assert_eq!(places(&Anchor::After(key(&["400000"])), false), ends[1..]);
        assert_eq!(places(&Anchor::Before(key(&["400000"])), false), [ends[1], ends[0]]);
        assert_eq!(places(&Anchor::After(key(&["400000"])), true), [ends[1], ends[0]]);
    }

    proptest! {
        #[test]
        fn lots_leave_nothing_out_and_do_not_meet(first in -5_i64..1 << 40, places in 0_i64..1 << 40, entries in -1_i64..1 << 30) {
            let lots = divided(first, first + places, entries, FILTERED);
            if let [one] = lots[..] {
                prop_assert_eq!(one, None);
            } else {
                let lots: Vec<Lot> = lots.into_iter().flatten().collect();
                prop_assert_eq!((lots[0].from, lots[lots.len() - 1].to), (i64::MIN, i64::MAX));
                prop_assert!(lots.windows(2).all(|two| two[0].to + 1 == two[1].from));
            }
        }
    }
}
