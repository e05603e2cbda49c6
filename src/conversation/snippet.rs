//! The part of a text that shows why it was found, with what was found marked.

use super::embedding::{identifier_parts, singular};
use super::query::{Query, Term};
use std::collections::BTreeSet;
use std::ops::Range;

/// A piece of a text on one line, and the byte ranges in it that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Snippet {
    /// The piece; `…` stands where more was.
    pub text: String,
    /// What was found.
    pub marks: Vec<Range<usize>>,
}

/// Finds the words of a search in texts.
#[derive(Clone, Debug, Default)]
pub struct Marker {
    words: BTreeSet<String>,
    exact: BTreeSet<String>,
}

/// A word without its ending: two forms of one word have the same. Rough, and used for marks only.
fn stem(word: &str) -> String {
    let word = singular(&word.to_lowercase());
    for ending in ["ing", "ed", "ion", "er", "e"] {
        if let Some(stem) = word.strip_suffix(ending)
            && stem.chars().count() >= 4
        {
            return stem.to_owned();
        }
    }
    word
}

impl Marker {
    /// A marker of everything that a search looks for.
    pub fn new(query: &Query) -> Self {
        let mut marker = Self::default();
        for term in query.terms() {
            marker.add(term);
        }
        marker
    }
    fn add(&mut self, term: &Term) {
        for word in term.words.iter().chain(term.parts.iter().flatten()) {
            if term.quoted {
                self.exact.insert(word.to_lowercase());
            } else {
                self.words.insert(stem(word));
            }
        }
    }
    fn is_wanted(&self, word: &str) -> bool {
        self.exact.contains(&word.to_lowercase()) || self.words.contains(&stem(word))
    }
    /// Where the words stand in a text, in order.
    pub fn find(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut start = None;
        for (at, c) in text.char_indices().chain(std::iter::once((text.len(), ' '))) {
            match (start, c.is_alphanumeric()) {
                (None, true) => start = Some(at),
                (Some(from), false) => {
                    let word = &text[from..at];
                    if self.is_wanted(word) {
                        found.push(from..at);
                    } else {
                        self.find_parts(word, from, &mut found);
                    }
                    start = None;
                }
                _ => {}
            }
        }
        found
    }
    fn find_parts(&self, word: &str, from: usize, found: &mut Vec<Range<usize>>) {
        let parts = identifier_parts(word);
        if parts.len() < 2 {
            return;
        }
        let mut at = from;
        for part in parts {
            if self.is_wanted(&part) {
                found.push(at..at + part.len());
            }
            at += part.len();
        }
    }
    /// The piece of about `length` characters of a text that has most of the words.
    pub fn snippet(&self, text: &str, length: usize) -> Snippet {
        let found = self.find(text);
        // The window that begins at a word found and has the most different ones.
        let mut best = (0, 0);
        for (n, first) in found.iter().enumerate() {
            let inside = found[n..].iter().take_while(|r| r.end <= first.start + length);
            let different: BTreeSet<String> = inside.map(|r| stem(&text[r.clone()])).collect();
            if different.len() > best.0 {
                best = (different.len(), first.start);
            }
        }
        let from = floor(text, best.1.saturating_sub(length / 4));
        let from = if from == 0 { 0 } else { text[from..].find(char::is_whitespace).map_or(from, |at| from + at + 1) };
        let from = if from > best.1 { floor(text, best.1) } else { from };
        let end = floor(text, (from + length).min(text.len()));
        let end = if end == text.len() {
            end
        } else {
            text[from..end].rfind(char::is_whitespace).map_or(end, |at| from + at)
        };
        let end = if end <= from { floor(text, (from + length).min(text.len())) } else { end };
        self.one_line(&text[from..end], from > 0, end < text.len())
    }
    fn one_line(&self, piece: &str, before: bool, after: bool) -> Snippet {
        let mut text = piece.split_whitespace().collect::<Vec<_>>().join(" ");
        if before {
            text.insert_str(0, "… ");
        }
        if after {
            text.push_str(" …");
        }
        Snippet { marks: self.find(&text), text }
    }
}

/// The last edge between characters at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marked(query: &str, text: &str) -> Vec<String> {
        let marker = Marker::new(&Query::parse(query).unwrap());
        marker.find(text).into_iter().map(|r| text[r].to_owned()).collect()
    }

    #[test]
    fn words_their_forms_and_the_parts_of_identifiers_are_marked() {
        assert_eq!(marked("index", "Indexes and an INDEX, reindexing not"), ["Indexes", "INDEX"]);
        assert_eq!(marked("mutex guard", "the MutexGuard of a mutex_guard"), ["Mutex", "Guard", "mutex", "guard"]);
        assert_eq!(marked("\"indexes\"", "Indexes and index"), ["Indexes"]);
        assert_eq!(marked("restarted", "it restarts by restarting"), ["restarts", "restarting"]);
    }

    #[test]
    fn a_snippet_shows_where_most_words_are() {
        let marker = Marker::new(&Query::parse("probes recall").unwrap());
        let text =
            format!("{} probes alone. {} more probes give better recall here.", "x ".repeat(100), "y ".repeat(100));
        let snippet = marker.snippet(&text, 80);
        assert!(snippet.text.contains("more probes give better recall"), "{snippet:?}");
        assert!(snippet.text.starts_with('…') && snippet.text.chars().count() < 100);
        assert_eq!(snippet.marks.len(), 2);
    }

    proptest! {
        #[test]
        fn marks_lie_on_characters_and_a_snippet_is_short(text in "\\PC{0,400}", query in "[a-zé日]{1,6}", length in 1_usize..120) {
            if let Some(query) = Query::parse(&query) {
                let snippet = Marker::new(&query).snippet(&text, length);
                prop_assert!(snippet.text.len() <= length + 12 || text.len() <= length);
                for mark in snippet.marks {
                    prop_assert!(snippet.text.get(mark).is_some());
                }
            }
        }
    }
}
