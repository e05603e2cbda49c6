//! A line that a person types before something is asked: a reason, a user, words to look for.

use super::{Command, Putting, Queue};
use crate::ui::field::{Field, Typed};
use crate::ui::{Chord, Effect, Level as Weight, Role, Scene, Step, prose};
use ratatui::layout::Rect;
use uuid::Uuid;

/// What the line is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Why entries are discarded; those that can be, and what is to be said of the others.
    Discard { ids: Vec<Uuid>, able: usize, others: String },
    /// Why a replay is taken back.
    Undo(Vec<Uuid>),
    /// The user of the master that a text id means.
    User { id: Uuid, text: String, waiting: i64, users: Vec<String> },
    /// Words in a payload.
    Find,
}

/// A line being typed.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    pub wanted: Option<Wanted>,
    field: Field,
}

impl Prompt {
    /// What stands before the line, and what helps with it.
    fn words(&self) -> (String, String) {
        let entries = super::outcomes::entries;
        match &self.wanted {
            Some(Wanted::Discard { able, .. }) => (format!(" why discard {}? ", entries(*able)), String::new()),
            Some(Wanted::Undo(ids)) => (format!(" why undo {}? ", entries(ids.len())), String::new()),
            Some(Wanted::User { text, users, .. }) => {
                let names = if users.is_empty() { String::new() } else { format!(": {} …", users.join(", ")) };
                (format!(" {text} is the master's user "), format!(" id, name or address{names}"))
            }
            Some(Wanted::Find) => (" / ".to_owned(), String::new()),
            None => (String::new(), String::new()),
        }
    }

    /// Draws it at the bottom of the area; the rest of the area.
    pub(super) fn draw(&self, scene: &mut Scene<'_>, area: Rect) -> Rect {
        if self.wanted.is_none() || area.height < 2 {
            return area;
        }
        let (before, help) = self.words();
        let rows = if help.is_empty() || area.height < 4 { 1 } else { 2 };
        let y = area.bottom() - rows;
        if rows == 2 {
            prose::line(scene, Rect { y, height: 1, ..area }, &[(&help, Role::Muted)]);
        }
        self.field.draw(scene, Rect { y: area.bottom() - 1, height: 1, ..area }, &before);
        Rect { height: area.height - rows, ..area }
    }
}

impl Queue {
    /// Begins to ask for a line.
    pub(super) fn wanted(&mut self, wanted: Wanted) {
        if wanted != Wanted::Find {
            self.prompt.field.set("");
        }
        self.prompt.wanted = Some(wanted);
    }

    pub(super) fn prompt_paste(&mut self, text: &str) -> Step<Self> {
        self.prompt.field.insert(text);
        self.prompt_changed()
    }

    pub(super) fn prompt_key(&mut self, chord: Chord) -> Step<Self> {
        match self.prompt.field.key(chord) {
            Typed::Submitted => self.prompt_entered(),
            Typed::Cancelled => {
                self.prompt.wanted = None;
                Vec::new()
            }
            Typed::Changed => self.prompt_changed(),
            Typed::Moved | Typed::Ignored => Vec::new(),
        }
    }

    /// What is looked for is found while it is typed.
    fn prompt_changed(&mut self) -> Step<Self> {
        if self.prompt.wanted == Some(Wanted::Find) {
            let words = self.prompt.field.text().to_owned();
            self.inside.payload.find(&words, false);
        }
        Vec::new()
    }

    fn prompt_entered(&mut self) -> Step<Self> {
        let text = self.prompt.field.text().trim().to_owned();
        if text.is_empty() && self.prompt.wanted != Some(Wanted::Find) {
            return vec![Effect::toast(Weight::Info, "It cannot be empty; Esc leaves it")];
        }
        match self.prompt.wanted.take() {
            Some(Wanted::Discard { ids, able, others }) => self.ask_to_discard(ids, able, &others, text),
            Some(Wanted::Undo(ids)) => {
                vec![Effect::Run(Command::Undo { ids, redo: false, dry: true, reason: text })]
            }
            Some(Wanted::User { id, text: mapped, waiting, .. }) => {
                vec![Effect::Run(Command::FindUser { id, text: mapped, waiting, named: text })]
            }
            Some(Wanted::Find) => {
                self.inside.payload.find(&text, true);
                if text.is_empty() || !self.inside.payload.found().ends_with("not found") {
                    return Vec::new();
                }
                vec![Effect::toast(Weight::Info, format!("The payload does not say {text}"))]
            }
            None => Vec::new(),
        }
    }

    /// Restores what is selected or marked in the archive, after a question.
    pub(super) fn restore_targets(&self) -> Step<Self> {
        self.ask_to_put_back(self.targets(), Putting::Restore)
    }
}
