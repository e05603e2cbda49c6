//! What is written: titles, deletes and taking back, imports; on the master first, or queued.

use super::{fixture, message, write};
use crate::queue::commands::command;
use crate::sync::fixture::{Fixture, text};
use robbie_console::postgres::{Kind, Pair, Side, Target};
use robbie_console::sync::memory::{self, Written};
use uuid::Uuid;

/// The pair with a master that nobody can reach.
fn without_master(f: &Fixture) -> Pair {
    let mut nowhere: Target = f.test.target(Side::Master).clone();
    nowhere.config = tokio_postgres::Config::new();
    nowhere.config.host("127.0.0.1").port(1).user("x").dbname("x");
    Pair::new(nowhere, f.test.target(Side::Replica).clone())
}

async fn everything(client: &tokio_postgres::Client) -> String {
    text(
        client,
        "select jsonb_build_object('c', (select jsonb_agg(to_jsonb(c) order by id) from code_conversations c),
                'm', (select jsonb_agg(to_jsonb(m) order by id) from code_messages m),
                'b', (select jsonb_agg(to_jsonb(b) order by id) from code_blocks b))::text",
    )
    .await
}

const BLOCK: &str = "insert into code_blocks (id, file_path, language, content, tags, session_id, conversation_id, created_at, metadata)
     values ('bbbbbbbb-0000-4000-8000-000000000001', 'src/a.rs', 'rust', E'fn f() {}\\n\\t// é', '{a,\"b c\"}', 's', $1, '2026-02-01Z',
             '{\"n\": 12345678901234567890.50}')";

#[tokio::test(flavor = "multi_thread")]
async fn an_export_imported_into_an_empty_replica_is_exported_the_same_again() {
    let f = fixture().await;
    for n in 1..4_u128 {
        let id = write(&f.replica, n, &format!("Title {n} \u{1b}[31m 日本"), 10 * i32::try_from(n).unwrap()).await;
        for m in 0..3 {
            message(&f.replica, n * 10 + m, id, &format!("text {m}\r\n\ttab \"q\" \\ 👍")).await;
        }
    }
    f.replica.execute(BLOCK, &[&Uuid::from_u128(1)]).await.unwrap();
    f.replica
        .batch_execute(
            "update code_messages set embedding = (select array_agg(0.1 + i / 7.0)::vector from generate_series(1, 1536) i),
                    metadata = '{\"deep\": [1.10, null, {\"k\": 9007199254740993}]}' where id = '00000000-0000-0000-0000-00000000000a'",
        )
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let export = |name: &str| {
        let path = folder.path().join(name);
        let at = path.to_str().unwrap().to_owned();
        let (code, _) = command(
            &f.test,
            &["conversations", "export", "--all", "--side", "replica", "--format", "json", "--output", &at],
        );
        assert_eq!(code, 0);
        (std::fs::read_to_string(&path).unwrap(), at)
    };
    let (first, file) = export("first.json");
    let before = everything(&f.replica).await;
    f.replica
        .batch_execute("truncate code_conversations, code_messages, code_blocks cascade; delete from pending_sync")
        .await
        .unwrap();
    let (code, said) = command(&f.test, &["conversations", "import", &file, "--yes"]);
    assert_eq!(code, 0, "{said}");
    assert!(said["conversations"].as_array().unwrap().iter().all(|c| c["outcome"] == "imported"), "{said}");
    assert_eq!(everything(&f.replica).await, before, "every column, counts and times among them");
    let (second, _) = export("second.json");
    assert_eq!(first, second, "byte for byte");
    let queued = "select string_agg(table_name || ' ' || n, ', ' order by table_name) from
                  (select table_name, count(*) n from pending_sync where operation = 'INSERT' group by 1) q";
    assert_eq!(text(&f.replica, queued).await, "code_blocks 1, code_conversations 3, code_messages 9");
    // What is there is left alone: the same is said to be the same, another to be another.
    f.replica
        .execute("update code_messages set content = 'mine' where id = $1", &[&Uuid::from_u128(10)])
        .await
        .unwrap();
    let (code, again) = command(&f.test, &["conversations", "import", &file, "--yes"]);
    let outcomes: Vec<_> =
        again["conversations"].as_array().unwrap().iter().map(|c| c["outcome"].as_str().unwrap()).collect();
    assert_eq!((code, outcomes.iter().filter(|o| **o == "same").count()), (4, 2), "{again}");
    assert_eq!(text(&f.replica, "select content from code_messages where id::text like '%0a'").await, "mine");
    f.cycle().await;
    let n: i64 = f.master.query_one("select count(*) from code_messages", &[]).await.unwrap().get(0);
    assert_eq!(n, 9, "the queue takes them to the master");
    std::fs::write(&file, "{\"format\": \"other\", \"conversations\": []}").unwrap();
    let other = std::fs::read_to_string(&file).unwrap();
    let refused = memory::documents(&other);
    assert!(refused.unwrap_err().message.contains("format"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_goes_to_the_master_first_and_is_queued_while_it_is_away() {
    let f = fixture().await;
    let id = write(&f.replica, 1, "Old", 0).await;
    f.replica
        .execute("insert into pending_sync (table_name, operation, data) select 'code_conversations', 'INSERT', to_jsonb(c) from code_conversations c", &[])
        .await
        .unwrap();
    f.cycle().await;
    let title = "select title from code_conversations";
    let (code, said) = command(&f.test, &["conversations", "rename", &id.to_string(), "New", "--yes"]);
    assert_eq!((code, said["result"]["written"].as_str()), (0, Some("on_master")), "{said}");
    assert_eq!(text(&f.master, title).await, "New");
    assert_eq!(text(&f.replica, title).await, "New", "the pull brought it");
    let stale = memory::rename(&f.pair, id, Some("Old"), "Newer").await.unwrap_err();
    assert!(stale.message.contains("another title"), "{stale}");
    let away = without_master(&f);
    let queued = memory::rename(&away, id, Some("New"), "Offline").await.unwrap();
    assert!(matches!(queued, Written::Queued { .. }), "{queued:?}");
    assert_eq!((text(&f.replica, title).await.as_str(), text(&f.master, title).await.as_str()), ("Offline", "New"));
    f.cycle().await;
    assert_eq!(text(&f.master, title).await, "Offline");
    let nobody = memory::rename(&f.pair, Uuid::from_u128(9), None, "x").await.unwrap_err();
    assert_eq!(nobody.kind, Kind::Settings);
    assert_eq!(command(&f.test, &["conversations", "rename", &id.to_string(), "x", "--dry-run"]).0, 0);
    assert_eq!(text(&f.master, title).await, "Offline", "a dry run writes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_is_archived_and_taken_back_as_it_was_on_both_sides() {
    let f = fixture().await;
    let id = write(&f.replica, 1, "Kept", 5).await;
    message(&f.replica, 10, id, "one").await;
    message(&f.replica, 11, id, "two").await;
    f.replica.execute(BLOCK, &[&id]).await.unwrap();
    let all = "insert into pending_sync (table_name, operation, data)
        select 'code_conversations', 'INSERT', to_jsonb(c) from code_conversations c union all
        select 'code_messages', 'INSERT', to_jsonb(c) from code_messages c union all
        select 'code_blocks', 'INSERT', to_jsonb(c) from code_blocks c";
    f.replica.batch_execute(all).await.unwrap();
    let waits = memory::delete(&f.pair, id, "test").await;
    // Not yet on the master: the replica's is deleted, and its entries go before the delete.
    assert!(matches!(&waits, Ok((_, Written::Queued { .. }))), "{waits:?}");
    memory::restore(&f.pair, waits.unwrap().0, Side::Replica).await.unwrap();
    f.cycle().await;
    let before = everything(&f.master).await;
    assert!(before.contains("two"), "{before}");
    f.queue(
        "code_messages",
        "INSERT",
        &format!(r#"{{"conversation_id": "{id}", "role": "user", "content": "later"}}"#),
    )
    .await;
    let refused = memory::delete(&f.pair, id, "test").await.unwrap_err();
    assert!(refused.message.contains("wait in the queue"), "{refused}");
    f.replica.batch_execute("delete from pending_sync where synced_at is null").await.unwrap();
    let (code, said) = command(&f.test, &["conversations", "delete", &id.to_string(), "--yes"]);
    assert_eq!((code, said["deleted"][0]["result"]["written"].as_str()), (0, Some("on_master")), "{said}");
    for client in [&f.master, &f.replica] {
        let left = "select (select count(*) from code_conversations) + (select count(*) from code_messages)";
        assert_eq!(client.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
    }
    let (_, trash) = command(&f.test, &["conversations", "trash"]);
    assert_eq!(trash["trash"].as_array().unwrap().iter().filter(|t| t["side"] == "master").count(), 1, "{trash}");
    let key = said["deleted"][0]["key"].as_str().unwrap();
    assert_eq!(command(&f.test, &["conversations", "restore", key]).0, 0);
    assert_eq!(everything(&f.master).await, before, "as it was, derived columns too");
    assert_eq!(f.replica.query_one("select count(*) from code_messages", &[]).await.unwrap().get::<_, i64>(0), 2);
    let twice = memory::restore(&f.pair, key.parse().unwrap(), Side::Master).await.unwrap_err();
    assert!(twice.message.contains("nothing to bring back"), "{twice}");
    // With the master away: on the replica and queued, and the master follows.
    let away = without_master(&f);
    let (_, written) = memory::delete(&away, id, "test").await.unwrap();
    assert!(matches!(written, Written::Queued { .. }));
    f.cycle().await;
    let left: i64 = f.master.query_one("select count(*) from code_messages", &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
}
