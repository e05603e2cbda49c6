//! Search as a person sees it: by words, by similarity, or by both with their rankings fused.

use super::embed::Embedder;
use super::fulltext;
use super::query::Query;
use super::similar::{self, Left, Neighbours};
use super::snippet::{Marker, Snippet};
use super::{Kind, Shape, rows};
use crate::postgres::statement::{Statement, Value};
use crate::postgres::{Fault, Kind as FaultKind, Link};
use std::collections::BTreeMap;
use uuid::Uuid;

/// How to search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Both, with their rankings fused.
    #[default]
    Hybrid,
    /// By words.
    Text,
    /// By similarity of meaning, as far as the embedder knows it.
    Similar,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hybrid, Self::Text, Self::Similar];

    /// The word people read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hybrid => "hybrid",
            Self::Text => "text",
            Self::Similar => "similar",
        }
    }
}

/// A result: a conversation by the row of it that fits best, or a pattern.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Found {
    /// What fits best.
    pub kind: Kind,
    /// Its key.
    pub id: Uuid,
    /// The conversation it stands in.
    pub conversation_id: Option<Uuid>,
    /// That conversation's title, or the pattern's name.
    pub title: Option<String>,
    /// Who wrote the message, where the block belongs, what sort of pattern it is.
    pub detail: Option<String>,
    /// When it was written.
    pub at: Option<String>,
    /// What it was ordered by: higher is better, and comparable within one search only.
    pub score: f64,
    /// Its place by words, from 1.
    pub text_rank: Option<usize>,
    /// Its place by similarity, from 1.
    pub similar_rank: Option<usize>,
    /// The cosine, where it was compared.
    pub cosine: Option<f64>,
    /// How many rows of the conversation have the words.
    pub hits: usize,
    /// Words of the search that are nowhere in it.
    pub missing: Vec<String>,
    /// Where the words stand.
    pub snippet: Snippet,
}

/// What a search of one side came to.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Results {
    /// The results, the best first.
    pub results: Vec<Found>,
    /// What could not be compared by similarity.
    pub not_compared: BTreeMap<&'static str, Left>,
    /// What a person should know of how it was searched.
    pub notes: Vec<String>,
    /// Tables that were searched in all lists of their index, as it was not measured yet how many are enough, and the embedder.
    #[serde(skip)]
    pub unmeasured: Option<(Vec<Kind>, Option<String>)>,
}

fn unmeasured(neighbours: &Neighbours, embedder: Option<String>) -> Option<(Vec<Kind>, Option<String>)> {
    (!neighbours.unmeasured.is_empty()).then(|| (neighbours.unmeasured.clone(), embedder))
}

/// Reciprocal rank fusion's constant: how little the very first places count over the next.
const RRF: f64 = 60.0;
/// How many of each ranking are fused.
const FUSED: usize = 50;
/// How long a snippet is.
const SNIPPET: usize = 160;

/// A place in one or both rankings.
#[derive(Clone, Debug)]
struct Place {
    kind: Kind,
    id: Uuid,
    conversation: Option<Uuid>,
    text: Option<usize>,
    similar: Option<usize>,
    cosine: Option<f64>,
    hits: usize,
    missing: Vec<String>,
    score: f64,
}

/// Searches one side.
pub async fn search(
    link: &Link,
    shape: &Shape,
    text: &str,
    mode: Mode,
    embedder: &Embedder,
    limit: usize,
) -> Result<Results, Fault> {
    let query = Query::parse(text).ok_or_else(|| {
        Fault::new(FaultKind::Settings, "there is nothing to look for: a search needs a word that is to be there")
    })?;
    let mut notes = Vec::new();
    let found = if mode == Mode::Similar {
        Vec::new()
    } else {
        if shape.indexed.len() < Kind::ALL.len() {
            notes.push(format!(
                "the {} is searched without an index; `robbie conversations index --side {}` makes one",
                link.side(),
                link.side()
            ));
        }
        fulltext::search(link, shape, &query, limit.max(FUSED)).await?
    };
    let near = if mode == Mode::Text {
        None
    } else {
        let origin = match embedder.origin(&query.meaning()).await {
            // Without the endpoint the words still find what they find.
            Err(fault) if mode == Mode::Hybrid => {
                notes.push(format!("by words only: {fault}"));
                None
            }
            origin => origin?,
        };
        match origin {
            Some(origin) => match similar::neighbours(link, shape, &origin, None, similar::RECALL).await {
                Ok(near) => Some((near, origin.embedder)),
                Err(fault) if mode == Mode::Hybrid && fault.kind == FaultKind::Schema => {
                    notes.push(fault.to_string());
                    None
                }
                Err(fault) => return Err(fault),
            },
            None => None,
        }
    };
    let (neighbours, embedder) = near.unwrap_or_default();
    describe(&neighbours, &mut notes);
    let places = fuse(found, &neighbours, limit);
    let marker = Marker::new(&query);
    let results = furnish(link, shape, places, &marker).await?;
    Ok(Results { results, not_compared: by_name(&neighbours), notes, unmeasured: unmeasured(&neighbours, embedder) })
}

/// What is like a message, block or pattern, on one side.
pub async fn more_like(link: &Link, shape: &Shape, kind: Kind, id: Uuid, limit: usize) -> Result<Results, Fault> {
    let origin = similar::origin(link, shape, kind, id).await?.ok_or_else(|| {
        Fault::new(
            FaultKind::Data,
            format!("this {} has no embedding, so nothing can be compared with it", kind.name()),
        )
        .on(link.side())
        .about(format!("{} {id}", kind.table()))
        .remedy("search for its words: robbie conversations search TEXT")
    })?;
    let neighbours = similar::neighbours(link, shape, &origin, Some(id), similar::RECALL).await?;
    let mut notes = Vec::new();
    match &origin.embedder {
        Some(embedder) => notes.push(format!("compared with vectors of {embedder}")),
        None => {
            notes.push("this row does not say which embedder made its vector: compared with such rows only".to_owned());
        }
    }
    describe(&neighbours, &mut notes);
    let places = fuse(Vec::new(), &neighbours, limit);
    let results = furnish(link, shape, places, &Marker::default()).await?;
    Ok(Results {
        results,
        not_compared: by_name(&neighbours),
        notes,
        unmeasured: unmeasured(&neighbours, origin.embedder),
    })
}

fn by_name(neighbours: &Neighbours) -> BTreeMap<&'static str, Left> {
    neighbours.left.iter().map(|(kind, left)| (kind.name(), *left)).collect()
}

fn describe(neighbours: &Neighbours, notes: &mut Vec<String>) {
    for (kind, left) in &neighbours.left {
        let about = if left.estimated { "about " } else { "" };
        if left.without > 0 {
            notes.push(format!("{about}{} of {} have no embedding", left.without, kind.table()));
        }
        match left.of_others {
            Some(0) => {}
            Some(n) => {
                notes.push(format!("{n} of {} have a vector of another embedder and are not compared", kind.table()));
            }
            None => notes.push(format!(
                "{} has too many rows to count those with a vector of another embedder, which are not compared",
                kind.table()
            )),
        }
    }
    for (kind, recall) in &neighbours.approximate {
        notes.push(format!(
            "{} is searched through its IVFFlat index, which found {:.0} % of the nearest when it was measured",
            kind.table(),
            recall * 100.0
        ));
    }
}

/// Puts both rankings together: each gives `1 / (60 + place)`.
fn fuse(found: Vec<fulltext::Found>, neighbours: &Neighbours, limit: usize) -> Vec<Place> {
    let mut places: BTreeMap<Uuid, Place> = BTreeMap::new();
    for (n, one) in found.into_iter().enumerate() {
        let place = Place {
            kind: one.best.kind,
            id: one.best.id,
            conversation: one.best.conversation,
            text: Some(n + 1),
            similar: None,
            cosine: None,
            hits: one.hits,
            missing: one.missing,
            score: 0.0,
        };
        places.insert(one.best.conversation.unwrap_or(one.best.id), place);
    }
    for (n, near) in neighbours.near.iter().enumerate() {
        let place = places.entry(near.conversation.unwrap_or(near.id)).or_insert_with(|| Place {
            kind: near.kind,
            id: near.id,
            conversation: near.conversation,
            text: None,
            similar: None,
            cosine: None,
            hits: 0,
            missing: Vec::new(),
            score: 0.0,
        });
        place.similar = Some(n + 1);
        place.cosine = Some(near.cosine);
    }
    let mut places: Vec<Place> = places.into_values().collect();
    for place in &mut places {
        place.score = [place.text, place.similar].into_iter().flatten().map(|n| 1.0 / (RRF + n as f64)).sum();
    }
    // Of equals the one whose words are there comes first.
    let by_words = |place: &Place| place.text.unwrap_or(usize::MAX);
    places.sort_by(|a, b| b.score.total_cmp(&a.score).then(by_words(a).cmp(&by_words(b))).then(a.id.cmp(&b.id)));
    places.truncate(limit);
    places
}

/// What a result shows beside its place: title, detail, time, text.
type Shown = (Option<String>, Option<String>, Option<String>, String);

/// Reads what the results show.
async fn furnish(link: &Link, shape: &Shape, places: Vec<Place>, marker: &Marker) -> Result<Vec<Found>, Fault> {
    let mut shown: BTreeMap<(Kind, Uuid), Shown> = BTreeMap::new();
    let client = link.session().await?;
    for kind in Kind::ALL {
        let ids: Vec<Uuid> = places.iter().filter(|p| p.kind == kind).map(|p| p.id).collect();
        if ids.is_empty() {
            continue;
        }
        for row in rows(&client, link, &texts(shape, kind, ids)).await? {
            shown.insert((kind, row.get(0)), (row.get(1), row.get(2), row.get(3), row.get(4)));
        }
    }
    Ok(places
        .into_iter()
        .map(|p| {
            let (title, detail, at, text) = shown.remove(&(p.kind, p.id)).unwrap_or_default();
            Found {
                kind: p.kind,
                id: p.id,
                conversation_id: p.conversation,
                title,
                detail,
                at,
                score: p.score,
                text_rank: p.text,
                similar_rank: p.similar,
                cosine: p.cosine,
                hits: p.hits,
                missing: p.missing,
                snippet: marker.snippet(&text, SNIPPET),
            }
        })
        .collect())
}

fn texts(shape: &Shape, kind: Kind, ids: Vec<Uuid>) -> Statement {
    let r = |name, sql_type| shape.column(kind, "r", name, sql_type);
    let (title, detail, at) = match kind {
        Kind::Conversation => (r("title", "text"), r("context_type", "text"), r("created_at", "timestamptz")),
        Kind::Message | Kind::Block => {
            let title = if shape.has_column(kind.table(), "conversation_id") && shape.has(Kind::Conversation) {
                format!(
                    "(SELECT {} FROM public.code_conversations c WHERE c.id = r.conversation_id)",
                    shape.column(Kind::Conversation, "c", "title", "text")
                )
            } else {
                "NULL::text".to_owned()
            };
            let detail = if kind == Kind::Message { "role" } else { "file_path" };
            (title, r(detail, "text"), r("created_at", "timestamptz"))
        }
        Kind::Pattern => (r("pattern_name", "text"), r("pattern_type", "text"), r("last_used", "timestamptz")),
    };
    let text = match kind {
        // Of a title the beginning of the conversation shows more than the title again.
        Kind::Conversation if shape.has_column("code_messages", "conversation_id") => format!(
            "coalesce((SELECT left(m.content, 4000) FROM public.code_messages m WHERE m.conversation_id = r.id \
             ORDER BY {}, m.id LIMIT 1), '')",
            shape.column(Kind::Message, "m", "created_at", "timestamptz")
        ),
        Kind::Block => format!("coalesce({}, '')", r("content", "text")),
        kind => fulltext::text(shape, kind),
    };
    let mut s = Statement::new(&format!(
        "SELECT r.id, {title}::text, {detail}::text, {at}::text, left({text}, 100000) FROM public.{} r WHERE r.id = ANY (",
        kind.table()
    ));
    s.bind(Value::Ids(ids)).push(")");
    s
}

#[cfg(test)]
mod tests {
    use super::similar::Near;
    use super::*;

    #[test]
    fn what_both_rankings_have_comes_before_what_one_has_first() {
        let id = Uuid::from_u128;
        let words = |conversation: u128| fulltext::Found {
            best: fulltext::Hit {
                kind: Kind::Message,
                id: id(conversation + 100),
                conversation: Some(id(conversation)),
                rank: 0.1,
                has: vec![true],
            },
            hits: 1,
            score: 1.0,
            missing: Vec::new(),
        };
        let near = |conversation: u128, cosine| Near {
            kind: Kind::Message,
            id: id(conversation + 200),
            conversation: Some(id(conversation)),
            cosine,
        };
        let neighbours = Neighbours { near: vec![near(3, 0.9), near(2, 0.8)], ..Neighbours::default() };
        let fused = fuse(vec![words(1), words(2)], &neighbours, 10);
        let order: Vec<_> = fused.iter().map(|p| p.conversation.unwrap().as_u128()).collect();
        assert_eq!(order, [2, 1, 3]);
        assert_eq!((fused[0].text, fused[0].similar, fused[0].cosine), (Some(2), Some(2), Some(0.8)));
        assert_eq!(fuse(Vec::new(), &neighbours, 1).len(), 1);
    }
}
