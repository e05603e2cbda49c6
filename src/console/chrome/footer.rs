//! The last line: what can be done here and what runs; and the messages above it.

use super::layout::Areas;
use crate::console::keymap::{Entry, Global, Meaning};
use crate::console::shell::jobs::PATIENCE;
use crate::console::shell::{Shell, Stage};
use crate::ui::pane::Now;
use crate::ui::table::put;
use crate::ui::{Role, Scene, prose, text};
use ratatui::layout::Rect;

/// Keys shown at most; the rest is under the help.
const HINTS: usize = 8;
/// The turning sign of something awaited.
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// Draws the hints, and what is awaited at the right.
pub fn draw(shell: &Shell, scene: &mut Scene<'_>, area: Rect, now: Now) {
    if area.is_empty() {
        return;
    }
    let ground = scene.style(Role::Footer);
    scene.buf.set_style(area, ground);
    let strip = strip(shell, now);
    let strip_width = text::width(&strip) as u16;
    let mut x = area.x + 1;
    let room = area.right().saturating_sub(strip_width + u16::from(strip_width > 0) * 2);
    let typing = shell.tabs.get(shell.active).filter(|t| shell.stage == Stage::Running && t.pane.text_focus());
    if let Some(tab) = typing {
        prose::keys(scene, Rect { x, width: room.saturating_sub(x), ..area }, &tab.pane.field_keys());
    }
    let hints = if typing.is_some() { Vec::new() } else { hints(shell) };
    for (zone, index, entry) in fitting(&hints, usize::from(room.saturating_sub(x))) {
        let (key, words) = (entry.key(), format!(" {}", entry.short));
        let start = x;
        for (part, role) in [(key.as_str(), Role::FooterKey), (words.as_str(), Role::Footer)] {
            let style = scene.style(role);
            put(scene, area, x, area.y, part, style);
            x += text::width(part) as u16;
        }
        scene.zone(Rect { x: start, width: x - start, height: 1, ..area }, zone, index);
        x += 3;
    }
    prose::line_right(scene, Rect { width: area.width.saturating_sub(1), ..area }, &[(&strip, Role::Footer)]);
}

type Hint<'a> = (&'static str, usize, &'a Entry);

/// The pane's hints, then the ones that are the same everywhere; help and quit are last and stay longest.
fn hints(shell: &Shell) -> Vec<Hint<'_>> {
    let own = shell.keymap.of(shell.active);
    let running = shell.stage == Stage::Running;
    let pane = shell.tabs.get(shell.active).filter(|_| running).map(|t| t.pane.footer()).unwrap_or_default();
    let mut out: Vec<Hint<'_>> =
        pane.into_iter().filter_map(|i| Some(("@hint-pane", i, own.get(i)?))).take(HINTS - 3).collect();
    let deep = shell.tabs.get(shell.active).is_some_and(|t| !t.pane.breadcrumb().is_empty());
    let last = if deep { Global::Back } else { Global::Quit };
    let more: &[Global] = if running { &[Global::SyncNow, Global::PauseEngine] } else { &[] };
    for action in more.iter().filter(|_| shell.engine.is_some()).take(HINTS - 3 - out.len().min(HINTS - 3)) {
        out.extend(global(shell, *action));
    }
    for action in [Global::Palette, Global::Help, last] {
        out.extend(global(shell, action));
    }
    out.retain(|(zone, _, entry)| {
        let refined = *zone == "@hint-global" && shell.keymap.is_refined(shell.active, entry);
        !entry.keys.is_empty() && !refined
    });
    out
}

fn global(shell: &Shell, action: Global) -> Option<Hint<'_>> {
    let at = shell.keymap.globals().iter().position(|e| e.meaning == Meaning::Global(action))?;
    Some(("@hint-global", at, &shell.keymap.globals()[at]))
}

/// As many hints as there is room for; the last three stay longest.
fn fitting<'a>(hints: &[Hint<'a>], room: usize) -> Vec<Hint<'a>> {
    let cells = |h: &Hint<'_>| text::width(&h.2.key()) + 1 + text::width(h.2.short) + 3;
    let mut out = hints.to_vec();
    while out.iter().map(cells).sum::<usize>() > room + 3 {
        let drop = if out.len() > 3 { out.len() - 4 } else { 0 };
        if out.is_empty() {
            break;
        }
        out.remove(drop);
    }
    out
}

/// What is awaited: `⠙ loading entries (+2)`.
fn strip(shell: &Shell, now: Now) -> String {
    let turn = SPINNER[(now.uptime.as_millis() / 100) as usize % SPINNER.len()];
    if shell.stage == Stage::Starting && now.uptime >= PATIENCE {
        return format!("{turn} starting");
    }
    let awaited = shell.jobs.awaited(now);
    let Some(first) = awaited.first() else { return String::new() };
    let more = if awaited.len() > 1 { format!(" (+{})", awaited.len() - 1) } else { String::new() };
    text::truncate(&format!("{turn} {}{more}", text::safe(&first.label)), 40).into_owned()
}

/// Draws what was just said: above the footer where there is room, else over one line. While something is typed it keeps off the
/// pane, whose last lines say what is wrong with that.
pub fn messages(shell: &Shell, scene: &mut Scene<'_>, areas: &Areas, now: Now) {
    let typing = shell.tabs.get(shell.active).is_some_and(|tab| tab.pane.text_focus());
    let room = if typing && !areas.answer.is_empty() { areas.answer } else { areas.messages };
    if room.is_empty() {
        return;
    }
    let widest = usize::from(room.width.saturating_sub(4)).min(100);
    let mut rows: Vec<(String, Role, bool)> = Vec::new();
    for message in shell.messages.shown(now) {
        let times = if message.times > 1 { format!(" ×{}", message.times) } else { String::new() };
        let words = format!("{} {}{times}", message.level.glyph(), text::safe(&message.text));
        let lines = if room.height > 1 { text::wrap(&words, widest) } else { vec![words] };
        rows.extend(lines.into_iter().enumerate().map(|(i, l)| (l, message.level.role(), i == 0)));
    }
    let skip = rows.len().saturating_sub(room.height.into());
    let shown = &rows[skip..];
    let width = shown.iter().map(|(l, ..)| text::width(l)).max().unwrap_or(0).min(widest) as u16 + 2;
    for (i, (words, role, first)) in shown.iter().enumerate() {
        let y = room.bottom() - (shown.len() - i) as u16;
        let row = Rect { x: room.right().saturating_sub(width + 1), y, width: width + 1, height: 1 }.intersection(room);
        let ground = scene.style(Role::Modal);
        for x in row.x..row.right() {
            scene.buf[(x, y)].reset();
            scene.buf[(x, y)].set_style(ground);
        }
        let indent = if *first { " " } else { "   " };
        prose::line(scene, row, &[(indent, Role::Modal), (words, *role)]);
        scene.zone(row, "@messages", 0);
    }
}
