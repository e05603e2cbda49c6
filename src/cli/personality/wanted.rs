//! What `robbie personality set` can set, as flags.

use crate::personality::{Field, Values};
use crate::postgres::{Fault, Kind};
use chrono::Utc;
use clap::Args;
use std::time::Duration;

/// What is wanted; what is not given stays.
#[derive(Args, Debug, Default)]
pub struct Wanted {
    /// The mood: friendly, focused, playful, bossy, surprised or blushing.
    #[arg(long)]
    pub mood: Option<String>,
    /// 1 (Gandhi: gentle, patient) to 10 (Genghis: direct, aggressive).
    #[arg(long, value_name = "1-10", allow_negative_numbers = true)]
    pub gandhi_genghis: Option<String>,
    /// 1 to 11; above 7 for allan only.
    #[arg(long, value_name = "1-11", allow_negative_numbers = true)]
    pub attraction: Option<String>,
    /// 1 to 10.
    #[arg(long, value_name = "1-10", allow_negative_numbers = true)]
    pub turbo: Option<String>,
    /// 1 to 10.
    #[arg(long, value_name = "1-10", allow_negative_numbers = true)]
    pub auto: Option<String>,
    /// How strong the mood is, 1 to 10.
    #[arg(long, value_name = "1-10", allow_negative_numbers = true)]
    pub intensity: Option<String>,
    /// When the mood goes back by itself: a span such as 2h, a moment such as 2026-01-31T18:00:00Z, or `never`.
    #[arg(long, value_name = "WHEN")]
    pub expires: Option<String>,
    /// Whether others may see it.
    #[arg(long, value_name = "true|false")]
    pub public: Option<String>,
    /// Who is there: names with commas between them, or a JSON list.
    #[arg(long, value_name = "NAMES")]
    pub active_users: Option<String>,
    /// Where Robbie is used now; empty: nowhere in particular.
    #[arg(long)]
    pub platform: Option<String>,
    /// The context, a JSON object, in the place of the one before; `@FILE` reads a file.
    #[arg(long, value_name = "JSON")]
    pub context: Option<String>,
}

impl Wanted {
    /// The values as JSON text.
    pub fn values(&self) -> Result<Values, Fault> {
        let mut values = Values::new();
        for (field, given) in [
            (Field::Mood, &self.mood),
            (Field::GandhiGenghis, &self.gandhi_genghis),
            (Field::Attraction, &self.attraction),
            (Field::Turbo, &self.turbo),
            (Field::Auto, &self.auto),
            (Field::Intensity, &self.intensity),
            (Field::Public, &self.public),
            (Field::ActiveUsers, &self.active_users),
        ] {
            if let Some(text) = given {
                values.insert(field, field.from_plain(text));
            }
        }
        if let Some(text) = &self.platform {
            let json = if text.is_empty() { "null".to_owned() } else { Field::Platform.from_plain(text) };
            values.insert(Field::Platform, json);
        }
        if let Some(text) = &self.expires {
            values.insert(Field::Expires, moment(text)?);
        }
        if let Some(text) = &self.context {
            let text = match text.strip_prefix('@') {
                None => text.clone(),
                Some(file) => std::fs::read_to_string(file)
                    .map_err(|e| Fault::new(Kind::Settings, "the file cannot be read").about(file).because(e))?,
            };
            values.insert(Field::Context, Field::Context.from_plain(text.trim()));
        }
        Ok(values)
    }
}

fn moment(text: &str) -> Result<String, Fault> {
    if matches!(text.trim(), "never" | "") {
        return Ok("null".to_owned());
    }
    match span(text) {
        Ok(span) => {
            let at = chrono::Duration::from_std(span).ok().and_then(|d| Utc::now().checked_add_signed(d));
            let at = at.ok_or_else(|| Fault::new(Kind::Settings, "no clock goes that far"))?;
            Ok(Field::Expires.from_plain(&at.to_rfc3339()))
        }
        Err(_) => Ok(Field::Expires.from_plain(text)),
    }
}

/// A span of time: a number and s, m, h, d or w.
pub fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no span of time: write it as 90s, 30m, 2h, 7d or 4w");
    let text = text.trim();
    let at = text.len().checked_sub(1).filter(|i| text.is_char_boundary(*i)).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(at);
    let each = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(each).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_nonsense_is_refused() {
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(span(" 2h "), Ok(Duration::from_hours(2)));
        assert_eq!(span("4w"), Ok(Duration::from_hours(24 * 28)));
        for text in ["", "h", "2", "-1h", "2y", "1.5h", "99999999999999999999w", "2é"] {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_given_is_not_set() {
        let wanted = Wanted { mood: Some("Bossy".into()), platform: Some(String::new()), ..Wanted::default() };
        let values = wanted.values().unwrap();
        assert_eq!(values, [(Field::Mood, r#""bossy""#.to_owned()), (Field::Platform, "null".to_owned())].into());
        let never = Wanted { expires: Some("never".into()), ..Wanted::default() };
        assert_eq!(never.values().unwrap()[&Field::Expires], "null");
    }
}
