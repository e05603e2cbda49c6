//! What keys and clicks do.

use super::view::zones;
use super::writing::Writing;
use super::{Action, Command, Level, Personality, SPANS, Typing};
use crate::personality::presets::Preset;
use crate::personality::{Edit, Field, Kind, Mood, history, limits};
use crate::ui::field::{Field as Line, Typed};
use crate::ui::{Ask, Chord, Effect, Level as Weight, Move, Step};
use chrono::{DateTime, Utc};

/// Who did it, for the history.
const ACTOR: &str = "console";
/// Rows that a page moves.
const PAGE: usize = 10;

impl Personality {
    pub(super) fn act(&mut self, action: Action) -> Step<Self> {
        match (action, &mut self.level) {
            (Action::Mine, Level::Clashes { mine, at, .. }) => mine[*at] = true,
            (Action::Theirs, Level::Clashes { mine, at, .. }) => mine[*at] = false,
            (Action::Save, Level::Clashes { .. }) => return self.decided(),
            (Action::Save, _) => return self.save(),
            (Action::Forget, _) => self.draft.set.clear(),
            (Action::NextUser, _) => return self.other_user(1),
            (Action::PreviousUser, _) => return self.other_user(self.people.len().saturating_sub(1)),
            (Action::History, Level::History) | (Action::Presets, Level::Presets) => self.level = Level::State,
            (Action::History, _) => {
                (self.level, self.chosen) = (Level::History, 0);
                return vec![self.ask_history()];
            }
            (Action::Presets, _) => {
                (self.level, self.preset) = (Level::Presets, 0);
                return vec![Effect::Run(Command::Presets)];
            }
            (Action::Whose, Level::History) => {
                self.everybody = !self.everybody;
                return vec![self.ask_history()];
            }
            (Action::Span, _) => {
                self.span = (self.span + 1) % SPANS.len();
                return vec![self.ask_history()];
            }
            (Action::NewPreset, _) => self.typing = Some((Typing::Preset, Line::default())),
            (Action::EditPreset, Level::Presets) => return self.edit_preset(),
            (Action::DeletePreset, Level::Presets) => return self.delete_preset(),
            (Action::Refresh, _) => return self.everything(),
            (Action::Mine | Action::Theirs | Action::Whose | Action::EditPreset | Action::DeletePreset, _) => {}
        }
        Vec::new()
    }

    fn other_user(&mut self, by: usize) -> Step<Self> {
        if !self.draft.set.is_empty() {
            return vec![Effect::toast(Weight::Warn, "There are edits: w saves them, x forgets them")];
        }
        let at = self.people.iter().position(|p| p.user == self.draft.user).unwrap_or(0);
        self.show_user(at + by)
    }

    pub(super) fn show_user(&mut self, index: usize) -> Step<Self> {
        let Some(person) = self.people.get(index % self.people.len().max(1)) else { return Vec::new() };
        self.draft = super::Draft::of(person, self.reached());
        self.chosen = 0;
        vec![self.ask_history()]
    }

    pub(super) fn step(&mut self, step: Move) -> Step<Self> {
        let presets = self.presets.as_ref().and_then(|p| p.as_ref().ok()).map_or(0, Vec::len);
        let told = self.history.as_ref().and_then(|h| h.as_ref().ok()).map_or(0, Vec::len);
        let fields = self.fields().len();
        match (&mut self.level, step) {
            (Level::State, Move::Left | Move::Right) => return self.nudge(step == Move::Right),
            (Level::Clashes { mine, at, .. }, Move::Left | Move::Right) => mine[*at] = step == Move::Left,
            (Level::State, step) => self.row = step.within(self.row, fields, PAGE),
            (Level::History, step) => self.chosen = step.within(self.chosen, told, PAGE),
            (Level::Presets, step) => self.preset = step.within(self.preset, presets, PAGE),
            (Level::Clashes { at, clashes, .. }, step) => *at = step.within(*at, clashes.len(), PAGE),
        }
        Vec::new()
    }

    fn nudge(&mut self, right: bool) -> Step<Self> {
        let Some(field) = self.field() else { return Vec::new() };
        if matches!(field.kind(), Kind::Moment | Kind::List | Kind::Text | Kind::Json) {
            return self.open();
        }
        refused(self.draft.step(field, right))
    }

    pub(super) fn open(&mut self) -> Step<Self> {
        match &self.level {
            Level::State => self.open_field(),
            Level::History => self.revert(),
            Level::Presets => self.apply(),
            Level::Clashes { .. } => self.decided(),
        }
    }

    fn open_field(&mut self) -> Step<Self> {
        let Some(field) = self.field() else { return Vec::new() };
        let json = self.draft.value(field).to_owned();
        match field.kind() {
            Kind::Mood | Kind::Flag => refused(self.draft.step(field, true)),
            Kind::Json => {
                self.write(Writing::context(&self.draft.user, &json));
                Vec::new()
            }
            Kind::List | Kind::Level(_) | Kind::Moment | Kind::Text => {
                let text = match field {
                    Field::ActiveUsers if json == "[]" || json == "null" => String::new(),
                    Field::ActiveUsers => field.shown(&json),
                    _ => field.plain(&json).unwrap_or_default(),
                };
                self.typing = Some((Typing::Value(field), Line::with(text)));
                Vec::new()
            }
        }
    }

    pub(super) fn key(&mut self, chord: Chord) -> Step<Self> {
        let Some((what, line)) = &mut self.typing else { return Vec::new() };
        let what = *what;
        match line.key(chord) {
            Typed::Submitted => {
                let text = line.text().to_owned();
                self.typing = None;
                self.typed(what, &text)
            }
            Typed::Cancelled => {
                self.typing = None;
                Vec::new()
            }
            Typed::Changed | Typed::Moved | Typed::Ignored => Vec::new(),
        }
    }

    fn typed(&mut self, what: Typing, text: &str) -> Step<Self> {
        match what {
            Typing::Value(field) => {
                let json = match field.kind() {
                    Kind::Moment => moment(text, self.clock),
                    Kind::Text if text.trim().is_empty() => "null".to_owned(),
                    _ => field.from_plain(text),
                };
                if let Some(reason) = limits::refusal(field, &json, &self.draft.user, self.clock) {
                    self.typing = Some((what, Line::with(text)));
                    return vec![Effect::toast(Weight::Warn, reason)];
                }
                self.draft.put(field, json);
                Vec::new()
            }
            Typing::Reason => {
                let mut edit = self.draft.edit(ACTOR);
                edit.reason = Some(text.trim().to_owned()).filter(|r| !r.is_empty());
                vec![Effect::Run(Command::Plan(Box::new(edit)))]
            }
            Typing::Preset if text.trim().is_empty() => vec![Effect::toast(Weight::Warn, "A preset needs a name")],
            Typing::Preset => {
                let values = self.fields().into_iter().map(|f| (f, self.draft.value(f).to_owned())).collect();
                let preset = Preset::of(&self.draft.user, text, &values, None);
                self.ask_preset(preset)
            }
        }
    }

    fn save(&mut self) -> Step<Self> {
        if self.saving {
            return vec![Effect::toast(Weight::Info, "Saving is under way")];
        }
        if self.draft.set.is_empty() {
            return vec![Effect::toast(Weight::Info, "Nothing is edited")];
        }
        self.typing = Some((Typing::Reason, Line::default()));
        Vec::new()
    }

    fn decided(&mut self) -> Step<Self> {
        let Level::Clashes { edit, clashes, mine, .. } = std::mem::take(&mut self.level) else { return Vec::new() };
        let mut edit = *edit;
        for (clash, mine) in clashes.iter().zip(mine) {
            edit.decide(clash, mine);
        }
        if edit.set.is_empty() {
            self.draft.set.clear();
            return vec![self.load(), Effect::toast(Weight::Info, "All stays as others made it")];
        }
        vec![Effect::Run(Command::Plan(Box::new(edit)))]
    }

    fn revert(&mut self) -> Step<Self> {
        let Some(Ok(told)) = &self.history else { return Vec::new() };
        let Some(point) = told.get(self.chosen) else { return Vec::new() };
        let of_user: Vec<_> = told.iter().filter(|t| t.user == point.user).cloned().collect();
        let mut values = history::values_at(&of_user, point.at);
        values.remove(&Field::Expires);
        let at = point.at.format("%Y-%m-%d %H:%M:%S UTC");
        let Some(person) = self.people.iter().find(|p| p.user == point.user) else { return Vec::new() };
        let base = super::Draft::of(person, self.reached());
        let mut edit: Edit = base.edit(ACTOR);
        edit.set = values;
        edit.reason = Some(format!("back to {at}"));
        edit.set.retain(|f, json| !f.same(base.value(*f), json));
        edit.end_expiry();
        if edit.set.is_empty() {
            return vec![Effect::toast(Weight::Info, format!("All is as it was at {at}"))];
        }
        vec![Effect::Run(Command::Plan(Box::new(edit)))]
    }

    fn preset(&self) -> Option<&Preset> {
        self.presets.as_ref()?.as_ref().ok()?.get(self.preset)
    }

    fn apply(&mut self) -> Step<Self> {
        let Some(preset) = self.preset().cloned() else { return Vec::new() };
        let now = self.clock;
        let broken = preset.values.iter().find_map(|(f, v)| limits::refusal(*f, v, &self.draft.user, now));
        if let Some(reason) = broken {
            return vec![Effect::toast(Weight::Warn, reason)];
        }
        let Some(person) = self.person() else { return Vec::new() };
        let mut edit = super::Draft::of(person, self.reached()).edit(ACTOR);
        edit.set = preset.values.clone();
        edit.reason = Some(format!("preset {}", preset.name));
        edit.end_expiry();
        vec![Effect::Run(Command::Plan(Box::new(edit)))]
    }

    fn edit_preset(&mut self) -> Step<Self> {
        let Some(preset) = self.preset().cloned() else { return Vec::new() };
        self.write(Writing::preset(preset));
        Vec::new()
    }

    fn delete_preset(&self) -> Step<Self> {
        let Some(preset) = self.preset() else { return Vec::new() };
        vec![Effect::Ask(Ask {
            question: format!("Delete the preset {} of {}?", preset.name, preset.user),
            details: vec!["The state stays as it is.".to_owned()],
            confirm: "Delete".to_owned(),
            danger: true,
            type_the_name: self.protected(),
            then: Command::DeletePreset(preset.user.clone(), preset.name.clone()),
        })]
    }

    pub(super) fn ask_preset(&self, preset: Preset) -> Step<Self> {
        let broken = preset.values.iter().find_map(|(f, v)| limits::refusal(*f, v, &preset.user, self.clock));
        if let Some(reason) = broken {
            return vec![Effect::toast(Weight::Warn, reason)];
        }
        let known = self.presets.as_ref().and_then(|p| p.as_ref().ok());
        let there = known.is_some_and(|p| p.iter().any(|o| o.user == preset.user && o.name == preset.name));
        let sets = preset.values.iter().map(|(f, v)| format!("{:<16} {}", f.label(), f.shown(v)));
        vec![Effect::Ask(Ask {
            question: format!(
                "{} the preset {} of {}?",
                if there { "Replace" } else { "Save" },
                preset.name,
                preset.user
            ),
            details: sets.collect(),
            confirm: if there { "Replace" } else { "Save" }.to_owned(),
            danger: there,
            type_the_name: self.protected(),
            then: Command::SavePreset(Box::new(preset)),
        })]
    }

    pub(super) fn click(&mut self, zone: &'static str, index: usize, double: bool) -> Step<Self> {
        match zone {
            zones::USERS if self.people.get(index).is_some_and(|p| p.user != self.draft.user) => {
                if !self.draft.set.is_empty() {
                    return self.other_user(0);
                }
                return self.show_user(index);
            }
            zones::MOODS => {
                if let Some(mood) = Mood::ALL.get(index) {
                    self.draft.mood(*mood);
                }
            }
            zones::LEVELS => {
                let (row, level) = (index / 100, (index % 100) as i64);
                self.row = row;
                if let Some(field) = self.fields().get(row).copied() {
                    return refused(self.draft.level(field, level));
                }
            }
            zones::FIELDS => {
                self.row = index;
                if double {
                    return self.open_field();
                }
            }
            zones::HISTORY => {
                self.chosen = index;
                if double && self.level == Level::History {
                    return self.revert();
                }
            }
            zones::PRESETS => {
                self.preset = index;
                if double {
                    return self.apply();
                }
            }
            zones::CLASHES => {
                if let Level::Clashes { at, mine, .. } = &mut self.level {
                    *at = index;
                    if double {
                        mine[index] = !mine[index];
                    }
                }
            }
            _ => {}
        }
        Vec::new()
    }
}

fn refused(step: Result<(), String>) -> Step<Personality> {
    step.err().map(|reason| Effect::toast(Weight::Warn, reason)).into_iter().collect()
}

/// A moment as it is typed: a span from now, a moment, or nothing.
fn moment(text: &str, now: DateTime<Utc>) -> String {
    let text = text.trim();
    if text.is_empty() || text == "never" {
        return "null".to_owned();
    }
    let (number, unit) = text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let seconds = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => 0,
    };
    match number.parse::<i64>().ok().and_then(|n| n.checked_mul(seconds)).filter(|s| *s > 0) {
        Some(s) => match chrono::Duration::try_seconds(s).and_then(|d| now.checked_add_signed(d)) {
            Some(at) => Field::Expires.from_plain(&at.to_rfc3339()),
            None => Field::Expires.from_plain(text),
        },
        None => Field::Expires.from_plain(text),
    }
}
