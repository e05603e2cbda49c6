//! Similarity by the cosine of embeddings: "more like this", and texts like a text.
//!
//! Vectors are compared only with those of the same embedder and length. Small tables are searched exactly; large ones by their
//! `IVFFlat` index, with as many of its lists probed as the wanted recall takes: [`super::recall`] measures how many.

use super::{Kind, Shape, embedding, rows};
use crate::postgres::identifiers::quote;
use crate::postgres::statement::{Statement, Value};
use crate::postgres::{Fault, Kind as FaultKind, Link};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Up to how many rows a table is searched exactly.
const EXACT: f64 = 20_000.0;
/// What part of the true neighbours an index should find.
pub const RECALL: f64 = 0.95;
/// Below this cosine two texts have nothing in common.
const UNLIKE: f64 = 0.08;
/// How many neighbours of each kind are looked at.
const NEIGHBOURS: i64 = 60;

/// A vector and who made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The vector, as pgvector writes it.
    pub vector: String,
    /// How many numbers it has.
    pub dimensions: i32,
    /// The embedder; `None` where the row does not say.
    pub embedder: Option<String>,
}

impl Origin {
    /// A text, embedded by the built-in embedder; `None` where it has no word.
    pub fn of_text(text: &str) -> Option<Self> {
        let vector = embedding::embed(text)?.to_sql();
        Some(Self { vector, dimensions: embedding::DIMENSIONS as i32, embedder: Some(embedding::ID.to_owned()) })
    }
}

/// A row that is near.
#[derive(Clone, Debug, PartialEq)]
pub struct Near {
    /// Where it stands.
    pub kind: Kind,
    /// Its key.
    pub id: Uuid,
    /// Its conversation; a pattern has none.
    pub conversation: Option<Uuid>,
    /// 1 for the same direction, 0 for nothing in common.
    pub cosine: f64,
}

/// Rows that could not be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Left {
    /// They have no embedding.
    pub without: i64,
    /// Their embedding is of another embedder, or of one that is not named; unknown in a table too large to count.
    pub of_others: Option<i64>,
    /// Whether `without` is an estimate.
    pub estimated: bool,
}

/// What is near, the nearest first, and what could not be compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Neighbours {
    /// The nearest row of each conversation, and patterns.
    pub near: Vec<Near>,
    /// What was left out, of each kind that has vectors at all.
    pub left: BTreeMap<Kind, Left>,
    /// The kinds that were searched in part of an index's lists rather than exactly, with the recall that was measured so.
    pub approximate: BTreeMap<Kind, f64>,
    /// The kinds that were searched in all lists because nobody measured yet how many are enough.
    pub unmeasured: Vec<Kind>,
}

/// The kinds that have vectors.
const EMBEDDED: [Kind; 3] = [Kind::Message, Kind::Block, Kind::Pattern];

fn type_of(shape: &Shape) -> Result<(String, String), Fault> {
    let Some((schema, version)) = &shape.vector else {
        return Err(Fault::new(FaultKind::Schema, "there is no pgvector here, and so no similarity")
            .about("extension vector")
            .remedy("robbie conversations search --mode text"));
    };
    Ok((quote(schema), version.clone()))
}

/// The vector of a row, and who made it. `None` where the row has none.
pub async fn origin(link: &Link, shape: &Shape, kind: Kind, id: Uuid) -> Result<Option<Origin>, Fault> {
    let (schema, _) = type_of(shape).map_err(|f| f.on(link.side()))?;
    if !shape.has_column(kind.table(), "embedding") {
        return Ok(None);
    }
    let mut s = Statement::new("SELECT r.embedding::text, ");
    s.push(&format!("{schema}.vector_dims(r.embedding), {}", shape.metadata(kind, "r", "embedder")));
    s.push(&format!(" FROM public.{} r WHERE r.embedding IS NOT NULL AND r.id = ", kind.table())).bind(Value::Id(id));
    let client = link.session().await?;
    let found = rows(&client, link, &s).await?;
    Ok(found.first().map(|r| Origin { vector: r.get(0), dimensions: r.get(1), embedder: r.get(2) }))
}

/// The condition that a row's vector may be compared.
fn push_comparable(s: &mut Statement, shape: &Shape, kind: Kind, schema: &str, origin: &Origin) {
    s.push(&format!("{} IS NOT DISTINCT FROM ", shape.metadata(kind, "r", "embedder")));
    match &origin.embedder {
        Some(name) => s.text_value(name.clone()),
        None => s.push("NULL::text"),
    };
    s.push(&format!(" AND {schema}.vector_dims(r.embedding) = ")).bind(Value::Int(i64::from(origin.dimensions)));
}

/// How a kind's table is to be searched: its size, its index's lists, and the part of its rows that have no vector.
pub(super) struct Plan {
    pub rows: f64,
    lists: Option<i32>,
    pub null_part: Option<f64>,
}

impl Plan {
    /// The lists of the index, where the table is large enough to be searched through it.
    pub(super) fn lists_in_use(&self) -> Option<i32> {
        self.lists.filter(|_| self.rows > EXACT)
    }
}

pub(super) async fn plan(link: &Link, kind: Kind) -> Result<Plan, Fault> {
    let sql = "SELECT c.reltuples::float8,
            (SELECT coalesce(substring(array_to_string(i.reloptions, ',') FROM 'lists=([0-9]+)')::int, 100)
               FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
               JOIN pg_catalog.pg_am m ON m.oid = i.relam
              WHERE x.indrelid = c.oid AND x.indisvalid AND m.amname = 'ivfflat' LIMIT 1),
            (SELECT s.null_frac::float8 FROM pg_catalog.pg_stats s
              WHERE s.schemaname = 'public' AND s.tablename = c.relname AND s.attname = 'embedding')
       FROM pg_catalog.pg_class c WHERE c.oid = to_regclass('public.' || $1::text)";
    let client = link.session().await?;
    let row = client.query_one(sql, &[&kind.table()]).await.map_err(|e| Fault::from_postgres(e, link.side()))?;
    Ok(Plan { rows: row.get(0), lists: row.get(1), null_part: row.get(2) })
}

/// Finds the rows nearest to a vector on one side; `but` is left out. A recall of 1 is exact.
pub async fn neighbours(
    link: &Link,
    shape: &Shape,
    origin: &Origin,
    but: Option<Uuid>,
    recall: f64,
) -> Result<Neighbours, Fault> {
    type_of(shape).map_err(|f| f.on(link.side()))?;
    let mut out = Neighbours::default();
    for kind in EMBEDDED.into_iter().filter(|kind| shape.has_column(kind.table(), "embedding")) {
        let plan = plan(link, kind).await?;
        out.left.insert(kind, left(link, shape, kind, origin, &plan).await?);
        let lists = plan.lists_in_use();
        let s = nearest(shape, kind, origin, but, lists.is_none())?;
        let found = match lists {
            None => {
                let client = link.session().await?;
                rows(&client, link, &s).await?
            }
            Some(lists) => {
                let measured = shape.memory.of(link, kind, origin.embedder.as_deref(), lists, plan.rows);
                let probes = match measured.filter(|_| recall < 1.0) {
                    Some(m) if m.probes < lists => {
                        out.approximate.insert(kind, m.recall);
                        m.probes
                    }
                    _ => lists,
                };
                if measured.is_none() {
                    out.unmeasured.push(kind);
                }
                Through::open(link, shape).await?.ask(&s, probes).await?
            }
        };
        out.near.extend(found.iter().map(|r| Near {
            kind,
            id: r.get(0),
            conversation: r.get(1),
            cosine: 1.0 - r.get::<_, f64>(2),
        }));
    }
    out.near.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.id.cmp(&b.id)));
    out.near.retain(|near| near.cosine >= UNLIKE);
    let mut seen = std::collections::BTreeSet::new();
    out.near.retain(|near| seen.insert(near.conversation.unwrap_or(near.id)));
    Ok(out)
}

/// The statement that asks for the nearest; not `exact`, an index may answer it.
pub(super) fn nearest(
    shape: &Shape,
    kind: Kind,
    origin: &Origin,
    but: Option<Uuid>,
    exact: bool,
) -> Result<Statement, Fault> {
    let (schema, _) = type_of(shape)?;
    let conversation = match kind {
        Kind::Pattern | Kind::Conversation => "NULL::uuid".to_owned(),
        Kind::Message | Kind::Block => shape.column(kind, "r", "conversation_id", "uuid"),
    };
    let mut s = Statement::new(&format!("SELECT r.id, {conversation}, r.embedding OPERATOR({schema}.<=>) "));
    let bind = |s: &mut Statement| {
        s.text_value(origin.vector.clone()).push(&format!("::text::{schema}.vector"));
    };
    bind(&mut s);
    s.push(&format!(" FROM public.{} r WHERE r.embedding IS NOT NULL AND ", kind.table()));
    push_comparable(&mut s, shape, kind, &schema, origin);
    if let Some(id) = but {
        s.push(" AND r.id <> ").bind(Value::Id(id));
    }
    s.push(&format!(" ORDER BY (r.embedding OPERATOR({schema}.<=>) "));
    bind(&mut s);
    // An index orders by the distance itself and by nothing made of it.
    s.push(if exact { ") + 0, r.id" } else { ")" });
    s.push(" LIMIT ").bind(Value::Int(NEIGHBOURS));
    Ok(s)
}

/// A session of its own that asks through the index: settings of the shared one are everybody's.
pub(super) struct Through<'a> {
    link: &'a Link,
    client: tokio_postgres::Client,
    iterative: &'static str,
}

impl<'a> Through<'a> {
    pub(super) async fn open(link: &'a Link, shape: &Shape) -> Result<Self, Fault> {
        let (_, version) = type_of(shape).map_err(|f| f.on(link.side()))?;
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        // Rows of another embedder are passed over after the index gave them: from 0.8 on it then goes on looking.
        let goes_on = (parts.next(), parts.next()) >= (Some(0), Some(8));
        let iterative = if goes_on { "; SET ivfflat.iterative_scan = relaxed_order" } else { "" };
        Ok(Self { link, client: link.dedicated("similarity").await?, iterative })
    }

    /// Asks with so many of the lists looked into.
    pub(super) async fn ask(&self, question: &Statement, probes: i32) -> Result<Vec<tokio_postgres::Row>, Fault> {
        let settings = format!("SET ivfflat.probes = {probes}{}; SET enable_seqscan = off", self.iterative);
        self.client.batch_execute(&settings).await.map_err(|e| Fault::from_postgres(e, self.link.side()))?;
        rows(&self.client, self.link, question).await
    }
}

/// Counts what cannot be compared; of large tables PostgreSQL's statistics say it.
async fn left(link: &Link, shape: &Shape, kind: Kind, origin: &Origin, plan: &Plan) -> Result<Left, Fault> {
    if plan.rows > EXACT {
        let without = (plan.rows * plan.null_part.unwrap_or(0.0)) as i64;
        return Ok(Left { without, of_others: None, estimated: true });
    }
    let (schema, _) = type_of(shape)?;
    let mut s = Statement::new(
        "SELECT count(*) FILTER (WHERE r.embedding IS NULL), count(*) FILTER (WHERE r.embedding IS NOT NULL AND NOT (",
    );
    push_comparable(&mut s, shape, kind, &schema, origin);
    s.push(&format!(")) FROM public.{} r", kind.table()));
    let client = link.session().await?;
    let found = rows(&client, link, &s).await?;
    Ok(found.first().map_or_else(Left::default, |r| Left {
        without: r.get(0),
        of_others: Some(r.get(1)),
        estimated: false,
    }))
}
