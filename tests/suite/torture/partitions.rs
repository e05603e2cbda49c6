//! The line between the engine and its servers goes black, slow, or away: nothing diverges, and the queue is empty soon
//! after it heals.

use crate::support::proxy::{Lost, Weather};
use crate::support::{self, connect};
use robbie_console::postgres::Side;
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
