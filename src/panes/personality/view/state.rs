//! The state: users, moods, a line per field with its slider, what it means, and both sides.

use super::{View, charts, face, zones};
use crate::panes::personality::Personality;
use crate::personality::{DRAWING, Field, Kind, Mood, Person, limits, meaning};
use crate::postgres::Side;
use crate::ui::table::{bar, put, scroll};
use crate::ui::{Role, Scene, format, prose, text};
use ratatui::layout::Rect;

/// The width from which the drawing stands beside the moods.
const ROOMY: u16 = 100;
/// The width from which the history stands beside the state.
const WIDE: u16 = 170;
/// Cells of a slider: one per level of the longest.
const SLIDER: u16 = 11;
const LABEL: u16 = 15;
/// The room that the moods want with their faces.
const FACES: u16 = 98;
/// The width of the state where the history stands beside it.
const COLUMN: u16 = 120;

/// Draws the state, and where there is room the history below or beside it.
pub fn draw(pane: &Personality, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let left = if area.width >= WIDE { Rect { width: COLUMN, ..area } } else { area };
    let fields = pane.fields();
    let used = column(pane, scene, left, view, &fields);
    if area.width >= WIDE {
        let right = Rect { x: left.right() + 2, width: area.width - left.width - 2, ..area };
        for y in area.y..area.bottom() {
            put(scene, area, left.right(), y, "│", scene.style(Role::Rule));
        }
        let told = pane.history.as_ref().and_then(|h| h.as_ref().ok()).map_or(1, Vec::len) as u16;
        let split = (told + 3).min(right.height * 3 / 5);
        super::lists::told(pane, scene, Rect { height: split.saturating_sub(1), ..right }, view, false);
        let under = Rect { y: right.y + split, height: right.height - split, ..right };
        put(scene, under, under.x + 3, under.y, "presets", scene.style(Role::Column));
        super::lists::presets(
            pane,
            scene,
            Rect { y: under.y + 1, height: under.height.saturating_sub(1), ..under },
            view,
        );
    }
    let below = Rect { y: left.y + used + 1, height: left.height.saturating_sub(used + 1), ..left };
    if below.height >= 5 {
        let drawn = charts::draw(pane, scene, below);
        let rest = Rect { y: below.y + drawn + 1, height: below.height.saturating_sub(drawn + 1), ..below };
        context(pane, scene, rest);
    }
}

/// The state in a column; the rows it took.
fn column(pane: &Personality, scene: &mut Scene<'_>, area: Rect, view: &mut View, fields: &[Field]) -> u16 {
    let Some(person) = pane.person() else { return 0 };
    let mut y = area.y;
    users(pane, scene, Rect { height: 1, ..area });
    y += 1;
    let mood = Field::Mood.plain(pane.draft.value(Field::Mood)).and_then(|m| Mood::from_name(&m));
    let roomy = area.width >= ROOMY && area.height >= 22;
    if roomy {
        face(scene, Rect { x: area.x + 3, y: y + 1, width: DRAWING.0, height: DRAWING.1 }, mood);
        let right = Rect { x: area.x + 19, y: y + 2, width: area.width - 19, height: 1 };
        moods(pane, scene, right, mood, true);
        let lines = side_lines(pane, person);
        for (i, (words, role)) in lines.iter().enumerate() {
            let place = Rect { y: right.y + 2 + i as u16, ..right };
            prose::line(scene, place, &[(words, *role)]);
        }
        y += DRAWING.1 + 2;
    } else if area.height >= 8 && pane.fields().contains(&Field::Mood) {
        moods(
            pane,
            scene,
            Rect { x: area.x + 3, y, width: area.width.saturating_sub(3), height: 1 },
            mood,
            area.width >= 92,
        );
        y += if area.height >= 15 { 2 } else { 1 };
    }
    let heads = u16::from(area.height >= 10);
    let rest = Rect { y, height: area.bottom().saturating_sub(y), ..area };
    if heads == 1 {
        head(pane, scene, rest);
    }
    let rows = (fields.len() as u16).min(rest.height.saturating_sub(heads));
    scene.viewport(zones::FIELDS, rows);
    view.fields = scroll(view.fields, Some(pane.row), fields.len(), usize::from(rows));
    for (line, index) in (view.fields..fields.len()).take(usize::from(rows)).enumerate() {
        let place = Rect { y: rest.y + heads + line as u16, height: 1, ..area };
        field_row(pane, scene, place, person, index, fields[index]);
    }
    rest.y + heads + rows - area.y
}

/// The users, Allan first, the shown one marked.
fn users(pane: &Personality, scene: &mut Scene<'_>, area: Rect) {
    let at = pane.people.iter().position(|p| p.user == pane.draft.user).unwrap_or(0);
    let mut x = area.x + 1;
    // The shown one is always in view: what stands before it gives way.
    let widths: Vec<u16> = pane.people.iter().map(|p| text::width(&text::safe(&p.user)) as u16 + 4).collect();
    let mut from = 0;
    while from < at && widths[from..=at].iter().sum::<u16>() > area.width.saturating_sub(3) {
        from += 1;
    }
    for (i, person) in pane.people.iter().enumerate().skip(from) {
        let shown = i == at;
        let words = format!("{}{}", if shown { "▸ " } else { "  " }, text::safe(&person.user));
        if x + text::width(&words) as u16 > area.right().saturating_sub(2) {
            put(scene, area, x, area.y, "…", scene.style(Role::Muted));
            break;
        }
        let role = if shown { Role::Strong } else { Role::Muted };
        put(scene, area, x, area.y, &words, scene.style(role));
        scene.zone(Rect { x, width: widths[i], height: 1, y: area.y }, zones::USERS, i);
        x += widths[i];
        if !person.differs().is_empty() {
            put(scene, area, x - 2, area.y, "≠", scene.style(Role::Warn));
            x += 1;
        }
    }
}

/// The six moods; the one that is worn is a button.
fn moods(pane: &Personality, scene: &mut Scene<'_>, area: Rect, worn: Option<Mood>, faces: bool) {
    let edited = pane.draft.is_edited(Field::Mood);
    let mut x = area.x;
    let faces = faces && area.width >= FACES;
    for (i, mood) in Mood::ALL.into_iter().enumerate() {
        let name = if faces { format!("{} {}", mood.face(), mood.name()) } else { mood.name().to_owned() };
        let this = worn == Some(mood);
        let words = if this { format!("[{name}]") } else { format!(" {name} ") };
        let role = match (this, edited) {
            (true, true) => Role::Changed,
            (true, false) => Role::Button,
            (false, _) => Role::Muted,
        };
        let width = text::width(&words) as u16;
        if x + width > area.right() {
            break;
        }
        put(scene, area, x, area.y, &words, scene.style(role));
        scene.zone(Rect { x, y: area.y, width, height: 1 }, zones::MOODS, i);
        x += width + u16::from(faces);
    }
}

/// How old each side is, and what form it has.
fn side_lines(pane: &Personality, person: &Person) -> Vec<(String, Role)> {
    [(Side::Master, &person.master, Role::Master), (Side::Replica, &person.replica, Role::Replica)]
        .into_iter()
        .map(|(side, row, role)| {
            let name = pane.name(side);
            let form = pane.sides[side as usize].as_ref().map_or("", |s| s.shape.form());
            let words = match (row, pane.is_lost(side)) {
                (_, true) => format!("{name}  {}", pane.faults[side as usize].as_deref().unwrap_or("away")),
                (None, _) => format!("{name}  has no row for {}", person.user),
                (Some(row), _) => {
                    let age = row.age.map_or_else(|| "some time".to_owned(), format::age);
                    format!("{name}  written {age} ago · {form}")
                }
            };
            (words, if pane.is_lost(side) { Role::Bad } else { role })
        })
        .collect()
}

/// The width of each of the two columns with the sides' values.
fn side_width(width: u16) -> u16 {
    match width {
        ..60 => 0,
        60..100 => 9,
        100..140 => 14,
        _ => 18,
    }
}

fn head(pane: &Personality, scene: &mut Scene<'_>, area: Rect) {
    let side = side_width(area.width);
    if side == 0 {
        return;
    }
    let x = area.right() - 2 * (side + 1) - 1;
    for (i, of) in [Side::Master, Side::Replica].into_iter().enumerate() {
        let role = match (pane.is_lost(of), of) {
            (true, _) => Role::Dim,
            (false, Side::Master) => Role::Master,
            (false, Side::Replica) => Role::Replica,
        };
        let words = text::truncate(&text::safe(&pane.name(of)), usize::from(side)).into_owned();
        put(scene, area, x + i as u16 * (side + 1), area.y, &words, scene.style(role));
    }
    put(scene, area, area.x + 3, area.y, "as edited", scene.style(Role::Column));
}

fn field_row(pane: &Personality, scene: &mut Scene<'_>, place: Rect, person: &Person, index: usize, field: Field) {
    let selected = pane.row == index;
    scene.zone(place, zones::FIELDS, index);
    if selected {
        bar(scene, place);
        put(scene, place, place.x + 1, place.y, "▸", scene.style(Role::Accent));
    }
    let edited = pane.draft.is_edited(field);
    let json = pane.draft.value(field);
    if edited {
        put(scene, place, place.x + 2, place.y, "•", scene.style(Role::Changed));
    }
    let label = if edited { Role::Changed } else { Role::Muted };
    let mut x = place.x + 3;
    put(scene, place, x, place.y, field.label(), scene.style(label));
    x += LABEL;
    let side = side_width(place.width);
    let edge = if side == 0 { place.right() } else { place.right() - 2 * (side + 1) - 1 };
    let room = Rect { x, width: edge.saturating_sub(x + 1), ..place };
    if let (Kind::Level(most), Ok(level)) = (field.kind(), json.parse::<i64>()) {
        slider(pane, scene, room, index, field, (level, most));
        let words = format!("{level:>2} ");
        put(
            scene,
            room,
            room.x + SLIDER + 1,
            room.y,
            &words,
            scene.style(if edited { Role::Changed } else { Role::Strong }),
        );
        let spelled = Rect { x: room.x + SLIDER + 4, width: room.width.saturating_sub(SLIDER + 4), ..room };
        prose::line(scene, spelled, &[(meaning(field, level).unwrap_or_default(), Role::Muted)]);
    } else {
        let shown = match field {
            Field::Mood => {
                let mood = field.plain(json).and_then(|m| Mood::from_name(&m));
                format!("{} {}", mood.map_or("(•-•)", Mood::face), field.shown(json))
            }
            _ => field.shown(json),
        };
        prose::line(scene, room, &[(&shown, if edited { Role::Changed } else { Role::Text })]);
    }
    if side == 0 {
        return;
    }
    let differs = person.differs().contains(&field);
    for (i, (of, row)) in [(Side::Master, &person.master), (Side::Replica, &person.replica)].into_iter().enumerate() {
        let at = edge + i as u16 * (side + 1);
        let here = pane.sides[of as usize].as_ref().is_some_and(|s| s.shape.has(field));
        let words = match row.as_ref().and_then(|r| r.values.get(&field)) {
            Some(value) => field.shown(value),
            None if here => "–".to_owned(),
            None => "·".to_owned(),
        };
        let role = match (pane.is_lost(of), differs) {
            (true, _) => Role::Dim,
            (_, true) => Role::Warn,
            _ => Role::Text,
        };
        let cell = Rect { x: at, width: side, ..place };
        prose::line(scene, cell, &[(&words, role)]);
    }
    if differs {
        put(scene, place, edge - 2, place.y, "≠", scene.style(Role::Warn));
    }
}

/// A slider: one cell per level that the field has; what this user may not have is dotted.
fn slider(
    pane: &Personality,
    scene: &mut Scene<'_>,
    room: Rect,
    index: usize,
    field: Field,
    (level, most): (i64, i64),
) {
    let may = limits::highest(field, &pane.draft.user).unwrap_or(most);
    let edited = pane.draft.is_edited(field);
    for step in 1..=most {
        let at = room.x + (step - 1) as u16;
        if at >= room.right() {
            break;
        }
        let (glyph, role) = match step {
            s if s == level => ("●", if edited { Role::Changed } else { Role::Accent }),
            s if s > may => ("·", Role::Dim),
            s if s < level => ("━", Role::Accent),
            _ => ("─", Role::Dim),
        };
        put(scene, room, at, room.y, glyph, scene.style(role));
        scene.zone(Rect { x: at, y: room.y, width: 1, height: 1 }, zones::LEVELS, index * 100 + step as usize);
    }
}

/// The context spelled out, where there is room for all of it.
fn context(pane: &Personality, scene: &mut Scene<'_>, area: Rect) {
    let json = pane.draft.value(Field::Context);
    let Ok(value) = serde_json::from_str::<serde_json::Value>(json) else { return };
    let Ok(pretty) = serde_json::to_string_pretty(&value) else { return };
    let lines: Vec<&str> = pretty.lines().collect();
    if !value.is_object() || lines.len() < 3 || usize::from(area.height) < lines.len() {
        return;
    }
    prose::line(scene, Rect { x: area.x + 3, height: 1, ..area }, &[("context", Role::Column)]);
    for (i, line) in lines[1..lines.len() - 1].iter().enumerate() {
        let place = Rect { x: area.x + 3, y: area.y + 1 + i as u16, width: area.width.saturating_sub(3), height: 1 };
        prose::line(scene, place, &[(line, Role::Text)]);
    }
}
