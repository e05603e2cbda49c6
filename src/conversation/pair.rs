//! Conversations of both sides in one list, each once, with where it is.

use super::Shape;
use super::filter::Filter;
use super::head::{self, Conversation};
use super::list::{self, Key, Sort};
use super::presence::{self, Presence, Queued};
use crate::postgres::{Fault, Kind as FaultKind, Link, Pair, Side};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A conversation of a list.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// The conversation, as the side has it that is listed; of both, the replica where it has it.
    #[serde(flatten)]
    pub conversation: Conversation,
    /// Where it is.
    pub presence: Presence,
    /// Entries of the queue that were not sent, of it and what it holds.
    pub queued: i64,
}

/// A page of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The conversations.
    pub conversations: Vec<Listed>,
    /// Where the next page in the same direction begins, if there is one.
    pub next: Option<Key>,
    /// Whether only part of the queue was looked through.
    pub queue_partly: bool,
}

/// Both sides as far as they can be read.
pub struct Sides {
    pair: Pair,
    master: Result<Shape, Fault>,
    replica: Result<Shape, Fault>,
}

impl std::fmt::Debug for Sides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sides").field("readable", &self.readable()).finish_non_exhaustive()
    }
}

impl Sides {
    /// Looks at both sides; a fault only where neither has conversations to show.
    pub async fn read(pair: &Pair) -> Result<Self, Fault> {
        let (master, replica) = tokio::join!(Shape::needed(&pair.master), Shape::needed(&pair.replica));
        match (&master, &replica) {
            (Err(_), Err(fault)) => Err(fault.clone()),
            _ => Ok(Self { pair: pair.clone(), master, replica }),
        }
    }
    /// The same with what was measured before of the indexes over vectors.
    #[must_use]
    pub fn remembering(mut self, memory: &super::recall::Memory) -> Self {
        for shape in [&mut self.master, &mut self.replica].into_iter().flatten() {
            shape.memory = memory.clone();
        }
        self
    }
    /// The link and shape of a side, or why it cannot be read.
    pub fn of(&self, side: Side) -> Result<(&Link, &Shape), Fault> {
        let shape = match side {
            Side::Master => &self.master,
            Side::Replica => &self.replica,
        };
        shape.as_ref().map(|shape| (&**self.pair.side(side), shape)).map_err(Clone::clone)
    }
    /// Why a side cannot be read.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        [self.master.as_ref().err(), self.replica.as_ref().err()].into_iter().flatten()
    }
    /// The sides that can be read.
    pub fn readable(&self) -> Vec<Side> {
        [Side::Replica, Side::Master].into_iter().filter(|side| self.of(*side).is_ok()).collect()
    }
    /// The side that is read where none is named: the replica, which is near, or the master while it cannot be.
    pub fn near(&self) -> Side {
        self.readable().first().copied().unwrap_or(Side::Replica)
    }
}

/// Reads a page of the conversations of one side, or of both where none is named: behind a place or, for `back`, before it;
/// in the order of the list either way. With where each is, which takes longer than the page itself: see [`outline`].
pub async fn listing(
    sides: &Sides,
    side: Option<Side>,
    filter: &Filter,
    sort: Sort,
    from: Option<&Key>,
    back: bool,
    limit: u16,
) -> Result<Listing, Fault> {
    let mut page = outline(sides, side, filter, sort, from, back, limit).await?;
    let ids: Vec<Uuid> = page.conversations.iter().map(|listed| listed.conversation.id).collect();
    let places = whereabouts(sides, &ids).await?;
    page.queue_partly = places.queue_partly;
    page.conversations.iter_mut().for_each(|listed| places.tell(listed));
    Ok(page)
}

/// Where conversations are, and what the queue has for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// Where each is; what is not among them, nobody could say.
    pub presence: BTreeMap<Uuid, Presence>,
    /// Entries of the queue that were not sent.
    pub queued: BTreeMap<Uuid, i64>,
    /// Whether only part of the queue was looked through.
    pub queue_partly: bool,
}

impl Whereabouts {
    /// Writes down what is known of a conversation.
    pub fn tell(&self, listed: &mut Listed) {
        let id = listed.conversation.id;
        listed.presence = self.presence.get(&id).copied().unwrap_or(Presence::Unknown);
        listed.queued = self.queued.get(&id).copied().unwrap_or(0);
    }
}

/// Asks where these conversations are: it compares all their messages and blocks.
pub async fn whereabouts(sides: &Sides, ids: &[Uuid]) -> Result<Whereabouts, Fault> {
    let (presence, queued) = tokio::try_join!(presences(sides, ids), of_queue(sides, ids))?;
    Ok(Whereabouts { presence, queued: queued.entries, queue_partly: queued.partly })
}

/// The same page before anything was compared.
pub async fn outline(
    sides: &Sides,
    side: Option<Side>,
    filter: &Filter,
    sort: Sort,
    from: Option<&Key>,
    back: bool,
    limit: u16,
) -> Result<Listing, Fault> {
    let wanted: Vec<Side> = match side {
        Some(side) => vec![side],
        None => sides.readable(),
    };
    let way = Way { sort, back };
    let mut found: Vec<(Side, Conversation)> = Vec::new();
    // A page ends where the first side that has more ends: behind it, that side could have what belongs between.
    let mut end: Option<Key> = None;
    let page_of = async |side: Side| {
        let (link, shape) = sides.of(side)?;
        Ok::<_, Fault>((side, list::page(link, shape, filter, sort, from, back, limit).await?))
    };
    for (side, page) in futures_util::future::try_join_all(wanted.iter().map(|side| page_of(*side))).await? {
        let last = if back { page.conversations.first() } else { page.conversations.last() };
        if let Some(last) = last.filter(|_| page.more)
            && end.as_ref().is_none_or(|end| way.compare(&last.key, end) == Ordering::Less)
        {
            end = Some(last.key.clone());
        }
        found.extend(page.conversations.into_iter().map(|c| (side, c)));
    }
    if wanted.len() > 1 {
        once_each(sides, sort, &mut found).await?;
    }
    found.retain(|(_, c)| {
        let begun = from.is_none_or(|from| way.compare(&c.key, from) == Ordering::Greater);
        begun && end.as_ref().is_none_or(|end| way.compare(&c.key, end) != Ordering::Greater)
    });
    found.sort_by(|(_, a), (_, b)| way.compare(&a.key, &b.key));
    if found.len() > usize::from(limit) {
        found.truncate(usize::from(limit));
        end = found.last().map(|(_, c)| c.key.clone());
    }
    if back {
        found.reverse();
    }
    let conversations = found
        .into_iter()
        .map(|(_, conversation)| Listed { presence: Presence::Pending, queued: 0, conversation })
        .collect();
    Ok(Listing { conversations, next: end, queue_partly: false })
}

/// Which way a list is walked.
#[derive(Clone, Copy)]
struct Way {
    sort: Sort,
    back: bool,
}

impl Way {
    fn compare(self, one: &Key, other: &Key) -> Ordering {
        let order = self.sort.compare(one, other);
        if self.back { order.reverse() } else { order }
    }
}

/// A conversation that both sides have stands at the first of its two places, and is shown as the replica has it.
async fn once_each(sides: &Sides, sort: Sort, found: &mut Vec<(Side, Conversation)>) -> Result<(), Fault> {
    let mut places: BTreeMap<Uuid, Vec<(Side, Conversation)>> = BTreeMap::new();
    for one in found.drain(..) {
        places.entry(one.1.id).or_default().push(one);
    }
    for side in [Side::Master, Side::Replica] {
        let missing: Vec<Uuid> =
            places.iter().filter(|(_, at)| at.iter().all(|(s, _)| *s != side)).map(|(id, _)| *id).collect();
        if missing.is_empty() {
            continue;
        }
        let (link, shape) = sides.of(side)?;
        for other in head::conversations(link, shape, sort, &missing).await? {
            places.entry(other.id).or_default().push((side, other));
        }
    }
    for (_, mut at) in places {
        at.sort_by(|(_, a), (_, b)| sort.compare(&a.key, &b.key));
        let first = at[0].1.key.clone();
        let shown = at.iter().position(|(side, _)| *side == Side::Replica).unwrap_or(0);
        let (side, mut conversation) = at.swap_remove(shown);
        conversation.key = first;
        found.push((side, conversation));
    }
    Ok(())
}

/// Where each of these conversations is.
pub(super) async fn presences(sides: &Sides, ids: &[Uuid]) -> Result<BTreeMap<Uuid, Presence>, Fault> {
    let (Ok((master, theirs)), Ok((replica, ours))) = (sides.of(Side::Master), sides.of(Side::Replica)) else {
        return Ok(BTreeMap::new());
    };
    let (theirs, ours) =
        tokio::try_join!(presence::digests(master, theirs, ids), presence::digests(replica, ours, ids))?;
    Ok(ids
        .iter()
        .map(|id| {
            let presence = match (theirs.get(id), ours.get(id)) {
                (Some(m), Some(r)) if m == r => Presence::Equal,
                (Some(_), Some(_)) => Presence::Different,
                (Some(_), None) => Presence::MasterOnly,
                (None, Some(_)) => Presence::ReplicaOnly,
                (None, None) => Presence::Unknown,
            };
            (*id, presence)
        })
        .collect())
}

async fn of_queue(sides: &Sides, ids: &[Uuid]) -> Result<Queued, Fault> {
    match sides.of(Side::Replica) {
        Ok((link, shape)) => presence::queued(&*link.session().await?, link, shape, ids).await,
        Err(_) => Ok(Queued::default()),
    }
}

/// One conversation with where it is, as the named side has it, or else the replica, or else the master.
pub async fn find(sides: &Sides, side: Option<Side>, id: Uuid) -> Result<(Side, Listed), Fault> {
    let tried = side.map_or_else(|| sides.readable(), |side| vec![side]);
    for side in tried {
        let (link, shape) = sides.of(side)?;
        if let Some(conversation) = head::conversation(link, shape, id).await? {
            let mut listed = Listed { presence: Presence::Pending, queued: 0, conversation };
            whereabouts(sides, &[id]).await?.tell(&mut listed);
            return Ok((side, listed));
        }
    }
    let fault = Fault::new(FaultKind::Settings, format!("there is no conversation {id}"));
    Err(side.map_or(fault.clone(), |side| fault.on(side)).remedy("robbie conversations list"))
}
