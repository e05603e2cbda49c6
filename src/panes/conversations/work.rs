//! What the pane asks of the databases.

use super::document::{Body, Item};
use crate::conversation::embed::Embedder;
use crate::conversation::search::{self, Mode, Results};
use crate::conversation::{
    self as domain, Block, BlockFilter, Differing, Facets, Filter, From, Key, Kind, Listed, Listing, MessagePage,
    Pattern, Sides, Sort, Whereabouts, recall, similar,
};
use crate::postgres::{Fault, Side};
use crate::ui::Services;
use std::sync::Arc;
use uuid::Uuid;

/// Messages read at once.
const MESSAGES: u16 = 40;
/// Blocks of a page.
pub(super) const BLOCKS: u16 = 100;
/// Patterns read at most.
const PATTERNS: u16 = 1_000;
/// Results of a search.
const RESULTS: usize = 50;

/// Work wanted, and the sides as they were read.
#[derive(Debug)]
pub struct Command {
    pub(super) sides: Option<Arc<Sides>>,
    pub(super) ask: Ask,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    /// A page of the list.
    List {
        question: u64,
        side: Option<Side>,
        filter: Filter,
        sort: Sort,
        from: Option<Key>,
        back: bool,
        grow: bool,
    },
    /// Where the conversations of the list are, which takes longer than the list.
    Whereabouts {
        question: u64,
        ids: Vec<Uuid>,
    },
    /// What there is to choose from.
    Facets {
        question: u64,
        side: Option<Side>,
        filter: Filter,
    },
    /// A conversation's first messages, for the preview.
    Preview {
        id: Uuid,
        side: Option<Side>,
    },
    /// A conversation to read, from its beginning or around a message.
    Open {
        id: Uuid,
        side: Option<Side>,
        at: Option<Uuid>,
    },
    /// More of its messages.
    More {
        id: Uuid,
        side: Side,
        from: From,
    },
    Blocks {
        filter: BlockFilter,
        after: Option<Uuid>,
    },
    Patterns {
        of_type: Option<String>,
    },
    Search {
        text: String,
        mode: Mode,
    },
    Like {
        kind: Kind,
        id: Uuid,
    },
    /// One message, block or pattern, with all of its text.
    Whole {
        kind: Kind,
        id: Uuid,
    },
    /// How many lists of these tables' indexes are enough.
    Measure {
        kinds: Vec<Kind>,
        embedder: Option<String>,
    },
    /// A deed, which is written.
    Do(super::deeds::Deed),
}

/// An answer, and the sides as they were read for it; nothing where they must be read anew.
pub struct Message {
    pub(super) sides: Result<Option<Arc<Sides>>, Fault>,
    pub(super) told: Told,
}

/// A conversation as it is read.
#[derive(Debug)]
pub(super) struct Opened {
    pub side: Side,
    pub listed: Listed,
    pub page: MessagePage,
    /// Whether there are messages before the page.
    pub before: bool,
    pub differing: Differing,
    pub at: Option<Uuid>,
}

/// What is answered.
pub(super) enum Told {
    Listed {
        question: u64,
        from: Option<Key>,
        back: bool,
        grow: bool,
        page: Result<Listing, Fault>,
    },
    Whereabouts {
        question: u64,
        ids: Vec<Uuid>,
        places: Result<Whereabouts, Fault>,
    },
    Facets {
        question: u64,
        facets: Result<Facets, Fault>,
    },
    Previewed {
        id: Uuid,
        opened: Result<Box<Opened>, Fault>,
    },
    Opened {
        id: Uuid,
        opened: Result<Box<Opened>, Fault>,
    },
    More {
        id: Uuid,
        side: Side,
        from: From,
        page: Result<MessagePage, Fault>,
    },
    Blocks {
        after: Option<Uuid>,
        found: Result<(Vec<Block>, bool), Fault>,
    },
    Patterns(Result<(Vec<Pattern>, bool), Fault>),
    Found(Result<Results, Fault>),
    Whole(Result<Option<Item>, Fault>),
    Done(Result<super::deeds::Done, Fault>),
    /// It was measured, as far as it could be.
    Measured,
    /// Neither side could be read.
    Nothing,
}

/// Does the work.
pub(super) async fn perform(command: Command, services: &Services) -> Message {
    let pair = services.pair();
    if let Ask::Do(deed) = command.ask {
        let done = super::deeds::perform(deed, &pair, command.sides.as_deref()).await;
        return Message { sides: Ok(None), told: Told::Done(done) };
    }
    let sides = match command.sides {
        Some(sides) => sides,
        None => match Sides::read(&pair).await {
            Ok(sides) => Arc::new(sides.remembering(services.recall())),
            Err(fault) => return Message { sides: Err(fault), told: Told::Nothing },
        },
    };
    let told = ask(&sides, services.embedder(), command.ask).await;
    Message { sides: Ok(Some(sides)), told }
}

async fn ask(sides: &Sides, embedder: &Embedder, ask: Ask) -> Told {
    match ask {
        Ask::List { question, side, filter, sort, from, back, grow } => {
            let page = domain::outline(sides, side, &filter, sort, from.as_ref(), back, super::list::PAGE).await;
            Told::Listed { question, from, back, grow, page }
        }
        Ask::Whereabouts { question, ids } => {
            let places = domain::whereabouts(sides, &ids).await;
            Told::Whereabouts { question, ids, places }
        }
        Ask::Facets { question, side, filter } => {
            let facets = match sides.of(side.unwrap_or_else(|| sides.near())) {
                Ok((link, shape)) => domain::facets(link, shape, &filter).await,
                Err(fault) => Err(fault),
            };
            Told::Facets { question, facets }
        }
        Ask::Preview { id, side } => Told::Previewed { id, opened: open(sides, id, side, None, 6).await.map(Box::new) },
        Ask::Open { id, side, at } => {
            Told::Opened { id, opened: open(sides, id, side, at, MESSAGES).await.map(Box::new) }
        }
        Ask::More { id, side, from } => {
            let page = match sides.of(side) {
                Ok((link, shape)) => domain::messages(link, shape, id, &from, MESSAGES).await,
                Err(fault) => Err(fault),
            };
            Told::More { id, side, from, page }
        }
        Ask::Blocks { filter, after } => {
            let found = match sides.of(sides.near()) {
                Ok((link, shape)) => domain::blocks(link, shape, &filter, after, BLOCKS).await,
                Err(fault) => Err(fault),
            };
            Told::Blocks { after, found }
        }
        Ask::Patterns { of_type } => Told::Patterns(match sides.of(sides.near()) {
            Ok((link, shape)) => domain::patterns(link, shape, of_type.as_deref(), PATTERNS).await,
            Err(fault) => Err(fault),
        }),
        Ask::Search { text, mode } => Told::Found(match sides.of(sides.near()) {
            Ok((link, shape)) => search::search(link, shape, &text, mode, embedder, RESULTS).await,
            Err(fault) => Err(fault),
        }),
        Ask::Like { kind, id } => Told::Found(match sides.of(sides.near()) {
            Ok((link, shape)) => search::more_like(link, shape, kind, id, RESULTS).await,
            Err(fault) => Err(fault),
        }),
        Ask::Whole { kind, id } => Told::Whole(whole(sides, kind, id).await),
        Ask::Measure { kinds, embedder } => {
            // Without it searches stay exact: a fault here is none of theirs.
            if let Ok((link, shape)) = sides.of(sides.near()) {
                for kind in kinds {
                    let _ = recall::measure(link, shape, kind, embedder.as_deref(), similar::RECALL).await;
                }
            }
            Told::Measured
        }
        Ask::Do(_) => Told::Nothing,
    }
}

async fn open(sides: &Sides, id: Uuid, side: Option<Side>, at: Option<Uuid>, limit: u16) -> Result<Opened, Fault> {
    let (side, listed) = domain::find(sides, side, id).await?;
    let (link, shape) = sides.of(side)?;
    let place = match at {
        Some(at) => domain::message(link, shape, at).await?.map(|m| m.place),
        None => None,
    };
    let (page, before) = match place {
        None => (domain::messages(link, shape, id, &From::Start, limit).await?, false),
        Some(place) => {
            let mut before = domain::messages(link, shape, id, &From::Before(place.clone()), limit / 2).await?;
            let more = before.more;
            let after = match before.messages.last() {
                Some(last) => From::After(last.place.clone()),
                None => From::Start,
            };
            let behind = domain::messages(link, shape, id, &after, limit).await?;
            before.messages.extend(behind.messages);
            (MessagePage { messages: before.messages, more: behind.more }, more)
        }
    };
    let differing = match (sides.of(Side::Master), sides.of(Side::Replica)) {
        (Ok(master), Ok(replica)) if listed.presence == domain::Presence::Different => {
            domain::differing(master, replica, id).await?
        }
        _ => Differing::default(),
    };
    Ok(Opened { side, listed, page, before, differing, at })
}

async fn whole(sides: &Sides, kind: Kind, id: Uuid) -> Result<Option<Item>, Fault> {
    let (link, shape) = sides.of(sides.near())?;
    Ok(match kind {
        Kind::Message => domain::message(link, shape, id).await?.map(|m| super::items::message(&m, None)),
        Kind::Block => domain::block(link, shape, id).await?.map(|b| super::items::block(&b)),
        Kind::Pattern => domain::pattern(link, shape, id).await?.map(|p| super::items::pattern(&p)),
        Kind::Conversation => None,
    })
}

impl Item {
    /// An item that is alone.
    pub(super) fn alone(kind: Kind, id: Uuid, head: crate::ui::code::Line, body: Body) -> Self {
        Self { kind, id, head, body, place: (String::new(), id) }
    }
}
