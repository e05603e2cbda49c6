//! The rows of each list.

use super::{differences, migration, users};
use crate::panes::schema::judged::{Kind, Node};
use crate::panes::schema::{Schema, Section};
use crate::postgres::Side;
use crate::postgres::catalog::TableKind;
use crate::schema::{GapState, PARTS, Presence, State};
use crate::ui::table::{Cell, Column, Row, Table};
use crate::ui::{Role, Scene, format};
use ratatui::layout::Rect;

const SCORES: &[Column] = &[
    Column::text("database", 14),
    Column::text("measured by", 12).leaves(3),
    Column::number("complete", 8),
    Column::number("consistent", 10),
    Column::number("performance", 11),
    Column::number("sync-ready", 10),
    Column::number("total", 5),
];

const DEDUCTIONS: &[Column] = &[
    Column::number("points", 6),
    Column::text("database", 12).leaves(2),
    Column::text("part", 12),
    Column::text("for", 20).grows(2),
    Column::text("objects", 14).grows(3).leaves(1),
];

const MIGRATIONS: &[Column] = &[
    Column::text("side", 10),
    Column::text("file", 30).grows(1),
    Column::text("state", 9),
    Column::text("applied", 16).leaves(1),
    Column::number("took", 7).leaves(2),
];

const INVENTORY: &[Column] = &[
    Column::text("table", 24).grows(1),
    Column::number("columns", 7).leaves(3),
    Column::number("refs", 4).leaves(4),
    Column::number("indexes", 7).leaves(2),
    Column::number("rows", 11),
    Column::number("size", 7),
];

const ONE: &[Column] =
    &[Column::text("feature", 17), Column::text("there", 20).grows(1), Column::text("status", 22).grows(1)];

const BOTH: &[Column] = &[
    Column::text("feature", 17),
    Column::text("master", 16).grows(1),
    Column::text("replica", 16).grows(1),
    Column::text("status", 16).grows(1),
];

const GAPS: &[Column] = &[
    Column::number("", 1),
    Column::text("gap", 28).grows(1),
    Column::text("state", 9),
    Column::text("closed by", 24).grows(1).leaves(1),
];

const DIFFERENCES: &[Column] = &[
    Column::text("what", 11),
    Column::text("object", 18).grows(2),
    Column::text("master", 14).grows(1),
    Column::text("replica", 14).grows(1),
];

const USERS: &[Column] = &[
    Column::text("text id", 16).grows(1),
    Column::text("user of the master", 20).grows(1),
    Column::number("waiting", 8),
    Column::text("state", 12),
];

/// The columns of the shown list.
pub fn columns(pane: &Schema) -> &'static [Column] {
    match pane.section {
        Section::Score => DEDUCTIONS,
        Section::Migrations => MIGRATIONS,
        Section::Inventory => INVENTORY,
        Section::Comparison if pane.judged.names.len() == 1 => ONE,
        Section::Comparison => BOTH,
        Section::Gaps => GAPS,
        Section::Differences => DIFFERENCES,
        Section::Users => USERS,
    }
}

/// Why a list is empty.
pub fn empty(pane: &Schema) -> String {
    match pane.section {
        Section::Score => "Nothing was deducted.".to_owned(),
        Section::Differences if pane.judged.differences.is_none() => {
            "Differences need both sides, and one was never read.".to_owned()
        }
        Section::Differences if pane.whole => "Both sides have the same structure.".to_owned(),
        Section::Differences => {
            "The tables that both sides have are the same. o shows what only one side has.".to_owned()
        }
        Section::Users => match &pane.users {
            Some(Err(why)) => format!("The mapping needs both sides: {why}"),
            Some(Ok(_)) => "No text id is mapped, and no entry waits for one.".to_owned(),
            None => "reading the mapping…".to_owned(),
        },
        _ => "Nothing was read yet.".to_owned(),
    }
}

/// The table of the scores; how many lines it took.
pub fn scores(pane: &Schema, scene: &mut Scene<'_>, area: Rect) -> u16 {
    let judged = &pane.judged;
    let mark = |points: u8| match points {
        90.. => Role::Ok,
        70..90 => Role::Warn,
        _ => Role::Bad,
    };
    let row = |n: usize| {
        let score = &judged.scores[n];
        let mut cells =
            vec![Cell::new(&judged.names[n], side_role(pane, n)), Cell::new(score.measured_by.name(), Role::Muted)];
        cells.extend(PARTS.iter().map(|part| Cell::new(score.part(*part).to_string(), mark(score.part(*part)))));
        cells.push(Cell::new(score.total.to_string(), Role::Strong));
        Row { stale: is_stale(pane, n), ..Row::new(cells) }
    };
    let used = judged.scores.len() as u16 + 1;
    // A table has heads where there is room for three rows.
    let height = used.max(4).min(area.height);
    let mut offset = 0;
    Table {
        zone: "schema-scores",
        columns: SCORES,
        len: judged.scores.len(),
        selected: None,
        focused: false,
        row: &row,
    }
    .draw(scene, Rect { height, ..area }, &mut offset);
    used + u16::from(area.height > 10)
}

/// The side of the nth known database.
fn side(pane: &Schema, n: usize) -> Side {
    pane.judged.inventories.get(n).map_or(Side::Master, |i| i.side)
}

fn side_role(pane: &Schema, n: usize) -> Role {
    if side(pane, n) == Side::Master { Role::Master } else { Role::Replica }
}

fn is_stale(pane: &Schema, n: usize) -> bool {
    pane.faults[side(pane, n) as usize].is_some()
}

/// A row of the shown list.
pub fn row(pane: &Schema, n: usize) -> Row {
    match pane.section {
        Section::Score => deduction(pane, n),
        Section::Migrations => applied(pane, n),
        Section::Inventory => node(pane, n),
        Section::Comparison => feature(pane, n),
        Section::Gaps => gap(pane, n),
        Section::Differences => difference(pane, n),
        Section::Users => user(pane, n),
    }
}

fn deduction(pane: &Schema, n: usize) -> Row {
    let Some((database, deduction)) = pane.judged.deductions.get(n) else { return Row::default() };
    let row = Row::new(vec![
        Cell::new(format!("−{}", deduction.points), Role::Strong),
        Cell::new(&pane.judged.names[*database], side_role(pane, *database)),
        Cell::new(deduction.part.name(), Role::Muted),
        Cell::plain(&deduction.reason),
        Cell::new(deduction.objects.join(", "), Role::Muted),
    ]);
    Row { stale: is_stale(pane, *database), ..row }
}

/// What people call a state of a migration, and its role.
pub fn state(state: State) -> (&'static str, Role) {
    match state {
        State::Applied => ("✓ applied", Role::Ok),
        State::Pending => ("· pending", Role::Warn),
        State::Altered => ("✗ altered", Role::Bad),
        State::Redefined => ("↑ newer", Role::Info),
        State::Unknown => ("! unknown", Role::Warn),
    }
}

fn applied(pane: &Schema, n: usize) -> Row {
    let Some((side, status)) = migration(pane, n) else { return Row::default() };
    let (word, role) = state(status.state);
    let at = status.applied_at.as_deref().map_or("·", |at| &at[..at.len().min(16)]);
    let took = status.duration_ms.map_or_else(|| "·".to_owned(), |ms| format!("{ms:.0} ms"));
    let name = pane.name(side);
    let row = Row::new(vec![
        Cell::new(name, if side == Side::Master { Role::Master } else { Role::Replica }),
        Cell::plain(&status.name),
        Cell::new(word, role),
        Cell::new(at, Role::Muted),
        Cell::new(took, Role::Dim),
    ]);
    Row { stale: pane.faults[side as usize].is_some(), ..row }
}

fn node(pane: &Schema, n: usize) -> Row {
    let tree = pane.judged.tree(&pane.turned);
    let Some(node) = tree.get(n) else { return Row::default() };
    let inventory = &pane.judged.inventories[node.database];
    let size = |bytes: i64| format::size(bytes.unsigned_abs());
    let mark = |open: bool| if open { "▾" } else { "▸" };
    let heading = |text: String, role: Role, Node { count, bytes, .. }: &Node| {
        Row::new(vec![
            Cell::new(text, role),
            Cell::plain(""),
            Cell::plain(""),
            Cell::plain(""),
            Cell::new(format::plural(*count as u64, "table", "tables"), Role::Muted),
            Cell::plain(size(*bytes)),
        ])
    };
    let row = match &node.kind {
        Kind::Database { open } => {
            let text = format!("{} {} ({})", mark(*open), inventory.name, inventory.recognition.family.name());
            heading(text, side_role(pane, node.database), node)
        }
        Kind::Schema { name, open } => heading(format!("  {} {name}", mark(*open)), Role::Strong, node),
        Kind::Table(i) => {
            let e = &inventory.entries[*i];
            let view = if matches!(e.kind, TableKind::View | TableKind::MaterializedView) { " (view)" } else { "" };
            Row::new(vec![
                Cell::plain(format!("      {}{view}", e.name)),
                Cell::new(e.columns.to_string(), Role::Muted),
                Cell::new(format::count_or_dot(e.foreign_keys as u64), Role::Muted),
                Cell::new(format::count_or_dot(e.indexes as u64), Role::Muted),
                Cell::plain(
                    e.estimated_rows.map_or_else(|| "·".to_owned(), |r| format!("~{}", format::count(r as u64))),
                ),
                Cell::plain(e.bytes.map_or_else(|| "·".to_owned(), size)),
            ])
        }
    };
    Row { stale: is_stale(pane, node.database), ..row }
}

/// How much of a feature is there, as a glyph and a role.
pub fn presence(presence: Presence) -> (&'static str, Role) {
    match presence {
        Presence::Present => ("✓", Role::Ok),
        Presence::Partial => ("~", Role::Warn),
        Presence::Missing => ("✗", Role::Bad),
        Presence::NotApplicable => ("·", Role::Dim),
    }
}

fn feature(pane: &Schema, n: usize) -> Row {
    let Some(row) = pane.judged.rows.get(n) else { return Row::default() };
    let mut cells = vec![Cell::plain(row.feature)];
    cells.extend(row.cells.iter().map(|cell| {
        let (glyph, role) = presence(cell.presence);
        Cell::new(format!("{glyph} {}", cell.text), if role == Role::Ok { Role::Text } else { role })
    }));
    cells.push(Cell::new(&row.status, if row.ok { Role::Muted } else { Role::Warn }));
    Row::new(cells)
}

/// What people call a state of a gap, and its role.
pub fn gap_state(state: GapState) -> (&'static str, Role) {
    match state {
        GapState::Open => ("! open", Role::Warn),
        GapState::Closed => ("✓ closed", Role::Ok),
        GapState::Unknown => ("? unknown", Role::Muted),
    }
}

fn gap(pane: &Schema, n: usize) -> Row {
    let Some(gap) = pane.judged.gaps.get(n) else { return Row::default() };
    let (word, role) = gap_state(gap.state);
    let fix = if gap.migrations.is_empty() { "·".to_owned() } else { gap.migrations.join(", ") };
    Row::new(vec![
        Cell::new(gap.number.to_string(), Role::Muted),
        Cell::plain(gap.title),
        Cell::new(word, role),
        Cell::new(fix, Role::Muted),
    ])
}

/// The master stands left although the SQL is for the replica.
fn difference(pane: &Schema, n: usize) -> Row {
    let all = differences(pane);
    let Some(d) = all.get(n) else { return Row::default() };
    let cell = |side: &Option<String>| match side {
        Some(text) => Cell::plain(text),
        None => Cell::new("–", Role::Dim),
    };
    Row::new(vec![Cell::new(d.part.name(), Role::Muted), Cell::plain(&d.object), cell(&d.second), cell(&d.first)])
}

fn user(pane: &Schema, n: usize) -> Row {
    let Some(m) = users(pane).get(n) else { return Row::default() };
    let (word, role) = match (m.user, m.waiting) {
        (Some(_), _) => ("✓ mapped", Role::Ok),
        (None, 0) => ("! in data", Role::Warn),
        (None, _) => ("✗ waits", Role::Bad),
    };
    let user = m.name.clone().or_else(|| m.user.map(|u| u.to_string())).unwrap_or_else(|| "–".to_owned());
    Row::new(vec![
        Cell::plain(&m.text),
        Cell::plain(user),
        Cell::new(format::count_or_dot(m.waiting.unsigned_abs()), Role::Strong),
        Cell::new(word, role),
    ])
}
