//! The deployed worker that cannot get past its 100 oldest entries.

use super::{Shape, deployed, support};
use robbie_console::queue::starvation;

const FAILED: &str = "insert into pending_sync (table_name, operation, data, created_at, error)
    select 'code_messages', 'INSERT', '{}', now() - interval '2 hours' + n * interval '1 second',
           'Key (id)=(' || n || ') is not present' from generate_series(1, 100) n;
    insert into pending_sync (table_name, operation, data) select 'code_blocks', 'INSERT', '{}' from generate_series(1, 7);";

#[tokio::test]
async fn a_hundred_failed_ones_in_front_starve_the_rest() {
    let (_test, client, shape) = deployed(FAILED).await;
    let worker = starvation::read(&client, &shape).await.unwrap();
    let blocked = worker.blocked.unwrap();
    assert_eq!((blocked.starving, blocked.at_least), (7, false));
    assert!((7_000..7_300).contains(&blocked.oldest_s.unwrap()), "{blocked:?}");
    assert!(blocked.by.starts_with("code_messages: Key (id)=("), "{blocked:?}");
    assert!(!worker.retries_tracked, "a hundred failures and no counted try");

    // One that can be sent in front, and it is not blocked; a counted try, and they are counted.
    client
        .batch_execute(
            "update pending_sync set error = null, retry_count = 1 where id = (select id from pending_sync order by created_at limit 1)",
        )
        .await
        .unwrap();
    let worker = starvation::read(&client, &shape).await.unwrap();
    assert!(worker.blocked.is_none() && worker.retries_tracked, "{worker:?}");
}

#[tokio::test]
async fn a_migrated_or_empty_queue_has_its_tries_counted() {
    let test = support::pair().await;
    let client = support::connect(&test.replica).await;
    let shape = Shape::read(&client).await.unwrap();
    let worker = starvation::read(&client, &shape).await.unwrap();
    assert!(worker.blocked.is_none() && worker.retries_tracked);
}
