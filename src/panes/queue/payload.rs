//! JSON as text, taken apart by field: every digit and the order of keys as they are.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The fields of a JSON object with their values as JSON text, in their order; nothing where it is no whole object.
pub(super) fn fields(text: &str) -> Vec<(String, String)> {
    struct Fields;
    impl<'de> Visitor<'de> for Fields {
        type Value = Vec<(String, String)>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                fields.push((name, value.get().to_owned()));
            }
            Ok(fields)
        }
    }
    serde_json::Deserializer::from_str(text).deserialize_map(Fields).unwrap_or_default()
}

/// A value as a person reads it: a text without its quotes, everything else as it is.
pub(super) fn shown(json: &str) -> String {
    serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned())
}

/// Whether two values are the same to the database: times by the moment, numbers by the value, the rest by the text.
pub(super) fn same(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (texts, moments) = ((shown(a), shown(b)), (moment(a), moment(b)));
    texts.0 == texts.1 || moments.0.is_some() && moments.0 == moments.1 || number(a).is_some() && number(a) == number(b)
}

fn moment(json: &str) -> Option<chrono::DateTime<chrono::FixedOffset>> {
    let text = shown(json);
    if text.len() < 19 || !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let spelled = text.replacen(' ', "T", 1);
    // PostgreSQL writes whole hours as +00.
    let spelled = if spelled.get(spelled.len() - 3..).is_some_and(|end| end.starts_with(['+', '-'])) {
        format!("{spelled}:00")
    } else {
        spelled
    };
    chrono::DateTime::parse_from_rfc3339(&spelled).ok()
}

/// A number without the zeros that say nothing.
fn number(json: &str) -> Option<&str> {
    let digits = json.strip_prefix('-').unwrap_or(json);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    Some(if json.contains('.') { json.trim_end_matches('0').trim_end_matches('.') } else { json })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_order_stay() {
        let text = r#"{"z": 9007199254740993.10, "a": [1, {}], "t": "a, \"b\": {", "n": null, "e": []}"#;
        let names: Vec<_> = fields(text).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["z", "a", "t", "n", "e"]);
        assert_eq!(fields(text)[0].1, "9007199254740993.10");
    }

    #[test]
    fn no_object_has_no_fields() {
        assert!(fields("[1]").is_empty() && fields("{\"a\": ").is_empty() && fields("").is_empty());
    }

    #[test]
    fn the_same_moment_and_number_are_the_same() {
        assert!(same("\"2026-11-22T08:14:02.5+00:00\"", "\"2026-11-22T09:14:02.500+01:00\""));
        assert!(same("\"2026-11-22 08:14:02+00\"", "\"2026-11-22T08:14:02Z\""));
        assert!(same("1.50", "1.5") && same("2.0", "2"));
        assert!(!same("9007199254740993", "9007199254740992") && !same("\"1\"", "\"1.0\"") && !same("null", "0"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]{}\",:\\\\ a1é]{0,60}") {
            fields(&text);
            same(&text, &text);
        }
    }
}
