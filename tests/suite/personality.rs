//! The personality on real databases: both deployed shapes, saving online and offline, clashes, expiry, revert, presets.

mod commands;
#[cfg(debug_assertions)]
mod consoles;
mod shapes;
mod two_ids;

use crate::queue::commands::command;
use crate::support;
use crate::sync::fixture::{Fixture, text};
use robbie_console::personality::{self, Edit, Field, Values, history};
use robbie_console::sync::mood::{self, Saved};

/// Fields with JSON text.
fn values(list: &[(Field, &str)]) -> Values {
    list.iter().map(|(f, v)| (*f, (*v).to_owned())).collect()
}

/// A change of allan's state, made of what both sides hold now.
async fn edit(f: &Fixture, set: &[(Field, &str)]) -> Edit {
    let mut edit = Edit::new("allan", "tester", "suite");
    edit.set = values(set);
    edit.reason = Some("a test".to_owned());
    for (side, held) in [(&f.pair.master, &mut edit.master), (&f.pair.replica, &mut edit.replica)] {
        let sheet = personality::sheet(side).await.unwrap();
        *held = Some(sheet.of("allan").map(|r| r.values.clone()).unwrap_or_default());
    }
    edit.end_expiry();
    edit
}

async fn state(client: &tokio_postgres::Client) -> String {
    text(client, "select concat_ws(' ', current_mood, gandhi_genghis_level, attraction_level) from robbie_personality_state where user_id = 'allan'").await
}

async fn transitions(client: &tokio_postgres::Client) -> String {
    text(client, "select string_agg(concat_ws(' ', field_changed, old_value, new_value), ', ' order by field_changed, changed_at) from mood_transitions").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_goes_to_the_master_and_through_the_engine_to_the_replica() {
    let f = Fixture::new().await;
    let first = edit(&f, &[(Field::Mood, r#""bossy""#), (Field::GandhiGenghis, "9"), (Field::Attraction, "11")]).await;
    let saved = mood::save(&f.pair, &first).await.unwrap();
    assert!(matches!(&saved, Saved::OnMaster { changes, replica_later: None } if changes.len() == 3), "{saved:?}");
    assert_eq!((state(&f.master).await, state(&f.replica).await), ("bossy 9 11".into(), "bossy 9 11".into()));
    let told = "attraction 11, current_mood bossy, gandhi_genghis 9";
    assert_eq!((transitions(&f.master).await, transitions(&f.replica).await), (told.into(), told.into()));
    let who =
        "select string_agg(distinct concat_ws('/', change_reason, triggered_by, platform), ' ') from mood_transitions";
    assert_eq!(text(&f.replica, who).await, "a test/tester/suite");

    // The same change sent again is no change, and one of something else leaves the rest as it is.
    assert_eq!(mood::save(&f.pair, &first).await.unwrap(), Saved::Nothing);
    let second = edit(&f, &[(Field::GandhiGenghis, "2")]).await;
    mood::save(&f.pair, &second).await.unwrap();
    assert_eq!((state(&f.master).await, state(&f.replica).await), ("bossy 2 11".into(), "bossy 2 11".into()));
    assert!(f.cycle().await.is_idle(), "nothing is left to move");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_master_is_away_a_change_waits_in_the_queue_and_is_applied_once() {
    let f = Fixture::new().await;
    mood::save(&f.pair, &edit(&f, &[(Field::Mood, r#""friendly""#), (Field::GandhiGenghis, "5")]).await).await.unwrap();
    let change = edit(&f, &[(Field::GandhiGenghis, "8"), (Field::Mood, r#""focused""#)]).await;
    let away = robbie_console::postgres::Pair {
        master: std::sync::Arc::new(robbie_console::postgres::Link::new(nowhere(&f))),
        replica: f.pair.replica.clone(),
    };
    let saved = mood::save(&away, &change).await.unwrap();
    assert!(matches!(&saved, Saved::Queued { changes, .. } if changes.len() == 2), "{saved:?}");
    assert_eq!((state(&f.master).await, state(&f.replica).await), ("friendly 5 5".into(), "focused 8 5".into()));
    let queued = "select string_agg(concat_ws(' ', table_name, operation, data - 'id' - 'changed_at'), ' | ' order by table_name desc, data ->> 'field_changed') from pending_sync";
    let queued = text(&f.replica, queued).await;
    assert!(
        queued.starts_with(
            r#"robbie_personality_state UPDATE {"current_mood": "focused", "gandhi_genghis_level": 8} | "#
        ),
        "{queued}"
    );

    // Somebody changes another column of the master meanwhile: both stay.
    f.master.batch_execute("update robbie_personality_state set attraction = 6").await.unwrap();
    f.cycle().await;
    f.cycle().await;
    assert_eq!((state(&f.master).await, state(&f.replica).await), ("focused 8 6".into(), "focused 8 6".into()));
    let told = "current_mood friendly, current_mood friendly focused, gandhi_genghis 5, gandhi_genghis 5 8";
    assert_eq!((transitions(&f.master).await, transitions(&f.replica).await), (told.into(), told.into()));
    assert_eq!(text(&f.replica, "select count(*) from pending_sync where synced_at is null").await, "0");
    assert!(f.cycle().await.is_idle());
}

/// A master that does not answer.
fn nowhere(f: &Fixture) -> robbie_console::postgres::Target {
    let mut target = f.pair.master.target().clone();
    let folder = tempfile::tempdir().unwrap();
    let mut config = tokio_postgres::Config::new();
    config.host_path(folder.path()).user("nobody").dbname("nothing");
    target.config = config;
    target
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_changed_since_it_was_loaded_is_decided_and_never_overwritten() {
    let f = Fixture::new().await;
    mood::save(&f.pair, &edit(&f, &[(Field::GandhiGenghis, "5"), (Field::Turbo, "5")][..1]).await).await.unwrap();
    let mut mine = edit(&f, &[(Field::GandhiGenghis, "9"), (Field::Attraction, "6")]).await;
    f.master.batch_execute("update robbie_personality_state set gandhi_genghis = 2").await.unwrap();
    let Saved::Clashes { side, clashes } = mood::save(&f.pair, &mine).await.unwrap() else { panic!("overwritten") };
    assert_eq!((side.as_str(), clashes.len()), ("master", 1));
    assert_eq!((clashes[0].loaded.as_str(), clashes[0].mine.as_str(), clashes[0].theirs.as_str()), ("5", "9", "2"));
    assert_eq!(state(&f.master).await, "friendly 2 5", "all or nothing");

    let mut theirs = mine.clone();
    theirs.decide(&clashes[0], false);
    mood::save(&f.pair, &theirs).await.unwrap();
    assert_eq!((state(&f.master).await, state(&f.replica).await), ("friendly 2 6".into(), "friendly 2 6".into()));
    mine.decide(&clashes[0], true);
    mood::save(&f.pair, &mine).await.unwrap();
    assert_eq!((state(&f.master).await, state(&f.replica).await), ("friendly 9 6".into(), "friendly 9 6".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mood_that_was_set_for_a_time_goes_back_once() {
    let f = Fixture::new().await;
    mood::save(&f.pair, &edit(&f, &[(Field::Mood, r#""focused""#)]).await).await.unwrap();
    let soon = Field::Expires.from_plain(&(chrono::Utc::now() + chrono::Duration::hours(1)).to_rfc3339());
    let timed = edit(&f, &[(Field::Mood, r#""bossy""#), (Field::Expires, &soon)]).await;
    mood::save(&f.pair, &timed).await.unwrap();
    f.cycle().await;
    assert_eq!(state(&f.master).await, "bossy 5 5", "its time is not over");

    f.master
        .batch_execute("update robbie_personality_state set mood_expires_at = now() - interval '1 s'")
        .await
        .unwrap();
    // Somebody has the row while two engines see it: neither waits, and it is done once.
    let (mut one, mut other) = (support::connect(&f.test.master).await, support::connect(&f.test.master).await);
    f.master.batch_execute("begin; select from robbie_personality_state for update").await.unwrap();
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        f.master.batch_execute("commit").await.unwrap();
    };
    let mut done = 0;
    let met = tokio::join!(personality::expire(&mut one, "one"), personality::expire(&mut other, "other"), release);
    done += met.0.unwrap() + met.1.unwrap();
    let again = tokio::join!(personality::expire(&mut one, "one"), personality::expire(&mut other, "other"));
    done += again.0.unwrap() + again.1.unwrap();
    assert_eq!(done, 1, "once, whoever sees it first");
    f.cycle().await;
    assert_eq!((state(&f.master).await, state(&f.replica).await), ("focused 5 5".into(), "focused 5 5".into()));
    let back = "select concat_ws(' ', old_value, new_value, platform) from mood_transitions where platform = 'expiry'";
    assert_eq!(text(&f.replica, back).await, "bossy focused expiry");

    // The engine does it too, and a mood set without a time takes the time of the one before away.
    mood::save(&f.pair, &edit(&f, &[(Field::Mood, r#""playful""#), (Field::Expires, &soon)]).await).await.unwrap();
    f.master.batch_execute("update robbie_personality_state set mood_expires_at = now()").await.unwrap();
    f.cycle().await;
    assert_eq!((state(&f.master).await, state(&f.replica).await), ("focused 5 5".into(), "focused 5 5".into()));
    assert!(f.cycle().await.is_idle());
    mood::save(&f.pair, &edit(&f, &[(Field::Mood, r#""playful""#), (Field::Expires, &soon)]).await).await.unwrap();
    mood::save(&f.pair, &edit(&f, &[(Field::Mood, r#""surprised""#)]).await).await.unwrap();
    assert_eq!(text(&f.master, "select mood_expires_at is null from robbie_personality_state").await, "true");
}

async fn read_history(f: &Fixture) -> Vec<history::Transition> {
    let wanted = history::Wanted { user: Some("allan".into()), within: None, limit: 100 };
    history::read(&f.pair.master, &wanted).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_point_of_the_history_can_be_gone_back_to() {
    let f = Fixture::new().await;
    for (mood, level) in [(r#""friendly""#, "5"), (r#""bossy""#, "9"), (r#""playful""#, "9"), (r#""playful""#, "1")] {
        let change = edit(&f, &[(Field::Mood, mood), (Field::GandhiGenghis, level)]).await;
        mood::save(&f.pair, &change).await.unwrap();
    }
    let told = read_history(&f).await;
    let at = told.iter().find(|t| t.new.as_deref() == Some("bossy")).unwrap().at;
    let (code, done) = command(&f.test, &["personality", "revert", &at.to_rfc3339(), "--yes"]);
    assert_eq!((code, &done["saved"]["outcome"]), (0, &"on_master".into()), "{done}");
    assert_eq!((state(&f.master).await, state(&f.replica).await), ("bossy 9 5".into(), "bossy 9 5".into()));
    // Going back is a change like every other: it stands in the history, and can be gone back from.
    let told = read_history(&f).await;
    assert!(told[0].reason.as_deref().is_some_and(|r| r.starts_with("back to ")), "{told:?}");
    let before = told.iter().find(|t| t.new.as_deref() == Some("1")).unwrap().id.clone();
    command(&f.test, &["personality", "revert", &before, "--yes"]);
    assert_eq!(state(&f.master).await, "playful 1 5");
    let (code, again) = command(&f.test, &["personality", "revert", &read_history(&f).await[0].id, "--yes"]);
    assert_eq!((code, &again["saved"]["outcome"]), (0, &"nothing".into()));
}
