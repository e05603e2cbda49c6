//! Draws the pane: the line of views, and for each of them a list with the words to the selected row beside or below it.

mod details;
mod rows;

use super::{SECTIONS, SIDES, Schema, Section};
use crate::postgres::Side;
use crate::schema::{Difference, MigrationStatus, State};
use crate::sync::adopt::Mapping;
use crate::ui::table::{Table, put};
use crate::ui::{Role, Scene, format, prose, text};
use ratatui::layout::Rect;

/// The names of what can be clicked.
pub mod zones {
    /// The names of the views.
    pub const SECTIONS: &str = "schema-sections";
    /// The rows of the list.
    pub const ROWS: &str = "schema-rows";
}

/// Where the lists are scrolled to.
#[derive(Debug, Default)]
pub struct View {
    rows: [usize; 7],
    detail: usize,
}

/// How many rows the list of the shown view has.
pub fn len(pane: &Schema) -> usize {
    let judged = &pane.judged;
    match pane.section {
        Section::Score => judged.deductions.len(),
        Section::Migrations => migrations(pane).len(),
        Section::Inventory => judged.tree(&pane.turned).len(),
        Section::Comparison => judged.rows.len(),
        Section::Gaps => judged.gaps.len(),
        Section::Differences => differences(pane).len(),
        Section::Users => users(pane).len(),
    }
}

/// The migrations of both sides: first those that are not simply applied.
fn migrations(pane: &Schema) -> Vec<(Side, &MigrationStatus)> {
    let of =
        |side: Side| pane.sides[side as usize].iter().flat_map(move |t| t.migrations.iter().map(move |m| (side, m)));
    let mut all: Vec<(Side, &MigrationStatus)> = SIDES.into_iter().flat_map(of).collect();
    all.sort_by_key(|(_, m)| m.state == State::Applied);
    all
}

/// The migration of a row.
pub fn migration(pane: &Schema, row: usize) -> Option<(Side, &MigrationStatus)> {
    migrations(pane).get(row).copied()
}

/// The differences that are shown.
pub fn differences(pane: &Schema) -> Vec<&Difference> {
    let Some(all) = &pane.judged.differences else { return Vec::new() };
    if pane.whole { all.iter().collect() } else { pane.judged.shared.iter().map(|&n| &all[n]).collect() }
}

/// The text ids that are known.
pub fn users(pane: &Schema) -> &[Mapping] {
    pane.users.as_ref().and_then(|u| u.as_ref().ok()).map_or(&[], Vec::as_slice)
}

/// Draws the whole pane.
pub fn draw(pane: &Schema, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let area = area.intersection(scene.buf.area);
    if area.is_empty() {
        return;
    }
    let typed = u16::from(pane.typing.is_some()).min(area.height);
    let mut body = Rect { height: area.height - typed, ..area };
    body = below(body, sections(pane, scene, body));
    body = below(body, lost(pane, scene, body));
    if pane.judged.names.is_empty() {
        nothing(pane, scene, body);
    } else {
        if pane.section == Section::Score {
            body = below(body, rows::scores(pane, scene, body));
        }
        list(pane, scene, body, view);
    }
    if let Some((text, line)) = &pane.typing {
        let prompt = format!(" {text} is the master's user (id, name or address): ");
        line.draw(scene, Rect { y: area.bottom() - typed, height: typed, ..area }, &prompt);
    }
}

fn below(area: Rect, used: u16) -> Rect {
    let used = used.min(area.height);
    Rect { y: area.y + used, height: area.height - used, ..area }
}

/// The names of the views, the shown one bright; where they do not fit, that one with its place.
fn sections(pane: &Schema, scene: &mut Scene<'_>, area: Rect) -> u16 {
    let wanted: usize = SECTIONS.iter().map(|(_, name)| name.len() + 2).sum::<usize>() + 3;
    if usize::from(area.width) < wanted {
        let (n, (_, name)) = (pane.section as usize, SECTIONS[pane.section as usize]);
        let place = format!("  {}/{}", n + 1, SECTIONS.len());
        prose::line(
            scene,
            Rect { x: area.x + 3.min(area.width), width: area.width.saturating_sub(3), height: 1, ..area },
            &[("‹ ", Role::Dim), (name, Role::Accent), (" ›", Role::Dim), (&place, Role::Muted)],
        );
    } else {
        let mut x = area.x + 3;
        for (n, (section, name)) in SECTIONS.iter().enumerate() {
            let role = if *section == pane.section { Role::Accent } else { Role::Muted };
            put(scene, area, x, area.y, name, scene.style(role));
            scene.zone(Rect { x, y: area.y, width: name.len() as u16, height: 1 }, zones::SECTIONS, n);
            if *section == pane.section && area.height > 1 {
                put(scene, area, x, area.y + 1, &"─".repeat(name.len()), scene.style(Role::Accent));
            }
            x += name.len() as u16 + 2;
        }
    }
    if area.height > 8 { 2 } else { 1 }
}

/// What is shown of a side that is away is what it said last.
fn lost(pane: &Schema, scene: &mut Scene<'_>, area: Rect) -> u16 {
    let mut used = 0;
    for side in SIDES {
        if let Some(fault) = &pane.faults[side as usize]
            && used < area.height
            && !pane.judged.names.is_empty()
        {
            let known = pane.sides[side as usize].is_some();
            let words = if known { "what is shown of it is what it said last" } else { "nothing is known of it" };
            let line = Rect { x: area.x + 3, y: area.y + used, width: area.width.saturating_sub(3), height: 1 };
            let name = format!("! {} is away; {words}: ", pane.name(side));
            prose::line(scene, line, &[(&name, Role::Warn), (fault, Role::Muted)]);
            used += 1;
        }
    }
    used
}

/// Neither side is known: why, and what to do about it.
fn nothing(pane: &Schema, scene: &mut Scene<'_>, area: Rect) {
    let mut y = area.y;
    let width = area.width.saturating_sub(6);
    for side in SIDES {
        let role = if side == Side::Master { Role::Master } else { Role::Replica };
        let words = pane.faults[side as usize].clone().unwrap_or_else(|| "reading its catalog…".to_owned());
        let name = pane.name(side).to_uppercase();
        let lines = text::wrap(&text::safe(&words), width.into());
        let all = std::iter::once((&name, role)).chain(lines.iter().map(|l| (l, Role::Muted)));
        for (words, role) in all {
            if y < area.bottom() {
                prose::line(scene, Rect { x: area.x + 3, y, width, height: 1 }, &[(words, role)]);
                y += 1;
            }
        }
        y += 1;
    }
}

/// The list of the view, and the words to its selected row: beside it where there is room, else below.
fn list(pane: &Schema, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let len = len(pane);
    if len == 0 {
        let words = rows::empty(pane);
        let width = area.width.saturating_sub(4);
        for (i, line) in text::wrap(&words, width.into()).iter().enumerate().take(area.height.into()) {
            let place = Rect { x: area.x + 3, y: area.y + i as u16, width, height: 1 };
            prose::line(scene, place, &[(line, Role::Muted)]);
        }
        return;
    }
    let (table, detail) = split(pane, area);
    let selected = pane.selected();
    let row = |n: usize| rows::row(pane, n);
    Table { zone: zones::ROWS, columns: rows::columns(pane), len, selected: Some(selected), focused: true, row: &row }
        .draw(scene, table, &mut view.rows[pane.section as usize]);
    if !detail.is_empty() {
        let lines = wrapped(details::of(pane, selected), detail.width.saturating_sub(1).into());
        view.detail = 0;
        let shown: Vec<(String, Role)> = fitting(lines, detail.height.into());
        prose::scrolled(scene, detail, "schema-detail", &shown, &mut view.detail);
    }
}

/// The room of the list and that of the words beside or below it.
fn split(pane: &Schema, area: Rect) -> (Rect, Rect) {
    let wide = matches!(pane.section, Section::Comparison | Section::Score) && area.width < 180;
    if area.width >= 120 && !wide {
        let detail = area.width * 2 / 5;
        let table = Rect { width: area.width - detail - 3, ..area };
        return (table, Rect { x: table.right() + 3, width: detail, ..area });
    }
    if area.height < 12 {
        return (area, Rect::ZERO);
    }
    let height = (area.height / 3).clamp(3, 14);
    let table = Rect { height: area.height - height - 1, ..area };
    let x = area.x + 3.min(area.width);
    (table, Rect { x, y: table.bottom() + 1, width: area.width.saturating_sub(4), height })
}

fn wrapped(lines: Vec<(String, Role)>, width: usize) -> Vec<(String, Role)> {
    let mut out = Vec::new();
    for (words, role) in lines {
        let indent = words.len() - words.trim_start().len();
        let pieces = text::wrap(&text::safe(&words), width);
        let pad = " ".repeat(indent.min(8));
        out.extend(pieces.into_iter().enumerate().map(|(n, p)| {
            if n == 0 { (format!("{}{}", if p.starts_with(' ') { "" } else { &pad }, p), role) } else { (p, role) }
        }));
    }
    out
}

/// The lines that fit; the last says how many do not.
fn fitting(mut lines: Vec<(String, Role)>, height: usize) -> Vec<(String, Role)> {
    if lines.len() > height && height > 0 {
        let more = lines.len() - height + 1;
        lines.truncate(height - 1);
        lines.push((format!("… and {}", format::plural(more as u64, "line more", "lines more")), Role::Dim));
    }
    lines
}
