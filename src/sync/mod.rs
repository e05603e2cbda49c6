//! The engine: pushes the replica's queue to the master, pulls the master's changes, and says what it did.
//!
//! How it works and what it promises: `docs/sync.md`. All row bytes stay opaque here; merging and judging are SQL
//! functions of the schema `robbie_sync` on either side.

mod cycle;
mod replay;
pub mod report;
mod schedule;

pub use cycle::cycle;
pub use replay::replay;
pub use report::{
    CycleOptions, CycleReport, EngineStatus, EntryOutcome, Mode, Outcome, PullReport, PushReport, ReplayOptions,
};
pub use schedule::{Engine, EngineHandle, EngineOptions};
