//! Where everything of the embedded servers lies.

use super::account::{Account, server_uid};
use super::folders;
use crate::postgres::{Fault, Side};
use crate::settings::Environment;
use nix::unistd::{AccessFlags, access};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where root's files go when the account of the servers cannot get at root's own folders.
const REACHABLE: [&str; 2] = ["/var/lib/robbie", "/var/tmp/robbie-root"];

/// The places of one embedded pair.
#[derive(Clone, Debug)]
pub struct Home {
    /// The folder that was asked for.
    base: PathBuf,
    /// The folder that is used: `base`, or a place that the servers' account can reach.
    place: PathBuf,
    /// Whether it is the latter.
    moved: bool,
    /// Where fetched installations are kept.
    installations: PathBuf,
    /// Whom the servers run as, if not the caller.
    account: Option<Account>,
    /// `ROBBIE_PG_BINDIR`.
    pub(super) bindir: Option<PathBuf>,
    /// The folders of `PATH`, where a system's PostgreSQL is looked for.
    pub(super) path: Option<OsString>,
}

impl Home {
    /// The pair that belongs to the data folder `data`. Nothing is created yet.
    ///
    /// When the caller is root, the servers run as another account; if that cannot reach `data`, a folder of root's
    /// that it can reach is used instead, one for each `data`.
    pub fn at(data: &Path) -> Result<Self, Fault> {
        let base = std::path::absolute(data).map_err(|e| folders::fault("use", data, e))?.join("embedded");
        let account = Account::for_servers(&base.join("master"))?;
        let (place, installations) = match &account {
            Some(account) if !account.reaches(&base) => {
                let root = Path::new(REACHABLE.iter().find(|top| usable(Path::new(top))).unwrap_or(&REACHABLE[0]));
                (root.join(short_hash(&base)), root.join("installations"))
            }
            _ => (base.clone(), base.join("installations")),
        };
        let account = match account {
            Some(_) if place != base => Account::for_servers(&place.join("master"))?,
            other => other,
        };
        let moved = place != base;
        Ok(Self { base, place, moved, installations, account, bindir: None, path: None })
    }
    /// The pair of this user, where his settings and environment say.
    pub fn of_user(folders: &crate::settings::Home, environment: &Environment) -> Result<Self, Fault> {
        let bindir = environment.get("ROBBIE_PG_BINDIR").map(PathBuf::from);
        Ok(Self::at(folders.data())?.searching(bindir, environment.get("PATH").map(OsString::from)))
    }
    /// Looks for PostgreSQL also in `bindir` (`ROBBIE_PG_BINDIR`, and then nowhere else) and on `path` (`PATH`).
    #[must_use]
    pub fn searching(mut self, bindir: Option<PathBuf>, path: Option<OsString>) -> Self {
        self.bindir = bindir;
        self.path = path;
        self
    }
    /// Uses the installations fetched for another home.
    #[must_use]
    pub fn sharing_installations_of(mut self, other: &Self) -> Self {
        self.installations.clone_from(&other.installations);
        self
    }
    /// The folder that was asked for.
    pub fn base(&self) -> &Path {
        &self.base
    }
    /// The folder that is used.
    pub fn place(&self) -> &Path {
        &self.place
    }
    /// Why the folder that is used is not the one that was asked for, if it is another.
    pub fn moved(&self) -> Option<String> {
        let account = self.account.as_ref().filter(|_| self.moved)?;
        Some(format!(
            "run by root, the servers run as {}, who cannot get into {}; they live in {}",
            account.name,
            self.base.display(),
            self.place.display()
        ))
    }
    /// Where fetched installations are kept.
    pub fn installations(&self) -> &Path {
        &self.installations
    }
    /// Whom the servers run as, if not the caller.
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }
    /// The data folder of one cluster.
    pub fn data(&self, side: Side) -> PathBuf {
        self.place.join(side.to_string())
    }
    /// The server log of one cluster.
    pub fn log(&self, side: Side) -> PathBuf {
        self.place.join(format!("{side}.log"))
    }
    /// The passwords of one cluster, in the format of a password file of libpq.
    pub fn passwords(&self, side: Side) -> PathBuf {
        self.place.join("keys").join(format!("{side}.pgpass"))
    }
    /// The folder with the lock, the leases and the mark of a pair that is to be left running.
    pub(super) fn leases(&self) -> PathBuf {
        self.place.join("leases")
    }
    /// The folder of the sockets. A socket's path must be shorter than 104 bytes (macOS; 108 on Linux) and the home's
    /// may be of any length; and it must be the same in every session of a user, which the runtime folder is not.
    pub fn sockets(&self) -> PathBuf {
        PathBuf::from(format!("/tmp/robbie-{}-{}", server_uid(self.account()), short_hash(&self.place)))
    }
    /// The word that stands in the command line of every process of one cluster, and of no other.
    pub(super) fn mark(&self, side: Side) -> String {
        format!("robbie-{}-{side}", short_hash(&self.place))
    }
    /// Creates the folders that are the caller's own, and settles on one spelling of the place.
    pub(super) fn prepare(&self) -> Result<Self, Fault> {
        let mode = if self.account.is_some() { 0o755 } else { 0o700 };
        folders::make(&self.place, mode)?;
        let home = self.settled();
        folders::make(&home.leases(), 0o700)?;
        folders::make(&home.place.join("keys"), 0o700)?;
        Ok(home)
    }
    /// The same home under the one true path of its place: without links, so that all spellings have one hash.
    pub(super) fn settled(&self) -> Self {
        let place = self.place.canonicalize().unwrap_or_else(|_| self.place.clone());
        Self { place, ..self.clone() }
    }
}

/// Whether root can keep files there that others cannot tamper with.
fn usable(top: &Path) -> bool {
    match top.symlink_metadata() {
        Ok(found) => found.is_dir() && found.uid() == 0 && found.mode() & 0o022 == 0,
        Err(_) => top.parent().is_some_and(|parent| access(parent, AccessFlags::W_OK).is_ok()),
    }
}

/// Twelve hex digits that stand for a path.
fn short_hash(path: &Path) -> String {
    Sha256::digest(path.as_os_str().as_bytes())
        .iter()
        .take(6)
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_paths_stay_short_wherever_the_home_is() {
        let deep = Path::new("/tmp").join("x y".repeat(60)).join("z".repeat(200));
        let home = Home::at(&deep).unwrap();
        assert!(home.sockets().join(".s.PGSQL.65535.lock").as_os_str().len() < 104);
        let other = Home::at(&deep.join("other")).unwrap();
        assert_ne!(home.sockets(), other.sockets());
        assert_ne!(home.mark(Side::Master), home.mark(Side::Replica));
    }

    #[test]
    fn the_place_is_under_the_base_where_the_servers_can_reach_it() {
        let top = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()
            .unwrap();
        let home = Home::at(top.path()).unwrap();
        assert_eq!(home.place(), top.path().join("embedded"));
        assert_eq!(home.moved(), None);
    }
}
