//! Writes conversations on one side, in the caller's transaction: another title, a delete into the trash, and all of one from JSON.
//!
//! On a replica every write also goes into its queue, in the same transaction.

use super::{Kind, Shape, export};
use crate::postgres::identifiers::quote;
use crate::postgres::{Fault, Kind as FaultKind, Side};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_postgres::Transaction;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// A conversation that was deleted and can be brought back.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Trashed {
    /// The key to bring it back by.
    pub id: Uuid,
    /// The conversation's own.
    pub conversation_id: Uuid,
    /// Its title.
    pub title: Option<String>,
    /// Who deleted it.
    pub actor: Option<String>,
    /// When.
    pub deleted_at: String,
}

/// A side on which is written: its transaction and its shape.
pub struct Writer<'a> {
    /// The transaction.
    pub t: &'a Transaction<'a>,
    /// The side.
    pub side: Side,
    /// Its tables and columns.
    pub shape: &'a Shape,
}

/// One conversation of an export.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    conversation: &'a RawValue,
    #[serde(borrow)]
    messages: &'a RawValue,
    #[serde(borrow)]
    blocks: &'a RawValue,
}

/// What is derived from the messages; set as it was, behind the triggers that keep it.
const DERIVED: [&str; 3] = ["message_count", "last_message_at", "updated_at"];

impl Writer<'_> {
    async fn run(&self, sql: &str, values: &[&(dyn ToSql + Sync)], table: &str) -> Result<u64, Fault> {
        self.t.execute(sql, values).await.map_err(|e| Fault::from_postgres(e, self.side).about(table))
    }

    /// Gives a conversation another title, if it still has the one that was seen; `false` where it is not there.
    pub async fn rename(&self, id: Uuid, from: Option<&str>, title: &str) -> Result<bool, Fault> {
        let sql = "SELECT title::text FROM public.code_conversations WHERE id = $1 FOR UPDATE";
        let found = self.t.query_opt(sql, &[&id]).await.map_err(|e| Fault::from_postgres(e, self.side))?;
        let Some(row) = found else { return Ok(false) };
        let now: Option<String> = row.get(0);
        if now.as_deref() == Some(title) {
            return Ok(true);
        }
        if now.as_deref().unwrap_or_default() != from.unwrap_or_default() {
            return Err(Fault::new(FaultKind::Data, "it was given another title meanwhile: nothing was written")
                .on(self.side)
                .about(format!("code_conversations {id}"))
                .remedy("look again, and rename it from what it is called now"));
        }
        self.run("UPDATE public.code_conversations SET title = $2 WHERE id = $1", &[&id, &title], "code_conversations")
            .await?;
        if self.side == Side::Replica {
            let data = serde_json::json!({ "id": id, "title": title }).to_string();
            self.queue("'code_conversations'", "UPDATE", "$1::text::jsonb", "", &[&data]).await?;
        }
        Ok(true)
    }

    /// Queues entries: for each row of `from`, or one where it is empty.
    async fn queue(
        &self,
        table: &str,
        operation: &str,
        data: &str,
        from: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Fault> {
        if !self.shape.has_column("pending_sync", "data") {
            return Err(Fault::new(
                FaultKind::Schema,
                "the replica has no queue: a change here would never reach the master",
            )
            .on(self.side)
            .about("pending_sync")
            .remedy("robbie schema migrate --target replica"));
        }
        let sql = format!(
            "INSERT INTO public.pending_sync (table_name, operation, data) SELECT {table}, '{operation}', {data} {from}"
        );
        self.run(&sql, values, "pending_sync").await
    }

    /// Deletes a conversation with its messages and blocks, into the trash; the key to bring it back by, or nothing where it is not there.
    pub async fn delete(&self, id: Uuid, actor: &str) -> Result<Option<Uuid>, Fault> {
        let on = |e| Fault::from_postgres(e, self.side).about("code_conversations");
        let lock = "SELECT 1 FROM public.code_conversations WHERE id = $1 FOR UPDATE";
        if self.t.query_opt(lock, &[&id]).await.map_err(on)?.is_none() {
            return Ok(None);
        }
        // What is deleted is what goes into the trash: nobody changes a row of it in between.
        for table in [Kind::Message.table(), Kind::Block.table()] {
            if self.shape.has_column(table, "conversation_id") {
                let lock = format!(
                    "SELECT count(*) FROM (SELECT 1 FROM public.{table} WHERE conversation_id = $1 FOR UPDATE) l"
                );
                self.t.query_one(&lock, &[&id]).await.map_err(|e| Fault::from_postgres(e, self.side).about(table))?;
            }
        }
        let Some(document) = export::document(self.t, self.side, self.shape, id).await? else { return Ok(None) };
        let keep = "INSERT INTO robbie_sync.trash (conversation_id, title, document, actor)
                    SELECT c.id, c.title, $2, $3 FROM public.code_conversations c WHERE c.id = $1 RETURNING id";
        let kept = self.t.query_one(keep, &[&id, &document, &actor]).await.map_err(|e| self.no_trash(e))?;
        for kind in [Kind::Block, Kind::Message, Kind::Conversation] {
            let table = kind.table();
            let key = if kind == Kind::Conversation { "id" } else { "conversation_id" };
            if !self.shape.has_column(table, key) {
                continue;
            }
            if self.side == Side::Replica {
                let from = format!("FROM public.{table} r WHERE r.{key} = $1");
                self.queue(&format!("'{table}'"), "DELETE", "jsonb_build_object('id', r.id)", &from, &[&id]).await?;
            }
            self.run(&format!("DELETE FROM public.{table} r WHERE r.{key} = $1"), &[&id], table).await?;
        }
        Ok(Some(kept.get(0)))
    }

    fn no_trash(&self, error: tokio_postgres::Error) -> Fault {
        let fault = Fault::from_postgres(error, self.side).about("robbie_sync.trash");
        if matches!(fault.sqlstate.as_deref(), Some("42P01" | "3F000")) {
            return fault
                .remedy(format!("robbie schema migrate --target {} makes the trash; nothing was deleted", self.side));
        }
        fault
    }

    /// Brings back what was deleted; its title. A fault where it is not in the trash, or was brought back already.
    pub async fn restore(&self, key: Uuid) -> Result<Option<String>, Fault> {
        let sql = "UPDATE robbie_sync.trash SET restored_at = clock_timestamp() WHERE id = $1 AND restored_at IS NULL
                   RETURNING document, title";
        let found = self.t.query_opt(sql, &[&key]).await.map_err(|e| self.no_trash(e))?;
        let Some(row) = found else {
            return Err(Fault::new(FaultKind::Settings, format!("there is nothing to bring back as {key}"))
                .on(self.side)
                .remedy("robbie conversations trash"));
        };
        self.insert(row.get(0), None, true).await?;
        Ok(row.get(1))
    }

    /// Writes all of a conversation as JSON has it; `user` in place of its user where that is given.
    pub async fn insert(&self, document: &str, user: Option<&str>, queue: bool) -> Result<Uuid, Fault> {
        let read: Document<'_> = serde_json::from_str(document).map_err(|e| no_document(&e))?;
        let id = id_of(read.conversation.get())?;
        let conversation = match user {
            Some(user) => {
                let sql = "SELECT ($1::text::jsonb || jsonb_build_object('user_id', $2::text))::text";
                let row = self.t.query_one(sql, &[&read.conversation.get(), &user]).await;
                row.map_err(|e| Fault::from_postgres(e, self.side))?.get(0)
            }
            None => read.conversation.get().to_owned(),
        };
        self.rows(Kind::Conversation, &format!("[{conversation}]")).await?;
        self.rows(Kind::Message, read.messages.get()).await?;
        self.rows(Kind::Block, read.blocks.get()).await?;
        self.derived(id, &conversation).await?;
        if queue && self.side == Side::Replica {
            for kind in [Kind::Conversation, Kind::Message, Kind::Block] {
                let table = kind.table();
                let key = if kind == Kind::Conversation { "id" } else { "conversation_id" };
                if self.shape.has_column(table, key) {
                    let order = self.shape.column(kind, "r", "created_at", "timestamptz");
                    let from = format!("FROM public.{table} r WHERE r.{key} = $1 ORDER BY {order}, r.id");
                    self.queue(&format!("'{table}'"), "INSERT", "to_jsonb(r)", &from, &[&id]).await?;
                }
            }
        }
        Ok(id)
    }

    /// Inserts rows of a JSON array, every column that is named there.
    async fn rows(&self, kind: Kind, array: &str) -> Result<(), Fault> {
        let table = kind.table();
        let on = |e| Fault::from_postgres(e, self.side).about(table);
        let sql = "SELECT k, bool_or(v <> 'null'::jsonb) FROM jsonb_array_elements($1::text::jsonb) r, jsonb_each(r) e(k, v) GROUP BY k ORDER BY k";
        let mut columns = Vec::new();
        for row in self.t.query(sql, &[&array]).await.map_err(on)? {
            let (name, holds): (String, bool) = (row.get(0), row.get(1));
            if self.shape.has_column(table, &name) {
                columns.push(quote(&name));
            } else if holds {
                return Err(Fault::new(
                    FaultKind::Schema,
                    format!("the {}'s {table} has no column {name}, and its values would be lost", self.side),
                )
                .on(self.side)
                .about(format!("{table}.{name}"))
                .remedy(format!("robbie schema migrate --target {}", self.side)));
            }
        }
        if columns.is_empty() {
            return Ok(());
        }
        let list = columns.join(", ");
        let sql = format!(
            "INSERT INTO public.{table} ({list}) SELECT {list} FROM jsonb_populate_recordset(NULL::public.{table}, $1::text::jsonb) r"
        );
        self.run(&sql, &[&array], table).await.map(drop)
    }

    /// Sets what is derived as it was: the triggers stand aside for it.
    async fn derived(&self, id: Uuid, conversation: &str) -> Result<(), Fault> {
        let sets: Vec<String> = DERIVED
            .iter()
            .filter(|c| self.shape.has_column("code_conversations", c))
            .map(|c| format!("{c} = CASE WHEN j ? '{c}' THEN r.{c} ELSE c.{c} END"))
            .collect();
        if sets.is_empty() {
            return Ok(());
        }
        let on = |e| Fault::from_postgres(e, self.side).about("code_conversations");
        self.t.execute("SELECT set_config('robbie_sync.apply', 'on', true)", &[]).await.map_err(on)?;
        let sql = format!(
            "UPDATE public.code_conversations c SET {} FROM (SELECT $2::text::jsonb AS j) d, jsonb_populate_record(NULL::public.code_conversations, j) r WHERE c.id = $1",
            sets.join(", ")
        );
        self.run(&sql, &[&id, &conversation], "code_conversations").await?;
        self.t.execute("SELECT set_config('robbie_sync.apply', '', true)", &[]).await.map(drop).map_err(on)
    }

    /// Whether a conversation is there, and if so whether it is the very same as in a document.
    pub async fn same(&self, document: &str) -> Result<Option<bool>, Fault> {
        let read: Document<'_> = serde_json::from_str(document).map_err(|e| no_document(&e))?;
        let id = id_of(read.conversation.get())?;
        let Some(held) = export::document(self.t, self.side, self.shape, id).await? else { return Ok(None) };
        let sql = "SELECT $1::text::jsonb - 'conversation' = $2::text::jsonb - 'conversation'
                      AND ($1::text::jsonb -> 'conversation') - 'user_id' = ($2::text::jsonb -> 'conversation') - 'user_id'";
        let row = self.t.query_one(sql, &[&held, &document]).await.map_err(|e| Fault::from_postgres(e, self.side))?;
        Ok(Some(row.get::<_, Option<bool>>(0).unwrap_or(false)))
    }
}

/// The id and the user of the conversation in a document.
pub fn about(document: &str) -> Result<(Uuid, Option<String>), Fault> {
    #[derive(Deserialize)]
    struct Head {
        user_id: Option<String>,
    }
    let read: Document<'_> = serde_json::from_str(document).map_err(|e| no_document(&e))?;
    let head: Head = serde_json::from_str(read.conversation.get()).map_err(|e| no_document(&e))?;
    Ok((id_of(read.conversation.get())?, head.user_id))
}

fn id_of(conversation: &str) -> Result<Uuid, Fault> {
    #[derive(Deserialize)]
    struct Key {
        id: Uuid,
    }
    serde_json::from_str::<Key>(conversation).map(|key| key.id).map_err(|e| no_document(&e))
}

fn no_document(error: &serde_json::Error) -> Fault {
    Fault::new(FaultKind::Settings, format!("this is no exported conversation: {error}"))
        .remedy("robbie conversations export --format json writes such a file")
}
