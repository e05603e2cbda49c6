//! Local PostgreSQL servers: find or fetch an installation, start and stop a pair of clusters.
//!
//! [`Home`] says where everything lies, [`Installation`] which PostgreSQL is used, a [`Cluster`] is one server with its
//! data, [`Servers`] are the two of them while somebody uses them. Whoever uses them holds a lease; the last one out
//! stops them, and a watchdog process does it for an owner that was killed. Nothing listens on TCP.
//!
//! All of it blocks (processes, files); [`start`], [`stop`] and [`ensure`](Servers::ensure) are also there for async
//! callers and then work on a thread of their own.

pub mod account;
mod cluster;
mod credentials;
mod fetch;
mod folders;
mod home;
mod installation;
mod lease;
mod process;
pub mod progress;
mod servers;
mod watchdog;

pub use cluster::{Cluster, Connection, Running};
pub use home::Home;
pub use installation::{Installation, Origin};
pub use progress::{Progress, Step};
pub use servers::{
    Options, ServerStatus, Servers, Status, connection, destroy, running, start_blocking, status, stop_blocking,
};
pub use watchdog::watch;

use crate::postgres::{Fault, Kind};
use std::sync::Arc;

/// Starts the pair, or joins the one that runs, without blocking the caller's thread. See [`start_blocking`].
pub async fn start(home: Home, options: Options, progress: Arc<Progress>) -> Result<Servers, Fault> {
    off_thread(move || start_blocking(&home, &options, &*progress)).await
}

/// Stops the pair unless somebody uses it, without blocking the caller's thread. See [`stop_blocking`].
pub async fn stop(home: Home) -> Result<Vec<u32>, Fault> {
    off_thread(move || stop_blocking(&home)).await
}

/// Runs blocking work on a thread that may block.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| Err(Fault::new(Kind::Local, "the work on the embedded servers broke off").because(e)))
}
