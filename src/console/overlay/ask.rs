//! A question before something is done. The default is No.

use crate::ui::field::{Field, Typed};
use crate::ui::host::Work;
use crate::ui::pane::{Ask, Choice};
use crate::ui::prose;
use crate::ui::table::put;
use crate::ui::{Chord, Role, Scene, table, text};
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::Rect;

/// A question on the screen.
#[derive(Debug)]
pub struct Question {
    /// The pane that asks.
    pub pane: usize,
    ask: Ask<Then>,
    choices: Vec<Choice>,
    /// The choice that the arrows change; behind the last one the buttons.
    row: usize,
    yes: bool,
    name: Field,
    offset: usize,
}

/// What a Yes does.
#[derive(Debug)]
pub enum Then {
    /// Runs work.
    Run(Work),
    /// Tells the pane what was chosen.
    Choose(Vec<usize>),
    /// Leaves the program; the replays under way end first.
    Leave,
}

/// What a key came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// Not answered yet.
    Waiting,
    /// Do it.
    Yes,
    /// Do not.
    No,
}

impl Question {
    /// A question of a pane.
    pub fn new(pane: usize, ask: Ask<Then>, choices: Vec<Choice>) -> Self {
        Self { pane, ask, row: choices.len(), choices, yes: false, name: Field::default(), offset: 0 }
    }

    /// What a Yes does.
    pub fn into_then(self) -> Then {
        match self.ask.then {
            Then::Choose(_) => Then::Choose(self.choices.iter().map(|choice| choice.chosen).collect()),
            then => then,
        }
    }

    /// Whether it asks about leaving the program.
    pub fn is_leave(&self) -> bool {
        matches!(self.ask.then, Then::Leave)
    }

    fn may_say_yes(&self) -> bool {
        self.ask.type_the_name.as_deref().is_none_or(|name| name == self.name.text())
    }

    /// Applies a key.
    pub fn key(&mut self, key: Chord) -> Reply {
        match key.code {
            KeyCode::Enter if self.row < self.choices.len() => self.row += 1,
            KeyCode::Left | KeyCode::Right if self.row < self.choices.len() => {
                self.turn(self.row, if key.code == KeyCode::Left { -1 } else { 1 });
            }
            KeyCode::Up if !self.choices.is_empty() => self.row = self.row.saturating_sub(1),
            KeyCode::Down if !self.choices.is_empty() => self.row = (self.row + 1).min(self.choices.len()),
            KeyCode::Enter if self.yes && self.may_say_yes() => return Reply::Yes,
            KeyCode::Enter if self.ask.type_the_name.is_some() && !self.name.text().is_empty() => {
                // A wrong name is no answer: the question stays.
                self.yes = self.may_say_yes();
                return if self.yes { Reply::Yes } else { Reply::Waiting };
            }
            KeyCode::Enter | KeyCode::Esc => return Reply::No,
            KeyCode::Tab | KeyCode::Left | KeyCode::Right => {
                self.row = self.choices.len();
                self.yes = !self.yes && self.may_say_yes();
            }
            KeyCode::Up => self.offset = self.offset.saturating_sub(1),
            KeyCode::Down => self.offset += 1,
            _ if self.ask.type_the_name.is_some() => self.yes &= self.name.key(key) != Typed::Changed,
            KeyCode::Char('n' | 'N' | 'q') => return Reply::No,
            // What destroys takes two steps: y chooses, Enter does.
            KeyCode::Char('y' | 'Y') if self.ask.danger => self.yes = true,
            KeyCode::Char('y' | 'Y') => return Reply::Yes,
            _ => {}
        }
        Reply::Waiting
    }

    /// Applies a paste.
    pub fn paste(&mut self, text: &str) {
        if self.ask.type_the_name.is_some() {
            self.name.insert(text);
            self.yes = false;
        }
    }

    /// The next value of a choice, or the one before it.
    fn turn(&mut self, row: usize, by: isize) {
        if let Some(choice) = self.choices.get_mut(row) {
            choice.chosen = (choice.chosen as isize + by).rem_euclid(choice.values.len().max(1) as isize) as usize;
        }
    }

    /// Applies a click on one of the choices.
    pub fn choose(&mut self, row: usize) -> Reply {
        self.row = row;
        self.turn(row, 1);
        Reply::Waiting
    }

    /// Applies a click on one of the buttons.
    pub fn click(&mut self, button: usize) -> Reply {
        match button {
            0 => Reply::No,
            _ if self.may_say_yes() => Reply::Yes,
            _ => Reply::Waiting,
        }
    }

    /// Draws it in the middle of `area`.
    pub fn draw(&mut self, scene: &mut Scene<'_>, area: Rect) {
        let width = area.width.saturating_sub(8).clamp(16, 76);
        let inner_width = usize::from(width);
        let mut lines: Vec<(String, Role)> =
            text::wrap(&text::safe(&self.ask.question), inner_width).into_iter().map(|l| (l, Role::Strong)).collect();
        if !self.ask.details.is_empty() {
            lines.push((String::new(), Role::Text));
        }
        for detail in &self.ask.details {
            for line in text::safe_lines(detail, 4) {
                lines.extend(text::wrap(&line, inner_width).into_iter().map(|l| (l, Role::Muted)));
            }
        }
        let choices = self.choices.len() as u16 + u16::from(!self.choices.is_empty());
        let typed = u16::from(self.ask.type_the_name.is_some()) * 2 + choices;
        let height = (lines.len() as u16 + 2 + typed).min(area.height.saturating_sub(2));
        let title = if self.ask.danger { "! Sure?" } else { "Sure?" };
        let inner = prose::modal(scene, area, title, width, height);
        if inner.is_empty() {
            return;
        }
        let text_rows = inner.height.saturating_sub(2 + typed).max(1);
        let body = Rect { height: text_rows.min(inner.height), ..inner };
        prose::scrolled(scene, body, "@ask-text", &lines, &mut self.offset);
        self.draw_choices(
            scene,
            Rect { y: inner.y + text_rows + 1, height: inner.height.saturating_sub(text_rows + 2), ..inner },
        );
        if let Some(name) = &self.ask.type_the_name
            && inner.height > text_rows + choices + 2
        {
            let row = Rect { y: inner.y + text_rows + choices + 1, height: 1, ..inner };
            self.name.draw(scene, row, &format!("type {} to go on: ", text::safe(name)));
        }
        self.draw_buttons(scene, inner);
    }

    fn draw_choices(&self, scene: &mut Scene<'_>, area: Rect) {
        let names = self.choices.iter().map(|choice| text::width(choice.name)).max().unwrap_or(0);
        for (i, choice) in self.choices.iter().enumerate().take(area.height.into()) {
            let row = Rect { y: area.y + i as u16, height: 1, ..area };
            let here = i == self.row;
            let (mark, open, close) = if here { ("▸ ", " ← ", " →") } else { ("  ", "   ", "") };
            let name = text::left(choice.name, names);
            let value = choice.values.get(choice.chosen).copied().unwrap_or_default();
            let parts = [
                (mark, Role::Accent),
                (&*name, Role::Muted),
                (open, Role::Accent),
                (value, Role::Text),
                (close, Role::Accent),
            ];
            prose::line(scene, row, &parts);
            if here {
                table::bar(scene, row);
            }
            scene.zone(row, "@ask-choice", i);
        }
    }

    fn draw_buttons(&self, scene: &mut Scene<'_>, inner: Rect) {
        let y = inner.bottom() - 1;
        let mut x = inner.x;
        let here = self.row == self.choices.len();
        let no = if self.yes || !here { "   No   " } else { " ▸ No   " };
        let yes = format!(" {} {} ", if self.yes { "▸" } else { " " }, text::safe(&self.ask.confirm));
        for (index, (label, chosen)) in [(no, !self.yes), (yes.as_str(), self.yes)].into_iter().enumerate() {
            let role = match (chosen && here, index == 1 && !self.may_say_yes()) {
                (true, _) => Role::Button,
                (_, true) => Role::Dim,
                _ => Role::Muted,
            };
            let style = scene.style(role);
            let label = text::truncate(label, inner.right().saturating_sub(x).into());
            put(scene, inner, x, y, &label, style);
            let w = text::width(&label) as u16;
            scene.zone(Rect { x, y, width: w, height: 1 }.intersection(inner), "@ask", index);
            x = x.saturating_add(w + 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::pane::Policy;

    fn question(danger: bool, name: Option<&str>) -> Question {
        let then = Work {
            policy: Policy::Write,
            label: "replay".into(),
            run: Box::new(|_, _| Box::pin(async { Box::new(()) as crate::ui::host::Word })),
        };
        Question::new(
            0,
            Ask {
                question: "Replay 31 entries on the master?".into(),
                details: vec!["insert into code_messages …".into()],
                confirm: "Replay 31".into(),
                danger,
                type_the_name: name.map(Into::into),
                then: Then::Run(then),
            },
            Vec::new(),
        )
    }

    fn press(q: &mut Question, keys: &[&str]) -> Reply {
        keys.iter().map(|k| q.key(k.parse().unwrap())).last().unwrap()
    }

    #[test]
    fn the_default_is_no() {
        assert_eq!(press(&mut question(false, None), &["enter"]), Reply::No);
        assert_eq!(press(&mut question(true, None), &["enter"]), Reply::No);
        assert_eq!(press(&mut question(false, None), &["esc"]), Reply::No);
        assert_eq!(press(&mut question(false, None), &["n"]), Reply::No);
    }

    #[test]
    fn yes_is_said_with_y_or_by_choosing_it() {
        assert_eq!(press(&mut question(false, None), &["y"]), Reply::Yes);
        assert_eq!(press(&mut question(false, None), &["tab", "enter"]), Reply::Yes);
        assert_eq!(press(&mut question(false, None), &["right", "left", "enter"]), Reply::No);
    }

    #[test]
    fn what_destroys_takes_two_steps() {
        assert_eq!(press(&mut question(true, None), &["y"]), Reply::Waiting);
        assert_eq!(press(&mut question(true, None), &["y", "enter"]), Reply::Yes);
    }

    #[test]
    fn choices_are_made_with_the_arrows_and_the_default_stays_no() {
        let choices = vec![
            Choice { name: "rate", values: vec!["no limit", "5/s", "50/s"], chosen: 0 },
            Choice { name: "stop", values: vec!["never", "at a new error"], chosen: 1 },
        ];
        let mut q = question(false, None);
        q = Question { row: 2, choices, ask: Ask { then: Then::Choose(Vec::new()), ..q.ask }, ..q };
        assert_eq!(press(&mut q, &["up", "up", "left", "down", "right", "down", "enter"]), Reply::No);
        assert_eq!(press(&mut q, &["up", "enter"]), Reply::Waiting, "on a choice Enter goes on");
        assert_eq!(press(&mut q, &["right", "enter"]), Reply::Yes);
        assert!(matches!(q.into_then(), Then::Choose(chosen) if chosen == [2, 0]));
    }

    #[test]
    fn a_protected_target_wants_its_name() {
        let mut q = question(true, Some("ny"));
        assert_eq!(press(&mut q, &["tab", "y", "enter"]), Reply::Waiting, "a wrong name is no answer");
        assert_eq!(q.click(1), Reply::Waiting);
        assert_eq!(press(&mut q, &["backspace", "n", "y", "enter"]), Reply::Yes);
        assert_eq!(press(&mut question(true, Some("ny")), &["enter"]), Reply::No);
    }
}
