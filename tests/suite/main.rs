//! The integration suite: one binary, one embedded pair for all of it.
mod floors;
