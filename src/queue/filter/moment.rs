//! A time as a person types it: a day, a minute or a second, in UTC.

use chrono::{Duration, NaiveDate, NaiveDateTime};

/// A day, a minute or a second; it lasts as long as it is vague.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A whole day.
    Day(NaiveDate),
    /// A minute.
    Minute(NaiveDateTime),
    /// A second.
    Second(NaiveDateTime),
}

impl Moment {
    /// Reads `2026-11-01`, `2026-11-01T08:30` or `2026-11-01T08:30:15`; a space may stand for the `T`.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim_end_matches('Z').replacen(' ', "T", 1);
        // Years of more than four digits are left to the psql prompt; PostgreSQL's range is narrower than chrono's.
        if text.as_bytes().get(4) != Some(&b'-') {
            return None;
        }
        if let Ok(at) = NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S") {
            return Some(Self::Second(at));
        }
        if let Ok(at) = NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M") {
            return Some(Self::Minute(at));
        }
        NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok().map(Self::Day)
    }
    fn start(self) -> NaiveDateTime {
        match self {
            Self::Day(day) => day.and_time(chrono::NaiveTime::MIN),
            Self::Minute(at) | Self::Second(at) => at,
        }
    }
    /// Its first instant, as PostgreSQL reads it.
    pub fn first(self) -> String {
        self.start().format("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
    /// The first instant after it.
    pub fn after(self) -> String {
        let length = match self {
            Self::Day(_) => Duration::days(1),
            Self::Minute(_) => Duration::minutes(1),
            Self::Second(_) => Duration::seconds(1),
        };
        (self.start() + length).format("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{}", day.format("%Y-%m-%d")),
            Self::Minute(at) => write!(f, "{}", at.format("%Y-%m-%dT%H:%M")),
            Self::Second(at) => write!(f, "{}", at.format("%Y-%m-%dT%H:%M:%S")),
        }
    }
}
