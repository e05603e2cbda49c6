//! Writers on both sides do what they like, in an order drawn from a seed; at rest both sides are equal and every edit
//! is accounted for.

use super::fixture::{ALLAN, Fixture, count, text};
use uuid::Uuid;

/// A small generator, so that a failure is repeated by its seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
    fn id(&mut self, kind: u64, n: u64) -> Uuid {
        Uuid::from_u128((u128::from(kind) << 64) | u128::from(self.below(n)))
    }
}

async fn local(f: &Fixture, draw: &mut Draw, n: u64) {
    let (chat, said) = (draw.id(1, 6), draw.id(2, 12));
    let sql = match draw.below(6) {
        0 => format!(
            "insert into code_conversations (id, user_id, session_id, title) values ('{chat}', 'allan', 's', 'l{n}') on conflict do nothing returning 'code_conversations', 'INSERT', to_jsonb(code_conversations)"
        ),
        1 => format!(
            "update code_conversations set title = 'l{n}' where id = '{chat}' returning 'code_conversations', 'UPDATE', jsonb_build_object('id', id, 'title', title)"
        ),
        2 => format!(
            "update code_conversations set metadata = '{{\"l\": {n}}}' where id = '{chat}' returning 'code_conversations', 'UPSERT', to_jsonb(code_conversations)"
        ),
        3 => format!(
            "insert into code_messages (id, conversation_id, role, content) select '{said}', id, 'user', 'l{n}' from code_conversations where id = '{chat}' on conflict do nothing returning 'code_messages', 'INSERT', to_jsonb(code_messages)"
        ),
        4 => format!(
            "update code_messages set content = 'l{n}' where id = '{said}' returning 'code_messages', 'UPDATE', jsonb_build_object('id', id, 'content', content)"
        ),
        _ => format!(
            "delete from code_messages where id = '{said}' returning 'code_messages', 'DELETE', jsonb_build_object('id', id)"
        ),
    };
    // The edit and its entry in one transaction, in two, or the entry some cycles late.
    let queue = format!(
        "with w(t, o, d) as ({sql}) insert into pending_sync (table_name, operation, data) select t, o, d from w"
    );
    f.replica.batch_execute(&queue).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
}

async fn remote(f: &Fixture, draw: &mut Draw, n: u64) {
    let (chat, said) = (draw.id(1, 6), draw.id(2, 12));
    let sql = match draw.below(6) {
        0 => format!(
            "insert into code_conversations (id, user_id, session_id, title) values ('{chat}', '{ALLAN}', 's', 'r{n}') on conflict do nothing"
        ),
        1 => format!("update code_conversations set title = 'r{n}' where id = '{chat}'"),
        2 => format!("update code_conversations set metadata = '{{\"r\": {n}}}' where id = '{chat}'"),
        3 => format!(
            "insert into code_messages (id, conversation_id, role, content) select '{said}', id, 'user', 'r{n}' from code_conversations where id = '{chat}' on conflict do nothing"
        ),
        4 => format!("update code_messages set content = 'r{n}' where id = '{said}'"),
        _ => format!("delete from code_messages where id = '{said}'"),
    };
    f.master.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn whatever_both_sides_write_they_agree_at_rest() {
    for seed in 1..=2 {
        let f = Fixture::new().await;
        let mut d = Draw(seed);
        for n in 0..120 {
            match d.below(12) {
                0 => drop(f.cycle().await),
                1..=6 => local(&f, &mut d, n).await,
                _ => remote(&f, &mut d, n).await,
            }
        }
        for _ in 0..4 {
            // What is held for a person is discarded, as the queue does it: both sides had made the same row.
            f.replica
                .batch_execute(
                    "with held as (select entry_id from robbie_sync.entry where state = 'blocked' and blocked_on = 'choice')
                     insert into robbie_sync.archive (entry_id, pending_row, data_text, actor)
                     select p.id, to_jsonb(p), p.data::text, 'test' from pending_sync p join held h on h.entry_id = p.id;
                     delete from pending_sync p using robbie_sync.archive a where a.entry_id = p.id",
                )
                .await
                .unwrap();
            f.replica
                .batch_execute(
                    "update robbie_sync.entry set next_attempt_at = now() where state in ('retry', 'blocked')",
                )
                .await
                .unwrap();
            f.cycle().await;
        }
        let open = "select string_agg(concat_ws(' ', tbl, op, pk, state, verdict, sqlstate, blocked_on), E'\\n') from robbie_sync.entry where state not in ('applied', 'superseded', 'conflict_resolved')";
        assert_eq!(text(&f.replica, open).await, "", "seed {seed}");
        let put_off = "select string_agg(concat_ws(' ', tbl, pk, reason), E'\\n') from robbie_sync.deferred";
        let left = text(&f.replica, put_off).await;
        assert_eq!(f.differences().await, "", "seed {seed}: put off: {left}");
        for client in [&f.master, &f.replica] {
            let wrong = "code_conversations c where message_count <> (select count(*) from code_messages m where m.conversation_id = c.id)";
            assert_eq!(count(client, wrong).await, 0, "seed {seed}");
        }
        let ledger = count(&f.master, "robbie_sync.applied").await;
        assert_eq!(ledger, count(&f.replica, "robbie_sync.entry").await, "seed {seed}");
        assert_eq!(
            count(&f.master, "robbie_sync.conflict where kind <> 'delete_missing'").await,
            count(&f.master, "robbie_sync.applied where outcome = 'conflict_resolved'").await
        );
    }
}
