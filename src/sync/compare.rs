//! The pull from a master that has no `robbie_sync` and does not let us make it: what changed is found by comparing all
//! rows, bucket by bucket, and taken in as by any pull. Nothing is sent to such a master: without its ledger nobody could
//! say what took effect.
//!
//! A row that the master lacks goes here too, unless it is edited: rows that only this side had at the first comparison, and
//! rows written here since, are noted in `robbie_sync.base`; what is not noted there was taken from the master.

use super::apply;
use super::digest::{self, Rows};
use super::guard::{self, Cursor, Pull};
use super::planner::{BASE, Planner};
use super::pull::{self, Plan, Staged};
use super::report::PullReport;
use super::session::Sessions;
use super::side::{at_one_snapshot, on_master, on_replica};
use super::stage::{self, Source};
use super::statements::Statements;
use super::tables::{self, Reference, Table, Tables};
use crate::postgres::identifiers::quote;
use crate::postgres::{Fault, Side};
use postgres_protocol::escape::escape_literal;
use std::time::Duration;
use tokio_postgres::Client;

/// The shortest time between two comparisons by one engine.
pub const EVERY: Duration = Duration::from_secs(30);
/// What every cycle with such a master says.
pub const WARNING: &str = "the master has no robbie_sync: changes are found by comparing all rows every interval; nothing is sent until `robbie schema migrate --target master`";

const FIRST: &str = "first load";
const REPLACED: &str = "the master was restored, failed over or replaced, and cannot say what it lost";

/// Takes what differs on the master.
pub async fn pull(s: &mut Sessions, warnings: &mut Vec<String>) -> Result<PullReport, Fault> {
    s.replica.execute("SELECT robbie_sync.note_missed()", &[]).await.map_err(on_replica)?;
    let cursor = guard::read_cursor(&s.replica).await?;
    let (system, timeline) = incarnation(&s.master).await?;
    let transaction = at_one_snapshot(&mut s.master, Side::Master).await?;
    let (snapshot, behind) = snapshot(transaction.client(), cursor.as_ref()).await?;
    let mode = match &cursor {
        None => Some(Pull::First),
        Some(c) if behind || c.system != system || c.timeline != timeline => Some(Pull::Rewound(REPLACED)),
        Some(_) => None,
    };
    let tables = tables(transaction.client(), &s.replica).await?;
    warnings.extend(tables.refused.iter().cloned());
    let names: Vec<String> = tables.ordered.iter().map(|t| t.name.clone()).collect();
    let (shapes, new) = pull::shapes(transaction.client(), &s.replica, &names).await?;
    let mut report = PullReport {
        full: mode.is_some(),
        full_because: mode.map(|m| if let Pull::Rewound(why) = m { why } else { FIRST }.to_owned()),
        ..PullReport::default()
    };
    let cursor = Cursor { system, timeline, snapshot, state: guard::COMPARING.into(), witness: None };
    let moved = mode.is_some() || tables.ordered.iter().any(|t| new.contains_key(&t.name));
    let mut plan = Plan { cursor, tables: &tables, staged: vec![], moved, shapes };
    for (place, table) in tables.ordered.iter().enumerate() {
        let whole = mode.or_else(|| new.get(&table.name).copied());
        let mut condition = None;
        if whole.is_none() {
            let buckets = differing(transaction.client(), &s.replica, table).await?;
            if buckets.is_empty() {
                continue;
            }
            condition = Some(digest::is_in(table, &buckets));
        }
        let name = format!("pg_temp.{}", quote(&format!("robbie_stage_{place}")));
        stage::create(&s.replica, &name, table).await?;
        let which = condition.as_ref().map(|c| format!("WHERE {c}"));
        let source = which.as_deref().map_or(Source::Whole, Source::Part);
        let (rows, bytes) = stage::fill(&transaction, &s.replica, table, &source, &name).await?;
        report.bytes += bytes;
        let mut staged = Staged { table, stage: name, whole, rows, chunk: None };
        if let Some(condition) = &condition {
            staged.rows = narrow(&mut s.replica, &tables, &staged, condition, s.rest_triggers.is_some()).await?;
        }
        report.seen += staged.rows;
        plan.staged.push(staged);
    }
    transaction.commit().await.map_err(on_master)?;
    if moved || !plan.staged.is_empty() {
        apply::apply(&mut s.replica, s.rest_triggers, &plan, &mut report).await?;
    }
    for staged in &plan.staged {
        s.replica.batch_execute(&format!("DROP TABLE {}", staged.stage)).await.map_err(on_replica)?;
    }
    if !moved && report.written() == 0 {
        report.seen = 0;
    }
    Ok(report)
}

/// The tables that the replica watches. Where the master does not say which text id a user has, its own id is taken as text.
pub async fn tables(master: &Client, replica: &Client) -> Result<Tables, Fault> {
    let mut tables = tables::read_watched(master, replica).await?;
    if !stage::has_mapping(master).await? {
        for column in tables.ordered.iter_mut().flat_map(|t| &mut t.columns) {
            column.mapped_user = false;
        }
    }
    Ok(tables)
}

/// The buckets that are not the same on both sides.
async fn differing(master: &Client, replica: &Client, table: &Table) -> Result<Vec<i64>, Fault> {
    let theirs = Rows::of(master, Side::Master, table).await?;
    let ours = Rows::of(replica, Side::Replica, table).await?;
    let (theirs, ours) = tokio::try_join!(theirs.digests(master), ours.digests(replica))?;
    Ok(digest::differing(&theirs, &ours))
}

/// Adds what the master lacks in the buckets of a stage, removes what is the same on both sides, and says how many of the
/// master's rows are left.
async fn narrow(
    replica: &mut Client,
    tables: &Tables,
    staged: &Staged<'_>,
    condition: &str,
    triggers_rest: bool,
) -> Result<u64, Fault> {
    let sql = Statements::new(staged);
    let t = replica.transaction().await.map_err(on_replica)?;
    t.batch_execute("SET LOCAL work_mem = '64MB'").await.map_err(on_replica)?;
    let (stage, target) = (staged.stage.as_str(), staged.table.target());
    let planner = Planner::new(&t, &[stage], true).await?;
    planner.join(stage, &[&target]).await?;
    let absent = t.execute(&format!("{} AND {condition}", sql.add_absent(false)), &[]).await.map_err(on_replica)?;
    if let Some(statement) = stage::analysis(staged.table, stage, absent) {
        t.batch_execute(&statement).await.map_err(on_replica)?;
    }
    let mut statements = vec![(vec![target.clone()], sql.forget_equal(true, "true"))];
    if triggers_rest {
        // What triggers keep of a parent counts the rows here that are not sent yet: it stays until they are.
        for reference in tables.references.iter().filter(|r| r.parent == staged.table.name) {
            if let Some(child) = tables.ordered.iter().find(|t| t.name == reference.child) {
                let joined = vec![target.clone(), child.target(), BASE.to_owned()];
                statements.push((joined, sql.forget_equal(false, &has_edited_children(child, reference))));
            }
        }
    } else {
        // Triggers that run here would keep such a column different for ever.
        statements.push((vec![target.clone()], sql.forget_equal(false, "true")));
    }
    for (joined, statement) in statements {
        let joined: Vec<&str> = joined.iter().map(String::as_str).collect();
        planner.join(stage, &joined).await?;
        t.execute(&statement, &[]).await.map_err(on_replica)?;
    }
    let left = format!("SELECT count(*) FROM {} WHERE \"~live\"", staged.stage);
    let row = t.query_one(&left, &[]).await.map_err(on_replica)?;
    t.commit().await.map_err(on_replica)?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}

/// Whether an edited row here points at the row `t`, or did before it was edited.
fn has_edited_children(child: &Table, reference: &Reference) -> String {
    let list = |columns: &[String], as_text: &dyn Fn(&String) -> String| {
        columns.iter().map(as_text).collect::<Vec<_>>().join(", ")
    };
    let key = list(&child.key, &|k| format!("{}, c.{}", escape_literal(k), quote(k)));
    format!(
        "(({}) IN (SELECT {} FROM robbie_sync.base b JOIN {} c ON b.pk = jsonb_build_object({key}) WHERE b.tbl = {name})
          OR ({0}) IN (SELECT {} FROM robbie_sync.base b WHERE b.tbl = {name} AND b.image IS NOT NULL))",
        list(&reference.parent_columns, &|p| format!("t.{}::text", quote(p))),
        list(&reference.columns, &|c| format!("c.{}::text", quote(c))),
        child.target(),
        list(&reference.columns, &|c| format!("b.image ->> {}", escape_literal(c))),
        name = escape_literal(&child.name),
    )
}

/// What `robbie_sync.incarnation` says of a master that has it.
async fn incarnation(master: &Client) -> Result<(String, Option<i32>), Fault> {
    const DATABASE: &str = "SELECT oid::text FROM pg_database WHERE datname = current_database()";
    const TIMELINES: [&str; 2] = [
        "SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer",
        "SELECT timeline_id FROM pg_control_checkpoint()",
    ];
    let database: String = master.query_one(DATABASE, &[]).await.map_err(on_master)?.get(0);
    // Either may be refused to an ordinary role.
    let system = master.query_one("SELECT system_identifier::text FROM pg_control_system()", &[]).await;
    let system = system.map_or_else(|_| "unreadable".to_owned(), |r| r.get(0));
    let mut timeline = None;
    for asked in TIMELINES {
        if timeline.is_none() {
            timeline = master.query_one(asked, &[]).await.ok().map(|r| r.get(0));
        }
    }
    Ok((format!("{system}/{database}"), timeline))
}

/// The master's snapshot, and whether its transactions are behind those of the last comparison.
async fn snapshot(master: &Client, cursor: Option<&Cursor>) -> Result<(String, bool), Fault> {
    let row = master
        .query_one(
            "SELECT pg_current_snapshot()::text,
                 coalesce(pg_snapshot_xmax($1::text::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot()), false)",
            &[&cursor.map(|c| c.snapshot.as_str())],
        )
        .await
        .map_err(on_master)?;
    Ok((row.get(0), row.get(1)))
}
