//! The queue's story as it stands in `assets/sample/queue.toml`: what an application wrote while it was offline, what
//! others did on the master meanwhile, and the verdict that each entry must get when the engine really tries it.

use super::library::{age_seconds, id_of};
use crate::postgres::{Fault, Kind};
use crate::queue::Verdict;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

const STORY: &str = include_str!("../../assets/sample/queue.toml");

/// The whole story.
#[derive(Debug)]
pub struct Story {
    /// Rows that stand on the master from the beginning, besides the library.
    pub rows: Vec<Row>,
    /// Entries of the offline days, in the order in which they were queued.
    pub entries: Vec<Entry>,
    /// SQL that others ran on the master while the replica was offline.
    pub meanwhile: String,
    /// SQL that others ran on the master after the entries had failed: some would succeed now.
    pub afterwards: String,
}

/// A row of some table.
#[derive(Debug)]
pub struct Row {
    /// The table.
    pub table: String,
    /// Its columns.
    pub data: Map<String, Value>,
}

/// An entry of `pending_sync`, and what was written to the local table with it.
#[derive(Debug)]
pub struct Entry {
    /// Its family and number: `guest-conversation-2`.
    pub tag: String,
    /// Its key, made from the tag.
    pub id: Uuid,
    /// The verdict that it must get.
    pub verdict: Verdict,
    /// Whether what it failed for is gone afterwards: replaying it then takes effect.
    pub healed: bool,
    /// The table it names.
    pub table: String,
    /// `INSERT`, `UPDATE`, `DELETE` or `UPSERT`.
    pub operation: String,
    /// The payload, as the application passed it in.
    pub data: Map<String, Value>,
    /// Columns of the payload that the application wrote to its own table too; none where that write was impossible.
    pub local: Option<Vec<String>>,
    /// Seconds since it was queued.
    pub age_s: f64,
}

/// What a test of the sample holds against the queue: entry, verdict, and whether a replay succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The entry.
    pub id: Uuid,
    /// The verdict it must have got from the engine.
    pub verdict: Verdict,
    /// Whether a replay takes effect now.
    pub healed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    meanwhile: String,
    afterwards: String,
    #[serde(default)]
    row: Vec<RowText>,
    family: Vec<Family>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowText {
    table: String,
    data: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    tag: String,
    verdict: Verdict,
    #[serde(default)]
    healed: bool,
    table: String,
    operation: String,
    /// `none`, or the columns of the payload that the local table does not have.
    #[serde(default)]
    not_local: Vec<String>,
    #[serde(default = "yes")]
    local: bool,
    /// Columns that all its entries share.
    #[serde(default)]
    each: Map<String, Value>,
    entries: Vec<FamilyEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FamilyEntry {
    age: String,
    #[serde(default)]
    data: Map<String, Value>,
}

fn yes() -> bool {
    true
}

impl Story {
    /// Reads the story that is built in; `now` is the moment that ages are counted back from.
    pub fn read(now: DateTime<Utc>) -> Result<Self, Fault> {
        let file: File = toml::from_str(STORY).map_err(|e| broken(&e.to_string()))?;
        let mut entries = Vec::new();
        for family in file.family {
            family.unfold(now, &mut entries).map_err(|why| broken(&why))?;
        }
        entries.sort_by(|a: &Entry, b| b.age_s.total_cmp(&a.age_s));
        let rows = file.row.into_iter().map(|row| {
            let data = resolve_all(row.data, now)?;
            Ok(Row { table: row.table, data })
        });
        Ok(Self {
            rows: rows.collect::<Result<_, String>>().map_err(|why| broken(&why))?,
            entries,
            meanwhile: file.meanwhile,
            afterwards: file.afterwards,
        })
    }

    /// What must become of each entry.
    pub fn expected(&self) -> Vec<Expected> {
        self.entries.iter().map(|e| Expected { id: e.id, verdict: e.verdict, healed: e.healed }).collect()
    }
}

impl Family {
    fn unfold(self, now: DateTime<Utc>, into: &mut Vec<Entry>) -> Result<(), String> {
        for (at, one) in self.entries.into_iter().enumerate() {
            let tag = format!("{}-{}", self.tag, at + 1);
            let mut data = self.each.clone();
            data.extend(one.data);
            let data = resolve_all(data, now).map_err(|why| format!("{tag}: {why}"))?;
            let columns = data.keys().filter(|k| !self.not_local.contains(k)).cloned().collect();
            into.push(Entry {
                id: id_of("entry", &tag),
                verdict: self.verdict,
                healed: self.healed,
                table: self.table.clone(),
                operation: self.operation.clone(),
                local: self.local.then_some(columns),
                age_s: age_seconds(&one.age)?,
                data,
                tag,
            });
        }
        Ok(())
    }
}

fn resolve_all(data: Map<String, Value>, now: DateTime<Utc>) -> Result<Map<String, Value>, String> {
    data.into_iter().map(|(key, value)| Ok((key, resolve(value, now)?))).collect()
}

/// Replaces `@sort:name` by the key of that row, and `~2d` by the time so long ago.
fn resolve(value: Value, now: DateTime<Utc>) -> Result<Value, String> {
    let Value::String(text) = value else { return Ok(value) };
    if let Some((sort, name)) = text.strip_prefix('@').and_then(|rest| rest.split_once(':')) {
        return Ok(Value::String(id_of(sort, name).to_string()));
    }
    if let Some(age) = text.strip_prefix('~') {
        let at = now - Duration::milliseconds((age_seconds(age)? * 1000.0) as i64);
        return Ok(Value::String(at.to_rfc3339_opts(SecondsFormat::Micros, true)));
    }
    Ok(Value::String(text))
}

fn broken(why: &str) -> Fault {
    Fault::new(Kind::Other, format!("the built-in sample cannot be read: {why}")).about("assets/sample/queue.toml")
}
