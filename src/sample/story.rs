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
    /// SQL that sets up what only this master has.
    pub before: String,
    /// Rows that stand on the master from the beginning, besides the library.
    pub rows: Vec<Row>,
    /// Rows that were written on the replica without an entry.
    pub unqueued: Vec<Row>,
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
    /// Whether the engine settles it; the others stay in the queue.
    pub settled: bool,
    /// Whether what it failed for is gone afterwards: replaying it then takes effect.
    pub healed: bool,
    /// The table it names.
    pub table: String,
    /// `INSERT`, `UPDATE`, `DELETE` or `UPSERT`.
    pub operation: String,
    /// The payload, as the application passed it in.
    pub payload: Value,
    /// Columns of the payload that the application wrote to its own table too; none where it did not or could not.
    pub local: Option<Vec<String>>,
    /// Seconds since it was queued.
    pub age_s: f64,
}

/// What a test of the sample holds against the queue: entry, verdict, and whether a replay succeeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its family and number.
    pub tag: String,
    /// The entry.
    pub id: Uuid,
    /// The verdict it must have got from the engine.
    pub verdict: Verdict,
    /// Whether the engine settled it.
    pub settled: bool,
    /// Whether a replay takes effect now.
    pub healed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    before: String,
    meanwhile: String,
    afterwards: String,
    row: Vec<RowText>,
    unqueued: Vec<RowText>,
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
    /// Whether the engine settles it; by default, what the verdict says.
    settled: Option<bool>,
    #[serde(default)]
    healed: bool,
    table: String,
    operation: String,
    /// The columns of the payload that the local table does not have.
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
    /// A payload that is no object of columns, as JSON text.
    raw: Option<String>,
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
        Ok(Self {
            before: file.before,
            rows: rows(file.row, now).map_err(|why| broken(&why))?,
            unqueued: rows(file.unqueued, now).map_err(|why| broken(&why))?,
            entries,
            meanwhile: file.meanwhile,
            afterwards: file.afterwards,
        })
    }

    /// What must become of each entry.
    pub fn expected(&self) -> Vec<Expected> {
        self.entries
            .iter()
            .map(|e| Expected {
                tag: e.tag.clone(),
                id: e.id,
                verdict: e.verdict,
                settled: e.settled,
                healed: e.healed,
            })
            .collect()
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
            let payload = match one.raw {
                Some(raw) => serde_json::from_str(&raw).map_err(|e| format!("{tag}: {e}"))?,
                None => Value::Object(data),
            };
            into.push(Entry {
                id: id_of("entry", &tag),
                verdict: self.verdict,
                settled: self.settled.unwrap_or(takes_effect(self.verdict)),
                healed: self.healed,
                table: self.table.clone(),
                operation: self.operation.clone(),
                local: self.local.then_some(columns),
                age_s: age_seconds(&one.age)?,
                payload,
                tag,
            });
        }
        Ok(())
    }
}

fn takes_effect(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Insert | Verdict::Update | Verdict::Delete | Verdict::NoChange)
}

fn rows(texts: Vec<RowText>, now: DateTime<Utc>) -> Result<Vec<Row>, String> {
    texts.into_iter().map(|row| Ok(Row { table: row.table, data: resolve_all(row.data, now)? })).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn story() -> Story {
        Story::read(DateTime::UNIX_EPOCH + Duration::days(20_000)).unwrap()
    }

    #[test]
    fn every_verdict_is_told() {
        let told: BTreeSet<_> = story().entries.iter().map(|e| e.verdict).collect();
        assert_eq!(told, Verdict::ALL.into_iter().collect());
    }

    #[test]
    fn about_fifty_entries_stay_in_the_queue_and_some_are_healed() {
        let expected = story().expected();
        let stuck = expected.iter().filter(|e| !e.settled).count();
        assert!((40..=60).contains(&stuck), "{stuck}");
        assert!(expected.iter().any(|e| e.healed));
        assert!(expected.iter().all(|e| !(e.healed && e.settled)));
    }

    #[test]
    fn entries_come_in_the_order_of_their_time_and_have_their_own_keys() {
        let story = story();
        assert!(story.entries.windows(2).all(|pair| pair[0].age_s >= pair[1].age_s));
        let ids: BTreeSet<_> = story.entries.iter().map(|e| e.id).collect();
        assert_eq!(ids.len(), story.entries.len());
    }

    #[test]
    fn keys_and_times_are_filled_in() {
        let now = DateTime::UNIX_EPOCH + Duration::days(20_000);
        assert_eq!(resolve("@a:b c".into(), now), Ok(Value::String(id_of("a", "b c").to_string())));
        assert_eq!(resolve("~1d".into(), now), Ok("2024-10-03T00:00:00.000000Z".into()));
        assert_eq!(resolve("plain".into(), now), Ok("plain".into()));
        assert!(resolve("~soon".into(), now).is_err());
    }

    #[test]
    fn what_the_story_names_is_in_the_library() {
        let library = super::super::library::Library::read().unwrap();
        let titles: BTreeSet<_> = library.conversations.iter().map(|c| c.title.as_str()).collect();
        let patterns: BTreeSet<_> = library.patterns.iter().map(|p| p.pattern_name.as_str()).collect();
        let text = STORY.split("\"@conversation:").skip(1).filter_map(|rest| rest.split('"').next());
        for title in text.filter(|t| !t.starts_with("guest ") && !["imported", "deleted while offline"].contains(t)) {
            assert!(titles.contains(title), "{title}");
        }
        for pattern in ["Exit codes are a contract", "Keyset pages, never OFFSET", "goleak at the end of the package"] {
            assert!(patterns.contains(pattern), "{pattern}");
        }
    }
}
