//! The demo's data and workload.
