//! The engine's figures for Prometheus: `GET /metrics` in the text format of `OpenMetrics`.
//!
//! What the engine counts comes from memory. What only a database knows (the queue by state, sizes) is asked with one cheap
//! statement per side, at most every few seconds, and only when somebody scrapes. Nothing is written.

mod asked;
mod exposition;
mod server;

pub use server::{Exporter, listen};

use crate::postgres::Pair;
use crate::sync::EngineStatus;
use tokio::sync::watch;

/// A replica whose engine runs in this process.
#[derive(Clone)]
pub struct Source {
    /// What people call the replica.
    pub replica: String,
    /// Both sides.
    pub pair: Pair,
    /// Where its engine stands.
    pub status: watch::Receiver<EngineStatus>,
}
