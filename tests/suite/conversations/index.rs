//! The indexes of searches: which are there, which are made, what a broken-off build leaves over.

use super::{fixture, message, write};
use crate::queue::commands::command;
use crate::support;
use std::collections::BTreeMap;

/// The state of each index, and whether it was made.
fn states(document: &serde_json::Value) -> BTreeMap<String, (String, bool)> {
    let all = document["indexes"].as_array().unwrap_or_else(|| panic!("{document}"));
    let of = |one: &serde_json::Value, name: &str| one[name].as_str().unwrap().to_owned();
    all.iter().map(|one| (of(one, "name"), (of(one, "state"), one["made"].as_bool().unwrap()))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_left_over_is_made_and_what_is_there_is_left_alone() {
    let f = fixture().await;
    let id = write(&f.replica, 1, "One", 0).await;
    message(&f.replica, 10, id, "ivfflat probes").await;
    let on_replica = ["conversations", "index", "--side", "replica"];
    let (code, found) = command(&f.test, &on_replica);
    assert_eq!(code, 0, "the migration made them: {found}");
    assert!(states(&found).values().all(|(state, made)| state == "there" && !made), "{found}");
    assert_eq!(states(&found).len(), 7);
    // One is missing; one is what a build leaves over that met a duplicate.
    let leave_over = "drop index robbie_search_title, robbie_search_message, idx_code_blocks_embedding";
    f.replica.batch_execute(leave_over).await.unwrap();
    f.replica.batch_execute("create table twice as select 1 as n from generate_series(1, 2)").await.unwrap();
    let broken = "create unique index concurrently robbie_search_message on code_messages ((1))";
    message(&f.replica, 11, id, "another").await;
    assert!(f.replica.batch_execute(broken).await.is_err());
    let (code, dry) = command(&f.test, &[&on_replica[..], &["--dry-run"]].concat());
    let dry = (code, states(&dry));
    assert_eq!(dry.0, 1);
    assert_eq!(dry.1["robbie_search_title"], ("missing".to_owned(), false));
    assert_eq!(dry.1["robbie_search_message"], ("invalid".to_owned(), false));
    assert_eq!(dry.1["idx_code_blocks_embedding"], ("missing".to_owned(), false));
    let (code, made) = command(&f.test, &on_replica);
    assert_eq!(code, 0, "{made}");
    assert_eq!(states(&made).values().filter(|(_, made)| *made).count(), 3, "{made}");
    let plan = "explain select 1 from code_messages r where robbie_sync.search_vector((coalesce(r.content, ''))) @@ 'x'::tsquery";
    f.replica.batch_execute("set enable_seqscan = off").await.unwrap();
    let rows = f.replica.query(plan, &[]).await.unwrap();
    let plan: String = rows.iter().map(|r| r.get::<_, String>(0)).collect();
    assert!(plan.contains("robbie_search_message"), "what was made is what the search uses: {plan}");
    let (code, both) = command(&f.test, &["conversations", "index", "--dry-run"]);
    assert_eq!(code, 0, "{both}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_our_function_it_says_what_is_to_be_done_first() {
    let test = support::bare_pair().await;
    let client = support::connect(&test.replica).await;
    client.batch_execute(include_str!("../schema/deployed/smart-robbie.sql")).await.unwrap();
    let (code, found) = command(&test, &["conversations", "index", "--side", "replica"]);
    let message = found["indexes"].as_array().unwrap().iter().find(|i| i["name"] == "robbie_search_message").unwrap();
    assert_eq!((message["state"].as_str(), message["made"].as_bool()), (Some("impossible"), Some(false)), "{found}");
    assert!(message["why"].as_str().unwrap().contains("robbie schema migrate --target replica"));
    assert_ne!(code, 0);
}
