//! Full-text search over titles, messages, code blocks and patterns.
//!
//! A text is taken apart by the same expression whether or not a database has our function and indexes: what they add is
//! speed. Identifiers count whole and in parts (`user_id`, `parseHTTPRequest`), words in their English forms.

use super::query::{Query, Term};
use super::{Kind, Shape, rows};
use crate::postgres::statement::{Statement, Value};
use crate::postgres::{Fault, Link};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Of each kind, how many rows that match are ranked: the newest.
const RANKED: i64 = 1_000;
/// Of each kind, how many rows with the words of a phrase are looked into for the phrase: the newest.
const LOOKED_INTO: i64 = 10_000;
/// What a hit in a title counts, against one in a text.
const TITLE: f64 = 1.5;

/// A row that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Where it stands.
    pub kind: Kind,
    /// Its key.
    pub id: Uuid,
    /// Its conversation; a pattern has none.
    pub conversation: Option<Uuid>,
    /// PostgreSQL's own rank: how often and how close together the words are.
    pub rank: f64,
    /// Which of the terms are in it.
    pub has: Vec<bool>,
}

/// A conversation (or a pattern) that was found, the best first.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The row that matches best.
    pub best: Hit,
    /// How many rows match.
    pub hits: usize,
    /// The higher the better.
    pub score: f64,
    /// The terms that are in none of its rows; empty where all are there.
    pub missing: Vec<String>,
}

/// The vector of the text `text`, the way the migration's function makes it.
pub(super) fn vector(shape: &Shape, text: &str) -> String {
    if shape.search_function {
        return format!("robbie_sync.search_vector({text})");
    }
    // As in 36-search-words.sql.
    let t = format!("left({text}, 100000)");
    let plain = format!("regexp_replace({t}, '[-_./\\\\:@#+=<>(){{}}\\[\\],;''\"]', ' ', 'g')");
    format!(
        "to_tsvector('pg_catalog.english'::regconfig, {plain} || CASE WHEN {t} ~ '[a-z0-9][A-Z]' THEN ' ' || regexp_replace(\
         regexp_replace({plain}, '([a-z0-9])([A-Z])', '\\1 \\2', 'g'), '([A-Z])([A-Z][a-z])', '\\1 \\2', 'g') ELSE '' END)"
    )
}

/// The text of a kind's row `r` that is searched; the indexes of 34-search.sql are on the same expressions.
pub(super) fn text(shape: &Shape, kind: Kind) -> String {
    let parts: Vec<String> = match kind {
        Kind::Conversation => &["title"][..],
        Kind::Message => &["content"],
        Kind::Block => &["file_path", "content"],
        Kind::Pattern => &["pattern_name", "explanation", "example_code"],
    }
    .iter()
    .filter(|column| shape.has_column(kind.table(), column))
    .map(|column| format!("coalesce(r.{column}, '')"))
    .collect();
    if parts.is_empty() { "''".to_owned() } else { format!("({})", parts.join(" || ' ' || ")) }
}

/// How a search is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// As it was meant.
    All,
    /// One of its terms is enough.
    Any,
    /// All, the words of phrases anywhere: what an index knows without a look into the rows.
    Loose,
    /// Any, the words of phrases anywhere.
    LooseAny,
}

impl Ask {
    fn is_loose(self) -> bool {
        matches!(self, Self::Loose | Self::LooseAny)
    }
}

/// A term as a `tsquery`.
fn push_term(out: &mut Statement, term: &Term, ask: Ask) {
    let function = if ask.is_loose() { "plainto_tsquery" } else { "phraseto_tsquery" };
    let push = |out: &mut Statement, words: String| {
        out.push(&format!("{function}('pg_catalog.english'::regconfig, ")).text_value(words).push(")");
    };
    out.push("(");
    push(out, term.phrase());
    if let Some(parts) = &term.parts {
        out.push(" || ");
        push(out, parts.join(" "));
    }
    out.push(")");
}

/// Whether a term is words in their order, of which an index knows only that they are there.
fn is_phrase(term: &Term) -> bool {
    term.words.len() > 1 || term.parts.is_some()
}

fn push_all(out: &mut Statement, query: &Query, ask: Ask) {
    for (n, alternative) in query.alternatives.iter().enumerate() {
        out.push(if n > 0 { " || (" } else { "(" });
        for (n, term) in alternative.with.iter().enumerate() {
            out.push(match (n, ask) {
                (0, _) => "(",
                (_, Ask::Any | Ask::LooseAny) => " || ",
                _ => " && ",
            });
            push_term(out, term, ask);
        }
        out.push(")");
        // Where the words of a phrase are, the phrase need not be: it keeps nothing out yet.
        for term in alternative.without.iter().filter(|term| !ask.is_loose() || !is_phrase(term)) {
            out.push(" && !! ");
            push_term(out, term, ask);
        }
        out.push(")");
    }
}

/// The rows of a kind in which everything (or, for `any`, something) of the search is.
fn statement(shape: &Shape, kind: Kind, query: &Query, ask: Ask) -> Statement {
    let text = text(shape, kind);
    let vector = vector(shape, &text);
    let made = shape.column(kind, "r", if kind == Kind::Pattern { "last_used" } else { "created_at" }, "timestamptz");
    let conversation = match kind {
        Kind::Conversation => "r.id".to_owned(),
        Kind::Pattern => "NULL::uuid".to_owned(),
        Kind::Message | Kind::Block => shape.column(kind, "r", "conversation_id", "uuid"),
    };
    let mut out = Statement::new("SELECT d.id, d.conversation, ts_rank_cd(d.v, ");
    push_all(&mut out, query, Ask::Any);
    out.push(", 1)::float8, ARRAY[");
    for (n, term) in query.terms().into_iter().enumerate() {
        out.push(if n > 0 { ", " } else { "" }).push("(d.v @@ ");
        push_term(&mut out, term, Ask::All);
        if let Some(exactly) = term.exactly() {
            // Words that English drops are in no vector: of such a phrase only the text can say.
            out.push(" OR numnode(");
            push_term(&mut out, term, Ask::All);
            out.push(") = 0) AND d.text ~* ").text_value(exactly);
        } else {
            out.push(")");
        }
    }
    let rows = format!(
        "SELECT r.id, {conversation} AS conversation, {text} AS text, {vector} AS v, {made} AS made FROM public.{} r WHERE {vector} @@ (",
        kind.table()
    );
    let newest = ") ORDER BY made DESC NULLS LAST, id LIMIT ";
    let phrases = query.alternatives.iter().flat_map(|a| a.with.iter().chain(&a.without)).any(is_phrase);
    if phrases {
        // An index does not know where in a row its words stand: of frequent words a bounded number of rows is looked into.
        out.push("] FROM (SELECT * FROM (").push(&rows);
        push_all(&mut out, query, if ask == Ask::Any { Ask::LooseAny } else { Ask::Loose });
        out.push(newest).bind(Value::Int(LOOKED_INTO)).push(") c WHERE c.v @@ (");
    } else {
        out.push("] FROM (").push(&rows);
    }
    push_all(&mut out, query, ask);
    out.push(newest).bind(Value::Int(RANKED)).push(") d");
    out
}

async fn hits(link: &Link, shape: &Shape, kind: Kind, query: &Query, any: bool) -> Result<Vec<Hit>, Fault> {
    if !shape.has(kind) {
        return Ok(Vec::new());
    }
    let client = link.session().await?;
    let found = rows(&client, link, &statement(shape, kind, query, if any { Ask::Any } else { Ask::All })).await?;
    let hit = |row: &tokio_postgres::Row| Hit {
        kind,
        id: row.get(0),
        conversation: row.get(1),
        rank: row.get(2),
        has: row.get(3),
    };
    Ok(found.iter().map(hit).collect())
}

/// Searches one side: the conversations and patterns that have everything, or where there are none, those that have most of it.
pub async fn search(link: &Link, shape: &Shape, query: &Query, limit: usize) -> Result<Vec<Found>, Fault> {
    let mut all: BTreeMap<(Kind, Uuid), Hit> = BTreeMap::new();
    for any in [false, true] {
        for kind in Kind::ALL {
            all.extend(hits(link, shape, kind, query, any).await?.into_iter().map(|h| ((kind, h.id), h)));
        }
        let found = rank(all.values().cloned(), query);
        if any || found.iter().filter(|f| f.missing.is_empty()).count() >= limit {
            return Ok(found.into_iter().take(limit).collect());
        }
    }
    Ok(Vec::new())
}

/// Puts hits together by conversation and orders them: rare terms count more than frequent ones, titles more than texts.
fn rank(hits: impl Iterator<Item = Hit>, query: &Query) -> Vec<Found> {
    let terms = query.terms();
    let mut groups: BTreeMap<Uuid, Vec<Hit>> = BTreeMap::new();
    for hit in hits.filter(|hit| hit.has.contains(&true)) {
        groups.entry(hit.conversation.unwrap_or(hit.id)).or_default().push(hit);
    }
    let all = groups.len() as f64;
    let weights: Vec<f64> = (0..terms.len())
        .map(|n| groups.values().filter(|hits| hits.iter().any(|hit| hit.has[n])).count() as f64)
        .map(|with| (1.0 + (all - with + 0.5) / (with + 0.5)).ln() + 0.1)
        .collect();
    let weigh = |hit: &Hit| -> f64 {
        let sum: f64 = hit.has.iter().zip(&weights).filter(|(has, _)| **has).map(|(_, w)| w).sum();
        sum * if hit.kind == Kind::Conversation { TITLE } else { 1.0 } + hit.rank / (1.0 + hit.rank)
    };
    let mut found: Vec<Found> = groups
        .into_values()
        .filter_map(|mut hits| {
            hits.sort_by(|a, b| weigh(b).total_cmp(&weigh(a)).then(a.id.cmp(&b.id)));
            let has: Vec<bool> = (0..terms.len()).map(|n| hits.iter().any(|hit| hit.has[n])).collect();
            let lacking = |wanted: &Term| terms.iter().position(|t| *t == wanted).is_none_or(|n| !has[n]);
            let missing = query
                .alternatives
                .iter()
                .map(|a| a.with.iter().filter(|t| lacking(t)).map(Term::phrase).collect::<Vec<_>>())
                .min_by_key(Vec::len)?;
            let whole: f64 = has.iter().zip(&weights).filter(|(has, _)| **has).map(|(_, w)| w).sum();
            // Three rows that say it are more than one, but ten are hardly more than three.
            let many: f64 = hits.iter().map(weigh).take(3).sum::<f64>() / 3.0;
            Some(Found { score: whole + weigh(&hits[0]) + many, hits: hits.len(), missing, best: hits.swap_remove(0) })
        })
        .collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.best.id.cmp(&b.best.id)));
    // Where some have everything, those that lack something are not what was asked for.
    if found.iter().any(|f| f.missing.is_empty()) {
        found.retain(|f| f.missing.is_empty());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(kind: Kind, id: u128, conversation: u128, has: &[bool]) -> Hit {
        Hit {
            kind,
            id: Uuid::from_u128(id),
            conversation: Some(Uuid::from_u128(conversation)),
            rank: 0.1,
            has: has.to_vec(),
        }
    }

    #[test]
    fn rare_words_and_titles_count_more_and_conversations_are_put_together() {
        let query = Query::parse("rare frequent").unwrap();
        let hits = [
            hit(Kind::Message, 1, 10, &[true, false]),
            hit(Kind::Message, 2, 11, &[false, true]),
            hit(Kind::Message, 3, 12, &[false, true]),
        ];
        let found = rank(hits.clone().into_iter(), &query);
        assert_eq!((found[0].best.id, &found[0].missing[..]), (Uuid::from_u128(1), &["frequent".to_owned()][..]));
        // Its second message has the other word: now it has all, and only it is what was asked for.
        let more = hits.into_iter().chain([hit(Kind::Message, 4, 10, &[false, true])]);
        let found = rank(more, &query);
        assert_eq!((found.len(), found[0].hits, found[0].missing.len()), (1, 2, 0));
        let titles = [hit(Kind::Message, 1, 1, &[true, true]), hit(Kind::Conversation, 2, 2, &[true, true])];
        assert_eq!(rank(titles.into_iter(), &query)[0].best.kind, Kind::Conversation);
    }
}
