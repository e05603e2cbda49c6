//! Discarding entries into the archive and putting them back.

use super::commands::robbie;
use super::{Proof, Scope, Shape, Sort, SortBy, State, all as all_of, detail, diagnosis, groups, scope, store};
use crate::sync::fixture::{Fixture, count, text};
use robbie_console::sync::discard::{By, Fate, archived, discard, preview, restore};
use robbie_console::sync::{self, Asked, CycleOptions, Engine, EngineLock, EngineOptions, Mode, ReplayOptions};
use std::time::Duration;
use uuid::Uuid;

const BY: By<'static> = By { actor: "test", reason: "not wanted", engine: None };

/// All that is kept of entries, as text: the queue with the columns that are ours and not, and the engine's note.
async fn all(f: &Fixture) -> String {
    text(
        &f.replica,
        "select string_agg(p::text || ' ' || p.data::text || ' ' || coalesce(e::text, '-'), E'\\n' order by p.id)
         from pending_sync p left join robbie_sync.entry e on e.entry_id = p.id",
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_discarded_comes_back_byte_for_byte() {
    let f = Fixture::new().await;
    f.replica
        .batch_execute(
            r#"alter table pending_sync add column spread json, add column many text[], add column ratio double precision,
                   add column doubled text generated always as (upper(operation)) stored, add column "odd ""name" timestamptz;
               insert into pending_sync (table_name, operation, data, created_at, error, retry_count, last_retry, spread, many, ratio, "odd ""name") values
               ('code_blocks', 'INSERT', '{"zz": 1, "id": "11111111-1111-4111-8111-111111111111", "n": 9007199254740993, "m": 1.10,
                 "big": 123456789012345678901234567890.000100, "t": "a\u001b\"\\\n", "nested": {"b": [1.0, null], "a": true}}',
                '2026-01-02 03:04:05.678901+00', E'tab\t and "quotes"', 7, 'infinity', '{"b":1,  "a":2, "b":3}', '{"a","b,c",null}', 0.1, '-infinity'),
               ('code_messages', 'UPSERT', '[1.10, "no object"]', null, null, null, null, null, null, 'NaN', null),
               ('code_messages', 'DELETE', '"text"', '-infinity', '', 0, '2026-01-02 03:04:05.6789', '"s"', '{}', '-0', null)"#,
        )
        .await
        .unwrap();
    f.cycle().await;
    // As the engine left it: failed, with tries, waiting.
    f.replica
        .batch_execute("update robbie_sync.entry set seen = 'x - 1:1:', changed = '{a,b}', base = '{\"n\": 1.10}', first_failed_at = 'infinity' where op = 'INSERT'")
        .await
        .unwrap();
    let before = all(&f).await;
    assert!(before.contains("9007199254740993") && before.contains("1.10") && before.contains("infinity"), "{before}");
    let tries = count(&f.replica, "robbie_sync.attempt").await;
    let ids: Vec<Uuid> = f
        .replica
        .query("select id from pending_sync order by id", &[])
        .await
        .unwrap()
        .iter()
        .map(|r| r.get(0))
        .collect();

    let would = preview(&f.pair, &ids).await.unwrap();
    assert!(would.iter().all(|p| p.fate == Fate::Discarded), "{would:?}");
    assert_eq!(all(&f).await, before, "a preview writes nothing");

    let gone = discard(&f.pair, &ids, BY).await.unwrap();
    assert!(gone.iter().all(|p| p.fate == Fate::Discarded), "{gone:?}");
    assert_eq!((count(&f.replica, "pending_sync").await, count(&f.replica, "robbie_sync.entry").await), (0, 0));
    let kept = archived(&f.replica, None, 10).await.unwrap();
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().all(|a| (a.actor.as_str(), a.reason.as_deref()) == ("test", Some("not wanted"))));
    assert_eq!(archived(&f.replica, Some(kept[0].id), 10).await.unwrap().len(), 2);
    assert_eq!(
        count(&f.replica, "robbie_sync.run where kind = 'discard' and reason = 'not wanted' and outcome = 'ok'").await,
        1
    );

    let back = restore(&f.pair, &ids, BY).await.unwrap();
    assert!(back.iter().all(|p| p.fate == Fate::Restored), "{back:?}");
    assert_eq!(all(&f).await, before);
    assert_eq!(count(&f.replica, "robbie_sync.attempt").await, tries);
    assert_eq!(count(&f.replica, "robbie_sync.archive").await, 0);
    // Twice the same: nothing is left over from the first time.
    discard(&f.pair, &ids, BY).await.unwrap();
    assert_eq!(restore(&f.pair, &ids, BY).await.unwrap().len(), 3);
    assert_eq!(all(&f).await, before);
    assert_eq!(restore(&f.pair, &ids[..1], BY).await.unwrap()[0].fate, Fate::Queued);
    assert_eq!(restore(&f.pair, &[Uuid::new_v4()], BY).await.unwrap()[0].fate, Fate::Missing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_edit_is_given_up_and_a_restored_one_still_arrives() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "first").await;
    f.cycle().await;
    let title = "select title from code_conversations";
    f.replica.batch_execute("update code_conversations set title = 'ours'").await.unwrap();
    let entry = f.queue("code_conversations", "UPDATE", &format!(r#"{{"id":"{id}","title":"ours"}}"#)).await;
    discard(&f.pair, &[entry], BY).await.unwrap();
    f.cycle().await;
    assert_eq!(text(&f.replica, title).await, "first", "the master's row is taken again");
    assert_eq!(count(&f.replica, "robbie_sync.base").await, 0);
    restore(&f.pair, &[entry], BY).await.unwrap();
    f.cycle().await;
    f.cycle().await;
    assert_eq!((text(&f.master, title).await, text(&f.replica, title).await), ("ours".into(), "ours".into()));
    assert_eq!(f.differences().await, "");
    assert_eq!(count(&f.replica, "robbie_sync.base").await + count(&f.replica, "robbie_sync.deferred").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_took_effect_is_settled_and_not_discarded() {
    let f = Fixture::new().await;
    let id = f.conversation(Uuid::new_v4(), "there").await;
    // A replay that was killed before it noted the answer.
    let options = ReplayOptions { mode: Mode::Apply, actor: "test".into(), reason: None, force: false };
    sync::replay(&f.pair, &[id], options).await.unwrap();
    f.replica
        .batch_execute(
            "set robbie_sync.apply = 'on'; update pending_sync set synced_at = null; update robbie_sync.entry set state = 'ready'; reset robbie_sync.apply",
        )
        .await
        .unwrap();
    let other = Uuid::new_v4();
    let told = discard(&f.pair, &[other, id], BY).await.unwrap();
    assert_eq!((told[0].fate, told[1].fate), (Fate::Missing, Fate::TookEffect));
    assert!(
        told[1].message.as_ref().unwrap().contains("took effect") && told[1].remedy.as_ref().unwrap().contains("undo")
    );
    assert_eq!(count(&f.replica, "pending_sync where synced_at is not null").await, 1);
    assert_eq!(count(&f.replica, "robbie_sync.archive").await, 0);
    let again = discard(&f.pair, &[id], BY).await.unwrap();
    assert_eq!(again[0].fate, Fate::Settled);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_discarded_past_an_engine_a_replay_or_a_lost_master() {
    let f = Fixture::new().await;
    let bad = f.queue("code_messages", "INSERT", r#"{"role":"user"}"#).await;
    let Asked::Held(lock) = EngineLock::ask(&f.pair.replica, Duration::from_secs(1), None).await.unwrap() else {
        panic!("somebody has the lock")
    };
    let refused = discard(&f.pair, &[bad], BY).await.unwrap_err();
    assert!(refused.message.contains("robbie engine 1s pid") && refused.remedy.is_some(), "{refused:?}");
    lock.release().await;

    f.replica.batch_execute("select pg_advisory_lock_shared(1919902306, 2)").await.unwrap();
    let refused = discard(&f.pair, &[bad], BY).await.unwrap_err();
    assert!(refused.message.contains("a replay is under way"), "{refused:?}");
    f.replica.batch_execute("select pg_advisory_unlock_shared(1919902306, 2)").await.unwrap();

    let mut lost = f.test.target(robbie_console::postgres::Side::Master).clone();
    lost.config.dbname("no_such_database");
    let alone =
        robbie_console::postgres::Pair::new(lost, f.test.target(robbie_console::postgres::Side::Replica).clone());
    let refused = discard(&alone, &[bad], BY).await.unwrap_err();
    assert!(refused.message.contains("ledger, which cannot be asked"), "{refused:?}");
    assert_eq!(count(&f.replica, "pending_sync").await, 1);

    // A trigger that is off: nothing is half done.
    f.replica.batch_execute("alter table pending_sync disable trigger robbie_dequeued").await.unwrap();
    discard(&f.pair, &[bad], BY).await.unwrap_err();
    assert_eq!((count(&f.replica, "pending_sync").await, count(&f.replica, "robbie_sync.archive").await), (1, 0));
    f.replica.batch_execute("alter table pending_sync enable trigger robbie_dequeued").await.unwrap();
    // And each refusal let go of everything.
    assert_eq!(discard(&f.pair, &[bad], BY).await.unwrap()[0].fate, Fate::Discarded);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_of_this_process_is_met_between_two_cycles() {
    let f = Fixture::new().await;
    let options = EngineOptions { interval: Duration::from_millis(200), ..EngineOptions::default() };
    let engine = Engine::start(f.pair.clone(), options);
    let mut status = engine.status();
    tokio::time::timeout(Duration::from_secs(20), status.wait_for(|s| s.cycles > 0)).await.unwrap().unwrap();
    let by = By { engine: Some(&engine), ..BY };
    for n in 0..15 {
        let row = Uuid::new_v4();
        let entry = f.conversation(row, &n.to_string()).await;
        let fate = discard(&f.pair, &[entry], by).await.unwrap()[0].fate;
        // Either it was sent, and stays; or it is gone, and has no effect.
        let there = count(&f.master, &format!("code_conversations where id = '{row}'")).await;
        assert_eq!(there == 0, fate == Fate::Discarded, "{fate:?}");
    }
    assert!(discard(&f.pair, &[Uuid::new_v4()], BY).await.is_err(), "without the engine's handle it is another's");
    engine.stop().await;
    sync::cycle(&f.pair, CycleOptions::default()).await.unwrap();
    assert_eq!(f.differences().await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_discard_list_and_restore() {
    let f = Fixture::new().await;
    f.queue("code_messages", "INSERT", r#"{"role":"user"}"#).await;
    let good = f.conversation(Uuid::new_v4(), "good").await;
    let filter = ["discard", "--filter", "table:code_messages", "--reason", "a test's"];
    let (code, dry) = robbie(&f.test, &[&filter[..], &["--dry-run"]].concat());
    assert_eq!((code, &dry["outcomes"]["discarded"]), (0, &1.into()), "{dry}");
    assert_eq!(robbie(&f.test, &filter).0, 2, "without a terminal it needs --yes");
    assert_eq!(count(&f.replica, "robbie_sync.archive").await, 0);
    let (code, done) = robbie(&f.test, &[&filter[..], &["--yes"]].concat());
    assert_eq!((code, done["entries"].as_array().unwrap().len()), (0, 1), "{done}");
    let (code, listed) = robbie(&f.test, &["archived"]);
    assert_eq!((code, &listed["entries"][0]["reason"]), (0, &"a test's".into()));
    let id = listed["entries"][0]["id"].as_str().unwrap();
    let nowhere = Uuid::new_v4().to_string();
    assert_eq!(robbie(&f.test, &["restore", id, &nowhere, "--yes"]).0, 4);
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 2);
    f.cycle().await;
    let (code, told) = robbie(&f.test, &["discard", &good.to_string(), "--reason", "late", "--yes"]);
    assert_eq!((code, &told["entries"][0]["fate"]), (1, &"settled".into()), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_reads_like_the_queue() {
    let f = Fixture::new().await;
    // Ten that the engine tried, and that nobody wants any more; ten more stay.
    let mut ids = Vec::new();
    for n in 0..20 {
        let data = format!(r#"{{"id":"{}","n":{n},"tags":["a",{n}],"role":"user"}}"#, Uuid::new_v4());
        ids.push(f.queue(if n % 2 == 0 { "code_messages" } else { "code_blocks" }, "INSERT", &data).await);
    }
    f.cycle().await;
    let shape = Shape::read(&f.replica).await.unwrap();
    let before = detail::read(&f.replica, &shape, ids[3]).await.unwrap().unwrap();
    let reasons = groups::read(&f.replica, &shape, &Scope::default()).await.unwrap();
    discard(&f.pair, &ids[..10], BY).await.unwrap();

    let matching = async |text: &str| -> Vec<usize> {
        let found = all_of(&f.replica, &shape, &scope(text), 3, false).await;
        let mut places: Vec<usize> = found.iter().map(|e| ids.iter().position(|id| *id == e.id).unwrap()).collect();
        assert_eq!(store::count(&f.replica, &shape, &scope(text)).await.unwrap() as usize, places.len(), "{text}");
        let mut chosen = store::ids(&f.replica, &shape, &scope(text)).await.unwrap();
        chosen.sort();
        let mut listed: Vec<Uuid> = found.iter().map(|e| e.id).collect();
        listed.sort();
        assert_eq!(chosen, listed, "{text}");
        places.sort_unstable();
        places
    };
    let to = |range: std::ops::Range<usize>| range.collect::<Vec<_>>();
    assert_eq!(matching("").await, to(10..20));
    assert_eq!(matching("state:discarded").await, to(0..10));
    assert_eq!(matching("!state:discarded").await, to(10..20));
    assert_eq!(matching("state:discarded OR data.n>=18").await, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 18, 19]);
    assert_eq!(matching("state:discarded,blocked,failed").await, to(0..20));
    assert_eq!(matching("state:discarded state:failed").await, to(0..0));
    let one = ids[4].to_string();
    for (text, expected) in [
        ("data.n:7", vec![7]),
        ("data.n>7", vec![8, 9]),
        ("data.tags.1:3", vec![3]),
        ("table:code_blocks", vec![1, 3, 5, 7, 9]),
        ("op:insert data.n<2", vec![0, 1]),
        ("attempts:1", to(0..10)),
        ("age<1h", to(0..10)),
        ("tried>2001-01-01", to(0..10)),
        ("created:2001-01-01..", to(0..10)),
        ("synced:2001-01-01..", vec![]),
        ("sqlstate:42703", to(0..10)),
        ("verdict:schema_mismatch", to(0..10)),
        ("object:code_messages", vec![0, 2, 4, 6, 8]),
        ("error:column", to(0..10)),
        (&format!("id:{}", &one[..18]), vec![4]),
        (&format!("key:{}", &before.entry.row_key.clone().unwrap()[8..20]), vec![3]),
        ("\"not wanted\"", to(0..10)),
    ] {
        assert_eq!(matching(&format!("state:discarded ({text})")).await, expected, "{text}");
    }
    for by in [SortBy::Time, SortBy::Table, SortBy::Operation, SortBy::State, SortBy::Attempts] {
        for (text, n) in [("state:discarded", 10), ("state:discarded,failed,blocked", 20)] {
            for descending in [false, true] {
                let scope = Scope { sort: Sort { by, descending }, ..scope(text) };
                let forward: Vec<Uuid> =
                    all_of(&f.replica, &shape, &scope, 3, false).await.iter().map(|e| e.id).collect();
                let backward: Vec<Uuid> =
                    all_of(&f.replica, &shape, &scope, 3, true).await.iter().map(|e| e.id).collect();
                assert_eq!((forward.len(), &forward), (n, &backward), "{by:?} {descending}");
            }
        }
    }
    // In full, with who, when and why; what was found out stays proven.
    let seen = detail::read(&f.replica, &shape, ids[3]).await.unwrap().unwrap();
    let by = seen.entry.discarded.clone().unwrap();
    assert_eq!((by.actor.as_str(), by.reason.as_deref()), ("test", Some("not wanted")));
    assert!(by.age_s < 60 && seen.entry.state == State::Discarded);
    let same = (before.payload, before.error_text, before.tries.len(), before.entry.key, before.entry.verdict);
    assert_eq!(
        (seen.payload.clone(), seen.error_text.clone(), seen.tries.len(), seen.entry.key.clone(), seen.entry.verdict),
        same
    );
    assert_eq!(diagnosis::diagnose(&seen.evidence()).unwrap().proof, Proof::Proven);
    assert_eq!(detail::payload_from(&f.replica, &shape, ids[3], 1).await.unwrap(), seen.payload[1..]);
    let beginning = &ids[3].to_string()[..13];
    assert_eq!(detail::ids_beginning(&f.replica, &shape, beginning, 5).await.unwrap(), [ids[3]]);
    // By the same reasons.
    let discarded = Scope { states: vec![State::Discarded], ..Scope::default() };
    let kept = groups::read(&f.replica, &shape, &discarded).await.unwrap();
    let names = |found: &groups::Groups| {
        let mut names: Vec<String> = found.groups.iter().map(|g| g.id.clone()).collect();
        names.sort();
        names
    };
    assert_eq!((names(&kept), kept.entries), (names(&reasons), 10));
    assert!(kept.groups.iter().all(|g| g.state == State::Discarded));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_reach_the_archive() {
    let f = Fixture::new().await;
    let mut ids = Vec::new();
    for n in 0..4 {
        let data = format!(r#"{{"id":"{}","n":{n},"role":"user"}}"#, Uuid::new_v4());
        ids.push(f.queue("code_messages", "INSERT", &data).await.to_string());
    }
    f.cycle().await;
    let robbie = |arguments: &[&str]| robbie(&f.test, arguments);
    let (code, done) = robbie(&["discard", "--filter", "data.n<3", "--reason", "why not", "--yes"]);
    assert_eq!((code, &done["outcomes"]["discarded"]), (0, &3.into()), "{done}");
    let (code, listed) = robbie(&["list", "--filter", "state:discarded data.n:1"]);
    assert_eq!(code, 0);
    let found = &listed["entries"][0];
    assert_eq!((&found["id"], &found["state"]), (&ids[1].as_str().into(), &"discarded".into()), "{listed}");
    assert_eq!(
        (&found["discarded"]["actor"], &found["discarded"]["reason"]),
        (&"command line".into(), &"why not".into())
    );
    let (code, shown) = robbie(&["show", &ids[1][..13]]);
    assert_eq!((code, &shown["discarded"]["reason"]), (0, &"why not".into()), "{shown}");
    assert_eq!((&shown["replica_row"]["is"], &shown["master_row"]["is"]), (&"absent".into(), &"absent".into()));

    let (code, refused) = robbie(&["replay", "--filter", "state:discarded", "--yes"]);
    assert_eq!((code, refused["error"]["remedy"].as_str().unwrap().contains("restore")), (2, true), "{refused}");
    assert_eq!(robbie(&["restore", "--filter", "state:failed", "--yes"]).0, 2);
    let none = Uuid::new_v4().to_string();
    let (code, would) = robbie(&["restore", &ids[0], &ids[3], &none, "--dry-run"]);
    let fates: Vec<&str> = would["entries"].as_array().unwrap().iter().map(|e| e["fate"].as_str().unwrap()).collect();
    assert_eq!((code, &would["dry_run"], fates), (4, &true.into(), vec!["restored", "queued", "missing"]), "{would}");
    assert_eq!(count(&f.replica, "robbie_sync.archive").await, 3, "a dry run restores nothing");
    assert_eq!(robbie(&["restore", "--filter", "data.n:0", "--yes"]).0, 0);
    assert_eq!(count(&f.replica, "robbie_sync.archive").await, 2);
    let (code, done) = robbie(&["restore", "--all", "--yes"]);
    assert_eq!((code, &done["outcomes"]["restored"]), (0, &2.into()), "{done}");
}
