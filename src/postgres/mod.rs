//! Everything PostgreSQL below the domains: targets, sessions, TLS, faults, names, the catalog.
//!
//! Nothing here knows of queues, panes or terminals.

pub mod catalog;
mod connector;
pub mod dial;
pub mod dsn;
pub mod fault;
pub mod identifiers;
mod keeper;
pub mod link;
pub mod passfile;
pub mod password;
pub mod reach;
mod remedy;
mod service;
pub mod statement;
mod status;
pub mod target;
pub mod tls;

pub use catalog::Catalog;
pub use dial::Session;
pub use fault::{Fault, Kind};
pub use link::{Link, Pair};
pub use status::LinkStatus;
pub use target::Target;

/// Which database of a pair: the single source of truth, or the copy that works offline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The master: far away, the truth.
    Master,
    /// A replica: local, offline-capable.
    Replica,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Master => "master",
            Self::Replica => "replica",
        })
    }
}
