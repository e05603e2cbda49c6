//! One engine per replica: an advisory lock on the replica, held by a session whose name says whose it is.

use super::side::on_replica;
use super::watchdog;
use crate::postgres::{Fault, Kind, Link, Side};
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::Client;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);

/// The lock's key: `robb`, 1.
const KEY: (i32, i32) = (0x726f_6262, 1);

/// The key of the lock that replays share, so that what they have read of the queue stays in it: `robb`, 2.
const READING: (i32, i32) = (KEY.0, 2);

/// The lock, held as long as its session lives.
pub struct EngineLock {
    client: Client,
    /// The server process that holds it.
    pub pid: i32,
}

/// What came of asking for the lock.
pub enum Asked {
    /// It is ours.
    Held(EngineLock),
    /// The engine with this `application_name` has it.
    Taken(String),
}

impl EngineLock {
    /// Asks for it once. `lost` is the server process that held it for us until its connection went dead: it is ended.
    pub async fn ask(replica: &Link, interval: Duration, lost: Option<i32>) -> Result<Asked, Fault> {
        let purpose = format!("engine {}s {}", interval.as_secs(), process());
        let client = Box::pin(replica.dedicated(&purpose)).await?;
        if let Some(lost) = lost {
            client.execute(watchdog::END, &[&lost]).await.map_err(on_replica)?;
        }
        reach!("lock.wanted");
        let row = client
            .query_one("SELECT pg_try_advisory_lock($1, $2), pg_backend_pid()", &[&KEY.0, &KEY.1])
            .await
            .map_err(on_replica)?;
        if row.get(0) {
            reach!("lock.taken");
            return Ok(Asked::Held(Self { client, pid: row.get(1) }));
        }
        let holder = holding(&client).await?;
        Ok(Asked::Taken(holder.unwrap_or_else(|| "an engine that just left".to_owned())))
    }
    /// Gives it back at once; else the server does, some time after the connection is gone.
    pub async fn release(self) {
        let given_back = self.client.execute("SELECT pg_advisory_unlock($1, $2)", &[&KEY.0, &KEY.1]);
        if let Ok(Err(error)) = timeout(ANSWER, given_back).await {
            tracing::debug!(%error, "the engine's lock goes with its connection");
        }
    }
    /// Shows that the engine lives: others see when its session last ran a statement. Fails when the lock is lost.
    pub async fn beat(&self) -> Result<(), Fault> {
        match timeout(ANSWER, self.client.batch_execute("SELECT 'cycle'")).await {
            Ok(answer) => answer.map_err(on_replica),
            Err(_) => Err(watchdog::silent(Side::Replica, ANSWER)),
        }
    }
}

/// Whose engine works on this replica: the `application_name` of the session that holds the lock.
pub async fn holder(replica: &Link) -> Result<Option<String>, Fault> {
    holding(&*replica.session().await?).await
}

/// Notes for the rest of a session that it sends what it read of the queue.
pub async fn read_queue(replica: &Client) -> Result<(), Fault> {
    let sql = "SELECT pg_advisory_lock_shared($1, $2)";
    replica.execute(sql, &[&READING.0, &READING.1]).await.map(|_| ()).map_err(on_replica)
}

/// Keeps replays from reading the queue for the rest of a session; false: one is under way.
pub async fn keep_readers_out(replica: &Client) -> Result<bool, Fault> {
    let sql = "SELECT pg_try_advisory_lock($1, $2)";
    Ok(replica.query_one(sql, &[&READING.0, &READING.1]).await.map_err(on_replica)?.get(0))
}

/// Asks the engine that works on this replica for a cycle.
pub async fn ask(replica: &Link) -> Result<(), Fault> {
    replica.session().await?.batch_execute("NOTIFY robbie_wake").await.map_err(on_replica)
}

async fn holding(client: &Client) -> Result<Option<String>, Fault> {
    let holder = client
        .query_opt(
            "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                 WHERE l.locktype = 'advisory' AND l.classid::bigint = $1 AND l.objid::bigint = $2 AND l.granted
                   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            &[&i64::from(KEY.0), &i64::from(KEY.1)],
        )
        .await
        .map_err(on_replica)?;
    Ok(holder.map(|r| r.get(0)))
}

/// The fault of not being the only engine.
pub fn taken(holder: &str) -> Fault {
    Fault::new(Kind::Other, format!("another engine works on this replica: {holder}"))
        .on(Side::Replica)
        .remedy("stop it, or let it work: robbie sync --once asks it for a cycle")
}

/// Whether the engine with this `application_name` is of this process.
pub fn is_this_process(holder: &str) -> bool {
    holder.split_once(" pid ").is_some_and(|(_, of)| process() == format!("pid {of}"))
}

fn process() -> String {
    format!("pid {}@{}", std::process::id(), host())
}

/// This machine's name, as far as it fits into an `application_name`.
fn host() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|n| n.into_string().ok()).unwrap_or_default();
    name.chars().filter(char::is_ascii_graphic).take(24).collect()
}
