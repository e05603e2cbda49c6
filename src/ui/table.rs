//! A table whose columns leave in order of importance and whose selected row is a full-width bar.

use super::scene::Scene;
use super::{Role, text};
use ratatui::layout::Rect;

/// Which side of its column a text keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A column: its head, how wide it is, and when it leaves.
#[derive(Clone, Debug)]
pub struct Column {
    /// The head.
    pub title: &'static str,
    /// The least width in cells.
    pub width: u16,
    /// Its share of the room that is left over; 0 keeps its width.
    pub grow: u16,
    /// The side its texts keep to.
    pub align: Align,
    /// How soon it leaves when the room is short: 0 stays always, the highest leaves first.
    pub leaves: u8,
}

impl Column {
    /// A column of words with a fixed width.
    pub const fn text(title: &'static str, width: u16) -> Self {
        Self { title, width, grow: 0, align: Align::Left, leaves: 0 }
    }
    /// A column of numbers with a fixed width.
    pub const fn number(title: &'static str, width: u16) -> Self {
        Self { title, width, grow: 0, align: Align::Right, leaves: 0 }
    }
    /// Takes a share of the room that is left over.
    #[must_use]
    pub const fn grows(mut self, share: u16) -> Self {
        self.grow = share;
        self
    }
    /// Leaves when the room is short; higher leaves sooner.
    #[must_use]
    pub const fn leaves(mut self, order: u8) -> Self {
        self.leaves = order;
        self
    }
}

/// A text in a role. It is made safe when drawn.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The text, as it came.
    pub text: String,
    /// Its role.
    pub role: Role,
}

impl Cell {
    /// A cell in a role.
    pub fn new(text: impl Into<String>, role: Role) -> Self {
        Self { text: text.into(), role }
    }
    /// Plain data.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Role::Text)
    }
}

/// A row: one cell per column.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The cells, in the order of the columns.
    pub cells: Vec<Cell>,
    /// Whether it is marked.
    pub marked: bool,
    /// Whether its data are stale: all of it is dimmed.
    pub stale: bool,
}

impl Row {
    /// A row of cells.
    pub fn new(cells: Vec<Cell>) -> Self {
        Self { cells, ..Self::default() }
    }
}

/// What a table shows in one frame.
pub struct Table<'a> {
    /// The name clicks, the wheel and the viewport come back under.
    pub zone: &'static str,
    /// The columns.
    pub columns: &'a [Column],
    /// How many rows there are.
    pub len: usize,
    /// The selected one.
    pub selected: Option<usize>,
    /// Whether the keys move here: otherwise the bar is quiet.
    pub focused: bool,
    /// Makes a row; asked for the visible ones only.
    pub row: &'a dyn Fn(usize) -> Row,
}

/// Cells before the first column: the mark and the cursor's glyph.
pub const GUTTER: u16 = 3;
/// Cells between columns.
pub const GAP: u16 = 2;

/// The columns that stay and the cells each gets.
pub fn layout(columns: &[Column], width: u16) -> Vec<(usize, u16)> {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let need = |shown: &[usize]| -> u16 {
        let gaps = GAP * (shown.len().saturating_sub(1) as u16);
        GUTTER + 1 + gaps + shown.iter().map(|&i| columns[i].width).sum::<u16>()
    };
    while need(&shown) > width {
        let Some(last) =
            shown.iter().copied().filter(|&i| columns[i].leaves > 0).max_by_key(|&i| (columns[i].leaves, i))
        else {
            break;
        };
        shown.retain(|&i| i != last);
    }
    let spare = width.saturating_sub(need(&shown));
    let shares: u16 = shown.iter().map(|&i| columns[i].grow).sum();
    let mut out: Vec<(usize, u16)> = shown.iter().map(|&i| (i, columns[i].width)).collect();
    if shares > 0 {
        let mut left = spare;
        for (i, w) in &mut out {
            let extra = u32::from(spare) * u32::from(columns[*i].grow) / u32::from(shares);
            *w += extra as u16;
            left -= extra as u16;
        }
        if let Some((_, w)) = out.iter_mut().find(|(i, _)| columns[*i].grow > 0) {
            *w += left;
        }
    }
    out
}

/// The first visible row that keeps the selected one in view, moved as little as can be.
pub fn scroll(offset: usize, selected: Option<usize>, len: usize, rows: usize) -> usize {
    let offset = offset.min(len.saturating_sub(rows));
    match selected {
        Some(s) if s < offset => s,
        Some(s) if rows > 0 && s >= offset + rows => s + 1 - rows,
        _ => offset,
    }
}

impl Table<'_> {
    /// Draws heads (where there is room for them and three rows) and the rows around the selected one.
    pub fn draw(&self, scene: &mut Scene<'_>, area: Rect, offset: &mut usize) {
        let area = area.intersection(scene.buf.area);
        if area.is_empty() {
            return;
        }
        let columns = layout(self.columns, area.width);
        let heads = u16::from(area.height > 3 && self.columns.iter().any(|c| !c.title.is_empty()));
        if heads == 1 {
            self.draw_heads(scene, area, &columns);
        }
        let rows = area.height - heads;
        scene.viewport(self.zone, rows);
        *offset = scroll(*offset, self.selected, self.len, usize::from(rows));
        for (line, index) in (*offset..self.len).take(usize::from(rows)).enumerate() {
            let place = Rect { y: area.y + heads + line as u16, height: 1, ..area };
            scene.zone(place, self.zone, index);
            self.draw_row(scene, place, index, &columns);
        }
    }

    fn draw_heads(&self, scene: &mut Scene<'_>, area: Rect, columns: &[(usize, u16)]) {
        let style = scene.style(Role::Column);
        let mut x = area.x + GUTTER;
        for &(i, w) in columns {
            let column = &self.columns[i];
            let title = match column.align {
                Align::Left => text::left(column.title, w.into()),
                Align::Right => text::right(column.title, w.into()),
            };
            put(scene, area, x, area.y, &title, style);
            x = x.saturating_add(w + GAP);
        }
    }

    fn draw_row(&self, scene: &mut Scene<'_>, place: Rect, index: usize, columns: &[(usize, u16)]) {
        let row = (self.row)(index);
        let selected = self.selected == Some(index);
        if row.marked {
            let style = scene.style(Role::Marked);
            scene.buf.set_style(place, style);
            put(scene, place, place.x, place.y, "◆", style);
        }
        let mut x = place.x + GUTTER;
        for &(i, w) in columns {
            if let Some(cell) = row.cells.get(i) {
                let safe = text::safe(&cell.text);
                let shown = match self.columns[i].align {
                    Align::Left => text::left(&safe, w.into()),
                    Align::Right => text::right(&safe, w.into()),
                };
                let style = scene.style(if row.stale { Role::Dim } else { cell.role });
                put(scene, place, x, place.y, &shown, style);
            }
            x = x.saturating_add(w + GAP);
        }
        if selected {
            put(scene, place, place.x + 1, place.y, "▸", scene.style(Role::Accent));
            if self.focused {
                bar(scene, place);
            }
        }
    }
}

/// Lays the bar of the selected row over a line: its ground, and its colour where the text has none of its own.
pub fn bar(scene: &mut Scene<'_>, place: Rect) {
    let bar = scene.style(Role::Selected);
    let plain = scene.style(Role::Text).fg;
    for x in place.x..place.right() {
        let Some(cell) = scene.buf.cell_mut((x, place.y)) else { continue };
        if let Some(ground) = bar.bg {
            cell.bg = ground;
        }
        if Some(cell.fg) == plain
            && let Some(ink) = bar.fg
        {
            cell.fg = ink;
        }
        cell.modifier |= bar.add_modifier;
    }
}

/// Writes safe text on one line of `area`, never outside of it.
pub fn put(scene: &mut Scene<'_>, area: Rect, x: u16, y: u16, text: &str, style: ratatui::style::Style) {
    if x < area.right() && y < area.bottom() && y >= area.y {
        scene.buf.set_stringn(x, y, text, usize::from(area.right() - x), style);
    }
}

#[cfg(test)]
mod tests;
