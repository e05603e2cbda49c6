//! Several lines of JSON to be edited: keys, cursor, undo and selection are those of `ratatui-textarea`; the drawing is ours,
//! since what is edited may be hostile and is coloured.

use super::table::put;
use super::{Chord, Role, Scene, text};
use ratatui::crossterm::event::{KeyCode, KeyModifiers};
use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;
use ratatui_textarea::{CursorMove, Input, Key, TextArea};
use std::collections::BTreeSet;
use unicode_segmentation::UnicodeSegmentation;

/// Lines that a page moves.
const PAGE: u16 = 10;

/// A text that is edited.
#[derive(Debug, Default)]
pub struct Editor {
    area: TextArea<'static>,
}

/// What of it is on the screen: the first line, and the first column.
#[derive(Clone, Copy, Debug, Default)]
pub struct Corner {
    top: usize,
    left: usize,
}

impl Editor {
    /// A text, with the cursor at its beginning.
    pub fn new(text: &str) -> Self {
        let mut area = TextArea::new(lines(text));
        area.set_tab_length(2);
        Self { area }
    }

    /// The text.
    pub fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    /// How many lines it has.
    pub fn lines(&self) -> usize {
        self.area.lines().len()
    }

    /// Puts another text in the place of this one, as a change that can be undone.
    pub fn replace(&mut self, text: &str) {
        self.area.select_all();
        self.area.insert_str(lines(text).join("\n"));
        self.go(0, 0);
    }

    /// The line and the column of the cursor, from 0.
    pub fn cursor(&self) -> (usize, usize) {
        let at = self.area.cursor();
        (at.0, at.1)
    }

    /// Puts the cursor on a line and a column, from 0.
    pub fn go(&mut self, line: usize, column: usize) {
        self.area.cancel_selection();
        let short = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        self.area.move_cursor(CursorMove::Jump(short(line), short(column)));
    }

    /// Applies a key; whether the text changed.
    pub fn key(&mut self, key: Chord) -> bool {
        let (ctrl, alt) = (key.mods.contains(KeyModifiers::CONTROL), key.mods.contains(KeyModifiers::ALT));
        let shift = key.mods.contains(KeyModifiers::SHIFT);
        let key = match key.code {
            KeyCode::PageUp => return self.step(-i32::from(PAGE)),
            KeyCode::PageDown => return self.step(i32::from(PAGE)),
            KeyCode::Char(c) => Key::Char(c),
            KeyCode::Enter => Key::Enter,
            KeyCode::Backspace => Key::Backspace,
            KeyCode::Delete => Key::Delete,
            KeyCode::Tab if !shift => Key::Tab,
            KeyCode::Left => Key::Left,
            KeyCode::Right => Key::Right,
            KeyCode::Up => Key::Up,
            KeyCode::Down => Key::Down,
            KeyCode::Home => Key::Home,
            KeyCode::End => Key::End,
            _ => return false,
        };
        self.area.input(Input { key, ctrl, alt, shift })
    }

    /// Puts a pasted text in.
    pub fn paste(&mut self, text: &str) {
        self.area.insert_str(lines(text).join("\n"));
    }

    /// Moves the cursor by lines; the text does not change.
    pub fn step(&mut self, by: i32) -> bool {
        self.area.cancel_selection();
        for _ in 0..by.unsigned_abs() {
            self.area.move_cursor(if by < 0 { CursorMove::Up } else { CursorMove::Down });
        }
        false
    }

    /// Draws the part around the cursor, with line numbers; lines in `marked` (from 0) have a mark.
    pub fn draw(
        &self,
        scene: &mut Scene<'_>,
        area: Rect,
        zone: &'static str,
        marked: &BTreeSet<usize>,
        corner: &mut Corner,
    ) {
        let lines = self.area.lines();
        let digits = lines.len().to_string().len().max(2);
        let gutter = digits as u16 + 4;
        if area.width <= gutter || area.height == 0 {
            return;
        }
        let (line, column) = self.cursor();
        let (rows, cells) = (usize::from(area.height), usize::from(area.width - gutter));
        let here = lines.get(line).map_or(0, |l| cells_before(l, column));
        // One line of context, and a few cells at the right, as long as there is room.
        let margin = usize::from(rows > 4);
        corner.top = corner.top.min(line.saturating_sub(margin)).max((line + 1 + margin).saturating_sub(rows));
        corner.top = corner.top.min(lines.len().saturating_sub(rows));
        corner.left = corner.left.min(here.saturating_sub(4.min(cells / 4))).max((here + 2).saturating_sub(cells));
        for (n, words) in lines.iter().enumerate().skip(corner.top).take(rows) {
            let row = Rect { y: area.y + (n - corner.top) as u16, height: 1, ..area };
            scene.zone(row, zone, n);
            let (mark, role) = if marked.contains(&n) { ("!", Role::Bad) } else { (" ", Role::Dim) };
            let number = format!("{mark} {:>digits$}  ", n + 1);
            let style = scene.style(if n == line && mark == " " { Role::Muted } else { role });
            put(scene, row, row.x, row.y, &number, style);
            let body = Rect { x: row.x + gutter, width: row.width - gutter, ..row };
            self.draw_line(scene, body, n, words, corner.left);
        }
        let y = area.y + (line - corner.top) as u16;
        scene.cursor = Some(Position::new(area.x + gutter + (here - corner.left) as u16, y));
    }

    fn draw_line(&self, scene: &mut Scene<'_>, area: Rect, n: usize, line: &str, left: usize) {
        let right = left + usize::from(area.width);
        let selected = self.area.selection_range();
        // A very long line is drawn in one colour: looking through all of it at every frame is too much.
        let spans = if line.len() > 20_000 { Vec::new() } else { spans(line) };
        let (mut cell, mut index, mut span) = (0, 0, 0);
        for grapheme in line.graphemes(true) {
            while spans.get(span + 1).is_some_and(|(start, _)| *start <= index) {
                span += 1;
            }
            let shown = text::safe(grapheme);
            let width = text::width(&shown);
            if cell + width > right {
                put(scene, area, area.right() - 1, area.y, "…", scene.style(Role::Dim));
                break;
            }
            if cell >= left {
                let mut style = scene.style(spans.get(span).map_or(Role::Text, |(_, role)| *role));
                if selected.is_some_and(|(from, to)| (n, index) >= from && (n, index) < to) {
                    style = style.add_modifier(Modifier::REVERSED);
                }
                put(scene, area, area.x + (cell - left) as u16, area.y, &shown, style);
            }
            cell += width;
            index += grapheme.chars().count();
        }
    }
}

fn lines(text: &str) -> Vec<String> {
    text.replace("\r\n", "\n").replace('\r', "\n").trim_end_matches('\n').split('\n').map(ToOwned::to_owned).collect()
}

/// How many cells lie before a character of a line.
fn cells_before(line: &str, column: usize) -> usize {
    let (mut cells, mut index) = (0, 0);
    for grapheme in line.graphemes(true) {
        if index >= column {
            break;
        }
        cells += text::width(&text::safe(grapheme));
        index += grapheme.chars().count();
    }
    cells
}

/// The parts of a line of JSON: where each begins, in characters, and its colour. A string never spans lines.
fn spans(line: &str) -> Vec<(usize, Role)> {
    let chars: Vec<char> = line.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let start = at;
        let role = match chars[at] {
            '"' => {
                at += 1;
                while at < chars.len() && chars[at] != '"' {
                    at += 1 + usize::from(chars[at] == '\\');
                }
                at = (at + 1).min(chars.len());
                let next = chars[at..].iter().find(|c| !c.is_whitespace());
                if next == Some(&':') { Role::Accent } else { Role::Text }
            }
            c if c.is_alphanumeric() || c == '-' => {
                while at < chars.len() && (chars[at].is_alphanumeric() || "+-._".contains(chars[at])) {
                    at += 1;
                }
                Role::Info
            }
            _ => {
                at += 1;
                Role::Muted
            }
        };
        out.push((start, role));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::{Now, theme};
    use ratatui::buffer::Buffer;

    fn press(editor: &mut Editor, keys: &[&str]) -> bool {
        keys.iter().map(|k| editor.key(k.parse().unwrap())).fold(false, |a, b| a | b)
    }

    fn drawn(editor: &Editor, width: u16, height: u16) -> (String, Option<Position>) {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        let theme = theme::built_in("robbie-dark").unwrap();
        let mut scene = Scene::new(&mut buf, &theme, Now::at(0));
        editor.draw(&mut scene, area, "z", &BTreeSet::from([1]), &mut Corner::default());
        let cursor = scene.cursor;
        let row = |y| (0..width).map(|x| buf[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        ((0..height).map(row).collect::<Vec<_>>().join("\n"), cursor)
    }

    #[test]
    fn a_text_comes_back_as_it_was_and_a_change_can_be_undone() {
        let mut editor = Editor::new("{\n  \"a\": 1\n}\n");
        assert_eq!(editor.text(), "{\n  \"a\": 1\n}");
        assert!(!press(&mut editor, &["down", "end"]), "moving changes nothing");
        assert!(press(&mut editor, &["2", "enter", "x", "backspace"]));
        assert_eq!(editor.text(), "{\n  \"a\": 12\n\n}");
        editor.replace("[]\r\n");
        assert_eq!((editor.text().as_str(), editor.cursor()), ("[]", (0, 0)));
        press(&mut editor, &["ctrl-u"]);
        assert_ne!(editor.text(), "[]");
        editor.paste("x\ry");
        assert!(editor.text().contains("x\ny"));
    }

    #[test]
    fn hostile_text_is_shown_and_the_cursor_stands_where_it_is() {
        let mut editor = Editor::new("{\n  \"t\": \"日本\u{1b}[2J\u{202e}é\"\n}");
        press(&mut editor, &["down", "end"]);
        let (shown, cursor) = drawn(&editor, 60, 4);
        assert!(shown.contains("日") && !shown.chars().any(|c| c != '\n' && c.is_control()), "{shown}");
        assert!(shown.lines().nth(1).unwrap().starts_with("!  2  "), "{shown}");
        let line = shown.lines().nth(1).unwrap();
        assert_eq!(usize::from(cursor.unwrap().x), text::width(&line.replace("日 ", "日").replace("本 ", "本")));
        for (w, h) in [(0, 0), (5, 3), (8, 1), (20, 2), (200, 60)] {
            drawn(&editor, w, h);
        }
    }

    #[test]
    fn a_long_line_scrolls_to_the_cursor() {
        let mut editor = Editor::new(&format!("{{\"a\": \"{}end\"}}", "x".repeat(500)));
        assert!(drawn(&editor, 30, 2).0.contains('…'));
        press(&mut editor, &["end"]);
        assert!(drawn(&editor, 30, 2).0.contains("end\"}"));
    }

    #[test]
    fn names_strings_and_numbers_are_told_apart() {
        let roles: Vec<Role> = spans(r#"  "a\"b": ["x", -1.5e3, null],"#).into_iter().map(|(_, role)| role).collect();
        assert_eq!(roles.iter().filter(|r| **r == Role::Accent).count(), 1);
        assert_eq!(roles.iter().filter(|r| **r == Role::Text).count(), 1);
        assert_eq!(roles.iter().filter(|r| **r == Role::Info).count(), 2);
    }
}
