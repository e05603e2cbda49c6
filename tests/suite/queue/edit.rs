//! Payloads changed by hand.

use super::commands::robbie;
use crate::sync::fixture::{Fixture, count, text};
use robbie_console::sync::discard::By;
use robbie_console::sync::edit::{check, draft, edit};
use uuid::Uuid;

const BY: By<'static> = By { actor: "test", reason: "a repair", engine: None };

const TABLE: &str = "
    create type mood as enum ('calm', 'wild');
    create table parts (id uuid primary key, user_id uuid references users (id), title varchar(8) not null, amount integer, mood mood, at timestamptz,
        level integer check (level between 1 and 10), ratio numeric(4, 2), ref uuid, done boolean, note jsonb);
    select robbie_sync.capture('parts', 'row')";

#[tokio::test(flavor = "multi_thread")]
async fn twelve_invalid_payloads_are_refused_with_column_and_reason() {
    let f = Fixture::new().await;
    f.master.batch_execute(TABLE).await.unwrap();
    let id = r#""id": "11111111-1111-4111-8111-111111111111""#;
    let good = format!(
        r#"{{{id}, "user_id": "allan", "title": "eight888", "amount": 1, "mood": "wild", "at": "2026-01-02T03:04:05Z", "level": 10,
        "ratio": 99.99, "ref": null, "done": true, "note": {{"any": 9007199254740993}}}}"#
    );
    let asked = async |op: &str, payload: &str| check(&f.master, "parts", op, None, payload).await.unwrap();
    assert_eq!(asked("INSERT", &good).await, []);
    let with = |more: &str| format!("{{{id}, \"title\": \"t\",\n  {more}}}");
    let cases = [
        ("INSERT", with(r#""colour": "red""#), "colour", "no such column", 2),
        ("INSERT", with(r#""amount": "many""#), "amount", "invalid input syntax for type integer", 2),
        ("INSERT", format!("{{{id}}}"), "title", "may not be NULL", 1),
        ("UPDATE", format!("{{{id},\n\"title\": null}}"), "title", "may not be NULL", 2),
        (
            "INSERT",
            format!("{{{id},\n\"title\": \"nine99999\"}}"),
            "title",
            "too long for type character varying(8)",
            2,
        ),
        ("INSERT", with(r#""mood": "blue""#), "mood", "invalid input value for enum", 2),
        ("INSERT", with(r#""level": 11"#), "level", "parts_level_check", 2),
        ("INSERT", "[1, 2]".into(), "", "no JSON object", 1),
        ("INSERT", r#"{"title": "t"}"#.into(), "id", "key of parts", 1),
        ("INSERT", with(r#""user_id": "nobody""#), "user_id", "no user of the master is mapped to 'nobody'", 2),
        ("INSERT", with(r#""amount": 2147483648"#), "amount", "out of range", 2),
        ("INSERT", with(r#""ratio": 100.00"#), "ratio", "overflow", 2),
        ("INSERT", with(r#""ref": "11111111-1111""#), "ref", "invalid input syntax for type uuid", 2),
        ("INSERT", with(r#""at": "2026-02-30""#), "at", "out of range", 2),
        ("INSERT", with(r#""done": "perhaps""#), "done", "type boolean", 2),
        ("INSERT", with(r#""note": "\u0000""#), "", "unsupported Unicode escape", 1),
        ("INSERT", "{\n  \"a\": }".into(), "", "no JSON", 2),
    ];
    for (op, payload, path, reason, line) in &cases {
        let found = asked(op, payload).await;
        assert_eq!(found.len(), 1, "{payload}: {found:?}");
        assert!(
            found[0].path == *path && found[0].reason.contains(reason) && found[0].line == *line,
            "{payload}: {found:?}"
        );
    }
    let several = asked("INSERT", &with(r#""amount": "x", "mood": "y", "colour": 1"#)).await;
    assert_eq!(several.len(), 3, "all at once: {several:?}");
    assert_eq!(asked("DELETE", &format!("{{{id}}}")).await, []);
    assert_eq!(
        check(&f.master, "nowhere", "INSERT", None, "{}").await.unwrap()[0].reason,
        "the master has no table nowhere"
    );

    // And none of them is saved.
    f.replica.batch_execute("create table parts (id uuid primary key, title text)").await.unwrap();
    let entry = f.queue("parts", "INSERT", &format!("{{{id}, \"title\": \"much too long\"}}")).await;
    let open = draft(&f.replica, entry).await.unwrap();
    let before =
        text(&f.replica, "select p::text || e::text from pending_sync p join robbie_sync.entry e on e.entry_id = p.id")
            .await;
    for (_, payload, _, reason, _) in cases.iter().filter(|c| c.0 == "INSERT") {
        if reason.contains("key of parts") {
            continue; // The engine's note has the key.
        }
        let refused = edit(&f.pair, &open, payload, true, BY).await.unwrap();
        assert!(!refused.saved && !refused.problems.is_empty(), "{payload}");
    }
    assert_eq!(
        text(&f.replica, "select p::text || e::text from pending_sync p join robbie_sync.entry e on e.entry_id = p.id")
            .await,
        before
    );
    let mended = edit(&f.pair, &open, &good, true, BY).await.unwrap();
    assert!(mended.saved, "{mended:?}");
    f.cycle().await;
    assert_eq!(
        text(&f.master, "select title || ratio || note from parts").await,
        r#"eight88899.99{"any": 9007199254740993}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_original_is_kept_and_a_changed_entry_refused() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    let data = format!(r#"{{"id": "{id}", "role": "user", "content": 1.10, "conversation_id": "{id}"}}"#);
    let entry = f.queue("code_messages", "INSERT", &data).await;
    let original = text(&f.replica, "select data from pending_sync").await;
    let open = draft(&f.replica, entry).await.unwrap();
    let first = open.text.replace("1.10", "\"one\"");
    let tried = edit(&f.pair, &open, &first, false, BY).await.unwrap();
    assert!(!tried.saved && tried.can_be_saved(), "{tried:?}");
    assert_eq!(tried.changes, [("content".into(), Some("1.10".into()), Some("\"one\"".into()))]);
    assert_eq!(text(&f.replica, "select data from pending_sync").await, original, "tried, not saved");
    assert!(edit(&f.pair, &open, &first, true, BY).await.unwrap().saved);
    let refused = edit(&f.pair, &open, &open.text.replace("1.10", "\"two\""), true, BY).await.unwrap_err();
    assert!(refused.message.contains("changed, settled or removed"), "{refused:?}");
    assert_eq!(text(&f.replica, "select data ->> 'content' from pending_sync").await, "one");

    let again = draft(&f.replica, entry).await.unwrap();
    assert_eq!(again.original.as_deref(), Some(original.as_str()));
    assert!(edit(&f.pair, &again, &again.text.replace("one", "two"), true, BY).await.unwrap().saved);
    assert_eq!(draft(&f.replica, entry).await.unwrap().original, Some(original), "the first one stays");
    assert_eq!(
        count(&f.replica, "robbie_sync.run where kind = 'edit' and actor = 'test' and reason = 'a repair'").await,
        2
    );
    // A try of the engine in between is no change of the entry.
    let open = draft(&f.replica, entry).await.unwrap();
    f.conversation(id, "parent").await;
    f.replica
        .batch_execute("update pending_sync set error = 'x', retry_count = 3 where table_name = 'code_messages'")
        .await
        .unwrap();
    assert!(edit(&f.pair, &open, &open.text.replace("two", "three"), true, BY).await.unwrap().saved);
    f.cycle().await;
    assert_eq!(text(&f.master, "select content from code_messages").await, "three");
    assert!(draft(&f.replica, entry).await.unwrap_err().message.contains("settled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_sets_values_and_shows_what_changes() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    let data = format!(
        r#"{{"id": "{id}", "user_id": "allan", "session_id": "s", "title": "t", "metadata": {{"big": 9007199254740993, "tags": ["a"]}}}}"#
    );
    let entry = f.queue("code_conversations", "INSERT", &data).await.to_string();
    let (code, refused) = robbie(&f.test, &["edit", &entry, "--set", "nowhere=1", "--yes"]);
    assert_eq!((code, &refused["problems"][0]["path"], &refused["saved"]), (1, &"nowhere".into(), &false.into()));
    let set = ["edit", &entry[..8], "--set", "title=a new one", "--set", "metadata.tags.0=\"b\""];
    let (code, dry) = robbie(&f.test, &[&set[..], &["--dry-run"]].concat());
    assert_eq!((code, &dry["saved"], dry["changes"].as_array().unwrap().len()), (0, &false.into(), 2), "{dry}");
    assert_eq!(robbie(&f.test, &set).0, 2, "without a terminal it needs --yes");
    let (code, done) = robbie(&f.test, &[&set[..], &["--yes"]].concat());
    assert_eq!((code, &done["saved"], &done["outcome"]["verdict"]), (0, &true.into(), &"insert".into()), "{done}");
    assert_eq!(
        text(&f.replica, "select data ->> 'title' || (data -> 'metadata') from pending_sync").await,
        r#"a new one{"big": 9007199254740993, "tags": ["b"]}"#
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{").unwrap();
    let (code, wrong) = robbie(&f.test, &["edit", &entry, "--file", file.path().to_str().unwrap(), "--yes"]);
    assert_eq!((code, &wrong["problems"][0]["line"]), (1, &1.into()), "{wrong}");
}
