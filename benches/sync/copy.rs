//! The limit of what one statement can do: rows' text copied into a temporary table, then one upsert.

use crate::rows::COLUMNS;
use bytes::Bytes;
use futures_util::{SinkExt, TryStreamExt};
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// Rows as COPY writes them, in pieces as they came.
pub async fn text(client: &Client, query: &str) -> Vec<Bytes> {
    client.copy_out(&format!("COPY ({query}) TO STDOUT")).await.unwrap().try_collect().await.unwrap()
}

/// Brings rows of `code_messages` into the table and says how long it took, the commit included.
pub async fn upsert(client: &Client, text: Vec<Bytes>) -> Duration {
    let set: Vec<String> = COLUMNS.split(", ").skip(1).map(|c| format!("{c} = excluded.{c}")).collect();
    staged(
        client,
        text,
        COLUMNS,
        &format!(
            "INSERT INTO code_messages ({COLUMNS}) SELECT {COLUMNS} FROM stage ON CONFLICT (id) DO UPDATE SET {}",
            set.join(", ")
        ),
    )
    .await
}

/// Deletes rows of `code_messages` by key.
pub async fn delete(client: &Client, keys: Vec<Bytes>) -> Duration {
    staged(client, keys, "id", "DELETE FROM code_messages t USING stage s WHERE t.id = s.id").await
}

async fn staged(client: &Client, text: Vec<Bytes>, columns: &str, statement: &str) -> Duration {
    // No edits of a person's: the triggers note none.
    client.batch_execute("SET robbie_sync.apply = 'on'").await.unwrap();
    let began = Instant::now();
    client
        .batch_execute(&format!(
            "BEGIN; CREATE TEMP TABLE stage ON COMMIT DROP AS SELECT {columns} FROM code_messages WITH NO DATA"
        ))
        .await
        .unwrap();
    {
        let mut write = pin!(client.copy_in(&format!("COPY stage ({columns}) FROM STDIN")).await.unwrap());
        for piece in text {
            write.feed(piece).await.unwrap();
        }
        write.finish().await.unwrap();
    }
    client.batch_execute(&format!("ANALYZE stage; {statement}; COMMIT")).await.unwrap();
    began.elapsed()
}
