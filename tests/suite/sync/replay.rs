//! Replays and dry runs.

use super::fixture::{Fixture, count, text};
use robbie_console::queue::Verdict;
use robbie_console::sync::{self, EntryOutcome, Mode, Outcome, ReplayOptions};
use uuid::Uuid;

async fn replay(f: &Fixture, ids: &[Uuid], mode: Mode, force: bool) -> Vec<EntryOutcome> {
    let options = ReplayOptions { mode, actor: "test".into(), reason: Some("because".into()), force };
    sync::replay(&f.pair, ids, options).await.unwrap()
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_leaves_both_sides_as_they_were() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    let good = f.conversation(id, "good").await;
    let child = f
        .queue(
            "code_messages",
            "INSERT",
            &format!(r#"{{"id":"{id}","conversation_id":"{id}","role":"user","content":"c"}}"#),
        )
        .await;
    let bad = f.queue("code_messages", "INSERT", r#"{"role":"user"}"#).await;
    let all = "select string_agg(t::text || xmin::text, '') from code_conversations t";
    let images = async || {
        let mut found = vec![];
        for client in [&f.master, &f.replica] {
            for table in ["code_conversations", "code_messages", "robbie_sync.run", "robbie_sync.entry", "pending_sync"]
            {
                if text(client, &format!("select to_regclass('{table}') is not null")).await == "true" {
                    found.push(text(client, &all.replace("code_conversations", table)).await);
                }
            }
        }
        found.push(count(&f.master, "robbie_sync.applied").await.to_string());
        found.push(count(&f.master, "robbie_sync.changelog").await.to_string());
        found
    };
    let before = images().await;
    let gone = Uuid::new_v4();
    let outcomes = replay(&f, &[bad, child, good, gone], Mode::Dry, false).await;
    assert_eq!(images().await, before);
    let verdicts: Vec<_> = outcomes.iter().map(|o| (o.id, o.verdict, o.outcome)).collect();
    assert_eq!(
        verdicts,
        [
            (bad, Verdict::LacksKey, Outcome::Blocked),
            (child, Verdict::Insert, Outcome::Applied),
            (good, Verdict::Insert, Outcome::Applied),
            (gone, Verdict::Fault, Outcome::Missing)
        ]
    );
    assert!(outcomes[0].remedy.as_ref().unwrap().contains("adopt"));
    assert!(outcomes[2].before.is_none() && outcomes[2].after.as_ref().unwrap().contains("\"title\": \"good\""));
}

#[tokio::test]
async fn a_replay_applies_records_who_and_why_and_a_choice_overrides() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.master.batch_execute(&format!("insert into code_blocks (id, file_path, language, content, session_id) values ('{id}', 'a', 'rust', 'newer', 's')")).await.unwrap();
    f.replica
        .batch_execute(&format!(
            "insert into pending_sync (table_name, operation, data, created_at)
             values ('code_blocks', 'UPDATE', '{{\"id\":\"{id}\",\"content\":\"ours\"}}', now() - interval '1 day')"
        ))
        .await
        .unwrap();
    let newer: Uuid = f.replica.query_one("select id from pending_sync", &[]).await.unwrap().get(0);
    let nowhere = f.queue("code_blocks", "DELETE", &format!(r#"{{"id":"{}"}}"#, Uuid::new_v4())).await;
    let held = replay(&f, &[newer, nowhere], Mode::Apply, false).await;
    assert!(held.iter().all(|o| o.outcome == Outcome::Held), "{held:?}");
    let forced = replay(&f, &[newer, nowhere], Mode::Apply, true).await;
    assert_eq!(forced[0].outcome, Outcome::ConflictResolved);
    assert_eq!((forced[1].verdict, forced[1].outcome), (Verdict::ZeroRows, Outcome::Superseded));
    assert_eq!(text(&f.master, "select content from code_blocks").await, "ours");
    assert_eq!(
        text(&f.master, "select rule || ' ' || (remote ->> 'content') from robbie_sync.conflict").await,
        "forced newer"
    );
    let ledger = "select distinct actor || ' ' || reason from robbie_sync.applied";
    assert_eq!(text(&f.master, ledger).await, "test because");
    assert_eq!(
        count(&f.replica, "robbie_sync.run where kind = 'replay' and actor = 'test' and reason = 'because'").await,
        2
    );
    assert_eq!(count(&f.replica, "robbie_sync.attempt where actor = 'test'").await, 4);
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 0);
    // Once more: the ledger has it.
    let again = replay(&f, &[newer], Mode::Apply, true).await;
    assert_eq!(again[0].verdict, Verdict::NoChange);
}

#[tokio::test]
async fn shuffled_entries_over_parents_and_children_need_no_second_try() {
    let f = Fixture::new().await;
    let mut ids = vec![];
    for n in 0..30 {
        let id = Uuid::new_v4();
        let message = format!(r#"{{"id":"{id}","conversation_id":"{id}","role":"user","content":"c"}}"#);
        ids.push(f.queue("code_messages", "INSERT", &message).await);
        ids.push(f.conversation(id, &n.to_string()).await);
    }
    ids.rotate_left(17);
    let outcomes = replay(&f, &ids, Mode::Apply, false).await;
    assert!(outcomes.iter().all(|o| o.outcome == Outcome::Applied), "{outcomes:?}");
    assert_eq!(outcomes.iter().map(|o| o.id).collect::<Vec<_>>(), ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_shuffled_entries_over_six_tables_meet_no_foreign_key() {
    let f = Fixture::new().await;
    let tables = 6;
    for n in 0..tables {
        let parent = if n == 0 { String::new() } else { format!(", up uuid not null references shelf_{}", n - 1) };
        // The first table points at itself too: its rows are in any order of the queue, over several chunks.
        let own = if n == 0 { ", up uuid references shelf_0" } else { "" };
        let table = format!("create table shelf_{n} (id uuid primary key, name text{parent}{own})");
        f.master.batch_execute(&format!("{table}; select robbie_sync.capture('shelf_{n}', 'row')")).await.unwrap();
        f.replica.batch_execute(&format!("{table}; select robbie_sync.watch('shelf_{n}')")).await.unwrap();
    }
    f.replica
        .batch_execute(
            "select setseed(0.25);
             insert into pending_sync (table_name, operation, data)
             select 'shelf_' || (n % 6), 'INSERT', jsonb_build_object('id', md5('r' || n)::uuid, 'name', n,
                 'up', case when n % 6 > 0 then md5('r' || n - 1)::uuid when n >= 6 then md5('r' || n / 12 * 6)::uuid end)
             from generate_series(0, 4999) n order by random()",
        )
        .await
        .unwrap();
    let rows = f.replica.query("select id from pending_sync order by random()", &[]).await.unwrap();
    let ids: Vec<Uuid> = rows.iter().map(|r| r.get(0)).collect();
    let outcomes = replay(&f, &ids, Mode::Apply, false).await;
    let bad: Vec<_> = outcomes.iter().filter(|o| o.outcome != Outcome::Applied).take(3).collect();
    assert!(bad.is_empty() && outcomes.len() == 5_000, "{bad:?}");
    for n in 0..tables {
        let of_it = format!("shelf_{n}");
        assert_eq!(count(&f.master, &of_it).await, (5_000 - n + 5) / 6);
    }
}

#[tokio::test]
async fn a_deferred_foreign_key_is_reported_by_a_dry_run() {
    let f = Fixture::new().await;
    let tables = "create table owner (id uuid primary key);
        create table thing (id uuid primary key, owner uuid references owner deferrable initially deferred)";
    f.master
        .batch_execute(&format!(
            "{tables}; select robbie_sync.capture('owner', 'row'), robbie_sync.capture('thing', 'row')"
        ))
        .await
        .unwrap();
    f.replica
        .batch_execute(&format!("{tables}; select robbie_sync.watch('owner'), robbie_sync.watch('thing')"))
        .await
        .unwrap();
    let (id, nobody) = (Uuid::new_v4(), Uuid::new_v4());
    let thing = f.queue("thing", "INSERT", &format!(r#"{{"id":"{id}","owner":"{nobody}"}}"#)).await;
    let told = replay(&f, &[thing], Mode::Dry, false).await;
    assert_eq!((told[0].verdict, told[0].sqlstate.as_deref()), (Verdict::WaitsForParent, Some("23503")), "{told:?}");
    assert_eq!(count(&f.master, "thing").await, 0);
}
