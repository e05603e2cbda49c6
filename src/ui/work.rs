//! What a pane's work is, and what it has of the console while it runs.

use futures_util::future::BoxFuture;
use std::future::Future;
use std::sync::{Arc, Mutex};

/// How a command is treated while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// A read: a newer one of the same kind supersedes it (the old answer is dropped, the statement cancelled), and
    /// quitting does not wait for it.
    Read(&'static str),
    /// A write: it finishes, and quitting waits for it.
    Write,
}

/// What running work has of the console: a way to say how far it is, and to undo on the server when it is dropped.
pub struct Job<M> {
    pub(super) tell: Arc<dyn Fn(M) + Send + Sync>,
    pub(super) on_cancel: Undo,
}

/// What is to be done on the server when a job is dropped.
pub type Undo = Arc<Mutex<Vec<BoxFuture<'static, ()>>>>;

impl<M> Job<M> {
    /// A job whose words go to `tell` and whose undoing is collected in `on_cancel`.
    pub fn new(tell: impl Fn(M) + Send + Sync + 'static, on_cancel: Undo) -> Self {
        Self { tell: Arc::new(tell), on_cancel }
    }

    /// A job whose words go nowhere, for tests of `perform`.
    pub fn silent() -> Self {
        Self { tell: Arc::new(|_| {}), on_cancel: Arc::default() }
    }

    /// Sends a message while the work goes on: progress.
    pub fn tell(&self, message: M) {
        (self.tell)(message);
    }

    /// What is to be done if this read is superseded or cancelled: cancel the statement on its own session.
    ///
    /// Give it the cancel token of a *dedicated* session only; on the shared session it would hit someone else.
    pub fn when_cancelled(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Ok(mut list) = self.on_cancel.lock() {
            list.push(Box::pin(work));
        }
    }
}
