//! A master without `robbie_sync` whose role may not make it: pulled by comparison. And `robbie sync --compare`.

use super::fixture::{ALLAN, Fixture, count, text};
use crate::support;
use crate::torture::checks::rows_written;
use robbie_console::postgres::Side;
use robbie_console::schema::{self, Mode, Schema};
use robbie_console::sync::{self, CycleOptions, CycleReport, Detection};
use tokio_postgres::Client;
use uuid::Uuid;

const CONVERSATION: &str = "11111111-0000-4000-8000-000000000001";
const COUNTED: &str = "11111111-0000-4000-8000-000000000002";

/// A master with the tables but without the bookkeeping, and its superuser's session.
async fn unmigrated() -> (Fixture, Client) {
    let f = Fixture::new().await;
    let admin = support::connect(&f.test.superuser(Side::Master)).await;
    make_things(&f).await;
    f.replica.batch_execute("select robbie_sync.watch('things')").await.unwrap();
    admin
        .batch_execute(
            "drop schema robbie_sync cascade;
             do $$ begin execute format('alter database %I owner to current_user', current_database()); end $$",
        )
        .await
        .unwrap();
    (f, admin)
}

/// A table with columns of types that do not hash alike in every database.
async fn make_things(f: &Fixture) {
    // Numbers of types differ between the sides, as they do between databases of different age.
    f.master.batch_execute("create type other as enum ('x'); create type mood as enum ('calm', 'wild')").await.unwrap();
    f.replica.batch_execute("create type mood as enum ('calm', 'wild')").await.unwrap();
    for client in [&f.master, &f.replica] {
        client
            .batch_execute(
                "create table things (id integer primary key, mood mood, doc json, place point, vec vector(3), n numeric,
                     labels text[], twice integer generated always as (id * 2) stored)",
            )
            .await
            .unwrap();
    }
}

/// Changes the master by hand, and returns what a cycle then did.
async fn after(f: &Fixture, statements: &str) -> CycleReport {
    f.master.batch_execute(statements).await.unwrap();
    let report = f.cycle().await;
    assert_eq!(report.mode, Detection::Comparison);
    assert!(report.push.is_none() && report.warnings.iter().any(|w| w.contains("found by comparing all rows")));
    report
}

fn pulled(report: &CycleReport) -> (u64, u64, u64) {
    let pull = report.pull.as_ref().unwrap();
    (pull.inserted, pull.updated, pull.deleted)
}

async fn things(client: &Client) -> String {
    text(client, "select coalesce(string_agg(t::text, ' ' order by t.id), '') from things t").await
}

#[tokio::test]
async fn a_master_that_cannot_be_migrated_is_pulled_by_comparison() {
    let (f, _admin) = unmigrated().await;
    let first = after(
        &f,
        &format!(
            "insert into code_conversations (id, session_id, title) values ('{CONVERSATION}', 's', 'one');
             insert into things select n, 'calm', '{{\"a\": 1}}', point(n, 1), '[1,2,3]', n / 7.0, array['a', null] from generate_series(1, 500) n"
        ),
    )
    .await;
    assert_eq!((pulled(&first), first.pull.unwrap().full_because.as_deref()), ((501, 0, 0), Some("first load")));
    assert_eq!(text(&f.replica, "select user_id from code_conversations").await, "allan");
    assert_eq!(things(&f.master).await, things(&f.replica).await);

    let (before_there, before_here) = (rows_written(&f.master).await, rows_written(&f.replica).await);
    for _ in 0..3 {
        assert!(f.cycle().await.is_idle());
    }
    assert_eq!((rows_written(&f.master).await, rows_written(&f.replica).await), (before_there, before_here));

    let report = after(
        &f,
        "insert into things (id) values (501); delete from things where id in (7, 8);
         update things set mood = 'wild' where id = 1; update things set doc = '{\"a\":  1}' where id = 2;
         update things set vec = '[1,2,4]' where id = 3; update things set place = point(0, 0) where id = 4;
         update things set labels = '{}' where id = 5; update code_conversations set title = 'two'",
    )
    .await;
    assert_eq!(pulled(&report), (1, 6, 2));
    assert_eq!(things(&f.master).await, things(&f.replica).await);
    assert_eq!(f.differences().await, "");
    // The master has nothing of ours.
    assert_eq!(text(&f.master, "select to_regnamespace('robbie_sync') is null").await, "true");
}

#[tokio::test]
async fn what_is_written_here_stays_while_rows_are_compared_and_is_sent_when_the_master_is_migrated() {
    let (f, admin) = unmigrated().await;
    f.replica.batch_execute("insert into things (id) values (90)").await.unwrap();
    after(
        &f,
        &format!(
            "insert into code_conversations (id, session_id, title) values ('{CONVERSATION}', 's', 'one'), ('{COUNTED}', 's', 'counted');
             insert into things (id) values (1), (2), (3), (4)"
        ),
    )
    .await;
    f.messages(COUNTED.parse().unwrap(), 2).await;
    let own = Uuid::new_v4();
    f.conversation(own, "own").await;
    f.replica
        .batch_execute("update things set n = 1 where id = 1; delete from things where id = 2; insert into things (id) values (91)")
        .await
        .unwrap();
    let edit = format!(r#"{{"id":"{CONVERSATION}","title":"edited here"}}"#);
    f.replica.batch_execute("update code_conversations set title = 'edited here' where title = 'one'").await.unwrap();
    f.queue("code_conversations", "UPDATE", &edit).await;
    let report = after(
        &f,
        "update things set labels = '{there}' where id in (1, 2); delete from things where id = 3;
         update code_conversations set metadata = '{\"there\": 1}' where title = 'one'",
    )
    .await;
    assert_eq!(pulled(&report), (0, 0, 1), "{report:?}");
    assert_eq!(text(&f.replica, "select string_agg(id::text, ' ' order by id) from things").await, "1 4 90 91");
    assert_eq!(text(&f.replica, "select n from things where id = 1").await, "1");
    assert_eq!(count(&f.replica, "code_conversations where title in ('edited here', 'own')").await, 2);
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 4);
    assert_eq!(count(&f.replica, "robbie_sync.entry where state = 'ready' and attempts = 0").await, 4);
    assert_eq!(text(&f.replica, "select message_count from code_conversations where title = 'counted'").await, "2");
    assert!(f.cycle().await.is_idle());

    // A table without a time stamp that changes between the last comparison and the migration.
    f.master.batch_execute("update things set n = 4 where id = 4").await.unwrap();
    let role = f.test.master.config.get_user().unwrap();
    admin
        .batch_execute(&format!(
            "do $$ begin execute format('alter database %I owner to {role}', current_database()); end $$"
        ))
        .await
        .unwrap();
    let mut master = support::connect(&f.test.master).await;
    schema::migrate(&mut master, Side::Master, Schema::of(Side::Master), Mode::Apply).await.unwrap();
    master.batch_execute("select robbie_sync.capture('things')").await.unwrap();
    let report = f.cycle().await;
    assert_eq!((report.mode, report.push.as_ref().unwrap().applied), (Detection::Changelog, 3), "{report:?}");
    assert_eq!(text(&f.replica, "select n from things where id = 4").await, "4");
    assert_eq!(text(&f.replica, "select n from things where id = 1").await, "1");
    assert_eq!(count(&f.replica, "things where id in (90, 91)").await, 2);
    assert_eq!(count(&f.master, &format!("code_conversations where id = '{own}' and user_id = '{ALLAN}'")).await, 1);
    f.master.batch_execute("update things set n = 5 where id = 4").await.unwrap();
    let report = f.cycle().await;
    assert_eq!((pulled(&report), report.pull.unwrap().full), ((0, 1, 0), false));
}

#[tokio::test]
async fn an_engine_compares_no_oftener_than_every_half_minute_and_follows_once_it_can() {
    let (f, admin) = unmigrated().await;
    let sync::Asked::Held(lock) =
        sync::EngineLock::ask(&f.pair.replica, std::time::Duration::ZERO, None).await.unwrap()
    else {
        panic!("nobody else works here")
    };
    let mut worker = sync::Worker::new(f.test.pair(), &lock);
    let options = CycleOptions::default();
    assert!(worker.cycle(&options).await.unwrap().pull.is_some());
    let report = worker.cycle(&options).await.unwrap();
    assert!(report.pull.is_none() && report.is_idle() && !worker.look(&options).await.anything);
    let role = f.test.master.config.get_user().unwrap();
    admin
        .batch_execute(&format!(
            "do $$ begin execute format('alter database %I owner to {role}', current_database()); end $$"
        ))
        .await
        .unwrap();
    let mut master = support::connect(&f.test.master).await;
    schema::migrate(&mut master, Side::Master, Schema::of(Side::Master), Mode::Apply).await.unwrap();
    let report = worker.cycle(&options).await.unwrap();
    assert!(report.mode == Detection::Changelog && report.push.is_some() && report.faults.is_empty(), "{report:?}");
}

#[tokio::test]
async fn a_master_that_lost_its_bookkeeping_or_could_have_it_is_not_compared() {
    let f = Fixture::new().await;
    f.master.batch_execute("insert into code_conversations (session_id) values ('s')").await.unwrap();
    f.cycle().await;
    f.master.batch_execute("drop schema robbie_sync cascade; delete from code_conversations").await.unwrap();
    let fault = sync::cycle(&f.pair, CycleOptions::default()).await.unwrap_err();
    assert!(fault.to_string().contains("has no schema robbie_sync"), "{fault}");
    let admin = support::connect(&f.test.superuser(Side::Master)).await;
    admin
        .batch_execute(
            "do $$ begin execute format('alter database %I owner to current_user', current_database()); end $$",
        )
        .await
        .unwrap();
    let fault = sync::cycle(&f.test.pair(), CycleOptions::default()).await.unwrap_err();
    assert!(fault.to_string().contains("has no schema robbie_sync"), "{fault}");
    assert_eq!(count(&f.replica, "code_conversations").await, 1);
}

#[tokio::test]
async fn the_command_says_where_both_sides_differ_and_writes_nothing() {
    let f = Fixture::new().await;
    let home = support::folder();
    let sync = |arguments: &[&str]| {
        let mut command = support::command(home.path());
        command.args(["--master", &f.test.url(Side::Master), "--replica", &f.test.url(Side::Replica), "sync"]);
        command.args(arguments).output().unwrap()
    };
    f.master
        .batch_execute(
            "insert into code_conversations (session_id, title) select 's', n::text from generate_series(1, 30) n",
        )
        .await
        .unwrap();
    make_things(&f).await;
    f.master
        .batch_execute(
            "select robbie_sync.capture('things');
             insert into things select n, 'wild', '{\"a\":  1}', point(n, 1), '[1,2,3]', n / 7.0, array['a', null] from generate_series(1, 50) n",
        )
        .await
        .unwrap();
    f.cycle().await;
    let output = sync(&["--compare"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(said.contains("code_conversations: equal, 30 rows on the master, 30 here"), "{said}");
    assert!(said.contains("things: equal, 50 rows"), "{said}");
    assert!(!said.contains("at rest"), "{said}");

    // Behind the back of all triggers.
    let admin = support::connect(&f.test.superuser(Side::Replica)).await;
    admin
        .batch_execute(
            "set session_replication_role = replica; update code_conversations set title = 'other' where title <= '20';
             delete from code_conversations where title = '3'",
        )
        .await
        .unwrap();
    let before = (rows_written(&f.master).await, rows_written(&f.replica).await);
    let output = sync(&["--compare", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = &document["compared"];
    assert_eq!((output.status.code(), found["drained"].as_bool()), (Some(1), Some(true)), "{document}");
    let tables = found["tables"].as_array().unwrap();
    let table = tables.iter().find(|t| t["table"] == "code_conversations").unwrap();
    assert_eq!((table["master_rows"].as_i64(), table["replica_rows"].as_i64()), (Some(30), Some(29)), "{table}");
    let keys = table["differing"].as_array().unwrap();
    assert_eq!((keys.len(), table["equal"].as_bool()), (10, Some(false)), "{table}");
    let wrong =
        text(&f.replica, "select string_agg(id::text, ' ') from code_conversations where title = 'other'").await;
    let gone = text(&f.master, "select id from code_conversations where title = '3'").await;
    for key in keys {
        let id = key["id"].as_str().unwrap();
        assert!(wrong.contains(id) || gone == id, "{id}");
    }
    assert!(tables.iter().all(|t| t["table"] == "code_conversations" || t["equal"] == true), "{document}");
    assert_eq!((rows_written(&f.master).await, rows_written(&f.replica).await), before);
    f.conversation(Uuid::new_v4(), "unsent").await;
    let said = String::from_utf8_lossy(&sync(&["--compare"]).stdout).into_owned();
    assert!(said.contains("not at rest, so rows may differ: 1 entries wait"), "{said}");
}

#[tokio::test]
async fn what_a_trigger_here_counts_of_unsent_rows_is_not_taken_back_and_the_masters_count_is_taken() {
    let (f, _admin) = unmigrated().await;
    let lender = support::connect(&f.test.superuser(Side::Replica)).await;
    lender.batch_execute(include_str!("../../../migrations/smart-robbie/29-rest-triggers.sql")).await.unwrap();
    after(
        &f,
        &format!(
            "insert into code_conversations (id, session_id, title) values ('{CONVERSATION}', 's', 'one'), ('{COUNTED}', 's', 'counted')"
        ),
    )
    .await;
    f.messages(COUNTED.parse().unwrap(), 2).await;
    // The master's trigger counts there, this side's rests while its rows are taken.
    let message = format!(
        "insert into code_messages (conversation_id, role, content) values ('{CONVERSATION}', 'user', 'there');
         update code_conversations set message_count = 1 where id = '{CONVERSATION}'"
    );
    after(&f, &message).await;
    let counts = "select string_agg(title || ' ' || message_count, ', ' order by title) from code_conversations";
    assert_eq!(text(&f.replica, counts).await, "counted 2, one 1");
    assert!(f.cycle().await.is_idle());
}

#[tokio::test]
async fn a_table_that_was_analysed_while_it_was_empty_is_compared_in_time() {
    const MANY: i64 = 15_000;
    let (f, _admin) = unmigrated().await;
    after(&f, "select").await;
    // Pages, and no row in them: that is what is known of it from then on.
    f.replica
        .batch_execute(&format!(
            "alter table things set (autovacuum_enabled = off); set robbie_sync.apply = 'on';
             insert into things (id) select -n from generate_series(1, {MANY}) n; delete from things;
             reset robbie_sync.apply; analyze things"
        ))
        .await
        .unwrap();
    for statement in [
        format!("insert into things (id) select n from generate_series(1, {MANY}) n"),
        "update things set n = 1".to_owned(),
        "delete from things where id > 10".to_owned(),
    ] {
        let cycle = tokio::time::timeout(std::time::Duration::from_secs(12), after(&f, &statement)).await;
        assert!(cycle.is_ok(), "{statement}: the plan is a bad one");
        assert_eq!(things(&f.master).await, things(&f.replica).await, "{statement}");
    }
}
