//! Who keeps the servers up, who stops them, and what is left when somebody is killed: nothing.

use super::SIDES;
use crate::support;
use robbie_console::embedded::{self, Cluster, Home, Options, Servers, progress};
use robbie_console::postgres::Side;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn options() -> Options {
    Options { fsync: false, watchdog: Some(support::robbie().into()), ..Options::default() }
}

fn start(home: &Home) -> Servers {
    embedded::start_blocking(home, &options(), &progress::silent).unwrap_or_else(|fault| panic!("{fault}"))
}

fn processes(home: &Home) -> Vec<u32> {
    SIDES.iter().flat_map(|&side| Cluster::of(home, side).processes()).collect()
}

/// Waits for what has to come; the patience is that of a loaded machine.
fn eventually(what: &str, come: impl Fn() -> bool) {
    let since = Instant::now();
    while !come() {
        assert!(since.elapsed() < Duration::from_mins(1), "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn kill(pid: u32) {
    let _ = Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
}

/// A process that owns the servers of `home`, as the demo does.
fn owner(home: &Path) -> Child {
    let mut command = support::command(home);
    command.args(["embedded", "start", "--foreground"]).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Waits until the owner says that the servers are up.
fn wait_until_up(owner: &mut Child) {
    let mut line = String::new();
    BufReader::new(owner.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("running"), "{line}");
}

#[test]
fn the_last_one_out_stops_the_servers() {
    let folder = support::folder();
    let home = support::home_in(folder.path());
    let first = start(&home);
    let second = start(&home);
    assert_eq!(embedded::status(&home).unwrap().users.len(), 2);
    assert_eq!(embedded::stop_blocking(&home).unwrap().len(), 2, "servers in use are not stopped");
    first.stop_blocking().unwrap();
    assert!(embedded::running(&home).is_some());
    assert!(embedded::destroy(&home).is_err(), "data in use are not removed");
    second.stop_blocking().unwrap();
    assert!(embedded::running(&home).is_none());
    assert!(processes(&home).is_empty());
}

#[test]
fn servers_that_are_to_stay_outlive_their_users() {
    let folder = support::folder();
    let home = support::home_in(folder.path());
    let user = start(&home);
    user.leave_running().unwrap();
    user.stop_blocking().unwrap();
    assert!(embedded::running(&home).is_some());
    assert!(embedded::stop_blocking(&home).unwrap().is_empty());
    assert!(processes(&home).is_empty());
}

#[tokio::test]
async fn a_killed_server_is_started_again_with_its_data() {
    let folder = support::folder();
    let home = support::home_in(folder.path());
    let servers = embedded::start(home.clone(), options(), std::sync::Arc::new(progress::silent)).await.unwrap();
    let client = support::connect(&servers.master).await;
    client.batch_execute("create table t as select 42 as answer").await.unwrap();
    assert!(!servers.ensure().await.unwrap(), "nothing to do");
    kill(Cluster::of(&home, Side::Master).running().unwrap().pid);
    eventually("the end of the master", || Cluster::of(&home, Side::Master).running().is_none());
    assert!(servers.ensure().await.unwrap());
    let client = support::connect(&servers.master).await;
    assert_eq!(client.query_one("select answer from t", &[]).await.unwrap().get::<_, i32>(0), 42);
    servers.stop().await.unwrap();
    assert!(processes(&home).is_empty());
}

#[test]
fn nothing_stays_when_the_owner_is_killed() {
    let folder = support::folder();
    let home = support::home_in(folder.path());
    let mut owner = owner(folder.path());
    wait_until_up(&mut owner);
    assert!(!processes(&home).is_empty());
    kill(owner.id());
    owner.wait().unwrap();
    eventually("the end of the servers", || processes(&home).is_empty());
}

#[test]
fn an_owner_that_is_asked_to_end_stops_the_servers_first() {
    let folder = support::folder();
    let home = support::home_in(folder.path());
    let mut owner = owner(folder.path());
    wait_until_up(&mut owner);
    Command::new("kill").arg(owner.id().to_string()).status().unwrap();
    assert!(owner.wait().unwrap().success());
    assert!(processes(&home).is_empty());
}

#[test]
fn kills_at_any_moment_leave_what_the_next_start_can_use() {
    let folder = support::folder();
    let home = support::home_in(folder.path());
    let seed = u64::from(std::process::id()) | 1;
    let mut random = seed;
    let mut draw = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    for round in 0..20 {
        let mut owner = owner(folder.path());
        // Often while the data are being made or the servers are coming up, else soon after.
        std::thread::sleep(Duration::from_millis(draw(if round < 4 { 900 } else { 250 })));
        match draw(3) {
            0 => kill(owner.id()),
            victim => {
                let side = if victim == 1 { Side::Master } else { Side::Replica };
                if let Some(server) = Cluster::of(&home, side).running() {
                    kill(server.pid);
                }
                kill(owner.id());
            }
        }
        owner.wait().unwrap();
    }
    let servers = start(&home);
    assert!(embedded::running(&home).is_some(), "seed {seed}");
    servers.stop_blocking().unwrap();
    eventually("the end of all processes", || processes(&home).is_empty());
    let left: Vec<_> = std::fs::read_dir(home.place()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("robbie-")), "seed {seed}: {left:?}");
}
