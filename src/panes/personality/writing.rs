//! JSON written in the pane: the context, or what a preset sets. Checked with each key, taken when it holds.

use super::{Command, Personality};
use crate::personality::presets::{self, Preset};
use crate::personality::{Field, Values, limits};
use crate::ui::editor::{Corner, Editor};
use crate::ui::{Chord, Effect, Input, Role, Scene, Step, prose, text};
use chrono::{DateTime, Utc};
use ratatui::crossterm::event::{KeyCode, KeyModifiers};
use ratatui::layout::Rect;
use std::collections::BTreeSet;

/// The name of the text that goes to `$EDITOR`.
const OUTSIDE: &str = "personality";
/// The name under which clicks on lines come back.
const ZONE: &str = "personality-editor";

/// What the text is.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    /// The state's context.
    Context,
    /// What a preset sets.
    Preset(Preset),
}

/// A text that is written.
#[derive(Debug)]
pub(super) struct Writing {
    subject: Subject,
    user: String,
    opened: String,
    editor: Editor,
    /// What speaks against the text, with its line (from 0) where one is to blame.
    problem: Option<(Option<usize>, String)>,
    /// Esc was pressed with changes that are not taken.
    leaving: bool,
}

impl Writing {
    fn new(subject: Subject, user: &str, text: String) -> Self {
        let editor = Editor::new(&text);
        Self { subject, user: user.to_owned(), opened: text, editor, problem: None, leaving: false }
    }

    pub(super) fn context(user: &str, json: &str) -> Self {
        let held = serde_json::from_str::<serde_json::Value>(json).ok().filter(|v| !v.is_null());
        let text = held.and_then(|v| serde_json::to_string_pretty(&v).ok()).unwrap_or_else(|| "{}".to_owned());
        Self::new(Subject::Context, user, text)
    }

    pub(super) fn preset(preset: Preset) -> Self {
        let mut values: serde_json::Map<String, serde_json::Value> = preset
            .values
            .iter()
            .filter_map(|(f, v)| Some((f.name().to_owned(), serde_json::from_str(v).ok()?)))
            .collect();
        values.insert("description".to_owned(), preset.description.clone().into());
        let text = serde_json::to_string_pretty(&values).unwrap_or_default();
        let user = preset.user.clone();
        Self::new(Subject::Preset(preset), &user, text)
    }

    /// Looks at the text again, after a change of it.
    fn check(&mut self, now: DateTime<Utc>) {
        let text = self.editor.text();
        self.leaving = false;
        self.problem = match (serde_json::from_str::<serde_json::Value>(&text), &self.subject) {
            (Err(error), _) => Some((error.line().checked_sub(1), error.to_string())),
            (Ok(_), Subject::Context) => limits::refusal(Field::Context, &text, &self.user, now).map(|r| (None, r)),
            (Ok(_), Subject::Preset(_)) => set_by(&text, &self.user, now).err().map(|r| (None, r)),
        };
    }

    fn is_changed(&self) -> bool {
        self.editor.text() != self.opened
    }
}

impl Personality {
    pub(super) fn write(&mut self, writing: Writing) {
        self.writing = Some(Box::new(writing));
    }

    /// The text has the keys while it is open; what it does not know goes on to the pane.
    pub(super) fn writing_step(&mut self, input: &Input<super::Action, super::Message>) -> Option<Step<Self>> {
        let now = self.clock;
        let writing = self.writing.as_mut()?;
        match input {
            Input::Key(key) => return Some(self.writing_key(*key)),
            Input::Paste(words) => {
                writing.editor.paste(words);
                writing.check(now);
            }
            Input::Edited { tag: OUTSIDE, text: Some(words) } => {
                writing.editor.replace(words);
                writing.check(now);
            }
            Input::Scroll { lines, .. } => _ = writing.editor.step(*lines),
            Input::Click { zone: ZONE, index, .. } => writing.editor.go(*index, 0),
            // Nothing of what lies below is to be moved, opened or acted on.
            Input::Action(_) | Input::Move(_) | Input::Open | Input::Back | Input::Click { .. } => {}
            _ => return None,
        }
        Some(Vec::new())
    }

    fn writing_key(&mut self, key: Chord) -> Step<Self> {
        let now = self.clock;
        let Some(writing) = &mut self.writing else { return Vec::new() };
        let ctrl = |c: char| key.code == KeyCode::Char(c) && key.mods == KeyModifiers::CONTROL;
        if key.code == KeyCode::Esc {
            if writing.leaving || !writing.is_changed() {
                self.writing = None;
            } else {
                writing.leaving = true;
            }
        } else if ctrl('s') {
            return self.take();
        } else if ctrl('o') {
            let initial = format!("{}\n", writing.editor.text());
            return vec![Effect::<Command>::Edit { tag: OUTSIDE, initial, extension: "json" }];
        } else if writing.editor.key(key) {
            writing.check(now);
        } else {
            writing.leaving = false;
        }
        Vec::new()
    }

    /// Takes the text, where nothing speaks against it.
    fn take(&mut self) -> Step<Self> {
        let now = self.clock;
        let Some(writing) = &mut self.writing else { return Vec::new() };
        writing.check(now);
        if let Some((line, _)) = &writing.problem {
            if let Some(line) = *line {
                writing.editor.go(line, 0);
            }
            return Vec::new();
        }
        let json = writing.editor.text();
        let subject = writing.subject.clone();
        self.writing = None;
        match subject {
            Subject::Context => {
                self.draft.put(Field::Context, json);
                Vec::new()
            }
            Subject::Preset(old) => match set_by(&json, &old.user, now) {
                Ok((values, description)) => self.ask_preset(Preset { values, description, ..old }),
                Err(_) => Vec::new(),
            },
        }
    }
}

/// What a preset's JSON sets, and what it is for; or why it cannot be.
fn set_by(json: &str, user: &str, now: DateTime<Utc>) -> Result<(Values, Option<String>), String> {
    let read: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(json).map_err(|_| "this is no JSON object".to_owned())?;
    let mut values = Values::new();
    let mut description = None;
    for (name, value) in read {
        match (name.as_str(), Field::of_column(&name)) {
            ("description", _) => description = value.as_str().map(ToOwned::to_owned),
            (_, Some(field)) if presets::FIELDS.iter().any(|(f, _)| *f == field) => {
                if !value.is_null() {
                    values.insert(field, value.to_string());
                }
            }
            _ => return Err(format!("a preset cannot hold {name}")),
        }
    }
    match values.iter().find_map(|(field, json)| limits::refusal(*field, json, user, now)) {
        Some(reason) => Err(reason),
        None => Ok((values, description)),
    }
}

/// The keys while one writes, for the footer.
pub(super) const KEYS: [(&str, &str); 4] =
    [("ctrl-s", "take"), ("ctrl-o", "$EDITOR"), ("ctrl-u", "undo"), ("Esc", "close")];

/// Draws the text over the pane.
pub(super) fn draw(writing: &Writing, scene: &mut Scene<'_>, area: Rect, corner: &mut Corner) {
    let title = match &writing.subject {
        Subject::Context => format!("context of {}", text::safe(&writing.user)),
        Subject::Preset(preset) => format!("preset {} of {}", text::safe(&preset.name), text::safe(&preset.user)),
    };
    let width = area.width.saturating_sub(if area.width > 100 { 12 } else { 4 }).min(120);
    let wanted = (writing.editor.lines() as u16).saturating_add(6).max(14).min(area.height.saturating_sub(2));
    let inner = prose::modal(scene, area, &title, width, wanted);
    if inner.height < 4 {
        return;
    }
    let marked: BTreeSet<usize> = writing.problem.iter().filter_map(|(line, _)| *line).collect();
    let (words, role) = match &writing.problem {
        _ if writing.leaving => ("! Not taken. Esc again gives the changes up; any other key goes on.", Role::Warn),
        Some((_, reason)) => (reason.as_str(), Role::Bad),
        None if writing.is_changed() => ("✓ changed", Role::Ok),
        None => ("", Role::Muted),
    };
    let said = text::wrap(&text::safe(words), inner.width.into());
    let rows = (said.len() as u16).clamp(1, inner.height / 3);
    writing.editor.draw(scene, Rect { height: inner.height - rows - 1, ..inner }, ZONE, &marked, corner);
    for (i, line) in said.iter().take(rows.into()).enumerate() {
        let y = inner.bottom() - rows + i as u16;
        prose::line(scene, Rect { y, height: 1, ..inner }, &[(line, role)]);
    }
}
