//! A fault at every named point of the engine: nothing lost, nothing twice.

use crate::sync::fixture::Fixture;
use robbie_console::sync::failpoint::{Failpoints, POINTS};
use uuid::Uuid;

#[tokio::test]
async fn a_cycle_with_a_queue_and_changes_passes_every_point() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "up").await;
    f.messages(id, 3).await;
    f.master.batch_execute("insert into code_conversations (session_id, title) values ('s', 'down')").await.unwrap();
    let points = Failpoints::default();
    points.scope(f.cycle()).await;
    let reached = points.reached();
    let missed: Vec<_> = POINTS.iter().filter(|p| !reached.contains(*p)).collect();
    assert!(missed.is_empty(), "{missed:?}");
}
