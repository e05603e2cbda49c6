//! The statement of one page: by keyset in either direction, never by counting rows off.

pub use super::entry::Key;
use super::filter::{Filter, FilterError};
use super::lots::Lot;
use super::sql::{Statement, Value};
use super::{Entry, Shape, State};

/// What a list shows: which entries, in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The states; a filter that names states itself overrides it.
    pub states: Vec<State>,
    /// The filter.
    pub filter: Filter,
    /// Only the entries of an error group.
    pub members: Option<Members>,
    /// The order.
    pub sort: Sort,
}

/// What the entries of a group have in common, in SQL's terms.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Members {
    /// The group's id.
    pub id: String,
    /// The table they change.
    pub table: String,
    /// The operation.
    pub operation: String,
    /// MD5 of everything the group was formed by, per distinct combination.
    pub marks: Vec<String>,
}

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// The last first.
    pub descending: bool,
}

/// What a list can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SortBy {
    /// When it was queued.
    #[default]
    Time,
    /// The table's name.
    Table,
    /// The operation.
    Operation,
    /// The state.
    State,
    /// How often it was tried.
    Attempts,
}

impl SortBy {
    /// The name people read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Table => "table",
            Self::Operation => "operation",
            Self::State => "state",
            Self::Attempts => "attempts",
        }
    }
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Anchor {
    /// At the first entry.
    First,
    /// At the last; the page holds the rows before the end.
    Last,
    /// Behind this place.
    After(Key),
    /// Before this place; the page holds the rows just before it.
    Before(Key),
    /// At this place or behind it.
    From(Key),
    /// At this share (0–1) of the whole, by the order of time.
    Share(f64),
}

/// Entries in the order of the list, and whether there are more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Whether more lie in the direction that was read.
    pub more: bool,
}

impl Default for Scope {
    fn default() -> Self {
        Self { states: State::OPEN.to_vec(), filter: Filter::everything(), members: None, sort: Sort::default() }
    }
}

impl Scope {
    /// The states that hold: the filter's own where it names some.
    fn states(&self) -> Option<&[State]> {
        (!self.filter.names_state()).then_some(&self.states)
    }
    /// What has to be read: the queue, the archive, or both. The archive only where it is spoken of.
    pub fn sources(&self, shape: &Shape) -> Result<Vec<Shape>, FilterError> {
        let among: Vec<State> = match (self.states(), self.filter.names(State::Discarded)) {
            (Some(states), _) => states.to_vec(),
            (None, Some(_)) => State::ALL.to_vec(),
            (None, None) => State::QUEUED.to_vec(),
        };
        let (archived, queued): (Vec<State>, Vec<State>) = among.into_iter().partition(|s| *s == State::Discarded);
        let mut sources = Vec::new();
        if !queued.is_empty() && self.filter.can_pass(&queued) {
            sources.push(shape.clone());
        }
        if !archived.is_empty() && self.filter.can_pass(&archived) {
            match (shape.of_archive(), self.filter.names(State::Discarded)) {
                (Some(archive), _) => sources.push(archive),
                (None, Some(column)) => return Err(FilterError::without_archive(column)),
                (None, None) => {}
            }
        }
        // Nothing can pass: the queue says so.
        if sources.is_empty() {
            sources.push(shape.clone());
        }
        Ok(sources)
    }
    /// Whether a page from this anchor is read against the order of its indexes: what the list calls after is before there when the
    /// last comes first.
    pub(super) fn reads_backwards(&self, anchor: &Anchor) -> bool {
        matches!(anchor, Anchor::Before(_) | Anchor::Last) != self.sort.descending
    }
    /// Whether it reaches into the archive.
    pub fn is_archived(&self, shape: &Shape) -> bool {
        self.sources(shape).is_ok_and(|sources| sources.iter().any(|source| source.discarded))
    }
    /// Whether only entries that are not synced can be in it.
    pub fn open_only(&self) -> bool {
        self.states().is_some_and(|states| !states.contains(&State::Synced) && !states.contains(&State::Discarded))
    }
    /// Whether nothing but the states narrows it.
    pub fn is_plain(&self) -> bool {
        self.filter.is_everything() && self.members.is_none()
    }

    /// The condition of the states.
    pub(super) fn in_states(&self, shape: &Shape) -> String {
        self.states().map_or_else(|| "true".to_owned(), |states| shape.in_states(states))
    }
    /// Adds the condition (without `where`).
    pub fn condition(&self, shape: &Shape, out: &mut Statement) -> Result<(), FilterError> {
        out.push(&self.in_states(shape));
        if !self.filter.is_everything() {
            out.push(" and ");
            self.filter.condition(shape, out)?;
        }
        if let Some(members) = &self.members {
            out.push(" and p.table_name = ").text_value(members.table.clone());
            out.push(" and p.operation = ").text_value(members.operation.clone());
            out.push(" and ").push(&super::groups::mark(shape)).push(" = any(");
            out.bind(Value::Texts(members.marks.clone())).push(")");
        }
        Ok(())
    }
}

/// How many characters of a payload a list carries.
const PREVIEW: &str = "160";
/// How many characters of an error a list carries.
const ERROR: &str = "400";
/// Stored payloads above this are not looked into for a list: cutting a text first makes all of it.
const BIG: &str = "65536";

/// The columns of an entry in a list; `key` is the place in this order.
fn columns(shape: &Shape, order: &[(&str, &str)]) -> String {
    let key: Vec<String> = order.iter().map(|(name, _)| format!("({name})::text")).collect();
    let engine = if shape.migrated {
        "e.state as engine_state, left(e.blocked_on, 200) as blocked_on"
    } else {
        "null::text as engine_state, null::text as blocked_on"
    };
    let [verdict, sqlstate, object] = ["verdict", "sqlstate", "object"].map(|name| shape.noted(name));
    let discarded = if shape.discarded {
        "a.discarded_at::text as discarded_at, extract(epoch from now() - a.discarded_at)::bigint as discarded_age_s, \
         a.actor as discarded_by, a.reason as discarded_why"
    } else {
        "null::text as discarded_at, null::bigint as discarded_age_s, null::text as discarded_by, null::text as discarded_why"
    };
    format!(
        "select {} as id, array[{}] as key, p.table_name::text, p.operation::text, {} as state, {engine}, \
         {verdict} as verdict, {sqlstate} as sqlstate, left({object}, 200) as object, {} as live, left({}, 120) as row_key, p.created_at::text, \
         case when isfinite(p.created_at) then (extract(epoch from p.created_at) * 1000)::bigint end as created_ms, \
         case when isfinite(p.created_at) then extract(epoch from now() - p.created_at)::bigint end as age_s, \
         p.synced_at::text, {}::int as attempts, left({}, {ERROR}) as error, pg_column_size(p.data) as bytes, \
         case when pg_column_size(p.data) <= {BIG} then left(p.data::text, {PREVIEW}) end as preview, {discarded}",
        shape.place_id(),
        key.join(", "),
        shape.state(),
        shape.live(),
        shape.key(),
        shape.attempts(),
        shape.error(),
    )
}

/// A part of a page: the rows whose order has a time, or those without one (`created_at` may be null).
struct Part {
    timeless: bool,
    bound: Option<(&'static str, Key)>,
}

/// Writes the statement of a page of at most `limit` rows of a source, and of a lot of it where one is given. The rows come in reading
/// order from the anchor, that is backwards for [`Anchor::Before`] and [`Anchor::Last`].
///
/// The places are found first, in the narrowest table that has what is asked for; only what is shown is read in full.
pub(super) fn statement(
    source: &Shape,
    scope: &Scope,
    anchor: &Anchor,
    lot: Option<Lot>,
    limit: i64,
) -> Result<Statement, FilterError> {
    let open_only = scope.open_only();
    let order = source.order(scope.sort.by, open_only);
    let names = |order: &[(&'static str, &str)]| order.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let backwards = scope.reads_backwards(anchor);
    let timed = order[0].0 == "p.created_at";
    let mut out = Statement::new(&columns(source, &order));
    out.push(" from (");
    for (n, part) in parts(anchor, timed, backwards).iter().enumerate() {
        out.push(if n > 0 { ") union all (" } else { "(" }).push("select ").push(source.place()).push(" as place");
        // States alone stand in one table, and in its indexes.
        if scope.is_plain() && !source.discarded {
            out.push(" from ").push(source.places_table());
        } else {
            out.push(&Lot::tables(lot, source));
        }
        out.push(" where ");
        scope.condition(source, &mut out)?;
        if timed {
            out.push(if part.timeless { " and p.created_at is null" } else { " and p.created_at is not null" });
        }
        if let Some(lot) = lot {
            lot.condition(&mut out);
        }
        if let Anchor::Share(share) = anchor {
            push_share(&mut out, source, &order, *share, open_only);
        }
        if let Some((sign, key)) = &part.bound {
            push_bound(&mut out, &order, sign, key, part.timeless);
        }
        out.push(" order by ");
        push_order(&mut out, &names(&order), backwards);
        out.push(" limit ").bind(Value::Int(limit));
    }
    out.push(")) c").push(&source.of_chosen()).push(" order by ");
    push_order(&mut out, &names(&order), backwards);
    out.push(" limit ").bind(Value::Int(limit));
    Ok(out)
}

fn parts(anchor: &Anchor, timed: bool, backwards: bool) -> Vec<Part> {
    let sign = |inclusive: bool| match (backwards, inclusive) {
        (false, false) => ">",
        (false, true) => ">=",
        (true, false) => "<",
        (true, true) => "<=",
    };
    let bound = match anchor {
        Anchor::After(key) | Anchor::Before(key) => Some((sign(false), key.clone())),
        Anchor::From(key) => Some((sign(true), key.clone())),
        Anchor::First | Anchor::Last | Anchor::Share(_) => None,
    };
    if !timed {
        return vec![Part { timeless: false, bound }];
    }
    // In the order of the index the rows without a time come last.
    let in_timeless = bound.as_ref().is_some_and(|(_, key)| key.0.first().is_none_or(Option::is_none));
    match (backwards, in_timeless, bound) {
        (false, false, bound) => {
            vec![Part { timeless: false, bound }, Part { timeless: true, bound: None }]
        }
        (true, true, bound) => vec![Part { timeless: true, bound }, Part { timeless: false, bound: None }],
        (false, true, bound) => vec![Part { timeless: true, bound }],
        (true, false, None) => {
            vec![Part { timeless: true, bound: None }, Part { timeless: false, bound: None }]
        }
        (true, false, bound) => vec![Part { timeless: false, bound }],
    }
}

fn push_order(out: &mut Statement, names: &[&str], backwards: bool) {
    for (n, name) in names.iter().enumerate() {
        out.push(if n > 0 { ", " } else { "" }).push(name).push(if backwards { " desc" } else { "" });
    }
}

fn push_bound(out: &mut Statement, order: &[(&str, &str)], sign: &str, key: &Key, timeless: bool) {
    // Without a time only the tie-breaker orders.
    let skip = usize::from(timeless);
    let names: Vec<&str> = order[skip..].iter().map(|(name, _)| *name).collect();
    out.push(" and (").push(&names.join(", ")).push(") ").push(sign).push(" (");
    for (n, (_, kind)) in order.iter().enumerate().skip(skip) {
        out.push(if n > skip { ", " } else { "" });
        out.text_value(key.0.get(n).cloned().flatten().unwrap_or_default()).push("::text::").push(kind);
    }
    out.push(")");
}

fn push_share(out: &mut Statement, shape: &Shape, order: &[(&str, &str)], share: f64, open_only: bool) {
    let share = share.clamp(0.0, 1.0);
    match order[0].0 {
        "e.seq" => {
            let table = if shape.discarded { "archive" } else { "entry" };
            let open =
                if open_only { " where state in ('ready', 'inflight', 'retry', 'blocked', 'quarantined')" } else { "" };
            out.push(" and e.seq >= (select min(seq) + ((max(seq) - min(seq)) * ");
            out.bind(Value::Float(share)).push(&format!(")::bigint from robbie_sync.{table}{open})"));
        }
        "p.created_at" => {
            let open = if open_only && shape.open_time_index { " and synced_at is null" } else { "" };
            out.push(" and p.created_at >= (select min(created_at) + (max(created_at) - min(created_at)) * ");
            out.bind(Value::Float(share)).push(&format!(" from public.pending_sync where isfinite(created_at){open})"));
        }
        // Ids are spread evenly enough for a share of them.
        "p.id" => {
            let first = (share * f64::from(u16::MAX)) as u16;
            out.push(" and p.id >= ").text_value(format!("{first:04x}0000-0000-0000-0000-000000000000"));
            out.push("::text::uuid");
        }
        _ => {}
    }
}
