//! Where in the pane one is: the level, the choice of states, the part of an entry.

use super::{compare, fold};
use crate::postgres::Fault;
use crate::queue::detail::Detail;
use crate::queue::images::Image;
use crate::queue::{Columns, State};
use crate::sync::EntryOutcome;
use uuid::Uuid;

/// The level that is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Level {
    /// Why entries are stuck.
    #[default]
    Groups,
    /// Entries.
    List,
    /// One entry.
    Entry,
}

/// A choice of states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tab {
    #[default]
    Open,
    Pending,
    Failed,
    Blocked,
    Synced,
    All,
    /// The archive.
    Discarded,
}

impl Tab {
    pub(super) const ALL: [Self; 7] =
        [Self::Open, Self::Pending, Self::Failed, Self::Blocked, Self::Synced, Self::All, Self::Discarded];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Synced => "synced",
            Self::All => "all",
            Self::Discarded => "discarded",
        }
    }
    pub(super) fn states(self) -> Vec<State> {
        match self {
            Self::Open => State::OPEN.to_vec(),
            Self::Pending => vec![State::Pending],
            Self::Failed => vec![State::Failed],
            Self::Blocked => vec![State::Blocked],
            Self::Synced => vec![State::Synced],
            Self::All => State::QUEUED.to_vec(),
            Self::Discarded => vec![State::Discarded],
        }
    }
}

/// What is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typing {
    /// A filter.
    Filter,
    /// A percentage to go to.
    Jump,
}

/// One entry, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Inside {
    pub(super) id: Option<Uuid>,
    /// The entry went away while it was shown.
    pub(super) gone: bool,
    pub(super) detail: Option<Box<Detail>>,
    pub(super) images: Option<Box<[Result<Image, Fault>; 2]>>,
    /// The images, compared.
    pub(super) rows: Vec<compare::Compared>,
    pub(super) payload: fold::Folded,
    /// What the master knows of the table's columns.
    pub(super) columns: Columns,
    /// What a dry run said.
    pub(super) predicted: Option<Result<EntryOutcome, Fault>>,
    pub(super) section: Section,
    /// The line of the section with the cursor.
    pub(super) scroll: usize,
}

/// A part of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Section {
    /// The images side by side.
    #[default]
    Rows,
    /// The payload as JSON.
    Payload,
    /// The tries and the chain.
    Tries,
}

impl Section {
    pub(super) const ALL: [Self; 3] = [Self::Rows, Self::Payload, Self::Tries];
}
