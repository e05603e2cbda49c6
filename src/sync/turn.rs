//! A turn at the queue: while it is held, nobody sends an entry that is about to be taken out of it.

use super::lock::{self, Asked, EngineLock};
use super::schedule::EngineHandle;
use super::session::Sessions;
use crate::postgres::{Fault, Kind, Pair, Side};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

/// How long a cycle of this process's engine is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The turn, held until it is dropped.
pub(super) struct Turn {
    /// Sessions on both sides.
    pub sessions: Sessions,
    lock: Option<EngineLock>,
    _between: Option<OwnedMutexGuard<()>>,
}

impl Turn {
    /// Takes it: between two cycles where `engine`, the one of this process, works on this replica, else in the engine's place.
    pub async fn take(pair: &Pair, engine: Option<&EngineHandle>, purpose: &str) -> Result<Self, Fault> {
        let (lock, between) = match Box::pin(EngineLock::ask(&pair.replica, Duration::ZERO, None)).await? {
            Asked::Held(lock) => (Some(lock), None),
            Asked::Taken(holder) => match engine.filter(|_| lock::is_this_process(&holder)) {
                Some(engine) => (None, Some(timeout(PATIENCE, engine.between_cycles()).await.map_err(|_| busy())?)),
                None => return Err(taken(&holder)),
            },
        };
        let sessions = Sessions::open(pair, purpose).await.map_err(unknowable)?;
        if !lock::keep_readers_out(&sessions.replica).await? {
            return Err(Fault::new(Kind::Transient, "a replay is under way, and may be sending what is meant here")
                .on(Side::Replica)
                .remedy("wait until it is done, or cancel it"));
        }
        Ok(Self { sessions, lock, _between: between })
    }
    /// Gives it back at once.
    pub async fn end(self) {
        if let Some(lock) = self.lock {
            lock.release().await;
        }
    }
}

fn busy() -> Fault {
    Fault::new(Kind::Transient, "the engine of this process has been in one cycle for half a minute")
        .on(Side::Replica)
        .remedy("try again when the cycle is done")
}

fn taken(holder: &str) -> Fault {
    Fault::new(Kind::Other, format!("an engine works on this replica, and may be sending what is meant here: {holder}"))
        .on(Side::Replica)
        .remedy("do it in the console that runs this engine, or stop it for the moment (its process is in its name)")
}

/// Without the master's ledger nobody knows what took effect.
fn unknowable(fault: Fault) -> Fault {
    if fault.side != Some(Side::Master) {
        return fault;
    }
    let message = format!(
        "whether these entries took effect stands in the master's ledger, which cannot be asked: {}",
        fault.message
    );
    Fault { message, ..fault }
}
