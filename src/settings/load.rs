//! Putting flags, environment, file and defaults together.

use super::file::{self, File, Preferences, Profile};
use super::{Choices, Chosen, Environment, Home, Origin, Place, Problem, Replica, Settings};
use secrecy::ExposeSecret;
use std::fmt::Write as _;
use std::time::Duration;

const MASTER_VARIABLES: &[&str] =
    &["MASTER_DB_HOST", "MASTER_DB_PORT", "MASTER_DB_NAME", "MASTER_DB_USER", "MASTER_DB_PASSWORD", "MASTER_DB_SSL"];
const LOCAL_VARIABLES: &[&str] =
    &["LOCAL_DB_HOST", "LOCAL_DB_PORT", "LOCAL_DB_NAME", "LOCAL_DB_USER", "LOCAL_DB_PASSWORD"];

impl Settings {
    /// Reads the configuration file and puts everything together.
    pub fn load(choices: &Choices, environment: Environment) -> Result<Self, Problem> {
        let home = match (&choices.config, Home::find(&environment)?) {
            (Some(file), home) => home.with_config_file(file),
            (None, home) => home,
        };
        let file = File::read(home.config_file(), choices.config.is_some())?;
        Self::from_parts(choices, environment, home, file)
    }

    /// Puts everything together; reads nothing.
    pub fn from_parts(
        choices: &Choices,
        environment: Environment,
        home: Home,
        mut file: File,
    ) -> Result<Self, Problem> {
        let profile = profile_name(choices, &environment, &file);
        let asked_for = profile.as_ref().is_some_and(|p| matches!(p.origin, Origin::Flag(_)));
        let mut chosen = Profile::empty();
        if let Some(name) = &profile {
            let names: Vec<&str> = file.profiles.iter().map(|p| p.name.as_str()).collect();
            let Some(index) = names.iter().position(|n| *n == name.value) else {
                return Err(file::no_such_profile(&name.value, &names));
            };
            chosen = file.profiles.swap_remove(index);
        }
        let (master, replicas) = places(choices, &environment, &mut chosen, asked_for)?;
        let Profile { preferences: own, .. } = chosen;
        let general = file.general;
        let mut keys = general.keys.clone();
        keys.extend(own.keys.clone());
        let pick = |f: fn(&Preferences) -> Option<Chosen<bool>>, default| {
            f(&own).or_else(|| f(&general)).unwrap_or(Chosen::default(default))
        };
        Ok(Self {
            home,
            profile,
            master,
            replicas,
            protected: pick(|p| p.protected.clone(), false),
            read_only: if choices.read_only {
                Chosen::new(true, Origin::Flag("--read-only"))
            } else {
                pick(|p| p.read_only.clone(), false)
            },
            mouse: pick(|p| p.mouse.clone(), true),
            color: color(choices, &environment),
            interval: interval(&environment, &own, &general, asked_for)?,
            keep: own.keep.or(general.keep).unwrap_or(Chosen::default(Duration::from_hours(24 * 30))),
            sync_enabled: sync_enabled(&environment)?,
            theme: own.theme.or(general.theme).unwrap_or_else(|| Chosen::default("robbie-dark".to_owned())),
            log_level: match &choices.log_level {
                Some(level) => Chosen::new(level.clone(), Origin::Flag("--log-level")),
                None => own.log_level.or(general.log_level).unwrap_or_else(|| Chosen::default("info".to_owned())),
            },
            keys,
            embeddings: own.embeddings.or(general.embeddings),
            environment,
        })
    }
}

fn profile_name(choices: &Choices, environment: &Environment, file: &File) -> Option<Chosen<String>> {
    if let Some(name) = &choices.profile {
        return Some(Chosen::new(name.clone(), Origin::Flag("--profile")));
    }
    if let Some(name) = environment.get("ROBBIE_PROFILE") {
        return Some(Chosen::new(name.to_owned(), Origin::Environment("ROBBIE_PROFILE")));
    }
    file.profile.clone()
}

/// Where both sides are: a flag, else a profile asked for by flag, else the environment, else the profile.
///
/// Only when nothing at all was named is it the embedded pair. A half-named pair is not completed with the embedded
/// server of the other side: that would let the demo's rows into somebody's database.
fn places(
    choices: &Choices,
    environment: &Environment,
    profile: &mut Profile,
    asked_for: bool,
) -> Result<(Chosen<Place>, Vec<Replica>), Problem> {
    let from_flag = choices
        .master
        .as_ref()
        .map(|url| Chosen::new(Place::written(url.expose_secret().to_owned(), None), Origin::Flag("--master")));
    let from_profile = profile.master.take();
    let from_environment =
        || if environment.any(MASTER_VARIABLES) { master_variables(environment).map(Some) } else { Ok(None) };
    let master = match (from_flag, from_profile) {
        (Some(flag), _) => Some(flag),
        (None, Some(profile)) if asked_for => Some(profile),
        (None, profile) => from_environment()?.or(profile),
    };
    let flags = replica_flags(choices)?;
    let profile_replicas = std::mem::take(&mut profile.replicas);
    // As deployed: with a master in the environment, the local database has defaults of its own.
    let local_by_default =
        || master.as_ref().is_some_and(|m| matches!(m.origin, Origin::Environment(_))) && profile_replicas.is_empty();
    let replicas = if !flags.is_empty() {
        flags
    } else if asked_for && !profile_replicas.is_empty() {
        profile_replicas
    } else if environment.any(LOCAL_VARIABLES) || local_by_default() {
        vec![local_variables(environment)?]
    } else {
        profile_replicas
    };
    let named = master.is_some() || !replicas.is_empty();
    let otherwise = || Chosen::default(if named { Place::Unnamed } else { Place::Embedded });
    let replicas =
        if replicas.is_empty() { vec![Replica { name: "replica".to_owned(), place: otherwise() }] } else { replicas };
    Ok((master.unwrap_or_else(otherwise), replicas))
}

fn replica_flags(choices: &Choices) -> Result<Vec<Replica>, Problem> {
    let mut replicas: Vec<Replica> = Vec::new();
    for written in &choices.replicas {
        let (name, url) = split_name(written.expose_secret());
        let name = match name {
            Some(name) => name.to_owned(),
            None if replicas.is_empty() => "replica".to_owned(),
            None => format!("replica-{}", replicas.len() + 1),
        };
        if replicas.iter().any(|r| r.name == name) {
            return Err(
                Problem::new(format!("two replicas are called `{name}`")).remedy("--replica NAME=URL names them")
            );
        }
        let place = Place::written(url.to_owned(), None);
        replicas.push(Replica { name, place: Chosen::new(place, Origin::Flag("--replica")) });
    }
    Ok(replicas)
}

/// Splits `NAME=URL`. `host=… dbname=…` is a key=value string, not a replica called `host`.
fn split_name(written: &str) -> (Option<&str>, &str) {
    match written.split_once('=') {
        Some((name, rest))
            if !name.is_empty()
                && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c))
                && (rest.starts_with("postgres://")
                    || rest.starts_with("postgresql://")
                    || rest == "embedded"
                    || rest.split_once('=').is_some_and(|(key, _)| !key.contains(char::is_whitespace))) =>
        {
            (Some(name), rest)
        }
        _ => (None, written),
    }
}

fn master_variables(environment: &Environment) -> Result<Chosen<Place>, Problem> {
    let Some(host) = environment.get("MASTER_DB_HOST") else {
        let set = MASTER_VARIABLES.iter().find(|name| environment.get(name).is_some()).copied().unwrap_or_default();
        return Err(Problem::new(format!("{set} is set, but MASTER_DB_HOST is not"))
            .remedy("set MASTER_DB_HOST to the master's host, or unset the other MASTER_DB_ variables"));
    };
    let mut dsn = parts(environment, "MASTER_DB", host, ("25432", "aurora_unified", "aurora_app"))?;
    if let Some(mode) = environment.get("MASTER_DB_SSL") {
        let mode = match mode.to_ascii_lowercase().as_str() {
            "true" | "1" | "on" | "yes" => "require".to_owned(),
            "false" | "0" | "off" | "no" => "disable".to_owned(),
            mode => mode.to_owned(),
        };
        pair(&mut dsn, "sslmode", &mode);
    }
    Ok(Chosen::new(Place::written(dsn, None), Origin::Environment("MASTER_DB_HOST")))
}

fn local_variables(environment: &Environment) -> Result<Replica, Problem> {
    let host = environment.get("LOCAL_DB_HOST").unwrap_or("localhost");
    let dsn = parts(environment, "LOCAL_DB", host, ("5432", "robbieverse", "robbie"))?;
    let variable = LOCAL_VARIABLES.iter().find(|name| environment.get(name).is_some());
    let origin = variable.map_or(Origin::Default, |name| Origin::Environment(name));
    Ok(Replica { name: "local".to_owned(), place: Chosen::new(Place::written(dsn, None), origin) })
}

fn parts(
    environment: &Environment,
    prefix: &str,
    host: &str,
    (port, database, user): (&str, &str, &str),
) -> Result<String, Problem> {
    let get = |part: &str| environment.get(&format!("{prefix}_{part}"));
    let port = get("PORT").unwrap_or(port);
    if port.parse::<u16>().is_err() {
        return Err(Problem::new(format!("{prefix}_PORT is not a port: `{port}`")).remedy("a number from 1 to 65535"));
    }
    let mut dsn = String::new();
    pair(&mut dsn, "host", host);
    pair(&mut dsn, "port", port);
    pair(&mut dsn, "dbname", get("NAME").unwrap_or(database));
    pair(&mut dsn, "user", get("USER").unwrap_or(user));
    if let Some(password) = get("PASSWORD") {
        pair(&mut dsn, "password", password);
    }
    Ok(dsn)
}

/// Appends `key='value'`, quoted as libpq reads it.
fn pair(dsn: &mut String, key: &str, value: &str) {
    let quoted = value.replace('\\', r"\\").replace('\'', r"\'");
    let _ = write!(dsn, "{}{key}='{quoted}'", if dsn.is_empty() { "" } else { " " });
}

fn interval(
    environment: &Environment,
    own: &Preferences,
    general: &Preferences,
    asked_for: bool,
) -> Result<Chosen<Duration>, Problem> {
    const NAME: &str = "SYNC_INTERVAL_SECONDS";
    if let Some(profile) = own.interval.as_ref().filter(|_| asked_for) {
        return Ok(profile.clone());
    }
    if let Some(text) = environment.get(NAME) {
        let value = file::duration(text)
            .ok_or_else(|| Problem::new(format!("{NAME} is not a number of seconds: `{text}`")).remedy("such as 30"))?;
        return Ok(Chosen::new(value, Origin::Environment(NAME)));
    }
    let written = own.interval.as_ref().or(general.interval.as_ref());
    Ok(written.cloned().unwrap_or(Chosen::default(Duration::from_secs(30))))
}

fn sync_enabled(environment: &Environment) -> Result<Chosen<bool>, Problem> {
    const NAME: &str = "SYNC_ENABLED";
    let Some(text) = environment.get(NAME) else { return Ok(Chosen::default(true)) };
    let value = match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => true,
        "false" | "0" | "off" | "no" => false,
        _ => return Err(Problem::new(format!("{NAME} is neither true nor false: `{text}`"))),
    };
    Ok(Chosen::new(value, Origin::Environment(NAME)))
}

fn color(choices: &Choices, environment: &Environment) -> Chosen<bool> {
    if choices.no_color {
        Chosen::new(false, Origin::Flag("--no-color"))
    } else if environment.get("NO_COLOR").is_some() {
        Chosen::new(false, Origin::Environment("NO_COLOR"))
    } else {
        Chosen::default(true)
    }
}

#[cfg(test)]
mod tests;
