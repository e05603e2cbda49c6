//! The engine against a real pair: push, pull, verdicts, faults, schedule.

mod capture;
mod command;
mod compare;
mod conflict_log;
mod engine;
mod faults;
pub mod fixture;
mod load;
mod lossless;
mod metrics;
mod parents;
mod plain;
mod plans;
mod pull;
mod push;
mod random;
mod replay;
mod retention;
mod rules;
mod safety;
mod travel;
mod types;
mod unseen;
mod verdicts;
mod wakeup;
