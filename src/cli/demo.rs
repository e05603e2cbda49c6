//! `robbie demo`: the embedded pair, migrated, filled with sample data, syncing, and looked at.

use super::{Exit, Global, Invocation, output, status};
use crate::embedded::{self, Home, Options, Servers, progress};
use crate::health;
use crate::postgres::{Fault, Kind, Pair, Side, Target};
use crate::sample::{self, Found, Seeded};
use crate::schema::{self, Schema};
use crate::settings::Settings;
use crate::sync::{Engine, EngineOptions};
use clap::Args;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

/// How long the one cycle may take that is done without a terminal.
const PATIENCE: Duration = Duration::from_secs(30);

/// Arguments of `robbie demo`.
#[derive(Args, Clone, Copy, Debug)]
pub struct DemoArgs {
    /// Write nothing by itself while the console is open.
    #[arg(long)]
    pub quiet: bool,
    /// Remove the demo's data and start over.
    #[arg(long)]
    pub reset: bool,
}

/// Runs `robbie demo`: in a terminal the console; else one cycle and the status report.
pub async fn run(args: DemoArgs, global: &Global) -> Result<Exit, Fault> {
    if global.master.is_some() || !global.replica.is_empty() || global.profile.is_some() {
        return Err(Fault::new(Kind::Settings, "the demo has databases of its own and takes no others")
            .remedy("`robbie --master URL --replica URL` opens the console on yours"));
    }
    if global.read_only {
        return Err(Fault::new(Kind::Settings, "the demo fills its databases and cannot be read-only")
            .remedy("`robbie embedded start`, then `robbie --read-only`"));
    }
    let invocation = Invocation::new(global)?;
    let home = Home::of_user(&invocation.settings.home, &invocation.settings.environment)?;
    #[cfg(feature = "tui")]
    if interactive(global.json) {
        return Box::pin(on_screen::run(args, &invocation.settings, home)).await;
    }
    tokio::select! {
        done = Box::pin(report(args, &invocation.settings, home, global.json)) => done,
        // The servers need no help: the watchdog stops them when this process has gone.
        number = asked_to_end() => Ok(Exit::Signalled(number)),
    }
}

/// Whether somebody sits there: both ends must be a terminal.
#[cfg(feature = "tui")]
fn interactive(json: bool) -> bool {
    !json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Returns the number of the signal that asks this process to end.
async fn asked_to_end() -> i32 {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    async fn next(signal: &mut std::io::Result<Signal>) {
        match signal {
            Ok(signal) => _ = signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    }
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [mut int, mut term, mut hup] = kinds.map(signal);
    tokio::select! {
        () = next(&mut int) => kinds[0].as_raw_value(),
        () = next(&mut term) => kinds[1].as_raw_value(),
        () = next(&mut hup) => kinds[2].as_raw_value(),
    }
}

/// One cycle, then the report of `robbie status`.
async fn report(args: DemoArgs, settings: &Settings, home: Home, json: bool) -> Result<Exit, Fault> {
    let say = |step: &str| output::note(format!("demo: {step}"));
    let servers = start(args, home, Arc::new(progress::on_stderr()), &say).await?;
    let pair = Pair::new(servers.master.clone(), servers.replica.clone());
    if sample::seed(&pair, &say).await? == Seeded::Before {
        say("the data of last time are still there (`robbie demo --reset` starts over)");
    }
    say("one cycle");
    let options =
        EngineOptions { interval: settings.interval.value, keep: settings.keep.value, ..EngineOptions::default() };
    let engine = Engine::start(pair.clone(), options);
    // It ends with a cycle or with its fault, which the report names; a lost server does neither.
    let mut engine_status = engine.status();
    let over = engine_status.wait_for(|s| s.cycles > 0 || s.held_by.is_some());
    let over = tokio::time::timeout(PATIENCE, over).await.is_ok();
    let report = health::together(health::read_all(std::slice::from_ref(&pair)).await);
    let colour = settings.color.value && std::io::stdout().is_terminal();
    let shown = status::print(&report, json, colour);
    engine.stop().await;
    servers.stop().await?;
    if !over {
        return Err(Fault::new(Kind::Other, format!("no cycle was done within {} s", PATIENCE.as_secs())));
    }
    shown.map(|()| status::exit(&report))
}

/// Starts the servers and migrates both databases; `say` is told each step. Data of others are refused.
async fn start(
    args: DemoArgs,
    home: Home,
    progress: Arc<embedded::Progress>,
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<Servers, Fault> {
    let mut servers = embedded::start(home.clone(), Options::default(), Arc::clone(&progress)).await?;
    if args.reset {
        refuse_to_lose_others(&servers).await?;
        say("removing the data of last time");
        servers.stop().await?;
        let old = home.clone();
        let removed = tokio::task::spawn_blocking(move || embedded::destroy(&old)).await;
        removed.unwrap_or_else(|e| Err(Fault::new(Kind::Local, "removing the old data broke off").because(e)))?;
        servers = embedded::start(home, Options::default(), progress).await?;
    }
    tokio::try_join!(migrate(&servers.master, say), migrate(&servers.replica, say))?;
    if sample::look(&Pair::new(servers.master.clone(), servers.replica.clone())).await? == Found::Other {
        return Err(sample::others_data());
    }
    Ok(servers)
}

/// A pair that somebody uses for data of their own is not removed.
async fn refuse_to_lose_others(servers: &Servers) -> Result<(), Fault> {
    let pair = Pair::new(servers.master.clone(), servers.replica.clone());
    match sample::look(&pair).await {
        Ok(Found::Other) => {
            Err(Fault::new(Kind::Settings, "the embedded pair holds data that is not the demo's; nothing was removed")
                .remedy("`robbie embedded destroy` removes it all the same"))
        }
        // A database that lacks the tables was never migrated, and holds nothing of ours or theirs.
        Err(fault) if fault.sqlstate.as_deref() != Some("42P01") => Err(fault),
        _ => Ok(()),
    }
}

async fn migrate(target: &Target, say: &(dyn Fn(&str) + Send + Sync)) -> Result<(), Fault> {
    let side = target.side;
    let link = crate::postgres::Link::new(target.clone());
    let mut client = link.dedicated("migrations").await?;
    let report = schema::migrate(&mut client, side, Schema::of(side), schema::Mode::Apply).await?;
    if report.changed() > 0 {
        let what = if side == Side::Master { "unified schema" } else { "Smart Robbie schema" };
        say(&format!("migrated the {side}: {what}, {} files", report.changed()));
    }
    Ok(())
}

#[cfg(feature = "tui")]
mod on_screen {
    //! The console on the demo's pair. The first frame does not wait for the servers.

    use super::{
        Arc, DemoArgs, Duration, Engine, EngineOptions, Exit, Fault, Home, Pair, Servers, Settings, progress, sample,
        start,
    };
    use crate::console::{self, Ended};
    use crate::embedded::{Installation, Step};
    use crate::sample::{Pace, Workload};
    use crate::sync::EngineHandle;
    use crate::ui::services::Services;
    use std::sync::OnceLock;
    use tokio::sync::Mutex;
    use tokio_util::sync::CancellationToken;

    /// How often it is looked whether a server was killed.
    const LOOK_EVERY: Duration = Duration::from_secs(1);

    /// What was started and must be stopped.
    struct Started {
        servers: Servers,
        engine: Arc<EngineHandle>,
        /// There when the data are.
        workload: Arc<OnceLock<Workload>>,
    }

    pub(super) async fn run(args: DemoArgs, settings: &Settings, home: Home) -> Result<Exit, Fault> {
        fetch(home.clone()).await?;
        let (setup, surroundings) = console::prepare(settings)?;
        let profile = setup.profile.clone();
        let interval = settings.interval.value;
        let place: Arc<Mutex<Option<Started>>> = Arc::default();
        let leave = CancellationToken::new();

        let (filled, left) = (Arc::clone(&place), leave.clone());
        let begin = async move {
            // Held until everything is there: whoever stops it waits for that.
            let mut filled = filled.lock_owned().await;
            let started = tokio::select! {
                biased;
                () = left.cancelled() => return Err(Fault::new(crate::postgres::Kind::Other, "left while starting")),
                started = all(args, home, interval) => started?,
            };
            let pair = Pair::new(started.servers.master.clone(), started.servers.replica.clone());
            let services = Services::new(profile, pair.master, vec![pair.replica]);
            let services = services.with_engine(Some(Arc::clone(&started.engine)));
            *filled = Some(started);
            Ok(services)
        };
        let ended = tokio::select! {
            ended = console::run(setup, surroundings, begin) => ended,
            never = keep_up(&place) => match never {},
        };
        leave.cancel();
        let stopped = match place.lock().await.take() {
            Some(started) => stop(started).await,
            None => Ok(()),
        };
        let exit = match ended? {
            Ended::Quit => Exit::Done,
            Ended::Signal(number) => Exit::Signalled(number),
        };
        stopped.map(|()| exit)
    }

    /// Fetches PostgreSQL if there is none yet, while the terminal still is an ordinary one: it takes a while.
    async fn fetch(home: Home) -> Result<(), Fault> {
        let found = tokio::task::spawn_blocking(move || {
            let say = progress::on_stderr();
            let found = Installation::find_or_fetch(&home, &say);
            say(&Step::Done);
            found
        });
        found
            .await
            .unwrap_or_else(|e| Err(Fault::new(crate::postgres::Kind::Local, "the fetching broke off").because(e)))?;
        Ok(())
    }

    /// Starts the servers, and with them everything that may take its time: both sides are shown before they are filled.
    async fn all(args: DemoArgs, home: Home, interval: Duration) -> Result<Started, Fault> {
        let log = |step: &str| tracing::info!("demo: {step}");
        let servers = start(args, home, Arc::new(progress::silent), &log).await?;
        let pair = Pair::new(servers.master.clone(), servers.replica.clone());
        let workload: Arc<OnceLock<Workload>> = Arc::default();
        let (to_fill, to_start) = (pair.clone(), Arc::clone(&workload));
        let fill = async move {
            sample::seed(&to_fill, &log).await?;
            if !args.quiet {
                let _ = to_start.set(Workload::start(to_fill, Pace::default())?);
            }
            Ok(())
        };
        let engine = Engine::start_after(pair, EngineOptions { interval, ..EngineOptions::default() }, fill);
        Ok(Started { servers, engine: Arc::new(engine), workload })
    }

    /// Starts a server again that was killed.
    async fn keep_up(place: &Mutex<Option<Started>>) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            // Not while it is being filled: nobody waits for this.
            let Ok(started) = place.try_lock() else { continue };
            if let Some(started) = &*started {
                match started.servers.ensure().await {
                    Ok(true) => tracing::warn!("demo: an embedded server had ended and was started again"),
                    Ok(false) => {}
                    Err(fault) => tracing::warn!(%fault, "demo: an embedded server cannot be started again"),
                }
            }
        }
    }

    async fn stop(started: Started) -> Result<(), Fault> {
        // Dropped by whoever has it last, each of them stops by itself.
        if let Some(engine) = Arc::into_inner(started.engine) {
            engine.stop().await;
        }
        if let Some(workload) = Arc::into_inner(started.workload).and_then(OnceLock::into_inner) {
            workload.stop().await;
        }
        started.servers.stop().await
    }
}
