//! Replays of many as a job: pace, pause, cancel, stop, and going on after a `kill -9`.

use super::frozen::all;
use crate::support;
use crate::sync::fixture::{Fixture, count, text};
use robbie_console::postgres::Side;
use robbie_console::sync::job::{self, JobHandle, JobOptions, JobState};
use robbie_console::sync::{Outcome, freeze};
use std::process::Stdio;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A fixture with so many entries.
async fn queued(many: i32) -> Fixture {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    f.conversation(id, "c").await;
    f.messages(id, many - 1).await;
    f
}

async fn start(f: &Fixture, options: JobOptions) -> JobHandle {
    let frozen = freeze::freeze(&f.pair, &all(f).await, false).await.unwrap();
    job::start(&f.pair, frozen, JobOptions { actor: "test".into(), ..options }).await.unwrap()
}

/// Every entry is in the ledger once, and no row is missing or twice there.
async fn assert_once(f: &Fixture, many: i64) {
    assert_eq!(count(&f.master, "robbie_sync.applied").await, many);
    assert_eq!(count(&f.master, "code_messages").await, many - 1);
    assert_eq!(
        text(&f.master, "select coalesce(message_count, 0) from code_conversations").await,
        (many - 1).to_string()
    );
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_a_second_are_fifty_a_second_and_progress_is_told_meanwhile() {
    let f = queued(100).await;
    let began = Instant::now();
    let handle = start(&f, JobOptions { rate: Some(50), ..JobOptions::default() }).await;
    let (mut progress, mut told) = (handle.progress(), 0);
    while !progress.borrow_and_update().state.is_over() {
        progress.changed().await.unwrap();
        told += 1;
    }
    let (took, last) = (began.elapsed(), handle.ended().await);
    assert_eq!((last.done, last.state), (100, JobState::Done), "{last:?}");
    assert!(took > Duration::from_millis(1_700) && took < Duration::from_secs(6), "{took:?}");
    assert!(f64::from(told) / took.as_secs_f64() >= 2.0, "{told} in {took:?}");
    assert_once(&f, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_pauses_is_cancelled_within_a_second_also_while_the_master_is_slow_and_goes_on() {
    let f = queued(40).await;
    let handle = start(&f, JobOptions { rate: Some(20), ..JobOptions::default() }).await;
    let mut progress = handle.progress();
    progress.wait_for(|p| p.done >= 4).await.unwrap();
    handle.pause();
    progress.wait_for(|p| p.state == JobState::Paused).await.unwrap();
    let paused = progress.borrow().done;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(progress.borrow().done, paused);
    // Every further message takes the master a minute.
    f.master
        .batch_execute(
            "create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(60); return new; end';
             create trigger slow before insert on code_messages for each row execute function slow()",
        )
        .await
        .unwrap();
    handle.resume();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let asked = Instant::now();
    handle.cancel();
    let ended = handle.ended().await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!((ended.state, ended.done), (JobState::Cancelled, paused), "{ended:?}");
    f.master.batch_execute("drop trigger slow on code_messages").await.unwrap();
    let done = job::resume(&f.pair, handle.job).await.unwrap().ended().await;
    assert_eq!((done.state, done.done), (JobState::Done, 40), "{done:?}");
    assert_once(&f, 40).await;
    let listed = job::list(&f.replica).await.unwrap();
    assert_eq!((listed[0].done, listed[0].state, listed[0].by_outcome["applied"]), (40, JobState::Done, 40));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_at_a_new_error_family_and_at_a_share_of_failures() {
    let f = queued(30).await;
    for n in 0..200 {
        let long = format!(r#"{{"id":"{}","name":"{n}","session_id":"s"}}"#, Uuid::new_v4());
        f.queue("code_blocks", "INSERT", &long).await;
    }
    let stopped = start(&f, JobOptions { ramp: true, stop_on_new: true, ..JobOptions::default() }).await.ended().await;
    assert_eq!(stopped.state, JobState::Stopped, "{stopped:?}");
    assert!(stopped.why.as_ref().unwrap().contains("did not foretell"), "{stopped:?}");
    assert!(stopped.done < 230 && !stopped.errors_by_family.is_empty(), "{stopped:?}");
    // A preview foretells it.
    let frozen = freeze::preview(&f.pair, &all(&f).await, false).await.unwrap();
    let options = JobOptions { stop_on_new: true, actor: "test".into(), ..JobOptions::default() };
    let foretold = job::start(&f.pair, frozen, options).await.unwrap().ended().await;
    assert_eq!((foretold.state, foretold.failures()), (JobState::Done, 200), "{foretold:?}");
    let share = start(&f, JobOptions { max_failures: Some(0.5), ..JobOptions::default() }).await.ended().await;
    assert_eq!((share.state, share.by_outcome.get(&Outcome::Applied)), (JobState::Stopped, None), "{share:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_is_resumed_and_every_entry_is_applied_once() {
    const MANY: i64 = 60;
    let home = support::folder();
    for point in ["send.before", "apply.before", "apply.after", "apply.committed", "settle.before", "settle.after"] {
        let f = queued(MANY as i32).await;
        let robbie = |arguments: &[&str]| {
            let mut command = support::command(home.path());
            let urls = [f.test.url(Side::Master), f.test.url(Side::Replica)];
            command.args(["--json", "--master", &urls[0], "--replica", &urls[1], "queue"]).args(arguments);
            command.stdin(Stdio::null()).stderr(Stdio::null());
            command
        };
        let mut command = robbie(&["replay", "--all", "--yes", "--rate", "100"]);
        let done = command.env("ROBBIE_FAILPOINT", format!("{point}:kill:3")).output().unwrap();
        assert_eq!(done.status.code(), None, "{point}: {}", String::from_utf8_lossy(&done.stdout));
        // The server takes a moment to notice that its client is gone.
        let since = Instant::now();
        let listed = loop {
            let listed = job::list(&f.replica).await.unwrap();
            if listed[0].state == JobState::Interrupted {
                break listed;
            }
            assert!(since.elapsed() < Duration::from_secs(10), "{point}: {listed:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert!(listed[0].done < MANY, "{point}: {listed:?}");
        let resumed = robbie(&["jobs", "resume", &listed[0].job.to_string()]).output().unwrap();
        assert_eq!(resumed.status.code(), Some(0), "{point}: {}", String::from_utf8_lossy(&resumed.stdout));
        assert_once(&f, MANY).await;
        assert_eq!(job::list(&f.replica).await.unwrap()[0].done, MANY, "{point}");
    }
}
