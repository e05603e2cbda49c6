//! The overlays that are lists of lines: help, messages, themes.

use crate::console::keymap::{Entry, Global, Keymap, Meaning};
use crate::console::shell::messages::Message;
use crate::ui::pane::Now;
use crate::ui::prose;
use crate::ui::table::bar;
use crate::ui::{Role, Scene, format, text};
use ratatui::layout::Rect;

/// Draws the keys that work here, in as many columns as there is room for.
pub fn help(scene: &mut Scene<'_>, area: Rect, keymap: &Keymap, pane: usize, title: &str, offset: &mut usize) {
    let mut lines: Vec<(String, Role)> = Vec::new();
    let own = keymap.of(pane);
    let widest = |of: fn(&Entry) -> usize| own.iter().chain(keymap.globals()).map(of).max().unwrap_or(0);
    let keys = widest(|e| text::width(&e.all_keys())).min(24);
    let names = widest(|e| text::width(&e.name));
    // Room for the frame and for the sign at the edge that there is more.
    let room = usize::from(area.width).saturating_sub(6);
    if !own.is_empty() {
        lines.push((title.to_owned(), Role::Accent));
        lines.extend(own.iter().flat_map(|e| entry(e, keys, names, room)));
        lines.push((String::new(), Role::Text));
    }
    lines.push(("Everywhere".to_owned(), Role::Accent));
    let missing = |e: &&Entry| matches!(e.meaning, Meaning::Global(Global::Pane(n)) if n >= keymap.panes());
    let globals = keymap.globals().iter().filter(|e| !keymap.is_refined(pane, e) && !missing(e));
    lines.extend(globals.flat_map(|e| entry(e, keys, names, room)));
    let wanted = lines.iter().map(|(l, _)| text::width(l)).max().unwrap_or(0) as u16 + 1;
    let height = (lines.len() as u16).min(area.height.saturating_sub(2));
    let inner = prose::modal(scene, area, "help · the names are for [keys] in config.toml", wanted, height);
    prose::scrolled(scene, inner, "@help", &lines, offset);
}

/// Keys, name and what it does; below them where all of it would be too narrow to read.
fn entry(e: &Entry, keys: usize, names: usize, room: usize) -> Vec<(String, Role)> {
    let beside = keys + names + 4;
    let (head, indent) = if room >= beside + 36 {
        (format!("{}  {}", text::left(&e.all_keys(), keys), text::left(&e.name, names)), beside)
    } else {
        (format!("{}  {}", text::left(&e.all_keys(), keys), e.name), keys + 2)
    };
    let words = text::wrap(e.help, room.saturating_sub(indent).max(10));
    let mut lines = if indent == beside { vec![] } else { vec![(head.clone(), Role::Text)] };
    for (n, part) in words.into_iter().enumerate() {
        let before = if n == 0 && indent == beside { format!("{head}  ") } else { " ".repeat(indent) };
        lines.push((format!("{before}{part}"), if indent == beside { Role::Text } else { Role::Muted }));
    }
    lines
}

/// Draws what was said, newest first.
pub fn log(scene: &mut Scene<'_>, area: Rect, messages: &[Message], now: Now, offset: &mut usize) {
    let width = area.width.saturating_sub(8);
    let mut lines: Vec<(String, Role)> = Vec::new();
    for m in messages.iter().rev() {
        let age = text::right(&format::age(now.since(m.at.wall)), 4);
        let times = if m.times > 1 { format!(" ×{}", m.times) } else { String::new() };
        let safe = format!("{}{times}", text::safe(&m.text));
        for (i, part) in text::wrap(&safe, usize::from(width).saturating_sub(9)).into_iter().enumerate() {
            let head = if i == 0 { format!("{age}  {} ", m.level.glyph()) } else { " ".repeat(8) };
            lines.push((format!("{head}{part}"), m.level.role()));
        }
    }
    if lines.is_empty() {
        lines.push(("Nothing was said yet.".to_owned(), Role::Muted));
    }
    let height = (lines.len() as u16).max(3).min(area.height.saturating_sub(4));
    let inner = prose::modal(scene, area, "messages", width, height);
    prose::scrolled(scene, inner, "@log", &lines, offset);
}

/// Draws the themes' names.
pub fn themes(scene: &mut Scene<'_>, area: Rect, names: &[String], selected: usize) {
    let inner = prose::modal(scene, area, "theme", 44, names.len() as u16 + 2);
    if inner.is_empty() {
        return;
    }
    for (i, name) in names.iter().enumerate().take(usize::from(inner.height.saturating_sub(2))) {
        let row = Rect { y: inner.y + i as u16, height: 1, ..inner };
        let mark = if i == selected { "▸ " } else { "  " };
        prose::line(scene, row, &[(mark, Role::Accent), (name, Role::Text)]);
        swatch(scene, row);
        if i == selected {
            bar(scene, row);
        }
        scene.zone(row, "@themes", i);
    }
    let last = Rect { y: inner.bottom() - 1, height: 1, ..inner };
    prose::line(scene, last, &[("Enter keeps it, Esc goes back", Role::Muted)]);
}

fn swatch(scene: &mut Scene<'_>, row: Rect) {
    let parts = [("✓", Role::Ok), (" ! ", Role::Warn), ("✗ ", Role::Bad), ("● ", Role::Master), ("●", Role::Replica)];
    prose::line_right(scene, row, &parts);
}
