//! What a person can mean in this pane, with keys and help.

use crate::ui::ActionSpec;

/// What a person means in this pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Saves what is edited, after a look at what that changes.
    Save,
    /// Forgets what is edited.
    Forget,
    /// The next user.
    NextUser,
    /// The user before.
    PreviousUser,
    /// The history.
    History,
    /// The presets.
    Presets,
    /// The history of all users, or of this one.
    Whose,
    /// Another span of the history.
    Span,
    /// A new preset of the state as it is edited.
    NewPreset,
    /// A preset's values, in the editor.
    EditPreset,
    /// Removes a preset.
    DeletePreset,
    /// In a clash: mine.
    Mine,
    /// In a clash: theirs.
    Theirs,
    /// Reads everything again.
    Refresh,
}

/// The table of them.
pub const ACTIONS: &[ActionSpec<Action>] = &[
    ActionSpec::new(
        Action::Save,
        "save",
        &["w"],
        "save",
        "Show what saving changes on each side, and save: the master first, then the replica.",
    ),
    ActionSpec::new(Action::Forget, "forget", &["x"], "undo edits", "Forget what was edited and not saved."),
    ActionSpec::new(Action::NextUser, "next-user", &["u"], "next user", "Show the next user."),
    ActionSpec::new(Action::PreviousUser, "previous-user", &["U"], "user before", "Show the user before."),
    ActionSpec::new(
        Action::History,
        "history",
        &["H"],
        "history",
        "Show what was changed when, by whom and why; Enter goes back to a point.",
    ),
    ActionSpec::new(Action::Presets, "presets", &["o"], "presets", "Show the presets; Enter applies one."),
    ActionSpec::new(
        Action::Whose,
        "whose",
        &["f"],
        "this user or all",
        "Show the history of all users, or of this one only.",
    ),
    ActionSpec::new(
        Action::Span,
        "span",
        &["d"],
        "other span",
        "Show another span of the history: a day, a week, a month, a year, all.",
    ),
    ActionSpec::new(
        Action::NewPreset,
        "new-preset",
        &["n"],
        "new preset",
        "Make a preset of the state as it is here, edits and all.",
    ),
    ActionSpec::new(Action::EditPreset, "edit-preset", &["e"], "edit", "Edit what the selected preset sets."),
    ActionSpec::new(Action::DeletePreset, "delete-preset", &["D"], "delete", "Delete the selected preset."),
    ActionSpec::new(Action::Mine, "mine", &["<"], "mine", "Where others were first: set it as wanted all the same."),
    ActionSpec::new(Action::Theirs, "theirs", &[">"], "theirs", "Where others were first: leave it as they made it."),
    ActionSpec::new(Action::Refresh, "refresh", &["R"], "refresh", "Read both sides again now."),
];
