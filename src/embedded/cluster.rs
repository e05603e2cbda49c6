//! One server with its data folder: made, started, stopped, found again.

use super::account::{give, run_as};
use super::credentials::{Credentials, OWNER, SUPERUSER};
use super::{Home, Installation, folders, process};
use crate::postgres::{Fault, Kind, Side, Target};
use nix::sys::signal::Signal;
use postgres_protocol::password::scram_sha_256;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to come up: a crash recovery reads what was written since the last checkpoint.
const START: Duration = Duration::from_mins(1);
/// How long a server may take to end in good order, and then at once.
const STOP: Duration = Duration::from_secs(20);
/// How long ended processes may take to be gone.
const GONE: Duration = Duration::from_secs(5);
/// How often the state is looked at while waiting.
const TICK: Duration = Duration::from_millis(5);

/// One of the two clusters of a home.
#[derive(Clone, Debug)]
pub struct Cluster {
    home: Home,
    side: Side,
}

/// A server that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its process.
    pub pid: u32,
    /// Whether it lets people in yet.
    pub ready: bool,
}

/// What a program of PostgreSQL needs to get in.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The folder of the sockets.
    pub host: PathBuf,
    /// The number in the socket's name.
    pub port: u16,
    /// The role.
    pub user: &'static str,
    /// The file with the passwords, which only the caller can read.
    pub passwords: PathBuf,
}

impl Cluster {
    /// The cluster of `side`.
    pub fn of(home: &Home, side: Side) -> Self {
        Self { home: home.settled(), side }
    }
    /// Whether its data folder is there.
    pub fn exists(&self) -> bool {
        self.data().join("PG_VERSION").exists()
    }
    /// The database in it that the product works on.
    pub fn database(&self) -> &'static str {
        match self.side {
            Side::Master => "aurora_unified",
            Side::Replica => "robbieverse",
        }
    }
    /// The number in the name of its socket. No TCP port of that number is opened.
    pub fn port(&self) -> u16 {
        match self.side {
            Side::Master => 5432,
            Side::Replica => 5433,
        }
    }
    /// The file of its socket.
    pub fn socket(&self) -> PathBuf {
        self.home.sockets().join(format!(".s.PGSQL.{}", self.port()))
    }
    /// The server, if it runs.
    pub fn running(&self) -> Option<Running> {
        let text = std::fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        let ready = lines.nth(6).is_some_and(|status| status.starts_with("ready")) && self.socket().exists();
        process::carries(pid, &self.mark()).then_some(Running { pid, ready })
    }
    /// Every process of the cluster, also of one whose postmaster is gone.
    pub fn processes(&self) -> Vec<u32> {
        process::all(&self.mark())
    }
    /// Where the product finds its database, as the ordinary role.
    pub fn target(&self) -> Result<Target, Fault> {
        Ok(self.target_as(OWNER, &Credentials::read(&self.home, self.side)?.owner))
    }
    /// The same database, as the superuser.
    pub fn superuser(&self) -> Result<Target, Fault> {
        Ok(self.target_as(SUPERUSER, &Credentials::read(&self.home, self.side)?.superuser))
    }
    /// How psql gets in, as the ordinary role or as the superuser.
    pub fn connection(&self, superuser: bool) -> Connection {
        Connection {
            host: self.home.sockets(),
            port: self.port(),
            user: if superuser { SUPERUSER } else { OWNER },
            passwords: self.home.passwords(self.side),
        }
    }
    fn target_as(&self, role: &str, password: &str) -> Target {
        let mut config = tokio_postgres::Config::new();
        config.host_path(self.home.sockets()).port(self.port()).dbname(self.database()).user(role).password(password);
        Target::new(self.side, self.side.to_string(), config)
    }

    /// Makes the data folder with its roles and its database, completely or not at all. The lock must be held.
    pub fn init(&self, installation: &Installation) -> Result<(), Fault> {
        let account = self.home.account();
        // The mark is in the folder's name, and so in the command lines of what works on it.
        let fresh = self.home.place().join(format!("{}.new", self.mark()));
        let secret = self.home.place().join(format!("{}.password", self.mark()));
        self.end_all();
        // What a killed initdb had called ends by itself, but may be writing still.
        wait_until(GONE, || folders::remove(&fresh).is_ok());
        folders::remove(&fresh)?;
        let credentials = Credentials::random()?;
        folders::private(&fresh, account)?;
        let made = folders::write_secret(&secret, &credentials.superuser).and_then(|()| {
            give(&secret, account).map_err(|e| folders::fault("give away", &secret, e))?;
            let mut initdb = self.command(installation, "initdb");
            initdb.arg("-D").arg(&fresh).arg("--pwfile").arg(&secret).args([
                "--no-sync",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--username",
                SUPERUSER,
            ]);
            // Unicode's rules for letters: from 17 on they are built in; before, they are the system's.
            if installation.major >= 17 {
                initdb.args(["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]);
            } else {
                initdb.arg(if cfg!(target_os = "macos") { "--lc-ctype=UTF-8" } else { "--lc-ctype=C.UTF-8" });
            }
            self.done(initdb.output(), "initdb")
        });
        let _ = std::fs::remove_file(&secret);
        made?;
        self.furnish(installation, &fresh, &credentials)?;
        credentials.write(&self.home, self.side)?;
        let data = self.data();
        std::fs::rename(&fresh, &data).map_err(|e| folders::fault("rename", &fresh, e))
    }
    /// Creates the extension, the ordinary role and its database with a server that nobody can connect to.
    ///
    /// The extension is in the template, so that databases made later have it without asking a superuser.
    fn furnish(
        &self,
        installation: &Installation,
        data: &std::path::Path,
        credentials: &Credentials,
    ) -> Result<(), Fault> {
        let verifier = scram_sha_256(credentials.owner.as_bytes());
        let database = self.database();
        let script = format!(
            "create extension vector;\n\n\
             create role {OWNER} login password '{verifier}';\n\n\
             create database {database} owner {OWNER};\n\n"
        );
        let mut server = self.command(installation, "postgres");
        server.args(["--single", "-j", "-F", "-c", "exit_on_error=on", "-c", "log_min_messages=error"]);
        server.arg("-D").arg(data).arg("template1");
        let mut run = || -> std::io::Result<Output> {
            let mut child = server.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
            if let Some(mut input) = child.stdin.take() {
                input.write_all(script.as_bytes())?;
            }
            child.wait_with_output()
        };
        self.done(run(), "postgres --single")
    }

    /// Starts the server and waits until it lets people in. The lock must be held, the folder of the sockets be there,
    /// and the server not running.
    pub fn start(&self, installation: &Installation, fsync: bool) -> Result<Child, Fault> {
        let since = Instant::now();
        loop {
            match self.start_once(installation, fsync) {
                // A killed process gives its memory back a little after it is gone from the list of processes.
                Err(_) if since.elapsed() < GONE && self.last_words().contains("shared memory block") => {
                    std::thread::sleep(20 * TICK);
                }
                started => return started,
            }
        }
    }
    fn start_once(&self, installation: &Installation, fsync: bool) -> Result<Child, Fault> {
        self.clear_remains()?;
        let log = self.home.log(self.side);
        let output = folders::fresh_log(&log)?;
        let mut server = self.command(installation, "postgres");
        server.arg("-D").arg(self.data());
        for setting in self.settings(fsync) {
            server.arg("-c").arg(setting);
        }
        let copy = output.try_clone().map_err(|e| folders::fault("write", &log, e))?;
        let mut child = server
            .stdin(Stdio::null())
            .stdout(copy)
            .stderr(output)
            // Out of reach of the terminal's signals: an interrupt is for robbie.
            .process_group(0)
            .spawn()
            .map_err(|e| self.fault(format!("cannot run {}: {e}", installation.program("postgres").display())))?;
        let since = Instant::now();
        while since.elapsed() < START {
            if self.running().is_some_and(|r| r.ready && r.pid == child.id()) {
                return Ok(child);
            }
            if let Ok(Some(status)) = child.try_wait() {
                return Err(self.fault(format!("the server ended while starting ({status}): {}", self.last_words())));
            }
            std::thread::sleep(TICK);
        }
        self.stop();
        let _ = child.wait();
        Err(self.fault(format!("the server was not up after {} s: {}", START.as_secs(), self.last_words())))
    }
    fn settings(&self, fsync: bool) -> Vec<String> {
        let mut settings = vec![
            format!("cluster_name={}", self.mark()),
            "listen_addresses=".into(),
            format!("unix_socket_directories={}", self.home.sockets().display()),
            "unix_socket_permissions=0700".into(),
            format!("port={}", self.port()),
            "logging_collector=off".into(),
            "log_destination=stderr".into(),
            "log_line_prefix=%m [%p] %q%u@%d ".into(),
            "timezone=UTC".into(),
            "log_timezone=UTC".into(),
            "password_encryption=scram-sha-256".into(),
            "max_connections=100".into(),
            "shared_buffers=32MB".into(),
            "max_wal_size=256MB".into(),
            // Small data on a small machine: neither pays, and shared memory may be short in a container.
            "jit=off".into(),
            "max_parallel_workers_per_gather=0".into(),
            "max_parallel_maintenance_workers=0".into(),
            // Not in /dev/shm, from which some systems clear a user's files when he logs out.
            "dynamic_shared_memory_type=mmap".into(),
        ];
        if !fsync {
            settings.extend(["fsync=off", "full_page_writes=off"].map(Into::into));
        }
        settings
    }

    /// Ends the server in good order, or at once if it will not, and everything else that works on the data folder.
    pub fn stop(&self) {
        self.signal_and_wait(Signal::SIGINT);
        self.stop_at_once();
    }
    /// Ends the server at once: the next start recovers from its log.
    pub fn stop_at_once(&self) {
        self.signal_and_wait(Signal::SIGQUIT);
        self.end_all();
    }
    fn signal_and_wait(&self, signal: Signal) {
        if let Some(server) = self.running() {
            process::send(server.pid, signal);
            wait_until(STOP, || !process::carries(server.pid, &self.mark()));
        }
    }
    /// Ends all processes of the cluster: what a killed postmaster or a killed start left behind.
    fn end_all(&self) {
        for signal in [Signal::SIGQUIT, Signal::SIGKILL] {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            for pid in left {
                process::send(pid, signal);
            }
            wait_until(GONE, || self.processes().is_empty());
        }
    }
    /// Removes what says that a server runs which does not.
    ///
    /// PostgreSQL judges by the process number alone, and refuses to start while a process has that number: a dead one
    /// that nobody collected, or a stranger. Here it is sure that no process of the cluster is left.
    fn clear_remains(&self) -> Result<(), Fault> {
        self.end_all();
        let lock = self.socket().with_file_name(format!(".s.PGSQL.{}.lock", self.port()));
        for path in [self.data().join("postmaster.pid"), self.socket(), lock] {
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(folders::fault("remove", &path, e)),
                _ => {}
            }
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.home.data(self.side)
    }
    fn mark(&self) -> String {
        self.home.mark(self.side)
    }
    /// A program of the installation, as the servers' account and with nothing of the caller's environment.
    fn command(&self, installation: &Installation, program: &str) -> Command {
        let mut command = Command::new(installation.program(program));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir(self.home.place());
        run_as(&mut command, self.home.account());
        command
    }
    fn done(&self, result: std::io::Result<Output>, program: &str) -> Result<(), Fault> {
        match result {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let last: Vec<&str> = said.lines().rev().filter(|l| !l.trim().is_empty()).take(3).collect();
                let last: Vec<&str> = last.into_iter().rev().collect();
                Err(self.fault(format!("{program} failed ({}): {}", output.status, last.join("; "))))
            }
            Err(e) => Err(self.fault(format!("cannot run {program}: {e}")).because(e)),
        }
    }
    /// The last complaints in the server's log.
    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.home.log(self.side)).unwrap_or_default();
        let bad =
            |line: &&str| ["FATAL:", "PANIC:", "HINT:", "DETAIL:", "error"].iter().any(|word| line.contains(word));
        let lines: Vec<&str> = log.lines().filter(bad).collect();
        lines[lines.len().saturating_sub(3)..].join("; ")
    }
    fn fault(&self, message: String) -> Fault {
        let log = self.home.log(self.side).display().to_string();
        Fault::new(Kind::Local, message)
            .on(self.side)
            .about(self.data().display().to_string())
            .remedy(format!("read {log}; to start over, losing the embedded data: robbie embedded destroy"))
    }
}

/// Waits until `done` or the end of `patience`.
fn wait_until(patience: Duration, done: impl Fn() -> bool) {
    let since = Instant::now();
    while !done() && since.elapsed() < patience {
        std::thread::sleep(TICK);
    }
}
