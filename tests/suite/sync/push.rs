//! The queue reaches the master, once.

use super::fixture::{ALLAN, Fixture, count, text};
use crate::support;
use robbie_console::postgres::{Link, Pair, Side};
use robbie_console::schema::{self, Schema};
use robbie_console::sync::{self, CycleOptions};
use std::sync::Arc;
use uuid::Uuid;

#[tokio::test]
async fn what_is_queued_reaches_the_master_with_its_user_and_both_sides_agree() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    let entry = f.conversation(id, "first").await;
    f.messages(id, 40).await;
    let report = f.cycle().await;
    let push = report.push.unwrap();
    assert_eq!((push.applied, push.failed, push.blocked), (41, 0, 0));
    assert_eq!(text(&f.master, "select user_id from code_conversations").await, ALLAN);
    assert_eq!(text(&f.master, "select message_count from code_conversations").await, "40");
    assert_eq!(text(&f.replica, "select message_count from code_conversations").await, "40");
    assert_eq!(text(&f.replica, "select user_id from code_conversations").await, "allan");
    assert_eq!(f.note(entry).await, "applied insert");
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null or error is not null").await, 0);
    assert_eq!(count(&f.replica, "robbie_sync.base").await, 0);
    assert_eq!(f.differences().await, "");
}

#[tokio::test]
async fn an_entry_whose_answer_was_lost_takes_effect_once() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "once").await;
    f.cycle().await;
    f.messages(id, 5).await;
    f.cycle().await;
    // As if the replica had never heard of the commit: marks gone, nonce not confirmed.
    f.replica
        .batch_execute(
            "set robbie_sync.apply = 'on'; update pending_sync set synced_at = null;
             update robbie_sync.entry set state = 'inflight';
             update robbie_sync.this_node set next_nonce = nonce, nonce = gen_random_uuid(); reset robbie_sync.apply",
        )
        .await
        .unwrap();
    let push = f.cycle().await.push.unwrap();
    assert_eq!((push.applied, push.failed), (6, 0));
    assert_eq!(count(&f.master, "code_messages").await, 5);
    assert_eq!(text(&f.master, "select message_count from code_conversations").await, "5");
    assert_eq!(count(&f.master, "robbie_sync.applied").await, 6);
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 0);
    assert_eq!(f.differences().await, "");
}

#[tokio::test]
async fn entries_that_fail_hold_nobody_up() {
    let f = Fixture::new().await;
    f.replica
        .batch_execute(
            "insert into pending_sync (table_name, operation, data)
             select 'code_messages', 'INSERT', jsonb_build_object('id', gen_random_uuid(), 'role', 'robot', 'content', n)
             from generate_series(1, 150) n",
        )
        .await
        .unwrap();
    let good = f.conversation(Uuid::new_v4(), "behind 150 bad ones").await;
    let push = f.cycle().await.push.unwrap();
    assert_eq!((push.applied, push.failed), (1, 150));
    assert_eq!(f.note(good).await, "applied insert");
    // Each failure is noted where the deployed programs look, and is not due again at once.
    assert_eq!(
        count(&f.replica, "pending_sync where retry_count = 1 and last_retry is not null and error like '[23514]%'")
            .await,
        150
    );
    assert_eq!(
        count(&f.replica, "robbie_sync.entry where state = 'retry' and next_attempt_at > last_failed_at").await,
        150
    );
    assert_eq!(count(&f.replica, "robbie_sync.attempt").await, 150);
}

#[tokio::test]
async fn an_entry_that_fails_twelve_times_is_quarantined_and_success_clears_its_error() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    let entry = f
        .queue(
            "code_conversations",
            "INSERT",
            &format!(r#"{{"id":"{id}","user_id":"allan","session_id":"s","context_type":"poem"}}"#),
        )
        .await;
    f.replica.execute("update robbie_sync.entry set attempts = 11", &[]).await.unwrap();
    f.cycle().await;
    assert_eq!(f.note(entry).await, "quarantined schema_mismatch 23514");
    // Mending the payload makes it due again.
    f.replica.execute("update pending_sync set data = data || '{\"context_type\": \"code\"}'", &[]).await.unwrap();
    f.cycle().await;
    assert_eq!(f.note(entry).await, "applied insert");
    assert_eq!(
        text(&f.replica, "select concat_ws(' ', synced_at is not null, error is null, retry_count) from pending_sync")
            .await,
        "t t 1"
    );
}

#[tokio::test]
async fn only_what_was_changed_is_written_and_both_sides_columns_survive_where_the_policy_merges() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.master
        .execute("insert into robbie_personality_state (id, user_id, current_mood, gandhi_genghis_level) values ($1, 'allan', 'friendly', 5)", &[&id])
        .await
        .unwrap();
    f.cycle().await;
    f.master.batch_execute("update robbie_personality_state set gandhi_genghis_level = 9").await.unwrap();
    f.replica
        .batch_execute(
            "update robbie_personality_state set current_mood = 'bossy';
             insert into pending_sync (table_name, operation, data) select 'robbie_personality_state', 'UPDATE', to_jsonb(s) from robbie_personality_state s",
        )
        .await
        .unwrap();
    f.cycle().await;
    f.cycle().await;
    let state = "select concat_ws(' ', current_mood, gandhi_genghis_level) from robbie_personality_state";
    assert_eq!(text(&f.master, state).await, "bossy 9");
    assert_eq!(text(&f.replica, state).await, "bossy 9");
    assert_eq!(count(&f.master, "robbie_sync.conflict").await, 0);
}

#[tokio::test]
async fn where_both_changed_the_same_row_the_master_wins_and_the_loser_is_kept() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "old").await;
    f.cycle().await;
    f.master.batch_execute("update code_conversations set title = 'theirs'").await.unwrap();
    f.replica.batch_execute("update code_conversations set title = 'ours'").await.unwrap();
    let entry = f.queue("code_conversations", "UPDATE", &format!(r#"{{"id":"{id}","title":"ours"}}"#)).await;
    let push = f.cycle().await.push.unwrap();
    assert_eq!(push.conflicts, 1);
    assert_eq!(f.note(entry).await, "conflict_resolved overwrites_newer");
    f.cycle().await;
    assert_eq!(f.differences().await, "");
    assert_eq!(text(&f.replica, "select title from code_conversations").await, "theirs");
    let kept = "select concat_ws(' ', kind, base->>'title', local->>'title', remote->>'title', result->>'title') from robbie_sync.conflict";
    assert_eq!(text(&f.master, kept).await, "update_origin_differs old ours theirs theirs");
}

#[tokio::test]
async fn several_edits_of_one_row_are_not_conflicts_with_oneself() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "one").await;
    for title in ["two", "three"] {
        f.replica.execute("update code_conversations set title = $1", &[&title]).await.unwrap();
        f.queue("code_conversations", "UPDATE", &format!(r#"{{"id":"{id}","title":"{title}"}}"#)).await;
    }
    f.cycle().await;
    // And once more between two pulls.
    f.replica.execute("update code_conversations set title = 'four'", &[]).await.unwrap();
    f.queue(
        "code_conversations",
        "UPSERT",
        &format!(r#"{{"id":"{id}","user_id":"allan","session_id":"s","title":"four"}}"#),
    )
    .await;
    f.cycle().await;
    assert_eq!(text(&f.master, "select title from code_conversations").await, "four");
    assert_eq!(count(&f.master, "robbie_sync.conflict").await, 0);
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 0);
    assert_eq!(f.differences().await, "");
}

#[tokio::test]
async fn long_numbers_keep_their_digits_both_ways() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    let digits = "1234567890123456789012345678901234567890.1234567890123456780";
    let data = format!(
        r#"{{"id":"{id}","user_id":"allan","session_id":"s","metadata":{{"n":9007199254740993,"d":{digits}}}}}"#
    );
    f.queue("code_conversations", "INSERT", &data).await;
    f.cycle().await;
    let read = "select (metadata->>'n') || ' ' || (metadata->>'d') from code_conversations";
    assert_eq!(text(&f.master, read).await, format!("9007199254740993 {digits}"));
}

#[tokio::test]
async fn a_deployed_worker_that_settles_or_deletes_entries_is_followed() {
    let f = Fixture::new().await;
    let (a, b) = (Uuid::new_v4(), Uuid::new_v4());
    let first = f.conversation(a, "a").await;
    let second = f.conversation(b, "b").await;
    f.replica.execute("update pending_sync set synced_at = now() where id = $1", &[&first]).await.unwrap();
    f.replica.execute("delete from pending_sync where id = $1", &[&second]).await.unwrap();
    assert_eq!(f.note(first).await, "applied");
    assert_eq!(count(&f.replica, "robbie_sync.entry").await, 1);
    assert_eq!(f.cycle().await.push.unwrap().tried(), 0);
}

#[tokio::test]
async fn both_deployed_shapes_of_the_queue_are_noted_and_drained() {
    let test = support::bare_pair().await;
    for (target, extra) in [(&test.replica, ""), (&test.master, ", priority integer default 5, node_id varchar(100)")] {
        let client = support::connect(target).await;
        client
            .batch_execute(&format!(
                "create table pending_sync (id uuid primary key default gen_random_uuid(), table_name varchar(255) not null,
                     operation varchar(50) not null, data jsonb not null, created_at timestamptz default current_timestamp,
                     synced_at timestamptz, error text, retry_count integer default 0, last_retry timestamptz{extra});
                 insert into pending_sync (table_name, operation, data, created_at, error)
                 select 'code_conversations', 'INSERT', jsonb_build_object('id', gen_random_uuid(), 'user_id', 'allan', 'session_id', 's', 'title', n),
                        now() - n * interval '1 hour', 'it broke' from generate_series(1, 3) n;
                 insert into pending_sync (table_name, operation, data, synced_at) values ('code_conversations', 'INSERT', '{{}}', now())"
            ))
            .await
            .unwrap();
    }
    // Both are replicas here: one has the nine columns, the other the eleven.
    let f = Fixture::new().await;
    for target in [&test.replica, &test.master] {
        let mut client = support::connect(target).await;
        schema::migrate(&mut client, Side::Replica, Schema::SmartRobbie, schema::Mode::Apply).await.unwrap();
        let pair = Pair { master: Arc::clone(&f.pair.master), replica: Arc::new(Link::new(target.clone())) };
        let order = "select string_agg(data->>'title', '' order by e.seq) from robbie_sync.entry e join pending_sync p on p.id = e.entry_id";
        assert_eq!(text(&client, order).await, "321");
        let report = sync::cycle(&pair, CycleOptions::default()).await.unwrap();
        assert_eq!(report.push.unwrap().applied, 3);
        assert_eq!(count(&client, "pending_sync where synced_at is null or error is not null").await, 0);
    }
}
