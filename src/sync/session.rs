//! The two sessions a cycle works with: opened, pinned and checked for the schema `robbie_sync`.

use super::side::{on_master, on_replica};
use super::watchdog::Processes;
use crate::postgres::{Fault, Kind, Link, Pair, Side};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio_postgres::{Client, SimpleQueryMessage};

/// Settings on which the text of a value depends, memory in which a batch is at home, and limits. Everything that travels as text
/// relies on them.
const PINNED: &str = "SET timezone = 'UTC'; SET datestyle = 'ISO, MDY'; SET intervalstyle = 'postgres'; SET extra_float_digits = 1; \
    SET bytea_output = 'hex'; SET xmloption = 'content'; SET client_encoding = 'UTF8'; SET client_min_messages = 'warning'; \
    SET jit = off; SET temp_buffers = '64MB'; SET work_mem = '32MB'; \
    SET lock_timeout = '5s'; SET statement_timeout = '10min'; SET idle_in_transaction_session_timeout = '10min'";

/// A session on each side, for one engine or one replay.
pub struct Sessions {
    /// On the master.
    pub master: Client,
    /// On the replica.
    pub replica: Client,
    /// The server process of the session on the master.
    pub master_pid: i32,
    /// And on the replica.
    pub replica_pid: i32,
    /// The statement with which local triggers rest for a transaction on the replica, where there is one.
    pub rest_triggers: Option<&'static str>,
    /// Whether the master has no `robbie_sync` and does not let us make it: then rows are compared, and nothing is sent.
    pub compares: bool,
}

impl Sessions {
    /// Opens both. `purpose` stands in their `application_name`.
    pub async fn open(pair: &Pair, purpose: &str) -> Result<Self, Fault> {
        let sessions = Self::open_to_compare(pair, purpose).await?;
        if sessions.compares { Err(not_migrated(Side::Master)) } else { Ok(sessions) }
    }
    /// Opens both, also where all that can be done is to compare.
    pub async fn open_to_compare(pair: &Pair, purpose: &str) -> Result<Self, Fault> {
        for link in [&pair.master, &pair.replica] {
            if link.target().read_only {
                return Err(read_only(link.side()));
            }
        }
        let (replica, replica_pid) = opened(&pair.replica, purpose).await?;
        if !has(&replica, Side::Replica, "loaded").await? {
            return Err(not_migrated(Side::Replica));
        }
        let (master, master_pid) = opened(&pair.master, purpose).await?;
        let compares = !has(&master, Side::Master, ATTEST).await?;
        if compares && !is_only_compared(&master, &replica).await? {
            return Err(not_migrated(Side::Master));
        }
        reach!("sessions.open");
        let rest_triggers = resting(&replica).await;
        Ok(Self { master, replica, master_pid, replica_pid, rest_triggers, compares })
    }
    /// Opens the one on the replica, for what needs no master.
    pub async fn replica_only(pair: &Pair, purpose: &str) -> Result<Client, Fault> {
        if pair.replica.target().read_only {
            return Err(read_only(Side::Replica));
        }
        let (replica, _) = opened(&pair.replica, purpose).await?;
        if has(&replica, Side::Replica, "restore").await? { Ok(replica) } else { Err(not_migrated(Side::Replica)) }
    }
    /// Whether a master that was only compared has been migrated since.
    pub async fn was_migrated(&self) -> bool {
        self.compares && has(&self.master, Side::Master, ATTEST).await.unwrap_or(true)
    }
    /// How far the master's clock is ahead of the replica's, in seconds, to half a round trip.
    pub async fn clock_offset(&self) -> Option<f64> {
        Some(ahead(&self.master).await? - ahead(&self.replica).await?)
    }
    /// The server processes.
    pub fn processes(&self) -> Processes {
        Processes { master: self.master_pid, replica: self.replica_pid }
    }
    /// Whether both are still connected.
    pub fn are_open(&self) -> bool {
        !self.master.is_closed() && !self.replica.is_closed()
    }
}

/// How far a server's clock is ahead of ours.
async fn ahead(client: &Client) -> Option<f64> {
    let asked = Instant::now();
    // The simple protocol: one round trip, so that the answer is from its middle.
    let answer = client.simple_query("SELECT extract(epoch FROM clock_timestamp())").await.ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64() - asked.elapsed().as_secs_f64() / 2.0;
    let row = answer.into_iter().find_map(|m| if let SimpleQueryMessage::Row(row) = m { Some(row) } else { None })?;
    Some(row.get(0)?.parse::<f64>().ok()? - now)
}

async fn opened(link: &Link, purpose: &str) -> Result<(Client, i32), Fault> {
    let side = link.side();
    let client = Box::pin(link.dedicated(purpose)).await?;
    client.batch_execute(PINNED).await.map_err(|e| Fault::from_postgres(e, side))?;
    let found = client.query_one("SELECT pg_backend_pid()", &[]).await.map_err(|e| Fault::from_postgres(e, side))?;
    Ok((client, found.get(0)))
}

/// What a migrated master has.
const ATTEST: &str = "attest";

/// Whether a side has a function of `robbie_sync`.
async fn has(client: &Client, side: Side, function: &str) -> Result<bool, Fault> {
    let found = client.query_one("SELECT to_regproc('robbie_sync.' || $1::text) IS NOT NULL", &[&function]).await;
    Ok(found.map_err(|e| Fault::from_postgres(e, side))?.get(0))
}

/// Whether the master can only be compared: it has no `robbie_sync`, we may not make it, and it never had one that this
/// replica followed; a master that lost its bookkeeping is for a person to look at.
async fn is_only_compared(master: &Client, replica: &Client) -> Result<bool, Fault> {
    let refused = master
        .query_one(
            "SELECT NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'robbie_sync')
                 AND NOT has_database_privilege(current_database(), 'CREATE')",
            &[],
        )
        .await
        .map_err(on_master)?;
    let followed = replica
        .query_one("SELECT EXISTS (SELECT FROM robbie_sync.cursor WHERE state <> 'comparing')", &[])
        .await
        .map_err(on_replica)?;
    Ok(refused.get(0) && !followed.get::<_, bool>(0))
}

/// How triggers are made to rest: as a superuser or by a privilege of its own (PostgreSQL 15 and later); or by a function that a
/// superuser left here. Otherwise they run.
async fn resting(replica: &Client) -> Option<&'static str> {
    const ALLOWED: &str = "SET LOCAL session_replication_role = replica";
    const LENT: &str = "SELECT robbie_sync.rest_triggers()";
    for way in [ALLOWED, LENT] {
        let tried = replica.batch_execute(&format!("BEGIN; {way}")).await;
        let found = replica.query_one("SELECT current_setting('session_replication_role')", &[]).await;
        let _ = replica.batch_execute("ROLLBACK").await;
        if tried.is_ok() && found.is_ok_and(|r| r.get::<_, String>(0) == "replica") {
            return Some(way);
        }
    }
    None
}

fn read_only(side: Side) -> Fault {
    Fault::new(
        Kind::Settings,
        "the engine writes, also when it only tries (a dry run is rolled back), and sessions are read-only",
    )
    .on(side)
    .remedy("leave out --read-only, and `read_only` in the configuration")
}

/// The fault of a side behind a pooler that gives every transaction another session.
pub fn pooled(side: Side) -> Fault {
    Fault::new(
        Kind::Settings,
        format!("two connections to the {side} share one server session: a pooler in transaction mode stands before it, and the engine's lock and settings do not last there"),
    )
    .on(side)
    .remedy("give the address of the server itself, or a pool in session mode")
}

/// The fault of a side that was never prepared for syncing.
pub fn not_migrated(side: Side) -> Fault {
    Fault::new(Kind::Schema, format!("the {side} has no schema robbie_sync, or an older one"))
        .on(side)
        .about("robbie_sync")
        .remedy(format!("robbie schema migrate --target {side}"))
}
