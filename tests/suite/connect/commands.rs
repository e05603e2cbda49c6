//! The program itself: configuration, doctor, exit codes, and no secret anywhere.

use crate::support;
use robbie_console::postgres::Target;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;
use tokio_postgres::config::Host;

fn robbie(home: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(support::robbie());
    command.env_clear().env("ROBBIE_HOME", home.path()).env("HOME", home.path()).args(arguments);
    command.stdin(Stdio::null());
    command
}

fn run(home: &TempDir, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = robbie(home, arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The embedded database as a connection string without its password, which goes into a password file.
fn dsn(home: &TempDir, target: &Target) -> String {
    let Host::Unix(folder) = &target.config.get_hosts()[0] else { panic!("embedded servers have sockets") };
    let (port, user) = (target.config.get_ports()[0], target.config.get_user().unwrap());
    let password = String::from_utf8(target.config.get_password().unwrap().to_vec()).unwrap();
    let passfile = home.path().join(format!("pgpass-{port}"));
    std::fs::write(&passfile, format!("localhost:{port}:*:{user}:{password}\n")).unwrap();
    std::fs::set_permissions(&passfile, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let database = target.config.get_dbname().unwrap();
    format!("host={} port={port} dbname={database} user={user} passfile={}", folder.display(), passfile.display())
}

fn everything_under(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path() {
            path if path.is_dir() => everything_under(&path, text),
            path => text.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap())),
        }
    }
}

#[test]
fn a_configuration_is_written_once() {
    let home = home();
    let file = home.path().join("config.toml");
    assert_eq!(run(&home, &["config", "path"]), (Some(0), format!("{}\n", file.display()), String::new()));
    assert_eq!(run(&home, &["config", "init"]).0, Some(0));
    assert_eq!(run(&home, &["config", "check"]).0, Some(0));
    std::fs::write(&file, "theme = \"mine\"").unwrap();
    let (code, _, said) = run(&home, &["config", "init"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("there already") && said.contains("--force"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "theme = \"mine\"");
    assert_eq!(run(&home, &["config", "init", "--force"]).0, Some(0));
}

#[test]
fn a_mistake_in_the_configuration_is_named_with_its_line() {
    let home = home();
    std::fs::write(home.path().join("config.toml"), "mouse = true\n[profiles.a]\nread_onyl = true\n").unwrap();
    let (code, out, said) = run(&home, &["config", "check", "--json"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("config.toml:3") && said.contains("`read_only`"), "{said}");
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["error"]["kind"], "settings");
    // What explains the configuration works without it.
    assert_eq!(run(&home, &["config", "path"]).0, Some(0));
    assert_eq!(run(&home, &["doctor"]).0, Some(2));
}

#[test]
fn a_password_in_a_readable_file_is_warned_of() {
    let home = home();
    let file = home.path().join("config.toml");
    std::fs::write(
        &file,
        "profile = \"a\"\n[profiles.a]\nmaster = \"postgres://u:s3cret@h/d\"\nreplicas = { r = \"host=h user=u\" }",
    )
    .unwrap();
    let mode = |mode| std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    mode(0o640);
    let (code, out, _) = run(&home, &["config", "check"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("chmod 600") && !out.contains("s3cret"), "{out}");
    mode(0o600);
    assert_eq!(run(&home, &["config", "check"]).0, Some(0));
}

#[test]
fn wrong_usage_is_2_and_a_closed_pipe_is_no_failure() {
    let home = home();
    assert_eq!(run(&home, &["no-such-command"]).0, Some(2));
    assert_eq!(run(&home, &["config", "check", "--no-such-flag"]).0, Some(2));
    let mut child = robbie(&home, &["man"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn no_secret_is_printed_or_logged() {
    let home = home();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let master = format!("postgres://u:s3cret@127.0.0.1:{port}/d");
    let replica = format!("host=127.0.0.1 port={port} user=u password_command='echo s3cret'");
    let (code, out, said) = run(
        &home,
        &["--master", &master, "--replica", &replica, "--log-level", "trace", "config", "check", "--connect", "--json"],
    );
    assert_eq!(code, Some(3), "{said}");
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["faults"].as_array().unwrap().len(), 2);
    let (code, doctor, complaints) =
        run(&home, &["--master", &master, "--replica", &replica, "--log-level", "trace", "doctor"]);
    assert_eq!(code, Some(3), "{complaints}");
    let mut all = format!("{out}{said}{doctor}{complaints}");
    everything_under(home.path(), &mut all);
    assert!(all.contains("connection refused") && !all.contains("s3cret"), "{all}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_finds_a_migrated_pair_well_and_names_what_an_empty_one_lacks() {
    let home = home();
    let examined = |master: &Target, replica: &Target| {
        let (master, replica) = (dsn(&home, master), dsn(&home, replica));
        let (code, out, said) = run(&home, &["--master", &master, "--replica", &replica, "doctor", "--json"]);
        let document: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{said}"));
        (code, document["findings"].as_array().unwrap().clone())
    };
    let bare = support::bare_pair().await;
    let (code, findings) = examined(&bare.master, &bare.replica);
    assert_eq!(code, Some(1), "{findings:#?}");
    let schema = findings.iter().find(|f| f["of"] == "master" && f["check"] == "schema").unwrap();
    assert_eq!(schema["level"], "warn");
    assert!(schema["remedy"].as_str().unwrap().contains("schema migrate --target master"));

    let pair = support::pair().await;
    let (code, findings) = examined(&pair.master, &pair.replica);
    let bad: Vec<&Value> = findings.iter().filter(|f| f["level"] == "warn" || f["level"] == "fail").collect();
    assert!(bad.is_empty() && code == Some(0), "{code:?} {bad:#?}");
    for check in ["address", "TLS", "version", "clock", "pgvector", "role", "rights", "schema", "triggers", "notify"] {
        let sides = findings.iter().filter(|f| f["check"] == check && f["level"] == "ok").count();
        assert_eq!(sides, 2, "{check}: {findings:#?}");
    }
}
