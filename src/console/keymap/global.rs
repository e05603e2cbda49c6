//! The actions that are the same in every pane.

use crate::ui::keys::ActionSpec;
use crate::ui::pane::Move;

/// An action of the console itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Global {
    /// Leave.
    Quit,
    /// Leave from anywhere.
    Interrupt,
    /// Close the innermost level.
    Back,
    /// Open what is selected.
    Open,
    /// Move the cursor.
    Move(Move),
    /// Show pane number n, counted from 0.
    Pane(usize),
    /// Show the next pane.
    NextPane,
    /// Show the previous pane.
    PreviousPane,
    /// Search all actions.
    Palette,
    /// Show the keys.
    Help,
    /// Run a cycle now.
    SyncNow,
    /// Pause the engine, or let it go on.
    PauseEngine,
    /// Show what was said.
    Log,
    /// Show the replays of many entries, under way and done.
    Jobs,
    /// Pause the replay under way, or let it go on.
    PauseJob,
    /// Cancel the replay under way.
    CancelJob,
    /// Choose a theme.
    Themes,
    /// Turn the mouse on or off.
    Mouse,
    /// Show the next replica.
    NextReplica,
    /// Edit the configuration file.
    Config,
    /// Draw everything again.
    Redraw,
    /// Give the terminal back to the shell for a while.
    Suspend,
}

/// The table: action, name, default keys, footer, help.
pub const GLOBALS: &[ActionSpec<Global>] = &[
    ActionSpec::new(Global::Open, "open", &["enter"], "open", "Open what is selected"),
    ActionSpec::new(Global::Back, "back", &["esc"], "back", "Close the innermost level"),
    ActionSpec::new(Global::Move(Move::Up), "up", &["up", "k"], "up", "One row up"),
    ActionSpec::new(Global::Move(Move::Down), "down", &["down", "j"], "down", "One row down"),
    ActionSpec::new(Global::Move(Move::Left), "left", &["left", "h"], "left", "To the left"),
    ActionSpec::new(Global::Move(Move::Right), "right", &["right", "l"], "right", "To the right"),
    ActionSpec::new(Global::Move(Move::PageUp), "page-up", &["pgup", "ctrl-b", "ctrl-u"], "page up", "One page up"),
    ActionSpec::new(
        Global::Move(Move::PageDown),
        "page-down",
        &["pgdn", "ctrl-f", "ctrl-d"],
        "page down",
        "One page down",
    ),
    ActionSpec::new(Global::Move(Move::First), "first", &["home", "g"], "first", "To the first row"),
    ActionSpec::new(Global::Move(Move::Last), "last", &["end", "G"], "last", "To the last row"),
    ActionSpec::new(Global::SyncNow, "sync-now", &["s"], "sync now", "Run a cycle of the engine now"),
    ActionSpec::new(Global::PauseEngine, "pause-engine", &["p"], "pause", "Pause the engine, or let it go on"),
    ActionSpec::new(Global::Palette, "palette", &[":"], "commands", "Search all actions by name"),
    ActionSpec::new(Global::Help, "help", &["?"], "help", "Show the keys that work here"),
    ActionSpec::new(Global::NextPane, "next-pane", &["tab"], "next pane", "Show the next pane"),
    ActionSpec::new(Global::PreviousPane, "previous-pane", &["shift-tab"], "previous pane", "Show the previous pane"),
    ActionSpec::new(Global::Pane(0), "pane-1", &["1"], "pane 1", "Show the first pane"),
    ActionSpec::new(Global::Pane(1), "pane-2", &["2"], "pane 2", "Show the second pane"),
    ActionSpec::new(Global::Pane(2), "pane-3", &["3"], "pane 3", "Show the third pane"),
    ActionSpec::new(Global::Pane(3), "pane-4", &["4"], "pane 4", "Show the fourth pane"),
    ActionSpec::new(Global::Pane(4), "pane-5", &["5"], "pane 5", "Show the fifth pane"),
    ActionSpec::new(Global::Pane(5), "pane-6", &["6"], "pane 6", "Show the sixth pane"),
    ActionSpec::new(Global::Pane(6), "pane-7", &["7"], "pane 7", "Show the seventh pane"),
    ActionSpec::new(Global::Log, "messages", &["!"], "messages", "Show the messages of this session"),
    ActionSpec::new(
        Global::Jobs,
        "jobs",
        &["J"],
        "jobs",
        "Show the replays of many entries: under way, done, and to be resumed",
    ),
    ActionSpec::new(Global::PauseJob, "pause-job", &[], "pause job", "Pause the replay under way, or let it go on"),
    ActionSpec::new(
        Global::CancelJob,
        "cancel-job",
        &[],
        "cancel job",
        "Cancel the replay under way; it can be resumed",
    ),
    ActionSpec::new(Global::Themes, "theme", &["T"], "theme", "Choose a theme, with a preview"),
    ActionSpec::new(Global::Mouse, "mouse", &["m"], "mouse", "Turn the mouse off (to select text) or on"),
    ActionSpec::new(Global::NextReplica, "next-replica", &["ctrl-n"], "next replica", "Show the next replica"),
    ActionSpec::new(Global::Config, "edit-config", &[], "config", "Edit config.toml in your editor"),
    ActionSpec::new(Global::Redraw, "redraw", &["ctrl-l"], "redraw", "Draw everything again"),
    ActionSpec::new(
        Global::Suspend,
        "suspend",
        &["ctrl-z"],
        "suspend",
        "Give the terminal back to the shell for a while",
    ),
    ActionSpec::new(Global::Quit, "quit", &["q"], "quit", "Close the innermost level, and leave from the outermost"),
    ActionSpec::new(Global::Interrupt, "interrupt", &["ctrl-c"], "leave", "Leave from anywhere"),
];
