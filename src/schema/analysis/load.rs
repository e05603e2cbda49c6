//! Loads one source into a database of its own.

use super::statements::{declared_table, words};
use super::{Class, Failure, Kind, Loaded, Source, Statement, Twice, split};
use crate::postgres::{Fault, Kind as FaultKind, Link, Side, Target, identifiers};
use crate::schema::{Database, Family, Recognition};
use std::collections::BTreeMap;
use std::path::Path;
use tokio_postgres::Client;
use tokio_postgres::error::{ErrorPosition, SqlState};

/// Files larger than this are data, not definitions.
const LARGEST: u64 = 16 << 20;

/// What a file may take for one statement.
const PATIENCE: &str = "SET statement_timeout = '60s'; SET client_min_messages = 'error'";

/// What the deployed files expect of every database: pgvector, and uuid-ossp's function.
const FURNITURE: &str = "
    CREATE FUNCTION public.uuid_generate_v4() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
        AS 'SELECT pg_catalog.gen_random_uuid()'";

/// Where a table was declared, with the statement.
struct Declared {
    place: String,
    text: String,
}

/// Loads the files of `source` as the role of `owner` into a new database on that server, and drops it again.
///
/// The role is not a superuser, and so no file can reach beyond its database. `superuser` makes the database.
pub async fn load(superuser: &Target, owner: &Target, source: &Source) -> Result<Loaded, Fault> {
    let name = format!("analysis_{}", uuid::Uuid::new_v4().simple());
    let root = session(superuser, None).await?;
    let role = owner.config.get_user().unwrap_or_default();
    run(&root, &format!("CREATE DATABASE {} OWNER {} TEMPLATE template0", quoted(&name), quoted(role))).await?;
    let loaded = loaded(superuser, owner, &name, source).await;
    run(&root, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(&name))).await?;
    loaded
}

async fn loaded(superuser: &Target, owner: &Target, name: &str, source: &Source) -> Result<Loaded, Fault> {
    let root = session(superuser, Some(name)).await?;
    // A server without pgvector is told by the statements that fail for it.
    let _ = root.batch_execute("CREATE EXTENSION vector").await;
    run(&root, FURNITURE).await?;
    drop(root);
    let client = session(owner, Some(name)).await?;
    let mut loading = Loading::default();
    for file in &source.files {
        loading.file(owner, name, file).await?;
    }
    let twice = loading.twice(&client).await?;
    let mut database = Database::read(&client, Side::Master, &source.name).await?;
    if Recognition::of(&database).family == Family::SmartRobbie {
        database.side = Side::Replica;
    }
    // The stand-in is not of the files.
    database.routines.retain(|r| r.name != "uuid_generate_v4");
    let Loading { statements, failures, notes, .. } = loading;
    Ok(Loaded { files: source.files.len(), statements, failures, notes, twice, database })
}

fn quoted(name: &str) -> String {
    identifiers::quote(name)
}

async fn session(target: &Target, database: Option<&str>) -> Result<Client, Fault> {
    let mut target = target.clone();
    if let Some(name) = database {
        target.config.dbname(name);
    }
    Link::new(target).dedicated("analysis").await
}

async fn run(client: &Client, sql: &str) -> Result<(), Fault> {
    client.batch_execute(sql).await.map_err(|e| Fault::from_postgres(e, Side::Master))
}

#[derive(Default)]
struct Loading {
    statements: usize,
    failures: Vec<Failure>,
    notes: Vec<String>,
    declared: BTreeMap<String, Vec<Declared>>,
}

impl Loading {
    /// Runs a file in a session and a transaction of its own, as `psql -1 -f` would, but goes on after a failure.
    async fn file(&mut self, owner: &Target, database: &str, path: &Path) -> Result<(), Fault> {
        let shown = path.display().to_string();
        let unreadable =
            |e: std::io::Error| Fault::new(FaultKind::Settings, format!("{shown} cannot be read: {e}")).because(e);
        if std::fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
            self.notes.push(format!("{shown}: larger than 16 MB, not loaded"));
            return Ok(());
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let text = String::from_utf8_lossy(&bytes);
        let client = session(owner, Some(database)).await?;
        run(&client, PATIENCE).await?;
        run(&client, "BEGIN; SAVEPOINT statement").await?;
        for statement in split(&text) {
            match statement.kind {
                Kind::Psql => self.notes.push(format!("{shown}:{}: a command of psql, passed over", statement.line)),
                Kind::Copy => self.notes.push(format!("{shown}:{}: the rows of a COPY, passed over", statement.line)),
                Kind::Transaction => {}
                Kind::Sql => self.statement(&client, &shown, &statement).await?,
            }
        }
        if let Err(error) = client.batch_execute("COMMIT").await {
            let end = Statement { text: "COMMIT".to_owned(), line: text.lines().count(), kind: Kind::Sql };
            self.failed(&shown, &end, error)?;
        }
        Ok(())
    }

    async fn statement(&mut self, client: &Client, file: &str, statement: &Statement) -> Result<(), Fault> {
        self.statements += 1;
        if let Some((schema, table)) = declared_table(&statement.text)
            && schema.as_deref().is_none_or(|s| s == "public")
        {
            let place = format!("{file}:{}", statement.line);
            self.declared.entry(table).or_default().push(Declared { place, text: statement.text.clone() });
        }
        let Err(error) = client.batch_execute(&statement.text).await else {
            return run(client, "RELEASE SAVEPOINT statement; SAVEPOINT statement").await;
        };
        run(client, "ROLLBACK TO SAVEPOINT statement").await?;
        // Some statements stand alone: those that may not be in a transaction, and those that use what it has just added.
        let alone = [SqlState::ACTIVE_SQL_TRANSACTION, SqlState::UNSAFE_NEW_ENUM_VALUE_USAGE];
        if error.code().is_some_and(|code| alone.contains(code)) {
            run(client, "COMMIT").await?;
            let again = client.batch_execute(&statement.text).await;
            run(client, "BEGIN; SAVEPOINT statement").await?;
            return again.or_else(|error| self.failed(file, statement, error));
        }
        self.failed(file, statement, error)
    }

    /// Notes a failure; one that is not the statement's is a fault.
    fn failed(&mut self, file: &str, statement: &Statement, error: tokio_postgres::Error) -> Result<(), Fault> {
        let Some(db) = error.as_db_error() else { return Err(Fault::from_postgres(error, Side::Master)) };
        let before = match db.position() {
            Some(ErrorPosition::Original(at)) => {
                statement.text.chars().take((*at as usize).saturating_sub(1)).filter(|&c| c == '\n').count()
            }
            _ => 0,
        };
        let sqlstate = db.code().code().to_owned();
        self.failures.push(Failure {
            file: file.to_owned(),
            line: statement.line + before,
            class: Class::of(&sqlstate, &words(&statement.text, 4)),
            sqlstate,
            // What is quoted in it may go over lines.
            reason: db.message().split_whitespace().collect::<Vec<_>>().join(" "),
            statement: statement.text.lines().next().unwrap_or_default().trim_end().chars().take(120).collect(),
        });
        Ok(())
    }

    /// The tables that are declared more than once, each declaration compared with the first.
    async fn twice(&self, client: &Client) -> Result<Vec<Twice>, Fault> {
        let mut found = Vec::new();
        for (table, declared) in &self.declared {
            let Some((first, others)) = declared.split_first() else { continue };
            for again in others {
                let differences = match (columns(client, table, first).await?, columns(client, table, again).await?) {
                    (Ok(a), Ok(b)) => differences(&a, &b),
                    (Err(why), _) | (_, Err(why)) => vec![format!("cannot be compared: {why}")],
                };
                found.push(Twice {
                    table: table.clone(),
                    first: first.place.clone(),
                    again: again.place.clone(),
                    differences,
                });
            }
        }
        Ok(found)
    }
}

type Columns = Vec<(String, String)>;

/// The columns that a declaration makes when it stands alone; or why it cannot.
async fn columns(client: &Client, table: &str, declared: &Declared) -> Result<Result<Columns, String>, Fault> {
    const READ: &str = "
        SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a
          JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
         WHERE c.relnamespace = 'robbie_twice'::regnamespace AND c.relname = $1 AND a.attnum > 0 ORDER BY a.attnum";
    run(client, "BEGIN; CREATE SCHEMA robbie_twice; SET LOCAL search_path = robbie_twice, public").await?;
    let alone = declared.text.replacen("public.", "", 1);
    let made = client.batch_execute(&alone).await;
    let read = match made {
        Ok(()) => Ok(client
            .query(READ, &[&table])
            .await
            .map_err(|e| Fault::from_postgres(e, Side::Master))?
            .iter()
            .map(|row| (row.get(0), row.get(1)))
            .collect()),
        Err(error) => match error.as_db_error() {
            Some(db) => Err(format!("{}: {}", declared.place, db.message())),
            None => return Err(Fault::from_postgres(error, Side::Master)),
        },
    };
    run(client, "ROLLBACK").await?;
    Ok(read)
}

fn differences(first: &Columns, again: &Columns) -> Vec<String> {
    let of = |all: &Columns, name: &str| all.iter().find(|(n, _)| n == name).map(|(_, t)| t.clone());
    let mut found = Vec::new();
    for (name, kind) in first {
        match of(again, name) {
            None => found.push(format!("{name} only in the first")),
            Some(other) if other != *kind => found.push(format!("{name}: {kind}, then {other}")),
            Some(_) => {}
        }
    }
    found.extend(again.iter().filter(|(n, _)| of(first, n).is_none()).map(|(n, _)| format!("{n} only again")));
    found
}
