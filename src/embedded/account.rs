//! Whom the servers run as: the caller, or for root (whom PostgreSQL refuses) an account without rights.

use crate::postgres::{Fault, Kind};
use nix::unistd::{User, geteuid};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// A local account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// The accounts that servers of root run as, in order of preference.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

impl Account {
    /// Whom the servers of the current user must run as; `None`: as the current user.
    ///
    /// For root it is the owner of `data` if that exists already (root may look after a user's servers), else
    /// `postgres`, else `nobody`.
    pub fn for_servers(data: &Path) -> Result<Option<Self>, Fault> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        if let Ok(metadata) = data.metadata()
            && metadata.uid() != 0
        {
            let (uid, gid) = (metadata.uid(), metadata.gid());
            let user = User::from_uid(uid.into()).ok().flatten();
            return Ok(Some(Self { name: user.map_or_else(|| uid.to_string(), |u| u.name), uid, gid }));
        }
        for name in UNPRIVILEGED {
            if let Ok(Some(user)) = User::from_name(name) {
                return Ok(Some(Self { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() }));
            }
        }
        Err(Fault::new(Kind::Local, "PostgreSQL refuses to run as root, and there is no account postgres or nobody")
            .remedy("run robbie as an ordinary user, or add an account: useradd --system postgres"))
    }
    /// Whether the account may pass through (or list) a folder: the bit is 1 (search), 4 (read) or both.
    pub fn may(&self, metadata: &Metadata, bit: u32) -> bool {
        let shift = match () {
            () if metadata.uid() == self.uid => 6,
            () if metadata.gid() == self.gid => 3,
            () => 0,
        };
        metadata.mode() >> shift & bit == bit
    }
    /// Whether the account can get at `path`: every folder on the way that exists is searchable by it.
    pub fn reaches(&self, path: &Path) -> bool {
        path.ancestors().filter_map(|folder| folder.metadata().ok()).all(|m| !m.is_dir() || self.may(&m, 1))
    }
}

/// Makes `command` run as `account`. The groups of the caller are dropped with the change of user.
pub fn run_as(command: &mut Command, account: Option<&Account>) {
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
}

/// The number of the user whom the servers run as.
pub fn server_uid(account: Option<&Account>) -> u32 {
    account.map_or_else(|| geteuid().as_raw(), |a| a.uid)
}

/// Gives a file or folder to `account`, if the servers do not run as the caller.
pub fn give(path: &Path, account: Option<&Account>) -> std::io::Result<()> {
    account.map_or(Ok(()), |a| std::os::unix::fs::chown(path, Some(a.uid), Some(a.gid)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_closed_folder_on_the_way_is_seen() {
        let top = tempfile::tempdir().unwrap();
        let inner = top.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        let stranger = Account { name: "stranger".into(), uid: 4_000_001, gid: 4_000_001 };
        let mode = |path: &Path, bits| std::fs::set_permissions(path, std::fs::Permissions::from_mode(bits)).unwrap();
        mode(top.path(), 0o755);
        mode(&top.path().join("a"), 0o700);
        assert!(!stranger.reaches(&inner));
        assert!(!stranger.reaches(&inner.join("not/there/yet")));
        mode(&top.path().join("a"), 0o711);
        assert!(stranger.reaches(&inner));
        let owner = inner.metadata().unwrap();
        mode(&top.path().join("a"), 0o100);
        assert!(Account { name: "owner".into(), uid: owner.uid(), gid: owner.gid() }.reaches(&inner));
        mode(&top.path().join("a"), 0o700);
    }
}
