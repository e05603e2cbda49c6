//! Getting in, being refused, being lost and coming back.

mod commands;
mod proxy;
mod tls;

use crate::support;
use proxy::Proxy;
use robbie_console::postgres::{Fault, Kind, Link, LinkStatus, Session, Side, Target};
use robbie_console::settings::Environment;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_session_is_named_and_alike() {
    let pair = support::bare_pair().await;
    let link = Link::new(pair.replica.clone());
    let own = link
        .dedicated_with(&Session::new("testing").limits(Duration::from_millis(500), Duration::from_secs(7)))
        .await
        .unwrap();
    let shared = link.session().await.unwrap();
    let settings = "select concat_ws(' | ', current_setting('application_name'), current_setting('TimeZone'), \
        current_setting('DateStyle'), current_setting('IntervalStyle'), current_setting('extra_float_digits'), \
        current_setting('bytea_output'), current_setting('lock_timeout'), current_setting('statement_timeout'))";
    let of = async |client: &tokio_postgres::Client| client.query_one(settings, &[]).await.unwrap().get::<_, String>(0);
    assert_eq!(of(&own).await, "robbie testing | UTC | ISO, MDY | postgres | 1 | hex | 500ms | 7s");
    assert_eq!(of(&shared).await, "robbie shared | UTC | ISO, MDY | postgres | 1 | hex | 5s | 30s");
    let LinkStatus::Up { version, tls, role, in_recovery, read_only, .. } = link.status().borrow().clone() else {
        panic!("not up")
    };
    assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{version}");
    assert!(!tls && !in_recovery && !read_only);
    assert_eq!(Some(role.as_str()), pair.replica.config.get_user());
    let latency = link.probe().await.unwrap();
    assert!(latency < Duration::from_secs(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_and_a_wrong_database_are_refused_by_name() {
    let pair = support::bare_pair().await;
    let mut wrong = pair.master.clone();
    wrong.config.password("not this one");
    let link = Link::new(wrong);
    let fault = link.session().await.unwrap_err();
    assert_eq!((fault.kind, fault.sqlstate.as_deref()), (Kind::Refused, Some("28P01")));
    assert!(fault.remedy.as_deref().unwrap().contains("password"));
    assert!(!format!("{fault:?}").contains("not this one"));
    let LinkStatus::Down { kind, remedy, .. } = link.status().borrow().clone() else { panic!("not down") };
    assert_eq!(kind, Kind::Refused);
    assert!(remedy.is_some());

    let mut nowhere = pair.master.clone();
    nowhere.config.dbname("no such database");
    let fault = Link::new(nowhere).session().await.unwrap_err();
    assert_eq!((fault.kind, fault.sqlstate.as_deref()), (Kind::Refused, Some("3D000")));
    assert_eq!(fault.object.as_deref().map(|o| o.contains("no such database")), Some(true), "{fault:?}");
}

fn target(dsn: &str) -> Target {
    Target::from_dsn(Side::Master, "master", dsn, &Environment::default()).unwrap()
}

/// Waits, with patience for a busy machine, until the link is as wanted.
async fn until(link: &Link, wanted: impl Fn(&LinkStatus) -> bool) -> LinkStatus {
    let mut status = link.status();
    let waited = tokio::time::timeout(Duration::from_secs(30), status.wait_for(|s| wanted(s))).await;
    waited.unwrap_or_else(|_| panic!("still {:?}", link.status().borrow())).unwrap().clone()
}

async fn backend(link: &Link) -> Result<i32, Fault> {
    let client = link.session().await?;
    let row = client.query_one("select pg_backend_pid()", &[]).await;
    row.map(|row| row.get(0)).map_err(|e| Fault::from_postgres(e, link.side()))
}

#[tokio::test]
async fn where_nothing_listens_it_is_said_at_once() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let asked = Instant::now();
    let fault = Link::new(target(&format!("host=127.0.0.1 port={port} user=u"))).session().await.unwrap_err();
    assert_eq!((fault.kind, fault.side), (Kind::Unreachable, Some(Side::Master)));
    assert_eq!(fault.object, Some(format!("127.0.0.1:{port}")));
    assert!(fault.message.contains("refused") && fault.remedy.is_some(), "{fault:?}");
    let fault = Link::new(target("host=/nonexistent port=5432 user=u")).session().await.unwrap_err();
    assert!(fault.message.contains("no such socket"), "{fault:?}");
    let fault = Link::new(target("host=no-such-host.invalid user=u")).session().await.unwrap_err();
    assert!(fault.message.contains("no-such-host.invalid"), "{fault:?}");
    assert!(asked.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_port_that_never_answers_is_named_as_silent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for mode in ["disable", "prefer", "require"] {
        let link = Link::new(target(&format!("host=127.0.0.1 port={port} user=u connect_timeout=1 sslmode={mode}")));
        let fault = link.session().await.unwrap_err();
        assert_eq!(fault.kind, Kind::Unreachable);
        assert!(fault.message.contains("said nothing"), "{mode}: {fault:?}");
        // Between two tries the fault is known and nobody waits for it again.
        let again = tokio::time::timeout(Duration::from_millis(500), link.dedicated("test")).await;
        assert!(again.unwrap().unwrap_err().message.contains("said nothing"));
    }
}

#[tokio::test]
async fn the_first_host_that_will_do_is_taken() {
    let pair = support::bare_pair().await;
    let proxy = Proxy::start(&pair.master, None).await;
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let one = proxy.target(&pair.master, "db.test", "");
    let both = |attributes: &str| {
        let password = String::from_utf8(one.config.get_password().unwrap().to_vec()).unwrap();
        let (user, database, port) = (one.config.get_user().unwrap(), one.database(), proxy.port);
        target(&format!(
            "host=127.0.0.1,127.0.0.1 port={dead},{port} user={user} dbname={database} password='{password}' {attributes}"
        ))
    };
    let link = Link::new(both("target_session_attrs=read-write"));
    link.session().await.unwrap();
    let LinkStatus::Up { host, .. } = link.status().borrow().clone() else { panic!("not up") };
    assert_eq!(host, format!("127.0.0.1:{}", proxy.port));
    Link::new(both("target_session_attrs=prefer-standby")).session().await.unwrap();
    let fault = Link::new(both("target_session_attrs=standby")).session().await.unwrap_err();
    assert_eq!(fault.kind, Kind::Unreachable);
    assert!(fault.message.contains("none of 2 hosts") && fault.message.contains("is a primary"), "{fault:?}");
}

#[tokio::test]
async fn an_ended_session_is_replaced_by_itself() {
    let pair = support::bare_pair().await;
    let link = Link::new(pair.replica.clone());
    let first = backend(&link).await.unwrap();
    let superuser = support::connect(&pair.superuser(Side::Replica)).await;
    superuser.execute("select pg_terminate_backend($1)", &[&first]).await.unwrap();
    // The loss may be over before anybody looks: what counts is the new session.
    let again = async {
        loop {
            match backend(&link).await {
                Ok(pid) if pid != first => return,
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), again).await.unwrap();
    assert!(link.status().borrow().is_up());
}

#[tokio::test]
async fn a_server_that_goes_and_returns_is_found_again() {
    let pair = support::bare_pair().await;
    let mut proxy = Proxy::start(&pair.master, None).await;
    let link = Link::new(proxy.target(&pair.master, "db.test", "sslmode=disable"));
    backend(&link).await.unwrap();
    proxy.stop().await;
    let refused = |s: &LinkStatus| matches!(s, LinkStatus::Down { reason, .. } if reason.contains("refused"));
    let LinkStatus::Down { since, .. } = until(&link, refused).await else { unreachable!() };
    assert_eq!(link.session().await.unwrap_err().kind, Kind::Unreachable);
    assert_eq!(link.dedicated("test").await.unwrap_err().kind, Kind::Unreachable);
    // It is down since it was lost, however often it has been tried since.
    let later =
        until(&link, |s| matches!(s, LinkStatus::Down { retry_at, .. } if *retry_at > since + Duration::from_secs(1)))
            .await;
    assert!(matches!(later, LinkStatus::Down { since: still, .. } if still == since));
    proxy.resume().await;
    link.retry_now();
    until(&link, LinkStatus::is_up).await;
    backend(&link).await.unwrap();
    link.dedicated("test").await.unwrap();
}

#[tokio::test]
async fn a_line_gone_silent_is_noticed_by_a_probe_and_frees_who_waits() {
    let pair = support::bare_pair().await;
    let proxy = Proxy::start(&pair.master, None).await;
    let link =
        std::sync::Arc::new(Link::new(proxy.target(&pair.master, "db.test", "sslmode=disable connect_timeout=1")));
    backend(&link).await.unwrap();
    proxy.go_silent(true);
    let waiting = backend(&link);
    let (asked, probed) = tokio::join!(waiting, link.probe());
    assert!(probed.unwrap_err().message.contains("has not answered"));
    assert_eq!(asked.unwrap_err().kind, Kind::Unreachable);
    until(&link, |s| matches!(s, LinkStatus::Down { reason, .. } if reason.contains("said nothing"))).await;
    proxy.go_silent(false);
    link.retry_now();
    until(&link, LinkStatus::is_up).await;
}

#[tokio::test]
async fn a_session_that_works_for_somebody_else_is_not_lost() {
    let pair = support::bare_pair().await;
    let link = Link::new(pair.replica.clone());
    let pid = backend(&link).await.unwrap();
    let client = link.session().await.unwrap();
    let (slept, probed) = tokio::join!(client.batch_execute("select pg_sleep(2.5)"), link.probe());
    slept.unwrap();
    assert!(probed.unwrap() >= Duration::from_secs(1));
    assert_eq!(backend(&link).await.unwrap(), pid);
}

#[tokio::test]
async fn a_read_only_session_writes_nothing() {
    let pair = support::bare_pair().await;
    let mut reader = pair.replica.clone();
    reader.read_only = true;
    let link = Link::new(reader);
    for client in [link.session().await.unwrap(), std::sync::Arc::new(link.dedicated("test").await.unwrap())] {
        let error = client.batch_execute("create table never (a int)").await.unwrap_err();
        let fault = Fault::from_postgres(error, Side::Replica);
        assert_eq!((fault.kind, fault.sqlstate.as_deref()), (Kind::Privilege, Some("25006")));
        assert!(fault.remedy.is_some());
    }
    assert!(matches!(&*link.status().borrow(), LinkStatus::Up { read_only: true, .. }));
}

#[tokio::test]
async fn notifications_arrive_and_end_with_their_receiver() {
    let pair = support::bare_pair().await;
    let link = Link::new(pair.replica.clone());
    let mut heard = link.listen(&["plain", "with \"quotes\""]).await.unwrap();
    let client = link.session().await.unwrap();
    client.batch_execute("notify plain, 'a'; notify \"with \"\"quotes\"\"\", 'b'").await.unwrap();
    let first = heard.recv().await.unwrap();
    assert_eq!((first.channel(), first.payload()), ("plain", "a"));
    assert_eq!(heard.recv().await.unwrap().payload(), "b");
    drop(heard);
    let listening = "select count(*) from pg_stat_activity where datname = current_database() \
        and application_name = 'robbie listen'";
    for _ in 0..200 {
        if client.query_one(listening, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the listening session stays");
}

#[tokio::test]
async fn a_statement_is_cancelled_on_the_server() {
    let pair = support::bare_pair().await;
    let link = Link::new(pair.replica.clone());
    let client = link.dedicated("test").await.unwrap();
    let token = CancellationToken::new();
    let sleep =
        async { client.batch_execute("select pg_sleep(25)").await.map_err(|e| Fault::from_postgres(e, Side::Replica)) };
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        token.cancel();
    };
    let (done, ()) = tokio::join!(link.with_cancel(&client, &token, sleep), cancel);
    assert_eq!(done.unwrap_err().sqlstate.as_deref(), Some("57014"));
    client.batch_execute("select 1").await.unwrap();
}

#[tokio::test]
async fn a_password_command_is_asked_once_and_again_when_refused() {
    let pair = support::bare_pair().await;
    let superuser = support::connect(&pair.superuser(Side::Replica)).await;
    let role = format!("asked_{}", uuid::Uuid::new_v4().simple());
    superuser.batch_execute(&format!("create role {role} login password 'first'")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (count, secret) = (folder.path().join("count"), folder.path().join("secret"));
    let times = || std::fs::read_to_string(&count).unwrap().lines().count();
    let tokio_postgres::config::Host::Unix(socket) = &pair.replica.config.get_hosts()[0] else { panic!() };
    let link = Link::new(target(&format!(
        "host={} port={} dbname={} user={role} password_command='echo x >> {} && cat {}'",
        socket.display(),
        pair.replica.config.get_ports()[0],
        pair.replica.database(),
        count.display(),
        secret.display()
    )));
    std::fs::write(&secret, "first\n").unwrap();
    link.session().await.unwrap();
    link.dedicated("test").await.unwrap();
    assert_eq!(times(), 1);
    superuser.batch_execute(&format!("alter role {role} password 'second'")).await.unwrap();
    std::fs::write(&secret, "second").unwrap();
    link.dedicated("test").await.unwrap();
    assert_eq!(times(), 2);
    std::fs::write(&secret, "stale").unwrap();
    superuser.batch_execute(&format!("alter role {role} password 'third'")).await.unwrap();
    let fault = link.dedicated("test").await.unwrap_err();
    assert_eq!(fault.sqlstate.as_deref(), Some("28P01"));
    assert!(!format!("{fault:?}").contains("stale"));
    drop(link);
    superuser.batch_execute(&format!("drop role {role}")).await.unwrap();
}
