//! Which conversations are meant.

use super::SideArg;
use crate::conversation::{Filter, Kind};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use clap::Args;
use uuid::Uuid;

/// Which conversations.
#[derive(Args, Clone, Debug, Default)]
pub struct Which {
    /// Only of this side; by default both, each conversation once.
    #[arg(long, value_enum)]
    pub side: Option<SideArg>,
    /// Only of this user.
    #[arg(long)]
    pub user: Option<String>,
    /// Only of this context type: code, chat, debug or refactor.
    #[arg(long)]
    pub context: Option<String>,
    /// Only with a code block in this language.
    #[arg(long)]
    pub language: Option<String>,
    /// Only those with a message since then: a span such as 12h, 7d or 4w, a date, or a moment such as 2026-01-31T18:00:00Z.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub since: Option<String>,
    /// Only those whose last message is before then.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub until: Option<String>,
    /// Only those with code.
    #[arg(long, conflicts_with = "without_code")]
    pub with_code: bool,
    /// Only those without code.
    #[arg(long)]
    pub without_code: bool,
    /// Only those whose title holds this.
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
}

impl Which {
    /// The same as the domain takes it.
    pub fn filter(&self) -> Filter {
        Filter {
            user: self.user.clone(),
            context: self.context.clone(),
            language: self.language.clone(),
            since: self.since.clone(),
            until: self.until.clone(),
            has_code: match (self.with_code, self.without_code) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            },
            title: self.title.clone(),
        }
    }
}

/// Reads a span back from now, a date or a moment.
pub(super) fn moment(text: &str) -> Result<String, String> {
    let written = |at: DateTime<Utc>| Ok(at.to_rfc3339_opts(SecondsFormat::Micros, true));
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return written(at.to_utc());
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return written(day.and_time(chrono::NaiveTime::MIN).and_utc());
    }
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match &text[number.len()..] {
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => 0,
    };
    let span = number.parse::<i64>().ok().filter(|n| *n >= 0 && seconds > 0).and_then(|n| n.checked_mul(seconds));
    match span.and_then(chrono::TimeDelta::try_seconds).and_then(|span| Utc::now().checked_sub_signed(span)) {
        Some(at) => written(at),
        None => {
            Err("write a span such as 12h, 7d or 4w, a date such as 2026-01-31, or 2026-01-31T18:00:00Z".to_owned())
        }
    }
}

/// Reads `message:ID`, `block:ID` or `pattern:ID`.
pub(super) fn like(text: &str) -> Result<(Kind, Uuid), String> {
    let wrong = || "write message:ID, block:ID or pattern:ID".to_owned();
    let (kind, id) = text.split_once(':').ok_or_else(wrong)?;
    let kind = match kind {
        "message" => Kind::Message,
        "block" => Kind::Block,
        "pattern" => Kind::Pattern,
        _ => return Err(wrong()),
    };
    Ok((kind, id.parse().map_err(|_| wrong())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        assert_eq!(moment("2026-01-31").unwrap(), "2026-01-31T00:00:00.000000Z");
        assert_eq!(moment("2026-01-31T18:00:00+02:00").unwrap(), "2026-01-31T16:00:00.000000Z");
        assert!(moment("7d").unwrap() < moment("1h").unwrap());
        for wrong in ["", "soon", "7", "-1d", "99999999999999999999d", "9999999999999999d", "2026-13-01"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_to_be_like() {
        let id = Uuid::from_u128(7);
        assert_eq!(like(&format!("block:{id}")), Ok((Kind::Block, id)));
        assert!(like("message:x").is_err() && like("title:1").is_err() && like("x").is_err());
    }
}
