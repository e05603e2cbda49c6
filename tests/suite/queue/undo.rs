//! Taking back what an entry did, and doing it again.

use super::commands::robbie;
use crate::sync::fixture::{Fixture, count, text};
use robbie_console::sync::discard::By;
use robbie_console::sync::undo::{redo, undo};
use robbie_console::sync::{EntryOutcome, Mode, Outcome};
use uuid::Uuid;

const BY: By<'static> = By { actor: "test", reason: "a mistake", engine: None };
const ALL: &str =
    "select coalesce(string_agg((to_jsonb(b) - 'updated_at')::text, ' ' order by id), '') from code_blocks b";

async fn undone(f: &Fixture, ids: &[Uuid]) -> Vec<EntryOutcome> {
    undo(&f.pair, ids, Mode::Apply, BY).await.unwrap()
}

/// Writes a row here, and its entry.
async fn block(f: &Fixture, id: Uuid, operation: &str, content: &str) -> Uuid {
    let sql = match operation {
        "INSERT" => format!(
            "insert into code_blocks (id, file_path, language, content, session_id) values ('{id}', 'a', 'rust', '{content}', 's')"
        ),
        "UPDATE" => format!("update code_blocks set content = '{content}' where id = '{id}'"),
        _ => format!("delete from code_blocks where id = '{id}'"),
    };
    f.replica.batch_execute(&sql).await.unwrap();
    let data = match operation {
        "INSERT" => {
            format!(r#"{{"id":"{id}","file_path":"a","language":"rust","content":"{content}","session_id":"s"}}"#)
        }
        "UPDATE" => format!(r#"{{"id":"{id}","content":"{content}"}}"#),
        _ => format!(r#"{{"id":"{id}"}}"#),
    };
    f.queue("code_blocks", operation, &data).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_an_update_and_a_delete_are_taken_back_and_reach_the_replica() {
    let f = Fixture::new().await;
    f.cycle().await;
    let id = Uuid::new_v4();
    let insert = block(&f, id, "INSERT", "one").await;
    f.cycle().await;
    let first = text(&f.master, ALL).await;
    let update = block(&f, id, "UPDATE", "two").await;
    f.cycle().await;
    let second = text(&f.master, ALL).await;
    let delete = block(&f, id, "DELETE", "").await;
    f.cycle().await;
    assert_eq!(text(&f.master, ALL).await, "");

    let refused = undone(&f, &[insert, update]).await;
    assert!(
        refused.iter().all(|o| o.outcome == Outcome::Failed && o.message.as_ref().unwrap().contains("a later entry")),
        "{refused:?}"
    );
    assert_eq!(undo(&f.pair, &[delete], Mode::Dry, BY).await.unwrap()[0].outcome, Outcome::Applied);
    assert_eq!(text(&f.master, ALL).await, "", "a dry run writes nothing");

    for (entry, state) in [(delete, &second), (update, &first), (insert, &String::new())] {
        assert_eq!(undone(&f, &[entry]).await[0].outcome, Outcome::Applied);
        assert_eq!(&text(&f.master, ALL).await, state);
        // Done again at once, and taken back once more.
        let again = redo(&f.pair, &[entry], Mode::Apply, BY).await.unwrap();
        assert!(again[0].outcome.is_settled() && &text(&f.master, ALL).await != state, "{again:?}");
        assert_eq!(undone(&f, &[entry]).await[0].outcome, Outcome::Applied);
        assert_eq!(&text(&f.master, ALL).await, state);
        f.cycle().await;
        let here = text(&f.replica, "select coalesce(string_agg(content, ''), '') from code_blocks").await;
        assert_eq!(here, text(&f.master, "select coalesce(string_agg(content, ''), '') from code_blocks").await);
    }
    assert_eq!(
        count(&f.master, "robbie_sync.applied where outcome = 'undone' and actor = 'test' and reason = 'a mistake'")
            .await,
        3
    );
    assert_eq!(count(&f.replica, "robbie_sync.attempt where outcome = 'undone'").await, 6);
    assert_eq!(count(&f.replica, "robbie_sync.run where kind = 'undo'").await, 6);
    assert_eq!(undone(&f, &[insert]).await[0].outcome, Outcome::NoChange, "twice is once");
    // Nothing is sent again by itself.
    f.cycle().await;
    assert_eq!(text(&f.master, ALL).await, "");

    // And again, the first one.
    let again = redo(&f.pair, &[insert], Mode::Apply, BY).await.unwrap();
    assert_eq!(again[0].outcome, Outcome::Applied, "{again:?}");
    assert_eq!(count(&f.master, "code_blocks where content = 'one'").await, 1);
    assert_eq!(undone(&f, &[insert]).await[0].outcome, Outcome::Applied, "an applied one may be undone again");
    let late = redo(&f.pair, &[update], Mode::Apply, BY).await.unwrap();
    assert!(late[0].message.as_ref().unwrap().contains("changed since it was undone"), "{late:?}");
    redo(&f.pair, &[insert], Mode::Apply, BY).await.unwrap();
    let refused = redo(&f.pair, &[insert], Mode::Apply, BY).await.unwrap();
    assert!(refused[0].message.as_ref().unwrap().contains("not undone"));
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_one_batch_are_taken_back_together_or_one_by_one() {
    let f = Fixture::new().await;
    f.cycle().await;
    let ids: Vec<Uuid> = (0..10).map(|_| Uuid::new_v4()).collect();
    let mut entries = vec![];
    for id in &ids {
        entries.push(block(&f, *id, "INSERT", "one").await);
        entries.push(block(&f, *id, "UPDATE", "two").await);
    }
    f.cycle().await;
    assert_eq!(count(&f.master, "code_blocks where content = 'two'").await, 10);
    assert_eq!(undone(&f, &entries[1..2]).await[0].outcome, Outcome::Applied);
    assert_eq!(count(&f.master, "code_blocks where content = 'one'").await, 1);
    f.cycle().await;
    let all = undone(&f, &entries).await;
    assert!(all.iter().all(|o| o.outcome.is_settled()), "{all:?}");
    assert_eq!(count(&f.master, "code_blocks").await, 0);
    f.cycle().await;
    assert_eq!(count(&f.replica, "code_blocks").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moved_on_is_edited_here_or_has_no_image_stays() {
    let f = Fixture::new().await;
    f.cycle().await;
    let [moved, edited, blind, parent] = [(); 4].map(|()| Uuid::new_v4());
    for id in [moved, edited, blind] {
        block(&f, id, "INSERT", "one").await;
    }
    f.conversation(parent, "parent").await;
    f.cycle().await;
    let mut entries = vec![];
    for id in [moved, edited, blind] {
        entries.push(block(&f, id, "UPDATE", "two").await);
    }
    f.cycle().await;
    f.master
        .batch_execute(&format!(
            "update code_blocks set language = 'c' where id = '{moved}';
        update robbie_sync.applied set before_image = null where entry_id = '{}'",
            entries[2]
        ))
        .await
        .unwrap();
    f.replica.batch_execute(&format!("update code_blocks set content = 'three' where id = '{edited}'")).await.unwrap();
    let conversation: Uuid = f
        .replica
        .query_one("select id from pending_sync where table_name = 'code_conversations'", &[])
        .await
        .unwrap()
        .get(0);
    f.messages(parent, 1).await;
    f.cycle().await;
    let before = text(&f.master, ALL).await;
    let nowhere = Uuid::new_v4();
    let told = undone(&f, &[entries[0], entries[1], entries[2], conversation, nowhere]).await;
    for (told, says) in told.iter().zip([
        "changed again since",
        "an edit here",
        "no image",
        "rows of code_messages point",
        "no such entry",
    ]) {
        assert!(!told.outcome.is_settled() && told.message.as_ref().unwrap().contains(says), "{says}: {told:?}");
    }
    assert_eq!(text(&f.master, ALL).await, before);
    assert_eq!(count(&f.master, "code_conversations").await, 1);
    assert_eq!(count(&f.master, "robbie_sync.applied where outcome = 'undone'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undone_entry_is_no_other_life_of_this_replica() {
    let f = Fixture::new().await;
    f.cycle().await;
    let id = Uuid::new_v4();
    let entry = block(&f, id, "INSERT", "one").await;
    f.cycle().await;
    undone(&f, &[entry]).await;
    let node = text(&f.replica, "select node_id from robbie_sync.this_node").await;
    // It is open again, and the next pull has reason to doubt its master.
    f.replica
        .batch_execute("update pending_sync set synced_at = null; update robbie_sync.cursor set timeline = 77")
        .await
        .unwrap();
    f.cycle().await;
    f.cycle().await;
    assert_eq!(text(&f.replica, "select node_id from robbie_sync.this_node").await, node);
    assert_eq!(count(&f.master, "code_blocks").await, 0, "and it is not applied by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_undoes_and_redoes() {
    let f = Fixture::new().await;
    f.cycle().await;
    let entry = block(&f, Uuid::new_v4(), "INSERT", "one").await.to_string();
    f.cycle().await;
    assert_eq!(robbie(&f.test, &["undo", &entry]).0, 2, "without a terminal it needs --yes");
    let (code, dry) = robbie(&f.test, &["undo", &entry, "--dry-run"]);
    assert_eq!((code, count(&f.master, "code_blocks").await), (0, 1), "{dry}");
    let (code, done) = robbie(&f.test, &["undo", &entry, "--yes", "--reason", "r"]);
    assert_eq!((code, count(&f.master, "code_blocks").await), (0, 0), "{done}");
    assert_eq!(robbie(&f.test, &["redo", &entry, "--yes"]).0, 0);
    assert_eq!(count(&f.master, "code_blocks").await, 1);
    assert_eq!(robbie(&f.test, &["undo", &Uuid::new_v4().to_string(), "--yes"]).0, 1);
}
