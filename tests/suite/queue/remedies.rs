//! Remedies: adopting a key, mapping a user, queueing a parent.

use super::commands::{command, robbie};
use crate::sync::fixture::{Fixture, count, text};
use robbie_console::sync::adopt::{Place, adopt_key, parent};
use robbie_console::sync::discard::By;
use uuid::Uuid;

const BY: By<'static> = By { actor: "test", reason: "a remedy", engine: None };

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_exactly_one_matching_row_is_adopted() {
    let f = Fixture::new().await;
    f.cycle().await;
    let (id, parent) = (Uuid::new_v4(), Uuid::new_v4());
    f.conversation(parent, "p").await;
    let content = |id: Uuid| {
        format!(
            "insert into code_messages (id, conversation_id, role, content) values ('{id}', '{parent}', 'user', 'mine')"
        )
    };
    f.replica.batch_execute(&content(id)).await.unwrap();
    let data = format!(r#"{{"conversation_id":"{parent}","role":"user","content":"mine"}}"#);
    let entry = f.queue("code_messages", "INSERT", &data).await;
    f.cycle().await;
    assert!(f.note(entry).await.contains("lacks_key"));
    let second = Uuid::new_v4();
    f.replica.batch_execute(&content(second)).await.unwrap();
    let refused = adopt_key(&f.pair, entry, true, BY).await.unwrap_err();
    assert!(refused.message.contains("several rows"), "{refused:?}");
    f.replica.batch_execute(&format!("delete from code_messages where id = '{second}'")).await.unwrap();
    let (code, dry) = robbie(&f.test, &["adopt", &entry.to_string(), "--dry-run"]);
    assert_eq!((code, &dry["saved"]), (0, &false.into()), "{dry}");
    let (code, done) = robbie(&f.test, &["adopt", &entry.to_string(), "--yes"]);
    assert_eq!((code, &done["saved"]), (0, &true.into()), "{done}");
    f.cycle().await;
    assert_eq!(text(&f.master, "select id || content from code_messages").await, format!("{id}mine"));
    let none = f.queue("code_messages", "INSERT", r#"{"role":"user","content":"nobody's"}"#).await;
    let refused = adopt_key(&f.pair, none, true, BY).await.unwrap_err();
    assert!(refused.message.contains("no row here"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_parent_is_found_and_queued() {
    let f = Fixture::new().await;
    f.cycle().await;
    let here = Uuid::new_v4();
    f.replica
        .execute(
            "insert into code_conversations (id, user_id, session_id, title) values ($1, 'allan', 's', 'only here')",
            &[&here],
        )
        .await
        .unwrap();
    let message = |parent: Uuid| {
        format!(r#"{{"id":"{}","conversation_id":"{parent}","role":"user","content":"c"}}"#, Uuid::new_v4())
    };
    let child = f.queue("code_messages", "INSERT", &message(here)).await;
    let orphan = f.queue("code_messages", "INSERT", &message(Uuid::new_v4())).await;
    f.cycle().await;
    let of = async |id: Uuid| parent(&f.pair, id, false).await.unwrap().unwrap().place;
    assert_eq!((of(child).await, of(orphan).await), (Place::Replica, Place::Nowhere));
    let (code, told) = robbie(&f.test, &["parent", &child.to_string(), "--dry-run"]);
    assert_eq!((code, &told["parent"]["place"]["is"]), (1, &"replica".into()), "{told}");
    let (code, told) = robbie(&f.test, &["parent", &child.to_string(), "--yes"]);
    assert_eq!(code, 0, "{told}");
    let queued: Uuid = told["parent"]["queued"].as_str().unwrap().parse().unwrap();
    assert!(matches!(of(child).await, Place::Queued { entry, .. } if entry == queued));
    f.cycle().await;
    assert_eq!(text(&f.master, "select title || count(m.id) from code_conversations c join code_messages m on m.conversation_id = c.id group by title").await, "only here1");
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 1, "the orphan stays");
    assert!(parent(&f.pair, queued, true).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapped_user_releases_what_waited_for_it() {
    let f = Fixture::new().await;
    f.cycle().await;
    f.master
        .batch_execute("insert into users (username, email, password_hash) values ('berta', 'b@x.org', '-')")
        .await
        .unwrap();
    let id = Uuid::new_v4();
    f.queue(
        "code_conversations",
        "INSERT",
        &format!(r#"{{"id":"{id}","user_id":"bert","session_id":"s","title":"t"}}"#),
    )
    .await;
    f.cycle().await;
    let (code, listed) = command(&f.test, &["users", "list"]);
    let bert = listed["users"].as_array().unwrap().iter().find(|u| u["text"] == "bert").unwrap().clone();
    assert_eq!((code, &bert["waiting"], &bert["user"]), (1, &1.into(), &serde_json::Value::Null));
    assert_eq!(command(&f.test, &["users", "map", "bert", "nobody", "--yes"]).0, 2);
    assert_eq!(command(&f.test, &["users", "map", "bert", "berta"]).0, 2, "without a terminal it needs --yes");
    assert_eq!(command(&f.test, &["users", "map", "bert", "berta", "--dry-run"]).0, 0);
    assert_eq!(count(&f.master, "user_id_mapping where text_id = 'bert'").await, 0);
    let (code, done) = command(&f.test, &["users", "map", "bert", "berta", "--yes"]);
    assert_eq!((code, &done["released"]), (0, &1.into()), "{done}");
    f.cycle().await;
    assert_eq!(
        text(&f.master, "select username from users u join code_conversations c on c.user_id = u.id").await,
        "berta"
    );
    assert_eq!(command(&f.test, &["users", "map", "bert", "allan", "--yes"]).0, 1, "not over another's");
    assert_eq!(command(&f.test, &["users", "unmap", "bert", "--yes"]).0, 0);
    assert_eq!(command(&f.test, &["users", "unmap", "bert", "--yes"]).0, 1);
    let runs = "select string_agg(split_part(reason, ':', 1), ', ' order by started_at) from robbie_sync.run where kind = 'edit'";
    assert_eq!(text(&f.replica, runs).await, "mapped a user, took a mapping away");
}
