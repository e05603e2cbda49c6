//! A process that outlives the owner of the pair by a moment: it stops the servers of an owner that was killed.
//!
//! It is `robbie embedded watch`, in a process group of its own, and holds the reading end of a pipe whose other end
//! only the owner has. However the owner ends, the pipe ends.

use super::{Home, folders, lease, servers};
use crate::postgres::Fault;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Starts the watchdog `program`. The pair is watched as long as the returned child's stdin is open.
pub fn spawn(program: &Path, home: &Home, lease: &Path, ephemeral: bool) -> Result<Child, Fault> {
    let data = home.base().parent().unwrap_or_else(|| home.base());
    let mut watchdog = Command::new(program);
    watchdog
        .args(["embedded", "watch"])
        .args(ephemeral.then_some("--ephemeral"))
        .arg("--lease")
        .arg(lease)
        .arg("--")
        .arg(data);
    watchdog
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/")
        .process_group(0)
        .spawn()
        .map_err(|e| folders::fault("run the watchdog", program, e))
}

/// Waits for the end of the owner, then stops the pair unless somebody else uses it or it is to be left running.
///
/// With `ephemeral`, everything of the pair is removed as well.
pub fn watch(home: &Home, lease: &Path, ephemeral: bool) -> Result<(), Fault> {
    let mut nothing = [0; 64];
    // Nothing is ever written: a read returns at the end of the pipe. An error ends the watch as well.
    while matches!(std::io::stdin().read(&mut nothing), Ok(1..)) {}
    lease::wait_for_end(lease);
    servers::release(home, ephemeral)
}
