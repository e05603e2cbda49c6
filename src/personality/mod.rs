//! Robbie's mood and levels.
