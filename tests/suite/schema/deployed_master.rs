//! A master that holds the deployed tables and rows.

use super::{assert_kept, bare, migrate, migrated, one, rows};
use robbie_console::postgres::{Kind, Side};
use tokio_postgres::Client;

const UNIFIED: &str = include_str!("deployed/unified.sql");
const AUDIT_CORE: &str = include_str!("deployed/audit-log-core.sql");
const AUDIT_SIXTEEN: &str = include_str!("deployed/audit-log-sixteen.sql");
const SHORT: &str = include_str!("deployed/personality-short.sql");
const FULL: &str = include_str!("deployed/personality-full.sql");
const BOTH: &str = include_str!("deployed/personality-both.sql");

/// Migrates a master with these shapes; no value of `tables` may be lost. Returns the notes of the files.
async fn adopt(client: &mut Client, shapes: &[&str], tables: &[&str]) -> String {
    client.batch_execute(UNIFIED).await.unwrap();
    for shape in shapes {
        client.batch_execute(shape).await.unwrap();
    }
    let mut before = Vec::new();
    for table in tables {
        before.push(rows(client, table).await);
    }
    let report = migrate(client, Side::Master).await.unwrap();
    for (table, before) in tables.iter().zip(&before) {
        assert_kept(table, before, &rows(client, table).await);
    }
    assert_eq!(migrate(client, Side::Master).await.unwrap().changed(), 0);
    report.files.into_iter().filter_map(|f| f.note).collect::<Vec<_>>().join("; ")
}

/// Both writers of the audit log, as they are deployed, and a reader of each.
async fn both_writers_work(client: &Client) {
    client
        .batch_execute(&format!(
            "insert into audit_log (action, entity_type, entity_id, new_values) values ('edit', 'user', '1', '{{}}');
             insert into audit_log (action, resource, resource_id, details) values ('{}', 'deal', '{}', '{{}}')",
            "a long action ".repeat(20),
            "9".repeat(5000),
        ))
        .await
        .unwrap();
    let named_twice = "select bool_and(entity_type = resource and entity_id is not distinct from resource_id)
                         from audit_log where action not in ('login', 'export')";
    assert!(one::<bool>(client, named_twice).await);
}

#[tokio::test]
async fn a_deployed_master_keeps_its_rows_and_maps_allan() {
    let (_pair, mut client) = bare(Side::Master).await;
    adopt(&mut client, &[AUDIT_CORE], &["users", "pending_sync", "sync_nodes", "audit_log"]).await;
    both_writers_work(&client).await;
    let mapped = "select uuid_id::text from user_id_mapping where text_id = 'allan' and service = 'robbie-code'";
    assert_eq!(one::<String>(&client, mapped).await, "00000000-0000-4000-8000-0000000000aa");
    let status = "select relkind::text from pg_class where relname = 'sync_status'";
    assert_eq!(one::<String>(&client, status).await, "r");
}

#[tokio::test]
async fn the_audit_log_of_sixteen_takes_the_writers_of_core() {
    let (_pair, mut client) = bare(Side::Master).await;
    let notes = adopt(&mut client, &[AUDIT_SIXTEEN], &["audit_log"]).await;
    both_writers_work(&client).await;
    assert!(notes.contains("audit_log.resource may be NULL"), "{notes}");
}

#[tokio::test]
async fn the_short_personality_gets_the_full_names_with_the_same_values() {
    let (_pair, mut client) = bare(Side::Master).await;
    let notes = adopt(&mut client, &[SHORT], &["robbie_personality_state"]).await;
    let levels =
        "select array[gandhi_genghis, attraction, turbo] from robbie_personality_state where user_id = 'allan'";
    assert_eq!(one::<Vec<i32>>(&client, levels).await, [2, 11, 5]);
    // bob's 9 was there before the rule: it stays, and is said.
    assert!(notes.contains("attraction_allan"), "{notes}");
}

#[tokio::test]
async fn the_full_personality_gets_the_short_names_and_its_history_and_presets_are_copied() {
    let (_pair, mut client) = bare(Side::Master).await;
    adopt(&mut client, &[FULL], &["robbie_personality_state", "personality_history", "my_presets"]).await;
    let levels = "select array[gandhi_genghis_level, attraction_level] from robbie_personality_state";
    assert_eq!(one::<Vec<i32>>(&client, levels).await, [8, 10]);
    let copied = "select field_changed || old_value || new_value || changed_at::date from mood_transitions";
    assert_eq!(one::<String>(&client, copied).await, "attraction7102025-01-08");
    assert_eq!(
        one::<String>(&client, "select preset_name || mood || turbo from personality_presets").await,
        "Workfocused8"
    );
}

#[tokio::test]
async fn where_both_names_differ_one_stands_and_the_other_is_history() {
    let (_pair, mut client) = bare(Side::Master).await;
    client.batch_execute(UNIFIED).await.unwrap();
    client.batch_execute(BOTH).await.unwrap();
    let report = migrate(&mut client, Side::Master).await.unwrap();
    let state =
        "select gandhi_genghis || ' ' || gandhi_genghis_level || ' ' || attraction || ' ' || attraction_level || ' '
                        || (updated_at at time zone 'UTC') from robbie_personality_state";
    assert_eq!(one::<String>(&client, state).await, "8 8 11 11 2025-01-09 10:00:00");
    let history =
        "select field_changed || ' ' || old_value || ' ' || new_value || ' ' || triggered_by from mood_transitions";
    assert_eq!(one::<String>(&client, history).await, "gandhi_genghis 3 8 migration 23-personality");
    assert!(report.files.iter().any(|f| f.note.as_deref().is_some_and(|n| n.contains("kept in mood_transitions"))));
}

#[tokio::test]
async fn whichever_name_is_written_both_hold_the_value_and_the_limits_hold() {
    let (_pair, client) = migrated(Side::Master).await;
    let both = "select array[gandhi_genghis, gandhi_genghis_level, attraction, attraction_level]
                  from robbie_personality_state where user_id = 'allan'";
    let accepted = [
        ("insert into robbie_personality_state (user_id, gandhi_genghis_level) values ('allan', 7)", [7, 7, 5, 5]),
        ("update robbie_personality_state set attraction = 9", [7, 7, 9, 9]),
        ("update robbie_personality_state set attraction_level = 11, gandhi_genghis = 1", [1, 1, 11, 11]),
        ("update robbie_personality_state set gandhi_genghis = 4, gandhi_genghis_level = 4", [4, 4, 11, 11]),
        (
            "insert into robbie_personality_state (user_id, attraction_level) values ('allan', 8)
             on conflict (user_id) do update set attraction_level = excluded.attraction_level",
            [4, 4, 8, 8],
        ),
    ];
    for (sql, expected) in accepted {
        client.execute(sql, &[]).await.unwrap();
        assert_eq!(one::<Vec<i32>>(&client, both).await, expected, "{sql}");
    }
    let refused = [
        "update robbie_personality_state set gandhi_genghis = 2, gandhi_genghis_level = 3",
        "update robbie_personality_state set attraction = 12",
        "update robbie_personality_state set attraction = 0",
        "update robbie_personality_state set gandhi_genghis_level = 11",
        "update robbie_personality_state set turbo = 11",
        "update robbie_personality_state set current_mood = 'angry'",
        "insert into robbie_personality_state (user_id, attraction_level) values ('bob', 8)",
    ];
    for sql in refused {
        let error = client.execute(sql, &[]).await.unwrap_err();
        assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("23514"), "{sql}");
    }
    client
        .batch_execute(
            "update robbie_personality_state set last_mood_change = '2020-01-01';
             update robbie_personality_state set current_mood = 'bossy'",
        )
        .await
        .unwrap();
    assert!(one::<bool>(&client, "select last_mood_change > '2025-01-01' from robbie_personality_state").await);
}

#[tokio::test]
async fn an_integer_users_key_is_a_clash_that_is_named() {
    let (_pair, mut client) = bare(Side::Master).await;
    client.batch_execute("create table users (id serial primary key, username text)").await.unwrap();
    let fault = migrate(&mut client, Side::Master).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Schema);
    assert!(fault.message.contains("users.id is integer, not uuid"), "{}", fault.message);
    assert!(fault.object.as_deref().is_some_and(|o| o.contains("unified/01-core.sql")));
}
