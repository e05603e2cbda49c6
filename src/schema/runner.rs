//! The order of a run: lock, compare, refuse what was altered, run what is pending, unlock.

use super::refusal::{Place, of_file};
use super::{FileReport, Migration, MigrationReport, Mode, Outcome, Schema, store};
use crate::postgres::{Fault, Kind, Side};
use std::time::Instant;
use tokio_postgres::{Client, Transaction};

/// What each file runs with: names resolve to `public` and the schema that holds pgvector; waits for a table end
/// before the application's patience does; the session's statement time-out does not cut an index build short.
const SETTINGS: &str = "
    SELECT set_config('search_path', concat_ws(', ', 'public',
               (SELECT quote_ident(n.nspname) FROM pg_catalog.pg_extension e
                  JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
                 WHERE e.extname = 'vector' AND n.nspname <> 'public')), true),
           set_config('lock_timeout', '10s', true), set_config('statement_timeout', '0', true),
           set_config('client_min_messages', 'warning', true), set_config('robbie_sync.note', '', true)";

/// Brings the database that `client` is connected to up to `schema`, or tries it out.
pub async fn migrate(client: &mut Client, side: Side, schema: Schema, mode: Mode) -> Result<MigrationReport, Fault> {
    migrate_files(client, side, schema, schema.migrations(), mode).await
}

/// Like [`migrate`], with other files than those of the binary.
///
/// A file that fails rolls back whole; those before it stay. An applied file whose text has changed since is an error
/// before anything runs.
pub async fn migrate_files(
    client: &mut Client,
    side: Side,
    schema: Schema,
    files: &[Migration],
    mode: Mode,
) -> Result<MigrationReport, Fault> {
    let former_lock_timeout = store::lock(client, side).await?;
    let outcome = run(client, side, schema, files, mode).await;
    if outcome.as_ref().is_err_and(|f| f.kind == Kind::Unreachable) || client.is_closed() {
        return outcome; // the server gave the lock back when the session ended
    }
    let unlocked = store::unlock(client, side, &former_lock_timeout).await;
    outcome.and_then(|report| unlocked.map(|()| report))
}

async fn run(
    client: &mut Client,
    side: Side,
    schema: Schema,
    files: &[Migration],
    mode: Mode,
) -> Result<MigrationReport, Fault> {
    let recorded = store::recorded(client, side, schema).await?;
    refuse_altered(side, schema, files, &recorded)?;
    let place = place(client, side).await?;
    let mut report = MigrationReport {
        schema,
        side,
        dry_run: mode == Mode::DryRun,
        files: Vec::with_capacity(files.len()),
        warnings: unknown(files, &recorded),
    };
    let pending: Vec<&Migration> = files.iter().filter(|file| !is_recorded(file, &recorded)).collect();
    let mut ran = match mode {
        Mode::Apply => apply(client, side, schema, &pending, &place).await?,
        Mode::DryRun => try_out(client, side, schema, &pending, &place).await?,
    }
    .into_iter()
    .peekable();
    for file in files {
        let done = ran.next_if(|r| r.name == file.name);
        report.files.push(done.unwrap_or_else(|| unchanged(file)));
    }
    Ok(report)
}

/// Runs each file in a transaction of its own.
async fn apply(
    client: &mut Client,
    side: Side,
    schema: Schema,
    pending: &[&Migration],
    place: &Place,
) -> Result<Vec<FileReport>, Fault> {
    let mut reports = Vec::with_capacity(pending.len());
    for file in pending {
        let report = apply_one(client, schema, file).await.map_err(|e| of_file(e, side, schema, file, place))?;
        tracing::info!(
            schema = schema.name(),
            file = file.name,
            duration_ms = report.duration_ms,
            note = report.note,
            "migration applied"
        );
        reports.push(report);
    }
    Ok(reports)
}

/// Runs all files in one transaction, in order, and rolls it back.
async fn try_out(
    client: &mut Client,
    side: Side,
    schema: Schema,
    pending: &[&Migration],
    place: &Place,
) -> Result<Vec<FileReport>, Fault> {
    let transaction = client.transaction().await.map_err(|e| Fault::from_postgres(e, side))?;
    let mut reports = Vec::with_capacity(pending.len());
    for file in pending {
        let report = execute(&transaction, schema, file, Outcome::WouldApply)
            .await
            .map_err(|e| of_file(e, side, schema, file, place))?;
        reports.push(report);
    }
    transaction.rollback().await.map_err(|e| Fault::from_postgres(e, side))?;
    Ok(reports)
}

async fn apply_one(client: &mut Client, schema: Schema, file: &Migration) -> Result<FileReport, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    match execute(&transaction, schema, file, Outcome::Applied).await {
        Ok(report) => transaction.commit().await.map(|()| report),
        Err(error) => {
            // The file's error is what a person needs; a failed rollback only means that the session is gone.
            let _ = transaction.rollback().await;
            Err(error)
        }
    }
}

/// Runs one file and records it, inside `transaction`.
async fn execute(
    transaction: &Transaction<'_>,
    schema: Schema,
    file: &Migration,
    outcome: Outcome,
) -> Result<FileReport, tokio_postgres::Error> {
    transaction.query_one(SETTINGS, &[]).await?;
    store::ensure_bookkeeping(transaction).await?;
    let started = Instant::now();
    transaction.batch_execute(file.sql).await?;
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    let note = store::record(transaction, schema, file, duration_ms).await?;
    Ok(FileReport { name: file.name.to_owned(), checksum: file.checksum(), outcome, duration_ms, note })
}

fn is_recorded(file: &Migration, recorded: &[store::Recorded]) -> bool {
    recorded.iter().any(|r| r.name == file.name)
}

fn unchanged(file: &Migration) -> FileReport {
    FileReport {
        name: file.name.to_owned(),
        checksum: file.checksum(),
        outcome: Outcome::Unchanged,
        duration_ms: 0.0,
        note: None,
    }
}

/// Errors if an applied file's text is not what it was when it ran.
fn refuse_altered(side: Side, schema: Schema, files: &[Migration], recorded: &[store::Recorded]) -> Result<(), Fault> {
    let altered: Vec<String> = files
        .iter()
        .filter_map(|file| {
            let then = recorded.iter().find(|r| r.name == file.name && r.checksum != file.checksum())?;
            Some(format!(
                "migrations/{}/{} was changed after it was applied: SHA-256 {} when it ran, {} in this binary",
                schema.name(),
                file.name,
                then.checksum,
                file.checksum()
            ))
        })
        .collect();
    if altered.is_empty() {
        return Ok(());
    }
    Err(Fault::new(Kind::Schema, altered.join("; "))
        .on(side)
        .about("robbie_sync.migration")
        .remedy("use the binary that applied it, or put the file back and write the change as a new migration"))
}

fn unknown(files: &[Migration], recorded: &[store::Recorded]) -> Vec<String> {
    recorded
        .iter()
        .filter(|r| files.iter().all(|file| file.name != r.name))
        .map(|r| format!("{} is recorded as applied, but this binary does not have it: a newer one was here", r.name))
        .collect()
}

async fn place(client: &Client, side: Side) -> Result<Place, Fault> {
    let row = client
        .query_one("SELECT current_user::text, current_database()::text", &[])
        .await
        .map_err(|e| Fault::from_postgres(e, side))?;
    Ok(Place { role: row.get(0), database: row.get(1) })
}
