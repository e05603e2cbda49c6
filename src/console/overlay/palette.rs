//! All actions by name, found by a few letters.

use crate::console::keymap::{Global, Keymap, Meaning};
use crate::ui::field::{Field, Typed};
use crate::ui::prose;
use crate::ui::table::{bar, put, scroll};
use crate::ui::{Chord, Role, Scene, text};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::Rect;

/// What choosing a line does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// An action of the console.
    Global(Global),
    /// An action of a pane, by number and index.
    Pane(usize, usize),
    /// Another theme.
    Theme(String),
}

#[derive(Clone, Debug)]
struct Item {
    name: String,
    help: String,
    key: String,
    choice: Choice,
}

/// The palette.
#[derive(Debug)]
pub struct Palette {
    field: Field,
    items: Vec<Item>,
    shown: Vec<usize>,
    selected: usize,
    offset: usize,
    matcher: Box<Matcher>,
}

/// What a key came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Picked {
    /// Nothing yet.
    Waiting,
    /// Closed.
    Closed,
    /// This.
    Choice(Choice),
}

/// Actions that make no sense as a line: moving about, and the palette itself.
fn is_motion(action: Global) -> bool {
    matches!(action, Global::Move(_) | Global::Open | Global::Back | Global::Palette | Global::Pane(_))
}

impl Palette {
    /// Everything that can be done: the active pane's actions first.
    pub fn new(keymap: &Keymap, titles: &[&str], active: usize, themes: &[String]) -> Self {
        let mut items = Vec::new();
        let order = std::iter::once(active).chain((0..titles.len()).filter(|&p| p != active));
        for pane in order.filter(|&p| p < titles.len()) {
            for (index, e) in keymap.of(pane).iter().enumerate() {
                let help = e.help.to_owned();
                items.push(Item { name: e.name.clone(), help, key: e.key(), choice: Choice::Pane(pane, index) });
            }
        }
        for (number, title) in titles.iter().enumerate() {
            let action = Global::Pane(number);
            let key = keymap.global(action).map(super::super::keymap::Entry::key).unwrap_or_default();
            let name = format!("go {}", title.to_lowercase());
            items.push(Item { name, help: format!("Show {title}"), key, choice: Choice::Global(action) });
        }
        for e in keymap.globals() {
            if let Meaning::Global(action) = e.meaning
                && !is_motion(action)
                && !keymap.is_refined(active, e)
            {
                let help = e.help.to_owned();
                items.push(Item { name: e.name.clone(), help, key: e.key(), choice: Choice::Global(action) });
            }
        }
        for name in themes {
            items.push(Item {
                name: format!("theme {name}"),
                help: format!("Use the theme {name}"),
                key: String::new(),
                choice: Choice::Theme(name.clone()),
            });
        }
        let shown = (0..items.len()).collect();
        let matcher = Box::new(Matcher::new(Config::DEFAULT));
        Self { field: Field::default(), items, shown, selected: 0, offset: 0, matcher }
    }

    /// Applies a key.
    pub fn key(&mut self, key: Chord) -> Picked {
        match key.code {
            KeyCode::Up => self.step(-1),
            KeyCode::Down => self.step(1),
            KeyCode::PageUp => self.step(-10),
            KeyCode::PageDown => self.step(10),
            KeyCode::Enter => return self.pick(self.selected),
            _ => match self.field.key(key) {
                Typed::Cancelled => return Picked::Closed,
                Typed::Changed => self.search(),
                _ => {}
            },
        }
        Picked::Waiting
    }

    /// Applies a paste.
    pub fn paste(&mut self, text: &str) {
        self.field.insert(text);
        self.search();
    }

    /// Moves the cursor.
    pub fn step(&mut self, by: i64) {
        let last = self.shown.len().saturating_sub(1) as i64;
        self.selected = (self.selected as i64 + by).clamp(0, last.max(0)) as usize;
    }

    /// Chooses line number `at`.
    pub fn pick(&self, at: usize) -> Picked {
        match self.shown.get(at) {
            Some(&i) => Picked::Choice(self.items[i].choice.clone()),
            None => Picked::Waiting,
        }
    }

    fn search(&mut self) {
        self.selected = 0;
        self.offset = 0;
        let pattern = Pattern::parse(self.field.text(), CaseMatching::Ignore, Normalization::Smart);
        let wanted = self.field.text().trim().to_lowercase();
        let mut buffer = Vec::new();
        let mut scored: Vec<(u32, usize)> = Vec::new();
        for (i, item) in self.items.iter().enumerate() {
            // A few letters find a name; a sentence must hold them as they stand, else everything is found.
            let name = pattern.score(Utf32Str::new(&item.name, &mut buffer), &mut self.matcher).map(|s| s + 1);
            let help = item.help.to_lowercase().contains(&wanted).then_some(1);
            if let Some(score) = name.max(help) {
                scored.push((score, i));
            }
        }
        scored.sort_by_key(|&(score, i)| (std::cmp::Reverse(score), i));
        self.shown = scored.into_iter().map(|(_, i)| i).collect();
    }

    /// Draws it in the upper middle of `area`.
    pub fn draw(&mut self, scene: &mut Scene<'_>, area: Rect) {
        let width = area.width.saturating_sub(8).min(84);
        let height = (self.items.len() as u16 + 1).min(area.height.saturating_sub(4)).min(18);
        let inner = prose::modal(scene, area, "commands", width, height);
        if inner.is_empty() {
            return;
        }
        self.field.draw(scene, Rect { height: 1, ..inner }, ": ");
        let list = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
        if self.shown.is_empty() {
            prose::line(scene, list, &[("nothing is called like that", Role::Muted)]);
            return;
        }
        self.offset = scroll(self.offset, Some(self.selected), self.shown.len(), list.height.into());
        let names =
            self.items.iter().map(|i| text::width(&i.name)).max().unwrap_or(0).min(usize::from(inner.width) / 2);
        for (line, at) in (self.offset..self.shown.len()).take(list.height.into()).enumerate() {
            let row = Rect { y: list.y + line as u16, height: 1, ..list };
            let item = &self.items[self.shown[at]];
            let chosen = at == self.selected;
            let mark = if chosen { "▸ " } else { "  " };
            let name = text::left(&item.name, names);
            let body = Rect { width: row.width.saturating_sub(8), ..row };
            prose::line(
                scene,
                body,
                &[(mark, Role::Accent), (&name, Role::Strong), ("  ", Role::Text), (&item.help, Role::Muted)],
            );
            let key = text::right(&item.key, 7);
            put(scene, row, row.right().saturating_sub(7), row.y, &key, scene.style(Role::Accent));
            if chosen {
                bar(scene, row);
            }
            scene.zone(row, "@palette", at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::keymap::Overrides;

    fn palette() -> Palette {
        let map = Keymap::build(&[], &Overrides::new()).unwrap();
        Palette::new(&map, &["Health", "Queue"], 0, &["robbie-dark".into(), "robbie-light".into()])
    }

    fn typed(p: &mut Palette, text: &str) -> Picked {
        for c in text.chars() {
            p.key(Chord::plain(KeyCode::Char(c)));
        }
        p.key(Chord::plain(KeyCode::Enter))
    }

    #[test]
    fn a_few_letters_find_the_action() {
        assert_eq!(typed(&mut palette(), "quit"), Picked::Choice(Choice::Global(Global::Quit)));
        assert_eq!(typed(&mut palette(), "gqueue"), Picked::Choice(Choice::Global(Global::Pane(1))));
        assert_eq!(typed(&mut palette(), "light"), Picked::Choice(Choice::Theme("robbie-light".into())));
        assert_eq!(typed(&mut palette(), "sync"), Picked::Choice(Choice::Global(Global::SyncNow)));
    }

    #[test]
    fn nothing_found_chooses_nothing_and_esc_closes() {
        let mut p = palette();
        assert_eq!(typed(&mut p, "zzzzqqq"), Picked::Waiting);
        assert_eq!(p.key(Chord::plain(KeyCode::Esc)), Picked::Closed);
    }

    #[test]
    fn the_cursor_stays_inside() {
        let mut p = palette();
        p.step(-5);
        assert_eq!(p.selected, 0);
        p.step(10_000);
        assert_eq!(p.selected, p.shown.len() - 1);
    }
}
