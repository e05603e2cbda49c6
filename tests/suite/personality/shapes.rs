//! Either deployed shape, on either side, migrated or as it was found.

use super::*;
use robbie_console::postgres::{Pair, Side};

const SHORT: &str = include_str!("../schema/deployed/personality-short.sql");
const FULL: &str = include_str!("../schema/deployed/personality-full.sql");
const BOTH: &str = include_str!("../schema/deployed/personality-both.sql");

/// Two databases that nobody migrated.
async fn as_found(master: &str, replica: &str) -> (support::TestPair, Pair, [tokio_postgres::Client; 2]) {
    let test = support::bare_pair().await;
    let sides = [support::connect(&test.master).await, support::connect(&test.replica).await];
    for (client, sql) in sides.iter().zip([master, replica]) {
        let id = "create function uuid_generate_v4() returns uuid language sql as 'select gen_random_uuid()';";
        client.batch_execute(&format!("{id} {sql}")).await.unwrap();
    }
    let pair = test.pair();
    (test, pair, sides)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_shapes_are_read_and_written_as_they_are_found() {
    let (_test, pair, [master, _replica]) = as_found(FULL, SHORT).await;
    let (full, short) = tokio::join!(personality::sheet(&pair.master), personality::sheet(&pair.replica));
    let (full, short) = (full.unwrap(), short.unwrap());
    assert_eq!((full.shape.form(), short.shape.form()), ("full form", "short form"));
    let people = personality::people(Some(&full), Some(&short));
    assert_eq!(people.iter().map(|p| p.user.as_str()).collect::<Vec<_>>(), ["allan", "bob"]);
    assert_eq!(people[0].differs(), [Field::Mood, Field::GandhiGenghis, Field::Attraction]);

    let mut change = Edit::new("allan", "tester", "suite");
    change.set = values(&[(Field::GandhiGenghis, "1"), (Field::ActiveUsers, r#"["maya"]"#), (Field::Public, "true")]);
    change.master = Some(people[0].master.clone().unwrap().values);
    let saved = mood::save(&pair, &change).await.unwrap();
    assert!(matches!(&saved, Saved::OnMaster { changes, replica_later: Some(_) } if changes.len() == 3), "{saved:?}");
    let row = "select concat_ws(' ', gandhi_genghis, active_users, is_public, attraction, updated_at > now() - interval '1 minute') from robbie_personality_state";
    assert_eq!(text(&master, row).await, "1 {maya} t 10 t");
    let missing = Edit { set: values(&[(Field::Context, "{}")]), ..change };
    let fault = mood::save(&pair, &missing).await.unwrap_err();
    assert!(fault.to_string().contains("context") && fault.remedy.unwrap().contains("schema migrate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migrated_master_of_any_shape_holds_every_value_and_its_old_readers_go_on() {
    for (shape, expected) in
        [(SHORT, "allan/blushing/2/11 bob/bossy/9/9"), (FULL, "allan/focused/8/10"), (BOTH, "allan/friendly/8/11")]
    {
        let (test, pair, [master, _replica]) = as_found(shape, SHORT).await;
        let held = "select json_object_agg(user_id || '.' || k, v)::text from robbie_personality_state s, jsonb_each(to_jsonb(s)) e(k, v)";
        let rows = async || {
            serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text(&master, held).await).unwrap()
        };
        let before = rows().await;
        // Another program's table, of an AI's own state: nobody's mood.
        master.batch_execute("create table ai_personality_state (personality_id text primary key, current_mood integer); insert into ai_personality_state values ('robbie', 4)").await.unwrap();
        let (code, said) = command(&test, &["schema", "migrate", "--yes"]);
        assert_eq!(code, 0, "{said}");
        let now = "select string_agg(concat_ws('/', user_id, current_mood, gandhi_genghis, attraction), ' ' order by user_id) from robbie_personality_state";
        assert_eq!(text(&master, now).await, expected);
        let short_reader = "select string_agg(concat_ws('/', user_id, current_mood, gandhi_genghis_level, attraction_level), ' ' order by user_id) from robbie_personality_state";
        assert_eq!(text(&master, short_reader).await, expected);
        // A value that gave way to the other name's stands in the history; every other is where it was.
        let after = rows().await;
        for (column, value) in before.iter().filter(|(c, v)| !v.is_null() && (shape != BOTH || !c.ends_with("_level")))
        {
            assert_eq!(&after[column], value, "{column} of {shape}");
        }
        assert_eq!(text(&master, "select current_mood from ai_personality_state").await, "4");
        if shape == BOTH {
            let lost =
                "select string_agg(concat_ws(' ', field_changed, old_value, new_value), ', ') from mood_transitions";
            assert!(text(&master, lost).await.contains("3 8"), "the other name's value is kept");
        }
        let sheet = personality::sheet(&pair.master).await.unwrap();
        assert_eq!((sheet.shape.form(), sheet.shape.fields().len()), ("both forms", Field::ALL.len()));
        assert_eq!(pair.master.side(), Side::Master);
    }
}
