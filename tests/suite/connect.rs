//! Getting in, being refused, being lost and coming back.

use crate::support;
use robbie_console::postgres::{Kind, Link, LinkStatus, Session};
use std::time::Duration;

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
    assert_eq!(of(&shared).await, "robbie console | UTC | ISO, MDY | postgres | 1 | hex | 5s | 30s");
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
