//! What a database has of the things health is read from: relations, columns, and whether this role may read them.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The tables of Smart Robbie that are kept in step, in the order of their foreign keys.
pub const SYNCED: [&str; 5] =
    ["code_conversations", "code_messages", "code_blocks", "learned_patterns", "robbie_personality_state"];
/// Tables that are kept in step where they are there.
const ALSO: [&str; 2] = ["mood_transitions", "personality_presets"];

/// One relation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Relation {
    /// Its oid.
    pub oid: u32,
    /// Whether this role may read it.
    pub may: bool,
    /// Its columns.
    pub columns: Vec<String>,
}

/// The relations health knows of that exist here, by qualified name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Shape {
    relations: BTreeMap<String, Relation>,
}

impl Shape {
    /// Reads the answer to [`probe`].
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }
    /// Whether the relation exists, readable or not.
    pub fn exists(&self, name: &str) -> bool {
        self.relations.contains_key(name)
    }
    /// The relation, if it exists and may be read.
    pub fn readable(&self, name: &str) -> Option<&Relation> {
        self.relations.get(name).filter(|r| r.may)
    }
    /// Whether the relation may be read and has all of `columns`.
    pub fn has(&self, name: &str, columns: &[&str]) -> bool {
        self.readable(name).is_some_and(|r| columns.iter().all(|c| r.columns.iter().any(|have| have == c)))
    }
    /// The synced tables that may be read here.
    pub fn tables(&self) -> Vec<(&'static str, u32)> {
        let names = SYNCED.into_iter().chain(ALSO);
        names.filter_map(|name| self.readable(&format!("public.{name}")).map(|relation| (name, relation.oid))).collect()
    }
}

/// The question whose answer is a [`Shape`]: one statement over the catalog, no table is touched.
pub fn probe() -> String {
    // The names are constants of this file, not input.
    let names: Vec<String> = SYNCED.into_iter().chain(ALSO).map(|name| format!("'{name}'")).collect();
    let names = names.join(", ");
    format!(
        "SELECT coalesce(jsonb_object_agg(r.name, r.body), '{{}}')::text FROM (
           SELECT n.nspname || '.' || c.relname AS name,
                  jsonb_build_object('oid', c.oid::bigint,
                    'may', has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
                    'columns', coalesce((SELECT jsonb_agg(a.attname ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
                                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]')) AS body
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
              AND (n.nspname = 'robbie_sync' OR n.nspname = 'public' AND c.relname IN ('pending_sync', {names}))
         ) r"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_relation_exists_and_is_not_readable() {
        let shape = Shape::parse(
            r#"{"public.code_blocks": {"oid": 7, "may": true, "columns": ["id"]},
                "robbie_sync.entry": {"oid": 9, "may": false, "columns": ["entry_id", "tbl"]}}"#,
        )
        .unwrap();
        assert!(shape.exists("robbie_sync.entry") && shape.readable("robbie_sync.entry").is_none());
        assert!(!shape.has("robbie_sync.entry", &["tbl"]));
        assert!(shape.has("public.code_blocks", &["id"]) && !shape.has("public.code_blocks", &["id", "tbl"]));
        assert_eq!(shape.tables(), vec![("code_blocks", 7)]);
    }
}
