//! Sixty types of column and their edges, both ways: what arrives is byte for byte what was sent, and what an entry
//! cannot carry is named when an engine starts.

use super::fixture::{Fixture, count, text};
use robbie_console::sync;
use std::fmt::Write;
use tokio_postgres::Client;

/// Types, and for each the edges that also an entry carries.
const TYPES: &[(&str, &[&str])] = &[
    ("boolean", &["true", "false"]),
    ("smallint", &["-32768", "32767"]),
    ("integer", &["-2147483648", "2147483647"]),
    ("bigint", &["-9223372036854775808", "9223372036854775807", "9007199254740993"]),
    (
        "numeric",
        &["12345678901234567890123456789012345678901234567890123456789.10", "NaN", "Infinity", "1e400", "-1e-400"],
    ),
    ("numeric(12, 6)", &["1.10", "-999999.999999"]),
    ("real", &["0.1", "-Infinity", "1e-45", "NaN", "3.4028235e38"]),
    ("double precision", &["0.30000000000000004", "Infinity", "5e-324", "NaN", "1.7976931348623157e308"]),
    ("money", &["-12.34", "92233720368547758.07"]),
    ("character(5)", &["ab", "     "]),
    ("character varying(10)", &["", " lead", "äöü€😀"]),
    ("text", &["", "tab\there\nand \\ \"quotes\" 'too' \u{1}", "\\N", "e\u{301}\u{feff}"]),
    ("name", &["a name"]),
    ("\"char\"", &["x"]),
    ("bytea", &["", "\\x00ff5c27"]),
    ("date", &["4713-01-01 BC", "5874897-12-31", "infinity"]),
    ("time", &["00:00:00", "24:00:00", "23:59:59.999999"]),
    ("timetz", &["00:00:00+15:59", "12:00:00.000001-15:59:59"]),
    ("timestamp", &["4713-01-01 00:00:00 BC", "294276-12-31 23:59:59.999999", "-infinity"]),
    (
        "timestamptz",
        &["4713-01-02 00:00:00+00 BC", "294276-12-31 23:59:59.999999+00", "infinity", "2026-03-29 02:30:00+01"],
    ),
    ("timestamptz(3)", &["2026-01-01 00:00:00.123+00"]),
    ("interval", &["1 mon -3 days 04:05:06.789", "-178000000 years", "00:00:00"]),
    ("uuid", &["ffffffff-ffff-ffff-ffff-ffffffffffff"]),
    (
        "jsonb",
        &["{\"n\": 9007199254740993, \"x\": 1.10}", "[]", "{\"a\": null}", "12345678901234567890123456789.5", "\"\""],
    ),
    ("jsonpath", &["$.a[*] ? (@ > 1)"]),
    ("inet", &["192.168.0.1/24", "::ffff:1.2.3.4"]),
    ("cidr", &["10.0.0.0/8", "2001:db8::/32"]),
    ("macaddr", &["08:00:2b:01:02:03"]),
    ("macaddr8", &["08:00:2b:01:02:03:04:05"]),
    ("bit(3)", &["101"]),
    ("bit varying", &["", "1", "0000000001"]),
    ("point", &["(1.5,-2)", "(NaN,Infinity)"]),
    ("line", &["{1,-1,0}"]),
    ("lseg", &["[(0,0),(1,0.1)]"]),
    ("box", &["(1,1),(0,0)"]),
    ("path", &["[(0,0),(1,1)]", "((0,0),(1,1))"]),
    ("polygon", &["((0,0),(1,1),(2,0))"]),
    ("circle", &["<(0.1,0.2),3>"]),
    ("int4range", &["empty", "[1,5)", "(,)"]),
    ("int8range", &["[-9223372036854775808,9223372036854775807)"]),
    ("numrange", &["(1.10,2.20]"]),
    ("tsrange", &["[-infinity,infinity]"]),
    ("tstzrange", &["[\"2026-01-01 00:00:00+00\",)"]),
    ("daterange", &["[2026-01-01,2026-02-01)"]),
    ("int4multirange", &["{}", "{[1,2),[5,9)}"]),
    ("nummultirange", &["{(,1.1),[2.2,)}"]),
    ("tstzmultirange", &["{[\"2026-01-01 00:00:00+00\",\"2026-01-02 00:00:00+00\")}"]),
    ("tsvector", &["'a':1A 'it''s':2"]),
    ("tsquery", &["'a' & !'b' <-> 'c'"]),
    ("oid", &["4294967295"]),
    ("pg_lsn", &["FFFFFFFF/FFFFFFFF"]),
    ("xid8", &["18446744073709551615"]),
    ("hue", &["not red", "it's \"red\""]),
    ("small", &["99"]),
    ("pair", &["(1,\"a,b\")", "(,)"]),
    ("integer[]", &["{}", "{1,NULL,-1}"]),
    ("integer[][]", &["{{1,2},{3,4}}"]),
    ("text[]", &["{a,NULL,\"NULL\",\"b,c\",\"\",\"q\\\"q\",\"\\\\\"}"]),
    ("numeric[]", &["{1.10,NaN,123456789012345678901234567890}"]),
    ("timestamptz[]", &["{infinity,\"2026-01-01 00:00:00+00\"}"]),
    ("jsonb[]", &["{\"{\\\"a\\\": [1.10]}\",\"[]\"}"]),
    ("bytea[]", &["{\"\\\\x00\",\"\\\\xff\"}"]),
    ("hue[]", &["{red,\"not red\"}"]),
    ("vector(3)", &["[1,0.1,-3.4028235e38]"]),
    ("halfvec(3)", &["[0.1,65504,-1]"]),
    ("sparsevec(5)", &["{1:0.5,3:-2}/5"]),
];

/// Edges that the pull carries and an entry does not.
const LOSSY: &[(&str, &[&str])] = &[
    ("jsonb", &["null"]),
    ("integer[]", &["[2:3]={1,2}"]),
    ("json", &["{\"a\": 1,  \"a\": 2}", "null", "\"\\u0000\""]),
    ("double precision", &["-0"]),
];

/// A table of these types on both sides, one row per edge and one of NULLs, written with ids from `first` on.
fn rows(table: &str, types: &[(&str, &[&str])], first: usize) -> String {
    let most = types.iter().map(|(_, v)| v.len()).max().unwrap();
    let mut sql = String::new();
    for n in 0..=most {
        let values: Vec<String> = types
            .iter()
            .map(|(t, v)| v.get(n).map_or_else(|| "NULL".to_owned(), |v| format!("'{}'::{t}", v.replace('\'', "''"))))
            .collect();
        writeln!(sql, "insert into {table} values ({}, {});", first + n, values.join(", ")).unwrap();
    }
    sql
}

async fn with_types(table: &str, types: &[(&str, &[&str])]) -> Fixture {
    let f = Fixture::new().await;
    let columns: Vec<String> = types.iter().enumerate().map(|(n, (t, _))| format!("c{n} {t}")).collect();
    for (client, sync) in [(&f.master, "capture"), (&f.replica, "watch")] {
        client
            .batch_execute(&format!(
                "create type hue as enum ('red', 'not red', 'it''s \"red\"'); create domain small as integer check (value < 100);
                 create type pair as (n integer, t text);
                 create table {table} (id integer primary key, {}); select robbie_sync.{sync}('{table}')",
                columns.join(", ")
            ))
            .await
            .unwrap();
    }
    f.cycle().await;
    f
}

/// The bytes that the server sends of every value, by row and column; of arrays of a type that each database numbers for
/// itself, the text.
async fn bytes(client: &Client, table: &str) -> Vec<String> {
    let sends = client
        .query(
            "select a.attname::text, case when e.oid >= 16384 then 'textsend(' || quote_ident(a.attname) || '::text)'
                        else t.typsend::regproc::text || '(' || quote_ident(a.attname) || ')' end
             from pg_attribute a join pg_type t on t.oid = a.atttypid left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
             where a.attrelid = $1::text::regclass and a.attnum > 0 order by a.attnum",
            &[&table],
        )
        .await
        .unwrap();
    let parts: Vec<String> = sends
        .iter()
        .map(|r| {
            let (name, send): (String, String) = (r.get(0), r.get(1));
            format!("select id, '{name}' as name, encode({send}, 'hex') as sent, {name}::text as shown from {table}")
        })
        .collect();
    let all = format!(
        "select id || ' ' || name || ' ' || coalesce(sent || ' ' || shown, 'NULL') from ({}) x order by id, name",
        parts.join(" union all ")
    );
    client.query(&all, &[]).await.unwrap().iter().map(|r| r.get(0)).collect()
}

#[tokio::test]
async fn every_type_arrives_here_byte_for_byte() {
    let types: Vec<_> = TYPES.iter().chain(LOSSY).copied().collect();
    assert!(types.len() >= 60);
    let f = with_types("kinds", &types).await;
    f.master.batch_execute(&rows("kinds", &types, 1)).await.unwrap();
    f.cycle().await;
    let theirs = bytes(&f.master, "kinds").await;
    assert_eq!(bytes(&f.replica, "kinds").await, theirs);
    // Another round of changes, and nothing differs afterwards.
    f.master.batch_execute("update kinds set c0 = not c0").await.unwrap();
    f.cycle().await;
    assert_eq!(bytes(&f.replica, "kinds").await, bytes(&f.master, "kinds").await);
    let pull = f.cycle().await.pull.unwrap();
    assert_eq!(pull.written(), 0);
}

#[tokio::test]
async fn every_type_is_sent_from_here_byte_for_byte() {
    let f = with_types("kinds", TYPES).await;
    f.replica.batch_execute(&rows("kinds", TYPES, 1)).await.unwrap();
    let queue =
        "insert into pending_sync (table_name, operation, data) select 'kinds', '$op', to_jsonb(k) from kinds k";
    f.replica.batch_execute(&queue.replace("$op", "INSERT")).await.unwrap();
    let ours = bytes(&f.replica, "kinds").await;
    let report = f.cycle().await;
    let errors = text(&f.replica, "select string_agg(error, E'\\n') from pending_sync").await;
    assert_eq!(report.push.unwrap().applied, 6, "{errors}");
    assert_eq!(bytes(&f.master, "kinds").await, ours);
    assert_eq!(bytes(&f.replica, "kinds").await, ours);
    // Changed and sent again: the differences against the base are found in every type.
    f.replica.batch_execute("update kinds set id = id, c0 = not c0, c11 = c11 || '!'").await.unwrap();
    f.replica.batch_execute(&queue.replace("$op", "UPDATE")).await.unwrap();
    let ours = bytes(&f.replica, "kinds").await;
    f.cycle().await;
    assert_eq!(bytes(&f.master, "kinds").await, ours);
    assert_eq!(bytes(&f.replica, "kinds").await, ours);
    assert_eq!(count(&f.master, "robbie_sync.conflict").await, 0);
}

#[tokio::test]
async fn what_an_entry_cannot_carry_is_named_when_an_engine_starts() {
    let f = with_types("kinds", LOSSY).await;
    f.replica
        .batch_execute("create table numbered (id serial primary key, t text); select robbie_sync.watch('numbered')")
        .await
        .unwrap();
    let begins = |warnings: &[String], place: &str| warnings.iter().filter(|w| w.starts_with(place)).count();
    let quiet = f.cycle().await.warnings;
    assert_eq!(begins(&quiet, "kinds."), 0, "{quiet:?}");
    assert_eq!(begins(&quiet, "numbered.id is a key drawn from a sequence"), 1, "{quiet:?}");
    f.master.batch_execute(&rows("kinds", LOSSY, 1)).await.unwrap();
    f.cycle().await;
    let named = f.cycle().await.warnings;
    for place in
        ["kinds.c0 holds a JSON null", "kinds.c1 holds an array", "kinds.c2 holds a JSON null", "kinds.c2 holds json"]
    {
        assert_eq!(begins(&named, place), 1, "{place}: {named:?}");
    }
}

#[tokio::test]
async fn an_entry_that_would_make_a_json_null_null_waits_and_says_so_and_others_go() {
    let f = Fixture::new().await;
    for (client, sync) in [(&f.master, "capture"), (&f.replica, "watch")] {
        client
            .batch_execute(&format!(
                "create table kinds (id integer primary key, a jsonb, \"B c\" json, t text); select robbie_sync.{sync}('kinds')"
            ))
            .await
            .unwrap();
    }
    f.master.batch_execute("insert into kinds values (1, 'null', null, 'both have it')").await.unwrap();
    f.cycle().await;
    f.replica
        .batch_execute(
            "update kinds set t = 'edited';
             insert into kinds values (2, 'null', '1', 'jsonb'), (3, '1', ' null ', 'json'), (4, null, null, 'NULL'),
                 (5, '{\"a\": null, \"B c\": null}', '[null]', 'inside');
             insert into pending_sync (table_name, operation, data)
             select 'kinds', case when id = 1 then 'UPDATE' else 'INSERT' end, to_jsonb(k) from kinds k order by id",
        )
        .await
        .unwrap();
    f.queue("kinds", "UPDATE", r#"{"id":2,"t":"behind"}"#).await;
    let push = f.cycle().await.push.unwrap();
    assert_eq!((push.applied, push.blocked), (3, 3), "{push:?}");
    let noted = "select string_agg(concat_ws(' ', e.pk ->> 'id', e.state, e.verdict, e.object, e.blocked_on), E'\n' order by e.seq)
                 from robbie_sync.entry e where e.state <> 'applied'";
    assert_eq!(
        text(&f.replica, noted).await,
        "2 blocked schema_mismatch kinds.a json null\n3 blocked schema_mismatch kinds.B c json null\n2 blocked waits_for_chain kinds chain"
    );
    let error = text(&f.replica, "select error from pending_sync where data ->> 't' = 'jsonb'").await;
    assert!(error.starts_with("kinds.a holds a JSON null here") && error.contains("replay"), "{error}");
    // What both have stays what it is, on both sides.
    for client in [&f.master, &f.replica] {
        let all = "select string_agg(concat_ws(' ', id, coalesce(a::text, 'NULL'), coalesce(\"B c\"::text, 'NULL'), t), '; ' order by id)
                   from kinds where id not in (2, 3)";
        assert_eq!(
            text(client, all).await,
            r#"1 null NULL edited; 4 NULL NULL NULL; 5 {"a": null, "B c": null} [null] inside"#
        );
    }
    // A person writes something that can be said, or has NULL sent.
    f.replica
        .batch_execute(
            "update kinds set a = '[]' where id = 2; update pending_sync set data = data || '{\"a\": []}' where data ->> 't' = 'jsonb'",
        )
        .await
        .unwrap();
    f.replica.batch_execute("update robbie_sync.entry set next_attempt_at = now()").await.unwrap();
    f.cycle().await;
    assert_eq!(text(&f.master, "select concat_ws(' ', a, t) from kinds where id = 2").await, "[] behind");
    let third = f.replica.query_one("select id from pending_sync where data ->> 't' = 'json'", &[]).await.unwrap();
    sync::replay(
        &f.pair,
        &[third.get(0)],
        sync::ReplayOptions { mode: sync::Mode::Apply, actor: "test".into(), reason: None, force: false },
    )
    .await
    .unwrap();
    assert_eq!(text(&f.master, "select \"B c\" is null from kinds where id = 3").await, "true");
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 0);
}
