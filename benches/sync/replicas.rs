//! How the cost grows with replicas: engines that pull one changelog while programs write at a fixed rate, and engines at rest.
//!
//! Everything runs on one machine, so the replicas' own work takes from the same cores as the master's; what the master
//! spends stands by itself.

use crate::bed::{Bed, Two, connect, count, cpu};
use crate::figure::{Samples, short};
use crate::rows::{self, CONVERSATIONS};
use robbie_console::postgres::{Pair, Side, Target};
use robbie_console::sync::{Engine, EngineHandle, EngineOptions};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

const REPLICAS: [usize; 6] = [0, 1, 2, 4, 8, 16];
/// Messages that are there before.
const ROWS: u64 = 5_000;
/// What programs write: so many rows a second, each a transaction, for so long.
const RATE: u64 = 100;
const WRITING: Duration = Duration::from_secs(10);
const RESTING: Duration = Duration::from_secs(35);

/// Measures both.
pub async fn run(bed: &Bed) {
    let first = rows::synced(bed, ROWS).await;
    let mut replicas = vec![];
    for _ in 0..REPLICAS[REPLICAS.len() - 1] {
        let replica = bed.copy(Side::Replica, first.replica.database()).await;
        let itself = "UPDATE robbie_sync.this_node SET node_id = gen_random_uuid()";
        connect(&replica).await.batch_execute(itself).await.unwrap();
        replicas.push(replica);
    }
    println!("\n{RATE} single-row transactions a second for {} s, replicas pulling:\n", WRITING.as_secs());
    println!(
        "| replicas | a write, p50 | p99 | master's CPU | a pull that took rows | age of its oldest change, p50 | changelog |"
    );
    println!("|---|---|---|---|---|---|---|");
    for many in REPLICAS {
        writing(bed, &first, &replicas[..many]).await;
    }
    println!("\nAt rest for {} s:\n", RESTING.as_secs());
    println!("| replicas | sessions on the master | transactions/s on the master | master's CPU | an engine's CPU |");
    println!("|---|---|---|---|---|");
    for many in [1, 16] {
        resting(bed, &first, &replicas[..many]).await;
    }
    for replica in &replicas {
        bed.drop(replica).await;
    }
    bed.drop_both(&first).await;
}

/// Engines of these replicas, each after its first cycle.
async fn engines(master: &Target, replicas: &[Target]) -> Vec<EngineHandle> {
    let mut engines = vec![];
    for replica in replicas {
        let engine = Engine::start(Pair::new(master.clone(), replica.clone()), EngineOptions::default());
        engine.status().wait_for(|s| s.cycles > 0 && !s.busy).await.unwrap();
        engines.push(engine);
    }
    engines
}

async fn writing(bed: &Bed, first: &Two, replicas: &[Target]) {
    let client = connect(&first.master).await;
    client.batch_execute("DELETE FROM robbie_sync.changelog").await.unwrap();
    bed.settle(&first.master).await;
    let engines = engines(&first.master, replicas).await;
    for replica in replicas {
        connect(replica).await.batch_execute("DELETE FROM robbie_sync.run").await.unwrap();
    }
    let insert = client
        .prepare(
            "INSERT INTO code_messages (conversation_id, role, content, metadata)
             VALUES (md5('c' || $1::bigint)::uuid, 'user', repeat(md5($1::bigint::text), 9), '{}')",
        )
        .await
        .unwrap();
    let before = cpu(&bed.processes(Side::Master));
    let began = Instant::now();
    let mut tick = interval(Duration::from_micros(1_000_000 / RATE));
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut writes = Samples::default();
    for n in 0..WRITING.as_secs() * RATE {
        // From when it was due: a write that is held up also holds up those behind it.
        let due = tick.tick().await;
        client.execute(&insert, &[&((n * 7 % CONVERSATIONS) as i64)]).await.unwrap();
        writes.add(due.elapsed().as_secs_f64() * 1e3);
    }
    let busy = cpu(&bed.processes(Side::Master)) - before;
    let elapsed = began.elapsed().as_secs_f64();
    let wanted = count(&client, "code_messages").await;
    for replica in replicas {
        let here = connect(replica).await;
        while count(&here, "code_messages").await < wanted {
            assert!(began.elapsed() < WRITING * 12, "{} does not catch up", replica.database());
            sleep(Duration::from_millis(50)).await;
        }
    }
    for engine in engines {
        engine.stop().await;
    }
    let (mut pulls, mut ages) = (Samples::default(), Samples::default());
    for replica in replicas {
        let runs = "SELECT extract(epoch FROM finished_at - started_at)::float8 * 1000, lag_s FROM robbie_sync.run
                    WHERE kind = 'cycle' AND pulled > 0 AND lag_s IS NOT NULL";
        for run in connect(replica).await.query(runs, &[]).await.unwrap() {
            pulls.add(run.get(0));
            ages.add(run.get(1));
        }
    }
    let size = client
        .query_one(
            "SELECT count(*), (pg_total_relation_size('robbie_sync.changelog') / 1024)::bigint FROM robbie_sync.changelog",
            &[],
        )
        .await
        .unwrap();
    let (pull, age) = if replicas.is_empty() {
        (String::new(), String::new())
    } else {
        (pulls.said("ms"), format!("{} s", short(ages.median())))
    };
    println!(
        "| {} | {} ms | {} ms | {} % of a core | {pull} | {age} | {} rows, {} kB |",
        replicas.len(),
        short(writes.median()),
        short(writes.at(0.99)),
        short(busy / elapsed * 100.0),
        size.get::<_, i64>(0),
        size.get::<_, i64>(1),
    );
}

async fn resting(bed: &Bed, first: &Two, replicas: &[Target]) {
    let engines = engines(&first.master, replicas).await;
    // What follows the last change has passed.
    sleep(Duration::from_secs(5)).await;
    let master = connect(&first.master).await;
    let transactions = async || {
        let sum = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()";
        master.query_one(sum, &[]).await.unwrap().get::<_, i64>(0) as f64
    };
    let sessions = count(&master, "pg_stat_activity WHERE application_name LIKE 'robbie %'").await;
    let own = std::process::id();
    let before = (transactions().await, cpu(&bed.processes(Side::Master)), cpu(&[own]));
    sleep(RESTING).await;
    let after = (transactions().await, cpu(&bed.processes(Side::Master)), cpu(&[own]));
    let seconds = RESTING.as_secs_f64();
    println!(
        "| {} | {sessions} | {} | {} % of a core | {} % of a core |",
        replicas.len(),
        short((after.0 - before.0) / seconds),
        short((after.1 - before.1) / seconds * 100.0),
        short((after.2 - before.2) / seconds / replicas.len() as f64 * 100.0),
    );
    for engine in engines {
        engine.stop().await;
    }
}
