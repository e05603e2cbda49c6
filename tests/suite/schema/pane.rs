//! What the Schema pane asks of real databases: reading, trying and running migrations, the mapping; with a side away too.

use super::support::{self, TestPair};
use robbie_console::panes::schema::{Command, Message, Schema, Told};
use robbie_console::postgres::{Fault, Kind, Link, Side};
use robbie_console::schema::{Mode, State};
use robbie_console::ui::{Job, Pane, Services};
use std::sync::Arc;

fn services(pair: &TestPair) -> Arc<Services> {
    let link = |side| Arc::new(Link::new(pair.target(side).clone()));
    Arc::new(Services::new("test", link(Side::Master), vec![link(Side::Replica)]))
}

async fn load(services: &Arc<Services>) -> [Result<Told, Fault>; 2] {
    let Message::Loaded(sides) = Schema::perform(Command::Load, Arc::clone(services), Job::silent()).await else {
        panic!("another answer")
    };
    *sides
}

fn pending(told: &Result<Told, Fault>) -> usize {
    told.as_ref().unwrap().migrations.iter().filter(|m| m.state == State::Pending).count()
}

#[tokio::test]
async fn migrations_are_tried_and_run_and_a_lost_side_does_not_hold_up_the_other() {
    let mut pair = support::bare_pair().await;
    let both = services(&pair);
    let [master, replica] = load(&both).await;
    let waiting = [pending(&master), pending(&replica)];
    assert!(waiting[0] > 40 && waiting[1] > 10, "{waiting:?}");
    let run = async |mode| {
        let command = Command::Migrate(Side::Master, mode);
        let Message::Migrated(Side::Master, said, report) =
            Schema::perform(command, Arc::clone(&both), Job::silent()).await
        else {
            panic!("another answer")
        };
        assert_eq!(said, mode);
        report.unwrap().changed()
    };
    assert_eq!(run(Mode::DryRun).await, waiting[0]);
    assert_eq!(pending(&load(&both).await[0]), waiting[0], "it was rolled back");
    assert_eq!(run(Mode::Apply).await, waiting[0]);
    let [master, replica] = load(&both).await;
    assert_eq!([pending(&master), pending(&replica)], [0, waiting[1]]);
    assert!(master.unwrap().database.tables().count() >= 100);

    pair.master.config.dbname("no_such_database");
    let half = services(&pair);
    let [master, replica] = load(&half).await;
    assert!(master.is_err() && replica.is_ok());
    let Message::Users(users) = Schema::perform(Command::Users, half, Job::silent()).await else {
        panic!("another answer")
    };
    assert!(users.is_err());
}

#[tokio::test]
async fn text_ids_that_only_rows_have_are_told_until_they_are_mapped() {
    let pair = support::pair().await;
    let both = services(&pair);
    let master = support::connect(&pair.master).await;
    let replica = support::connect(&pair.replica).await;
    master
        .batch_execute(
            "insert into users (id, username, email, password_hash) values
                 ('00000000-0000-4000-8000-0000000000bb', 'maya', 'm@x.org', '-')",
        )
        .await
        .unwrap();
    replica
        .batch_execute(
            "insert into code_conversations (user_id, session_id) select 'guest', 's' from generate_series(1, 3);
             insert into code_conversations (user_id, session_id)
                 values ('visitor', 's'), ('00000000-0000-4000-8000-0000000000bb', 's');
             insert into learned_patterns (user_id, pattern_type, pattern_name, example_code)
                 values ('guest', 'testing', 'p', 'c')",
        )
        .await
        .unwrap();
    let users = async || {
        let answer = Schema::perform(Command::Users, Arc::clone(&both), Job::silent()).await;
        let Message::Users(Ok(users)) = answer else { panic!("another answer") };
        users.into_iter().map(|m| format!("{} {:?} {}", m.text, m.name, m.tables.join(","))).collect::<Vec<_>>()
    };
    assert_eq!(
        users().await,
        ["guest None code_conversations,learned_patterns", "visitor None code_conversations"],
        "a uuid is no text id"
    );
    let map = |user: &str| Command::Map("guest".into(), user.into());
    let Message::Mapped(Err(fault)) = Schema::perform(map("nobody"), Arc::clone(&both), Job::silent()).await else {
        panic!("another answer")
    };
    assert_eq!(fault.kind, Kind::Settings);
    let Message::Mapped(Ok(_)) = Schema::perform(map("maya"), Arc::clone(&both), Job::silent()).await else {
        panic!("another answer")
    };
    assert_eq!(users().await, [r#"guest Some("maya") "#, "visitor None code_conversations"]);
    let unmap = Command::Unmap("guest".into());
    let Message::Mapped(Ok(_)) = Schema::perform(unmap, Arc::clone(&both), Job::silent()).await else {
        panic!("another answer")
    };
    assert_eq!(users().await.len(), 2);
}
