//! The line of a replay under way: how far it is, how fast, and what failed. It is there in every pane.

use crate::console::keymap::Global;
use crate::console::overlay::replays::{look, meter, percent, remaining};
use crate::console::shell::Shell;
use crate::sync::job::JobState;
use crate::ui::format::{age, count};
use crate::ui::{Role, Scene, prose};
use ratatui::layout::Rect;

/// Draws the oldest replay under way, and how many more there are.
pub fn draw(shell: &Shell, scene: &mut Scene<'_>, area: Rect) {
    let Some(live) = shell.replays.running().next().filter(|_| !area.is_empty()) else { return };
    let p = &live.progress;
    let (glyph, role) = look(p.state);
    let more = shell.replays.running().count() - 1;
    let key = shell.keymap.global(Global::Jobs).map(crate::console::keymap::Entry::key).unwrap_or_default();
    let state = if p.state == JobState::Paused { "paused" } else { "replay" };
    let head = format!(" {glyph} {state} ");
    // In the order in which they leave when the room is short: the last first.
    let mut parts = vec![
        (format!(" {:>3} %", percent(p.done, p.total)), Role::Strong),
        (format!("  {} of {}", count(p.done), count(p.total)), Role::Text),
    ];
    if p.failures() > 0 {
        parts.push((format!("  ✗ {} not through", count(p.failures())), Role::Bad));
    }
    if p.state == JobState::Running {
        parts.push((format!("  {:.0}/s", p.rate), Role::Muted));
    }
    if let Some(left) = remaining(p) {
        parts.push((format!("  {} left", age(left)), Role::Muted));
    }
    if more > 0 {
        parts.push((format!("  +{more}"), Role::Muted));
    }
    if !key.is_empty() {
        parts.push((format!("  {key} opens"), Role::Dim));
    }
    let width = |parts: &[(String, Role)]| {
        prose::line_width(&parts.iter().map(|(words, role)| (words.as_str(), *role)).collect::<Vec<_>>())
    };
    let room = area.width.saturating_sub(1);
    while parts.len() > 1 && width(&parts) + prose::line_width(&[(&head, role)]) + 8 > room {
        parts.pop();
    }
    let used = prose::line(scene, area, &[(&head, role)]);
    let bar = room.saturating_sub(used + width(&parts)).min(60);
    meter(scene, Rect { x: area.x + used, width: bar, ..area }, p.done, p.total, role);
    let rest = Rect { x: area.x + used + bar, width: area.width - used - bar, ..area };
    let shown: Vec<(&str, Role)> = parts.iter().map(|(words, role)| (words.as_str(), *role)).collect();
    prose::line(scene, rest, &shown);
    scene.zone(area, "@strip", 0);
}
