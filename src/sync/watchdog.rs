//! Notices a cycle that waits for an answer which will never come: a network that went black, a proxy that forgot us.
//!
//! Statements have no time limit of their own here: a first load may take an hour. Instead both servers are asked now and
//! then, on new sessions, whether they still work for us. A server that cannot be asked twice, or that says twice that it
//! waits for us while we wait for it, has lost us.

use super::session::Sessions;
use crate::postgres::{Fault, Kind, Link, Pair, Side};
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Between two questions.
const EVERY: Duration = Duration::from_secs(8);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The server processes of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processes {
    /// On the master.
    pub master: i32,
    /// On the replica.
    pub replica: i32,
}

/// What a server says of one of our sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    works: bool,
    since: Option<String>,
}

/// Waits for the work, unless a side has lost us.
pub async fn guarded<T>(pair: &Pair, of: Processes, work: impl Future<Output = T>) -> Result<T, Fault> {
    let mut work = pin!(work);
    let began = Instant::now();
    let (mut before, mut unreachable) = (None, None);
    loop {
        tokio::select! {
            done = &mut work => return Ok(done),
            () = sleep(EVERY) => {}
        }
        let asked = tokio::select! {
            done = &mut work => return Ok(done),
            asked = ask(pair, of) => asked,
        };
        match asked {
            Ok(seen) => {
                if !seen.iter().any(|s| s.works) && before.as_ref() == Some(&seen) {
                    return Err(lost(began.elapsed()));
                }
                (before, unreachable) = (Some(seen), None);
            }
            Err(fault) if unreachable.is_some() => return Err(fault),
            Err(fault) => unreachable = Some(fault),
        }
    }
}

/// Ends server processes that a lost network left behind, so that they hold no lock. Only our own, and only if they are ours.
pub async fn end(s: &Sessions, left: Processes) {
    for (client, pid) in [(&s.master, left.master), (&s.replica, left.replica)] {
        let ended = client.execute(END, &[&pid]).await;
        if let Err(error) = ended {
            tracing::debug!(%error, pid, "a session left behind could not be ended");
        }
    }
}

/// Ends the server process `$1` if it is one of ours.
pub const END: &str = "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
    WHERE a.pid = $1 AND a.pid <> pg_backend_pid() AND a.usename = current_user AND a.datname = current_database()
      AND a.application_name LIKE 'robbie %'";

async fn ask(pair: &Pair, of: Processes) -> Result<[Seen; 2], Fault> {
    let (master, replica) = tokio::join!(seen(&pair.master, of.master), seen(&pair.replica, of.replica));
    Ok([master?, replica?])
}

async fn seen(link: &Link, pid: i32) -> Result<Seen, Fault> {
    let asking = async {
        let client = link.dedicated("watch").await?;
        client
            .query_opt(
                "SELECT coalesce(a.state IN ('active', 'fastpath function call'), true), a.state_change::text
                 FROM pg_stat_activity a WHERE a.pid = $1",
                &[&pid],
            )
            .await
            .map_err(|e| Fault::from_postgres(e, link.side()))
    };
    match timeout(PATIENCE, asking).await {
        Ok(row) => Ok(row?.map_or(Seen { works: false, since: None }, |r| Seen { works: r.get(0), since: r.get(1) })),
        Err(_) => Err(silent(link.side(), PATIENCE)),
    }
}

/// The fault of a side that does not answer.
pub fn silent(side: Side, after: Duration) -> Fault {
    Fault::new(Kind::Unreachable, format!("the {side} has not answered for {} s", after.as_secs()))
        .on(side)
        .remedy("it is tried again by itself; check the network")
}

fn lost(after: Duration) -> Fault {
    Fault::new(
        Kind::Unreachable,
        format!("a connection went dead: after {} s both servers wait for us while we wait for them", after.as_secs()),
    )
    .remedy("it is tried again by itself with new connections; check the network and what stands between")
}
