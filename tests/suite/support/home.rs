//! The servers of the suite, and homes of their own for tests of the servers.

use robbie_console::embedded::{self, Home, Installation, Options, Servers};
use robbie_console::postgres::Side;
use robbie_console::settings::{self, Environment};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The program under test, which is also the watchdog.
pub fn robbie() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_robbie"))
}

/// The home of the user who runs the tests. Only its installation of PostgreSQL is used.
pub fn user_home() -> Home {
    let environment = Environment::of_process();
    let folders = settings::Home::find(&environment).unwrap_or_else(|e| panic!("{e}"));
    Home::of_user(&folders, &environment).unwrap()
}

/// The servers of the suite, started when first asked for.
pub fn servers() -> &'static Servers {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    SERVERS.get_or_init(|| {
        // Not removed when dropped, for statics never are: the watchdog removes what lies in it. Short, so that it
        // can be read; open to be passed through, because the servers of root run as another account.
        let folder =
            in_memory().unwrap_or_else(std::env::temp_dir).join(format!("robbie-suite-{}", std::process::id()));
        let home = home_in(&folder);
        let options = Options { fsync: false, ephemeral: true, watchdog: Some(robbie().into()), ..Options::default() };
        std::thread::spawn(move || embedded::start_blocking(&home, &options, &embedded::progress::on_stderr()))
            .join()
            .unwrap()
            .unwrap_or_else(|fault| panic!("{fault}\n{}", fault.remedy.as_deref().unwrap_or_default()))
    })
}

/// A file system in memory, where there is one with room. A test makes and removes thousands of files with its databases, and ext4
/// looks long for a place for a new one where many were removed a minute ago: half of what a test costs.
#[allow(clippy::unnecessary_cast, reason = "counts of blocks are narrower on other systems")]
fn in_memory() -> Option<PathBuf> {
    const ROOM: u64 = 4 << 30;
    let folder = PathBuf::from("/dev/shm");
    let there = nix::sys::statvfs::statvfs(&folder).ok()?;
    (there.blocks_available() as u64 * there.fragment_size() as u64 >= ROOM).then_some(folder)
}

/// The last lines in which a server of the suite told of an end: its own, or a session's.
pub fn last_words(most: usize) -> String {
    let home = servers().home();
    let said = [Side::Master, Side::Replica].map(|side| {
        let log = std::fs::read_to_string(home.log(side)).unwrap_or_default();
        let ends = |l: &&str| ["FATAL:", "PANIC:", "terminat", "signal"].iter().any(|word| l.contains(word));
        let lines: Vec<&str> = log.lines().filter(ends).collect();
        format!("{side}:\n{}", lines[lines.len().saturating_sub(most)..].join("\n"))
    });
    said.join("\n")
}

/// The program under test in a home of its own, with nothing of the caller's environment that it would obey.
///
/// It uses the installation that the suite uses.
pub fn command(home: &Path) -> Command {
    let installation = Installation::find_or_fetch(&user_home(), &embedded::progress::silent).unwrap();
    let path = Environment::of_process().get("PATH").unwrap_or("/usr/bin:/bin").to_owned();
    let mut command = Command::new(robbie());
    command.env_clear().env("PATH", path).env("HOME", home).env("ROBBIE_HOME", home);
    command.env("ROBBIE_PG_BINDIR", installation.bindir).stdin(Stdio::null());
    command
}

/// A folder for a home of its own; the servers of root can get into it.
///
/// Servers in it are stopped when this is dropped, as when a test fails, or when the test process is killed.
pub struct Folder {
    top: TempDir,
    watchdog: Child,
}

impl Folder {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.top.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// A new folder for a home of its own.
pub fn folder() -> Folder {
    let top = tempfile::Builder::new().prefix("robbie-").permissions(PermissionsExt::from_mode(0o755)).tempdir();
    let top = top.unwrap();
    let mut watchdog = Command::new(robbie());
    watchdog
        .args(["embedded", "watch", "--ephemeral", "--lease"])
        .arg(top.path().join("none"))
        .arg("--")
        .arg(top.path());
    let watchdog = watchdog.stdin(Stdio::piped()).process_group(0).spawn().unwrap();
    Folder { top, watchdog }
}

/// A home in `folder` that uses the user's installation.
pub fn home_in(folder: &Path) -> Home {
    let user = user_home();
    let environment = Environment::of_process();
    let bindir = environment.get("ROBBIE_PG_BINDIR").map(PathBuf::from);
    Home::at(folder).unwrap().searching(bindir, environment.get("PATH").map(Into::into)).sharing_installations_of(&user)
}
