//! The engine and the servers are killed at any moment, while both sides write.

use super::account::Account;
use super::{Draw, seed, size};
use crate::support::{self, connect};
use crate::sync::fixture::Fixture;
use robbie_console::embedded::{self, Cluster, Options, Servers, progress};
use robbie_console::postgres::Side;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::{Client, NoTls};

fn engine(account: &Account, home: &Path) -> Child {
    let mut command = support::command(home);
    let urls = [account.f.test.url(Side::Master), account.f.test.url(Side::Replica)];
    command.args(["--master", &urls[0], "--replica", &urls[1], "sync", "--interval", "1s"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn signal(pid: u32, name: &str) {
    let _ = std::process::Command::new("kill").args([name, &pid.to_string()]).stderr(Stdio::null()).status();
}

/// What is killed, and how.
#[derive(Debug)]
enum Victim {
    Engine,
    /// `kill -9`, or an immediate shutdown.
    Server(Side, &'static str),
    /// One session: the server starts all over by itself.
    Session(Side),
}

impl Victim {
    fn draw(draw: &mut Draw) -> Self {
        let side = if draw.below(2) == 0 { Side::Master } else { Side::Replica };
        match draw.below(8) {
            0 => Self::Server(side, "-KILL"),
            1 => Self::Server(side, "-QUIT"),
            2 => Self::Session(side),
            _ => Self::Engine,
        }
    }
}

/// Waits for a server that starts over.
async fn back(test: &support::TestPair, side: Side) -> Client {
    let since = Instant::now();
    loop {
        match test.target(side).config.connect(NoTls).await {
            Ok((client, connection)) => {
                drop((client, connection));
                return connect(test.target(side)).await;
            }
            Err(e) => assert!(since.elapsed() < Duration::from_mins(1), "{side} does not come back: {e:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn revive(account: &mut Account, servers: &Servers) {
    servers.ensure().await.unwrap_or_else(|fault| panic!("{fault}"));
    account.f.master = back(&account.f.test, Side::Master).await;
    account.f.replica = back(&account.f.test, Side::Replica).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_any_moment_lose_nothing_and_do_nothing_twice() {
    let seed = seed();
    let mut draw = Draw::new(seed);
    let folder = support::folder();
    let home = support::home_in(folder.path());
    let options = Options { fsync: false, watchdog: Some(support::robbie().into()), ..Options::default() };
    let servers = embedded::start(home.clone(), options, Arc::new(progress::silent)).await.unwrap();
    let mut account = Account::new(Fixture::with(support::pair_on(&servers).await).await).await;
    let mut running = engine(&account, folder.path());
    let rounds = size(5, 300);
    for round in 1..=rounds {
        let victim = Victim::draw(&mut draw);
        let context = format!("seed {seed}, round {round}: {victim:?}");
        let at = Instant::now() + Duration::from_millis(draw.below(700));
        while Instant::now() < at {
            account.try_here(&mut draw, 2).await.unwrap_or_else(|e| panic!("{context}: {e:?}"));
            account.try_there(&mut draw, 1).await.unwrap_or_else(|e| panic!("{context}: {e:?}"));
            tokio::time::sleep(Duration::from_millis(draw.below(20))).await;
        }
        match victim {
            Victim::Engine => {
                running.kill().unwrap();
                running.wait().unwrap();
                running = engine(&account, folder.path());
            }
            Victim::Server(side, how) => {
                let cluster = Cluster::of(&home, side);
                signal(cluster.running().unwrap().pid, how);
                // It is started again when it has gone, as the owner of the servers does.
                let since = Instant::now();
                while cluster.running().is_some() {
                    assert!(since.elapsed() < Duration::from_mins(1), "{context}: it does not end");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                revive(&mut account, &servers).await;
            }
            Victim::Session(side) => {
                let root = connect(&account.f.test.superuser(side)).await;
                let one = "select pid from pg_stat_activity where application_name = 'robbie sync' limit 1";
                if let Some(row) = root.query_opt(one, &[]).await.unwrap() {
                    signal(row.get::<_, i32>(0).unsigned_abs(), "-KILL");
                    while root.batch_execute("select 1").await.is_ok() {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    revive(&mut account, &servers).await;
                }
            }
        }
        if round % 25 == 0 || round == rounds {
            running.kill().unwrap();
            running.wait().unwrap();
            account.settle(Duration::from_mins(1), &context).await;
            account.audit(&context).await;
            running = engine(&account, folder.path());
        }
    }
    running.kill().unwrap();
    running.wait().unwrap();
    servers.stop().await.unwrap();
}
