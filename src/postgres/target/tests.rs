//! From a connection string to what will be done.

use super::*;
use rstest::rstest;

fn target(dsn: &str, environment: &[(&str, &str)]) -> Result<Target, Fault> {
    let environment: Environment =
        [("USER", "allan"), ("HOME", "/nonexistent")].iter().chain(environment).copied().collect();
    Target::from_dsn(Side::Master, "master", dsn, &environment)
}

#[rstest]
#[case("postgres://h/d", "h:5432")]
#[case("postgres://a:1,b:2/d", "a:1,b:2")]
#[case("postgres://a,b:7/d", "a:5432,b:7")]
#[case("postgres://[::1]:5433/d", "[::1]:5433")]
#[case("host=a,b port=9", "a:9,b:9")]
#[case("hostaddr=10.0.0.1", "10.0.0.1:5432")]
#[case("host=/run/pg port=5499", "/run/pg/.s.PGSQL.5499")]
fn addresses(#[case] dsn: &str, #[case] address: &str) {
    assert_eq!(target(dsn, &[]).unwrap().address(), address);
}

#[test]
fn user_and_database_have_libpqs_defaults() {
    let target_ = target("postgres://h", &[]).unwrap();
    let user = target_.config.get_user().unwrap();
    assert!(!user.is_empty());
    assert_eq!(target_.database(), user);
    let target_ = target("postgres://bob@h", &[("PGDATABASE", "robbie")]).unwrap();
    assert_eq!((target_.config.get_user(), target_.database()), (Some("bob"), "robbie"));
    assert_eq!(target_.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
}

#[test]
fn the_string_goes_over_the_environment() {
    let environment = [("PGHOST", "e"), ("PGPORT", "1"), ("PGUSER", "eve"), ("PGSSLMODE", "require")];
    let from = target("postgres://bob@h:2/d?sslmode=disable", &environment).unwrap();
    assert_eq!((from.address().as_str(), from.config.get_user()), ("h:2", Some("bob")));
    assert_eq!(from.access.tls.mode, TlsMode::Disable);
    let from = target("dbname=d", &environment).unwrap();
    assert_eq!((from.address().as_str(), from.config.get_user()), ("e:1", Some("eve")));
    assert_eq!(from.access.tls.mode, TlsMode::Require);
}

#[test]
fn where_the_password_comes_from() {
    let given = |dsn: &str, environment: &[(&str, &str)]| {
        let target = target(dsn, environment).unwrap();
        (target.config.get_password().map(<[u8]>::to_vec), target.access.password)
    };
    assert_eq!(
        given("postgres://u:a@h?password_command=b", &[("PGPASSWORD", "c")]),
        (Some(b"a".to_vec()), PasswordSource::None)
    );
    assert_eq!(
        given("postgres://u@h?password_command=b", &[("PGPASSWORD", "c")]),
        (None, PasswordSource::Command("b".into()))
    );
    assert_eq!(given("postgres://u@h", &[("PGPASSWORD", "c")]), (Some(b"c".to_vec()), PasswordSource::None));
    assert_eq!(given("postgres://u@h", &[]), (None, PasswordSource::File("/nonexistent/.pgpass".into())));
    assert_eq!(given("postgres://u@h", &[("PGPASSFILE", "/p")]), (None, PasswordSource::File("/p".into())));
}

#[rstest]
#[case("", TlsMode::Prefer, false)]
#[case("sslmode=disable", TlsMode::Disable, false)]
#[case("sslmode=allow", TlsMode::Allow, false)]
#[case("sslmode=require", TlsMode::Require, false)]
#[case("sslmode=require sslrootcert=/ca.pem", TlsMode::Require, true)]
#[case("sslmode=verify-ca sslrootcert=/ca.pem", TlsMode::VerifyCa, true)]
#[case("sslmode=verify-full", TlsMode::VerifyFull, true)]
#[case("sslmode=verify-full sslrootcert=system", TlsMode::VerifyFull, true)]
#[case("sslrootcert=system", TlsMode::VerifyFull, true)]
#[case("sslrootcert=/ca.pem", TlsMode::Prefer, false)]
fn tls_modes(#[case] rest: &str, #[case] mode: TlsMode, #[case] verifies: bool) {
    let target = target(&format!("host=h {rest}"), &[]).unwrap();
    assert_eq!((target.access.tls.mode, target.access.tls.verifies()), (mode, verifies));
}

#[rstest]
#[case("host=h sslmode=maybe")]
#[case("host=h sslmode=require sslrootcert=system")]
#[case("host=h sslmode=verify-ca")]
#[case("host=h sslnegotiation=direct")]
#[case("host=h sslnegotiation=sideways")]
#[case("host=h port=s3cret")]
#[case("host=h port=0x10")]
#[case("host=a,b,c port=1,2")]
#[case("host=a,b hostaddr=10.0.0.1")]
#[case("host=h hostaddr=here")]
#[case("host=h connect_timeout=soon")]
#[case("host=h target_session_attrs=fast")]
#[case("host=h channel_binding=maybe")]
fn wrong_values_are_settings_faults_that_do_not_repeat_them(#[case] dsn: &str) {
    let fault = target(dsn, &[]).unwrap_err();
    assert_eq!((fault.kind, fault.side), (Kind::Settings, Some(Side::Master)));
    assert!(!format!("{fault:?}").contains("s3cret"));
}

#[rstest]
#[case("any", SessionWanted::Any)]
#[case("read-write", SessionWanted::ReadWrite)]
#[case("read-only", SessionWanted::ReadOnly)]
#[case("primary", SessionWanted::Primary)]
#[case("standby", SessionWanted::Standby)]
#[case("prefer-standby", SessionWanted::PreferStandby)]
fn session_attributes(#[case] name: &str, #[case] wanted: SessionWanted) {
    let target = target(&format!("postgres://h?target_session_attrs={name}"), &[]).unwrap();
    assert_eq!(target.access.session, wanted);
    assert_eq!(wanted.name(), name);
}

#[test]
fn debug_shows_no_secret() {
    for dsn in ["postgres://u:s3cret@h", "host=h password_command='echo s3cret'"] {
        assert!(!format!("{:?}", target(dsn, &[]).unwrap()).contains("s3cret"));
    }
}

#[test]
fn a_socket_is_local() {
    assert!(target("host=/run/pg", &[]).unwrap().is_local());
    assert!(!target("host=/run/pg,h", &[]).unwrap().is_local());
}
