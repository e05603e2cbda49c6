//! Entries that can never be applied stand before good ones: the good ones all arrive in the same drain, and of each bad
//! one it is known why, how often and when next.

use super::world::Site;
use super::{seed, size};
use crate::support;
use crate::sync::fixture::{Fixture, count, text};
use uuid::Uuid;

/// Ways to be bad: payload, what the engine notes of it (verdict, and what it is about), and whether it can end in quarantine.
const POISON: [(&str, &str, &str, &str, bool); 8] = [
    (
        "code_messages",
        r#"{"id":"$id","conversation_id":"$id","role":"user","content":"x"}"#,
        "waits_for_parent",
        "code_messages.",
        false,
    ),
    ("code_messages", r#"{"id":"$id","role":"bad","content":"x"}"#, "schema_mismatch", "code_messages.", true),
    ("code_messages", r#"{"id":"$id","role":"user","content":null}"#, "schema_mismatch", "code_messages.content", true),
    (
        "code_messages",
        r#"{"id":"$id","role":"user","content":"x","created_at":"never"}"#,
        "schema_mismatch",
        "code_messages.created_at",
        true,
    ),
    (
        "code_conversations",
        r#"{"id":"$id","user_id":"allan","session_id":"s","nowhere":1}"#,
        "schema_mismatch",
        "code_conversations.nowhere",
        false,
    ),
    ("no_such_table", r#"{"id":"$id"}"#, "schema_mismatch", "no_such_table", false),
    ("code_messages", r#"{"role":"user","content":"x"}"#, "lacks_key", "code_messages.id", false),
    (
        "code_conversations",
        r#"{"id":"$id","user_id":"nobody","session_id":"s"}"#,
        "unmapped_user",
        "user_id_mapping",
        false,
    ),
];

const DUE: &str =
    "update robbie_sync.entry set next_attempt_at = clock_timestamp() where state in ('retry', 'blocked')";

#[tokio::test]
async fn bad_entries_hold_no_good_one_up_and_each_is_accounted_for() {
    let f = Fixture::new().await;
    let mut engine = Site::new(f.pair.clone(), support::connect(&f.test.replica).await);
    let (bad, good, seed) = (size(100, 1_000) as i32, size(900, 9_000) as i32, seed());
    engine.cycle(true, true).await.unwrap();
    for (n, (table, data, ..)) in POISON.iter().enumerate() {
        let sql = format!(
            "insert into pending_sync (table_name, operation, data)
             select '{table}', 'INSERT', replace($1, '$id', md5('{seed} {n} ' || i)::uuid::text)::jsonb from generate_series(1, $2) i
             where i % {} = {n}",
            POISON.len()
        );
        f.replica.execute(&sql, &[data, &bad]).await.unwrap();
    }
    // A conversation that the master refuses, and what belongs to it.
    let parent = Uuid::new_v4();
    f.replica
        .batch_execute("alter table code_conversations drop constraint if exists code_conversations_context_type_check")
        .await
        .unwrap();
    let refused = f
        .queue(
            "code_conversations",
            "INSERT",
            &format!(r#"{{"id":"{parent}","user_id":"allan","session_id":"s","context_type":"bad"}}"#),
        )
        .await;
    f.replica
        .execute("insert into code_conversations (id, user_id, session_id) values ($1, 'allan', 's')", &[&parent])
        .await
        .unwrap();
    f.messages(parent, 3).await;
    let descendants =
        "robbie_sync.entry e join pending_sync p on p.id = e.entry_id where p.data ->> 'conversation_id' = ";
    let descendants = format!("{descendants}'{parent}'");
    let chat = Uuid::new_v4();
    f.conversation(chat, "good").await;
    f.messages(chat, good).await;

    let push = engine.cycle(true, true).await.unwrap().push.unwrap();
    assert_eq!(push.applied, good as u64 + 1, "I10 isolation: all good ones in the same drain: {push:?}");
    assert_eq!(count(&f.master, "code_messages").await, i64::from(good));
    let noted = "robbie_sync.entry e join pending_sync p on p.id = e.entry_id
        where e.state in ('retry', 'blocked') and p.retry_count = 1 and p.last_retry is not null and p.synced_at is null
          and p.error <> '' and e.next_attempt_at > clock_timestamp() and e.object <> ''";
    assert_eq!(count(&f.replica, noted).await, i64::from(bad) + 4, "each bad one says why, and when it is tried again");
    for (table, data, verdict, object, _) in POISON {
        let some = "select distinct e.verdict || ' ' || e.object from robbie_sync.entry e join pending_sync p on p.id = e.entry_id
                    where p.table_name = $1 and p.data - 'id' - 'conversation_id' = $2::text::jsonb - 'id' - 'conversation_id'
                      and p.data ? 'conversation_id' = ($2::text::jsonb ? 'conversation_id') and p.data ? 'id' = ($2::text::jsonb ? 'id')
                      and p.data ->> 'conversation_id' is distinct from $3";
        let rows = f.replica.query(some, &[&table, &data, &parent.to_string()]).await.unwrap();
        let told: Vec<String> = rows.iter().map(|r| r.get(0)).collect();
        assert!(
            told.iter().all(|t| t.starts_with(&format!("{verdict} {object}"))) && !told.is_empty(),
            "{data}: {told:?}"
        );
    }
    let coded = "robbie_sync.entry where state = 'retry' and sqlstate in ('23514', '23502', '22007')";
    let failing = count(&f.replica, "robbie_sync.entry where state = 'retry'").await;
    assert_eq!(count(&f.replica, coded).await, failing);

    // Eleven tries later those that fail by themselves are in quarantine; those that wait for something are not.
    for _ in 0..11 {
        f.replica.batch_execute(DUE).await.unwrap();
        engine.cycle(true, true).await.unwrap();
    }
    let quarantined = "robbie_sync.entry e join pending_sync p on p.id = e.entry_id where e.state = 'quarantined' and p.retry_count = 12";
    assert_eq!(count(&f.replica, quarantined).await, failing);
    assert!(f.note(refused).await.starts_with("quarantined"));
    assert_eq!(
        count(&f.replica, &format!("{descendants} and e.state = 'blocked'")).await,
        3,
        "descendants wait, they are not bad"
    );
    f.replica.batch_execute(DUE).await.unwrap();
    let again = engine.cycle(true, true).await.unwrap().push.unwrap();
    assert_eq!(again.failed, 0, "what is in quarantine is not tried: {again:?}");

    // A person mends one: it goes, and takes with it what waited for it.
    f.replica
        .execute("update pending_sync set data = data || '{\"context_type\": \"code\"}' where id = $1", &[&refused])
        .await
        .unwrap();
    engine.cycle(true, true).await.unwrap();
    f.replica.batch_execute(DUE).await.unwrap();
    engine.cycle(true, true).await.unwrap();
    assert!(f.note(refused).await.starts_with("applied"), "{}", f.note(refused).await);
    assert_eq!(count(&f.replica, &format!("{descendants} and e.state = 'applied'")).await, 3);
    assert_eq!(
        text(&f.master, &format!("select message_count from code_conversations where id = '{parent}'")).await,
        "3"
    );
}
