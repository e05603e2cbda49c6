//! Fills missing embeddings: batch by batch, each of which stays written whatever happens to the next.

use super::endpoint::{Endpoint, Vector};
use super::{Kind, Shape, embedding, fulltext, rows};
use crate::postgres::identifiers::quote;
use crate::postgres::statement::{Statement, Value};
use crate::postgres::{Fault, Kind as FaultKind, Link, Side};
use uuid::Uuid;

/// What makes vectors of texts.
#[derive(Clone, Debug)]
pub enum Embedder {
    /// The built-in one: of words, without a network.
    Lexical,
    /// An endpoint.
    Endpoint(Endpoint),
}

impl Embedder {
    /// The name that is stored beside its vectors.
    pub fn id(&self) -> &str {
        match self {
            Self::Lexical => embedding::ID,
            Self::Endpoint(endpoint) => endpoint.id(),
        }
    }
    /// A text to be compared with what is stored; nothing where it has no word.
    pub async fn origin(&self, text: &str) -> Result<Option<super::similar::Origin>, Fault> {
        match self {
            Self::Lexical => Ok(super::similar::Origin::of_text(text)),
            Self::Endpoint(endpoint) => endpoint.origin(text).await.map(Some),
        }
    }
    async fn vectors(&self, texts: &[String]) -> Result<Vec<Option<Vector>>, Fault> {
        match self {
            Self::Lexical => {
                let dimensions = embedding::DIMENSIONS as i32;
                let one = |text: &String| embedding::embed(text).map(|v| Vector { text: v.to_sql(), dimensions });
                Ok(texts.iter().map(one).collect())
            }
            Self::Endpoint(endpoint) => Ok(endpoint.embed(texts).await?.into_iter().map(Some).collect()),
        }
    }
}

/// The kinds that have vectors.
pub const KINDS: [Kind; 3] = [Kind::Message, Kind::Block, Kind::Pattern];

/// Filling one table of one side.
pub struct Filling<'a> {
    /// The side.
    pub link: &'a Link,
    /// Its tables.
    pub shape: &'a Shape,
    /// The table.
    pub kind: Kind,
    /// What makes the vectors.
    pub embedder: &'a Embedder,
}

/// What a batch came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Rows that were looked at.
    pub looked: usize,
    /// Rows that got a vector.
    pub filled: u64,
    /// Where to go on.
    pub last: Option<Uuid>,
}

impl Filling<'_> {
    /// How many rows have no vector; a fault where the table cannot hold this embedder's.
    pub async fn missing(&self) -> Result<i64, Fault> {
        let table = self.kind.table();
        if self.shape.vector.is_none() || !self.shape.has_column(table, "embedding") {
            return Ok(0);
        }
        if !self.shape.has_column(table, "metadata") {
            return Err(Fault::new(
                FaultKind::Schema,
                format!("{table} has no metadata, so it could not be told who made a vector"),
            )
            .on(self.link.side())
            .about(format!("{table}.metadata"))
            .remedy(format!("robbie schema migrate --target {}", self.link.side())));
        }
        let s = Statement::new(&format!("SELECT count(*) FROM public.{table} r WHERE r.embedding IS NULL"));
        let client = self.link.session().await?;
        Ok(rows(&client, self.link, &s).await?.first().map_or(0, |r| r.get(0)))
    }

    /// How many numbers the column takes; nothing where it takes any.
    async fn takes(&self) -> Result<Option<i32>, Fault> {
        let sql = "SELECT a.atttypmod FROM pg_catalog.pg_attribute a
                    WHERE a.attrelid = to_regclass('public.' || $1::text) AND a.attname = 'embedding' AND NOT a.attisdropped";
        let client = self.link.session().await?;
        let row = client.query_opt(sql, &[&self.kind.table()]).await;
        let row = row.map_err(|e| Fault::from_postgres(e, self.link.side()))?;
        Ok(row.map(|r| r.get::<_, i32>(0)).filter(|n| *n > 0))
    }

    /// Fills the next rows behind `after`.
    pub async fn batch(&self, after: Option<Uuid>, size: u16) -> Result<Batch, Fault> {
        let mut s = Statement::new(&format!(
            "SELECT r.id, {} FROM public.{} r WHERE r.embedding IS NULL",
            fulltext::text(self.shape, self.kind),
            self.kind.table()
        ));
        if let Some(after) = after {
            s.push(" AND r.id > ").bind(Value::Id(after));
        }
        s.push(" ORDER BY r.id LIMIT ").bind(Value::Int(i64::from(size)));
        let client = self.link.session().await?;
        let found = rows(&client, self.link, &s).await?;
        drop(client);
        let ids: Vec<Uuid> = found.iter().map(|r| r.get(0)).collect();
        // What is blank, an endpoint would refuse.
        let (worded, texts): (Vec<Uuid>, Vec<String>) = found
            .iter()
            .map(|r| (r.get::<_, Uuid>(0), r.get::<_, String>(1)))
            .filter(|(_, text)| text.chars().any(char::is_alphanumeric))
            .unzip();
        let mut batch = Batch { looked: ids.len(), filled: 0, last: ids.last().copied() };
        if texts.is_empty() {
            return Ok(batch);
        }
        let vectors = self.embedder.vectors(&texts).await?;
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (id, vector) in worded.into_iter().zip(vectors) {
            let Some(vector) = vector else { continue };
            if keys.is_empty()
                && let Some(wanted) = self.takes().await?.filter(|n| *n != vector.dimensions)
            {
                return Err(self.misfit(wanted, vector.dimensions));
            }
            keys.push(id);
            values.push(vector.text);
        }
        batch.filled = self.write(&keys, &values).await?;
        Ok(batch)
    }

    fn misfit(&self, wanted: i32, given: i32) -> Fault {
        Fault::new(
            FaultKind::Settings,
            format!("{} gives {given} numbers, and the column takes {wanted}: nothing was written", self.embedder.id()),
        )
        .on(self.link.side())
        .about(format!("{}.embedding", self.kind.table()))
        .remedy("choose a model of that many dimensions, or --embedder lexical")
    }

    /// Writes vectors where there is still none; on a replica they are queued in the same transaction.
    async fn write(&self, keys: &[Uuid], values: &[String]) -> Result<u64, Fault> {
        let on = |e| Fault::from_postgres(e, self.link.side()).about(self.kind.table());
        let Some((schema, _)) = &self.shape.vector else { return Ok(0) };
        let (schema, table) = (quote(schema), self.kind.table());
        let update = format!(
            "UPDATE public.{table} r SET embedding = v.e::{schema}.vector,
                    metadata = coalesce(r.metadata, '{{}}') || jsonb_build_object('embedder', $3::text)
               FROM unnest($1::uuid[], $2::text[]) v(id, e) WHERE r.id = v.id AND r.embedding IS NULL"
        );
        let sql = if self.link.side() == Side::Replica && self.shape.has_column("pending_sync", "data") {
            format!(
                "WITH done AS ({update} RETURNING r.id, r.embedding, r.metadata)
                 INSERT INTO public.pending_sync (table_name, operation, data)
                 SELECT '{table}', 'UPDATE', to_jsonb(done) FROM done"
            )
        } else {
            update
        };
        let client = self.link.dedicated("embeddings").await?;
        client.execute(&sql, &[&keys, &values, &self.embedder.id()]).await.map_err(on)
    }
}
