//! `robbie conversations export`.

use super::wanted::Which;
use super::{is_all, output, wrong};
use crate::cli::Exit;
use crate::conversation::{self as domain, Sides, Sort, export};
use crate::postgres::{Fault, Link};
use clap::{Args, ValueEnum};
use std::io::Write;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Arguments of `robbie conversations export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// These conversations.
    #[arg(value_name = "ID")]
    pub ids: Vec<Uuid>,
    /// All of them.
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
    /// All that match.
    #[command(flatten)]
    pub which: Which,
    /// Markdown to read, or JSON that loses nothing.
    #[arg(long, value_enum, default_value_t = Format::Markdown)]
    pub format: Format,
    /// Into this file, which must not exist yet; by default to stdout.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// A form of export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// To read.
    Markdown,
    /// Every column as the database has it.
    Json,
}

/// How many conversations are listed at once.
const PAGE: u16 = 200;
/// Where it is written to.
enum Sink {
    Stdout,
    File(PathBuf, std::fs::File),
}

impl Sink {
    fn open(path: Option<&Path>) -> Result<Self, Fault> {
        let Some(path) = path else { return Ok(Self::Stdout) };
        let file = std::fs::File::create_new(path).map_err(|e| export::unwritable(path, e))?;
        Ok(Self::File(path.to_owned(), file))
    }
    fn write(&mut self, text: &str) -> Result<(), Fault> {
        match self {
            // A file holds what the database holds; a terminal is shown what it cannot obey.
            Self::Stdout if std::io::IsTerminal::is_terminal(&std::io::stdout()) => {
                output::raw(output::printable(text).as_bytes())
            }
            Self::Stdout => output::raw(text.as_bytes()),
            Self::File(path, file) => file.write_all(text.as_bytes()).map_err(|e| export::unwritable(path, e)),
        }
    }
}

/// Runs the command.
pub async fn run(args: ExportArgs, sides: &Sides, json: bool) -> Result<Exit, Fault> {
    let filter = args.which.filter();
    if args.ids.is_empty() && !args.all && is_all(&filter) {
        return Err(wrong("which conversations? Name ids, or what they have in common, or --all")
            .remedy("robbie conversations export --help"));
    }
    let side = args.which.side.map_or_else(|| sides.near(), Into::into);
    let (link, shape) = sides.of(side)?;
    let mut sink = Sink::open(args.output.as_deref())?;
    let mut writer = Writer { link, shape, format: args.format, written: 0 };
    if args.format == Format::Json {
        sink.write(&export::json_begin(side))?;
    }
    let mut absent = Vec::new();
    if args.ids.is_empty() {
        let mut from = None;
        loop {
            let page = domain::page(link, shape, &filter, Sort::Begun, from.as_ref(), false, PAGE).await?;
            for conversation in &page.conversations {
                writer.write(conversation.id, &mut sink).await?;
            }
            from = page.conversations.last().map(|c| c.key.clone());
            if !page.more || from.is_none() {
                break;
            }
        }
    }
    for id in &args.ids {
        if !writer.write(*id, &mut sink).await? {
            absent.push(*id);
        }
    }
    if args.format == Format::Json {
        sink.write(export::JSON_END)?;
    }
    for id in &absent {
        output::note(format!("the {side} has no conversation {id}"));
    }
    match &args.output {
        // Without a file the export itself is the document on stdout.
        Some(path) if json => output::json(&serde_json::json!({ "side": side, "file": path.display().to_string(),
            "written": writer.written, "absent": absent }))?,
        _ => output::note(format!("{} conversations of the {side} written", writer.written)),
    }
    Ok(match (absent.is_empty(), writer.written) {
        (true, _) => Exit::Done,
        (false, 0) => Exit::Attention,
        (false, _) => Exit::Partial,
    })
}

struct Writer<'a> {
    link: &'a Link,
    shape: &'a domain::Shape,
    format: Format,
    written: usize,
}

impl Writer<'_> {
    /// Writes one; `false` where it is not there.
    async fn write(&mut self, id: Uuid, sink: &mut Sink) -> Result<bool, Fault> {
        let text = match self.format {
            Format::Json => export::json(self.link, self.shape, id).await?,
            Format::Markdown => export::read_markdown(self.link, self.shape, id).await?,
        };
        let Some(text) = text else { return Ok(false) };
        if self.written > 0 {
            sink.write(if self.format == Format::Json { ",\n  " } else { "\n---\n\n" })?;
        }
        sink.write(&text)?;
        self.written += 1;
        Ok(true)
    }
}
