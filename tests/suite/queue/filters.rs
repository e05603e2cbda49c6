//! The filter's fields against the server, and long queues that are looked through in lots.

use super::*;

#[tokio::test]
async fn every_field_of_the_filter_works() {
    for is_migrated in [false, true] {
        let (_test, client, shape) = if is_migrated { migrated(MANY).await } else { deployed(MANY).await };
        if is_migrated {
            client
                .batch_execute(
                    "update robbie_sync.entry e set state = case when p.synced_at is not null then 'applied'
                       when p.error is not null then 'quarantined' when e.seq % 4 = 0 then 'blocked' else 'ready' end,
                       attempts = p.retry_count, heard = hashtextextended(p.error, 0),
                       verdict = case when p.error is not null then 'schema_mismatch' end,
                       sqlstate = case when p.error is not null then '22001' end, object = case when p.error is not null then 't.name' end,
                       last_failed_at = case when p.error is not null then timestamptz '2026-11-03 04:00Z' end
                     from pending_sync p where p.id = e.entry_id",
                )
                .await
                .unwrap();
        }
        let open = "synced_at is null and ";
        let noted: &[(&str, &str)] = &[
            ("verdict:schema_mismatch", "error is not null"),
            ("!verdict:schema_mismatch,fault", "error is null"),
            ("object:t.n*e", "error is not null"),
            ("sqlstate:22", "error is not null"),
            ("tried:2026-11-03", "error is not null"),
            ("tried>2026-11-03", "false"),
            ("tried<2026-11-03T05:00", "error is not null"),
            ("state:failed", "error is not null"),
            ("!state:pending,blocked,synced", "error is not null"),
        ];
        for (text, condition) in noted.iter().filter(|_| is_migrated) {
            let expected = ids_where(&client, &format!("{open} ({condition})")).await;
            assert_eq!(filtered(&client, &shape, text).await, expected, "{text}");
        }
        for (text, condition) in [
            ("state:synced,failed,pending,blocked synced:2026-11-02", "synced_at is not null"),
            ("state:synced synced>2026-11-02", "false"),
            ("state:synced synced<=2026-11-02T00:00", "synced_at is not null"),
            ("state:synced OR data.n:1", "synced_at is not null"),
        ] {
            let expected = ids_where(&client, condition).await;
            assert_eq!(filtered(&client, &shape, text).await, expected, "{text}");
        }
        for (text, condition) in [
            ("table:table_1", "table_name = 'table_1'"),
            ("table:*_1,table_2", "table_name in ('table_1', 'table_2')"),
            ("op:insert", "operation = 'INSERT'"),
            ("!op:insert", "operation <> 'INSERT'"),
            ("error:\"too long\"", "error is not null"),
            ("!error:\"too long\"", "error is null"),
            ("sqlstate:22001", "error is not null"),
            ("attempts>2", "retry_count > 2"),
            ("attempts:0", "retry_count = 0"),
            ("data.deep.text:v3", "data #>> '{deep,text}' = 'v3'"),
            ("data.deep.text:v3,v4", "data #>> '{deep,text}' in ('v3', 'v4')"),
            ("data.deep.text:v*", "true"),
            ("data.deep.n>290", "(data #>> '{deep,n}')::int > 290"),
            ("data.deep.text>290", "false"),
            ("data.deep.n<=10.5", "(data #>> '{deep,n}')::int <= 10"),
            ("data.tags.0:t3", "data #>> '{tags,0}' = 't3'"),
            ("data.tags.1>=250", "(data #>> '{tags,1}')::int >= 250"),
            ("data.tags.-1.x:2,4", "data #>> '{tags,2,x}' in ('2', '4')"),
            ("data.tags.9:t3", "false"),
            ("data.tags:t3", "false"),
            ("data.tags:\"[\\\"t3\\\", 3, *\"", "data #>> '{tags,1}' = '3'"),
            ("data.\"a b\".\"c.d\":1", "(data #>> '{id}')::int % 3 = 1"),
            ("data.flag:true", "(data #>> '{id}')::int % 2 = 0"),
            ("data.id:7", "data #>> '{id}' = '7'"),
            ("data.absent:x", "false"),
            ("!data.absent:x", "true"),
            ("created:2026-11-01T01:00", "created_at = '2026-11-01 01:00Z'"),
            ("created:2026-11-01", "created_at is not null"),
            ("created>2026-11-01", "false"),
            ("created:..2026-11-01T02:00", "created_at <= '2026-11-01 02:00Z'"),
            ("age>100w", "created_at < now() - interval '700 days'"),
            ("key:299", "data ->> 'id' = '299'"),
            ("table_2 OR op:update", "table_name = 'table_2' or operation = 'UPDATE'"),
            (
                "(table_2 OR op:update) attempts:1",
                "(table_name = 'table_2' or operation = 'UPDATE') and retry_count = 1",
            ),
            ("id:00000000-0000-4000-8000-0000000000", "id::text like '00000000-0000-4000-8000-0000000000%'"),
            ("100%", "false"),
            ("table__", "false"),
        ] {
            let expected = ids_where(&client, &format!("{open} ({condition})")).await;
            assert_eq!(filtered(&client, &shape, text).await, expected, "{text}");
        }
    }
}

/// A queue whose places are so far apart that a filter looks it through in several lots.
#[tokio::test]
async fn lots_neither_skip_nor_repeat() {
    let (_test, client, shape) = migrated(MANY).await;
    client
        .batch_execute(
            "create temp table kept as select * from robbie_sync.entry;
             delete from robbie_sync.entry;
             update kept set seq = seq * 10000, attempts = seq % 3;
             insert into robbie_sync.entry overriding system value select * from kept",
        )
        .await
        .unwrap();
    let every = |text: &str, by, descending| Scope {
        states: State::QUEUED.to_vec(),
        sort: Sort { by, descending },
        ..scope(text)
    };
    for by in [SortBy::Time, SortBy::Table, SortBy::Operation, SortBy::State, SortBy::Attempts] {
        for descending in [false, true] {
            let plain = all(&client, &shape, &every("", by, descending), 100, false).await;
            assert_total_order(&plain, 300);
            let filter = every("data.deep.n>0", by, descending);
            for limit in [7, 100] {
                assert_eq!(ids(&all(&client, &shape, &filter, limit, false).await), ids(&plain), "{by:?} {descending}");
                assert_eq!(ids(&all(&client, &shape, &filter, limit, true).await), ids(&plain), "{by:?} {descending}");
            }
            let rare = all(&client, &shape, &every("data.deep.n>295", by, descending), 2, false).await;
            assert_total_order(&rare, 5);
        }
    }
    let filter = every("data.deep.n>0", SortBy::Time, false);
    assert_eq!(store::count(&client, &shape, &filter).await.unwrap(), 300);
    let plain = all(&client, &shape, &every("", SortBy::Time, false), 100, false).await;
    assert_eq!(store::ids(&client, &shape, &filter).await.unwrap(), ids(&plain));
    let share = store::page(&client, &shape, &filter, &Anchor::Share(0.5), 10).await.unwrap();
    assert_eq!(ids(&share.entries), ids(&plain[150..160]));
}

/// One that the table lost while no trigger looked is passed over, and hides nothing behind it.
#[tokio::test]
async fn a_note_without_an_entry_ends_no_list() {
    let (test, client, shape) = migrated(MANY).await;
    support::connect(&test.superuser(Side::Replica))
        .await
        .batch_execute(
            "set session_replication_role = replica; delete from pending_sync where (data ->> 'id')::int % 10 < 5",
        )
        .await
        .unwrap();
    let scope = Scope { states: State::QUEUED.to_vec(), ..Scope::default() };
    let first = store::page(&client, &shape, &scope, &Anchor::First, 100).await.unwrap();
    assert!(first.more && first.entries.len() < 100);
    let rest = store::page(&client, &shape, &scope, &Anchor::After(first.entries.last().unwrap().key.clone()), 300)
        .await
        .unwrap();
    assert_eq!((first.entries.len() + rest.entries.len(), rest.more), (150, false));
}
