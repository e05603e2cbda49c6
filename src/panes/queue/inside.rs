//! One entry: what is wrong with it, its row on both sides, its payload, its tries and its chain.

use super::payload::{fields, pretty, same, shown};
use super::view::{SECTIONS, View, is_held, short_key, state_look};
use super::{Inside, Queue, Section, empty};
use crate::postgres::Fault;
use crate::queue::detail::Detail;
use crate::queue::images::Image;
use crate::queue::{Columns, Excuse, State, diagnosis};
use crate::ui::format::{age, plural};
use crate::ui::table::{Cell, Column, Row, Table};
use crate::ui::{Role, Scene, prose, text};
use ratatui::layout::Rect;
use std::time::Duration;

type Line = Vec<(String, Role)>;

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
    for line in head(detail, inside.gone, usize::from(area.width)) {
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
        titles(scene, Rect { height: 1, ..rest }, inside.section);
        let below = Rect { y: rest.y + 1, height: rest.height - 1, ..rest };
        section(pane, detail, scene, below, view, inside.section);
    }
}

/// With room for everything: the images above, payload and tries beside each other below.
fn all_sections(pane: &Queue, detail: &Detail, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let images = (rows(&pane.inside).len() as u16 + 1).clamp(3, area.height / 2);
    section(pane, detail, scene, Rect { height: images, ..area }, view, Section::Rows);
    let below = Rect { y: area.y + images + 1, height: area.height - images - 1, ..area };
    let half = below.width / 2;
    for (x, width, part, title) in [
        (below.x, half.saturating_sub(2), Section::Payload, "payload"),
        (below.x + half, below.width - half, Section::Tries, "tries and chain"),
    ] {
        let place = Rect { x, width, ..below };
        prose::line(scene, Rect { height: 1, ..place }, &[(title, Role::Column)]);
        section(pane, detail, scene, Rect { y: place.y + 1, height: place.height - 1, ..place }, view, part);
    }
}

fn titles(scene: &mut Scene<'_>, area: Rect, current: Section) {
    let mut x = area.x;
    for (n, (part, title)) in Section::ALL.into_iter().zip(["rows", "payload", "tries and chain"]).enumerate() {
        let role = if part == current { Role::TabActive } else { Role::Tab };
        let place = Rect { x, width: (title.len() as u16).min(area.right().saturating_sub(x)), ..area };
        prose::line(scene, place, &[(title, role)]);
        scene.zone(place, SECTIONS, n);
        x = (place.right() + 2).min(area.right());
    }
}

fn section(pane: &Queue, detail: &Detail, scene: &mut Scene<'_>, area: Rect, view: &mut View, part: Section) {
    let inside = &pane.inside;
    match part {
        Section::Rows => images(inside, scene, area, view),
        Section::Payload => {
            let mut lines: Vec<(String, Role)> = pretty(&detail.payload).into_iter().map(|l| (l, Role::Text)).collect();
            let held = detail.payload.chars().count() as i64;
            if held < detail.payload_chars {
                let more = format!("… {} characters more; Y copies all of it", detail.payload_chars - held);
                lines.push((more, Role::Muted));
            }
            let mut offset = if inside.section == part { inside.scroll } else { 0 };
            prose::scrolled(scene, area, "queue-payload", &lines, &mut offset);
        }
        Section::Tries => {
            let lines = tries(detail);
            let mut offset = if inside.section == part { inside.scroll } else { 0 };
            prose::scrolled(scene, area, "queue-tries", &lines, &mut offset);
        }
    }
}

/// How many lines the section has that the keys scroll.
pub(super) fn lines_of(inside: &Inside) -> usize {
    let Some(detail) = &inside.detail else { return 0 };
    match inside.section {
        Section::Rows => rows(inside).len(),
        Section::Payload => pretty(&detail.payload).len(),
        Section::Tries => tries(detail).len(),
    }
}

/// Who, what, why and what to do.
fn head(detail: &Detail, gone: bool, width: usize) -> Vec<Line> {
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
    let Some(found) = diagnosis::diagnose(&detail.evidence()) else {
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
    for (n, part) in text::wrap(&text::safe(&found.remedy), width.saturating_sub(2).max(10)).into_iter().enumerate() {
        lines.push(vec![((if n == 0 { "→ " } else { "  " }).to_owned(), Role::Accent), (part, Role::Text)]);
    }
    lines.push(vec![("risk: ".to_owned(), Role::Muted), (found.risk.to_owned(), Role::Muted)]);
    if let Some(error) = detail.error_text.as_deref().and_then(|error| error.lines().next()) {
        lines.push(vec![("stored error: ".to_owned(), Role::Dim), (error.to_owned(), Role::Muted)]);
    }
    lines.push(vec![(entry.id.to_string(), Role::Dim)]);
    lines
}

fn seconds(s: i64) -> Duration {
    Duration::from_secs(u64::try_from(s).unwrap_or(0))
}

/// A column of the row with its value in each image.
struct Compared {
    name: String,
    /// Payload, replica, master, predicted.
    values: [Option<String>; 4],
}

impl Compared {
    /// Whether the values that are there differ, and if all of it is excused, how.
    fn differs(&self, columns: &Columns) -> Differs {
        let there: Vec<&String> = self.values.iter().flatten().collect();
        let mut differs = Differs::No;
        for pair in there.windows(2).filter(|pair| !same(pair[0], pair[1])) {
            match columns.excuse(&self.name, pair[0], pair[1]) {
                None => return Differs::Yes,
                Some(excuse) => differs = Differs::Excused(excuse),
            }
        }
        differs
    }
}

/// Whether the values of a column differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Differs {
    No,
    /// They do, and it means nothing.
    Excused(Excuse),
    Yes,
}

fn rows(inside: &Inside) -> Vec<Compared> {
    let image = |side: usize| match inside.images.as_ref().map(|images| &images[side]) {
        Some(Ok(Image::Row(row))) => fields(row),
        _ => Vec::new(),
    };
    let payload = inside.detail.as_ref().map(|detail| fields(&detail.payload)).unwrap_or_default();
    let after = match &inside.predicted {
        Some(Ok(outcome)) => outcome.after.as_deref().map(fields).unwrap_or_default(),
        _ => Vec::new(),
    };
    let images = [payload, image(0), image(1), after];
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in images.iter().flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
        .into_iter()
        .map(|name| Compared {
            name: name.clone(),
            values: std::array::from_fn(|n| {
                images[n].iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
            }),
        })
        .collect()
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

fn images(inside: &Inside, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let rows = rows(inside);
    let absent = [
        if rows.is_empty() { "no object" } else { "" },
        missing(inside.images.as_ref().map(|images| &images[0])),
        missing(inside.images.as_ref().map(|images| &images[1])),
        match &inside.predicted {
            None if inside.detail.as_ref().is_some_and(|d| d.entry.state == State::Synced) => "synced already",
            None => "d: dry run",
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
        let differs = compared.differs(&inside.columns);
        let (mark, name) = match differs {
            Differs::Yes => ("≠", Cell::new(compared.name.clone(), Role::Strong)),
            Differs::Excused(why) => ("≈", Cell::new(format!("{} ({})", compared.name, why.name()), Role::Dim)),
            Differs::No => ("", Cell::new(compared.name.clone(), Role::Muted)),
        };
        let mut cells = vec![Cell::new(mark, if differs == Differs::Yes { Role::Warn } else { Role::Dim }), name];
        cells.extend(compared.values.iter().zip(roles).map(|(value, role)| match (value, differs) {
            (Some(value), _) if value == "null" => Cell::new("NULL", Role::Muted),
            (Some(value), Differs::Yes) => Cell::new(first_line(value), role),
            (Some(value), Differs::Excused(_)) => Cell::new(first_line(value), Role::Dim),
            (Some(value), Differs::No) => Cell::new(first_line(value), Role::Text),
            (None, _) => Cell::new("–", Role::Dim),
        }));
        Row::new(cells)
    };
    let len = rows.len() + usize::from(notes);
    let selected = (inside.section == Section::Rows && len > 0).then(|| inside.scroll.min(len - 1));
    let table = Table { zone: "queue-images", columns: &COLUMNS, len, selected, focused: false, row: &row };
    table.draw(scene, area, &mut view.images);
}

/// A value for one cell: not more of it than a cell can hold.
fn first_line(value: &str) -> String {
    let start: String = shown(value).chars().take(200).collect();
    start
}

fn tries(detail: &Detail) -> Vec<(String, Role)> {
    let mut lines = Vec::new();
    if detail.tries.is_empty() {
        let words = match detail.entry.attempts {
            0 => "not tried yet",
            _ => "tries were counted, but not kept, by what wrote the counter",
        };
        lines.push((words.to_owned(), Role::Muted));
    }
    for one in &detail.tries {
        let code = one.sqlstate.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
        let message = one.message.as_ref().map(|message| format!(" {message}")).unwrap_or_default();
        let role = match one.outcome.as_str() {
            "applied" | "no_change" | "superseded" | "conflict_resolved" => Role::Ok,
            "failed" => Role::Bad,
            _ => Role::Warn,
        };
        let when = age(seconds(one.age_s));
        lines.push((format!("{when:>4} ago  {:<10} {}{code}{message}", one.actor, one.outcome), role));
    }
    if let Some(next) = &detail.next_attempt {
        lines.push((format!("tried again at {next}"), Role::Muted));
    }
    if let Some(by) = &detail.blocked_by {
        lines.push((format!("waits for entry {by}"), Role::Warn));
    }
    lines.push((String::new(), Role::Text));
    if detail.chain.is_empty() {
        lines.push(("no other open entry of this row".to_owned(), Role::Muted));
    } else {
        lines.push(("other open entries of this row, in order".to_owned(), Role::Muted));
    }
    for other in &detail.chain {
        let (glyph, role) = state_look(other.state);
        let place = if other.before { "before" } else { "after " };
        let old = other.age_s.map_or_else(|| "–".to_owned(), |s| age(seconds(s)));
        lines.push((
            format!("{place}  {glyph} {:<7} {:<8} {old:>4} ago  {}", other.state, other.operation, other.id),
            role,
        ));
    }
    lines
}
