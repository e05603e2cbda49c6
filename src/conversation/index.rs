//! The indexes that make searches quick: which are there, and making those that are not without holding up who writes.
//!
//! The migrations make them for small tables. A large one takes minutes, and is indexed when it suits: concurrently.

use super::{Kind, Shape, rows};
use crate::postgres::identifiers::quote;
use crate::postgres::statement::Statement;
use crate::postgres::{Fault, Kind as FaultKind, Link, Session};
use std::time::Duration;

/// How an index stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "why")]
pub enum State {
    /// It is there.
    There,
    /// It is not.
    Missing,
    /// It is there and of no use, as a build that was broken off leaves it.
    Invalid,
    /// It is not there and cannot be made by this role here.
    Impossible(String),
}

/// An index that a search uses.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// The table.
    pub table: &'static str,
    /// What it is for.
    pub serves: &'static str,
    /// How it stands.
    #[serde(flatten)]
    pub state: State,
    /// What makes it.
    pub sql: String,
}

/// How long making one may take.
const PATIENCE: Duration = Duration::from_hours(6);
/// How long it waits for the lock it begins and ends with.
const LOCK_PATIENCE: Duration = Duration::from_mins(10);
/// Rows for each list of an index over vectors.
const ROWS_A_LIST: f64 = 1_000.0;
/// As the deployed indexes have it.
const FEWEST_LISTS: f64 = 100.0;

/// The name of the index of a kind's texts.
fn of_words(kind: Kind) -> String {
    format!("robbie_search_{}", kind.name())
}

/// Looks at what a side has and lacks.
pub async fn survey(link: &Link, shape: &Shape) -> Result<Vec<Index>, Fault> {
    let mut out = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| shape.has(*kind)) {
        let table = kind.table();
        let found = catalog(link, kind).await?;
        let owned = |missing: State| match (&found.owner, missing) {
            (Some(owner), State::Missing | State::Invalid) => {
                State::Impossible(format!("{table} belongs to {owner}: only its owner can index it"))
            }
            (_, state) => state,
        };
        let text = super::fulltext::text(shape, kind).replace("r.", "");
        let name = of_words(kind);
        let state = match found.words {
            Some(true) => State::There,
            _ if !shape.search_function => {
                State::Impossible(format!("first: robbie schema migrate --target {}", link.side()))
            }
            Some(false) => owned(State::Invalid),
            None => owned(State::Missing),
        };
        let sql =
            format!("CREATE INDEX CONCURRENTLY {name} ON public.{table} USING gin (robbie_sync.search_vector({text}))");
        out.push(Index { name, table, serves: "words", state, sql });
        let Some((schema, _)) = shape.vector.as_ref().filter(|_| shape.has_column(table, "embedding")) else {
            continue;
        };
        let name = format!("idx_{table}_embedding");
        let lists = (found.rows / ROWS_A_LIST).clamp(FEWEST_LISTS, 32_768.0).round();
        let sql = format!(
            "CREATE INDEX CONCURRENTLY {name} ON public.{table} USING ivfflat (embedding {}.vector_cosine_ops) WITH (lists = {lists})",
            quote(schema)
        );
        let state = match (found.vectors, found.vectors_left_over) {
            (true, _) => State::There,
            (false, true) => owned(State::Invalid),
            (false, false) => owned(State::Missing),
        };
        out.push(Index { name, table, serves: "similarity", state, sql });
    }
    Ok(out)
}

/// What the catalog says of a kind's table.
struct Found {
    rows: f64,
    /// Who owns it, where that is not this role.
    owner: Option<String>,
    /// Whether the index of words, if there is one, is valid.
    words: Option<bool>,
    /// Whether a valid index over vectors is there, whatever its name.
    vectors: bool,
    /// Whether one of ours was left over.
    vectors_left_over: bool,
}

async fn catalog(link: &Link, kind: Kind) -> Result<Found, Fault> {
    let mut s = Statement::new(
        "WITH i AS (SELECT x.indrelid, i.relname::text AS name, x.indisvalid AND x.indisready AS valid, m.amname
                      FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
                      JOIN pg_catalog.pg_am m ON m.oid = i.relam)
         SELECT greatest(c.reltuples, 0)::float8,
                CASE WHEN NOT pg_catalog.pg_has_role(c.relowner, 'USAGE') THEN pg_catalog.pg_get_userbyid(c.relowner)::text END,
                (SELECT i.valid FROM i WHERE i.indrelid = c.oid AND i.name = ",
    );
    s.text_value(of_words(kind));
    s.push("), EXISTS (SELECT FROM i WHERE i.indrelid = c.oid AND i.valid AND i.amname IN ('ivfflat', 'hnsw')), ");
    s.push("EXISTS (SELECT FROM i WHERE i.indrelid = c.oid AND NOT i.valid AND i.name = ");
    s.text_value(format!("idx_{}_embedding", kind.table()));
    s.push(") FROM pg_catalog.pg_class c WHERE c.oid = to_regclass('public.' || ");
    s.text_value(kind.table()).push(")");
    let client = link.session().await?;
    let found = rows(&client, link, &s).await?;
    let row = found
        .first()
        .ok_or_else(|| Fault::new(FaultKind::Schema, "the table is gone").on(link.side()).about(kind.table()))?;
    Ok(Found {
        rows: row.get(0),
        owner: row.get(1),
        words: row.get(2),
        vectors: row.get(3),
        vectors_left_over: row.get(4),
    })
}

/// Makes an index that is missing, or makes it again where one was left over. Nobody who writes waits for it.
pub async fn build(link: &Link, index: &Index) -> Result<(), Fault> {
    let session = Session::new("indexes").limits(LOCK_PATIENCE, PATIENCE);
    let client = link.dedicated_with(&session).await?;
    let run = async |sql: &str| {
        client.batch_execute(sql).await.map_err(|e| {
            Fault::from_postgres(e, link.side())
                .about(&index.name)
                .remedy("run it again: what a broken-off build leaves over is removed first")
        })
    };
    if index.state == State::Invalid {
        run(&format!("DROP INDEX CONCURRENTLY IF EXISTS public.{}", index.name)).await?;
    }
    run(&index.sql).await
}
