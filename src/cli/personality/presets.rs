//! `robbie personality presets list|apply|save|delete`.

use super::How;
use super::set::Desk;
use super::wanted::Wanted;
use crate::cli::queue::ask::{self, Consent};
use crate::cli::{Exit, output};
use crate::personality::presets::{self, Preset};
use crate::personality::{self, limits};
use crate::postgres::{Fault, Kind};
use chrono::Utc;
use clap::{Args, Subcommand};

/// Arguments of `robbie personality presets`.
#[derive(Args, Debug)]
pub struct PresetsArgs {
    /// What to do with the presets.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the presets.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List them.
    List {
        /// Only of this user.
        #[arg(long)]
        user: Option<String>,
    },
    /// Set what a preset says.
    Apply {
        /// Its name.
        name: String,
        /// How to save it.
        #[command(flatten)]
        how: How,
    },
    /// Make a preset of the state as it is, with what is given in its place; one of this name is replaced.
    Save {
        /// Its name.
        name: String,
        /// Whose.
        #[arg(long, default_value = limits::ALLAN)]
        user: String,
        /// What it is for.
        #[arg(long)]
        description: Option<String>,
        /// What differs from the state as it is.
        #[command(flatten)]
        wanted: Box<Wanted>,
        /// Whether to ask.
        #[command(flatten)]
        consent: Consent,
    },
    /// Delete one.
    Delete {
        /// Its name.
        name: String,
        /// Whose.
        #[arg(long, default_value = limits::ALLAN)]
        user: String,
        /// Whether to ask.
        #[command(flatten)]
        consent: Consent,
    },
}

/// Runs the command.
pub async fn run(args: PresetsArgs, desk: &Desk<'_>) -> Result<Exit, Fault> {
    match args.action {
        Action::List { user } => list(desk, user.as_deref()).await,
        Action::Apply { name, how } => {
            let preset = one(desk, &how.user, &name).await?;
            desk.save(preset.values, &how, Some(format!("preset {name}"))).await
        }
        Action::Save { name, user, description, wanted, consent } => {
            save(desk, &name, &user, description, &wanted, consent).await
        }
        Action::Delete { name, user, consent } => {
            let preset = one(desk, &user, &name).await?;
            let question = format!("Delete the preset {name} of {user}?");
            if consent.dry_run || !(consent.yes || ask::agreed(&question, desk.protected.as_deref())?) {
                return told(desk, &preset, "nothing was deleted", consent.dry_run);
            }
            presets::delete(&*desk.pair.master.session().await?, &user, &name).await?;
            told(desk, &preset, "deleted", false)
        }
    }
}

/// Presets are kept on the master; while it is away the replica's copy is read.
async fn all(desk: &Desk<'_>, user: Option<&str>) -> Result<Vec<Preset>, Fault> {
    let found = match presets::list(&desk.pair.master, user).await {
        Err(away) if away.kind == Kind::Unreachable => {
            presets::list(&desk.pair.replica, user).await?.ok_or(away).map(Some)
        }
        found => found,
    };
    found?.ok_or_else(|| {
        Fault::new(Kind::Schema, "the master keeps no presets")
            .about("personality_presets")
            .remedy("robbie schema migrate --target master")
    })
}

async fn one(desk: &Desk<'_>, user: &str, name: &str) -> Result<Preset, Fault> {
    let found = all(desk, Some(user)).await?.into_iter().find(|p| p.name == name);
    found.ok_or_else(|| {
        Fault::new(Kind::Settings, format!("{user} has no preset of this name"))
            .about(name.to_owned())
            .remedy("robbie personality presets list")
    })
}

async fn list(desk: &Desk<'_>, user: Option<&str>) -> Result<Exit, Fault> {
    let found = all(desk, user).await?;
    if desk.json {
        output::json(&serde_json::json!({ "presets": found }))?;
    } else if found.is_empty() {
        output::note("there is no preset: robbie personality presets save NAME makes one of the state as it is");
    } else {
        for p in &found {
            output::line(line(p))?;
        }
    }
    Ok(Exit::Done)
}

fn line(p: &Preset) -> String {
    let sets: Vec<String> = p.values.iter().map(|(f, v)| format!("{} {}", f.label(), f.shown(v))).collect();
    let about = p.description.as_deref().map(|d| format!("  {d}")).unwrap_or_default();
    format!("{:<8}  {:<16}  {}{about}", p.user, p.name, sets.join(", "))
}

async fn save(
    desk: &Desk<'_>,
    name: &str,
    user: &str,
    description: Option<String>,
    wanted: &Wanted,
    consent: Consent,
) -> Result<Exit, Fault> {
    let given = wanted.values()?;
    if let Some(other) = given.keys().find(|f| presets::FIELDS.iter().all(|(held, _)| held != *f)) {
        return Err(Fault::new(Kind::Settings, format!("a preset cannot hold {}", other.label())));
    }
    limits::check(&given, user, Utc::now())?;
    let sheet = personality::sheet(&desk.pair.master).await?;
    let mut values = sheet.of(user).map(|r| r.values.clone()).unwrap_or_default();
    values.extend(given);
    let preset = Preset::of(user, name, &values, description);
    limits::check(&preset.values, user, Utc::now())?;
    if preset.values.is_empty() {
        return Err(Fault::new(Kind::Settings, format!("{user} has no state to make a preset of"))
            .remedy("give --mood and levels"));
    }
    let question = format!("Save the preset {name} of {user}?");
    if consent.dry_run || !(consent.yes || ask::agreed(&question, desk.protected.as_deref())?) {
        return told(desk, &preset, "nothing was saved", consent.dry_run);
    }
    let new = presets::save(&*desk.pair.master.session().await?, &preset).await?;
    told(desk, &preset, if new { "saved" } else { "saved in the place of the one of this name" }, false)
}

fn told(desk: &Desk<'_>, preset: &Preset, said: &str, dry_run: bool) -> Result<Exit, Fault> {
    if desk.json {
        output::json(&serde_json::json!({ "dry_run": dry_run, "preset": preset, "done": said }))?;
    } else {
        output::line(line(preset))?;
        output::note(said);
    }
    Ok(Exit::Done)
}
