//! What every write by hand shares, whether of a mood or of a conversation: the session on the side that takes it, the limits of its
//! transaction, and having the replica follow what was written on the master.

use super::{CycleOptions, cycle, lock};
use crate::postgres::{Fault, Kind, Link, Pair, Side};
use tokio_postgres::{Client, Transaction};

/// Why a side did not write, and whether it may have: something was sent, and its answer was lost.
pub struct Refused {
    pub fault: Fault,
    pub sent: bool,
}

impl Refused {
    /// Refused before anything could take effect.
    pub fn before(fault: Fault) -> Self {
        Self { fault, sent: false }
    }
    /// Lost when it may have taken effect.
    pub fn sent(fault: Fault) -> Self {
        Self { fault, sent: true }
    }
    /// Whether the side is away, so that another may be asked.
    pub fn is_away(&self) -> bool {
        self.fault.kind == Kind::Unreachable
    }
    /// The fault; where it is not known whether the side wrote, it says so. `again` is what to do then.
    pub fn into_fault(self, again: &str) -> Fault {
        let Self { fault, sent } = self;
        if !sent || fault.kind != Kind::Unreachable {
            return fault;
        }
        let side = fault.side.map_or_else(|| "server".to_owned(), |side| side.to_string());
        let message =
            format!("the {side} was lost while it wrote, so it is not known whether it did: {}", fault.message);
        Fault { message, ..fault }.remedy(again)
    }
}

/// A session of one's own that may write; `name` says whose it is. Refused where sessions are read-only.
pub async fn writable(link: &Link, name: &str) -> Result<Client, Fault> {
    if link.target().read_only {
        return Err(Fault::new(Kind::Settings, "sessions are read-only: nothing can be written")
            .on(link.side())
            .remedy("leave out --read-only, and `read_only` in the configuration"));
    }
    link.dedicated(name).await
}

/// A transaction that waits for nobody for long, and speaks UTC.
pub async fn begin(client: &mut Client, side: Side) -> Result<Transaction<'_>, Fault> {
    let on = |e| Fault::from_postgres(e, side);
    let t = client.transaction().await.map_err(on)?;
    t.batch_execute("SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'; SET LOCAL timezone = 'UTC'")
        .await
        .map_err(on)?;
    Ok(t)
}

/// How the replica comes to what was written on the master.
pub enum Following {
    /// An engine runs, and was asked to pull now.
    Asked,
    /// None ran: it was pulled here.
    Pulled,
}

/// Has the replica take what the master holds now.
pub async fn follow(pair: &Pair, actor: &str) -> Result<Following, Fault> {
    if lock::holder(&pair.replica).await?.is_some() {
        lock::ask(&pair.replica).await?;
        return Ok(Following::Asked);
    }
    let options = CycleOptions { push: false, thorough: false, actor: actor.to_owned(), ..CycleOptions::default() };
    Box::pin(cycle(pair, options)).await?;
    Ok(Following::Pulled)
}
