//! Statistics that no longer tell the truth: no statement of the pull reads a table once per row because of them.

use super::fixture::{ALLAN, Fixture, count, text};
use robbie_console::sync::load::Portions;
use robbie_console::sync::{self, CycleOptions};
use std::time::{Duration, Instant};

const ROWS: i64 = 4_000;
/// Scans of a whole table that a few statements may make.
const A_FEW: i64 = 60;

/// Conversations, and as many messages.
async fn written(f: &Fixture, rows: i64) {
    f.master
        .batch_execute(&format!(
            "with new as (insert into code_conversations (user_id, session_id, title)
                 select '{ALLAN}', 's', 'title ' || n from generate_series(1, {rows}) n returning id)
             insert into code_messages (conversation_id, role, content) select id, 'user', 'text' from new;
             analyze code_conversations, code_messages"
        ))
        .await
        .unwrap();
}

async fn rested(f: &Fixture) {
    for table in ["code_conversations", "code_messages"] {
        f.replica.batch_execute(&format!("alter table {table} set (autovacuum_enabled = off)")).await.unwrap();
    }
}

/// How often the tables were read from end to end, when all sessions have said so.
async fn scans(f: &Fixture, inserted: i64) -> i64 {
    let since = Instant::now();
    let told =
        "select min(n_tup_ins) from pg_stat_user_tables where relname in ('code_conversations', 'code_messages')";
    while text(&f.replica, told).await.parse::<i64>().unwrap() < inserted {
        assert!(since.elapsed() < Duration::from_secs(10), "statistics do not arrive");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let scans =
        "select sum(seq_scan) from pg_stat_user_tables where relname in ('code_conversations', 'code_messages')";
    text(&f.replica, scans).await.parse().unwrap()
}

#[tokio::test]
async fn tables_that_were_vacuumed_while_they_were_empty_are_filled_in_few_scans() {
    let at_once = Portions::default();
    let chunked = Portions { rows: 1_000, over: 500 };
    for (portions, follows) in [(at_once, false), (chunked, false), (at_once, true)] {
        let f = Fixture::new().await;
        rested(&f).await;
        if follows {
            f.cycle().await;
        }
        f.replica.batch_execute("vacuum code_conversations").await.unwrap();
        f.replica.batch_execute("vacuum code_messages").await.unwrap();
        written(&f, ROWS).await;
        let report = sync::cycle(&f.pair, CycleOptions { portions, ..CycleOptions::default() }).await.unwrap();
        assert!(report.faults.is_empty(), "{:?}", report.faults);
        assert_eq!(count(&f.replica, "code_messages").await, ROWS);
        let scans = scans(&f, ROWS).await;
        assert!(scans < A_FEW, "{portions:?}, follows: {follows}: {scans} scans");
    }
}

/// Takes well under a second; with a loop over all rows for each row half a minute.
async fn soon(f: &Fixture, what: &str) {
    let cycle = tokio::time::timeout(Duration::from_secs(12), f.cycle());
    assert!(cycle.await.is_ok(), "{what}: the plan is a bad one");
}

#[tokio::test]
async fn tables_that_were_analysed_while_they_were_empty_are_filled_changed_and_emptied_in_time() {
    const MANY: i64 = 12_000;
    for follows in [false, true] {
        let f = Fixture::new().await;
        rested(&f).await;
        if follows {
            f.cycle().await;
        }
        // Pages, and no row in them: that is what is known of them from then on.
        f.replica
            .batch_execute(&format!(
                "set robbie_sync.apply = 'on';
                 insert into code_conversations (user_id, session_id, title) select 'allan', 's', 't' from generate_series(1, {MANY});
                 insert into code_messages (conversation_id, role, content) select id, 'user', 'x' from code_conversations;
                 delete from code_messages; delete from code_conversations; analyze code_messages, code_conversations;
                 reset robbie_sync.apply"
            ))
            .await
            .unwrap();
        written(&f, MANY).await;
        soon(&f, "filled").await;
        assert_eq!(count(&f.replica, "code_messages").await, MANY);
        if !follows {
            continue;
        }
        f.master.batch_execute("update code_messages set content = 'changed'").await.unwrap();
        soon(&f, "changed").await;
        assert_eq!(count(&f.replica, "code_messages where content = 'changed'").await, MANY);
        f.master.batch_execute("truncate code_conversations cascade").await.unwrap();
        soon(&f, "emptied").await;
        assert_eq!(count(&f.replica, "code_messages").await + count(&f.replica, "code_conversations").await, 0);
    }
}
