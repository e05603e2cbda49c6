//! What stands on the master from the beginning: users, their mapping, moods, older conversations.

use super::library::{Library, Person, age_seconds, id_of};
use super::story::Row;
use crate::postgres::{Fault, Side, identifiers};
use serde_json::{Value, json};
use tokio_postgres::Client;

const USERS: &str = "
INSERT INTO users (id, username, email, password_hash, role, is_vip)
SELECT r.id, r.name, r.name || '@example.test', '!', r.role, r.vip
  FROM jsonb_to_recordset($1::text::jsonb) AS r(id uuid, name text, role text, vip boolean)
    ON CONFLICT DO NOTHING";
const MAPPING: &str = "
INSERT INTO user_id_mapping (text_id, uuid_id, service)
SELECT r.name, u.id, 'robbie-code'
  FROM jsonb_to_recordset($1::text::jsonb) AS r(name text, mapped boolean)
  JOIN users u ON u.username = r.name
 WHERE r.mapped
    ON CONFLICT DO NOTHING";
const MOODS: &str = "
INSERT INTO robbie_personality_state (id, user_id, current_mood, gandhi_genghis_level, attraction_level, context,
                                      last_mood_change)
SELECT r.state, r.name, r.mood, r.gandhi_genghis, r.attraction, r.context, now() - make_interval(secs => r.age_s)
  FROM jsonb_to_recordset($1::text::jsonb)
    AS r(state uuid, name text, mapped boolean, mood text, gandhi_genghis int, attraction int, context jsonb, age_s float8)
 WHERE r.mapped
    ON CONFLICT DO NOTHING";
const TRANSITIONS: &str = "
INSERT INTO mood_transitions (id, user_id, field_changed, old_value, new_value, change_reason, triggered_by, changed_at, platform)
SELECT r.id, r.name, r.field, r.before, r.after, r.reason, r.name, now() - make_interval(secs => r.age_s), 'sample'
  FROM jsonb_to_recordset($1::text::jsonb)
    AS r(id uuid, name text, field text, before text, after text, reason text, age_s float8)
    ON CONFLICT DO NOTHING";
const PRESETS: &str = "
INSERT INTO personality_presets (user_id, preset_name, mood, mood_intensity, attraction, gandhi_genghis, turbo, auto, description)
SELECT p.* FROM (VALUES
    ('allan', 'Deep work', 'focused', 6, 5, 6, 8, 7, 'short answers, no small talk'),
    ('allan', 'Release day', 'bossy', 8, 4, 9, 10, 3, 'nothing ships without a green suite'),
    ('allan', 'Evening', 'playful', 7, 9, 2, 3, 5, NULL),
    ('maya', 'Review', 'friendly', 5, 5, 3, 4, 4, 'gentle, and to the point')) p
    ON CONFLICT DO NOTHING";
const CONVERSATIONS: &str = "
INSERT INTO code_conversations (id, user_id, session_id, title, context_type, created_at, updated_at, last_message_at, metadata)
SELECT r.id, m.uuid_id, r.session_id, r.title, r.context_type, now() - make_interval(secs => r.age_s),
       now() - make_interval(secs => r.last_age_s), now() - make_interval(secs => r.last_age_s), '{\"sample\": true}'
  FROM jsonb_to_recordset($1::text::jsonb)
    AS r(id uuid, user_id text, session_id text, title text, context_type text, age_s float8, last_age_s float8)
  JOIN user_id_mapping m ON m.text_id = r.user_id
    ON CONFLICT DO NOTHING";
const MESSAGES: &str = "
INSERT INTO code_messages (id, conversation_id, role, content, embedding, created_at, metadata)
SELECT r.id, r.conversation_id, r.role, r.content, r.embedding::vector, now() - make_interval(secs => r.age_s), r.metadata
  FROM jsonb_to_recordset($1::text::jsonb)
    AS r(id uuid, conversation_id uuid, role text, content text, embedding text, age_s float8, metadata jsonb)
 WHERE EXISTS (SELECT FROM code_conversations c WHERE c.id = r.conversation_id)
    ON CONFLICT DO NOTHING";
const BLOCKS: &str = "
INSERT INTO code_blocks (id, file_path, language, content, embedding, tags, session_id, conversation_id, created_at, metadata)
SELECT r.id, r.file_path, r.language, r.content, r.embedding::vector, r.tags, r.session_id, r.conversation_id,
       now() - make_interval(secs => r.age_s), r.metadata
  FROM jsonb_to_recordset($1::text::jsonb)
    AS r(id uuid, file_path text, language text, content text, embedding text, tags text[], session_id text,
         conversation_id uuid, age_s float8, metadata jsonb)
 WHERE EXISTS (SELECT FROM code_conversations c WHERE c.id = r.conversation_id)
    ON CONFLICT DO NOTHING";

/// Writes users, mapping, moods and the conversations of `library` that are older than `newest_s`, and notes the stage,
/// all in one transaction.
pub(super) async fn fill(
    master: &mut Client,
    library: &Library,
    newest_s: f64,
    before: &str,
    rows: &[Row],
    note: &str,
) -> Result<(), Fault> {
    let work = async {
        let tx = master.transaction().await?;
        let people = people(&library.people);
        tx.execute(USERS, &[&people]).await?;
        tx.execute(MAPPING, &[&people]).await?;
        tx.execute(MOODS, &[&people]).await?;
        tx.execute(TRANSITIONS, &[&transitions(&library.people)]).await?;
        tx.batch_execute(PRESETS).await?;
        let old: Vec<_> = library.conversations.iter().filter(|c| c.age_s >= newest_s).collect();
        tx.execute(CONVERSATIONS, &[&text(&old)]).await?;
        // Those of newer conversations find no parent here and are left to the replica.
        tx.execute(MESSAGES, &[&text(&library.messages)]).await?;
        tx.execute(BLOCKS, &[&text(&library.blocks)]).await?;
        tx.batch_execute(before).await?;
        for row in rows {
            let columns: Vec<String> = row.data.keys().map(|c| identifiers::quote(c)).collect();
            let table = identifiers::qualified("public", &row.table);
            let list = columns.join(", ");
            let sql = format!(
                "INSERT INTO {table} ({list}) SELECT {list} FROM jsonb_populate_record(NULL::{table}, $1::text::jsonb)"
            );
            tx.execute(&sql, &[&text(&row.data)]).await?;
        }
        tx.batch_execute(note).await?;
        tx.commit().await
    };
    work.await.map_err(|e| Fault::from_postgres(e, Side::Master))
}

/// Values as the JSON text that a recordset is made of.
pub(super) fn text<T: serde::Serialize + ?Sized>(value: &T) -> String {
    json!(value).to_string()
}

fn people(people: &[Person]) -> String {
    let rows: Vec<Value> = people
        .iter()
        .map(|p| {
            json!({
                "id": p.id(), "state": id_of("personality", &p.name),
                "name": p.name, "role": p.role, "vip": p.vip, "mapped": p.mapped, "mood": p.mood(),
                "gandhi_genghis": p.gandhi_genghis, "attraction": p.attraction, "context": p.context,
                "age_s": p.history.last().and_then(|s| age_seconds(&s.age).ok()).unwrap_or(0.0),
            })
        })
        .collect();
    text(&rows)
}

fn transitions(people: &[Person]) -> String {
    let rows: Vec<Value> = people
        .iter()
        .flat_map(|p| p.history.iter().enumerate().map(move |(at, step)| (p, at, step)))
        .map(|(p, at, step)| {
            json!({
                "id": id_of("transition", &format!("{} {at}", p.name)), "name": p.name, "field": step.field,
                "before": step.from, "after": step.to, "reason": step.reason,
                "age_s": age_seconds(&step.age).unwrap_or(0.0),
            })
        })
        .collect();
    text(&rows)
}
