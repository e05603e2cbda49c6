//! `robbie schema` as a person or a script runs it: exit codes, documents, questions.

use super::support::{self, TestPair};
use robbie_console::postgres::Target;
use std::process::{Command, Output, Stdio};
use tokio_postgres::config::Host;

/// The connection string of a target.
fn dsn(target: &Target) -> String {
    let config = &target.config;
    let host = match &config.get_hosts()[0] {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    };
    let password = String::from_utf8(config.get_password().unwrap().to_vec()).unwrap();
    format!(
        "host={host} port={} user={} dbname={} password='{password}'",
        config.get_ports()[0],
        config.get_user().unwrap(),
        config.get_dbname().unwrap(),
    )
}

/// Runs `robbie schema …` on the pair, with a home of its own, nothing in the environment, and nobody at stdin.
fn robbie(pair: &TestPair, arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    Command::new(support::robbie())
        .env_clear()
        .env("ROBBIE_HOME", home.path())
        .arg("schema")
        .args(arguments)
        .args(["--master", &dsn(&pair.master), "--replica", &format!("laptop={}", dsn(&pair.replica))])
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

fn document(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

#[tokio::test]
async fn pending_needs_attention_and_migrating_needs_a_yes() {
    let pair = support::bare_pair().await;
    let status = robbie(&pair, &["status", "--json"]);
    assert_eq!(code(&status), 1);
    let said = document(&status);
    assert_eq!(said["targets"][0]["schema"], "unified");
    assert_eq!(said["targets"][1]["target"], "laptop");
    assert_eq!(said["targets"][1]["migrations"][0]["state"], "pending");

    let unasked = robbie(&pair, &["migrate"]);
    assert_eq!(code(&unasked), 2);
    assert!(String::from_utf8_lossy(&unasked.stderr).contains("--yes"));

    let tried = robbie(&pair, &["migrate", "--dry-run", "--json"]);
    assert_eq!(code(&tried), 0);
    assert_eq!(document(&tried)["targets"][0]["files"][0]["outcome"], "would_apply");
    assert_eq!(code(&robbie(&pair, &["status"])), 1, "a dry run leaves everything pending");

    let replica = robbie(&pair, &["migrate", "--yes", "--target", "replica", "--json"]);
    assert_eq!(code(&replica), 0);
    assert_eq!(document(&replica)["targets"].as_array().unwrap().len(), 1);
    assert_eq!(code(&robbie(&pair, &["status", "--target", "replica"])), 0);
    assert_eq!(code(&robbie(&pair, &["status", "--target", "master"])), 1);

    assert_eq!(code(&robbie(&pair, &["migrate", "--yes"])), 0);
    assert_eq!(code(&robbie(&pair, &["status"])), 0);
    assert_eq!(code(&robbie(&pair, &["migrate"])), 0, "with nothing to do there is nothing to ask");
}

#[tokio::test]
async fn an_altered_file_needs_attention_and_a_lost_side_is_said() {
    let pair = support::pair().await;
    let client = support::connect(&pair.replica).await;
    client.execute("update robbie_sync.migration set checksum = 'another' where name like '01%'", &[]).await.unwrap();
    let status = robbie(&pair, &["status", "--json"]);
    assert_eq!(code(&status), 1);
    assert!(String::from_utf8_lossy(&status.stdout).contains("\"altered\""));
    let half = robbie(&pair, &["migrate", "--yes", "--json"]);
    assert_eq!(code(&half), 4, "the master was done, the replica refused");
    assert!(document(&half)["targets"][1]["error"]["message"].as_str().unwrap().contains("another"));

    let mut lost = support::pair().await;
    lost.replica.config.dbname("no_such_database");
    assert_eq!(code(&robbie(&lost, &["status"])), 3);
}

#[tokio::test]
async fn a_read_only_session_does_not_migrate() {
    let pair = support::bare_pair().await;
    let refused = robbie(&pair, &["migrate", "--yes", "--read-only"]);
    assert_eq!(code(&refused), 2);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("read-only"));
}

#[tokio::test]
async fn reports_are_made_of_what_is_there() {
    let pair = support::pair().await;
    let gaps = robbie(&pair, &["gaps", "--json"]);
    assert_eq!(code(&gaps), 0, "{gaps:?}");
    assert_eq!(document(&gaps)["gaps"][3]["state"], "closed");
    let compared = robbie(&pair, &["compare", "--format", "markdown"]);
    let text = String::from_utf8_lossy(&compared.stdout).into_owned();
    assert!(text.contains("| Feature | master | laptop | Status |"), "{text}");
    assert!(text.contains("Sync Queue · laptop: pending_sync: all nine columns"), "{text}");
    let inventory = document(&robbie(&pair, &["inventory", "--json", "--target", "replica"]));
    assert_eq!(inventory["databases"][0]["family"], "smart-robbie");

    let differ = robbie(&pair, &["diff", "replica", "master", "--json"]);
    assert_eq!(code(&differ), 1, "{differ:?}");
    let said = document(&differ);
    assert_eq!((&said["first"], &said["second"]), (&"laptop".into(), &"master".into()));
    let user =
        said["differences"].as_array().unwrap().iter().find(|d| d["object"] == "learned_patterns.user_id").unwrap();
    assert_eq!((&user["part"], &user["first"], &user["second"]), (&"type".into(), &"text".into(), &"uuid".into()));
    assert_eq!(code(&robbie(&pair, &["diff", "laptop", "replica"])), 0, "one and the same");
    assert_eq!(code(&robbie(&pair, &["diff", "master", "/nowhere"])), 2);

    let mut half = support::pair().await;
    half.replica.config.dbname("no_such_database");
    let scored = robbie(&half, &["score", "--json"]);
    assert_eq!(code(&scored), 4, "the master is told all the same");
    let said = document(&scored);
    assert_eq!(said["scores"][0]["score"]["sync_ready"], 100);
    assert_eq!(said["unreachable"][0]["target"], "laptop");
    half.master.config.dbname("no_such_database");
    assert_eq!(code(&robbie(&half, &["score"])), 3);
}

#[tokio::test]
async fn an_analysis_is_written_anew_and_touches_no_database() {
    let folder = support::folder();
    let faulty = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/schema/faulty");
    let output =
        support::command(folder.path()).args(["schema", "analyze", faulty, "--format", "markdown"]).output().unwrap();
    assert_eq!(code(&output), 1, "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for said in [
        "# Schema analysis\n",
        "| first | 2 | 17 | 7 | 2 | 2 | 1 |",
        "## Statements that fail: first",
        "## Types that clash between the schemas",
        "## Comparison",
        "## Gaps",
        "## Score",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    let second = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/schema/faulty/second");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/schema/faulty/second/all.sql");
    let same = support::command(folder.path()).args(["schema", "diff", second, file]).output().unwrap();
    assert_eq!(code(&same), 0, "{same:?}");
    let none = support::command(folder.path()).args(["schema", "analyze", "/nowhere"]).output().unwrap();
    assert_eq!(code(&none), 2, "{none:?}");
}
