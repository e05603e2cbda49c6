//! A replica that holds the deployed tables and rows.

use super::{assert_kept, bare, migrate, one, rows};
use robbie_console::postgres::{Kind, Side};

const TABLES: [&str; 6] = [
    "code_conversations",
    "code_messages",
    "code_blocks",
    "learned_patterns",
    "robbie_personality_state",
    "pending_sync",
];
const SMART_ROBBIE: &str = include_str!("deployed/smart-robbie.sql");
const NINE: &str = include_str!("deployed/pending-sync-nine.sql");
const ELEVEN: &str = include_str!("deployed/pending-sync-eleven.sql");

/// Migrates a replica of that shape and checks that no value is lost and that it counts right. Returns its notes.
async fn adopt(queue: &str, check: impl AsyncFnOnce(&tokio_postgres::Client)) -> String {
    let (_pair, mut client) = bare(Side::Replica).await;
    client.batch_execute(SMART_ROBBIE).await.unwrap();
    client.batch_execute(queue).await.unwrap();
    let mut before = Vec::new();
    for table in TABLES {
        before.push(rows(&client, table).await);
    }
    let report = migrate(&mut client, Side::Replica).await.unwrap();
    for (table, before) in TABLES.iter().zip(&before) {
        let after = rows(&client, table).await;
        assert_kept(table, before, &after);
        assert_eq!(before.len(), after.len(), "{table}");
    }
    assert_eq!(migrate(&mut client, Side::Replica).await.unwrap().changed(), 0);

    let counted = "select message_count from code_conversations where session_id = 's1'";
    assert_eq!(one::<i32>(&client, counted).await, 3);
    let message = "insert into code_messages (conversation_id, role, content)
                   values ('00000000-0000-4000-8000-000000000001', 'user', 'one more')";
    client.execute(message, &[]).await.unwrap();
    assert_eq!(one::<i32>(&client, counted).await, 4, "a message counts once");
    check(&client).await;
    report.files.into_iter().filter_map(|f| f.note).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn nine_columns_and_a_view_are_adopted() {
    let notes = adopt(NINE, async |client| {
        let columns = "select count(*) from information_schema.columns where table_name = 'pending_sync' and table_schema = 'public'";
        assert_eq!(one::<i64>(client, columns).await, 9);
        assert_eq!(one::<String>(client, "select relkind::text from pg_class where relname = 'sync_status'").await, "v");
        client
            .execute("insert into pending_sync (table_name, operation, data) values ('t', 'ANY', '{}')", &[])
            .await
            .expect("no check is added to a table that has none");
    })
    .await;
    assert!(notes.contains("update_conversation_stats_trigger"), "{notes}");
    assert!(notes.contains("update_code_conversations_updated_at"), "{notes}");
}

#[tokio::test]
async fn eleven_columns_an_index_on_error_and_a_table_are_adopted() {
    let notes = adopt(ELEVEN, async |client| {
        let kept = rows(client, "sync_status").await;
        assert_eq!(kept.len(), 1);
        assert_eq!(one::<i32>(client, "select priority from pending_sync").await, 1);
    })
    .await;
    assert!(notes.contains("2,700 bytes"), "{notes}");
}

#[tokio::test]
async fn indexes_under_other_names_are_not_made_twice() {
    adopt(NINE, async |client| {
        let same = "select count(*) from pg_indexes where tablename = 'code_messages'
                     and (indexdef like '%(conversation_id, created_at)%' or indexdef like '%ivfflat%')";
        assert_eq!(one::<i64>(client, same).await, 2);
    })
    .await;
}

#[tokio::test]
async fn the_analysis_eight_column_queue_gets_its_ninth() {
    let eight =
        "create table pending_sync (id uuid primary key default uuid_generate_v4(), table_name varchar(255) not null,
                 operation varchar(50) not null, data jsonb not null, created_at timestamptz default current_timestamp,
                 synced_at timestamptz, error text, retry_count integer default 0);
                 insert into pending_sync (table_name, operation, data) values ('code_blocks', 'INSERT', '{}')";
    let notes = adopt(eight, async |_| {}).await;
    assert!(notes.contains("added pending_sync.last_retry"), "{notes}");
}

#[tokio::test]
async fn a_key_of_another_type_is_a_clash_that_is_named_and_nothing_changes() {
    let (_pair, mut client) = bare(Side::Replica).await;
    client
        .batch_execute(
            "create table code_conversations (id serial primary key, user_id integer);
             create table code_messages (id uuid primary key, embedding vector(768));
             insert into code_conversations (user_id) values (1)",
        )
        .await
        .unwrap();
    let fault = migrate(&mut client, Side::Replica).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Schema);
    assert!(fault.message.contains("code_conversations.id is integer, not uuid"), "{}", fault.message);
    assert!(fault.message.contains("code_conversations.user_id is integer, not text"), "{}", fault.message);
    assert!(fault.remedy.is_some());
    assert_eq!(rows(&client, "code_conversations").await[0].len(), 2, "no column was added");
    client.batch_execute("drop table code_conversations").await.unwrap();
    let fault = migrate(&mut client, Side::Replica).await.unwrap_err();
    assert!(fault.message.contains("code_messages.embedding is vector(768), not vector(1536)"), "{}", fault.message);
}
