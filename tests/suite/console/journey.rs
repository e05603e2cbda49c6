//! One whole way through the Queue pane on a real pair: a stuck entry, why, the remedy, the replay, and what came of it.

use super::session::Session;
use crate::queue::commands::url;
use crate::sync::fixture::{Fixture, count, text};
use robbie_console::postgres::Side;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_entry_is_understood_mended_replayed_and_proven() {
    let f = Fixture::new().await;
    let (conversation, message) = (Uuid::new_v4(), Uuid::new_v4());
    f.conversation(conversation, "the parent").await;
    let data = format!(r#"{{"id":"{message}","role":"usr","content":"help","conversation_id":"{conversation}"}}"#);
    let entry = f.queue("code_messages", "INSERT", &data).await;
    f.cycle().await;
    assert_eq!(f.note(entry).await, "retry schema_mismatch 23514");

    let (master, replica) = (url(&f.test, Side::Master), url(&f.test, Side::Replica));
    let mut s = Session::open(120, 36, &["--master", &master, "--replica", &replica]);
    s.wait("23514");
    s.send("2");
    s.wait("1 of 2 entries is stuck for 1 reason");
    s.wait("→ f edit");
    s.wait("breaks a rule");
    s.send("\r");
    s.wait("23514 code_messages");
    s.wait("by time");
    s.send("\r");
    s.wait("code_messages_role_check");
    s.wait("schema mismatch (proven)");
    s.wait("would not be applied");
    // The remedy that is named: edit.
    s.send("f");
    s.wait("\"role\": \"usr\"");
    s.wait("1 problem");
    s.send("\x1b[B\x1b[B\x1b[F\x1b[D\x1b[D\x1b[De");
    s.wait("it fits the master's table");
    s.send("\x13");
    s.wait("what it changes: 1 line out, 1 in");
    s.wait("dry run: It would be applied: insert");
    s.send("\x13");
    s.wait("Saved");
    assert_eq!(count(&f.master, "code_messages").await, 0, "nothing is sent before a person says so");
    s.send("r");
    s.wait("Replay 1 entry to");
    s.send("y");
    s.wait_until("the entry to be synced", |screen| screen.contains("✓ synced"));
    s.send("\x1b");
    s.wait("The entries of this reason are through.");
    s.send("\x1b");
    s.wait("Nothing is stuck");
    s.send("q");
    assert_eq!(s.ended(), 0);

    assert_eq!(text(&f.master, "select role || ' ' || content from code_messages").await, "user help");
    let ledger = format!("select outcome || ' ' || actor from robbie_sync.applied where entry_id = '{entry}'");
    assert_eq!(text(&f.master, &ledger).await, "applied console");
    assert_eq!(f.note(entry).await, "applied insert");
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null or error is not null").await, 0);
}
