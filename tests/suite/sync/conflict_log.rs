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
