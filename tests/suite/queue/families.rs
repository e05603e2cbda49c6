//! Failures of known families are grouped as they are: none merged, none split.

use super::*;
use crate::support::failures::{failures, queue};
use std::collections::{BTreeMap, BTreeSet};

/// Which families each group holds, by the texts that its entries really have.
async fn families_of(client: &Client, shape: &Shape, found: &groups::Groups) -> BTreeMap<String, BTreeSet<i64>> {
    let rows = client.query("select id, (data ->> 'family')::int8 from pending_sync", &[]).await.unwrap();
    let labels: BTreeMap<Uuid, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let mut holds = BTreeMap::new();
    for group in &found.groups {
        let scope = Scope {
            states: vec![State::Failed, State::Blocked],
            members: Some(group.members.clone()),
            ..Scope::default()
        };
        let ids = store::ids(client, shape, &scope).await.unwrap();
        assert_eq!(ids.len() as i64, group.count, "{}", group.pattern);
        holds.insert(format!("{} {}", group.id, group.pattern), ids.iter().map(|id| labels[id]).collect());
    }
    holds
}

fn is_a_bijection(holds: &BTreeMap<String, BTreeSet<i64>>, families: usize) {
    let merged: Vec<_> = holds.iter().filter(|(_, labels)| labels.len() != 1).collect();
    assert!(merged.is_empty(), "merged: {merged:#?}");
    let mut split: BTreeMap<i64, Vec<&String>> = BTreeMap::new();
    for (group, labels) in holds {
        split.entry(*labels.first().unwrap()).or_default().push(group);
    }
    split.retain(|_, groups| groups.len() > 1);
    assert!(split.is_empty(), "split: {split:#?}");
    assert_eq!(holds.len(), families);
}

#[tokio::test]
async fn eighty_thousand_failures_are_the_families_they_come_from() {
    let (_test, client, shape) = deployed("select 1").await;
    let (all, families) = failures(80_000, 15_600);
    let distinct: BTreeSet<_> = all.iter().map(|f| &f.error).collect();
    assert!(distinct.len() > 15_000 && families > 90, "{} texts of {families} families", distinct.len());
    queue(&client, &all).await;
    let found = groups::read(&client, &shape, &Scope::default()).await.unwrap();
    assert_eq!((found.entries, found.cut), (80_000, false));
    is_a_bijection(&families_of(&client, &shape, &found).await, families);
}

#[tokio::test]
async fn a_group_with_one_inferred_entry_is_inferred_and_another_workers_error_is_its_own() {
    let (test, client, shape) = migrated("select 1").await;
    let missing = |n: u32| format!(r#"{{"id": "22222222-2222-4222-8222-{n:012}", "colour": "red"}}"#);
    for n in 0..3 {
        let sql = "insert into pending_sync (table_name, operation, data) values ('code_conversations', 'INSERT', $1::text::jsonb)";
        client.execute(sql, &[&missing(n)]).await.unwrap();
    }
    robbie_console::sync::cycle(&test.pair(), robbie_console::sync::CycleOptions::default()).await.unwrap();
    let proofs = async || -> Vec<(i64, Proof, Option<String>)> {
        let found = groups::read(&client, &shape, &Scope::default()).await.unwrap();
        found.groups.into_iter().map(|g| (g.count, g.diagnosis.proof, g.diagnosis.sqlstate)).collect()
    };
    let code = |code: &str| Some(code.to_owned());
    assert_eq!(proofs().await, [(3, Proof::Proven, code("42703"))]);
    let listed = all(&client, &shape, &Scope::default(), 10, false).await;
    assert!(listed.iter().all(|e| diagnosis::diagnose(&e.evidence()).unwrap().proof == Proof::Proven));

    // The note of one is of a version that did not keep what it heard.
    client.execute("update robbie_sync.entry set heard = null where entry_id = $1", &[&listed[0].id]).await.unwrap();
    assert_eq!(proofs().await, [(3, Proof::Inferred, code("42703"))]);
    // Another worker tried one and wrote what it met.
    client
        .execute("update pending_sync set error = 'deadlock detected' where id = $1", &[&listed[1].id])
        .await
        .unwrap();
    assert_eq!(proofs().await, [(2, Proof::Inferred, code("42703")), (1, Proof::Inferred, code("40P01"))]);
    assert_eq!(filtered(&client, &shape, "sqlstate:40P01").await, [listed[1].id]);
    assert_eq!(filtered(&client, &shape, "sqlstate:42703").await.len(), 2);
    let seen = detail::read(&client, &shape, listed[1].id).await.unwrap().unwrap();
    let found = diagnosis::diagnose(&seen.evidence()).unwrap();
    assert_eq!((found.sqlstate.as_deref(), found.proof), (Some("40P01"), Proof::Inferred));
    // An edited payload was not tried yet.
    client
        .execute("update pending_sync set data = data || '{\"x\": 1}' where id = $1", &[&listed[2].id])
        .await
        .unwrap();
    let seen = detail::read(&client, &shape, listed[2].id).await.unwrap().unwrap();
    assert_eq!(seen.entry.state, State::Pending);
    assert_eq!(diagnosis::diagnose(&seen.evidence()).unwrap().proof, Proof::Inferred);
}
