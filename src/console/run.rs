//! The loop: one queue in, drained, then one draw. Nothing in it waits on a network.

use super::chrome;
use super::input::Keyboard;
use super::jobs::{Tasks, spawn};
use super::screen::Screen;
use super::shell::jobs::PATIENCE;
use super::shell::{Event, Order, Setup, Shell, Timer, Wish};
use super::signals::Signals;
use super::terminal::{Terminal, local};
use super::{clipboard, editor};
use crate::postgres::Fault;
use crate::settings::Environment;
use crate::sync::EngineHandle;
use crate::ui::pane::{Level, Now};
use crate::ui::services::Services;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;
use uuid::Uuid;

/// How the console ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The user left.
    Quit,
    /// A signal asked it to.
    Signal(i32),
}

/// What the loop needs beside the shell.
pub struct Surroundings {
    /// Editor, clipboard, kind of terminal.
    pub environment: Environment,
    /// The configuration file.
    pub config: PathBuf,
}

struct Loop {
    shell: Shell,
    terminal: Terminal,
    screen: Screen,
    tasks: Tasks,
    queue: UnboundedSender<Event>,
    inbox: UnboundedReceiver<Event>,
    keyboard: Option<Keyboard>,
    timers: HashMap<Timer, Instant>,
    services: Option<Arc<Services>>,
    environment: Environment,
    config: PathBuf,
    started: Instant,
    /// Whether something happened since the last draw.
    dirty: bool,
    /// The switch to our screen, until the first frame takes it along.
    prologue: Vec<u8>,
}

/// Runs the console: the first frame is on the screen before `start` (which makes the connections) is begun.
pub async fn run<F>(setup: Setup, surroundings: Surroundings, start: F) -> Result<Ended, Fault>
where
    F: Future<Output = Result<Services, Fault>> + Send + 'static,
{
    // Before the terminal is ours: from then on no signal may end us without giving it back.
    let mut signals = Signals::listen().map_err(|e| local("signals cannot be received", e))?;
    let terminal = Terminal::take(setup.mouse)?;
    let size = Terminal::size();
    let (queue, inbox) = unbounded_channel();
    let term = surroundings.environment.get("TERM").unwrap_or_default();
    let prologue = terminal.entering();
    let mut this = Loop {
        shell: Shell::new(Setup { size, ..setup }),
        screen: Screen::new(Rect::from((ratatui::layout::Position::ORIGIN, size)), !term.starts_with("screen")),
        terminal,
        tasks: Tasks::new(queue.clone()),
        queue,
        inbox,
        keyboard: None,
        timers: HashMap::from([(Timer::Spinner, Instant::now() + PATIENCE)]),
        services: None,
        environment: surroundings.environment,
        config: surroundings.config,
        started: Instant::now(),
        dirty: true,
        prologue,
    };
    this.draw()?;
    this.keyboard = Some(Keyboard::open(this.queue.clone()).map_err(|e| local("the keyboard cannot be read", e))?);
    let start = spawn(start);
    let ended = this.turn(&mut signals, start).await;
    this.terminal.leave();
    ended
}

impl Loop {
    fn now(&self) -> Now {
        Now { uptime: self.started.elapsed(), wall: SystemTime::now() }
    }

    async fn turn(
        &mut self,
        signals: &mut Signals,
        mut start: tokio::task::JoinHandle<Result<Services, Fault>>,
    ) -> Result<Ended, Fault> {
        let mut starting = true;
        loop {
            let deadline = self.timers.values().min().copied();
            tokio::select! {
                biased;
                signal = signals.next() => match signal {
                    Some(number) => return Ok(Ended::Signal(number)),
                    None => self.continued()?,
                },
                Some(event) = self.inbox.recv() => if let Some(ended) = self.take(event)? { return Ok(ended) },
                result = &mut start, if starting => {
                    starting = false;
                    if let Some(ended) = self.begin(result)? { return Ok(ended) }
                }
                () = sleep_until(deadline) => if let Some(ended) = self.ring()? { return Ok(ended) },
            }
            while let Ok(event) = self.inbox.try_recv() {
                if let Some(ended) = self.take(event)? {
                    return Ok(ended);
                }
            }
            self.draw()?;
            // A pane that learned its size from this frame may look different in the next. It settles at once.
            for _ in 0..3 {
                self.draw()?;
            }
        }
    }

    /// One event from the queue.
    fn take(&mut self, event: Event) -> Result<Option<Ended>, Fault> {
        match event {
            Event::TerminalGone => Ok(Some(Ended::Signal(super::signals::HANG_UP))),
            event => self.apply(event),
        }
    }

    /// The services are there, or the reason why they are not.
    fn begin(
        &mut self,
        result: Result<Result<Services, Fault>, tokio::task::JoinError>,
    ) -> Result<Option<Ended>, Fault> {
        let event = match result {
            Ok(Ok(services)) => {
                let services = Arc::new(services);
                self.services = Some(Arc::clone(&services));
                super::watch::links(&services, &self.queue);
                super::watch::engine(&services, &self.queue);
                super::watch::replays(&services, &self.queue);
                Event::Ready {
                    profile: services.profile.clone(),
                    links: Arc::new(services.links()),
                    replicas: services.replicas().len(),
                    engine: services.engine().is_some(),
                }
            }
            Ok(Err(fault)) => Event::Failed { message: fault.to_string(), remedy: fault.remedy },
            Err(error) => Event::Failed { message: format!("a defect of robbie: {error}"), remedy: None },
        };
        self.apply(event)
    }

    fn ring(&mut self) -> Result<Option<Ended>, Fault> {
        let now = Instant::now();
        let due: Vec<Timer> = self.timers.iter().filter(|(_, at)| **at <= now).map(|(timer, _)| *timer).collect();
        for timer in due {
            self.timers.remove(&timer);
            if let Some(ended) = self.apply(Event::Timer(timer))? {
                return Ok(Some(ended));
            }
        }
        Ok(None)
    }

    /// Changes the state by an event and carries its orders out; whether to leave.
    fn apply(&mut self, event: Event) -> Result<Option<Ended>, Fault> {
        self.dirty = true;
        let orders = self.shell.update(event, self.now());
        self.carry_out(orders)
    }

    fn carry_out(&mut self, orders: Vec<Order>) -> Result<Option<Ended>, Fault> {
        for order in orders {
            match order {
                Order::Spawn(question, work) => match &self.services {
                    Some(services) => self.tasks.start(question, work, services),
                    None => _ = self.queue.send(Event::Broke(question, "asked for before there were links".to_owned())),
                },
                Order::Abort(question) => self.tasks.abort(question),
                Order::Wake(timer, after) => _ = self.timers.insert(timer, Instant::now() + after.max(SHORTEST_TIMER)),
                Order::Sleep(timer) => _ = self.timers.remove(&timer),
                Order::Copy(text) => self.copy(text),
                Order::CopyByTerminal(bytes) => Terminal::write(&bytes).map_err(gone)?,
                Order::Edit { pane, tag, initial, extension } => self.edit(pane, tag, &initial, extension)?,
                Order::EditConfig => self.edit_config()?,
                Order::Mouse(on) => self.terminal.set_mouse(on).map_err(gone)?,
                Order::Redraw => self.screen.forget(),
                Order::Suspend => self.suspend()?,
                Order::WakeEngine => self.engine(EngineHandle::wake),
                Order::PauseEngine(true) => self.engine(EngineHandle::pause),
                Order::PauseEngine(false) => self.engine(EngineHandle::resume),
                Order::Replay(job, wish) => self.replay(job, wish),
                Order::NextReplica => self.next_replica(),
                Order::Quit => return Ok(Some(Ended::Quit)),
            }
        }
        Ok(None)
    }

    fn engine(&self, f: impl FnOnce(&EngineHandle)) {
        if let Some(engine) = self.services.as_ref().and_then(|s| s.engine()) {
            f(engine);
        }
    }

    fn replay(&self, job: Uuid, wish: Wish) {
        if let Some(handle) = self.services.as_ref().and_then(|services| services.jobs().get(job)) {
            match wish {
                Wish::Pause => handle.pause(),
                Wish::GoOn => handle.resume(),
                Wish::Cancel => handle.cancel(),
            }
        }
    }

    fn next_replica(&mut self) {
        if let Some(services) = &self.services {
            services.show_next();
            let _ = self.queue.send(Event::Switched(Arc::new(services.links())));
        }
    }

    fn copy(&mut self, text: String) {
        let (queue, environment) = (self.queue.clone(), self.environment.clone());
        spawn(async move {
            let event = if clipboard::native(&environment, &text).await {
                Event::Say(Level::Ok, format!("copied, {} characters", text.chars().count()))
            } else {
                Event::CopyByTerminal(text)
            };
            let _ = queue.send(event);
        });
    }

    /// Lets the user edit a text of a pane.
    fn edit(&mut self, pane: usize, tag: &'static str, initial: &str, extension: &str) -> Result<(), Fault> {
        let result = self.outside(|editor| editor::edit(editor, initial, extension))?;
        let text = result.unwrap_or_else(|fault| {
            let _ = self.queue.send(Event::Say(Level::Bad, fault.to_string()));
            None
        });
        let _ = self.queue.send(Event::Edited { pane, tag, text });
        Ok(())
    }

    /// Lets the user edit the configuration; it is read at the next start.
    fn edit_config(&mut self) -> Result<(), Fault> {
        let path = self.config.clone();
        let said = match self.outside(|editor| editor::edit_file(editor, &path))? {
            Ok(true) => (Level::Ok, "config.toml is changed; it is read at the next start".to_owned()),
            Ok(false) => (Level::Info, "config.toml is as it was".to_owned()),
            Err(fault) => (Level::Bad, fault.to_string()),
        };
        let _ = self.queue.send(Event::Say(said.0, said.1));
        Ok(())
    }

    /// Gives the terminal to someone else while `work` runs; nobody here reads keys meanwhile.
    fn outside<T>(&mut self, work: impl FnOnce(Option<&str>) -> T) -> Result<T, Fault> {
        if let Some(keyboard) = &self.keyboard {
            keyboard.pause();
        }
        self.terminal.leave();
        let result = work(self.environment.editor());
        self.terminal.enter().map_err(gone)?;
        if let Some(keyboard) = &self.keyboard {
            keyboard.resume();
        }
        self.resized();
        Ok(result)
    }

    fn suspend(&mut self) -> Result<(), Fault> {
        self.terminal.leave();
        super::signals::stop();
        self.terminal.enter().map_err(gone)?;
        self.resized();
        Ok(())
    }

    /// The process was stopped and goes on: take the terminal again, whoever stopped it.
    fn continued(&mut self) -> Result<(), Fault> {
        self.terminal.enter().map_err(gone)?;
        self.resized();
        self.apply(Event::Continued).map(|_| ())
    }

    fn resized(&mut self) {
        self.screen.forget();
        let size = Terminal::size();
        let _ = self.queue.send(Event::Resize(size));
    }

    fn draw(&mut self) -> Result<(), Fault> {
        if !std::mem::take(&mut self.dirty) {
            return Ok(());
        }
        let now = self.now();
        let mut buffer = Buffer::empty(Rect::from((ratatui::layout::Position::ORIGIN, self.shell.size)));
        let frame = chrome::draw(&mut self.shell, &mut buffer, now);
        let mut bytes = std::mem::take(&mut self.prologue);
        bytes.extend(self.screen.paint(buffer, frame.cursor));
        Terminal::write(&bytes).map_err(gone)?;
        if let Some(orders) = self.shell.settle(frame.zones, &frame.viewports, frame.pane, now) {
            self.dirty = true;
            self.carry_out(orders)?;
        }
        Ok(())
    }
}

fn gone(error: std::io::Error) -> Fault {
    local("the terminal is gone", error)
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// No timer of a pane is shorter, lest a defect turns into a busy loop.
const SHORTEST_TIMER: Duration = Duration::from_millis(10);
