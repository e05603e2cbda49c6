//! Every SQLSTATE that QUEUE.md lists, as the server really says it: told of an entry that the engine pushed (*proven*), and of the
//! same words in a stored error without a code (*inferred*). What is about the server and blames no entry is provoked in sessions.

use super::*;
use crate::sync::fixture::{Fixture, count};
use robbie_console::embedded::{self, Cluster, Options};
use robbie_console::postgres::Fault;
use robbie_console::queue::diagnosis::{CODES, Diagnosis, Fix};

/// What is told of a failure: code, object, what to do.
type Told = (String, String, Fix);

fn told(found: &Diagnosis) -> Told {
    (found.sqlstate.clone().unwrap_or_default(), found.object.clone().unwrap_or_default(), found.fix)
}

/// Code; payload of an INSERT into `t`; the object when proven; the object when inferred; what to do.
const CASES: &[(&str, &str, &str, &str, Fix)] = &[
    ("22001", r#""name": "too long""#, "t.name", "character varying(5)", Fix::Edit),
    ("22003", r#""s": 99999"#, "t.s", "smallint", Fix::Edit),
    ("22007", r#""d": "soon""#, "t.d", "timestamp with time zone", Fix::Edit),
    ("22008", r#""d": "2026-02-31""#, "t.d", "", Fix::Edit),
    ("22021", r#""act": "select convert_from('\\xff', 'UTF8')""#, "t", "UTF8", Fix::Edit),
    ("22P02", r#""u": "abc""#, "t.u", "uuid", Fix::Edit),
    ("22P02", r#""m": "sad""#, "t.m", "mood", Fix::Edit),
    ("22P05", r#""act": "select '{\"a\":\"\\u0000\"}'::json ->> 'a'""#, "t", "", Fix::Edit),
    ("23502", r#""needed": null"#, "t.needed", "t.needed", Fix::Edit),
    ("23503", r#""p": 9"#, "t.t_p_fkey", "", Fix::QueueParent),
    ("23505", r#""n": 1"#, "t.t_n_key", "t_n_key", Fix::Choose),
    ("23514", r#""c": -1"#, "t.t_c_check", "t_c_check", Fix::Edit),
    ("23P01", r#""x": "[2,4)""#, "t.t_x_excl", "t_x_excl", Fix::Choose),
    ("42601", r#""act": "insert int t""#, "t", "int", Fix::Edit),
    ("42703", r#""colour": 1"#, "t.colour", "t.colour", Fix::Migrate),
    ("42804", r#""act": "insert into other (n) values ('2026-01-01'::date)""#, "t", "t.n", Fix::Migrate),
    ("42P01", r#""act": "select * from nowhere""#, "t", "nowhere", Fix::Migrate),
    ("42P10", r#""act": "insert into other (n) values (1) on conflict (n) do nothing""#, "t", "", Fix::Migrate),
    (
        "54000",
        r#""act": "insert into other (b) select string_agg(md5(n::text), '') from generate_series(1, 200) n""#,
        "other.other_b_idx",
        "other_b_idx",
        Fix::Edit,
    ),
    ("57014", r#""act": "select pg_cancel_backend(pg_backend_pid()), pg_sleep(9)""#, "t", "", Fix::Wait),
];

const TABLES: &str = "
create type mood as enum ('friendly');
create table parent (id int primary key);
create table t (id uuid primary key, name varchar(5) not null default '', n int unique, s smallint, d timestamptz, u uuid, m mood,
  p int references parent, c int check (c > 0), x int4range, needed text not null default '', act text, exclude using gist (x with &&));
create table other (n int, b text);
create index on other (b);";

/// The stored error as a worker that writes no code stores it.
fn words(error: &str) -> String {
    let words = error.split_once("] ").map_or(error, |(_, words)| words);
    words.replace(" — ", "\nDETAIL:  ")
}

#[tokio::test]
async fn what_an_entry_met_is_proven_and_its_bare_words_are_inferred() {
    let f = Fixture::new().await;
    f.master.batch_execute(TABLES).await.unwrap();
    f.master
        .batch_execute(
            "create function act() returns trigger language plpgsql as $$ begin
               if new.act is not null then execute new.act; end if; return new; end $$;
             create trigger act before insert on t for each row execute function act();
             select robbie_sync.capture('t'), robbie_sync.capture('parent');
             insert into parent values (1);
             insert into t (id, n, p, x) values ('11111111-1111-4111-8111-111111111111', 1, 1, '[1,3]')",
        )
        .await
        .unwrap();
    f.replica.batch_execute(TABLES).await.unwrap();
    f.replica.batch_execute("select robbie_sync.watch('t'), robbie_sync.watch('parent')").await.unwrap();
    f.master.batch_execute("insert into parent values (2)").await.unwrap();
    f.cycle().await;
    // A child that this side does not know yet keeps the parent from going.
    f.master.batch_execute("insert into t (id, p) values (gen_random_uuid(), 2)").await.unwrap();
    f.replica.batch_execute("delete from parent where id = 2").await.unwrap();
    let mut entries = Vec::new();
    for (code, payload, proven, inferred, fix) in CASES {
        let data = format!(r#"{{"id": "{}", {payload}}}"#, Uuid::new_v4());
        entries.push((f.queue("t", "INSERT", &data).await, "t", (*code, *proven, *inferred, *fix)));
    }
    let delete = f.queue("parent", "DELETE", r#"{"id": 2}"#).await;
    entries.push((delete, "parent", ("23503", "t.t_p_fkey", "parent.id", Fix::Choose)));
    let unknown = f.queue("nowhere", "INSERT", r#"{"id": 1}"#).await;
    entries.push((unknown, "nowhere", ("42P01", "nowhere", "nowhere", Fix::Migrate)));
    f.cycle().await;

    let shape = Shape::read(&f.replica).await.unwrap();
    let (_other, bare, bare_shape) = deployed("select 1").await;
    let mut wrong = Vec::new();
    for (id, table, (code, proven, inferred, fix)) in entries {
        let seen = detail::read(&f.replica, &shape, id).await.unwrap().unwrap();
        let error = seen.error_text.clone().unwrap_or_default();
        let found = diagnosis::diagnose(&seen.evidence()).unwrap_or_else(|| panic!("{code}: {seen:?}"));
        let wanted = (code.to_owned(), proven.to_owned(), fix);
        if told(&found) != wanted || found.proof != Proof::Proven || found.remedy.contains('{') {
            wrong.push(format!("proven {wanted:?}, but {:?} {:?}: {error}", told(&found), found.proof));
        }
        let stored: Uuid = bare
            .query_one(
                "insert into pending_sync (table_name, operation, data, error) values ($1::text, 'INSERT', '{}', $2) returning id",
                &[&table, &words(&error)],
            )
            .await
            .unwrap()
            .get(0);
        let seen = detail::read(&bare, &bare_shape, stored).await.unwrap().unwrap();
        let found = diagnosis::diagnose(&seen.evidence()).unwrap();
        let wanted = (code.to_owned(), inferred.to_owned(), fix);
        if told(&found) != wanted || found.proof != Proof::Inferred {
            wrong.push(format!("inferred {wanted:?}, but {:?} {:?}: {}", told(&found), found.proof, words(&error)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A failure of a session: what the server said, as a fault and as a stored text.
fn is_told(error: &tokio_postgres::Error, code: &str, object: Option<&str>, fix: Fix) {
    let said = error.as_db_error().unwrap_or_else(|| panic!("{code}: {error:?}"));
    assert_eq!(said.code().code(), code, "{said}");
    let text = format!("{}\n{}", said.message(), said.detail().map(|d| format!("DETAIL:  {d}")).unwrap_or_default());
    told_of(code, &text, object, fix);
}

fn told_of(code: &str, text: &str, object: Option<&str>, fix: Fix) {
    let evidence = diagnosis::Evidence {
        table: "t",
        operation: "INSERT",
        state: State::Failed,
        verdict: None,
        sqlstate: None,
        object: None,
        blocked_on: None,
        text,
        live: false,
        synced: false,
    };
    let inferred = diagnosis::diagnose(&evidence).unwrap();
    assert_eq!(
        (inferred.sqlstate.as_deref(), inferred.object.as_deref(), inferred.fix),
        (Some(code), object, fix),
        "{text}"
    );
    assert_eq!(inferred.proof, Proof::Inferred);
    let live = diagnosis::of_outcome(inferred.verdict, Some(code), object, text).unwrap();
    assert_eq!((live.proof, live.fix, live.verdict), (Proof::Proven, fix, Verdict::Fault), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sessions_meet_is_told_and_blames_no_entry() {
    let f = Fixture::new().await;
    f.master
        .batch_execute("create table t (id int primary key, v int); insert into t values (1, 0), (2, 0)")
        .await
        .unwrap();
    let root = support::connect(&f.test.superuser(Side::Master)).await;
    let other = support::connect(&f.test.master).await;
    let name = f.test.master.database().to_owned();
    let refused = async |change: &dyn Fn(&mut tokio_postgres::Config)| {
        let mut config = f.test.master.config.clone();
        change(&mut config);
        config.connect(tokio_postgres::NoTls).await.err().unwrap()
    };

    // Logging in.
    let user = f.test.master.config.get_user().unwrap().to_owned();
    is_told(
        &refused(&|c| {
            c.password("wrong");
        })
        .await,
        "28P01",
        Some(&user),
        Fix::Server,
    );
    is_told(
        &refused(&|c| {
            c.dbname("no such");
        })
        .await,
        "3D000",
        Some("no such"),
        Fix::Server,
    );
    root.batch_execute(&format!("alter database {name} connection limit 1")).await.unwrap();
    is_told(&refused(&|_| ()).await, "53300", None, Fix::Wait);
    let pushed = f.conversation(Uuid::new_v4(), "waits").await;
    let report = robbie_console::sync::cycle(&f.pair, robbie_console::sync::CycleOptions::default()).await;
    let said = report.map_or_else(|fault| fault.told(), |report| report.faults.join("; "));
    assert!(said.contains("[53300]"), "{said}");
    assert_eq!(count(&f.replica, "robbie_sync.entry where attempts > 0 or sqlstate is not null").await, 0);
    root.batch_execute(&format!("alter database {name} connection limit -1")).await.unwrap();
    f.cycle().await;
    assert_eq!(f.note(pushed).await, "applied insert");

    // A device that is full.
    let full = "copy (select repeat('x', 1000000)) to '/dev/full'";
    is_told(&root.batch_execute(full).await.unwrap_err(), "53100", None, Fix::Server);

    // Rights, and a server that only reads.
    f.master.batch_execute("revoke all on t from public, current_user").await.unwrap();
    is_told(&f.master.batch_execute("insert into t values (3)").await.unwrap_err(), "42501", Some("t"), Fix::Grant);
    f.master.batch_execute("grant all on t to current_user; set default_transaction_read_only = on").await.unwrap();
    is_told(
        &f.master.batch_execute("insert into t values (3)").await.unwrap_err(),
        "25006",
        Some("INSERT"),
        Fix::Server,
    );
    f.master.batch_execute("set default_transaction_read_only = off").await.unwrap();

    // Two sessions in each other's way.
    f.master.batch_execute("begin; update t set v = 1 where id = 1").await.unwrap();
    other.batch_execute("set lock_timeout = '20ms'").await.unwrap();
    is_told(&other.batch_execute("update t set v = 2 where id = 1").await.unwrap_err(), "55P03", None, Fix::Wait);
    other.batch_execute("set lock_timeout = 0").await.unwrap();
    other.batch_execute("begin isolation level repeatable read; select * from t").await.unwrap();
    f.master.batch_execute("commit").await.unwrap();
    is_told(&other.batch_execute("update t set v = 2 where id = 1").await.unwrap_err(), "40001", None, Fix::Wait);
    other.batch_execute("rollback; begin; update t set v = 2 where id = 2").await.unwrap();
    f.master.batch_execute("begin; update t set v = 1 where id = 1").await.unwrap();
    let (one, two) = tokio::join!(
        f.master.batch_execute("update t set v = 1 where id = 2"),
        other.batch_execute("update t set v = 2 where id = 1")
    );
    is_told(&one.err().or(two.err()).expect("a deadlock"), "40P01", None, Fix::Wait);
    let _ = (f.master.batch_execute("rollback").await, other.batch_execute("rollback").await);

    // The session ends.
    let ended = other.batch_execute("select pg_terminate_backend(pg_backend_pid()), pg_sleep(9)").await.unwrap_err();
    if ended.as_db_error().is_some() {
        is_told(&ended, "57P01", None, Fix::Wait);
    }
    let fault = Fault::from_postgres(ended, Side::Master);
    assert!(fault.remedy.is_some(), "{fault:?}");
    // Nobody listens.
    let (proxy, mut target) = f.test.behind_proxy(Side::Master).await;
    drop(proxy);
    target.config.connect_timeout(std::time::Duration::from_secs(2));
    let gone = target.config.connect(tokio_postgres::NoTls).await.err().unwrap();
    let causes = format!("{gone}: {}", std::error::Error::source(&gone).map(ToString::to_string).unwrap_or_default());
    let code = diagnosis::recognise(&causes).unwrap_or_else(|| panic!("{causes}"));
    assert!(code.starts_with("08"), "{causes}");
    told_of(&code, &causes, None, Fix::Wait);
}

/// A server that is being shut down lets its sessions end, and takes no new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_one_in_is_told_and_blames_no_entry() {
    let folder = support::folder();
    let home = support::home_in(folder.path());
    let options = Options { fsync: false, watchdog: Some(support::robbie().into()), ..Options::default() };
    let servers = embedded::start(home, options, Arc::new(embedded::progress::silent)).await.unwrap();
    let f = Fixture::with(support::pair_on(&servers).await).await;
    let entry = f.conversation(Uuid::new_v4(), "waits").await;
    let server = Cluster::of(servers.home(), Side::Master).running().unwrap().pid;
    let ended = std::process::Command::new("kill").args(["-TERM", &server.to_string()]).status().unwrap();
    assert!(ended.success());
    let since = std::time::Instant::now();
    let refused = loop {
        match f.test.master.config.connect(tokio_postgres::NoTls).await {
            Ok(_) => assert!(since.elapsed() < std::time::Duration::from_secs(20), "it still takes sessions"),
            Err(refused) => break refused,
        }
    };
    is_told(&refused, "57P03", None, Fix::Wait);
    let fault = Fault::from_postgres(refused, Side::Master);
    assert!(fault.remedy.is_some(), "{fault:?}");
    let report = robbie_console::sync::cycle(&f.pair, robbie_console::sync::CycleOptions::default()).await;
    let said = report.map_or_else(|fault| fault.told(), |report| report.faults.join("; "));
    assert!(said.contains("[57P03]"), "{said}");
    assert_eq!(f.note(entry).await, "ready");
}

#[test]
fn no_listed_code_is_left_out() {
    let sessions =
        ["25006", "28P01", "3D000", "40001", "40P01", "42501", "53100", "53300", "55P03", "57P01", "57P03", "08"];
    let listed = [
        "22001", "22003", "22007", "22008", "22021", "22P02", "22P05", "23502", "23503", "23505", "23514", "23P01",
        "25006", "28P01", "3D000", "40001", "40P01", "42501", "42601", "42703", "42804", "42P01", "42P10", "53100",
        "53300", "54000", "55P03", "57014", "57P01", "57P03", "08",
    ];
    for code in listed {
        assert!(CODES.contains(&code), "{code} has no rule");
        assert!(sessions.contains(&code) || CASES.iter().any(|case| case.0 == code), "{code} is not provoked");
    }
}
