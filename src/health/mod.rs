//! Sync health: the facts of both sides, the score and its deductions, and the sentence that sums them up.
//!
//! [`read`] asks each side one question and never fails: a side that does not answer is a fact of the [`Report`].
//! Judgement ([`score`], [`sentence`]) is pure. No terminal, no queue: where to look is said as a filter's text.

mod assemble;
mod engine;
mod facts;
mod report;
pub mod score;
mod sentence;
mod shape;
mod statement;
mod store;
mod together;
pub mod words;

pub use engine::{EngineName, parse as parse_engine_name};
pub use report::{
    ConflictHealth, Deduction, EngineHealth, FaultWords, LoadHealth, Missing, QueueHealth, Reason, ReplicaShare,
    Report, Rows, Run, SideHealth, Standing, Starvation, TableHealth,
};
pub use sentence::sentence;
pub use shape::SYNCED;
pub use store::{Known, read, read_all};
pub use together::together;
