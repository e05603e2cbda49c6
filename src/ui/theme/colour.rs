//! Colours as a terminal can show them: 24 bits, 256, 16, or none.
#![expect(clippy::disallowed_methods, reason = "this is the place that knows colours")]

use super::{Role, without_colour};
use ratatui::style::{Color, Modifier, Style};

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// 24 bits.
    True,
    /// The 256 of xterm.
    Indexed,
    /// The terminal's own 16.
    Sixteen,
    /// None (`NO_COLOR`).
    None,
}

impl Depth {
    /// What the environment says: `NO_COLOR`, `COLORTERM`, `TERM`.
    pub fn detect(no_color: Option<&str>, colorterm: Option<&str>, term: Option<&str>) -> Self {
        if no_color.is_some_and(|v| !v.is_empty()) || term == Some("dumb") {
            return Self::None;
        }
        if colorterm.is_some_and(|v| v.contains("truecolor") || v.contains("24bit")) {
            return Self::True;
        }
        match term {
            Some(t) if t.contains("256") || t.contains("direct") || t.contains("kitty") => Self::Indexed,
            _ => Self::Sixteen,
        }
    }
}

/// Reads a colour of a theme file: `#rrggbb`, `0`–`255`, or one of the terminal's 16 by name; `""` is the terminal's own.
pub(super) fn parse(text: &str) -> Option<Color> {
    if text.is_empty() || text == "default" {
        return Some(Color::Reset);
    }
    if let Some(hex) = text.strip_prefix('#') {
        let value = u32::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 6)?;
        return Some(Color::Rgb((value >> 16) as u8, (value >> 8) as u8, value as u8));
    }
    if let Ok(index) = text.parse::<u8>() {
        return Some(Color::Indexed(index));
    }
    text.parse().ok()
}

/// A style at a depth.
pub(super) fn reduce(style: Style, role: Role, depth: Depth) -> Style {
    if depth == Depth::None {
        return without_colour(role);
    }
    let colour = |c: Color| match (c, depth) {
        (Color::Rgb(r, g, b), Depth::Indexed) => Color::Indexed(nearest_256(r, g, b)),
        (Color::Rgb(r, g, b), Depth::Sixteen) => nearest_16(r, g, b),
        (c, _) => c,
    };
    let mut out = Style { fg: style.fg.map(colour), bg: style.bg.map(colour), ..style };
    if depth == Depth::Sixteen && style.bg.is_some_and(is_rgb) {
        // Sixteen colours cannot tell two dark grounds apart: grounds go, the bar and the buttons reverse.
        out.bg = None;
        if matches!(role, Role::Selected | Role::Button | Role::Banner | Role::Protected) {
            out = out.add_modifier(Modifier::REVERSED);
        }
    }
    out
}

fn is_rgb(c: Color) -> bool {
    matches!(c, Color::Rgb(..))
}

fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let d = |x: u8, y: u8| u32::from(x.abs_diff(y)).pow(2);
    // The eye sees green best and blue least.
    3 * d(a.0, b.0) + 4 * d(a.1, b.1) + 2 * d(a.2, b.2)
}

const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn nearest_256(r: u8, g: u8, b: u8) -> u8 {
    let step = |v: u8| (0..6).min_by_key(|&i| CUBE[i as usize].abs_diff(v)).unwrap_or(0);
    let (cr, cg, cb) = (step(r), step(g), step(b));
    let cube = (CUBE[cr as usize], CUBE[cg as usize], CUBE[cb as usize]);
    let mean = ((u16::from(r) + u16::from(g) + u16::from(b)) / 3) as u8;
    let grey = (mean.saturating_sub(3) / 10).min(23);
    let level = 8 + 10 * grey;
    if distance((r, g, b), (level, level, level)) < distance((r, g, b), cube) {
        232 + grey
    } else {
        16 + 36 * cr + 6 * cg + cb
    }
}

const SIXTEEN: [(Color, (u8, u8, u8)); 16] = [
    (Color::Black, (0, 0, 0)),
    (Color::Red, (205, 0, 0)),
    (Color::Green, (0, 205, 0)),
    (Color::Yellow, (205, 205, 0)),
    (Color::Blue, (0, 0, 238)),
    (Color::Magenta, (205, 0, 205)),
    (Color::Cyan, (0, 205, 205)),
    (Color::Gray, (229, 229, 229)),
    (Color::DarkGray, (127, 127, 127)),
    (Color::LightRed, (255, 0, 0)),
    (Color::LightGreen, (0, 255, 0)),
    (Color::LightYellow, (255, 255, 0)),
    (Color::LightBlue, (92, 92, 255)),
    (Color::LightMagenta, (255, 0, 255)),
    (Color::LightCyan, (0, 255, 255)),
    (Color::White, (255, 255, 255)),
];

fn nearest_16(r: u8, g: u8, b: u8) -> Color {
    SIXTEEN.iter().min_by_key(|(_, rgb)| distance((r, g, b), *rgb)).map_or(Color::Reset, |(c, _)| *c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read() {
        assert_eq!(parse("#1b1626"), Some(Color::Rgb(0x1b, 0x16, 0x26)));
        assert_eq!(parse("236"), Some(Color::Indexed(236)));
        assert_eq!(parse("lightblue"), Some(Color::LightBlue));
        assert_eq!(parse(""), Some(Color::Reset));
        assert_eq!(parse("#12345"), None);
        assert_eq!(parse("mauve-ish"), None);
    }

    #[test]
    fn the_nearest_of_256_and_16_is_found() {
        assert_eq!(nearest_256(255, 0, 0), 196);
        assert_eq!(nearest_256(128, 128, 128), 244);
        assert_eq!(nearest_256(0, 0, 0), 16);
        assert_eq!(nearest_16(250, 10, 10), Color::LightRed);
        assert_eq!(nearest_16(0, 0, 10), Color::Black);
    }

    #[test]
    fn the_environment_decides_the_depth() {
        assert_eq!(Depth::detect(Some("1"), Some("truecolor"), Some("xterm")), Depth::None);
        assert_eq!(Depth::detect(Some(""), Some("truecolor"), Some("xterm")), Depth::True);
        assert_eq!(Depth::detect(None, None, Some("xterm-256color")), Depth::Indexed);
        assert_eq!(Depth::detect(None, None, Some("linux")), Depth::Sixteen);
        assert_eq!(Depth::detect(None, Some("truecolor"), Some("dumb")), Depth::None);
    }
}
