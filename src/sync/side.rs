//! What every step says and does alike on a side: whose fault an error is, and a look at one snapshot.

use crate::postgres::{Fault, Side};
use tokio_postgres::{Client, Error, IsolationLevel, Transaction};

/// The fault of a statement on the master.
pub fn on_master(e: Error) -> Fault {
    Fault::from_postgres(e, Side::Master)
}

/// The fault of a statement on the replica.
pub fn on_replica(e: Error) -> Fault {
    Fault::from_postgres(e, Side::Replica)
}

/// A transaction that sees one state of a side and writes nothing.
pub async fn at_one_snapshot(client: &mut Client, side: Side) -> Result<Transaction<'_>, Fault> {
    let transaction = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    transaction.start().await.map_err(|e| Fault::from_postgres(e, side))
}
