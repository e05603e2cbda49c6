//! Conversations on real databases: lists over both sides, what differs, search, export, deployed shapes.

mod embedding;
mod index;
mod pane;
mod quality;
mod recall;
mod writing;

use crate::queue::commands::command;
use crate::support;
use crate::sync::fixture::{Fixture, text};
use robbie_console::conversation::embed::Embedder;
use robbie_console::conversation::search::{self, Mode};
use robbie_console::conversation::{self as domain, Filter, Kind, Listed, Presence, Shape, Sides, Sort};
use std::collections::BTreeSet;
use tokio_postgres::Client;
use uuid::Uuid;

/// A conversation whose last message is so many minutes old.
async fn write(client: &Client, id: u128, title: &str, minutes: i32) -> Uuid {
    let id = Uuid::from_u128(id);
    let sql = "insert into code_conversations (id, session_id, title, created_at, updated_at, last_message_at)
               values ($1, 's', $2, '2026-01-01Z', '2026-01-01Z', timestamptz '2026-06-01Z' - make_interval(mins => $3))";
    client.execute(sql, &[&id, &title, &minutes]).await.unwrap();
    id
}

async fn message(client: &Client, id: u128, conversation: Uuid, content: &str) -> Uuid {
    let id = Uuid::from_u128(id);
    let sql = "insert into code_messages (id, conversation_id, role, content, created_at) values ($1, $2, 'user', $3, '2026-02-01Z')";
    client.execute(sql, &[&id, &conversation, &content]).await.unwrap();
    id
}

/// A pair on which both sides take a conversation without a user.
async fn fixture() -> Fixture {
    let f = Fixture::new().await;
    f.replica.batch_execute("alter table code_conversations alter user_id set default 'allan'").await.unwrap();
    f
}

/// All pages of both sides.
async fn all(sides: &Sides, sort: Sort, limit: u16) -> Vec<Listed> {
    let (mut found, mut next) = (Vec::new(), None);
    for _ in 0..1_000 {
        let page = domain::listing(sides, None, &Filter::default(), sort, next.as_ref(), false, limit).await.unwrap();
        found.extend(page.conversations);
        next = page.next;
        if next.is_none() {
            return found;
        }
    }
    panic!("the pages do not end");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_are_one_list_in_which_each_stands_once_with_where_it_is() {
    let f = fixture().await;
    for n in 0..40_u128 {
        let minutes = i32::try_from(n * 7 % 40).unwrap();
        if n % 4 != 1 {
            write(&f.master, n, &format!("Title {n}"), minutes).await;
        }
        if n % 4 != 2 {
            // Of every fifth one the sides do not agree when it last moved: far apart in the list.
            let minutes = if n % 5 == 0 { minutes + 25 } else { minutes };
            let title = if n == 7 { "Another title".to_owned() } else { format!("Title {n}") };
            write(&f.replica, n, &title, minutes).await;
        }
    }
    let sides = Sides::read(&f.pair).await.unwrap();
    for sort in Sort::ALL {
        for limit in [1, 3, 7, 40, 100] {
            let found = all(&sides, sort, limit).await;
            let ids: BTreeSet<Uuid> = found.iter().map(|l| l.conversation.id).collect();
            assert_eq!((found.len(), ids.len()), (40, 40), "{sort:?} by {limit}");
            let keys: Vec<_> = found.iter().map(|l| &l.conversation.key).collect();
            assert!(keys.windows(2).all(|p| sort.compare(p[0], p[1]).is_lt()), "{sort:?} by {limit}");
            let (mut backwards, mut from) = (Vec::new(), None);
            loop {
                let filter = Filter::default();
                let page = domain::listing(&sides, None, &filter, sort, from.as_ref(), true, limit).await.unwrap();
                backwards.splice(0..0, page.conversations.into_iter().map(|l| l.conversation.id));
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
            let forwards: Vec<Uuid> = found.iter().map(|l| l.conversation.id).collect();
            assert_eq!(backwards, forwards, "{sort:?} by {limit}");
        }
    }
    for listed in all(&sides, Sort::Recent, 10).await {
        let n = listed.conversation.id.as_u128();
        let wanted = match n {
            7 => Presence::Different,
            n if n % 4 == 1 => Presence::ReplicaOnly,
            n if n % 4 == 2 => Presence::MasterOnly,
            _ => Presence::Equal,
        };
        assert_eq!(listed.presence, wanted, "{n}");
        assert_eq!(
            listed.conversation.user.as_deref(),
            Some("allan"),
            "the master's uuid is shown as the replica's name"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn differing_messages_are_named_and_the_queue_is_counted() {
    let f = fixture().await;
    let mut id = Uuid::nil();
    for client in [&f.master, &f.replica] {
        id = write(client, 1, "One", 0).await;
        message(client, 10, id, "the same").await;
    }
    message(&f.master, 11, id, "on the master").await;
    message(&f.replica, 12, id, "on the replica").await;
    message(&f.master, 13, id, "as the master has it").await;
    message(&f.replica, 13, id, "as the replica has it").await;
    f.queue("code_messages", "INSERT", &format!(r#"{{"conversation_id": "{id}", "content": "x"}}"#)).await;
    f.queue("code_conversations", "UPDATE", &format!(r#"{{"id": "{}"}}"#, id.to_string().to_uppercase())).await;
    f.queue("code_messages", "INSERT", "[1]").await;
    let (code, shown) = command(&f.test, &["conversations", "show", &id.to_string()]);
    assert_eq!(code, 1);
    assert_eq!(shown["conversation"]["presence"], "different");
    assert_eq!(shown["conversation"]["queued"], 2);
    let marks = &shown["differing"];
    let of = |n: u128| marks[Uuid::from_u128(n).to_string()].as_str();
    assert_eq!([of(10), of(11), of(12), of(13)], [None, Some("master_only"), Some("replica_only"), Some("different")]);
    assert_eq!(shown["messages"].as_array().unwrap().len(), 3, "as the replica has it");
    assert_eq!(command(&f.test, &["conversations", "show", &Uuid::from_u128(9).to_string()]).0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_phrases_identifiers_and_minus_find_the_same_with_and_without_indexes() {
    let f = fixture().await;
    let client = &f.replica;
    let texts = [
        "the parseHTTPRequest function reads a header",
        "self.user_id_mapping holds ids",
        "a header function",
        "is not null and never was",
        "Indexes on the table; indexing took an hour",
        "naïve Füße 数据库 emoji 👍",
    ];
    for (n, content) in texts.iter().enumerate() {
        let id = write(client, n as u128, &format!("Conversation {n}"), 0).await;
        message(client, 100 + n as u128, id, content).await;
    }
    // So long that a tsvector of all of it would be refused.
    let long: String = (0..300_000).fold(String::new(), |text, n| text + &format!("word{n} "));
    message(client, 200, Uuid::from_u128(5), &long).await;
    let cases: &[(&str, &[u128])] = &[
        ("parseHTTPRequest", &[0]),
        ("parsehttprequest", &[0]),
        ("request", &[0]),
        ("http header", &[0]),
        ("user_id_mapping", &[1]),
        ("mapping", &[1]),
        ("user_id", &[1]),
        ("header", &[0, 2]),
        ("header -parse", &[2]),
        ("\"header function\"", &[2]),
        ("\"is not null\"", &[3]),
        ("index", &[4]),
        ("\"indexes on the table\"", &[4]),
        ("\"index on the table\"", &[]),
        ("mapping OR hour", &[1, 4]),
        ("füße", &[5]),
        ("word17", &[5]),
        ("nowhere", &[]),
    ];
    for indexed in [true, false] {
        if !indexed {
            let drop =
                "drop index robbie_search_title, robbie_search_message, robbie_search_block, robbie_search_pattern;
                        drop function robbie_sync.search_vector(text)";
            client.batch_execute(drop).await.unwrap();
        }
        let shape = Shape::read(&f.pair.replica).await.unwrap();
        assert_eq!(shape.indexed.len(), if indexed { 4 } else { 0 });
        for (query, wanted) in cases {
            let found =
                search::search(&f.pair.replica, &shape, query, Mode::Text, &Embedder::Lexical, 20).await.unwrap();
            let ids: BTreeSet<u128> = found.results.iter().map(|r| r.conversation_id.unwrap().as_u128()).collect();
            assert_eq!(ids, wanted.iter().copied().collect(), "{query} with index: {indexed}");
        }
    }
    let shape = Shape::read(&f.pair.replica).await.unwrap();
    let some =
        search::search(&f.pair.replica, &shape, "mapping header", Mode::Text, &Embedder::Lexical, 20).await.unwrap();
    assert_eq!(some.results.len(), 3, "where nothing has all words, what has some");
    assert!(some.results.iter().all(|r| r.missing.len() == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_is_used() {
    let f = fixture().await;
    let plan = "explain select 1 from code_messages r where robbie_sync.search_vector((coalesce(r.content, ''))) @@ 'x'::tsquery";
    f.replica.batch_execute("set enable_seqscan = off").await.unwrap();
    let rows = f.replica.query(plan, &[]).await.unwrap();
    let plan: String = rows.iter().map(|r| r.get::<_, String>(0)).collect();
    assert!(plan.contains("robbie_search_message"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn vectors_of_another_embedder_are_not_compared_and_counted() {
    let f = fixture().await;
    let id = write(&f.replica, 1, "One", 0).await;
    let other = write(&f.replica, 2, "Two", 0).await;
    let vector = robbie_console::conversation::embedding::embed("ivfflat probes").unwrap().to_sql();
    let insert = |n: u128, conversation: Uuid, metadata: &str, vector: &str| {
        format!(
            "insert into code_messages (id, conversation_id, role, content, embedding, metadata)
             values ('{}', '{conversation}', 'user', 'x', {vector}, '{metadata}')",
            Uuid::from_u128(n)
        )
    };
    let ours = r#"{"embedder": "lexical-hash-1536/v1"}"#;
    let quoted = format!("'{vector}'");
    for statement in [
        insert(10, id, ours, &quoted),
        insert(11, other, r#"{"embedder": "other"}"#, &quoted),
        insert(12, other, "{}", &quoted),
        insert(13, other, "{}", "null"),
    ] {
        f.replica.batch_execute(&statement).await.unwrap();
    }
    let shape = Shape::read(&f.pair.replica).await.unwrap();
    let found =
        search::search(&f.pair.replica, &shape, "ivfflat probes", Mode::Similar, &Embedder::Lexical, 10).await.unwrap();
    assert_eq!(found.results.iter().map(|r| r.conversation_id.unwrap()).collect::<Vec<_>>(), [id]);
    assert!(found.results[0].cosine.unwrap() > 0.999);
    let left = found.not_compared["message"];
    assert_eq!((left.without, left.of_others), (1, Some(2)));
    let like = search::more_like(&f.pair.replica, &shape, Kind::Message, Uuid::from_u128(12), 10).await.unwrap();
    assert!(like.results.is_empty(), "a vector that nobody named is not one of those that were");
    let none = search::more_like(&f.pair.replica, &shape, Kind::Message, Uuid::from_u128(13), 10).await;
    assert!(none.unwrap_err().message.contains("no embedding"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployed_replica_without_our_schema_is_listed_read_and_searched() {
    let test = support::bare_pair().await;
    let client = support::connect(&test.replica).await;
    client.batch_execute(include_str!("schema/deployed/smart-robbie.sql")).await.unwrap();
    let (code, listed) = command(&test, &["conversations", "list", "--facets"]);
    assert_eq!(code, 1, "the master has no conversations: {listed}");
    let found = listed["conversations"].as_array().unwrap();
    assert!(!found.is_empty() && found.iter().all(|c| c["presence"] == "unknown"), "{listed}");
    assert!(!listed["facets"]["users"].as_array().unwrap().is_empty());
    let id = text(&client, "select conversation_id from code_messages limit 1").await;
    let word = text(
        &client,
        "select substring(content from '[A-Za-z]{4,}') from code_messages where content ~ '[A-Za-z]{4,}' limit 1",
    )
    .await;
    let (_, shown) = command(&test, &["conversations", "show", &id]);
    assert!(!shown["messages"].as_array().unwrap().is_empty());
    let (code, found) = command(&test, &["conversations", "search", &word]);
    assert_eq!(code, 0, "{word}: {found}");
    assert_eq!(command(&test, &["conversations", "patterns"]).0, 0);
    assert_eq!(command(&test, &["conversations", "blocks"]).0, 0);
    // Only `id` and little else: still no error.
    client.batch_execute("drop table code_blocks, learned_patterns cascade; alter table code_conversations drop title cascade, drop metadata cascade, drop context_type cascade;
                          alter table code_messages drop embedding cascade, drop metadata cascade").await.unwrap();
    assert_eq!(command(&test, &["conversations", "list", "--facets", "--with-code"]).0, 1);
    assert_eq!(command(&test, &["conversations", "show", &id]).0, 1);
    assert_eq!(command(&test, &["conversations", "search", &word]).0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_loses_nothing_and_markdown_is_whole() {
    let f = fixture().await;
    let id = write(&f.replica, 1, "A \"title\" \u{1b}[31m", 0).await;
    let long = "é".repeat(300_000);
    message(&f.replica, 10, id, &long).await;
    message(&f.replica, 11, id, "```rust\nnever closed").await;
    let exact = r#"{"n": 12345678901234567890.123456789, "e": null}"#;
    f.replica.execute("update code_messages set metadata = $1::text::jsonb, embedding = (select array_agg(0.1 + i / 3.0)::vector from generate_series(1, 1536) i) where id = $2", &[&exact, &Uuid::from_u128(11)]).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.json");
    let path = file.to_str().unwrap();
    let (code, _) = command(&f.test, &["conversations", "export", "--all", "--format", "json", "--output", path]);
    assert_eq!(code, 0);
    let document: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(document["format"], "robbie-conversations/1");
    let one = &document["conversations"][0];
    // PostgreSQL makes of the document the very rows it came from.
    let same = "select count(*) from code_messages m, jsonb_populate_record(null::code_messages, $1::text::jsonb) r
                 where row(m.*) is not distinct from row(r.*)";
    for message in one["messages"].as_array().unwrap() {
        let n: i64 = f.replica.query_one(same, &[&message.to_string()]).await.unwrap().get(0);
        assert_eq!(n, 1);
    }
    let again = command(&f.test, &["conversations", "export", "--all", "--output", path]);
    assert!(again.0 > 0, "a file that is there is not written over");
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("{\"format\""));
    let file = folder.path().join("x.md");
    let path = file.to_str().unwrap();
    assert_eq!(command(&f.test, &["conversations", "export", &id.to_string(), "--output", path]).0, 0);
    let markdown = std::fs::read_to_string(&file).unwrap();
    assert!(markdown.contains(&long) && markdown.trim_end().ends_with("never closed\n```"));
    assert_eq!(command(&f.test, &["conversations", "export"]).0, 2);
    let absent = Uuid::from_u128(9).to_string();
    assert_eq!(
        command(&f.test, &["conversations", "export", &id.to_string(), &absent, "--output", &format!("{path}2")]).0,
        4
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_and_exit_codes() {
    let f = fixture().await;
    let id = write(&f.replica, 1, "Rust things", 0).await;
    write(&f.replica, 2, "Other things", 10).await;
    message(&f.replica, 10, Uuid::from_u128(2), "```sql\nselect\n```").await;
    let block = "insert into code_blocks (file_path, language, content, tags, session_id, conversation_id) values ('src/a.rs', 'Rust', 'x', '{t}', 's', $1)";
    f.replica.execute(block, &[&id]).await.unwrap();
    let titles = |arguments: &[&str]| {
        let (_, listed) = command(&f.test, &[&["conversations", "list"], arguments].concat());
        let found = listed["conversations"].as_array().unwrap_or_else(|| panic!("{listed}")).clone();
        found.iter().map(|c| c["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(titles(&[]), ["Rust things", "Other things"]);
    assert_eq!(titles(&["--language", "rust"]), ["Rust things"]);
    assert_eq!(titles(&["--with-code"]).len(), 2);
    assert_eq!(titles(&["--without-code"]).len(), 0);
    assert_eq!(titles(&["--title", "OTHER"]), ["Other things"]);
    assert_eq!(titles(&["--user", "allan"]).len(), 2);
    assert_eq!(titles(&["--user", "nobody"]).len(), 0);
    assert_eq!(titles(&["--since", "2026-06-01"]), ["Rust things"]);
    assert_eq!(titles(&["--presence", "replica-only"]).len(), 2);
    assert_eq!(titles(&["--presence", "equal"]).len(), 0);
    assert_eq!(titles(&["--side", "master"]).len(), 0);
    let (_, blocks) =
        command(&f.test, &["conversations", "blocks", "--file", "a.rs", "--tag", "t", "--language", "rust"]);
    assert_eq!(blocks["blocks"].as_array().unwrap().len(), 1);
    assert_eq!(command(&f.test, &["conversations", "search", "--", "-x"]).0, 2);
    assert_eq!(command(&f.test, &["conversations", "search", "nowhere", "--mode", "text"]).0, 1);
    assert_eq!(command(&f.test, &["conversations", "search", "things", "--side", "replica"]).0, 0);
}
