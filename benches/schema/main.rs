//! Reading and judging a database of 300 tables: the catalog's statements, then inventory, matrix, gaps, score and differences.
//!
//! `cargo bench --bench schema`. It starts a pair of servers of its own and prints a table in Markdown.

#![allow(clippy::unwrap_used, clippy::disallowed_macros, reason = "a bench that meets an error has ended, and prints")]
#![allow(dead_code, reason = "it shares the bed of the engine's bench")]

#[path = "../sync/bed.rs"]
mod bed;

use bed::{Bed, connect};
use robbie_console::postgres::Side;
use robbie_console::schema::{self, Database, Inventory, Score};
use std::time::Instant;

const RUNS: usize = 15;

/// Tables as business tables are: columns with defaults, a foreign key with its index, a check, a trigger.
const TABLES: &str = "
    CREATE FUNCTION bench_touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.c4 := now(); RETURN NEW; END';
    DO $$ BEGIN FOR n IN 1..300 LOOP
        EXECUTE format('CREATE TABLE bench_%s (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), parent uuid REFERENCES users,
            c1 text DEFAULT %L, c2 varchar(255) NOT NULL, c3 jsonb DEFAULT %L, c4 timestamptz DEFAULT now(), c5 integer CHECK (c5 > 0),
            c6 numeric(12,2), c7 boolean, c8 text[])', n, 'x', '{}');
        EXECUTE format('CREATE INDEX ON bench_%s (parent)', n);
        EXECUTE format('CREATE TRIGGER touch BEFORE UPDATE ON bench_%s FOR EACH ROW EXECUTE FUNCTION bench_touch()', n);
    END LOOP; END $$;";

fn main() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let bed = Bed::start().await;
        let target = bed.migrated(Side::Master).await;
        let client = connect(&target).await;
        client.batch_execute(TABLES).await.unwrap();
        println!("| measure | median | most | limit |\n|---|---|---|---|");
        let mut read = Vec::new();
        let mut judged = Vec::new();
        for _ in 0..RUNS {
            let began = Instant::now();
            let database = Database::read(&client, Side::Master, "master").await.unwrap();
            read.push(began.elapsed().as_secs_f64() * 1e3);
            let began = Instant::now();
            let all = [database];
            let told = (Inventory::of(&all[0]), schema::compare(&all), schema::gaps(&all), Score::of(&all[0]));
            assert!(told.0.tables > 300 && schema::diff(&all[0], &all[0]).is_empty());
            judged.push(began.elapsed().as_secs_f64() * 1e3);
        }
        for (name, mut times, limit) in [
            ("the catalog of 300 tables and more, read", read, "500 ms"),
            ("judged and compared with itself", judged, ""),
        ] {
            times.sort_by(f64::total_cmp);
            println!("| {name} | {:.1} ms | {:.1} ms | {limit} |", times[RUNS / 2], times[RUNS - 1]);
        }
        drop(client);
        bed.stop().await;
    });
}
