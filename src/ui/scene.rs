//! What a pane draws on: the cells, the styles, the time, and the zones a click may hit.

use super::pane::Now;
use super::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

/// One clickable place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Where.
    pub area: Rect,
    /// Its name.
    pub name: &'static str,
    /// Which one.
    pub index: usize,
}

/// A frame being drawn.
pub struct Scene<'a> {
    /// The cells.
    pub buf: &'a mut Buffer,
    /// The styles.
    pub theme: &'a Theme,
    /// The time.
    pub now: Now,
    /// The places a click may hit, later ones above earlier ones.
    pub zones: Vec<Zone>,
    /// The lists on the screen with their visible rows.
    pub viewports: Vec<(&'static str, u16)>,
    /// Where the terminal's cursor stands, if a text field is drawn.
    pub cursor: Option<Position>,
}

impl<'a> Scene<'a> {
    /// A scene on `buf`.
    pub fn new(buf: &'a mut Buffer, theme: &'a Theme, now: Now) -> Self {
        Self { buf, theme, now, zones: Vec::new(), viewports: Vec::new(), cursor: None }
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// Announces a place that can be clicked.
    pub fn zone(&mut self, area: Rect, name: &'static str, index: usize) {
        self.zones.push(Zone { area, name, index });
    }

    /// Announces a list with `rows` rows on the screen; the pane is told with `Input::Viewport` when that changes.
    pub fn viewport(&mut self, name: &'static str, rows: u16) {
        self.viewports.push((name, rows));
    }
}
