//! The keyboard: one thread that reads it and can be made to leave it alone.
//!
//! A thread of its own costs nothing while nobody types, never spins on a lock, and may block in the middle of an
//! escape sequence.

use super::shell::Event;
use crate::ui::Chord;
use nix::sys::signal::{Signal, raise};
use ratatui::crossterm::event::{self, Event as Raw, KeyEventKind};
use ratatui::layout::Size;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// How long the thread may take to let go of the keyboard.
const LETTING_GO: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Gate {
    closed: Mutex<bool>,
    changed: Condvar,
}

/// The reading thread.
pub struct Keyboard {
    gate: Arc<Gate>,
    let_go: Receiver<()>,
}

impl Keyboard {
    /// Starts to read; what is typed goes to `queue`.
    pub fn open(queue: UnboundedSender<Event>) -> std::io::Result<Self> {
        let gate = Arc::<Gate>::default();
        let (said, let_go) = channel();
        let inner = Arc::clone(&gate);
        std::thread::Builder::new()
            .name("keyboard".to_owned())
            .stack_size(256 << 10)
            .spawn(move || read_on(&queue, &inner, &said))?;
        Ok(Self { gate, let_go })
    }

    /// Leaves the keyboard to someone else until [`Keyboard::resume`].
    pub fn pause(&self) {
        self.set(true);
        // The thread sleeps in the kernel: the signal of a new size wakes it, and it sees that it is to wait.
        let _ = raise(Signal::SIGWINCH);
        let _ = self.let_go.recv_timeout(LETTING_GO);
    }

    /// Reads on.
    pub fn resume(&self) {
        self.set(false);
    }

    fn set(&self, closed: bool) {
        if let Ok(mut state) = self.gate.closed.lock() {
            *state = closed;
        }
        self.gate.changed.notify_all();
    }
}

fn read_on(queue: &UnboundedSender<Event>, gate: &Gate, let_go: &Sender<()>) {
    loop {
        let event = event::read();
        let Ok(mut closed) = gate.closed.lock() else { return };
        if *closed {
            let _ = let_go.send(());
            while *closed {
                let Ok(next) = gate.changed.wait(closed) else { return };
                closed = next;
            }
        }
        drop(closed);
        let Ok(event) = event else {
            let _ = queue.send(Event::TerminalGone);
            return;
        };
        let event = match event {
            Raw::Key(key) if key.kind != KeyEventKind::Release => Event::Key(Chord::from(key)),
            Raw::Paste(text) => Event::Paste(text),
            Raw::Mouse(mouse) => Event::Mouse(mouse),
            Raw::Resize(width, height) => Event::Resize(Size { width, height }),
            _ => continue,
        };
        if queue.send(event).is_err() {
            return;
        }
    }
}
