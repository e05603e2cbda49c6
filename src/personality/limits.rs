//! What may be set, for whom; and why not, in words.

use super::field::{Field, Kind};
use super::{Mood, Values};
use crate::postgres::{self, Fault};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// The one user for whom attraction may be above [`MOST_FOR_OTHERS`].
pub const ALLAN: &str = "allan";
/// The highest attraction for everybody else.
pub const MOST_FOR_OTHERS: i64 = 7;

/// The highest level that a field may have for a user; `None`: it has no levels.
pub fn highest(field: Field, user: &str) -> Option<i64> {
    match field.kind() {
        Kind::Level(_) if field == Field::Attraction && user != ALLAN => Some(MOST_FOR_OTHERS),
        Kind::Level(most) => Some(most),
        _ => None,
    }
}

/// What speaks against a value (JSON text) for a user.
pub fn refusal(field: Field, json: &str, user: &str, now: DateTime<Utc>) -> Option<String> {
    let label = field.label();
    let Ok(value) = serde_json::from_str::<Value>(json) else { return Some(format!("{label}: this is no JSON")) };
    if value.is_null() {
        return match field.kind() {
            Kind::Moment | Kind::Text => None,
            _ => Some(format!("{label} needs a value")),
        };
    }
    match field.kind() {
        Kind::Mood => {
            let known = value.as_str().and_then(Mood::from_name).is_some();
            (!known).then(|| format!("the mood is one of {}", Mood::ALL.map(Mood::name).join(", ")))
        }
        Kind::Level(most) => match value.as_i64() {
            Some(n) if (1..=most).contains(&n) && n <= highest(field, user).unwrap_or(most) => None,
            Some(n) if (1..=most).contains(&n) => Some(format!(
                "attraction above {MOST_FOR_OTHERS} is for {ALLAN} only; for {user} it goes from 1 to {MOST_FOR_OTHERS}"
            )),
            _ => Some(format!("{label} goes from 1 to {most} in whole steps")),
        },
        Kind::Moment => match value.as_str().and_then(|t| DateTime::parse_from_rfc3339(t).ok()) {
            Some(at) if at > now => None,
            Some(_) => Some("a mood expires in the future".to_owned()),
            None => Some("this is no moment: give a span such as 2h, or 2026-01-31T18:00:00Z".to_owned()),
        },
        Kind::Flag => (!value.is_boolean()).then(|| format!("{label} is true or false")),
        Kind::Text => (!value.is_string()).then(|| format!("{label} is a text")),
        Kind::List => {
            let names = value.as_array().is_some_and(|l| l.iter().all(|n| n.as_str().is_some_and(|t| !t.is_empty())));
            (!names).then(|| format!("{label} is a list of names"))
        }
        Kind::Json => (!value.is_object()).then(|| format!("{label} is a JSON object")),
    }
    .or_else(|| json.contains("\\u0000").then(|| format!("{label}: PostgreSQL cannot keep a zero character")))
}

/// Checks all values; the fault names the first limit that is broken.
pub fn check(values: &Values, user: &str, now: DateTime<Utc>) -> Result<(), Fault> {
    match values.iter().find_map(|(field, json)| refusal(*field, json, user, now)) {
        Some(reason) => Err(Fault::new(postgres::Kind::Settings, reason).about("robbie_personality_state")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(field: Field, json: &str, user: &str) -> bool {
        refusal(field, json, user, DateTime::UNIX_EPOCH).is_some()
    }

    #[test]
    fn every_bound_holds_for_every_user() {
        for user in ["allan", "maya", "Allan", ""] {
            for field in [Field::GandhiGenghis, Field::Turbo, Field::Auto, Field::Intensity, Field::Attraction] {
                let most = highest(field, user).unwrap();
                let expected = match (field, user) {
                    (Field::Attraction, "allan") => 11,
                    (Field::Attraction, _) => 7,
                    _ => 10,
                };
                assert_eq!(most, expected, "{field:?} {user}");
                for level in -1..=13 {
                    assert_eq!(
                        refused(field, &level.to_string(), user),
                        !(1..=most).contains(&level),
                        "{field:?} {level} {user}"
                    );
                }
            }
        }
        let reason = refusal(Field::Attraction, "8", "maya", DateTime::UNIX_EPOCH).unwrap();
        assert!(reason.contains("allan only") && reason.contains("1 to 7"), "{reason}");
        assert!(refusal(Field::Attraction, "12", "maya", DateTime::UNIX_EPOCH).unwrap().contains("1 to 11"));
    }

    #[test]
    fn what_is_no_value_of_its_kind_is_refused() {
        for (field, json) in [
            (Field::Mood, r#""grumpy""#),
            (Field::Mood, "null"),
            (Field::GandhiGenghis, "5.5"),
            (Field::GandhiGenghis, r#""5""#),
            (Field::GandhiGenghis, "99999999999999999999"),
            (Field::Expires, r#""soon""#),
            (Field::Expires, r#""1969-01-01T00:00:00Z""#),
            (Field::Public, "1"),
            (Field::ActiveUsers, r#"["a", 2]"#),
            (Field::Context, "[1]"),
            (Field::Context, "{"),
            (Field::Context, r#"{"a":"\u0000"}"#),
        ] {
            assert!(refused(field, json, "allan"), "{field:?} {json}");
        }
        for (field, json) in [
            (Field::Mood, r#""Bossy""#),
            (Field::Expires, "null"),
            (Field::Expires, r#""2026-01-01T00:00:00Z""#),
            (Field::Platform, "null"),
            (Field::ActiveUsers, "[]"),
            (Field::Context, r#"{"a":[1,null]}"#),
        ] {
            assert!(!refused(field, json, "allan"), "{field:?} {json}");
        }
    }
}
