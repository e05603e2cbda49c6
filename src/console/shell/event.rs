//! What happens to the shell, and what it wants done about it.

use super::jobs::Question;
use crate::sync::EngineStatus;
use crate::sync::job::Progress;
use crate::ui::Chord;
use crate::ui::host::{Word, Work};
use crate::ui::pane::{Level, Links};
use ratatui::crossterm::event::MouseEvent;
use ratatui::layout::Size;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Who a timer wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// A pane, with the name it gave.
    Pane(usize, &'static str),
    /// A message leaves the screen.
    Message,
    /// Something is awaited for long enough to be shown.
    Spinner,
}

/// What happened.
pub enum Event {
    /// A key.
    Key(Chord),
    /// Text pasted by the terminal.
    Paste(String),
    /// A click or the wheel.
    Mouse(MouseEvent),
    /// The terminal's size changed.
    Resize(Size),
    /// The connections are being made: the panes may begin.
    Ready {
        /// The profile's name.
        profile: String,
        /// Where the links stand.
        links: Arc<Links>,
        /// How many replicas there are.
        replicas: usize,
        /// Whether the engine runs in this process.
        engine: bool,
    },
    /// The console cannot begin: why, and what to do.
    Failed {
        /// Why.
        message: String,
        /// What to do.
        remedy: Option<String>,
    },
    /// A link was made or lost.
    Links(Arc<Links>),
    /// Another replica is shown: what the panes know is of the one before.
    Switched(Arc<Links>),
    /// The engine's status changed.
    Engine(Arc<EngineStatus>),
    /// How far a replay of many is.
    Replay {
        /// The replica whose queue it works on.
        replica: String,
        /// How far.
        progress: Progress,
    },
    /// Word from work that goes on.
    Told(Question, Word),
    /// The answer.
    Answered(Question, Word),
    /// Work broke by a defect of the program.
    Broke(Question, String),
    /// A timer ran out.
    Timer(Timer),
    /// The editor ended.
    Edited {
        /// The pane that asked.
        pane: usize,
        /// Its tag.
        tag: &'static str,
        /// The text, if it changed.
        text: Option<String>,
    },
    /// There is no desktop to copy to: the terminal is asked.
    CopyByTerminal(String),
    /// Something the loop wants said.
    Say(Level, String),
    /// The terminal went away; the loop ends.
    TerminalGone,
    /// The process was continued after a stop: nothing on the screen is certain.
    Continued,
}

/// What the loop is to do.
#[derive(Debug)]
pub enum Order {
    /// Start work; its answer carries the number.
    Spawn(Question, Work),
    /// Abort a read, and undo on the server.
    Abort(Question),
    /// Wake me.
    Wake(Timer, Duration),
    /// Do not.
    Sleep(Timer),
    /// Put text on the clipboard.
    Copy(String),
    /// Write this to the terminal, which keeps a clipboard.
    CopyByTerminal(Vec<u8>),
    /// Give the terminal to the editor.
    Edit {
        /// The pane that asks.
        pane: usize,
        /// Its tag.
        tag: &'static str,
        /// The text to start from.
        initial: String,
        /// The file's extension.
        extension: &'static str,
    },
    /// Give the terminal to the editor for the configuration file.
    EditConfig,
    /// Report the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Draw everything again.
    Redraw,
    /// Stop the process until the shell continues it.
    Suspend,
    /// Ask the engine for a cycle now.
    WakeEngine,
    /// Pause the engine, or let it go on.
    PauseEngine(bool),
    /// Tell a replay of many of this process what is wanted of it.
    Replay(Uuid, Wish),
    /// Show the next replica.
    NextReplica,
    /// Leave.
    Quit,
}

/// What a person wants of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// That it waits.
    Pause,
    /// That it goes on.
    GoOn,
    /// That it ends.
    Cancel,
}

/// How far the start has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The first frame is on the screen, nothing else is known.
    Starting,
    /// Links exist, panes run.
    Running,
    /// The console cannot begin.
    Failed {
        /// Why.
        message: String,
        /// What to do.
        remedy: Option<String>,
    },
}
