//! The engine: pushes the replica's queue to the master, pulls the master's changes, and says what it did.
//!
//! How it works and what it promises: `docs/sync.md`. All row bytes stay opaque here; merging and judging are SQL
//! functions of the schema `robbie_sync` on either side.

mod apply;
mod cycle;
mod guard;
mod lock;
mod plan;
mod prune;
mod pull;
mod push;
mod remedy;
mod replay;
pub mod report;
mod schedule;
mod session;
mod statements;
mod tables;

pub use cycle::cycle;
pub use lock::{ask, holder};
pub use replay::replay;
pub use report::{
    CycleOptions, CycleReport, EngineStatus, EntryOutcome, Mode, Outcome, PullReport, PushReport, ReplayOptions,
};
pub use schedule::{Engine, EngineHandle, EngineOptions};
