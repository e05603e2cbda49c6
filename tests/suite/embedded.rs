//! The embedded servers, as a user and as the rest of the suite meet them.

use crate::support;
use robbie_console::postgres::Side;

#[tokio::test]
async fn a_bare_pair_has_vectors_and_an_ordinary_role() {
    let test = support::bare_pair().await;
    for side in [Side::Master, Side::Replica] {
        let client = support::connect(test.target(side)).await;
        let row = client
            .query_one("select '[1,2]'::vector <-> '[1,4]'::vector, rolsuper, current_user::text, current_database() from pg_roles where rolname = current_user", &[])
            .await
            .unwrap();
        assert!((row.get::<_, f64>(0) - 2.0).abs() < 1e-9);
        assert!(!row.get::<_, bool>(1));
        assert_eq!(row.get::<_, &str>(2), "robbie");
        client.batch_execute("create table t (id int)").await.unwrap();
        let root = support::connect(&test.superuser(side)).await;
        let row = root
            .query_one("select count(*), (select rolsuper from pg_roles where rolname = current_user) from t", &[])
            .await
            .unwrap();
        assert_eq!((row.get::<_, i64>(0), row.get::<_, bool>(1)), (0, true));
    }
}

#[tokio::test]
async fn a_migrated_pair_is_fresh_each_time() {
    let first = support::pair().await;
    let replica = support::connect(&first.replica).await;
    replica.batch_execute("create table mine (id int)").await.unwrap();
    let second = support::pair().await;
    let found = "select to_regclass('mine') is null, to_regclass('robbie_sync.entry') is not null";
    let row = support::connect(&second.replica).await.query_one(found, &[]).await.unwrap();
    assert_eq!((row.get::<_, bool>(0), row.get::<_, bool>(1)), (true, true));
    let found = "select to_regclass('robbie_sync.changelog') is not null";
    let row = support::connect(&second.master).await.query_one(found, &[]).await.unwrap();
    assert!(row.get::<_, bool>(0));
}
