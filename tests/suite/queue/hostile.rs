//! Entries that try something: they are listed, grouped, filtered, tried and replayed as what they are, and do nothing.

use super::*;
use crate::sync::fixture::{Fixture, text};
use crate::torture::size;
use robbie_console::postgres::Fault;
use robbie_console::sync::{self, Mode, ReplayOptions};

const ATTACKS: &[&str] = &[
    "x'; drop table code_messages; --",
    "\"; update code_messages set content = 'owned'; --",
    "x\"); truncate users cascade; --",
    "$$; delete from users; $$",
    "%I %L %s $1 {object} {table}",
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}]52;c;ZXZpbA==\u{7}",
    "\u{9b}31m\r\n\t\u{8}\u{7f}",
    "\u{202e}gnp.exe\u{2066}\u{200b}\u{feff}\u{200d}",
    "\\x1b \\u001b \\",
];

/// Every row of the tables that an attack could reach.
const CHECKSUM: &str = "select md5(string_agg(t, '|' order by t)) from (
    select 'c' || to_jsonb(r)::text as t from code_conversations r union all select 'm' || (to_jsonb(r) - 'embedding')::text from code_messages r
    union all select 'p' || to_jsonb(r)::text from robbie_personality_state r union all
    select 'n' || relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r') all_rows";

async fn insert(client: &Client, table: &str, operation: &str, data: &str, error: Option<&str>) -> Result<Uuid, Fault> {
    let sql = "insert into pending_sync (table_name, operation, data, error) values ($1::text, $2::text, $3::text::jsonb, $4) returning id";
    let row = client.query_one(sql, &[&table, &operation, &data, &error]).await;
    row.map(|row| row.get(0)).map_err(|error| Fault::from_postgres(error, Side::Replica))
}

fn options(mode: Mode) -> ReplayOptions {
    ReplayOptions { mode, actor: "test".to_owned(), reason: None, force: false }
}

/// A payload that says which row it means, in an object of one more field.
fn with(field: &str, value: &serde_json::Value) -> String {
    let mut object = serde_json::json!({"id": Uuid::new_v4()});
    object[field] = value.clone();
    object.to_string()
}

async fn attacks(f: &Fixture) -> Vec<Uuid> {
    let mut ids = Vec::new();
    for attack in ATTACKS {
        let value = serde_json::json!(attack);
        let short: String = attack.chars().take(50).collect();
        for (table, operation, data) in [
            (*attack, "INSERT", with("title", &value)),
            ("code_messages", short.as_str(), with("content", &value)),
            ("code_messages", "UPDATE", with(attack, &value)),
            ("code_messages", "INSERT", with("conversation_id", &value)),
            ("code_messages", "DELETE", serde_json::json!({"id": attack}).to_string()),
            ("code_conversations", "INSERT", with("user_id", &value)),
        ] {
            ids.push(insert(&f.replica, table, operation, &data, Some(attack)).await.unwrap());
        }
    }
    let deep = format!("{}1{}", "[".repeat(6_000), "]".repeat(6_000));
    // A list, a dry run and a replay of 10 MB take most of a minute: `just torture` does that.
    let big = size(1, 10) << 20;
    let shapes = [
        "[1, [2, {\"id\": 3}]]".to_owned(),
        "\"a text\"".to_owned(),
        "null".to_owned(),
        "5".to_owned(),
        "{}".to_owned(),
        "{\"id\": null}".to_owned(),
        "{\"id\": {\"id\": []}}".to_owned(),
        format!("{{\"id\": \"{}\", \"content\": {deep}}}", Uuid::new_v4()),
        format!("{{\"id\": \"{}\", \"message_count\": 1e400}}", Uuid::new_v4()),
        with("content", &serde_json::json!("y".repeat(big))),
        with(&"k".repeat(big), &serde_json::json!(1)),
        format!("{{\"id\": \"{}\"}}", "i".repeat(big)),
    ];
    for shape in &shapes {
        ids.push(insert(&f.replica, "code_messages", "INSERT", shape, None).await.unwrap());
    }
    ids
}

/// What no text that reaches a terminal may hold.
fn is_drawable(said: &str) -> bool {
    let unseen = ['\u{200b}', '\u{2060}', '\u{feff}', '\u{200e}', '\u{200f}', '\u{61c}'];
    !said.chars().any(|c| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
            || unseen.contains(&c)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_entries_try_is_not_done_and_every_one_gets_its_verdict() {
    let f = Fixture::new().await;
    f.conversation(Uuid::new_v4(), "ours").await;
    f.cycle().await;
    // Deployed tables take any word for an operation.
    f.replica.batch_execute("alter table pending_sync drop constraint pending_sync_operation_check").await.unwrap();
    let ids = attacks(&f).await;
    // What PostgreSQL takes for no JSON at all never becomes an entry.
    for data in
        ["{\"id\": \"\\u0000\"}".to_owned(), "{".to_owned(), format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000))]
    {
        assert!(insert(&f.replica, "code_messages", "INSERT", &data, None).await.is_err());
    }
    let shape = Shape::read(&f.replica).await.unwrap();
    let sums = async || (text(&f.master, CHECKSUM).await, text(&f.replica, CHECKSUM).await);
    let before = sums().await;

    let dry = sync::replay(&f.pair, &ids, options(Mode::Dry)).await.unwrap();
    assert_eq!(dry.len(), ids.len());
    assert_eq!(sums().await, before);
    let done = sync::replay(&f.pair, &ids, options(Mode::Apply)).await.unwrap();
    f.cycle().await;
    assert_eq!(sums().await, before, "nothing of it took effect");
    for (one, other) in dry.iter().zip(&done) {
        assert_eq!((one.id, one.verdict), (other.id, other.verdict), "{one:?} {other:?}");
        assert!(!other.outcome.is_settled() && other.message.is_some(), "{other:?}");
    }
    seen(&f.replica, &shape, &ids).await;

    // The same where nothing is migrated, with the errors that they carried.
    let (_test, client, shape) = deployed("select 1").await;
    let mut ids = Vec::new();
    for attack in ATTACKS {
        ids.push(
            insert(&client, attack, attack, &with(attack, &serde_json::json!(attack)), Some(attack)).await.unwrap(),
        );
    }
    seen(&client, &shape, &ids).await;
}

/// Lists, details, groups and filters over them; whatever they say can be drawn.
async fn seen(client: &Client, shape: &Shape, ids: &[Uuid]) {
    let listed = all(client, shape, &Scope::default(), 20, false).await;
    for id in ids {
        let entry = listed.iter().find(|e| e.id == *id).unwrap_or_else(|| panic!("{id} is not listed"));
        let found = detail::read(client, shape, *id).await.unwrap().unwrap();
        let why = diagnosis::diagnose(&found.evidence()).unwrap_or_else(|| panic!("{entry:?}"));
        assert!(Verdict::ALL.contains(&why.verdict) && !why.cause.is_empty() && !why.remedy.is_empty(), "{why:?}");
        let whole = format!("{entry:?}").len();
        assert!(whole < 20_000, "a list carries {whole} bytes of one entry");
        let said = [
            &entry.table,
            &entry.operation,
            &why.cause,
            &why.remedy,
            found.error_text.as_ref().unwrap_or(&entry.table),
            &found.payload,
        ];
        for text in said {
            assert!(is_drawable(&robbie_console::cli::output::printable(text)), "{text:?}");
            #[cfg(feature = "tui")]
            assert!(is_drawable(&robbie_console::ui::text::safe(text)), "{text:?}");
        }
    }
    let found = groups::read(client, shape, &Scope::default()).await.unwrap();
    assert!(!found.groups.is_empty());
    assert_eq!(found.groups.iter().map(|g| g.count).sum::<i64>(), found.entries);
    for attack in ATTACKS {
        let quoted = format!("\"{}\"", attack.replace('\\', "\\\\").replace('"', "\\\""));
        let fields = ["table:", "op:", "error:", "key:", "data.title:", "sqlstate:", "", "object:"];
        let known = if shape.migrated { &fields[..] } else { &fields[..7] };
        let text: Vec<String> = known.iter().map(|field| format!("{field}{quoted}")).collect();
        let filter = filter::parse(&text.join(" OR ")).unwrap_or_else(|e| panic!("{text:?}: {e}"));
        let scope = Scope { filter, ..Scope::default() };
        let page = store::page(client, shape, &scope, &Anchor::First, 50).await.unwrap();
        assert!(!page.entries.is_empty(), "{text:?}");
        groups::read(client, shape, &scope).await.unwrap();
        // Once through the big ones is enough.
        client.batch_execute("delete from pending_sync where pg_column_size(data) > 8000").await.unwrap();
    }
}
