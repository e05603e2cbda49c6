//! PostgreSQL's own logical replication of the same table, from the same master.

use crate::bed::{Bed, connect, socket};
use crate::rows::COLUMNS;
use robbie_console::postgres::{Side, Target};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// A subscription that stands still between measurements.
pub struct Subscription {
    publisher: Client,
    subscriber: Client,
}

impl Subscription {
    /// Publishes `code_messages` of `master` to `target`, which holds the same rows already. Both as the superuser.
    pub async fn new(bed: &Bed, master: &Target, target: &Target) -> Self {
        let publisher = connect(&bed.superuser(Side::Master, master.database())).await;
        let subscriber = connect(&bed.superuser(Side::Replica, target.database())).await;
        for statement in [
            // The columns that a replica has.
            &format!("CREATE PUBLICATION bench FOR TABLE code_messages ({COLUMNS})"),
            "SELECT pg_create_logical_replication_slot('bench', 'pgoutput')",
        ] {
            publisher.batch_execute(statement).await.unwrap();
        }
        let superuser = bed.superuser(Side::Master, master.database());
        let connection = format!(
            "host={} port={} user={} password={} dbname={}",
            socket(master).parent().unwrap().display(),
            superuser.config.get_ports()[0],
            superuser.config.get_user().unwrap(),
            String::from_utf8_lossy(superuser.config.get_password().unwrap()),
            master.database()
        );
        subscriber
            .batch_execute(&format!(
                "CREATE SUBSCRIPTION bench CONNECTION '{connection}' PUBLICATION bench
                 WITH (enabled = false, create_slot = false, slot_name = 'bench', copy_data = false)"
            ))
            .await
            .unwrap();
        Self { publisher, subscriber }
    }
    /// Lets it run until `arrived` (a condition on the target) holds and is on disk, and says how long that took, and how much processor.
    pub async fn catch_up(&self, bed: &Bed, arrived: &str) -> (Duration, f64) {
        let arrived = self.subscriber.prepare(&format!("SELECT {arrived}")).await.unwrap();
        let (began, before) = (Instant::now(), bed.cpu());
        self.subscriber.batch_execute("ALTER SUBSCRIPTION bench ENABLE").await.unwrap();
        while !self.subscriber.query_one(&arrived, &[]).await.unwrap().get::<_, bool>(0) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Its commits are not waited for. One that is makes all of them durable, as the engine's pull is when it ends.
        self.subscriber.batch_execute("SELECT pg_logical_emit_message(true, 'bench', '')").await.unwrap();
        let took = (began.elapsed(), bed.cpu() - before);
        // What was confirmed last is confirmed before it stops: the next turn sends nothing twice.
        let confirmed = "SELECT coalesce(bool_and(replay_lsn >= $1::text::pg_lsn), false) FROM pg_stat_replication WHERE application_name = 'bench'";
        let now = self.publisher.query_one("SELECT pg_current_wal_flush_lsn()::text", &[]).await.unwrap();
        let now: String = now.get(0);
        for _ in 0..500 {
            if self.publisher.query_one(confirmed, &[&now]).await.unwrap().get::<_, bool>(0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.subscriber.batch_execute("ALTER SUBSCRIPTION bench DISABLE").await.unwrap();
        while self
            .publisher
            .query_one("SELECT active FROM pg_replication_slots WHERE slot_name = 'bench'", &[])
            .await
            .unwrap()
            .get::<_, bool>(0)
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        took
    }
    /// Removes both ends.
    pub async fn end(self) {
        self.subscriber.batch_execute("ALTER SUBSCRIPTION bench SET (slot_name = NONE)").await.unwrap();
        self.subscriber.batch_execute("DROP SUBSCRIPTION bench").await.unwrap();
        self.publisher.batch_execute("SELECT pg_drop_replication_slot('bench')").await.unwrap();
    }
}
