//! What was done here, taken back and done again: discards by restoring, replays by undoing their effect.

use super::outcomes::{entries, said, summary};
use super::prompt::Wanted;
use super::{Action, Command, Level, Putting, Queue};
use crate::postgres::{Fault, Side};
use crate::queue::State;
use crate::sync::discard::{Fate, Put};
use crate::sync::{EntryOutcome, Outcome};
use crate::ui::pane::Ask;
use crate::ui::{Effect, Level as Weight, Now, Step};
use uuid::Uuid;

/// So many deeds can be taken back.
const KEPT: usize = 50;

/// Something done to entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// They went into the archive.
    Discarded(Vec<Uuid>),
    /// Their effect went to the master.
    Replayed(Vec<Uuid>),
}

impl Deed {
    /// Whether it is of the same kind, and about some of the same entries.
    fn shares(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Discarded(one), Self::Discarded(two)) | (Self::Replayed(one), Self::Replayed(two)) => {
                one.iter().any(|id| two.contains(id))
            }
            _ => false,
        }
    }
}

/// What was done in this session, the latest last.
#[derive(Debug, Default)]
pub(super) struct Deeds {
    done: Vec<Deed>,
    undone: Vec<Deed>,
}

impl Deeds {
    /// Something new was done: what was undone before cannot be redone any more.
    pub(super) fn add(&mut self, deed: Deed) {
        self.undone.clear();
        self.done.push(deed);
        if self.done.len() > KEPT {
            self.done.remove(0);
        }
    }
    /// A deed was taken back.
    fn took_back(&mut self, deed: Deed) {
        self.done.retain(|other| !other.shares(&deed));
        self.undone.push(deed);
    }
    /// A deed that was taken back was done again; whether it was one of them.
    fn did_again(&mut self, deed: Deed) -> bool {
        let before = self.undone.len();
        self.undone.retain(|other| !other.shares(&deed));
        let again = self.undone.len() < before;
        if again {
            self.done.push(deed);
        }
        again
    }
}

impl Queue {
    /// Asks whether what was done last shall be taken back; in the archive, whether what is selected shall come back;
    /// where nothing was done here, whether the effect of the selected entry shall.
    pub(super) fn take_back(&mut self) -> Step<Self> {
        if self.shows_discarded() {
            return self.restore_targets();
        }
        if let Some(refusal) = self.refusal() {
            return vec![refusal];
        }
        match self.deeds.done.last().cloned() {
            _ if self.busy => {
                vec![Effect::toast(Weight::Info, "Something is being written; this waits until it is done")]
            }
            Some(Deed::Discarded(ids)) => self.ask_to_put_back(ids, Putting::Restore),
            Some(Deed::Replayed(ids)) => self.ask_why_undo(ids),
            None if self.shows_synced() => self.ask_why_undo(self.targets()),
            None => {
                let (undo, states) = (self.key_of(Action::TakeBack), self.key_of(Action::NextStates));
                let words = format!(
                    "Nothing was done here yet. On a synced entry {undo} undoes its effect, on a discarded one it restores it ({states} shows both)"
                );
                vec![Effect::toast(Weight::Info, words)]
            }
        }
    }

    fn ask_why_undo(&mut self, ids: Vec<Uuid>) -> Step<Self> {
        self.wanted(Wanted::Undo(ids));
        Vec::new()
    }

    /// Asks whether what was taken back last shall be done again.
    pub(super) fn do_again(&mut self) -> Step<Self> {
        if let Some(refusal) = self.refusal() {
            return vec![refusal];
        }
        match self.deeds.undone.last().cloned() {
            _ if self.busy => {
                vec![Effect::toast(Weight::Info, "Something is being written; this waits until it is done")]
            }
            Some(Deed::Discarded(ids)) => {
                vec![Effect::Run(Command::Put { ids, put: Putting::Look, reason: String::new() })]
            }
            Some(Deed::Replayed(ids)) => {
                let reason = "done again".to_owned();
                vec![Effect::Run(Command::Undo { ids, redo: true, dry: true, reason })]
            }
            None => vec![Effect::toast(Weight::Info, "Nothing was taken back here that could be done again")],
        }
    }

    /// Whether what is selected is on the master.
    pub(super) fn shows_synced(&self) -> bool {
        let state = match self.level {
            Level::Groups => None,
            Level::List => self.window.selected().map(|entry| entry.state),
            Level::Entry => self.inside.detail.as_ref().map(|detail| detail.entry.state),
        };
        state == Some(State::Synced)
    }

    /// What an undo or a redo would come to, or came to.
    pub(super) fn undone(
        &mut self,
        ids: &[Uuid],
        (redo, dry): (bool, bool),
        reason: String,
        found: Result<Vec<EntryOutcome>, Fault>,
        now: Now,
    ) -> Step<Self> {
        if !dry {
            self.busy = false;
            self.pulse = None;
        }
        let found = match found {
            Ok(found) => found,
            Err(fault) => return vec![Effect::fault(&fault)],
        };
        let able: Vec<Uuid> = found.iter().filter(|one| works(redo, one)).map(|one| one.id).collect();
        let refused = found.iter().filter(|one| !works(redo, one));
        let why = refused.clone().find_map(|one| Some(with_remedy(one.message.as_deref()?, one.remedy.as_deref())));
        let others = match refused.count() {
            0 => String::new(),
            // One that was refused alone needs no count.
            1 if able.is_empty() => why.unwrap_or_default(),
            n => format!("{} cannot be{}", entries(n), why.map(|why| format!(": {why}")).unwrap_or_default()),
        };
        let verb = if redo { "done again" } else { "undone" };
        if dry {
            return self.ask_to_undo(&able, redo, reason, &found, others);
        }
        let weight = match (able.is_empty(), others.is_empty()) {
            (true, _) => Weight::Bad,
            (_, true) => Weight::Ok,
            _ => Weight::Warn,
        };
        if !able.is_empty() {
            let deed = Deed::Replayed(ids.to_vec());
            if !redo {
                self.deeds.took_back(deed);
            } else if !self.deeds.did_again(deed.clone()) {
                self.deeds.add(deed);
            }
        }
        let again = if redo { String::new() } else { format!("; {} does it again", self.key_of(Action::DoAgain)) };
        let others = if others.is_empty() { others } else { format!(" · {others}") };
        let mut effects = vec![Effect::toast(weight, format!("{} {verb}{again}{others}", entries(able.len())))];
        effects.extend(self.after_writing(ids, now));
        effects
    }

    fn ask_to_undo(
        &self,
        able: &[Uuid],
        redo: bool,
        reason: String,
        found: &[EntryOutcome],
        others: String,
    ) -> Step<Self> {
        let (doing, verb) = if redo { ("Redo", "done again") } else { ("Undo", "undone") };
        if able.is_empty() || self.busy {
            return vec![Effect::toast(Weight::Warn, format!("Nothing can be {verb}: {others}"))];
        }
        let what = entries(able.len());
        let mut details: Vec<String> = Vec::new();
        match found {
            [one] => details.push(change(one)),
            all => details.push(format!("dry run: {}", summary(all))),
        }
        if redo {
            details.push("It is applied once more; its row was not changed since.".into());
        } else {
            details.push(
                "Each row becomes what it was before, on the master; it comes here with the next pull. What went with \
                 a row by a cascade does not come back."
                    .into(),
            );
            details.push(format!("reason: {reason}"));
        }
        details.extend((!others.is_empty()).then_some(others));
        vec![Effect::Ask(Ask {
            question: format!("{doing} {what} on {}?", self.master_name()),
            details,
            confirm: format!("{doing} {what}"),
            danger: !redo,
            type_the_name: self.name_wanted(Side::Master),
            then: Command::Undo { ids: able.to_vec(), redo, dry: false, reason },
        })]
    }

    /// Asks whether entries shall come back from the archive.
    pub(super) fn ask_to_put_back(&self, ids: Vec<Uuid>, put: Putting) -> Step<Self> {
        if self.busy || ids.is_empty() {
            return vec![Effect::toast(Weight::Info, "Nothing is selected that could be restored now")];
        }
        let what = entries(ids.len());
        vec![Effect::Ask(Ask {
            question: format!("Restore {what} to the queue of {}?", self.replica_name()),
            details: vec!["They are sent again; the rows of the replica stay as they are until then.".into()],
            confirm: format!("Restore {what}"),
            danger: false,
            type_the_name: self.name_wanted(Side::Replica),
            then: Command::Put { ids, put, reason: "restored in the console".to_owned() },
        })]
    }

    /// What would become, or became, of entries that are discarded or put back.
    pub(super) fn put(&mut self, ids: &[Uuid], put: Putting, found: Result<Vec<Put>, Fault>, now: Now) -> Step<Self> {
        if put != Putting::Look {
            self.busy = false;
            self.pulse = None;
        }
        let found = match found {
            Ok(found) => found,
            Err(fault) => return vec![Effect::fault(&fault)],
        };
        let done: Vec<Uuid> = found.iter().filter(|one| one.fate.is_done()).map(|one| one.id).collect();
        let others = found.iter().filter(|one| !one.fate.is_done()).find_map(|one| one.message.clone());
        let others = others.map(|words| format!(" · {} not: {words}", found.len() - done.len())).unwrap_or_default();
        if put == Putting::Look {
            if done.is_empty() || self.busy {
                return vec![Effect::toast(Weight::Warn, format!("Nothing can be discarded{others}"))];
            }
            self.wanted(Wanted::Discard { ids: ids.to_vec(), able: done.len(), others });
            return Vec::new();
        }
        let mut words = format!("{} {}{others}", entries(done.len()), put.done());
        if put == Putting::Discard {
            words = format!("{words}; {} puts it back, for 30 days", self.key_of(Action::TakeBack));
            for one in found.iter().filter(|one| one.fate != Fate::Missing) {
                self.marks.remove(&one.id);
            }
            if !done.is_empty() && !self.deeds.did_again(Deed::Discarded(done.clone())) {
                self.deeds.add(Deed::Discarded(done));
            }
        } else {
            self.deeds.took_back(Deed::Discarded(done));
        }
        let weight = if others.is_empty() { Weight::Ok } else { Weight::Warn };
        let mut effects = vec![Effect::toast(weight, words)];
        effects.extend(self.after_writing(ids, now));
        effects
    }

    /// Asks whether entries shall be discarded, for the reason that was typed.
    pub(super) fn ask_to_discard(&self, ids: Vec<Uuid>, able: usize, others: &str, reason: String) -> Step<Self> {
        let what = entries(ids.len());
        let mut details = vec![
            format!("reason: {reason}"),
            "They go into the archive byte for byte and are kept there for 30 days; nothing is marked as synced."
                .into(),
            "The edits of their rows are given up: the next pull takes the master's rows.".into(),
        ];
        if !others.is_empty() {
            details.insert(0, format!("{} can be discarded{others}", entries(able)));
        }
        vec![Effect::Ask(Ask {
            question: format!("Discard {what} of {}?", self.replica_name()),
            details,
            confirm: format!("Discard {what}"),
            danger: true,
            type_the_name: self.name_wanted(Side::Replica),
            then: Command::Put { ids, put: Putting::Discard, reason },
        })]
    }
}

/// Whether an entry was, or would be, taken back or done again.
fn works(redo: bool, one: &EntryOutcome) -> bool {
    if redo { one.outcome.is_settled() } else { one.outcome == Outcome::Applied }
}

/// What becomes of the row, in a line.
fn change(one: &EntryOutcome) -> String {
    match (&one.before, &one.after) {
        (Some(_), None) => "dry run: its row is deleted again".to_owned(),
        (None, Some(_)) => "dry run: its row comes back".to_owned(),
        (Some(before), Some(after)) => {
            let was = super::payload::fields(before);
            let changed: Vec<String> = super::payload::fields(after)
                .into_iter()
                .filter(|(name, value)| was.iter().any(|(other, old)| other == name && old != value))
                .map(|(name, _)| name)
                .collect();
            format!(
                "dry run: changes back {}",
                if changed.is_empty() { "nothing".to_owned() } else { changed.join(", ") }
            )
        }
        (None, None) => format!("dry run: {}", said(one, true)),
    }
}

fn with_remedy(words: &str, remedy: Option<&str>) -> String {
    remedy.map_or_else(|| words.to_owned(), |remedy| format!("{words} ({remedy})"))
}
