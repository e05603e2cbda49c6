//! `robbie conversations list|show|search|blocks|patterns|export|import|rename|delete|trash|restore|embed|index`: what Robbie remembers, on either side or both.

mod embed;
pub(super) mod embedder;
mod export;
mod index;
mod print;
mod wanted;
mod writing;

use super::{Exit, Invocation, output, targets};
use crate::conversation::search::{self, Mode};
use crate::conversation::{self as domain, BlockFilter, Filter, Key, Kind, Listed, Presence, Sides, Sort};
use crate::postgres::{Fault, Kind as FaultKind, Side};
use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;
use wanted::Which;

/// Arguments of `robbie conversations`.
#[derive(Args, Debug)]
pub struct ConversationsArgs {
    /// What to do with the conversations.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the conversations.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List conversations with where each is: on both sides, equal or not, or on one.
    List {
        /// Which ones.
        #[command(flatten)]
        which: Which,
        /// Only those that are so on the sides.
        #[arg(long, value_enum)]
        presence: Option<Where>,
        /// The order.
        #[arg(long, value_enum, default_value_t = Order::Recent)]
        sort: Order,
        /// How many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
        limit: u16,
        /// Go on behind this place: `next` of the page before.
        #[arg(long, value_name = "PLACE")]
        after: Option<Key>,
        /// Also count users, context types and languages.
        #[arg(long)]
        facets: bool,
    },
    /// Show a conversation: where it is, its messages, which of them differ between the sides.
    Show {
        /// Its id.
        id: Uuid,
        /// As this side has it; by default the replica, or the master where only it has it.
        #[arg(long, value_enum)]
        side: Option<SideArg>,
        /// How many messages.
        #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        limit: u16,
    },
    /// Search titles, messages, code blocks and patterns: words, "phrases", OR, -not; by words, by similarity, or both.
    ///
    /// A search that begins with a minus goes behind `--`. Similarity compares with vectors of the same embedder only: the endpoint of `[embeddings]` in the configuration, or the built-in one, which knows words and no meaning.
    Search {
        /// What to look for.
        #[arg(required_unless_present = "like")]
        text: Option<String>,
        /// More like this instead: `message:ID`, `block:ID` or `pattern:ID`.
        #[arg(long, value_name = "KIND:ID", conflicts_with_all = ["text", "mode"], value_parser = wanted::like)]
        like: Option<(Kind, Uuid)>,
        /// By words, by similarity, or by both with their rankings fused.
        #[arg(long, value_enum, default_value_t = ModeArg::Hybrid)]
        mode: ModeArg,
        /// On this side; by default the replica, or the master while the replica cannot be read.
        #[arg(long, value_enum)]
        side: Option<SideArg>,
        /// What makes the vector of the text; by default the configured endpoint, or else the built-in embedder.
        #[arg(long, value_enum)]
        embedder: Option<embedder::EmbedderArg>,
        /// How many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=500))]
        limit: u16,
    },
    /// List code blocks, the newest first.
    Blocks {
        /// Only of this conversation.
        #[arg(long, value_name = "ID")]
        conversation: Option<Uuid>,
        /// Only where the file's path holds this.
        #[arg(long, value_name = "TEXT")]
        file: Option<String>,
        /// Only of this language.
        #[arg(long)]
        language: Option<String>,
        /// Only with this tag.
        #[arg(long)]
        tag: Option<String>,
        /// Only of this session.
        #[arg(long)]
        session: Option<String>,
        /// On this side.
        #[arg(long, value_enum)]
        side: Option<SideArg>,
        /// How many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
        limit: u16,
        /// Go on behind this block: the last of the page before.
        #[arg(long, value_name = "ID")]
        after: Option<Uuid>,
    },
    /// List learned patterns, the most frequent first.
    Patterns {
        /// Only of this type.
        #[arg(long = "type", value_name = "TYPE")]
        of_type: Option<String>,
        /// On this side.
        #[arg(long, value_enum)]
        side: Option<SideArg>,
        /// How many.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1_000))]
        limit: u16,
    },
    /// Write conversations as Markdown, or as JSON that loses nothing, to stdout or a file.
    Export(export::ExportArgs),
    /// Write the conversations of an exported JSON file into the replica, and queue them for the master; what is there is left alone.
    Import(writing::ImportArgs),
    /// Give a conversation another title: on the master first; while it is away on the replica, and queued.
    Rename(writing::RenameArgs),
    /// Delete conversations with their messages and blocks, into the trash; `restore` brings them back.
    Delete(writing::DeleteArgs),
    /// List what was deleted and can be brought back.
    Trash,
    /// Bring back a conversation that was deleted.
    Restore(writing::RestoreArgs),
    /// Fill missing embeddings, in batches; what is interrupted goes on where it stopped.
    Embed(embed::EmbedArgs),
    /// Make the indexes that searches use where they are missing, without holding up who writes; what a broken-off build left over is made again.
    Index(index::IndexArgs),
}

/// A side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SideArg {
    /// The master.
    Master,
    /// The replica.
    Replica,
}

impl From<SideArg> for Side {
    fn from(side: SideArg) -> Self {
        match side {
            SideArg::Master => Self::Master,
            SideArg::Replica => Self::Replica,
        }
    }
}

/// Where a conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Where {
    /// On both sides, the same.
    Equal,
    /// On both sides, not the same.
    Different,
    /// On the master only.
    MasterOnly,
    /// On the replica only.
    ReplicaOnly,
}

impl Where {
    fn is(self, presence: Presence) -> bool {
        let wanted = match self {
            Self::Equal => Presence::Equal,
            Self::Different => Presence::Different,
            Self::MasterOnly => Presence::MasterOnly,
            Self::ReplicaOnly => Presence::ReplicaOnly,
        };
        presence == wanted
    }
}

/// An order of conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// The one with the last message first.
    Recent,
    /// The one that was begun last first.
    Begun,
    /// By title.
    Title,
    /// The longest first.
    Messages,
}

impl From<Order> for Sort {
    fn from(order: Order) -> Self {
        match order {
            Order::Recent => Self::Recent,
            Order::Begun => Self::Begun,
            Order::Title => Self::Title,
            Order::Messages => Self::Messages,
        }
    }
}

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// Both, with their rankings fused.
    Hybrid,
    /// By words.
    Text,
    /// By similarity.
    Similar,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Hybrid => Self::Hybrid,
            ModeArg::Text => Self::Text,
            ModeArg::Similar => Self::Similar,
        }
    }
}

/// Runs the command.
pub async fn run(args: ConversationsArgs, invocation: &Invocation) -> Result<Exit, Fault> {
    let pair = targets(&invocation.settings)?.pair();
    let json = invocation.json;
    let protected = invocation.settings.protected.value.then(|| pair.master.target().name.clone());
    let desk = writing::Desk { pair: &pair, protected, json };
    let reading = match args.action {
        Action::Import(args) => return desk.import(args).await,
        Action::Rename(args) => return desk.rename(args).await,
        Action::Delete(args) => return desk.delete(args).await,
        Action::Trash => return desk.trash().await,
        Action::Restore(args) => return desk.restore(args).await,
        reading => reading,
    };
    let sides = Sides::read(&pair).await?;
    match reading {
        Action::List { which, presence, sort, limit, after, facets } => {
            list(&sides, &which, presence, sort.into(), limit, after, facets, json).await
        }
        Action::Show { id, side, limit } => show(&sides, id, side.map(Into::into), limit, json).await,
        Action::Search { text, like, mode, side, embedder, limit } => {
            let side = side.map_or_else(|| sides.near(), Into::into);
            let (link, shape) = sides.of(side)?;
            let found = match (like, text) {
                (Some((kind, id)), _) => search::more_like(link, shape, kind, id, usize::from(limit)).await?,
                (None, text) => {
                    let embedder = embedder::embedder(&invocation.settings, embedder)?;
                    search::search(link, shape, &text.unwrap_or_default(), mode.into(), &embedder, usize::from(limit))
                        .await?
                }
            };
            if json {
                let mode = if like.is_some() { Mode::Similar } else { mode.into() };
                let mut document = serde_json::json!({ "side": side, "mode": mode.name() });
                print::merge(&mut document, &found)?;
                output::json(&document)?;
            } else {
                print::results(&found)?;
            }
            Ok(if found.results.is_empty() { Exit::Attention } else { Exit::Done })
        }
        Action::Blocks { conversation, file, language, tag, session, side, limit, after } => {
            let (link, shape) = sides.of(side.map_or_else(|| sides.near(), Into::into))?;
            let filter = BlockFilter { id: None, conversation, file, language, tag, session };
            let (found, more) = domain::blocks(link, shape, &filter, after, limit).await?;
            let next = found.last().filter(|_| more).map(|block| block.id);
            if json {
                output::json(&serde_json::json!({ "blocks": found, "next": next }))?;
            } else {
                print::blocks(&found, next)?;
            }
            Ok(Exit::Done)
        }
        Action::Patterns { of_type, side, limit } => {
            let (link, shape) = sides.of(side.map_or_else(|| sides.near(), Into::into))?;
            let (found, more) = domain::patterns(link, shape, of_type.as_deref(), limit).await?;
            if json {
                output::json(&serde_json::json!({ "patterns": found, "more": more }))?;
            } else {
                print::patterns(&found, more)?;
            }
            Ok(Exit::Done)
        }
        Action::Export(args) => export::run(args, &sides, json).await,
        Action::Index(args) => index::run(args, &sides, json).await,
        Action::Embed(args) => embed::run(args, &sides, &invocation.settings, json).await,
        // Done above, before both sides were looked at.
        Action::Import(_) | Action::Rename(_) | Action::Delete(_) | Action::Trash | Action::Restore(_) => {
            Ok(Exit::Done)
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one per option of the command")]
async fn list(
    sides: &Sides,
    which: &Which,
    presence: Option<Where>,
    sort: Sort,
    limit: u16,
    after: Option<Key>,
    facets: bool,
    json: bool,
) -> Result<Exit, Fault> {
    let (side, filter) = (which.side.map(Into::into), which.filter());
    let mut found: Vec<Listed> = Vec::new();
    let (mut next, mut partly) = (after, false);
    loop {
        let page = domain::listing(sides, side, &filter, sort, next.as_ref(), false, limit).await?;
        partly |= page.queue_partly;
        next = page.next;
        let fits = |listed: &Listed| presence.is_none_or(|wanted| wanted.is(listed.presence));
        found.extend(page.conversations.into_iter().filter(fits));
        if found.len() > usize::from(limit) {
            found.truncate(usize::from(limit));
            next = found.last().map(|listed| listed.conversation.key.clone());
        }
        if next.is_none() || found.len() == usize::from(limit) {
            break;
        }
    }
    let counted = if facets {
        let (link, shape) = sides.of(side.unwrap_or_else(|| sides.near()))?;
        Some(domain::facets(link, shape, &filter).await?)
    } else {
        None
    };
    for fault in sides.faults() {
        output::note(fault.to_string());
    }
    if json {
        let next = next.map(|key| key.to_string());
        output::json(&serde_json::json!({ "conversations": found, "next": next, "facets": counted,
            "queue_partly_looked_through": partly }))?;
    } else {
        print::list(&found, counted.as_ref())?;
        if let Some(next) = next {
            output::note(format!("more: --after '{next}'"));
        }
    }
    let whole = side.is_some() || sides.faults().next().is_none();
    let equal = side.is_some() || found.iter().all(|listed| listed.presence == Presence::Equal);
    Ok(if whole && equal { Exit::Done } else { Exit::Attention })
}

async fn show(sides: &Sides, id: Uuid, side: Option<Side>, limit: u16, json: bool) -> Result<Exit, Fault> {
    let (side, listed) = domain::find(sides, side, id).await?;
    let (link, shape) = sides.of(side)?;
    let page = domain::messages(link, shape, id, &domain::From::Start, limit).await?;
    let filter = BlockFilter { conversation: Some(id), ..BlockFilter::default() };
    let (blocks, _) = domain::blocks(link, shape, &filter, None, 1_000).await?;
    let differing = match (sides.of(Side::Master), sides.of(Side::Replica)) {
        (Ok(master), Ok(replica)) if listed.presence == Presence::Different => {
            domain::differing(master, replica, id).await?
        }
        _ => domain::Differing::default(),
    };
    for fault in sides.faults() {
        output::note(fault.to_string());
    }
    if json {
        output::json(&serde_json::json!({ "side": side, "conversation": listed, "messages": page.messages,
            "more_messages": page.more, "blocks": blocks, "differing": differing.messages }))?;
    } else {
        print::conversation(&listed, side, &page, &blocks, &differing)?;
    }
    Ok(if matches!(listed.presence, Presence::Equal) { Exit::Done } else { Exit::Attention })
}

/// Where something is wrong with what was typed.
fn wrong(message: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Settings, message)
}

/// What a filter says where none is given.
fn is_all(filter: &Filter) -> bool {
    filter.is_everything()
}
