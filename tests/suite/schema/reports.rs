//! Inventory, comparison, gaps and score of databases in every deployed shape, before and after migration.

use super::{bare, migrate, migrated, support};
use robbie_console::postgres::Side;
use robbie_console::schema::{self, Database, Family, GapState, Part, Presence, Recognition, Score};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, NoTls};

const UNIFIED: &str = include_str!("deployed/unified.sql");
const AUDIT: &str = include_str!("deployed/audit-log-core.sql");
const SMART_ROBBIE: &str = include_str!("deployed/smart-robbie.sql");
const NINE: &str = include_str!("deployed/pending-sync-nine.sql");
const ELEVEN: &str = include_str!("deployed/pending-sync-eleven.sql");
const PERSONALITY_FULL: &str = include_str!("deployed/personality-full.sql");
const PERSONALITY_SHORT: &str = include_str!("deployed/personality-short.sql");
const WITHOUT_SYNC: &str = "drop table pending_sync, sync_status, sync_nodes";

/// The original schema: users, its own tables, the full personality, no sync tables.
const MAIN_AURORA: &str = "
    create table users (id uuid primary key default gen_random_uuid(), username varchar(50), email varchar(255),
        created_at timestamptz, updated_at timestamptz);
    create table conversations (id uuid primary key, user_id uuid references users, title text);
    create table messages (id uuid primary key, conversation_id uuid references conversations, embedding vector(1536));
    create table mentors (id uuid primary key, name text);
    create table feature_requests (id uuid primary key, user_id uuid references users, title text);
    create table sticky_notes (id uuid primary key, user_id uuid references users);
    create table priorities (id uuid primary key, user_id uuid references users);
    create table deals (id uuid primary key); create table companies (id uuid primary key);
    create table contacts (id uuid primary key); create table tasks (id uuid primary key);";

async fn shaped(side: Side, shapes: &[&str]) -> (support::TestPair, Client) {
    let (pair, client) = bare(side).await;
    for shape in shapes {
        client.batch_execute(shape).await.unwrap();
    }
    (pair, client)
}

async fn read(client: &Client, side: Side) -> Database {
    Database::read(client, side, &side.to_string()).await.unwrap()
}

fn family(database: &Database) -> Family {
    Recognition::of(database).family
}

fn states(databases: &[Database]) -> Vec<GapState> {
    schema::gaps(databases).into_iter().map(|g| g.state).collect()
}

fn cell<'a>(rows: &'a [schema::Row], feature: &str, n: usize) -> &'a schema::Cell {
    &rows.iter().find(|r| r.feature == feature).unwrap().cells[n]
}

#[tokio::test]
async fn a_unified_master_without_sync_goes_from_0_to_100() {
    let (_pair, mut client) = shaped(Side::Master, &[UNIFIED, AUDIT, PERSONALITY_FULL, WITHOUT_SYNC]).await;
    let before = read(&client, Side::Master).await;
    assert_eq!(family(&before), Family::Unified);
    let score = Score::of(&before);
    assert_eq!(score.sync_ready, 0);
    assert_eq!(states(std::slice::from_ref(&before)), [GapState::Open; 4]);
    let closed_by: Vec<String> = schema::gaps(&[before]).into_iter().flat_map(|g| g.migrations).collect();
    let files = ["20-sync-infrastructure", "21-user-id-mapping", "22-code-intelligence", "23-personality"];
    assert_eq!(closed_by, files.map(|file| format!("unified/{file}.sql")));
    for file in closed_by {
        let name = file.strip_prefix("unified/").unwrap();
        assert!(schema::Schema::Unified.migrations().iter().any(|m| m.name == name), "{file} is in the binary");
    }

    migrate(&mut client, Side::Master).await.unwrap();
    let after = read(&client, Side::Master).await;
    assert_eq!(family(&after), Family::Unified);
    let score = Score::of(&after);
    assert_eq!(score.sync_ready, 100, "{:?}", score.deductions);
    assert_eq!(states(&[after]), [GapState::Closed; 4]);
    for part in schema::PARTS {
        let lost: u8 = score.deductions.iter().filter(|d| d.part == part).map(|d| d.points).sum();
        assert_eq!(score.part(part), 100 - lost, "every lost point of {} is named", part.name());
    }
}

#[tokio::test]
async fn deployed_sync_tables_alone_are_a_quarter_of_it() {
    let (_pair, client) = shaped(Side::Master, &[UNIFIED, AUDIT, PERSONALITY_SHORT]).await;
    let database = read(&client, Side::Master).await;
    assert_eq!(Score::of(&database).sync_ready, 25);
    assert_eq!(states(&[database]), [GapState::Closed, GapState::Open, GapState::Open, GapState::Open]);
}

#[tokio::test]
async fn a_deployed_replica_before_and_after() {
    for (queue, before, after) in [(NINE, 70, 100), (ELEVEN, 65, 95)] {
        let (_pair, mut client) = shaped(Side::Replica, &[SMART_ROBBIE, queue]).await;
        let database = read(&client, Side::Replica).await;
        assert_eq!(family(&database), Family::SmartRobbie);
        let score = Score::of(&database);
        assert_eq!((score.completeness, score.sync_ready), (100, before), "{:?}", score.deductions);
        migrate(&mut client, Side::Replica).await.unwrap();
        let database = read(&client, Side::Replica).await;
        assert_eq!(family(&database), Family::SmartRobbie);
        assert_eq!(Score::of(&database).sync_ready, after, "the index on error stays, and costs");
    }
}

#[tokio::test]
async fn the_eight_column_queue_is_a_gap_of_its_replica() {
    let eight = "create table pending_sync (id uuid primary key, table_name text, operation text, data jsonb,
                 created_at timestamptz, synced_at timestamptz, error text, retry_count integer)";
    let (_pair, client) = shaped(Side::Replica, &[SMART_ROBBIE, eight]).await;
    let found = schema::gaps(&[read(&client, Side::Replica).await]);
    assert_eq!(found[0].state, GapState::Open);
    assert_eq!(found[0].evidence, ["replica: pending_sync has no last_retry"]);
    assert_eq!(found[0].migrations, ["smart-robbie/01-smart-robbie.sql"]);
    assert!(found[1..].iter().all(|g| g.state == GapState::Unknown), "the master is away");
}

#[tokio::test]
async fn the_original_schema_is_recognised_and_becomes_mixed() {
    let (_pair, mut client) = shaped(Side::Master, &[MAIN_AURORA]).await;
    let before = read(&client, Side::Master).await;
    assert_eq!(family(&before), Family::MainAurora);
    let score = Score::of(&before);
    assert_eq!(score.measured_by, Family::MainAurora);
    // 11 of its 16 tables.
    assert_eq!((score.completeness, score.sync_ready), (69, 0), "{:?}", score.deductions);
    let keys = score.deductions.iter().find(|d| d.reason == "foreign keys without an index").unwrap();
    assert_eq!((keys.part, keys.points, keys.objects.len()), (Part::Performance, 15, 5));
    assert!(score.deductions.iter().any(|d| d.objects == ["messages.embedding"]));
    migrate(&mut client, Side::Master).await.unwrap();
    let after = read(&client, Side::Master).await;
    assert_eq!((family(&after), Score::of(&after).sync_ready), (Family::Mixed, 100));
}

#[tokio::test]
async fn faults_of_each_kind_cost_and_are_named() {
    const FAULTS: &str = "
        create table users (id uuid primary key, username varchar(50), email varchar(255), created_at timestamptz,
            updated_at timestamptz);
        create table api_keys (id uuid primary key, user_id uuid references users);
        create table notes (user_id text, at timestamp);
        create schema other; create table other.notes (id int primary key);
        create table companies (id uuid primary key); create table crm_companies (id uuid primary key);
        create table child (name varchar(9) primary key, parent text);
        alter table child add constraint to_parent foreign key (parent) references child (name) not valid;
        create index one on child (parent); create index two on child (parent);
        create function f() returns trigger language plpgsql as 'begin return new; end';
        create trigger t after insert on child for each row execute function f();
        alter table child disable trigger t;
        create table seen (id uuid primary key, embedding vector(8));";
    let (_pair, client) = shaped(Side::Master, &[FAULTS]).await;
    let score = Score::of(&read(&client, Side::Master).await);
    let found: Vec<(u8, String)> = score
        .deductions
        .iter()
        .filter(|d| matches!(d.part, Part::Consistency | Part::Performance))
        .map(|d| (d.points, format!("{}: {}", d.reason, d.objects.join("; "))))
        .collect();
    let expected = [
        (5, "tables without a primary key: notes"),
        (10, "user ids of several types: uuid: api_keys, users; text: notes"),
        (5, "the same table in several schemas: notes in other, public"),
        (1, "two tables for one thing: companies and crm_companies"),
        (5, "foreign keys between columns of different types: child.parent text → child.name character varying(9)"),
        (2, "constraints never checked on the rows that were there: child: to_parent"),
        (5, "times without a time zone beside times with one: notes"),
        (3, "triggers that are switched off: child: t"),
        (3, "foreign keys without an index: api_keys(user_id)"),
        (5, "embeddings without a vector index: seen.embedding"),
        (3, "indexes that are there twice: child: two"),
    ];
    assert_eq!(found, expected.map(|(points, text)| (points, text.to_owned())));
    assert_eq!((score.consistency, score.performance), (64, 89));
}

#[tokio::test]
async fn the_matrix_of_the_deployed_pair_and_of_the_migrated_one() {
    let (_replica_pair, replica) = shaped(Side::Replica, &[SMART_ROBBIE, NINE]).await;
    let (_master_pair, master) = shaped(Side::Master, &[UNIFIED, AUDIT, PERSONALITY_FULL, WITHOUT_SYNC]).await;
    let databases = [read(&master, Side::Master).await, read(&replica, Side::Replica).await];
    let rows = schema::compare(&databases);
    assert_eq!(rows.len(), 16);
    let status = |feature: &str| rows.iter().find(|r| r.feature == feature).unwrap().status.as_str();
    assert_eq!(status("Users"), "needs mapping");
    assert_eq!(status("Code Blocks"), "add to master");
    assert_eq!(status("Learned Patterns"), "add to master");
    assert_eq!(status("Sync Queue"), "add to master");
    assert_eq!(status("Personality State"), "merge needed");
    assert_eq!(cell(&rows, "Users", 1).text, "TEXT id");
    assert_eq!(cell(&rows, "Vector Embeddings", 1).text, "1536d");
    assert_eq!(cell(&rows, "CRM (Deals)", 1).presence, Presence::NotApplicable);
    assert_eq!(cell(&rows, "RBAC", 0).text, "basic (users.role)");
    assert_eq!(cell(&rows, "Audit Log", 0).presence, Presence::Present);
    assert_eq!(cell(&rows, "Sync Queue", 0).evidence, ["pending_sync: no table"]);

    let pair = support::pair().await;
    let (master, replica) = (support::connect(&pair.master).await, support::connect(&pair.replica).await);
    let databases = [read(&master, Side::Master).await, read(&replica, Side::Replica).await];
    let rows = schema::compare(&databases);
    for feature in ["Users", "Code Blocks", "Learned Patterns", "Sync Queue", "Personality State"] {
        assert!(rows.iter().find(|r| r.feature == feature).unwrap().ok, "{feature}: {rows:?}");
    }
    assert_eq!(states(&databases), [GapState::Closed; 4]);
}

/// A stream that keeps what is written to it.
struct Kept(UnixStream, Arc<Mutex<Vec<u8>>>);

impl AsyncRead for Kept {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Kept {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.0).poll_write(cx, buf);
        if let Poll::Ready(Ok(n)) = written {
            self.1.lock().unwrap().extend(&buf[..n]);
        }
        written
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// How many statements were executed by these messages of a client (Execute and Query).
fn statements(sent: &[u8]) -> usize {
    let length = |at: usize| u32::from_be_bytes(sent[at..at + 4].try_into().unwrap()) as usize;
    let (mut at, mut found) = (length(0), 0);
    while at < sent.len() {
        found += usize::from(matches!(sent[at], b'E' | b'Q'));
        at += 1 + length(at + 1);
    }
    found
}

#[tokio::test]
async fn three_hundred_tables_take_six_statements() {
    let (pair, client) = bare(Side::Master).await;
    let make = "do $$ begin for n in 1..300 loop execute format('create table t%s (id uuid primary key, user_id uuid,
        body text default %L, at timestamptz, check (length(body) > 1))', n, 'x'); end loop; end $$";
    client.batch_execute(make).await.unwrap();
    let config = &pair.master.config;
    let Host::Unix(folder) = &config.get_hosts()[0] else { panic!("the suite's servers are on sockets") };
    let socket = UnixStream::connect(folder.join(format!(".s.PGSQL.{}", config.get_ports()[0]))).await.unwrap();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let (counted, connection) = config.connect_raw(Kept(socket, Arc::clone(&sent)), NoTls).await.unwrap();
    let reading = async move { read(&counted, Side::Master).await };
    let (database, ended) = tokio::join!(reading, connection);
    ended.unwrap();
    assert_eq!(database.tables().count(), 300);
    assert_eq!(schema::Inventory::of(&database).tables, 300);
    assert_eq!(statements(&sent.lock().unwrap()), 6);
}

#[tokio::test]
async fn a_migrated_inventory_tells_sizes_and_whose_tables_they_are() {
    let (_pair, client) = migrated(Side::Replica).await;
    let inventory = schema::Inventory::of(&read(&client, Side::Replica).await);
    assert_eq!(inventory.recognition.family, Family::SmartRobbie);
    let queue = inventory.entries.iter().find(|e| e.name == "pending_sync" && e.schema == "public").unwrap();
    assert_eq!(queue.primary_key, ["id"]);
    assert!(queue.bytes.is_some_and(|bytes| bytes > 0));
    assert!(inventory.entries.iter().any(|e| e.schema == "robbie_sync"));
    assert!(inventory.extensions.iter().any(|e| e.starts_with("vector ")));
    assert!(inventory.routines > 0);
}
