//! An entry's payload changed by hand.

use super::ask::{self, Consent};
use super::{ACTOR, Queue};
use crate::cli::{Exit, output};
use crate::postgres::{Fault, Kind};
use crate::sync::discard::By;
use crate::sync::edit::{self, Draft, Edited};
use clap::Args;
use std::io::Read;

/// Arguments of `robbie queue edit`.
#[derive(Args, Debug)]
pub struct Edit {
    /// The entry's id, or an unambiguous beginning of it.
    pub id: String,
    /// Take the payload from this file; `-` is stdin. Without it and --set, your $EDITOR opens.
    #[arg(long, value_name = "FILE", conflicts_with = "set")]
    pub file: Option<String>,
    /// Put a value in, such as 'title=short' or 'metadata.tags.0="a"': JSON, or else a text. Repeatable.
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Why, for the record.
    #[arg(long, default_value = "edited by hand")]
    pub reason: String,
    /// Whether to ask.
    #[command(flatten)]
    pub consent: Consent,
}

impl Queue {
    pub(super) async fn edit(&self, args: &Edit, editor: Option<&str>, json: bool) -> Result<Exit, Fault> {
        let draft = edit::draft(&self.client, self.resolve(&args.id).await?).await?;
        let Some(text) = self.edited(args, &draft, editor).await? else {
            output::note("nothing was changed");
            return Ok(Exit::Done);
        };
        let by = By { actor: ACTOR, reason: &args.reason, engine: None };
        let tried = edit::edit(&self.pair, &draft, &text, false, by).await?;
        if args.consent.dry_run || !tried.can_be_saved() {
            return report(&tried, json);
        }
        let replica = &self.pair.replica.target().name;
        if !args.consent.yes {
            if !json {
                changes(&tried)?;
            }
            if !ask::agreed(
                &format!("Save this in the queue of {replica}? It is sent at once."),
                self.protected.then_some(replica),
            )? {
                output::note("nothing was changed");
                return Ok(Exit::Done);
            }
        }
        report(&edit::edit(&self.pair, &draft, &text, true, by).await?, json)
    }

    /// The text as it is to be; none where nothing was changed in the editor.
    async fn edited(&self, args: &Edit, draft: &Draft, editor: Option<&str>) -> Result<Option<String>, Fault> {
        let unread = |e| Fault::new(Kind::Local, "the payload cannot be read").because(e);
        match args.file.as_deref() {
            Some("-") => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).map_err(unread)?;
                Ok(Some(text))
            }
            Some(file) => std::fs::read_to_string(file).map(Some).map_err(|e| unread(e).about(file)),
            None if !args.set.is_empty() => edit::set(&self.client, &draft.text, &args.set).await.map(Some),
            None => in_editor(editor, &draft.text),
        }
    }
}

#[cfg(feature = "tui")]
fn in_editor(editor: Option<&str>, text: &str) -> Result<Option<String>, Fault> {
    use std::io::IsTerminal;
    if std::io::stdin().is_terminal() {
        crate::console::editor::edit(editor, text, "json")
    } else {
        Err(nothing_to_do())
    }
}

#[cfg(not(feature = "tui"))]
fn in_editor(_editor: Option<&str>, _text: &str) -> Result<Option<String>, Fault> {
    Err(nothing_to_do())
}

fn nothing_to_do() -> Fault {
    Fault::new(Kind::Settings, "there is no terminal for an editor")
        .remedy("give --file FILE, --file - or --set PATH=VALUE")
}

pub(super) fn changes(edited: &Edited) -> Result<(), Fault> {
    for (column, before, after) in &edited.changes {
        for (mark, value) in [('-', before), ('+', after)] {
            if let Some(value) = value {
                output::line(format!("{mark} {column}: {value}"))?;
            }
        }
    }
    if let Some(outcome) = &edited.outcome {
        let message = outcome.message.as_ref().map(|m| format!(": {m}")).unwrap_or_default();
        output::line(format!(
            "it would be {} ({}){message}",
            outcome.outcome.name().replace('_', " "),
            outcome.verdict
        ))?;
    }
    Ok(())
}

pub(super) fn report(edited: &Edited, json: bool) -> Result<Exit, Fault> {
    if json {
        output::json(edited)?;
    } else {
        for p in &edited.problems {
            let path = if p.path.is_empty() { String::new() } else { format!("{}: ", p.path) };
            output::line(format!("{}:{}  {path}{}", p.line, p.column, p.reason))?;
        }
        changes(edited)?;
        output::note(if edited.saved { "saved; the original is kept" } else { "not saved" });
    }
    Ok(if edited.saved || edited.can_be_saved() { Exit::Done } else { Exit::Attention })
}
