//! The demo's data and workload.

pub mod library;
mod markdown;
