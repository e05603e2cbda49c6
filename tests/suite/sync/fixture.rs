//! A migrated pair with sessions on both sides, and the few sentences the tests of the engine are written in.

use crate::support::{self, TestPair};
use robbie_console::postgres::Pair;
use robbie_console::sync::{self, CycleOptions, CycleReport};
use std::fmt::Write;
use std::time::{Duration, Instant};
use tokio_postgres::Client;
use uuid::Uuid;

/// A migrated pair; `allan` is a mapped user of the master.
pub struct Fixture {
    pub test: TestPair,
    pub pair: Pair,
    pub master: Client,
    pub replica: Client,
}

pub const ALLAN: &str = "aaaaaaaa-0000-4000-8000-000000000001";

impl Fixture {
    pub async fn new() -> Self {
        Self::with(support::pair().await).await
    }
    pub async fn with(test: TestPair) -> Self {
        let master = support::connect(&test.master).await;
        let replica = support::connect(&test.replica).await;
        master
            .batch_execute(&format!(
                "insert into users (id, username, email, password_hash) values ('{ALLAN}', 'allan', 'a@x.org', '-');
                 insert into user_id_mapping (text_id, uuid_id, service) values ('allan', '{ALLAN}', 'robbie-code');
                 alter table code_conversations alter user_id set default '{ALLAN}'"
            ))
            .await
            .unwrap();
        let pair = test.pair();
        Self { test, pair, master, replica }
    }
    /// Runs a cycle that must not fault.
    pub async fn cycle(&self) -> CycleReport {
        let report = sync::cycle(&self.pair, CycleOptions::default()).await.unwrap_or_else(|f| panic!("{f:?}"));
        assert!(report.faults.is_empty(), "{:?}", report.faults);
        report
    }
    /// Queues an entry and returns its id.
    pub async fn queue(&self, table: &str, operation: &str, data: &str) -> Uuid {
        let row = self
            .replica
            .query_one(
                "insert into pending_sync (table_name, operation, data) values ($1::text, $2::text, $3::text::jsonb) returning id",
                &[&table, &operation, &data],
            )
            .await
            .unwrap();
        row.get(0)
    }
    /// Writes a conversation here as the application does: the row, then its entry.
    pub async fn conversation(&self, id: Uuid, title: &str) -> Uuid {
        self.replica
            .execute(
                "insert into code_conversations (id, user_id, session_id, title) values ($1, 'allan', 's', $2)",
                &[&id, &title],
            )
            .await
            .unwrap();
        self.queue(
            "code_conversations",
            "INSERT",
            &format!(r#"{{"id":"{id}","user_id":"allan","session_id":"s","title":"{title}"}}"#),
        )
        .await
    }
    /// Writes messages into a conversation here, and their entries, in one statement each.
    pub async fn messages(&self, conversation: Uuid, count: i32) {
        self.replica
            .execute(
                "with written as (
                     insert into code_messages (conversation_id, role, content)
                     select $1, 'user', 'message ' || n from generate_series(1, $2) n returning *)
                 insert into pending_sync (table_name, operation, data)
                 select 'code_messages', 'INSERT', to_jsonb(w) - 'embedding' from written w",
                &[&conversation, &count],
            )
            .await
            .unwrap();
    }
    /// What the engine noted of an entry: `state verdict sqlstate blocked_on`.
    pub async fn note(&self, id: Uuid) -> String {
        text(&self.replica, &format!("select concat_ws(' ', state, verdict, sqlstate, blocked_on) from robbie_sync.entry where entry_id = '{id}'")).await
    }
    /// All rows of the synced tables of both sides without what triggers keep; equal at rest.
    pub async fn differences(&self) -> String {
        let mut out = String::new();
        for (table, columns) in [
            ("code_conversations", "id, session_id, title, context_type, message_count, metadata"),
            ("code_messages", "id, conversation_id, role, content, metadata, created_at"),
            ("robbie_personality_state", "id, user_id, current_mood, gandhi_genghis_level"),
        ] {
            let all = format!(
                "select coalesce(string_agg(r::text, E'\\n' order by r::text), '') from (select {columns} from {table}) r"
            );
            let (m, r) = (text(&self.master, &all).await, text(&self.replica, &all).await);
            if m != r {
                writeln!(out, "{table}\n-- master\n{m}\n-- replica\n{r}").unwrap();
            }
        }
        out
    }
}

/// The first column of the first row, as text.
pub async fn text(client: &Client, sql: &str) -> String {
    let sql = format!("select x.v::text from ({sql}) x(v)");
    let row = client.query_one(&sql, &[]).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    row.get::<_, Option<String>>(0).unwrap_or_default()
}

/// A count.
pub async fn count(client: &Client, from: &str) -> i64 {
    text(client, &format!("select count(*) from {from}")).await.parse().unwrap()
}

/// Waits until a condition holds in a database.
pub async fn until(client: &Client, condition: &str) {
    let began = Instant::now();
    while text(client, &format!("select {condition}")).await != "true" {
        assert!(began.elapsed() < Duration::from_mins(2), "never: {condition}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until there are so many rows; says how long that took.
pub async fn until_count(client: &Client, from: &str, wanted: i64) -> Duration {
    let began = Instant::now();
    while count(client, from).await != wanted {
        assert!(began.elapsed() < Duration::from_secs(45), "{from}: {} instead of {wanted}", count(client, from).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    began.elapsed()
}
