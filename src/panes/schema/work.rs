//! What the pane asks of the databases.

use crate::postgres::{Fault, Link, Side};
use crate::schema::{self, Database, MigrationReport, MigrationStatus, Mode, Schema};
use crate::sync::adopt::{self, Mapping};
use crate::sync::discard::By;
use crate::ui::Services;
use std::sync::Arc;

/// Work wanted.
#[derive(Debug)]
pub enum Command {
    /// Read both sides.
    Load,
    /// Read the mapping of users.
    Users,
    /// Run the pending migrations of a side, to keep them or to roll them back.
    Migrate(Side, Mode),
    /// Map a text id to a user.
    Map(String, String),
    /// Take a mapping away.
    Unmap(String),
}

/// What was read of one side.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its catalog.
    pub database: Arc<Database>,
    /// Its migrations.
    pub migrations: Vec<MigrationStatus>,
}

/// An answer.
#[derive(Debug)]
pub enum Message {
    /// Both sides, each as far as it answered.
    Loaded(Box<[Result<Told, Fault>; 2]>),
    /// The mapping of users, or why not.
    Users(Result<Vec<Mapping>, Fault>),
    /// What came of the migrations.
    Migrated(Side, Mode, Result<MigrationReport, Fault>),
    /// What came of mapping or unmapping.
    Mapped(Result<String, Fault>),
}

/// The service that the code assistant's text ids belong to.
const SERVICE: &str = "robbie-code";

/// Who changes the mapping, for the log of what was done.
const BY: By<'static> = By { actor: "console", reason: "the mapping, in the console", engine: None };

/// Does the work.
pub async fn perform(command: Command, services: &Services) -> Message {
    let pair = services.pair();
    match command {
        Command::Load => {
            let (master, replica) = tokio::join!(read(&pair.master), read(&pair.replica));
            Message::Loaded(Box::new([master, replica]))
        }
        Command::Users => Message::Users(users(&pair).await),
        Command::Migrate(side, mode) => Message::Migrated(side, mode, migrate(pair.side(side), mode).await),
        Command::Map(text, user) => {
            let mapped = adopt::map_user(&pair, &text, &user, SERVICE, BY).await;
            Message::Mapped(mapped.map(|(mapping, released)| {
                let who = mapping.name.unwrap_or(user);
                format!("{text} is {who} now; {released} waiting for it are sent")
            }))
        }
        Command::Unmap(text) => {
            Message::Mapped(adopt::unmap_user(&pair, &text, BY).await.map(|_| format!("{text} is not mapped any more")))
        }
    }
}

async fn read(link: &Link) -> Result<Told, Fault> {
    let client = link.session().await?;
    let target = link.target();
    let database = Database::read(&client, target.side, &target.name).await?;
    let migrations = schema::status(&client, target.side, Schema::of(target.side)).await?;
    Ok(Told { database: Arc::new(database), migrations })
}

async fn users(pair: &crate::postgres::Pair) -> Result<Vec<Mapping>, Fault> {
    let (master, replica) = tokio::join!(pair.master.session(), pair.replica.session());
    adopt::users(&*master?, &*replica?).await
}

async fn migrate(link: &Link, mode: Mode) -> Result<MigrationReport, Fault> {
    let side = link.target().side;
    let mut client = link.dedicated("schema").await?;
    schema::migrate(&mut client, side, Schema::of(side), mode).await
}
