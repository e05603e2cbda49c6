//! What the engine brings to one side does not come back from it: after any workload the cycles write nothing.

use super::model;
use super::world::World;
use super::{checks, seed, size};
use crate::sync::fixture::{Fixture, count, text};
use uuid::Uuid;

#[tokio::test]
async fn after_any_workload_ten_cycles_write_nothing() {
    let (seed, rounds) = (seed(), size(1, 100) as u64);
    let mut world = World::new(1).await;
    for round in 1..=rounds {
        model::workload(&mut world, seed, round).await;
        checks::i6_idle_cycles_write_nothing(&mut world)
            .await
            .unwrap_or_else(|e| panic!("seed {seed}, round {round}: {e}"));
    }
    checks::i7_counters_are_right(&world, None).await.unwrap();
}

#[tokio::test]
async fn what_the_masters_trigger_changes_beside_a_pushed_row_arrives() {
    let f = Fixture::new().await;
    let chats: Vec<Uuid> = (0..20).map(|_| Uuid::new_v4()).collect();
    for chat in &chats {
        f.conversation(*chat, "chat").await;
    }
    f.cycle().await;
    // The counter is the master's: a program here that got it wrong does not get its way.
    f.replica.batch_execute("update code_conversations set message_count = 999").await.unwrap();
    let messages = size(25, 5_000) as i32;
    for chat in &chats {
        f.messages(*chat, messages).await;
    }
    f.cycle().await;
    f.cycle().await;
    for client in [&f.master, &f.replica] {
        assert_eq!(
            text(client, "select sum(message_count) from code_conversations").await,
            (20 * messages).to_string()
        );
        let wrong = "code_conversations c where message_count <> (select count(*) from code_messages m where m.conversation_id = c.id)";
        assert_eq!(count(client, wrong).await, 0, "I7 counters");
    }
    let last = "select string_agg(last_message_at::text, ' ' order by id) from code_conversations";
    assert_eq!(text(&f.replica, last).await, text(&f.master, last).await);
    assert_eq!(f.differences().await, "");
    assert_eq!(count(&f.master, "robbie_sync.conflict").await, 0);
}
