//! What may stand in the file, and what is said about what may not.

use super::*;
use rstest::rstest;

fn parse(text: &str) -> Result<File, Problem> {
    File::parse(Path::new("config.toml"), text)
}

#[rstest]
#[case("theem = \"x\"", 1, "`theem`", "did you mean `theme`?")]
#[case("\n\n[profiles.a]\nreadonly = true", 4, "`readonly`", "did you mean `read_only`?")]
#[case("[profiles.a]\nmaster = { ulr = \"postgres://h\" }", 2, "`ulr`", "did you mean `url`?")]
#[case("profile = \"hme\"\n[profiles.home]", 1, "no profile `hme`", "did you mean `home`?")]
#[case("colour = 1", 1, "`colour`", "here may stand")]
fn unknown_names(#[case] text: &str, #[case] line: usize, #[case] said: &str, #[case] remedy: &str) {
    let problem = parse(text).unwrap_err();
    assert_eq!(problem.place, Some((PathBuf::from("config.toml"), line)));
    assert!(problem.message.contains(said), "{problem}");
    assert!(problem.remedy.as_deref().unwrap().contains(remedy), "{:?}", problem.remedy);
}

#[rstest]
#[case("theme = 3", 1, "`theme` must be a string")]
#[case("mouse = \"yes\"", 1, "`mouse` must be true or false")]
#[case("\ninterval = \"soon\"", 2, "`interval` must be a time")]
#[case("keep = \"5h\"", 1, "`keep` must be a time of at least one day")]
#[case("interval = 0", 1, "`interval` must be a time")]
#[case("log_level = \"loud\"", 1, "`log_level` must be off")]
#[case("profiles = 1", 1, "`profiles` must be a table")]
#[case("[profiles.a]\nmaster = 5", 2, "`master` must be a URL")]
#[case("[profiles.a]\nmaster = {}", 2, "`master` must be a table with a `url`")]
#[case("[keys]\nquit = 3", 2, "`quit` must be a key")]
#[case("theme = ", 1, "")]
fn wrong_values(#[case] text: &str, #[case] line: usize, #[case] said: &str) {
    let problem = parse(text).unwrap_err();
    assert_eq!(problem.place, Some((PathBuf::from("config.toml"), line)), "{problem}");
    assert!(problem.message.contains(said), "{problem}");
}

#[rstest]
#[case("30", Some(30_000))]
#[case("30s", Some(30_000))]
#[case("5 m", Some(300_000))]
#[case("1h", Some(3_600_000))]
#[case("250ms", Some(250))]
#[case("0", None)]
#[case("-5", None)]
#[case("5 parsecs", None)]
#[case("99999999999999999999", None)]
fn durations(#[case] text: &str, #[case] millis: Option<u64>) {
    assert_eq!(duration(text), millis.map(Duration::from_millis));
}

#[test]
fn keys_are_taken_as_written() {
    let file = parse("[keys]\nquit = \"ctrl-q\"\nqueue = { replay = [\"r\", \"f5\"] }").unwrap();
    assert_eq!(file.general.keys["quit"].as_str(), Some("ctrl-q"));
    assert_eq!(file.general.keys["queue"]["replay"][1].as_str(), Some("f5"));
}

#[test]
fn a_missing_file_is_empty_unless_it_was_named() {
    let none = Path::new("/nonexistent/config.toml");
    assert!(File::read(none, false).unwrap().profiles.is_empty());
    assert!(File::read(none, true).unwrap_err().message.contains("/nonexistent/config.toml"));
}
