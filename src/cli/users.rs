//! `robbie users list|map|unmap`: which user of the master a replica's text id means.

use super::queue::ask;
use super::{ACTOR, Exit, Invocation, output, targets};
use crate::postgres::Fault;
use crate::sync::adopt::{self, Mapping};
use crate::sync::discard::By;
use clap::{Args, Subcommand};

/// Arguments of `robbie users`.
#[derive(Args, Debug)]
pub struct UsersArgs {
    /// What to do with the mapping.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the mapping.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List the text ids, the users they mean, how many entries wait for one, and which tables here have one that is not mapped.
    List,
    /// Map a text id to a user of the master, and send what waited for it.
    Map {
        /// The replica's text id.
        text: String,
        /// The user: id, name or address.
        user: String,
        /// The service that uses the text id.
        #[arg(long, default_value = "robbie-code")]
        service: String,
        /// Only say what would be mapped.
        #[arg(long)]
        dry_run: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Take a mapping away.
    Unmap {
        /// The replica's text id.
        text: String,
        /// Only say what would be taken away.
        #[arg(long)]
        dry_run: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the command.
pub async fn run(args: UsersArgs, invocation: &Invocation) -> Result<Exit, Fault> {
    let pair = targets(&invocation.settings)?.pair();
    let json = invocation.json;
    let found = adopt::users(&*pair.master.session().await?, &*pair.replica.session().await?).await?;
    let master = &pair.master.target().name;
    let name = invocation.settings.protected.value.then_some(master.as_str());
    let agreed = |question: &str, yes: bool| if yes { Ok(true) } else { ask::agreed(question, name) };
    let of = |text: &str| found.iter().find(|m| m.text == text);
    match args.action {
        Action::List => list(&found, json),
        Action::Map { text, user, service, dry_run, yes } => {
            let waiting = of(&text).map_or(0, |m| m.waiting);
            let question = format!(
                "Map {text} to {user} on {master}? {} waiting for it are sent.",
                ask::entries(waiting.unsigned_abs() as usize)
            );
            if dry_run || !agreed(&question, yes)? {
                return told(
                    json,
                    &serde_json::json!({ "dry_run": true, "text": text, "user": user, "waiting": waiting }),
                    "nothing was mapped",
                );
            }
            let (mapping, released) = adopt::map_user(&pair, &text, &user, &service, by("mapped a user")).await?;
            told(
                json,
                &serde_json::json!({ "dry_run": false, "mapping": mapping, "released": released }),
                &format!("{text} is mapped; {released} waiting for it are sent"),
            )
        }
        Action::Unmap { text, dry_run, yes } => {
            let there = of(&text).is_some_and(|m| m.user.is_some());
            let question = format!("Take the mapping of {text} away on {master}? Entries of this user then wait.");
            if dry_run || !there || !agreed(&question, yes)? {
                told(
                    json,
                    &serde_json::json!({ "dry_run": dry_run, "text": text, "mapped": there }),
                    "nothing was changed",
                )?;
                return Ok(if there { Exit::Done } else { Exit::Attention });
            }
            let gone = adopt::unmap_user(&pair, &text, by("took a mapping away")).await?;
            told(
                json,
                &serde_json::json!({ "dry_run": false, "text": text, "unmapped": gone }),
                &format!("{text} is not mapped any more"),
            )
        }
    }
}

fn by(reason: &str) -> By<'_> {
    By { actor: ACTOR, reason, engine: None }
}

fn told(json: bool, document: &serde_json::Value, said: &str) -> Result<Exit, Fault> {
    if json {
        output::json(document)?;
    } else {
        output::note(said);
    }
    Ok(Exit::Done)
}

fn list(found: &[Mapping], json: bool) -> Result<Exit, Fault> {
    if json {
        output::json(&serde_json::json!({ "users": found }))?;
    } else {
        for m in found {
            let user = m.user.map_or_else(|| "not mapped".to_owned(), |u| u.to_string());
            let waiting = if m.waiting > 0 { format!("  {} waiting", m.waiting) } else { String::new() };
            let rows = if m.tables.is_empty() { String::new() } else { format!("  in {}", m.tables.join(", ")) };
            output::line(format!("{:<24} {user:<36}  {}{waiting}{rows}", m.text, m.name.as_deref().unwrap_or("–")))?;
        }
    }
    Ok(if found.iter().any(|m| m.user.is_none() && (m.waiting > 0 || !m.tables.is_empty())) {
        Exit::Attention
    } else {
        Exit::Done
    })
}
