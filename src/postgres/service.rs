//! libpq's service file: `[name]` sections of connection parameters.

use super::dsn::Parameters;
use super::{Fault, Kind};
use crate::settings::Environment;
use std::path::{Path, PathBuf};

/// Fills in what the service says and the connection string does not.
pub fn apply(parameters: &mut Parameters, environment: &Environment) -> Result<(), Fault> {
    let Some(name) = parameters.get("service").or_else(|| environment.get("PGSERVICE")).map(ToOwned::to_owned) else {
        return Ok(());
    };
    let files = files(parameters, environment);
    for file in &files {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        if let Some(service) = section(&text, &name, file)? {
            for (key, value) in service {
                if parameters.get(&key).is_none() {
                    parameters.set(&key, &value).map_err(|f| f.about(file.display().to_string()))?;
                }
            }
            return Ok(());
        }
    }
    let looked: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
    Err(Fault::new(Kind::Settings, format!("there is no service `{name}`"))
        .about(format!("service {name}"))
        .remedy(format!("add a section [{name}] to {}", looked.join(" or "))))
}

/// The user's file, then the system's.
fn files(parameters: &Parameters, environment: &Environment) -> Vec<PathBuf> {
    let own = parameters
        .get("servicefile")
        .or_else(|| environment.get("PGSERVICEFILE"))
        .map(PathBuf::from)
        .or_else(|| environment.get("HOME").map(|home| Path::new(home).join(".pg_service.conf")));
    let system = environment.get("PGSYSCONFDIR").unwrap_or("/etc/postgresql-common");
    own.into_iter().chain([Path::new(system).join("pg_service.conf")]).collect()
}

fn section(text: &str, name: &str, file: &Path) -> Result<Option<Vec<(String, String)>>, Fault> {
    let mut found = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            if found.is_some() {
                break;
            }
            found = (header == name).then(Vec::new);
        } else if let Some(pairs) = &mut found {
            let (key, value) = line.split_once('=').ok_or_else(|| {
                let place = format!("{}:{}", file.display(), number + 1);
                Fault::new(Kind::Settings, format!("{place}: not `name=value`")).about(place)
            })?;
            pairs.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "# services\n[other]\nhost=elsewhere\n\n[town]\nhost=db.town\nport = 6000\ndbname=robbie\n[last]\nuser=x\n";

    fn folder() -> (tempfile::TempDir, Environment) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".pg_service.conf"), FILE).unwrap();
        let environment =
            [("HOME", folder.path().to_str().unwrap()), ("PGSYSCONFDIR", "/nonexistent")].into_iter().collect();
        (folder, environment)
    }

    #[test]
    fn fills_in_what_is_not_said() {
        let (_folder, environment) = folder();
        let mut parameters = Parameters::parse("service=town port=1").unwrap();
        apply(&mut parameters, &environment).unwrap();
        assert_eq!(parameters.get("host"), Some("db.town"));
        assert_eq!(parameters.get("port"), Some("1"));
        assert_eq!(parameters.get("user"), None);
    }

    #[test]
    fn the_variable_names_a_service_too() {
        let (folder, _) = folder();
        let file = folder.path().join(".pg_service.conf");
        let environment = [("PGSERVICE", "last"), ("PGSERVICEFILE", file.to_str().unwrap())].into_iter().collect();
        let mut parameters = Parameters::default();
        apply(&mut parameters, &environment).unwrap();
        assert_eq!(parameters.get("user"), Some("x"));
    }

    #[test]
    fn an_unknown_service_says_where_it_was_looked_for() {
        let (_folder, environment) = folder();
        let fault = apply(&mut Parameters::parse("service=villa").unwrap(), &environment).unwrap_err();
        assert_eq!(fault.kind, Kind::Settings);
        assert!(fault.remedy.unwrap().contains(".pg_service.conf"));
    }

    #[test]
    fn a_broken_line_is_named() {
        let fault = section("[a]\nhost", "a", Path::new("f")).unwrap_err();
        assert_eq!(fault.message, "f:2: not `name=value`");
    }
}
