//! What a killed process did and did not note.

use super::*;
use crate::sync::fixture::{Fixture, count, text, until};
use robbie_console::sync::{Engine, EngineOptions};
use std::process::Stdio;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_replay_did_is_settled_when_the_engine_starts() {
    let f = Fixture::new().await;
    let mut ids = Vec::new();
    for title in ["one", "two", "three"] {
        ids.push(f.conversation(Uuid::new_v4(), title).await);
    }
    // The engine does not send them by itself: it gave up, or somebody has to choose.
    f.replica
        .batch_execute(
            "update robbie_sync.entry set state = 'quarantined', attempts = 12;
             update robbie_sync.entry set state = 'blocked', blocked_on = 'choice', next_attempt_at = now() + interval '1 day' where seq % 3 = 1",
        )
        .await
        .unwrap();
    let home = support::folder();
    let mut killed = support::command(home.path());
    let urls = [f.test.url(Side::Master), f.test.url(Side::Replica)];
    killed.args(["--json", "--master", &urls[0], "--replica", &urls[1], "queue", "replay", "--all", "--yes"]);
    killed.stdin(Stdio::null()).stderr(Stdio::null()).env("ROBBIE_FAILPOINT", "apply.committed:kill:1");
    assert_eq!(killed.output().unwrap().status.code(), None, "it was to be killed");
    assert_eq!(count(&f.master, "robbie_sync.applied").await, 3);
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 3);
    // One was edited since: that is not what took effect.
    f.replica
        .execute(
            "with quiet as materialized (select set_config('robbie_sync.apply', 'on', true))
             update pending_sync set data = data || '{\"title\": \"edited\"}' from quiet where id = $1",
            &[&ids[2]],
        )
        .await
        .unwrap();
    f.cycle().await;
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 3, "a cycle leaves them alone");

    let engine = Engine::start(f.pair.clone(), EngineOptions::default());
    until(&f.replica, "(select count(*) = 1 from pending_sync where synced_at is null)").await;
    engine.stop().await;
    assert_eq!((f.note(ids[0]).await, f.note(ids[1]).await), ("applied no_change".into(), "applied no_change".into()));
    assert!(f.note(ids[2]).await.starts_with("quarantined"), "{}", f.note(ids[2]).await);
    assert_eq!(count(&f.master, "robbie_sync.applied").await, 3, "nothing was applied again");
    assert_eq!(count(&f.master, "code_conversations where title = 'edited'").await, 0);
    assert_eq!(
        text(&f.replica, "select string_agg(actor || ' ' || reason, ',') from robbie_sync.run where kind = 'replay'")
            .await,
        "engine found in the ledger"
    );
}
