//! The conflict log for people: list, show, replay of the losing image, resolve.

use super::fixture::{ALLAN, Fixture, count, text};
use crate::support;
use robbie_console::postgres::Side;
use robbie_console::sync::conflict::{self, Wanted};
use uuid::Uuid;

/// A conversation that both sides changed, and the conflict's number.
async fn conflict_of(f: &Fixture, title: &str) -> (Uuid, i64) {
    let id = Uuid::new_v4();
    f.conversation(id, "old").await;
    f.cycle().await;
    f.master.execute("update code_conversations set title = 'theirs' where id = $1", &[&id]).await.unwrap();
    f.replica.execute("update code_conversations set title = $2 where id = $1", &[&id, &title]).await.unwrap();
    f.queue("code_conversations", "UPDATE", &serde_json::json!({ "id": id, "title": title }).to_string()).await;
    f.cycle().await;
    let last = f.master.query_one("select max(conflict_id) from robbie_sync.conflict", &[]).await.unwrap();
    (id, last.get(0))
}

#[tokio::test]
async fn the_losing_image_is_applied_after_all_and_nothing_newer_goes_unseen() {
    let f = Fixture::new().await;
    let (row, id) = conflict_of(&f, "ours").await;
    let plan = conflict::plan(&f.master, id).await.unwrap();
    assert_eq!(
        (plan.operation.as_str(), plan.columns.as_slice(), plan.moved),
        ("UPDATE", &["title".to_owned()][..], false)
    );
    let done = conflict::replay(&f.pair, id, plan, "test").await.unwrap();
    assert!(done.outcome.unwrap().outcome.is_settled());
    let title = "select title from code_conversations";
    assert_eq!(text(&f.master, title).await, "ours");
    f.cycle().await;
    assert_eq!(text(&f.replica, title).await, "ours");
    assert_eq!(f.differences().await, "");
    let resolved = "select resolved_by || ' ' || resolution from robbie_sync.conflict";
    assert!(text(&f.master, resolved).await.starts_with("test replayed as entry "));

    // Planned, then changed by somebody else: the new entry loses too, and the conflict stays open.
    let (_, id) = conflict_of(&f, "late").await;
    let plan = conflict::plan(&f.master, id).await.unwrap();
    f.master.execute("update code_conversations set title = 'newest' where id <> $1", &[&row]).await.unwrap();
    assert!(conflict::plan(&f.master, id).await.unwrap().moved);
    conflict::replay(&f.pair, id, plan, "test").await.unwrap();
    let other = format!("select title from code_conversations where id <> '{row}'");
    assert_eq!(text(&f.master, &other).await, "newest");
    assert_eq!(count(&f.master, "robbie_sync.conflict where resolved_at is null").await, 2);
}

#[tokio::test]
async fn rows_that_went_come_back_and_deletes_that_lost_are_done() {
    let f = Fixture::new().await;
    let (gone, kept) = (Uuid::new_v4(), Uuid::new_v4());
    for id in [gone, kept] {
        f.conversation(id, "old").await;
    }
    f.cycle().await;
    f.master.batch_execute(&format!("delete from code_conversations where id = '{gone}'; update code_conversations set title = 'theirs' where id = '{kept}'")).await.unwrap();
    f.replica.batch_execute(&format!("update code_conversations set title = 'ours' where id = '{gone}'; delete from code_conversations where id = '{kept}'")).await.unwrap();
    f.queue("code_conversations", "UPDATE", &format!(r#"{{"id":"{gone}","title":"ours"}}"#)).await;
    f.queue("code_conversations", "DELETE", &format!(r#"{{"id":"{kept}"}}"#)).await;
    f.cycle().await;
    let found = conflict::list(&f.master, &Wanted::default(), 10).await.unwrap();
    assert_eq!(found.len(), 2);
    for c in found {
        let plan = conflict::plan(&f.master, c.id).await.unwrap();
        conflict::replay(&f.pair, c.id, plan, "test").await.unwrap();
    }
    let all = "select string_agg(concat_ws(' ', id, user_id, title), ', ') from code_conversations";
    assert_eq!(text(&f.master, all).await, format!("{gone} {ALLAN} ours"), "whole again, and gone");
    f.cycle().await;
    assert_eq!(f.differences().await, "");
    assert_eq!(count(&f.master, "robbie_sync.conflict where resolved_at is null").await, 0);
}

#[tokio::test]
async fn the_command_lists_shows_replays_and_resolves() {
    let f = Fixture::new().await;
    let home = support::folder();
    let robbie = |arguments: &[&str]| {
        let mut command = support::command(home.path());
        command.args(["--master", &f.test.url(Side::Master), "--replica", &f.test.url(Side::Replica), "conflicts"]);
        let output = command.args(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text)
    };
    assert_eq!(robbie(&["list"]).0, 0);
    let (_, first) = conflict_of(&f, "\u{1b}[31mours").await;
    let (_, second) = conflict_of(&f, "other").await;
    let (code, listed) = robbie(&["list", "--limit", "1", "--since", "1 hour"]);
    assert_eq!(code, 1, "open conflicts want attention: {listed}");
    assert!(listed.contains("update_origin_differs") && listed.contains(&format!("--after {second}")), "{listed}");
    let (_, page) = robbie(&["list", "--json", "--after", &second.to_string()]);
    let page: serde_json::Value = serde_json::from_str(&page).unwrap();
    assert_eq!((page["conflicts"].as_array().unwrap().len(), &page["next"]), (1, &serde_json::Value::Null));
    assert_eq!(robbie(&["list", "--kind", "insert_exists"]).0, 0);
    assert_eq!(robbie(&["list", "--since", "soon"]).0, 2);
    assert_eq!(robbie(&["show", "999"]).0, 2);

    let (code, shown) = robbie(&["show", &first.to_string()]);
    assert_eq!(code, 0);
    assert!(shown.contains("title: theirs") && !shown.contains('\u{1b}'), "{shown:?}");
    let (code, dry) = robbie(&["replay", &second.to_string(), "--dry-run"]);
    assert!(code == 0 && dry.contains(r#""title": "other""#), "{dry}");
    assert_eq!(count(&f.master, "robbie_sync.conflict where resolved_at is null").await, 2);
    f.master.batch_execute("update code_conversations set title = 'moved on'").await.unwrap();
    let (code, refused) = robbie(&["replay", &second.to_string()]);
    assert!(code != 0 && refused.contains("changed again"), "{refused}");
    let (code, forced) = robbie(&["replay", &second.to_string(), "--force"]);
    assert_eq!(code, 0, "{forced}");
    assert_eq!(count(&f.master, "code_conversations where title = 'other'").await, 1);
    assert_eq!(robbie(&["resolve", &first.to_string(), "--note", "seen"]).0, 0);
    assert_eq!(robbie(&["list"]).0, 0);
    assert!(robbie(&["list", "--all"]).1.contains("resolved"));
}

#[tokio::test]
async fn a_unique_value_that_another_row_of_the_master_has_is_one_conflict_with_both_images() {
    let f = Fixture::new().await;
    f.master
        .batch_execute(
            "insert into robbie_personality_state (user_id, current_mood) values ('allan', 'bossy');
             create table tag (id uuid primary key, name text unique, place integer unique);
             select robbie_sync.capture('tag', 'row');
             insert into tag values (gen_random_uuid(), 'red', 1), (gen_random_uuid(), 'blue', 2)",
        )
        .await
        .unwrap();
    f.replica.batch_execute("create table tag (id uuid primary key, name text, place integer)").await.unwrap();
    f.cycle().await;
    let (mood, red, both, again) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
    let entry = f
        .queue(
            "robbie_personality_state",
            "INSERT",
            &format!(r#"{{"id":"{mood}","user_id":"allan","current_mood":"playful"}}"#),
        )
        .await;
    // Enough of a table that it goes by sets.
    for n in 0..10 {
        f.queue("tag", "INSERT", &format!(r#"{{"id":"{}","name":"n{n}","place":{}}}"#, Uuid::new_v4(), 10 + n)).await;
    }
    f.queue("tag", "INSERT", &format!(r#"{{"id":"{red}","name":"red","place":4}}"#)).await;
    f.queue("tag", "INSERT", &format!(r#"{{"id":"{both}","name":"red","place":2}}"#)).await;
    f.queue("tag", "INSERT", &format!(r#"{{"id":"{again}","name":"green","place":3}}"#)).await;
    f.cycle().await;
    f.queue("tag", "UPDATE", &format!(r#"{{"id":"{again}","name":"blue"}}"#)).await;
    for _ in 0..3 {
        // However often it is tried.
        f.replica.batch_execute("update robbie_sync.entry set next_attempt_at = now()").await.unwrap();
        f.cycle().await;
    }
    let logged = "select string_agg(concat_ws(' ', kind, pk ->> 'id', rule, coalesce(local ->> 'current_mood', local ->> 'name'),
             coalesce(remote ->> 'current_mood', remote ->> 'name'), result ->> 'name'), E'\n' order by conflict_id) from robbie_sync.conflict";
    let taken = "unique value taken on the master:";
    assert_eq!(
        text(&f.master, logged).await,
        format!(
            "insert_exists {mood} {taken} robbie_personality_state_user_id_key playful bossy\n\
             insert_exists {red} {taken} tag_name_key red red\n\
             multiple_unique_conflicts {both} {taken} tag_name_key, tag_place_key red red\n\
             update_exists {again} {taken} tag_name_key blue blue green"
        )
    );
    assert_eq!(f.note(entry).await, "retry constraint 23505");
    let home = support::folder();
    let mut command = support::command(home.path());
    command.args(["--master", &f.test.url(Side::Master), "--replica", &f.test.url(Side::Replica), "conflicts", "list"]);
    let listed = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(listed.contains("multiple_unique_conflicts") && listed.contains(&mood.to_string()), "{listed}");

    // The value is free again: the entries go by themselves, and nothing is left to look at.
    f.master
        .batch_execute("delete from tag where name in ('red', 'blue'); delete from robbie_personality_state")
        .await
        .unwrap();
    f.replica
        .batch_execute("update pending_sync set data = data || '{\"name\": \"pink\"}' where data ->> 'place' = '2'")
        .await
        .unwrap();
    for _ in 0..2 {
        f.replica.batch_execute("update robbie_sync.entry set next_attempt_at = now()").await.unwrap();
        f.cycle().await;
    }
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 0);
    assert_eq!(count(&f.master, "robbie_sync.conflict where resolved_at is null").await, 0);
    assert_eq!(
        text(&f.master, "select string_agg(name, ' ' order by place) from tag where place < 9").await,
        "pink blue red"
    );
}
