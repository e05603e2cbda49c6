//! Values that an entry cannot carry, because entries are JSON: looked for when an engine starts, and named.
//!
//! The pull does not use JSON and loses nothing. An entry says NULL where the row has a JSON `null`, numbers the elements of
//! an array from 1, and writes the text of a `json` as jsonb does. Whole tables are looked through, but each column
//! only to the first such value and for five seconds, and only columns of these types; what `-0` becomes is equal to it.
//!
//! An entry that would turn a JSON `null` into NULL is not sent ([`JsonNulls`]): it waits, with the column named.

use super::batch::{self, Answer, Entry};
use super::side::on_replica;
use crate::postgres::Fault;
use crate::postgres::identifiers::quote;
use std::collections::HashMap;
use tokio_postgres::Client;
use uuid::Uuid;

/// Columns of watched tables whose values may be lost, and integer keys that this side draws from a sequence of its own.
const SUSPECTS: &str = "
    SELECT c.relname::text, a.attname::text,
           CASE WHEN b.oid = 'json'::regtype THEN 'json' WHEN b.oid = 'jsonb'::regtype THEN 'jsonb'
                WHEN b.typcategory = 'A' THEN 'array' ELSE 'key' END
    FROM pg_trigger t
    JOIN pg_class c ON c.oid = t.tgrelid AND c.relnamespace = 'public'::regnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    JOIN pg_type d ON d.oid = a.atttypid
    JOIN pg_type b ON b.oid = coalesce(nullif(d.typbasetype, 0), d.oid)
    LEFT JOIN pg_attrdef f ON f.adrelid = c.oid AND f.adnum = a.attnum
    WHERE t.tgname = 'robbie_edit_insert' AND (
        b.oid IN ('json'::regtype, 'jsonb'::regtype) OR (b.typcategory = 'A' AND b.typelem <> 0)
        OR (a.attname::text = ANY (robbie_sync.key_columns(c.oid)) AND b.typcategory = 'N'
            AND (a.attidentity <> '' OR pg_get_expr(f.adbin, f.adrelid) LIKE 'nextval(%')))
    ORDER BY c.relname, a.attnum";

/// The columns of this side that may hold a JSON `null`: table, column, and the pattern of a payload that says null there.
pub struct JsonNulls(Vec<(String, String, String)>);

impl JsonNulls {
    /// Of the watched tables.
    pub async fn of(replica: &Client) -> Result<Self, Fault> {
        let rows = replica.query(SUSPECTS, &[]).await.map_err(on_replica)?;
        let json = rows.iter().filter(|r| matches!(r.get(2), "json" | "jsonb"));
        Ok(Self(
            json.map(|r| (r.get(0), r.get(1)))
                .map(|(table, column): (String, String)| {
                    let says_null = format!("{}: null", serde_json::Value::from(column.as_str()));
                    (table, column, says_null)
                })
                .collect(),
        ))
    }

    /// Takes the entries out of a batch that say null where the row here has a JSON `null`, and answers for them. Where their
    /// base image says null too, they change nothing there, and go.
    pub async fn take_out(
        &self,
        replica: &Client,
        entries: &mut Vec<Entry>,
    ) -> Result<(Vec<Entry>, Vec<Answer>), Fault> {
        let mut found: HashMap<Uuid, String> = HashMap::new();
        for (table, column, says_null) in &self.0 {
            let may = |e: &&Entry| e.table == *table && e.op != "DELETE" && e.payload.contains(says_null);
            let (ids, bases): (Vec<Uuid>, Vec<Option<&str>>) =
                entries.iter().filter(may).map(|e| (e.id, e.base.as_deref())).unzip();
            if ids.is_empty() {
                continue;
            }
            let (target, name) = (quote(table), quote(column));
            let keys = replica
                .query("SELECT unnest(robbie_sync.key_columns(to_regclass('public.' || $1::text)))", &[&target])
                .await
                .map_err(on_replica)?;
            let same: Vec<String> = keys.iter().map(|k| quote(k.get(0))).map(|k| format!("t.{k} = r.{k}")).collect();
            let sql = format!(
                "SELECT c.id FROM unnest($1::uuid[], $2::text[]) c(id, base)
                 JOIN robbie_sync.entry e ON e.entry_id = c.id JOIN public.pending_sync p ON p.id = c.id
                 CROSS JOIN LATERAL jsonb_populate_record(NULL::public.{target}, e.pk) r
                 JOIN public.{target} t ON {}
                 WHERE e.pk IS NOT NULL AND p.data -> $3::text = 'null' AND c.base::jsonb -> $3::text IS DISTINCT FROM 'null'
                   AND t.{name}::text ~ '^\\s*null\\s*$'",
                same.join(" AND ")
            );
            for row in replica.query(&sql, &[&ids, &bases, column]).await.map_err(on_replica)? {
                found.entry(row.get(0)).or_insert_with(|| format!("{table}.{column}"));
            }
        }
        let taken: Vec<Entry> = entries.extract_if(.., |e| found.contains_key(&e.id)).collect();
        let answers = taken.iter().filter_map(|e| Some(batch::not_sent(e, found.get(&e.id)?))).collect();
        Ok((taken, answers))
    }
}

/// What an entry of this side would lose, in a person's words; one line for each column where there is such a value.
pub async fn warnings(replica: &mut Client) -> Result<Vec<String>, Fault> {
    let mut found = vec![];
    let t = replica.transaction().await.map_err(on_replica)?;
    t.batch_execute("SET LOCAL statement_timeout = '5s'").await.map_err(on_replica)?;
    for row in t.query(SUSPECTS, &[]).await.map_err(on_replica)? {
        let (table, column, kind): (String, String, &str) = (row.get(0), row.get(1), row.get(2));
        let (name, place) = (quote(&column), format!("{table}.{column}"));
        let losses = match kind {
            "json" => vec![
                (
                    format!("{name}::text ~ '^\\s*null\\s*$'"),
                    "a JSON null, which no entry can tell from NULL: entries with it wait",
                ),
                (
                    format!("{name} IS NOT NULL"),
                    "json, whose spacing, order and repeated keys an entry does not keep (jsonb has none)",
                ),
            ],
            "jsonb" => vec![(
                format!("{name} = 'null'"),
                "a JSON null, which no entry can tell from NULL: entries with it wait",
            )],
            "array" => vec![(
                format!("array_lower({name}, 1) <> 1 OR array_lower({name}, 2) <> 1"),
                "an array that does not begin at 1, which an entry renumbers",
            )],
            _ => {
                found.push(format!(
                    "{place} is a key drawn from a sequence of this side: two sides that insert offline give different rows one key, \
                     and they are taken for one; use uuid keys, or sequences with disjoint ranges"
                ));
                continue;
            }
        };
        for (condition, loss) in losses {
            let sql = format!("SELECT EXISTS (SELECT 1 FROM public.{} WHERE {condition})", quote(&table));
            if t.query_one(&sql, &[]).await.map_err(on_replica)?.get(0) {
                found.push(format!("{place} holds {loss}"));
            }
        }
    }
    Ok(found)
}
