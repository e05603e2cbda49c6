//! Who uses the pair: one lock for whoever changes it, one leased file for each process that uses it.
//!
//! Both are locks on open files, which the system lets go of when their process ends in whatever way.

use super::{Home, folders};
use crate::postgres::{Fault, Kind};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the lock is waited for: longer than anything that is done under it, but for a first fetch on a slow line.
const PATIENCE: Duration = Duration::from_mins(3);

/// A lock that is held until dropped.
pub struct Lock {
    _file: File,
}

/// Takes the lock at `path`, waiting for whoever has it.
pub fn lock(path: &Path) -> Result<Lock, Fault> {
    let file = open(path).map_err(|e| folders::fault("open the lock", path, e))?;
    let since = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) if since.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Fault::new(Kind::Local, format!("another robbie has held {} for long", path.display()))
                    .about(path.display().to_string())
                    .remedy("see what it is doing (ps aux | grep robbie), then try again"));
            }
            Err(TryLockError::Error(e)) => return Err(folders::fault("lock", path, e)),
        }
    }
}

/// Takes the lock of a pair: nobody else starts, stops or destroys it meanwhile.
pub fn lock_pair(home: &Home) -> Result<Lock, Fault> {
    lock(&home.leases().join("lock"))
}

/// The sign that a process uses the pair.
pub struct Lease {
    path: PathBuf,
    file: Option<File>,
}

impl Lease {
    /// Takes a lease for this process. The lock of the pair must be held.
    pub fn take(home: &Home) -> Result<Self, Fault> {
        let path = home.leases().join(format!("{}-{}.lease", std::process::id(), uuid::Uuid::new_v4().simple()));
        let file = open(&path).map_err(|e| folders::fault("write", &path, e))?;
        file.try_lock().map_err(|e| folders::fault("lock", &path, e.into()))?;
        Ok(Self { path, file: Some(file) })
    }
    /// The file that stands for it.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Waits until the lease of a process that is ending is free: its pipe may close a moment before its files do.
pub fn wait_for_end(lease: &Path) {
    let since = Instant::now();
    while !expired(lease) && since.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.file.take());
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The processes that hold a lease. Leases of ended processes are cleared away; the lock of the pair must be held.
pub fn holders(home: &Home) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir(home.leases()) else { return Vec::new() };
    let leases = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "lease"));
    let mut holders: Vec<u32> = leases
        .filter(|path| !expired(path))
        .filter_map(|path| path.file_stem()?.to_str()?.split('-').next()?.parse().ok())
        .collect();
    holders.sort_unstable();
    holders
}

/// Whether nobody holds this lease any more; then it is removed.
fn expired(path: &Path) -> bool {
    match File::open(path).map(|file| file.try_lock()) {
        Ok(Ok(())) => std::fs::remove_file(path).is_ok(),
        Err(e) if e.kind() == ErrorKind::NotFound => true,
        // Held; or of another user, whose leases are his to judge.
        _ => false,
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Whether the pair is to be left running when the last user goes.
pub fn kept(home: &Home) -> bool {
    home.leases().join("keep").exists()
}

/// Says whether the pair is to be left running when the last user goes. The lock of the pair must be held.
pub fn keep(home: &Home, keep: bool) -> Result<(), Fault> {
    let mark = home.leases().join("keep");
    let done = if keep { std::fs::write(&mark, "") } else { std::fs::remove_file(&mark) };
    match done {
        Err(e) if keep || e.kind() != ErrorKind::NotFound => Err(folders::fault("change", &mark, e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_until_it_is_dropped_and_a_dead_one_is_cleared() {
        let top = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()
            .unwrap();
        let home = Home::at(top.path()).unwrap().prepare().unwrap();
        let _lock = lock_pair(&home).unwrap();
        let lease = Lease::take(&home).unwrap();
        assert_eq!(holders(&home), [std::process::id()]);
        let dead = home.leases().join("77-dead.lease");
        std::fs::write(&dead, "").unwrap();
        assert_eq!(holders(&home), [std::process::id()]);
        assert!(!dead.exists());
        drop(lease);
        assert!(holders(&home).is_empty());
    }

    #[test]
    fn the_mark_to_keep_is_put_and_taken_away_twice() {
        let top = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()
            .unwrap();
        let home = Home::at(top.path()).unwrap().prepare().unwrap();
        for wanted in [true, true, false, false] {
            keep(&home, wanted).unwrap();
            assert_eq!(kept(&home), wanted);
        }
    }
}
