//! `robbie queue`, through the engine.

use super::*;

/// The command line over the suite's databases, as a script sees it: exit code and the document on stdout.
pub(super) fn robbie(test: &support::TestPair, arguments: &[&str]) -> (i32, serde_json::Value) {
    command(test, &[&["queue"], arguments].concat())
}

/// The same for any command.
pub(crate) fn command(test: &support::TestPair, arguments: &[&str]) -> (i32, serde_json::Value) {
    let home = tempfile::tempdir().unwrap();
    let [master, replica] = [Side::Master, Side::Replica].map(|side| url(test, side));
    let done = std::process::Command::new(support::robbie())
        .args(["--json", "--master", &master, "--replica", &replica])
        .args(arguments)
        .env("ROBBIE_HOME", home.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let document = serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&done.stdout)));
    (done.status.code().unwrap(), document)
}

/// Where one side of a pair is.
pub(crate) fn url(test: &support::TestPair, side: Side) -> String {
    let config = &test.target(side).config;
    let tokio_postgres::config::Host::Unix(folder) = &config.get_hosts()[0] else { panic!("no socket") };
    let password = String::from_utf8(config.get_password().unwrap().to_vec()).unwrap();
    let (user, database) = (config.get_user().unwrap(), config.get_dbname().unwrap());
    let port = config.get_ports()[0];
    format!("host={} port={port} user={user} password={password} dbname={database}", folder.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_replay_what_is_good_and_say_why_the_rest_is_not() {
    let (test, client, _) = migrated(
        "insert into pending_sync (id, table_name, operation, data, created_at) values
         ('aaaaaaaa-0000-4000-8000-000000000001', 'code_conversations', 'INSERT', '{\"id\": \"11111111-1111-4111-8111-111111111111\",
           \"user_id\": \"allan\", \"session_id\": \"s\", \"title\": \"one\"}', now() - interval '1 hour'),
         ('bbbbbbbb-0000-4000-8000-000000000002', 'code_messages', 'INSERT', '{\"id\": \"22222222-2222-4222-8222-222222222222\",
           \"conversation_id\": \"33333333-3333-4333-8333-333333333333\", \"role\": \"user\", \"content\": \"x\"}', now())",
    )
    .await;
    let master = support::connect(&test.master).await;
    let on_master =
        async || -> i64 { master.query_one("select count(*) from code_conversations", &[]).await.unwrap().get(0) };
    master
        .batch_execute(
            "insert into users (id, username, email, password_hash)
               values ('99999999-9999-4999-8999-999999999999', 'allan', 'a@example.org', 'x') on conflict do nothing;
             insert into user_id_mapping (text_id, uuid_id, service)
               select 'allan', id, 'robbie-code' from users where username = 'allan' on conflict do nothing",
        )
        .await
        .unwrap();

    let (code, listed) = robbie(&test, &["list", "--limit", "1"]);
    assert_eq!((code, listed["entries"].as_array().unwrap().len()), (0, 1));
    let (_, second) = robbie(&test, &["list", "--limit", "1", "--after", listed["next"].as_str().unwrap()]);
    assert_eq!(second["entries"][0]["table"], "code_messages");
    assert_eq!(second["next"], serde_json::Value::Null);

    let good = "aaaaaaaa-0000-4000-8000-000000000001";
    let (code, dry) = robbie(&test, &["dry-run", good]);
    assert_eq!((code, on_master().await), (0, 0), "{dry}");
    assert_eq!((&dry["entries"][0]["verdict"], &dry["entries"][0]["outcome"]), (&"insert".into(), &"applied".into()));

    let (code, refused) = robbie(&test, &["replay", good]);
    assert_eq!((code, on_master().await), (2, 0), "without a terminal it needs --yes: {refused}");

    let (code, done) = robbie(&test, &["replay", "--filter", "table:code_*", "--yes", "--reason", "test"]);
    assert_eq!((code, on_master().await), (4, 1), "{done}");
    let outcome = |id: &str| {
        done["entries"].as_array().unwrap().iter().find(|e| e["id"] == id).unwrap_or_else(|| panic!("{done}")).clone()
    };
    assert_eq!(outcome(good)["outcome"], "applied");
    let bad = outcome("bbbbbbbb-0000-4000-8000-000000000002");
    assert_eq!(bad["verdict"], "waits_for_parent");
    assert_eq!(bad["sqlstate"], "23503");
    assert!(bad["message"].is_string() && bad["remedy"].is_string(), "{bad}");

    let (code, groups) = robbie(&test, &["groups"]);
    assert_eq!((code, groups["groups"].as_array().unwrap().len()), (1, 1), "{groups}");
    assert_eq!(groups["groups"][0]["diagnosis"]["proof"], "proven", "{groups}");
    let id = groups["groups"][0]["id"].as_str().unwrap();
    let (code, dry) = robbie(&test, &["dry-run", "--group", id]);
    assert_eq!((code, dry["chosen"].as_i64()), (1, Some(1)), "{dry}");

    let (code, shown) = robbie(&test, &["show", "bbbbbbbb-0"]);
    assert_eq!(code, 1);
    assert_eq!(shown["diagnosis"]["verdict"], "waits_for_parent");
    assert_eq!(shown["master_row"]["is"], "absent");
    assert!(!shown["tries"].as_array().unwrap().is_empty(), "{shown}");

    let (code, again) = robbie(&test, &["replay", good, "--yes"]);
    assert_eq!((code, &again["entries"][0]["verdict"]), (0, &"no_change".into()), "never twice: {again}");
    assert_eq!(on_master().await, 1);
    let (code, wrong) = robbie(&test, &["list", "--filter", "state:bad"]);
    assert_eq!((code, wrong["error"]["message"].as_str().unwrap().contains("column 7")), (2, true));
    drop(client);
}
