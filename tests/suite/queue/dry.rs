//! A dry run of a thousand entries: it says what would happen, and leaves every row of both sides the very same version.

use super::*;
use crate::sync::fixture::{Fixture, count, text};
use robbie_console::sync::{self, Mode, Outcome, ReplayOptions};
use std::collections::BTreeMap;

/// Every row of every table of a database, with the transaction that wrote it and where it lies.
async fn versions(client: &Client) -> BTreeMap<String, String> {
    let tables = client
        .query(
            "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind = 'r' and n.nspname in ('public', 'robbie_sync')",
            &[],
        )
        .await
        .unwrap();
    let mut found = BTreeMap::new();
    for table in tables.iter().map(|row| row.get::<_, String>(0)) {
        let all =
            format!("select md5(string_agg(concat_ws(' ', t.xmin, t.ctid, t.*), '' order by t.ctid)) from {table} t");
        let all = text(client, &all).await;
        found.insert(table, all);
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_entries_leave_no_trace_and_a_deferred_violation_is_told() {
    let f = Fixture::new().await;
    for (client, sync) in [(&f.master, "capture"), (&f.replica, "watch")] {
        client
            .batch_execute(&format!(
                "create table owner (id integer primary key, name text);
                 create table pet (id integer primary key, owner integer references owner deferrable initially deferred, name text);
                 select robbie_sync.{sync}('owner'), robbie_sync.{sync}('pet')"
            ))
            .await
            .unwrap();
    }
    for table in ["owner select n, 'o'", "pet select n, n, 'p'"] {
        f.master.batch_execute(&format!("insert into {table} from generate_series(1, 300) n")).await.unwrap();
    }
    f.cycle().await;
    let conversation = Uuid::new_v4();
    f.conversation(conversation, "c").await;
    f.cycle().await;
    // 400 new rows, 300 changed ones, 200 that go, 99 to the sample tables, and one pet of nobody.
    f.replica
        .batch_execute(
            "insert into pending_sync (table_name, operation, data)
               select 'pet', 'INSERT', jsonb_build_object('id', n, 'owner', n % 300 + 1, 'name', 'new') from generate_series(1001, 1400) n;
             insert into pending_sync (table_name, operation, data)
               select 'owner', 'UPDATE', jsonb_build_object('id', n, 'name', 'changed') from generate_series(1, 300) n;
             insert into pending_sync (table_name, operation, data)
               select 'pet', 'DELETE', jsonb_build_object('id', n) from generate_series(1, 200) n;
             insert into pending_sync (table_name, operation, data) values ('pet', 'INSERT', '{\"id\": 5000, \"owner\": 999, \"name\": \"stray\"}')",
        )
        .await
        .unwrap();
    // What one transaction of the dry run would write the next does not see: their parent is there.
    f.messages(conversation, 99).await;
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 1000);
    let ids = ids_where(&f.replica, "synced_at is null").await;
    let before = (versions(&f.master).await, versions(&f.replica).await);
    assert!(before.0.contains_key("public.pet") && before.0.contains_key("robbie_sync.applied"));

    let options = ReplayOptions { mode: Mode::Dry, actor: "test".into(), reason: None, force: true };
    let told = sync::replay(&f.pair, &ids, options).await.unwrap();
    assert_eq!((versions(&f.master).await, versions(&f.replica).await), before);
    let done = told.iter().filter(|o| o.outcome == Outcome::Applied).count();
    let others: Vec<_> = told.iter().filter(|o| o.outcome != Outcome::Applied).collect();
    assert_eq!((told.len(), done, others.len()), (1000, 999, 1), "{:?}", others.first());
    let stray = others[0];
    assert_eq!((stray.verdict, stray.sqlstate.as_deref()), (Verdict::WaitsForParent, Some("23503")), "{stray:?}");
    assert!(stray.object.as_ref().unwrap().contains("pet_owner_fkey"), "{stray:?}");
}
