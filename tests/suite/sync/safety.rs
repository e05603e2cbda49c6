//! Nothing is lost in the gaps: between two entries of a row, between a push and its note, between two steps of a pull.

use super::fixture::{ALLAN, Fixture, count, text, until};
use uuid::Uuid;

#[tokio::test]
async fn an_edit_after_one_that_lost_a_conflict_does_not_win_it_unseen() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "A").await;
    f.cycle().await;
    for title in ["B", "C"] {
        f.replica.execute("update code_conversations set title = $2 where id = $1", &[&id, &title]).await.unwrap();
        f.queue("code_conversations", "UPDATE", &format!(r#"{{"id":"{id}","title":"{title}"}}"#)).await;
    }
    f.master.execute("update code_conversations set title = 'M' where id = $1", &[&id]).await.unwrap();
    let push = f.cycle().await.push.unwrap();
    f.cycle().await;
    assert_eq!(push.conflicts, 2);
    assert_eq!(text(&f.master, "select title from code_conversations").await, "M");
    let kept = "select string_agg(local ->> 'title', ' ' order by conflict_id) from robbie_sync.conflict";
    assert_eq!(text(&f.master, kept).await, "B C");
    assert_eq!(f.differences().await, "");
    // The replica has seen it now: its next edit is none against anybody.
    f.replica.execute("update code_conversations set title = 'N' where id = $1", &[&id]).await.unwrap();
    f.queue("code_conversations", "UPDATE", &format!(r#"{{"id":"{id}","title":"N"}}"#)).await;
    assert_eq!(f.cycle().await.push.unwrap().applied, 1);
    assert_eq!(text(&f.master, "select title from code_conversations").await, "N");
}

#[tokio::test]
async fn an_edit_after_a_merge_does_not_overwrite_the_column_that_was_merged() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.master
        .execute(
            "insert into robbie_personality_state (id, user_id, current_mood) values ($1, 'allan', 'friendly')",
            &[&id],
        )
        .await
        .unwrap();
    f.cycle().await;
    for (column, value) in [("gandhi_genghis_level", "7"), ("current_mood", "\"playful\"")] {
        let bare = value.trim_matches('"');
        f.replica.batch_execute(&format!("update robbie_personality_state set {column} = '{bare}'")).await.unwrap();
        f.queue("robbie_personality_state", "UPDATE", &format!(r#"{{"id":"{id}","{column}":{value}}}"#)).await;
    }
    f.master.batch_execute("update robbie_personality_state set current_mood = 'bossy'").await.unwrap();
    f.cycle().await;
    f.cycle().await;
    let state = "select concat_ws(' ', current_mood, gandhi_genghis_level) from robbie_personality_state";
    assert_eq!(text(&f.master, state).await, "bossy 7");
    assert_eq!(count(&f.master, "robbie_sync.conflict").await, 1);
    assert_eq!(f.differences().await, "");
}

#[tokio::test]
async fn a_payload_that_is_edited_after_its_first_version_took_effect_takes_effect_too() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "A").await;
    f.cycle().await;
    f.replica.execute("update code_conversations set title = 'B' where id = $1", &[&id]).await.unwrap();
    let entry = f.queue("code_conversations", "UPDATE", &format!(r#"{{"id":"{id}","title":"B"}}"#)).await;
    f.cycle().await;
    // Also one that takes the first version back.
    for title in ["D", "A"] {
        f.replica
            .execute(
                "update pending_sync set synced_at = null, data = data || jsonb_build_object('title', $2::text) where id = $1",
                &[&entry, &title],
            )
            .await
            .unwrap();
        f.cycle().await;
        assert_eq!(text(&f.master, "select title from code_conversations").await, title);
        assert_eq!(f.note(entry).await, "applied update");
    }
    assert_eq!(count(&f.master, "robbie_sync.applied").await, 2);
    assert_eq!(count(&f.master, "robbie_sync.conflict").await, 0);
    assert_eq!(f.differences().await, "");
}

#[tokio::test]
async fn a_payload_that_is_edited_while_it_is_under_way_is_sent_again() {
    let f = Fixture::new().await;
    // The master takes its time, until it is told to go on.
    f.master
        .batch_execute(
            "create table gate (opened integer);
             create function slow() returns trigger language plpgsql as $$ begin
                 while not exists (select from public.gate) loop perform pg_sleep(0.01); end loop;
                 return new;
             end $$;
             create trigger slow before insert on code_conversations for each row execute function slow()",
        )
        .await
        .unwrap();
    let id = Uuid::new_v4();
    let entry = f.conversation(id, "sent").await;
    let edit = async {
        until(
            &f.master,
            "exists (select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep')",
        )
        .await;
        f.replica
            .execute("update pending_sync set data = data || '{\"title\": \"edited\"}' where id = $1", &[&entry])
            .await
            .unwrap();
        f.replica.execute("update code_conversations set title = 'edited' where id = $1", &[&id]).await.unwrap();
        f.master.batch_execute("insert into gate values (1)").await.unwrap();
    };
    tokio::join!(f.cycle(), edit);
    f.cycle().await;
    assert_eq!(text(&f.master, "select title from code_conversations").await, "edited");
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 0);
    f.cycle().await;
    assert_eq!(f.differences().await, "");
}

#[tokio::test]
async fn keys_and_user_ids_longer_than_an_index_can_hold_hold_nobody_up() {
    let f = Fixture::new().await;
    let long = text(&f.master, "select string_agg(md5(n::text), '') from generate_series(1, 300) n").await;
    f.replica.batch_execute("create table by_text (name text primary key)").await.unwrap();
    f.queue("by_text", "INSERT", &format!(r#"{{"name":"{long}"}}"#)).await;
    f.queue(
        "code_conversations",
        "INSERT",
        &format!(r#"{{"id":"{}","user_id":"{long}","session_id":"s"}}"#, Uuid::new_v4()),
    )
    .await;
    let good = f.conversation(Uuid::new_v4(), "behind both").await;
    let push = f.cycle().await.push.unwrap();
    assert_eq!((push.applied, push.blocked), (1, 2));
    assert_eq!(f.note(good).await, "applied insert");
}

#[tokio::test]
async fn a_row_that_comes_back_here_while_its_end_is_pulled_stays() {
    let f = Fixture::new().await;
    f.cycle().await;
    // The pull stops at the message, after it has looked which conversations were edited here.
    f.replica
        .batch_execute(
            "create table gate (opened integer);
             create function slow() returns trigger language plpgsql as $$ begin
                 perform pg_advisory_xact_lock_shared(4242);
                 while not exists (select from public.gate) loop perform pg_sleep(0.01); end loop;
                 return new;
             end $$;
             create trigger slow before insert on code_messages for each row execute function slow();
             alter table code_messages enable always trigger slow",
        )
        .await
        .unwrap();
    let id = Uuid::new_v4();
    f.master
        .batch_execute(&format!(
            "insert into code_conversations (id, user_id, session_id, title) values ('{id}', '{ALLAN}', 's', 'went');
             delete from code_conversations;
             insert into code_messages (role, content) values ('user', 'm')"
        ))
        .await
        .unwrap();
    let entry = async {
        until(&f.replica, "exists (select from pg_locks where locktype = 'advisory' and objid = 4242)").await;
        let entry = f.conversation(id, "came back").await;
        f.replica.batch_execute("insert into gate values (1)").await.unwrap();
        entry
    };
    let (_, entry) = tokio::join!(f.cycle(), entry);
    assert_eq!(text(&f.replica, "select title from code_conversations").await, "came back");
    f.cycle().await;
    assert_eq!(f.note(entry).await, "applied insert");
    assert_eq!(text(&f.master, "select title from code_conversations").await, "came back");
    assert_eq!(f.differences().await, "");
}

#[tokio::test]
async fn the_end_of_a_row_does_not_take_rows_with_it_that_others_wrote_meanwhile() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "shared").await;
    f.messages(id, 3).await;
    f.cycle().await;
    f.replica.batch_execute("delete from code_conversations").await.unwrap();
    let entry = f.queue("code_conversations", "DELETE", &format!(r#"{{"id":"{id}"}}"#)).await;
    f.master
        .execute("insert into code_messages (conversation_id, role, content) values ($1, 'user', 'theirs')", &[&id])
        .await
        .unwrap();
    f.cycle().await;
    f.cycle().await;
    assert_eq!(f.note(entry).await, "conflict_resolved overwrites_newer");
    assert_eq!(count(&f.master, "code_messages").await, 4);
    // And what went here with the row is here again.
    assert_eq!(f.differences().await, "");
    assert_eq!(count(&f.replica, "code_messages").await, 4);
    f.replica.batch_execute("delete from code_conversations").await.unwrap();
    f.queue("code_conversations", "DELETE", &format!(r#"{{"id":"{id}"}}"#)).await;
    f.cycle().await;
    assert_eq!(count(&f.master, "code_messages").await, 0);
    assert_eq!(count(&f.master, "robbie_sync.conflict").await, 1);
}

#[tokio::test]
async fn a_delete_that_is_discarded_gives_back_what_went_with_it() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "kept").await;
    f.messages(id, 3).await;
    f.cycle().await;
    f.replica.batch_execute("delete from code_conversations").await.unwrap();
    f.queue("code_conversations", "DELETE", &format!(r#"{{"id":"{id}"}}"#)).await;
    f.replica
        .batch_execute(
            "insert into robbie_sync.archive (entry_id, pending_row, data_text, actor)
             select id, to_jsonb(p), data::text, 'test' from pending_sync p where synced_at is null;
             delete from pending_sync where synced_at is null",
        )
        .await
        .unwrap();
    f.cycle().await;
    assert_eq!(count(&f.replica, "code_messages").await, 3);
    assert_eq!(f.differences().await, "");
}

#[tokio::test]
async fn what_went_by_while_a_table_or_a_column_could_not_be_taken_is_made_up_for() {
    let f = Fixture::new().await;
    f.master
        .batch_execute(
            "create table parts (id integer primary key, note text); select robbie_sync.capture('parts');
             insert into parts values (1, 'one'), (2, 'two')",
        )
        .await
        .unwrap();
    f.replica
        .batch_execute("create table parts (id integer primary key); select robbie_sync.watch('parts')")
        .await
        .unwrap();
    f.cycle().await;
    let all = "select string_agg(concat_ws(' ', id, note), ', ' order by id) from parts";
    f.replica.batch_execute("alter table parts add column note text").await.unwrap();
    f.cycle().await;
    assert_eq!(text(&f.replica, all).await, "1 one, 2 two");
    // A table whose key is gone is refused, while the others go on.
    f.replica.batch_execute("alter table parts drop constraint parts_pkey").await.unwrap();
    f.master
        .batch_execute(&format!(
            "delete from parts where id = 2; insert into parts values (3, 'three');
             insert into code_conversations (id, user_id, session_id, title) values (gen_random_uuid(), '{ALLAN}', 's', 't')"
        ))
        .await
        .unwrap();
    f.cycle().await;
    assert_eq!(count(&f.replica, "code_conversations").await, 1);
    f.replica.batch_execute("alter table parts add primary key (id)").await.unwrap();
    f.cycle().await;
    assert_eq!(text(&f.replica, all).await, "1 one, 3 three");
}

#[tokio::test]
async fn a_table_that_is_locked_for_long_holds_up_neither_the_others_nor_the_pull() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "before").await;
    f.cycle().await;
    f.messages(id, 200).await;
    let other = f.conversation(Uuid::new_v4(), "other").await;
    f.master
        .batch_execute(&format!(
            "insert into code_conversations (id, user_id, session_id, title) values (gen_random_uuid(), '{ALLAN}', 's', 'theirs')"
        ))
        .await
        .unwrap();
    f.master.batch_execute("begin; lock table code_messages in exclusive mode").await.unwrap();
    let report = f.cycle().await;
    let push = report.push.unwrap();
    assert_eq!((push.applied, push.failed), (1, 0));
    assert!(push.later >= 200);
    assert_eq!(f.note(other).await, "applied insert");
    assert_eq!(count(&f.replica, "code_conversations").await, 3);
    f.master.batch_execute("commit").await.unwrap();
}
