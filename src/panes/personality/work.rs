//! What the pane asks of the databases.

use crate::personality::history::{self, Transition, Wanted};
use crate::personality::presets::{self, Preset};
use crate::personality::{self, Edit, Sheet};
use crate::postgres::{Fault, Kind};
use crate::sync::mood::{self, Plan, Saved};
use crate::ui::Services;

/// Rows of the history that are read at once.
const MOST: i64 = 2_000;

/// Work wanted.
#[derive(Debug)]
pub enum Command {
    /// Read both sides.
    Load,
    /// Read the history.
    History(Wanted),
    /// Read the presets.
    Presets,
    /// Say what a change would do.
    Plan(Box<Edit>),
    /// Save a change.
    Save(Box<Edit>),
    /// Write a preset.
    SavePreset(Box<Preset>),
    /// Remove a preset.
    DeletePreset(String, String),
}

/// An answer.
#[derive(Debug)]
pub enum Message {
    /// Both sides, each as far as it answered.
    Loaded(Box<[Result<Sheet, Fault>; 2]>),
    /// The history, and whether the master told it; or why not.
    History(Result<(Vec<Transition>, bool), Fault>),
    /// The presets, or why not.
    Presets(Result<Vec<Preset>, Fault>),
    /// What a change would do.
    Planned(Box<Edit>, Result<Plan, Fault>),
    /// What came of saving.
    Saved(Box<Edit>, Result<Saved, Fault>),
    /// What came of writing or removing a preset.
    PresetDone(Result<String, Fault>),
}

/// A history of the last time, or all of it.
pub fn wanted(user: Option<String>, within: Option<std::time::Duration>) -> Wanted {
    Wanted { user, within, limit: MOST }
}

/// Does the work.
pub async fn perform(command: Command, services: &Services) -> Message {
    let pair = services.pair();
    match command {
        Command::Load => {
            let (master, replica) = tokio::join!(personality::sheet(&pair.master), personality::sheet(&pair.replica));
            Message::Loaded(Box::new([master, replica]))
        }
        Command::History(wanted) => {
            let found = match history::read(&pair.master, &wanted).await {
                Err(away) if away.kind == Kind::Unreachable => {
                    history::read(&pair.replica, &wanted).await.and_then(|h| h.ok_or(away)).map(|h| (h, false))
                }
                found => {
                    found.and_then(|h| h.ok_or_else(|| keeps_none("history", "mood_transitions"))).map(|h| (h, true))
                }
            };
            Message::History(found)
        }
        Command::Presets => Message::Presets(match presets::list(&pair.master, None).await {
            Err(away) if away.kind == Kind::Unreachable => {
                presets::list(&pair.replica, None).await.and_then(|p| p.ok_or(away))
            }
            found => found.and_then(|p| p.ok_or_else(|| keeps_none("presets", "personality_presets"))),
        }),
        Command::Plan(edit) => {
            let plan = mood::plan(&pair, &edit).await;
            Message::Planned(edit, plan)
        }
        Command::Save(edit) => {
            let saved = mood::save(&pair, &edit).await;
            Message::Saved(edit, saved)
        }
        Command::SavePreset(preset) => Message::PresetDone(match pair.master.session().await {
            Ok(client) => {
                presets::save(&*client, &preset).await.map(|_| format!("The preset {} is saved", preset.name))
            }
            Err(fault) => Err(fault),
        }),
        Command::DeletePreset(user, name) => Message::PresetDone(match pair.master.session().await {
            Ok(client) => {
                presets::delete(&*client, &user, &name).await.map(|_| format!("The preset {name} is deleted"))
            }
            Err(fault) => Err(fault),
        }),
    }
}

fn keeps_none(what: &str, table: &str) -> Fault {
    Fault::new(Kind::Schema, format!("the master keeps no {what}"))
        .about(table)
        .remedy("robbie schema migrate --target master")
}
