//! `robbie personality`: documents and exit codes.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_limit_ends_with_2_and_names_it_whoever_it_is_for() {
    let f = Fixture::new().await;
    for (arguments, limit) in [
        (&["--mood", "grumpy"][..], "the mood is one of friendly, focused, playful, bossy, surprised, blushing"),
        (&["--gandhi-genghis", "11"], "Gandhi–Genghis goes from 1 to 10"),
        (&["--gandhi-genghis", "-1"], "Gandhi–Genghis goes from 1 to 10"),
        (&["--attraction", "12"], "attraction goes from 1 to 11"),
        (&["--attraction", "8", "--user", "maya"], "allan only"),
        (&["--turbo", "0"], "turbo goes from 1 to 10"),
        (&["--auto", "x"], "auto goes from 1 to 10"),
        (&["--intensity", "5.5"], "intensity goes from 1 to 10"),
        (&["--expires", "soon"], "2h"),
        (&["--expires", "2020-01-01T00:00:00Z"], "in the future"),
        (&["--context", "[1]"], "JSON object"),
    ] {
        let (code, said) = command(&f.test, &[&["personality", "set", "--yes"], arguments].concat());
        assert_eq!(code, 2, "{arguments:?}: {said}");
        assert!(said.to_string().contains(limit), "{arguments:?}: {said}");
    }
    assert_eq!(text(&f.master, "select count(*) from robbie_personality_state").await, "0");
    assert_eq!(command(&f.test, &["personality", "set", "--yes"]).0, 2, "nothing is to be set");
    assert_eq!(command(&f.test, &["personality", "set", "--mood", "bossy"]).0, 2, "without a terminal it needs --yes");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_show_set_tell_and_keep_presets() {
    let f = Fixture::new().await;
    let robbie = |arguments: &[&str]| command(&f.test, &[&["personality"], arguments].concat());
    let (code, dry) = robbie(&["set", "--mood", "bossy", "--attraction", "11", "--turbo", "3", "--dry-run"]);
    assert_eq!((code, dry["plan"]["master"]["changes"].as_array().unwrap().len()), (0, 3), "{dry}");
    assert!(
        dry["plan"]["replica"]["refused"].as_str().unwrap().contains("turbo"),
        "the short form has no turbo: {dry}"
    );
    assert_eq!(text(&f.master, "select count(*) from robbie_personality_state").await, "0");

    let context = r#"{"n": 12345678901234567890.123, "a": null}"#;
    let set = [
        "set",
        "--mood",
        "bossy",
        "--attraction",
        "11",
        "--turbo",
        "3",
        "--context",
        context,
        "--yes",
        "--reason",
        "because",
    ];
    let (code, done) = robbie(&set);
    assert_eq!(
        (code, &done["saved"]["outcome"], &done["saved"]["replica_later"]),
        (0, &"on_master".into(), &serde_json::Value::Null)
    );
    let (code, shown) = robbie(&["show"]);
    assert_eq!((code, &shown["users"][0]["user"]), (0, &"allan".into()), "{shown}");
    for (side, turbo) in [("master", serde_json::json!(3)), ("replica", serde_json::Value::Null)] {
        let row = &shown["users"][0][side];
        assert_eq!(
            (&row["current_mood"], &row["attraction"], &row["turbo"]),
            (&"bossy".into(), &serde_json::json!(11), &turbo)
        );
        assert_eq!(row["context"].to_string(), r#"{"a":null,"n":12345678901234567890.123}"#);
    }
    f.replica.batch_execute("update robbie_personality_state set gandhi_genghis_level = 1").await.unwrap();
    let (code, shown) = robbie(&["show", "--user", "allan"]);
    assert_eq!((code, &shown["users"][0]["differs"]), (1, &serde_json::json!(["gandhi_genghis"])));
    assert_eq!(robbie(&["show", "--user", "nobody"]).0, 1);

    let (_, told) = robbie(&["history", "--since", "1h"]);
    assert_eq!((told["history"].as_array().unwrap().len(), &told["history"][0]["reason"]), (4, &"because".into()));

    let (_, saved) = robbie(&["presets", "save", "evening", "--auto", "9", "--description", "after eight", "--yes"]);
    assert_eq!(
        (&saved["preset"]["sets"]["auto"], &saved["preset"]["sets"]["current_mood"]),
        (&serde_json::json!(9), &"bossy".into())
    );
    assert_eq!(robbie(&["presets", "save", "high", "--user", "maya", "--attraction", "8", "--yes"]).0, 2);
    robbie(&["set", "--mood", "friendly", "--auto", "1", "--yes"]);
    let (_, applied) = robbie(&["presets", "apply", "evening", "--yes"]);
    assert_eq!(applied["saved"]["changes"].as_array().unwrap().len(), 2, "{applied}");
    assert_eq!(
        robbie(&["presets", "save", "evening", "--auto", "2", "--yes"]).1["done"],
        "saved in the place of the one of this name"
    );
    assert_eq!(robbie(&["presets", "list"]).1["presets"].as_array().unwrap().len(), 1);
    f.cycle().await;
    assert_eq!(text(&f.replica, "select auto from personality_presets").await, "2", "a preset reaches the replica");
    assert_eq!(robbie(&["presets", "delete", "evening", "--yes"]).0, 0);
    assert_eq!(robbie(&["presets", "apply", "evening", "--yes"]).0, 2);
}
