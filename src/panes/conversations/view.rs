//! Draws the pane: the list with its facets and preview, and what is open above it.

mod levels;
mod list;

use super::document::{Document, marked};
use super::{Conversations, Typing};
use crate::conversation::snippet::Marker;
use crate::ui::table::put;
use crate::ui::{Role, Scene, prose};
use ratatui::layout::{Rect, Size};

/// The names of what can be clicked.
pub mod zones {
    /// The list.
    pub const LIST: &str = "conversations";
    /// The facets.
    pub const FACETS: &str = "conversation-facets";
    /// The preview.
    pub const PREVIEW: &str = "conversation-preview";
    /// Blocks, patterns, results.
    pub const ROWS: &str = "conversation-rows";
    /// What is read.
    pub const TEXT: &str = "conversation-text";
}

/// Where the lists are scrolled to.
#[derive(Debug, Default)]
pub struct View {
    /// The number of the first row of the list.
    list: i64,
    facets: usize,
    rows: usize,
}

/// From this width on there is a preview beside the list.
const BESIDE: u16 = 110;
/// From this width on the facets stay beside the list.
const FACETS: u16 = 170;
/// The cells of the facets.
const FACETS_WIDTH: u16 = 28;

/// Whether there is room for a preview: beside the list, or below it.
pub(super) fn has_preview(size: Size) -> bool {
    size.width >= BESIDE && size.height >= 8
}

/// The places of facets, list and preview; those without room are empty.
fn places(area: Rect, choosing: bool) -> (Rect, Rect, Rect) {
    let facets = if choosing || area.width >= FACETS { FACETS_WIDTH.min(area.width) } else { 0 };
    let rest = area.width - facets;
    let preview = if has_preview(area.as_size()) { (rest - 2) / 2 } else { 0 };
    let list = rest.saturating_sub(preview);
    (
        Rect { width: facets, ..area },
        Rect { x: area.x + facets, width: list, ..area },
        Rect { x: area.x + facets + list, width: preview, ..area },
    )
}

/// The room of the preview's text.
pub(super) fn preview_size(size: Size) -> (usize, usize) {
    let (_, _, preview) = places(Rect::new(0, 0, size.width, size.height), false);
    (usize::from(preview.width.saturating_sub(3)), usize::from(size.height.saturating_sub(3)))
}

/// The places of a table and of what its cursor is at: beside it, or below it where there is the room.
fn beside(area: Rect) -> (Rect, Rect) {
    if has_preview(area.as_size()) {
        let wide = (area.width - 2) * 11 / 20;
        return (Rect { width: area.width - wide, ..area }, Rect { x: area.right() - wide, width: wide, ..area });
    }
    let high = if area.height >= 14 { area.height / 2 } else { 0 };
    let below = high.saturating_sub(1);
    (Rect { height: area.height - high, ..area }, Rect { y: area.bottom() - below, height: below, ..area })
}

/// The room of what the cursor of a table is at.
pub(super) fn beside_size(size: Size) -> (usize, usize) {
    let (_, look) = beside(Rect::new(0, 0, size.width, size.height));
    (usize::from(look.width.saturating_sub(3)), usize::from(look.height))
}

/// The room of what is read.
pub(super) fn document_size(size: Size) -> (usize, usize) {
    (usize::from(size.width.saturating_sub(3).min(120)), usize::from(size.height.saturating_sub(1)))
}

/// Draws the whole pane.
pub(super) fn draw(pane: &Conversations, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let area = area.intersection(scene.buf.area);
    if area.is_empty() {
        return;
    }
    let typed = u16::from(pane.typing.is_some());
    let body = Rect { height: area.height - typed.min(area.height), ..area };
    match pane.levels.last() {
        None => list::draw(pane, scene, body, view),
        Some(level) => levels::draw(pane, level, scene, body, view),
    }
    if let Some((what, line)) = &pane.typing {
        let prompt = match what {
            Typing::Search => format!(" / by {}: ", super::levels::mode_words(pane.mode)),
            Typing::Blocks => " lang: tag: session: or the file: ".to_owned(),
            Typing::Title(_) => " title: ".to_owned(),
            Typing::File(_) => " file (.md or .json): ".to_owned(),
        };
        line.draw(scene, Rect { y: area.bottom() - 1, height: 1, ..area }, &prompt);
    }
}

/// Draws what of a document is on the screen.
fn document(
    scene: &mut Scene<'_>,
    area: Rect,
    zone: &'static str,
    document: &Document,
    marker: &Marker,
    focused: bool,
) {
    scene.zone(area, zone, 0);
    for (i, (line, here)) in document.screen().into_iter().enumerate().take(usize::from(area.height)) {
        let y = area.y + i as u16;
        if here && focused {
            put(scene, area, area.x, y, "▸", scene.style(Role::Accent));
        }
        let line = marked(line, marker);
        let parts: Vec<(&str, Role)> = line.iter().map(|(words, role)| (words.as_str(), *role)).collect();
        prose::line(scene, Rect { x: area.x + 2, y, width: area.width.saturating_sub(3), height: 1 }, &parts);
    }
    if let Some(share) = document.share()
        && area.height > 1
    {
        let y = area.y + (share * usize::from(area.height - 1) / 1000) as u16;
        put(scene, area, area.right() - 1, y, "▐", scene.style(Role::Rule));
    }
}

/// Words in the middle of nothing.
fn nothing(scene: &mut Scene<'_>, area: Rect, words: &[String]) {
    let width = area.width.saturating_sub(6);
    let mut y = area.y + 1;
    for (n, paragraph) in words.iter().enumerate() {
        for line in crate::ui::text::wrap(&crate::ui::text::safe(paragraph), width.into()) {
            if y < area.bottom() {
                let role = if n == 0 { Role::Text } else { Role::Muted };
                prose::line(scene, Rect { x: area.x + 3, y, width, height: 1 }, &[(&line, role)]);
                y += 1;
            }
        }
    }
}
