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
/// before anything runs, unless it is repeatable: then it is run again, and so are the repeatable ones after it.
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
    let pending = due(files, &recorded);
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

/// Which files are to run. Definitions build on those before them (a type takes its functions with it when it is dropped),
/// so from the first one that changed all are.
fn due<'a>(files: &'a [Migration], recorded: &[store::Recorded]) -> Vec<&'a Migration> {
    let mut redefine = false;
    files
        .iter()
        .filter(|file| {
            let current = recorded.iter().any(|r| r.name == file.name && r.checksum == file.checksum());
            redefine |= file.repeatable && !current;
            !current || (file.repeatable && redefine)
        })
        .collect()
}

/// Runs each file in a transaction of its own; repeatable ones that follow each other share one, so that nobody finds
/// the half of them.
async fn apply(
    client: &mut Client,
    side: Side,
    schema: Schema,
    pending: &[&Migration],
    place: &Place,
) -> Result<Vec<FileReport>, Fault> {
    let mut reports = Vec::with_capacity(pending.len());
    for group in pending.chunk_by(|a, b| a.repeatable && b.repeatable) {
        for report in apply_group(client, side, schema, group, place).await? {
            tracing::info!(
                schema = schema.name(),
                file = report.name,
                duration_ms = report.duration_ms,
                note = report.note,
                "migration applied"
            );
            reports.push(report);
        }
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

async fn apply_group(
    client: &mut Client,
    side: Side,
    schema: Schema,
    group: &[&Migration],
    place: &Place,
) -> Result<Vec<FileReport>, Fault> {
    let transaction = client.transaction().await.map_err(|e| Fault::from_postgres(e, side))?;
    let mut reports = Vec::with_capacity(group.len());
    let mut last = None;
    for file in group {
        last = Some(file);
        match execute(&transaction, schema, file, Outcome::Applied).await {
            Ok(report) => reports.push(report),
            Err(error) => {
                // The file's error is what a person needs; a failed rollback only means that the session is gone.
                let _ = transaction.rollback().await;
                return Err(of_file(error, side, schema, file, place));
            }
        }
    }
    transaction.commit().await.map_err(|e| match last {
        Some(file) => of_file(e, side, schema, file, place),
        None => Fault::from_postgres(e, side),
    })?;
    Ok(reports)
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
    if file.repeatable {
        store::drop_former_signatures(transaction, file).await?;
    }
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    let note = store::record(transaction, schema, file, duration_ms).await?;
    Ok(FileReport { name: file.name.to_owned(), checksum: file.checksum(), outcome, duration_ms, note })
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

/// Errors if the text of an applied file that runs once is not what it was when it ran.
fn refuse_altered(side: Side, schema: Schema, files: &[Migration], recorded: &[store::Recorded]) -> Result<(), Fault> {
    let altered: Vec<String> = files
        .iter()
        .filter(|file| !file.repeatable)
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
