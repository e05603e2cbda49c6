//! Sync health: the facts of both sides, the score and its deductions.
