//! Migrated databases: entries in every state, exact lag, cycles, conflicts, the engine.

use super::{engine_session, read, table};
use crate::support;
use robbie_console::health::{self, Known, Standing};
use robbie_console::postgres::Side;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_state_is_counted_once_and_has_its_reason() {
    let test = support::pair().await;
    let replica = support::connect(&test.replica).await;
    // As the engine notes them; the queue's own triggers are not what is tested here.
    replica
        .batch_execute(
            "truncate robbie_sync.entry;
             insert into robbie_sync.entry (entry_id, tbl, op, state, verdict, sqlstate, object, blocked_on, queued_at)
             select gen_random_uuid(), tbl, 'INSERT', state, verdict, sqlstate, object, blocked_on, now() - interval '2 hours'
               from (values
                 ('code_messages', 'ready', null, null, null, null, 3),
                 ('code_messages', 'inflight', null, null, null, null, 1),
                 ('code_messages', 'blocked', 'waits_for_parent', '23503', null, 'parent', 5),
                 ('code_messages', 'retry', 'fault', '40001', null, null, 2),
                 ('code_conversations', 'quarantined', 'schema_mismatch', '22001', 'code_conversations.title', null, 4),
                 ('code_blocks', 'applied', 'insert', null, null, null, 11),
                 ('code_blocks', 'superseded', 'insert', null, null, null, 2)
               ) v (tbl, state, verdict, sqlstate, object, blocked_on, n), generate_series(1, n)",
        )
        .await
        .unwrap();
    let report = read(&test).await;
    let queue = &report.queue;
    assert_eq!((queue.pending, queue.failed, queue.blocked), (Some(4), Some(6), Some(5)));
    assert_eq!(queue.reasons, Some(3));
    let messages = table(&report, "code_messages");
    assert_eq!((messages.pending, messages.failed, messages.blocked), (Some(4), Some(2), Some(5)));
    assert_eq!(table(&report, "code_blocks").failed, Some(0));
    let counts: Vec<i64> = report.reasons.iter().map(|r| r.count).collect();
    assert_eq!(counts, [5, 4, 2]);
    assert!(report.reasons[0].oldest_age_s.unwrap() > 7_000.0);
    let lines: Vec<&str> = report.deductions.iter().map(|d| d.sentence.as_str()).collect();
    assert!(
        lines.contains(&"5 entries of code_messages wait for a parent that is not on the master (parent)"),
        "{lines:?}"
    );
    assert!(lines.contains(&"4 entries failed with 22001 on code_conversations.title (schema mismatch)"), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lag_is_what_the_replica_has_not_seen_and_nothing_else() {
    let test = support::pair().await;
    let master = support::connect(&test.master).await;
    let replica = support::connect(&test.replica).await;
    let open = support::connect(&test.master).await;
    master.batch_execute("truncate robbie_sync.changelog").await.unwrap();
    let change = "insert into robbie_sync.changelog (tbl, op, pk) values ('code_messages', 'I', '{}')";
    master.batch_execute(change).await.unwrap();
    // Began before the replica's snapshot, commits after it: a watermark would lose it.
    open.batch_execute(&format!("begin; {change}")).await.unwrap();
    let snapshot: String = master.query_one("select pg_current_snapshot()::text", &[]).await.unwrap().get(0);
    replica
        .execute(
            "insert into robbie_sync.cursor (system_identifier, snapshot, state)
             values ('1', $1::text::pg_snapshot, 'following')
             on conflict (only_row) do update set snapshot = excluded.snapshot, state = excluded.state",
            &[&snapshot],
        )
        .await
        .unwrap();
    let behind = async || {
        let report = read(&test).await;
        let messages = table(&report, "code_messages").clone();
        (messages.lag_changes, table(&report, "code_blocks").lag_changes, messages.lag_s.unwrap())
    };
    assert_eq!(behind().await, (Some(0), Some(0), 0.0));
    open.batch_execute("commit").await.unwrap();
    for _ in 0..3 {
        master.batch_execute(change).await.unwrap();
    }
    master
        .batch_execute(
            "insert into robbie_sync.changelog (tbl, op, pk, at)
             values ('code_blocks', 'U', '{}', clock_timestamp() - interval '90 seconds')",
        )
        .await
        .unwrap();
    let (messages, blocks, _) = behind().await;
    assert_eq!((messages, blocks), (Some(4), Some(1)));
    let report = read(&test).await;
    let late = table(&report, "code_blocks").lag_s.unwrap();
    assert!((90.0..120.0).contains(&late), "{late}");
    assert!(report.deductions.iter().any(|d| d.sentence.contains("changes of the master wait to be taken")));
    assert_eq!(table(&report, "code_messages").changes_per_hour, Some(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_never_pulled_says_so() {
    let test = support::pair().await;
    let replica = support::connect(&test.replica).await;
    replica.batch_execute("truncate robbie_sync.cursor").await.unwrap();
    let report = read(&test).await;
    assert_eq!(report.engine.pull.as_deref(), Some("never"));
    assert!(report.deductions.iter().any(|d| d.sentence == "this replica has never pulled from the master"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_is_known_by_its_lock() {
    let test = support::pair().await;
    let report = read(&test).await;
    assert_eq!(report.engine.running, Some(false));
    assert!(report.banners.iter().any(|b| b.contains("No engine runs")));
    let _named_without_a_lock = {
        let mut target = test.replica.clone();
        target.config.application_name("robbie engine 1s pid 1@nowhere");
        support::connect(&target).await
    };
    assert_eq!(read(&test).await.engine.running, Some(false));
    let engine = engine_session(&test, "robbie engine 30s pid 4711@laptop").await;
    let report = read(&test).await;
    assert_eq!(report.engine.running, Some(true));
    assert_eq!(report.engine.holder.as_deref(), Some("pid 4711 on laptop"));
    assert_eq!(report.engine.interval_s, Some(30.0));
    let (age, next) = (report.engine.last_cycle_age_s.unwrap(), report.engine.next_cycle_s.unwrap());
    assert!(!report.engine.stale && (age + next - 30.0).abs() < 0.001, "{age} {next}");
    drop(engine);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_stands_still_is_stale() {
    let test = support::pair().await;
    let _engine = engine_session(&test, "robbie engine 0.001s pid 4711@laptop").await;
    // Three intervals are three milliseconds; reading takes longer than that after the lock was taken.
    let (_, known) = health::read(&test.pair(), Known::default()).await;
    let (report, _) = health::read(&test.pair(), known).await;
    assert!(report.engine.stale, "{:?}", report.engine);
    assert!(report.banners.iter().any(|b| b.contains("is stale")), "{:?}", report.banners);
    assert!(report.deductions.iter().any(|d| d.points == 15));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cycles_conflicts_and_paused_tables_are_reported() {
    let test = support::pair().await;
    let replica = support::connect(&test.replica).await;
    let master = support::connect(&test.master).await;
    replica
        .batch_execute(
            "insert into robbie_sync.run (kind, actor, started_at, finished_at, outcome, pushed, conflicts, lag_s, fault)
             select 'cycle', 'engine', now() - i * interval '1 minute', now() - i * interval '1 minute' + interval '500 ms',
                    case when i = 1 then 'failed' else 'ok' end, i, 0, 0.5, case when i = 1 then 'master: gone' end
               from generate_series(1, 60) i;
             insert into robbie_sync.run (kind, actor, outcome) values ('replay', 'allan', 'ok');
             insert into robbie_sync.table_state (tbl, last_pushed, paused)
             values ('code_blocks', now() - interval '10 seconds', 'unknown column tags2')
             on conflict (tbl) do update set last_pushed = excluded.last_pushed, paused = excluded.paused;",
        )
        .await
        .unwrap();
    master
        .batch_execute(
            "insert into robbie_sync.conflict (kind, tbl, pk, rule, at, resolved_at) values
                ('update_exists', 'code_blocks', '{}', 'master', now(), null),
                ('update_exists', 'code_blocks', '{}', 'master', now(), now()),
                ('update_exists', 'code_blocks', '{}', 'master', now() - interval '3 days', null)",
        )
        .await
        .unwrap();
    let report = read(&test).await;
    assert_eq!((report.runs.len(), report.runs[0].pushed), (50, 1));
    assert_eq!(report.runs[0].outcome.as_deref(), Some("failed"));
    assert!((report.runs[0].duration_s.unwrap() - 0.5).abs() < 0.01);
    assert_eq!((report.conflicts.last_24h, report.conflicts.open), (Some(2), Some(2)));
    let blocks = table(&report, "code_blocks");
    assert_eq!(blocks.paused.as_deref(), Some("unknown column tags2"));
    assert!((10.0..40.0).contains(&blocks.last_sync_s.unwrap()));
    let lines: Vec<&str> = report.deductions.iter().map(|d| d.sentence.as_str()).collect();
    for line in [
        "the last cycle failed: master: gone",
        "code_blocks is paused: unknown column tags2",
        "2 conflicts are not resolved",
    ] {
        assert!(lines.contains(&line), "{line} in {lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_and_nothing_stays_on_the_session() {
    let test = support::pair().await;
    let pair = test.pair();
    let (_, known) = health::read(&pair, Known::default()).await;
    let (report, _) = health::read(&pair, known).await;
    assert!(report.master.reachable);
    for side in [Side::Master, Side::Replica] {
        let session = pair.side(side).session().await.unwrap();
        let timeout: String = session.query_one("show statement_timeout", &[]).await.unwrap().get(0);
        assert_ne!(timeout, "1s", "{side}");
        let written: i64 = support::connect(test.target(side))
            .await
            .query_one("select count(*) from pg_locks where mode like '%RowExclusive%' and database = (select oid from pg_database where datname = current_database())", &[])
            .await
            .unwrap()
            .get(0);
        assert_eq!(written, 0, "{side}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_in_step_with_an_engine_is_healthy() {
    let test = support::pair().await;
    let replica = support::connect(&test.replica).await;
    let master = support::connect(&test.master).await;
    let snapshot: String = master.query_one("select pg_current_snapshot()::text", &[]).await.unwrap().get(0);
    replica
        .execute(
            "insert into robbie_sync.cursor (system_identifier, snapshot, state) values ('1', $1::text::pg_snapshot, 'following')",
            &[&snapshot],
        )
        .await
        .unwrap();
    let _engine = engine_session(&test, "robbie engine 30s pid 4711@laptop").await;
    let report = read(&test).await;
    assert_eq!((report.standing, report.score), (Standing::Healthy, 100), "{:?}", report.deductions);
    assert_eq!(report.sentence, "Healthy. replica is in step.");
}
