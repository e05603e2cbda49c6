//! The integration suite: one binary, one embedded pair for all of it.
#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]
#![allow(clippy::large_futures, reason = "one test is one future, and its stack is large enough")]

mod connect;
mod console;
mod conversations;
mod demo;
mod embedded;
mod floors;
mod ha;
mod health;
mod personality;
mod queue;
mod sample;
mod schema;
mod service;
mod support;
mod sync;
#[cfg(debug_assertions)]
mod torture;
