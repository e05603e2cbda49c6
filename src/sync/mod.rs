//! The engine: pushes the replica's queue to the master, pulls the master's changes, and says what it did.
//!
//! How it works and what it promises: `docs/sync.md`. All row bytes stay opaque here; merging and judging are SQL
//! functions of the schema `robbie_sync` on either side.

/// Passes a point of `failpoint::POINTS`, in an async function that returns a `Result<_, Fault>`. Nothing in a release
/// build.
macro_rules! reach {
    ($name:literal) => {
        #[cfg(debug_assertions)]
        {
            const { assert!($crate::sync::failpoint::is_listed($name), "not in failpoint::POINTS") };
            $crate::sync::failpoint::pass($name).await?;
        }
    };
}

pub mod adopt;
mod apply;
mod batch;
mod chain;
mod compare;
pub mod conflict;
mod cycle;
mod difference;
mod digest;
pub mod discard;
mod ear;
pub mod edit;
#[cfg(debug_assertions)]
pub mod failpoint;
pub mod figures;
pub mod freeze;
mod guard;
mod hand;
pub mod job;
mod keyset;
pub mod load;
mod lock;
mod look;
mod lossy;
mod lost;
pub mod memory;
pub mod mood;
mod pace;
mod place;
mod plan;
mod planner;
mod preview;
mod prune;
mod pull;
mod push;
mod reconcile;
mod remedy;
mod replay;
pub mod report;
mod schedule;
mod session;
mod settle;
mod side;
mod stage;
mod statements;
mod tables;
mod turn;
pub mod undo;
mod watchdog;

pub use cycle::{Worker, cycle};
pub use difference::{Differences, TableDifference, differences};
pub use lock::{Asked, EngineLock, ask, holder};
pub use preview::{Preview, preview};
pub use replay::{replay, replay_frozen};
pub use report::{
    CycleOptions, CycleReport, Detection, EngineStatus, EntryOutcome, Mode, Outcome, PullReport, PushReport,
    ReplayOptions,
};
pub use schedule::{Done, Engine, EngineHandle, EngineOptions};
