//! Masks the literal values in an error, so that the same failure reads the same for every row.
//!
//! Masked: uuids, numbers, times, hex bytes, what stands in parentheses after `=`, quoted values, the failing row, and the line of
//! JSON that a message repeats. Never masked: names of tables, columns, constraints and types, and what a type's name says of its
//! length, precision or dimensions.

/// The version of these rules; groups formed by another version are not compared.
pub const RULES: u32 = 2;

/// The text with its values masked, on one line.
pub fn mask(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if out.ends_with("JSON data, line #: ") {
            out.push('?');
            at += chars[at..].iter().position(|&c| c == '\n').unwrap_or(chars.len() - at);
        } else if c == '"' {
            at = quoted(&chars, at, &mut out);
        } else if c == '\'' && out.trim_end().ends_with('=') {
            out.push_str("'?'");
            at = closing(&chars, at + 1, '\'');
        } else if c == '(' && out.ends_with('=') {
            at = end_of_key(&chars, at, &out);
            out.push_str("(?)");
        } else if c == '(' && out.ends_with("Failing row contains ") {
            out.push_str("(?)");
            let end = end_of_section(&chars, at, &SECTIONS[1..]);
            at = chars[at..end].iter().rposition(|&c| c == ')').map_or(end, |n| at + n + 1);
        } else if starts_word(&chars, at) && (c.is_ascii_hexdigit() || c == '-') {
            at = word(&chars, at, &mut out);
        } else if c.is_whitespace() {
            if !out.ends_with(' ') {
                out.push(' ');
            }
            at += 1;
        } else {
            out.push(c);
            at += 1;
        }
    }
    out.trim().to_owned()
}

/// What begins a further part of an error; the first is how this product joins message and detail.
const SECTIONS: [&str; 9] =
    [" — ", "\nDETAIL", "\nHINT", "\nCONTEXT", "\nLINE ", "\nSTATEMENT", "\nQUERY", "\nPARAMETERS", "\n    at "];

/// What a quoted text is.
#[derive(Clone, Copy, PartialEq)]
enum Quoted {
    Name,
    /// A value, up to the next quote.
    Value,
    /// A value that ends its part of the message; it may hold quotes itself.
    LastValue,
    /// A text in a JSON object that a message quotes.
    Json,
}

/// Writes the quoted text that starts at `at`; where it ends.
fn quoted(chars: &[char], at: usize, out: &mut String) -> usize {
    let first = closing(chars, at + 1, '"');
    let inner = || chars[at + 1..first.saturating_sub(1).max(at + 1)].iter().collect::<String>();
    let end = match kind(out) {
        Quoted::Value => first,
        Quoted::Json => closing_json(chars, at + 1),
        Quoted::LastValue => {
            let end = end_of_section(chars, at, &SECTIONS);
            chars[at + 1..end].iter().rposition(|&c| c == '"').map_or(end, |n| at + n + 2)
        }
        Quoted::Name if is_uuid(&inner()) && !names_follow(out) => first,
        Quoted::Name if begins(chars, first, " is out of range for type") => first,
        Quoted::Name => {
            out.extend(&chars[at..first]);
            return first;
        }
    };
    out.push_str("\"?\"");
    end
}

/// What a quoted text is after these words.
fn kind(before: &str) -> Quoted {
    let before = before.trim_end();
    if before.ends_with("\":") {
        return Quoted::Json;
    }
    if ["=", "value", "Token", "found", "Escape sequence", "time zone"].iter().any(|word| before.ends_with(word)) {
        return Quoted::Value;
    }
    let Some(clause) = before.strip_suffix(':') else { return Quoted::Name };
    let part = ["DETAIL:", "HINT:", "CONTEXT:", "; "].iter().filter_map(|mark| clause.rfind(mark)).max().unwrap_or(0);
    let says_value =
        ["invalid ", "Invalid ", "out of range", "malformed ", "must be of the form", "CONTEXT: COPY ", "too long:"];
    if says_value.iter().any(|words| clause[part..].contains(words)) { Quoted::LastValue } else { Quoted::Name }
}

/// Whether the next quoted text is the name of an object.
fn names_follow(before: &str) -> bool {
    let word = before.trim_end().rsplit(' ').next().unwrap_or_default();
    let objects = [
        "relation",
        "column",
        "table",
        "constraint",
        "index",
        "function",
        "type",
        "role",
        "user",
        "schema",
        "database",
        "sequence",
        "trigger",
        "policy",
        "enum",
    ];
    objects.contains(&word)
}

fn begins(chars: &[char], at: usize, words: &str) -> bool {
    let mut rest = chars.get(at..).unwrap_or_default().iter();
    words.chars().all(|c| rest.next() == Some(&c))
}

fn closing(chars: &[char], from: usize, quote: char) -> usize {
    chars[from..].iter().position(|&c| c == quote).map_or(chars.len(), |n| from + n + 1)
}

/// As [`closing`], over quotes behind a backslash.
fn closing_json(chars: &[char], from: usize) -> usize {
    let mut at = from;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn end_of_section(chars: &[char], from: usize, marks: &[&str]) -> usize {
    let ends = |at: usize| matches!(chars[at], ' ' | '\n') && marks.iter().any(|mark| begins(chars, at, mark));
    (from..chars.len()).find(|&at| ends(at)).unwrap_or(chars.len())
}

/// Where the values of a key end. They may hold parentheses, in pairs or not; what follows them is known.
fn end_of_key(chars: &[char], open: usize, before: &str) -> usize {
    let end = end_of_section(chars, open, &SECTIONS[1..]);
    let tails = [
        " already exists",
        " is not present in",
        " is still referenced",
        " conflicts with",
        " is duplicated",
        " is not ",
    ];
    let known = (open..end).find(|&at| chars[at] == ')' && tails.iter().any(|tail| begins(chars, at + 1, tail)));
    if let Some(at) = known {
        return at + 1;
    }
    if before.contains("ey (") {
        return chars[open..end].iter().rposition(|&c| c == ')').map_or(end, |n| open + n + 1);
    }
    balanced(&chars[..end], open)
}

fn balanced(chars: &[char], open: usize) -> usize {
    let mut depth = 0_usize;
    for (n, c) in chars[open..].iter().enumerate() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + n + 1;
        }
    }
    chars.len()
}

fn starts_word(chars: &[char], at: usize) -> bool {
    at == 0 || !(chars[at - 1].is_alphanumeric() || matches!(chars[at - 1], '_' | '.' | '$'))
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

/// Writes the word that starts at `at`, masked if it is a uuid, a time, a number or hex; where it ends.
fn word(chars: &[char], at: usize, out: &mut String) -> usize {
    let dashed = chars[at..].iter().take_while(|&&c| is_part(c) || c == '-').count();
    if dashed == 36 && is_uuid(&chars[at..at + dashed].iter().collect::<String>()) {
        out.push_str("<uuid>");
        return at + dashed;
    }
    if let Some(end) = time(chars, at) {
        out.push_str("<time>");
        return end;
    }
    let end = at + 1 + chars[at + 1..].iter().take_while(|&&c| is_part(c)).count();
    if begins(chars, at, "0x") && end > at + 2 && chars[at + 2..end].iter().all(char::is_ascii_hexdigit) {
        // As many bytes as there are.
        if !out.ends_with("0x# ") {
            out.push_str("0x#");
        }
        return end;
    }
    if let Some(end) = number(chars, at).filter(|_| !describes_a_type(out)) {
        out.push('#');
        return end;
    }
    out.extend(&chars[at..end]);
    end
}

fn digits(chars: &[char], at: usize) -> usize {
    chars.get(at..).unwrap_or_default().iter().take_while(|c| c.is_ascii_digit()).count()
}

/// Where the number that starts here ends: with sign, groups, fraction and exponent; what only begins with digits is a name.
fn number(chars: &[char], at: usize) -> Option<usize> {
    let mut end = at + usize::from(chars[at] == '-');
    let whole = digits(chars, end);
    if whole == 0 {
        return None;
    }
    end += whole;
    while matches!(chars.get(end), Some('.' | ',' | ':')) && digits(chars, end + 1) > 0 {
        end += 1 + digits(chars, end + 1);
    }
    if matches!(chars.get(end), Some('e' | 'E')) {
        let sign = usize::from(matches!(chars.get(end + 1), Some('+' | '-')));
        let exponent = digits(chars, end + 1 + sign);
        end += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    let tail: String = chars[end..].iter().take_while(|&&c| is_part(c)).collect();
    let is_unit = ["", "ms", "us", "s", "min", "h", "d", "B", "kB", "MB", "GB", "TB"].contains(&tail.as_str());
    is_unit.then_some(end)
}

/// Where the date that starts here ends, with the time and zone behind it.
fn time(chars: &[char], at: usize) -> Option<usize> {
    let shape = |at: usize, shape: &str| {
        let fits = |(n, wanted): (usize, char)| {
            chars.get(at + n).is_some_and(|&c| if wanted == '0' { c.is_ascii_digit() } else { c == wanted })
        };
        shape.chars().enumerate().all(fits).then(|| at + shape.len())
    };
    let mut end = shape(at, "0000-00-00")?;
    if let Some(after) = matches!(chars.get(end), Some('T' | ' ')).then(|| shape(end + 1, "00:00")).flatten() {
        end = shape(after, ":00").unwrap_or(after);
        if chars.get(end) == Some(&'.') {
            end += 1 + digits(chars, end + 1);
        }
        end = match chars.get(end) {
            Some('Z') => end + 1,
            Some('+' | '-') => shape(end + 1, "00:00").or_else(|| shape(end + 1, "00")).unwrap_or(end),
            _ => end,
        };
    }
    chars.get(end).is_none_or(|&c| !is_part(c)).then_some(end)
}

fn is_uuid(token: &str) -> bool {
    token.len() == 36
        && token.bytes().enumerate().all(
            |(n, b)| {
                if matches!(n, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() }
            },
        )
}

/// Whether a number here belongs to a type: its length as in `character varying(255)`, its precision, its dimensions.
fn describes_a_type(before: &str) -> bool {
    if ["precision ", "scale ", "expected "].iter().any(|word| before.ends_with(word)) {
        return true;
    }
    let inside = before.rsplit_once('(').filter(|(_, inside)| inside.bytes().all(|b| b.is_ascii_digit() || b == b','));
    let Some((name, _)) = inside else { return false };
    ["varying", "character", "char", "varchar", "numeric", "decimal", "bit", "vector", "timestamp", "time"]
        .iter()
        .any(|kind| name.ends_with(kind))
}

#[cfg(test)]
mod tests {
    use super::mask;
    use rstest::rstest;

    #[rstest]
    #[case(
        "Key (conversation_id)=(4f2a0d7e-1111-4222-8333-444455556666) is not present in table \"code_conversations\".",
        "Key (conversation_id)=(?) is not present in table \"code_conversations\"."
    )]
    #[case("value too long for type character varying(255)", "value too long for type character varying(255)")]
    #[case("invalid input syntax for type uuid: \"abc\"", "invalid input syntax for type uuid: \"?\"")]
    #[case("invalid input value for enum mood: \"sad\"", "invalid input value for enum mood: \"?\"")]
    #[case(
        "column \"c17\" of relation \"t_2024\" does not exist",
        "column \"c17\" of relation \"t_2024\" does not exist"
    )]
    #[case("expected 1536 dimensions, not 3", "expected 1536 dimensions, not #")]
    #[case("row 4f2a0d7e-1111-4222-8333-444455556666 gone", "row <uuid> gone")]
    #[case("invalid byte sequence for encoding \"UTF8\": 0x00", "invalid byte sequence for encoding \"UTF8\": 0x#")]
    #[case("Failing row contains (1, a (b) c, null).", "Failing row contains (?).")]
    #[case(
        "Process 123 waits for ShareLock on transaction 456; blocked by process 789.",
        "Process # waits for ShareLock on transaction #; blocked by process #."
    )]
    #[case("name = 'it is' failed\n  at 10:20:30.5", "name = '?' failed at #")]
    #[case("value \"99999999999\" is out of range for type integer", "value \"?\" is out of range for type integer")]
    #[case("no mapping for user 'guest'", "no mapping for user 'guest'")]
    #[case("code_messages2 v2", "code_messages2 v2")]
    #[case("at -12.5 and 1,000", "at # and #")]
    #[case("parents {\"id\": \"4f2a0d7e-1111-4222-8333-444455556666\", \"n\": 5}", "parents {\"id\": \"?\", \"n\": #}")]
    #[case("no row \"4f2a0d7e-1111-4222-8333-444455556666\" in \"t\"", "no row \"?\" in \"t\"")]
    #[case("invalid input syntax for type uuid: \"a\"b\"", "invalid input syntax for type uuid: \"?\"")]
    #[case(
        "invalid byte sequence for encoding \"UTF8\": 0xe2 0x28",
        "invalid byte sequence for encoding \"UTF8\": 0x#"
    )]
    #[case(
        "Key (r)=([1,3)) conflicts with existing key (r)=([2,4)).",
        "Key (r)=(?) conflicts with existing key (r)=(?)."
    )]
    #[case("Key (name)=(a ) b (() already exists.", "Key (name)=(?) already exists.")]
    #[case("\"1e400\" is out of range for type double precision", "\"?\" is out of range for type double precision")]
    #[case("at 2026-11-01T08:30:00.5Z and 1e-7 after 500ms", "at <time> and # after #ms")]
    #[case("relation \"2024\" does not exist", "relation \"2024\" does not exist")]
    #[case("CONTEXT:  JSON data, line 1: {\"a\": b...\nHINT: x", "CONTEXT: JSON data, line #: ? HINT: x")]
    #[case("DETAIL:  A field with precision 5, scale 2 must", "DETAIL: A field with precision 5, scale 2 must")]
    fn values_go_and_names_stay(#[case] text: &str, #[case] masked: &str) {
        assert_eq!(mask(text), masked);
    }

    #[test]
    fn seventeen_missing_columns_stay_seventeen() {
        let all: std::collections::BTreeSet<_> =
            (0..17).map(|n| mask(&format!("column \"c{n}\" of relation \"t\" does not exist"))).collect();
        assert_eq!(all.len(), 17);
    }

    proptest::proptest! {
        #[test]
        fn masking_never_panics_and_is_stable(text in "\\PC{0,80}") {
            let once = mask(&text);
            proptest::prop_assert_eq!(mask(&once).len(), mask(&mask(&once)).len());
        }
        #[test]
        fn any_uuid_masks_alike(a in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}") {
            proptest::prop_assert_eq!(mask(&format!("no row {a} here")), "no row <uuid> here");
        }
    }
}
