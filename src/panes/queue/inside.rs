//! One entry: what is wrong with it, its row on both sides, its payload, its tries and its chain.

use super::compare::Differs;
use super::lines::{Lines, Parts};
use super::view::{PAYLOAD, SECTIONS, TRIES, View, is_held, short_key, state_look};
use super::{Action, Inside, Level, Queue, Section, empty, fixing, history};
use crate::postgres::Fault;
use crate::queue::State;
use crate::queue::detail::Detail;
use crate::queue::diagnosis::{self, Diagnosis};
use crate::queue::images::Image;
use crate::ui::format::{age, plural};
use crate::ui::table::{Cell, Column, Row, Table};
use crate::ui::{Role, Scene, prose, text};
use ratatui::layout::Rect;
use std::time::Duration;

/// Draws an entry; `whole` where it has all the room.
pub(super) fn draw(pane: &Queue, scene: &mut Scene<'_>, area: Rect, view: &mut View, whole: bool) {
    let inside = &pane.inside;
    let Some(detail) = &inside.detail else {
        let words = if inside.gone { "This entry is no longer in the queue" } else { "Reading the entry…" };
        if inside.id.is_some() {
            empty::waiting(scene, area, words);
        }
        return;
    };
    let area = Rect { x: area.x + u16::from(whole), width: area.width.saturating_sub(u16::from(whole)), ..area };
    let mut y = area.y;
    for line in head(detail, inside.gone, usize::from(area.width), &pane.key_of(Action::Fix)) {
        if y >= area.bottom().saturating_sub(if area.height > 12 { 6 } else { area.height / 2 + 1 }) {
            break;
        }
        let parts: Vec<(&str, Role)> = line.iter().map(|(words, role)| (words.as_str(), *role)).collect();
        prose::line(scene, Rect { y, height: 1, ..area }, &parts);
        y += 1;
    }
    if area.height > 14 {
        y += 1;
    }
    let rest = Rect { y, height: area.bottom().saturating_sub(y), ..area };
    if rest.height >= 34 && area.width >= 150 {
        all_sections(pane, detail, scene, rest, view);
        return;
    }
    if rest.height >= 3 {
        titles(scene, Rect { height: 1, ..rest }, inside);
        let below = Rect { y: rest.y + 1, height: rest.height - 1, ..rest };
        section(pane, detail, scene, below, view, inside.section);
    }
}

/// With room for everything: the images above, payload and tries beside each other below.
fn all_sections(pane: &Queue, detail: &Detail, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let images = (pane.inside.rows.len() as u16 + 2).clamp(3, area.height / 2);
    section(pane, detail, scene, Rect { height: images, ..area }, view, Section::Rows);
    let below = Rect { y: area.y + images + 1, height: area.height - images - 1, ..area };
    let half = below.width / 2;
    for (x, width, part, title) in [
        (below.x, half.saturating_sub(2), Section::Payload, "payload"),
        (below.x + half, below.width - half, Section::Tries, "chain and tries"),
    ] {
        let place = Rect { x, width, ..below };
        let title = if part == Section::Payload { payload_title(title, &pane.inside) } else { title.to_owned() };
        let role = if part == pane.inside.section { Role::TabActive } else { Role::Column };
        prose::line(scene, Rect { height: 1, ..place }, &[(&title, role)]);
        scene.zone(Rect { height: 1, ..place }, SECTIONS, part as usize);
        section(pane, detail, scene, Rect { y: place.y + 1, height: place.height - 1, ..place }, view, part);
    }
}

fn titles(scene: &mut Scene<'_>, area: Rect, inside: &Inside) {
    let mut x = area.x;
    for (n, (part, title)) in Section::ALL.into_iter().zip(["rows", "payload", "chain and tries"]).enumerate() {
        let role = if part == inside.section { Role::TabActive } else { Role::Tab };
        let place = Rect { x, width: (title.len() as u16).min(area.right().saturating_sub(x)), ..area };
        prose::line(scene, place, &[(title, role)]);
        scene.zone(place, SECTIONS, n);
        x = (place.right() + 2).min(area.right());
    }
    if inside.section == Section::Payload {
        let rest = Rect { x, width: area.right().saturating_sub(x + 1), ..area };
        prose::line_right(scene, rest, &[(&inside.payload.found(), Role::Accent)]);
    }
}

/// The title of the payload, with what was found in it.
fn payload_title(title: &str, inside: &Inside) -> String {
    let found = inside.payload.found();
    if found.is_empty() { title.to_owned() } else { format!("{title}  {found}") }
}

fn section(pane: &Queue, detail: &Detail, scene: &mut Scene<'_>, area: Rect, view: &mut View, part: Section) {
    let inside = &pane.inside;
    let focused = pane.level == Level::Entry && inside.section == part;
    match part {
        Section::Rows => images(inside, scene, area, view, &pane.key_of(Action::DryRun)),
        Section::Payload if inside.payload.rows() == 0 => {
            prose::line(scene, area, &[("Laying it out…", Role::Muted)]);
        }
        Section::Payload => {
            let cells = usize::from(area.width);
            let line = |row: usize| inside.payload.row(row, cells);
            let (len, cursor) = (inside.payload.rows(), inside.payload.cursor());
            let under = if focused { whole_value(inside, area) } else { Vec::new() };
            let lines = Rect { height: area.height - under.len() as u16, ..area };
            Lines { zone: PAYLOAD, len, cursor, focused, line: &line }.draw(scene, lines, &mut view.payload);
            for (i, (words, role)) in under.iter().enumerate() {
                prose::line(scene, Rect { y: lines.bottom() + i as u16, height: 1, ..area }, &[(words, *role)]);
            }
        }
        Section::Tries => {
            let all = history::lines(detail);
            let line = |row: usize| all[row].parts.clone();
            Lines { zone: TRIES, len: all.len(), cursor: inside.scroll, focused, line: &line }.draw(
                scene,
                area,
                &mut view.tries,
            );
        }
    }
}

/// The value under the cursor as it does not fit its line: wrapped, in the lower half.
fn whole_value(inside: &Inside, area: Rect) -> Vec<(String, Role)> {
    let (cells, most) = (usize::from(area.width), usize::from(area.height / 2));
    let Some((begin, behind)) = inside.payload.cut(cells, cells * most * 4).filter(|_| most > 1) else {
        return Vec::new();
    };
    let mut lines = text::wrap(&text::safe(begin), cells);
    let more = behind > 0 || lines.len() > most - 1;
    lines.truncate(if more { most.saturating_sub(2) } else { most - 1 });
    let rule = ("─".repeat(cells), Role::Border);
    let all = std::iter::once(rule).chain(lines.into_iter().map(|line| (line, Role::Text)));
    all.chain(more.then(|| ("… and more: Y copies all of it".to_owned(), Role::Muted))).collect()
}

/// How many lines the section has that the keys scroll.
pub(super) fn lines_of(inside: &Inside) -> usize {
    let Some(detail) = &inside.detail else { return 0 };
    match inside.section {
        Section::Rows => inside.rows.len(),
        Section::Payload => inside.payload.rows(),
        Section::Tries => history::lines(detail).len(),
    }
}

/// Who, what, why and what to do.
fn head(detail: &Detail, gone: bool, width: usize, fix: &str) -> Vec<Parts> {
    let entry = &detail.entry;
    let (glyph, role) = state_look(entry.state);
    let old = entry.age_s.map_or_else(|| "at an unknown time".to_owned(), |s| format!("{} ago", age(seconds(s))));
    let engine = entry.engine_state.as_ref().filter(|name| !name.starts_with(entry.state.name()));
    let engine = match engine {
        _ if is_held(entry) => ": needs a choice".to_owned(),
        Some(name) => format!(" ({name})"),
        None => String::new(),
    };
    let plain = |words: String| vec![(words, Role::Text)];
    let mut lines = vec![vec![
        (format!("{glyph} {}{engine}", entry.state), role),
        (format!("  {} ", entry.operation), Role::Strong),
        (entry.table.clone(), Role::Text),
        (format!(" {}", short_key(entry.row_key.as_deref())), Role::Muted),
        (format!(" · queued {old} · {}", plural(entry.attempts.unsigned_abs().into(), "try", "tries")), Role::Muted),
    ]];
    if gone {
        lines.push(vec![("! It is no longer in the queue; this is how it was".to_owned(), Role::Warn)]);
    }
    if let Some(discarded) = &entry.discarded {
        let when = age(seconds(discarded.age_s));
        lines.push(vec![
            (format!("discarded {when} ago by {}", discarded.actor), Role::Strong),
            (discarded.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default(), Role::Text),
        ]);
        lines.push(vec![
            (format!("→ {fix} "), Role::FooterKey),
            ("restore".to_owned(), Role::Accent),
            (" · it comes back to its old place; kept for 30 days".to_owned(), Role::Text),
        ]);
    }
    let Some(found) = diagnosis::diagnose(&detail.evidence()).filter(|_| entry.discarded.is_none()) else {
        lines.push(vec![(entry.id.to_string(), Role::Dim)]);
        return lines;
    };
    let code = found.sqlstate.as_ref().map(|code| format!("{code} ")).unwrap_or_default();
    lines.push(vec![
        (found.verdict.to_string(), Role::Strong),
        (format!(" ({}) ", found.proof), Role::Muted),
        (format!("{code}{}", found.name), role),
        (found.object.as_ref().map(|object| format!(" · {object}")).unwrap_or_default(), Role::Text),
    ]);
    for part in text::wrap(&text::safe(&found.cause), width.max(10)) {
        lines.push(plain(part));
    }
    lines.extend(remedy(&found, width, fix));
    lines.push(vec![("risk: ".to_owned(), Role::Muted), (found.risk.to_owned(), Role::Muted)]);
    if let Some(error) = detail.error_text.as_deref().and_then(|error| error.lines().next()) {
        lines.push(vec![("stored error: ".to_owned(), Role::Dim), (error.to_owned(), Role::Muted)]);
    }
    lines.push(vec![(entry.id.to_string(), Role::Dim)]);
    lines
}

/// What to do, with the key that does it.
pub(super) fn remedy(found: &Diagnosis, width: usize, fix: &str) -> Vec<Parts> {
    let mut first = vec![("→ ".to_owned(), Role::Accent)];
    if let Some(verb) = fixing::verb(found) {
        first = vec![
            (format!("→ {fix} "), Role::FooterKey),
            (verb.to_owned(), Role::Accent),
            (" · ".to_owned(), Role::Dim),
        ];
    }
    let used: usize = first.iter().map(|(words, _)| text::width(words)).sum();
    // The first line is shorter by what stands before it.
    let filled = format!("{}{}", "·".repeat(used), text::safe(&found.remedy));
    let wrapped = text::wrap(&filled, width.saturating_sub(2).max(used + 10));
    let mut lines = Vec::new();
    for (n, part) in wrapped.into_iter().enumerate() {
        match n {
            0 => lines.push([first.clone(), vec![(part.trim_start_matches('·').to_owned(), Role::Text)]].concat()),
            _ => lines.push(vec![(format!("  {}", part.trim_start()), Role::Text)]),
        }
    }
    lines
}

pub(super) fn seconds(s: i64) -> Duration {
    Duration::from_secs(u64::try_from(s).unwrap_or(0))
}

/// Why an image has no row, in a word.
fn missing(image: Option<&Result<Image, Fault>>) -> &'static str {
    match image {
        None => "…",
        Some(Ok(Image::Row(_))) => "",
        Some(Ok(Image::Absent)) => "no such row",
        Some(Ok(Image::NoTable)) => "no such table",
        Some(Ok(Image::NoKey)) => "no key to find it by",
        Some(Err(fault)) if fault.kind == crate::postgres::Kind::Unreachable => "not connected",
        Some(Err(_)) => "could not be read",
    }
}

const COLUMNS: [Column; 6] = [
    Column::text("", 1),
    Column::text("column", 14).grows(1),
    Column::text("payload", 14).grows(1),
    Column::text("replica row", 14).grows(1).leaves(2),
    Column::text("master row", 14).grows(1),
    Column::text("would become", 14).grows(1).leaves(1),
];

fn images(inside: &Inside, scene: &mut Scene<'_>, area: Rect, view: &mut View, dry: &str) {
    let untried = format!("{dry}: dry run");
    let rows = &inside.rows;
    let absent = [
        if rows.is_empty() { "no object" } else { "" },
        missing(inside.images.as_ref().map(|images| &images[0])),
        missing(inside.images.as_ref().map(|images| &images[1])),
        match &inside.predicted {
            None if inside.detail.as_ref().is_some_and(|d| d.entry.state == State::Synced) => "synced already",
            None if inside.detail.as_ref().is_some_and(|d| d.entry.discarded.is_some()) => "in the archive",
            None => &untried,
            Some(Err(_)) => "could not be tried",
            Some(Ok(outcome)) if !outcome.outcome.is_settled() => "would not be applied",
            Some(Ok(outcome)) if outcome.after.is_none() => "no row",
            Some(Ok(_)) => "",
        },
    ];
    // The first line says of each image why it is missing, where one is.
    let notes = absent.iter().any(|words| !words.is_empty());
    let roles = [Role::Text, Role::Replica, Role::Master, Role::Accent];
    let row = |i: usize| {
        if notes && i == 0 {
            let mut cells = vec![Cell::plain(""), Cell::plain("")];
            cells.extend(absent.iter().map(|words| Cell::new(*words, Role::Muted)));
            return Row::new(cells);
        }
        let compared = &rows[i - usize::from(notes)];
        let differs = compared.differs;
        let (mark, name) = match differs {
            Differs::Yes => ("≠", Cell::new(compared.name.clone(), Role::Strong)),
            Differs::Excused(why) => ("≈", Cell::new(format!("{} ({})", compared.name, why.name()), Role::Dim)),
            Differs::No => ("", Cell::new(compared.name.clone(), Role::Muted)),
        };
        let mut cells = vec![Cell::new(mark, if differs == Differs::Yes { Role::Warn } else { Role::Dim }), name];
        cells.extend(compared.values.iter().zip(roles).map(|(value, role)| match (value, differs) {
            (Some(value), _) if value == "NULL" => Cell::new("NULL", Role::Muted),
            (Some(value), Differs::Yes) => Cell::new(value.clone(), role),
            (Some(value), Differs::Excused(_)) => Cell::new(value.clone(), Role::Dim),
            (Some(value), Differs::No) => Cell::new(value.clone(), Role::Text),
            (None, _) => Cell::new("–", Role::Dim),
        }));
        Row::new(cells)
    };
    let len = rows.len() + usize::from(notes);
    let selected = (inside.section == Section::Rows && len > 0).then(|| inside.scroll.min(len - 1));
    let table = Table { zone: "queue-images", columns: &COLUMNS, len, selected, focused: false, row: &row };
    table.draw(scene, area, &mut view.images);
}
