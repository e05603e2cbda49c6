//! What the pane asks of the databases, and the answers, as data.

use super::fixing::{Mend, Plan};
use super::window::Edge;
use crate::postgres::Fault;
use crate::queue::detail::Detail;
use crate::queue::groups::Groups;
use crate::queue::images::Image;
use crate::queue::starvation::Worker;
use crate::queue::store::{Pulse, Total};
use crate::queue::{Anchor, Columns, Page, Scope, Shape};
use crate::sync::EntryOutcome;
use crate::sync::adopt::Parent;
use crate::sync::discard::Put;
use crate::sync::freeze::Frozen;
use crate::sync::job::JobOptions;
use std::time::Duration;
use uuid::Uuid;

/// Work of the pane.
#[derive(Clone, Debug)]
pub enum Command {
    /// Finds the queue and reads the first page of the list.
    Open {
        /// Which question this is.
        question: u64,
        /// The list.
        scope: Box<Scope>,
        /// Where to begin.
        anchor: Anchor,
    },
    /// Reads a page at an edge of what is held.
    Page {
        /// Which question this is.
        question: u64,
        /// The shape of the queue.
        shape: Shape,
        /// The list.
        scope: Box<Scope>,
        /// Where to read.
        anchor: Anchor,
        /// Which edge; none replaces what is held.
        edge: Option<Edge>,
    },
    /// Looks whether the queue was written to, and reads the rows around the cursor again if it was.
    Refresh {
        /// Which question this is.
        question: u64,
        /// The shape of the queue.
        shape: Shape,
        /// The list.
        scope: Box<Scope>,
        /// Where to read.
        anchor: Anchor,
        /// Whether that is the list's beginning.
        from_start: bool,
        /// The last pulse; none reads in any case.
        pulse: Option<Pulse>,
    },
    /// Reads the groups.
    Groups {
        /// The shape of the queue.
        shape: Shape,
    },
    /// Counts what the list holds.
    Count {
        /// Which question this is.
        question: u64,
        /// The shape of the queue.
        shape: Shape,
        /// The list.
        scope: Box<Scope>,
    },
    /// Reads one entry in full, and its row on both sides.
    Detail {
        /// The shape of the queue.
        shape: Shape,
        /// The entry.
        id: Uuid,
    },
    /// Tries entries dry.
    Dry {
        /// The entries.
        ids: Vec<Uuid>,
        /// What the answer is for.
        then: Then,
    },
    /// Replays entries.
    Replay {
        /// The entries.
        ids: Vec<Uuid>,
        /// Applies what the engine holds back.
        force: bool,
        /// The entries and their rows as they were when a person was asked: what changed since is not touched.
        frozen: Option<Box<Frozen>>,
    },
    /// What the payload editor asks.
    Edit(super::editor::Ask),
    /// Starts a replay of many.
    Start {
        /// The entries and their rows as they were when a person was asked.
        frozen: Box<Frozen>,
        /// How it goes about it.
        options: JobOptions,
    },
    /// Finds the ids of all that match, to act on them.
    Ids {
        /// Which question this is.
        question: u64,
        /// The shape of the queue.
        shape: Shape,
        /// What matches.
        scope: Box<Scope>,
        /// What for.
        purpose: Purpose,
    },
    /// Discards or restores entries, or says what a discard would do.
    Put {
        /// The entries.
        ids: Vec<Uuid>,
        /// Which of it.
        put: Putting,
        /// Why.
        reason: String,
    },
    /// Takes back what entries did to the master, or does it again.
    Undo {
        /// The entries.
        ids: Vec<Uuid>,
        /// Does it again.
        redo: bool,
        /// Only says what that would come to.
        dry: bool,
        /// Why.
        reason: String,
    },
    /// Finds out what the remedy of an entry comes to.
    Plan {
        /// The shape of the queue.
        shape: Shape,
        /// The entry.
        id: Uuid,
    },
    /// Finds the user of the master that a text id shall be mapped to.
    FindUser {
        /// The entry that it is about.
        id: Uuid,
        /// The text id.
        text: String,
        /// Entries that wait for it.
        waiting: i64,
        /// The user's id, name or address.
        named: String,
    },
    /// Does a remedy.
    Mend {
        /// The entry.
        id: Uuid,
        /// The remedy.
        mend: Mend,
    },
    /// Finds the row that an entry waits for.
    Parent {
        /// The entry.
        id: Uuid,
    },
    /// Reads the rest of a long payload.
    Rest {
        /// The shape of the queue.
        shape: Shape,
        /// The entry.
        id: Uuid,
    },
    /// Reads an entry whole for the clipboard.
    Copy {
        /// The shape of the queue.
        shape: Shape,
        /// The entry.
        id: Uuid,
    },
}

/// What entries are chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be marked.
    Marks,
    /// To be tried dry.
    Dry(Then),
    /// To be discarded.
    Discard,
}

/// Into the archive and out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Putting {
    /// Only to say what a discard would do.
    Look,
    /// Into the archive.
    Discard,
    /// Out of it.
    Restore,
}

impl Putting {
    /// While it goes on.
    pub fn doing(self) -> &'static str {
        match self {
            Self::Look => "looking at",
            Self::Discard => "discarding",
            Self::Restore => "restoring",
        }
    }
    /// When it is done.
    pub fn done(self) -> &'static str {
        if self == Self::Restore { "restored" } else { "discarded" }
    }
}

/// What a dry run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// To show the predicted row.
    Show,
    /// To say what would happen.
    Tell,
    /// To ask whether it shall happen.
    Ask,
}

/// A payload laid out, ready to be drawn.
pub type Laid = std::sync::Arc<super::json::Layout>;

/// Answers.
#[derive(Debug)]
pub enum Message {
    /// The queue was found.
    Opened {
        /// Which question this answers.
        question: u64,
        /// The shape of the queue.
        shape: Shape,
        /// Where the page was read from.
        anchor: Anchor,
        /// The first page.
        page: Page,
        /// How many entries there are.
        total: Total,
        /// The pulse at that time.
        pulse: Pulse,
        /// The groups, if they were quick.
        groups: Option<Groups>,
    },
    /// A page at an edge.
    Paged {
        /// Which question this answers.
        question: u64,
        /// Where the page was read from.
        anchor: Anchor,
        /// Which edge.
        edge: Option<Edge>,
        /// The page.
        page: Page,
    },
    /// Nothing was written since.
    Quiet,
    /// The rows around the cursor, read again.
    Refreshed {
        /// Which question this answers.
        question: u64,
        /// Whether they are the list's beginning.
        from_start: bool,
        /// The rows.
        page: Page,
        /// How many entries there are.
        total: Total,
        /// The pulse at that time.
        pulse: Pulse,
    },
    /// The groups, and how long reading them took.
    Grouped(Groups, Duration),
    /// How many entries the list holds, and how long counting them took.
    Counted {
        /// Which question this answers.
        question: u64,
        /// How many.
        count: i64,
        /// How long it took.
        took: Duration,
    },
    /// One entry in full; none if it is gone.
    Detail(Uuid, Option<Box<Detail>>),
    /// The payload of an entry, laid out.
    Laid(Uuid, Laid),
    /// The row of an entry on both sides, or why not.
    Images(Uuid, Box<[Result<Image, Fault>; 2]>),
    /// What a replay would do.
    Dried(Vec<Uuid>, Then, Result<Vec<EntryOutcome>, Fault>),
    /// What a replay did.
    Replayed(Vec<Uuid>, Result<Vec<EntryOutcome>, Fault>),
    /// What the payload editor is answered.
    Edit(super::editor::Answer),
    /// Whether a replay of many could be started.
    Started(Result<(), Fault>),
    /// The ids of what is meant.
    Chosen {
        /// Which question this answers.
        question: u64,
        /// What for.
        purpose: Purpose,
        /// The entries.
        ids: Vec<Uuid>,
    },
    /// What a person is about to be asked about, as it is now.
    Frozen(Box<Frozen>),
    /// A write has begun.
    Begun,
    /// What became, or would become, of entries.
    Put(Vec<Uuid>, Putting, Result<Vec<Put>, Fault>),
    /// What an undo or a redo would come to, or came to.
    Undone {
        /// The entries.
        ids: Vec<Uuid>,
        /// Does it again.
        redo: bool,
        /// Nothing was written.
        dry: bool,
        /// Why.
        reason: String,
        /// What became of each.
        found: Result<Vec<EntryOutcome>, Fault>,
    },
    /// What the remedy of an entry comes to.
    Planned(Uuid, Result<Plan, Fault>),
    /// The user of the master that a text id shall be mapped to.
    UserFound {
        /// The entry that it is about.
        id: Uuid,
        /// The text id.
        text: String,
        /// Entries that wait for it.
        waiting: i64,
        /// The user and its name.
        user: Result<(Uuid, Option<String>), Fault>,
    },
    /// A remedy was done: what, in words.
    Mended(Uuid, Result<String, Fault>),
    /// The row that an entry waits for.
    Parent(Uuid, Result<Option<Parent>, Fault>),
    /// How the deployed worker fares.
    Worker(Worker),
    /// What the master knows of the columns of an entry's table.
    Columns(Uuid, Columns),
    /// An entry for the clipboard.
    Copied(String),
    /// A read failed.
    Failed {
        /// Which question this answers; none for what is beside the list.
        question: Option<u64>,
        /// Why.
        fault: Fault,
    },
}
