//! The connection is lost just when a COMMIT was sent: whether it was done is found out, never guessed.

use super::account::Account;
use super::{Draw, seed, size};
use crate::support::proxy::Lost;
use crate::sync::fixture::Fixture;
use robbie_console::postgres::{Pair, Side};
use robbie_console::sync::{self, CycleOptions};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_answers_to_commit_lose_nothing_and_do_nothing_twice() {
    let seed = seed();
    let mut draw = Draw::new(seed);
    let mut account = Account::new(Fixture::new().await).await;
    let (master, on_master) = account.f.test.behind_proxy(Side::Master).await;
    let (replica, on_replica) = account.f.test.behind_proxy(Side::Replica).await;
    let pair = Pair::new(on_master, on_replica);
    let wanted = size(8, 1000);
    let (mut cut, mut round) = (0, 0);
    while cut < wanted {
        round += 1;
        let context = format!("seed {seed}, round {round}");
        assert!(round < 20 * wanted, "{context}: only {cut} answers were lost");
        account.write_here(&mut draw, 3).await;
        account.write_there(&mut draw, 1).await;
        // The first COMMIT on the master is that of the batch, the one on the replica that of the rows taken over.
        let proxy = if draw.below(3) == 0 { &replica } else { &master };
        let lost = if draw.below(8) == 0 { Lost::Question } else { Lost::Answer };
        proxy.cut_commit(1, lost);
        let before = proxy.cuts();
        let done = sync::cycle(&pair, CycleOptions::default()).await;
        let was_cut = proxy.cuts() > before;
        assert!(!was_cut || done.as_ref().map_or(true, |r| !r.faults.is_empty()), "{context}: {done:?}");
        cut += usize::from(was_cut && lost == Lost::Answer);
        proxy.cut_nothing();
        if round % 20 == 0 || cut == wanted {
            account.settle(Duration::from_secs(30), &context).await;
            account.audit(&context).await;
        }
    }
}
