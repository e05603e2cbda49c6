//! The header's facts: what panes found out that belongs in view everywhere.

/// What a pane tells the header; `None` leaves what stood there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Entries pending in the queue of the shown replica.
    pub pending: Option<u64>,
    /// Entries failed in it.
    pub failed: Option<u64>,
    /// Who runs the engine, in words: `engine here (pid 4711)`.
    pub engine: Option<String>,
    /// When the next cycle is due.
    pub next_cycle: Option<std::time::SystemTime>,
    /// Robbie's mood, as the database spells it: `focused`.
    pub mood: Option<String>,
}

impl Facts {
    /// Takes over what `newer` knows.
    pub fn merge(&mut self, newer: Self) {
        let Self { pending, failed, engine, next_cycle, mood } = newer;
        self.pending = pending.or(self.pending);
        self.failed = failed.or(self.failed);
        self.engine = engine.or(self.engine.take());
        self.next_cycle = next_cycle.or(self.next_cycle);
        self.mood = mood.or(self.mood.take());
    }
}
