//! Writes on both sides while the demo runs, so that there is something to see: small, bounded, stopped at once.
//!
//! Everything it makes stands in conversations of the session `live-demo`; of those it keeps a handful, and of the
//! queue entries they caused the last hour's. A side that is away is waited for.

use crate::postgres::{Fault, Kind, Link, Pair};
use serde::Deserialize;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const LIVE: &str = include_str!("../../assets/sample/live.toml");
/// The session that marks what the workload made.
pub const SESSION: &str = "live-demo";
/// Conversations kept at a time, and messages in each.
const CONVERSATIONS: i64 = 5;
const MESSAGES: i64 = 24;

/// How fast the workload writes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The shortest pause between two writes.
    pub shortest: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { shortest: Duration::from_secs(1), longest: Duration::from_secs(3) }
    }
}

/// A running workload; dropping it stops it too.
#[derive(Debug)]
pub struct Workload {
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

#[derive(Debug, Deserialize)]
struct Texts {
    titles: Vec<String>,
    turns: Vec<[String; 2]>,
}

impl Workload {
    /// Starts writing on both sides of a pair that holds the sample.
    #[expect(clippy::disallowed_methods, reason = "the task is owned by the handle, which ends it")]
    pub fn start(pair: Pair, pace: Pace) -> Result<Self, Fault> {
        let texts: Texts = toml::from_str(LIVE).map_err(|e| {
            Fault::new(Kind::Other, format!("the built-in sample cannot be read: {e}")).about("assets/sample/live.toml")
        })?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(pair, pace, texts, stop.clone()));
        Ok(Self { stop, task: Some(task) })
    }
    /// Stops it; a write under way is given up.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            // A task that panicked has stopped too; its panic was reported where it happened.
            let _ = task.await;
        }
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn run(pair: Pair, pace: Pace, texts: Texts, stop: CancellationToken) {
    let mut chance = Chance::new();
    for step in 0_u64.. {
        let write = async {
            tokio::time::sleep(pace.pause(&mut chance)).await;
            write(&pair, &texts, step, &mut chance).await
        };
        let done = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            done = write => done,
        };
        if let Err(fault) = done {
            tracing::debug!(%fault, "the sample workload waits");
        }
    }
}

/// One write: mostly a message here, now and then an edit there.
async fn write(pair: &Pair, texts: &Texts, step: u64, chance: &mut Chance) -> Result<(), Fault> {
    match step % 24 {
        7 | 19 => use_pattern_on_master(&pair.master, chance).await,
        11 => rename_on_master(&pair.master, texts, chance).await,
        15 => drift_mood(&pair.replica, chance).await,
        23 => forget_old_entries(&pair.replica).await,
        _ => talk(&pair.replica, texts, step).await,
    }
}

/// Adds a message to the newest live conversation, or begins a new one (and lets the oldest go) when that is full.
async fn talk(replica: &Link, texts: &Texts, step: u64) -> Result<(), Fault> {
    let row = on(replica, "SELECT (SELECT count(*) FROM code_conversations WHERE session_id = $1) AS conversations,
               newest.id AS newest, newest.messages
          FROM (VALUES (1)) one
          LEFT JOIN LATERAL (
               SELECT c.id, (SELECT count(*) FROM code_messages m WHERE m.conversation_id = c.id) AS messages
                 FROM code_conversations c WHERE c.session_id = $1 ORDER BY c.created_at DESC, c.id DESC LIMIT 1) newest ON true",
        &[&SESSION]).await?;
    let conversations: i64 = row.get("conversations");
    match (row.get("newest"), row.get::<_, Option<i64>>("messages")) {
        // More than there may be: a deleted one came back, because somebody had edited it on the master meanwhile.
        _ if conversations > CONVERSATIONS => end_oldest(replica).await,
        (Some(newest), Some(messages)) if messages < MESSAGES => say(replica, texts, newest, messages).await,
        _ if conversations == CONVERSATIONS => end_oldest(replica).await,
        _ => begin(replica, texts, step).await,
    }
}

async fn begin(replica: &Link, texts: &Texts, step: u64) -> Result<(), Fault> {
    let title = &texts.titles[pick(step, texts.titles.len())];
    execute(replica, "WITH new AS (
               INSERT INTO code_conversations (id, user_id, session_id, title, context_type, metadata)
               VALUES (gen_random_uuid(), 'allan', $1, $2, 'chat', '{\"live\": true}') RETURNING *)
        INSERT INTO pending_sync (table_name, operation, data, created_at)
        SELECT 'code_conversations', 'INSERT', to_jsonb(new) - 'message_count' - 'last_message_at', clock_timestamp() FROM new",
        &[&SESSION, &title]).await
}

async fn say(replica: &Link, texts: &Texts, conversation: Uuid, messages: i64) -> Result<(), Fault> {
    // A question and its answer are one turn, wherever another write came between.
    let turn = &texts.turns[pick((conversation.as_u64_pair().0 >> 1) + messages.unsigned_abs() / 2, texts.turns.len())];
    let (role, content) = if messages % 2 == 0 { ("user", &turn[0]) } else { ("assistant", &turn[1]) };
    let embedding = super::library::embedded(content);
    let metadata = super::library::message_metadata(role, content).to_string();
    execute(
        replica,
        "WITH new AS (
               INSERT INTO code_messages (id, conversation_id, role, content, embedding, created_at, metadata)
               VALUES (gen_random_uuid(), $1, $2, $3, $4::text::vector, clock_timestamp(), $5::text::jsonb) RETURNING *)
        INSERT INTO pending_sync (table_name, operation, data, created_at)
        SELECT 'code_messages', 'INSERT', to_jsonb(new), clock_timestamp() FROM new",
        &[&conversation, &role, &content, &embedding, &metadata],
    )
    .await
}

/// Deletes all live conversations but the newest, with their messages, and queues both.
async fn end_oldest(replica: &Link) -> Result<(), Fault> {
    execute(replica, "WITH old AS (SELECT id FROM code_conversations WHERE session_id = $1 ORDER BY created_at DESC, id DESC OFFSET $2),
             said AS (DELETE FROM code_messages WHERE conversation_id IN (SELECT id FROM old) RETURNING id),
             gone AS (DELETE FROM code_conversations WHERE id IN (SELECT id FROM old) RETURNING id)
        INSERT INTO pending_sync (table_name, operation, data, created_at)
        SELECT d.tbl, 'DELETE', jsonb_build_object('id', d.id), clock_timestamp()
          FROM (SELECT 1 AS place, 'code_messages' AS tbl, id FROM said
                UNION ALL SELECT 2, 'code_conversations', id FROM gone) d
         ORDER BY d.place", &[&SESSION, &(CONVERSATIONS - 1)]).await
}

/// Somebody on the master uses a pattern once more.
async fn use_pattern_on_master(master: &Link, chance: &mut Chance) -> Result<(), Fault> {
    let any = chance.below(1 << 16).to_string();
    execute(
        master,
        "UPDATE learned_patterns SET frequency = frequency % 500 + 1, last_used = clock_timestamp()
         WHERE id = (SELECT id FROM learned_patterns WHERE metadata ? 'embedder' ORDER BY md5(id::text || $1) LIMIT 1)",
        &[&any],
    )
    .await
}

/// Somebody on the master renames a live conversation.
async fn rename_on_master(master: &Link, texts: &Texts, chance: &mut Chance) -> Result<(), Fault> {
    let title = &texts.titles[pick(chance.below(1 << 16), texts.titles.len())];
    execute(
        master,
        "UPDATE code_conversations SET title = $2 || ' (seen by the master at ' || to_char(now(), 'HH24:MI:SS') || ')'
         WHERE id = (SELECT id FROM code_conversations WHERE session_id = $1 ORDER BY created_at DESC LIMIT 1)",
        &[&SESSION, &title],
    )
    .await
}

/// Jonas's Robbie changes her mood on the replica.
async fn drift_mood(replica: &Link, chance: &mut Chance) -> Result<(), Fault> {
    const MOODS: [&str; 4] = ["focused", "bossy", "friendly", "surprised"];
    let mood = MOODS[pick(chance.below(1 << 16), MOODS.len())];
    execute(
        replica,
        "WITH moved AS (
               UPDATE robbie_personality_state SET current_mood = $1
                WHERE user_id = 'jonas' AND current_mood IS DISTINCT FROM $1 RETURNING id, current_mood, updated_at)
        INSERT INTO pending_sync (table_name, operation, data, created_at)
        SELECT 'robbie_personality_state', 'UPDATE', to_jsonb(moved), clock_timestamp() FROM moved",
        &[&mood],
    )
    .await
}

/// Lets settled entries of live conversations go after an hour, with what the engine noted of them.
async fn forget_old_entries(replica: &Link) -> Result<(), Fault> {
    execute(
        replica,
        "WITH old AS (
               DELETE FROM pending_sync p
                USING robbie_sync.entry e
                WHERE e.entry_id = p.id AND e.state IN ('applied', 'superseded', 'conflict_resolved')
                  AND p.synced_at < clock_timestamp() - interval '1 hour'
                  AND (p.data->'metadata' ? 'live' OR p.data->>'id' IN (
                       SELECT id::text FROM code_conversations WHERE session_id = $1) OR p.data->>'conversation_id' IN (
                       SELECT id::text FROM code_conversations WHERE session_id = $1))
            RETURNING p.id),
        tries AS (DELETE FROM robbie_sync.attempt WHERE entry_id IN (SELECT id FROM old))
        DELETE FROM robbie_sync.entry WHERE entry_id IN (SELECT id FROM old)",
        &[&SESSION],
    )
    .await
}

type Values<'a> = [&'a (dyn tokio_postgres::types::ToSql + Sync)];

async fn execute(link: &Link, sql: &str, values: &Values<'_>) -> Result<(), Fault> {
    let client = link.session().await?;
    client.execute(sql, values).await.map_err(|e| Fault::from_postgres(e, link.side()))?;
    Ok(())
}

async fn on(link: &Link, sql: &str, values: &Values<'_>) -> Result<tokio_postgres::Row, Fault> {
    let client = link.session().await?;
    client.query_one(sql, values).await.map_err(|e| Fault::from_postgres(e, link.side()))
}

fn pick(number: u64, of: usize) -> usize {
    usize::try_from(number % of as u64).unwrap_or(0)
}

impl Pace {
    fn pause(&self, chance: &mut Chance) -> Duration {
        let span = u64::try_from(self.longest.saturating_sub(self.shortest).as_millis()).unwrap_or(0);
        self.shortest + Duration::from_millis(chance.below(span + 1))
    }
}

/// Small random numbers, for variety only.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        Self(Uuid::new_v4().as_u64_pair().0 | 1)
    }
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_can_be_read_and_every_turn_has_a_vector() {
        let texts: Texts = toml::from_str(LIVE).unwrap();
        assert!(texts.titles.len() >= 5 && texts.turns.len() >= 12);
        assert!(texts.turns.iter().flatten().all(|text| super::super::library::embedded(text).is_some()));
    }

    #[test]
    fn a_pause_is_as_long_as_asked() {
        let (mut chance, pace) = (Chance::new(), Pace::default());
        for _ in 0..1000 {
            let pause = pace.pause(&mut chance);
            assert!(pause >= pace.shortest && pause <= pace.longest, "{pause:?}");
        }
    }
}
