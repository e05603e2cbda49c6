//! Faults of a server, not of an entry: the batch is given back as it was, nobody is blamed, and what can go on does.

use super::fixture::{Fixture, count, text, until};
use crate::support;
use robbie_console::postgres::{Fault, Side};
use robbie_console::sync::{self, CycleOptions, CycleReport};
use std::time::{Duration, Instant};
use tokio_postgres::Client;
use uuid::Uuid;

/// What a cycle says that went wrong.
fn told(done: &Result<CycleReport, Fault>) -> String {
    match done {
        Ok(report) => report.faults.join("; "),
        Err(fault) => fault.told(),
    }
}

/// Entries that a failure was counted against.
const BLAMED: &str = "pending_sync p join robbie_sync.entry e on e.entry_id = p.id
    where p.retry_count > 0 or p.error is not null or e.attempts > 0 or e.state not in ('ready', 'applied')";

async fn cycle(f: &Fixture) -> Result<CycleReport, Fault> {
    sync::cycle(&f.pair, CycleOptions::default()).await
}

/// All of it is there, once.
async fn at_rest(f: &Fixture) {
    f.cycle().await;
    f.cycle().await;
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 0);
    assert_eq!(count(&f.master, "robbie_sync.applied").await, count(&f.replica, "pending_sync").await);
    let counted = "select message_count = (select count(*) from code_messages) from code_conversations";
    assert_eq!(text(&f.master, counted).await, "true");
    assert_eq!(f.differences().await, "");
}

/// A conversation that both sides have, and 40 messages that wait.
async fn waiting() -> Fixture {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "chat").await;
    f.cycle().await;
    f.messages(id, 40).await;
    f
}

/// Has one row of the master act up: `what` is done before the message of this content is written.
async fn at_message(f: &Fixture, content: &str, what: &str) {
    f.master
        .batch_execute(&format!(
            "create function act_up() returns trigger language plpgsql as $$ begin
                 if new.content = '{content}' then {what}; end if;
                 return new;
             end $$;
             create trigger act_up before insert on code_messages for each row execute function act_up()"
        ))
        .await
        .unwrap();
}

#[rstest::rstest]
#[case::disk_full("53100", "disk is full")]
#[case::out_of_memory("53200", "out of memory")]
#[case::read_only("25006", "read-only")]
#[case::serialisation("40001", "clashed")]
#[case::shutting_down("57P01", "ended the session")]
#[tokio::test]
async fn a_fault_of_the_server_in_the_middle_of_a_batch_is_no_failure_of_an_entry(
    #[case] code: &str,
    #[case] remedy: &str,
) {
    let f = waiting().await;
    at_message(&f, "message 20", &format!("raise exception 'not now' using errcode = '{code}'")).await;
    for _ in 0..2 {
        let said = told(&cycle(&f).await);
        let wanted = [format!("master: not now [{code}]"), remedy.to_owned()];
        assert!(wanted.iter().all(|w| said.contains(w)), "{said}");
        assert_eq!(count(&f.master, "code_messages").await, 0, "it is rolled back");
        assert_eq!(count(&f.replica, BLAMED).await, 0);
    }
    f.master.batch_execute("drop trigger act_up on code_messages").await.unwrap();
    at_rest(&f).await;
}

#[tokio::test]
async fn a_master_without_free_connections_is_waited_for() {
    let f = waiting().await;
    let name = f.test.master.database().to_owned();
    let root = support::connect(&f.test.superuser(Side::Master)).await;
    root.batch_execute(&format!("alter database {name} connection limit 1")).await.unwrap();
    let said = told(&cycle(&f).await);
    assert!(said.starts_with("master: ") && said.contains("[53300]") && said.contains("max_connections"), "{said}");
    assert_eq!(count(&f.replica, BLAMED).await, 0);
    root.batch_execute(&format!("alter database {name} connection limit -1")).await.unwrap();
    at_rest(&f).await;
}

#[tokio::test]
async fn a_read_only_master_keeps_the_queue_waiting() {
    let f = waiting().await;
    let name = f.test.master.database().to_owned();
    f.master.batch_execute("update code_conversations set title = 'theirs'").await.unwrap();
    f.master.batch_execute(&format!("alter database {name} set default_transaction_read_only = on")).await.unwrap();
    let said = told(&cycle(&f).await);
    assert!(said.starts_with("master: ") && said.contains("[25006]") && said.contains("standby"), "{said}");
    assert_eq!(count(&f.replica, BLAMED).await, 0);
    f.master.batch_execute(&format!("alter database {name} reset default_transaction_read_only")).await.unwrap();
    at_rest(&f).await;
    assert_eq!(text(&f.replica, "select title from code_conversations").await, "theirs");
}

/// Does something to the engine's session on the master whenever it sleeps in the trigger, until dropped.
async fn whenever_it_sleeps(root: &Client, what: &str) {
    let asleep = "application_name = 'robbie sync' and datname = current_database() and wait_event = 'PgSleep'";
    loop {
        until(root, &format!("exists (select from pg_stat_activity where {asleep})")).await;
        root.batch_execute(&format!("select {what}(pid) from pg_stat_activity where {asleep}")).await.unwrap();
    }
}

#[tokio::test]
async fn an_entry_that_takes_longer_than_allowed_is_isolated_and_the_others_go_through() {
    let f = waiting().await;
    at_message(&f, "message 20", "perform pg_sleep(600)").await;
    let root = support::connect(&f.test.superuser(Side::Master)).await;
    // As statement_timeout does after a minute.
    let push = tokio::select! {
        report = f.cycle() => report.push.unwrap(),
        () = whenever_it_sleeps(&root, "pg_cancel_backend") => unreachable!(),
    };
    assert_eq!((push.applied, push.failed), (39, 1), "{push:?}");
    let slow = "select concat_ws(' ', e.state, e.verdict, e.sqlstate, p.retry_count) from robbie_sync.entry e
        join pending_sync p on p.id = e.entry_id where p.data ->> 'content' = 'message 20'";
    assert_eq!(text(&f.replica, slow).await, "retry fault 57014 1");
    f.master.batch_execute("drop trigger act_up on code_messages").await.unwrap();
    f.replica
        .batch_execute("update robbie_sync.entry set next_attempt_at = now() where state = 'retry'")
        .await
        .unwrap();
    // It goes alone from now on, before what was queued after it and behind what was queued before.
    let conversation = f.replica.query_one("select id from code_conversations", &[]).await.unwrap();
    f.messages(conversation.get(0), 6).await;
    let claimed = "select string_agg(c.seq - e.seq || '', ' ' order by c.seq) from robbie_sync.entry e
        cross join lateral robbie_sync.claim(e.seq - $after, 100, 1000000, null) c where e.state = 'retry'";
    assert_eq!(text(&f.replica, &claimed.replace("$after", "1")).await, "0");
    assert_eq!(text(&f.replica, &claimed.replace("$after", "0")).await.split(' ').count(), 6);
    at_rest(&f).await;
}

#[tokio::test]
async fn a_session_that_is_ended_in_the_middle_of_a_batch_leaves_nothing_half_done() {
    let f = waiting().await;
    at_message(&f, "message 20", "perform pg_sleep(600)").await;
    let root = support::connect(&f.test.superuser(Side::Master)).await;
    let done = tokio::select! {
        done = cycle(&f) => done,
        () = whenever_it_sleeps(&root, "pg_terminate_backend") => unreachable!(),
    };
    let said = told(&done);
    assert!(said.starts_with("master: ") && said.contains("[57P01]") && said.contains("by itself"), "{said}");
    assert_eq!(count(&f.master, "code_messages").await, 0);
    assert_eq!(count(&f.replica, BLAMED).await, 0);
    f.master.batch_execute("drop trigger act_up on code_messages").await.unwrap();
    at_rest(&f).await;
}

#[tokio::test]
async fn a_missing_privilege_on_one_table_stops_its_entries_and_no_others() {
    let f = waiting().await;
    let other = f.conversation(Uuid::new_v4(), "another").await;
    f.master.batch_execute("revoke insert on code_messages from current_user").await.unwrap();
    let push = f.cycle().await.push.unwrap();
    assert_eq!((push.applied, push.failed), (1, 40), "{push:?}");
    assert_eq!(f.note(other).await, "applied insert");
    let each = "select string_agg(distinct concat_ws(' ', e.state, e.verdict, e.sqlstate, e.object, p.retry_count, p.error), '; ')
        from robbie_sync.entry e join pending_sync p on p.id = e.entry_id where e.tbl = 'code_messages'";
    assert_eq!(
        text(&f.replica, each).await,
        "retry fault 42501 code_messages 1 [42501] permission denied for table code_messages"
    );
    f.master.batch_execute("grant insert on code_messages to current_user").await.unwrap();
    f.replica
        .batch_execute("update robbie_sync.entry set next_attempt_at = now() where state = 'retry'")
        .await
        .unwrap();
    f.cycle().await;
    assert_eq!(count(&f.master, "code_messages").await, 40);
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 0);
}

#[rstest::rstest]
#[case::entry("select from pending_sync where data ->> 'content' = 'message 20' for update")]
#[case::edit(
    "update pending_sync set data = data || '{\"role\": \"assistant\"}' where data ->> 'content' = 'message 20'"
)]
#[case::row("update code_messages set role = 'assistant' where content = 'message 20'")]
#[tokio::test]
async fn an_entry_that_somebody_here_has_locked_is_noted_later_and_the_others_now(#[case] lock: &str) {
    let f = waiting().await;
    let somebody = support::connect(&f.test.replica).await;
    somebody.batch_execute(&format!("begin; {lock}")).await.unwrap();
    let began = Instant::now();
    let _ = cycle(&f).await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    let open = "select string_agg(data ->> 'content', ' ') from pending_sync where synced_at is null";
    assert_eq!(text(&f.replica, open).await, "message 20");
    assert_eq!(count(&f.master, "code_messages").await, 40);
    somebody.batch_execute("rollback").await.unwrap();
    f.replica
        .batch_execute("update robbie_sync.entry set next_attempt_at = now() where state = 'ready'")
        .await
        .unwrap();
    at_rest(&f).await;
    assert_eq!(count(&f.replica, "robbie_sync.base").await, 0);
    assert_eq!(count(&f.replica, BLAMED).await, 0);
}
