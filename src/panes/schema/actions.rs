//! What a person can mean in this pane, with keys and help.

use crate::ui::ActionSpec;

/// What a person means in this pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The next section.
    Next,
    /// The section before.
    Previous,
    /// Tries the pending migrations of a side and rolls them back.
    DryRun,
    /// Runs the pending migrations of a side.
    Apply,
    /// Copies the SQL of a difference, or the command that closes a gap.
    Copy,
    /// Copies the SQL of all differences that are shown.
    CopyAll,
    /// Shows what only one side has, or only what both have.
    Whole,
    /// Maps a text id to a user.
    Map,
    /// Takes a mapping away.
    Unmap,
    /// Reads both sides again.
    Refresh,
}

/// The table of them.
pub const ACTIONS: &[ActionSpec<Action>] = &[
    ActionSpec::new(
        Action::Next,
        "next-section",
        &["v"],
        "next view",
        "Show the next of the pane's views; → does so too.",
    ),
    ActionSpec::new(
        Action::Previous,
        "previous-section",
        &["V"],
        "view before",
        "Show the view before; ← does so too.",
    ),
    ActionSpec::new(
        Action::DryRun,
        "dry-run-migrations",
        &["d"],
        "dry run",
        "Run the pending migrations of the selected side in one transaction, and roll it back.",
    ),
    ActionSpec::new(
        Action::Apply,
        "apply-migrations",
        &["a"],
        "apply",
        "Run the pending migrations of the selected side.",
    ),
    ActionSpec::new(
        Action::Copy,
        "copy-fix",
        &["y"],
        "copy fix",
        "Copy the SQL of the difference, or the command that closes the gap.",
    ),
    ActionSpec::new(
        Action::CopyAll,
        "copy-script",
        &["Y"],
        "copy all",
        "Copy the SQL of all differences shown. Nothing of it is run.",
    ),
    ActionSpec::new(
        Action::Whole,
        "whole-difference",
        &["o"],
        "shared or all",
        "Show the differences of all tables, or only of those that both sides have.",
    ),
    ActionSpec::new(
        Action::Map,
        "map-user",
        &["e"],
        "map",
        "Map the selected text id to a user of the master, and send what waited.",
    ),
    ActionSpec::new(Action::Unmap, "unmap-user", &["x"], "unmap", "Take the selected mapping away."),
    ActionSpec::new(Action::Refresh, "refresh-schema", &["R"], "refresh", "Read both sides again now."),
];
