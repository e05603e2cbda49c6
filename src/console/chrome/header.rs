//! The two lines that are always there: who, where, connected how; and the tabs.

use super::layout::Areas;
use crate::console::shell::{Shell, Stage};
use crate::personality::Mood;
use crate::postgres::{LinkStatus, Side};
use crate::ui::pane::{LinkView, Now};
use crate::ui::{Role, Scene, format, prose, text};
use ratatui::layout::Rect;

type Parts = Vec<(String, Role)>;

/// Draws both lines, or the one of a compact frame.
pub fn draw(shell: &Shell, scene: &mut Scene<'_>, areas: &Areas, now: Now) {
    let ground = scene.style(Role::Header);
    scene.buf.set_style(areas.header, ground);
    scene.buf.set_style(areas.tabs, ground);
    if areas.tabs.is_empty() {
        compact(shell, scene, areas.header);
    } else {
        identity(shell, scene, areas.header);
        tabs(shell, scene, areas.tabs, now);
    }
}

/// How much of the header is said; narrower screens say less.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Detail {
    Bare,
    Names,
    Latency,
    Full,
    Roles,
}

fn identity(shell: &Shell, scene: &mut Scene<'_>, area: Rect) {
    for detail in [Detail::Roles, Detail::Full, Detail::Latency, Detail::Names, Detail::Bare] {
        let mut groups: Vec<Parts> = vec![who(shell, detail)];
        if let Some(links) = &shell.links {
            groups.push(chip(&links.master, detail, None));
            let more = (shell.replicas > 1).then_some(shell.replicas);
            groups.push(chip(&links.replica, detail, more));
        }
        groups.push(face(shell, detail));
        let widths: Vec<u16> = groups.iter().map(width).collect();
        let used: u16 = widths.iter().sum();
        let gaps = groups.len() as u16 - 1;
        if used + gaps * 2 > area.width && detail != Detail::Bare {
            continue;
        }
        // Master left, replica right of it, the face at the edge: the air between them is shared evenly.
        let spare = area.width.saturating_sub(used);
        let mut x = area.x;
        for (i, group) in groups.iter().enumerate() {
            let place = Rect { x: x.min(area.right()), width: area.right().saturating_sub(x), ..area };
            line(scene, place, group);
            x += widths[i] + spare / gaps.max(1);
            if i + 2 == groups.len() {
                x = x.max(area.right().saturating_sub(widths[i + 1]));
            }
        }
        return;
    }
}

fn who(shell: &Shell, detail: Detail) -> Parts {
    let mut parts = vec![(" robbie".to_owned(), Role::Accent)];
    if detail > Detail::Bare && !shell.profile.is_empty() {
        parts.push((format!("  {}", shell.profile), Role::Muted));
    }
    parts
}

fn face(shell: &Shell, detail: Detail) -> Parts {
    let Some(mood) = &shell.facts.mood else { return vec![(String::new(), Role::Face)] };
    let face = Mood::from_name(mood).map_or("(•-•)", Mood::face).to_owned();
    match detail {
        Detail::Roles | Detail::Full | Detail::Latency => vec![(face, Role::Face), (format!(" {mood} "), Role::Muted)],
        Detail::Names => vec![(format!("{face} "), Role::Face)],
        Detail::Bare => vec![(String::new(), Role::Face)],
    }
}

/// A link as people read it: `● master aurora_unified 18 ms TLS`.
fn chip(link: &LinkView, detail: Detail, replicas: Option<usize>) -> Parts {
    let side = match link.side {
        Side::Master => Role::Master,
        Side::Replica => Role::Replica,
    };
    let (glyph, state) = match &link.status {
        LinkStatus::Up { .. } => ("● ", Role::Ok),
        LinkStatus::Connecting => ("◌ ", Role::Warn),
        LinkStatus::Down { .. } => ("○ ", Role::Bad),
    };
    let mut parts = vec![(glyph.to_owned(), state), (link.name.clone(), side)];
    if let Some(count) = replicas {
        parts.push((format!(" of {count}"), Role::Dim));
    }
    if detail >= Detail::Full && !link.database.is_empty() && link.database != link.name {
        parts.push((format!(" {}", link.database), Role::Muted));
    }
    match &link.status {
        LinkStatus::Up { latency, tls, role, in_recovery, .. } if detail >= Detail::Latency => {
            if detail >= Detail::Roles {
                parts.push((format!(" as {role}"), Role::Muted));
            }
            parts.push((format!(" {}", format::span(*latency)), Role::Muted));
            if *tls {
                parts.push((" TLS".to_owned(), Role::Muted));
            }
            if *in_recovery {
                parts.push((" standby".to_owned(), Role::Warn));
            }
        }
        LinkStatus::Up { .. } => {}
        LinkStatus::Connecting => parts.push((" connecting".to_owned(), Role::Muted)),
        LinkStatus::Down { .. } => parts.push((" lost".to_owned(), Role::Bad)),
    }
    if is_read_only(link) && detail >= Detail::Latency {
        parts.push((" read-only".to_owned(), Role::Warn));
    }
    parts
}

fn tabs(shell: &Shell, scene: &mut Scene<'_>, area: Rect, now: Now) {
    let mut right = state(shell, now);
    let titles: Vec<String> = (0..shell.tabs.len()).map(|i| tab_title(shell, i)).collect();
    let wanted: u16 = titles.iter().map(|t| text::width(t) as u16).sum();
    // That one may write goes first: it is what a person takes for granted.
    if wanted + width(&right) + 1 >= area.width {
        right.retain(|(words, _)| words != "writes on");
    }
    let right_width = width(&right) + 1;
    let fits = wanted + right_width <= area.width;
    let room = if fits { area.width - right_width } else { area.width };
    let mut x = area.x;
    for (i, title) in titles.iter().enumerate() {
        let w = text::width(title) as u16;
        if x + w > area.x + room {
            break;
        }
        let role = if i == shell.active { Role::TabActive } else { Role::Tab };
        let place = Rect { x, width: w, height: 1, ..area };
        prose::line(scene, place, &[(title, role)]);
        scene.zone(place, "@tab", i);
        x += w;
    }
    if fits {
        let place = Rect { x: area.right() - right_width, width: right_width, ..area };
        line(scene, place, &right);
    }
}

fn tab_title(shell: &Shell, index: usize) -> String {
    let tab = &shell.tabs[index];
    let failed = || shell.facts.failed.filter(|&n| n > 0 && tab.name == "queue").map(format::count);
    let badge = tab.pane.badge().or_else(failed).map_or_else(String::new, |b| format!(" {b}"));
    format!(" {} {}{badge} ", index + 1, tab.title)
}

/// Whether no writes are possible, because we asked for it or by the server's word.
fn is_read_only(link: &LinkView) -> bool {
    link.read_only || matches!(link.status, LinkStatus::Up { read_only: true, .. })
}

/// Whether one may write, and what the engine does.
fn state(shell: &Shell, now: Now) -> Parts {
    let mut parts = Vec::new();
    let Some(links) = shell.links.as_ref().filter(|_| shell.stage == Stage::Running) else { return parts };
    if is_read_only(&links.master) {
        parts.push(("read-only".to_owned(), Role::Muted));
    } else if shell.protected {
        parts.push((" writes on, protected ".to_owned(), Role::Protected));
    } else {
        parts.push(("writes on".to_owned(), Role::Muted));
    }
    let (glyph, words, role) = engine(shell, now);
    if !words.is_empty() {
        parts.push((format!("  {glyph} {words}"), role));
    }
    parts
}

/// What is known of the engine: this process's own, else what a pane found out.
fn engine(shell: &Shell, now: Now) -> (&'static str, String, Role) {
    let until = |at: Option<std::time::SystemTime>| {
        at.and_then(|at| at.duration_since(now.wall).ok()).map_or_else(|| "soon".to_owned(), format::age)
    };
    match &shell.engine {
        Some(e) if e.paused => ("‖", "paused".to_owned(), Role::Warn),
        Some(e) if e.busy => ("⟳", "now".to_owned(), Role::Info),
        Some(e) if e.running => ("⟳", until(e.next_at), Role::Muted),
        Some(e) if e.held_by.is_some() => ("⟳", "elsewhere".to_owned(), Role::Muted),
        Some(e) if e.fault.is_some() => ("!", "engine waits".to_owned(), Role::Warn),
        Some(_) => ("⟳", "starting".to_owned(), Role::Muted),
        None => match &shell.facts.engine {
            Some(words) => {
                let next = shell.facts.next_cycle.map_or_else(String::new, |at| format!(" {}", until(Some(at))));
                ("⟳", format!("{words}{next}"), Role::Muted)
            }
            None => ("", String::new(), Role::Muted),
        },
    }
}

/// One line for everything: both links as dots, and the tab.
fn compact(shell: &Shell, scene: &mut Scene<'_>, area: Rect) {
    let mut parts: Parts = vec![(" ".to_owned(), Role::Text)];
    if let Some(links) = &shell.links {
        for link in [&links.master, &links.replica] {
            parts.extend(chip(link, Detail::Bare, None).into_iter().take(2));
            parts.push((" ".to_owned(), Role::Text));
        }
    } else {
        parts.push(("robbie ".to_owned(), Role::Accent));
    }
    let title = if shell.tabs.is_empty() { String::new() } else { tab_title(shell, shell.active) };
    let used = line(scene, area, &parts);
    let rest = Rect { x: area.x + used, width: area.width - used, ..area };
    prose::line_right(scene, rest, &[(&title, Role::TabActive)]);
}

fn width(parts: &Parts) -> u16 {
    parts.iter().map(|(words, _)| text::width(&text::safe(words)) as u16).sum()
}

/// Draws parts on the header's ground.
fn line(scene: &mut Scene<'_>, area: Rect, parts: &Parts) -> u16 {
    let borrowed: Vec<(&str, Role)> = parts.iter().map(|(w, r)| (w.as_str(), *r)).collect();
    prose::line(scene, area, &borrowed)
}
