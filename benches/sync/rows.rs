//! The workload: messages of about 450 bytes over 1,000 conversations, the same on either side.

use crate::bed::{Bed, Two, close, connect};
use robbie_console::postgres::{Side, Target};
use tokio_postgres::Client;

/// The user of both sides.
const ALLAN: &str = "aaaaaaaa-0000-4000-8000-000000000001";
/// Conversations that the messages are spread over, one after the other: each batch touches all of them.
pub const CONVERSATIONS: u64 = 1_000;
/// Columns of a message that are written.
pub const COLUMNS: &str = "id, conversation_id, role, content, created_at, metadata";
/// Rows that an offline program writes in one transaction.
const TRANSACTION: u64 = 100;

/// The messages `from..=to`, as they are in `version`: a query with [`COLUMNS`].
pub fn messages(from: u64, to: u64, version: u32) -> String {
    let content: Vec<String> = (0..9).map(|part| format!("md5('{version} {part} ' || n)")).collect();
    format!(
        "SELECT {}, md5('c' || n % {CONVERSATIONS})::uuid, 'user', {}, \
         '2026-01-01Z'::timestamptz + n * interval '1 s', jsonb_build_object('client', 'editor', 'tokens', n) \
         FROM generate_series({from}, {to}) n",
        id("n"),
        content.join(" || ")
    )
}

/// The id of message `n`.
pub fn id(n: &str) -> String {
    format!("md5('m' || {n})::uuid")
}

/// Changes every message `from..=to` to its `version`.
pub fn update(from: u64, to: u64, version: u32) -> String {
    format!(
        "UPDATE code_messages t SET content = s.content, metadata = s.metadata \
         FROM ({}) AS s ({COLUMNS}) WHERE t.id = s.id",
        messages(from, to, version)
    )
}

/// The ranges of `1..=rows` that one transaction each writes.
pub fn parts(from: u64, to: u64, size: u64) -> impl Iterator<Item = (u64, u64)> {
    (from..=to).step_by(size as usize).map(move |first| (first, to.min(first + size - 1)))
}

/// A migrated pair with the user, the conversations, and `rows` messages on both sides; nothing is queued.
pub async fn synced(bed: &Bed, rows: u64) -> Two {
    filled(bed, rows, rows).await
}

/// The same with so many messages on either side.
pub async fn filled(bed: &Bed, of_master: u64, of_replica: u64) -> Two {
    let two = Two { master: bed.migrated(Side::Master).await, replica: bed.migrated(Side::Replica).await };
    let (master, replica) = (connect(&two.master).await, connect(&two.replica).await);
    master
        .batch_execute(&format!(
            "INSERT INTO users (id, username, email, password_hash) VALUES ('{ALLAN}', 'allan', 'a@example.org', '-');
             INSERT INTO user_id_mapping (text_id, uuid_id, service) VALUES ('allan', '{ALLAN}', 'robbie-code')"
        ))
        .await
        .unwrap();
    for (client, user, rows) in [(&master, ALLAN, of_master), (&replica, "allan", of_replica)] {
        // As the engine writes: no edit of this side is noted.
        client
            .batch_execute(&format!(
                "SET robbie_sync.apply = 'on';
                 INSERT INTO code_conversations (id, user_id, session_id, title, created_at, updated_at, last_message_at)
                 SELECT md5('c' || n)::uuid, '{user}', 's' || n, 'conversation ' || n, '2026-01-01Z', '2026-01-01Z', '2026-01-01Z'
                 FROM generate_series(0, {CONVERSATIONS} - 1) n;
                 INSERT INTO code_messages ({COLUMNS}) {}",
                messages(1, rows, 0)
            ))
            .await
            .unwrap();
    }
    master.batch_execute("TRUNCATE robbie_sync.changelog").await.unwrap();
    close(master).await;
    close(replica).await;
    bed.settle(&two.master).await;
    // A replica that was never filled was never looked at by VACUUM either, which would note that it is empty.
    if of_replica > 0 {
        bed.settle(&two.replica).await;
    }
    two
}

/// Tidies both and leaves nobody connected.
pub async fn tidy(bed: &Bed, two: &Two) {
    for target in [&two.master, &two.replica] {
        bed.settle(target).await;
    }
}

/// Writes messages on the replica as the application does, each row with its entry, [`TRANSACTION`] at a time.
pub async fn queue_inserts(replica: &Client, from: u64, to: u64) {
    for (first, last) in parts(from, to, TRANSACTION) {
        replica
            .batch_execute(&format!(
                "WITH written AS (INSERT INTO code_messages ({COLUMNS}) {} RETURNING *)
                 INSERT INTO pending_sync (table_name, operation, data)
                 SELECT 'code_messages', 'INSERT', to_jsonb(w) - 'embedding' FROM written w",
                messages(first, last, 1)
            ))
            .await
            .unwrap();
    }
}

/// Changes messages that both sides have, each row with its entry. The triggers copy the base images.
pub async fn queue_updates(replica: &Client, from: u64, to: u64) {
    for (first, last) in parts(from, to, TRANSACTION) {
        replica
            .batch_execute(&format!(
                "WITH written AS ({} RETURNING t.*)
                 INSERT INTO pending_sync (table_name, operation, data)
                 SELECT 'code_messages', 'UPDATE', to_jsonb(w) - 'embedding' FROM written w",
                update(first, last, 1)
            ))
            .await
            .unwrap();
    }
}

/// A session on a prepared replica, for filling its queue.
pub async fn filling(replica: &Target) -> Client {
    let client = connect(replica).await;
    client.batch_execute("SET synchronous_commit = off").await.unwrap();
    client
}
