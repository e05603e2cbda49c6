//! Long lines of rows that point at each other in one table, in the worst order.

use super::*;
use crate::sync::fixture::{Fixture, count};
use robbie_console::sync::{self, Mode, ReplayOptions};

const DEEP: i64 = 833;

/// A line in which every row points at the one before, queued in an order that has next to nothing to do with it.
async fn queued() -> Fixture {
    let f = Fixture::new().await;
    for (client, sync) in [(&f.master, "capture"), (&f.replica, "watch")] {
        client
            .batch_execute(&format!(
                "create table link (id integer primary key, before integer references link, name text);
                 select robbie_sync.{sync}('link')"
            ))
            .await
            .unwrap();
    }
    f.cycle().await;
    f.replica
        .execute(
            "insert into pending_sync (table_name, operation, data)
             select 'link', 'INSERT', jsonb_build_object('id', n, 'before', nullif(n - 1, 0), 'name', 'n')
             from generate_series(1, $1::bigint) n order by (n * 7919) % $1",
            &[&DEEP],
        )
        .await
        .unwrap();
    f
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shuffled_line_goes_through_in_one_cycle_and_in_one_replay() {
    let f = queued().await;
    f.cycle().await;
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 0);
    assert_eq!(count(&f.master, "link").await, DEEP);

    let f = queued().await;
    let ids = ids_where(&f.replica, "synced_at is null").await;
    let options = ReplayOptions { mode: Mode::Apply, actor: "test".into(), reason: None, force: false };
    let told = sync::replay(&f.pair, &ids, options).await.unwrap();
    assert!(told.iter().all(|o| o.outcome.is_settled()), "{:?}", told.iter().find(|o| !o.outcome.is_settled()));
    // Each was sent once: none waited for another.
    assert_eq!(count(&f.replica, "robbie_sync.attempt").await, DEEP);
    assert_eq!(count(&f.master, "link").await, DEEP);
}
