//! Failures in families: the same reason on the same object of the same table, whatever the values were.
//!
//! The server sends each distinct combination once, with its counts; the families are formed here, by rules with a version.

use super::diagnosis::{self, Diagnosis, Evidence, Proof};
use super::filter::FilterError;
use super::lots::{self, Lot};
use super::page::{Members, Scope};
use super::sql::{Statement, Value};
use super::{Shape, State, Verdict, mask};
use crate::postgres::{Fault, Side};
use futures_util::TryStreamExt;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

/// How many failed entries are looked at; beyond it the groups say that they are not all.
pub const BOUND: i64 = 1_000_000;

/// A family of failures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Ten hex digits of what forms it; the same on every run with the same rules.
    pub id: String,
    /// The rules' version.
    pub rules: u32,
    /// How many entries.
    pub count: i64,
    /// The table they change.
    pub table: String,
    /// The operation.
    pub operation: String,
    /// The state of most of them.
    pub state: State,
    /// Why, on what, and what to do.
    pub diagnosis: Diagnosis,
    /// The error with its values masked.
    pub pattern: String,
    /// The first failure, in seconds ago.
    pub first_s: Option<i64>,
    /// The last failure, in seconds ago.
    pub last_s: Option<i64>,
    /// How many failed last within 1 h, 24 h and 7 d.
    pub recent: [i64; 3],
    /// One of them.
    pub sample: Uuid,
    /// How its entries are found again.
    #[serde(skip)]
    pub members: Members,
}

/// All groups, the biggest first.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Groups {
    /// The groups.
    pub groups: Vec<Group>,
    /// How many entries they hold together.
    pub entries: i64,
    /// Whether there were more entries than are looked at.
    pub cut: bool,
}

/// How much of a stored error tells families apart: what deployed tables can index is not longer.
const TEXT: &str = "2000";

/// MD5 over all that a combination is made of; finds the entries of a group again.
pub(super) fn mark(shape: &Shape) -> String {
    md5_of(&parts(shape))
}

fn md5_of(parts: &[impl AsRef<str>]) -> String {
    let safe: Vec<String> = parts.iter().map(|part| format!("coalesce({}, '')", part.as_ref())).collect();
    format!("md5({})", safe.join(" || chr(31) || "))
}

fn parts(shape: &Shape) -> [String; 4] {
    let error = format!("left({}, {TEXT})", shape.error());
    [shape.noted("verdict"), shape.noted("sqlstate"), shape.noted("object"), error]
}

/// The states of what has a reason to be told.
const STUCK: [State; 2] = [State::Failed, State::Blocked];

fn refused(error: &FilterError) -> Fault {
    Fault::new(crate::postgres::Kind::Settings, format!("filter, {error}"))
}

fn statement(shape: &Shape, scope: &Scope, lot: Option<Lot>) -> Result<Statement, Fault> {
    let [verdict, sqlstate, object, error] = parts(shape);
    let (first, last) = if shape.migrated {
        ("coalesce(e.first_failed_at, p.created_at)", "coalesce(e.last_failed_at, p.created_at)")
    } else if shape.has_last_retry {
        ("p.created_at", "coalesce(p.last_retry, p.created_at)")
    } else {
        ("p.created_at", "p.created_at")
    };
    let live = shape.live();
    let mut out = Statement::new(&format!(
        "select table_name, operation, state, verdict, sqlstate, object, error, {} as mark, bool_and(live) as live, \
         count(*) as n, \
         extract(epoch from now() - min(first) filter (where isfinite(first)))::bigint as first_s, \
         extract(epoch from now() - max(last) filter (where isfinite(last)))::bigint as last_s, \
         count(*) filter (where last > now() - interval '1 hour') as hour, \
         count(*) filter (where last > now() - interval '1 day') as day, \
         count(*) filter (where last > now() - interval '7 days') as week, min(id::text)::uuid as sample \
         from (select p.id, p.table_name::text, p.operation::text, {} as state, {verdict} as verdict, \
         {sqlstate} as sqlstate, {object} as object, {error} as error, {first} as first, {last} as last, {live} as live",
        md5_of(&["verdict", "sqlstate", "object", "error"]),
        shape.state(),
    ));
    out.push(&Lot::tables(lot, shape)).push(" where ");
    scope.condition(shape, &mut out).map_err(|error| refused(&error))?;
    if let Some(lot) = lot {
        lot.condition(&mut out);
    }
    out.push(" limit ").bind(Value::Int(BOUND)).push(") failed group by 1, 2, 3, 4, 5, 6, 7");
    Ok(out)
}

/// Reads the groups of the failed and blocked entries that pass the scope's filter; of the discarded ones, where the scope is about
/// them.
pub async fn read(client: &Client, shape: &Shape, scope: &Scope) -> Result<Groups, Fault> {
    let states = if scope.states == [State::Discarded] { vec![State::Discarded] } else { STUCK.to_vec() };
    let scope = Scope { states, ..scope.clone() };
    let on_replica = |error| Fault::from_postgres(error, Side::Replica);
    let mut families = Families::default();
    for source in scope.sources(shape).map_err(|error| refused(&error))? {
        for lot in lots::of_failures(client, &source, &scope).await? {
            let statement = statement(&source, &scope, lot)?;
            // Row by row: thousands of distinct texts need not be held at once.
            let stream = client.query_typed_raw(&statement.text, statement.parameters()).await.map_err(on_replica)?;
            let mut stream = std::pin::pin!(stream);
            while let Some(row) = stream.try_next().await.map_err(on_replica)? {
                families.add(Combination::from_row(&row));
            }
            if families.entries >= BOUND {
                break;
            }
        }
    }
    Ok(families.finish())
}

/// One distinct combination with its counts.
struct Combination {
    table: String,
    operation: String,
    state: State,
    verdict: Option<String>,
    sqlstate: Option<String>,
    object: Option<String>,
    error: Option<String>,
    /// The mark that [`mark`] makes of its entries.
    mark: String,
    live: bool,
    count: i64,
    first_s: Option<i64>,
    last_s: Option<i64>,
    recent: [i64; 3],
    sample: Uuid,
}

impl Combination {
    fn from_row(row: &Row) -> Self {
        Self {
            table: row.get("table_name"),
            operation: row.get("operation"),
            state: State::from_name(row.get("state")).unwrap_or(State::Failed),
            verdict: row.get("verdict"),
            sqlstate: row.get("sqlstate"),
            object: row.get("object"),
            error: row.get("error"),
            mark: row.get("mark"),
            live: row.get("live"),
            count: row.get("n"),
            first_s: row.get("first_s"),
            last_s: row.get("last_s"),
            recent: [row.get("hour"), row.get("day"), row.get("week")],
            sample: row.get("sample"),
        }
    }
    fn evidence(&self) -> Evidence<'_> {
        Evidence {
            table: &self.table,
            operation: &self.operation,
            state: self.state,
            verdict: self.verdict.as_deref().and_then(Verdict::from_name),
            sqlstate: self.sqlstate.as_deref(),
            object: self.object.as_deref(),
            blocked_on: None,
            text: self.error.as_deref().unwrap_or_default(),
            live: self.live,
            synced: false,
        }
    }
}

/// The families while they are formed.
#[derive(Default)]
struct Families {
    groups: HashMap<String, Group>,
    states: HashMap<(String, State), i64>,
    entries: i64,
}

impl Families {
    fn add(&mut self, row: Combination) {
        self.entries += row.count;
        let Some(diagnosis) = diagnosis::diagnose(&row.evidence()) else { return };
        let pattern = mask::mask(without_code(row.error.as_deref().unwrap_or_default()));
        let id = fingerprint(&row, &diagnosis, &pattern);
        *self.states.entry((id.clone(), row.state)).or_default() += row.count;
        let proof = diagnosis.proof;
        let group = self.groups.entry(id.clone()).or_insert_with(|| Group {
            members: Members {
                id: id.clone(),
                table: row.table.clone(),
                operation: row.operation.clone(),
                marks: Vec::new(),
            },
            id,
            rules: mask::RULES,
            count: 0,
            table: row.table,
            operation: row.operation,
            state: row.state,
            diagnosis,
            pattern,
            first_s: None,
            last_s: None,
            recent: [0; 3],
            sample: row.sample,
        });
        if proof == Proof::Inferred {
            group.diagnosis.proof = proof;
        }
        group.count += row.count;
        group.first_s = group.first_s.max(row.first_s);
        group.last_s = [group.last_s, row.last_s].into_iter().flatten().min();
        for (sum, more) in group.recent.iter_mut().zip(row.recent) {
            *sum += more;
        }
        group.sample = group.sample.min(row.sample);
        group.members.marks.push(row.mark);
    }

    /// All of them, the biggest first; each has the state of most of its entries.
    fn finish(self) -> Groups {
        let Self { groups, states, entries } = self;
        let mut groups: Vec<Group> = groups.into_values().collect();
        for group in &mut groups {
            let count = |state: &State| states.get(&(group.id.clone(), *state)).copied().unwrap_or(0);
            // Of as many, the failed ones: they come last.
            let most = [State::Discarded, State::Synced, State::Pending, State::Blocked, State::Failed];
            // Several lots may have had the same.
            group.members.marks.sort_unstable();
            group.members.marks.dedup();
            group.state = most.into_iter().max_by_key(count).unwrap_or(group.state);
        }
        groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.id.cmp(&b.id)));
        Groups { groups, entries, cut: entries >= BOUND }
    }
}

/// The text without the code in brackets that the engine puts before it: the code is told apart by itself.
fn without_code(text: &str) -> &str {
    match text.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((code, words)) if code.len() == 5 => words,
        _ => text,
    }
}

/// What makes two failures the same: code, table, operation, verdict, object and the masked words.
fn fingerprint(row: &Combination, diagnosis: &Diagnosis, pattern: &str) -> String {
    let mut hash = Sha256::new();
    let version = mask::RULES.to_string();
    let parts = [
        version.as_str(),
        diagnosis.sqlstate.as_deref().unwrap_or_default(),
        &row.table,
        &row.operation,
        diagnosis.verdict.name(),
        diagnosis.object.as_deref().unwrap_or_default(),
        pattern,
    ];
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0x1f]);
    }
    hash.finalize().iter().take(5).fold(String::new(), |id, byte| format!("{id}{byte:02x}"))
}
