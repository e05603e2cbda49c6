//! `robbie doctor`: looks at everything that must be right for robbie to work, and says what to do where it is not.

mod side;

use super::{Exit, Global, Invocation, config, output, targets};
use crate::embedded::{self, Installation};
use crate::postgres::{Fault, Side, passfile};
use crate::settings::{Place, Settings};
use clap::Args;
use serde::Serialize;
use std::io::IsTerminal;
use std::path::Path;

/// Arguments of `robbie doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Could not be looked at, because of something before it.
    Skipped,
    /// Works, but not all of it or not well.
    Warn,
    /// Does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// Whose: `config`, `embedded`, `master`, `replica NAME`.
    pub of: String,
    /// What.
    pub check: &'static str,
    /// How it came out.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to do.
    pub remedy: Option<String>,
    #[serde(skip)]
    exit: Option<Exit>,
}

/// What was found, in order.
pub struct Findings {
    of: String,
    all: Vec<Finding>,
}

impl Findings {
    fn new(of: impl Into<String>) -> Self {
        Self { of: of.into(), all: Vec::new() }
    }
    fn add(&mut self, check: &'static str, level: Level, found: impl Into<String>) -> &mut Finding {
        let finding = Finding { of: self.of.clone(), check, level, found: found.into(), remedy: None, exit: None };
        self.all.push(finding);
        let last = self.all.len() - 1;
        &mut self.all[last]
    }
    fn ok(&mut self, check: &'static str, found: impl Into<String>) {
        self.add(check, Level::Ok, found);
    }
    fn warn(&mut self, check: &'static str, found: impl Into<String>, remedy: impl Into<String>) {
        self.add(check, Level::Warn, found).remedy = Some(remedy.into());
    }
    fn fail(&mut self, check: &'static str, fault: &Fault) {
        let finding = self.add(check, Level::Fail, fault.message.clone());
        finding.remedy.clone_from(&fault.remedy);
        finding.exit = Some(Exit::of(fault));
    }
}

#[derive(Serialize)]
struct Document<'a> {
    worst: Level,
    findings: &'a [Finding],
}

/// Runs `robbie doctor`.
pub async fn run(_args: DoctorArgs, global: &Global) -> Result<Exit, Fault> {
    let mut findings = Vec::new();
    match Invocation::new(global) {
        Ok(invocation) => {
            findings.extend(configuration(&invocation.settings));
            findings.extend(installation(&invocation.settings));
            findings.extend(sides(&invocation.settings).await);
        }
        Err(fault) => {
            let mut config = Findings::new("config");
            config.fail("valid", &fault);
            findings.extend(config.all);
        }
    }
    let worst = findings.iter().map(|f| f.level).max().unwrap_or(Level::Ok);
    if global.json {
        output::json(&Document { worst, findings: &findings })?;
    } else {
        show(&findings, !global.no_color && std::io::stdout().is_terminal())?;
    }
    Ok(exit(&findings))
}

/// The gravest failure decides; a warning alone asks for attention.
fn exit(findings: &[Finding]) -> Exit {
    let failed: Vec<Exit> = findings.iter().filter(|f| f.level == Level::Fail).filter_map(|f| f.exit).collect();
    if failed.contains(&Exit::Usage) {
        Exit::Usage
    } else if failed.contains(&Exit::Unreachable) {
        Exit::Unreachable
    } else if findings.iter().any(|f| f.level > Level::Skipped) {
        Exit::Attention
    } else {
        Exit::Done
    }
}

fn configuration(settings: &Settings) -> Vec<Finding> {
    let mut findings = Findings::new("config");
    let file = settings.home.config_file();
    if file.exists() {
        findings.ok("valid", file.display().to_string());
    } else {
        findings.ok("valid", format!("{} does not exist; flags, environment and defaults hold", file.display()));
    }
    match config::readable_password(settings) {
        Some(warning) => findings.warn("permissions", warning, format!("chmod 600 {}", file.display())),
        None => findings.ok("permissions", "no password is readable by others"),
    }
    let passfile = settings.environment.get("PGPASSFILE").map(Into::into);
    let passfile = passfile.or_else(|| settings.environment.get("HOME").map(|home| Path::new(home).join(".pgpass")));
    if let Some((file, mode)) = passfile.and_then(|file| passfile::too_open(&file).map(|mode| (file, mode))) {
        let found = format!("{} is ignored, others can read it (mode {mode:04o})", file.display());
        findings.warn("password file", found, format!("chmod 600 {}", file.display()));
    }
    let logs = settings.home.logs();
    if writable(logs) {
        findings.ok("log", logs.display().to_string());
    } else {
        let remedy = "make the folder writable, or move everything with ROBBIE_HOME";
        findings.warn("log", format!("{} cannot be written", logs.display()), remedy);
    }
    findings.all
}

fn writable(folder: &Path) -> bool {
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&probe, b""));
    written.is_ok() && std::fs::remove_file(&probe).is_ok()
}

fn installation(settings: &Settings) -> Vec<Finding> {
    let mut findings = Findings::new("embedded");
    let places = std::iter::once(&settings.master).chain(settings.replicas.iter().map(|r| &r.place));
    let needed = places.into_iter().any(|place| matches!(place.value, Place::Embedded));
    let home = embedded::Home::of_user(&settings.home, &settings.environment);
    match home.and_then(|home| Installation::find(&home)) {
        Ok(Some(found)) => findings.ok("PostgreSQL", format!("{} in {}", found.version, found.bindir.display())),
        Ok(None) if needed => {
            let remedy = "`robbie embedded start` or `robbie demo` fetches one";
            findings.warn("PostgreSQL", "no installation with pgvector on this machine yet", remedy);
        }
        Ok(None) => findings.ok("PostgreSQL", "none on this machine, and none is needed"),
        Err(fault) => findings.fail("PostgreSQL", &fault),
    }
    findings.all
}

async fn sides(settings: &Settings) -> Vec<Finding> {
    let master = std::iter::once((Side::Master, "master", &settings.master));
    let replicas = settings.replicas.iter().map(|r| (Side::Replica, r.name.as_str(), &r.place));
    let mut all = Vec::new();
    for (side, name, place) in master.chain(replicas) {
        let label = output::side_label(side, name);
        let mut findings = Findings::new(label);
        match targets::target(settings, side, name, place) {
            Ok(target) => side::examine(&mut findings, target).await,
            Err(fault) => findings.fail("server", &fault),
        }
        all.extend(findings.all);
    }
    all
}

fn show(findings: &[Finding], colors: bool) -> Result<(), Fault> {
    let mut of = "";
    for finding in findings {
        if finding.of != of {
            of = &finding.of;
            output::line(of)?;
        }
        let (mark, color) = match finding.level {
            Level::Ok => ("ok  ", "32"),
            Level::Skipped => ("-   ", "2"),
            Level::Warn => ("warn", "33"),
            Level::Fail => ("FAIL", "31;1"),
        };
        let mark = if colors { format!("\x1b[{color}m{mark}\x1b[0m") } else { mark.to_owned() };
        let found = output::printable(&format!("{:<12} {}", finding.check, finding.found));
        output::raw(format!("  {mark} {found}\n").as_bytes())?;
        if let Some(remedy) = &finding.remedy {
            output::line(format!("       → {remedy}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::Kind;

    fn judged(make: impl Fn(&mut Findings)) -> Exit {
        let mut findings = Findings::new("x");
        make(&mut findings);
        exit(&findings.all)
    }

    #[test]
    fn the_gravest_failure_decides_the_exit_code() {
        assert_eq!(judged(|f| f.ok("a", "")), Exit::Done);
        assert_eq!(judged(|f| f.warn("a", "", "")), Exit::Attention);
        assert_eq!(judged(|f| f.fail("a", &Fault::new(Kind::Tls, ""))), Exit::Unreachable);
        assert_eq!(judged(|f| f.fail("a", &Fault::new(Kind::Privilege, ""))), Exit::Attention);
        let both = |f: &mut Findings| {
            f.fail("a", &Fault::new(Kind::Unreachable, ""));
            f.fail("b", &Fault::new(Kind::Settings, ""));
        };
        assert_eq!(judged(both), Exit::Usage);
    }
}
