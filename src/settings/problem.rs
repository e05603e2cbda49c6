//! What is wrong with the configuration, where, and what to write instead.

use std::fmt;
use std::path::{Path, PathBuf};

/// A mistake in flags, environment or file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// The file and the line, where one is meant.
    pub place: Option<(PathBuf, usize)>,
    /// What to write instead.
    pub remedy: Option<String>,
}

impl Problem {
    /// A problem without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, remedy: None }
    }
    /// Names the line of a file.
    #[must_use]
    pub fn at(mut self, file: &Path, line: usize) -> Self {
        self.place = Some((file.to_owned(), line));
        self
    }
    /// Says what to write instead.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((file, line)) = &self.place {
            write!(f, "{}:{line}: ", file.display())?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}
