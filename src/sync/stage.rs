//! The pull, between the two sides: the rows of a table, copied as text and byte for byte from the master's snapshot into a
//! temporary table on the replica, chunk by chunk.

use super::side::{on_master, on_replica};
use super::tables::Table;
use crate::postgres::Fault;
use crate::postgres::identifiers::quote;
use futures_util::{SinkExt, TryStreamExt};
use postgres_protocol::escape::escape_literal;
use std::collections::BTreeSet;
use std::pin::pin;
use tokio_postgres::{Client, Transaction};

/// The name under which the changelog says that a user is mapped otherwise than before.
pub const MAPPING: &str = "robbie_sync.mapping";
/// A stage with more rows than this is analysed before it is joined: the planner knows nothing of a temporary table.
const MANY: u64 = 2_000;

/// Which rows of a table are copied.
pub enum Source<'a> {
    /// All.
    Whole,
    /// Some of them: what follows `FROM public.t t` to say which.
    Part(&'a str),
    /// Those of some keys, with NULLs where the master has no row any more.
    Keys {
        /// The snapshot since which the changelog is read, if it is.
        since: Option<&'a str>,
        /// Whether rows of users that are mapped otherwise since then are among them.
        remapped: bool,
        /// Keys put off earlier, as JSON.
        again: &'a [String],
    },
}

/// The rows of the changelog that this snapshot sees and the cursor's did not: no gap, however late a writer commits.
pub fn window(snapshot: &str) -> String {
    "c.xid >= pg_snapshot_xmin({s}::pg_snapshot) AND NOT pg_visible_in_snapshot(c.xid, {s}::pg_snapshot)"
        .replace("{s}", &escape_literal(snapshot))
}

/// The keys of `Source::Keys`, each once and in the order of their changes, and their rows where they still are. In that order
/// (or in the table's own, where the planner reads it whole) neighbours here were mostly neighbours there: pages and index
/// pages are found in memory.
fn changed_keys(table: &Table, since: Option<&str>, remapped: bool, again: &[String]) -> String {
    let name = quote(&table.name);
    let mut parts = vec![];
    if let Some(since) = since {
        let literal = escape_literal(&table.name);
        parts.push(keys_of(
            table,
            "c.pk",
            "c.seq",
            "robbie_sync.changelog c",
            &format!("c.tbl = {literal} AND c.pk IS NOT NULL AND {}", window(since)),
        ));
        let users: Vec<&str> =
            table.columns.iter().filter(|c| remapped && c.mapped_user).map(|c| c.name.as_str()).collect();
        for user in users {
            let keys: Vec<String> = table.key.iter().map(|k| format!("t.{}", quote(k))).collect();
            parts.push(format!(
                "SELECT {}, NULL::bigint FROM public.{name} t WHERE t.{} IN (SELECT (c.pk ->> 'uuid_id')::uuid FROM robbie_sync.changelog c WHERE c.tbl = {} AND {})",
                keys.join(", "), quote(user), escape_literal(MAPPING), window(since)
            ));
        }
    }
    if !again.is_empty() {
        let keys = escape_literal(&format!("[{}]", again.join(",")));
        parts.push(keys_of(table, "c.value", "NULL", &format!("jsonb_array_elements({keys}::jsonb) c"), "true"));
    }
    let on: Vec<String> = table.key.iter().map(|k| format!("t.{0} = k.{0}", quote(k))).collect();
    let keys: Vec<String> = table.key.iter().map(|k| quote(k)).collect();
    let keys = keys.join(", ");
    format!(
        "(SELECT {keys} FROM ({}) every ({keys}, \"~place\") GROUP BY {keys} ORDER BY min(\"~place\")) k \
         LEFT JOIN public.{name} t ON {}",
        parts.join(" UNION ALL "),
        on.join(" AND "),
    )
}

/// Keys that are JSON in `column` of `from`, in their own types, and their place. The detour over a row type is only for what
/// JSON nests.
fn keys_of(table: &Table, column: &str, place: &str, from: &str, condition: &str) -> String {
    let nested = table.key_columns().any(|c| !c.plain);
    let keys: Vec<String> = table
        .key_columns()
        .map(|c| {
            let name = quote(&c.name);
            if nested {
                format!("r.{name}")
            } else {
                format!("({column} ->> {})::{}", escape_literal(&c.name), c.master_type)
            }
        })
        .collect();
    let detour = if nested {
        format!(" CROSS JOIN LATERAL jsonb_populate_record(NULL::public.{}, {column}) r", quote(&table.name))
    } else {
        String::new()
    };
    format!("SELECT {}, {place}::bigint FROM {from}{detour} WHERE {condition}", keys.join(", "))
}

/// Makes an empty stage for a table. Of its statistics only how many rows there are and that keys are unique is asked: a tenth of
/// the usual sample says so.
pub async fn create(replica: &Client, stage: &str, table: &Table) -> Result<(), Fault> {
    let columns: Vec<String> = table.columns.iter().map(|c| format!("{} {}", quote(&c.name), c.stage_type())).collect();
    replica
        .batch_execute(&format!(
            "SET default_statistics_target = 10; DROP TABLE IF EXISTS {stage}; CREATE TEMP TABLE {} (\"~live\" boolean, \"~state\" text, \
             \"~new\" boolean NOT NULL DEFAULT false, {})",
            stage.trim_start_matches("pg_temp."),
            columns.join(", ")
        ))
        .await
        .map_err(on_replica)
}

/// Copies rows into a stage and returns how many, and their bytes.
pub async fn fill(
    master: &Transaction<'_>,
    replica: &Client,
    table: &Table,
    source: &Source<'_>,
    stage: &str,
) -> Result<(u64, u64), Fault> {
    let whole = !matches!(source, Source::Keys { .. });
    let keys: BTreeSet<&str> = table.key.iter().map(String::as_str).collect();
    let mut selected = vec![];
    let mut unmapped = vec!["NULL".to_owned()];
    let mut joins = String::new();
    for (place, column) in table.columns.iter().enumerate() {
        let name = quote(&column.name);
        if column.mapped_user {
            let users = format!("u{place}");
            joins = format!("{joins} LEFT JOIN users {users} ON {users}.id = t.{name}");
            unmapped
                .push(format!("CASE WHEN t.{name} IS NOT NULL AND {users}.text_id IS NULL THEN 'unmapped user' END"));
            selected.push(format!("{users}.text_id"));
        } else if !whole && keys.contains(column.name.as_str()) {
            selected.push(format!("k.{name}"));
        } else {
            selected.push(format!("t.{name}"));
        }
    }
    let mapping = if joins.is_empty() { String::new() } else { user_mapping(master.client()).await? };
    let from = match source {
        Source::Whole => format!("public.{} t", quote(&table.name)),
        Source::Part(which) => format!("(SELECT * FROM public.{} t {which}) t", quote(&table.name)),
        Source::Keys { since, remapped, again } => changed_keys(table, *since, *remapped, again),
    };
    let query = format!(
        "COPY ({mapping} SELECT t.{} IS NOT NULL, coalesce({}), {} FROM {from}{joins}) TO STDOUT",
        quote(&table.key[0]),
        unmapped.join(", "),
        selected.join(", "),
    );
    let names: Vec<String> = table.columns.iter().map(|c| quote(&c.name)).collect();
    let into = format!("COPY {stage} (\"~live\", \"~state\", {}) FROM STDIN", names.join(", "));
    reach!("copy.before");
    let mut read = pin!(master.copy_out(&query).await.map_err(on_master)?);
    let mut write = pin!(replica.copy_in::<_, bytes::Bytes>(&into).await.map_err(on_replica)?);
    let mut bytes = 0;
    while let Some(chunk) = read.try_next().await.map_err(on_master)? {
        bytes += chunk.len() as u64;
        write.feed(chunk).await.map_err(on_replica)?;
    }
    let rows = write.finish().await.map_err(on_replica)?;
    reach!("copy.after");
    if let Some(statement) = analysis(table, stage, rows) {
        replica.batch_execute(&statement).await.map_err(on_replica)?;
    }
    Ok((rows, bytes))
}

/// The statement that tells the planner of a stage to which so many rows came.
pub fn analysis(table: &Table, stage: &str, rows: u64) -> Option<String> {
    let keys: Vec<String> = table.key.iter().map(|k| quote(k)).collect();
    (rows > MANY).then(|| format!("ANALYZE {stage} (\"~live\", \"~state\", {})", keys.join(", ")))
}

/// The one text id of each user; a user with several has none, unless exactly one is the code assistant's.
pub async fn user_mapping(master: &Client) -> Result<String, Fault> {
    Ok(if has_mapping(master).await? {
        "WITH users AS (
             SELECT m.uuid_id AS id, CASE WHEN count(*) = 1 THEN min(m.text_id)
                 WHEN count(*) FILTER (WHERE m.service = 'robbie-code') = 1
                 THEN min(m.text_id) FILTER (WHERE m.service = 'robbie-code') END AS text_id
             FROM public.user_id_mapping m GROUP BY m.uuid_id)"
            .into()
    } else {
        "WITH users (id, text_id) AS (SELECT NULL::uuid, NULL::text WHERE false)".into()
    })
}

/// Whether the master says which text id a user has.
pub async fn has_mapping(master: &Client) -> Result<bool, Fault> {
    let found = master.query_one("SELECT to_regclass('public.user_id_mapping') IS NOT NULL", &[]).await;
    Ok(found.map_err(on_master)?.get(0))
}
