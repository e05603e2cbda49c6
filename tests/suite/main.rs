//! The integration suite: one binary, one embedded pair for all of it.
#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod connect;
#[cfg(feature = "tui")]
mod console;
mod embedded;
mod floors;
mod health;
mod queue;
mod schema;
mod support;
mod sync;
