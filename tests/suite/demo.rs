//! `robbie demo` without a terminal: the whole way from an empty folder to the status report, and back to nothing.

use crate::support::{robbie, user_home};
use robbie_console::embedded::{Installation, progress};
use robbie_console::sample;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A home of its own, and the PostgreSQL that the suite uses.
struct Demo {
    home: PathBuf,
    bindir: PathBuf,
}

impl Demo {
    fn new() -> Self {
        let bindir = Installation::find_or_fetch(&user_home(), &progress::silent).unwrap().bindir;
        let home = std::env::temp_dir().join(format!("robbie-demo-{}", uuid::Uuid::new_v4().simple()));
        Self { home, bindir }
    }
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(robbie());
        command.args(arguments).env("ROBBIE_HOME", &self.home).env("ROBBIE_PG_BINDIR", &self.bindir);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
    fn server_states(&self) -> Vec<String> {
        let status = json(&self.run(&["embedded", "status", "--json"]));
        status["servers"].as_array().unwrap().iter().map(|s| s["state"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.run(&["embedded", "destroy", "--yes"]);
        let _ = std::fs::remove_dir_all(Path::new(&self.home));
    }
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn from_an_empty_folder_to_the_report_again_and_from_scratch() {
    let demo = Demo::new();
    let first = demo.run(&["demo", "--json"]);
    assert_eq!(first.status.code(), Some(1), "the sample's failures need attention: {first:?}");
    let report = json(&first);
    let stuck = sample::expected().unwrap().iter().filter(|e| !e.settled).count() as u64;
    let count = |name: &str| report["queue"][name].as_u64().unwrap();
    assert_eq!(count("failed") + count("blocked") + count("pending"), stuck, "{report}");
    assert!(count("failed") > 0 && count("blocked") > 0 && count("synced") >= 300, "{report}");
    assert_eq!(report["master"]["reachable"], true);
    assert!(demo.server_states().iter().all(|s| s != "running"), "what it started it stops");

    let second = demo.run(&["demo"]);
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    assert!(said(&second).contains("still there"), "{second:?}");
    assert!(!second.stdout.is_empty());

    let reset = demo.run(&["demo", "--reset", "--json"]);
    assert_eq!(reset.status.code(), Some(1), "{reset:?}");
    assert!(said(&reset).contains("removing"), "{reset:?}");
    assert_eq!(json(&reset)["queue"]["synced"], report["queue"]["synced"]);
}

#[test]
fn asked_to_end_it_leaves_no_server_behind() {
    let demo = Demo::new();
    let mut child = demo.command(&["demo"]).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !demo.server_states().iter().any(|s| s == "running") {
        assert!(Instant::now() < deadline, "no server was started");
        assert!(child.try_wait().unwrap().is_none(), "ended by itself");
    }
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), nix::sys::signal::SIGTERM).unwrap();
    let ended = child.wait().unwrap();
    assert_eq!(ended.code(), Some(143));
    while demo.server_states().iter().any(|s| s == "running") {
        assert!(Instant::now() < deadline + Duration::from_secs(10), "a server was left behind");
    }
}

#[test]
fn databases_of_others_are_not_taken() {
    let demo = Demo::new();
    for arguments in
        [&["demo", "--master", "postgres://x/y"][..], &["demo", "--read-only"], &["demo", "--profile", "work"]]
    {
        let refused = demo.run(arguments);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    }
}
