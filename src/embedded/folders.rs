//! Folders and files that only the right people can get into.

use super::account::{Account, give, server_uid};
use crate::postgres::{Fault, Kind};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A fault about a file or folder of this machine.
pub fn fault(what: &str, path: &Path, error: std::io::Error) -> Fault {
    let remedy = match error.kind() {
        ErrorKind::PermissionDenied => "make it accessible to this user, or choose another place with ROBBIE_HOME",
        ErrorKind::StorageFull => "free some space, or choose another place with ROBBIE_HOME",
        ErrorKind::ReadOnlyFilesystem => "choose a writable place with ROBBIE_HOME",
        _ => "see whether the place is usable, or choose another with ROBBIE_HOME",
    };
    Fault::new(Kind::Local, format!("cannot {what} {}: {error}", path.display()))
        .about(path.display().to_string())
        .remedy(remedy)
        .because(error)
}

/// Makes a folder and its missing parents with `mode`, whatever the umask is. What exists is left as it is.
pub fn make(path: &Path, mode: u32) -> Result<(), Fault> {
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    for folder in missing.into_iter().rev() {
        match DirBuilder::new().mode(mode).create(folder) {
            Ok(()) => std::fs::set_permissions(folder, Permissions::from_mode(mode))
                .map_err(|e| fault("set the mode of", folder, e))?,
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(fault("create", folder, e)),
        }
    }
    if path.is_dir() { Ok(()) } else { Err(fault("use", path, ErrorKind::NotADirectory.into())) }
}

/// Makes a folder that belongs to the servers' user alone (0700), or checks that the one there does.
///
/// It may lie in a folder that everybody writes to: one that another user made, that is a link, or that others can
/// enter is refused.
pub fn private(path: &Path, account: Option<&Account>) -> Result<(), Fault> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => give(path, account).map_err(|e| fault("give away", path, e))?,
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
        Err(e) => return Err(fault("create", path, e)),
    }
    not_private(path, account).map_or(Ok(()), |why| {
        Err(Fault::new(Kind::Local, format!("{} {why}; nothing of the servers is put there", path.display()))
            .about(path.display().to_string())
            .remedy(format!("find out who made it, then remove it: rm -r {}", path.display())))
    })
}

/// Why the folder is not one of the servers' user alone, if it is not.
fn not_private(path: &Path, account: Option<&Account>) -> Option<String> {
    let found = match path.symlink_metadata() {
        Ok(found) => found,
        Err(e) => return Some(format!("cannot be looked at: {e}")),
    };
    let owner = server_uid(account);
    let open = found.mode() & 0o7777 & !0o700;
    match () {
        () if !found.is_dir() => Some("is not a folder".to_owned()),
        () if found.uid() != owner => Some(format!("belongs to user {} instead of {owner}", found.uid())),
        () if open != 0 => Some(format!("is open to others (mode {:o})", found.mode() & 0o7777)),
        () => None,
    }
}

/// Removes a folder that [`private`] made; one that is not the servers' user's alone is left as it is.
pub fn remove_private(path: &Path, account: Option<&Account>) {
    if not_private(path, account).is_none() {
        // The next start makes it again, and one that cannot be removed is in nobody's way.
        let _ = std::fs::remove_dir_all(path);
    }
}

/// Writes a file that only its owner can read, completely or not at all.
pub fn write_secret(path: &Path, content: &str) -> Result<(), Fault> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push("~");
    let fresh = PathBuf::from(fresh);
    let _ = std::fs::remove_file(&fresh);
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)
    };
    write().map_err(|e| fault("write", path, e))
}

/// Starts a new log, keeping the one before.
pub fn fresh_log(path: &Path) -> Result<File, Fault> {
    let _ = std::fs::rename(path, path.with_extension("log.1"));
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| fault("write the server's log", path, e))
}

/// Removes a folder with all in it; one that is not there is fine.
pub fn remove(path: &Path) -> Result<(), Fault> {
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(fault("remove", path, e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_folder_open_to_others_or_linked_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("sockets");
        private(&folder, None).unwrap();
        assert_eq!(folder.metadata().unwrap().mode() & 0o7777, 0o700);
        private(&folder, None).unwrap();
        std::fs::set_permissions(&folder, Permissions::from_mode(0o711)).unwrap();
        assert!(private(&folder, None).unwrap_err().message.contains("open to others"));
        let link = top.path().join("link");
        std::os::unix::fs::symlink(top.path(), &link).unwrap();
        assert!(private(&link, None).unwrap_err().message.contains("not a folder"));
        let stranger = Account { name: "stranger".into(), uid: 4_000_001, gid: 4_000_001 };
        std::fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        assert!(private(&folder, Some(&stranger)).unwrap_err().message.contains("belongs to user"));
    }

    #[test]
    fn a_secret_is_readable_by_its_owner_only() {
        let top = tempfile::tempdir().unwrap();
        let file = top.path().join("x.pgpass");
        write_secret(&file, "one").unwrap();
        write_secret(&file, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "two");
        assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o600);
    }
}
