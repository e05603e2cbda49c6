//! Databases that lack things, refuse things, or are not there.

use super::{engine_session, read, table};
use crate::support;
use robbie_console::health::{self, Known, Standing};
use robbie_console::postgres::{Link, Pair, Side};
use std::sync::Arc;

/// The deployed queue and a deployed table, as no migration of ours made them.
const DEPLOYED: &str = "
    create table pending_sync (id uuid primary key default gen_random_uuid(), table_name varchar(255) not null,
        operation varchar(50) not null, data jsonb not null, created_at timestamptz default now(),
        synced_at timestamptz, error text, retry_count integer default 0, last_retry timestamptz);
    create index idx_pending on pending_sync (created_at) where synced_at is null;
    create table code_blocks (id uuid primary key default gen_random_uuid(), content text);
    insert into code_blocks (content) select 'x' from generate_series(1, 7);";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_databases_are_told_what_adds_what_they_lack() {
    let test = support::bare_pair().await;
    let report = read(&test).await;
    assert!(report.master.reachable && report.replicas[0].reachable);
    assert!(report.master.version.as_deref().unwrap().starts_with(|c: char| c.is_ascii_digit()));
    let lacks = |side: &health::SideHealth, object: &str| {
        side.missing.iter().find(|m| m.object == object && !m.refused).map(|m| m.remedy.clone())
    };
    assert_eq!(
        lacks(&report.replicas[0], "robbie_sync.entry").as_deref(),
        Some("robbie schema migrate --target replica")
    );
    assert_eq!(
        lacks(&report.master, "robbie_sync.changelog").as_deref(),
        Some("robbie schema migrate --target master")
    );
    assert!(lacks(&report.replicas[0], "code_messages").is_some());
    assert_eq!((report.queue.pending, report.queue.failed, report.queue.synced), (None, None, None));
    assert_eq!(table(&report, "code_messages").master_rows, None);
    assert_ne!(report.standing, Standing::Healthy);
    assert!(report.queue.retries_tracked.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployed_queue_is_read_without_any_migration() {
    let test = support::bare_pair().await;
    let replica = support::connect(&test.replica).await;
    replica.batch_execute(DEPLOYED).await.unwrap();
    replica
        .batch_execute(
            "insert into pending_sync (table_name, operation, data, error, created_at)
             select 'code_messages', 'INSERT', '{}',
                    'Key (email)=(secret-' || i || ') is missing ' || gen_random_uuid(), now() - interval '3 hours'
               from generate_series(1, 4) i;
             insert into pending_sync (table_name, operation, data, error)
                values ('code_blocks', 'INSERT', '{}', 'value too long');
             insert into pending_sync (table_name, operation, data) values ('code_blocks', 'UPDATE', '{}');
             insert into pending_sync (table_name, operation, data, synced_at)
             select 'code_blocks', 'UPDATE', '{}', now() from generate_series(1, 9);",
        )
        .await
        .unwrap();
    let report = read(&test).await;
    let queue = &report.queue;
    assert_eq!((queue.pending, queue.failed, queue.blocked, queue.synced), (Some(1), Some(5), Some(0), Some(9)));
    assert_eq!((queue.reasons, queue.retries_tracked), (Some(2), Some(false)));
    assert!(queue.oldest_age_s.unwrap() > 10_700.0);
    assert!(queue.starvation.is_none());
    assert_eq!((report.reasons[0].count, report.reasons[0].table.as_str()), (4, "code_messages"));
    assert!(!report.reasons[0].text.as_deref().unwrap().contains("secret"), "{:?}", report.reasons[0].text);
    assert_eq!(table(&report, "code_blocks").replica_rows, Some(7));
    assert_eq!(table(&report, "code_blocks").failed, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_worker_is_noticed() {
    let test = support::bare_pair().await;
    let replica = support::connect(&test.replica).await;
    replica.batch_execute(DEPLOYED).await.unwrap();
    replica
        .batch_execute(
            "insert into pending_sync (table_name, operation, data, error, created_at)
             select 'code_messages', 'INSERT', '{}', 'violates a foreign key', now() - interval '2 hours'
               from generate_series(1, 100);
             insert into pending_sync (table_name, operation, data)
             select 'code_blocks', 'INSERT', '{}' from generate_series(1, 21);",
        )
        .await
        .unwrap();
    let report = read(&test).await;
    let starvation = report.queue.starvation.as_ref().unwrap();
    assert_eq!((starvation.starving, starvation.by.as_deref()), (21, Some("code_messages: violates a foreign key")));
    assert!(starvation.oldest_age_s.unwrap() > 7_000.0);
    assert!(report.banners[0].contains("The deployed worker is blocked") && report.banners[0].contains("21 entries"));
    // One entry without an error among the oldest hundred, and it is not starved.
    replica
        .batch_execute(
            "update pending_sync set error = null where id = (select id from pending_sync order by created_at limit 1)",
        )
        .await
        .unwrap();
    assert!(read(&test).await.queue.starvation.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_of_another_shape_hides_nothing_else() {
    let test = support::bare_pair().await;
    let replica = support::connect(&test.replica).await;
    replica.batch_execute("create table pending_sync (id int, payload text)").await.unwrap();
    let report = read(&test).await;
    assert!(report.replicas[0].reachable && report.queue.pending.is_none());
    assert!(report.replicas[0].unchecked.is_empty(), "{:?}", report.replicas[0].unchecked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_nothing_is_told_so() {
    let test = support::pair().await;
    let root = support::connect(&test.superuser(Side::Replica)).await;
    let role = format!("poor_{}", uuid::Uuid::new_v4().simple());
    root.batch_execute(&format!("create role {role} login password 'poor'")).await.unwrap();
    let engine = engine_session(&test, "robbie engine 30s pid 77@town").await;
    let mut target = test.replica.clone();
    target.config.user(&role).password("poor");
    let pair = Pair { master: Arc::new(Link::new(test.master.clone())), replica: Arc::new(Link::new(target)) };
    let (report, _) = health::read(&pair, Known::default()).await;
    let side = &report.replicas[0];
    assert!(side.reachable && side.fault.is_none());
    assert_eq!(side.sessions_hidden, Some(true));
    assert!(side.missing.iter().any(|m| m.object == "code_messages" && m.refused && m.remedy.starts_with("GRANT")));
    assert!(report.deductions.iter().any(|d| d.sentence.contains("may not be read by this role")));
    // The name of a session is shown to everybody; when it last did something is not.
    assert_eq!((report.engine.running, report.engine.pid), (Some(true), Some(77)));
    assert_eq!((report.engine.last_cycle_age_s, report.engine.stale), (None, false));
    drop((engine, pair));
    root.batch_execute(&format!("drop role {role}")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_side_goes_on_without_the_other() {
    let test = support::pair().await;
    let mut gone = test.master.clone();
    gone.config.dbname("no_such_database");
    let pair = Pair { master: Arc::new(Link::new(gone)), replica: Arc::new(Link::new(test.replica.clone())) };
    let (report, _) = health::read(&pair, Known::default()).await;
    assert_eq!(report.standing, Standing::Unreachable);
    let fault = report.master.fault.as_ref().unwrap();
    assert!(fault.message.contains("no_such_database") && fault.sqlstate.as_deref() == Some("3D000"), "{fault:?}");
    assert!(report.replicas[0].reachable);
    assert_eq!((report.queue.pending, table(&report, "code_messages").replica_rows), (Some(0), Some(0)));
    assert_eq!(table(&report, "code_messages").lag_changes, None);
    assert!(report.score <= 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_between_two_readings_is_noticed() {
    let test = support::bare_pair().await;
    let pair = test.pair();
    let replica = support::connect(&test.replica).await;
    replica.batch_execute(DEPLOYED).await.unwrap();
    let (before, known) = health::read(&pair, Known::default()).await;
    assert_eq!(table(&before, "code_blocks").replica_rows, Some(7));
    replica.batch_execute("drop table code_blocks").await.unwrap();
    let (after, _) = health::read(&pair, known).await;
    assert!(after.replicas[0].reachable && after.replicas[0].unchecked.is_empty(), "{:?}", after.replicas[0].unchecked);
    assert_eq!(table(&after, "code_blocks").replica_rows, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_table_is_not_waited_for() {
    let test = support::pair().await;
    let replica = support::connect(&test.replica).await;
    replica.batch_execute("begin; lock table code_messages in access exclusive mode").await.unwrap();
    let report = read(&test).await;
    let side = &report.replicas[0];
    assert!(side.reachable && side.version.is_some());
    assert!(side.unchecked[0].contains("a lock was not free"), "{:?}", side.unchecked);
    assert_eq!(report.queue.pending, None);
    assert_ne!(report.standing, Standing::Healthy);
    replica.batch_execute("rollback").await.unwrap();
    assert!(read(&test).await.replicas[0].unchecked.is_empty());
}
