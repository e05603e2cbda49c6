//! The worker in use today: a hundred of the oldest entries, each applied and marked by itself.

use serde_json::Value;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// Takes the triggers of the engine off both sides, for without it they are not there.
pub async fn without_the_engine(master: &Client, replica: &Client) {
    master.batch_execute("SELECT robbie_sync.release('code_messages')").await.unwrap();
    for trigger in ["robbie_queued", "robbie_dequeued", "robbie_requeued"] {
        replica.batch_execute(&format!("DROP TRIGGER {trigger} ON pending_sync")).await.unwrap();
    }
}

/// Sends `entries` entries, and says how long it took.
pub async fn drain(master: &Client, replica: &Client, entries: u64) -> Duration {
    let fetch = replica
        .prepare("SELECT id, data::text FROM pending_sync WHERE synced_at IS NULL ORDER BY created_at LIMIT 100")
        .await
        .unwrap();
    let mark = replica.prepare("UPDATE pending_sync SET synced_at = now() WHERE id = $1").await.unwrap();
    let apply = master
        .prepare(
            "INSERT INTO code_messages (id, conversation_id, role, content, created_at, metadata)
             VALUES ($1::text::uuid, $2::text::uuid, $3, $4, $5::text::timestamptz, $6::text::jsonb)
             ON CONFLICT (id) DO UPDATE SET conversation_id = excluded.conversation_id, role = excluded.role,
                 content = excluded.content, created_at = excluded.created_at, metadata = excluded.metadata",
        )
        .await
        .unwrap();
    let began = Instant::now();
    let mut sent = 0;
    while sent < entries {
        for row in replica.query(&fetch, &[]).await.unwrap().iter().take((entries - sent) as usize) {
            let data: Value = serde_json::from_str(row.get(1)).unwrap();
            let text = |name: &str| data[name].as_str().unwrap();
            let metadata = data["metadata"].to_string();
            master
                .execute(
                    &apply,
                    &[
                        &text("id"),
                        &text("conversation_id"),
                        &text("role"),
                        &text("content"),
                        &text("created_at"),
                        &metadata,
                    ],
                )
                .await
                .unwrap();
            replica.execute(&mark, &[&row.get::<_, uuid::Uuid>(0)]).await.unwrap();
            sent += 1;
        }
    }
    began.elapsed()
}
