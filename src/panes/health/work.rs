//! What the pane asks of the databases and the engine.

use crate::health::{self, Known, Report};
use crate::personality::{self, Mood};
use crate::sync::{self, CycleOptions, CycleReport, EngineStatus};
use crate::ui::{Level, Services};
use std::time::{Duration, Instant};

/// Whose mood the header shows.
const USER: &str = "allan";

/// Work wanted.
#[derive(Debug)]
pub enum Command {
    /// Read both sides.
    Load(Known),
    /// Read the mood.
    Mood,
    /// Run a cycle.
    Sync,
    /// Hold the engine of this process.
    Pause,
    /// Let it go on.
    Resume,
}

/// An answer.
#[derive(Debug)]
pub enum Message {
    /// Both sides were read.
    Loaded(Box<Loaded>),
    /// The mood, where it is known.
    Mood(Option<Mood>),
    /// How a cycle, a pause or a resumption ended.
    Said {
        /// How well.
        level: Level,
        /// In words.
        text: String,
    },
}

/// What a reading brought.
#[derive(Debug)]
pub struct Loaded {
    /// The report.
    pub report: Report,
    /// What the next reading need not ask again.
    pub known: Known,
    /// The engine of this process, if there is one.
    pub engine: Option<EngineHere>,
    /// How long it took.
    pub took: Duration,
}

/// The engine of this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineHere {
    /// Whether it was told to wait.
    pub paused: bool,
    /// Whether a cycle is under way.
    pub busy: bool,
    /// Cycles done.
    pub cycles: u64,
    /// What stops it now.
    pub fault: Option<String>,
    /// Whether the engine of another process has the lock.
    pub held_elsewhere: bool,
}

/// Does the work.
pub async fn perform(command: Command, services: &Services) -> Message {
    match command {
        Command::Load(known) => {
            let started = Instant::now();
            let (report, known) = Box::pin(health::read(&services.pair(), known)).await;
            let engine = engine_here(services);
            Message::Loaded(Box::new(Loaded { report, known, engine, took: started.elapsed() }))
        }
        Command::Mood => {
            let pair = services.pair();
            // The replica is near and holds the mood as it is worn here; the master answers where it cannot.
            let near = personality::read(&pair.replica, USER).await.ok().flatten().and_then(|s| s.mood);
            let mood = match near {
                Some(mood) => Some(mood),
                None => personality::read(&pair.master, USER).await.ok().flatten().and_then(|s| s.mood),
            };
            Message::Mood(mood)
        }
        Command::Sync => sync_now(services).await,
        Command::Pause => tell(services, true),
        Command::Resume => tell(services, false),
    }
}

fn engine_here(services: &Services) -> Option<EngineHere> {
    let engine = services.engine()?;
    let status = engine.status();
    let here = EngineHere::from(&*status.borrow());
    Some(here)
}

impl From<&EngineStatus> for EngineHere {
    fn from(status: &EngineStatus) -> Self {
        Self {
            paused: status.paused,
            busy: status.busy,
            cycles: status.cycles,
            fault: status.fault.clone(),
            held_elsewhere: status.held_by.is_some(),
        }
    }
}

fn said(level: Level, text: impl Into<String>) -> Message {
    Message::Said { level, text: text.into() }
}

async fn sync_now(services: &Services) -> Message {
    if let Some(engine) = services.engine() {
        let status = engine.status().borrow().clone();
        if status.paused {
            return said(Level::Warn, "The engine is paused: p resumes it");
        }
        if status.held_by.is_none() {
            engine.wake();
            return said(Level::Info, "The engine starts a cycle");
        }
    }
    let pair = services.pair();
    if pair.master.target().read_only || pair.replica.target().read_only {
        return said(Level::Warn, "Sessions are read-only here, and a cycle writes");
    }
    // Another engine has the replica: it is asked, for two may not work on one replica.
    if let Ok(Some(holder)) = sync::holder(&pair.replica).await {
        return match sync::ask(&pair.replica).await {
            Ok(()) => said(Level::Info, format!("Asked the {} for a cycle", holder.trim_start_matches("robbie "))),
            Err(fault) => said(Level::Bad, fault.to_string()),
        };
    }
    let options = CycleOptions { actor: "console".to_owned(), ..CycleOptions::default() };
    match sync::cycle(&pair, options).await {
        Ok(report) => said(if report.needs_attention() { Level::Warn } else { Level::Ok }, cycle_words(&report)),
        Err(fault) => {
            tracing::warn!(%fault, "a cycle asked for by hand failed");
            let remedy = fault.remedy.as_ref().map_or_else(String::new, |r| format!(". {r}"));
            said(Level::Bad, format!("{fault}{remedy}"))
        }
    }
}

/// A cycle in one sentence.
fn cycle_words(report: &CycleReport) -> String {
    if let Some(fault) = report.faults.first() {
        return format!("The cycle was stopped: {fault}");
    }
    if report.is_idle() {
        return "In step: there was nothing to push or pull".to_owned();
    }
    let mut parts = Vec::new();
    if let Some(push) = &report.push {
        let done = push.applied + push.no_change + push.conflicts;
        parts.push(format!("{done} pushed"));
        parts.extend((push.failed > 0).then(|| format!("{} failed", push.failed)));
        parts.extend((push.blocked > 0).then(|| format!("{} wait", push.blocked)));
    }
    if let Some(pull) = &report.pull {
        parts.push(format!("{} pulled", pull.written()));
        parts.extend((pull.deferred > 0).then(|| format!("{} deferred", pull.deferred)));
    }
    format!("Cycle done: {}", parts.join(", "))
}

fn tell(services: &Services, pause: bool) -> Message {
    let Some(engine) = services.engine() else {
        return said(Level::Warn, "No engine runs in this console");
    };
    if pause {
        engine.pause();
        said(Level::Warn, "The engine is paused: nothing is pushed or pulled")
    } else {
        engine.resume();
        said(Level::Ok, "The engine goes on")
    }
}
