//! The built-in lexical embedder: feature hashing of words, their parts and word pairs to 1536 signed dimensions.
//!
//! It is what its name says and no more: texts that share words are close, synonyms are not. It needs no model and no
//! network, and gives the same vector on every machine, so vectors made years apart can be compared. Vectors of
//! another embedder must never be compared with these; [`ID`] is stored beside each (`metadata.embedder`).

use std::collections::BTreeMap;

/// The embedder's name.
pub const NAME: &str = "lexical-hash-1536";
/// The version: changes whenever the same text would give another vector.
pub const VERSION: u32 = 1;
/// What `metadata.embedder` of a row with such a vector holds.
pub const ID: &str = "lexical-hash-1536/v1";
/// The number of dimensions, as the deployed vector columns have it.
pub const DIMENSIONS: usize = 1536;

/// How much a feature of each sort counts.
const WORD: f64 = 1.0;
const PART: f64 = 0.7;
const PAIR: f64 = 0.5;

/// Words that say nothing of the subject. A text of nothing else is embedded by them after all.
const STOP_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because", "been", "but",
    "by", "can", "could", "did", "do", "does", "for", "from", "get", "had", "has", "have", "he", "her", "him", "his",
    "how", "i", "if", "in", "into", "is", "it", "its", "just", "like", "me", "more", "my", "no", "not", "of", "on",
    "one", "or", "our", "out", "s", "she", "should", "so", "some", "t", "than", "that", "the", "their", "them", "then",
    "there", "these", "they", "this", "to", "too", "up", "us", "use", "was", "we", "were", "what", "when", "which",
    "who", "why", "will", "with", "would", "you", "your",
];

/// A unit vector of [`DIMENSIONS`] dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding(Vec<f32>);

impl Embedding {
    /// The components.
    pub fn components(&self) -> &[f32] {
        &self.0
    }
    /// The text form that pgvector reads: `[0,0.5,…]`.
    pub fn to_sql(&self) -> String {
        let mut out = String::with_capacity(DIMENSIONS * 3);
        for component in &self.0 {
            out.push(if out.is_empty() { '[' } else { ',' });
            if *component == 0.0 {
                out.push('0');
            } else {
                out.push_str(&component.to_string());
            }
        }
        out.push(']');
        out
    }
    /// The cosine of the angle to another embedding: 1 for the same direction.
    pub fn cosine(&self, other: &Self) -> f64 {
        self.0.iter().zip(&other.0).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    }
}

/// Embeds a text; `None` if it holds no word at all.
pub fn embed(text: &str) -> Option<Embedding> {
    let all = words(text);
    let mut kept: Vec<&Word> = all.iter().filter(|w| STOP_WORDS.binary_search(&w.whole.as_str()).is_err()).collect();
    if kept.is_empty() {
        kept = all.iter().collect();
    }
    // Counted in an ordered map: sums of floats depend on their order, and the vector must not.
    let mut counts: BTreeMap<(Sort, String), u32> = BTreeMap::new();
    for word in &kept {
        *counts.entry((Sort::Word, word.whole.clone())).or_default() += 1;
        for part in &word.parts {
            *counts.entry((Sort::Part, part.clone())).or_default() += 1;
        }
    }
    for pair in kept.windows(2) {
        *counts.entry((Sort::Pair, format!("{} {}", pair[0].whole, pair[1].whole))).or_default() += 1;
    }
    let mut sums = vec![0_f64; DIMENSIONS];
    for ((sort, feature), count) in counts {
        // Square root, not logarithm: sublinear too, and the only one of the two that IEEE 754 rounds alike everywhere.
        let weight = f64::from(count).sqrt()
            * match sort {
                Sort::Word => WORD,
                Sort::Part => PART,
                Sort::Pair => PAIR,
            };
        let hash = hash(feature.as_bytes());
        let slot = usize::try_from(hash % DIMENSIONS as u64).unwrap_or(0);
        sums[slot] += if hash >> 63 == 0 { weight } else { -weight };
    }
    let norm = sums.iter().map(|v| v * v).sum::<f64>().sqrt();
    (norm > 0.0).then(|| Embedding(sums.iter().map(|v| (v / norm) as f32).collect()))
}

/// Whether a word in lower case says nothing of the subject.
pub(super) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// What a feature is; a part of an identifier hashes like the word itself, so `user_id` and `user` meet.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Word,
    Part,
    Pair,
}

/// A word of a text, lower-cased and without its plural ending, and the parts of it if it is a compound identifier.
#[derive(Debug, PartialEq)]
struct Word {
    whole: String,
    parts: Vec<String>,
}

/// The words of a text: runs of letters, digits and `_`; each ideograph is a word of its own.
fn words(text: &str) -> Vec<Word> {
    let mut out = Vec::new();
    for run in
        text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|run| run.chars().any(char::is_alphanumeric))
    {
        let mut plain = String::new();
        for c in run.chars() {
            if is_ideograph(c) {
                push_word(&mut out, &std::mem::take(&mut plain));
                out.push(Word { whole: c.to_string(), parts: Vec::new() });
            } else {
                plain.push(c);
            }
        }
        push_word(&mut out, &plain);
    }
    out
}

/// Adds one run of letters as a word, unless it is only underscores.
fn push_word(out: &mut Vec<Word>, run: &str) {
    let run = run.trim_matches('_');
    if run.is_empty() {
        return;
    }
    let parts = identifier_parts(run);
    let parts = if parts.len() > 1 { parts.iter().map(|p| singular(&p.to_lowercase())).collect() } else { Vec::new() };
    out.push(Word { whole: singular(&run.to_lowercase()), parts });
}

/// Splits `snake_case`, `camelCase` and `HTTPServer` into their parts.
pub(super) fn identifier_parts(word: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for piece in word.split('_').filter(|p| !p.is_empty()) {
        let chars: Vec<char> = piece.chars().collect();
        let mut part = String::new();
        for (at, &c) in chars.iter().enumerate() {
            let after_lower = at > 0 && c.is_uppercase() && !chars[at - 1].is_uppercase();
            let ends_acronym = at > 0
                && c.is_uppercase()
                && chars[at - 1].is_uppercase()
                && chars.get(at + 1).is_some_and(|next| next.is_lowercase());
            if after_lower || ends_acronym {
                parts.push(std::mem::take(&mut part));
            }
            part.push(c);
        }
        parts.push(part);
    }
    parts
}

/// Drops a plain English plural: `queries` and `query`, `locks` and `lock` become one word.
pub(super) fn singular(word: &str) -> String {
    if word.len() > 4 && word.ends_with("ies") {
        return format!("{}y", &word[..word.len() - 3]);
    }
    let plural = word.len() > 3 && word.ends_with('s') && !["ss", "us", "is"].iter().any(|end| word.ends_with(end));
    if plural { word[..word.len() - 1].to_owned() } else { word.to_owned() }
}

/// Whether a character is written without spaces between words.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// FNV-1a with a final mix, so that the low bits (the slot) and the highest (the sign) are independent.
fn hash(bytes: &[u8]) -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        h = (h ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^ (h >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vector(text: &str) -> Embedding {
        embed(text).expect("has words")
    }

    #[test]
    fn identifiers_are_words_whole_and_in_parts() {
        assert_eq!(identifier_parts("parseHTTPRequest"), ["parse", "HTTP", "Request"]);
        assert_eq!(identifier_parts("user_id_mapping"), ["user", "id", "mapping"]);
        let whole = words("call user_idMapping now");
        assert_eq!(
            whole[1],
            Word { whole: "user_idmapping".into(), parts: vec!["user".into(), "id".into(), "mapping".into()] }
        );
    }

    #[test]
    fn stop_words_are_sorted_so_that_they_are_found() {
        assert!(STOP_WORDS.is_sorted());
    }

    #[test]
    fn similar_texts_are_closer_than_others() {
        let query = vector("IVFFlat index lists and probes");
        let near = vector("How many lists should an ivfflat index have, and how many probes?");
        let far = vector("Why does my React component render twice in strict mode?");
        assert!(query.cosine(&near) > query.cosine(&far) + 0.2, "{} {}", query.cosine(&near), query.cosine(&far));
        assert!(vector("read userId").cosine(&vector("the user id")) > 0.2);
        assert!(vector("query planner").cosine(&vector("queries planner")) > 0.99);
    }

    #[test]
    fn the_same_on_every_machine() {
        // Fixed numbers, not a second call: a changed hash would make stored vectors incomparable without notice.
        assert_eq!(hash(b"ivfflat"), 0x8378_24eb_2167_5556);
        let one = vector("ivfflat");
        let slot = usize::try_from(hash(b"ivfflat") % 1536).expect("small");
        assert!((one.components()[slot].abs() - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn no_word_no_vector() {
        assert_eq!(embed(""), None);
        assert_eq!(embed(" … !? ___ "), None);
        assert!(embed("the of").is_some(), "stop words alone are better than nothing");
    }

    #[test]
    fn ideographs_are_words() {
        assert!(vector("数据库索引").cosine(&vector("索引")) > 0.3);
    }

    #[test]
    fn sql_form() {
        let sql = vector("ivfflat").to_sql();
        assert!(sql.starts_with('[') && sql.ends_with(']'));
        assert_eq!(sql.split(',').count(), DIMENSIONS);
    }

    proptest! {
        #[test]
        fn unit_length_and_deterministic(text in "\\PC{0,200}") {
            if let Some(first) = embed(&text) {
                prop_assert_eq!(first.components().len(), DIMENSIONS);
                let norm: f64 = first.components().iter().map(|c| f64::from(*c).powi(2)).sum();
                prop_assert!((norm - 1.0).abs() < 1e-5, "{}", norm);
                prop_assert_eq!(Some(first), embed(&text));
            }
        }

        #[test]
        fn a_text_is_nearer_to_itself_with_a_word_more_than_to_strange_words(
            words in prop::collection::vec("[a-m]{4,9}", 6..20),
            strange in prop::collection::vec("[n-z]{4,9}", 6..20),
        ) {
            let text = words.join(" ");
            let more = format!("{text} {}", strange[0]);
            let one = vector(&text);
            prop_assert!(one.cosine(&vector(&more)) > one.cosine(&vector(&strange.join(" "))));
        }
    }
}
