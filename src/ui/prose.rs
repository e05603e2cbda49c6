//! Small things to draw: a line of parts, text that scrolls, a banner, a modal's frame, a face.

use super::scene::Scene;
use super::table::put;
use super::{Role, text};
use ratatui::layout::Rect;

/// A line made of texts in roles, each made safe, cut with `…` at the edge of `area`; the number of cells used.
pub fn line(scene: &mut Scene<'_>, area: Rect, parts: &[(&str, Role)]) -> u16 {
    let mut x = area.x;
    for (words, role) in parts {
        let room = usize::from(area.right().saturating_sub(x));
        if room == 0 || area.height == 0 {
            break;
        }
        let safe = text::safe(words);
        let shown = text::truncate(&safe, room);
        put(scene, area, x, area.y, &shown, scene.style(*role));
        x += text::width(&shown) as u16;
        if shown.len() < safe.len() {
            break;
        }
    }
    x - area.x
}

/// The cells a line of parts wants.
pub fn line_width(parts: &[(&str, Role)]) -> u16 {
    parts.iter().map(|(words, _)| text::width(&text::safe(words)) as u16).sum()
}

/// A line of parts that ends at the right edge of `area`; nothing where it does not fit.
pub fn line_right(scene: &mut Scene<'_>, area: Rect, parts: &[(&str, Role)]) {
    let wanted = line_width(parts);
    if wanted <= area.width {
        line(scene, Rect { x: area.right() - wanted, width: wanted, ..area }, parts);
    }
}

/// Lines that scroll: draws from `offset` (which is kept inside the text) and shows where one is at the right edge.
pub fn scrolled(scene: &mut Scene<'_>, area: Rect, zone: &'static str, lines: &[(String, Role)], offset: &mut usize) {
    let rows = usize::from(area.height);
    scene.viewport(zone, area.height);
    scene.zone(area, zone, 0);
    *offset = (*offset).min(lines.len().saturating_sub(rows));
    for (i, (words, role)) in lines.iter().skip(*offset).take(rows).enumerate() {
        line(scene, Rect { y: area.y + i as u16, height: 1, ..area }, &[(words, *role)]);
    }
    if lines.len() > rows && area.width > 0 && rows > 0 {
        let at = *offset * (rows - 1) / (lines.len() - rows).max(1);
        let x = area.right() - 1;
        put(scene, area, x, area.y + at as u16, "▐", scene.style(Role::Rule));
    }
}

/// A line across the screen that needs an eye.
pub fn banner(scene: &mut Scene<'_>, area: Rect, words: &str) {
    let style = scene.style(Role::Banner);
    scene.buf.set_style(Rect { height: area.height.min(1), ..area }, style);
    let safe = text::safe(words);
    put(scene, area, area.x, area.y, &text::truncate(&format!(" {safe}"), area.width.into()), style);
}

/// Keys and what they do, in a line; where there is little room the first and the last stay longest.
pub fn keys(scene: &mut Scene<'_>, row: Rect, keys: &[(&str, &str)]) {
    let mut keys = keys.to_vec();
    let cells = |keys: &[(&str, &str)]| keys.iter().map(|(k, w)| text::width(k) + text::width(w) + 4).sum::<usize>();
    while keys.len() > 2 && cells(&keys) > usize::from(row.width) + 3 {
        keys.remove(keys.len() - 2);
    }
    let mut parts: Vec<(String, Role)> = Vec::new();
    for (n, (key, words)) in keys.iter().enumerate() {
        parts.push((format!("{}{key}", if n > 0 { "   " } else { "" }), Role::Accent));
        parts.push((format!(" {words}"), Role::Muted));
    }
    let parts: Vec<(&str, Role)> = parts.iter().map(|(words, role)| (words.as_str(), *role)).collect();
    line(scene, row, &parts);
}

/// A modal's frame in the middle of `area`; gives the room inside.
pub fn modal(scene: &mut Scene<'_>, area: Rect, title: &str, width: u16, height: u16) -> Rect {
    let width = (width + 4).min(area.width);
    let height = (height + 2).min(area.height);
    let outer = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    if width < 4 || height < 3 {
        return Rect::ZERO;
    }
    let ground = scene.style(Role::Modal);
    for y in outer.y..outer.bottom() {
        for x in outer.x..outer.right() {
            let cell = &mut scene.buf[(x, y)];
            cell.reset();
            cell.set_symbol(" ").set_style(ground);
        }
    }
    let border = scene.style(Role::Border);
    let across = "─".repeat(usize::from(width - 2));
    put(scene, outer, outer.x, outer.y, &format!("╭{across}╮"), border);
    put(scene, outer, outer.x, outer.bottom() - 1, &format!("╰{across}╯"), border);
    for y in outer.y + 1..outer.bottom() - 1 {
        put(scene, outer, outer.x, y, "│", border);
        put(scene, outer, outer.right() - 1, y, "│", border);
    }
    if !title.is_empty() {
        let head = text::truncate(title, usize::from(width.saturating_sub(6))).into_owned();
        put(scene, outer, outer.x + 2, outer.y, &format!(" {head} "), border);
    }
    Rect { x: outer.x + 2, y: outer.y + 1, width: width - 4, height: height - 2 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::{Now, theme};
    use ratatui::buffer::Buffer;

    fn on(width: u16, height: u16, f: impl FnOnce(&mut Scene<'_>, Rect)) -> Vec<String> {
        let theme = theme::built_in("robbie-dark").unwrap();
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        f(&mut Scene::new(&mut buf, &theme, Now::at(0)), area);
        (0..height).map(|y| (0..width).map(|x| buf[(x, y)].symbol()).collect()).collect()
    }

    #[test]
    fn a_line_is_cut_with_a_mark() {
        assert_eq!(on(8, 1, |s, a| _ = line(s, a, &[("abc", Role::Text), ("defghij", Role::Dim)])), ["abcdefg…"]);
        assert_eq!(on(8, 1, |s, a| line_right(s, a, &[("abc", Role::Text)])), ["     abc"]);
        assert_eq!(on(6, 1, |s, a| _ = line(s, a, &[("a\x1bb", Role::Text)])), ["a␛b   "]);
    }

    #[test]
    fn scrolling_text_stays_inside() {
        let lines: Vec<_> = (0..10).map(|i| (format!("line {i}"), Role::Text)).collect();
        let mut offset = 99;
        let out = on(10, 3, |s, a| scrolled(s, a, "z", &lines, &mut offset));
        assert_eq!((offset, out[0].trim_end_matches(['▐', ' '])), (7, "line 7"));
    }

    #[test]
    fn nothing_breaks_at_any_size() {
        let lines = vec![("x".repeat(50), Role::Text); 9];
        for w in 0..12 {
            for h in 0..6 {
                on(w, h, |s, a| {
                    modal(s, a, "a title", 30, 10);
                    banner(s, a, "lost");
                    scrolled(s, a, "z", &lines, &mut 3);
                });
            }
        }
    }
}
