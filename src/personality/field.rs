//! What can be set about Robbie's personality: the columns of either deployed shape, under one name each.

use super::Mood;
use serde_json::Value;
use std::collections::BTreeMap;

/// One thing that can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The mood: one of six.
    Mood,
    /// Gandhi (1) to Genghis (10).
    GandhiGenghis,
    /// Attraction, 1 to 11.
    Attraction,
    /// Turbo, 1 to 10.
    Turbo,
    /// Auto, 1 to 10.
    Auto,
    /// How strong the mood is, 1 to 10.
    Intensity,
    /// When the mood goes back by itself.
    Expires,
    /// Whether others may see it.
    Public,
    /// Who is there.
    ActiveUsers,
    /// Where Robbie is used now.
    Platform,
    /// Free JSON.
    Context,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One of the moods.
    Mood,
    /// A whole number from 1 up to this one.
    Level(i64),
    /// A moment, or none.
    Moment,
    /// True or false.
    Flag,
    /// A list of texts.
    List,
    /// A text, or none.
    Text,
    /// A JSON object.
    Json,
}

/// Values by field, as JSON text: no value passes through a float.
pub type Values = BTreeMap<Field, String>;

impl Field {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::Mood,
        Self::GandhiGenghis,
        Self::Attraction,
        Self::Turbo,
        Self::Auto,
        Self::Intensity,
        Self::Expires,
        Self::Public,
        Self::ActiveUsers,
        Self::Platform,
        Self::Context,
    ];

    /// The columns that hold it: where a table has both, they hold the same value.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Mood => &["current_mood"],
            Self::GandhiGenghis => &["gandhi_genghis", "gandhi_genghis_level"],
            Self::Attraction => &["attraction", "attraction_level"],
            Self::Turbo => &["turbo"],
            Self::Auto => &["auto"],
            Self::Intensity => &["mood_intensity"],
            Self::Expires => &["mood_expires_at"],
            Self::Public => &["is_public"],
            Self::ActiveUsers => &["active_users"],
            Self::Platform => &["platform_context"],
            Self::Context => &["context"],
        }
    }

    /// Its name in the history and in documents: the column's in the full form.
    pub fn name(self) -> &'static str {
        self.columns()[0]
    }

    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Mood => "mood",
            Self::GandhiGenghis => "Gandhi–Genghis",
            Self::Attraction => "attraction",
            Self::Turbo => "turbo",
            Self::Auto => "auto",
            Self::Intensity => "intensity",
            Self::Expires => "expires",
            Self::Public => "public",
            Self::ActiveUsers => "active users",
            Self::Platform => "platform",
            Self::Context => "context",
        }
    }

    /// The field that a column, or a row of the history, is about.
    pub fn of_column(column: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.columns().contains(&column))
    }

    /// How its values are written.
    pub fn kind(self) -> Kind {
        match self {
            Self::Mood => Kind::Mood,
            Self::Attraction => Kind::Level(11),
            Self::GandhiGenghis | Self::Turbo | Self::Auto | Self::Intensity => Kind::Level(10),
            Self::Expires => Kind::Moment,
            Self::Public => Kind::Flag,
            Self::ActiveUsers => Kind::List,
            Self::Platform => Kind::Text,
            Self::Context => Kind::Json,
        }
    }

    /// The value that a text means, as JSON text: the way back from [`Field::plain`].
    pub fn from_plain(self, text: &str) -> String {
        let quoted = || Value::from(text).to_string();
        match self.kind() {
            Kind::Mood => Value::from(text.trim().to_lowercase()).to_string(),
            Kind::Moment => moment(text).unwrap_or_else(quoted),
            Kind::Text => quoted(),
            Kind::Level(_) | Kind::Flag => {
                let trimmed = text.trim().to_lowercase();
                if serde_json::from_str::<Value>(&trimmed).is_ok() { trimmed } else { quoted() }
            }
            Kind::List if !text.trim_start().starts_with('[') => {
                let names: Vec<&str> = text.split(',').map(str::trim).filter(|n| !n.is_empty()).collect();
                Value::from(names).to_string()
            }
            Kind::List | Kind::Json => {
                if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
                    text.to_owned()
                } else {
                    quoted()
                }
            }
        }
    }

    /// A value as people read it, and as the history keeps it; none for none.
    pub fn plain(self, json: &str) -> Option<String> {
        match serde_json::from_str::<Value>(json) {
            Ok(Value::Null) => None,
            Ok(Value::String(text)) => Some(text),
            _ => Some(json.to_owned()),
        }
    }

    /// A value as a database answered it, in the form in which it is compared.
    pub fn canonical(self, json: String) -> String {
        match (self.kind(), serde_json::from_str::<Value>(&json)) {
            (Kind::Moment, Ok(Value::String(text))) => moment(&text).unwrap_or(json),
            (Kind::Mood, Ok(Value::String(text))) if Mood::from_name(&text).is_some() => {
                Value::from(text.trim().to_lowercase()).to_string()
            }
            _ => json,
        }
    }

    /// Whether two values are the same, however they are spelt.
    pub fn same(self, one: &str, other: &str) -> bool {
        one == other
            || matches!((serde_json::from_str::<Value>(one), serde_json::from_str::<Value>(other)), (Ok(a), Ok(b)) if a == b)
    }

    /// A value in a line: `–` for none.
    pub fn shown(self, json: &str) -> String {
        match (self, self.plain(json)) {
            (_, None) => "–".to_owned(),
            (Self::Expires, Some(text)) => text.get(..16).unwrap_or(&text).replacen('T', " ", 1),
            (Self::ActiveUsers, Some(text)) => {
                let names: Vec<String> = serde_json::from_str(&text).unwrap_or_default();
                if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
            }
            (Self::Public, Some(text)) => if text == "true" { "yes" } else { "no" }.to_owned(),
            (_, Some(text)) => text,
        }
    }
}

/// A moment as JSON text in UTC, to the microsecond, as both servers can hold it.
fn moment(text: &str) -> Option<String> {
    let at = chrono::DateTime::parse_from_rfc3339(&text.trim().replacen(' ', "T", 1)).ok()?;
    let utc = at.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    Some(Value::from(utc).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_each_of_its_columns() {
        for field in Field::ALL {
            assert!(field.columns().iter().all(|c| Field::of_column(c) == Some(field)), "{field:?}");
        }
        assert_eq!(Field::of_column("updated_at"), None);
    }

    #[test]
    fn what_is_kept_as_text_is_read_back_as_the_same_value() {
        for (field, json) in [
            (Field::Mood, r#""bossy""#),
            (Field::GandhiGenghis, "10"),
            (Field::Public, "true"),
            (Field::ActiveUsers, r#"["allan","o, brien"]"#),
            (Field::Platform, r#""a \"quoted\" place""#),
            (Field::Context, r#"{"n":123456789012345678901234567890.5}"#),
            (Field::Expires, r#""2026-01-02T03:04:05.000000Z""#),
        ] {
            assert_eq!(field.from_plain(&field.plain(json).unwrap()), json);
        }
        assert_eq!(Field::Platform.plain("null"), None);
    }

    #[test]
    fn moments_are_compared_whatever_zone_they_came_in() {
        let one = Field::Expires.canonical(r#""2026-01-02T05:04:05+02:00""#.to_owned());
        assert_eq!(one, r#""2026-01-02T03:04:05.000000Z""#);
        assert!(Field::Context.same(r#"{"a": 1, "b": 2}"#, r#"{"b":2,"a":1}"#));
        assert!(!Field::Context.same(r#"{"a": 1}"#, r#"{"a": 2}"#));
    }

    #[test]
    fn a_list_is_written_with_commas_or_as_json() {
        assert_eq!(Field::ActiveUsers.from_plain("allan, maya"), r#"["allan","maya"]"#);
        assert_eq!(Field::ActiveUsers.from_plain(r#"["a,b"]"#), r#"["a,b"]"#);
        assert_eq!(Field::ActiveUsers.from_plain(""), "[]");
    }
}
