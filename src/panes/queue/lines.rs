//! Lines with a cursor, each of several parts: only those on the screen are made.

use crate::ui::table::{bar, put};
use crate::ui::{Role, Scene, prose};
use ratatui::layout::Rect;

/// A line's parts.
pub(super) type Parts = Vec<(String, Role)>;

/// Lines to be drawn.
pub(super) struct Lines<'a> {
    pub zone: &'static str,
    pub len: usize,
    /// The line with the cursor.
    pub cursor: usize,
    /// Whether the keys go there.
    pub focused: bool,
    pub line: &'a dyn Fn(usize) -> Parts,
}

impl Lines<'_> {
    /// Draws those that fit, the cursor among them.
    pub(super) fn draw(&self, scene: &mut Scene<'_>, area: Rect, offset: &mut usize) {
        let rows = usize::from(area.height);
        scene.viewport(self.zone, area.height);
        if rows == 0 || area.width < 4 {
            return;
        }
        if self.focused {
            *offset = (*offset).clamp((self.cursor + 1).saturating_sub(rows), self.cursor);
        }
        *offset = (*offset).min(self.len.saturating_sub(rows));
        for i in 0..rows.min(self.len - *offset) {
            let place = Rect { y: area.y + i as u16, height: 1, ..area };
            let parts = (self.line)(*offset + i);
            let parts: Vec<(&str, Role)> = parts.iter().map(|(words, role)| (words.as_str(), *role)).collect();
            prose::line(scene, Rect { x: area.x + 2, width: area.width - 3, ..place }, &parts);
            scene.zone(place, self.zone, *offset + i);
            if self.focused && *offset + i == self.cursor {
                put(scene, place, place.x, place.y, "▸", scene.style(Role::Accent));
                bar(scene, place);
            }
        }
        if self.len > rows {
            let at = *offset * (rows - 1) / (self.len - rows).max(1);
            put(scene, area, area.right() - 1, area.y + at as u16, "▐", scene.style(Role::Rule));
        }
    }
}
