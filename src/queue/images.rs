//! The row an entry is about, as it stands on either side.

use super::Shape;
use super::sql::{Statement, Value};
use crate::postgres::{Fault, Side, identifiers};
use serde::Serialize;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

/// A row as one side has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "row")]
pub enum Image {
    /// The row as JSON text, its values as PostgreSQL writes them.
    Row(String),
    /// There is no such row.
    Absent,
    /// There is no such table.
    NoTable,
    /// The table has no primary key, or the entry does not say which row it means.
    NoKey,
}

/// A column of a primary key with its type, as the catalog writes them.
struct KeyColumn {
    name: String,
    kind: String,
}

async fn rows(client: &Client, side: Side, statement: &Statement) -> Result<Vec<Row>, Fault> {
    client.query_typed(&statement.text, &statement.parameters()).await.map_err(|e| Fault::from_postgres(e, side))
}

/// The key columns of a table; `None` without such a table.
async fn key_columns(client: &Client, side: Side, table: &str) -> Result<Option<Vec<KeyColumn>>, Fault> {
    let mut statement = Statement::new(
        "select c.oid is not null as there, a.attname::text as name, format_type(a.atttypid, a.atttypmod) as kind \
         from (select to_regclass(",
    );
    statement.text_value(identifiers::qualified("public", table));
    statement.push(
        ") as oid) t left join pg_class c on c.oid = t.oid and c.relkind in ('r', 'p') \
         left join pg_index i on i.indrelid = c.oid and i.indisprimary \
         left join lateral unnest(i.indkey) with ordinality k(attnum, n) on true \
         left join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum order by k.n",
    );
    let rows = rows(client, side, &statement).await?;
    if !rows.first().is_some_and(|row| row.get("there")) {
        return Ok(None);
    }
    let column = |row: &Row| Some(KeyColumn { name: row.get::<_, Option<_>>("name")?, kind: row.get("kind") });
    Ok(Some(rows.iter().filter_map(column).collect()))
}

/// The values of these key columns, as the entry gives them.
async fn key_values(
    replica: &Client,
    shape: &Shape,
    id: Uuid,
    columns: &[KeyColumn],
) -> Result<Option<Vec<String>>, Fault> {
    let source = if shape.migrated { "coalesce(e.pk ->> c.name, p.data ->> c.name)" } else { "p.data ->> c.name" };
    for place in shape.places() {
        let mut statement = Statement::new(&format!("select {source}"));
        statement.push(&place.from()).push(" cross join unnest(");
        statement.bind(Value::Texts(columns.iter().map(|c| c.name.clone()).collect()));
        statement.push(") with ordinality c(name, n) where p.id = ").bind(Value::Id(id)).push(" order by c.n");
        let rows = rows(replica, Side::Replica, &statement).await?;
        if !rows.is_empty() {
            return Ok(rows.iter().map(|row| row.get::<_, Option<String>>(0)).collect());
        }
    }
    Ok(None)
}

/// Reads the row of an entry on `client`, which is the session of `side`.
pub async fn read(
    client: &Client,
    side: Side,
    replica: &Client,
    shape: &Shape,
    id: Uuid,
    table: &str,
) -> Result<Image, Fault> {
    let table = table.strip_prefix("public.").unwrap_or(table);
    let Some(columns) = key_columns(client, side, table).await? else { return Ok(Image::NoTable) };
    if columns.is_empty() {
        return Ok(Image::NoKey);
    }
    let Some(values) = key_values(replica, shape, id, &columns).await? else { return Ok(Image::NoKey) };
    let mut statement = Statement::new("select to_jsonb(t.*)::text from ");
    statement.push(&identifiers::qualified("public", table)).push(" t where ");
    for (n, (column, value)) in columns.iter().zip(values).enumerate() {
        statement.push(if n > 0 { " and t." } else { "t." }).push(&identifiers::quote(&column.name)).push(" = ");
        statement.text_value(value).push("::text::").push(&column.kind);
    }
    match rows(client, side, &statement).await {
        Ok(rows) => Ok(rows.first().map_or(Image::Absent, |row| Image::Row(row.get(0)))),
        // What the entry gives for a key cannot be one.
        Err(fault) if fault.sqlstate.as_deref().is_some_and(|code| code.starts_with("22")) => Ok(Image::NoKey),
        Err(fault) => Err(fault),
    }
}
