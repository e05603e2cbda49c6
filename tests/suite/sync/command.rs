//! `robbie sync` as a program.

use super::fixture::{Fixture, count};
use crate::support;
use robbie_console::postgres::Side;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use uuid::Uuid;

fn sync(f: &Fixture, home: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = support::command(home);
    command.args(["--master", &f.test.url(Side::Master), "--replica", &f.test.url(Side::Replica), "sync"]);
    command.args(arguments);
    command
}

fn document(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

#[tokio::test]
async fn once_says_what_it_did_and_its_exit_code_how_it_went() {
    let f = Fixture::new().await;
    let home = support::folder();
    f.conversation(Uuid::new_v4(), "one").await;
    let output = sync(&f, home.path(), &["--once", "--json"]).output().unwrap();
    let cycle = document(&output);
    assert_eq!((output.status.code(), cycle["push"]["applied"].as_u64()), (Some(0), Some(1)), "{output:?}");
    assert_eq!(cycle["pull"]["full_because"], "first load");
    f.queue("nowhere", "INSERT", "{}").await;
    let output = sync(&f, home.path(), &["--once", "--push-only"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("waiting 1"), "{output:?}");
    // A master that is not there.
    let mut lost = support::command(home.path());
    lost.args([
        "--master",
        "postgresql://nobody@127.0.0.1:1/x?connect_timeout=2",
        "--replica",
        &f.test.url(Side::Replica),
    ]);
    let output = lost.args(["sync", "--once"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[tokio::test]
async fn dry_it_says_what_would_be_sent_and_taken_and_writes_nothing() {
    let f = Fixture::new().await;
    let home = support::folder();
    let output = sync(&f, home.path(), &["--once", "--dry-run"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("all rows of the master would be compared"), "{output:?}");
    f.cycle().await;
    f.conversation(Uuid::new_v4(), "one").await;
    f.queue("nowhere", "INSERT", "{}").await;
    f.master.batch_execute("insert into code_conversations (session_id, title) values ('s', 'down')").await.unwrap();
    let output = sync(&f, home.path(), &["--once", "--dry-run", "--json"]).output().unwrap();
    let preview = &document(&output)["preview"];
    assert_eq!((preview["due"].as_u64(), preview["outcomes"]["applied"].as_u64()), (Some(2), Some(1)), "{output:?}");
    assert_eq!(preview["changed"]["code_conversations"], 1);
    assert_eq!(output.status.code(), Some(1), "one would not be applied");
    assert_eq!(count(&f.master, "code_conversations").await, 1);
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 2);
    assert_eq!(count(&f.replica, "robbie_sync.entry where state = 'ready' and attempts = 0").await, 2);

    f.cycle().await;
    let output = sync(&f, home.path(), &["--runs", "--json"]).output().unwrap();
    let runs = document(&output)["runs"].as_array().unwrap().clone();
    assert_eq!((runs[0]["pushed"].as_u64(), runs[0]["outcome"].as_str()), (Some(1), Some("partial")), "{output:?}");
    let output = sync(&f, home.path(), &["--runs", "1"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.lines().count() == 2 && text.contains("sent 1"), "{text}");
    // --dry-run is of one cycle.
    assert_eq!(sync(&f, home.path(), &["--dry-run"]).output().unwrap().status.code(), Some(2));
}

#[tokio::test]
async fn a_metrics_port_that_is_taken_is_said_before_anything_is_synced() {
    let f = Fixture::new().await;
    let home = support::folder();
    f.conversation(Uuid::new_v4(), "one").await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = sync(&f, home.path(), &["--metrics", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("another program has this port"), "{output:?}");
    assert_eq!(count(&f.master, "code_conversations").await, 0);
}

#[tokio::test]
async fn it_runs_until_it_is_terminated_and_a_second_one_asks_the_first() {
    let f = Fixture::new().await;
    let home = support::folder();
    f.conversation(Uuid::new_v4(), "one").await;
    let mut running = sync(&f, home.path(), &["--interval", "1h", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let first: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(first["push"]["applied"], 1);

    let output = sync(&f, home.path(), &["--once", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let answer = document(&output);
    assert!(answer["held_by"].as_str().unwrap().contains(&format!("pid {}@", running.id())), "{answer}");
    assert_eq!(answer["asked"], true);

    nix::sys::signal::kill(nix::unistd::Pid::from_raw(running.id() as i32), nix::sys::signal::SIGTERM).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(0));
    assert_eq!(count(&f.master, "code_conversations").await, 1);
}
