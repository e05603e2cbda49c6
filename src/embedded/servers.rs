//! The two servers while somebody uses them: joined or started, kept up, and stopped by the last one out.

use super::lease::{self, Lease};
use super::progress::{Progress, Step};
use super::{Cluster, Connection, Home, Installation, folders, off_thread, watchdog};
use crate::postgres::{Fault, Kind, Side, Target};
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};

/// Both sides.
const SIDES: [Side; 2] = [Side::Master, Side::Replica];

/// How a pair is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Leave the servers running when the last user goes, until `robbie embedded stop`.
    pub keep: bool,
    /// Have the servers make sure that commits are on disk. Only data that may be lost can do without.
    pub fsync: bool,
    /// Stop the servers at once and remove everything when the owner goes, whoever else uses them.
    pub ephemeral: bool,
    /// The `robbie` program that watches; `None`: this one.
    pub watchdog: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { keep: false, fsync: true, ephemeral: false, watchdog: None }
    }
}

/// A pair in use. When this is dropped, or its process ends in whatever way, the watchdog stops the servers, unless
/// somebody else uses them or they are to be left running.
pub struct Servers {
    /// The master's database.
    pub master: Target,
    /// The replica's database.
    pub replica: Target,
    state: Arc<State>,
    watchdog: Option<Child>,
}

/// What threads that look after the servers share.
struct State {
    home: Home,
    fsync: bool,
    /// The servers that this process started: to be collected when they end.
    children: Mutex<HashMap<Side, Child>>,
    lease: Mutex<Option<Lease>>,
}

/// Starts the pair, or joins the one that runs, and returns when both servers let people in.
pub fn start_blocking(home: &Home, options: &Options, progress: &Progress) -> Result<Servers, Fault> {
    let home = home.prepare()?;
    let up = |side| Cluster::of(&home, side).running().is_some_and(|r| r.ready);
    // Fetching may take long; nobody else need wait for it.
    let installation =
        if SIDES.into_iter().all(up) { None } else { Some(Installation::find_or_fetch(&home, progress)?) };
    let lock = lease::lock_pair(&home)?;
    let (lease, watchdog) = if options.keep {
        lease::keep(&home, true)?;
        (None, None)
    } else {
        let program = match &options.watchdog {
            Some(program) => program.clone(),
            None => std::env::current_exe().map_err(|e| folders::fault("find", "robbie".as_ref(), e))?,
        };
        // The watchdog first: from here on nothing stays behind, whenever this process is killed.
        let lease = Lease::take(&home)?;
        let watchdog = watchdog::spawn(&program, &home, lease.path(), options.ephemeral)?;
        (Some(lease), Some(watchdog))
    };
    let state =
        State { home: home.clone(), fsync: options.fsync, children: Mutex::default(), lease: Mutex::new(lease) };
    let started = state.start_what_is_down(installation, progress);
    progress(&Step::Done);
    let servers = started.and_then(|()| {
        Ok(Servers {
            master: Cluster::of(&home, Side::Master).target()?,
            replica: Cluster::of(&home, Side::Replica).target()?,
            state: Arc::new(state),
            watchdog,
        })
    });
    drop(lock);
    if servers.is_err() && options.keep {
        release_kept(&home)?;
    }
    servers
}

impl State {
    /// Starts those servers that do not run, both at the same time. The lock must be held.
    fn start_what_is_down(&self, installation: Option<Installation>, progress: &Progress) -> Result<(), Fault> {
        let up = |side: &Side| Cluster::of(&self.home, *side).running().is_some_and(|r| r.ready);
        let down: Vec<Side> = SIDES.into_iter().filter(|side| !up(side)).collect();
        if down.is_empty() {
            return Ok(());
        }
        let installation = match installation {
            Some(installation) => installation,
            None => Installation::find_or_fetch(&self.home, progress)?,
        };
        // Once for both: made by one of two threads, it would for a moment belong to nobody the other expects.
        folders::private(&self.home.sockets(), self.home.account())?;
        let start = |side: Side| {
            let cluster = Cluster::of(&self.home, side);
            if !cluster.exists() {
                progress(&Step::Initialising(side));
                cluster.init(&installation)?;
            }
            progress(&Step::Starting(side));
            cluster.start(&installation, self.fsync)
        };
        let results: Vec<(Side, Result<Child, Fault>)> = std::thread::scope(|threads| {
            let running: Vec<_> = down.iter().map(|&side| (side, threads.spawn(move || start(side)))).collect();
            let broken = |_| Err(Fault::new(Kind::Local, "the thread that starts the server broke off"));
            running.into_iter().map(|(side, thread)| (side, thread.join().unwrap_or_else(broken))).collect()
        });
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        for (side, result) in results {
            if let Some(mut before) = children.insert(side, result?) {
                let _ = before.wait();
            }
        }
        Ok(())
    }
    /// Whether both servers run; collects those that ended.
    fn healthy(&self) -> bool {
        for child in self.children.lock().unwrap_or_else(PoisonError::into_inner).values_mut() {
            let _ = child.try_wait();
        }
        SIDES.into_iter().all(|side| Cluster::of(&self.home, side).running().is_some())
    }
    fn ensure(&self) -> Result<bool, Fault> {
        if self.healthy() {
            return Ok(false);
        }
        let _lock = lease::lock_pair(&self.home)?;
        self.start_what_is_down(None, &super::progress::silent).map(|()| true)
    }
}

impl Servers {
    /// Starts again what has ended (a server that was killed); whether there was anything to do. Cheap when there is
    /// not, so that it can be called every second.
    pub async fn ensure(&self) -> Result<bool, Fault> {
        let state = Arc::clone(&self.state);
        off_thread(move || state.ensure()).await
    }
    /// Where the pair lives.
    pub fn home(&self) -> &Home {
        &self.state.home
    }
    /// The database of a side, as the superuser.
    pub fn superuser(&self, side: Side) -> Result<Target, Fault> {
        Cluster::of(&self.state.home, side).superuser()
    }
    /// Gives the pair up and waits until it is stopped, unless somebody else uses it or it is to be left running.
    pub async fn stop(self) -> Result<(), Fault> {
        off_thread(move || self.stop_blocking()).await
    }
    /// [`stop`](Self::stop) for callers that may block.
    pub fn stop_blocking(mut self) -> Result<(), Fault> {
        drop(self.state.lease.lock().unwrap_or_else(PoisonError::into_inner).take());
        let Some(mut watchdog) = self.watchdog.take() else { return Ok(()) };
        // The watchdog does the stopping, so that it is done even if this process ends meanwhile.
        drop(watchdog.stdin.take());
        let _ = watchdog.wait();
        if let Some(side) = SIDES.into_iter().find(|&side| Cluster::of(&self.state.home, side).running().is_some())
            && !lease::kept(&self.state.home)
            && lease::holders(&self.state.home).is_empty()
        {
            return Err(Fault::new(Kind::Local, "the embedded server would not stop")
                .on(side)
                .remedy("see who is connected to it; robbie embedded stop"));
        }
        for mut child in self.state.children.lock().unwrap_or_else(PoisonError::into_inner).drain() {
            let _ = child.1.try_wait();
        }
        Ok(())
    }
    /// Leaves the servers running from now on, until `robbie embedded stop`.
    pub fn leave_running(&self) -> Result<(), Fault> {
        let _lock = lease::lock_pair(&self.state.home)?;
        lease::keep(&self.state.home, true)
    }
}

/// Stops the pair after its owner ended, unless somebody uses it or it is to be left running.
///
/// What is `ephemeral` is stopped and removed in any case.
pub(super) fn release(home: &Home, ephemeral: bool) -> Result<(), Fault> {
    let home = home.settled();
    if !home.leases().exists() {
        return Ok(());
    }
    {
        let _lock = lease::lock_pair(&home)?;
        if !ephemeral && (lease::kept(&home) || !lease::holders(&home).is_empty()) {
            return Ok(());
        }
        stop_both(&home, ephemeral);
    }
    if ephemeral {
        folders::remove(home.place())?;
        // The data folder itself, if nothing else is in it.
        let _ = home.base().parent().map(std::fs::remove_dir);
    }
    Ok(())
}

fn release_kept(home: &Home) -> Result<(), Fault> {
    let _lock = lease::lock_pair(home)?;
    lease::keep(home, false)?;
    if lease::holders(home).is_empty() {
        stop_both(home, false);
    }
    Ok(())
}

/// Stops the pair. The processes that use it, if any do: then it is not stopped, but the last of them will.
pub fn stop_blocking(home: &Home) -> Result<Vec<u32>, Fault> {
    let home = home.settled();
    if !home.leases().exists() {
        return Ok(Vec::new());
    }
    let _lock = lease::lock_pair(&home)?;
    lease::keep(&home, false)?;
    let users = lease::holders(&home);
    if users.is_empty() {
        stop_both(&home, false);
    }
    Ok(users)
}

fn stop_both(home: &Home, at_once: bool) {
    std::thread::scope(|threads| {
        for side in SIDES {
            threads.spawn(move || {
                let cluster = Cluster::of(home, side);
                if at_once { cluster.stop_at_once() } else { cluster.stop() }
            });
        }
    });
    folders::remove_private(&home.sockets(), home.account());
}

/// The databases of the pair, if both servers run.
pub fn running(home: &Home) -> Option<(Target, Target)> {
    let target = |side| {
        let cluster = Cluster::of(home, side);
        cluster.running().filter(|r| r.ready).and_then(|_| cluster.target().ok())
    };
    Some((target(Side::Master)?, target(Side::Replica)?))
}

/// How psql gets into the database of a side, as the ordinary role or as the superuser.
pub fn connection(home: &Home, side: Side, superuser: bool) -> Connection {
    Cluster::of(home, side).connection(superuser)
}

/// Stops the pair and removes its data, for good. The installation stays.
pub fn destroy(home: &Home) -> Result<(), Fault> {
    let home = home.settled();
    if !home.leases().exists() {
        return Ok(());
    }
    let _lock = lease::lock_pair(&home)?;
    if let Some(user) = lease::holders(&home).first() {
        return Err(Fault::new(Kind::Local, format!("the embedded pair is in use by process {user}"))
            .remedy("end that robbie first; nothing was removed"));
    }
    lease::keep(&home, false)?;
    stop_both(&home, true);
    for side in SIDES {
        folders::remove(&home.data(side))?;
        for file in [home.log(side), home.log(side).with_extension("log.1"), home.passwords(side)] {
            let _ = std::fs::remove_file(file);
        }
    }
    Ok(())
}

/// How the pair stands.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Status {
    /// The folder that is used.
    pub place: PathBuf,
    /// Why that is not the folder that was asked for, if it is another.
    pub note: Option<String>,
    /// The installation that is used, or would be; `None`: one would be fetched.
    pub installation: Option<Installation>,
    /// Whether the servers are left running when the last user goes.
    pub keep: bool,
    /// The processes that use the pair.
    pub users: Vec<u32>,
    /// The two servers.
    pub servers: Vec<ServerStatus>,
}

/// How one server stands.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ServerStatus {
    /// Which.
    pub side: Side,
    /// `running`, `starting`, `stopped`, or `absent` when it has no data yet.
    pub state: &'static str,
    /// Its process.
    pub pid: Option<u32>,
    /// Its socket.
    pub socket: PathBuf,
    /// The database the product works on.
    pub database: &'static str,
    /// Its data folder.
    pub data: PathBuf,
    /// Its log.
    pub log: PathBuf,
}

/// Looks how the pair stands. Changes nothing.
pub fn status(home: &Home) -> Result<Status, Fault> {
    let home = home.settled();
    let server = |side| {
        let cluster = Cluster::of(&home, side);
        let running = cluster.running();
        ServerStatus {
            side,
            state: match &running {
                Some(r) if r.ready => "running",
                Some(_) => "starting",
                None if cluster.exists() => "stopped",
                None => "absent",
            },
            pid: running.map(|r| r.pid),
            socket: cluster.socket(),
            database: cluster.database(),
            data: home.data(side),
            log: home.log(side),
        }
    };
    let users = if home.leases().exists() {
        let _lock = lease::lock_pair(&home)?;
        lease::holders(&home)
    } else {
        Vec::new()
    };
    Ok(Status {
        place: home.place().to_owned(),
        note: home.moved(),
        installation: Installation::find(&home)?,
        keep: lease::kept(&home),
        users,
        servers: SIDES.into_iter().map(server).collect(),
    })
}
