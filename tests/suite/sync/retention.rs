//! What is forgotten, and what is not.

use super::fixture::{Fixture, count, text};
use uuid::Uuid;

#[tokio::test]
async fn the_changelog_waits_for_replicas_that_live_and_one_that_was_away_compares_all_rows() {
    let f = Fixture::new().await;
    f.cycle().await;
    let early = text(&f.replica, "select snapshot::text from robbie_sync.cursor").await;
    f.master
        .batch_execute(
            "insert into code_conversations (session_id, title) select 's', n::text from generate_series(1, 20) n",
        )
        .await
        .unwrap();
    f.cycle().await;
    // Two days later; another replica has pulled before these changes, and was heard of today.
    f.master.batch_execute("update robbie_sync.changelog set at = at - interval '2 days'").await.unwrap();
    let other = format!(
        "insert into robbie_sync.node (node_id, name, snapshot) values (gen_random_uuid(), 'other', '{early}')"
    );
    f.master.batch_execute(&other).await.unwrap();
    let noted = "robbie_sync.changelog where tbl = 'code_conversations'";
    f.cycle().await;
    assert_eq!(count(&f.master, noted).await, 20, "one that lives has not taken them");
    // It is away for longer than anybody is waited for.
    let away = "update robbie_sync.node set last_seen = last_seen - interval '31 days' where name = 'other'";
    f.master.batch_execute(away).await.unwrap();
    f.master.batch_execute("insert into code_conversations (session_id, title) values ('s', 'today')").await.unwrap();
    // A transaction of anybody on the server, in another database too, keeps what came after it began.
    let old = "robbie_sync.changelog where at < now() - interval '1 day'";
    for _ in 0..100 {
        f.cycle().await;
        if count(&f.master, old).await == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(count(&f.master, old).await, 0);
    assert_eq!(count(&f.master, noted).await, 1, "a day of it stays");
    // It comes back: what it missed is in no changelog any more.
    f.replica.batch_execute("delete from code_conversations where title in ('7', '8')").await.unwrap();
    f.replica
        .batch_execute(&format!("delete from robbie_sync.base; update robbie_sync.cursor set snapshot = '{early}'"))
        .await
        .unwrap();
    let pull = f.cycle().await.pull.unwrap();
    assert!(pull.full_because.as_deref().is_some_and(|why| why.contains("away longer")), "{pull:?}");
    assert_eq!(count(&f.replica, "code_conversations").await, 21);
    assert_eq!(f.differences().await, "");
}

#[tokio::test]
async fn history_is_kept_for_a_while_and_what_is_not_settled_for_ever() {
    let f = Fixture::new().await;
    f.cycle().await;
    f.replica.batch_execute("delete from robbie_sync.run").await.unwrap();
    f.conversation(Uuid::new_v4(), "settled").await;
    f.queue(
        "code_messages",
        "INSERT",
        r#"{"id": "00000000-0000-4000-8000-000000000001", "role": "robot", "content": "x"}"#,
    )
    .await;
    f.cycle().await;
    let settled = f.conversation(Uuid::new_v4(), "settled later").await;
    f.cycle().await;
    let attempt = |of: Uuid| {
        format!(
            "insert into robbie_sync.attempt (entry_id, actor, verdict, outcome) values ('{of}', 'x', 'insert', 'applied')"
        )
    };
    f.replica.batch_execute(&attempt(settled)).await.unwrap();
    f.replica.batch_execute(&attempt(Uuid::new_v4())).await.unwrap();
    f.replica
        .batch_execute(
            "insert into robbie_sync.archive (entry_id, pending_row, data_text, actor) values (gen_random_uuid(), '{}', '', 'x')",
        )
        .await
        .unwrap();
    let counts = async || {
        [
            count(&f.master, "robbie_sync.applied").await,
            count(&f.replica, "robbie_sync.attempt").await,
            count(&f.replica, "robbie_sync.archive").await,
            count(&f.replica, "robbie_sync.run").await,
        ]
    };
    let all = counts().await;
    assert_eq!(all, [2, 3, 1, 2]);
    let age = async |days: i32| {
        let age = |table: &str, column: &str| {
            format!("update robbie_sync.{table} set {column} = now() - interval '{days} days'")
        };
        f.master.batch_execute(&age("applied", "applied_at")).await.unwrap();
        for (table, column) in [("attempt", "at"), ("archive", "discarded_at"), ("run", "started_at")] {
            f.replica.batch_execute(&age(table, column)).await.unwrap();
        }
    };
    age(29).await;
    f.cycle().await;
    assert_eq!(counts().await, all);
    age(31).await;
    f.cycle().await;
    // The failed entry is open: its attempt stays, and the ledger of what was sent after it, for that is not acknowledged.
    let [applied, attempts, archived, runs] = counts().await;
    assert_eq!((attempts, archived, runs), (1, 0, 0));
    assert_eq!(
        applied,
        count(&f.master, "robbie_sync.applied a join robbie_sync.node n using (node_id) where a.seq > n.acked_seq")
            .await
    );
    assert!(applied >= 1);
}
