//! `robbie schema analyze PATH…`: SQL files loaded into a scratch server, and all that can be told of them.

use super::reports::{HEALTHY, ReportFormat, families};
use crate::cli::{Exit, Invocation, output};
use crate::embedded::{self, Home, Options, Servers, progress};
use crate::postgres::{Fault, Kind, Side};
use crate::schema::analysis::{self, Clash, Loaded};
use crate::schema::document::{self, Document};
use crate::schema::{self, Database, GapState, Inventory, Score};
use std::path::PathBuf;
use std::sync::Arc;

/// Loads and tells.
pub async fn run(paths: &[PathBuf], format: ReportFormat, invocation: &Invocation) -> Result<Exit, Fault> {
    let sources = analysis::sources(paths)?;
    let all = load(&sources, invocation).await?;
    let databases: Vec<Database> = all.iter().map(|l| l.database.clone()).collect();
    let clashes = analysis::clashes(&databases);
    if invocation.json {
        output::json(&json(&all, &databases, &clashes))?;
    } else {
        output::line(text(&all, &databases, &clashes).write(format.into()))?;
    }
    let sound = all.iter().all(|l| l.faults() == 0 && l.twice.is_empty())
        && schema::gaps(&databases).iter().all(|g| g.state != GapState::Open)
        && databases.iter().all(|d| Score::of(d).total >= HEALTHY);
    Ok(if sound { Exit::Done } else { Exit::Attention })
}

/// Loads each source, one after the other, on servers that are gone afterwards.
pub(super) async fn load(sources: &[analysis::Source], invocation: &Invocation) -> Result<Vec<Loaded>, Fault> {
    let folder = scratch()?;
    let user = Home::of_user(&invocation.settings.home, &invocation.settings.environment)?;
    let environment = &invocation.settings.environment;
    let bindir = environment.get("ROBBIE_PG_BINDIR").map(PathBuf::from);
    let home = Home::at(folder.path())?
        .searching(bindir, environment.get("PATH").map(Into::into))
        .sharing_installations_of(&user);
    let options = Options { fsync: false, ephemeral: true, ..Options::default() };
    let servers = embedded::start(home, options, Arc::new(progress::on_stderr())).await?;
    let all = load_all(sources, &servers).await;
    servers.stop().await?;
    all
}

async fn load_all(sources: &[analysis::Source], servers: &Servers) -> Result<Vec<Loaded>, Fault> {
    let mut superuser = servers.superuser(Side::Master)?;
    superuser.config.dbname("postgres");
    let mut all = Vec::with_capacity(sources.len());
    for source in sources {
        let files = if source.files.len() == 1 { "file" } else { "files" };
        output::note(format!("loading {} ({} {files})", source.name, source.files.len()));
        all.push(analysis::load(&superuser, &servers.master, source).await?);
    }
    Ok(all)
}

/// A folder that servers of root, which run as another account, can get into.
fn scratch() -> Result<Scratch, Fault> {
    let path = std::env::temp_dir().join(format!("robbie-analysis-{}", uuid::Uuid::new_v4().simple()));
    let failed = |e: std::io::Error| {
        Fault::new(Kind::Local, format!("{} cannot be made: {e}", path.display()))
            .because(e)
            .remedy("TMPDIR names another folder for what is temporary")
    };
    std::fs::create_dir(&path).map_err(failed)?;
    Ok(Scratch(path))
}

/// Removed when it is dropped, with what the servers left.
struct Scratch(PathBuf);

impl Scratch {
    fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn json(all: &[Loaded], databases: &[Database], clashes: &[Clash]) -> serde_json::Value {
    let one = |l: &Loaded| {
        serde_json::json!({
            "schema": l.database.name,
            "files": l.files,
            "statements": l.statements,
            "failures": l.failures,
            "declared_twice": l.twice,
            "keys_without_index": l.unindexed(),
            "passed_over": l.notes,
            "inventory": Inventory::of(&l.database),
            "score": Score::of(&l.database),
        })
    };
    serde_json::json!({
        "schemas": all.iter().map(one).collect::<Vec<_>>(),
        "type_clashes": clashes,
        "databases": families(databases),
        "features": schema::compare(databases),
        "gaps": schema::gaps(databases),
    })
}

/// The whole analysis.
fn text(all: &[Loaded], databases: &[Database], clashes: &[Clash]) -> Document {
    let mut text = Document::default();
    text.title("Schema analysis");
    analysis::findings(&mut text, all, clashes);
    let inventories: Vec<Inventory> = databases.iter().map(Inventory::of).collect();
    document::inventories(&mut text, &inventories);
    let names: Vec<String> = databases.iter().map(|d| d.name.clone()).collect();
    document::matrix(&mut text, &names, &schema::compare(databases), true);
    document::gaps(&mut text, &schema::gaps(databases));
    let scores: Vec<(String, Score)> = databases.iter().map(|d| (d.name.clone(), Score::of(d))).collect();
    document::scores(&mut text, &scores);
    text
}
