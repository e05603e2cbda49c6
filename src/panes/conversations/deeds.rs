//! What is written: another title, deleting and taking back, and files.

use super::keys::hint;
use super::work::Ask;
use super::{Conversations, Typing};
use crate::conversation::{Sides, export};
use crate::postgres::{Fault, Pair, Side};
use crate::sync::memory::{self, Written};
use crate::ui::field::Field as Line;
use crate::ui::{Ask as Question, Effect, Level as Weight, Step};
use std::path::PathBuf;
use uuid::Uuid;

/// Who did it, in the archive.
const ACTOR: &str = "console";

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Rename { id: Uuid, title: String, from: Option<String> },
    Delete { id: Uuid, title: String },
    Restore { archive: Uuid, side: Side, title: String },
    Export { id: Uuid, path: PathBuf },
}

/// What was done, and so can be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Renamed { id: Uuid, from: Option<String>, to: String, how: Written },
    Deleted { archive: Uuid, title: String, how: Written },
    Restored { title: String, how: Written },
    Exported { path: PathBuf },
}

/// Does it.
pub(super) async fn perform(deed: Deed, pair: &Pair, sides: Option<&Sides>) -> Result<Done, Fault> {
    match deed {
        Deed::Rename { id, title, from } => {
            let how = memory::rename(pair, id, from.as_deref(), &title).await?;
            Ok(Done::Renamed { id, from, to: title, how })
        }
        Deed::Delete { id, title } => {
            let (archive, how) = memory::delete(pair, id, ACTOR).await?;
            Ok(Done::Deleted { archive, title, how })
        }
        Deed::Restore { archive, side, title } => {
            let how = memory::restore(pair, archive, side).await?;
            Ok(Done::Restored { title, how })
        }
        Deed::Export { id, path } => {
            let read;
            let sides = if let Some(sides) = sides {
                sides
            } else {
                read = Sides::read(pair).await?;
                &read
            };
            export::to_file(sides, id, &path).await?;
            Ok(Done::Exported { path })
        }
    }
}

impl Conversations {
    fn title_of(&self, id: Uuid) -> Option<String> {
        let read = self.levels.iter().rev().find_map(|level| match &level.shown {
            super::levels::Shown::Reading { id: shown, about: Some(about), .. } if *shown == id => Some(&about.listed),
            _ => None,
        });
        let listed = read.or_else(|| self.list.rows().find(|l| l.conversation.id == id));
        listed.and_then(|l| l.conversation.title.clone())
    }

    pub(super) fn ask_title(&mut self) -> Step<Self> {
        let Some(id) = self.conversation() else { return hint("It belongs to no conversation") };
        self.typing = Some((Typing::Title(id), Line::with(self.title_of(id).unwrap_or_default())));
        Vec::new()
    }

    pub(super) fn rename(&mut self, id: Uuid, title: &str) -> Step<Self> {
        let from = self.title_of(id);
        if title.is_empty() || from.as_deref() == Some(title) {
            return hint("The title stays as it is");
        }
        let deed = Deed::Rename { id, title: title.to_owned(), from: from.clone() };
        vec![Effect::Ask(Question {
            question: "Give this conversation another title?".to_owned(),
            details: vec![
                format!("from  {}", from.as_deref().unwrap_or("(no title)")),
                format!("to    {title}"),
                "On the master first; while it is away on the replica, and queued for it.".to_owned(),
            ],
            confirm: "Rename".to_owned(),
            danger: false,
            type_the_name: self.protected(),
            then: super::Command { sides: self.sides.clone(), ask: Ask::Do(deed) },
        })]
    }

    pub(super) fn ask_delete(&mut self) -> Step<Self> {
        let Some(id) = self.conversation() else { return hint("It belongs to no conversation") };
        let title = self.title_of(id).unwrap_or_else(|| "(no title)".to_owned());
        let listed = self.list.rows().find(|l| l.conversation.id == id);
        let holds = listed.map_or_else(String::new, |l| {
            format!(
                "{} messages and {} code blocks go with it.",
                l.conversation.message_count.unwrap_or(0),
                l.conversation.blocks
            )
        });
        vec![Effect::Ask(Question {
            question: format!("Delete “{title}”?"),
            details: vec![
                holds,
                "On the master first, and the replicas follow; while it is away on the replica, and queued for it."
                    .to_owned(),
                "It is archived with all it holds: z takes it back.".to_owned(),
            ],
            confirm: "Delete".to_owned(),
            danger: true,
            type_the_name: self.protected(),
            then: super::Command { sides: self.sides.clone(), ask: Ask::Do(Deed::Delete { id, title }) },
        })]
    }

    pub(super) fn take_back(&mut self) -> Step<Self> {
        let (question, deed) = match self.done.last() {
            Some(Done::Renamed { id, from, to, .. }) => {
                let title = from.clone().unwrap_or_default();
                (
                    format!("Give it its old title “{title}” again?"),
                    Deed::Rename { id: *id, title, from: Some(to.clone()) },
                )
            }
            Some(Done::Deleted { archive, title, how }) => {
                let deed = Deed::Restore { archive: *archive, side: how.side(), title: title.clone() };
                (format!("Bring “{title}” back?"), deed)
            }
            _ => {
                return hint(
                    "Nothing was renamed or deleted in this session; robbie conversations archived lists what was deleted",
                );
            }
        };
        vec![Effect::Ask(Question {
            question,
            details: vec!["With all its messages and blocks, as they were.".to_owned()],
            confirm: "Take back".to_owned(),
            danger: false,
            type_the_name: self.protected(),
            then: super::Command { sides: self.sides.clone(), ask: Ask::Do(deed) },
        })]
    }

    pub(super) fn ask_file(&mut self) -> Step<Self> {
        let Some(id) = self.conversation() else { return hint("It belongs to no conversation") };
        let title = self.title_of(id).unwrap_or_default().to_lowercase();
        let words: Vec<&str> = title.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).take(8).collect();
        let name = if words.is_empty() { id.to_string() } else { words.join("-") };
        self.typing = Some((Typing::File(id), Line::with(format!("{name}.md"))));
        Vec::new()
    }

    pub(super) fn export(&mut self, id: Uuid, path: String) -> Step<Self> {
        if path.is_empty() {
            return Vec::new();
        }
        vec![self.run(Ask::Do(Deed::Export { id, path: PathBuf::from(path) }))]
    }

    pub(super) fn was_done(&mut self, done: Result<Done, Fault>) -> Step<Self> {
        let done = match done {
            Err(fault) => return vec![Effect::fault(&fault)],
            Ok(done) => done,
        };
        let (level, said) = match &done {
            Done::Exported { path } => {
                return vec![Effect::toast(Weight::Ok, format!("Written to {}", path.display()))];
            }
            Done::Renamed { how, .. } => how.said("Renamed"),
            Done::Deleted { how, .. } => how.said("Deleted and archived (z takes it back)"),
            Done::Restored { how, .. } => how.said("Brought back"),
        };
        match &done {
            Done::Deleted { .. } => self.levels.clear(),
            Done::Renamed { .. }
                if matches!(self.done.last(), Some(Done::Renamed { from, to, .. })
                if matches!(&done, Done::Renamed { from: f, to: t, .. } if f.as_ref() == Some(to) && from.as_ref() == Some(t))) =>
            {
                self.done.pop();
                let mut effects = self.refresh();
                effects.insert(0, Effect::toast(level, said));
                return effects;
            }
            Done::Restored { .. } => {
                self.done.pop();
            }
            _ => {}
        }
        if !matches!(done, Done::Restored { .. }) {
            self.done.push(done);
        }
        let mut effects = self.refresh();
        effects.insert(0, Effect::toast(level, said));
        effects
    }
}

impl Written {
    /// What is said of it.
    fn said(&self, what: &str) -> (Weight, String) {
        match self {
            Self::OnMaster { replica_later: None } => (Weight::Ok, format!("{what} on the master; the replica has it")),
            Self::OnMaster { replica_later: Some(why) } => {
                (Weight::Ok, format!("{what} on the master; the replica follows ({why})"))
            }
            Self::Queued { why } => (Weight::Warn, format!("{what} on the replica and queued for the master: {why}")),
        }
    }
}
