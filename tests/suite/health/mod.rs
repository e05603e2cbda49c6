//! Health as it is read from real servers: every shape of database, every state of an entry, exact lag, the engine.

mod degraded;
mod entries;

use crate::support::{self, TestPair};
use robbie_console::health::{self, Known, Report, TableHealth};

/// One reading by links of its own.
async fn read(test: &TestPair) -> Report {
    health::read(&test.pair(), Known::default()).await.0
}

fn table<'a>(report: &'a Report, name: &str) -> &'a TableHealth {
    report.tables.iter().find(|t| t.name == name).unwrap_or_else(|| panic!("{name} is not in the report"))
}

/// A session like the engine's: named as one, holding an advisory lock.
async fn engine_session(test: &TestPair, name: &str) -> tokio_postgres::Client {
    let mut target = test.replica.clone();
    target.config.application_name(name);
    let client = support::connect(&target).await;
    client.batch_execute("select pg_advisory_lock(4242)").await.unwrap();
    client
}
