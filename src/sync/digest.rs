//! Digests of a table's rows, in buckets by key: equal on both sides where the rows are.
//!
//! A row's digest is 128 bits of `hash_record_extended`, a bucket's is theirs by exclusive or. Values whose type has no
//! such hash, or one that depends on the database (an enum's does on its oid), are hashed as text.

use super::stage;
use super::tables::{Column, Table};
use crate::postgres::identifiers::quote;
use crate::postgres::{Fault, Side};
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// What a bucket without rows has.
const EMPTY: (i64, i64, i64) = (0, 0, 0);

/// Types whose hash is the same in every database.
const ALIKE: &[&str] = &[
    "boolean",
    "smallint",
    "integer",
    "bigint",
    "numeric",
    "real",
    "double precision",
    "uuid",
    "text",
    "character varying",
    "bytea",
    "jsonb",
    "date",
    "timestamp",
    "timestamp without time zone",
    "timestamp with time zone",
];

/// By bucket: rows, and their two digests.
pub type Buckets = BTreeMap<i64, (i64, i64, i64)>;

/// The rows of a table as one side has them.
pub struct Rows {
    side: Side,
    from: String,
    before: String,
    bucket: String,
    values: String,
    key: String,
}

impl Rows {
    /// Of a table on one side, there with the text ids of its users.
    pub async fn of(client: &Client, side: Side, table: &Table) -> Result<Self, Fault> {
        let (mut joins, mut values) = (String::new(), vec![]);
        for (place, column) in table.columns.iter().enumerate() {
            let name = quote(&column.name);
            if side == Side::Master && column.mapped_user {
                joins = format!("{joins} LEFT JOIN users u{place} ON u{place}.id = t.{name}");
                values.push(format!("u{place}.text_id::text"));
            } else {
                let cast = if is_hashed_alike(column) { "" } else { "::text" };
                values.push(format!("t.{name}{cast}"));
            }
        }
        let key: Vec<String> = table.key.iter().map(|k| format!("t.{}::text", quote(k))).collect();
        Ok(Self {
            side,
            before: if joins.is_empty() { String::new() } else { stage::user_mapping(client).await? },
            from: format!("{} t{joins}", table.target()),
            bucket: bucket(table),
            values: format!("ROW({})", values.join(", ")),
            key: key.join(", "),
        })
    }

    /// The digests of all buckets that have rows.
    pub async fn digests(&self, client: &Client) -> Result<Buckets, Fault> {
        let sql = format!(
            "{} SELECT d.bucket, count(*), bit_xor(hash_record_extended(d.r, 0)), bit_xor(hash_record_extended(d.r, 1))
             FROM (SELECT {} AS bucket, {} AS r FROM {}) d GROUP BY d.bucket",
            self.before, self.bucket, self.values, self.from
        );
        let rows = client.query(&sql, &[]).await.map_err(|e| Fault::from_postgres(e, self.side))?;
        Ok(rows.iter().map(|r| (r.get(0), (r.get(1), r.get(2), r.get(3)))).collect())
    }

    /// The keys of some buckets, as texts, each with its row's digest.
    pub async fn keys(&self, client: &Client, buckets: &[i64]) -> Result<BTreeMap<Vec<String>, (i64, i64)>, Fault> {
        let sql = format!(
            "{} SELECT d.key, hash_record_extended(d.r, 0), hash_record_extended(d.r, 1)
             FROM (SELECT ARRAY[{}] AS key, {} AS r FROM {} WHERE {} = ANY ($1)) d",
            self.before, self.key, self.values, self.from, self.bucket
        );
        let rows = client.query(&sql, &[&buckets]).await.map_err(|e| Fault::from_postgres(e, self.side))?;
        Ok(rows.iter().map(|r| (r.get(0), (r.get(1), r.get(2)))).collect())
    }
}

/// The bucket of a row of the table `t`.
fn bucket(table: &Table) -> String {
    let key: Vec<String> = table.key.iter().map(|k| format!("t.{}::text", quote(k))).collect();
    format!("(hash_record_extended(ROW({}), 0) & 4095)", key.join(", "))
}

/// The condition that a row of the table `t` is in one of the buckets.
pub fn is_in(table: &Table, buckets: &[i64]) -> String {
    let list: Vec<String> = buckets.iter().map(ToString::to_string).collect();
    format!("{} = ANY ('{{{}}}'::bigint[])", bucket(table), list.join(","))
}

/// The buckets that are not the same on both sides.
pub fn differing(one: &Buckets, other: &Buckets) -> Vec<i64> {
    let all = one.keys().chain(other.keys().filter(|b| !one.contains_key(b)));
    all.filter(|b| one.get(b).unwrap_or(&EMPTY) != other.get(b).unwrap_or(&EMPTY)).copied().collect()
}

/// How many rows the buckets have.
pub fn rows(buckets: &Buckets) -> i64 {
    buckets.values().map(|b| b.0).sum()
}

/// Whether equal values of the column have the same hash on both sides.
fn is_hashed_alike(column: &Column) -> bool {
    let kind = column.local_type.trim_end_matches("[]").split('(').next().unwrap_or_default();
    column.local_type == column.master_type && !column.mapped_user && ALIKE.contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(local_type: &str, master_type: &str) -> Column {
        Column {
            name: "c".into(),
            local_type: local_type.into(),
            master_type: master_type.into(),
            plain: true,
            comparable: true,
            mapped_user: false,
            ignored: false,
        }
    }

    #[test]
    fn only_types_that_hash_alike_in_every_database_are_hashed_as_they_are() {
        for alike in ["uuid", "text[]", "numeric(12,6)", "timestamp(3) with time zone", "character varying(5)", "jsonb"]
        {
            assert!(is_hashed_alike(&column(alike, alike)), "{alike}");
        }
        for other in ["mood", "json", "point", "vector(1536)", "mood[]", "daterange", "text_kind", "interval"] {
            assert!(!is_hashed_alike(&column(other, other)), "{other}");
        }
        assert!(!is_hashed_alike(&column("text", "character varying(5)")));
        assert!(!is_hashed_alike(&Column { mapped_user: true, ..column("text", "text") }));
    }

    #[test]
    fn a_bucket_that_only_one_side_has_differs() {
        let one = Buckets::from([(1, (1, 5, 6)), (2, (1, 7, 8)), (4, (2, 0, 0))]);
        let other = Buckets::from([(1, (1, 5, 6)), (2, (1, 7, 9)), (3, (1, 1, 1))]);
        assert_eq!(differing(&one, &other), [2, 4, 3]);
        assert_eq!((differing(&one, &one).len(), rows(&one)), (0, 4));
    }
}
