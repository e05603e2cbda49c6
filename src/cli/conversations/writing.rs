//! `robbie conversations rename|delete|trash|restore|import`: what is written, the master first or queued.

use super::{SideArg, output, wrong};
use crate::cli::Exit;
use crate::cli::queue::ask::{self, Consent};
use crate::conversation as domain;
use crate::conversation::Sides;
use crate::postgres::{Fault, Kind, Pair, Side};
use crate::sync::memory::{self, Outcome, Written};
use clap::Args;
use std::path::PathBuf;
use uuid::Uuid;

/// Arguments of `robbie conversations rename`.
#[derive(Args, Debug)]
pub struct RenameArgs {
    /// Which conversation.
    pub id: Uuid,
    /// Its new title.
    pub title: String,
    /// Whether to ask.
    #[command(flatten)]
    pub consent: Consent,
}

/// Arguments of `robbie conversations delete`.
#[derive(Args, Debug)]
pub struct DeleteArgs {
    /// Which conversations.
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<Uuid>,
    /// Whether to ask.
    #[command(flatten)]
    pub consent: Consent,
}

/// Arguments of `robbie conversations restore`.
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// What is to be brought back: the key that `delete` and `trash` show.
    pub key: Uuid,
    /// The side in whose trash it is.
    #[arg(long, value_enum)]
    pub side: Option<SideArg>,
}

/// Arguments of `robbie conversations import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// A file that `export --format json` wrote; `-` is stdin.
    pub file: PathBuf,
    /// Whether to ask.
    #[command(flatten)]
    pub consent: Consent,
}

/// Where and for whom is written.
pub struct Desk<'a> {
    /// The pair.
    pub pair: &'a Pair,
    /// What a protected master is called.
    pub protected: Option<String>,
    /// One document on stdout.
    pub json: bool,
}

fn said(written: &Written) -> String {
    match written {
        Written::OnMaster { replica_later: None } => "on the master, and the replica has it".to_owned(),
        Written::OnMaster { replica_later: Some(why) } => format!("on the master; the replica follows ({why})"),
        Written::Queued { why } => format!("on the replica, and queued for the master: {why}"),
    }
}

fn exit(written: &Written) -> Exit {
    if matches!(written, Written::Queued { .. }) { Exit::Attention } else { Exit::Done }
}

impl Desk<'_> {
    fn agreed(&self, consent: Consent, question: &str) -> Result<bool, Fault> {
        Ok(consent.yes || ask::agreed(question, self.protected.as_deref())?)
    }

    /// Gives a conversation another title.
    pub async fn rename(&self, args: RenameArgs) -> Result<Exit, Fault> {
        let sides = Sides::read(self.pair).await?;
        let (_, listed) = domain::find(&sides, None, args.id).await?;
        let from = on_first_side(&sides, args.id).await?.or(listed.conversation.title);
        let shown = from.as_deref().unwrap_or("(no title)");
        if args.title.trim().is_empty() {
            return Err(wrong("a title must have a word"));
        }
        if args.consent.dry_run {
            if self.json {
                output::json(&serde_json::json!({ "id": args.id, "from": from, "to": args.title, "dry_run": true }))?;
            } else {
                output::line(format!("would rename {} from {shown:?} to {:?}", args.id, args.title))?;
            }
            return Ok(Exit::Done);
        }
        if !self.agreed(args.consent, &format!("Rename {shown:?} to {:?}?", args.title))? {
            return Ok(Exit::Done);
        }
        let written = memory::rename(self.pair, args.id, from.as_deref(), &args.title).await?;
        if self.json {
            output::json(&serde_json::json!({ "id": args.id, "from": from, "to": args.title, "result": written }))?;
        } else {
            output::line(format!("renamed {}", said(&written)))?;
        }
        Ok(exit(&written))
    }

    /// Deletes conversations into the trash.
    pub async fn delete(&self, args: DeleteArgs) -> Result<Exit, Fault> {
        let sides = Sides::read(self.pair).await?;
        let mut titles = Vec::new();
        for id in &args.ids {
            let (_, listed) = domain::find(&sides, None, *id).await?;
            let c = listed.conversation;
            let title = c.title.unwrap_or_else(|| "(no title)".to_owned());
            output::note(format!("{id}  {title}: {} messages, {} blocks", c.message_count.unwrap_or(0), c.blocks));
            titles.push(title);
        }
        if args.consent.dry_run {
            if self.json {
                output::json(&serde_json::json!({ "ids": args.ids, "titles": titles, "dry_run": true }))?;
            }
            return Ok(Exit::Done);
        }
        let n = args.ids.len();
        let what = if n == 1 { format!("Delete {:?}", titles[0]) } else { format!("Delete these {n} conversations") };
        if !self.agreed(args.consent, &format!("{what} with all their messages and blocks?"))? {
            return Ok(Exit::Done);
        }
        let (mut done, mut failed, mut code) = (Vec::new(), Vec::new(), Exit::Done);
        for id in args.ids {
            match memory::delete(self.pair, id, "command").await {
                Ok((key, written)) => {
                    if exit(&written) == Exit::Attention {
                        code = Exit::Attention;
                    }
                    if !self.json {
                        output::line(format!("{id} deleted {}", said(&written)))?;
                        output::note(format!("robbie conversations restore {key} brings it back"));
                    }
                    done.push(serde_json::json!({ "id": id, "key": key, "side": written.side(), "result": written }));
                }
                Err(fault) if done.is_empty() && n == 1 => return Err(fault),
                Err(fault) => {
                    output::note(format!("{id} was not deleted: {fault}"));
                    failed.push(serde_json::json!({ "id": id, "why": fault.to_string() }));
                }
            }
        }
        if self.json {
            output::json(&serde_json::json!({ "deleted": done, "failed": failed }))?;
        }
        Ok(if failed.is_empty() { code } else { Exit::Partial })
    }

    /// Lists what was deleted.
    pub async fn trash(&self) -> Result<Exit, Fault> {
        let mut all = Vec::new();
        for side in [Side::Master, Side::Replica] {
            match memory::trash(self.pair.side(side)).await {
                Ok(found) => all.extend(found.into_iter().map(|one| (side, one))),
                Err(fault) => output::note(fault.to_string()),
            }
        }
        if self.json {
            let rows: Vec<_> = all
                .iter()
                .map(|(side, one)| {
                    serde_json::json!({ "side": side, "key": one.id, "conversation_id": one.conversation_id,
                        "title": one.title, "actor": one.actor, "deleted_at": one.deleted_at })
                })
                .collect();
            output::json(&serde_json::json!({ "trash": rows }))?;
        } else {
            for (side, one) in &all {
                let at: String = one.deleted_at.chars().take(16).collect();
                let title = one.title.as_deref().unwrap_or("(no title)");
                output::line(format!("{}  {side:<7}  {at}  {title}", one.id))?;
            }
            if all.is_empty() {
                output::note("nothing that was deleted can be brought back");
            }
        }
        Ok(Exit::Done)
    }

    /// Brings back what was deleted.
    pub async fn restore(&self, args: RestoreArgs) -> Result<Exit, Fault> {
        let here = || memory::trash(&self.pair.replica);
        let side = if let Some(side) = args.side {
            side.into()
        } else if here().await.is_ok_and(|all| all.iter().any(|one| one.id == args.key)) {
            Side::Replica
        } else {
            Side::Master
        };
        let written = memory::restore(self.pair, args.key, side).await?;
        if self.json {
            output::json(&serde_json::json!({ "key": args.key, "side": side, "result": written }))?;
        } else {
            output::line(format!("brought back {}", said(&written)))?;
        }
        Ok(exit(&written))
    }

    /// Writes the conversations of a file into the replica.
    pub async fn import(&self, args: ImportArgs) -> Result<Exit, Fault> {
        let read = if args.file.as_os_str() == "-" {
            std::io::read_to_string(std::io::stdin())
        } else {
            std::fs::read_to_string(&args.file)
        };
        let text = read.map_err(|e| {
            Fault::new(Kind::Local, format!("the file cannot be read: {e}")).about(args.file.display().to_string())
        })?;
        let documents = memory::documents(&text)?;
        let question =
            format!("Write {} conversations into the replica, and queue them for the master?", documents.len());
        if !args.consent.dry_run && !self.agreed(args.consent, &question)? {
            return Ok(Exit::Done);
        }
        let mut found = Vec::new();
        for document in documents {
            found.push(memory::import(self.pair, document, args.consent.dry_run).await?);
        }
        let of = |wanted: Outcome| found.iter().filter(|one| one.outcome == wanted).count();
        let (imported, same) = (of(Outcome::Imported), of(Outcome::Same));
        if self.json {
            output::json(&serde_json::json!({ "dry_run": args.consent.dry_run, "conversations": found }))?;
        } else {
            let would = if args.consent.dry_run { "would be " } else { "" };
            output::line(format!("{imported} {would}imported, {same} are there already"))?;
            for one in &found {
                let why = match one.outcome {
                    Outcome::Different => "it is there, and not the same: it was left alone",
                    Outcome::Refused => one.why.as_deref().unwrap_or("refused"),
                    Outcome::Imported | Outcome::Same => continue,
                };
                output::note(format!("{}: {why}", one.id));
            }
        }
        Ok(match imported + same {
            n if n == found.len() => Exit::Done,
            0 => Exit::Attention,
            _ => Exit::Partial,
        })
    }
}

/// The title on the side that will be written: what it is renamed from.
async fn on_first_side(sides: &Sides, id: Uuid) -> Result<Option<String>, Fault> {
    let Ok((link, shape)) = sides.of(Side::Master) else { return Ok(None) };
    Ok(domain::conversation(link, shape, id).await?.and_then(|c| c.title))
}
