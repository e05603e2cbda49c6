//! The line between the engine and its servers goes black, slow, or away: nothing diverges, and the queue is empty soon
//! after it heals.

use super::account::Account;
use super::{Draw, seed, size};
use crate::support::proxy::{Direction, Lost, Proxy, Weather};
use crate::support::{self, connect};
use crate::sync::fixture::{Fixture, count};
use robbie_console::postgres::{Pair, Side};
use robbie_console::sync::{Engine, EngineHandle, EngineOptions};
use std::time::{Duration, Instant};
use tokio::time::timeout;

#[tokio::test]
async fn the_proxy_delays_holds_cuts_and_forgets() {
    let test = support::bare_pair().await;
    let (proxy, target) = test.behind_proxy(Side::Master).await;
    let direct = connect(&test.master).await;
    direct.batch_execute("create table t (n int primary key)").await.unwrap();
    let count = async || direct.query_one("select count(*) from t", &[]).await.unwrap().get::<_, i64>(0);

    let client = connect(&target).await;
    proxy.weather(Weather { latency: Duration::from_millis(15), ..Weather::default() });
    let asked = Instant::now();
    client.batch_execute("select 1").await.unwrap();
    assert!(asked.elapsed() >= Duration::from_millis(30), "{:?}", asked.elapsed());

    for black in [Weather { black_to: true, ..Weather::default() }, Weather { black_from: true, ..Weather::default() }]
    {
        proxy.weather(black);
        let before = count().await;
        let mut write = Box::pin(client.batch_execute("insert into t select count(*) from t"));
        assert!(timeout(Duration::from_millis(200), &mut write).await.is_err());
        assert_eq!(count().await - before, i64::from(black.black_from), "only what reaches the server is done");
        proxy.heal();
        timeout(Duration::from_secs(5), write).await.unwrap().unwrap();
    }

    for (lost, done) in [(Lost::Question, 0), (Lost::Answer, 1)] {
        let before = count().await;
        let client = connect(&target).await;
        proxy.cut_commit(2, lost);
        client.batch_execute("begin").await.unwrap();
        client.batch_execute("commit").await.unwrap();
        client.batch_execute("begin").await.unwrap();
        client.batch_execute("insert into t select count(*) from t").await.unwrap();
        assert!(!proxy.is_done());
        assert!(timeout(Duration::from_secs(5), client.batch_execute("COMMIT")).await.unwrap().is_err());
        assert!(proxy.is_done());
        // A session that was cut before its COMMIT is rolled back when the server notices.
        assert_eq!(count().await - before, done, "{lost:?}");
    }

    let (cut, forgotten) = (connect(&target).await, connect(&target).await);
    drop(cut);
    proxy.forget();
    assert!(timeout(Duration::from_millis(200), forgotten.batch_execute("select 1")).await.is_err());
    let fresh = connect(&target).await;
    fresh.batch_execute("select 1").await.unwrap();
    proxy.reset();
    assert!(timeout(Duration::from_secs(5), fresh.batch_execute("select 1")).await.unwrap().is_err());
    connect(&target).await.batch_execute("select 1").await.unwrap();
}

/// What happens to a line.
#[derive(Clone, Copy, Debug)]
enum Mode {
    BlackTo,
    BlackFrom,
    BlackBoth,
    Reset,
    HalfOpen,
    MidMessage,
    Slow,
}

const MODES: [Mode; 7] =
    [Mode::BlackTo, Mode::BlackFrom, Mode::BlackBoth, Mode::Reset, Mode::HalfOpen, Mode::MidMessage, Mode::Slow];

impl Mode {
    fn strike(self, proxy: &Proxy, draw: &mut Draw) {
        let weather = |black_to, black_from, latency| {
            proxy.weather(Weather { black_to, black_from, latency: Duration::from_millis(latency) });
        };
        match self {
            Self::BlackTo => weather(true, false, 0),
            Self::BlackFrom => weather(false, true, 0),
            Self::BlackBoth => weather(true, true, 0),
            Self::Slow => weather(false, false, 250),
            Self::Reset => proxy.reset(),
            Self::HalfOpen => proxy.forget(),
            Self::MidMessage => {
                let direction = if draw.below(2) == 0 { Direction::To } else { Direction::From };
                proxy.cut_after(direction, 1 + draw.below(3000) as usize);
            }
        }
    }
}

/// A replica with its engine, behind a proxy on either side.
struct Party {
    account: Account,
    lines: [Proxy; 2],
    engine: EngineHandle,
}

impl Party {
    async fn new(account: Account) -> Self {
        let (master, on_master) = account.f.test.behind_proxy(Side::Master).await;
        let (replica, on_replica) = account.f.test.behind_proxy(Side::Replica).await;
        let options = EngineOptions { interval: Duration::from_secs(5), ..EngineOptions::default() };
        let engine = Engine::start(Pair::new(on_master, on_replica), options);
        Self { account, lines: [master, replica], engine }
    }
    async fn is_at_rest(&self) -> bool {
        count(&self.account.f.replica, "pending_sync where synced_at is null").await == 0
            && self.account.f.differences().await.is_empty()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_a_line_all_agree_within_a_minute_of_its_healing() {
    let seed = seed();
    let mut draw = Draw::new(seed);
    let mut rounds: Vec<(Mode, usize, usize)> =
        (1..=3).flat_map(|n| MODES.into_iter().flat_map(move |m| [(m, 0, n), (m, 1, n)])).collect();
    for i in (1..rounds.len()).rev() {
        rounds.swap(i, draw.below(i as u64 + 1) as usize);
    }
    rounds.truncate(size(2, rounds.len()));
    let first = Account::new(Fixture::new().await).await;
    let mut parties = vec![];
    for number in 1..rounds.iter().map(|r| r.2).max().unwrap() {
        parties.push(Party::new(first.joining(number as u64).await).await);
    }
    parties.insert(0, Party::new(first).await);
    let longest = if super::is_full() { 10_000 } else { 1_500 };
    let mut slowest = Duration::ZERO;
    for (round, &(mode, line, struck)) in rounds.iter().enumerate() {
        let context =
            format!("seed {seed}, round {round}: {mode:?} to the {} of {struck}", ["master", "replica"][line]);
        for party in &parties[..struck] {
            mode.strike(&party.lines[line], &mut draw);
        }
        let until = Instant::now() + Duration::from_millis(draw.below(longest) + 300);
        while Instant::now() < until {
            for party in &mut parties {
                party.account.write_here(&mut draw, 1).await;
            }
            parties[0].account.write_there(&mut draw, 1).await;
            tokio::time::sleep(Duration::from_millis(draw.below(60))).await;
        }
        for party in &parties {
            party.lines[line].heal();
            party.lines[line].cut_nothing();
        }
        let healed = Instant::now();
        for (number, party) in parties.iter().enumerate() {
            while !party.is_at_rest().await {
                let told = party.engine.status().borrow().fault.clone();
                let open = party.account.open().await;
                let patience = healed.elapsed() < Duration::from_mins(1);
                assert!(patience, "{context}: replica {number} is not at rest: {told:?}\n{open}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        slowest = slowest.max(healed.elapsed());
        eprintln!("{context}: at rest {:?} after healing", healed.elapsed());
    }
    let mut accounts = vec![];
    for party in parties {
        party.engine.stop().await;
        accounts.push(party.account);
    }
    let context = format!("seed {seed}, at the end");
    for account in &accounts {
        account.settle(Duration::from_mins(1), &context).await;
    }
    for account in &accounts {
        // What the others sent last comes with one more cycle.
        account.settle(Duration::from_mins(1), &context).await;
        account.audit(&context).await;
    }
    eprintln!("{} rounds, at rest at most {slowest:?} after healing", rounds.len());
}
