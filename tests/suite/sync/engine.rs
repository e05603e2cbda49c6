//! The engine as it runs: alone, by itself, and through losses.

use super::fixture::{Fixture, count, text, until_count};
use crate::support;
use robbie_console::postgres::{Kind, Link, Pair, Side};
use robbie_console::sync::{self, CycleOptions, Engine, EngineOptions};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

#[tokio::test]
async fn changes_travel_both_ways_by_themselves_and_two_engines_exclude_each_other() {
    let f = Fixture::new().await;
    // An hour between cycles: what travels was notified.
    let engine =
        Engine::start(f.pair.clone(), EngineOptions { interval: Duration::from_hours(1), ..EngineOptions::default() });
    until_count(&f.replica, "robbie_sync.cursor", 1).await;
    f.conversation(Uuid::new_v4(), "up").await;
    until_count(&f.master, "code_conversations where title = 'up'", 1).await;
    f.master.batch_execute("insert into code_conversations (session_id, title) values ('s', 'down')").await.unwrap();
    until_count(&f.replica, "code_conversations where title = 'down'", 1).await;

    let holder = "select application_name from pg_stat_activity where application_name like 'robbie engine 3600s pid %' and datname = current_database()";
    let name = text(&f.replica, holder).await;
    let fault = sync::cycle(&f.test.pair(), CycleOptions::default()).await.unwrap_err();
    assert!(fault.message.contains(&name) && fault.remedy.is_some(), "{fault:?}");
    let second = Engine::start(f.test.pair(), EngineOptions::default());
    let mut status = second.status();
    tokio::time::timeout(Duration::from_secs(20), status.wait_for(|s| s.held_by.as_ref() == Some(&name)))
        .await
        .unwrap()
        .unwrap();
    // The first one leaves; the second takes over.
    engine.stop().await;
    second.wake();
    tokio::time::timeout(Duration::from_secs(40), status.wait_for(|s| s.running && s.cycles > 0))
        .await
        .unwrap()
        .unwrap();
    second.stop().await;
}

#[tokio::test]
async fn paused_it_sends_nothing_and_resumed_it_goes_on() {
    let f = Fixture::new().await;
    let engine = Engine::start(f.pair.clone(), EngineOptions::default());
    let mut status = engine.status();
    status.wait_for(|s| s.cycles > 0 && !s.busy).await.unwrap();
    engine.pause();
    status.wait_for(|s| s.paused).await.unwrap();
    let id = f.conversation(Uuid::new_v4(), "later").await;
    engine.wake();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(f.note(id).await, "ready");
    engine.resume();
    until_count(&f.master, "code_conversations", 1).await;
    engine.stop().await;
}

#[tokio::test]
async fn a_master_that_is_lost_in_the_middle_costs_nothing() {
    let f = Fixture::new().await;
    let engine =
        Engine::start(f.pair.clone(), EngineOptions { interval: Duration::from_secs(1), ..EngineOptions::default() });
    let root = support::connect(&f.test.superuser(Side::Master)).await;
    let id = Uuid::new_v4();
    f.conversation(id, "through").await;
    for _ in 0..6 {
        f.messages(id, 20).await;
        // Whatever it is doing, its sessions go.
        root.batch_execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'robbie%' and datname = current_database() and pid <> pg_backend_pid()").await.unwrap();
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    until_count(&f.replica, "pending_sync where synced_at is null", 0).await;
    assert_eq!(count(&f.master, "code_messages").await, 120);
    assert_eq!(text(&f.master, "select message_count from code_conversations").await, "120");
    assert_eq!(count(&f.replica, "pending_sync where coalesce(retry_count, 0) > 0").await, 0);
    engine.stop().await;
    f.cycle().await;
    assert_eq!(f.differences().await, "");
}

#[tokio::test]
async fn an_engine_whose_sessions_were_ended_is_back_long_before_its_interval() {
    let f = Fixture::new().await;
    // An hour between cycles: only the loss itself can bring it back.
    let engine =
        Engine::start(f.pair.clone(), EngineOptions { interval: Duration::from_hours(1), ..EngineOptions::default() });
    until_count(&f.replica, "robbie_sync.cursor", 1).await;
    let holder = "pg_locks l join pg_stat_activity a using (pid) where l.locktype = 'advisory' and a.application_name like 'robbie engine %' and a.datname = current_database()";
    until_count(&f.replica, holder, 1).await;
    let first = text(&f.replica, &format!("select pid::text from {holder}")).await;
    let root = support::connect(&f.test.superuser(Side::Replica)).await;
    root.batch_execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'robbie%' and datname = current_database() and pid <> pg_backend_pid()").await.unwrap();
    until_count(&f.replica, &format!("{holder} and pid <> {first}"), 1).await;
    f.conversation(Uuid::new_v4(), "after").await;
    until_count(&f.master, "code_conversations where title = 'after'", 1).await;
    engine.stop().await;
}

#[tokio::test]
async fn a_side_that_cannot_be_reached_or_was_never_migrated_is_named() {
    let f = Fixture::new().await;
    let mut nowhere = f.test.master.clone();
    nowhere.config.dbname("there_is_no_such_database");
    let pair = Pair { master: Arc::new(Link::new(nowhere)), replica: Arc::clone(&f.pair.replica) };
    let fault = sync::cycle(&pair, CycleOptions::default()).await.unwrap_err();
    assert_eq!((fault.side, fault.sqlstate.as_deref()), (Some(Side::Master), Some("3D000")));

    let bare = support::bare_pair().await;
    let fault = sync::cycle(&bare.pair(), CycleOptions::default()).await.unwrap_err();
    assert_eq!((fault.kind, fault.side), (Kind::Schema, Some(Side::Replica)));
    assert_eq!(fault.remedy.as_deref(), Some("robbie schema migrate --target replica"));
}

#[tokio::test]
async fn a_copied_replica_takes_another_identity_and_loses_nothing() {
    let f = Fixture::new().await;
    f.conversation(Uuid::new_v4(), "before").await;
    f.cycle().await;
    // Another machine with the same identity has pushed since.
    f.master.batch_execute("update robbie_sync.node set nonce = gen_random_uuid()").await.unwrap();
    f.conversation(Uuid::new_v4(), "after").await;
    let was = text(&f.replica, "select node_id from robbie_sync.this_node").await;
    let report = f.cycle().await;
    assert!(report.warnings[0].contains("restored or copied"), "{:?}", report.warnings);
    assert_ne!(text(&f.replica, "select node_id from robbie_sync.this_node").await, was);
    assert_eq!(count(&f.master, "code_conversations").await, 2);
    assert_eq!(count(&f.replica, "code_conversations").await, 2);
}
