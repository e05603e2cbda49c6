//! The history as a picture: a band of moods over time, and the levels as lines.

use crate::panes::personality::{Personality, SPANS};
use crate::personality::history::{Transition, series};
use crate::personality::{Field, Kind, Mood};
use crate::ui::table::put;
use crate::ui::{Role, Scene, prose};
use chrono::{DateTime, Utc};
use ratatui::layout::Rect;
use ratatui::symbols::Marker;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};

/// The role of a mood in the band; beside the colour stands its letter.
fn role_of(mood: Option<Mood>) -> Role {
    match mood {
        Some(Mood::Friendly) => Role::Ok,
        Some(Mood::Focused) => Role::Info,
        Some(Mood::Playful) => Role::Accent,
        Some(Mood::Bossy) => Role::Warn,
        Some(Mood::Surprised) => Role::Replica,
        Some(Mood::Blushing) => Role::Bad,
        None => Role::Dim,
    }
}

/// From when to when: the span, or where the history begins.
fn window(pane: &Personality, told: &[Transition], now: DateTime<Utc>) -> DateTime<Utc> {
    let first = told.iter().map(|t| t.at).min().unwrap_or(now);
    let hour = now - chrono::Duration::hours(1);
    match SPANS[pane.span].1.and_then(|s| chrono::Duration::from_std(s).ok()) {
        // A span of which nothing is known at its begin is shown from where something is.
        Some(span) => (now - span).max(first - (now - first) / 20),
        None => first,
    }
    .min(hour)
}

/// Draws the band, and the lines where there is room; the rows it took.
pub fn draw(pane: &Personality, scene: &mut Scene<'_>, area: Rect) -> u16 {
    let Some(Ok(told)) = &pane.history else { return 0 };
    let of_user: Vec<Transition> = told.iter().filter(|t| t.user == pane.draft.user).cloned().collect();
    let now = DateTime::<Utc>::from(scene.now.wall);
    let from = window(pane, &of_user, now);
    let area = Rect { x: area.x + 3, width: area.width.saturating_sub(5), ..area };
    if area.width < 20 || area.height < 2 {
        return 0;
    }
    let place = Rect { height: 1, ..area };
    prose::line(scene, place, &[("moods over ", Role::Column), (SPANS[pane.span].0, Role::Column)]);
    let range = format!("{} – now", from.format("%Y-%m-%d %H:%M"));
    prose::line_right(scene, place, &[(&range, Role::Dim)]);
    band(pane, scene, Rect { y: area.y + 1, height: 1, ..area }, &of_user, (from, now));
    if area.height < 3 + LEAST {
        return 2;
    }
    let place = Rect { y: area.y + 3, height: (area.height - 3).min(18), ..area };
    3 + lines(pane, scene, place, &of_user, (from, now))
}

fn band(
    pane: &Personality,
    scene: &mut Scene<'_>,
    area: Rect,
    told: &[Transition],
    (from, now): (DateTime<Utc>, DateTime<Utc>),
) {
    let current = pane.person().and_then(|p| p.values().get(&Field::Mood).cloned());
    let steps = series(told, Field::Mood, from, current.as_deref());
    let whole = (now - from).num_seconds().max(1);
    let cell = |at: DateTime<Utc>| ((at - from).num_seconds().max(0) * i64::from(area.width) / whole) as u16;
    for (i, (at, name)) in steps.iter().enumerate() {
        let begin = cell(*at).min(area.width);
        let end = steps.get(i + 1).map_or(area.width, |(next, _)| cell(*next)).min(area.width);
        let mood = Mood::from_name(name);
        let style = scene.style(role_of(mood));
        let width = end.saturating_sub(begin);
        for x in begin..end {
            put(scene, area, area.x + x, area.y, "▄", style);
        }
        // The word where it fits with room around it, else its first letter: the band reads without colours.
        let word = mood.map_or_else(|| name.clone(), |m| m.name().to_owned());
        if usize::from(width) >= word.len() + 2 {
            put(scene, area, area.x + begin, area.y, &format!("{word} "), style);
        } else if width >= 2 {
            put(scene, area, area.x + begin, area.y, &word.chars().take(1).collect::<String>(), style);
        }
    }
}

/// A chart per level that was changed in this time: two in one would hide each other where they are equal.
fn lines(
    pane: &Personality,
    scene: &mut Scene<'_>,
    area: Rect,
    told: &[Transition],
    (from, now): (DateTime<Utc>, DateTime<Utc>),
) -> u16 {
    let values = pane.person().map(crate::personality::Person::values).unwrap_or_default();
    let seconds = |at: DateTime<Utc>| (at - from).num_seconds() as f64;
    let mut all: Vec<(Field, Vec<(f64, f64)>)> = Vec::new();
    for field in [Field::GandhiGenghis, Field::Attraction, Field::Intensity, Field::Turbo, Field::Auto] {
        let steps = series(told, field, from, values.get(&field).map(String::as_str));
        // A field that never changed is a number in the table, not a line.
        if steps.len() < 2 {
            continue;
        }
        let mut points: Vec<(f64, f64)> = Vec::new();
        for (at, value) in steps {
            let Ok(level) = value.parse::<i32>() else { continue };
            if let Some((_, before)) = points.last().copied() {
                points.push((seconds(at), before));
            }
            points.push((seconds(at), f64::from(level)));
        }
        if let Some((_, last)) = points.last().copied() {
            points.push((seconds(now), last));
        }
        all.push((field, points));
    }
    if all.is_empty() {
        prose::line(scene, Rect { height: 1, ..area }, &[("no level was changed in this time", Role::Dim)]);
        return 1;
    }
    all.truncate(usize::from(area.height / LEAST).max(1));
    let each = (area.height.saturating_sub(1) / all.len() as u16).min(MOST);
    for (i, (field, points)) in all.iter().enumerate() {
        let place = Rect { y: area.y + i as u16 * each, height: each, ..area };
        let last = points.last().map_or(0.0, |(_, y)| *y);
        let words = format!(" now {last:.0}");
        prose::line(scene, Rect { height: 1, ..place }, &[(field.label(), Role::Column), (&words, Role::Strong)]);
        let chart = Rect { y: place.y + 1, height: place.height.saturating_sub(1), ..place };
        line(scene, chart, *field, points, seconds(now));
    }
    let used = all.len() as u16 * each;
    if used < area.height {
        let place = Rect { x: area.x + 3, y: area.y + used, width: area.width - 3, height: 1 };
        let when = |at: DateTime<Utc>| at.format("%m-%d %H:%M").to_string();
        prose::line(scene, place, &[(&when(from), Role::Dim)]);
        let middle = Rect { width: place.width / 2 + 6, ..place };
        prose::line_right(scene, middle, &[(&when(from + (now - from) / 2), Role::Dim)]);
        prose::line_right(scene, place, &[(&when(now), Role::Dim)]);
        return used + 1;
    }
    used
}

/// The rows that one chart wants at least, and at most.
const LEAST: u16 = 5;
const MOST: u16 = 8;

fn line(scene: &mut Scene<'_>, area: Rect, field: Field, points: &[(f64, f64)], width: f64) {
    let dim = scene.style(Role::Dim);
    let role = if field == Field::Attraction { Role::Bad } else { Role::Accent };
    let Kind::Level(most) = field.kind() else { return };
    // Half a level of room above and below: the lowest and the highest are lines too.
    let set =
        Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line).style(scene.style(role)).data(points);
    let chart = Chart::new(vec![set])
        .style(scene.theme.ground())
        .legend_position(None)
        .x_axis(Axis::default().bounds([0.0, width]))
        .y_axis(
            Axis::default().bounds([0.5, most as f64 + 0.5]).style(dim).labels([" 1".to_owned(), format!("{most:>2}")]),
        );
    chart.render(area, scene.buf);
}
