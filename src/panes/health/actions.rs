//! What a person can mean in this pane, with keys and help.

use crate::ui::ActionSpec;

/// What a person means in this pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Shows the entries that failed, in the queue.
    ShowFailed,
    /// Runs a cycle now.
    SyncNow,
    /// Holds or resumes the engine of this process.
    Pause,
    /// Reads everything again.
    Refresh,
}

/// The table of them.
pub const ACTIONS: &[ActionSpec<Action>] = &[
    ActionSpec {
        action: Action::ShowFailed,
        name: "show-failed",
        keys: &["r"],
        short: "failed entries",
        help: "Show the failed entries in the queue, where they are replayed.",
    },
    ActionSpec {
        action: Action::SyncNow,
        name: "sync-now",
        keys: &["s"],
        short: "sync now",
        help: "Run a cycle now: push the queue, pull the master's changes.",
    },
    ActionSpec {
        action: Action::Pause,
        name: "pause-engine",
        keys: &["p"],
        short: "pause",
        help: "Pause or resume the engine that runs in this console.",
    },
    ActionSpec {
        action: Action::Refresh,
        name: "refresh",
        keys: &["R"],
        short: "refresh",
        help: "Read both sides again now.",
    },
];
