//! A deployed master and a deployed replica, migrated, and then synced.

use super::{assert_kept, migrate, one, rows, support};
use robbie_console::postgres::Side;
use robbie_console::sync::{self, CycleOptions};

const SMART_ROBBIE: &str = include_str!("deployed/smart-robbie.sql");
const QUEUES: [&str; 2] =
    [include_str!("deployed/pending-sync-nine.sql"), include_str!("deployed/pending-sync-eleven.sql")];
const MASTER: [&str; 3] = [
    include_str!("deployed/unified.sql"),
    include_str!("deployed/audit-log-core.sql"),
    include_str!("deployed/personality-full.sql"),
];

/// What the application queued before anybody migrated: the first conversation and its messages, as whole rows.
const QUEUED: &str = "
    insert into pending_sync (table_name, operation, data, created_at)
    select 'code_conversations', 'INSERT', to_jsonb(c) - 'metadata', '2025-01-01'::timestamptz from code_conversations c where c.session_id = 's1'
    union all
    select 'code_messages', 'INSERT', to_jsonb(m), '2025-01-02'::timestamptz from code_messages m";

#[tokio::test]
async fn a_deployed_pair_syncs_after_migration_and_loses_no_row() {
    for queue in QUEUES {
        let test = support::bare_pair().await;
        let mut master = support::connect(&test.master).await;
        let mut replica = support::connect(&test.replica).await;
        for shape in MASTER {
            master.batch_execute(shape).await.unwrap();
        }
        for sql in [SMART_ROBBIE, queue, QUEUED] {
            replica.batch_execute(sql).await.unwrap();
        }
        migrate(&mut master, Side::Master).await.unwrap();
        migrate(&mut replica, Side::Replica).await.unwrap();
        let tables = ["code_messages", "code_blocks", "learned_patterns"];
        let mut before = Vec::new();
        for table in tables {
            before.push(rows(&replica, table).await);
        }

        let report = sync::cycle(&test.pair(), CycleOptions::default()).await.unwrap();
        assert!(report.faults.is_empty(), "{:?}", report.faults);
        assert_eq!(report.push.as_ref().map(|p| p.applied), Some(4), "{:?}", report.push);

        let arrived = "select c.user_id || ' ' || c.message_count || ' ' || count(m.id) from code_conversations c
                         join code_messages m on m.conversation_id = c.id group by c.id";
        assert_eq!(one::<String>(&master, arrived).await, "00000000-0000-4000-8000-0000000000aa 3 3");
        let local =
            "select string_agg(user_id || ' ' || message_count, ', ' order by session_id) from code_conversations";
        assert_eq!(one::<String>(&replica, local).await, "allan 3, allan 0", "the one that was never queued stays");
        for (table, before) in tables.iter().zip(&before) {
            assert_kept(table, before, &rows(&replica, table).await);
        }
    }
}
