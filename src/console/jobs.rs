//! The tasks behind the open questions: started, aborted, undone on the server.

use super::shell::Event;
use super::shell::jobs::Question;
use crate::ui::host::Work;
use crate::ui::pane::{Job, Undo};
use crate::ui::services::Services;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;

/// A task under way.
struct Task {
    abort: AbortHandle,
    undo: Undo,
}

/// All tasks under way.
pub struct Tasks {
    queue: UnboundedSender<Event>,
    running: HashMap<Question, Task>,
}

impl Tasks {
    /// No task yet; answers go to `queue`.
    pub fn new(queue: UnboundedSender<Event>) -> Self {
        Self { queue, running: HashMap::new() }
    }

    /// Starts work.
    pub fn start(&mut self, question: Question, work: Work, services: &Arc<Services>) {
        self.running.retain(|_, task| !task.abort.is_finished());
        let undo = Undo::default();
        let words = self.queue.clone();
        let job = Job::new(move |word| _ = words.send(Event::Told(question, word)), Arc::clone(&undo));
        let task = spawn((work.run)(Arc::clone(services), job));
        let abort = task.abort_handle();
        let queue = self.queue.clone();
        spawn(async move {
            let event = match task.await {
                Ok(word) => Event::Answered(question, word),
                Err(e) if e.is_panic() => Event::Broke(question, panic_message(e)),
                Err(_) => return,
            };
            let _ = queue.send(event);
        });
        self.running.insert(question, Task { abort, undo });
    }

    /// Aborts a read, and does on the server what its work asked for.
    pub fn abort(&mut self, question: Question) {
        let Some(task) = self.running.remove(&question) else { return };
        if task.abort.is_finished() {
            return;
        }
        task.abort.abort();
        let list = task.undo.lock().map(|mut list| std::mem::take(&mut *list)).unwrap_or_default();
        for undo in list {
            spawn(undo);
        }
    }
}

fn panic_message(error: tokio::task::JoinError) -> String {
    let payload = error.into_panic();
    payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

/// Starts a task that the console owns.
#[expect(clippy::disallowed_methods, reason = "the console's tasks are owned here: reads are aborted, writes awaited")]
pub fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::spawn(work)
}
