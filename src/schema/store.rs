//! The SQL of the bookkeeping: the run lock, `robbie_sync.migration`, and what it says.

use super::{Migration, MigrationStatus, Schema, State};
use crate::postgres::{Fault, Kind, Side};
use std::collections::BTreeMap;
use tokio_postgres::{Client, GenericClient};

/// The advisory lock of a run: "robbie", read as a number. One run at a time on a database, whatever the schema.
const RUN_LOCK: i64 = 0x726f_6262_6965;
/// How long a run waits for another run to end.
const RUN_LOCK_TIMEOUT: &str = "20s";

const BOOKKEEPING: &str = "
    CREATE TABLE IF NOT EXISTS robbie_sync.migration (
        schema      text        NOT NULL,
        name        text        NOT NULL,
        checksum    text        NOT NULL,
        applied_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
        duration_ms double precision NOT NULL,
        applied_by  text        NOT NULL DEFAULT session_user,
        note        text,
        PRIMARY KEY (schema, name)
    );
    COMMENT ON TABLE robbie_sync.migration IS 'Which migration files were applied to this database; kept by robbie.'";

/// A row of `robbie_sync.migration`.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub name: String,
    pub checksum: String,
    applied_at: String,
    applied_by: String,
    duration_ms: f64,
    note: Option<String>,
}

/// Reads what is recorded for `schema`; nothing where the bookkeeping does not exist yet.
pub(super) async fn recorded(client: &Client, side: Side, schema: Schema) -> Result<Vec<Recorded>, Fault> {
    let known: bool = client
        .query_one("SELECT to_regclass('robbie_sync.migration') IS NOT NULL", &[])
        .await
        .map_err(|e| Fault::from_postgres(e, side))?
        .get(0);
    if !known {
        return Ok(Vec::new());
    }
    let rows = client
        .query(
            "SELECT m.name, m.checksum, (m.applied_at AT TIME ZONE 'UTC')::text || 'Z', m.applied_by, m.duration_ms, m.note
               FROM robbie_sync.migration m WHERE m.schema = $1 ORDER BY m.name COLLATE \"C\"",
            &[&schema.name()],
        )
        .await
        .map_err(|e| Fault::from_postgres(e, side).about("robbie_sync.migration"))?;
    Ok(rows
        .iter()
        .map(|row| Recorded {
            name: row.get(0),
            checksum: row.get(1),
            applied_at: row.get(2),
            applied_by: row.get(3),
            duration_ms: row.get(4),
            note: row.get(5),
        })
        .collect())
}

/// Tells for every migration of `schema` where it stands on this database, which may never have seen `robbie`.
pub async fn status(client: &Client, side: Side, schema: Schema) -> Result<Vec<MigrationStatus>, Fault> {
    Ok(compare(schema.migrations(), recorded(client, side, schema).await?))
}

/// Sets the files of the binary against the recorded ones, by name.
fn compare(files: &[Migration], recorded: Vec<Recorded>) -> Vec<MigrationStatus> {
    let mut all: BTreeMap<String, MigrationStatus> = files
        .iter()
        .map(|file| {
            let status = MigrationStatus {
                name: file.name.to_owned(),
                state: State::Pending,
                applied_at: None,
                applied_by: None,
                duration_ms: None,
                checksum: file.checksum(),
                note: None,
            };
            (file.name.to_owned(), status)
        })
        .collect();
    for row in recorded {
        let state = match all.get(&row.name) {
            None => State::Unknown,
            Some(ours) if ours.checksum == row.checksum => State::Applied,
            Some(_) if files.iter().any(|file| file.repeatable && file.name == row.name) => State::Redefined,
            Some(_) => State::Altered,
        };
        let status = MigrationStatus {
            name: row.name.clone(),
            state,
            applied_at: Some(row.applied_at),
            applied_by: Some(row.applied_by),
            duration_ms: Some(row.duration_ms),
            checksum: row.checksum,
            note: row.note,
        };
        all.insert(row.name, status);
    }
    all.into_values().collect()
}

/// Makes `robbie_sync.migration` if it is absent, inside the caller's transaction.
///
/// The schema is looked for first: `CREATE SCHEMA IF NOT EXISTS` asks for the privilege even where it exists.
pub(super) async fn ensure_bookkeeping(client: &impl GenericClient) -> Result<(), tokio_postgres::Error> {
    let row = client
        .query_one("SELECT to_regnamespace('robbie_sync') IS NULL, to_regclass('robbie_sync.migration') IS NULL", &[])
        .await?;
    if row.get(0) {
        client.batch_execute("CREATE SCHEMA robbie_sync").await?;
    }
    if row.get(1) {
        client.batch_execute(BOOKKEEPING).await?;
    }
    Ok(())
}

/// Records a file that has just run in the caller's transaction; returns the note that it left.
pub(super) async fn record(
    client: &impl GenericClient,
    schema: Schema,
    migration: &Migration,
    duration_ms: f64,
) -> Result<Option<String>, tokio_postgres::Error> {
    let row = client
        .query_one(
            "INSERT INTO robbie_sync.migration (schema, name, checksum, duration_ms, applied_by, note)
             VALUES ($1, $2, $3, $4, session_user || ' (robbie ' || $5::text || ')',
                     nullif(current_setting('robbie_sync.note', true), ''))
             ON CONFLICT (schema, name) DO UPDATE SET checksum = excluded.checksum, applied_at = excluded.applied_at,
                 duration_ms = excluded.duration_ms, applied_by = excluded.applied_by, note = excluded.note
             RETURNING note",
            &[&schema.name(), &migration.name, &migration.checksum(), &duration_ms, &env!("CARGO_PKG_VERSION")],
        )
        .await?;
    Ok(row.get(0))
}

/// Drops what a repeatable file that has just run in the caller's transaction left of an earlier version of itself: functions
/// of the names it defines, with other parameters. Those in use keep their identity: whoever runs them is not disturbed.
pub(super) async fn drop_former_signatures(
    client: &impl GenericClient,
    file: &Migration,
) -> Result<(), tokio_postgres::Error> {
    let names = file.functions();
    let rows = client
        .query(
            "SELECT p.oid::regprocedure::text FROM pg_catalog.pg_proc p
              WHERE p.pronamespace = to_regnamespace('robbie_sync') AND p.proname = ANY ($1)
                AND p.xmin::text <> (pg_current_xact_id()::text::numeric % 4294967296)::text",
            &[&names],
        )
        .await?;
    for row in rows {
        // Quoted and with its parameters, as the catalog writes it.
        client.batch_execute(&format!("DROP FUNCTION {}", row.get::<_, &str>(0))).await?;
    }
    Ok(())
}

/// Takes the run lock for this session, or tells who holds it. `Ok` carries the session's former `lock_timeout`.
pub(super) async fn lock(client: &Client, side: Side) -> Result<String, Fault> {
    let former: String = client
        .query_one("SELECT current_setting('lock_timeout')", &[])
        .await
        .map_err(|e| Fault::from_postgres(e, side))?
        .get(0);
    set_lock_timeout(client, side, RUN_LOCK_TIMEOUT).await?;
    match client.execute("SELECT pg_advisory_lock($1)", &[&RUN_LOCK]).await {
        Ok(_) => Ok(former),
        Err(error) => {
            let mut fault = Fault::from_postgres(error, side);
            if fault.kind == Kind::Transient {
                fault.message = match holder(client).await {
                    Some(holder) => format!("another migration is running: {holder}"),
                    None => "another migration was running; it has just ended".to_owned(),
                };
                fault.remedy = Some("wait until it has ended, then try again".to_owned());
            }
            if fault.kind != Kind::Unreachable {
                set_lock_timeout(client, side, &former).await?;
            }
            Err(fault)
        }
    }
}

/// Gives the run lock back and puts the former `lock_timeout` in place.
pub(super) async fn unlock(client: &Client, side: Side, former_lock_timeout: &str) -> Result<(), Fault> {
    client.execute("SELECT pg_advisory_unlock($1)", &[&RUN_LOCK]).await.map_err(|e| Fault::from_postgres(e, side))?;
    set_lock_timeout(client, side, former_lock_timeout).await
}

async fn set_lock_timeout(client: &Client, side: Side, value: &str) -> Result<(), Fault> {
    client
        .execute("SELECT set_config('lock_timeout', $1, false)", &[&value])
        .await
        .map(|_| ())
        .map_err(|e| Fault::from_postgres(e, side))
}

/// Who holds the run lock: role, program, process, since when.
async fn holder(client: &Client) -> Option<String> {
    let row = client
        .query_opt(
            "SELECT coalesce(a.usename, 'a role that is hidden from us')::text, coalesce(a.application_name, ''), l.pid,
                    coalesce(to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC', '')
               FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
              WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
                AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
                AND (l.classid::bigint << 32 | l.objid::bigint) = $1
              LIMIT 1",
            &[&RUN_LOCK],
        )
        .await
        .ok()??;
    let (role, program, pid, since): (String, String, i32, String) = (row.get(0), row.get(1), row.get(2), row.get(3));
    let program = if program.is_empty() { String::new() } else { format!(" with “{program}”") };
    let since = if since.is_empty() { String::new() } else { format!(", connected since {since}") };
    Some(format!("{role}{program}, server process {pid}{since}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, checksum: String) -> Recorded {
        Recorded {
            name: name.to_owned(),
            checksum,
            applied_at: "2026-01-01 00:00:00Z".to_owned(),
            applied_by: "app".to_owned(),
            duration_ms: 1.5,
            note: None,
        }
    }

    #[test]
    fn files_and_records_are_told_apart_by_name_and_checksum() {
        let files = [
            Migration::once("01-a.sql", "a"),
            Migration::once("02-b.sql", "b"),
            Migration::once("03-c.sql", "c"),
            Migration::repeatable("24-d.sql", "d"),
        ];
        let recorded = vec![
            row("01-a.sql", files[0].checksum()),
            row("02-b.sql", "another".to_owned()),
            row("24-d.sql", "another".to_owned()),
            row("99-z.sql", "z".to_owned()),
        ];
        let states: Vec<_> = compare(&files, recorded).into_iter().map(|s| (s.name, s.state)).collect();
        let expected = [
            ("01-a.sql", State::Applied),
            ("02-b.sql", State::Altered),
            ("03-c.sql", State::Pending),
            ("24-d.sql", State::Redefined),
            ("99-z.sql", State::Unknown),
        ];
        assert_eq!(states, expected.map(|(name, state)| (name.to_owned(), state)));
    }
}
