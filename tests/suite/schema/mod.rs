//! Migrations on real servers: clean databases, deployed ones, and what can go wrong.

mod analysis;
mod catalog;
mod cli;
mod deployed_master;
mod deployed_pair;
mod deployed_replica;
mod diff;
mod pane;
mod repeatable;
mod reports;
mod runner;
mod statistics;
mod whole;

use super::support;
use robbie_console::postgres::{Fault, Side};
use robbie_console::schema::{self, MigrationReport, Mode, Schema};
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// Migrates a side to its schema.
async fn migrate(client: &mut Client, side: Side) -> Result<MigrationReport, Fault> {
    schema::migrate(client, side, Schema::of(side), Mode::Apply).await
}

/// Two bare databases and a session on the one of `side`.
async fn bare(side: Side) -> (support::TestPair, Client) {
    let pair = support::bare_pair().await;
    let client = support::connect(pair.target(side)).await;
    (pair, client)
}

/// A migrated pair and a session on the database of `side`.
async fn migrated(side: Side) -> (support::TestPair, Client) {
    let pair = support::pair().await;
    let client = support::connect(pair.target(side)).await;
    (pair, client)
}

/// One value of one row.
async fn one<T: for<'a> tokio_postgres::types::FromSql<'a>>(client: &Client, sql: &str) -> T {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// The rows of a table as JSON, by their text without the order of columns.
async fn rows(client: &Client, table: &str) -> Vec<BTreeMap<String, serde_json::Value>> {
    let sql = format!("select to_jsonb(t)::text from {table} t order by to_jsonb(t)::text");
    let rows = client.query(&sql, &[]).await.unwrap();
    rows.iter().map(|row| serde_json::from_str(row.get(0)).unwrap()).collect()
}

/// Panics unless every row of `before` is still there with every value it had; new columns and rows are welcome.
fn assert_kept(
    table: &str,
    before: &[BTreeMap<String, serde_json::Value>],
    after: &[BTreeMap<String, serde_json::Value>],
) {
    assert!(!before.is_empty(), "{table} was empty: the test would show nothing");
    for row in before {
        let kept = after.iter().any(|now| row.iter().all(|(column, value)| now.get(column) == Some(value)));
        assert!(kept, "{table} lost a value of {row:?}\nnow: {after:?}");
    }
}
