//! A PostgreSQL that has pgvector: which are here, which is used, and what to say when there is none.

use super::progress::Progress;
use super::{Home, fetch};
use crate::postgres::{Fault, Kind, Side};
use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest major version that is used.
const OLDEST: u32 = 15;

/// Where an installation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// `ROBBIE_PG_BINDIR` names it.
    Given,
    /// It was fetched.
    Fetched,
    /// It is the system's.
    System,
}

/// A PostgreSQL with pgvector.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Installation {
    /// The folder of `postgres`, `initdb` and `psql`.
    pub bindir: PathBuf,
    /// Its version, such as `18.4`.
    pub version: String,
    /// Its major version.
    pub major: u32,
    /// Where it comes from.
    pub origin: Origin,
}

impl Installation {
    /// The installation to use: the one given, one fetched earlier, the system's, or else one that is fetched now.
    ///
    /// Existing data decide the major version.
    pub fn find_or_fetch(home: &Home, progress: &Progress) -> Result<Self, Fault> {
        if let Some(found) = Self::find(home)? {
            return Ok(found);
        }
        let bindir = fetch::fetch(home, progress)?;
        let fetched = Self::judge(&bindir, Origin::Fetched)?;
        fits(&fetched, home).map(|()| fetched)
    }
    /// The installation to use if there is one without fetching.
    pub fn find(home: &Home) -> Result<Option<Self>, Fault> {
        if let Some(bindir) = &home.bindir {
            let given = Self::judge(bindir, Origin::Given)?;
            if let Some(account) = home.account().filter(|a| !a.reaches(&given.bindir)) {
                return Err(Fault::new(
                    Kind::Settings,
                    format!("the servers of root run as {}, who cannot get into {}", account.name, bindir.display()),
                )
                .about("ROBBIE_PG_BINDIR")
                .remedy("give that folder and those above it mode 755, or unset ROBBIE_PG_BINDIR"));
            }
            return fits(&given, home).map(|()| Some(given));
        }
        let fetched = fetch::bindir(home);
        let system = system(Path::new("/"), home.path.as_deref());
        let candidates =
            std::iter::once((fetched, Origin::Fetched)).chain(system.into_iter().map(|dir| (dir, Origin::System)));
        let mut misfit = None;
        for (bindir, origin) in candidates {
            if !bindir.join("postgres").exists() || home.account().is_some_and(|a| !a.reaches(&bindir)) {
                continue;
            }
            match Self::judge(&bindir, origin).and_then(|found| fits(&found, home).map(|()| found)) {
                Ok(found) => return Ok(Some(found)),
                Err(fault) if fault.kind == Kind::Local => misfit = misfit.or(Some(fault)),
                Err(_) => {}
            }
        }
        match misfit {
            // The data need another major version than what could be fetched: say so instead of fetching.
            Some(fault) if data_major(home).is_some_and(|(_, major)| major != fetch::MAJOR) => Err(fault),
            _ => Ok(None),
        }
    }
    /// Looks at the folder `bindir`: whether it is a PostgreSQL that can be used, and which.
    fn judge(bindir: &Path, origin: Origin) -> Result<Self, Fault> {
        let unfit = |why: String| {
            Fault::new(Kind::Settings, format!("{} {why}", bindir.display()))
                .about(if origin == Origin::Given {
                    "ROBBIE_PG_BINDIR".to_owned()
                } else {
                    bindir.display().to_string()
                })
                .remedy(match origin {
                    Origin::Given => {
                        "set ROBBIE_PG_BINDIR to the folder of a PostgreSQL 15 or later with pgvector, or unset it"
                            .to_owned()
                    }
                    Origin::Fetched | Origin::System => fetch::other_ways(),
                })
        };
        let bindir = std::path::absolute(bindir).unwrap_or_else(|_| bindir.to_owned());
        if let Some(missing) = ["postgres", "initdb"].iter().find(|name| !bindir.join(name).is_file()) {
            return Err(unfit(format!("has no {missing}")));
        }
        let answer = Command::new(bindir.join("postgres"))
            .arg("--version")
            .output()
            .map_err(|e| unfit(format!("has a postgres that does not run here: {e}")))?;
        let (version, major) = version(&String::from_utf8_lossy(&answer.stdout))
            .ok_or_else(|| unfit("has a postgres that does not run here".to_owned()))?;
        if major < OLDEST {
            return Err(unfit(format!("is PostgreSQL {version}; {OLDEST} or later is needed")));
        }
        if !share_folders(&bindir, major).iter().any(|folder| folder.join("extension/vector.control").exists()) {
            return Err(unfit(format!("is PostgreSQL {version} without pgvector")));
        }
        Ok(Self { bindir, version, major, origin })
    }
    /// The path of one of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bindir.join(name)
    }
}

/// The major version that made the existing data, if there are any.
fn data_major(home: &Home) -> Option<(Side, u32)> {
    [Side::Master, Side::Replica].into_iter().find_map(|side| {
        let text = std::fs::read_to_string(home.data(side).join("PG_VERSION")).ok()?;
        Some((side, text.trim().parse().ok()?))
    })
}

/// Whether the installation can open the existing data.
fn fits(installation: &Installation, home: &Home) -> Result<(), Fault> {
    match data_major(home) {
        Some((side, major)) if major != installation.major => {
            let data = home.data(side).display().to_string();
            Err(Fault::new(
                Kind::Local,
                format!("the data in {data} were made by PostgreSQL {major}, and this is PostgreSQL {}", installation.version),
            )
            .on(side)
            .about(data)
            .remedy(format!(
                "set ROBBIE_PG_BINDIR to the programs of a PostgreSQL {major} with pgvector; or start over, losing the data: robbie embedded destroy"
            )))
        }
        _ => Ok(()),
    }
}

/// Reads the answer of `postgres --version`: the version and its major part.
fn version(answer: &str) -> Option<(String, u32)> {
    let word = answer.split_once("(PostgreSQL)")?.1.split_whitespace().next()?;
    let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
    Some((word.to_owned(), digits.parse().ok()?))
}

/// The folders of a system that may hold PostgreSQL's programs: those of `PATH`, then Debian's, Red Hat's and
/// Homebrew's, newest first. `root` is `/`, but for tests.
fn system(root: &Path, path: Option<&std::ffi::OsStr>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = path.map(|p| std::env::split_paths(p).collect()).unwrap_or_default();
    folders.retain(|folder| folder.is_absolute());
    for (parent, prefix) in [
        ("usr/lib/postgresql", ""),
        ("usr", "pgsql-"),
        ("opt/homebrew/opt", "postgresql@"),
        ("usr/local/opt", "postgresql@"),
        ("home/linuxbrew/.linuxbrew/opt", "postgresql@"),
    ] {
        let Ok(entries) = std::fs::read_dir(root.join(parent)) else { continue };
        let mut versions: Vec<(u32, PathBuf)> = entries
            .flatten()
            .filter_map(|e| Some((e.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?, e.path().join("bin"))))
            .collect();
        versions.sort_by_key(|(major, _)| Reverse(*major));
        folders.extend(versions.into_iter().map(|(_, folder)| folder));
    }
    // A link such as /usr/bin/postgres leads to the real folder, where the other programs are too.
    for folder in &mut folders {
        if let Some(real) = folder.join("postgres").canonicalize().ok().as_deref().and_then(Path::parent) {
            real.clone_into(folder);
        }
    }
    let mut seen = std::collections::HashSet::new();
    folders.retain(|folder| folder.join("postgres").is_file() && seen.insert(folder.clone()));
    folders
}

/// Where the files of extensions may lie: what `pg_config` says, else what the known layouts say.
fn share_folders(bindir: &Path, major: u32) -> Vec<PathBuf> {
    let told = Command::new(bindir.join("pg_config")).arg("--sharedir").output().ok();
    if let Some(output) = told.filter(|output| output.status.success()) {
        return vec![PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())];
    }
    let up = |levels: usize| bindir.ancestors().nth(levels).unwrap_or(bindir).join("share");
    vec![
        up(1),
        up(1).join("postgresql"),
        up(1).join("pgsql"),
        up(1).join(format!("postgresql@{major}")),
        // Debian: /usr/lib/postgresql/15/bin and /usr/share/postgresql/15.
        up(4).join(format!("postgresql/{major}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A folder that looks like an installation.
    fn fake(bindir: &Path, version: &str, share: Option<&Path>) {
        std::fs::create_dir_all(bindir).unwrap();
        for (name, script) in [
            ("postgres", format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")),
            ("initdb", "#!/bin/sh\n".into()),
        ] {
            std::fs::write(bindir.join(name), script).unwrap();
            std::fs::set_permissions(bindir.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        if let Some(share) = share {
            std::fs::create_dir_all(share.join("extension")).unwrap();
            std::fs::write(share.join("extension/vector.control"), "").unwrap();
        }
    }

    fn top() -> tempfile::TempDir {
        tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap()
    }

    #[test]
    fn versions_are_read_as_the_vendors_print_them() {
        assert_eq!(version("postgres (PostgreSQL) 18.4\n"), Some(("18.4".into(), 18)));
        assert_eq!(version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(("15.18".into(), 15)));
        assert_eq!(version("postgres (PostgreSQL) 19beta1"), Some(("19beta1".into(), 19)));
        assert_eq!(version("sh: not found"), None);
    }

    #[test]
    fn the_system_is_searched_path_first_then_newest_first() {
        let top = top();
        let root = top.path().canonicalize().unwrap();
        let debian = |major: &str| root.join("usr/lib/postgresql").join(major).join("bin");
        fake(&debian("9"), "9.6", None);
        fake(&debian("17"), "17.2", None);
        fake(&root.join("opt/homebrew/opt/postgresql@16/bin"), "16.1", None);
        fake(&root.join("own"), "18.0", None);
        let path = std::env::join_paths([root.join("nothing"), root.join("own")]).unwrap();
        let found = system(&root, Some(&path));
        let homebrew = root.join("opt/homebrew/opt/postgresql@16/bin");
        assert_eq!(found, [root.join("own"), debian("17"), debian("9"), homebrew]);
    }

    #[test]
    fn a_link_on_the_path_leads_to_the_real_folder_once() {
        let top = top();
        let root = top.path().canonicalize().unwrap();
        fake(&root.join("real/bin"), "18.0", None);
        std::fs::create_dir_all(root.join("links")).unwrap();
        std::os::unix::fs::symlink(root.join("real/bin/postgres"), root.join("links/postgres")).unwrap();
        let path = std::env::join_paths([root.join("links"), root.join("real/bin")]).unwrap();
        assert_eq!(system(&root, Some(&path)), [root.join("real/bin")]);
    }

    #[test]
    fn only_a_recent_postgresql_with_pgvector_will_do() {
        let top = top();
        let root = top.path().canonicalize().unwrap();
        let bin = |name: &str| root.join(name).join("bin");
        fake(&bin("bare"), "17.1", None);
        fake(&bin("old"), "14.9", Some(&root.join("old/share/postgresql")));
        fake(&bin("good"), "17.1", Some(&root.join("good/share/postgresql")));
        let debian = root.join("usr/lib/postgresql/16/bin");
        fake(&debian, "16.3", Some(&root.join("usr/share/postgresql/16")));
        let judged = |dir: &Path| Installation::judge(dir, Origin::Given).map(|i| i.major).map_err(|f| f.message);
        assert!(judged(&bin("bare")).unwrap_err().contains("without pgvector"));
        assert!(judged(&bin("old")).unwrap_err().contains("15 or later"));
        assert!(judged(&bin("none")).unwrap_err().contains("has no postgres"));
        assert_eq!(judged(&bin("good")), Ok(17));
        assert_eq!(judged(&debian), Ok(16));
    }

    #[test]
    fn given_goes_before_fetched_goes_before_the_system() {
        let top = top();
        let root = top.path().canonicalize().unwrap();
        let home = Home::at(&root.join("data")).unwrap();
        let path = std::env::join_paths([root.join("system/bin")]).unwrap();
        fake(&root.join("system/bin"), "17.1", Some(&root.join("system/share")));
        let home = home.searching(None, Some(path.clone()));
        assert_eq!(Installation::find(&home).unwrap().unwrap().origin, Origin::System);
        let fetched = fetch::bindir(&home);
        fake(&fetched, "18.4", Some(&fetched.parent().unwrap().join("share/postgresql")));
        assert_eq!(Installation::find(&home).unwrap().unwrap().origin, Origin::Fetched);
        fake(&root.join("given/bin"), "16.1", Some(&root.join("given/share")));
        let home = home.searching(Some(root.join("given/bin")), Some(path));
        assert_eq!(Installation::find(&home).unwrap().unwrap().origin, Origin::Given);
        // A given one that will not do is an error: nothing else is taken in its place.
        let home = home.searching(Some(root.join("nowhere")), None);
        let fault = Installation::find(&home).unwrap_err();
        assert_eq!((fault.kind, fault.object.as_deref()), (Kind::Settings, Some("ROBBIE_PG_BINDIR")));
    }

    #[test]
    fn data_of_another_major_version_choose_the_program_or_are_refused_by_name() {
        let top = top();
        let root = top.path().canonicalize().unwrap();
        let home = Home::at(&root.join("data")).unwrap();
        let fetched = fetch::bindir(&home);
        fake(&fetched, "18.4", Some(&fetched.parent().unwrap().join("share/postgresql")));
        fake(&root.join("system/bin"), "17.1", Some(&root.join("system/share")));
        std::fs::create_dir_all(home.data(Side::Replica)).unwrap();
        std::fs::write(home.data(Side::Replica).join("PG_VERSION"), "17\n").unwrap();
        let with = home.clone().searching(None, Some(root.join("system/bin").into()));
        assert_eq!(Installation::find(&with).unwrap().unwrap().major, 17);
        std::fs::write(home.data(Side::Replica).join("PG_VERSION"), "12\n").unwrap();
        let fault = Installation::find(&with).unwrap_err();
        assert!(fault.message.contains("made by PostgreSQL 12"), "{}", fault.message);
        assert!(fault.remedy.unwrap().contains("embedded destroy"));
    }
}
