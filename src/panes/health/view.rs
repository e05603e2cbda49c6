//! Draws the pane: the two sides, banners, the tables, the sparklines, what takes points off, the cycles.

use super::columns::{self, Stale, WIDEST};
use super::parts::{self, Piece};
use super::{Health, Item};
use crate::health::words::{count, safe, short_age};
use crate::health::{Deduction, Report, Run, SideHealth};
use crate::postgres::{LinkStatus, Side};
use crate::ui::prose;
use crate::ui::table::{Cell, Column, Row, Table, put};
use crate::ui::{Role, Scene, format, text};
use ratatui::layout::Rect;

/// The zones of the two lists.
pub const TABLES: &str = "health-tables";
pub const DEDUCTIONS: &str = "health-deductions";
const CYCLES: &str = "health-cycles";

/// Where the lists are scrolled to.
#[derive(Debug, Default)]
pub struct View {
    tables: usize,
    deductions: usize,
    cycles: usize,
}

const RUNS: &[Column] = &[
    Column::text("cycle", 8),
    Column::number("took", 6).leaves(4),
    Column::number("pushed", 6),
    Column::number("pulled", 6),
    Column::number("failed", 6).leaves(2),
    Column::number("waiting", 7).leaves(5),
    Column::text("outcome", 9).leaves(1),
    Column::text("", 10).grows(1).leaves(6),
];

/// The width from which the cycles stand beside the rest.
const WIDE: u16 = WIDEST + 60;

/// Draws the whole pane.
pub fn draw(pane: &Health, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let Some(report) = &pane.report else { return waiting(pane, scene, area) };
    if area.width >= WIDE && !report.runs.is_empty() {
        let left = Rect { width: WIDEST, ..area };
        let right = Rect { x: area.x + WIDEST + 2, width: area.width - WIDEST - 2, ..area };
        let used = column(pane, report, scene, left, view, false);
        let rows = used.max(report.runs.len() as u16 + 1).min(area.height);
        for y in area.y..area.y + rows {
            put(scene, area, area.x + WIDEST, y, "│", scene.style(Role::Rule));
        }
        cycles(report, scene, right, view);
    } else {
        column(pane, report, scene, area, view, true);
    }
}

/// Before the first answer: each side as its link stands.
fn waiting(pane: &Health, scene: &mut Scene<'_>, area: Rect) {
    let Some(links) = &pane.links else { return };
    for (line, link) in [&links.master, &links.replica].into_iter().enumerate() {
        if line as u16 >= area.height {
            break;
        }
        let place = Rect { x: area.x + 3, y: area.y + line as u16, width: area.width.saturating_sub(3), height: 1 };
        let title = format!("{}  ", link.name.to_uppercase());
        let (words, role) = match &link.status {
            LinkStatus::Connecting => ("connecting…".to_owned(), Role::Muted),
            LinkStatus::Up { .. } => ("connected, reading…".to_owned(), Role::Muted),
            LinkStatus::Down { reason, .. } => (reason.clone(), Role::Bad),
        };
        prose::line(scene, place, &[(&title, side_role(link.side)), (&words, role)]);
    }
}

/// How many rows each block gets.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rows {
    sides: u16,
    banners: u16,
    tables: u16,
    graphs: u16,
    deductions: u16,
    cycles: u16,
    gap: u16,
}

/// Shares the height out: the tables first, then what costs points, then the sides, then what is nice to see.
fn share(height: u16, width: u16, tables: u16, deductions: u16, banners: u16, graphs: u16, cycles: u16) -> Rows {
    let mut rows = Rows { gap: u16::from(height >= 16), ..Rows::default() };
    let mut left = height;
    // What a block gets of the rows that are left, with the gap below it.
    let take = |left: &mut u16, want: u16, gap: u16| {
        let got = want.min(left.saturating_sub(gap));
        *left -= if got == 0 { 0 } else { got + gap };
        got
    };
    // The lists share a small height so that both can be seen; the heads of the table are one row.
    let some = if height < 10 { deductions.min(2) } else { deductions.min(3) };
    rows.deductions = take(&mut left, some, 0);
    rows.banners = if height >= 9 { take(&mut left, banners, rows.gap) } else { 0 };
    rows.tables = take(&mut left, if height >= 8 { tables + 1 } else { tables }, rows.gap);
    if height >= 11 {
        let want = if width >= 100 { 2 } else { 4 };
        let sides = if height >= 14 { want } else { 2 };
        rows.sides = take(&mut left, sides, rows.gap);
    }
    if height >= 15 {
        rows.graphs = take(&mut left, graphs, rows.gap);
    }
    rows.deductions += take(&mut left, deductions - rows.deductions, 0);
    if cycles > 0 && left >= 4 {
        rows.cycles = take(&mut left, cycles + 1, 1);
    }
    rows
}

fn column(
    pane: &Health,
    report: &Report,
    scene: &mut Scene<'_>,
    area: Rect,
    view: &mut View,
    with_cycles: bool,
) -> u16 {
    let banners: Vec<&String> = report.banners.iter().take(3).collect();
    let (tables, deductions) = (report.tables.len() as u16, report.deductions.len().max(1) as u16);
    let bars = u16::from(!pane.history.is_empty());
    let runs = if with_cycles { report.runs.len() as u16 } else { 0 };
    let rows = share(area.height, area.width, tables, deductions, banners.len() as u16, bars, runs);
    let mut y = area.y;
    let mut next = |height: u16, gap: u16| {
        let place = Rect { y, height: height.min(area.bottom().saturating_sub(y)), ..area };
        if height > 0 {
            y = (y + height + gap).min(area.bottom());
        }
        place
    };
    sides(pane, report, scene, next(rows.sides, rows.gap));
    let place = next(rows.banners, rows.gap);
    for (i, banner) in banners.iter().take(usize::from(place.height)).enumerate() {
        prose::banner(scene, Rect { y: place.y + i as u16, height: 1, ..place }, banner);
    }
    // Where only data fit, the heads give their row to them.
    let heads = area.height >= 8;
    table(pane, report, scene, next(rows.tables, rows.gap), view, heads);
    graphs(pane, report, scene, next(rows.graphs, rows.gap));
    deductions_list(pane, report, scene, next(rows.deductions, u16::from(rows.cycles > 0)), view);
    cycles(report, scene, next(rows.cycles, 0), view);
    y - area.y
}

fn side_role(side: Side) -> Role {
    match side {
        Side::Master => Role::Master,
        Side::Replica => Role::Replica,
    }
}

/// The two sides: beside each other where there is room, else below each other.
fn sides(pane: &Health, report: &Report, scene: &mut Scene<'_>, area: Rect) {
    let Some(replica) = report.replicas.first() else { return };
    let runs_ok = report.runs.first().map(|r| r.outcome.as_deref() != Some("failed"));
    let mut engine = parts::engine(&report.engine, pane.engine.as_ref(), runs_ok);
    if let Some(load) = &replica.load {
        engine.splice(1..1, load.words().map(|words| (words, Role::Info)));
    }
    if replica.read_only == Some(true) {
        engine.push(("read-only".to_owned(), Role::Info));
    }
    let halves = [(Side::Master, &report.master, parts::activity(&report.master)), (Side::Replica, replica, engine)];
    let beside = area.width >= 100;
    let width = area.width.min(WIDEST);
    let rule = columns::rule_at(width).unwrap_or(width / 2);
    for (i, (side, health, second)) in halves.into_iter().enumerate() {
        let lines = if beside { area.height } else { area.height / 2 };
        let place = match (beside, i) {
            (true, 0) => Rect { x: area.x + 3, width: rule.saturating_sub(5), ..area },
            (true, _) => Rect { x: area.x + rule + 2, width: width.saturating_sub(rule + 2), ..area },
            (false, i) => {
                let y = area.y + i as u16 * lines;
                Rect { x: area.x + 3, y, width: area.width.saturating_sub(3), height: lines }
            }
        };
        if beside && i == 0 {
            for y in area.y..area.bottom() {
                put(scene, area, area.x + rule, y, "│", scene.style(Role::Rule));
            }
        }
        side_lines(pane, scene, place, side, health, &second);
    }
}

fn side_lines(pane: &Health, scene: &mut Scene<'_>, area: Rect, side: Side, health: &SideHealth, second: &[Piece]) {
    let title: Piece = (format!("{}  ", safe(&health.name, 24).to_uppercase()), side_role(side));
    let first_line = Rect { height: area.height.min(1), ..area };
    let second_line = Rect { y: area.y + 1, height: area.height.saturating_sub(1).min(1), ..area };
    if !pane.is_lost(side) {
        pieces(scene, first_line, &title, &parts::server(health));
        pieces(scene, second_line, &(String::new(), Role::Text), second);
        return;
    }
    let since = since(pane, scene, side);
    let link = pane.links.as_ref().map(|l| &l.of(side).status);
    let (reason, remedy) = match (link, &health.fault) {
        (Some(LinkStatus::Down { reason, remedy, .. }), _) => (reason.clone(), remedy.clone()),
        (_, Some(fault)) => (fault.message.clone(), fault.remedy.clone()),
        _ => ("not connected".to_owned(), None),
    };
    prose::line(scene, first_line, &[(&title.0, title.1), (&format!("lost{since}: {reason}"), Role::Bad)]);
    let below = remedy.or_else(|| health.version.as_ref().map(|v| format!("last seen as PostgreSQL {v}")));
    prose::line(scene, second_line, &[(below.as_deref().unwrap_or("trying again"), Role::Muted)]);
}

/// ` 12s ago`, where it is known since when a side is lost.
fn since(pane: &Health, scene: &Scene<'_>, side: Side) -> String {
    let link = pane.links.as_ref().map(|l| &l.of(side).status);
    let since = match link {
        Some(LinkStatus::Down { since, .. }) => Some(*since),
        _ => pane.lost_since[side as usize],
    };
    since.map_or_else(String::new, |at| format!(" {} ago", format::age(scene.now.since(at))))
}

/// A title and pieces with dots between; pieces leave whole, from the end.
fn pieces(scene: &mut Scene<'_>, area: Rect, title: &Piece, pieces: &[Piece]) {
    let mut line: Vec<(&str, Role)> = vec![(&title.0, title.1)];
    for (i, (words, role)) in pieces.iter().enumerate() {
        let before = line.len();
        if i > 0 {
            line.push((" · ", Role::Dim));
        }
        line.push((words, *role));
        if i > 0 && prose::line_width(&line) > area.width {
            line.truncate(before);
            break;
        }
    }
    prose::line(scene, area, &line);
}

fn table(pane: &Health, report: &Report, scene: &mut Scene<'_>, area: Rect, view: &mut View, heads: bool) {
    let area = Rect { width: area.width.min(WIDEST), ..area };
    let stale = Stale { master: pane.is_lost(Side::Master), replica: pane.is_lost(Side::Replica) };
    let (shown, columns) = columns::columns(area.width, heads);
    let row = |i: usize| {
        let table = &report.tables[i];
        let changed = |column| pane.changed.iter().any(|c| c.column == column && c.table == table.name);
        let cells = columns::cells(table, stale, changed);
        Row::new(shown.iter().map(|i| cells[*i].clone()).collect())
    };
    let selected = match pane.item() {
        Some(Item::Table(i)) => Some(i),
        _ => None,
    };
    let table = Table { zone: TABLES, columns: &columns, len: report.tables.len(), selected, focused: true, row: &row };
    table.draw(scene, area, &mut view.tables);
    if let (true, Some(x)) = (heads && area.height > 3, columns::rule_at(area.width)) {
        put(scene, area, area.x + x, area.y, "│", scene.style(Role::Rule));
    }
}

/// Throughput, lag and conflicts on one line; what does not fit leaves.
fn graphs(pane: &Health, report: &Report, scene: &mut Scene<'_>, area: Rect) {
    let history = &pane.history;
    let cells = usize::from(area.width / 8).clamp(8, 24);
    let lag: Vec<f64> = history.lag.iter().copied().collect();
    let p99 = history.lag_p99().map_or_else(|| "?".to_owned(), short_age);
    let last_day = report.conflicts.last_24h.map_or_else(|| "?".to_owned(), count);
    let open = report.conflicts.open.unwrap_or(0);
    let conflicts = match (report.conflicts.last_24h, open) {
        (Some(0) | None, 0) => String::new(),
        (_, 0) => " (none open)".to_owned(),
        (_, n) => format!(" ({} open)", count(n)),
    };
    let bars = |values: &[f64]| {
        let bars = format::sparkline(values, cells);
        text::left(&bars, cells)
    };
    let parts = [
        [("pushed/s ", Role::Muted), (&bars(&history.pushed), Role::Graph), (&peak(history.peak()), Role::Text)],
        [("lag ", Role::Muted), (&bars(&lag), Role::Graph), (&format!(" p99 {p99}"), Role::Text)],
        [
            ("conflicts 24h ", Role::Muted),
            (&last_day, Role::Text),
            (&conflicts, if open > 0 { Role::Warn } else { Role::Muted }),
        ],
    ];
    let mut place = Rect { x: area.x + 3, width: area.width.saturating_sub(3), height: area.height.min(1), ..area };
    let empty = [history.pushed.is_empty(), history.lag.is_empty(), report.conflicts.last_24h.is_none()];
    for (part, empty) in parts.into_iter().zip(empty) {
        if empty {
            continue;
        }
        if prose::line_width(&part) > place.width || place.height == 0 {
            break;
        }
        let used = prose::line(scene, place, &part) + 5;
        place = Rect { x: place.x + used.min(place.width), width: place.width.saturating_sub(used), ..place };
    }
}

fn peak(peak: f64) -> String {
    if peak < 10.0 { format!(" peak {peak:.1}") } else { format!(" peak {}", count(peak.round() as i64)) }
}

fn deductions_list(pane: &Health, report: &Report, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    if report.deductions.is_empty() {
        let place = Rect { x: area.x + 3, width: area.width.saturating_sub(3), ..area };
        prose::line(scene, place, &[("✓ ", Role::Ok), ("Nothing takes points off.", Role::Muted)]);
        return;
    }
    let selected = match pane.item() {
        Some(Item::Deduction(i)) => Some(i),
        _ => None,
    };
    let list: Vec<Row> = report.deductions.iter().map(deduction).collect();
    let widest = |cell: usize| list.iter().map(|row| text::width(&row.cells[cell].text) as u16).max().unwrap_or(0);
    // The hints leave before a sentence is cut.
    let room = area.width.saturating_sub(10);
    let columns = [Column::number("", 4), Column::text("", widest(1).min(room)), Column::text("", widest(2)).leaves(1)];
    let row = |i: usize| list[i].clone();
    let len = list.len();
    let list = Table { zone: DEDUCTIONS, columns: &columns, len, selected, focused: true, row: &row };
    list.draw(scene, area, &mut view.deductions);
}

fn deduction(deduction: &Deduction) -> Row {
    let role = match deduction.points {
        15.. => Role::Bad,
        5.. => Role::Warn,
        _ => Role::Muted,
    };
    let hint = match (&deduction.queue_filter, &deduction.remedy) {
        (Some(_), _) => "Enter shows them".to_owned(),
        (None, Some(remedy)) => remedy.clone(),
        (None, None) => String::new(),
    };
    Row::new(vec![
        Cell::new(format!("−{}", deduction.points), role),
        Cell::plain(deduction.sentence.clone()),
        Cell::new(hint, Role::Muted),
    ])
}

fn cycles(report: &Report, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    if area.height < 2 || report.runs.is_empty() {
        return;
    }
    let area = Rect { width: area.width.min(WIDEST), ..area };
    let row = |i: usize| run(&report.runs[i]);
    let list = Table { zone: CYCLES, columns: RUNS, len: report.runs.len(), selected: None, focused: false, row: &row };
    list.draw(scene, area, &mut view.cycles);
}

fn run(run: &Run) -> Row {
    let number = |n: i64, some: Role| {
        if n == 0 { Cell::new("·", Role::Dim) } else { Cell::new(count(n), some) }
    };
    let (glyph, role) = match run.outcome.as_deref() {
        Some("ok") => ("✓ ok", Role::Ok),
        Some("partial") => ("! partial", Role::Warn),
        Some("failed") => ("✗ failed", Role::Bad),
        _ => ("· runs", Role::Info),
    };
    // The time of day is enough beside the newest; the date stands in `robbie status --json`.
    let at = run.started_at.split(' ').nth(1).unwrap_or(&run.started_at);
    Row::new(vec![
        Cell::new(at, Role::Muted),
        Cell::new(run.duration_s.map_or_else(|| "…".to_owned(), short_age), Role::Muted),
        number(run.pushed, Role::Text),
        number(run.pulled + run.deleted, Role::Text),
        number(run.failed, Role::Bad),
        number(run.blocked, Role::Warn),
        Cell::new(glyph, role),
        Cell::new(run.fault.clone().unwrap_or_default(), Role::Muted),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_height_is_shared_and_never_exceeded() {
        for height in 0..=80 {
            for width in [40, 80, 120, 200] {
                let rows = share(height, width, 5, 4, 1, 1, 50);
                let gaps = rows.gap
                    * [rows.sides, rows.banners, rows.tables, rows.graphs].iter().filter(|n| **n > 0).count() as u16
                    + u16::from(rows.cycles > 0);
                let used = rows.sides + rows.banners + rows.tables + rows.graphs + rows.deductions + rows.cycles + gaps;
                assert!(used <= height, "{height}: {rows:?}");
                assert!(height < 6 || rows.tables >= 4 && rows.deductions >= 1, "{height}: {rows:?}");
            }
        }
    }
}
