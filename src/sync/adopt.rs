//! Remedies: the key that a payload lacks, the user that nobody mapped, the parent that was never queued.

use super::discard::{By, record};
use super::edit::{self, Edited};
use super::lock;
use super::session::Sessions;
use super::side::{on_master, on_replica};
use crate::postgres::identifiers::quote;
use crate::postgres::{Fault, Kind, Pair, Side};
use serde::Serialize;
use std::collections::BTreeMap;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

/// Where the row is that an entry waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Place {
    /// On the master: the entry goes with its next try.
    Master,
    /// In the queue.
    Queued {
        /// Its entry.
        entry: Uuid,
        /// Where that stands.
        state: String,
    },
    /// Only here, and in no entry: it can be queued.
    Replica,
    /// Nowhere.
    Nowhere,
}

/// The row that an entry waits for.
#[derive(Clone, Debug, Serialize)]
pub struct Parent {
    /// Its table.
    pub table: String,
    /// Its key, as JSON text.
    pub key: String,
    /// Where it is.
    pub place: Place,
    /// The entry that was queued for it just now.
    pub queued: Option<Uuid>,
}

/// A mapping of a replica's text id to a user of the master.
#[derive(Clone, Debug, Serialize)]
pub struct Mapping {
    /// The text id.
    pub text: String,
    /// The user's id; none: entries wait for it.
    pub user: Option<Uuid>,
    /// The user's name.
    pub name: Option<String>,
    /// Entries that wait for it here.
    pub waiting: i64,
    /// Tables here that have it in their rows, where it is not mapped.
    pub tables: Vec<String>,
}

/// Gives an entry without a key that of the only row here with all of its values: checked and tried like every edit.
pub async fn adopt_key(pair: &Pair, id: Uuid, save: bool, by: By<'_>) -> Result<Edited, Fault> {
    let replica = Sessions::replica_only(pair, "adopt").await?;
    let draft = edit::draft(&replica, id).await?;
    let sql = "SELECT ($2::text::jsonb || m)::text FROM robbie_sync.matching($1, $2::text::jsonb) m";
    let rows = replica.query(sql, &[&draft.table, &draft.text]).await.map_err(on_replica)?;
    match &rows[..] {
        [one] => edit::edit(pair, &draft, one.get(0), save, by).await,
        found => {
            let how = if found.is_empty() { "no row here has" } else { "several rows here have" };
            Err(Fault::new(Kind::Data, format!("{how} all values of this entry: which row it means is not known"))
                .on(Side::Replica)
                .about(draft.table)
                .remedy("edit the payload, or discard the entry"))
        }
    }
}

/// Where the row is that an entry waits for; none: it waits for no row. With `queue` one that is only here is queued.
pub async fn parent(pair: &Pair, id: Uuid, queue: bool) -> Result<Option<Parent>, Fault> {
    let s = Sessions::open(pair, "parent").await?;
    let sql = "SELECT e.blocked_on FROM robbie_sync.entry e WHERE e.entry_id = $1";
    let row = s.replica.query_opt(sql, &[&id]).await.map_err(on_replica)?.ok_or_else(|| edit::missing(id))?;
    let Some((table, key)) = row.get::<_, Option<&str>>(0).and_then(|b| b.strip_prefix("parent ")?.split_once(" {"))
    else {
        return Ok(None);
    };
    let mut parent = Parent { table: table.to_owned(), key: format!("{{{key}"), place: Place::Nowhere, queued: None };
    parent.place = place(&s, &parent).await?;
    if queue && parent.place == Place::Replica {
        parent.queued = Some(queue_row(&s, &parent).await?);
        lock::ask(&pair.replica).await?;
    }
    Ok(Some(parent))
}

async fn place(s: &Sessions, parent: &Parent) -> Result<Place, Fault> {
    let there = "SELECT robbie_sync.row_of(robbie_sync.shape_of($1), $2::text::jsonb, false) IS NOT NULL";
    if s.master.query_one(there, &[&parent.table, &parent.key]).await.map_err(on_master)?.get(0) {
        return Ok(Place::Master);
    }
    let queued = "SELECT e.entry_id, e.state FROM robbie_sync.entry e WHERE e.tbl = $1 AND e.pk = $2::text::jsonb
                  AND e.op <> 'DELETE' AND e.state NOT IN ('applied', 'superseded', 'conflict_resolved') ORDER BY e.seq LIMIT 1";
    if let Some(row) = s.replica.query_opt(queued, &[&parent.table, &parent.key]).await.map_err(on_replica)? {
        return Ok(Place::Queued { entry: row.get(0), state: row.get(1) });
    }
    let here = "SELECT robbie_sync.row_here($1, $2::text::jsonb) IS NOT NULL";
    let here = s.replica.query_one(here, &[&parent.table, &parent.key]).await.map_err(on_replica)?;
    Ok(if here.get(0) { Place::Replica } else { Place::Nowhere })
}

/// Queues a row that is only here, with the columns that the master's table has.
async fn queue_row(s: &Sessions, parent: &Parent) -> Result<Uuid, Fault> {
    let sql = "SELECT (robbie_sync.shape_of($1)).writable";
    let columns: Vec<String> = s.master.query_one(sql, &[&parent.table]).await.map_err(on_master)?.get(0);
    let row = s
        .replica
        .query_one(
            "INSERT INTO public.pending_sync (table_name, operation, data)
             SELECT $1::text, 'INSERT', (SELECT jsonb_object_agg(k, v) FROM jsonb_each(robbie_sync.row_here($1::text, $2::text::jsonb)) r(k, v)
                 WHERE k = ANY ($3::text[])) RETURNING id",
            &[&parent.table, &parent.key, &columns],
        )
        .await
        .map_err(on_replica)?;
    Ok(row.get(0))
}

/// The text ids that are mapped on the master, and those that entries here wait for or rows here have.
pub async fn users(master: &Client, replica: &Client) -> Result<Vec<Mapping>, Fault> {
    let waiting = replica
        .query(
            "SELECT substr(e.blocked_on, 9), count(*) FROM robbie_sync.entry e
             WHERE e.state = 'blocked' AND e.blocked_on LIKE 'mapping %' GROUP BY 1 ORDER BY 1",
            &[],
        )
        .await
        .map_err(on_replica)?;
    let waiting: BTreeMap<String, i64> = waiting.iter().map(|r| (r.get(0), r.get(1))).collect();
    let sql = "SELECT m.text_id, m.uuid_id, u.username::text FROM public.user_id_mapping m LEFT JOIN public.users u ON u.id = m.uuid_id ORDER BY 1";
    let rows = master.query(sql, &[]).await.map_err(on_master)?;
    let count = |text: &str| waiting.get(text).copied().unwrap_or(0);
    let mapping = |r: &Row| {
        let text: String = r.get(0);
        Mapping { waiting: count(&text), text, user: r.get(1), name: r.get(2), tables: Vec::new() }
    };
    let mut found: Vec<Mapping> = rows.iter().map(mapping).collect();
    let mut unmapped: BTreeMap<String, Vec<String>> = waiting.keys().map(|t| (t.clone(), Vec::new())).collect();
    for (table, ids) in ids_in_data(replica).await? {
        // A uuid in the place of a text id is the user it is.
        for id in ids.into_iter().filter(|id| Uuid::parse_str(id).is_err()) {
            unmapped.entry(id).or_default().push(table.clone());
        }
    }
    for (text, tables) in unmapped {
        match found.iter_mut().find(|m| m.text == text) {
            Some(known) if known.user.is_none() => known.tables = tables,
            Some(_) => {}
            None => found.push(Mapping { waiting: count(&text), text, user: None, name: None, tables }),
        }
    }
    Ok(found)
}

/// The user ids in the rows of each table here that names its user by text and is sent to the master as one of its users. An
/// index on the column is gone through from one value to the next, however many rows have it.
async fn ids_in_data(replica: &Client) -> Result<Vec<(String, Vec<String>)>, Fault> {
    const TABLES: &str = "
        SELECT c.relname::text FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname = 'user_id'
           AND NOT a.attisdropped AND a.atttypid IN ('text'::regtype, 'varchar'::regtype)
           AND c.relname IN ('code_conversations', 'learned_patterns') ORDER BY 1";
    let mut found = Vec::new();
    for row in replica.query(TABLES, &[]).await.map_err(on_replica)? {
        let table: String = row.get(0);
        let sql = format!(
            "WITH RECURSIVE id(v) AS (
                 (SELECT user_id::text FROM public.{0} WHERE user_id IS NOT NULL ORDER BY user_id LIMIT 1)
                 UNION ALL
                 SELECT (SELECT t.user_id::text FROM public.{0} t WHERE t.user_id > id.v ORDER BY t.user_id LIMIT 1)
                   FROM id WHERE id.v IS NOT NULL)
             SELECT v FROM id WHERE v IS NOT NULL LIMIT 1000",
            quote(&table)
        );
        let ids = replica.query(&sql, &[]).await.map_err(on_replica)?;
        found.push((table, ids.iter().map(|r| r.get(0)).collect()));
    }
    Ok(found)
}

/// The one user of the master with this id, name or address.
pub async fn user_named(master: &Client, named: &str) -> Result<(Uuid, Option<String>), Fault> {
    let sql = "SELECT u.id, u.username::text FROM public.users u WHERE u.id::text = $1 OR u.username = $1 OR u.email = $1 LIMIT 2";
    let rows = master.query(sql, &[&named]).await.map_err(on_master)?;
    let [one] = &rows[..] else {
        let how = if rows.is_empty() { "no user" } else { "several users" };
        return Err(Fault::new(Kind::Settings, format!("{how} of the master: {named}"))
            .on(Side::Master)
            .about("public.users")
            .remedy("name the user by its id, name or address"));
    };
    Ok((one.get(0), one.get(1)))
}

/// Names of users of the master, some where there are many.
pub async fn user_names(master: &Client, limit: i64) -> Result<Vec<String>, Fault> {
    let sql = "SELECT coalesce(u.username::text, u.email::text, u.id::text) FROM public.users u ORDER BY 1 LIMIT $1";
    Ok(master.query(sql, &[&limit]).await.map_err(on_master)?.iter().map(|r| r.get(0)).collect())
}

/// Maps a text id to a user of the master, named by id, name or address, and has sent what waited for it: how many entries.
pub async fn map_user(pair: &Pair, text: &str, user: &str, service: &str, by: By<'_>) -> Result<(Mapping, u64), Fault> {
    let s = Sessions::open(pair, "users").await?;
    let (id, name) = user_named(&s.master, user).await?;
    let sql = "INSERT INTO public.user_id_mapping AS m (text_id, uuid_id, service) VALUES ($1, $2, $3)
               ON CONFLICT (text_id) DO UPDATE SET uuid_id = excluded.uuid_id WHERE m.uuid_id IS NULL OR m.uuid_id = excluded.uuid_id";
    if s.master.execute(sql, &[&text, &id, &service]).await.map_err(on_master)? == 0 {
        return Err(Fault::new(Kind::Data, format!("{text} is mapped to another user"))
            .on(Side::Master)
            .about("public.user_id_mapping")
            .remedy(
                "robbie users unmap takes that away first; rows sent before stay with the user they were sent for",
            ));
    }
    let sql = "UPDATE robbie_sync.entry SET state = 'ready', next_attempt_at = clock_timestamp(), blocked_on = NULL, blocked_by = NULL
               WHERE state = 'blocked' AND blocked_on = left('mapping ' || $1, 600)";
    let released = s.replica.execute(sql, &[&text]).await.map_err(on_replica)?;
    let reason = format!("{}: {text} is {id}", by.reason);
    record(&s.replica, "edit", By { reason: &reason, ..by }, 1, 1, None).await?;
    lock::ask(&pair.replica).await?;
    Ok((Mapping { text: text.to_owned(), user: Some(id), name, waiting: 0, tables: Vec::new() }, released))
}

/// Takes a mapping away; whether there was one.
pub async fn unmap_user(pair: &Pair, text: &str, by: By<'_>) -> Result<bool, Fault> {
    let s = Sessions::open(pair, "users").await?;
    let sql = "DELETE FROM public.user_id_mapping WHERE text_id = $1";
    let gone = s.master.execute(sql, &[&text]).await.map_err(on_master)? > 0;
    if gone {
        let reason = format!("{}: {text}", by.reason);
        record(&s.replica, "edit", By { reason: &reason, ..by }, 1, 1, None).await?;
    }
    Ok(gone)
}
