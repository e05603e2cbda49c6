//! What a person types to search: words, "quoted phrases", OR, and -what must not be there.

use super::embedding;

/// A term of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Its words in their order, as they were typed, without punctuation.
    pub words: Vec<String>,
    /// The words with compound identifiers taken apart, where that gives others.
    pub parts: Option<Vec<String>>,
    /// Whether it was quoted: then only the very words count, not their other forms.
    pub quoted: bool,
}

/// What all must be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alternative {
    /// What must be there.
    pub with: Vec<Term>,
    /// What must not.
    pub without: Vec<Term>,
}

/// A search: one of the alternatives must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The alternatives, each with something that must be there.
    pub alternatives: Vec<Alternative>,
}

impl Term {
    fn new(text: &str, quoted: bool) -> Option<Self> {
        let words: Vec<String> =
            text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect();
        let parts: Vec<String> = words.iter().flat_map(|word| embedding::identifier_parts(word)).collect();
        let parts = (!quoted && parts.len() > words.len()).then_some(parts);
        (!words.is_empty()).then_some(Self { words, parts, quoted })
    }
    /// The words as PostgreSQL's phrase functions take them.
    pub fn phrase(&self) -> String {
        self.words.join(" ")
    }
    /// A regular expression for the very words of a quoted phrase, as whole words.
    pub fn exactly(&self) -> Option<String> {
        // Only letters and digits are left in words: nothing in them means anything to a regular expression.
        self.quoted.then(|| format!("\\m{}\\M", self.words.join("[^[:alnum:]]+")))
    }
    fn is_stop_word(&self) -> bool {
        !self.quoted && self.words.iter().all(|word| embedding::is_stop_word(&word.to_lowercase()))
    }
}

impl Query {
    /// Reads it. `None` where nothing is left to look for.
    pub fn parse(text: &str) -> Option<Self> {
        let mut alternatives = vec![Alternative::default()];
        for (word, quoted, without) in tokens(text) {
            if word == "OR" && !quoted && !without {
                alternatives.push(Alternative::default());
                continue;
            }
            let (Some(term), Some(last)) = (Term::new(&word, quoted), alternatives.last_mut()) else { continue };
            let list = if without { &mut last.without } else { &mut last.with };
            if !list.contains(&term) {
                list.push(term);
            }
        }
        for alternative in &mut alternatives {
            // Words that say nothing count only where there is nothing else.
            if alternative.with.iter().any(|term| !term.is_stop_word()) {
                alternative.with.retain(|term| !term.is_stop_word());
            }
        }
        alternatives.retain(|alternative| !alternative.with.is_empty());
        (!alternatives.is_empty()).then_some(Self { alternatives })
    }
    /// Everything that is looked for, each once.
    pub fn terms(&self) -> Vec<&Term> {
        let mut all: Vec<&Term> = Vec::new();
        for term in self.alternatives.iter().flat_map(|alternative| &alternative.with) {
            if !all.contains(&term) {
                all.push(term);
            }
        }
        all
    }
    /// What is meant to be there, as a text to embed.
    pub fn meaning(&self) -> String {
        self.terms().iter().map(|term| term.phrase()).collect::<Vec<_>>().join(" ")
    }
}

/// The words of a search: each with whether it was quoted and whether a minus stands before it.
fn tokens(text: &str) -> Vec<(String, bool, bool)> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let without = rest.starts_with('-') && rest[1..].chars().next().is_some_and(|c| !c.is_whitespace());
        let body = if without { &rest[1..] } else { rest };
        let (word, quoted, after) = if let Some(inner) = body.strip_prefix('"') {
            // A quote that nobody closed goes to the end.
            let (word, after) = inner.split_once('"').unwrap_or((inner, ""));
            (word, true, after)
        } else {
            let end = body.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(body.len());
            (&body[..end], false, &body[end..])
        };
        if !word.is_empty() {
            out.push((word.to_owned(), quoted, without));
        }
        rest = after.trim_start();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(term: &Term) -> String {
        term.phrase()
    }

    #[test]
    fn words_phrases_or_and_minus() {
        let query = Query::parse("deadlock \"batch update\" -python OR advisory -\"try again\"").unwrap();
        assert_eq!(query.alternatives.len(), 2);
        let first = &query.alternatives[0];
        assert_eq!(first.with.iter().map(words).collect::<Vec<_>>(), ["deadlock", "batch update"]);
        assert!(first.with[1].quoted && first.without[0].phrase() == "python");
        assert_eq!(query.alternatives[1].without[0].phrase(), "try again");
        assert_eq!(query.meaning(), "deadlock batch update advisory");
    }

    #[test]
    fn identifiers_are_kept_whole_and_taken_apart() {
        let term = Term::new("parseHTTPRequest", false).unwrap();
        assert_eq!(
            (term.words, term.parts.unwrap().join(" ")),
            (vec!["parseHTTPRequest".to_owned()], "parse HTTP Request".to_owned())
        );
        assert_eq!(Term::new("self.user_id", false).unwrap().phrase(), "self user id");
        assert_eq!(Term::new("parseHTTP", true).unwrap().parts, None);
    }

    #[test]
    fn words_that_say_nothing_count_only_alone() {
        let query = Query::parse("how do I tune the index").unwrap();
        assert_eq!(query.meaning(), "tune index");
        assert_eq!(Query::parse("the").unwrap().meaning(), "the");
        assert_eq!(
            Query::parse("\"to be or not\"").unwrap().terms()[0].exactly().unwrap(),
            "\\mto[^[:alnum:]]+be[^[:alnum:]]+or[^[:alnum:]]+not\\M"
        );
    }

    #[test]
    fn nothing_to_look_for() {
        for text in ["", "  ", "-only", "OR", "\"\"", "-- !?", "-\"a b\""] {
            assert_eq!(Query::parse(text), None, "{text:?}");
        }
        assert!(Query::parse("\"open").is_some());
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,80}") {
            if let Some(query) = Query::parse(&text) {
                prop_assert!(query.terms().iter().all(|t| t.words.iter().all(|w| w.chars().all(char::is_alphanumeric))));
            }
        }
    }
}
