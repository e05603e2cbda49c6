//! What the pane does with what it is told.

use super::{Command, Draft, Level, Message, Personality, REFRESH};
use crate::personality::{Clash, Edit, Field, Sheet, limits, meaning, people};
use crate::postgres::Fault;
use crate::sync::mood::{Plan, Saved, Step as Part};
use crate::ui::header::Facts;
use crate::ui::{Ask, Effect, Level as Weight, Now, Step};

/// Whose mood the header shows.
const WORN_FOR: &str = limits::ALLAN;

impl Personality {
    pub(super) fn told(&mut self, message: Message, now: Now) -> Step<Self> {
        match message {
            Message::Loaded(sides) => self.loaded(*sides, now),
            Message::History(found) => {
                let kept = self.selected_transition();
                self.history_of_master = found.as_ref().is_ok_and(|(_, of_master)| *of_master);
                self.history = Some(found.map(|(told, _)| told).map_err(|f| words(&f)));
                let told = self.history.as_ref().and_then(|h| h.as_ref().ok());
                let at = kept.and_then(|id| told?.iter().position(|t| t.id == id));
                self.chosen = at.unwrap_or(0);
                Vec::new()
            }
            Message::Presets(found) => {
                self.presets = Some(found.map_err(|f| words(&f)));
                let len = self.presets.as_ref().and_then(|p| p.as_ref().ok()).map_or(0, Vec::len);
                self.preset = self.preset.min(len.saturating_sub(1));
                Vec::new()
            }
            Message::Planned(_, Err(fault)) | Message::PresetDone(Err(fault)) => vec![Effect::fault(&fault)],
            Message::Planned(edit, Ok(plan)) => self.planned(edit, &plan),
            Message::Saved(edit, saved) => {
                self.saving = false;
                self.saved(*edit, saved)
            }
            Message::PresetDone(Ok(said)) => vec![Effect::toast(Weight::Ok, said), Effect::Run(Command::Presets)],
        }
    }

    fn selected_transition(&self) -> Option<String> {
        let told = self.history.as_ref()?.as_ref().ok()?;
        told.get(self.chosen).map(|t| t.id.clone()).filter(|_| self.chosen > 0)
    }

    /// Takes both sides: what a lost one said last is kept.
    fn loaded(&mut self, sides: [Result<Sheet, Fault>; 2], now: Now) -> Step<Self> {
        self.loading = false;
        self.read_at = Some(now.uptime);
        for (i, side) in sides.into_iter().enumerate() {
            match side {
                Ok(sheet) => (self.sides[i], self.faults[i]) = (Some(sheet), None),
                Err(fault) => self.faults[i] = Some(words(&fault)),
            }
        }
        self.people = people(self.sides[0].as_ref(), self.sides[1].as_ref());
        let reached = self.reached();
        let mut effects = vec![Effect::Timer { id: "personality", after: REFRESH }];
        match self.people.iter().find(|p| p.user == self.draft.user) {
            Some(person) => self.draft.refresh(person, reached),
            None => {
                if let Some(first) = self.people.first() {
                    self.draft = Draft::of(first, reached);
                    effects.push(self.ask_history());
                }
            }
        }
        self.row = self.row.min(self.fields().len().saturating_sub(1));
        effects.extend(self.worn().map(|mood| Effect::Publish(Facts { mood: Some(mood), ..Facts::default() })));
        effects
    }

    /// The mood for the header: as the replica wears it, else as the master has it.
    fn worn(&self) -> Option<String> {
        let person = self.people.iter().find(|p| p.user == WORN_FOR)?;
        let row = person.replica.as_ref().or(person.master.as_ref())?;
        row.values.get(&Field::Mood).and_then(|json| Field::Mood.plain(json))
    }

    /// Shows what saving would change on each side, and asks.
    fn planned(&mut self, edit: Box<Edit>, plan: &Plan) -> Step<Self> {
        let first = if plan.first == "master" { &plan.master } else { &plan.replica };
        if let Some(why) = &first.refused {
            return vec![Effect::toast(Weight::Bad, why.clone())];
        }
        if !first.clashes.is_empty() {
            self.clash(edit, &plan.first, first.clashes.clone());
            return Vec::new();
        }
        if first.changes.is_empty() {
            if self.draft.set == edit.set {
                self.draft.set.clear();
            }
            return vec![Effect::toast(Weight::Info, "All is as wanted already"), self.load()];
        }
        let mut details = Vec::new();
        for (side, part) in [("master", &plan.master), ("replica", &plan.replica)] {
            details.push(heading(side, plan, part));
            details.extend(part.changes.iter().map(|c| {
                let spelled =
                    c.new.parse().ok().and_then(|l| meaning(c.field, l)).map(|m| format!(", {m}")).unwrap_or_default();
                format!("  {:<16} {} → {}{spelled}", c.field.label(), c.field.shown(&c.old), c.field.shown(&c.new))
            }));
            details.extend(part.clashes.iter().map(|c| {
                format!(
                    "  {:<16} stays {} here until the engine has decided",
                    c.field.label(),
                    c.field.shown(&c.theirs)
                )
            }));
        }
        details.push(format!("reason: {}", edit.reason.as_deref().unwrap_or("none given")));
        self.saving = false;
        vec![Effect::Ask(Ask {
            question: format!("Save this for {}?", edit.user),
            details,
            confirm: "Save".to_owned(),
            danger: false,
            type_the_name: self.protected().filter(|_| plan.first == "master"),
            then: Command::Save(edit),
        })]
    }

    fn clash(&mut self, edit: Box<Edit>, side: &str, clashes: Vec<Clash>) {
        let mine = vec![false; clashes.len()];
        self.level = Level::Clashes { edit, side: side.to_owned(), clashes, mine, at: 0 };
    }

    fn saved(&mut self, edit: Edit, saved: Result<Saved, Fault>) -> Step<Self> {
        let (master, replica) = (self.name(crate::postgres::Side::Master), self.name(crate::postgres::Side::Replica));
        let said = match saved {
            Err(fault) => return vec![Effect::fault(&fault), self.load()],
            Ok(Saved::Clashes { side, clashes }) => {
                self.clash(Box::new(edit), &side, clashes);
                return vec![self.load(), Effect::toast(Weight::Warn, "Others were first: nothing was saved")];
            }
            Ok(Saved::Nothing) => (Weight::Info, "All was as wanted already".to_owned()),
            Ok(Saved::OnMaster { replica_later: None, .. }) => (Weight::Ok, format!("Saved on {master} and {replica}")),
            Ok(Saved::OnMaster { replica_later: Some(why), .. }) => {
                (Weight::Warn, format!("Saved on {master}; {replica} does not have it yet: {why}"))
            }
            Ok(Saved::Queued { .. }) => {
                (Weight::Warn, format!("{master} is away: saved on {replica} and queued for it"))
            }
        };
        if edit.user == self.draft.user {
            self.draft.set.retain(|f, json| edit.set.get(f).is_none_or(|saved| saved != json));
        }
        let mut effects = vec![Effect::toast(said.0, said.1), self.load(), self.ask_history()];
        if self.level != Level::History {
            self.level = Level::State;
        }
        effects.push(Effect::Timer { id: "personality", after: REFRESH });
        effects
    }
}

fn heading(side: &str, plan: &Plan, part: &Part) -> String {
    match (&part.refused, side == plan.first) {
        (Some(why), _) => format!("{side}: {why}"),
        (None, true) => format!("{side}, first"),
        (None, false) if side == "replica" => format!("{side}, with the next pull"),
        (None, false) => format!("{side}, from the queue"),
    }
}

fn words(fault: &Fault) -> String {
    let remedy = fault.remedy.as_ref().map(|r| format!("; {r}")).unwrap_or_default();
    format!("{fault}{remedy}")
}
