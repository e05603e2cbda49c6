//! The history: who changed what, when and why; and what the state was at any point of it.

use super::sheet::shape;
use super::{Field, Values};
use crate::postgres::{Fault, Link};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::time::Duration;

/// One changed field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transition {
    /// Its number, as text.
    pub id: String,
    /// Whose state.
    pub user: String,
    /// The field as it is stored: a column of either form.
    pub field: String,
    /// What it was.
    pub old: Option<String>,
    /// What it became.
    pub new: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Who.
    pub by: Option<String>,
    /// From where.
    pub platform: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

impl Transition {
    /// The field, if it is one that can be set.
    pub fn known(&self) -> Option<Field> {
        Field::of_column(&self.field)
    }
}

/// Which part of the history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only of this user.
    pub user: Option<String>,
    /// Only what is younger.
    pub within: Option<Duration>,
    /// At most so many.
    pub limit: i64,
}

/// Reads it, the last first; `None` where the side keeps none.
pub async fn read(link: &Link, wanted: &Wanted) -> Result<Option<Vec<Transition>>, Fault> {
    let client = link.session().await?;
    let shape = shape(&*client, link.side()).await?;
    if !["user_id", "field_changed", "changed_at"].iter().all(|c| shape.history.iter().any(|h| h == c)) {
        return Ok(None);
    }
    let mapped = if shape.mapping {
        "coalesce((SELECT min(m.text_id) FROM public.user_id_mapping m WHERE m.uuid_id::text = h.user_id::text), h.user_id::text)"
    } else {
        "h.user_id::text"
    };
    let sql = format!(
        "SELECT coalesce(j ->> 'id', ''), {mapped}, h.field_changed::text, j ->> 'old_value', j ->> 'new_value', j ->> 'change_reason',
                j ->> 'triggered_by', j ->> 'platform', h.changed_at::timestamptz
         FROM public.mood_transitions h CROSS JOIN LATERAL to_jsonb(h) j
         WHERE h.changed_at IS NOT NULL AND h.field_changed IS NOT NULL AND ($1::text IS NULL OR {mapped} = $1)
           AND ($2::float8 IS NULL OR h.changed_at >= clock_timestamp() - make_interval(secs => $2))
         ORDER BY h.changed_at DESC, j ->> 'id' DESC LIMIT $3"
    );
    let seconds = wanted.within.map(|w| w.as_secs_f64());
    let rows = client
        .query(&sql, &[&wanted.user, &seconds, &wanted.limit])
        .await
        .map_err(|e| Fault::from_postgres(e, link.side()).about("mood_transitions"))?;
    let transition = |r: &tokio_postgres::Row| Transition {
        id: r.get(0),
        user: r.get(1),
        field: r.get(2),
        old: r.get(3),
        new: r.get(4),
        reason: r.get(5),
        by: r.get(6),
        platform: r.get(7),
        at: r.get(8),
    };
    Ok(Some(rows.iter().map(transition).collect()))
}

/// Which values the state had right after `point`, of those that were changed since: each is what the first change after it
/// started from. `history` is of one user, in any order.
pub fn values_at(history: &[Transition], point: DateTime<Utc>) -> Values {
    let mut later: Vec<&Transition> = history.iter().filter(|t| t.at > point).collect();
    later.sort_by_key(|t| t.at);
    let mut values = Values::new();
    for transition in later {
        if let Some(field) = transition.known() {
            let was = transition.old.as_deref().map_or_else(|| "null".to_owned(), |old| field.from_plain(old));
            values.entry(field).or_insert(was);
        }
    }
    values
}

/// A value of a field over time: when it became what, the first first. Before the first change it was what that started from.
pub fn series(
    history: &[Transition],
    field: Field,
    from: DateTime<Utc>,
    now: Option<&str>,
) -> Vec<(DateTime<Utc>, String)> {
    let mut of_field: Vec<&Transition> = history.iter().filter(|t| t.known() == Some(field) && t.at >= from).collect();
    of_field.sort_by_key(|t| t.at);
    let first = match of_field.first() {
        Some(first) => first.old.clone(),
        None => now.and_then(|json| field.plain(json)),
    };
    let start = first.map(|value| (from, value));
    start.into_iter().chain(of_field.iter().filter_map(|t| Some((t.at, t.new.clone()?)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(minute: i64, field: &str, old: &str, new: &str) -> Transition {
        Transition {
            id: format!("{minute:03}"),
            user: "allan".into(),
            field: field.into(),
            old: Some(old.into()),
            new: Some(new.into()),
            reason: None,
            by: None,
            platform: None,
            at: DateTime::UNIX_EPOCH + chrono::Duration::minutes(minute),
        }
    }

    fn minute(n: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::Duration::minutes(n)
    }

    #[test]
    fn the_state_at_a_point_is_what_the_first_change_after_it_started_from() {
        let history = [
            step(1, "current_mood", "friendly", "bossy"),
            step(2, "gandhi_genghis_level", "5", "9"),
            step(3, "current_mood", "bossy", "playful"),
            step(4, "gandhi_genghis", "9", "2"),
            step(5, "hair_colour", "red", "blue"),
        ];
        let at = |n| values_at(&history, minute(n));
        assert_eq!(at(0), [(Field::Mood, r#""friendly""#.to_owned()), (Field::GandhiGenghis, "5".to_owned())].into());
        assert_eq!(at(2), [(Field::Mood, r#""bossy""#.to_owned()), (Field::GandhiGenghis, "9".to_owned())].into());
        assert_eq!(at(3), [(Field::GandhiGenghis, "9".to_owned())].into());
        assert_eq!(at(5), Values::new());
    }

    #[test]
    fn a_series_begins_with_what_was_before_its_first_change() {
        let history = [step(3, "turbo", "4", "6"), step(1, "turbo", "5", "4")];
        let read = |from| series(&history, Field::Turbo, minute(from), Some("6"));
        assert_eq!(read(0), [(minute(0), "5".into()), (minute(1), "4".into()), (minute(3), "6".into())]);
        assert_eq!(read(2), [(minute(2), "4".into()), (minute(3), "6".into())]);
        assert_eq!(read(9), [(minute(9), "6".into())]);
        assert_eq!(series(&[], Field::Turbo, minute(0), None), []);
    }
}
