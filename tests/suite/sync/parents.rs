//! Parents that go while their children come, and children that wait to be sent.

use super::fixture::{Fixture, count, text};
use crate::support;
use robbie_console::postgres::{Pair, Side};
use robbie_console::sync::{self, CycleOptions};
use uuid::Uuid;

#[tokio::test]
async fn a_parent_that_is_deleted_here_while_its_children_arrive_leaves_no_orphans() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "parent").await;
    f.cycle().await;
    // Foreign keys rest with the triggers; the pull stops when it has looked for the parent.
    f.replica
        .batch_execute(
            "create table gate (opened integer);
             create function slow() returns trigger language plpgsql as $$ begin
                 perform pg_advisory_xact_lock_shared(4243);
                 while not exists (select from public.gate) loop perform pg_sleep(0.01); end loop;
                 return new;
             end $$;
             create trigger slow before insert on code_messages for each row execute function slow();
             alter table code_messages enable always trigger slow",
        )
        .await
        .unwrap();
    f.master
        .execute("insert into code_messages (conversation_id, role, content) values ($1, 'user', 'm')", &[&id])
        .await
        .unwrap();
    let replica = std::sync::Arc::new(robbie_console::postgres::Link::new(f.test.superuser(Side::Replica)));
    let pair = Pair { master: std::sync::Arc::clone(&f.pair.master), replica };
    let watcher = support::connect(&f.test.replica).await;
    let deleting = async {
        super::fixture::until(&watcher, "exists (select from pg_locks where locktype = 'advisory' and objid = 4243)")
            .await;
        let delete = f.replica.batch_execute("delete from code_conversations");
        let open = async {
            super::fixture::until(
                &watcher,
                "exists (select from pg_stat_activity where wait_event_type = 'Lock' and query like 'delete%')",
            )
            .await;
            watcher.batch_execute("insert into gate values (1)").await.unwrap();
        };
        let (deleted, ()) = tokio::join!(delete, open);
        deleted.unwrap();
    };
    let (report, ()) = tokio::join!(sync::cycle(&pair, CycleOptions::default()), deleting);
    report.unwrap();
    let orphans = "code_messages m where not exists (select from code_conversations c where c.id = m.conversation_id)";
    assert_eq!(count(&f.replica, orphans).await, 0);
}

#[tokio::test]
async fn a_parent_that_went_stays_while_unsent_children_point_at_it() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "parent").await;
    f.cycle().await;
    f.messages(id, 1).await;
    f.master.batch_execute("delete from code_conversations").await.unwrap();
    f.cycle().await;
    assert_eq!(count(&f.replica, "code_conversations").await + count(&f.replica, "code_messages").await, 2);
    assert_eq!(
        text(&f.replica, "select verdict from robbie_sync.entry where state = 'blocked'").await,
        "waits_for_parent"
    );
    assert!(
        text(&f.replica, "select reason from robbie_sync.deferred").await.starts_with("rows here still point at it")
    );
    // The child is given up: then the parent goes too.
    f.replica
        .batch_execute("delete from code_messages; delete from pending_sync where synced_at is null")
        .await
        .unwrap();
    f.cycle().await;
    assert_eq!(f.differences().await, "");
}
