//! Where configuration, data and logs live: under `ROBBIE_HOME`, or in the platform's folders.

use super::{Environment, Problem};
use std::path::{Path, PathBuf};

/// The folders of this user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    config: PathBuf,
    data: PathBuf,
    logs: PathBuf,
}

impl Home {
    /// All in one folder.
    pub fn under(folder: impl Into<PathBuf>) -> Self {
        let data = folder.into();
        Self { config: data.join("config.toml"), logs: data.join("logs"), data }
    }
    /// `ROBBIE_HOME`, else the platform's folders.
    pub fn find(environment: &Environment) -> Result<Self, Problem> {
        if let Some(folder) = environment.get("ROBBIE_HOME") {
            return std::path::absolute(folder).map(Self::under).map_err(|e| {
                Problem::new(format!("ROBBIE_HOME is no usable folder: {e}")).remedy("set it to a folder, or unset it")
            });
        }
        let folders = directories::ProjectDirs::from("", "", "robbie").ok_or_else(|| {
            Problem::new("this user has no home folder").remedy("set ROBBIE_HOME to a folder that can be written")
        })?;
        let data = folders.data_local_dir().to_owned();
        let logs = folders.state_dir().map_or_else(|| data.join("logs"), |state| state.join("logs"));
        Ok(Self { config: folders.config_dir().join("config.toml"), data, logs })
    }
    /// The same folders, with another configuration file.
    #[must_use]
    pub fn with_config_file(mut self, file: &Path) -> Self {
        file.clone_into(&mut self.config);
        self
    }
    /// The configuration file (which need not exist).
    pub fn config_file(&self) -> &Path {
        &self.config
    }
    /// Where embedded servers and other data are kept.
    pub fn data(&self) -> &Path {
        &self.data
    }
    /// Where log files are kept.
    pub fn logs(&self) -> &Path {
        &self.logs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_variable_moves_everything() {
        let environment: Environment = [("ROBBIE_HOME", "/r")].into_iter().collect();
        let home = Home::find(&environment).unwrap();
        assert_eq!(home.config_file(), Path::new("/r/config.toml"));
        assert_eq!(home.data(), Path::new("/r"));
        assert_eq!(home.logs(), Path::new("/r/logs"));
    }
}
