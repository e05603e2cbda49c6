//! The payload editor: written with checks while one types, looked over as a diff with its dry run, saved where nobody changed the
//! entry meanwhile.

mod messages;
pub(super) mod view;
pub(super) mod work;

pub use messages::{Answer, Ask, Change, Check};

use super::{Action, Command, Inside, Message, Queue};
use crate::postgres::{Fault, Kind, Side};
use crate::sync::edit::{Draft, Edited};
use crate::ui::editor::Editor;
use crate::ui::pane::Ask as Question;
use crate::ui::{Chord, Effect, Input, Level as Weight, Now, Step};
use ratatui::crossterm::event::{KeyCode, KeyModifiers};
use std::time::Duration;
use uuid::Uuid;

/// So long a person has not typed before the text is checked.
const REST: Duration = Duration::from_millis(150);
/// The name of the timer, and of the text that goes to `$EDITOR`.
const CHECK: &str = "edit-check";
const OUTSIDE: &str = "payload";

/// What the editor shows.
#[derive(Debug, Default)]
enum Phase {
    /// The text.
    #[default]
    Writing,
    /// What it changes, and what that would come to.
    Looking { changes: Vec<Change>, tried: Option<Result<Box<Edited>, Fault>>, scroll: usize },
    /// It is being saved.
    Saving,
    /// Somebody changed the entry meanwhile: what was said.
    Overtaken(String),
}

/// An entry that is edited.
#[derive(Debug)]
pub(super) struct Editing {
    id: Uuid,
    /// The column that the cursor is put on.
    column: Option<String>,
    draft: Option<Box<Draft>>,
    editor: Editor,
    /// Counts the changes of the text: an answer about an older one is late.
    version: u64,
    check: Check,
    phase: Phase,
    /// Whether it says that the text is changed: certain once it was checked.
    changed: bool,
    /// Esc was pressed with changes that are not saved.
    leaving: bool,
}

impl Editing {
    fn text_changed(&mut self) -> Step<Queue> {
        self.version += 1;
        (self.changed, self.leaving) = (true, false);
        vec![Effect::Timer { id: CHECK, after: REST }]
    }

    /// How many lines there are to be shown.
    fn lines(&self) -> usize {
        match &self.phase {
            Phase::Looking { changes, .. } => changes.len(),
            _ => self.editor.lines(),
        }
    }

    /// Whether the text is not what was opened.
    fn is_changed(&self) -> bool {
        self.draft.as_ref().is_some_and(|draft| draft.text != self.editor.text())
    }

    fn ask(&self, what: fn(Box<Draft>, u64, String) -> Ask) -> Step<Queue> {
        let Some(draft) = self.draft.clone() else { return Vec::new() };
        vec![Effect::Run(Command::Edit(what(draft, self.version, self.editor.text())))]
    }

    fn check_now(&mut self) -> Step<Queue> {
        self.changed = self.is_changed();
        self.ask(|draft, version, text| Ask::Check { draft, version, text })
    }

    /// Shows what it changes and asks what that would come to.
    fn look(&mut self) -> Step<Queue> {
        if !self.is_changed() {
            return vec![Effect::toast(Weight::Info, "Nothing is changed: there is nothing to save")];
        }
        self.phase = Phase::Looking { changes: Vec::new(), tried: None, scroll: 0 };
        self.ask(|draft, version, text| Ask::Try { draft, version, text })
    }

    /// Puts the cursor on the next problem behind it, or on the first.
    fn next_problem(&mut self) {
        let (line, _) = self.editor.cursor();
        let problems = self.check.problems();
        let next = problems.iter().find(|p| p.line > line + 1).or(problems.first());
        if let Some((line, column)) = next.map(|p| (p.line - 1, p.column - 1)) {
            self.editor.go(line, column);
        }
    }
}

impl Queue {
    /// Opens the editor for an entry, at a column where one is to be changed.
    pub(super) fn edit_entry(&mut self, id: Uuid, column: Option<String>) -> Step<Self> {
        let Some(links) = &self.links else { return Vec::new() };
        if links.replica.read_only {
            return vec![Effect::toast(Weight::Warn, "This session is read-only: nothing can be edited")];
        }
        if self.shape.as_ref().is_some_and(|shape| !shape.migrated) {
            let words =
                "This replica can be read, but not edited: `robbie schema migrate --target replica` comes first";
            return vec![Effect::toast(Weight::Warn, words)];
        }
        self.editing = Some(Box::new(Editing {
            id,
            column,
            draft: None,
            editor: Editor::default(),
            version: 0,
            check: Check::Awaited,
            phase: Phase::Writing,
            changed: false,
            leaving: false,
        }));
        vec![Effect::Run(Command::Edit(Ask::Open(id)))]
    }

    /// The editor has the keys while it is open; what it does not know goes on to the pane.
    #[expect(clippy::result_large_err, reason = "an input that goes on to the pane is no error")]
    pub(super) fn edit_step(&mut self, input: Input<Action, Message>) -> Result<Step<Self>, Input<Action, Message>> {
        let Some(editing) = &mut self.editing else { return Err(input) };
        let writing = matches!(editing.phase, Phase::Writing);
        Ok(match input {
            Input::Key(key) => return Ok(self.edit_key(key)),
            Input::Paste(text) if writing => {
                editing.editor.paste(&text);
                editing.text_changed()
            }
            Input::Scroll { lines, .. } => {
                editing.scroll(i64::from(lines));
                Vec::new()
            }
            Input::Click { zone: view::ZONE, index, .. } => {
                editing.editor.go(index, 0);
                Vec::new()
            }
            Input::Timer(CHECK) => editing.check_now(),
            Input::Edited { tag: OUTSIDE, text } => match text {
                Some(text) => {
                    editing.editor.replace(&text);
                    editing.version += 1;
                    editing.check_now()
                }
                None => Vec::new(),
            },
            // Nothing of what lies below is to be moved, opened or acted on.
            Input::Action(_) | Input::Move(_) | Input::Open | Input::Back | Input::Click { .. } | Input::Paste(_) => {
                Vec::new()
            }
            other => return Err(other),
        })
    }

    fn edit_key(&mut self, key: Chord) -> Step<Self> {
        let name = self.name_wanted(Side::Replica);
        let Some(editing) = &mut self.editing else { return Vec::new() };
        let ctrl = |c: char| key.code == KeyCode::Char(c) && key.mods == KeyModifiers::CONTROL;
        match &mut editing.phase {
            Phase::Writing if key.code == KeyCode::Esc => {
                if editing.is_changed() && !editing.leaving {
                    editing.leaving = true;
                    return Vec::new();
                }
                self.editing = None;
                vec![Effect::StopTimer(CHECK)]
            }
            Phase::Writing if editing.draft.is_none() => Vec::new(),
            Phase::Writing if ctrl('s') => editing.look(),
            Phase::Writing if ctrl('o') => {
                let initial = format!("{}\n", editing.editor.text());
                vec![Effect::Edit { tag: OUTSIDE, initial, extension: "json" }]
            }
            Phase::Writing if key.code == KeyCode::F(8) => {
                editing.next_problem();
                Vec::new()
            }
            Phase::Writing => {
                editing.leaving = false;
                if editing.editor.key(key) { editing.text_changed() } else { Vec::new() }
            }
            Phase::Looking { .. } if key.code == KeyCode::Esc => {
                editing.phase = Phase::Writing;
                Vec::new()
            }
            Phase::Looking { tried, .. } if ctrl('s') => match tried {
                Some(Ok(edited)) if edited.can_be_saved() => {
                    let Some(draft) = editing.draft.clone() else { return Vec::new() };
                    let save = Command::Edit(Ask::Save { draft, text: editing.editor.text() });
                    if name.is_none() {
                        editing.phase = Phase::Saving;
                        return vec![Effect::Run(save)];
                    }
                    vec![Effect::Ask(Question {
                        question: "Save this edit?".into(),
                        details: vec!["The payload as it was queued is kept.".into()],
                        confirm: "Save".into(),
                        danger: false,
                        type_the_name: name,
                        then: save,
                    })]
                }
                // It could not be tried: once more.
                Some(Err(_)) => editing.look(),
                _ => Vec::new(),
            },
            Phase::Looking { .. } => {
                let by = match key.code {
                    KeyCode::Up | KeyCode::Char('k') => -1,
                    KeyCode::Down | KeyCode::Char('j') => 1,
                    KeyCode::PageUp => -10,
                    KeyCode::PageDown => 10,
                    _ => 0,
                };
                editing.scroll(by);
                Vec::new()
            }
            // The text stays, over the entry as it is now: the difference shows what that changes.
            Phase::Overtaken(_) if key.code == KeyCode::Char('k') => {
                vec![Effect::Run(Command::Edit(Ask::Open(editing.id)))]
            }
            Phase::Overtaken(_) if key.code == KeyCode::Char('t') => {
                editing.draft = None;
                vec![Effect::Run(Command::Edit(Ask::Open(editing.id)))]
            }
            Phase::Overtaken(_) if key.code == KeyCode::Esc => {
                editing.phase = Phase::Writing;
                Vec::new()
            }
            Phase::Saving | Phase::Overtaken(_) => Vec::new(),
        }
    }

    /// What the databases answered to the editor.
    pub(super) fn edit_told(&mut self, answer: Answer, now: Now) -> Step<Self> {
        let Some(editing) = &mut self.editing else { return Vec::new() };
        match answer {
            Answer::Opened(id, Ok(draft)) if id == editing.id => {
                let overtaken = matches!(editing.phase, Phase::Overtaken(_)) && editing.draft.is_some();
                if !overtaken {
                    editing.editor = Editor::new(&draft.text);
                    let name = editing.column.as_ref().map(|column| {
                        format!("{}:", serde_json::Value::from(column.rsplit('.').next().unwrap_or_default()))
                    });
                    let at =
                        name.and_then(|name| draft.text.lines().position(|line| line.trim_start().starts_with(&name)));
                    editing.editor.go(at.unwrap_or(0), if at.is_some() { 10_000 } else { 0 });
                }
                editing.draft = Some(draft);
                editing.phase = Phase::Writing;
                editing.version += 1;
                if overtaken && editing.is_changed() { editing.look() } else { editing.check_now() }
            }
            Answer::Opened(id, Err(fault)) if id == editing.id => {
                self.editing = None;
                vec![Effect::fault(&fault)]
            }
            Answer::Checked(version, check) if version == editing.version => {
                editing.check = check;
                Vec::new()
            }
            Answer::Compared(version, found) if version == editing.version => {
                if let Phase::Looking { changes, .. } = &mut editing.phase {
                    *changes = found;
                }
                Vec::new()
            }
            Answer::Tried(version, found) if version == editing.version => {
                if let Phase::Looking { tried, .. } = &mut editing.phase {
                    if let Ok(edited) = &found
                        && !edited.problems.is_empty()
                    {
                        editing.check = Check::Whole(edited.problems.clone());
                    }
                    *tried = Some(found);
                }
                Vec::new()
            }
            Answer::Saved(id, found) if id == editing.id => self.saved(id, found, now),
            // Late, or of another entry.
            _ => Vec::new(),
        }
    }

    fn saved(&mut self, id: Uuid, found: Result<Box<Edited>, Fault>, now: Now) -> Step<Self> {
        let replay = self.key_of(Action::Replay);
        let Some(editing) = &mut self.editing else { return Vec::new() };
        match found {
            Ok(edited) if edited.saved => {
                self.editing = None;
                self.pulse = None;
                if self.inside.id == Some(id) {
                    self.inside = Inside { id: Some(id), section: self.inside.section, ..Inside::default() };
                }
                let mut effects = vec![Effect::toast(
                    Weight::Ok,
                    format!("Saved; it is sent with the next cycle, or with {replay} now"),
                )];
                effects.extend(self.refresh(now));
                effects.extend(self.look());
                effects
            }
            // What it would come to has changed between the look and the save.
            Ok(edited) => {
                editing.phase = Phase::Looking { changes: Vec::new(), tried: Some(Ok(edited)), scroll: 0 };
                editing.ask(|draft, version, text| Ask::Try { draft, version, text })
            }
            Err(fault) if fault.kind == Kind::Data => {
                editing.phase = Phase::Overtaken(fault.message);
                Vec::new()
            }
            Err(fault) => {
                editing.phase = Phase::Writing;
                vec![Effect::fault(&fault)]
            }
        }
    }

    /// A write broke: what was being saved is still there to be saved.
    pub(super) fn edit_broke(&mut self) {
        if let Some(editing) = self.editing.as_mut().filter(|editing| matches!(editing.phase, Phase::Saving)) {
            editing.phase = Phase::Writing;
        }
    }
}

impl Editing {
    fn scroll(&mut self, by: i64) {
        match &mut self.phase {
            Phase::Writing => _ = self.editor.step(by as i32),
            Phase::Looking { scroll, changes, .. } => {
                *scroll = (*scroll as i64 + by).clamp(0, changes.len() as i64) as usize;
            }
            Phase::Saving | Phase::Overtaken(_) => {}
        }
    }
}
