//! The frame around a pane: header, tabs, answer line, banners, footer, messages, overlays.

mod footer;
mod header;
mod layout;
mod strip;

use layout::{LEAST, areas};

use super::overlay::{Overlay, lists};
use super::shell::{Shell, Stage};
use crate::postgres::LinkStatus;
use crate::ui::pane::{LinkView, Now};
use crate::ui::scene::Zone;
use crate::ui::{Role, Scene, format, prose, text};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};

/// What a frame showed, for the next events.
pub struct Frame {
    /// Where clicks hit.
    pub zones: Vec<Zone>,
    /// Lists and their visible rows.
    pub viewports: Vec<(&'static str, u16)>,
    /// The pane's size.
    pub pane: Size,
    /// The terminal's cursor, where a field is typed in.
    pub cursor: Option<Position>,
}

/// Draws one frame.
pub fn draw(shell: &mut Shell, buf: &mut Buffer, now: Now) -> Frame {
    let theme = shell.theme.clone();
    let area = buf.area;
    buf.set_style(area, theme.ground());
    let mut scene = Scene::new(buf, &theme, now);
    let pane = if area.width < LEAST.width || area.height < LEAST.height {
        too_small(&mut scene, area);
        Size::ZERO
    } else {
        whole(shell, &mut scene, area, now)
    };
    let Scene { zones, viewports, cursor, .. } = scene;
    Frame { zones, viewports, pane, cursor }
}

fn too_small(scene: &mut Scene<'_>, area: Rect) {
    let words = format!("too small: {}×{} needed", LEAST.width, LEAST.height);
    for (i, line) in text::wrap(&words, area.width.into()).into_iter().enumerate().take(area.height.into()) {
        prose::line(scene, Rect { y: area.y + i as u16, height: 1, ..area }, &[(&line, Role::Warn)]);
    }
}

fn whole(shell: &mut Shell, scene: &mut Scene<'_>, area: Rect, now: Now) -> Size {
    let banners = banners(shell, now);
    let running = shell.replays.running().next().is_some();
    let areas = areas(area, banners.len() as u16, running);
    header::draw(shell, scene, &areas, now);
    answer(shell, scene, areas.answer, now);
    for (i, words) in banners.iter().enumerate().take(areas.banners.height.into()) {
        prose::banner(scene, Rect { y: areas.banners.y + i as u16, height: 1, ..areas.banners }, words);
    }
    body(shell, scene, areas.body);
    strip::draw(shell, scene, areas.strip);
    footer::draw(shell, scene, areas.footer, now);
    overlays(shell, scene, area, now);
    footer::messages(shell, scene, &areas, now);
    areas.body.as_size()
}

fn body(shell: &mut Shell, scene: &mut Scene<'_>, area: Rect) {
    if let Stage::Failed { message, remedy } = &shell.stage {
        let mut y = area.y;
        for (words, role) in [(Some(message), Role::Bad), (remedy.as_ref(), Role::Text)] {
            for part in text::safe_lines(words.map_or("", String::as_str), 4) {
                for line in text::wrap(&part, usize::from(area.width.saturating_sub(3))) {
                    let row = Rect { x: area.x + 1, y, width: area.width.saturating_sub(1), height: 1 };
                    if y < area.bottom() {
                        prose::line(scene, row, &[(&line, role)]);
                    }
                    y += 1;
                }
            }
            y += 1;
        }
        return;
    }
    match shell.tabs.get_mut(shell.active) {
        Some(tab) => tab.pane.draw(scene, area),
        None => _ = prose::line(scene, area, &[(" There are no panes in this build.", Role::Muted)]),
    }
}

/// The answer to the pane's question; beside it where one is, if a level is open.
fn answer(shell: &Shell, scene: &mut Scene<'_>, area: Rect, now: Now) {
    let (role, words) = match (&shell.stage, shell.tabs.get(shell.active)) {
        (Stage::Failed { .. }, _) => (Role::Bad, "robbie cannot begin.".to_owned()),
        (Stage::Starting, _) => (Role::Muted, "Starting.".to_owned()),
        (Stage::Running, Some(tab)) => {
            let answer = tab.pane.answer(now);
            (answer.role, answer.text)
        }
        (Stage::Running, None) => return,
    };
    let crumbs = shell.tabs.get(shell.active).map(|t| t.pane.breadcrumb()).unwrap_or_default();
    let area = Rect { width: area.width.saturating_sub(1), ..area };
    if crumbs.is_empty() {
        prose::line(scene, area, &[(" ", Role::Text), (&words, role)]);
        return;
    }
    let path = format!(" {}", crumbs.join(" › "));
    let used = prose::line(scene, area, &[(&path, Role::Accent)]);
    let rest = Rect { x: area.x + used, width: area.width - used, ..area };
    if rest.width > 12 {
        let fitting = text::truncate(&words, usize::from(rest.width - 3)).into_owned();
        prose::line_right(scene, rest, &[(&fitting, role)]);
    }
}

/// One line per lost link, with the server's own words.
fn banners(shell: &Shell, now: Now) -> Vec<String> {
    let Some(links) = shell.links.as_ref().filter(|_| shell.stage == Stage::Running) else { return Vec::new() };
    [&links.master, &links.replica].into_iter().filter_map(|link| lost(link, now)).collect()
}

fn lost(link: &LinkView, now: Now) -> Option<String> {
    let LinkStatus::Down { reason, remedy, since, retry_at, .. } = &link.status else { return None };
    let age = format::age(now.since(*since));
    let retry = retry_at.duration_since(now.wall).map(|d| format!(" · next try in {}", format::age(d)));
    let remedy = remedy.as_ref().map_or_else(String::new, |r| format!(" · {r}"));
    Some(format!("○ {} lost for {age}: {reason}{remedy}{}", link.name, retry.unwrap_or_default()))
}

fn overlays(shell: &mut Shell, scene: &mut Scene<'_>, area: Rect, now: Now) {
    let names = shell.theme_names();
    let (active, title) = (shell.active, shell.tabs.get(shell.active).map_or("", |t| t.title));
    match &mut shell.overlay {
        Some(Overlay::Help { offset }) => lists::help(scene, area, &shell.keymap, active, title, offset),
        Some(Overlay::Palette(palette)) => palette.draw(scene, area),
        Some(Overlay::Log { offset }) => lists::log(scene, area, shell.messages.all(), now, offset),
        Some(Overlay::Replays(view)) => view.draw(scene, area, &shell.replays, now),
        Some(Overlay::Themes { selected, .. }) => lists::themes(scene, area, &names, *selected),
        None => {}
    }
    if let Some(question) = shell.questions.front_mut() {
        scene.cursor = None;
        question.draw(scene, area);
    } else if matches!(
        shell.overlay,
        Some(Overlay::Help { .. } | Overlay::Log { .. } | Overlay::Themes { .. } | Overlay::Replays(_))
    ) {
        scene.cursor = None;
    }
}

#[cfg(test)]
mod tests;
