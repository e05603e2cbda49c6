//! The terminal taken and given back: on quit, on a signal, on a panic, around the editor and a stop.

use crate::postgres::{Fault, Kind};
use ratatui::crossterm::terminal;
use ratatui::layout::Size;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The alternate screen, no cursor, pasted text marked.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?2004h";
/// Everything back, also after a frame that was cut short.
const LEAVE: &str = "\x1b[?2026l\x1b[r\x1b[0m\x1b[?1006l\x1b[?1000l\x1b[?2004l\x1b[?25h\x1b[?1049l";
/// Clicks and the wheel, but not every motion.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// The terminal while it is ours.
pub struct Terminal {
    taken: Arc<AtomicBool>,
    mouse: bool,
}

impl Terminal {
    /// Takes the terminal; what is to be written for it stands in [`Terminal::entering`] so that it goes out with the
    /// first frame.
    pub fn take(mouse: bool) -> Result<Self, Fault> {
        if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
            return Err(Fault::new(Kind::Local, "the console needs a terminal, and this is none")
                .remedy("use `robbie status` (or `robbie status --json`) where there is no terminal"));
        }
        terminal::enable_raw_mode().map_err(|e| local("the terminal cannot be taken", e))?;
        let this = Self { taken: Arc::new(AtomicBool::new(true)), mouse };
        this.restore_on_panic();
        Ok(this)
    }

    /// The bytes that switch to our screen.
    pub fn entering(&self) -> Vec<u8> {
        let mut out = ENTER.as_bytes().to_vec();
        if self.mouse {
            out.extend_from_slice(MOUSE_ON.as_bytes());
        }
        out
    }

    /// The size; a terminal that does not know it gets the classic one.
    pub fn size() -> Size {
        match terminal::size() {
            Ok((width, height)) if width > 0 && height > 0 => Size { width, height },
            _ => Size { width: 80, height: 24 },
        }
    }

    /// Writes bytes at once.
    pub fn write(bytes: &[u8]) -> std::io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }

    /// Turns the mouse on or off.
    pub fn set_mouse(&mut self, on: bool) -> std::io::Result<()> {
        self.mouse = on;
        Self::write(if on { MOUSE_ON } else { MOUSE_OFF }.as_bytes())
    }

    /// Gives the terminal back for a while.
    pub fn leave(&self) {
        give_back(&self.taken);
    }

    /// Takes it again after [`Terminal::leave`].
    pub fn enter(&self) -> std::io::Result<()> {
        terminal::enable_raw_mode()?;
        self.taken.store(true, Ordering::SeqCst);
        Self::write(&self.entering())
    }

    /// A panic of the loop's own thread gives the terminal back before it is reported. One of a job's thread ends that
    /// job only, and must not tear the screen.
    fn restore_on_panic(&self) {
        let taken = Arc::clone(&self.taken);
        let ours = std::thread::current().id();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().id() == ours {
                give_back(&taken);
                before(info);
            } else if taken.load(Ordering::SeqCst) {
                let place = info.location().map(ToString::to_string).unwrap_or_default();
                tracing::error!(place, "a job panicked: {}", info.payload_as_str().unwrap_or("no message"));
            } else {
                before(info);
            }
        }));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back(&self.taken);
    }
}

/// Gives the terminal back once; a terminal that is gone is no fault.
fn give_back(taken: &AtomicBool) {
    if taken.swap(false, Ordering::SeqCst) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(LEAVE.as_bytes());
        let _ = out.flush();
        let _ = terminal::disable_raw_mode();
    }
}

/// A fault of this machine.
pub fn local(what: &str, error: std::io::Error) -> Fault {
    Fault::new(Kind::Local, format!("{what}: {error}")).because(error)
}
