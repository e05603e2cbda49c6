//! The states with no entries to show, each with its own words and a way on.

use super::Queue;
use crate::postgres::{Kind, LinkStatus};
use crate::ui::format::age;
use crate::ui::{Role, Scene, prose, text};
use ratatui::layout::Rect;

/// Some lines in the upper middle of the area.
fn say(scene: &mut Scene<'_>, area: Rect, lines: &[(String, Role)]) {
    let wrapped: Vec<(String, Role)> = lines
        .iter()
        .flat_map(|(words, role)| {
            let cells = usize::from(area.width.saturating_sub(6)).clamp(1, 90);
            let parts = text::wrap(&text::safe(words), cells);
            parts.into_iter().map(|part| (part, *role))
        })
        .collect();
    let top = area.y + area.height.saturating_sub(wrapped.len() as u16) / 3;
    for (n, (words, role)) in wrapped.iter().enumerate() {
        let y = top + n as u16;
        if y >= area.bottom() {
            break;
        }
        let width = text::width(words) as u16;
        let x = area.x + area.width.saturating_sub(width) / 2;
        prose::line(scene, Rect { x, y, width: area.right().saturating_sub(x), height: 1 }, &[(words, *role)]);
    }
}

fn line(words: impl Into<String>, role: Role) -> (String, Role) {
    (words.into(), role)
}

/// Something is awaited.
pub(super) fn waiting(scene: &mut Scene<'_>, area: Rect, words: &str) {
    say(scene, area, &[line(words, Role::Muted)]);
}

/// The queue cannot be read: not connected, no table, no privilege, or not asked yet.
pub(super) fn unreadable(pane: &Queue, scene: &mut Scene<'_>, area: Rect) {
    let link = pane.links.as_ref().map(|links| &links.replica);
    if let Some(LinkStatus::Down { reason, remedy, since, .. }) = link.map(|link| &link.status) {
        let since = age(scene.now.since(*since));
        let name = link.map(|link| link.name.clone()).unwrap_or_default();
        let mut lines =
            vec![line(format!("✗ {name} is not connected, for {since}"), Role::Bad), line(reason.clone(), Role::Text)];
        lines.extend(remedy.iter().map(|remedy| line(format!("→ {remedy}"), Role::Accent)));
        lines.push(line("It is tried again by itself; the queue is shown as soon as it answers.", Role::Muted));
        say(scene, area, &lines);
        return;
    }
    let Some(fault) = &pane.fault else {
        waiting(scene, area, "Reading the queue…");
        return;
    };
    let title = match fault.kind {
        Kind::Schema => "This replica has no queue",
        Kind::Privilege => "The queue may not be read with this role",
        _ => "The queue cannot be read",
    };
    let mut lines = vec![line(format!("✗ {title}"), Role::Bad), line(fault.to_string(), Role::Text)];
    lines.extend(fault.remedy.iter().map(|remedy| line(format!("→ {remedy}"), Role::Accent)));
    lines.push(line("R looks again", Role::Muted));
    say(scene, area, &lines);
}

/// Nothing failed and nothing waits.
pub(super) fn nothing_stuck(scene: &mut Scene<'_>, area: Rect) {
    say(
        scene,
        area,
        &[
            line("✓ Nothing is stuck", Role::Ok),
            line("No entry failed and none waits for another.", Role::Muted),
            line("Enter shows the entries that are open", Role::Muted),
        ],
    );
}

/// The list is empty: nothing is there, or nothing matches.
pub(super) fn nothing_here(pane: &Queue, scene: &mut Scene<'_>, area: Rect) {
    if pane.scope.is_plain() {
        let what = match pane.tab {
            super::Tab::All => "The queue has no entry".to_owned(),
            super::Tab::Discarded => "The archive is empty: nothing was discarded in the last 30 days".to_owned(),
            super::Tab::Open => "✓ Nothing is pending: everything written here is on the master".to_owned(),
            tab => format!("No entry is {}", tab.name()),
        };
        let role = if pane.tab == super::Tab::Open { Role::Ok } else { Role::Text };
        say(scene, area, &[line(what, role), line("← → show other states", Role::Muted)]);
        return;
    }
    let mut lines = vec![line("Nothing matches", Role::Text)];
    if pane.scope.filter.is_everything() {
        lines.push(line("The entries of this reason are through. Esc goes back to the reasons", Role::Muted));
    } else {
        lines.push(line(format!("/{}", pane.scope.filter), Role::Accent));
        let among = if pane.scope.filter.names_state() { "all" } else { pane.tab.name() };
        lines.push(line(format!("among {among} entries. Esc takes the filter away, / changes it"), Role::Muted));
    }
    say(scene, area, &lines);
}
