//! `robbie personality show|set|history|revert|presets`: Robbie's mood and levels on both sides.

mod presets;
mod print;
mod set;
mod wanted;

use super::queue::ask::Consent;
use super::{Exit, Invocation, output, targets};
use crate::personality::{self, Edit, Person, Sheet, history, limits};
use crate::postgres::{Fault, Kind, Link, Pair};
use clap::{Args, Subcommand};
use wanted::Wanted;

/// Who did it, for the history.
const ACTOR: &str = "command line";

/// Arguments of `robbie personality`.
#[derive(Args, Debug)]
pub struct PersonalityArgs {
    /// What to do with the personality.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the personality.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Show what both sides hold, and where they differ.
    Show {
        /// Only of this user.
        #[arg(long)]
        user: Option<String>,
    },
    /// Set mood, levels and the rest: on the master and then here; while the master is away, here and in the queue.
    Set {
        /// What is wanted.
        #[command(flatten)]
        wanted: Box<Wanted>,
        /// How to save it.
        #[command(flatten)]
        how: How,
    },
    /// Show who changed what, when and why, the last first.
    History {
        /// Only of this user.
        #[arg(long)]
        user: Option<String>,
        /// Only the last time, such as 2h, 7d or 4w.
        #[arg(long, value_name = "SPAN", value_parser = wanted::span)]
        since: Option<std::time::Duration>,
        /// How many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        limit: u16,
    },
    /// Go back to what held at a point of the history: a change of its own, like every other.
    Revert {
        /// A change of the history, by its id: to what held right after it. Or a moment, such as 2026-01-31T18:00:00Z.
        point: String,
        /// How to save it.
        #[command(flatten)]
        how: How,
    },
    /// List, apply, make and delete presets.
    Presets(presets::PresetsArgs),
}

/// Whose, why, and what becomes of what others changed meanwhile.
#[derive(Args, Clone, Debug)]
pub struct How {
    /// Whose state.
    #[arg(long, default_value = limits::ALLAN)]
    pub user: String,
    /// Why, for the history.
    #[arg(long)]
    pub reason: Option<String>,
    /// What to do with columns that others changed while this ran.
    #[arg(long, value_enum, default_value_t = Clashing::Refuse)]
    pub on_conflict: Clashing,
    /// Whether to ask.
    #[command(flatten)]
    pub consent: Consent,
}

/// What to do with columns that others changed meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Clashing {
    /// Write nothing and name them.
    Refuse,
    /// Set them as wanted all the same.
    Mine,
    /// Leave them as they are.
    Theirs,
}

/// Runs the command.
pub async fn run(args: PersonalityArgs, invocation: &Invocation) -> Result<Exit, Fault> {
    let pair = targets(&invocation.settings)?.pair();
    let json = invocation.json;
    let protected = invocation.settings.protected.value.then(|| pair.master.target().name.clone());
    let desk = set::Desk { pair: &pair, json, protected };
    match args.action {
        Action::Show { user } => show(&pair, user.as_deref(), json).await,
        Action::Set { wanted, how } => {
            let values = wanted.values()?;
            if values.is_empty() {
                return Err(Fault::new(Kind::Settings, "nothing is to be set").remedy("robbie personality set --help"));
            }
            desk.save(values, &how, None).await
        }
        Action::History { user, since, limit } => {
            let wanted = history::Wanted { user, within: since, limit: i64::from(limit) };
            past(&pair, &wanted, json).await
        }
        Action::Revert { point, how } => desk.revert(&point, &how).await,
        Action::Presets(args) => Box::pin(presets::run(args, &desk)).await,
    }
}

/// Both sides as far as they can be read; a fault where neither can.
async fn both(pair: &Pair) -> Result<(Result<Sheet, Fault>, Result<Sheet, Fault>), Fault> {
    let (master, replica) = tokio::join!(personality::sheet(&pair.master), personality::sheet(&pair.replica));
    match (&master, &replica) {
        (Err(fault), Err(_)) => Err(fault.clone()),
        _ => Ok((master, replica)),
    }
}

async fn show(pair: &Pair, user: Option<&str>, json: bool) -> Result<Exit, Fault> {
    let (master, replica) = both(pair).await?;
    let people = personality::people(master.as_ref().ok(), replica.as_ref().ok());
    let people: Vec<Person> = people.into_iter().filter(|p| user.is_none_or(|u| u == p.user)).collect();
    for fault in [master.as_ref().err(), replica.as_ref().err()].into_iter().flatten() {
        output::note(fault.to_string());
    }
    if json {
        output::json(&print::document(&people, &master, &replica))?;
    } else if people.is_empty() {
        output::note(
            user.map_or_else(|| "no user has a state".to_owned(), |u| format!("{u} has no state on either side")),
        );
    } else {
        let names = [pair.master.target().name.as_str(), pair.replica.target().name.as_str()];
        for person in &people {
            print::person(person, names)?;
        }
    }
    let whole = master.is_ok() && replica.is_ok();
    let known = user.is_none() || !people.is_empty();
    Ok(if whole && known && people.iter().all(|p| p.differs().is_empty()) { Exit::Done } else { Exit::Attention })
}

/// The side that knows the history: the master, or the replica while it is away.
async fn chronicle(pair: &Pair, wanted: &history::Wanted) -> Result<(Vec<history::Transition>, &'static str), Fault> {
    let none = |link: &Link| {
        Fault::new(Kind::Schema, format!("the {} keeps no history", link.side()))
            .on(link.side())
            .about("mood_transitions")
            .remedy(format!("robbie schema migrate --target {}", link.side()))
    };
    match history::read(&pair.master, wanted).await {
        Ok(Some(found)) => Ok((found, "master")),
        Ok(None) => Err(none(&pair.master)),
        Err(away) if away.kind == Kind::Unreachable => match history::read(&pair.replica, wanted).await? {
            Some(found) => Ok((found, "replica")),
            None => Err(away),
        },
        Err(fault) => Err(fault),
    }
}

async fn past(pair: &Pair, wanted: &history::Wanted, json: bool) -> Result<Exit, Fault> {
    let (found, side) = chronicle(pair, wanted).await?;
    if json {
        output::json(&serde_json::json!({ "side": side, "history": found }))?;
    } else if found.is_empty() {
        output::note("nothing was changed in that time");
    } else {
        for t in &found {
            output::line(print::transition(t))?;
        }
        if side == "replica" {
            output::note("the master is away: this is what the replica knows");
        }
    }
    Ok(Exit::Done)
}
