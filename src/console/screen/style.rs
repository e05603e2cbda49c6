//! The pen: which style the terminal writes in, and the shortest sequence to another.

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};
use std::fmt::Write as _;

/// The terminal's current style; `None` where it is not known.
#[derive(Default)]
pub struct Pen {
    known: Option<(Color, Color, Modifier)>,
}

/// Each weight with its codes for on and off.
const BITS: [(Modifier, u8, u8); 7] = [
    (Modifier::BOLD, 1, 22),
    (Modifier::DIM, 2, 22),
    (Modifier::ITALIC, 3, 23),
    (Modifier::UNDERLINED, 4, 24),
    (Modifier::REVERSED, 7, 27),
    (Modifier::HIDDEN, 8, 28),
    (Modifier::CROSSED_OUT, 9, 29),
];
/// The weights that show on a space.
const ON_SPACES: Modifier = Modifier::UNDERLINED.union(Modifier::REVERSED).union(Modifier::CROSSED_OUT);

impl Pen {
    /// A pen known to be in the terminal's own style.
    pub fn reset() -> Self {
        Self { known: Some((Color::Reset, Color::Reset, Modifier::empty())) }
    }

    /// Whether anything but the terminal's own style is set.
    pub fn is_set(&self) -> bool {
        self.known.is_some_and(|k| k != (Color::Reset, Color::Reset, Modifier::empty()))
    }

    /// Changes to the style of a cell.
    pub fn set(&mut self, out: &mut Vec<u8>, cell: &Cell) {
        let mut wanted = (cell.fg, cell.bg, cell.modifier);
        if let Some((fg, _, mods)) = self.known
            && cell.symbol() == " "
            && !cell.modifier.union(mods).intersects(ON_SPACES)
        {
            // A space has no ink: whatever ink is in the pen will do.
            (wanted.0, wanted.2) = (fg, mods);
        }
        if self.known == Some(wanted) {
            return;
        }
        let mut codes = String::new();
        let (fg, bg, mut mods) = self.known.unwrap_or_else(|| {
            codes.push('0');
            (Color::Reset, Color::Reset, Modifier::empty())
        });
        for (bit, _, off) in BITS {
            if mods.contains(bit) && !wanted.2.contains(bit) {
                push(&mut codes, format_args!("{off}"));
                // Bold and dim share their "off".
                mods -= if off == 22 { Modifier::BOLD | Modifier::DIM } else { bit };
            }
        }
        for (bit, on, _) in BITS {
            if wanted.2.contains(bit) && !mods.contains(bit) {
                push(&mut codes, format_args!("{on}"));
            }
        }
        if wanted.0 != fg {
            colour(&mut codes, wanted.0, 30);
        }
        if wanted.1 != bg {
            colour(&mut codes, wanted.1, 40);
        }
        if !codes.is_empty() {
            out.extend_from_slice(b"\x1b[");
            out.extend_from_slice(codes.as_bytes());
            out.push(b'm');
        }
        self.known = Some(wanted);
    }
}

fn push(codes: &mut String, code: std::fmt::Arguments<'_>) {
    if !codes.is_empty() {
        codes.push(';');
    }
    let _ = codes.write_fmt(code);
}

/// A colour as SGR codes; `base` is 30 for the letter and 40 for the ground.
fn colour(codes: &mut String, colour: Color, base: u8) {
    let sixteen = |n: u8| if n < 8 { base + n } else { base + 52 + n };
    let index = match colour {
        Color::Reset => return push(codes, format_args!("{}", base + 9)),
        Color::Rgb(r, g, b) => return push(codes, format_args!("{};2;{r};{g};{b}", base + 8)),
        Color::Indexed(n) => return push(codes, format_args!("{};5;{n}", base + 8)),
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    push(codes, format_args!("{}", sixteen(index)));
}

/// Whether erasing in the style of `first` makes `cell`: the same ground, and nothing that only a written space shows.
pub fn erasable(first: &Cell, cell: &Cell) -> bool {
    first.bg == cell.bg && !first.modifier.union(cell.modifier).intersects(ON_SPACES)
}
