//! The derived columns of conversations: right once, however the messages are written.

use super::{migrated, one};
use robbie_console::postgres::Side;
use tokio_postgres::Client;

/// A migrated side with ten conversations of one user.
async fn ten_conversations(side: Side) -> (super::support::TestPair, Client) {
    let (pair, client) = migrated(side).await;
    let user = match side {
        Side::Master => {
            "insert into users (id, username, email, password_hash) values (gen_random_uuid(), 'allan', 'a@example.com', 'x');
             insert into code_conversations (user_id, session_id, title)
             select u.id, 's', n::text from users u, generate_series(0, 9) n"
        }
        Side::Replica => {
            "insert into code_conversations (user_id, session_id, title)
             select 'allan', 's', n::text from generate_series(0, 9) n"
        }
    };
    client.batch_execute(user).await.unwrap();
    (pair, client)
}

/// A thousand messages, a second apart, dealt to the conversations in turn.
const THOUSAND: &str = "
    insert into code_messages (conversation_id, role, content, created_at)
    select c.id, 'user', n::text, '2025-01-01 00:00:00+00'::timestamptz + n * interval '1 second'
      from generate_series(0, 999) n join code_conversations c on c.title = (n % 10)::text";

/// How many conversations say something else than their messages do.
const WRONG: &str = "
    select count(*) from code_conversations c
      left join (select m.conversation_id, count(*) n, max(m.created_at) last from code_messages m group by 1) m
             on m.conversation_id = c.id
     where c.message_count is distinct from coalesce(m.n, 0)
        or c.last_message_at is distinct from coalesce(m.last, c.created_at)";

#[tokio::test]
async fn counts_follow_inserts_deletes_moves_and_upserts_on_both_sides() {
    for side in [Side::Master, Side::Replica] {
        let (_pair, client) = ten_conversations(side).await;
        let steps = [
            ("a bulk insert", THOUSAND),
            (
                "one message",
                "insert into code_messages (conversation_id, role, content)
                             select c.id, 'user', 'x' from code_conversations c where c.title = '3'",
            ),
            (
                "a message of no conversation",
                "insert into code_messages (role, content, created_at) values ('user', 'x', '2025-01-01')",
            ),
            ("the last ones deleted", "delete from code_messages where created_at > '2025-01-01 00:15:00+00'"),
            (
                "all of one deleted",
                "delete from code_messages m using code_conversations c
                                     where c.id = m.conversation_id and c.title = '4'",
            ),
            (
                "moved",
                "update code_messages m set conversation_id = t.id from code_conversations f, code_conversations t
                        where m.conversation_id = f.id and f.title = '5' and t.title = '6' and m.content < '5'",
            ),
            (
                "adopted by a conversation",
                "update code_messages m set conversation_id = c.id from code_conversations c
                                            where m.conversation_id is null and c.title = '1'",
            ),
            (
                "let go",
                "update code_messages m set conversation_id = null from code_conversations c
                         where m.conversation_id = c.id and c.title = '2'",
            ),
            ("moved in time", "update code_messages m set created_at = '2025-06-01' where m.content = '77'"),
            (
                "upserted",
                "insert into code_messages (id, conversation_id, role, content)
                          select m.id, t.id, 'user', 'y' from code_messages m, code_conversations t
                           where m.content < '3' and t.title = '9' and m.conversation_id is distinct from t.id
                          on conflict (id) do update set conversation_id = excluded.conversation_id",
            ),
            ("a conversation deleted", "delete from code_conversations where title = '7'"),
            ("truncated", "truncate code_messages"),
        ];
        for (what, sql) in steps {
            assert!(client.execute(sql, &[]).await.unwrap() > 0 || what == "truncated", "{side}: {what} did nothing");
            assert_eq!(one::<i64>(&client, WRONG).await, 0, "{side}: {what}");
        }
    }
}

#[tokio::test]
async fn a_bulk_insert_updates_each_conversation_once() {
    let (_pair, client) = ten_conversations(Side::Master).await;
    client
        .batch_execute(
            "create table writes (n int);
             create function count_write() returns trigger language plpgsql as
                 'begin insert into writes values (1); return null; end';
             create trigger count_write after update on code_conversations for each row execute function count_write()",
        )
        .await
        .unwrap();
    client.execute(THOUSAND, &[]).await.unwrap();
    assert_eq!(one::<i64>(&client, "select count(*) from writes").await, 10);
    client.execute("update code_messages set content = content || '!'", &[]).await.unwrap();
    assert_eq!(one::<i64>(&client, "select count(*) from writes").await, 10, "an edit of the text moves no count");
}

#[tokio::test]
async fn a_replica_lets_the_engine_write_what_it_pulled() {
    let (_pair, mut client) = ten_conversations(Side::Replica).await;
    let transaction = client.transaction().await.unwrap();
    transaction.batch_execute("set local robbie_sync.apply = 'on'").await.unwrap();
    transaction.batch_execute(THOUSAND).await.unwrap();
    transaction
        .batch_execute("update code_conversations set message_count = 100, updated_at = '2025-01-01 00:00:00+00'")
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    let as_written = "select count(*) from code_conversations
                       where message_count = 100 and updated_at = '2025-01-01 00:00:00+00'";
    assert_eq!(one::<i64>(&client, as_written).await, 10);
    // The setting is '' and not NULL in this session from now on: local writes count again.
    client.execute("update code_conversations set title = title", &[]).await.unwrap();
    assert_eq!(one::<i64>(&client, as_written).await, 0);
    client.execute("delete from code_messages", &[]).await.unwrap();
    assert_eq!(one::<i64>(&client, WRONG).await, 0);
}

#[tokio::test]
async fn writers_of_the_same_conversations_wait_for_each_other_and_none_fails() {
    let (pair, client) = ten_conversations(Side::Master).await;
    let writers = (0..4).map(|n| {
        let target = pair.master.clone();
        async move {
            let client = super::support::connect(&target).await;
            for _ in 0..20 {
                let order = if n % 2 == 0 { "asc" } else { "desc" };
                let sql = format!(
                    "insert into code_messages (conversation_id, role, content, created_at)
                     select c.id, 'user', 'x', clock_timestamp() from code_conversations c order by c.title {order}"
                );
                client.execute(&sql, &[]).await.unwrap();
            }
        }
    });
    futures_util::future::join_all(writers).await;
    assert_eq!(one::<i64>(&client, WRONG).await, 0);
    assert_eq!(one::<i32>(&client, "select max(message_count) from code_conversations").await, 80);
}
