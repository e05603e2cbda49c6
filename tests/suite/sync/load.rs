//! The first load of big tables: in chunks, shown while it goes on, and gone on with where it was broken off.

use super::fixture::{ALLAN, Fixture, count, text};
use crate::support;
use robbie_console::health::{self, Known, LoadHealth};
use robbie_console::postgres::Side;
use robbie_console::sync::failpoint::{Action, Failpoints};
use robbie_console::sync::load::{LoadProgress, Portions, Watcher};
use robbie_console::sync::{self, CycleOptions, CycleReport};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const CONVERSATIONS: i64 = 400;
const MESSAGES: i64 = 1_000;

/// Chunks of 100 rows, of every table that has any.
fn portioned(watcher: Watcher) -> CycleOptions {
    CycleOptions { portions: Portions { rows: 100, over: 50 }, watcher, ..CycleOptions::default() }
}

async fn filled() -> Fixture {
    let f = Fixture::new().await;
    f.master
        .batch_execute(&format!(
            "insert into code_conversations (id, user_id, session_id, title)
             select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, '{ALLAN}', 's', 'title ' || n
             from generate_series(1, {CONVERSATIONS}) n;
             insert into code_messages (conversation_id, role, content)
             select ('00000000-0000-4000-8000-' || lpad((n % {CONVERSATIONS} + 1)::text, 12, '0'))::uuid, 'user', 'm ' || n
             from generate_series(1, {MESSAGES}) n;
             analyze code_conversations, code_messages"
        ))
        .await
        .unwrap();
    f
}

/// A cycle with a fault at the `count`th passing of a point; what it had loaded.
async fn broken(f: &Fixture, point: &str, count: u32) -> Option<LoadProgress> {
    let points = Failpoints::default();
    points.arm(point, Action::Error, count).unwrap();
    let report = points.scope(sync::cycle(&f.pair, portioned(Watcher::default()))).await;
    assert!(points.fired(), "{point} was not passed {count} times");
    // A cycle that did nothing at all is a fault, not a report.
    report.ok().and_then(|r| {
        assert!(r.faults[0].contains(point), "{:?}", r.faults);
        r.pull?.load
    })
}

async fn ended(f: &Fixture) -> CycleReport {
    let report = sync::cycle(&f.pair, portioned(Watcher::default())).await.unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    report
}

/// What a person is told of the load, wherever an engine runs.
async fn told(f: &Fixture) -> Option<LoadHealth> {
    health::read(&f.pair, Known::default()).await.0.replicas[0].load.clone()
}

async fn state(f: &Fixture) -> String {
    text(&f.replica, "select state from robbie_sync.cursor").await
}

#[tokio::test]
async fn big_tables_come_in_chunks_and_whoever_watches_is_told() {
    let f = filled().await;
    let told: Arc<Mutex<Vec<LoadProgress>>> = Arc::default();
    let watcher = Watcher::new({
        let told = Arc::clone(&told);
        move |progress| told.lock().unwrap().push(progress.clone())
    });
    let report = sync::cycle(&f.pair, portioned(watcher)).await.unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    let pull = report.pull.as_ref().unwrap();
    assert_eq!((pull.full, pull.full_because.as_deref()), (true, Some("first load")));
    let load = pull.load.clone().unwrap();
    assert_eq!((load.tables_done, load.resumed), (load.tables, false));
    // Full chunks may be followed by an empty one.
    assert!(load.chunks >= 14 && load.rows >= (CONVERSATIONS + MESSAGES) as u64, "{load:?}");
    assert_eq!(load.rows, load.total, "the estimate has become a count");
    let told = told.lock().unwrap().clone();
    assert!(told.windows(2).all(|w| w[0].rows <= w[1].rows && w[0].tables_done <= w[1].tables_done), "{told:?}");
    assert!(told.iter().any(|p| p.table == "code_messages" && p.rows > 500 && p.rows < p.total), "{told:?}");
    let line = serde_json::to_value(&report).unwrap();
    assert_eq!(line["pull"]["load"]["rows"], load.rows);
    assert_eq!((f.differences().await.as_str(), state(&f).await.as_str()), ("", "following"));
    assert_eq!(count(&f.replica, "robbie_sync.load_progress").await, 0);
    assert_eq!(count(&f.replica, "robbie_sync.deferred").await + count(&f.replica, "robbie_sync.base").await, 0);
    assert_eq!(count(&f.replica, "code_messages").await, MESSAGES);
    // And then nothing moves.
    assert!(ended(&f).await.is_idle());
}

#[tokio::test]
async fn small_tables_are_taken_at_once_as_ever() {
    let f = filled().await;
    let pull = f.cycle().await.pull.unwrap();
    assert!(pull.full && pull.load.is_none(), "{pull:?}");
    assert_eq!(f.differences().await, "");
}

#[tokio::test]
async fn broken_off_at_every_point_it_goes_on_without_what_is_loaded_while_the_master_is_written() {
    for (point, passing, loaded) in
        [("load.begun", 1, false), ("load.read", 7, true), ("load.taken", 9, true), ("load.end", 1, true)]
    {
        let f = filled().await;
        let load = broken(&f, point, passing).await;
        assert_eq!(state(&f).await, "bootstrapping", "{point}");
        assert_eq!(load.is_some(), loaded, "{point}: {load:?}");
        let before = text(&f.replica, "select coalesce(sum(rows), 0) from robbie_sync.load_progress").await;
        let before: u64 = before.parse().unwrap();
        assert_eq!(before > 0, loaded, "{point}");
        let told_before = told(&f).await.unwrap();
        assert_eq!(told_before.rows as u64, before, "{point}");
        let all = point == "load.end";
        assert!(told_before.total >= CONVERSATIONS + MESSAGES && told_before.tables > 2, "{told_before:?}");
        assert_eq!(
            (told_before.tables_done == told_before.tables, told_before.percent == 100),
            (all, all),
            "{told_before:?}"
        );
        // The master may not forget what changes from here on.
        let acked = "select snapshot::text from robbie_sync.node";
        assert_eq!(
            text(&f.master, acked).await,
            text(&f.replica, "select snapshot::text from robbie_sync.cursor").await
        );
        // Written meanwhile, in loaded parts and in others: rows new, changed, gone, and with another key.
        f.master
            .batch_execute(&format!(
                "update code_conversations set title = 'new ' || title where right(id::text, 1) = '3';
                 delete from code_messages where content like '%7';
                 delete from code_conversations where right(id::text, 2) = '11';
                 update code_messages set id = gen_random_uuid() where content like '%5';
                 insert into code_conversations (user_id, session_id, title)
                 select '{ALLAN}', 's', 'late ' || n from generate_series(1, 50) n;
                 insert into code_messages (conversation_id, role, content) select id, 'user', 'late' from code_conversations"
            ))
            .await
            .unwrap();
        let report = ended(&f).await;
        let load = report.pull.unwrap().load.unwrap();
        assert!(load.resumed, "{point}");
        assert!(load.rows >= before && load.tables_done == load.tables, "{point}: {load:?}");
        assert_eq!((f.differences().await.as_str(), state(&f).await.as_str()), ("", "following"), "{point}");
        assert_eq!(count(&f.replica, "robbie_sync.load_progress").await, 0);
        assert_eq!(count(&f.replica, "robbie_sync.base").await, 0, "{point}");
        assert_eq!(told(&f).await, None, "{point}");
        assert_eq!(count(&f.replica, "robbie_sync.deferred").await, 0, "{point}");
    }
}

#[tokio::test]
async fn a_load_that_is_dropped_on_the_way_goes_on_after_a_truncate() {
    let f = filled().await;
    let points = Failpoints::default();
    points.arm("load.read", Action::Stall(Duration::from_mins(1)), 8).unwrap();
    let load = points.scope(sync::cycle(&f.pair, portioned(Watcher::default())));
    let killed = tokio::select! {
        _ = load => false,
        () = async {
            while !points.fired() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        } => true,
    };
    assert!(killed);
    let loaded = count(&f.replica, "code_messages").await;
    assert!(loaded > 0 && loaded < MESSAGES, "{loaded}");
    f.master.batch_execute("truncate code_messages").await.unwrap();
    f.master
        .batch_execute("insert into code_messages (conversation_id, role, content) select id, 'user', 'after' from code_conversations")
        .await
        .unwrap();
    assert!(ended(&f).await.pull.unwrap().load.unwrap().resumed);
    assert_eq!(f.differences().await, "");
    assert_eq!(count(&f.replica, "code_messages").await, CONVERSATIONS);
}

#[tokio::test]
async fn what_is_loaded_is_not_fetched_again() {
    for (point, passing) in [("load.read", 8), ("load.end", 1)] {
        let f = filled().await;
        let before = broken(&f, point, passing).await.unwrap();
        let loaded = count(&f.replica, "code_messages").await;
        assert!(loaded > 0 && (point == "load.end") == (loaded == MESSAGES), "{loaded}");
        // Seen where rows are read again, and only there: no trigger captures it.
        let root = support::connect(&f.test.superuser(Side::Master)).await;
        root.batch_execute(
            "alter table code_messages disable trigger all; update code_messages set content = 'unseen';
             alter table code_messages enable trigger all",
        )
        .await
        .unwrap();
        let load = ended(&f).await.pull.unwrap().load.unwrap();
        assert!(load.resumed && load.rows >= before.rows, "{before:?} {load:?}");
        assert_eq!(count(&f.replica, "code_messages").await, MESSAGES);
        assert_eq!(count(&f.replica, "code_messages where content = 'unseen'").await, MESSAGES - loaded, "{point}");
        assert_eq!(load.chunks == 0, point == "load.end", "{load:?}");
    }
}

#[tokio::test]
async fn local_rows_and_edits_stay_through_a_load_in_two_parts() {
    let f = filled().await;
    let conversation = |n: u32| format!("00000000-0000-4000-8000-{n:012}");
    // Never synced, and noted by no trigger: one that only this side has, one that is newer here, one that is older here.
    f.replica
        .batch_execute(&format!(
            "set robbie_sync.apply = 'on';
             insert into code_conversations (id, user_id, session_id, title, updated_at) values
             ('00000000-0000-4000-8000-000000000150'::uuid, 'allan', 's', 'newer here', now() + interval '1 day'),
             ('{}', 'allan', 's', 'older here', '2001-01-01'),
             ('00000000-0000-4000-8000-0000000001a0', 'allan', 's', 'only here', now());
             reset robbie_sync.apply",
            conversation(350)
        ))
        .await
        .unwrap();
    broken(&f, "load.taken", 3).await;
    // Edited after its chunk, queued and not; and written and queued where no chunk has been.
    f.conversation(conversation(399_999).parse().unwrap(), "ours too").await;
    for (n, queued) in [(10, true), (20, false)] {
        let id = conversation(n);
        let edit = format!("update code_conversations set title = 'ours {n}' where id = '{id}'");
        f.replica.batch_execute(&edit).await.unwrap();
        if queued {
            f.queue("code_conversations", "UPDATE", &format!(r#"{{"id":"{id}","title":"ours {n}"}}"#)).await;
        }
    }
    ended(&f).await;
    let title = async |n: u32| {
        text(&f.replica, &format!("select title from code_conversations where id = '{}'", conversation(n))).await
    };
    assert_eq!(title(10).await, "ours 10");
    assert_eq!(title(20).await, "ours 20");
    assert_eq!(title(150).await, "newer here");
    assert_eq!(title(350).await, "title 350");
    assert_eq!(count(&f.replica, "code_conversations where title = 'only here'").await, 1);
    assert_eq!(count(&f.replica, "robbie_sync.archive where data_text like '%older here%'").await, 1);
    let there = format!("select title from code_conversations where id = '{}'", conversation(10));
    assert_eq!(text(&f.master, &there).await, "ours 10");
    let theirs = format!("select title from code_conversations where id = '{}'", conversation(399_999));
    assert_eq!((text(&f.master, &theirs).await.as_str(), title(399_999).await.as_str()), ("ours too", "ours too"));
    let put_off = "select string_agg(pk ->> 'id' || ' ' || reason, ', ' order by pk) from robbie_sync.deferred";
    let kept = format!("{} newer here than on the master", conversation(150));
    assert_eq!(text(&f.replica, put_off).await, kept);
    assert_eq!(count(&f.replica, "code_messages").await, MESSAGES);
}

#[tokio::test]
async fn a_master_that_lost_history_meanwhile_is_compared_from_the_start() {
    let f = filled().await;
    broken(&f, "load.taken", 6).await;
    // As a restore leaves it: the rows of then, and none of the witnesses.
    f.master
        .batch_execute(
            "delete from robbie_sync.witness; delete from robbie_sync.node;
             update code_conversations set title = 'of then' where right(id::text, 3) = '001'",
        )
        .await
        .unwrap();
    let report = ended(&f).await;
    let pull = report.pull.unwrap();
    assert!(pull.full_because.as_ref().is_some_and(|b| b.contains("restored")), "{pull:?}");
    assert!(pull.load.is_none(), "{pull:?}");
    assert_eq!((state(&f).await.as_str(), count(&f.replica, "robbie_sync.load_progress").await), ("following", 0));
    assert_eq!(count(&f.replica, "code_messages").await, MESSAGES);
    // What is here is not overwritten.
    assert_eq!(count(&f.replica, "code_conversations where title = 'of then'").await, 0);
    assert_eq!(text(&f.replica, "select reason from robbie_sync.deferred").await, "differs from the restored master");
    f.master.batch_execute("insert into code_conversations (session_id, title) values ('s', 'newer')").await.unwrap();
    assert_eq!(ended(&f).await.pull.unwrap().inserted, 1);
}

#[tokio::test]
async fn a_replica_that_was_only_compared_until_now_is_not_taken_for_one_that_is_being_loaded() {
    let f = Fixture::new().await;
    let load = include_str!("../../../migrations/smart-robbie/29-load.sql");
    let begun =
        "insert into robbie_sync.cursor (system_identifier, snapshot, state) values ('1/1', '3:3:', 'bootstrapping')
                 on conflict (only_row) do update set state = excluded.state";
    let before = "drop table robbie_sync.load_progress; alter table robbie_sync.cursor drop constraint cursor_state_check;
                  alter table robbie_sync.cursor add constraint cursor_state_check check (state in ('bootstrapping', 'following', 'resync'))";
    f.replica.batch_execute(&format!("{before}; {begun}")).await.unwrap();
    f.replica.batch_execute(load).await.unwrap();
    assert_eq!(state(&f).await, "comparing");
    // From now on the word means a load, also when the definitions are put in again.
    f.replica.batch_execute(begun).await.unwrap();
    f.replica.batch_execute(load).await.unwrap();
    assert_eq!(state(&f).await, "bootstrapping");
}
