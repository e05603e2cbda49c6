//! Two consoles at one state, in many orders: no update is lost.

use super::*;
use crate::torture::{Draw, seed, size};
use robbie_console::personality::{Attempt, write};
use robbie_console::postgres::{Link, Side};
use std::time::Duration;

/// How often a console sets the counter to one more than it saw.
const TURNS: u64 = 3;

/// What the master holds for a user now.
async fn now(link: &Link, user: &str) -> Values {
    personality::sheet(link).await.unwrap().of(user).map(|r| r.values.clone()).unwrap_or_default()
}

fn counted(values: &Values) -> u64 {
    let context: serde_json::Value =
        values.get(&Field::Context).map_or(serde_json::Value::Null, |c| serde_json::from_str(c).unwrap());
    context["n"].as_u64().unwrap_or(0)
}

/// One console (what both set to the same value would be no update of either, so each signs its number): sees the state, waits as people do, and saves what it made of it; where it was overtaken it looks again and decides. Its own
/// column it changes beside, which must never be in the way.
async fn console(f: &Fixture, user: &str, own: Field, mut draw: Draw) {
    let mut client = support::connect(&f.test.master).await;
    for turn in 1..=TURNS {
        let mut seen = now(&f.pair.master, user).await;
        loop {
            tokio::time::sleep(Duration::from_micros(draw.below(3_000))).await;
            let mut edit = Edit::new(user, "console", "suite");
            edit.set = values(&[
                (Field::Context, &format!(r#"{{"n":{},"by":"{}"}}"#, counted(&seen) + 1, own.name())),
                (own, &turn.to_string()),
            ]);
            edit.master = Some(seen);
            let t = client.transaction().await.unwrap();
            let attempt = write(&t, Side::Master, &edit).await.unwrap();
            tokio::time::sleep(Duration::from_micros(draw.below(1_000))).await;
            if let Attempt::Clashes(clashes) = attempt {
                assert!(clashes.iter().all(|c| c.field == Field::Context), "{clashes:?}");
                drop(t);
                seen = now(&f.pair.master, user).await;
            } else {
                t.commit().await.unwrap();
                break;
            }
        }
    }
}

/// Each of both consoles counts a number up; a lost update would be a number too few, and a history that does not hang together.
#[tokio::test(flavor = "multi_thread")]
async fn no_update_of_two_consoles_is_lost_in_any_order() {
    let f = Fixture::new().await;
    let mut draw = Draw::new(seed());
    for round in 0..size(30, 1_000) {
        let user = format!("user-{round}");
        let row = format!("insert into robbie_personality_state (user_id, turbo, auto) values ('{user}', 9, 9)");
        f.master.batch_execute(&row).await.unwrap();
        let draws = [Draw::new(draw.below(1 << 30)), Draw::new(draw.below(1 << 30))];
        let [one, other] = draws;
        tokio::join!(console(&f, &user, Field::Turbo, one), console(&f, &user, Field::Auto, other));
        let end = now(&f.pair.master, &user).await;
        assert_eq!(
            (counted(&end), end[&Field::Turbo].as_str(), end[&Field::Auto].as_str()),
            (2 * TURNS, "3", "3"),
            "round {round}"
        );
        let broken = format!(
            "select count(*) from generate_series(1, {}) n where 1 <> (select count(*) from mood_transitions
                where user_id = '{user}' and field_changed = 'context' and (new_value::jsonb ->> 'n')::int = n
                  and coalesce((old_value::jsonb ->> 'n')::int, 0) = n - 1)",
            2 * TURNS
        );
        assert_eq!(text(&f.master, &broken).await, "0", "round {round}: each step of the history once");
    }
}

/// The whole way: two consoles save through the engine, one of them now and then while it has no master.
#[tokio::test(flavor = "multi_thread")]
async fn what_two_consoles_set_in_different_columns_is_all_there_on_both_sides() {
    let f = Fixture::new().await;
    mood::save(&f.pair, &edit(&f, &[(Field::Mood, r#""focused""#)]).await).await.unwrap();
    let away = robbie_console::postgres::Pair {
        master: std::sync::Arc::new(Link::new(nowhere(&f))),
        replica: f.pair.replica.clone(),
    };
    let mut draw = Draw::new(seed());
    for round in 0..size(4, 60) {
        let level = (draw.below(10) + 1).to_string();
        let (gandhi, attraction) =
            (edit(&f, &[(Field::GandhiGenghis, &level)]).await, edit(&f, &[(Field::Attraction, &level)]).await);
        let offline = draw.below(2) == 0;
        let other = if offline { &away } else { &f.pair };
        let (one, two) = tokio::join!(mood::save(&f.pair, &gandhi), mood::save(other, &attraction));
        one.unwrap();
        two.unwrap();
        f.cycle().await;
        f.cycle().await;
        let expected = format!("focused {level} {level}");
        assert_eq!(
            (state(&f.master).await, state(&f.replica).await),
            (expected.clone(), expected),
            "round {round}, offline {offline}"
        );
    }
    assert_eq!(text(&f.master, "select count(*) from robbie_sync.conflict").await, "0");
}
