//! The replays of many entries: how far they are, what a person does about them, and leaving while one is under way.

use super::{CONSOLE, Order, Shell, Wish};
use crate::console::keymap::{Global, Meaning};
use crate::console::overlay::Overlay;
use crate::console::overlay::ask::{Question, Then};
use crate::console::overlay::replays::View;
use crate::postgres::Fault;
use crate::sync::job::{self, JobState, JobSummary, Progress};
use crate::ui::Chord;
use crate::ui::format::{count, plural};
use crate::ui::host::{Word, Work};
use crate::ui::pane::{Ask, Input, Level, Move, Now, Policy};
use crate::ui::services::Services;
use ratatui::crossterm::event::KeyCode;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Replays of this process that are remembered after their end.
const REMEMBERED: usize = 20;

/// A replay of this process.
#[derive(Clone, Debug)]
pub struct Live {
    /// The replica whose queue it works on.
    pub replica: String,
    /// How far it is.
    pub progress: Progress,
    /// When it was first heard of.
    pub since: Duration,
    /// When it was over.
    pub until: Option<Duration>,
}

/// What is known of replays.
#[derive(Debug, Default)]
pub struct Replays {
    live: Vec<Live>,
}

impl Replays {
    /// Those under way.
    pub fn running(&self) -> impl Iterator<Item = &Live> {
        self.live.iter().filter(|live| !live.progress.state.is_over())
    }
    /// One of this process.
    pub fn get(&self, job: Uuid) -> Option<&Live> {
        self.live.iter().find(|live| live.progress.job == job)
    }
    /// All of this process, the last first.
    pub fn all(&self) -> impl Iterator<Item = &Live> {
        self.live.iter().rev()
    }
}

/// What the console asks of the replica for its list.
pub enum Answer {
    /// All jobs.
    Listed(Result<Vec<JobSummary>, Fault>),
    /// One of another process, or from before.
    Standing(Result<Progress, Fault>),
    /// It goes on.
    Resumed(Result<Uuid, Fault>),
    /// Another process was asked to end it.
    Cancelled(Result<bool, Fault>),
}

impl Shell {
    /// How far a replay is.
    pub(super) fn replay_told(&mut self, replica: String, progress: Progress, now: Now) -> Vec<Order> {
        let known = self.replays.live.iter_mut().find(|live| live.progress.job == progress.job);
        let before = known.as_ref().map(|live| live.progress.state);
        let over = progress.state.is_over();
        if let Some(live) = known {
            // One that was over and is under way again was resumed.
            live.since = if live.until.is_some() && !over { now.uptime } else { live.since };
            live.until = if over { live.until.or(Some(now.uptime)) } else { None };
            live.progress = progress.clone();
        } else {
            let until = over.then_some(now.uptime);
            self.replays.live.push(Live { replica, progress: progress.clone(), since: now.uptime, until });
        }
        if before == Some(progress.state) {
            return Vec::new();
        }
        if self.replays.live.len() > REMEMBERED
            && let Some(at) = self.replays.live.iter().position(|live| live.until.is_some())
        {
            self.replays.live.remove(at);
        }
        let mut orders = if over {
            let (level, words) = result(&progress, &self.keymap.names(self.active).of("jobs"));
            self.say(level, words, now)
        } else {
            Vec::new()
        };
        orders.extend(self.tell_all(&Input::JobChanged(Arc::new(progress)), now));
        if over && matches!(self.overlay, Some(Overlay::Replays(_))) {
            orders.extend(self.list_replays(now));
        }
        orders.extend(self.leave_if_done());
        orders
    }

    /// Asks whether to leave while a replay is under way.
    pub(super) fn ask_to_leave(&mut self) -> Vec<Order> {
        if self.questions.iter().any(Question::is_leave) {
            return vec![Order::Quit];
        }
        let left: Vec<String> = self
            .replays
            .running()
            .map(|live| {
                let (done, total) = (count(live.progress.done), plural(live.progress.total, "entry", "entries"));
                format!("A replay of {total} of {} is under way: {done} are done.", live.replica)
            })
            .collect();
        let mut details = left;
        let jobs = self.keymap.names(self.active).of("jobs");
        details.push(format!(
            "Leaving ends it behind the entry in hand. Nothing is lost: {jobs}, then r resumes it later."
        ));
        let ask = Ask {
            question: "Leave robbie and end the replay?".into(),
            details,
            confirm: "Leave".into(),
            danger: false,
            type_the_name: None,
            then: Then::Leave,
        };
        self.questions.push_front(Question::new(CONSOLE, ask, Vec::new()));
        Vec::new()
    }

    /// Ends the replays, and leaves when they have.
    pub(super) fn leave_after_replays(&mut self, now: Now) -> Vec<Order> {
        self.leaving = true;
        let mut orders: Vec<Order> =
            self.replays.running().map(|live| Order::Replay(live.progress.job, Wish::Cancel)).collect();
        if orders.is_empty() {
            return self.leave(now);
        }
        let text = "the replay ends; robbie leaves then. Once more leaves at once.".to_owned();
        orders.extend(self.say(Level::Info, text, now));
        orders
    }

    /// Shows the replay under way, or the list where there is none.
    pub(super) fn show_replays(&mut self, now: Now) -> Vec<Order> {
        let open = self.replays.running().next().map(|live| live.progress.job);
        self.overlay = Some(Overlay::Replays(Box::new(View::new(open))));
        self.list_replays(now)
    }

    fn list_replays(&mut self, now: Now) -> Vec<Order> {
        self.ask_replica("jobs", "reading jobs", now, |services| async move {
            let read = async {
                let session = services.replica().session().await?;
                job::list(&session).await
            };
            Answer::Listed(read.await)
        })
    }

    fn ask_replica<F>(
        &mut self,
        kind: &'static str,
        label: &str,
        now: Now,
        work: impl FnOnce(Arc<Services>) -> F + Send + 'static,
    ) -> Vec<Order>
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let policy = if kind.is_empty() { Policy::Write } else { Policy::Read(kind) };
        let run = Box::new(move |services, _| -> futures_util::future::BoxFuture<'static, Word> {
            let answer = work(services);
            Box::pin(async move { Box::new(answer.await) as Word })
        });
        self.run(CONSOLE, Work { policy, label: label.to_owned(), run }, now)
    }

    /// What the replica answered.
    pub(super) fn replays_answered(&mut self, word: Word, now: Now) -> Vec<Order> {
        let Ok(answer) = word.downcast::<Answer>() else { return Vec::new() };
        let mut none = View::default();
        let view = match &mut self.overlay {
            Some(Overlay::Replays(view)) => view,
            // It was closed meanwhile.
            _ => &mut none,
        };
        let fault = match *answer {
            Answer::Listed(found) => {
                view.take_list(found.map_err(|fault| fault.to_string()));
                None
            }
            Answer::Standing(Ok(standing)) => {
                view.take_standing(standing);
                None
            }
            Answer::Resumed(Ok(job)) => {
                view.show(job);
                None
            }
            Answer::Cancelled(Ok(true)) => {
                return self.say(Level::Info, "its process was asked to end it".to_owned(), now);
            }
            Answer::Cancelled(Ok(false)) => return self.say(Level::Info, "it is over already".to_owned(), now),
            Answer::Standing(Err(fault)) | Answer::Resumed(Err(fault)) | Answer::Cancelled(Err(fault)) => Some(fault),
        };
        fault.map_or_else(Vec::new, |fault| {
            let remedy = fault.remedy.as_ref().map_or_else(String::new, |r| format!(". {r}"));
            self.say(Level::Bad, format!("{fault}{remedy}"), now)
        })
    }

    /// A key while the jobs are shown.
    pub(super) fn replays_key(&mut self, key: Chord, meaning: Option<Meaning>, now: Now) -> Vec<Order> {
        let Some(Overlay::Replays(view)) = &mut self.overlay else { return Vec::new() };
        let job = view.job(&self.replays);
        match (meaning, key.code) {
            (_, KeyCode::Esc) | (Some(Meaning::Global(Global::Quit | Global::Back)), _) => {
                if view.open.take().is_none() {
                    self.overlay = None;
                }
                Vec::new()
            }
            (Some(Meaning::Global(Global::Jobs)), _) => {
                self.overlay = None;
                Vec::new()
            }
            (Some(Meaning::Global(Global::PauseEngine | Global::PauseJob)), _) | (_, KeyCode::Char('p')) => {
                self.pause_replay(job, now)
            }
            (Some(Meaning::Global(Global::CancelJob)), _) | (_, KeyCode::Char('X')) => self.cancel_replay(job, now),
            (_, KeyCode::Char('r')) => self.resume_replay(job, now),
            (Some(Meaning::Global(Global::Move(step))), _) => self.replays_move(step, now),
            (_, KeyCode::Enter) => self.open_replay(now),
            _ => Vec::new(),
        }
    }

    /// Moves the cursor of the list, or what is shown of one.
    pub(super) fn replays_move(&mut self, step: Move, now: Now) -> Vec<Order> {
        let Some(Overlay::Replays(view)) = &mut self.overlay else { return Vec::new() };
        match step {
            Move::Right => return self.open_replay(now),
            Move::Left => _ = view.open.take(),
            step => view.step(step, &self.replays),
        }
        Vec::new()
    }

    /// A click in the list.
    pub(super) fn click_replays(&mut self, index: usize, double: bool, now: Now) -> Vec<Order> {
        if let Some(Overlay::Replays(view)) = &mut self.overlay {
            view.cursor = index;
        }
        if double { self.open_replay(now) } else { Vec::new() }
    }

    fn open_replay(&mut self, now: Now) -> Vec<Order> {
        let Some(Overlay::Replays(view)) = &mut self.overlay else { return Vec::new() };
        if view.open.is_some() {
            return Vec::new();
        }
        let Some(job) = view.job(&self.replays) else { return Vec::new() };
        view.show(job);
        if self.replays.get(job).is_some() {
            return Vec::new();
        }
        self.ask_replica("job", "reading the job", now, move |services| async move {
            let read = async {
                let session = services.replica().session().await?;
                job::progress(&session, job).await
            };
            Answer::Standing(read.await)
        })
    }

    /// Has a replay wait, or go on; without a name the one under way.
    pub(super) fn pause_replay(&mut self, job: Option<Uuid>, now: Now) -> Vec<Order> {
        let running = self.replays.running().find(|live| job.is_none_or(|job| live.progress.job == job));
        match running.map(|live| (live.progress.job, live.progress.state)) {
            Some((job, JobState::Paused)) => vec![Order::Replay(job, Wish::GoOn)],
            Some((job, _)) => vec![Order::Replay(job, Wish::Pause)],
            None => self.say(Level::Info, "no replay of this process is under way".to_owned(), now),
        }
    }

    /// Ends a replay; without a name the one under way. It can be resumed.
    pub(super) fn cancel_replay(&mut self, job: Option<Uuid>, now: Now) -> Vec<Order> {
        let running = self.replays.running().find(|live| job.is_none_or(|job| live.progress.job == job));
        if let Some(live) = running {
            return vec![Order::Replay(live.progress.job, Wish::Cancel)];
        }
        match job {
            Some(job) if self.replays.get(job).is_none() => {
                self.ask_replica("", "cancelling the job", now, move |services| async move {
                    Answer::Cancelled(job::cancel(&services.pair(), job).await)
                })
            }
            _ => self.say(Level::Info, "no replay is under way".to_owned(), now),
        }
    }

    fn resume_replay(&mut self, job: Option<Uuid>, now: Now) -> Vec<Order> {
        let Some(job) = job else { return Vec::new() };
        let state = match &self.overlay {
            Some(Overlay::Replays(view)) => view.state(job, &self.replays),
            _ => None,
        };
        match state {
            Some(JobState::Paused) => self.pause_replay(Some(job), now),
            Some(JobState::Interrupted | JobState::Cancelled | JobState::Stopped) => {
                self.ask_replica("", "resuming the job", now, move |services| async move {
                    let replica = services.links().replica.name;
                    let resumed = job::resume(&services.pair(), job).await;
                    Answer::Resumed(resumed.map(|handle| {
                        services.jobs().add(handle, replica);
                        job
                    }))
                })
            }
            _ => self.say(Level::Info, "there is nothing to resume: all its entries have an outcome".to_owned(), now),
        }
    }
}

/// How a replay ended, in words.
fn result(last: &Progress, jobs: &str) -> (Level, String) {
    let what = plural(last.total, "entry", "entries");
    let outcomes = words(&last.by_outcome.iter().map(|(o, n)| (o.name(), *n)).collect());
    let done = count(last.done);
    match last.state {
        JobState::Done if last.settled() == last.total => (Level::Ok, format!("{what} replayed: {outcomes}")),
        JobState::Done => (Level::Warn, format!("{what} replayed: {outcomes}; {jobs} shows what did not go through")),
        state => {
            let why = last.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            let weight = if state == JobState::Cancelled { Level::Info } else { Level::Bad };
            (weight, format!("the replay of {what} is {} after {done}{why}; {jobs}, then r resumes it", state.name()))
        }
    }
}

/// Counts with their names: `580 applied, 12 failed`.
pub fn words(counts: &BTreeMap<&str, u64>) -> String {
    let list: Vec<String> =
        counts.iter().map(|(name, n)| format!("{} {}", count(*n), name.replace('_', " "))).collect();
    if list.is_empty() { "nothing".to_owned() } else { list.join(", ") }
}
