//! Conversations as the databases tell them.

use super::super::work::{Message, Opened, Told};
use super::super::{Conversations, Input};
use super::{Now, Pane, Size, Step};
use crate::conversation::search::{Found, Results};
use crate::conversation::snippet::Snippet;
use crate::conversation::{
    Block, Conversation, Differing, Facets, Key, Kind, Listed, Listing, Message as Said, MessageMark, MessagePage,
    Pattern, Presence,
};
use crate::postgres::Side;
use uuid::Uuid;

pub(super) fn message_id(n: u32) -> Uuid {
    Uuid::from_u128(0x1000 + u128::from(n))
}

pub(super) fn listed(n: u32) -> Listed {
    let id = Uuid::from_u128(u128::from(n) + 1);
    let titles = [
        "Conversation 0",
        "Deadlock between two batch updates that nobody can explain and that comes back each Monday at nine",
        "日本語のタイトル 👍 and more",
        "esc\u{1b}]0;owned\u{7} and \u{202e}reversed",
        "שלום עולם",
    ];
    let title = titles.get(n as usize).map_or_else(|| format!("Conversation {n}"), ToString::to_string);
    Listed {
        conversation: Conversation {
            id,
            user: Some(["allan", "maya"][n as usize % 2].into()),
            session: Some("vscode-1".into()),
            title: (n != 5).then_some(title),
            context: Some(["code", "debug", "chat"][n as usize % 3].into()),
            created_at: Some("2026-10-02 08:14:02+00".into()),
            updated_at: None,
            last_message_at: Some("2026-10-31 08:14:02+00".into()),
            age_s: Some(i64::from(n) * 4_000 + 8),
            message_count: Some(i64::from(n) * 3 + 1),
            blocks: 2,
            has_code: n.is_multiple_of(2),
            languages: if n.is_multiple_of(3) { vec!["rust".into(), "sql".into()] } else { Vec::new() },
            metadata: Some(r#"{"sample": true}"#.into()),
            key: Key { value: format!("{:08}", 10_000_000 - n), id },
        },
        presence: [Presence::Equal, Presence::Different, Presence::MasterOnly, Presence::ReplicaOnly][n as usize % 4],
        queued: i64::from(n == 3) * 4,
    }
}

pub(super) fn list_of(range: std::ops::Range<u32>, more: bool, question: u64) -> Told {
    let conversations: Vec<Listed> = range.map(listed).collect();
    let next = conversations.last().filter(|_| more).map(|l| l.conversation.key.clone());
    let page = Listing { conversations, next, queue_partly: false };
    Told::Listed { question, from: None, back: false, grow: false, page: Ok(page) }
}

pub(super) fn hear(pane: &mut Conversations, told: Told) -> Step<Conversations> {
    pane.update(Input::Message(Message { sides: Ok(None), told }), Now::at(0))
}

/// The pane after a first page and its facets.
pub(super) fn listing() -> Conversations {
    let mut pane = Conversations::default();
    pane.update(Input::Resized(Size::new(140, 38)), Now::at(0));
    pane.update(Input::Shown, Now::at(0));
    let question = pane.list.question;
    hear(&mut pane, list_of(0..80, true, question));
    let count = |v: &[(&str, i64)]| v.iter().map(|(s, n)| ((*s).to_owned(), *n)).collect();
    let facets = Facets {
        users: count(&[("allan", 12_200), ("maya", 208)]),
        contexts: count(&[("code", 9_000), ("debug", 3_000), ("chat", 408)]),
        languages: count(&[("rust", 4_000), ("sql", 2_211), ("python", 12)]),
    };
    hear(&mut pane, Told::Facets { question, facets: Ok(facets) });
    pane
}

pub(super) const ANSWER: &str = "## Lists and probes\n\nStart with `rows / 1000` **lists**:\n\n```sql\nCREATE INDEX ON code_messages\nUSING ivfflat (embedding vector_cosine_ops) WITH (lists = 100);\n```\n\nThen, per query:\n\n```sql\nSET ivfflat.probes = 10; -- of 100\n```\n\n| probes | recall |\n|---|---:|\n| 1 | 0.41 |\n| 10 | 0.95 |\n\n> More probes, more time.\n\n1. measure\n2. raise\n\nSee [the manual](https://github.com/pgvector/pgvector).";

fn said(n: u32) -> Said {
    let (role, content) = match n {
        0 => ("user", "How do I tune IVFFlat lists and probes?\tWith 184 201 rows 👍 日本語".to_owned()),
        1 => ("assistant", ANSWER.to_owned()),
        2 => (
            "user",
            "hostile: \u{1b}[2J\u{1b}]52;c;aGk=\u{7} \u{202e}gpj.exe and one very long line ".to_owned()
                + &"x".repeat(300),
        ),
        n => ("assistant", format!("message {n}\n\n- one\n- two\n\n```rust\nfn number() -> u32 {{ {n} }}\n```\n")),
    };
    let id = message_id(n);
    Said {
        id,
        role: role.into(),
        content,
        cut: None,
        created_at: Some("2026-10-02 08:14:02+00".into()),
        model: (role == "assistant").then(|| "robbie-code-2".into()),
        tokens: Some("61".into()),
        embedder: None,
        embedded: n != 2,
        place: (format!("{n:08}"), id),
    }
}

pub(super) fn page(range: std::ops::Range<u32>, more: bool) -> MessagePage {
    MessagePage { messages: range.map(said).collect(), more }
}

pub(super) fn opened(n: u32) -> Opened {
    let differing = Differing { messages: [(message_id(2), MessageMark::ReplicaOnly)].into() };
    let mut listed = listed(n);
    listed.presence = Presence::Different;
    Opened { side: Side::Replica, listed, page: page(0..6, false), before: false, differing, at: None }
}

/// The pane with the first conversation open.
pub(super) fn reading() -> Conversations {
    let mut pane = listing();
    pane.update(Input::Open, Now::at(0));
    let opened = opened(0);
    hear(&mut pane, Told::Opened { id: opened.listed.conversation.id, opened: Ok(Box::new(opened)) });
    pane
}

pub(super) fn found() -> Results {
    let one = |n: u32, kind: Kind, text: &str| Found {
        kind,
        id: message_id(n),
        conversation_id: Some(Uuid::from_u128(1)),
        title: Some(format!("IVFFlat, part {n}")),
        detail: Some("assistant".into()),
        at: None,
        score: 0.03,
        text_rank: Some(n as usize),
        similar_rank: Some(2),
        cosine: Some(0.42),
        hits: 3,
        missing: if n == 3 { vec!["probes".into()] } else { Vec::new() },
        snippet: Snippet { text: text.into(), marks: std::iter::once(10..17).collect() },
    };
    let results = vec![
        one(1, Kind::Message, "… tune an ivfflat index: lists and probes …"),
        one(2, Kind::Block, "-- making ivfflat lists"),
        one(3, Kind::Pattern, "the index ivfflat 日本 \u{1b}[2J"),
    ];
    Results { results, notes: vec!["12 of code_messages have no embedding".into()], ..Results::default() }
}

pub(super) fn blocks(n: u32) -> Vec<Block> {
    let one = |n: u32| Block {
        id: Uuid::from_u128(500 + u128::from(n)),
        conversation_id: Some(Uuid::from_u128(1)),
        file_path: format!("src/index/part_{n}.rs"),
        language: "rust".into(),
        content: "/// Adds.\npub fn add(a: u32) -> u32 {\n    a + 1 // one\n}\n".into(),
        tags: vec!["index".into(), "math".into()],
        session: Some("vscode-1".into()),
        created_at: Some("2026-10-02 08:14:02+00".into()),
        embedded: true,
    };
    (0..n).map(one).collect()
}

pub(super) fn pattern() -> Pattern {
    Pattern {
        id: Uuid::from_u128(700),
        user: Some("allan".into()),
        pattern_type: "error_handling".into(),
        name: "Faults with a remedy".into(),
        example: "fn f() -> Result<(), Fault> {\n    // ``` in a comment\n    Ok(())\n}".into(),
        explanation: Some("An error says **what next**.".into()),
        frequency: 14,
        last_used: Some("2026-10-02 08:14:02+00".into()),
        embedded: false,
    }
}
