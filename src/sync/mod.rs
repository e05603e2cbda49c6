//! The sync engine: push, pull, schedule.
