//! Where the parts of the frame lie, at any size.

use ratatui::layout::{Rect, Size};

/// Below this nothing can be read.
pub const LEAST: Size = Size { width: 20, height: 5 };

/// From here down header and tabs share a line and the footer goes.
const COMPACT: u16 = 12;
/// From here up there is air under the answer.
const AIRY: u16 = 18;

/// The parts of the frame. A part that has no room is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Areas {
    /// Profile, links, face.
    pub header: Rect,
    /// The tabs; in a compact frame the header's line is all there is.
    pub tabs: Rect,
    /// The answer in words.
    pub answer: Rect,
    /// Lost links.
    pub banners: Rect,
    /// The pane.
    pub body: Rect,
    /// The replay under way.
    pub strip: Rect,
    /// Keys and running work.
    pub footer: Rect,
    /// Where messages may lie.
    pub messages: Rect,
}

/// Shares out the screen.
pub fn areas(area: Rect, banners: u16, running: bool) -> Areas {
    let mut y = area.y;
    let mut take = |rows: u16| {
        let rows = rows.min(area.bottom() - y);
        let part = Rect { y, height: rows, ..area };
        y += rows;
        part
    };
    if area.height < COMPACT {
        // A banner takes the answer's line: rows are what a person came for.
        let header = take(1);
        let banners = take(banners.min(1));
        let answer = take(1 - banners.height);
        let body = take(area.height.saturating_sub(2 + u16::from(running)));
        let strip = take(u16::from(running));
        let messages = if answer.height > 0 { answer } else { banners };
        return Areas { header, tabs: Rect::ZERO, answer, banners, body, strip, footer: Rect::ZERO, messages };
    }
    let (header, tabs, answer) = (take(1), take(1), take(1));
    let banners = take(banners);
    take(u16::from(area.height >= AIRY));
    let rest = area.bottom() - y;
    let mut take = |rows: u16| {
        let part = Rect { y, height: rows, ..area };
        y += rows;
        part
    };
    let body = take(rest.saturating_sub(1 + u16::from(running)));
    let strip = take(u16::from(running));
    let footer = take(1);
    let messages = if area.height >= AIRY {
        let rows = body.height.min(6);
        Rect { y: body.bottom() - rows, height: rows, ..body }
    } else {
        footer
    };
    Areas { header, tabs, answer, banners, body, strip, footer, messages }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_cover_the_screen_and_never_overlap() {
        for height in LEAST.height..60 {
            for lost in 0..6 {
                let area = Rect::new(0, 0, 80, height);
                let a = areas(area, lost % 3, lost > 2);
                let parts = [a.header, a.tabs, a.answer, a.banners, a.body, a.strip, a.footer];
                let sum: u16 = parts.iter().map(|p| p.height).sum();
                assert_eq!(sum, height - u16::from(height >= AIRY), "{height} {lost}");
                let mut next = 0;
                for part in parts.iter().filter(|p| p.height > 0) {
                    assert!(part.y >= next, "{height} {lost}: {a:?}");
                    next = part.bottom();
                }
                assert!(next <= height);
            }
        }
    }

    #[test]
    fn forty_by_ten_leaves_room_for_six_rows_under_their_heads() {
        assert!(areas(Rect::new(0, 0, 40, 10), 0, false).body.height >= 8);
        assert!(areas(Rect::new(0, 0, 40, 10), 2, true).body.height >= 7);
    }
}
