//! A frozen selection: what changed between preview and run is left alone, and said.

use crate::sync::fixture::{Fixture, count};
use robbie_console::queue::{Scope, Shape, Verdict, store};
use robbie_console::sync::job::{self, JobOptions, JobState};
use robbie_console::sync::{Mode, Outcome, ReplayOptions, freeze, replay_frozen};
use uuid::Uuid;

/// Conversations on both sides, and for each an UPDATE in the queue.
pub async fn updates(f: &Fixture, many: i64) -> Vec<Uuid> {
    let made = |user: &str| {
        format!(
            "insert into code_conversations (id, user_id, session_id, title)
             select md5('c' || n)::uuid, {user}, 's', 'old ' || n from generate_series(1, {many}) n"
        )
    };
    f.master.batch_execute(&made(&format!("'{}'", crate::sync::fixture::ALLAN))).await.unwrap();
    f.cycle().await;
    f.replica
        .batch_execute(&format!(
            "update code_conversations set title = 'new';
             insert into pending_sync (table_name, operation, data)
             select 'code_conversations', 'UPDATE', jsonb_build_object('id', md5('c' || n)::uuid, 'title', 'new')
             from generate_series(1, {many}) n"
        ))
        .await
        .unwrap();
    all(f).await
}

/// All that is open.
pub async fn all(f: &Fixture) -> Vec<Uuid> {
    let shape = Shape::read(&f.replica).await.unwrap();
    store::ids(&f.replica, &shape, &Scope::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_of_a_thousand_that_changed_since_the_preview_are_drifted_and_no_other() {
    let f = Fixture::new().await;
    let ids = updates(&f, 1_000).await;
    let frozen = freeze::preview(&f.pair, &ids, false).await.unwrap();
    assert_eq!((frozen.entries.len(), frozen.by_verdict[&Verdict::Update]), (1_000, 1_000));
    // Five rows of the master, and five entries: one of them is gone.
    let there = "update code_conversations set title = 'theirs' where id in (select md5('c' || n)::uuid from generate_series(1, 5) n)";
    f.master.batch_execute(there).await.unwrap();
    f.replica
        .batch_execute(
            "update pending_sync set data = data || '{\"title\": \"edited\"}'
             where data ->> 'id' in (select md5('c' || n)::uuid::text from generate_series(6, 9) n);
             delete from pending_sync where data ->> 'id' = md5('c10')::uuid::text",
        )
        .await
        .unwrap();
    let options = ReplayOptions { mode: Mode::Apply, actor: "test".into(), reason: None, force: false };
    let outcomes = replay_frozen(&f.pair, &frozen, options).await.unwrap();
    let drifted = outcomes.iter().filter(|o| o.outcome == Outcome::Drifted).count();
    let applied = outcomes.iter().filter(|o| o.outcome == Outcome::Applied).count();
    assert_eq!((drifted, applied), (10, 990));
    assert_eq!(count(&f.master, "code_conversations where title = 'new'").await, 990);
    assert_eq!(count(&f.master, "code_conversations where title = 'theirs'").await, 5);
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_run_itself_changed_has_not_drifted() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "one").await;
    let later = |title: &str| format!(r#"{{"id":"{id}","title":"{title}"}}"#);
    f.queue("code_conversations", "UPDATE", &later("two")).await;
    f.queue("code_conversations", "UPDATE", &later("three")).await;
    let ids = all(&f).await;
    let frozen = freeze::freeze(&f.pair, &ids, false).await.unwrap();
    // One at a time: each finds the row as the one before has left it.
    let options = JobOptions { rate: Some(10), actor: "test".into(), ..JobOptions::default() };
    let done = job::start(&f.pair, frozen, options).await.unwrap().ended().await;
    assert_eq!((done.state, done.settled()), (JobState::Done, 3), "{done:?}");
    assert_eq!(count(&f.master, "code_conversations where title = 'three'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_matching_is_all_and_the_count_shown_is_the_count_acted_on() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "many").await;
    f.messages(id, 4_321).await;
    let ids = all(&f).await;
    let frozen = freeze::freeze(&f.pair, &ids, false).await.unwrap();
    assert_eq!(frozen.entries.len(), 4_322);
    let done = job::start(&f.pair, frozen, JobOptions { actor: "test".into(), ..JobOptions::default() })
        .await
        .unwrap()
        .ended()
        .await;
    assert_eq!((done.done, done.total, done.settled(), done.state), (4_322, 4_322, 4_322, JobState::Done), "{done:?}");
    assert_eq!(count(&f.master, "code_messages").await, 4_321);
}
