//! One user under two ids: becomes one row, per column the newer value, and nothing is lost.

use super::*;

const MASTERS: &str = "11111111-1111-4111-8111-111111111111";
const REPLICAS: &str = "22222222-2222-4222-8222-222222222222";

/// The master's row, written an hour ago with `user` as its id.
async fn on_the_master(f: &Fixture, user: &str) {
    f.master
        .batch_execute(&format!(
            "select set_config('robbie_sync.apply', 'on', false);
             insert into robbie_personality_state (id, user_id, current_mood, gandhi_genghis, attraction, turbo, context, updated_at)
             values ('{MASTERS}', '{user}', 'bossy', 3, 6, 9, '{{\"from\": \"the master\"}}', now() - interval '1 hour');
             select set_config('robbie_sync.apply', '', false)"
        ))
        .await
        .unwrap();
}

/// What both sides hold: the same row on both.
async fn both(f: &Fixture) -> String {
    let row = "select string_agg(concat_ws(' ', id, user_id, current_mood, gandhi_genghis_level, attraction_level, context ->> 'from'), ' | ') from robbie_personality_state";
    let (master, replica) = (text(&f.master, row).await, text(&f.replica, row).await);
    assert_eq!(master, replica);
    master
}

/// Writes a row here as the application does, with its entry.
async fn on_the_replica(f: &Fixture, columns: &str, values: &str) {
    f.replica
        .batch_execute(&format!(
            "with w as (insert into robbie_personality_state (id, user_id{columns}) values ('{REPLICAS}', 'allan'{values}) returning *)
             insert into pending_sync (table_name, operation, data) select 'robbie_personality_state', 'INSERT', to_jsonb(w) from w"
        ))
        .await
        .unwrap();
}

/// Cycles until nothing moves.
async fn settle(f: &Fixture) {
    for _ in 0..5 {
        if f.cycle().await.is_idle() {
            return;
        }
    }
    panic!("it does not come to rest");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newer_value_of_each_column_stays_and_the_other_row_is_in_the_conflict_log() {
    let f = Fixture::new().await;
    on_the_master(&f, "allan").await;
    on_the_replica(&f, ", current_mood, gandhi_genghis_level", ", 'playful', 8").await;
    settle(&f).await;
    // Mood and level were set here last; attraction and context nobody set here, so what the master has stands.
    assert_eq!(both(&f).await, format!("{MASTERS} allan playful 8 6 the master"));
    assert_eq!(text(&f.master, "select turbo from robbie_personality_state").await, "9");
    let log = "select concat_ws(' ', kind, tbl, pk ->> 'id', local ->> 'id', remote ->> 'current_mood', result ->> 'current_mood', resolved_at is null) from robbie_sync.conflict";
    assert_eq!(
        text(&f.master, log).await,
        format!("insert_exists robbie_personality_state {MASTERS} {REPLICAS} bossy playful t")
    );
    assert_eq!(text(&f.replica, "select count(*) from pending_sync where synced_at is null").await, "0");
    assert_eq!(
        text(&f.replica, "select count(*) from robbie_sync.archive where reason like 'its row became one%'").await,
        "1",
        "what was queued for it is kept"
    );
    assert_eq!(text(&f.replica, "select count(*) from robbie_sync.base").await, "0");
    assert_eq!(transitions(&f.master).await, "current_mood bossy playful, gandhi_genghis 3 8");

    // From then on it is one row like every other.
    mood::save(&f.pair, &edit(&f, &[(Field::Attraction, "11")]).await).await.unwrap();
    assert_eq!(both(&f).await, format!("{MASTERS} allan playful 8 11 the master"));
    f.replica.batch_execute("update robbie_personality_state set current_mood = 'blushing'").await.unwrap();
    f.queue("robbie_personality_state", "UPDATE", &format!(r#"{{"id": "{MASTERS}", "current_mood": "blushing"}}"#))
        .await;
    settle(&f).await;
    assert_eq!(both(&f).await, format!("{MASTERS} allan blushing 8 11 the master"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_row_here_gives_way_and_so_does_one_that_nobody_touched() {
    let f = Fixture::new().await;
    on_the_master(&f, "allan").await;
    f.replica
        .batch_execute(&format!(
            "alter table robbie_personality_state disable trigger user;
             insert into robbie_personality_state (id, user_id, current_mood, gandhi_genghis_level, updated_at) values ('{REPLICAS}', 'allan', 'surprised', 9, now() - interval '1 day');
             alter table robbie_personality_state enable trigger user"
        ))
        .await
        .unwrap();
    settle(&f).await;
    assert_eq!(both(&f).await, format!("{MASTERS} allan bossy 3 6 the master"));
    assert_eq!(
        text(&f.master, "select local ->> 'current_mood' from robbie_sync.conflict").await,
        "surprised",
        "it is kept"
    );

    let f = Fixture::new().await;
    on_the_master(&f, "allan").await;
    on_the_replica(&f, "", "").await;
    settle(&f).await;
    assert_eq!(
        both(&f).await,
        format!("{MASTERS} allan bossy 3 6 the master"),
        "a new row of a new replica overwrites nothing"
    );
    assert_eq!(text(&f.master, "select count(*) from mood_transitions").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rows_of_an_adopted_replica_become_one_and_a_uuid_is_the_user_it_is_mapped_to() {
    let f = Fixture::new().await;
    // The deployed short form has no unique user_id; and the master names the user by the uuid.
    f.replica
        .batch_execute("alter table robbie_personality_state drop constraint robbie_personality_state_user_id_key")
        .await
        .unwrap();
    on_the_master(&f, "allan").await;
    f.cycle().await;
    assert_eq!(both(&f).await, format!("{MASTERS} allan bossy 3 6 the master"));
    on_the_replica(&f, ", current_mood", ", 'focused'").await;
    settle(&f).await;
    assert_eq!(both(&f).await, format!("{MASTERS} allan focused 3 6 the master"));

    let f = Fixture::new().await;
    on_the_master(&f, crate::sync::fixture::ALLAN).await;
    on_the_replica(&f, ", current_mood", ", 'focused'").await;
    settle(&f).await;
    assert_eq!(both(&f).await, format!("{MASTERS} allan focused 3 6 the master"));
}
