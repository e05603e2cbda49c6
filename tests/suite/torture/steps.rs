//! What programs, people, servers and clocks do in a sequence, drawn from a seed; each step stands for itself, so that
//! any of them can be left out.

use super::Draw;
use super::model::{Entry, Late, Model};
use super::world::{ALLAN, Key, Table, World};
use robbie_console::sync::CycleReport;
use tokio_postgres::{Client, GenericClient};
use uuid::Uuid;

/// What happens to a row. `A` and `B` are its two columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Insert,
    A,
    B,
    Both,
    Delete,
    /// The row gets another key (messages, on the master).
    Rekey,
}

/// How a program here queues what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The row, then its entry, in one transaction.
    RowFirst,
    /// The entry, then the row, in one transaction.
    EntryFirst,
    /// Two transactions.
    Apart,
    /// The entry some steps later.
    Later,
    /// In one transaction, while the triggers that keep base images were off.
    NoBase,
}

/// A step.
#[derive(Clone, Copy, Debug)]
pub enum What {
    Local(Edit),
    Remote { key: Key, act: Act },
    Cycle { site: usize, push: bool, pull: bool },
    Crash { site: usize, polls: u64 },
    QueueLate { site: usize },
    ClockJump { site: usize, hours: i64 },
    Map,
    EditPayload { site: usize, pick: u64 },
    AddColumn { on_master: bool },
    Truncate,
}

/// What a program does to a row, and how it queues it.
#[derive(Clone, Copy, Debug)]
pub struct Edit {
    pub site: usize,
    pub key: Key,
    pub act: Act,
    pub way: Way,
    /// Whether the entry has the whole row or what was changed.
    pub whole: bool,
}

/// A numbered step; what it writes carries the number.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub no: usize,
    pub what: What,
}

/// A sequence for so many replicas.
pub fn draw(d: &mut Draw, sites: usize) -> Vec<Step> {
    let length = 15 + d.below(11) as usize;
    (0..length).map(|no| Step { no, what: drawn(d, sites) }).collect()
}

fn drawn(d: &mut Draw, sites: usize) -> What {
    let site = d.below(sites as u64) as usize;
    let key = match d.below(10) {
        0..4 => Key { table: Table::Conversation, n: d.below(3) },
        4..8 => Key { table: Table::Message, n: d.below(5) },
        _ => Key { table: Table::Personality, n: d.below(2) },
    };
    match d.below(100) {
        0..34 => {
            let act = [Act::Insert, Act::Insert, Act::A, Act::A, Act::B, Act::Both, Act::Delete][d.below(7) as usize];
            let way = match d.below(12) {
                0..5 => Way::RowFirst,
                5..7 => Way::EntryFirst,
                7..9 => Way::Apart,
                9..11 => Way::Later,
                _ => Way::NoBase,
            };
            What::Local(Edit { site, key, act, way, whole: d.below(3) == 0 })
        }
        34..56 => {
            let act = match d.below(8) {
                0 | 1 => Act::Insert,
                2 | 3 => Act::A,
                4 => Act::B,
                5 => Act::Both,
                6 => Act::Delete,
                _ => Act::Rekey,
            };
            What::Remote { key, act }
        }
        56..62 => What::Cycle { site, push: true, pull: false },
        62..68 => What::Cycle { site, push: false, pull: true },
        68..82 => What::Cycle { site, push: true, pull: true },
        82..89 => What::Crash { site, polls: 1 + d.below(120) },
        89..92 => What::QueueLate { site },
        92..94 => What::ClockJump { site, hours: [-24, 24, -1][d.below(3) as usize] },
        94 => What::Map,
        95..98 => What::EditPayload { site, pick: d.below(100) },
        98 => What::AddColumn { on_master: d.below(2) == 0 },
        _ => What::Truncate,
    }
}

/// A value that no other write has.
fn token(who: &str, no: usize, column: char) -> String {
    format!("{who}.{no}{column}")
}

/// The columns that an act sets, as SQL and as JSON members, with the values by which they are recognised.
struct Writes {
    sql: Vec<String>,
    json: Vec<String>,
    tokens: Vec<String>,
}

fn writes(table: Table, act: Act, who: &str, no: usize) -> Writes {
    let (a, b) = (token(who, no, 'a'), token(who, no, 'b'));
    let mut all = Writes { sql: vec![], json: vec![], tokens: vec![] };
    if matches!(act, Act::Insert | Act::A | Act::Both) {
        let (column, value) = match table {
            Table::Conversation => ("title", format!("\"{a}\"")),
            Table::Message => ("content", format!("\"{a}\"")),
            Table::Personality => ("context", format!("{{\"t\": \"{a}\"}}")),
        };
        all.sql.push(format!("{column} = '{}'", value.trim_matches('"')));
        all.json.push(format!("\"{column}\": {value}"));
        all.tokens.push(a);
    }
    if matches!(act, Act::Insert | Act::B | Act::Both) {
        if table == Table::Personality {
            all.sql.push(format!("gandhi_genghis_level = {}", no % 10 + 1));
            all.json.push(format!("\"gandhi_genghis_level\": {}", no % 10 + 1));
        } else {
            all.sql.push(format!("metadata = '{{\"t\": \"{b}\"}}'"));
            all.json.push(format!("\"metadata\": {{\"t\": \"{b}\"}}"));
            all.tokens.push(b);
        }
    }
    all
}

/// The conversation that a message belongs to, and the user of a conversation: one of them is mapped late.
fn parent(key: Key) -> Key {
    Key { table: Table::Conversation, n: key.n % 3 }
}

pub fn late_user(run: u64) -> Uuid {
    Uuid::from_u128(0xbbbb_0000_0000_0000_0000_0000_0000_0000 | u128::from(run))
}

/// What is fixed of a new row: columns, SQL values, JSON members.
fn fixed(key: Key, run: u64, on_master: bool) -> Vec<(&'static str, String)> {
    let mut columns = vec![("id", key.id(run).to_string())];
    match key.table {
        Table::Conversation => {
            let late = key.n == 2;
            let user = match (on_master, late) {
                (true, true) => late_user(run).to_string(),
                (true, false) => ALLAN.to_owned(),
                (false, true) => format!("u{run}"),
                (false, false) => "allan".to_owned(),
            };
            columns.extend([("session_id", "s".to_owned()), ("user_id", user)]);
        }
        Table::Message => {
            columns.extend([("role", "user".to_owned()), ("conversation_id", parent(key).id(run).to_string())]);
        }
        Table::Personality => columns.push(("user_id", format!("p{run}-{}", key.n))),
    }
    columns
}

fn statement(key: Key, run: u64, act: Act, w: &Writes, on_master: bool) -> String {
    let (table, id) = (key.table.name(), key.id(run));
    match act {
        Act::Insert => {
            let fixed = fixed(key, run, on_master);
            let names: Vec<&str> =
                fixed.iter().map(|(n, _)| *n).chain(w.sql.iter().map(|s| s.split(' ').next().unwrap())).collect();
            let values: Vec<String> = fixed
                .iter()
                .map(|(_, v)| format!("'{v}'"))
                .chain(w.sql.iter().map(|s| s.split_once(" = ").unwrap().1.to_owned()))
                .collect();
            let parent = if key.table == Table::Message {
                format!("where exists (select from code_conversations where id = '{}')", parent(key).id(run))
            } else {
                String::new()
            };
            let types: Vec<String> = values
                .iter()
                .zip(&names)
                .map(|(v, n)| match *n {
                    "id" | "conversation_id" => format!("{v}::uuid"),
                    "user_id" if on_master && key.table == Table::Conversation => format!("{v}::uuid"),
                    "metadata" | "context" => format!("{v}::jsonb"),
                    _ => v.clone(),
                })
                .collect();
            format!(
                "insert into {table} as t ({}) select {} {parent} on conflict do nothing",
                names.join(", "),
                types.join(", ")
            )
        }
        Act::Delete => format!("delete from {table} t where id = '{id}'"),
        Act::Rekey => format!("update {table} t set id = '{}' where id = '{id}'", Key { n: key.n + 50, ..key }.id(run)),
        Act::A | Act::B | Act::Both => format!("update {table} t set {} where id = '{id}'", w.sql.join(", ")),
    }
}

/// Does a step; what a program is told as an error is one of ours.
pub async fn take(world: &mut World, model: &mut Model, step: Step) -> Result<Option<CycleReport>, String> {
    let run = model.run;
    match step.what {
        What::Local(edit) => {
            local(world, model, step.no, edit).await.map_err(|e| format!("I16 a local write failed: {e:?}"))?;
        }
        What::Remote { key, act } => {
            let act = if act == Act::Rekey && key.table != Table::Message { Act::A } else { act };
            if act == Act::Insert && key.table == Table::Conversation && key.n == 2 {
                let user = late_user(run);
                let made = format!(
                    "insert into users (id, username, email, password_hash) values ('{user}', 'u{run}', 'u{run}@x.org', '-') on conflict do nothing"
                );
                world.master.batch_execute(&made).await.unwrap();
            }
            let sql = statement(key, run, act, &writes(key.table, act, "r", step.no), true);
            world.master.batch_execute(&sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        }
        What::Cycle { site, push, pull } => {
            let report = world.cycle(site, push, pull).await.map_err(|f| format!("a cycle failed: {f:?}"))?;
            if !report.faults.is_empty() {
                return Err(format!("a cycle met {:?}", report.faults));
            }
            return Ok(Some(report));
        }
        What::Crash { site, polls } => {
            world.crash(site, polls).await;
            model.crashed.insert(site);
        }
        What::QueueLate { site } => queue_late(&world.sites[site].client, model, site).await,
        What::ClockJump { site, hours } => {
            // As if the entries that wait here had been made under another clock.
            let jump = format!(
                "update pending_sync set created_at = created_at + interval '{hours} hours' where synced_at is null;
                 update robbie_sync.entry set queued_at = queued_at + interval '{hours} hours' where state not in ('applied', 'superseded', 'conflict_resolved')"
            );
            world.sites[site].client.batch_execute(&jump).await.unwrap();
            model.clock_jumped = true;
        }
        What::Map => map(&world.master, run).await,
        What::EditPayload { site, pick } => edit_payload(&world.sites[site].client, model, site, pick, step.no).await,
        What::AddColumn { on_master } => {
            let add = format!("alter table code_messages add column if not exists extra_{} text", run % 1000);
            if on_master { &world.master } else { &world.sites[0].client }.batch_execute(&add).await.unwrap();
            model.added_columns.push(add);
        }
        What::Truncate => world.master.batch_execute("truncate code_messages").await.unwrap(),
    }
    Ok(None)
}

/// Maps the user that was not mapped.
pub async fn map(master: &Client, run: u64) {
    let user = late_user(run);
    master
        .batch_execute(&format!(
            "insert into users (id, username, email, password_hash) values ('{user}', 'u{run}', 'u{run}@x.org', '-') on conflict do nothing;
             insert into user_id_mapping (text_id, uuid_id, service) values ('u{run}', '{user}', 'robbie-code') on conflict do nothing"
        ))
        .await
        .unwrap();
}

/// Queues what edits of earlier steps left unqueued.
pub async fn queue_late(client: &Client, model: &mut Model, site: usize) {
    let (now, later): (Vec<Late>, Vec<Late>) =
        std::mem::take(&mut model.late).into_iter().partition(|l| l.site == site);
    model.late = later;
    for late in now {
        let id = queue(client, late.key, late.op, &late.data).await.unwrap();
        model.entries.push(Entry::new(id, site, late.key, late.op, late.tokens));
    }
}

async fn queue(client: &impl GenericClient, key: Key, op: &str, data: &str) -> Result<Uuid, tokio_postgres::Error> {
    let sql = "insert into pending_sync (table_name, operation, data) values ($1::text, $2::text, $3::text::jsonb) returning id";
    Ok(client.query_one(sql, &[&key.table.name(), &op, &data]).await?.get(0))
}

async fn local(
    world: &mut World,
    model: &mut Model,
    no: usize,
    Edit { site, key, act, way, whole }: Edit,
) -> Result<(), tokio_postgres::Error> {
    let run = model.run;
    let w = writes(key.table, act, &format!("l{site}"), no);
    let sql = statement(key, run, act, &w, false);
    let op = match act {
        Act::Insert => "INSERT",
        Act::Delete => "DELETE",
        _ if whole || act == Act::Both => "UPSERT",
        _ => "UPDATE",
    };
    let members: Vec<String> = match act {
        Act::Insert => {
            fixed(key, run, false).iter().map(|(n, v)| format!("\"{n}\": \"{v}\"")).chain(w.json.clone()).collect()
        }
        _ => std::iter::once(format!("\"id\": \"{}\"", key.id(run))).chain(w.json.clone()).collect(),
    };
    let partial = format!("{{{}}}", members.join(", "));
    let client = &mut world.sites[site].client;
    let t = client.transaction().await?;
    let mut queued = None;
    let wrote = if way == Way::EntryFirst {
        let found = t
            .query_opt(
                &format!("select (to_jsonb(t) - 'embedding')::text from {} t where id = $1", key.table.name()),
                &[&key.id(run)],
            )
            .await?;
        let possible = match act {
            Act::Insert if key.table == Table::Message => {
                let parent =
                    t.query_opt("select from code_conversations where id = $1", &[&parent(key).id(run)]).await?;
                found.is_none() && parent.is_some()
            }
            Act::Insert => found.is_none(),
            _ => found.is_some(),
        };
        if possible {
            let data = match &found {
                Some(row) if op == "UPSERT" => {
                    let row: String = row.get(0);
                    let merged =
                        t.query_one("select ($1::text::jsonb || $2::text::jsonb)::text", &[&row, &partial]).await?;
                    merged.get(0)
                }
                _ => partial,
            };
            queued = Some(queue(&t, key, op, &data).await?);
            t.batch_execute(&sql).await?;
        }
        possible
    } else {
        let row = t.query_opt(&format!("{sql} returning (to_jsonb(t) - 'embedding')::text"), &[]).await?;
        let image: Option<String> = row.map(|r| r.get(0));
        let data = match &image {
            Some(image) if act != Act::Delete && (whole || act == Act::Both) => image.clone(),
            _ => partial,
        };
        let t = match (way, image.is_some()) {
            (_, false) => return Ok(()),
            (Way::Later, _) => {
                model.late.push(Late { site, key, op, data, tokens: w.tokens.clone() });
                Some(t)
            }
            (Way::Apart, _) => {
                t.commit().await?;
                queued = Some(queue(client, key, op, &data).await?);
                None
            }
            _ => {
                queued = Some(queue(&t, key, op, &data).await?);
                if way == Way::NoBase {
                    t.batch_execute(&format!(
                        "delete from robbie_sync.base where pk ->> 'id' = '{0}';
                         update robbie_sync.entry set base = null where entry_id = '{1}'",
                        key.id(run),
                        queued.unwrap()
                    ))
                    .await?;
                }
                Some(t)
            }
        };
        if let Some(t) = t {
            t.commit().await?;
        }
        model.wrote(site, key);
        if let Some(id) = queued {
            let mut entry = Entry::new(id, site, key, op, w.tokens);
            entry.baseless = way == Way::NoBase;
            model.entries.push(entry);
        }
        return Ok(());
    };
    t.commit().await?;
    if wrote {
        model.wrote(site, key);
        model.entries.push(Entry::new(queued.unwrap(), site, key, op, w.tokens));
    }
    Ok(())
}

/// A person changes what an entry says, settled or not.
async fn edit_payload(client: &Client, model: &mut Model, site: usize, pick: u64, no: usize) {
    let mine: Vec<usize> = (0..model.entries.len())
        .filter(|&i| {
            let e = &model.entries[i];
            e.site == site && e.op != "DELETE" && !model.discarded.contains(&e.id)
        })
        .collect();
    if mine.is_empty() {
        return;
    }
    let entry = &mut model.entries[mine[pick as usize % mine.len()]];
    let w = writes(entry.key.table, Act::A, &format!("l{site}"), no);
    let sql = "update pending_sync set synced_at = null, data = data || $2::text::jsonb where id = $1";
    client.execute(sql, &[&entry.id, &format!("{{{}}}", w.json.join(", "))]).await.unwrap();
    entry.edited = true;
    entry.former.append(&mut entry.tokens);
    entry.tokens = w.tokens;
}
