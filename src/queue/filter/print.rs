//! From a filter back to text that reads as the same filter.

use super::{Comparison, Filter, Test, TextField, TimeField};
use std::fmt::{self, Display, Formatter};

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => list(f, parts, " "),
            Self::Any(parts) => list(f, parts, " OR "),
            Self::Not(inner) => {
                f.write_str("!")?;
                part(f, inner)
            }
            Self::Test(test, _) => test.fmt(f),
        }
    }
}

fn list(f: &mut Formatter<'_>, parts: &[Filter], between: &str) -> fmt::Result {
    for (n, one) in parts.iter().enumerate() {
        if n > 0 {
            f.write_str(between)?;
        }
        part(f, one)?;
    }
    Ok(())
}

fn part(f: &mut Formatter<'_>, filter: &Filter) -> fmt::Result {
    match filter {
        Filter::All(_) | Filter::Any(_) => write!(f, "({filter})"),
        Filter::Not(_) | Filter::Test(..) => filter.fmt(f),
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(&text(word)),
            Self::Text(field, values) => write!(f, "{}:{}", field.name(), texts(values)),
            Self::State(states) => {
                write!(f, "state:{}", states.iter().map(|s| s.name()).collect::<Vec<_>>().join(","))
            }
            Self::Verdict(verdicts) => {
                write!(f, "verdict:{}", verdicts.iter().map(|v| v.name()).collect::<Vec<_>>().join(","))
            }
            Self::DataIs(path, values) => write!(f, "data.{}:{}", steps(path), texts(values)),
            Self::DataCompares(path, sign, value) => write!(f, "data.{}{}{value}", steps(path), typed(*sign)),
            Self::Age(sign, seconds) => write!(f, "age{}{}", typed(*sign), age(*seconds)),
            Self::Time(field, from, to) if from == to => {
                write!(f, "{}:{}", field.name(), from.map(|m| m.to_string()).unwrap_or_default())
            }
            Self::Time(field, from, to) => {
                let end = |m: &Option<super::Moment>| m.map(|m| m.to_string()).unwrap_or_default();
                write!(f, "{}:{}..{}", field.name(), end(from), end(to))
            }
            Self::TimeCompares(field, sign, moment) => write!(f, "{}{}{moment}", field.name(), typed(*sign)),
            Self::Attempts(sign, count) => write!(f, "attempts{}{count}", typed(*sign)),
        }
    }
}

impl TextField {
    /// The name people type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Operation => "op",
            Self::Error => "error",
            Self::Sqlstate => "sqlstate",
            Self::Object => "object",
            Self::Id => "id",
            Self::Key => "key",
        }
    }
}

impl TimeField {
    /// The name people type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Synced => "synced",
            Self::Tried => "tried",
        }
    }
}

fn typed(sign: Comparison) -> &'static str {
    if sign == Comparison::Equal { ":" } else { sign.sign() }
}

/// A text as it must be typed: as it is when that reads as one plain word, else in quotes.
fn text(value: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '*' | '/');
    if !value.is_empty() && value.chars().all(plain) && value != "OR" && value != "AND" {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

fn texts(values: &[String]) -> String {
    values.iter().map(|v| text(v)).collect::<Vec<_>>().join(",")
}

fn steps(path: &[String]) -> String {
    let plain = |step: &String| step.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    path.iter()
        .map(|s| if plain(s) { s.clone() } else { format!("\"{}\"", s.replace('\\', "\\\\").replace('"', "\\\"")) })
        .collect::<Vec<_>>()
        .join(".")
}

fn age(seconds: u64) -> String {
    let units = [(604_800, "w"), (86_400, "d"), (3_600, "h"), (60, "m")];
    let whole = units.iter().find(|(length, _)| seconds > 0 && seconds.is_multiple_of(*length));
    whole.map_or_else(|| format!("{seconds}s"), |(length, unit)| format!("{}{unit}", seconds / length))
}
