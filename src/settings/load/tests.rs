//! What wins over what.

use super::*;
use rstest::rstest;
use std::path::Path;

const CONFIG: &str = r#"
theme = "robbie-light"
interval = 45
[profiles.home]
master = "postgres://m.home/aurora"
replicas = { laptop = "postgres:///robbie", town = { url = "postgres://t/robbie", password_command = "pass town" } }
protected = true
theme = "high-contrast"
interval = "2m"
"#;

fn load(flags: &Choices, environment: &[(&str, &str)], config: &str) -> Result<Settings, Problem> {
    let environment: Environment = environment.iter().copied().collect();
    let file = File::parse(Path::new("config.toml"), config)?;
    Settings::from_parts(flags, environment, Home::under("/r"), file)
}

fn flags(master: Option<&str>, replicas: &[&str], profile: Option<&str>) -> Choices {
    Choices {
        master: master.map(Into::into),
        replicas: replicas.iter().map(|r| (*r).into()).collect(),
        profile: profile.map(ToOwned::to_owned),
        ..Choices::default()
    }
}

fn dsn(place: &Place) -> &str {
    match place {
        Place::Embedded => "embedded",
        Place::Unnamed => "unnamed",
        Place::Server { dsn, .. } => dsn.expose_secret(),
    }
}

fn places(settings: &Settings) -> (String, Vec<String>) {
    let replicas = settings.replicas.iter().map(|r| format!("{}={}", r.name, dsn(&r.place))).collect();
    (dsn(&settings.master).to_owned(), replicas)
}

#[test]
fn with_nothing_chosen_it_is_the_embedded_pair() {
    let settings = load(&Choices::default(), &[], "").unwrap();
    assert_eq!(places(&settings), ("embedded".into(), vec!["replica=embedded".into()]));
    assert_eq!(settings.master.origin, Origin::Default);
    assert_eq!(settings.theme.value, "robbie-dark");
    assert_eq!(settings.interval.value, Duration::from_secs(30));
    assert!(settings.sync_enabled.value && settings.mouse.value && settings.color.value);
    assert!(!settings.read_only.value && !settings.protected.value);
}

#[test]
fn a_profile_is_used_when_asked_for() {
    let settings = load(&flags(None, &[], Some("home")), &[], CONFIG).unwrap();
    let (master, replicas) = places(&settings);
    assert_eq!(master, "postgres://m.home/aurora");
    assert_eq!(replicas, ["laptop=postgres:///robbie", "town=postgres://t/robbie"]);
    let Place::Server { password_command, .. } = &settings.replicas[1].place.value else { panic!() };
    assert_eq!(password_command.as_ref().map(ExposeSecret::expose_secret), Some("pass town"));
    assert_eq!(settings.master.origin.to_string(), "config.toml:5");
    assert!(settings.protected.value);
    assert_eq!((settings.theme.as_str(), settings.interval.value), ("high-contrast", Duration::from_mins(2)));
}

#[test]
fn without_a_profile_only_the_general_part_holds() {
    let settings = load(&Choices::default(), &[], CONFIG).unwrap();
    assert_eq!(places(&settings).0, "embedded");
    assert_eq!((settings.theme.as_str(), settings.interval.value), ("robbie-light", Duration::from_secs(45)));
}

#[test]
fn the_default_profile_may_be_named_in_the_file_or_the_environment() {
    let config = format!("profile = \"home\"\n{CONFIG}");
    assert_eq!(places(&load(&Choices::default(), &[], &config).unwrap()).0, "postgres://m.home/aurora");
    let settings = load(&Choices::default(), &[("ROBBIE_PROFILE", "home")], CONFIG).unwrap();
    assert_eq!(settings.profile.unwrap().origin, Origin::Environment("ROBBIE_PROFILE"));
}

#[test]
fn flags_go_over_the_environment_and_that_over_the_file() {
    let config = format!("profile = \"home\"\n{CONFIG}");
    let variables = [("MASTER_DB_HOST", "m.env"), ("LOCAL_DB_HOST", "l.env"), ("SYNC_INTERVAL_SECONDS", "10")];
    let settings = load(&Choices::default(), &variables, &config).unwrap();
    assert!(dsn(&settings.master).contains("m.env"));
    assert_eq!(settings.interval.value, Duration::from_secs(10));
    let settings = load(&flags(Some("postgres://m.flag"), &["postgres://r.flag"], None), &variables, &config).unwrap();
    assert_eq!(places(&settings), ("postgres://m.flag".into(), vec!["replica=postgres://r.flag".into()]));
}

#[test]
fn a_profile_asked_for_by_flag_goes_over_the_environment() {
    let variables = [("MASTER_DB_HOST", "m.env"), ("LOCAL_DB_HOST", "l.env"), ("SYNC_INTERVAL_SECONDS", "10")];
    let settings = load(&flags(None, &[], Some("home")), &variables, CONFIG).unwrap();
    assert_eq!(dsn(&settings.master), "postgres://m.home/aurora");
    assert_eq!(settings.replicas.len(), 2);
    assert_eq!(settings.interval.value, Duration::from_mins(2));
}

#[test]
fn the_deployed_variables_have_the_deployed_defaults() {
    let settings =
        load(&Choices::default(), &[("MASTER_DB_HOST", "m"), ("MASTER_DB_PASSWORD", r"it's \")], "").unwrap();
    let (master, replicas) = places(&settings);
    assert_eq!(master, r"host='m' port='25432' dbname='aurora_unified' user='aurora_app' password='it\'s \\'");
    assert_eq!(replicas, ["local=host='localhost' port='5432' dbname='robbieverse' user='robbie'"]);
    assert_eq!(settings.master.origin, Origin::Environment("MASTER_DB_HOST"));
}

#[rstest]
#[case("require", "sslmode='require'")]
#[case("true", "sslmode='require'")]
#[case("false", "sslmode='disable'")]
#[case("verify-full", "sslmode='verify-full'")]
fn the_deployed_tls_variable(#[case] value: &str, #[case] part: &str) {
    let settings = load(&Choices::default(), &[("MASTER_DB_HOST", "m"), ("MASTER_DB_SSL", value)], "").unwrap();
    assert!(dsn(&settings.master).ends_with(part));
}

#[rstest]
#[case(&[("MASTER_DB_PASSWORD", "s3cret")], "MASTER_DB_HOST is not")]
#[case(&[("MASTER_DB_HOST", "m"), ("MASTER_DB_PORT", "many")], "MASTER_DB_PORT")]
#[case(&[("LOCAL_DB_PORT", "70000")], "LOCAL_DB_PORT")]
#[case(&[("SYNC_INTERVAL_SECONDS", "0")], "SYNC_INTERVAL_SECONDS")]
#[case(&[("SYNC_INTERVAL_SECONDS", "soon")], "SYNC_INTERVAL_SECONDS")]
#[case(&[("SYNC_ENABLED", "maybe")], "SYNC_ENABLED")]
#[case(&[("ROBBIE_PROFILE", "hom")], "no profile `hom`")]
fn wrong_variables_are_named(#[case] variables: &[(&str, &str)], #[case] said: &str) {
    let problem = load(&Choices::default(), variables, CONFIG).unwrap_err();
    assert!(problem.message.contains(said), "{problem}");
    assert!(!format!("{problem:?}").contains("s3cret"));
}

#[test]
fn half_a_pair_is_not_completed_with_the_demo() {
    let settings = load(&flags(Some("postgres://prod"), &[], None), &[], "").unwrap();
    assert_eq!(places(&settings).1, ["replica=unnamed"]);
    let settings = load(&Choices::default(), &[("LOCAL_DB_HOST", "l")], "").unwrap();
    assert_eq!(dsn(&settings.master), "unnamed");
    let settings = load(&flags(Some("postgres://prod"), &["embedded"], None), &[], "").unwrap();
    assert_eq!(places(&settings).1, ["replica=embedded"]);
}

#[test]
fn replicas_have_names_of_their_own() {
    let settings = load(
        &flags(Some("embedded"), &["laptop=postgres://a", "host=b dbname=c", "town=host=d", "x=embedded"], None),
        &[],
        "",
    )
    .unwrap();
    assert_eq!(places(&settings).1, ["laptop=postgres://a", "replica-2=host=b dbname=c", "town=host=d", "x=embedded"]);
    let twice = load(&flags(None, &["a=postgres://x", "a=postgres://y"], None), &[], "");
    assert!(twice.unwrap_err().message.contains("two replicas"));
}

#[test]
fn colours_and_read_only() {
    let plain = load(&Choices { read_only: true, ..Choices::default() }, &[("NO_COLOR", "1")], "").unwrap();
    assert!(plain.read_only.value && !plain.color.value);
    assert_eq!(plain.read_only.origin, Origin::Flag("--read-only"));
    assert_eq!(plain.color.origin, Origin::Environment("NO_COLOR"));
}

#[test]
fn no_secret_is_shown() {
    let choices = flags(Some("postgres://u:s3cret@h"), &["a=postgres://u:s3cret@h"], Some("p"));
    let config = "[profiles.p]\nmaster = { url = \"postgres://u:s3cret@h\", password_command = \"echo s3cret\" }";
    let environment = [("LOCAL_DB_PASSWORD", "s3cret"), ("PGPASSWORD", "s3cret")];
    assert!(!format!("{choices:?}").contains("s3cret"));
    let settings = load(&choices, &environment, config).unwrap();
    assert!(!format!("{settings:?}").contains("s3cret"));
    let settings = load(&flags(None, &[], Some("p")), &environment, config).unwrap();
    assert!(!format!("{settings:?}").contains("s3cret"));
}
