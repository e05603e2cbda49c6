//! What an application wrote on the replica: rows and their queue entries, each pair of them in one transaction.

use super::library::Library;
use super::master::text;
use super::story::{Entry, Row, Story};
use crate::postgres::{Fault, Side, identifiers};
use serde_json::{Value, json};
use tokio_postgres::{Client, Transaction};

const CONVERSATIONS: &str = "
WITH new AS (
    INSERT INTO code_conversations (id, user_id, session_id, title, context_type, created_at, updated_at, last_message_at, metadata)
    SELECT r.id, r.user_id, r.session_id, r.title, r.context_type, now() - make_interval(secs => r.age_s),
           now() - make_interval(secs => r.age_s), now() - make_interval(secs => r.age_s), '{\"sample\": true}'
      FROM jsonb_to_recordset($1::text::jsonb)
        AS r(id uuid, user_id text, session_id text, title text, context_type text, age_s float8)
        ON CONFLICT DO NOTHING RETURNING *)
INSERT INTO pending_sync (id, table_name, operation, data, created_at)
SELECT md5('sample entry ' || new.id)::uuid, 'code_conversations', 'INSERT', to_jsonb(new) - 'message_count' - 'last_message_at',
       greatest(new.created_at, now() - interval '3 days')
  FROM new ORDER BY new.created_at";
const MESSAGES: &str = "
WITH new AS (
    INSERT INTO code_messages (id, conversation_id, role, content, embedding, created_at, metadata)
    SELECT r.id, r.conversation_id, r.role, r.content, r.embedding::vector, now() - make_interval(secs => r.age_s), r.metadata
      FROM jsonb_to_recordset($1::text::jsonb)
        AS r(id uuid, conversation_id uuid, role text, content text, embedding text, age_s float8, metadata jsonb)
        ON CONFLICT DO NOTHING RETURNING *)
INSERT INTO pending_sync (id, table_name, operation, data, created_at)
SELECT md5('sample entry ' || new.id)::uuid, 'code_messages', 'INSERT', to_jsonb(new),
       greatest(new.created_at, now() - interval '3 days')
  FROM new ORDER BY new.created_at";
const BLOCKS: &str = "
WITH new AS (
    INSERT INTO code_blocks (id, file_path, language, content, embedding, tags, session_id, conversation_id, created_at, metadata)
    SELECT r.id, r.file_path, r.language, r.content, r.embedding::vector, r.tags, r.session_id, r.conversation_id,
           now() - make_interval(secs => r.age_s), r.metadata
      FROM jsonb_to_recordset($1::text::jsonb)
        AS r(id uuid, file_path text, language text, content text, embedding text, tags text[], session_id text,
             conversation_id uuid, age_s float8, metadata jsonb)
        ON CONFLICT DO NOTHING RETURNING *)
INSERT INTO pending_sync (id, table_name, operation, data, created_at)
SELECT md5('sample entry ' || new.id)::uuid, 'code_blocks', 'INSERT', to_jsonb(new),
       greatest(new.created_at, now() - interval '3 days')
  FROM new ORDER BY new.created_at";
const PATTERNS: &str = "
WITH new AS (
    INSERT INTO learned_patterns (id, user_id, pattern_type, pattern_name, example_code, explanation, embedding, frequency,
                                  last_used, created_at, metadata)
    SELECT r.id, r.user_id, r.pattern_type, r.pattern_name, r.example_code, r.explanation, r.embedding::vector, r.frequency,
           now() - make_interval(secs => r.age_s), now() - make_interval(secs => r.age_s) - interval '14 days', r.metadata
      FROM jsonb_to_recordset($1::text::jsonb)
        AS r(id uuid, user_id text, pattern_type text, pattern_name text, example_code text, explanation text, embedding text,
             frequency int, age_s float8, metadata jsonb)
        ON CONFLICT DO NOTHING RETURNING *)
INSERT INTO pending_sync (id, table_name, operation, data, created_at)
SELECT md5('sample entry ' || new.id)::uuid, 'learned_patterns', 'INSERT', to_jsonb(new),
       greatest(new.last_used, now() - interval '3 days')
  FROM new ORDER BY new.last_used";
const QUEUE: &str = "
INSERT INTO pending_sync (id, table_name, operation, data, created_at)
SELECT r.id, r.table_name, r.operation, r.data, now() - make_interval(secs => r.age_s)
  FROM ROWS FROM (jsonb_to_recordset($1::text::jsonb) AS (id uuid, table_name text, operation text, data jsonb, age_s float8))
       WITH ORDINALITY AS r(id, table_name, operation, data, age_s, place)
 ORDER BY r.place
    ON CONFLICT DO NOTHING";

/// Writes the conversations that are newer than `newest_s`, their messages and blocks, and all patterns.
pub(super) async fn history(replica: &mut Client, library: &Library, newest_s: f64) -> Result<(), Fault> {
    let newer: Vec<_> = library.conversations.iter().filter(|c| c.age_s < newest_s).collect();
    let in_newer = |id: &uuid::Uuid| newer.iter().any(|c| c.id == *id);
    let messages: Vec<_> = library.messages.iter().filter(|m| in_newer(&m.conversation_id)).collect();
    let blocks: Vec<_> = library.blocks.iter().filter(|b| in_newer(&b.conversation_id)).collect();
    let work = async {
        let tx = replica.transaction().await?;
        tx.execute(CONVERSATIONS, &[&text(&newer)]).await?;
        tx.execute(MESSAGES, &[&text(&messages)]).await?;
        tx.execute(BLOCKS, &[&text(&blocks)]).await?;
        tx.execute(PATTERNS, &[&text(&library.patterns)]).await?;
        tx.commit().await
    };
    work.await.map_err(|e| Fault::from_postgres(e, Side::Replica))
}

/// Writes the story's entries that are `wanted`, with their local rows; nothing if they are there already.
pub(super) async fn offline(
    replica: &mut Client,
    story: &Story,
    wanted: impl Fn(&Entry) -> bool,
    unqueued: &[Row],
) -> Result<(), Fault> {
    let entries: Vec<&Entry> = story.entries.iter().filter(|e| wanted(e)).collect();
    let ids: Vec<uuid::Uuid> = entries.iter().map(|e| e.id).collect();
    let work = async {
        let tx = replica.transaction().await?;
        let there = tx.query_one("SELECT EXISTS (SELECT FROM pending_sync WHERE id = ANY ($1))", &[&ids]).await?;
        if there.get(0) {
            return Ok(());
        }
        for row in unqueued {
            let columns: Vec<String> = row.data.keys().cloned().collect();
            write(&tx, &row.table, "INSERT", &Value::Object(row.data.clone()), &columns).await?;
        }
        for entry in &entries {
            if let Some(columns) = &entry.local {
                write(&tx, &entry.table, &entry.operation, &entry.payload, columns).await?;
            }
        }
        let rows: Vec<Value> = entries
            .iter()
            .map(|e| {
                json!({ "id": e.id, "table_name": e.table, "operation": e.operation, "data": e.payload, "age_s": e.age_s })
            })
            .collect();
        tx.execute(QUEUE, &[&text(&rows)]).await?;
        tx.commit().await
    };
    work.await.map_err(|e| Fault::from_postgres(e, Side::Replica))
}

/// What the application did to its own table.
async fn write(
    tx: &Transaction<'_>,
    table: &str,
    operation: &str,
    payload: &Value,
    columns: &[String],
) -> Result<(), tokio_postgres::Error> {
    let table = identifiers::qualified("public", table);
    let names: Vec<String> = columns.iter().map(|c| identifiers::quote(c)).collect();
    let record = format!("jsonb_populate_record(NULL::{table}, $1::text::jsonb)");
    let sql = match operation {
        "UPDATE" => {
            let set: Vec<String> = names.iter().map(|n| format!("{n} = r.{n}")).collect();
            format!("UPDATE {table} t SET {} FROM {record} r WHERE t.id = r.id", set.join(", "))
        }
        "DELETE" => format!("DELETE FROM {table} t USING {record} r WHERE t.id = r.id"),
        _ => format!("INSERT INTO {table} ({0}) SELECT {0} FROM {record}", names.join(", ")),
    };
    tx.execute(&sql, &[&text(payload)]).await.map(|_| ())
}
