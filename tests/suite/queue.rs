//! The queue's reads against PostgreSQL: both shapes, pages in both directions, hostile names, filters, groups.

mod codes;
pub(crate) mod commands;
mod discard;
mod dry;
mod edit;
mod excuses;
mod families;
mod filters;
mod frozen;
mod hostile;
mod jobs;
mod lines;
mod reasons;
mod reconcile;
mod remedies;
mod starvation;
mod undo;
mod verdicts;

use super::support;
use robbie_console::postgres::{Kind, Side};
use robbie_console::queue::{
    Anchor, Entry, Proof, Scope, Shape, Sort, SortBy, State, Verdict, detail, diagnosis, filter, groups, images, store,
};
use std::sync::Arc;
use tokio_postgres::Client;
use uuid::Uuid;

/// The deployed table with nine columns and its indexes, nothing else.
const DEPLOYED: &str = "
create table pending_sync (
  id uuid primary key default gen_random_uuid(), table_name varchar(255) not null, operation varchar(50) not null,
  data jsonb not null, created_at timestamptz default current_timestamp, synced_at timestamptz, error text,
  retry_count integer default 0, last_retry timestamptz);
create index idx_pending_sync_unsynced on pending_sync (created_at) where synced_at is null;
create index idx_pending_sync_error on pending_sync (error) where error is not null;";

async fn deployed(rows: &str) -> (support::TestPair, Client, Shape) {
    let test = support::bare_pair().await;
    let client = support::connect(&test.replica).await;
    client.batch_execute(DEPLOYED).await.unwrap();
    client.batch_execute(rows).await.unwrap();
    let shape = Shape::read(&client).await.unwrap();
    (test, client, shape)
}

async fn migrated(rows: &str) -> (support::TestPair, Client, Shape) {
    let test = support::pair().await;
    let client = support::connect(&test.replica).await;
    client.batch_execute(rows).await.unwrap();
    // Where no trigger noted them yet, the entries are noted as the engine's trigger does.
    client
        .batch_execute(
            "insert into robbie_sync.entry (entry_id, tbl, op, pk)
             select id, table_name, operation, case when data ? 'id' then jsonb_build_object('id', data -> 'id') end
             from pending_sync order by created_at, id on conflict do nothing",
        )
        .await
        .unwrap();
    let shape = Shape::read(&client).await.unwrap();
    assert!(shape.migrated);
    (test, client, shape)
}

fn scope(text: &str) -> Scope {
    Scope { filter: filter::parse(text).unwrap(), ..Scope::default() }
}

async fn all(client: &Client, shape: &Shape, scope: &Scope, limit: u16, backwards: bool) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    let mut anchor = if backwards { Anchor::Last } else { Anchor::First };
    loop {
        let page = store::page(client, shape, scope, &anchor, limit).await.unwrap();
        if backwards {
            found.splice(0..0, page.entries.iter().cloned());
        } else {
            found.extend(page.entries.iter().cloned());
        }
        if !page.more {
            return found;
        }
        assert_eq!(page.entries.len(), usize::from(limit));
        anchor = if backwards {
            Anchor::Before(page.entries[0].key.clone())
        } else {
            Anchor::After(page.entries.last().unwrap().key.clone())
        };
    }
}

async fn ids_where(client: &Client, condition: &str) -> Vec<Uuid> {
    let rows =
        client.query(&format!("select id from pending_sync p where {condition} order by id"), &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn filtered(client: &Client, shape: &Shape, text: &str) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = all(client, shape, &scope(text), 100, false).await.iter().map(|e| e.id).collect();
    ids.sort();
    ids
}

/// 300 entries in ties of 50, some without a time, some synced, some failed.
const MANY: &str = "
insert into pending_sync (id, table_name, operation, data, created_at, synced_at, error, retry_count)
select ('00000000-0000-4000-8000-' || lpad(to_hex((n * 7919) % 1000), 12, '0'))::uuid,
       'table_' || n % 3, (array['INSERT', 'UPDATE', 'DELETE'])[1 + n % 3],
       jsonb_build_object('id', n, 'deep', jsonb_build_object('n', n, 'text', 'v' || n % 10),
         'tags', jsonb_build_array('t' || n % 5, n, jsonb_build_object('x', n % 7)), 'a b', jsonb_build_object('c.d', n % 3), 'flag', n % 2 = 0),
       case when n % 37 = 0 then null else timestamptz '2026-11-01 00:00Z' + (n / 50) * interval '1 hour' end,
       case when n % 11 = 0 then timestamptz '2026-11-02 00:00Z' end,
       case when n % 5 = 0 then 'value too long for type character varying(255)' end, n % 4
from generate_series(1, 300) n";

fn ids(entries: &[Entry]) -> Vec<Uuid> {
    entries.iter().map(|e| e.id).collect()
}

fn assert_total_order(found: &[Entry], expected: usize) {
    let mut ids: Vec<_> = found.iter().map(|e| e.id).collect();
    assert_eq!(ids.len(), expected);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), expected, "an entry came twice");
}

async fn pages_both_ways(client: &Client, shape: &Shape) {
    let open = ids_where(client, "synced_at is null").await.len();
    let every: Vec<State> = State::QUEUED.to_vec();
    for by in [SortBy::Time, SortBy::Table, SortBy::Operation, SortBy::State, SortBy::Attempts] {
        for descending in [false, true] {
            for (states, count) in [(State::OPEN.to_vec(), open), (every.clone(), 300)] {
                let scope = Scope { states, sort: Sort { by, descending }, ..Scope::default() };
                let forward = all(client, shape, &scope, 7, false).await;
                assert_total_order(&forward, count);
                let backward = all(client, shape, &scope, 7, true).await;
                assert!(ids(&backward) == ids(&forward), "{by:?} {descending}");
                let middle = &forward[count / 2];
                let page = store::page(client, shape, &scope, &Anchor::From(middle.key.clone()), 5).await.unwrap();
                assert!(ids(&page.entries) == ids(&forward[count / 2..count / 2 + 5]), "{by:?} {descending}");
                if descending {
                    let ascending = Scope { sort: Sort { by, descending: false }, ..scope };
                    let mut there = all(client, shape, &ascending, 100, false).await;
                    there.reverse();
                    assert!(ids(&there) == ids(&forward), "{by:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn deployed_pages_neither_skip_nor_repeat() {
    let (_test, client, shape) = deployed(MANY).await;
    assert!(!shape.migrated && shape.open_time_index && !shape.time_index && !shape.eleven);
    pages_both_ways(&client, &shape).await;
    let open = all(&client, &shape, &Scope::default(), 50, false).await;
    assert!(open.windows(2).all(|w| w[1].created_ms.is_none() || w[0].created_ms <= w[1].created_ms));
}

#[tokio::test]
async fn migrated_pages_neither_skip_nor_repeat() {
    let (_test, client, shape) = migrated(MANY).await;
    client
        .batch_execute(
            "update robbie_sync.entry e set state = case when p.synced_at is not null then 'applied'
               when p.error is not null then 'quarantined' else 'ready' end, attempts = p.retry_count
             from pending_sync p where p.id = e.entry_id",
        )
        .await
        .unwrap();
    pages_both_ways(&client, &shape).await;
}

#[tokio::test]
async fn states_and_totals_agree_with_the_table() {
    let (_test, client, shape) = deployed(MANY).await;
    for (state, condition) in [
        ("pending", "synced_at is null and error is null"),
        ("failed", "synced_at is null and error is not null"),
        ("synced", "synced_at is not null"),
        ("blocked", "false"),
    ] {
        let text = format!("state:{state}");
        assert_eq!(filtered(&client, &shape, &text).await, ids_where(&client, condition).await, "{state}");
        let counted = store::count(&client, &shape, &scope(&text)).await.unwrap();
        assert_eq!(counted as usize, ids_where(&client, condition).await.len());
    }
    let total = store::total(&client).await.unwrap();
    assert_eq!((total.entries, total.exact), (300, true));
}

#[tokio::test]
async fn hostile_names_are_values_and_nothing_more() {
    let hostile = [
        "x'; drop table pending_sync; --",
        "\"; drop table pending_sync; --",
        "a\u{1b}[2Jb",
        "$1",
        "\\",
        "",
        "pg_class",
        "public.pending_sync",
        "тест 🤖",
    ];
    let (test, client, shape) = migrated("select 1").await;
    for name in hostile {
        client
            .execute(
                "insert into pending_sync (table_name, operation, data, error) values ($1::text, 'INSERT', $2::text::jsonb, $1::text)",
                &[&name, &serde_json::json!({"id": name, name: name}).to_string()],
            )
            .await
            .unwrap();
    }
    client
        .batch_execute(
            "insert into robbie_sync.entry (entry_id, tbl, op, pk)
             select id, table_name, operation, jsonb_build_object('id', data -> 'id') from pending_sync on conflict do nothing",
        )
        .await
        .unwrap();
    let entries = all(&client, &shape, &Scope::default(), 4, false).await;
    assert_eq!(entries.len(), hostile.len());
    for entry in &entries {
        let found = detail::read(&client, &shape, entry.id).await.unwrap().unwrap();
        assert_eq!(found.entry.table, entry.table);
        let image = images::read(&client, Side::Replica, &client, &shape, entry.id, &entry.table).await.unwrap();
        // public.pending_sync is a table; the entry's key is none of its keys.
        let is = if entry.table == "public.pending_sync" { images::Image::NoKey } else { images::Image::NoTable };
        assert_eq!(image, is, "{:?}", entry.table);
        let quoted = format!("\"{}\"", entry.table.replace('\\', "\\\\").replace('"', "\\\""));
        if !entry.table.is_empty() {
            let by_table = filtered(&client, &shape, &format!("table:{quoted}")).await;
            assert_eq!(by_table, [entry.id], "{quoted}");
            assert!(filtered(&client, &shape, &format!("data.{quoted}:{quoted}")).await.contains(&entry.id));
            assert!(filtered(&client, &shape, &quoted).await.contains(&entry.id));
        }
    }
    groups::read(&client, &shape, &Scope::default()).await.unwrap();
    drop(test);
}

#[tokio::test]
async fn an_entry_in_full_keeps_every_digit_and_knows_its_chain() {
    let (test, client, shape) = migrated(
        "insert into pending_sync (table_name, operation, data, created_at) values
         ('code_conversations', 'INSERT', '{\"id\": \"11111111-1111-4111-8111-111111111111\", \"n\": 9007199254740993.10, \"title\": \"one\"}', now() - interval '1 hour'),
         ('code_conversations', 'UPDATE', '{\"id\": \"11111111-1111-4111-8111-111111111111\", \"title\": \"two\"}', now() - interval '1 minute'),
         ('code_conversations', 'UPDATE', '{\"id\": \"22222222-2222-4222-8222-222222222222\"}', now())",
    )
    .await;
    let entries = all(&client, &shape, &Scope::default(), 10, false).await;
    let found = detail::read(&client, &shape, entries[0].id).await.unwrap().unwrap();
    assert!(found.payload.contains("9007199254740993.10"), "{}", found.payload);
    assert_eq!(found.payload_chars as usize, found.payload.chars().count());
    assert_eq!(found.chain.iter().map(|c| (c.id, c.before)).collect::<Vec<_>>(), [(entries[1].id, false)]);
    let later = detail::read(&client, &shape, entries[1].id).await.unwrap().unwrap();
    assert!(later.chain[0].before);
    assert_eq!(detail::read(&client, &shape, Uuid::nil()).await.unwrap(), None);

    let master = support::connect(&test.master).await;
    let image = async |side, client: &Client, replica: &Client| {
        images::read(client, side, replica, &shape, entries[0].id, "code_conversations").await.unwrap()
    };
    assert_eq!(image(Side::Master, &master, &client).await, images::Image::Absent);
    client
        .batch_execute(
            "insert into code_conversations (id, user_id, session_id, title)
             values ('11111111-1111-4111-8111-111111111111', 'allan', 's', 'here')",
        )
        .await
        .unwrap();
    let images::Image::Row(row) = image(Side::Replica, &client, &client).await else { panic!("no row") };
    assert!(row.contains("\"title\": \"here\""), "{row}");
    let beginning = &entries[0].id.to_string()[..10];
    assert_eq!(detail::ids_beginning(&client, &shape, beginning, 5).await.unwrap(), [entries[0].id]);
    assert!(detail::ids_beginning(&client, &shape, "'; drop", 5).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_big_payload_is_not_looked_into_for_a_list_and_comes_in_chunks() {
    let (_test, client, shape) = deployed(
        "insert into pending_sync (table_name, operation, data)
         select 't', 'INSERT', jsonb_build_object('id', 1, 'blob', string_agg(md5(n::text), '')) from generate_series(1, 65536) n",
    )
    .await;
    let entries = all(&client, &shape, &Scope::default(), 10, false).await;
    assert_eq!(entries[0].preview, None);
    assert!(entries[0].bytes > 65_536);
    let found = detail::read(&client, &shape, entries[0].id).await.unwrap().unwrap();
    assert_eq!(found.payload.len() as i64, detail::CHUNK);
    let rest = detail::payload_from(&client, &shape, entries[0].id, detail::CHUNK).await.unwrap();
    let rest2 = detail::payload_from(&client, &shape, entries[0].id, detail::CHUNK * 2).await.unwrap();
    let whole = format!("{}{rest}{rest2}", found.payload);
    assert_eq!(whole.len() as i64, found.payload_chars);
    let stored: String = client.query_one("select data::text from pending_sync", &[]).await.unwrap().get(0);
    assert_eq!(whole, stored);
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let test = support::bare_pair().await;
    let client = support::connect(&test.replica).await;
    let fault = Shape::read(&client).await.unwrap_err();
    assert_eq!((fault.kind, fault.object.as_deref()), (Kind::Schema, Some("public.pending_sync")));
    assert!(fault.remedy.unwrap().contains("schema migrate"));
    client.batch_execute("create table pending_sync (id uuid primary key, data jsonb)").await.unwrap();
    let fault = Shape::read(&client).await.unwrap_err();
    assert_eq!(fault.object.as_deref(), Some("public.pending_sync.table_name"));

    let root = support::connect(&test.superuser(Side::Replica)).await;
    root.batch_execute("drop table pending_sync; create table pending_sync (id uuid primary key)").await.unwrap();
    let fault = Shape::read(&client).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Privilege);
    assert!(fault.remedy.unwrap().contains("GRANT SELECT"));
}

#[tokio::test]
async fn eleven_columns_and_fewer_than_nine_work() {
    let (_test, client, _) = deployed(MANY).await;
    client
        .batch_execute("alter table pending_sync add priority integer default 5, add node_id varchar(100)")
        .await
        .unwrap();
    let shape = Shape::read(&client).await.unwrap();
    assert!(shape.eleven);
    assert_eq!(all(&client, &shape, &Scope::default(), 100, false).await.len(), 273);
    client
        .batch_execute("alter table pending_sync drop error, drop retry_count, drop last_retry, drop priority")
        .await
        .unwrap();
    let shape = Shape::read(&client).await.unwrap();
    assert!(!shape.has_error && !shape.eleven);
    let entries = all(&client, &shape, &Scope::default(), 100, false).await;
    assert!(entries.iter().all(|e| e.state == State::Pending && e.error.is_none()));
    assert!(groups::read(&client, &shape, &Scope::default()).await.unwrap().groups.is_empty());
    assert!(detail::read(&client, &shape, entries[0].id).await.unwrap().is_some());
}

#[tokio::test]
async fn the_pulse_changes_with_the_queue_only() {
    let (_test, client, _) = deployed(MANY).await;
    let quiet = async |client: &Client| {
        client.batch_execute("select pg_stat_force_next_flush()").await.unwrap();
        client.batch_execute("select pg_stat_clear_snapshot()").await.unwrap();
    };
    quiet(&client).await;
    let (first, total) = store::news(&client, None).await.unwrap().unwrap();
    assert_eq!((total.entries, total.exact), (300, true));
    quiet(&client).await;
    assert_eq!(store::news(&client, Some(&first)).await.unwrap(), None);
    client.batch_execute("update pending_sync set retry_count = 9 where data ->> 'id' = '1'").await.unwrap();
    quiet(&client).await;
    let (second, _) = store::news(&client, Some(&first)).await.unwrap().unwrap();
    assert_ne!(second, first);
}
