//! The short way of plain new rows: it takes them, leaves everything else, and writes the ledger that the long way writes.

use super::fixture::{ALLAN, Fixture, count, text};
use uuid::Uuid;

/// A batch of messages as the master is given it, and how many entries of it go the short way. `others` are further rows of
/// `(n, table, operation, payload, waits)`.
async fn taken(f: &Fixture, from: i32, to: i32, others: &str) -> String {
    let sql = format!(
        "WITH b AS (
             SELECT n, 'code_messages' AS tbl, 'INSERT' AS op, message(n) AS payload, NULL::uuid AS waits FROM generate_series({from}, {to}) n
             {others}
         ), call AS (
             SELECT robbie_sync.push_plain(gen_random_uuid(), gen_random_uuid(), 'test', NULL, array_agg(md5('e' || n)::uuid ORDER BY n),
                 array_agg(n::bigint ORDER BY n), array_agg(tbl ORDER BY n), array_agg(op ORDER BY n),
                 array_agg(jsonb_build_object('id', payload -> 'id')::text ORDER BY n), array_agg(payload::text ORDER BY n),
                 array_agg(waits ORDER BY n)) AS done FROM b)
         SELECT coalesce(string_agg(b.n::text, ' ' ORDER BY b.n), 'none') FROM b, call WHERE md5('e' || b.n)::uuid = ANY (call.done)"
    );
    text(&f.master, &sql).await
}

#[tokio::test]
async fn what_is_plain_is_taken_and_everything_else_is_left() {
    let f = Fixture::new().await;
    f.master
        .batch_execute(&format!(
            "insert into code_conversations (id, user_id, session_id) values (md5('c')::uuid, '{ALLAN}', 's');
             create function pg_temp.message(n int) returns jsonb language sql as $$ select jsonb_build_object('id', md5('m' || n)::uuid,
                 'conversation_id', md5('c')::uuid, 'role', 'user', 'content', 'text ' || n, 'created_at', '2026-01-01T00:00:00Z') $$;
             set search_path = public, pg_temp",
        ))
        .await
        .unwrap();
    f.master
        .batch_execute("create function message(n int) returns jsonb language sql as $$ select pg_temp.message(n) $$")
        .await
        .unwrap();
    assert_eq!(taken(&f, 1, 9, "").await, "1 2 3 4 5 6 7 8 9");
    assert_eq!(count(&f.master, "code_messages").await, 9);
    let left = "UNION ALL SELECT 20, 'code_messages', 'INSERT', message(20) || '{\"conversation_id\": \"00000000-0000-0000-0000-00000000dead\"}', NULL
         UNION ALL SELECT 21, 'code_messages', 'INSERT', message(21) - 'created_at', NULL
         UNION ALL SELECT 22, 'code_messages', 'INSERT', message(22), gen_random_uuid()
         UNION ALL SELECT 23, 'code_messages', 'INSERT', message(3), NULL
         UNION ALL SELECT 24, 'code_messages', 'UPDATE', message(24), NULL
         UNION ALL SELECT 25, 'code_messages', 'INSERT', '\"text\"', NULL
         UNION ALL SELECT 26, 'no_such_table', 'INSERT', message(26), NULL";
    assert_eq!(taken(&f, 10, 18, left).await, "10 11 12 13 14 15 16 17 18");
    // A row with two entries: their order matters, and none of its table goes this way.
    assert_eq!(taken(&f, 30, 39, "UNION ALL SELECT 40, 'code_messages', 'UPDATE', message(30), NULL").await, "none");
    // One that is refused takes the others with it; and it is not tried again at once.
    let refused = "UNION ALL SELECT 40, 'code_messages', 'INSERT', message(40) || '{\"role\": \"nobody\"}', NULL";
    assert_eq!(taken(&f, 30, 39, refused).await, "none");
    assert_eq!(taken(&f, 30, 39, "").await, "none");
    f.master.batch_execute("reset robbie_sync.not_plain").await.unwrap();
    assert_eq!(taken(&f, 30, 39, "").await, "30 31 32 33 34 35 36 37 38 39");
    assert_eq!(count(&f.master, "code_messages").await, 28);
    assert_eq!(count(&f.master, "robbie_sync.applied").await, 28);
}

#[tokio::test]
async fn both_ways_keep_the_same_ledger_and_a_refused_row_stops_no_other() {
    let f = Fixture::new().await;
    let conversation = Uuid::new_v4();
    f.conversation(conversation, "plain").await;
    f.cycle().await;
    let message = |role: &str, of: Uuid| {
        format!(r#"{{"id": "{}", "conversation_id": "{of}", "role": "{role}", "content": "x"}}"#, Uuid::new_v4())
    };
    // The first drain goes the short way throughout; the second meets one that is refused, and one without a parent.
    f.messages(conversation, 30).await;
    assert_eq!(f.cycle().await.push.unwrap().applied, 30);
    f.messages(conversation, 30).await;
    let refused = f.queue("code_messages", "INSERT", &message("nobody", conversation)).await;
    let orphan = f.queue("code_messages", "INSERT", &message("user", Uuid::new_v4())).await;
    let push = f.cycle().await.push.unwrap();
    assert_eq!((push.applied, push.blocked + push.failed), (30, 2));
    assert_eq!(f.note(refused).await, "retry schema_mismatch 23514");
    assert!(f.note(orphan).await.starts_with("blocked waits_for_parent 23503 parent code_conversations"));
    let as_the_row_is = "robbie_sync.applied a JOIN code_messages m ON a.pk = jsonb_build_object('id', m.id)
        CROSS JOIN robbie_sync.shape_of('code_messages') s
        WHERE a.op = 'INSERT' AND a.verdict = 'insert' AND a.outcome = 'applied' AND a.before_image IS NULL AND NOT a.unseen
          AND a.actor = 'engine' AND a.after_hash = robbie_sync.image_hash(to_jsonb(m.*), s.ignored)";
    assert_eq!(count(&f.master, as_the_row_is).await, 60);
    let digests = |of: &str| format!("SELECT string_agg({of}, ' ' ORDER BY seq)");
    assert_eq!(
        text(&f.master, &format!("{} FROM robbie_sync.applied WHERE tbl = 'code_messages'", digests("payload_hash"))).await,
        text(
            &f.replica,
            &format!(
                "{} FROM robbie_sync.entry e JOIN pending_sync p ON p.id = e.entry_id WHERE tbl = 'code_messages' AND state = 'applied'",
                digests("jsonb_hash_extended(p.data, 0)::text")
            )
        )
        .await,
    );
    assert_eq!(text(&f.master, "select message_count from code_conversations").await, "60");
}
