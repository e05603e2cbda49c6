//! What is painted is what a terminal shows, whatever came before.
#![expect(clippy::disallowed_methods, reason = "any colour will do")]

use super::*;
use proptest::prelude::*;
use ratatui::style::{Color, Modifier, Style};

fn shown_by(terminal: &vt100::Parser, area: Rect) -> Vec<String> {
    let row = |y: u16| {
        (0..area.width)
            .map(|x| match terminal.screen().cell(y, x) {
                Some(c) if c.is_wide_continuation() => String::new(),
                Some(c) if c.has_contents() => format!("{}{}", c.contents(), marks(c)),
                Some(c) => format!(" {}", marks(c)),
                None => String::new(),
            })
            .collect()
    };
    (0..area.height).map(row).collect()
}

fn marks(c: &vt100::Cell) -> String {
    format!("{:?}{}{}", c.bgcolor(), u8::from(c.inverse()), u8::from(c.underline()))
}

fn buffer(area: Rect, lines: &[(String, u8)]) -> Buffer {
    let mut b = Buffer::empty(area);
    for (y, (line, style)) in lines.iter().enumerate().take(area.height.into()) {
        let style = match style % 5 {
            0 => Style::new(),
            1 => Style::new().bg(Color::Indexed(53)),
            2 => Style::new().add_modifier(Modifier::REVERSED),
            3 => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            _ => Style::new().bg(Color::Blue).fg(Color::White),
        };
        b.set_style(Rect { y: y as u16, height: 1, ..area }, style);
        b.set_stringn(0, y as u16, line, area.width.into(), style);
    }
    b
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn painting_a_difference_shows_what_painting_it_whole_shows(
        frames in prop::collection::vec(prop::collection::vec(("[a-z日é ]{0,30}", 0u8..5), 12), 1..4),
        shift in 0usize..5,
    ) {
        let area = Rect::new(0, 0, 24, 12);
        let mut terminal = vt100::Parser::new(12, 24, 0);
        let mut screen = Screen::new(area, true);
        for mut lines in frames {
            for round in 0..2 {
                if round == 1 {
                    lines.rotate_left(shift);
                }
                terminal.process(&screen.paint(buffer(area, &lines), None));
                let mut fresh = vt100::Parser::new(12, 24, 0);
                fresh.process(&Screen::new(area, false).paint(buffer(area, &lines), None));
                prop_assert_eq!(shown_by(&terminal, area), shown_by(&fresh, area));
            }
        }
    }
}

fn numbered(from: usize, selected: usize) -> Buffer {
    let area = Rect::new(0, 0, 80, 20);
    let line = |i: usize| {
        (format!("   row {} some text of a row that is rather long indeed", from + i), u8::from(i == selected))
    };
    buffer(area, &(0..20).map(line).collect::<Vec<_>>())
}

#[test]
fn nothing_changed_is_nothing_written() {
    let mut screen = Screen::new(Rect::new(0, 0, 80, 20), true);
    assert!(!screen.paint(numbered(0, 3), None).is_empty());
    assert_eq!(screen.paint(numbered(0, 3), None), b"");
}

#[test]
fn a_list_that_moves_by_one_writes_a_fraction_of_it() {
    let mut screen = Screen::new(Rect::new(0, 0, 80, 20), true);
    let whole = screen.paint(numbered(0, 19), None).len();
    let moved = screen.paint(numbered(1, 19), None).len();
    assert!(moved * 5 < whole, "{moved} of {whole} bytes");
}

#[test]
fn every_frame_is_one_synchronised_update() {
    let mut screen = Screen::new(Rect::new(0, 0, 80, 20), true);
    let bytes = screen.paint(numbered(0, 0), None);
    assert!(bytes.starts_with(BEGIN) && bytes.ends_with(END));
}

#[test]
fn the_cursor_is_shown_where_text_is_typed_only() {
    let mut screen = Screen::new(Rect::new(0, 0, 80, 20), true);
    screen.paint(numbered(0, 0), None);
    let shown = screen.paint(numbered(0, 0), Some(Position::new(3, 4)));
    assert!(String::from_utf8_lossy(&shown).contains("\x1b[5;4H\x1b[?25h"));
    let hidden = screen.paint(numbered(0, 0), None);
    assert!(String::from_utf8_lossy(&hidden).contains("\x1b[?25l"));
}
