//! The pull, on the replica: staged rows are taken in one transaction together with the new cursor, so that the
//! replica goes from one state of the master to a later one and is never in between.
//!
//! A local edit is never overwritten. At first it is hoped that nobody edits meanwhile: edited rows are left alone, the others
//! are written, which locks them, and only then a new statement looks whether one of them was edited before we had its lock; if
//! so, everything is rolled back. Then four steps are taken, each a statement of its own: insert what is absent; lock the rest;
//! only then look which keys were edited here; change the others. Waiting for a lock is short, so that a local writer is
//! never the one that has to give way.

use super::guard::{self, Pull};
use super::planner::{BASE, DEFERRED, ENTRY, Planner};
use super::pull::{Plan, Staged};
use super::report::PullReport;
use super::side::on_replica;
use super::stage;
use super::statements::Statements;
use crate::postgres::identifiers::quote;
use crate::postgres::{Fault, Kind};
use std::time::Duration;
use tokio_postgres::{Client, Transaction};

/// How often a transaction that met a local lock is tried again.
const TRIES: u32 = 5;

/// Takes all stages of a plan.
pub async fn apply(
    replica: &mut Client,
    rest_triggers: Option<&str>,
    plan: &Plan<'_>,
    report: &mut PullReport,
) -> Result<(), Fault> {
    let mut tried = 0;
    let mut manner = Manner::Hoping;
    loop {
        tried += 1;
        let mut counts = PullReport::default();
        match once(replica, rest_triggers, plan, manner, &mut counts).await {
            Ok(true) => {
                report.inserted += counts.inserted;
                report.updated += counts.updated;
                report.deleted += counts.deleted;
                report.deferred += counts.deferred;
                return Ok(());
            }
            // The rolled-back transaction left the stages as they were.
            Ok(false) => manner = Manner::Locking,
            Err(fault) if fault.kind == Kind::Transient && tried < TRIES => {
                tokio::time::sleep(Duration::from_millis(u64::from(50 * tried))).await;
            }
            Err(fault) => return Err(fault),
        }
    }
}

/// How local edits are kept from being overwritten.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Rows are written, and then looked at.
    Hoping,
    /// Rows are locked, looked at, and then written.
    Locking,
}

/// One try; false if it was rolled back because of a local edit that came in between.
async fn once(
    replica: &mut Client,
    rest_triggers: Option<&str>,
    plan: &Plan<'_>,
    manner: Manner,
    report: &mut PullReport,
) -> Result<bool, Fault> {
    let t = replica.transaction().await.map_err(on_replica)?;
    t.batch_execute(
        "SET LOCAL lock_timeout = '200ms'; SET LOCAL work_mem = '64MB'; SET LOCAL idle_in_transaction_session_timeout = '10s'; SET LOCAL robbie_sync.apply = 'on'; SET LOCAL timezone = 'UTC'",
    )
    .await
    .map_err(on_replica)?;
    if let Some(statement) = rest_triggers {
        t.batch_execute(statement).await.map_err(on_replica)?;
    }
    reach!("take.begin");
    let stages: Vec<&str> = plan.staged.iter().map(|s| s.stage.as_str()).collect();
    let planner = Planner::new(&t, &stages, plan.staged.iter().any(|s| s.whole.is_some())).await?;
    for staged in &plan.staged {
        upsert(&t, planner, plan, staged, manner, rest_triggers.is_some(), report).await?;
    }
    if rest_triggers.is_none() && others_write(&t, plan).await? {
        // Triggers of the application ran; where one of them wrote into a row that was taken, the master's values stand.
        for staged in &plan.staged {
            if let Some(statement) = Statements::new(staged).update(false, true) {
                planner.join(&staged.stage, &[&staged.table.target()]).await?;
                t.execute(&statement, &[]).await.map_err(on_replica)?;
            }
        }
    }
    for staged in plan.staged.iter().rev() {
        delete(&t, planner, plan, staged, manner, report).await?;
    }
    if manner == Manner::Hoping {
        for staged in &plan.staged {
            planner.join(&staged.stage, &[BASE, ENTRY]).await?;
            let row = t.query_one(&Statements::new(staged).is_edited(), &[]).await.map_err(on_replica)?;
            if row.get(0) {
                t.rollback().await.map_err(on_replica)?;
                return Ok(false);
            }
        }
    }
    note(&t, planner, plan, report).await?;
    t.commit().await.map_err(on_replica)?;
    reach!("take.committed");
    Ok(true)
}

/// Whether taking rows runs anything that may write into them: a trigger that is not ours (ours stand aside), a rule, or a foreign
/// key that passes changes on.
async fn others_write(t: &Transaction<'_>, plan: &Plan<'_>) -> Result<bool, Fault> {
    let names: Vec<&str> = plan.staged.iter().map(|s| s.table.name.as_str()).collect();
    let found = t
        .query_one(
            "SELECT EXISTS (
                 SELECT 1 FROM pg_class c
                 CROSS JOIN LATERAL (SELECT c.oid UNION SELECT p.relid FROM pg_partition_tree(c.oid) p) r(oid)
                 WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY ($1) AND (
                     EXISTS (SELECT 1 FROM pg_rewrite w WHERE w.ev_class = r.oid)
                     OR EXISTS (
                         SELECT 1 FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid
                         WHERE g.tgrelid = r.oid AND g.tgenabled <> 'D' AND CASE WHEN g.tgisinternal
                             THEN f.proname ~ '^RI_FKey_(cascade|setnull|setdefault)_upd$'
                             ELSE f.pronamespace <> 'robbie_sync'::regnamespace END)))",
            &[&names],
        )
        .await;
    Ok(found.map_err(on_replica)?.get(0))
}

async fn upsert(
    t: &Transaction<'_>,
    planner: Planner<'_>,
    plan: &Plan<'_>,
    staged: &Staged<'_>,
    manner: Manner,
    triggers_rest: bool,
    report: &mut PullReport,
) -> Result<(), Fault> {
    let sql = Statements::new(staged);
    let target = staged.table.target();
    let with = async |tables: &[&str]| planner.join(&staged.stage, tables).await;
    let run = async |statement: &str| t.execute(statement, &[]).await.map_err(on_replica);
    if let Some(mode) = staged.whole {
        // A truncate that was followed, and a master that is as complete as it was, take rows away here too.
        let keep = matches!(mode, Pull::First | Pull::Rewound(_));
        with(&[&target]).await?;
        let absent = run(&sql.add_absent(keep)).await?;
        if let Some(statement) = stage::analysis(staged.table, &staged.stage, absent).filter(|_| !keep) {
            run(&statement).await?;
        }
        match mode {
            // Without a time stamp nobody can tell which is the newer one.
            Pull::First => drop(run(&sql.leave_newer().unwrap_or_else(|| sql.leave_unsynced())).await?),
            Pull::Rewound(_) => drop(run(&sql.leave_differing()).await?),
            Pull::Follow | Pull::Trusted(_) => {}
        }
        if keep {
            with(&[ENTRY]).await?;
            run(&sql.keep_left()).await?;
        }
    }
    for reference in plan.tables.references.iter().filter(|r| r.child == staged.table.name) {
        if !reference.columns.iter().all(|c| staged.table.columns.iter().any(|known| &known.name == c)) {
            continue; // the master lacks the column: this side's value stays, and with it its parent
        }
        with(&[&format!("public.{}", quote(&reference.parent))]).await?;
        if triggers_rest {
            // Nobody else sees to it then that a parent stays until we are done.
            run(&sql.hold_parents(reference)).await?;
        }
        run(&sql.leave_orphans(reference)).await?;
    }
    let locking = manner == Manner::Locking;
    if !locking {
        reach!("take.edited");
        with(&[&target, BASE, ENTRY]).await?;
        for statement in sql.leave_edited() {
            run(&statement).await?;
        }
    }
    reach!("take.insert");
    with(&[&target]).await?;
    let inserted = careful(t, planner, staged, &sql.insert(false, locking), &sql.insert(true, locking)).await?;
    report.inserted += inserted;
    with(&[&target]).await?;
    if locking {
        reach!("take.lock");
        for statement in sql.lock() {
            run(&statement).await?;
        }
        reach!("take.edited");
        with(&[&target, BASE, ENTRY]).await?;
        for statement in sql.leave_edited() {
            run(&statement).await?;
        }
        with(&[&target]).await?;
        report.inserted -= run(&sql.take_back()).await?;
    }
    reach!("take.change");
    if inserted == staged.rows {
        return Ok(()); // all of them were new
    }
    if staged.whole == Some(Pull::First) {
        run(&sql.archive_overwritten()).await?;
    }
    if let (Some(all), Some(one)) = (sql.update(false, locking), sql.update(true, locking)) {
        report.updated += careful(t, planner, staged, &all, &one).await?;
    }
    Ok(())
}

async fn delete(
    t: &Transaction<'_>,
    planner: Planner<'_>,
    plan: &Plan<'_>,
    staged: &Staged<'_>,
    manner: Manner,
    report: &mut PullReport,
) -> Result<(), Fault> {
    let sql = Statements::new(staged);
    let references: Vec<_> = plan.tables.references.iter().filter(|r| r.parent == staged.table.name).collect();
    let target = staged.table.target();
    planner.join(&staged.stage, &[&target]).await?;
    if !references.is_empty() {
        // From here on nobody points at them any more; who did before is seen.
        let [_, those_that_go] = sql.lock();
        t.execute(&those_that_go, &[]).await.map_err(on_replica)?;
    }
    for reference in &references {
        planner.join(&staged.stage, &[&target, &format!("public.{}", quote(&reference.child))]).await?;
        t.execute(&sql.leave_parents(reference), &[]).await.map_err(on_replica)?;
    }
    planner.join(&staged.stage, &[&target]).await?;
    reach!("take.delete");
    report.deleted += t.execute(&sql.delete(manner == Manner::Locking), &[]).await.map_err(on_replica)?;
    Ok(())
}

/// Runs a statement for all rows of a stage; where a row breaks a rule of the table here, row by row, so that only that
/// row is put off.
async fn careful(
    t: &Transaction<'_>,
    planner: Planner<'_>,
    staged: &Staged<'_>,
    all: &str,
    one: &str,
) -> Result<u64, Fault> {
    t.batch_execute("SAVEPOINT taking").await.map_err(on_replica)?;
    let fault = match t.execute(all, &[]).await {
        Ok(written) => {
            t.batch_execute("RELEASE SAVEPOINT taking").await.map_err(on_replica)?;
            return Ok(written);
        }
        Err(e) => on_replica(e),
    };
    if matches!(fault.kind, Kind::Transient | Kind::Unreachable | Kind::Refused | Kind::Privilege) {
        return Err(fault);
    }
    t.batch_execute("ROLLBACK TO SAVEPOINT taking; RELEASE SAVEPOINT taking").await.map_err(on_replica)?;
    planner.singly().await?;
    let row =
        t.query_one("SELECT robbie_sync.take_row_by_row($1, $2)", &[&staged.stage, &one]).await.map_err(on_replica)?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}

/// Notes what was put off, what moved, and how far this replica is now.
async fn note(
    t: &Transaction<'_>,
    planner: Planner<'_>,
    plan: &Plan<'_>,
    report: &mut PullReport,
) -> Result<(), Fault> {
    for staged in &plan.staged {
        let sql = Statements::new(staged);
        planner.join(&staged.stage, &[DEFERRED]).await?;
        t.execute(&sql.forget_deferred(), &[]).await.map_err(on_replica)?;
        let left: i64 = t.query_one(&sql.count_left(), &[]).await.map_err(on_replica)?.get(0);
        if left > 0 {
            t.execute(&sql.note_deferred(&plan.cursor.snapshot), &[]).await.map_err(on_replica)?;
        }
        report.deferred += left.unsigned_abs();
    }
    if !plan.moved && report.written() == 0 {
        return Ok(());
    }
    let rows: Vec<i64> = plan.staged.iter().map(|s| s.rows as i64).collect();
    let whole: Vec<bool> = plan.staged.iter().map(|s| s.whole.is_some()).collect();
    // What goes by while a table cannot be taken is not noted anywhere: it is taken whole when it can be again.
    let taken: Vec<&str> = plan.tables.ordered.iter().map(|t| t.name.as_str()).collect();
    t.execute("UPDATE robbie_sync.table_state SET shape = ' ' || split_part(shape, ' ', 3) WHERE shape !~ '^ ' AND tbl <> ALL ($1)", &[&taken])
        .await
        .map_err(on_replica)?;
    if !rows.is_empty() {
        let shapes: Vec<Option<&str>> = plan
            .staged
            .iter()
            .map(|s| s.whole.filter(|_| s.is_all()).and_then(|_| plan.shapes.get(&s.table.name)).map(String::as_str))
            .collect();
        let names: Vec<&str> = plan.staged.iter().map(|s| s.table.name.as_str()).collect();
        t.execute(
            "INSERT INTO robbie_sync.table_state AS s (tbl, last_pulled, pulled, shape)
             SELECT name, clock_timestamp(), rows, shape
             FROM unnest($1::text[], $2::bigint[], $3::boolean[], $4::text[]) AS n(name, rows, whole, shape)
             WHERE rows > 0 OR whole
             ON CONFLICT (tbl) DO UPDATE SET last_pulled = excluded.last_pulled, pulled = s.pulled + excluded.pulled,
                 shape = coalesce(excluded.shape, s.shape)",
            &[&names, &rows, &whole, &shapes],
        )
        .await
        .map_err(on_replica)?;
    }
    for staged in &plan.staged {
        if let Some(chunk) = &staged.chunk {
            let shape = plan.shapes.get(&staged.table.name);
            chunk.note(t, &staged.table.name, shape.map_or("", String::as_str)).await?;
        }
    }
    if plan.cursor.state != guard::BOOTSTRAPPING {
        // What was begun with a master that lost history was not gone on with, but compared.
        t.execute("DELETE FROM robbie_sync.load_progress", &[]).await.map_err(on_replica)?;
    }
    reach!("cursor.before");
    guard::write_cursor(t, &plan.cursor).await?;
    reach!("cursor.after");
    Ok(())
}
