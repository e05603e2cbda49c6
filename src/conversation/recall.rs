//! How many lists of an `IVFFlat` index are to be looked into for a recall: measured on the table's own vectors, never guessed.
//!
//! What it takes depends on how the vectors lie: a tenth of the lists where they lie around subjects, nearly all where they lie
//! anywhere. Until it was measured all lists are looked into, which is exact.

use super::similar::{self, Origin};
use super::{Kind, Shape};
use crate::postgres::statement::{Statement, Value};
use crate::postgres::{Fault, Link};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Stored vectors that are asked with.
const QUESTIONS: i64 = 10;
/// Of each answer so many are compared.
const NEAREST: usize = 10;
/// What takes longer than this is left at all lists.
const PATIENCE: Duration = Duration::from_secs(30);
/// From this part of the lists on, all of them cost little more and are exact.
const NEARLY_ALL: f64 = 0.7;
/// A table that grew or shrank by this much is measured again.
const OTHER_SIZE: f64 = 1.5;

/// An index, and whose vectors in it are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    database: String,
    kind: Kind,
    embedder: Option<String>,
    lists: i32,
}

/// What was measured of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// How many lists are looked into; all of them is exact.
    pub probes: i32,
    /// The recall at ten that they reached.
    pub recall: f64,
    rows: f64,
}

/// What was measured, for as long as the program runs. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<Subject, Measured>>>);

impl Memory {
    /// What was measured of an index, unless its table is quite another by now.
    pub(super) fn of(
        &self,
        link: &Link,
        kind: Kind,
        embedder: Option<&str>,
        lists: i32,
        rows: f64,
    ) -> Option<Measured> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = held.get(&subject(link, kind, embedder, lists)).copied();
        found.filter(|m| rows <= m.rows * OTHER_SIZE && m.rows <= rows * OTHER_SIZE)
    }
    fn keep(&self, subject: Subject, measured: Measured) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(subject, measured);
    }
}

fn subject(link: &Link, kind: Kind, embedder: Option<&str>, lists: i32) -> Subject {
    let target = link.target();
    let database = format!("{}/{}", target.address(), target.config.get_dbname().unwrap_or_default());
    Subject { database, kind, embedder: embedder.map(ToOwned::to_owned), lists }
}

/// Measures how many lists it takes for `wanted`, and keeps that in the memory of `shape`. Stored vectors are the questions, and what all
/// lists answer is the truth. `None` where the table is searched exactly anyhow.
pub async fn measure(
    link: &Link,
    shape: &Shape,
    kind: Kind,
    embedder: Option<&str>,
    wanted: f64,
) -> Result<Option<Measured>, Fault> {
    let began = Instant::now();
    let plan = similar::plan(link, kind).await?;
    let Some(lists) = plan.lists_in_use() else { return Ok(None) };
    let subject = subject(link, kind, embedder, lists);
    let mut found = Measured { probes: lists, recall: 1.0, rows: plan.rows };
    let questions = questions(link, shape, kind, embedder, &plan).await?;
    let index = similar::Through::open(link, shape).await?;
    let mut asked: Vec<(Statement, BTreeSet<Uuid>)> = Vec::new();
    for (id, origin) in questions {
        // The truth of a few is enough where each takes long.
        if began.elapsed() > PATIENCE / 3 && asked.len() >= 5 {
            break;
        }
        let question = similar::nearest(shape, kind, &origin, Some(id), false)?;
        let truth = nearest_ten(&index, &question, lists).await?;
        asked.push((question, truth));
    }
    let all: usize = asked.iter().map(|(_, truth)| truth.len()).sum();
    // A few questions know the recall roughly: half of what may be missed stays in hand.
    let enough = wanted + (1.0 - wanted) / 2.0;
    let steps = steps(lists);
    let (mut from, mut to) = (0, if all > 0 { steps.len() } else { 0 });
    while from < to {
        let middle = from.midpoint(to);
        let mut hits = 0;
        for (question, truth) in &asked {
            if began.elapsed() > PATIENCE {
                return Ok(Some(kept(shape, subject, found)));
            }
            hits += nearest_ten(&index, question, steps[middle]).await?.intersection(truth).count();
        }
        let recall = hits as f64 / all as f64;
        if recall >= enough {
            (found.probes, found.recall) = (steps[middle], recall);
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    // One step more than a few questions took: what they did not ask for is a little harder at times.
    if to < steps.len() {
        found.probes = steps.get(to + 1).copied().unwrap_or(lists);
    }
    Ok(Some(kept(shape, subject, found)))
}

fn kept(shape: &Shape, subject: Subject, measured: Measured) -> Measured {
    shape.memory.keep(subject, measured);
    measured
}

async fn nearest_ten(index: &similar::Through<'_>, question: &Statement, probes: i32) -> Result<BTreeSet<Uuid>, Fault> {
    let rows = index.ask(question, probes).await?;
    let mut found: Vec<(f64, Uuid)> = rows.iter().map(|r| (r.get(2), r.get(0))).collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    Ok(found.into_iter().take(NEAREST).map(|(_, id)| id).collect())
}

/// The numbers of lists that are tried: each about a third more than the one before.
fn steps(lists: i32) -> Vec<i32> {
    let most = (f64::from(lists) * NEARLY_ALL) as i32;
    let next = |n: &i32| Some((*n + 1).max((f64::from(*n) * 1.35) as i32));
    std::iter::successors(Some(1), next).take_while(|n| *n <= most).collect()
}

/// Some vectors of one embedder, from anywhere in the table.
async fn questions(
    link: &Link,
    shape: &Shape,
    kind: Kind,
    embedder: Option<&str>,
    plan: &similar::Plan,
) -> Result<Vec<(Uuid, Origin)>, Fault> {
    let with = plan.rows * (1.0 - plan.null_part.unwrap_or(0.0)).max(1e-6);
    let mut percent = (40_000.0 / with).clamp(0.01, 100.0);
    loop {
        let mut s = Statement::new(&format!(
            "SELECT r.id, r.embedding::text FROM (SELECT r.id FROM public.{} r TABLESAMPLE SYSTEM (",
            kind.table()
        ));
        s.bind(Value::Float(percent)).push(") WHERE r.embedding IS NOT NULL AND ");
        s.push(&format!("{} IS NOT DISTINCT FROM ", shape.metadata(kind, "r", "embedder")));
        match embedder {
            Some(name) => s.text_value(name),
            None => s.push("NULL::text"),
        };
        s.push(" ORDER BY md5(r.id::text) LIMIT ").bind(Value::Int(QUESTIONS));
        s.push(&format!(") s JOIN public.{} r ON r.id = s.id", kind.table()));
        let client = link.session().await?;
        let found = super::rows(&client, link, &s).await?;
        if found.len() as i64 == QUESTIONS || percent >= 100.0 {
            let origin = |vector: String| Origin {
                dimensions: vector.matches(',').count() as i32 + 1,
                vector,
                embedder: embedder.map(ToOwned::to_owned),
            };
            return Ok(found.iter().map(|r| (r.get(0), origin(r.get(1)))).collect());
        }
        percent = (percent * 20.0).min(100.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_lists_are_tried_first_and_nearly_all_never() {
        assert_eq!(steps(100), [1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 29, 39, 52, 70]);
        assert_eq!(steps(1), [0; 0]);
    }
}
