//! What the editor asks of the databases, and what they answer.

use crate::postgres::Fault;
use crate::sync::edit::{Draft, Edited, Problem};
use uuid::Uuid;

/// What the editor asks of the databases.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Reads the entry to be edited.
    Open(Uuid),
    /// Checks the text as it is now.
    Check {
        /// The entry as it was opened.
        draft: Box<Draft>,
        /// Which text this is.
        version: u64,
        /// The text.
        text: String,
    },
    /// Says what it changes, and what sending it would come to.
    Try {
        /// The entry as it was opened.
        draft: Box<Draft>,
        /// Which text this is.
        version: u64,
        /// The text.
        text: String,
    },
    /// Saves it.
    Save {
        /// The entry as it was opened.
        draft: Box<Draft>,
        /// The text.
        text: String,
    },
}

/// What they answer.
#[derive(Debug)]
pub enum Answer {
    /// The entry to be edited.
    Opened(Uuid, Result<Box<Draft>, Fault>),
    /// What is wrong with a text.
    Checked(u64, Check),
    /// What it changes, line by line.
    Compared(u64, Vec<Change>),
    /// What sending it would come to.
    Tried(u64, Result<Box<Edited>, Fault>),
    /// What became of it.
    Saved(Uuid, Result<Box<Edited>, Fault>),
}

/// What is known of a text.
#[derive(Debug, Default)]
pub enum Check {
    /// Nothing yet.
    #[default]
    Awaited,
    /// It was checked against the master.
    Whole(Vec<Problem>),
    /// It was only checked for being JSON, and why.
    Partly(Vec<Problem>, String),
}

impl Check {
    /// What is wrong, as far as it is known.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Awaited => &[],
            Self::Whole(problems) | Self::Partly(problems, _) => problems,
        }
    }
}

/// A line of the difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is as it was.
    Kept(String),
    /// It was there.
    Gone(String),
    /// It is new.
    New(String),
    /// Lines that are as they were, left out.
    Between(usize),
}
