//! `robbie queue list|show|groups|dry-run|replay`: what is stuck, why, and getting it through.

pub(super) mod ask;
mod discard;
mod edit;
mod fix;
mod jobs;
mod print;
mod replay;
mod undo;

use replay::needs_migration;

use super::{ACTOR, Exit, Invocation, output, targets};
use crate::postgres::{Fault, Kind, Link, Pair, Side};
use crate::queue::{Anchor, Page, Scope, Shape, Sort, SortBy, State, detail, filter, groups, images, page, store};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use std::sync::Arc;
use tokio_postgres::Client;
use uuid::Uuid;

/// Arguments of `robbie queue`.
#[derive(Args, Debug)]
pub struct QueueArgs {
    /// What to do with the queue.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the queue.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List entries, page by page.
    List(List),
    /// Show one entry in full: payload, diagnosis, tries, chain, and the rows on both sides.
    Show {
        /// The entry's id, or an unambiguous beginning of it.
        id: String,
    },
    /// Show why entries are stuck: the failed and blocked ones by reason.
    Groups {
        /// Only entries that pass this filter.
        #[arg(long, value_name = "EXPR")]
        filter: Option<String>,
    },
    /// Say what a replay would do: the same statements on the master, rolled back.
    DryRun(Chosen),
    /// Send entries to the master once more.
    Replay(Replay),
    /// Replays of many: list, show, resume, cancel.
    #[command(subcommand)]
    Jobs(jobs::Jobs),
    /// Put entries aside that nobody wants: into the archive, byte for byte, for 30 days.
    Discard(discard::Discard),
    /// Put discarded entries back into the queue as they were; --filter and --group look in the archive.
    Restore(discard::Restore),
    /// List the discarded entries, the last first.
    Archived(discard::Archive),
    /// Change an entry's payload: checked against the master, tried dry, the original kept.
    Edit(edit::Edit),
    /// Give an entry that lacks its key that of the only row here with all of its values.
    Adopt(fix::Fix),
    /// Say where the row is that an entry waits for, and queue it where it is only here.
    Parent(fix::Fix),
    /// Take back what entries did to the master: each row becomes what it was before.
    Undo(undo::Undo),
    /// Apply undone entries once more.
    Redo(undo::Undo),
}

/// Arguments of `robbie queue list`.
#[derive(Args, Debug)]
pub struct List {
    /// Only entries that pass this filter, such as 'state:failed table:code_* age>1h'. Without a state: open ones;
    /// 'state:discarded' lists the archive.
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<String>,
    /// How many entries.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub limit: u16,
    /// Go on behind this place: `next` of the page before.
    #[arg(long, value_name = "PLACE")]
    pub after: Option<String>,
    /// The order.
    #[arg(long, value_enum, default_value_t = Order::Time)]
    pub sort: Order,
    /// The last first.
    #[arg(long)]
    pub reverse: bool,
}

/// Orders of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// When it was queued.
    Time,
    /// The table's name.
    Table,
    /// The operation.
    Operation,
    /// The state.
    State,
    /// How often it was tried.
    Attempts,
}

impl From<Order> for SortBy {
    fn from(order: Order) -> Self {
        match order {
            Order::Time => Self::Time,
            Order::Table => Self::Table,
            Order::Operation => Self::Operation,
            Order::State => Self::State,
            Order::Attempts => Self::Attempts,
        }
    }
}

/// Which entries.
#[derive(Args, Debug)]
#[group(id = "entries", required = true)]
pub struct Chosen {
    /// These entries, by id.
    #[arg(value_name = "ID", group = "entries", conflicts_with_all = ["filter", "group", "all"])]
    pub ids: Vec<Uuid>,
    /// All open entries; of restore: all discarded ones.
    #[arg(long, group = "entries", conflicts_with_all = ["filter", "group"])]
    pub all: bool,
    /// All open entries that pass this filter; of restore: the discarded ones.
    #[arg(long, value_name = "EXPR", group = "entries", conflicts_with = "group")]
    pub filter: Option<String>,
    /// All entries of this group of `robbie queue groups`.
    #[arg(long, value_name = "ID", group = "entries")]
    pub group: Option<String>,
}

/// Arguments of `robbie queue replay`.
#[derive(Args, Debug)]
pub struct Replay {
    /// Which entries.
    #[command(flatten)]
    pub chosen: Chosen,
    /// Why, for the record.
    #[arg(long)]
    pub reason: Option<String>,
    /// Apply what would overwrite a newer row on the master, and settle what finds no row there.
    #[arg(long)]
    pub force: bool,
    /// How fast, and when to stop.
    #[command(flatten)]
    pub pace: jobs::Pace,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}

/// Runs the command.
pub async fn run(args: QueueArgs, invocation: &Invocation) -> Result<Exit, Fault> {
    let pair = targets(&invocation.settings)?.pair();
    let queue = Queue::open(pair, invocation.settings.protected.value).await?;
    match args.action {
        Action::List(list) => queue.list(&list, invocation.json).await,
        Action::Show { id } => queue.show(&id, invocation.json).await,
        Action::Groups { filter } => queue.groups(filter.as_deref(), invocation.json).await,
        Action::DryRun(chosen) => queue.dry_run(&chosen, invocation.json).await,
        Action::Replay(replay) => {
            #[cfg(debug_assertions)]
            if let Some(armed) = invocation.settings.environment.get("ROBBIE_FAILPOINT") {
                let points = crate::sync::failpoint::Failpoints::parse(armed)?;
                return points.scope(queue.replay(&replay, invocation.json)).await;
            }
            queue.replay(&replay, invocation.json).await
        }
        Action::Jobs(jobs) => queue.jobs(&jobs, invocation.json).await,
        Action::Discard(discard) => queue.discard(&discard, invocation.json).await,
        Action::Restore(restore) => queue.restore(&restore, invocation.json).await,
        Action::Archived(archive) => queue.archived(&archive, invocation.json).await,
        Action::Edit(edit) => queue.edit(&edit, invocation.settings.environment.editor(), invocation.json).await,
        Action::Adopt(fix) => queue.adopt(&fix, invocation.json).await,
        Action::Parent(fix) => queue.parent(&fix, invocation.json).await,
        Action::Undo(undo) => queue.undo(&undo, false, invocation.json).await,
        Action::Redo(undo) => queue.undo(&undo, true, invocation.json).await,
    }
}

/// The queue of a replica, and the pair it belongs to.
struct Queue {
    pair: Pair,
    client: Arc<Client>,
    shape: Shape,
    protected: bool,
}

/// A page as `--json` prints it.
#[derive(Serialize)]
struct Listed<'a> {
    total: store::Total,
    entries: &'a [crate::queue::Entry],
    next: Option<String>,
}

impl Queue {
    async fn open(pair: Pair, protected: bool) -> Result<Self, Fault> {
        let client = pair.replica.session().await?;
        let shape = Shape::read(&client).await?;
        Ok(Self { pair, client, shape, protected })
    }

    async fn list(&self, list: &List, json: bool) -> Result<Exit, Fault> {
        let scope = Scope {
            filter: read_filter(list.filter.as_deref())?,
            sort: Sort { by: list.sort.into(), descending: list.reverse },
            ..Scope::default()
        };
        let anchor = match &list.after {
            Some(place) => Anchor::After(page::Key::from_place(place).ok_or_else(|| wrong_place(place))?),
            None => Anchor::First,
        };
        let (found, total) = tokio::try_join!(
            store::page(&self.client, &self.shape, &scope, &anchor, list.limit),
            store::total(&self.client),
        )?;
        let Page { entries, more } = found;
        let next = entries.last().filter(|_| more).map(|entry| entry.key.to_place());
        if json {
            output::json(&Listed { total, entries: &entries, next })?;
        } else {
            print::entries(&entries)?;
            let of = if total.exact { String::new() } else { "~".to_owned() };
            output::note(format!("{} of {of}{} entries", entries.len(), total.entries));
            if let Some(next) = next {
                output::note(format!("more: --after {next}"));
            }
            if !self.shape.time_is_indexed(scope.open_only()) && scope.sort.by == SortBy::Time {
                output::note("by id: pending_sync has no index by time for these entries");
            }
        }
        let failed = entries.iter().any(|entry| matches!(entry.state, State::Failed | State::Blocked));
        Ok(if failed { Exit::Attention } else { Exit::Done })
    }

    async fn show(&self, id: &str, json: bool) -> Result<Exit, Fault> {
        let id = self.resolve(id).await?;
        let found = detail::read(&self.client, &self.shape, id).await?.ok_or_else(|| no_entry(&id.to_string()))?;
        let images = self.images(id, &found.entry.table).await;
        let shown = print::Shown::new(found, images);
        let healthy = !matches!(shown.state(), State::Failed | State::Blocked);
        if json {
            output::json(&shown)?;
        } else {
            shown.print()?;
        }
        Ok(if healthy { Exit::Done } else { Exit::Attention })
    }

    /// The rows on both sides; a side that cannot be asked says why.
    async fn images(&self, id: Uuid, table: &str) -> [Result<images::Image, Fault>; 2] {
        let on = async |link: &Link| {
            let client = link.session().await?;
            images::read(&client, link.side(), &self.client, &self.shape, id, table).await
        };
        let (replica, master) = tokio::join!(on(&self.pair.replica), on(&self.pair.master));
        [replica, master]
    }

    async fn resolve(&self, id: &str) -> Result<Uuid, Fault> {
        if let Ok(id) = Uuid::parse_str(id) {
            return Ok(id);
        }
        let found = detail::ids_beginning(&self.client, &self.shape, id, 2).await?;
        match found[..] {
            [id] => Ok(id),
            [] => Err(no_entry(id)),
            _ => {
                Err(Fault::new(Kind::Settings, format!("several entries begin with {id}"))
                    .remedy("give more of the id"))
            }
        }
    }

    async fn groups(&self, filter: Option<&str>, json: bool) -> Result<Exit, Fault> {
        let scope = Scope { filter: read_filter(filter)?, ..Scope::default() };
        let found = groups::read(&self.client, &self.shape, &scope).await?;
        if json {
            output::json(&found)?;
        } else {
            print::groups(&found)?;
        }
        Ok(if found.groups.is_empty() { Exit::Done } else { Exit::Attention })
    }

    /// The ids of the queue that are meant, frozen now.
    async fn freeze(&self, chosen: &Chosen) -> Result<Vec<Uuid>, Fault> {
        if !chosen.ids.is_empty() {
            return Ok(chosen.ids.clone());
        }
        let mut scope = Scope { filter: read_filter(chosen.filter.as_deref())?, ..Scope::default() };
        if scope.is_archived(&self.shape) {
            return Err(Fault::new(Kind::Settings, "the filter means discarded entries, which are not in the queue")
                .remedy("robbie queue restore --filter … puts them back first"));
        }
        if let Some(id) = &chosen.group {
            scope.members = Some(self.members(id, &Scope::default()).await?);
            scope.states = vec![State::Failed, State::Blocked];
        }
        store::ids(&self.client, &self.shape, &scope).await
    }

    /// The ids of the archive that are meant, frozen now.
    async fn frozen_archive(&self, chosen: &Chosen) -> Result<Vec<Uuid>, Fault> {
        if !chosen.ids.is_empty() {
            return Ok(chosen.ids.clone());
        }
        let filter = read_filter(chosen.filter.as_deref())?;
        let mut scope = Scope { filter, states: vec![State::Discarded], ..Scope::default() };
        if self.shape.of_archive().is_none() {
            return Err(needs_migration());
        }
        if scope.sources(&self.shape).map_or(true, |sources| sources.iter().any(|source| !source.discarded)) {
            return Err(Fault::new(
                Kind::Settings,
                "the filter means entries of the queue; restored are discarded ones",
            )
            .remedy("leave its states out, or say state:discarded"));
        }
        if let Some(id) = &chosen.group {
            scope.members = Some(self.members(id, &scope).await?);
        }
        store::ids(&self.client, &self.shape, &scope).await
    }

    async fn members(&self, group: &str, scope: &Scope) -> Result<page::Members, Fault> {
        let found = groups::read(&self.client, &self.shape, scope).await?;
        found.groups.into_iter().find(|found| found.id == group).map(|found| found.members).ok_or_else(|| {
            Fault::new(Kind::Settings, format!("there is no group {group}"))
                .remedy("`robbie queue groups` lists them; a group goes when its last entry does")
        })
    }
}

fn read_filter(text: Option<&str>) -> Result<filter::Filter, Fault> {
    let text = text.unwrap_or_default();
    filter::parse(text).map_err(|error| {
        Fault::new(Kind::Settings, format!("filter, {error}"))
            .remedy(format!("{text}\n    {}^", " ".repeat(error.column.saturating_sub(1))))
    })
}

fn no_entry(id: &str) -> Fault {
    Fault::new(Kind::Settings, format!("there is no entry {id}")).on(Side::Replica).about("public.pending_sync")
}

fn wrong_place(place: &str) -> Fault {
    Fault::new(Kind::Settings, format!("--after {place} is no place of this list"))
        .remedy("give `next` of the page before, with the same --sort")
}
