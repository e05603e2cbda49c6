//! Files of definitions: run again when they changed, in place, without undoing what people chose since.

use super::{bare, migrate, migrated, one};
use robbie_console::postgres::Side;
use robbie_console::schema::{self, Migration, Mode, Outcome, Schema, State};

const ANSWER: &str = "select robbie_sync.answer()";

fn files(first: &'static str, second: &'static str) -> [Migration; 3] {
    [
        Migration::once("01-table.sql", "create table kept (id int primary key)"),
        Migration::repeatable("24-type.sql", first),
        Migration::repeatable("25-answer.sql", second),
    ]
}

const TYPE: &str = "DROP TYPE IF EXISTS robbie_sync.shade CASCADE; CREATE TYPE robbie_sync.shade AS (n int);";
const WIDER: &str = "DROP TYPE IF EXISTS robbie_sync.shade CASCADE; CREATE TYPE robbie_sync.shade AS (n bigint);";
const SEVEN: &str = "CREATE OR REPLACE FUNCTION robbie_sync.answer() RETURNS int LANGUAGE sql AS 'SELECT 7';
    CREATE OR REPLACE FUNCTION robbie_sync.pale(s robbie_sync.shade) RETURNS int LANGUAGE sql AS 'SELECT 1';";
const EIGHT: &str = "CREATE OR REPLACE FUNCTION robbie_sync.answer() RETURNS int LANGUAGE sql AS 'SELECT 8';
    CREATE OR REPLACE FUNCTION robbie_sync.pale(s robbie_sync.shade, more text) RETURNS int LANGUAGE sql AS 'SELECT 1';";
const BROKEN: &str = "CREATE OR REPLACE FUNCTION robbie_sync.answer() RETURNS int LANGUAGE sql AS 'SELECT oops'";

#[tokio::test]
async fn a_changed_definition_is_put_in_and_its_former_signature_goes() {
    let (_pair, mut client) = bare(Side::Replica).await;
    let run = async |client: &mut _, files: &[Migration], mode| {
        schema::migrate_files(client, Side::Replica, Schema::SmartRobbie, files, mode).await
    };
    run(&mut client, &files(TYPE, SEVEN), Mode::Apply).await.unwrap();
    assert_eq!(one::<i32>(&client, ANSWER).await, 7);
    let identity: u32 = one(&client, "select 'robbie_sync.answer()'::regprocedure::oid").await;

    let tried = run(&mut client, &files(TYPE, EIGHT), Mode::DryRun).await.unwrap();
    let outcomes: Vec<_> = tried.files.iter().map(|f| f.outcome).collect();
    assert_eq!(outcomes, [Outcome::Unchanged, Outcome::Unchanged, Outcome::WouldApply]);
    assert_eq!(one::<i32>(&client, ANSWER).await, 7, "a dry run leaves the definition");

    assert_eq!(run(&mut client, &files(TYPE, EIGHT), Mode::Apply).await.unwrap().changed(), 1);
    assert_eq!(one::<i32>(&client, ANSWER).await, 8);
    assert_eq!(one::<u32>(&client, "select 'robbie_sync.answer()'::regprocedure::oid").await, identity, "in place");
    let pale = "select count(*) from pg_proc where proname = 'pale' and pronamespace = 'robbie_sync'::regnamespace";
    assert_eq!(one::<i64>(&client, pale).await, 1, "the one without the second parameter is gone");
    assert_eq!(run(&mut client, &files(TYPE, EIGHT), Mode::Apply).await.unwrap().changed(), 0, "once");

    // A type takes what uses it along: all that follows is made anew, or nothing is.
    assert!(run(&mut client, &files(WIDER, BROKEN), Mode::Apply).await.is_err());
    assert_eq!(one::<i32>(&client, ANSWER).await, 8);
    assert_eq!(one::<i64>(&client, pale).await, 1);
    assert_eq!(run(&mut client, &files(WIDER, EIGHT), Mode::Apply).await.unwrap().changed(), 2);
    assert_eq!(one::<i64>(&client, pale).await, 1);
}

#[tokio::test]
async fn definitions_of_another_version_are_replaced_and_every_choice_stays() {
    let choices = "select string_agg(concat_ws(' ', s.tbl, s.policy, s.derived, s.stamps), '; ' order by s.tbl)
                   from robbie_sync.synced_table s";
    let (_pair, mut master) = migrated(Side::Master).await;
    master
        .batch_execute(
            "create table parts (id int primary key, note text);
             select robbie_sync.capture('parts', 'column', array['note'], '{}');
             select robbie_sync.capture('code_messages', 'column');
             select robbie_sync.release('code_blocks');
             drop trigger robbie_capture_update on parts;
             create or replace function robbie_sync.origin() returns uuid language sql as 'select null::uuid';
             update robbie_sync.migration set checksum = 'another' where name = '24-capture.sql'",
        )
        .await
        .unwrap();
    let before: String = one(&master, choices).await;
    let status = schema::status(&master, Side::Master, Schema::Unified).await.unwrap();
    assert!(status.iter().any(|s| s.name == "24-capture.sql" && s.state == State::Redefined), "{status:?}");
    let report = migrate(&mut master, Side::Master).await.unwrap();
    let again: Vec<_> = report.files.iter().filter(|f| f.outcome == Outcome::Applied).map(|f| &f.name).collect();
    assert_eq!(again.len(), Schema::Unified.migrations().iter().filter(|m| m.repeatable).count(), "{again:?}");
    assert_eq!(one::<String>(&master, choices).await, before);
    assert!(!before.contains("code_blocks") && before.contains("code_messages column"), "{before}");
    let triggers =
        "select count(*) from pg_trigger where tgname like 'robbie\\_capture%' and tgrelid = $1::text::regclass";
    let count = async |table: &str| master.query_one(triggers, &[&table]).await.unwrap().get::<_, i64>(0);
    assert_eq!((count("code_blocks").await, count("parts").await), (0, 4), "released stays so; a lost trigger is back");

    let watched = "select string_agg(concat_ws(' ', w.target, w.ignored), '; ' order by w.target::text) from robbie_sync.watched() w";
    let (_pair, mut replica) = migrated(Side::Replica).await;
    replica
        .batch_execute(
            "create table parts (id int, \"größe\" int, note text, primary key (id, \"größe\"));
             select robbie_sync.watch('parts', array['note', 'naïve']);
             drop trigger robbie_edit_insert on code_blocks; drop trigger robbie_edit_update on code_blocks;
             drop trigger robbie_edit_delete on code_blocks;
             update robbie_sync.migration set checksum = 'another' where name = '24-local-edits.sql'",
        )
        .await
        .unwrap();
    let before: String = one(&replica, watched).await;
    assert!(before.contains("parts {note,naïve}") && !before.contains("code_blocks"), "{before}");
    assert!(before.contains("code_conversations {message_count,last_message_at,updated_at}"), "{before}");
    migrate(&mut replica, Side::Replica).await.unwrap();
    assert_eq!(one::<String>(&replica, watched).await, before);
}
