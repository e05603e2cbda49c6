//! Masks the literal values in an error, so that the same failure reads the same for every row.
//!
//! Masked: uuids, numbers, hex bytes, what stands in parentheses after `=`, quoted values after `=`, the failing row,
//! and the quoted value that an input error repeats. Never masked: names of tables, columns, constraints and types,
//! and the length in a type's name.

/// The version of these rules; groups formed by another version are not compared.
pub const RULES: u32 = 1;

/// The text with its values masked, on one line.
pub fn mask(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if c == '"' {
            let end = closing(&chars, at + 1, '"');
            let inner: String = chars[at + 1..end.saturating_sub(1).max(at + 1)].iter().collect();
            if is_value_place(&out) || is_uuid(&inner) {
                out.push_str("\"?\"");
            } else {
                out.extend(&chars[at..end]);
            }
            at = end;
        } else if c == '\'' && out.trim_end().ends_with('=') {
            out.push_str("'?'");
            at = closing(&chars, at + 1, '\'');
        } else if c == '(' && (out.ends_with('=') || out.ends_with("Failing row contains ")) {
            out.push_str("(?)");
            at = balanced(&chars, at);
        } else if starts_word(&chars, at) && (c.is_ascii_hexdigit() || c == '-') {
            let (text, end) = word(&chars, at, &out);
            out.push_str(&text);
            at = end;
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

/// Whether a quoted text here is a value and no name.
fn is_value_place(before: &str) -> bool {
    let before = before.trim_end();
    // The value of a field of a JSON object that a message quotes.
    if before.ends_with("\":") {
        return true;
    }
    if before.ends_with('=') || before.ends_with("value") || before.ends_with("Token") {
        return true;
    }
    let Some(clause) = before.strip_suffix(':') else { return false };
    [
        "invalid input syntax for type",
        "invalid input value for enum",
        "out of range",
        "malformed array literal",
        "malformed record literal",
        "malformed range literal",
        "must be of the form",
    ]
    .iter()
    .any(|start| clause.rsplit("; ").next().unwrap_or(clause).contains(start))
}

fn closing(chars: &[char], from: usize, quote: char) -> usize {
    chars[from..].iter().position(|&c| c == quote).map_or(chars.len(), |n| from + n + 1)
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

/// The word that starts here, masked if it is a uuid, a number or hex; and where it ends.
fn word(chars: &[char], at: usize, before: &str) -> (String, usize) {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let dashed = chars[at..].iter().take_while(|&&c| is_part(c) || c == '-').count();
    let token: String = chars[at..at + dashed].iter().collect();
    if is_uuid(&token) {
        return ("<uuid>".to_owned(), at + dashed);
    }
    let start = at + usize::from(chars[at] == '-');
    let mut end = start + chars[start..].iter().take_while(|&&c| is_part(c)).count();
    let token: String = chars[start..end].iter().collect();
    let hex = token.strip_prefix("0x").is_some_and(|hex| !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    let number = !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit());
    if !(hex || number) || is_type_length(before) {
        end = end.max(at + 1);
        return (chars[at..end].iter().collect(), end);
    }
    while end + 1 < chars.len() && matches!(chars[end], '.' | ',' | ':') && chars[end + 1].is_ascii_digit() {
        end += 1 + chars[end + 1..].iter().take_while(|c| c.is_ascii_digit()).count();
    }
    (if hex { "0x#" } else { "#" }.to_owned(), end)
}

fn is_uuid(token: &str) -> bool {
    token.len() == 36
        && token.bytes().enumerate().all(
            |(n, b)| {
                if matches!(n, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() }
            },
        )
}

/// Whether a number here is the length in a type's name, such as `character varying(255)`.
fn is_type_length(before: &str) -> bool {
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
    #[case("expected 1536 dimensions, not 3", "expected # dimensions, not #")]
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
