//! What keys, clicks and answers do.

use super::judged::{Judged, Kind};
use super::view::{self, zones};
use super::{Action, Command, Message, SECTIONS, SIDES, Schema, Section};
use crate::postgres::{Fault, Side};
use crate::schema::{self, DRY_RUN_CAVEAT, MigrationReport, Mode, Outcome};
use crate::ui::field::{Field as Line, Typed};
use crate::ui::{Ask, Chord, Effect, Level as Weight, Step, format};

impl Schema {
    pub(super) fn act(&mut self, action: Action) -> Step<Self> {
        match action {
            Action::Next => return self.turn(1),
            Action::Previous => return self.turn(SECTIONS.len() - 1),
            Action::DryRun => return self.migrate(Mode::DryRun),
            Action::Apply => return self.migrate(Mode::Apply),
            Action::Copy => return self.copy(false),
            Action::CopyAll => return self.copy(true),
            Action::Whole => {
                self.whole = !self.whole;
                self.at[Section::Differences as usize] = 0;
            }
            Action::Map => self.map(),
            Action::Unmap => return self.unmap(),
            Action::Refresh => return self.load(),
        }
        Vec::new()
    }

    /// Enter: unfolds, maps, or copies what helps.
    pub(super) fn open(&mut self) -> Step<Self> {
        match self.section {
            Section::Inventory => {
                let tree = self.judged.tree(&self.turned);
                if let Some(node) = tree.get(self.selected())
                    && !matches!(node.kind, Kind::Table(_))
                    && !self.turned.remove(&node.key)
                {
                    self.turned.insert(node.key.clone());
                }
                Vec::new()
            }
            Section::Users => {
                self.map();
                Vec::new()
            }
            Section::Migrations => self.migrate(Mode::DryRun),
            Section::Gaps | Section::Differences => self.copy(false),
            Section::Score | Section::Comparison => Vec::new(),
        }
    }

    /// The side that the selected row is about: in the migrations its own, else the one where something waits.
    fn side(&self) -> Side {
        if self.section == Section::Migrations
            && let Some((side, _)) = view::migration(self, self.selected())
        {
            return side;
        }
        SIDES.into_iter().find(|side| !self.pending(*side).is_empty()).unwrap_or(Side::Master)
    }

    fn migrate(&mut self, mode: Mode) -> Step<Self> {
        self.section = Section::Migrations;
        let side = self.side();
        let name = self.name(side);
        if self.is_lost(side) || self.sides[side as usize].is_none() {
            return warn(format!("{name} is away: nothing can be migrated there"));
        }
        if self.links.as_ref().is_some_and(|l| l.of(side).read_only) {
            return warn(format!("{name} is open read-only: nothing can be migrated there"));
        }
        let pending: Vec<String> = self.pending(side).into_iter().map(ToOwned::to_owned).collect();
        if pending.is_empty() {
            return vec![Effect::toast(Weight::Ok, format!("{name} has every migration"))];
        }
        let protected = self.links.as_ref().is_some_and(|l| l.of(side).protected) && side == Side::Master;
        let count = format::plural(pending.len() as u64, "migration", "migrations");
        let (question, confirm, first) = match mode {
            Mode::Apply => (
                format!("Run {count} on {name}?"),
                "Migrate",
                "Each file is a transaction of its own; one that fails rolls back whole.",
            ),
            Mode::DryRun => (format!("Try {count} on {name} and roll back?"), "Try", DRY_RUN_CAVEAT),
        };
        let mut details = vec![first.to_owned()];
        details.extend(pending.iter().map(|file| format!("  {file}")));
        vec![Effect::Ask(Ask {
            question,
            details,
            confirm: confirm.to_owned(),
            danger: false,
            type_the_name: (protected && mode == Mode::Apply).then_some(name),
            then: Command::Migrate(side, mode),
        })]
    }

    fn copy(&self, all: bool) -> Step<Self> {
        let text = match self.section {
            Section::Gaps => {
                let gap = self.judged.gaps.get(self.selected());
                gap.and_then(|g| g.command).map(ToOwned::to_owned)
            }
            Section::Differences => {
                let shown = view::differences(self);
                let some: Vec<schema::Difference> = if all {
                    shown.into_iter().cloned().collect()
                } else {
                    shown.get(self.selected()).map(|d| (*d).clone()).into_iter().collect()
                };
                (!some.is_empty()).then(|| schema::script(&some))
            }
            _ => None,
        };
        match text {
            Some(text) => {
                let lines = format::plural(text.lines().count() as u64, "line", "lines");
                vec![Effect::Copy(text), Effect::toast(Weight::Ok, format!("{lines} copied; nothing was run"))]
            }
            None => warn("There is nothing to copy here"),
        }
    }

    fn map(&mut self) {
        if self.section == Section::Users
            && let Some(mapping) = view::users(self).get(self.selected())
        {
            let text = mapping.name.clone().unwrap_or_default();
            self.typing = Some((mapping.text.clone(), Line::with(text)));
        }
    }

    fn unmap(&self) -> Step<Self> {
        let users = view::users(self);
        let Some(mapping) = users.get(self.selected()).filter(|_| self.section == Section::Users) else {
            return Vec::new();
        };
        if mapping.user.is_none() {
            return warn(format!("{} is not mapped", mapping.text));
        }
        let master = self.name(Side::Master);
        let wanted = self.links.as_ref().and_then(|l| l.name_wanted(Side::Master));
        vec![Effect::Ask(Ask {
            question: format!("Take the mapping of {} away on {master}?", mapping.text),
            details: vec!["Entries of this user then wait. Rows that were sent stay as they are.".to_owned()],
            confirm: "Unmap".to_owned(),
            danger: true,
            type_the_name: wanted,
            then: Command::Unmap(mapping.text.clone()),
        })]
    }

    pub(super) fn key(&mut self, chord: Chord) -> Step<Self> {
        let Some((text, line)) = &mut self.typing else { return Vec::new() };
        let text = text.clone();
        match line.key(chord) {
            Typed::Submitted => {
                let user = line.text().trim().to_owned();
                self.typing = None;
                if user.is_empty() {
                    return warn("Nothing was named, nothing was mapped");
                }
                let waiting = view::users(self).iter().find(|m| m.text == text).map_or(0, |m| m.waiting);
                let master = self.name(Side::Master);
                let wanted = self.links.as_ref().and_then(|l| l.name_wanted(Side::Master));
                let entries = format::plural(waiting.unsigned_abs(), "entry", "entries");
                vec![Effect::Ask(Ask {
                    question: format!("Map {text} to {user} on {master}?"),
                    details: vec![format!("{entries} waiting for it are sent.")],
                    confirm: "Map".to_owned(),
                    danger: false,
                    type_the_name: wanted,
                    then: Command::Map(text, user),
                })]
            }
            Typed::Cancelled => {
                self.typing = None;
                Vec::new()
            }
            Typed::Changed | Typed::Moved | Typed::Ignored => Vec::new(),
        }
    }

    pub(super) fn click(&mut self, zone: &'static str, index: usize, double: bool) -> Step<Self> {
        match zone {
            zones::SECTIONS => {
                if let Some((section, _)) = SECTIONS.get(index) {
                    return self.show(*section);
                }
            }
            zones::ROWS => {
                self.at[self.section as usize] = index;
                if double {
                    return self.open();
                }
            }
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn told(&mut self, message: Message) -> Step<Self> {
        match message {
            Message::Loaded(sides) => {
                self.loading = false;
                for (n, side) in sides.into_iter().enumerate() {
                    match side {
                        Ok(told) => (self.sides[n], self.faults[n]) = (Some(told), None),
                        Err(fault) => self.faults[n] = Some(words(&fault)),
                    }
                }
                self.judged = Judged::of(&self.sides);
                Vec::new()
            }
            Message::Users(found) => {
                self.users = Some(found.map_err(|f| words(&f)));
                Vec::new()
            }
            Message::Migrated(side, mode, result) => self.migrated(side, mode, result),
            Message::Mapped(Err(fault)) => vec![Effect::fault(&fault), Effect::Run(Command::Users)],
            Message::Mapped(Ok(said)) => vec![Effect::toast(Weight::Ok, said), Effect::Run(Command::Users)],
        }
    }

    fn migrated(&mut self, side: Side, mode: Mode, result: Result<MigrationReport, Fault>) -> Step<Self> {
        let name = self.name(side);
        let report = match result {
            Ok(report) => report,
            Err(fault) => {
                self.ran[side as usize] = vec![words(&fault)];
                let mut effects = vec![Effect::fault(&fault)];
                effects.extend(self.load());
                return effects;
            }
        };
        let mut lines = report.warnings.clone();
        for file in report.files.iter().filter(|f| f.outcome != Outcome::Unchanged) {
            lines.push(format!("{} {:.0} ms", file.name, file.duration_ms));
            lines.extend(file.note.as_deref().into_iter().flat_map(|n| n.split("; ")).map(|n| format!("  {n}")));
        }
        let count = format::plural(report.changed() as u64, "migration", "migrations");
        let took = format::span(report.duration());
        let said = match mode {
            Mode::Apply => format!("{count} applied on {name} in {took}"),
            Mode::DryRun => format!("{count} would apply on {name}: tried in {took} and rolled back"),
        };
        lines.insert(0, said.clone());
        self.ran[side as usize] = lines;
        let mut effects = vec![Effect::toast(Weight::Ok, said)];
        effects.extend(self.load());
        effects
    }
}

fn warn(words: impl Into<String>) -> Step<Schema> {
    vec![Effect::toast(Weight::Warn, words)]
}

fn words(fault: &Fault) -> String {
    let remedy = fault.remedy.as_ref().map(|r| format!("; {r}")).unwrap_or_default();
    format!("{fault}{remedy}")
}
