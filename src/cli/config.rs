//! `robbie config path|init|check`: where the configuration file is, an example of it, and what holds.

use super::{Exit, Global, output, targets};
use crate::postgres::dsn::Parameters;
use crate::postgres::target::{PasswordSource, Target};
use crate::postgres::{Fault, Kind, Link, Side, passfile};
use crate::settings::{Chosen, Environment, Home, Origin, Place, Settings};
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

const EXAMPLE: &str = include_str!("config/example.toml");

/// Arguments of `robbie config`.
#[derive(Args, Debug)]
pub struct ConfigArgs {
    /// What to do with the file.
    #[command(subcommand)]
    pub action: ConfigAction,
}

/// What to do with the file.
#[derive(Debug, Subcommand)]
pub enum ConfigAction {
    /// Print where the configuration file is.
    Path,
    /// Write an example, in which everything is commented out.
    Init {
        /// Overwrite a file that is there.
        #[arg(long)]
        force: bool,
    },
    /// Check the file, and show every value and where it was chosen.
    Check {
        /// Connect to the databases as well.
        #[arg(long)]
        connect: bool,
    },
}

/// Runs `robbie config`.
pub async fn run(args: ConfigArgs, global: &Global) -> Result<Exit, Fault> {
    match args.action {
        ConfigAction::Path => path(global),
        ConfigAction::Init { force } => init(global, force),
        ConfigAction::Check { connect } => check(global, connect).await,
    }
}

/// Where the file is, even if what stands in it is wrong.
fn file(global: &Global) -> Result<PathBuf, Fault> {
    let home = Home::find(&Environment::of_process())?;
    Ok(global.config.clone().unwrap_or_else(|| home.config_file().to_owned()))
}

fn path(global: &Global) -> Result<Exit, Fault> {
    let file = file(global)?;
    if global.json {
        output::json(&serde_json::json!({ "path": file, "exists": file.exists() }))?;
    } else {
        output::line(file.display().to_string())?;
    }
    Ok(Exit::Done)
}

fn init(global: &Global, force: bool) -> Result<Exit, Fault> {
    let file = file(global)?;
    let failed = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::AlreadyExists => Fault::new(Kind::Settings, format!("{} is there already", file.display()))
            .remedy("edit it, or overwrite it with --force"),
        _ => Fault::new(Kind::Local, format!("{} cannot be written", file.display())).because(e),
    };
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    write(&file, force).map_err(failed)?;
    if global.json {
        output::json(&serde_json::json!({ "path": file, "written": true }))?;
    } else {
        output::line(format!("wrote {}", file.display()))?;
    }
    Ok(Exit::Done)
}

/// Writes the example so that only its owner can read what he will put into it.
fn write(file: &Path, force: bool) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(EXAMPLE.as_bytes())
}

/// One value of the answer.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    value: String,
    origin: String,
}

#[derive(Debug, Default, Serialize)]
struct Checked {
    file: PathBuf,
    exists: bool,
    values: Vec<Line>,
    warnings: Vec<String>,
    faults: Vec<Fault>,
}

async fn check(global: &Global, connect: bool) -> Result<Exit, Fault> {
    let settings = Settings::load(&global.choices(), Environment::of_process())?;
    let file = settings.home.config_file().to_owned();
    let mut checked = Checked { exists: file.exists(), file, ..Checked::default() };
    checked.warnings.extend(readable_password(&settings));
    let sides = std::iter::once((Side::Master, "master", &settings.master))
        .chain(settings.replicas.iter().map(|r| (Side::Replica, r.name.as_str(), &r.place)));
    for (side, name, place) in sides {
        let label = output::side_label(side, name);
        let (value, fault) = side_of(&settings, side, name, place, connect).await;
        checked.values.push(Line { name: label, value, origin: place.origin.to_string() });
        checked.faults.extend(fault);
    }
    checked.values.extend(values(&settings));
    show(&checked, global.json)?;
    Ok(match checked.faults.first() {
        Some(fault) => Exit::of(fault),
        None if checked.warnings.is_empty() => Exit::Done,
        None => Exit::Attention,
    })
}

/// What one side amounts to, and what is wrong with it.
async fn side_of(
    settings: &Settings,
    side: Side,
    name: &str,
    place: &Chosen<Place>,
    connect: bool,
) -> (String, Option<Fault>) {
    let target = match (targets::target(settings, side, name, place), &place.value) {
        (Ok(target), _) => target,
        // Not an error of the configuration.
        (Err(_), Place::Embedded) if !connect => return ("embedded, not running".to_owned(), None),
        (Err(fault), Place::Embedded) => return ("embedded".to_owned(), Some(fault)),
        (Err(fault), _) => return ("cannot be used".to_owned(), Some(fault)),
    };
    let embedded = if matches!(place.value, Place::Embedded) { "embedded, " } else { "" };
    let mut value = format!("{embedded}{}", describe(&target));
    if !connect {
        return (value, None);
    }
    match Link::new(target).session().await {
        Ok(_) => {
            value.push_str(", connected");
            (value, None)
        }
        Err(fault) => (value, Some(fault)),
    }
}

fn describe(target: &Target) -> String {
    let password = match (target.config.get_password(), &target.access.password) {
        (Some(_), _) => "given",
        (None, PasswordSource::Command(_)) => "from a command",
        (None, PasswordSource::File(_)) => "from the password file, if it has one",
        (None, PasswordSource::None) => "none",
    };
    let tls = if target.is_local() { "a socket" } else { target.access.tls.mode.name() };
    let user = target.config.get_user().unwrap_or_default();
    format!("{}/{} as {user}, TLS {tls}, password {password}", target.address(), target.database())
}

fn values(settings: &Settings) -> Vec<Line> {
    let line =
        |name: &str, value: String, origin: &Origin| Line { name: name.to_owned(), value, origin: origin.to_string() };
    let flag = |name: &str, chosen: &Chosen<bool>| line(name, chosen.value.to_string(), &chosen.origin);
    let profile = settings.profile.as_ref().map_or_else(
        || line("profile", "none".to_owned(), &Origin::Default),
        |profile| line("profile", profile.value.clone(), &profile.origin),
    );
    vec![
        profile,
        flag("protected", &settings.protected),
        flag("read_only", &settings.read_only),
        line("theme", settings.theme.value.clone(), &settings.theme.origin),
        line("interval", format!("{:?}", settings.interval.value), &settings.interval.origin),
        line("keep", format!("{} days", settings.keep.value.as_secs() / 86_400), &settings.keep.origin),
        flag("sync enabled", &settings.sync_enabled),
        flag("mouse", &settings.mouse),
        flag("colours", &settings.color),
        line("log_level", settings.log_level.value.clone(), &settings.log_level.origin),
        line("keys", format!("{} changed", settings.keys.len()), &Origin::Default),
    ]
}

/// A warning about a configuration file that holds a password and can be read by others.
pub(super) fn readable_password(settings: &Settings) -> Option<String> {
    let file = settings.home.config_file();
    let mode = passfile::too_open(file)?;
    let places = std::iter::once(&settings.master).chain(settings.replicas.iter().map(|r| &r.place));
    let holds = places.filter(|place| matches!(place.origin, Origin::File { .. })).any(|place| match &place.value {
        Place::Server { dsn, .. } => {
            Parameters::parse(dsn.expose_secret()).is_ok_and(|parameters| parameters.get("password").is_some())
        }
        _ => false,
    });
    holds.then(|| {
        format!("{0} holds a password and others can read it (mode {mode:04o}): chmod 600 {0}", file.display())
    })
}

fn show(checked: &Checked, json: bool) -> Result<(), Fault> {
    for fault in &checked.faults {
        output::note(output::describe(fault));
    }
    if json {
        return output::json(checked);
    }
    let absent = if checked.exists { "" } else { " (does not exist)" };
    output::line(format!("{:<14} {}{absent}", "file", checked.file.display()))?;
    for line in &checked.values {
        output::line(format!("{:<14} {}  [{}]", line.name, line.value, line.origin))?;
    }
    for warning in &checked.warnings {
        output::line(format!("{:<14} {warning}", "warning"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::file::File;

    #[test]
    fn the_example_is_valid_as_it_is_and_with_its_lines_in_use() {
        let path = Path::new("example.toml");
        assert!(File::parse(path, EXAMPLE).unwrap().profiles.is_empty());
        let used: String = EXAMPLE
            .lines()
            .skip_while(|line| !line.starts_with("# The profile"))
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|line| line.contains('=') || line.starts_with('['))
            .fold(String::new(), |text, line| text + line + "\n");
        let file = File::parse(path, &used).unwrap_or_else(|e| panic!("{e}\n{used}"));
        assert_eq!(file.profile.unwrap().value, "home");
        assert_eq!(file.profiles[0].replicas.len(), 2);
        assert!(file.profiles[0].master.is_some());
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owners_and_never_overwritten_by_chance() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        write(&file, false).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&file, "mine").unwrap();
        assert_eq!(write(&file, false).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
        write(&file, true).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), EXAMPLE);
    }
}
