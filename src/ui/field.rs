//! A line of text being typed, with a history.

use super::scene::Scene;
use super::table::put;
use super::{Chord, Role, text};
use ratatui::crossterm::event::{KeyCode, KeyModifiers};
use ratatui::layout::{Position, Rect};
use unicode_segmentation::UnicodeSegmentation;

/// What a key did to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// The text changed.
    Changed,
    /// Only the cursor moved.
    Moved,
    /// Enter: the text is in the history now.
    Submitted,
    /// Esc.
    Cancelled,
    /// The key means nothing here.
    Ignored,
}

/// A line of text, its cursor, and what was typed before.
#[derive(Clone, Debug, Default)]
pub struct Field {
    text: String,
    /// Where the cursor stands, as a byte offset on a grapheme's edge.
    at: usize,
    history: Vec<String>,
    /// Which line of the history is shown, and what was being typed before it.
    recalled: Option<(usize, String)>,
}

/// Lines of history that are kept.
const HISTORY: usize = 100;

impl Field {
    /// A field with a text, the cursor behind it.
    pub fn with(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { at: text.len(), text, ..Self::default() }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Replaces the text; the cursor goes behind it.
    pub fn set(&mut self, text: impl Into<String>) {
        self.text = text.into();
        self.at = self.text.len();
        self.recalled = None;
    }

    /// Puts text in at the cursor; line ends become spaces.
    pub fn insert(&mut self, text: &str) {
        let line = text.replace(['\r', '\n'], " ");
        self.text.insert_str(self.at, &line);
        self.at += line.len();
        self.recalled = None;
    }

    /// Remembers the text for the history.
    pub fn remember(&mut self) {
        if !self.text.trim().is_empty() && self.history.last() != Some(&self.text) {
            self.history.push(self.text.clone());
            if self.history.len() > HISTORY {
                self.history.remove(0);
            }
        }
        self.recalled = None;
    }

    /// Applies a key, as people know them from a shell.
    pub fn key(&mut self, key: Chord) -> Typed {
        if key.mods.contains(KeyModifiers::CONTROL) {
            return self.control(key.code);
        }
        match key.code {
            KeyCode::Enter => {
                self.remember();
                Typed::Submitted
            }
            KeyCode::Esc => Typed::Cancelled,
            KeyCode::Left => self.moved(self.before()),
            KeyCode::Right => self.moved(self.after()),
            KeyCode::Home => self.moved(0),
            KeyCode::End => self.moved(self.text.len()),
            KeyCode::Up => self.recall(true),
            KeyCode::Down => self.recall(false),
            KeyCode::Backspace => self.cut(self.before(), self.at),
            KeyCode::Delete => self.cut(self.at, self.after()),
            _ => match key.text() {
                Some(c) => {
                    self.insert(c.encode_utf8(&mut [0; 4]));
                    Typed::Changed
                }
                None => Typed::Ignored,
            },
        }
    }

    fn control(&mut self, code: KeyCode) -> Typed {
        match code {
            KeyCode::Char('a') => self.moved(0),
            KeyCode::Char('e') => self.moved(self.text.len()),
            KeyCode::Char('u') => self.cut(0, self.at),
            KeyCode::Char('k') => self.cut(self.at, self.text.len()),
            KeyCode::Char('w') | KeyCode::Backspace => self.cut(self.word_before(), self.at),
            KeyCode::Left => self.moved(self.word_before()),
            KeyCode::Char('h') => self.cut(self.before(), self.at),
            _ => Typed::Ignored,
        }
    }

    fn before(&self) -> usize {
        self.text[..self.at].grapheme_indices(true).next_back().map_or(0, |(i, _)| i)
    }

    fn after(&self) -> usize {
        self.text[self.at..].graphemes(true).next().map_or(self.at, |g| self.at + g.len())
    }

    fn word_before(&self) -> usize {
        let head = self.text[..self.at].trim_end();
        head.char_indices().rev().find(|(_, c)| c.is_whitespace()).map_or(0, |(i, c)| i + c.len_utf8())
    }

    fn moved(&mut self, to: usize) -> Typed {
        self.at = to;
        Typed::Moved
    }

    fn cut(&mut self, from: usize, to: usize) -> Typed {
        if from >= to {
            return Typed::Moved;
        }
        self.text.replace_range(from..to, "");
        self.at = from;
        self.recalled = None;
        Typed::Changed
    }

    fn recall(&mut self, older: bool) -> Typed {
        let (index, draft) = match (self.recalled.take(), older) {
            (None, true) if !self.history.is_empty() => (self.history.len() - 1, self.text.clone()),
            (Some((i, draft)), true) => (i.saturating_sub(1), draft),
            (Some((i, draft)), false) if i + 1 < self.history.len() => (i + 1, draft),
            (Some((_, draft)), false) => {
                self.set(draft);
                return Typed::Changed;
            }
            (None, _) => return Typed::Ignored,
        };
        let line = self.history[index].clone();
        self.set(line);
        self.recalled = Some((index, draft));
        Typed::Changed
    }

    /// Draws a prompt and the text around the cursor, and sets the terminal's cursor.
    pub fn draw(&self, scene: &mut Scene<'_>, area: Rect, prompt: &str) {
        if area.is_empty() {
            return;
        }
        let field = scene.style(Role::Field);
        scene.buf.set_style(Rect { height: 1, ..area }, field);
        put(scene, area, area.x, area.y, prompt, scene.style(Role::Accent));
        let start = area.x + (text::width(prompt) as u16).min(area.width);
        let room = usize::from(area.right() - start);
        if room == 0 {
            return;
        }
        let head = text::safe(&self.text[..self.at]);
        let mut skip = 0;
        let mut hidden = 0;
        let total = text::width(&head);
        for g in head.graphemes(true) {
            if total - hidden < room {
                break;
            }
            hidden += text::width(g);
            skip += g.len();
        }
        let tail = text::safe(&self.text[self.at..]);
        let shown = format!("{}{tail}", &head[skip..]);
        put(scene, area, start, area.y, &shown, field);
        scene.cursor = Some(Position::new(start + (total - hidden) as u16, area.y));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(field: &mut Field, keys: &[&str]) -> Typed {
        keys.iter().map(|k| field.key(k.parse().unwrap())).last().unwrap()
    }

    #[test]
    fn text_is_typed_and_cut_by_graphemes() {
        let mut f = Field::default();
        typed(&mut f, &["a", "é", "日"]);
        f.insert("e\u{301}👍");
        assert_eq!(typed(&mut f, &["backspace", "backspace"]), Typed::Changed);
        assert_eq!(f.text(), "aé日");
        typed(&mut f, &["left", "left", "delete", "x"]);
        assert_eq!(f.text(), "ax日");
        typed(&mut f, &["home", "backspace", "end", "space", "Q"]);
        assert_eq!(f.text(), "ax日 Q");
    }

    #[test]
    fn words_and_lines_are_cut() {
        let mut f = Field::with("state:failed table:x");
        typed(&mut f, &["ctrl-w"]);
        assert_eq!(f.text(), "state:failed ");
        typed(&mut f, &["ctrl-u"]);
        assert_eq!(f.text(), "");
        assert_eq!(typed(&mut f, &["ctrl-u"]), Typed::Moved);
    }

    #[test]
    fn up_recalls_and_down_comes_back_to_the_draft() {
        let mut f = Field::default();
        for line in ["one", "two"] {
            f.set(line);
            assert_eq!(typed(&mut f, &["enter"]), Typed::Submitted);
        }
        f.set("draft");
        typed(&mut f, &["up", "up", "up"]);
        assert_eq!(f.text(), "one");
        typed(&mut f, &["down", "down"]);
        assert_eq!(f.text(), "draft");
        assert_eq!(typed(&mut f, &["down"]), Typed::Ignored);
    }

    #[test]
    fn pasted_lines_become_one_and_escapes_do_not_leave_the_field() {
        let mut f = Field::default();
        f.insert("a\r\nb\x1b[2J");
        assert_eq!(f.text(), "a  b\x1b[2J");
        let theme = crate::ui::theme::built_in("robbie-dark").unwrap();
        for width in 0..20 {
            let area = Rect::new(0, 0, width, 1);
            let mut buf = ratatui::buffer::Buffer::empty(area);
            let mut scene = Scene::new(&mut buf, &theme, crate::ui::Now::at(0));
            f.draw(&mut scene, area, "/ ");
            assert!(scene.cursor.is_none_or(|c| c.x < width));
            assert!(buf.content.iter().all(|c| !c.symbol().contains('\x1b')));
        }
    }
}
