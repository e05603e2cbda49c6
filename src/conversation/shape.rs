//! Which of the tables and columns a database has: deployed ones lack some, and nothing here insists on more than `id`.

use super::Kind;
use crate::postgres::identifiers::quote;
use crate::postgres::{Fault, Kind as FaultKind, Link};
use std::collections::{BTreeMap, BTreeSet};

const COLUMNS: &str = "
    SELECT c.relname::text, a.attname::text
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
       AND c.relname IN ('code_conversations', 'code_messages', 'code_blocks', 'learned_patterns', 'user_id_mapping', 'pending_sync')";

const FEATURES: &str = "
    SELECT (SELECT n.nspname::text FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
             WHERE e.extname = 'vector'),
           (SELECT e.extversion FROM pg_catalog.pg_extension e WHERE e.extname = 'vector'),
           to_regprocedure('robbie_sync.search_vector(text)') IS NOT NULL,
           ARRAY(SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_index x ON x.indexrelid = c.oid
                  WHERE x.indisvalid AND c.relname IN ('robbie_search_title', 'robbie_search_message', 'robbie_search_block',
                                                       'robbie_search_pattern'))";

/// What a database has of the conversations.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    columns: BTreeMap<String, BTreeSet<String>>,
    /// The schema and version of pgvector.
    pub vector: Option<(String, String)>,
    /// Whether `robbie_sync.search_vector` is there.
    pub search_function: bool,
    /// The kinds whose texts are indexed for search.
    pub indexed: BTreeSet<Kind>,
    /// What was measured of its indexes over vectors.
    pub memory: super::recall::Memory,
}

impl Shape {
    /// Reads it.
    pub async fn read(link: &Link) -> Result<Self, Fault> {
        let client = link.session().await?;
        let (columns, features) = tokio::try_join!(client.query(COLUMNS, &[]), client.query_one(FEATURES, &[]))
            .map_err(|e| Fault::from_postgres(e, link.side()))?;
        let mut shape = Self::default();
        for row in columns {
            shape.columns.entry(row.get(0)).or_default().insert(row.get(1));
        }
        shape.vector = features.get::<_, Option<String>>(0).zip(features.get(1));
        shape.search_function = features.get(2);
        let indexes: Vec<String> = features.get(3);
        shape.indexed =
            Kind::ALL.into_iter().filter(|k| indexes.contains(&format!("robbie_search_{}", k.name()))).collect();
        Ok(shape)
    }
    /// The same, or a fault that says what is missing where there are no conversations at all.
    pub async fn needed(link: &Link) -> Result<Self, Fault> {
        let shape = Self::read(link).await?;
        if shape.has(Kind::Conversation) {
            return Ok(shape);
        }
        Err(Fault::new(FaultKind::Schema, format!("the {} has no table of conversations", link.side()))
            .on(link.side())
            .about("code_conversations")
            .remedy(format!("robbie schema migrate --target {}", link.side())))
    }
    /// Whether a kind's table is there with a key.
    pub fn has(&self, kind: Kind) -> bool {
        self.has_column(kind.table(), "id")
    }
    /// Whether a table has a column.
    pub fn has_column(&self, table: &str, column: &str) -> bool {
        self.columns.get(table).is_some_and(|columns| columns.contains(column))
    }
    /// Whether user ids are translated here.
    pub fn maps_users(&self) -> bool {
        self.has_column("user_id_mapping", "uuid_id") && self.has_column("user_id_mapping", "text_id")
    }
    /// A column of a kind under an alias, or NULL of that type where it is not there.
    pub fn column(&self, kind: Kind, alias: &str, column: &str, sql_type: &str) -> String {
        if self.has_column(kind.table(), column) {
            format!("{alias}.{}", quote(column))
        } else {
            format!("NULL::{sql_type}")
        }
    }
    /// The user of a row as text: the replica's name for it where a mapping knows one.
    pub fn user(&self, kind: Kind, alias: &str) -> String {
        if !self.has_column(kind.table(), "user_id") {
            return "NULL::text".to_owned();
        }
        if self.maps_users() {
            format!(
                "coalesce((SELECT min(u.text_id) FROM public.user_id_mapping u WHERE u.uuid_id::text = {alias}.user_id::text), \
                 {alias}.user_id::text)"
            )
        } else {
            format!("{alias}.user_id::text")
        }
    }
    /// A kind of a row's metadata as text.
    pub fn metadata(&self, kind: Kind, alias: &str, key: &str) -> String {
        if self.has_column(kind.table(), "metadata") {
            format!("{alias}.metadata ->> '{key}'")
        } else {
            "NULL::text".to_owned()
        }
    }
}
