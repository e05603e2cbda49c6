//! A table in the order of its key, a chunk at a time: the SQL that says which rows come next, the same on both sides.
//!
//! Only keys that both sides order alike can be cut so. Text is, by its bytes: whatever collation either side has.

use super::tables::{Column, Table, Tables};
use crate::postgres::identifiers::quote;
use crate::postgres::{Fault, Side};
use postgres_protocol::escape::escape_literal;
use tokio_postgres::Client;

/// The key of a table that can be taken in chunks.
pub struct Keyset<'a> {
    columns: Vec<&'a Column>,
}

impl<'a> Keyset<'a> {
    /// The key of a table, unless it is of a type that two servers may order otherwise, or rows of the table may point at rows of a
    /// later chunk: at each other, or at a table that comes after it.
    pub fn of(table: &'a Table, tables: &Tables) -> Option<Self> {
        let columns: Vec<&Column> = table.key_columns().collect();
        let place = |name: &str| tables.ordered.iter().position(|t| t.name == name);
        let forward = |parent: &str| place(parent).is_some_and(|p| Some(p) >= place(&table.name));
        let points_forward = tables.references.iter().any(|r| r.child == table.name && forward(&r.parent));
        (!points_forward && !columns.is_empty() && columns.iter().all(|c| is_ordered_alike(c)))
            .then_some(Self { columns })
    }
    /// Which rows of `t` on the master come after a key, and how many of them.
    pub fn chunk(&self, after: Option<&[String]>, rows: u32) -> String {
        let after = after.map_or_else(String::new, |key| format!("WHERE {} > {}", self.tuple("t"), self.value(key)));
        format!("{after} ORDER BY {} LIMIT {rows}", self.list("t", ""))
    }
    /// The condition, with an AND behind it, that a row `t` here lies after a key and not after another.
    pub fn within(&self, after: Option<&[String]>, upto: Option<&[String]>) -> String {
        let bound = |sign: &str, key: Option<&[String]>| {
            key.map_or_else(String::new, |k| format!("{} {sign} {} AND ", self.tuple("t"), self.value(k)))
        };
        bound(">", after) + &bound("<=", upto)
    }
    /// The last key of a stage.
    pub async fn last(&self, replica: &Client, stage: &str) -> Result<Vec<String>, Fault> {
        let texts: Vec<String> = self.columns.iter().map(|c| format!("s.{}::text", quote(&c.name))).collect();
        let query =
            format!("SELECT ARRAY[{}] FROM {stage} s ORDER BY {} LIMIT 1", texts.join(", "), self.list("s", " DESC"));
        let row = replica.query_one(&query, &[]).await.map_err(|e| Fault::from_postgres(e, Side::Replica))?;
        Ok(row.get(0))
    }

    fn list(&self, row: &str, direction: &str) -> String {
        let columns: Vec<String> =
            self.columns.iter().map(|c| format!("{row}.{}{}{direction}", quote(&c.name), by_bytes(c))).collect();
        columns.join(", ")
    }
    fn tuple(&self, row: &str) -> String {
        format!("({})", self.list(row, ""))
    }
    fn value(&self, key: &[String]) -> String {
        let values: Vec<String> = self
            .columns
            .iter()
            .zip(key)
            .map(|(c, v)| format!("{}::{}{}", escape_literal(v), c.local_type, by_bytes(c)))
            .collect();
        format!("({})", values.join(", "))
    }
}

fn is_textual(column: &Column) -> bool {
    column.local_type == "text" || column.local_type.starts_with("character varying")
}

fn by_bytes(column: &Column) -> &'static str {
    if is_textual(column) { " COLLATE \"C\"" } else { "" }
}

fn is_ordered_alike(column: &Column) -> bool {
    const ALIKE: [&str; 5] = ["uuid", "smallint", "integer", "bigint", "date"];
    let known = ALIKE.contains(&column.local_type.as_str()) || column.local_type.starts_with("timestamp");
    column.local_type == column.master_type && (known || is_textual(column))
}

#[cfg(test)]
mod tests {
    use super::super::tables::Reference;
    use super::*;

    fn table(name: &str, key: &[(&str, &str)]) -> Table {
        let column = |(name, kind): &(&str, &str)| Column {
            name: (*name).into(),
            local_type: (*kind).into(),
            master_type: (*kind).into(),
            plain: true,
            comparable: true,
            mapped_user: false,
            ignored: false,
        };
        Table {
            name: name.into(),
            key: key.iter().map(|k| k.0.into()).collect(),
            columns: key.iter().map(column).collect(),
            stamp: None,
        }
    }

    fn tables(ordered: Vec<Table>, child: &str, parent: &str) -> Tables {
        let (columns, parent_columns) = (vec!["p".into()], vec!["id".into()]);
        let (child, parent) = (child.into(), parent.into());
        let reference = Reference { name: "r".into(), child, columns, parent, parent_columns };
        Tables { ordered, references: vec![reference], refused: vec![] }
    }

    #[test]
    fn a_chunk_lies_between_two_keys_and_text_goes_by_its_bytes() {
        let t = table("t", &[("n", "bigint"), ("name", "text")]);
        let all = Tables::default();
        let keyset = Keyset::of(&t, &all).unwrap();
        assert_eq!(keyset.chunk(None, 5), r#" ORDER BY t."n", t."name" COLLATE "C" LIMIT 5"#);
        let (one, two) = (["1".to_owned(), "it's".to_owned()], ["2".to_owned(), "b".to_owned()]);
        assert_eq!(
            keyset.chunk(Some(&one), 5),
            r#"WHERE (t."n", t."name" COLLATE "C") > ('1'::bigint, 'it''s'::text COLLATE "C") ORDER BY t."n", t."name" COLLATE "C" LIMIT 5"#
        );
        assert_eq!(keyset.within(None, None), "");
        let within = keyset.within(Some(&one), Some(&two));
        assert!(within.contains(" > ('1'") && within.contains(" <= ('2'") && within.ends_with(" AND "), "{within}");
    }

    #[test]
    fn what_two_servers_may_order_otherwise_or_points_forward_is_not_cut() {
        let none = Tables::default();
        for kind in ["numeric", "character(3)", "jsonb", "mood"] {
            assert!(Keyset::of(&table("t", &[("id", kind)]), &none).is_none(), "{kind}");
        }
        let mut other = table("t", &[("id", "integer")]);
        other.columns[0].master_type = "bigint".into();
        assert!(Keyset::of(&other, &none).is_none());
        let (a, b) = (table("a", &[("id", "uuid")]), table("b", &[("id", "uuid")]));
        let both = || vec![a.clone(), b.clone()];
        assert!(Keyset::of(&b, &tables(both(), "b", "a")).is_some());
        assert!(Keyset::of(&a, &tables(both(), "a", "b")).is_none());
        assert!(Keyset::of(&a, &tables(both(), "a", "a")).is_none());
        assert!(Keyset::of(&a, &tables(both(), "a", "elsewhere")).is_some());
    }
}
