//! The sample: filled through the engine, every verdict by really trying, a workload that writes on both sides.

use crate::support;
use robbie_console::postgres::{Pair, Side};
use robbie_console::queue::Verdict;
use robbie_console::sample::{self, Found, Pace, Seeded, Workload};
use robbie_console::sync::{self, CycleOptions, Mode, Outcome, ReplayOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use uuid::Uuid;

async fn number(pair: &Pair, side: Side, sql: &str) -> i64 {
    let link = if side == Side::Master { &pair.master } else { &pair.replica };
    link.session().await.unwrap().query_one(sql, &[]).await.unwrap().get(0)
}

fn quiet(_: &str) {}

/// Verdict, whether it is settled, of every entry that has a note.
async fn verdicts(pair: &Pair) -> BTreeMap<Uuid, (Option<Verdict>, bool)> {
    let client = pair.replica.session().await.unwrap();
    let sql = "SELECT p.id, e.verdict, p.synced_at IS NOT NULL FROM pending_sync p
                 LEFT JOIN robbie_sync.entry e ON e.entry_id = p.id";
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|r| (r.get(0), (r.get::<_, Option<&str>>(1).and_then(Verdict::from_name), r.get(2)))).collect()
}

/// One filling is looked at from all sides: it takes a few seconds, and nothing below disturbs what comes after.
#[tokio::test]
async fn filled_looked_at_filled_again_replayed_and_worked_on() {
    let test = support::pair().await;
    let pair = test.pair();
    assert_eq!(sample::look(&pair).await.unwrap(), Found::Nothing);
    assert_eq!(sample::seed(&pair, &quiet).await.unwrap(), Seeded::Now);
    every_verdict_really_occurs(&pair).await;
    the_rest_is_there_and_equal_on_both_sides(&pair).await;

    let before = number(&pair, Side::Replica, "SELECT count(*) FROM pending_sync").await;
    assert_eq!(sample::seed(&pair, &quiet).await.unwrap(), Seeded::Before);
    assert_eq!(number(&pair, Side::Replica, "SELECT count(*) FROM pending_sync").await, before);

    let replayed = an_entry_whose_cause_is_gone_reaches_the_master(&pair).await;
    the_workload_writes_on_both_sides_stays_small_and_stops_at_once(&pair, replayed).await;
}

async fn every_verdict_really_occurs(pair: &Pair) {
    let found = verdicts(pair).await;
    let wrong: Vec<_> = sample::expected()
        .unwrap()
        .into_iter()
        .filter(|e| found.get(&e.id) != Some(&(Some(e.verdict), e.settled)))
        .map(|e| (e.tag, e.verdict, e.settled, found.get(&e.id).copied()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Not only in the end: no try of any of them said something else.
    let client = pair.replica.session().await.unwrap();
    let tries = client.query("SELECT entry_id, verdict FROM robbie_sync.attempt", &[]).await.unwrap();
    for entry in sample::expected().unwrap() {
        let mut said = tries.iter().filter(|t| t.get::<_, Uuid>(0) == entry.id).map(|t| t.get::<_, &str>(1));
        assert!(said.all(|v| v == entry.verdict.name()), "{}", entry.tag);
    }
    let occurring: BTreeSet<_> = found.values().filter_map(|(verdict, _)| *verdict).collect();
    assert_eq!(occurring, Verdict::ALL.into_iter().collect());

    // Nothing is stuck but what the story says, and the history is synced.
    let stuck = sample::expected().unwrap().iter().filter(|e| !e.settled).count();
    assert_eq!(found.values().filter(|(_, settled)| !settled).count(), stuck);
    assert!(found.values().filter(|(_, settled)| *settled).count() >= 300);
}

async fn the_rest_is_there_and_equal_on_both_sides(pair: &Pair) {
    for side in [Side::Master, Side::Replica] {
        assert!(number(pair, side, "SELECT count(*) FROM code_conversations").await >= 40);
        assert!(number(pair, side, "SELECT count(*) FROM code_messages").await >= 400);
        assert!(number(pair, side, "SELECT count(*) FROM code_blocks").await >= 40);
        assert!(number(pair, side, "SELECT count(*) FROM learned_patterns").await >= 25);
        let wrong = "SELECT count(*) FROM code_messages WHERE vector_dims(embedding) <> 1536
                        OR abs(vector_norm(embedding) - 1) > 1e-5 OR metadata ->> 'embedder' <> 'lexical-hash-1536/v1'";
        assert_eq!(number(pair, side, wrong).await, 0);
    }
    assert!(number(pair, Side::Master, "SELECT count(*) FROM mood_transitions").await >= 10);
    assert_eq!(number(pair, Side::Master, "SELECT count(*) FROM user_id_mapping WHERE text_id = 'guest'").await, 0);
    assert_eq!(number(pair, Side::Master, "SELECT count(*) FROM user_id_mapping").await, 3);

    // What exists on one side only is what could not be pushed; the rest is equal, and counted.
    let miscounted = "SELECT count(*) FROM code_conversations c WHERE message_count <> (
             SELECT count(*) FROM code_messages m WHERE m.conversation_id = c.id)
         AND NOT EXISTS (SELECT FROM code_messages m WHERE m.conversation_id = c.id AND m.id = ANY ($1))";
    let digest = "SELECT string_agg(id || role || content, ',' ORDER BY id) FROM code_messages WHERE id <> ALL ($1)";
    let only_here: Vec<Uuid> = only_on_replica(pair).await;
    let mut digests = Vec::new();
    for link in [&pair.master, &pair.replica] {
        let client = link.session().await.unwrap();
        digests.push(client.query_one(digest, &[&only_here]).await.unwrap().get::<_, String>(0));
        let wrong: i64 = client.query_one(miscounted, &[&only_here]).await.unwrap().get(0);
        assert_eq!(wrong, 0, "{}", link.side());
    }
    assert_eq!(digests[0], digests[1]);
}

/// Messages of the replica that the master does not have.
async fn only_on_replica(pair: &Pair) -> Vec<Uuid> {
    let all = "SELECT id FROM code_messages";
    let ids = async |link: &robbie_console::postgres::Link| -> BTreeSet<Uuid> {
        link.session().await.unwrap().query(all, &[]).await.unwrap().iter().map(|r| r.get(0)).collect()
    };
    let (master, replica) = (ids(&pair.master).await, ids(&pair.replica).await);
    assert!(master.is_subset(&replica), "the replica lacks {:?}", master.difference(&replica).collect::<Vec<_>>());
    replica.difference(&master).copied().collect()
}

#[tokio::test]
async fn data_of_others_are_left_alone() {
    let other = support::pair().await;
    let client = support::connect(&other.replica).await;
    client.batch_execute("INSERT INTO code_conversations (user_id, session_id) VALUES ('me', 's')").await.unwrap();
    let pair = other.pair();
    assert_eq!(sample::look(&pair).await.unwrap(), Found::Other);
    assert!(sample::seed(&pair, &quiet).await.is_err());
    assert_eq!(number(&pair, Side::Master, "SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a task that ends as a killed process does")]
async fn a_seed_that_was_broken_off_is_finished() {
    let test = support::pair().await;
    let pair = test.pair();
    // Broken off where the first push begins: as a kill would.
    let until = |step: &str| assert!(!step.contains("offline"), "killed");
    let broken = {
        let pair = pair.clone();
        tokio::spawn(async move { sample::seed(&pair, &until).await }).await
    };
    assert!(broken.is_err());
    assert_eq!(sample::look(&pair).await.unwrap(), Found::Half);
    assert_eq!(sample::seed(&pair, &quiet).await.unwrap(), Seeded::Now);
    let found = verdicts(&pair).await;
    for entry in sample::expected().unwrap() {
        assert_eq!(found.get(&entry.id), Some(&(Some(entry.verdict), entry.settled)), "{}", entry.tag);
    }
}

/// Returns how many entries were replayed.
async fn an_entry_whose_cause_is_gone_reaches_the_master(pair: &Pair) -> usize {
    let healed: Vec<Uuid> = sample::expected().unwrap().iter().filter(|e| e.healed).map(|e| e.id).collect();
    assert!(!healed.is_empty());
    let lifted = "SELECT count(*) FROM code_messages WHERE content LIKE 'And `#[error(transparent)]`%'";
    assert_eq!(number(pair, Side::Master, lifted).await, 0);
    let options = ReplayOptions { mode: Mode::Apply, actor: "test".into(), reason: None, force: false };
    let outcomes = sync::replay(pair, &healed, options).await.unwrap();
    assert!(outcomes.iter().all(|o| o.outcome == Outcome::Applied), "{outcomes:?}");
    assert_eq!(number(pair, Side::Master, lifted).await, 1);
    healed.len()
}

async fn the_workload_writes_on_both_sides_stays_small_and_stops_at_once(pair: &Pair, replayed: usize) {
    let pace = Pace { shortest: Duration::ZERO, longest: Duration::from_millis(1) };
    let deadline = Instant::now() + Duration::from_mins(1);

    // For as long as it takes until old conversations have gone twice.
    let workload = Workload::start(pair.clone(), pace).unwrap();
    let ended = "SELECT count(*) FROM pending_sync WHERE operation = 'DELETE' AND table_name = 'code_conversations'";
    while number(pair, Side::Replica, ended).await < 2 {
        assert!(Instant::now() < deadline, "the workload does not go on");
        let live = "SELECT count(*) FROM code_conversations WHERE session_id = 'live-demo'";
        assert!(number(pair, Side::Replica, live).await <= 5);
    }
    let stopping = Instant::now();
    workload.stop().await;
    assert!(stopping.elapsed() < Duration::from_secs(2));
    sync::cycle(pair, CycleOptions::default()).await.unwrap();

    // And on, until it has written on the master too.
    let by_others = "SELECT count(*) FROM robbie_sync.changelog WHERE origin IS NULL";
    let before = number(pair, Side::Master, by_others).await;
    let workload = Workload::start(pair.clone(), pace).unwrap();
    while number(pair, Side::Master, by_others).await == before {
        assert!(Instant::now() < deadline, "the workload does not write on the master");
    }
    workload.stop().await;

    for _ in 0..3 {
        sync::cycle(pair, CycleOptions::default()).await.unwrap();
    }
    let open = number(pair, Side::Replica, "SELECT count(*) FROM pending_sync p WHERE synced_at IS NULL").await;
    let stuck = sample::expected().unwrap().iter().filter(|e| !e.settled).count() - replayed;
    assert_eq!(open, i64::try_from(stuck).unwrap(), "all it queued was synced");
    let said = "SELECT count(*) FROM code_messages m JOIN code_conversations c ON c.id = m.conversation_id
                 WHERE c.session_id = 'live-demo'";
    let (master, replica) = (number(pair, Side::Master, said).await, number(pair, Side::Replica, said).await);
    assert!((1..=5 * 24).contains(&replica), "{replica}");
    assert_eq!(master, replica);
}

#[tokio::test]
async fn the_workload_waits_for_a_lost_side() {
    let test = support::pair().await;
    // A replica that does not answer: its database cannot be entered, and whoever is in is thrown out.
    let name = test.replica.config.get_dbname().unwrap().to_owned();
    let mut elsewhere = test.superuser(Side::Replica);
    elsewhere.config.dbname("postgres");
    let root = support::connect(&elsewhere).await;
    let gate = async |open: bool| {
        let out =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()";
        root.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {open}")).await.unwrap();
        root.execute(out, &[&name]).await.unwrap();
    };
    gate(false).await;
    let pace = Pace { shortest: Duration::ZERO, longest: Duration::from_millis(20) };
    let workload = Workload::start(test.pair(), pace).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    gate(true).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    let live = "SELECT count(*) FROM code_conversations WHERE session_id = 'live-demo'";
    let client = support::connect(&test.replica).await;
    while client.query_one(live, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        assert!(Instant::now() < deadline, "the workload did not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    workload.stop().await;
}
