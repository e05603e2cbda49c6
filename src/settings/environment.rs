//! The environment, read once: the only place of the program that does.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;

/// The variables the program knows. What is not listed here has no influence on it.
const KNOWN: &[&str] = &[
    "ROBBIE_HOME",
    "ROBBIE_PG_BINDIR",
    "ROBBIE_PROFILE",
    // A failpoint of the engine, for tests.
    #[cfg(debug_assertions)]
    "ROBBIE_FAILPOINT",
    "MASTER_DB_HOST",
    "MASTER_DB_PORT",
    "MASTER_DB_NAME",
    "MASTER_DB_USER",
    "MASTER_DB_PASSWORD",
    "MASTER_DB_SSL",
    "LOCAL_DB_HOST",
    "LOCAL_DB_PORT",
    "LOCAL_DB_NAME",
    "LOCAL_DB_USER",
    "LOCAL_DB_PASSWORD",
    "SYNC_INTERVAL_SECONDS",
    "SYNC_ENABLED",
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGDATABASE",
    "PGUSER",
    "PGPASSWORD",
    "PGPASSFILE",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSYSCONFDIR",
    "PGOPTIONS",
    "PGSSLMODE",
    "PGSSLNEGOTIATION",
    "PGSSLROOTCERT",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGCHANNELBINDING",
    "PGCONNECT_TIMEOUT",
    "PGTARGETSESSIONATTRS",
    "APPDATA",
    "COLORTERM",
    "COLORFGBG",
    "EDITOR",
    "HOME",
    "HOSTNAME",
    "LOGNAME",
    "NO_COLOR",
    "PATH",
    "SHELL",
    "SSH_TTY",
    "TERM",
    "TMUX",
    "USER",
    "USERNAME",
    "VISUAL",
    "WAYLAND_DISPLAY",
    "DISPLAY",
];

/// A copy of the variables the program knows. An empty variable counts as unset; `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads the environment of the process.
    #[expect(clippy::disallowed_methods, reason = "this is the place where the environment is read")]
    pub fn of_process() -> Self {
        KNOWN.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))).collect()
    }
    /// The variable, if it is set to something.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
    /// Whether any of these is set.
    pub fn any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.0.contains_key(*name))
    }
    /// The person's editor, as a command line.
    pub fn editor(&self) -> Option<&str> {
        self.get("VISUAL").or_else(|| self.get("EDITOR"))
    }
}

impl<N: Into<String>, V: AsRef<OsStr>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.as_ref().to_string_lossy().into_owned()))
                .filter(|(_, value)| !value.is_empty())
                .collect(),
        )
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_unset_and_values_are_not_shown() {
        let environment: Environment = [("PGPASSWORD", "hunter2"), ("NO_COLOR", "")].into_iter().collect();
        assert_eq!(environment.get("PGPASSWORD"), Some("hunter2"));
        assert_eq!(environment.get("NO_COLOR"), None);
        assert_eq!(format!("{environment:?}"), r#"{"PGPASSWORD"}"#);
    }

    #[test]
    fn visual_goes_before_editor() {
        let environment: Environment = [("EDITOR", "vi"), ("VISUAL", "hx -v")].into_iter().collect();
        assert_eq!(environment.editor(), Some("hx -v"));
    }
}
