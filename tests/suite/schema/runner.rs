//! The runner: order, repetition, dry runs, checksums, failures, locks, privileges.

use super::{bare, migrate, migrated, one, support};
use robbie_console::postgres::{Kind, Side};
use robbie_console::schema::{self, Migration, Mode, Outcome, Schema, State};

#[tokio::test]
async fn a_clean_database_gets_everything_once_as_an_ordinary_role() {
    for side in [Side::Master, Side::Replica] {
        let (_pair, mut client) = bare(side).await;
        let superuser: bool = one(&client, "select rolsuper from pg_roles where rolname = current_user").await;
        assert!(!superuser, "the suite must migrate as an ordinary role");

        let first = migrate(&mut client, side).await.unwrap();
        assert!(first.files.iter().all(|f| f.outcome == Outcome::Applied), "{first:?}");
        assert!(first.warnings.is_empty());
        let second = migrate(&mut client, side).await.unwrap();
        assert_eq!(second.changed(), 0);

        let status = schema::status(&client, side, Schema::of(side)).await.unwrap();
        assert_eq!(status.len(), Schema::of(side).migrations().len());
        assert!(status.iter().all(|s| s.state == State::Applied && s.applied_by.is_some()), "{status:?}");
    }
}

#[tokio::test]
async fn every_foreign_key_is_indexed_and_every_table_has_a_key() {
    for side in [Side::Master, Side::Replica] {
        let (_pair, client) = migrated(side).await;
        let catalog = robbie_console::postgres::Catalog::read(&client, side).await.unwrap();
        let public: Vec<_> = catalog.tables().filter(|t| t.schema == "public" && t.stores_rows()).collect();
        assert!(public.len() >= 6);
        for table in public {
            assert!(!table.primary_key.is_empty(), "{} has no primary key", table.name);
            for key in &table.foreign_keys {
                assert!(table.is_indexed_by(&key.columns), "{}.{:?} has no index", table.name, key.columns);
            }
        }
    }
}

#[tokio::test]
async fn a_dry_run_runs_everything_and_leaves_nothing() {
    let (_pair, mut client) = bare(Side::Master).await;
    let report = schema::migrate(&mut client, Side::Master, Schema::Unified, Mode::DryRun).await.unwrap();
    assert!(report.dry_run);
    assert!(report.files.iter().all(|f| f.outcome == Outcome::WouldApply));
    assert!(
        one::<bool>(&client, "select to_regnamespace('robbie_sync') is null and to_regclass('users') is null").await
    );
    let status = schema::status(&client, Side::Master, Schema::Unified).await.unwrap();
    assert!(status.iter().all(|s| s.state == State::Pending));
}

#[tokio::test]
async fn an_altered_file_is_refused_by_name_with_both_checksums_before_anything_runs() {
    let (_pair, mut client) = bare(Side::Replica).await;
    let then = [Migration::once("01-a.sql", "create table a (id int primary key)")];
    schema::migrate_files(&mut client, Side::Replica, Schema::SmartRobbie, &then, Mode::Apply).await.unwrap();
    let now = [
        Migration::once("00-new.sql", "create table new (id int)"),
        Migration::once("01-a.sql", "create table a (id bigint primary key)"),
    ];
    let fault =
        schema::migrate_files(&mut client, Side::Replica, Schema::SmartRobbie, &now, Mode::Apply).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Schema);
    for part in ["smart-robbie/01-a.sql", &then[0].checksum(), &now[1].checksum()] {
        assert!(fault.message.contains(part), "{part} is not in {}", fault.message);
    }
    assert!(one::<bool>(&client, "select to_regclass('new') is null").await);
}

#[tokio::test]
async fn a_file_that_this_binary_does_not_know_is_a_warning() {
    let (_pair, mut client) = bare(Side::Replica).await;
    let newer = [Migration::once("99-later.sql", "select 1")];
    schema::migrate_files(&mut client, Side::Replica, Schema::SmartRobbie, &newer, Mode::Apply).await.unwrap();
    let report = migrate(&mut client, Side::Replica).await.unwrap();
    assert_eq!(report.warnings.len(), 1);
    assert!(report.warnings[0].contains("99-later.sql"));
    let status = schema::status(&client, Side::Replica, Schema::SmartRobbie).await.unwrap();
    assert!(status.iter().any(|s| s.name == "99-later.sql" && s.state == State::Unknown));
}

#[tokio::test]
async fn the_two_schemas_are_recorded_apart() {
    let (_pair, mut client) = bare(Side::Master).await;
    schema::migrate(&mut client, Side::Master, Schema::SmartRobbie, Mode::Apply).await.unwrap();
    let status = schema::status(&client, Side::Master, Schema::Unified).await.unwrap();
    assert!(status.iter().all(|s| s.state == State::Pending));
}

#[tokio::test]
async fn a_failing_file_rolls_back_whole_and_names_its_line() {
    let (_pair, mut client) = bare(Side::Replica).await;
    let files = [
        Migration::once("01-good.sql", "create table good (id int)"),
        Migration::once("02-bad.sql", "create table half (id int);\n\nselect oops from half;"),
        Migration::once("03-never.sql", "create table never (id int)"),
    ];
    let fault =
        schema::migrate_files(&mut client, Side::Replica, Schema::SmartRobbie, &files, Mode::Apply).await.unwrap_err();
    assert_eq!(fault.sqlstate.as_deref(), Some("42703"));
    assert_eq!(fault.object.as_deref(), Some("migrations/smart-robbie/02-bad.sql:3"));
    let left: Vec<bool> = one(
        &client,
        "select array[to_regclass('good') is not null, to_regclass('half') is not null, to_regclass('never') is not null]",
    )
    .await;
    assert_eq!(left, [true, false, false]);
    let recorded: i64 = one(&client, "select count(*) from robbie_sync.migration").await;
    assert_eq!(recorded, 1);
    // The lock is free again and the session usable: the mended files run.
    let mended = [files[0].clone(), Migration::once("02-bad.sql", "create table half (id int)"), files[2].clone()];
    let report =
        schema::migrate_files(&mut client, Side::Replica, Schema::SmartRobbie, &mended, Mode::Apply).await.unwrap();
    assert_eq!(report.changed(), 2);
}

#[tokio::test]
async fn two_runs_at_once_apply_each_file_once() {
    let (pair, mut one_client) = bare(Side::Master).await;
    let mut other_client = support::connect(&pair.master).await;
    let (a, b) = tokio::join!(migrate(&mut one_client, Side::Master), migrate(&mut other_client, Side::Master));
    assert_eq!(a.unwrap().changed() + b.unwrap().changed(), Schema::Unified.migrations().len());
}

#[tokio::test]
async fn a_run_that_waits_in_vain_names_who_holds_the_lock() {
    let (pair, mut client) = bare(Side::Master).await;
    let mut config = pair.master.clone();
    config.config.application_name("somebody else");
    let holder = support::connect(&config).await;
    holder.execute("select pg_advisory_lock(x'726f62626965'::bigint)", &[]).await.unwrap();
    client.batch_execute("set statement_timeout = '1s'; set lock_timeout = '7s'").await.unwrap();
    let fault = migrate(&mut client, Side::Master).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Transient);
    assert!(fault.message.contains("somebody else"), "{}", fault.message);
    assert_eq!(one::<String>(&client, "show lock_timeout").await, "7s", "the session's own setting came back");
    assert!(one::<bool>(&client, "select to_regnamespace('robbie_sync') is null").await);
}

#[tokio::test]
async fn a_role_that_may_not_create_is_told_what_to_grant() {
    let pair = support::bare_pair().await;
    let root = support::connect(&pair.superuser(Side::Master)).await;
    let role = format!("poor_{}", uuid::Uuid::new_v4().simple());
    root.batch_execute(&format!("create role {role}; grant {role} to current_user")).await.unwrap();
    let mut client = support::connect(&pair.superuser(Side::Master)).await;
    client.batch_execute(&format!("set session authorization {role}")).await.unwrap();
    let fault = migrate(&mut client, Side::Master).await.unwrap_err();
    drop(client);
    root.batch_execute(&format!("drop role {role}")).await.unwrap();
    assert_eq!(fault.kind, Kind::Privilege);
    let remedy = fault.remedy.unwrap();
    assert!(remedy.contains("GRANT CREATE ON DATABASE") && remedy.contains(&role), "{remedy}");
}

#[tokio::test]
async fn where_pgvector_is_absent_a_superuser_is_asked_for_it() {
    let (pair, mut client) = bare(Side::Replica).await;
    let root = support::connect(&pair.superuser(Side::Replica)).await;
    root.batch_execute("drop extension vector").await.unwrap();
    let fault = migrate(&mut client, Side::Replica).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Privilege);
    assert!(fault.remedy.as_deref().is_some_and(|r| r.contains("CREATE EXTENSION vector")), "{fault:?}");
    let mut root = root;
    migrate(&mut root, Side::Replica).await.unwrap();
    assert!(one::<bool>(&root, "select exists (select from pg_extension where extname = 'vector')").await);
}

#[tokio::test]
async fn pgvector_in_a_schema_of_its_own_is_found() {
    let (pair, mut client) = bare(Side::Master).await;
    let root = support::connect(&pair.superuser(Side::Master)).await;
    root.batch_execute("drop extension vector; create schema extensions; create extension vector schema extensions")
        .await
        .unwrap();
    root.batch_execute("grant usage on schema extensions to public").await.unwrap();
    migrate(&mut client, Side::Master).await.unwrap();
    let of = "select format_type(atttypid, atttypmod) from pg_attribute
               where attrelid = 'code_messages'::regclass and attname = 'embedding'";
    assert_eq!(one::<String>(&client, of).await, "extensions.vector(1536)");
}
