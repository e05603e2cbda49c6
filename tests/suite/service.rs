//! The service files: their command lines are ours, and their readers accept them.

use clap::Parser;
use robbie_console::cli::{Cli, Command};
use std::path::Path;

fn asset(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(name)).unwrap()
}

/// That a command line runs the engine, with figures on this machine only.
fn check(words: &[&str]) {
    assert!(words[0].ends_with("/robbie"), "{words:?}");
    let cli = Cli::try_parse_from(words).unwrap_or_else(|e| panic!("{words:?}: {e}"));
    let Some(Command::Sync(args)) = cli.command else { panic!("{words:?}") };
    assert!(!args.once && args.metrics.is_some_and(|m| m.starts_with("127.0.0.1:")));
}

#[test]
fn the_unit_runs_the_engine_and_systemd_accepts_it() {
    let unit = asset("systemd/robbie-sync.service");
    let start = unit.lines().find_map(|l| l.strip_prefix("ExecStart=")).unwrap();
    check(&start.split(' ').collect::<Vec<_>>());
    let folder = crate::support::folder();
    let file = folder.path().join("robbie-sync.service");
    std::fs::write(&file, unit.replace("/usr/local/bin/robbie", "/bin/true")).unwrap();
    match std::process::Command::new("systemd-analyze").arg("verify").arg(&file).output() {
        Ok(output) => assert!(output.status.success() && output.stderr.is_empty(), "{output:?}"),
        Err(e) => eprintln!("systemd-analyze is not here: {e}"),
    }
}

#[test]
fn the_property_list_is_well_formed_and_runs_the_engine() {
    let list = asset("launchd/com.robbie.sync.plist");
    let mut open: Vec<&str> = vec![];
    let mut strings = vec![];
    for part in list.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        if tag.starts_with(['?', '!']) || tag.ends_with('/') {
            continue;
        }
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed));
            continue;
        }
        open.push(tag.split(' ').next().unwrap());
        if open == ["plist", "dict", "array", "string"] {
            strings.push(text);
        }
        assert!(matches!(tag, "dict" | "key" | "string" | "array" | "integer") || tag.starts_with("plist "), "{tag}");
    }
    assert!(open.is_empty());
    check(&strings);
}
