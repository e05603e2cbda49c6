//! Time travel: a master put back from a backup, a replica put back from one, a copied replica, a master moved by dump and
//! reload. Always noticed; nothing is lost, sent twice, or overwritten unseen.

use super::fixture::{Fixture, count, text};
use crate::support::{self, user_home};
use robbie_console::embedded::{self, Installation};
use robbie_console::postgres::{Side, Target};
use robbie_console::sync::{self, CycleOptions};
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;
use tokio_postgres::config::Host;
use uuid::Uuid;

/// A backup of one database, made with `pg_dump`.
struct Backup {
    folder: TempDir,
}

impl Backup {
    fn of(target: &Target) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup");
        program("pg_dump", target, &["--format=custom", "--file", file.to_str().unwrap()]);
        Self { folder }
    }
    /// Puts the database back in place: the same server, the same database, its transactions go on.
    fn restore(&self, target: &Target) {
        let database = target.config.get_dbname().unwrap();
        let file: PathBuf = self.folder.path().join("backup");
        let options = ["--clean", "--if-exists", "--single-transaction", "--dbname", database];
        program("pg_restore", target, &[&options[..], &[file.to_str().unwrap()]].concat());
    }
}

/// Runs a program of PostgreSQL against a database of the suite.
fn program(name: &str, target: &Target, arguments: &[&str]) {
    let installation = Installation::find_or_fetch(&user_home(), &embedded::progress::silent).unwrap();
    let config = &target.config;
    let [Host::Unix(folder)] = config.get_hosts() else { panic!("the suite's servers are reached by socket") };
    let output = Command::new(installation.program(name))
        .args(arguments)
        .env_clear()
        .env("PGHOST", folder)
        .env("PGPORT", config.get_ports()[0].to_string())
        .env("PGUSER", config.get_user().unwrap())
        .env("PGPASSWORD", String::from_utf8_lossy(config.get_password().unwrap()).as_ref())
        .env("PGDATABASE", config.get_dbname().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Everything open is dealt with, also what was put off.
async fn settle(f: &Fixture) {
    for _ in 0..3 {
        f.cycle().await;
    }
}

#[tokio::test]
async fn a_master_restored_in_place_is_noticed_although_nothing_was_sent_and_its_transactions_go_on() {
    let f = Fixture::new().await;
    let kept = Uuid::new_v4();
    f.conversation(kept, "before").await;
    settle(&f).await;
    let backup = Backup::of(&f.test.superuser(Side::Master));
    // Others write, this replica pulls and sends nothing.
    f.master.batch_execute("insert into code_conversations (session_id, title) values ('s', 'lost')").await.unwrap();
    f.master.execute("update code_conversations set title = 'lost too' where id = $1", &[&kept]).await.unwrap();
    f.cycle().await;
    assert_eq!(f.differences().await, "");

    backup.restore(&f.test.superuser(Side::Master));
    let master = support::connect(&f.test.master).await;
    let later =
        "insert into code_conversations (session_id, title) select 's', 'new ' || n from generate_series(1, 3) n";
    master.batch_execute(later).await.unwrap();
    let report = f.cycle().await;
    assert!(report.warnings.iter().any(|w| w.contains("has lost history")), "{:?}", report.warnings);
    let pull = report.pull.unwrap();
    assert!(pull.full && pull.full_because.as_ref().unwrap().contains("restored"), "{pull:?}");
    // What this side had of the lost history is still here, what is new came, and it stays so.
    settle(&f).await;
    let titles = "select string_agg(title, ', ' order by title) from code_conversations";
    assert_eq!(text(&f.replica, titles).await, "lost, lost too, new 1, new 2, new 3");
    assert_eq!(text(&f.replica, "select reason from robbie_sync.deferred").await, "differs from the restored master");
    // And the engine follows again.
    master.batch_execute("insert into code_conversations (session_id, title) values ('s', 'newer')").await.unwrap();
    assert_eq!(f.cycle().await.pull.unwrap().inserted, 1);
}

#[tokio::test]
async fn what_was_sent_to_a_master_that_was_then_restored_is_sent_again() {
    for queued_since in [false, true] {
        let f = Fixture::new().await;
        let id = Uuid::new_v4();
        f.conversation(id, "A").await;
        settle(&f).await;
        let backup = Backup::of(&f.test.superuser(Side::Master));
        f.replica.execute("update code_conversations set title = 'B' where id = $1", &[&id]).await.unwrap();
        f.queue("code_conversations", "UPDATE", &format!(r#"{{"id":"{id}","title":"B"}}"#)).await;
        f.messages(id, 30).await;
        settle(&f).await;
        assert_eq!(count(&f.master, "robbie_sync.applied").await, 32);
        backup.restore(&f.test.superuser(Side::Master));
        let master = support::connect(&f.test.master).await;
        assert_eq!(count(&master, "robbie_sync.applied").await, 1);
        if queued_since {
            f.conversation(Uuid::new_v4(), "since").await;
        }
        let report = f.cycle().await;
        assert!(report.warnings.iter().any(|w| w.contains("31 entries whose effect it lost")), "{:?}", report.warnings);
        settle(&f).await;
        assert_eq!(f.differences().await, "");
        assert_eq!(count(&master, "code_messages").await, 30);
        assert_eq!(count(&master, "robbie_sync.conflict").await, 0);
        assert_eq!(text(&master, &format!("select title from code_conversations where id = '{id}'")).await, "B");
        assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 0);
        for left in ["robbie_sync.deferred", "robbie_sync.base"] {
            let rows = format!("select string_agg(l::text, E'\\n') from {left} l");
            assert_eq!(text(&f.replica, &rows).await, "", "{left}");
        }
    }
}

#[tokio::test]
async fn an_edit_made_on_top_of_what_the_master_lost_does_not_lose_against_the_older_row() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "old").await;
    settle(&f).await;
    let backup = Backup::of(&f.test.superuser(Side::Master));
    f.master.execute("update code_conversations set title = 'theirs' where id = $1", &[&id]).await.unwrap();
    f.cycle().await;
    backup.restore(&f.test.superuser(Side::Master));
    f.replica.execute("update code_conversations set title = 'ours' where id = $1", &[&id]).await.unwrap();
    f.queue("code_conversations", "UPDATE", &format!(r#"{{"id":"{id}","title":"ours"}}"#)).await;
    settle(&f).await;
    let master = support::connect(&f.test.master).await;
    assert_eq!(text(&master, "select title from code_conversations").await, "ours");
    assert_eq!(f.differences().await, "");
}

#[tokio::test]
async fn a_replica_put_back_from_a_backup_follows_from_there_and_sends_nothing_twice() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "first").await;
    f.cycle().await;
    f.master.batch_execute("create table counted (n integer)").await.unwrap();
    f.master
        .batch_execute(
            "create function counting() returns trigger language plpgsql as $$ begin insert into public.counted values (1); return null; end $$;
             create trigger counting after insert on code_messages for each row execute function counting()",
        )
        .await
        .unwrap();
    // In the backup these three wait; by then they are sent.
    f.messages(id, 3).await;
    let discarded = f.conversation(Uuid::new_v4(), "given up").await;
    let backup = Backup::of(&f.test.superuser(Side::Replica));
    f.replica.execute("delete from pending_sync where id = $1", &[&discarded]).await.unwrap();
    f.replica.batch_execute("delete from code_conversations where title = 'given up'").await.unwrap();
    settle(&f).await;
    f.conversation(Uuid::new_v4(), "after the backup").await;
    f.master.execute("update code_conversations set title = 'second' where id = $1", &[&id]).await.unwrap();
    settle(&f).await;
    backup.restore(&f.test.superuser(Side::Replica));
    let replica = support::connect(&f.test.replica).await;
    let was = text(&replica, "select node_id from robbie_sync.this_node").await;

    let report = f.cycle().await;
    assert!(report.warnings.iter().any(|w| w.contains("an identity of its own")), "{:?}", report.warnings);
    assert!(!report.pull.unwrap().full, "the changelog leads on from the backup");
    settle(&f).await;
    assert_ne!(text(&replica, "select node_id from robbie_sync.this_node").await, was);
    assert_eq!(count(&f.master, "counted").await, 3);
    let titles = "select string_agg(title, ', ' order by title) from code_conversations";
    // What the forgotten life had given up is not sent by itself.
    assert_eq!(text(&f.master, titles).await, "after the backup, second");
    assert_eq!(text(&replica, titles).await, "after the backup, given up, second");
    let held = "select string_agg(entry_id::text || ' ' || state, ', ') from robbie_sync.entry where state not in ('applied', 'superseded')";
    assert_eq!(text(&replica, held).await, format!("{discarded} quarantined"));
}

#[tokio::test]
async fn two_copies_of_a_replica_go_on_apart_and_neither_sends_what_the_other_sent() {
    let f = Fixture::new().await;
    f.conversation(Uuid::new_v4(), "before").await;
    settle(&f).await;
    f.conversation(Uuid::new_v4(), "queued in both").await;
    let backup = Backup::of(&f.test.superuser(Side::Replica));
    let copied = support::bare_pair().await;
    backup.restore(&copied.superuser(Side::Replica));
    let pair = robbie_console::postgres::Pair::new(f.test.master.clone(), copied.replica.clone());
    let copy = support::connect(&copied.replica).await;

    f.cycle().await;
    copy.batch_execute("insert into pending_sync (table_name, operation, data) values ('code_conversations', 'INSERT', '{\"id\": \"00000000-0000-4000-8000-000000000009\", \"session_id\": \"s\", \"title\": \"of the copy\", \"user_id\": \"allan\"}')").await.unwrap();
    for _ in 0..3 {
        let report = sync::cycle(&pair, CycleOptions::default()).await.unwrap();
        assert!(report.faults.is_empty(), "{:?}", report.faults);
        f.cycle().await;
    }
    for side in [&copy, &f.replica] {
        assert_eq!(count(side, "code_conversations").await, 3);
        assert_eq!(count(side, "pending_sync where synced_at is null").await, 0);
    }
    assert_eq!(count(&f.master, "robbie_sync.node").await, 2);
    assert_eq!(count(&f.master, "robbie_sync.applied").await, 3);
    let nodes = [&copy, &f.replica].map(|side| text(side, "select node_id from robbie_sync.this_node"));
    let [one, other] = nodes;
    assert_ne!(one.await, other.await);
}

#[tokio::test]
async fn a_master_moved_by_dump_and_reload_is_compared_and_then_followed() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "moved").await;
    f.messages(id, 5).await;
    settle(&f).await;
    let backup = Backup::of(&f.test.superuser(Side::Master));
    let other = support::bare_pair().await;
    backup.restore(&other.superuser(Side::Master));
    let root = support::connect(&other.superuser(Side::Master)).await;
    // Written on the new server before this replica knows of it: in no window of the old one's transactions.
    root.execute("update code_conversations set title = 'there' where id = $1", &[&id]).await.unwrap();
    let pair = robbie_console::postgres::Pair::new(other.master.clone(), f.test.replica.clone());
    let report = sync::cycle(&pair, CycleOptions::default()).await.unwrap();
    let pull = report.pull.unwrap();
    assert!(pull.full_because.as_ref().is_some_and(|b| b.contains("moved")), "{pull:?}");
    assert_eq!(text(&f.replica, "select title from code_conversations").await, "there");
    assert_eq!(count(&root, "robbie_sync.applied").await, 6);
    // Back on the old one, which knows nothing of it, nothing is overwritten.
    let pull = f.cycle().await.pull.unwrap();
    assert!(pull.full_because.as_ref().is_some_and(|b| b.contains("restored")), "{pull:?}");
    assert_eq!(text(&f.replica, "select title from code_conversations").await, "there");
}
