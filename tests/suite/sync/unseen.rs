//! What this side had not seen is told by the master's own order of changes, never by a clock.

use super::fixture::{Fixture, count, text};
use uuid::Uuid;

/// Queues an update without a local edit, so without a base, as a replica whose clock is `skew` off would.
async fn queue_skewed(f: &Fixture, skew: &str, table: &str, data: &str) -> Uuid {
    let insert = format!(
        "insert into pending_sync (table_name, operation, data, created_at)
         values ($1::text, 'UPDATE', $2::text::jsonb, now() + interval '{skew}') returning id"
    );
    f.replica.query_one(&insert, &[&table, &data]).await.unwrap().get(0)
}

#[tokio::test]
async fn without_a_base_image_the_outcome_does_not_depend_on_the_clock_of_this_side() {
    for skew in ["-1 day", "0 days", "1 day"] {
        let f = Fixture::new().await;
        f.cycle().await;
        let (seen, unseen) = (Uuid::new_v4(), Uuid::new_v4());
        for id in [seen, unseen] {
            f.master
                .batch_execute(&format!(
                    "insert into code_conversations (id, session_id, title) values ('{id}', 's', 'theirs')"
                ))
                .await
                .unwrap();
        }
        f.cycle().await;
        // A stamp of this side's clock decides nothing either.
        let data = |id: Uuid| format!(r#"{{"id":"{id}","title":"ours","updated_at":"2026-01-01 00:00:00+00"}}"#);
        let applied = queue_skewed(&f, skew, "code_conversations", &data(seen)).await;
        f.master
            .batch_execute(&format!("update code_conversations set title = 'newer' where id = '{unseen}'"))
            .await
            .unwrap();
        let held = queue_skewed(&f, skew, "code_conversations", &data(unseen)).await;
        f.cycle().await;
        assert_eq!(f.note(applied).await, "applied update", "{skew}");
        assert_eq!(f.note(held).await, "blocked overwrites_newer choice", "{skew}");
        let titles = format!("select string_agg(title, ' ' order by id = '{unseen}') from code_conversations");
        assert_eq!(text(&f.master, &titles).await, "ours newer", "{skew}");
    }
}

#[tokio::test]
async fn where_it_is_not_known_what_was_seen_a_differing_row_is_held() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.master
        .batch_execute(&format!("insert into code_blocks (id, file_path, language, content, session_id) values ('{id}', 'a', 'rust', 'theirs', 's')"))
        .await
        .unwrap();
    f.cycle().await;
    let data = format!(r#"{{"id":"{id}","content":"ours"}}"#);
    let set = async |what: &str| {
        // The row was put off while an entry stood there: it is taken before the next one.
        f.replica.batch_execute("delete from pending_sync").await.unwrap();
        f.cycle().await;
        let entry = f.queue("code_blocks", "UPDATE", &data).await;
        f.replica.batch_execute(&format!("update robbie_sync.entry set seen = {what}")).await.unwrap();
        entry
    };
    // Not known; of another database; of another time line; ahead of the master; changes after it were pruned.
    for what in [
        "null",
        "replace(seen, '/', '/9')",
        "split_part(seen, ' ', 1) || ' 77 ' || split_part(seen, ' ', 3)",
        "split_part(seen, ' ', 1) || ' ' || split_part(seen, ' ', 2) || ' 99999999:99999999:'",
    ] {
        let entry = set(what).await;
        f.cycle().await;
        assert_eq!(f.note(entry).await, "blocked overwrites_newer choice", "{what}");
    }
    let entry = set("seen").await;
    f.master.batch_execute("insert into robbie_sync.pruned (below) values ('99999999')").await.unwrap();
    f.cycle().await;
    assert_eq!(f.note(entry).await, "blocked overwrites_newer choice", "pruned");
    f.master.batch_execute("delete from robbie_sync.pruned").await.unwrap();
    let entry = set("seen").await;
    f.cycle().await;
    assert_eq!(f.note(entry).await, "applied update");
}

#[tokio::test]
async fn a_row_whose_master_version_was_put_off_was_not_seen() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.cycle().await;
    let row = format!(
        "insert into code_blocks (id, file_path, language, content, session_id) values ('{id}', 'a', 'rust', 'which', 's')"
    );
    f.replica.batch_execute(&row.replace("which", "ours")).await.unwrap();
    f.master.batch_execute(&row.replace("which", "theirs")).await.unwrap();
    f.cycle().await;
    assert_eq!(count(&f.replica, "robbie_sync.deferred").await, 1);
    // The cursor has passed their insert, this row has not.
    let data = text(&f.replica, "select to_jsonb(b) from code_blocks b").await;
    let entry = f.queue("code_blocks", "INSERT", &data).await;
    f.cycle().await;
    assert_eq!(text(&f.master, "select content from code_blocks").await, "theirs");
    assert_eq!(f.note(entry).await, "blocked overwrites_newer choice");
}

#[tokio::test]
async fn a_delete_takes_no_unseen_row_with_it_at_any_depth() {
    let f = Fixture::new().await;
    let tables = "create table top (id integer primary key);
        create table middle (id integer primary key, top integer references top on delete cascade);
        create table low (id integer primary key, middle integer references middle on delete cascade,
                          above integer references low on delete cascade, note text);";
    f.master
        .batch_execute(&format!("{tables} select robbie_sync.capture('top'), robbie_sync.capture('low')"))
        .await
        .unwrap();
    f.replica
        .batch_execute(&format!("{tables} select robbie_sync.watch('top'), robbie_sync.watch('low')"))
        .await
        .unwrap();
    // The table between is not synced: it is on both sides of itself.
    for client in [&f.master, &f.replica] {
        client.batch_execute("insert into top values (1), (2)").await.unwrap();
        client.batch_execute("insert into middle values (1, 1), (2, 2)").await.unwrap();
    }
    f.replica.batch_execute("delete from robbie_sync.base").await.unwrap();
    f.master.batch_execute("insert into low values (1, 1, null, 'seen'), (2, null, 1, 'seen')").await.unwrap();
    f.cycle().await;
    assert_eq!(count(&f.replica, "low").await, 2);
    let delete = async |id: i32| {
        f.replica.execute("delete from top where id = $1", &[&id]).await.unwrap();
        f.queue("top", "DELETE", &format!(r#"{{"id":{id}}}"#)).await
    };
    f.master
        .batch_execute("insert into low values (3, null, 2, 'unseen, two levels down and one across')")
        .await
        .unwrap();
    let kept = delete(1).await;
    let gone = delete(2).await;
    f.cycle().await;
    assert_eq!(f.note(kept).await, "conflict_resolved overwrites_newer");
    assert_eq!(f.note(gone).await, "applied delete");
    assert_eq!(count(&f.master, "low").await, 3);
    f.cycle().await;
    assert_eq!(count(&f.replica, "top where id = 1").await, 1);
}
