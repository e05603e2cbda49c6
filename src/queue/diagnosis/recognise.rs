//! Finds the SQLSTATE of a stored error: written in it, or recognised by PostgreSQL's English words.

use super::super::Verdict;

/// The words that tell a code, the more telling first: an earlier line wins.
const WORDS: &[(&str, &[&str])] = &[
    ("25006", &["in a read-only transaction"]),
    ("28P01", &["password authentication failed"]),
    ("28000", &["no pg_hba.conf entry", "is not permitted to log in", "certificate authentication failed"]),
    (
        "57P03",
        &[
            "the database system is starting up",
            "the database system is shutting down",
            "the database system is in recovery mode",
            "the database system is not yet accepting connections",
            "is not currently accepting connections",
        ],
    ),
    ("57P01", &["terminating connection due to administrator command"]),
    ("57P02", &["terminating connection because of crash of another server process"]),
    ("53300", &["too many connections", "too many clients already", "remaining connection slots are reserved"]),
    ("53100", &["no space left on device", "could not extend file", "disk full"]),
    ("53200", &["out of memory", "out of shared memory"]),
    ("40001", &["could not serialize access"]),
    ("40P01", &["deadlock detected"]),
    ("55P03", &["canceling statement due to lock timeout", "could not obtain lock"]),
    ("57014", &["canceling statement due to statement timeout", "canceling statement due to user request"]),
    ("23502", &["violates not-null constraint", "contains null values"]),
    (
        "23503",
        &[
            "violates foreign key constraint",
            "violates restrict setting of foreign key",
            "points at a row of",
            "point at each other in a circle",
        ],
    ),
    ("23505", &["violates unique constraint", "could not create unique index"]),
    ("23514", &["violates check constraint", "violates partition constraint"]),
    ("23P01", &["violates exclusion constraint"]),
    ("22001", &["value too long for type"]),
    ("22021", &["invalid byte sequence for encoding"]),
    ("22P05", &["unsupported unicode escape sequence", "has no equivalent in encoding"]),
    (
        "22008",
        &[
            "date/time field value out of range",
            "timestamp out of range",
            "date out of range",
            "interval field value out of range",
            "interval out of range",
        ],
    ),
    (
        "22003",
        &[
            "out of range for type",
            "integer out of range",
            "bigint out of range",
            "smallint out of range",
            "numeric field overflow",
            "value overflows numeric format",
            "real out of range",
            "double precision out of range",
        ],
    ),
    (
        "22007",
        &[
            "invalid input syntax for type timestamp",
            "invalid input syntax for type date",
            "invalid input syntax for type time",
            "invalid input syntax for type interval",
            "invalid datetime format",
        ],
    ),
    (
        "22P02",
        &[
            "invalid input syntax for",
            "invalid input value for enum",
            "malformed array literal",
            "malformed record literal",
        ],
    ),
    ("22000", &["expected 1536 dimensions", "different vector dimensions"]),
    ("42P10", &["there is no unique or exclusion constraint matching the on conflict specification"]),
    ("42703", &["has no column"]),
    ("42P01", &["the master has no table"]),
    ("42501", &["permission denied", "must be owner of", "violates row-level security policy"]),
    (
        "42601",
        &[
            "syntax error at",
            "unterminated quoted",
            "has more target columns than expressions",
            "has more expressions than target columns",
        ],
    ),
    ("42804", &["but expression is of type", "cannot be cast automatically", "cannot be matched", "cannot be coerced"]),
    ("42883", &["no function matches the given name", "operator does not exist"]),
    (
        "54000",
        &[
            "exceeds btree version",
            "index row requires",
            "exceeds maximum",
            "row is too big",
            "total size of jsonb",
            "stack depth limit exceeded",
        ],
    ),
    (
        "08006",
        &[
            "server closed the connection",
            "connection terminated",
            "connection reset",
            "connection to server was lost",
            "broken pipe",
            "connection closed",
            "ssl connection has been closed unexpectedly",
        ],
    ),
    (
        "08001",
        &[
            "connection refused",
            "could not connect",
            "econnrefused",
            "etimedout",
            "enotfound",
            "connection timed out",
            "timeout expired",
            "could not translate host name",
            "no route to host",
            "network is unreachable",
        ],
    ),
];

/// The words by which a code is recognised; for filters. Codes told by their form alone are added.
pub fn words_of(sqlstate: &str) -> Vec<&'static str> {
    let mut words: Vec<&'static str> =
        WORDS.iter().filter(|(code, _)| *code == sqlstate).flat_map(|(_, words)| words.iter().copied()).collect();
    words.extend(FORMS.iter().filter(|(code, ..)| *code == sqlstate).map(|(_, _, pattern)| *pattern));
    words
}

/// What does not exist decides the code: the beginning, and a pattern for filters.
const FORMS: &[(&str, &str, &str)] = &[
    ("42703", "column ", "column *does not exist"),
    ("42703", "record ", "record *has no field"),
    ("42P01", "relation ", "relation *does not exist"),
    ("3D000", "database ", "database *does not exist"),
    ("28000", "role ", "role *does not exist"),
    ("42704", "type ", "type *does not exist"),
    ("42883", "function ", "function *does not exist"),
];

/// The SQLSTATE of an error text.
pub fn recognise(text: &str) -> Option<String> {
    if let Some(code) = written(text) {
        return Some(code);
    }
    let lower = text.to_lowercase();
    // Only the first line says what failed; DETAIL and CONTEXT repeat words of their own.
    let first = lower.lines().next().unwrap_or_default();
    for line in [first, lower.as_str()] {
        if let Some(code) = absent(line) {
            return Some(code.to_owned());
        }
        let found = WORDS.iter().find(|(_, words)| words.iter().any(|w| line.contains(w)));
        if let Some((code, _)) = found {
            return Some((*code).to_owned());
        }
    }
    None
}

fn absent(line: &str) -> Option<&'static str> {
    let (before, _) = line.split_once("does not exist").or_else(|| line.split_once("has no field"))?;
    // "constraint … of relation … does not exist" begins with what is absent: the earliest word decides.
    FORMS.iter().filter_map(|(code, start, _)| before.find(start).map(|at| (at, *code))).min().map(|(_, code)| code)
}

/// A code that is written out: at the beginning, in brackets, or after a word that announces it. A bare five-digit
/// word elsewhere is a value (a postcode), and no code.
fn written(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    for at in 0..bytes.len().saturating_sub(4) {
        if !text.is_char_boundary(at) || !text.is_char_boundary(at + 5) || !is_code(&text[at..at + 5]) {
            continue;
        }
        let after = bytes.get(at + 5).copied().unwrap_or(b' ');
        if after.is_ascii_alphanumeric() || matches!(after, b'_' | b'-') {
            continue;
        }
        let before = text[..at].trim_end_matches([' ', ':', '=', '"', '\'']).to_ascii_lowercase();
        let opened = matches!((bytes.get(at.wrapping_sub(1)), after), (Some(b'['), b']') | (Some(b'('), b')'));
        let first = before.is_empty() || before == "error";
        if first || opened || before.ends_with("sqlstate") || before.ends_with("code") {
            return Some(text[at..at + 5].to_owned());
        }
    }
    None
}

/// Whether five characters are a code of a class that PostgreSQL has for failures.
fn is_code(word: &str) -> bool {
    let classes = [
        "08", "0A", "20", "21", "22", "23", "25", "26", "28", "2B", "3D", "3F", "40", "42", "44", "53", "54", "55",
        "57", "58", "P0", "XX",
    ];
    word.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) && classes.contains(&&word[..2])
}

/// Verdicts that leave no SQLSTATE but words.
pub(super) fn verdict_of_words(text: &str) -> Option<Verdict> {
    let text = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| text.contains(w));
    if has(&["no mapping for user", "unmapped user", "has no mapping", "no user of the master is mapped"]) {
        Some(Verdict::UnmappedUser)
    } else if has(&["no primary key", "lacks key", "has no key"]) {
        Some(Verdict::LacksKey)
    } else if has(&["zero rows", "0 rows", "no row was found"]) {
        Some(Verdict::ZeroRows)
    } else {
        None
    }
}
