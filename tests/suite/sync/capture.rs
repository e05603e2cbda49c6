//! What the triggers note on the master, whatever the keys, the partitions and the users are.

use super::fixture::{ALLAN, Fixture, count, text};
use crate::support;
use robbie_console::postgres::Side;

/// Keys whose types, and in one case whose operators, stand in the schema public.
const TYPES: &str = "
    create domain code as text check (value <> '');
    create type colour as enum ('red', 'green');
    create type place as (shelf text, nr integer);
    create type caseless;
    create function caseless_in(cstring) returns caseless language internal immutable strict as 'textin';
    create function caseless_out(caseless) returns cstring language internal immutable strict as 'textout';
    create type caseless (input = caseless_in, output = caseless_out, like = text, collatable = true);
    create function caseless_eq(caseless, caseless) returns boolean language internal immutable strict as 'texteq';
    create function caseless_lt(caseless, caseless) returns boolean language internal immutable strict as 'text_lt';
    create function caseless_le(caseless, caseless) returns boolean language internal immutable strict as 'text_le';
    create function caseless_gt(caseless, caseless) returns boolean language internal immutable strict as 'text_gt';
    create function caseless_ge(caseless, caseless) returns boolean language internal immutable strict as 'text_ge';
    create function caseless_cmp(caseless, caseless) returns integer language internal immutable strict as 'bttextcmp';
    create operator = (leftarg = caseless, rightarg = caseless, function = caseless_eq, commutator = =, restrict = eqsel, join = eqjoinsel, merges);
    create operator < (leftarg = caseless, rightarg = caseless, function = caseless_lt);
    create operator <= (leftarg = caseless, rightarg = caseless, function = caseless_le);
    create operator > (leftarg = caseless, rightarg = caseless, function = caseless_gt);
    create operator >= (leftarg = caseless, rightarg = caseless, function = caseless_ge);
    create operator class caseless_ops default for type caseless using btree as operator 1 <, operator 2 <=, operator 3 =,
        operator 4 >=, operator 5 >, function 1 caseless_cmp(caseless, caseless);
    grant all on schema public to robbie;
    set role robbie;
    create table keyed (a code, b colour, c place, d caseless, note text, primary key (a, b, c, d))";

#[tokio::test]
async fn keys_of_types_that_stand_in_the_schema_public_are_captured_and_watched() {
    let f = Fixture::new().await;
    for side in [Side::Master, Side::Replica] {
        support::connect(&f.test.superuser(side)).await.batch_execute(TYPES).await.unwrap();
    }
    f.master.batch_execute("select robbie_sync.capture('keyed')").await.unwrap();
    f.replica.batch_execute("select robbie_sync.watch('keyed')").await.unwrap();
    f.cycle().await;
    f.master
        .batch_execute(
            "insert into keyed values ('x', 'red', '(s,1)', 'One', 'm'), ('y', 'green', '(\"a, b\",2)', 'Two', 'm')",
        )
        .await
        .unwrap();
    f.cycle().await;
    f.master
        .batch_execute("update keyed set note = 'new' where a = 'y'; update keyed set c = '(s,9)' where a = 'x'")
        .await
        .unwrap();
    f.cycle().await;
    let all = "select string_agg(k::text, ' ' order by a) from keyed k";
    let there = text(&f.master, all).await;
    assert_eq!(text(&f.replica, all).await, there);
    assert!(there.contains("(s,9)") && there.contains("new"), "{there}");
    // An edit here is noted, with its image, and not overwritten.
    f.replica
        .batch_execute("update keyed set note = 'ours' where a = 'y'; update keyed set d = 'Other' where a = 'x'")
        .await
        .unwrap();
    assert_eq!(count(&f.replica, "robbie_sync.base where image is not null").await, 2);
    assert_eq!(count(&f.replica, "robbie_sync.base").await, 3);
    f.master.batch_execute("update keyed set note = 'theirs'; delete from keyed where a = 'x'").await.unwrap();
    f.cycle().await;
    assert_eq!(text(&f.replica, "select note from keyed where a = 'y'").await, "ours");
    assert_eq!(count(&f.replica, "keyed where d = 'Other'").await, 1);
}

#[tokio::test]
async fn partitions_that_are_attached_later_are_captured() {
    let f = Fixture::new().await;
    f.master
        .batch_execute(
            "create table parts (id integer, note text, primary key (id)) partition by range (id);
             create table parts_low partition of parts for values from (0) to (100);
             select robbie_sync.capture('parts')",
        )
        .await
        .unwrap();
    f.replica
        .batch_execute("create table parts (id integer primary key, note text); select robbie_sync.watch('parts')")
        .await
        .unwrap();
    f.cycle().await;
    f.master
        .batch_execute(
            "create table parts_high (id integer primary key, note text);
             alter table parts attach partition parts_high for values from (100) to (200);
             insert into parts_high values (100, 'a'), (101, 'b'); insert into parts values (1, 'c')",
        )
        .await
        .unwrap();
    f.cycle().await;
    let all = "select string_agg(id || note, ' ' order by id) from parts";
    assert_eq!(text(&f.replica, all).await, "1c 100a 101b");
    f.master.batch_execute("update parts_high set id = 102 where id = 100; delete from parts_low").await.unwrap();
    f.cycle().await;
    assert_eq!(text(&f.replica, all).await, "101b 102a");
    f.master.batch_execute("truncate parts_high").await.unwrap();
    f.cycle().await;
    assert_eq!(text(&f.replica, all).await, "");
}

#[tokio::test]
async fn a_user_who_is_mapped_otherwise_changes_the_rows_that_are_here() {
    let f = Fixture::new().await;
    f.master
        .batch_execute(&format!(
            "insert into code_conversations (user_id, session_id) values ('{ALLAN}', 's');
             insert into users (id, username, email, password_hash) values ('bbbbbbbb-0000-4000-8000-000000000002', 'zoe', 'z@x.org', '-');
             insert into code_conversations (user_id, session_id) values ('bbbbbbbb-0000-4000-8000-000000000002', 'z')"
        ))
        .await
        .unwrap();
    f.cycle().await;
    let users = "select string_agg(user_id, ' ' order by session_id) from code_conversations";
    assert_eq!(text(&f.replica, users).await, "allan");
    f.master
        .batch_execute(
            "update user_id_mapping set text_id = 'allan.k' where text_id = 'allan';
             insert into user_id_mapping (text_id, uuid_id, service) values ('zoe', 'bbbbbbbb-0000-4000-8000-000000000002', 'robbie-code')",
        )
        .await
        .unwrap();
    f.cycle().await;
    assert_eq!(text(&f.replica, users).await, "allan.k zoe");
    assert_eq!(count(&f.replica, "robbie_sync.deferred").await, 0);
    assert!(f.cycle().await.is_idle());
}

#[tokio::test]
async fn a_table_without_a_key_here_or_with_a_user_in_it_is_refused_by_name() {
    let f = Fixture::new().await;
    f.master
        .batch_execute(
            "create table keyless (id integer primary key); select robbie_sync.capture('keyless');
             create table owned (user_id uuid primary key); select robbie_sync.capture('owned')",
        )
        .await
        .unwrap();
    f.replica
        .batch_execute("create table keyless (id integer); create table owned (user_id text primary key)")
        .await
        .unwrap();
    let warnings = f.cycle().await.warnings.join("\n");
    assert!(warnings.contains("table keyless has no primary key on the replica"), "{warnings}");
    assert!(warnings.contains("table owned has a user in its primary key"), "{warnings}");
}

#[tokio::test]
async fn a_table_that_nobody_watched_is_watched_before_it_is_taken() {
    let f = Fixture::new().await;
    f.master
        .batch_execute("create table parts (id integer primary key, note text); select robbie_sync.capture('parts'); insert into parts values (1, 'a')")
        .await
        .unwrap();
    f.replica.batch_execute("create table parts (id integer primary key, note text)").await.unwrap();
    f.cycle().await;
    f.replica.batch_execute("update parts set note = 'ours'").await.unwrap();
    f.master.batch_execute("update parts set note = 'theirs'").await.unwrap();
    f.cycle().await;
    assert_eq!(text(&f.replica, "select note from parts").await, "ours");
}

/// What a trigger runs is planned once in a session, with the transition tables as large as they are then; a plan made for one
/// row (a nested loop over old and new rows) would compare each of 20,000 with each.
#[tokio::test]
async fn a_session_that_wrote_one_row_writes_many_as_fast() {
    let f = Fixture::new().await;
    f.master
        .batch_execute(
            "insert into code_conversations (id, session_id) values ('00000000-0000-4000-8000-000000000001', 's');
             insert into code_messages (conversation_id, role, content)
             select '00000000-0000-4000-8000-000000000001', 'user', n::text from generate_series(1, 20000) n;
             set statement_timeout = '15s';
             update code_messages set content = 'one' where content = '1';
             update code_messages set content = 'all';
             delete from code_messages where content = 'none';
             delete from code_messages",
        )
        .await
        .expect("a statement of many rows takes as long as its rows, not as their square");
    let noted = |op: &str| format!("robbie_sync.changelog where tbl = 'code_messages' and op = '{op}'");
    assert_eq!(count(&f.master, &noted("U")).await, 20_001);
    assert_eq!(count(&f.master, &noted("D")).await, 20_000);
}
