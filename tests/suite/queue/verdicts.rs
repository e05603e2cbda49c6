//! A queue with every verdict in it, through the commands: counts, objects, exit codes.

use super::commands::robbie;
use super::*;
use robbie_console::sample;
use std::collections::BTreeMap;

#[tokio::test(flavor = "multi_thread")]
async fn every_verdict_is_counted_named_and_answered_with_its_exit_code() {
    let test = support::pair().await;
    sample::seed(&test.pair(), &|_: &str| ()).await.unwrap();
    let story = sample::expected().unwrap();
    let verdicts: std::collections::BTreeSet<_> = story.iter().map(|e| e.verdict.name()).collect();
    assert_eq!(verdicts.len(), Verdict::ALL.len());

    let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
    for entry in story.iter().filter(|e| !e.settled) {
        *wanted.entry(entry.verdict.name().to_owned()).or_default() += 1;
    }
    let (code, found) = robbie(&test, &["groups"]);
    assert_eq!(code, 1, "{found}");
    let mut counted: BTreeMap<String, i64> = BTreeMap::new();
    for group in found["groups"].as_array().unwrap() {
        let why = &group["diagnosis"];
        *counted.entry(why["verdict"].as_str().unwrap().to_owned()).or_default() += group["count"].as_i64().unwrap();
        assert_eq!(why["proof"], "proven", "{group}");
        assert!(why["object"].as_str().is_some_and(|object| !object.is_empty()), "{group}");
        assert!(!why["remedy"].as_str().unwrap().contains('{'), "{group}");
        // The whole group dry: nothing of it goes through, or all that does is healed.
        let (code, dry) = robbie(&test, &["dry-run", "--group", group["id"].as_str().unwrap()]);
        assert_eq!(dry["chosen"], group["count"], "{dry}");
        let settled = |e: &serde_json::Value| {
            matches!(e["outcome"].as_str(), Some("applied" | "no_change" | "superseded" | "conflict_resolved"))
        };
        let done = dry["entries"].as_array().unwrap().iter().filter(|e| settled(e)).count();
        let all = dry["entries"].as_array().unwrap().len();
        assert_eq!(
            code,
            if done == all {
                0
            } else if done == 0 {
                1
            } else {
                4
            },
            "{dry}"
        );
    }
    assert_eq!(counted, wanted);

    let client = support::connect(&test.replica).await;
    // One of each: a process for each of hundreds takes too long.
    let mut shown = std::collections::BTreeSet::new();
    for entry in story.iter().filter(|e| shown.insert((e.verdict, e.settled))) {
        let (code, shown) = robbie(&test, &["show", &entry.id.to_string()]);
        assert_eq!(code, i32::from(!entry.settled), "{}: {shown}", entry.tag);
        if !entry.settled {
            let why = &shown["diagnosis"];
            assert_eq!(
                (&why["verdict"], &why["proof"]),
                (&entry.verdict.name().into(), &"proven".into()),
                "{}",
                entry.tag
            );
            let noted: Option<String> = client
                .query_one("select object from robbie_sync.entry where entry_id = $1", &[&entry.id])
                .await
                .unwrap()
                .get(0);
            assert_eq!(why["object"].as_str(), noted.as_deref().or(why["object"].as_str()), "{}", entry.tag);
        }
    }
    let (code, listed) = robbie(&test, &["list", "--limit", "500"]);
    assert_eq!((code, listed["entries"].as_array().unwrap().len()), (1, story.iter().filter(|e| !e.settled).count()));
    let none = "00000000-0000-4000-8000-000000000000";
    assert_eq!(robbie(&test, &["show", none]).0, 2);
    let healed: Vec<String> = story.iter().filter(|e| e.healed).map(|e| e.id.to_string()).collect();
    let mut arguments = vec!["replay", "--yes"];
    arguments.extend(healed.iter().map(String::as_str));
    let before: i64 =
        client.query_one("select count(*) from pending_sync where synced_at is null", &[]).await.unwrap().get(0);
    let (code, done) = robbie(&test, &arguments);
    let after: i64 =
        client.query_one("select count(*) from pending_sync where synced_at is null", &[]).await.unwrap().get(0);
    assert_eq!((code, before - after), (0, healed.len() as i64), "{done}");
}
