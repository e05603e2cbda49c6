//! What a start is doing, told while it does it, and how that is shown on a terminal.

use crate::postgres::Side;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;

/// Is told what is being done.
pub type Progress = dyn Fn(&Step) + Send + Sync;

/// One thing a start does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// PostgreSQL is being fetched; so much lies there unpacked and packed.
    Fetching {
        /// Bytes in the folder it is fetched to.
        bytes: u64,
    },
    /// The data folder of a side is being made.
    Initialising(Side),
    /// The server of a side is being started.
    Starting(Side),
    /// All is done.
    Done,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fetching { bytes: 0 } => f.write_str("fetching PostgreSQL with pgvector (once, 25 MB)"),
            Self::Fetching { bytes } => {
                write!(f, "fetching PostgreSQL with pgvector (once, 25 MB), {} MB on disk", bytes / 1_000_000)
            }
            Self::Initialising(side) => write!(f, "making the {side}'s data folder"),
            Self::Starting(side) => write!(f, "starting the {side}"),
            Self::Done => f.write_str("ready"),
        }
    }
}

/// Says nothing.
pub fn silent(_: &Step) {}

/// Shows a spinner with the elapsed time on stderr if that is a terminal, else one line for a fetch and nothing more.
pub fn on_stderr() -> impl Fn(&Step) + Send + Sync {
    let bar = OnceLock::new();
    let said = OnceLock::new();
    move |step| {
        if !std::io::stderr().is_terminal() {
            if matches!(step, Step::Fetching { .. }) && said.set(()).is_ok() {
                eprintln!("{step}");
            }
            return;
        }
        if *step == Step::Done {
            if let Some(bar) = bar.get() {
                ProgressBar::finish_and_clear(bar);
            }
            return;
        }
        let bar = bar.get_or_init(|| {
            let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
            let bar = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        bar.set_message(step.to_string());
    }
}
