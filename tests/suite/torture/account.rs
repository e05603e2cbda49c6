//! A workload whose every effect is accounted for: what was written here is on the master exactly once, and the other
//! way round, whatever happened to the engine in between.

use super::Draw;
use crate::support;
use crate::sync::fixture::{Fixture, count, text};
use robbie_console::sync::{self, CycleOptions};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A pair with writers on both sides and a book of all effects on the master.
pub struct Account {
    pub f: Fixture,
    n: u64,
    /// Whether messages that were written here are edited here too.
    alone: bool,
}

/// Rows that both sides edit.
const SHARED: u64 = 6;

fn shared(n: u64) -> Uuid {
    Uuid::from_u128((1 << 64) | u128::from(n))
}

impl Account {
    /// Opens the book: triggers of the master write down each change of a row that the writers make.
    pub async fn new(f: Fixture) -> Self {
        f.master
            .batch_execute(
                "create table book (n bigint generated always as identity, op text, id uuid, what text, origin text);
                 create function book_chat() returns trigger language plpgsql as $$ begin
                     if tg_op = 'INSERT' or new.title is distinct from old.title then
                         insert into book (op, id, what) values (tg_op, new.id, new.title);
                     end if;
                     return null;
                 end $$;
                 create function book_said() returns trigger language plpgsql as $$ begin
                     if tg_op = 'DELETE' then
                         insert into book (op, id, what) values (tg_op, old.id, old.content);
                     elsif tg_op = 'INSERT' or new.content is distinct from old.content then
                         insert into book (op, id, what) values (tg_op, new.id, new.content);
                     end if;
                     return null;
                 end $$;
                 create trigger book after insert or update on code_conversations for each row execute function book_chat();
                 create trigger book after insert or update or delete on code_messages for each row execute function book_said()",
            )
            .await
            .unwrap();
        for n in 0..SHARED {
            f.conversation(shared(n), &format!("first {n}")).await;
        }
        f.cycle().await;
        Self { f, n: 0, alone: true }
    }
    /// One more replica of the same master; `number` tells its edits from those of the others.
    pub async fn joining(&self, number: u64) -> Self {
        let mut test = support::pair().await;
        test.master = self.f.test.master.clone();
        let (master, replica) = (support::connect(&test.master).await, support::connect(&test.replica).await);
        let f = Fixture { pair: test.pair(), test, master, replica };
        f.cycle().await;
        Self { f, n: number * 1_000_000, alone: false }
    }

    /// Some edits here, each with its entry in the same transaction.
    pub async fn write_here(&mut self, draw: &mut Draw, edits: u64) {
        self.try_here(draw, edits).await.unwrap_or_else(|e| panic!("a local write failed: {e:?}"));
    }
    /// Some edits here, if the server is there.
    pub async fn try_here(&mut self, draw: &mut Draw, edits: u64) -> Result<(), tokio_postgres::Error> {
        for _ in 0..edits {
            let sql = self.local(draw);
            let sql = format!(
                "with w(t, o, d) as ({sql}) insert into pending_sync (table_name, operation, data) select t, o, d from w"
            );
            self.f.replica.batch_execute(&sql).await?;
        }
        Ok(())
    }
    fn local(&mut self, draw: &mut Draw) -> String {
        self.n += 1;
        let (n, chat) = (self.n, shared(draw.below(SHARED)));
        match draw.below(8) {
            4 | 5 if !self.alone => format!(
                "update code_conversations set metadata = '{{\"n\": {n}}}' where id = '{chat}'
                 returning 'code_conversations', 'UPDATE', jsonb_build_object('id', id, 'metadata', metadata)"
            ),
            0..=3 => format!(
                "insert into code_messages (conversation_id, role, content) values ('{chat}', 'user', 'l{n}')
                 returning 'code_messages', 'INSERT', to_jsonb(code_messages) - 'embedding'"
            ),
            4 => format!(
                "update code_messages set content = 'l{n}' where id = (select id from code_messages where content like 'l%' order by md5(content || '{n}') limit 1)
                 returning 'code_messages', 'UPDATE', jsonb_build_object('id', id, 'content', content)"
            ),
            5 => format!(
                "delete from code_messages where id = (select id from code_messages where content like 'l%' order by md5(content || '{n}') limit 1)
                 returning 'code_messages', 'DELETE', jsonb_build_object('id', id)"
            ),
            _ => format!(
                "update code_conversations set title = 'l{n}' where id = '{chat}'
                 returning 'code_conversations', 'UPDATE', jsonb_build_object('id', id, 'title', title)"
            ),
        }
    }
    /// Some edits on the master.
    pub async fn write_there(&mut self, draw: &mut Draw, edits: u64) {
        self.try_there(draw, edits).await.unwrap();
    }
    /// Some edits on the master, if it is there.
    pub async fn try_there(&mut self, draw: &mut Draw, edits: u64) -> Result<(), tokio_postgres::Error> {
        for _ in 0..edits {
            self.n += 1;
            let (n, chat) = (self.n, shared(draw.below(SHARED)));
            let sql = match draw.below(6) {
                0..=2 => format!(
                    "insert into code_messages (conversation_id, role, content) values ('{chat}', 'user', 'r{n}')"
                ),
                3 => format!(
                    "delete from code_messages where id = (select id from code_messages where content like 'r%' order by md5(content || '{n}') limit 1)"
                ),
                _ => format!("update code_conversations set title = 'r{n}' where id = '{chat}'"),
            };
            self.f.master.batch_execute(&sql).await?;
        }
        Ok(())
    }

    /// Edits all rows that both sides edit, here or on the master.
    pub async fn edit_shared(&mut self, here: bool) {
        self.n += 1;
        let edit = format!("update code_conversations set title = '{{}}{}-' || title returning id, title", self.n);
        if here {
            let edit = edit.replace("{}", "l");
            let queued = "insert into pending_sync (table_name, operation, data) select 'code_conversations', 'UPDATE', to_jsonb(w) from w";
            self.f.replica.batch_execute(&format!("with w as ({edit}) {queued}")).await.unwrap();
        } else {
            self.f.master.batch_execute(&edit.replace("{}", "r")).await.unwrap();
        }
    }

    /// Runs cycles, as an engine would, until all is settled and both sides are at rest.
    pub async fn settle(&self, patience: Duration, context: &str) {
        let since = Instant::now();
        loop {
            // What the engine would do in some seconds or minutes is due now.
            self.f
                .replica
                .batch_execute("update robbie_sync.entry set next_attempt_at = now() where next_attempt_at > now()")
                .await
                .unwrap();
            // A killed engine's lock goes with its session, which the server may notice a little later.
            let done = sync::cycle(&self.f.pair, CycleOptions::default()).await;
            if done.as_ref().is_ok_and(sync::CycleReport::is_idle) && self.open().await.is_empty() {
                return;
            }
            assert!(since.elapsed() < patience, "{context}: not settled: {done:?}\n{}", self.open().await);
            if done.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    /// Entries that are not settled.
    pub async fn open(&self) -> String {
        let open = "select string_agg(concat_ws(' ', seq, tbl, op, pk, state, verdict, sqlstate, blocked_on, case when base is null then 'without base' end), E'\\n' order by seq)
             from robbie_sync.entry where state not in ('applied', 'superseded', 'conflict_resolved')";
        text(&self.f.replica, open).await
    }

    /// Nothing lost, nothing twice, both sides equal; the sides are at rest.
    pub async fn audit(&self, context: &str) {
        let (master, replica) = (&self.f.master, &self.f.replica);
        assert_eq!(self.f.differences().await, "", "{context}");
        assert_eq!(count(replica, "pending_sync where synced_at is null").await, 0, "{context}");
        for (side, client) in [("master", master), ("replica", replica)] {
            let wrong = "code_conversations c where message_count is distinct from (select count(*) from code_messages m where m.conversation_id = c.id)";
            assert_eq!(count(client, wrong).await, 0, "{context}: message_count on the {side}");
        }
        // Each effect once: no value came back after another had replaced it, no row was made or removed twice.
        let twice = "select string_agg(t, ' ') from (
             select concat_ws(' ', op, id, what, count(*)) as t from book where what ~ '^[lr]' group by op, id, what having count(*) > 1) x";
        assert_eq!(text(master, twice).await, "", "{context}: twice");
        // One ledger row per entry, and one conflict row per conflict.
        let node = text(replica, "select node_id from robbie_sync.this_node").await;
        let ledger = format!(
            "select string_agg(concat_ws(' ', entry_id, outcome), ' ' order by entry_id) from robbie_sync.applied where node_id = '{node}'"
        );
        let noted = "select string_agg(concat_ws(' ', entry_id, case when state = 'applied' and verdict = 'no_change' then 'no_change' else state end), ' ' order by entry_id) from robbie_sync.entry";
        let ids = |rows: &str| rows.split(' ').step_by(2).map(ToOwned::to_owned).collect::<Vec<_>>();
        assert_eq!(ids(&text(master, &ledger).await), ids(&text(replica, noted).await), "{context}: ledger");
        assert_eq!(
            count(master, "robbie_sync.conflict where kind <> 'delete_missing'").await,
            count(master, "robbie_sync.applied where outcome = 'conflict_resolved'").await,
            "{context}: conflicts"
        );
        // Each entry that was applied is in the book, unless a later one of its row was applied with it.
        let applied = text(
            replica,
            "select coalesce(jsonb_agg(jsonb_build_object('id', e.pk ->> 'id', 'op', e.op, 'what', coalesce(p.data ->> 'content', p.data ->> 'title'))), '[]')
             from robbie_sync.entry e join pending_sync p on p.id = e.entry_id
             where e.state = 'applied' and not exists (
                 select from robbie_sync.entry l where l.tbl = e.tbl and l.pk = e.pk and l.seq > e.seq and l.state in ('applied', 'superseded'))",
        )
        .await;
        let lost = master
            .query_one(
                "select string_agg(concat_ws(' ', x ->> 'op', x ->> 'id', x ->> 'what'), ', ') from jsonb_array_elements($1::text::jsonb) x
                 where case when x ->> 'op' = 'DELETE'
                       then exists (select from code_messages m where m.id = (x ->> 'id')::uuid)
                       else x ->> 'what' is not null and not exists (select from book b where b.id = (x ->> 'id')::uuid and b.what = x ->> 'what') end",
                &[&applied],
            )
            .await
            .unwrap();
        assert_eq!(lost.get::<_, Option<String>>(0), None, "{context}: lost");
        // The cursor is one, follows, and is not ahead of the master.
        let cursor = text(replica, "select snapshot from robbie_sync.cursor where state = 'following'").await;
        let behind = format!("select pg_snapshot_xmax('{cursor}') <= pg_snapshot_xmax(pg_current_snapshot())");
        assert_eq!(text(master, &behind).await, "true", "{context}: cursor");
    }
}
