//! What happens on the master reaches the replica, all of it, and no local edit is lost by it.

use super::fixture::{ALLAN, Fixture, count, text};
use crate::support;
use robbie_console::postgres::{Pair, Side};
use robbie_console::sync::{self, CycleOptions};
use uuid::Uuid;

#[tokio::test]
async fn inserts_updates_deletes_key_changes_and_truncates_arrive() {
    let f = Fixture::new().await;
    f.master
        .batch_execute(&format!(
            "insert into code_conversations (user_id, session_id, title) select '{ALLAN}', 's', n from generate_series(1, 20) n;
             insert into code_messages (conversation_id, role, content) select id, 'user', 'm' from code_conversations"
        ))
        .await
        .unwrap();
    let pull = f.cycle().await.pull.unwrap();
    assert!(pull.full && pull.inserted == 40, "{pull:?}");
    assert_eq!(f.differences().await, "");
    f.master
        .batch_execute(
            "update code_conversations set title = 'new ' || title where title < '15';
             delete from code_conversations where title = '7';
             update code_messages set id = gen_random_uuid() where conversation_id = (select id from code_conversations where title = '8')",
        )
        .await
        .unwrap();
    let pull = f.cycle().await.pull.unwrap();
    assert!(!pull.full, "{pull:?}");
    assert_eq!((f.differences().await.as_str(), count(&f.replica, "code_messages").await), ("", 19));
    f.master.batch_execute("truncate code_messages").await.unwrap();
    f.cycle().await;
    assert_eq!(count(&f.replica, "code_messages").await, 0);
    assert_eq!(f.differences().await, "");
}

#[tokio::test]
async fn writers_that_commit_late_are_not_missed() {
    let f = Fixture::new().await;
    f.cycle().await;
    let mut writers = vec![];
    for n in 0..8 {
        let client = support::connect(&f.test.master).await;
        #[expect(clippy::disallowed_methods, reason = "a writer of this test, awaited below")]
        writers.push(tokio::spawn(async move {
            for i in 0..12 {
                client.batch_execute("begin").await.unwrap();
                client
                    .batch_execute(&format!("insert into code_conversations (session_id, title) values ('{n}', '{i}')"))
                    .await
                    .unwrap();
                tokio::time::sleep(std::time::Duration::from_millis((n * 37 + i * 13) % 90)).await;
                client.batch_execute("commit").await.unwrap();
            }
        }));
    }
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        f.cycle().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    f.cycle().await;
    assert_eq!(count(&f.replica, "code_conversations").await, 96);
    assert_eq!(f.differences().await, "");
}

#[tokio::test]
async fn a_local_edit_is_not_overwritten_and_is_merged_later() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "old").await;
    f.cycle().await;
    // Edited here, not queued yet; edited there.
    f.replica.batch_execute("update code_conversations set title = 'ours'").await.unwrap();
    f.master.batch_execute("update code_conversations set metadata = '{\"theirs\": 1}'").await.unwrap();
    let pull = f.cycle().await.pull.unwrap();
    assert_eq!((pull.updated, pull.deferred), (0, 1));
    assert_eq!(text(&f.replica, "select title from code_conversations").await, "ours");
    f.master
        .batch_execute(
            "select robbie_sync.capture('code_conversations', 'column', array['message_count', 'last_message_at'])",
        )
        .await
        .unwrap();
    f.queue("code_conversations", "UPDATE", &format!(r#"{{"id":"{id}","title":"ours"}}"#)).await;
    f.cycle().await;
    let both = "select title || metadata from code_conversations";
    assert_eq!(text(&f.master, both).await, "ours{\"theirs\": 1}");
    assert_eq!(f.differences().await, "");
    assert_eq!(count(&f.replica, "robbie_sync.deferred").await + count(&f.replica, "robbie_sync.base").await, 0);
}

#[tokio::test]
async fn rows_that_only_this_side_has_stay() {
    let f = Fixture::new().await;
    f.replica
        .batch_execute("insert into code_conversations (user_id, session_id) values ('allan', 'never queued')")
        .await
        .unwrap();
    f.cycle().await;
    // Not even when everything is compared again.
    f.replica.batch_execute("update robbie_sync.cursor set snapshot = '1:1:', timeline = 99").await.unwrap();
    f.master.batch_execute("update robbie_sync.node set snapshot = '1:1:'").await.unwrap();
    let pull = f.cycle().await.pull.unwrap();
    assert_eq!(
        (pull.full, pull.full_because.unwrap().as_str()),
        (true, "the master failed over; it has all that was known of it")
    );
    assert_eq!(count(&f.replica, "code_conversations").await, 1);
}

#[tokio::test]
async fn after_a_failover_the_rows_that_went_go_here_too_and_after_a_restore_they_stay() {
    let f = Fixture::new().await;
    f.master
        .batch_execute("insert into code_conversations (session_id) select 's' from generate_series(1, 4)")
        .await
        .unwrap();
    f.cycle().await;
    for (lost, left, because) in
        [("snapshot", 3, "failed over; it has all"), ("nonce", 3, "restored to an earlier time")]
    {
        // A row goes without a trace, as in a database that was replaced.
        f.master
            .batch_execute("alter table code_conversations disable trigger user; delete from code_conversations where id = (select min(id::text)::uuid from code_conversations);
                            alter table code_conversations enable trigger user; select robbie_sync.capture('code_conversations')")
            .await
            .unwrap();
        if lost == "nonce" {
            f.master.batch_execute("update robbie_sync.node set nonce = gen_random_uuid()").await.unwrap();
        } else {
            f.replica.batch_execute("update robbie_sync.cursor set timeline = 99").await.unwrap();
        }
        let report = sync::cycle(&f.pair, CycleOptions { push: false, ..CycleOptions::default() }).await.unwrap();
        let pull = report.pull.unwrap();
        assert!(pull.full && pull.full_because.as_ref().unwrap().contains(because), "{pull:?}");
        assert_eq!(count(&f.replica, "code_conversations").await, left);
    }
}

#[tokio::test]
async fn idle_cycles_write_nothing_on_either_side() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "quiet").await;
    f.messages(id, 3).await;
    f.master.batch_execute("insert into code_conversations (session_id) values ('theirs')").await.unwrap();
    f.cycle().await;
    f.cycle().await;
    let images = async |client: &tokio_postgres::Client| {
        let mut all = String::new();
        for table in [
            "changelog",
            "applied",
            "node",
            "conflict",
            "cursor",
            "entry",
            "run",
            "deferred",
            "base",
            "table_state",
            "this_node",
        ] {
            let found = text(client, &format!("select to_regclass('robbie_sync.{table}') is not null")).await;
            if found == "true" {
                // xmin changes with every write, also with one that changes no value.
                all += &text(
                    client,
                    &format!(
                        "select md5(string_agg(xmin::text || t::text, '' order by t::text)) from robbie_sync.{table} t"
                    ),
                )
                .await;
            }
        }
        for table in ["code_conversations", "code_messages", "pending_sync"] {
            all += &text(
                client,
                &format!("select md5(string_agg(xmin::text || t::text, '' order by t::text)) from {table} t"),
            )
            .await;
        }
        all
    };
    let before = (images(&f.master).await, images(&f.replica).await);
    for _ in 0..3 {
        assert!(f.cycle().await.is_idle());
    }
    assert_eq!((images(&f.master).await, images(&f.replica).await), before);
}

#[tokio::test]
async fn users_are_mapped_back_and_rows_of_unmapped_users_wait() {
    let f = Fixture::new().await;
    f.master
        .batch_execute(
            "insert into users (id, username, email, password_hash) values ('bbbbbbbb-0000-4000-8000-000000000002', 'zoe', 'z@x.org', '-');
             insert into code_conversations (user_id, session_id) values ('bbbbbbbb-0000-4000-8000-000000000002', 's')",
        )
        .await
        .unwrap();
    let pull = f.cycle().await.pull.unwrap();
    assert_eq!((pull.inserted, pull.deferred), (0, 1));
    assert_eq!(text(&f.replica, "select reason from robbie_sync.deferred").await, "unmapped user");
    f.master
        .batch_execute("insert into user_id_mapping (text_id, uuid_id, service) values ('zoe', 'bbbbbbbb-0000-4000-8000-000000000002', 'robbie-code')")
        .await
        .unwrap();
    f.cycle().await;
    assert_eq!(text(&f.replica, "select user_id from code_conversations").await, "zoe");
    assert_eq!(count(&f.replica, "robbie_sync.deferred").await, 0);
}

#[tokio::test]
async fn a_row_that_breaks_a_rule_here_is_put_off_and_the_others_come() {
    let f = Fixture::new().await;
    f.cycle().await;
    f.replica.batch_execute("insert into robbie_personality_state (user_id) values ('allan')").await.unwrap();
    f.master.batch_execute("insert into robbie_personality_state (user_id) values ('allan'), ('zoe')").await.unwrap();
    let pull = f.cycle().await.pull.unwrap();
    assert_eq!((pull.inserted, pull.deferred), (1, 1), "{pull:?}");
    assert!(text(&f.replica, "select reason from robbie_sync.deferred").await.starts_with("refused here: 23505"));
}

#[tokio::test]
async fn a_row_that_a_trigger_here_refuses_is_put_off_with_the_reason_and_the_others_come() {
    let f = Fixture::new().await;
    f.cycle().await;
    f.replica
        .batch_execute(
            "create function picky() returns trigger language plpgsql as $$ begin
                 if new.title = '700' then raise exception 'not this one'; end if;
                 if new.title = '701' then perform 1 / 0; end if;
                 if new.title = '702' then perform nosuch(); end if;
                 return new; end $$;
             create trigger picky before insert or update on code_conversations for each row execute function picky()",
        )
        .await
        .unwrap();
    f.master
        .batch_execute(
            "insert into code_conversations (session_id, title) select 's', n from generate_series(1, 1000) n",
        )
        .await
        .unwrap();
    let pull = f.cycle().await.pull.unwrap();
    assert_eq!((pull.inserted, pull.deferred), (997, 3), "{pull:?}");
    let reasons = "select string_agg(reason, ', ' order by reason) from robbie_sync.deferred";
    let refused = "refused here: 22012, refused here: 42883, refused here: P0001 not this one";
    assert_eq!(text(&f.replica, reasons).await, refused);
    f.master.batch_execute("update code_conversations set context_type = 'debug'").await.unwrap();
    let pull = f.cycle().await.pull.unwrap();
    assert_eq!((pull.updated, pull.deferred), (997, 3), "{pull:?}");
    // Rows that are refused for ever do not stop others from being tried.
    f.replica.batch_execute("drop trigger picky on code_conversations").await.unwrap();
    f.cycle().await;
    assert_eq!(f.differences().await, "");
}

#[tokio::test]
async fn thousands_of_rows_that_wait_for_ever_do_not_starve_one_that_can_be_taken() {
    let f = Fixture::new().await;
    f.cycle().await;
    f.master
        .batch_execute(
            "insert into users (id, username, email, password_hash) values
                 ('bbbbbbbb-0000-4000-8000-000000000002', 'zoe', 'z@x.org', '-'), ('bbbbbbbb-0000-4000-8000-000000000003', 'yan', 'y@x.org', '-');
             insert into code_conversations (user_id, session_id) select 'bbbbbbbb-0000-4000-8000-000000000002', n from generate_series(1, 6000) n;
             insert into code_conversations (user_id, session_id) values ('bbbbbbbb-0000-4000-8000-000000000003', 'late')",
        )
        .await
        .unwrap();
    assert_eq!(f.cycle().await.pull.unwrap().deferred, 6001);
    // Mapped without a trace in the changelog, and the last of all.
    f.master
        .batch_execute(
            "alter table user_id_mapping disable trigger user;
             insert into user_id_mapping (text_id, uuid_id, service) values ('yan', 'bbbbbbbb-0000-4000-8000-000000000003', 'robbie-code')",
        )
        .await
        .unwrap();
    let late = "update robbie_sync.deferred d set at = clock_timestamp() + interval '1 day'
                where d.pk ->> 'id' = $1";
    let id = text(&f.master, "select id from code_conversations where session_id = 'late'").await;
    f.replica.execute(late, &[&id]).await.unwrap();
    for _ in 0..60 {
        if f.cycle().await.pull.unwrap().inserted == 1 {
            assert_eq!(text(&f.replica, "select user_id from code_conversations").await, "yan");
            return;
        }
    }
    panic!("the row never had its turn");
}

#[tokio::test]
async fn a_counting_trigger_of_the_application_does_not_count_pulled_rows_twice() {
    for superuser in [false, true] {
        let f = Fixture::new().await;
        // As deployed: adds one per inserted row, whoever inserts it, and knows nothing of us.
        f.replica
            .batch_execute(
                "drop trigger robbie_statistics_insert on code_messages;
                 create function bump() returns trigger language plpgsql as $$ begin
                     update code_conversations set message_count = message_count + 1 where id = new.conversation_id; return new; end $$;
                 create trigger bump after insert on code_messages for each row execute function bump()",
            )
            .await
            .unwrap();
        let id = Uuid::new_v4();
        f.conversation(id, "counted").await;
        f.messages(id, 7).await;
        let pair = if superuser {
            let replica = std::sync::Arc::new(robbie_console::postgres::Link::new(f.test.superuser(Side::Replica)));
            Pair { master: std::sync::Arc::clone(&f.pair.master), replica }
        } else {
            f.test.pair()
        };
        for _ in 0..2 {
            sync::cycle(&pair, CycleOptions::default()).await.unwrap();
            f.master
                .execute(
                    "insert into code_messages (conversation_id, role, content) values ($1, 'user', 'theirs')",
                    &[&id],
                )
                .await
                .unwrap();
        }
        sync::cycle(&pair, CycleOptions::default()).await.unwrap();
        for client in [&f.master, &f.replica] {
            assert_eq!(
                text(client, "select message_count from code_conversations").await,
                "9",
                "superuser: {superuser}"
            );
        }
    }
}

#[tokio::test]
async fn a_function_that_a_superuser_left_has_the_triggers_rest() {
    let f = Fixture::new().await;
    let lent = include_str!("../../../migrations/smart-robbie/29-rest-triggers.sql");
    support::connect(&f.test.superuser(Side::Replica)).await.batch_execute(lent).await.unwrap();
    f.replica
        .batch_execute(
            "create function never() returns trigger language plpgsql as $$ begin raise exception 'it ran'; end $$;
             create trigger never before insert or update or delete on code_conversations for each row execute function never()",
        )
        .await
        .unwrap();
    for change in [
        "insert into code_conversations (session_id) values ('s')",
        "update code_conversations set title = 't'",
        "delete from code_conversations",
    ] {
        f.master.batch_execute(change).await.unwrap();
        assert_eq!(f.cycle().await.pull.unwrap().deferred, 0, "{change}");
        assert_eq!(f.differences().await, "");
    }
    // Outside of a pull they run.
    f.replica
        .batch_execute("insert into code_conversations (user_id, session_id) values ('allan', 's')")
        .await
        .unwrap_err();
}

#[tokio::test]
async fn the_first_load_overwrites_nothing_unseen() {
    let f = Fixture::new().await;
    let (older, newer, message) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
    for (client, user, title, hours) in [(&f.master, ALLAN, "theirs", "2"), (&f.replica, "allan", "ours", "1")] {
        client
            .batch_execute(&format!(
                // As they were before the engine was here: noted by no trigger.
                "set robbie_sync.apply = 'on';
                 insert into code_conversations (id, user_id, session_id, title, updated_at) values
                     ('{older}', '{user}', 's', '{title}', '2026-01-01 0{hours}:00Z'),
                     ('{newer}', '{user}', 's', '{title}', timestamptz '2026-01-01 09:00Z' - interval '{hours} hours');
                 insert into code_messages (id, role, content, created_at) values ('{message}', 'user', '{title}', '2026-01-01');
                 reset robbie_sync.apply"
            ))
            .await
            .unwrap();
    }
    for _ in 0..3 {
        f.cycle().await;
        let titles = format!("select string_agg(title, ' ' order by id = '{newer}') from code_conversations");
        assert_eq!(text(&f.replica, &titles).await, "theirs ours");
        assert_eq!(text(&f.replica, "select content from code_messages").await, "ours");
        let reasons = "select string_agg(reason, ', ' order by tbl) from robbie_sync.deferred";
        let kept = "newer here than on the master, differs from the master, never synced here";
        assert_eq!(text(&f.replica, reasons).await, kept);
        let archived = "select string_agg(pending_row #>> '{data, title}', ' ') from robbie_sync.archive";
        assert_eq!(text(&f.replica, archived).await, "ours");
    }
    // A row that becomes as the master has it waits no longer.
    f.replica.batch_execute("update code_messages set content = 'theirs'").await.unwrap();
    f.cycle().await;
    assert_eq!(count(&f.replica, "robbie_sync.deferred where tbl = 'code_messages'").await, 0);
    assert_eq!(count(&f.replica, "robbie_sync.base where tbl = 'code_messages'").await, 0);
}
