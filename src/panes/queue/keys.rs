//! What a person can mean in this pane, with the default keys.

use crate::queue::SortBy;
use crate::ui::ActionSpec;

/// What a person means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Type a filter.
    Filter,
    /// Replay the selected or marked entries, after a dry run and a question.
    Replay,
    /// Say what a replay would do.
    DryRun,
    /// Move the selected or marked entries, or all of a reason, to the archive.
    Discard,
    /// Do what the diagnosis names.
    Fix,
    /// Take back what was done last.
    TakeBack,
    /// Do again what was taken back.
    DoAgain,
    /// The next hit of a search in a payload.
    NextHit,
    /// The one before.
    PreviousHit,
    /// Edit the payload.
    Edit,
    /// Mark all that match.
    MarkAll,
    /// Mark or unmark the selected entry.
    Mark,
    /// Mark everything between the last mark and the cursor.
    MarkRange,
    /// Take all marks away.
    Unmark,
    /// The next choice of states.
    NextStates,
    /// Copy the id.
    CopyId,
    /// Copy the whole entry.
    CopyEntry,
    /// Read again.
    Refresh,
    /// Go to a percentage of the list.
    Jump,
    /// Sort.
    Sort(SortBy),
}

/// The table.
pub(super) const ACTIONS: &[ActionSpec<Action>] = &[
    ActionSpec::new(
        Action::Filter,
        "filter",
        &["/"],
        "filter",
        "Filter the entries: words, field:value, data.path:value, age>1h, OR, !, ( ); in an entry: search its payload",
    ),
    ActionSpec::new(
        Action::Replay,
        "replay",
        &["r"],
        "replay",
        "Replay the selected entry, the marked ones, or all of a reason: first dry, then it asks",
    ),
    ActionSpec::new(Action::DryRun, "dry-run", &["d"], "dry run", "Say what a replay would do, and undo it"),
    ActionSpec::new(
        Action::Discard,
        "discard",
        &["x"],
        "discard",
        "Discard the entry, the marked ones or all of a reason, into the archive: it asks first",
    ),
    ActionSpec::new(
        Action::Fix,
        "fix",
        &["f"],
        "fix",
        "Do what the diagnosis names: adopt the key, map the user, send the parent, edit; it asks first",
    ),
    ActionSpec::new(
        Action::TakeBack,
        "undo",
        &["z"],
        "undo",
        "Take back what was done last: restore what was discarded, undo what was replayed; it asks first",
    ),
    ActionSpec::new(Action::DoAgain, "redo", &["Z"], "redo", "Do again what was taken back; it asks first"),
    ActionSpec::new(
        Action::NextHit,
        "next-hit",
        &["n"],
        "next hit",
        "Go to the next place that the search in the payload found",
    ),
    ActionSpec::new(Action::PreviousHit, "previous-hit", &["N"], "previous hit", "Go to the place before"),
    ActionSpec::new(
        Action::Edit,
        "edit",
        &["e"],
        "edit",
        "Edit the entry's payload: checked while you type, tried dry, then saved",
    ),
    ActionSpec::new(
        Action::MarkAll,
        "mark-all",
        &["ctrl-a"],
        "mark all",
        "Mark all that match, also beyond the screen",
    ),
    ActionSpec::new(
        Action::Mark,
        "mark",
        &["space"],
        "mark",
        "Mark or unmark the selected entry; fold a line of a payload",
    ),
    ActionSpec::new(Action::MarkRange, "mark-range", &["ctrl-space"], "mark range", "Mark from the last mark to here"),
    ActionSpec::new(Action::Unmark, "unmark", &["u"], "unmark", "Take all marks away"),
    ActionSpec::new(
        Action::NextStates,
        "states",
        &["t"],
        "states",
        "Show open, pending, failed, blocked, synced, discarded or all entries, or the next part of one (also ← →)",
    ),
    ActionSpec::new(Action::CopyId, "copy-id", &["y"], "copy id", "Copy the entry's id"),
    ActionSpec::new(Action::CopyEntry, "copy-entry", &["Y"], "copy entry", "Copy the whole entry as JSON"),
    ActionSpec::new(Action::Refresh, "refresh", &["R"], "refresh", "Read the queue again now"),
    ActionSpec::new(Action::Jump, "jump", &["%"], "jump", "Go to a percentage of the list"),
    ActionSpec::new(Action::Sort(SortBy::Time), "sort-age", &["A"], "by age", "Sort by age; again to reverse"),
    ActionSpec::new(
        Action::Sort(SortBy::Table),
        "sort-table",
        &["B"],
        "by table",
        "Sort by the table's name; again to reverse",
    ),
    ActionSpec::new(
        Action::Sort(SortBy::Operation),
        "sort-operation",
        &["O"],
        "by operation",
        "Sort by operation; again to reverse",
    ),
    ActionSpec::new(Action::Sort(SortBy::State), "sort-state", &["S"], "by state", "Sort by state; again to reverse"),
    ActionSpec::new(
        Action::Sort(SortBy::Attempts),
        "sort-tries",
        &["C"],
        "by tries",
        "Sort by the count of tries; again to reverse",
    ),
];
