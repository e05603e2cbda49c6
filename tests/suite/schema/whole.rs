//! The schemas as a whole: what every table of them must have, told from the catalog, and the ways from one to the other.

use super::{assert_kept, bare, migrate, migrated, one, rows, support};
use robbie_console::postgres::Side;
use robbie_console::postgres::catalog::Table;
use robbie_console::schema::{Database, Score};
use robbie_console::sync::{self, CycleOptions};
use std::path::Path;
use tokio_postgres::Client;

/// Tables whose rows are written once.
const WRITTEN_ONCE: [&str; 7] = [
    "ai_activity_log",
    "ai_behavior_effectiveness",
    "ai_state_history",
    "audit_log",
    "linkedin_activity",
    "mood_transitions",
    "website_activity",
];

const TABLES: &str = "select c.oid, c.relname from pg_class c
                       where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')";

/// Names that a query finds, sorted.
async fn names(client: &Client, sql: &str) -> Vec<String> {
    let rows = client.query(&format!("select x.n::text from ({sql}) x(n) order by 1"), &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The foreign keys of `public` and of the engine that no index starts with.
const UNINDEXED: &str = "
    select k.conrelid::regclass || ' ' || k.conname from pg_constraint k
     where k.contype = 'f' and k.connamespace in (select oid from pg_namespace where nspname in ('public', 'robbie_sync'))
       and not exists (select from pg_index x where x.indrelid = k.conrelid and x.indisvalid and x.indpred is null
                          and (x.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)";

async fn without_column(client: &Client, column: &str) -> Vec<String> {
    let sql = format!(
        "select t.relname from ({TABLES}) t where not exists (
             select from pg_attribute a where a.attrelid = t.oid and a.attname = '{column}' and not a.attisdropped)"
    );
    names(client, &sql).await
}

async fn every_table_is_well_made(client: &Client, written_once: &[&str]) {
    assert_eq!(names(client, UNINDEXED).await, [""; 0], "foreign keys without an index");
    let keyless = format!(
        "select t.relname from ({TABLES}) t where not exists (
             select from pg_constraint k where k.conrelid = t.oid and k.contype = 'p')"
    );
    assert_eq!(names(client, &keyless).await, [""; 0], "tables without a primary key");
    // changed_at says when a row of the history was made.
    let without = without_column(client, "created_at").await;
    assert!(without.iter().all(|t| t == "mood_transitions"), "tables without created_at: {without:?}");
    assert_eq!(without_column(client, "updated_at").await, written_once, "tables without updated_at");
    let untouched = format!(
        "select t.relname from ({TABLES}) t join pg_attribute a on a.attrelid = t.oid and a.attname = 'updated_at'
          where not exists (select from pg_trigger g join pg_proc p on p.oid = g.tgfoid
                             where g.tgrelid = t.oid and g.tgenabled <> 'D' and g.tgtype & 19 = 19
                               and p.prosrc ~* 'new\\.updated_at')"
    );
    assert_eq!(names(client, &untouched).await, [""; 0], "tables whose updated_at nobody sets");
}

/// The files of a folder of migrations, in order.
fn files(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|p| (p.display().to_string(), std::fs::read_to_string(p).unwrap())).collect()
}

/// Runs each file in a transaction of its own, as `psql -1 -f` does.
async fn run(client: &Client, files: &[(String, String)]) {
    for (name, sql) in files {
        client.batch_execute(&format!("begin;\n{sql}\ncommit")).await.unwrap_or_else(|e| panic!("{name}: {e:?}"));
    }
}

/// All that the catalog says of a database, sizes apart.
async fn catalog(client: &Client) -> String {
    let database = Database::read(client, Side::Master, "master").await.unwrap();
    let plain = |t: &Table| Table { estimated_rows: None, ..t.clone() };
    let tables: Vec<Table> = database.catalog.tables().map(plain).collect();
    format!("{tables:#?}{:#?}", database.routines)
}

#[tokio::test]
async fn the_unified_schema_is_whole_and_loads_again_without_a_change() {
    let (_pair, mut client) = migrated(Side::Master).await;
    let count = format!("select count(*) from ({TABLES}) t");
    assert!(one::<i64>(&client, &count).await >= 100, "{}", one::<i64>(&client, &count).await);
    every_table_is_well_made(&client, &WRITTEN_ONCE).await;
    let score = Score::of(&Database::read(&client, Side::Master, "master").await.unwrap());
    assert_eq!((score.completeness, score.sync_ready), (100, 100), "{:?}", score.deductions);
    assert!(score.total >= 95, "{:?}", score.deductions);

    let before = catalog(&client).await;
    run(&client, &files("unified")).await;
    assert_eq!(catalog(&client).await, before);
    assert_eq!(migrate(&mut client, Side::Master).await.unwrap().changed(), 0);
}

/// A row in every table of the original schema, and the personality in its full form.
const AURORA_ROWS: &str = "
    insert into users (id, username, email, password_hash, role) values
        ('00000000-0000-4000-8000-0000000000aa', 'allan', 'a@x.org', '-', 'admin'),
        ('00000000-0000-4000-8000-0000000000bb', 'bob', 'b@x.org', '-', 'user');
    insert into conversations (user_id, title) select id, 'first' from users;
    insert into messages (conversation_id, role, content) select id, 'user', 'hello' from conversations;
    insert into mentors (name) values ('Gandhi');
    insert into feature_requests (user_id, title) select id, 'sync' from users;
    insert into feedback (user_id, content, rating) select id, 'good', 5 from users;
    insert into sticky_notes (user_id, content) select id, 'remember' from users;
    insert into priorities (user_id, title) select id, 'first things' from users;
    insert into companies (name) values ('TestPilot');
    insert into contacts (company_id, email) select id, 'c@x.org' from companies;
    insert into deals (deal_name, amount, company_id) select 'one', 12.5, id from companies;
    insert into meetings (title, deal_id) select 'kick-off', id from deals;
    insert into emails (subject, deal_id) select 'hello', id from deals;
    insert into tasks (title, deal_id) select 'call', id from deals;
    insert into robbie_personality_state (user_id, current_mood, attraction, gandhi_genghis, turbo)
        values ('allan', 'bossy', 10, 8, 7), ('bob', 'focused', 3, 4, 5);
    insert into mood_transitions (user_id, field_changed, old_value, new_value) values ('allan', 'attraction', '7', '10');";

#[tokio::test]
async fn the_original_schema_is_whole_and_becomes_unified_with_all_its_rows() {
    let (_pair, mut client) = bare(Side::Master).await;
    let aurora = files("main-aurora");
    run(&client, &aurora).await;
    let before = catalog(&client).await;
    run(&client, &aurora).await;
    assert_eq!(catalog(&client).await, before, "a second run changes nothing");
    every_table_is_well_made(&client, &["mood_transitions"]).await;
    client.batch_execute(AURORA_ROWS).await.unwrap();
    let tables = names(&client, &format!("select relname from ({TABLES}) t")).await;
    assert_eq!(tables.len(), 16);
    let mut kept = Vec::new();
    for table in &tables {
        kept.push(rows(&client, table).await);
    }

    let report = migrate(&mut client, Side::Master).await.unwrap();
    for (table, before) in tables.iter().zip(&kept) {
        assert_kept(table, before, &rows(&client, table).await);
    }
    let levels = "select gandhi_genghis_level || ' ' || attraction_level || ' ' || turbo from robbie_personality_state
                   where user_id = 'allan'";
    assert_eq!(one::<String>(&client, levels).await, "8 10 7", "both forms in one");
    let mapped = "select uuid_id::text from user_id_mapping where text_id = 'allan'";
    assert_eq!(one::<String>(&client, mapped).await, "00000000-0000-4000-8000-0000000000aa");
    assert_eq!(names(&client, UNINDEXED).await, [""; 0]);
    assert_eq!(migrate(&mut client, Side::Master).await.unwrap().changed(), 0);
    assert!(report.files.iter().any(|f| f.note.as_deref().is_some_and(|n| n.contains("added companies.slug"))));
}

/// Business tables as 04 and 05 were deployed: integer keys, times without a zone, and a companies table that 11 was
/// never able to make its own.
const DEPLOYED_BUSINESS: &str = "
    create table companies (id serial primary key, hubspot_id varchar(255) not null unique, name varchar(255),
        created_at timestamp default now(), updated_at timestamp default now());
    create table contacts (id serial primary key, hubspot_id varchar(255) not null unique, company_id integer references companies,
        email varchar(255), updated_at timestamp);
    create table deals (id serial primary key, hubspot_id varchar(255) not null unique, deal_name varchar(255),
        amount numeric(12,2), company_id integer references companies);
    create table towns (id serial primary key, name varchar(50) not null unique, display_name varchar(100) not null);
    create table audit_log (id uuid primary key default gen_random_uuid(), company_id uuid, action text not null);
    create view secrets as select 1 as id;
    insert into companies (hubspot_id, name) values ('h1', 'TestPilot');
    insert into contacts (hubspot_id, company_id, email) values ('h2', 1, 'c@x.org'), ('h3', 1, 'd@x.org');
    insert into deals (hubspot_id, deal_name, amount, company_id) values ('h4', 'one', 12.50, 1);
    insert into towns (name, display_name) values ('sf', 'San Francisco');";

#[tokio::test]
async fn business_tables_with_integer_keys_keep_them_and_the_rest_follows() {
    let (_pair, mut client) = bare(Side::Master).await;
    client.batch_execute(DEPLOYED_BUSINESS).await.unwrap();
    let tables = ["companies", "contacts", "deals", "towns"];
    let mut kept = Vec::new();
    for table in tables {
        kept.push(rows(&client, table).await);
    }
    let report = migrate(&mut client, Side::Master).await.unwrap();
    for (table, before) in tables.iter().zip(&kept) {
        assert_kept(table, before, &rows(&client, table).await);
    }
    let keys = "select string_agg(distinct format_type(a.atttypid, -1), ', ') from pg_constraint k
                  join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
                 where k.contype = 'f' and k.confrelid = 'companies'::regclass";
    assert_eq!(one::<String>(&client, keys).await, "integer", "who refers to companies took on its key");
    client
        .batch_execute("insert into company_towns (company_id, town_id) select c.id, t.id from companies c, towns t")
        .await
        .unwrap();
    let notes: Vec<String> = report.files.into_iter().filter_map(|f| f.note).collect();
    let notes = notes.join("; ");
    for said in ["companies.id is integer, not uuid: it stays so", "secrets is not a table and stays as it is"] {
        assert!(notes.contains(said), "{said}\n{notes}");
    }
    assert_eq!(names(&client, UNINDEXED).await, [""; 0]);
    assert_eq!(migrate(&mut client, Side::Master).await.unwrap().changed(), 0);
}

#[tokio::test]
async fn a_session_sees_the_rows_of_its_user_and_companies_only() {
    let (pair, client) = migrated(Side::Master).await;
    let root = support::connect(&pair.superuser(Side::Master)).await;
    let role = format!("reader_{}", uuid::Uuid::new_v4().simple());
    root.batch_execute(&format!(
        "create role {role}; grant usage on schema public, robbie_sync to {role}; grant select on all tables in schema public to {role}"
    ))
    .await
    .unwrap();
    client
        .batch_execute(
            "insert into users (id, username, email, password_hash) values
                 ('00000000-0000-4000-8000-0000000000aa', 'allan', 'a@x.org', '-'),
                 ('00000000-0000-4000-8000-0000000000bb', 'bob', 'b@x.org', '-');
             insert into companies (slug, name) values ('mine', 'Mine'), ('theirs', 'Theirs');
             insert into company_members (company_id, user_id, role)
                 select id, '00000000-0000-4000-8000-0000000000aa', 'owner' from companies where slug = 'mine';
             insert into crm_contacts (company_id, email) select id, slug from companies;
             insert into ai_memories (user_id, category, subject, content) select id, 'fact', username, 'x' from users",
        )
        .await
        .unwrap();
    let seen = async |user: &str| {
        root.batch_execute(&format!("set role {role}; set app.user_id = '{user}'")).await.unwrap();
        let seen = one::<String>(
            &root,
            "select concat_ws(' ', (select string_agg(email, ',') from crm_contacts), (select string_agg(subject, ',') from ai_memories))",
        )
        .await;
        root.batch_execute("reset role").await.unwrap();
        seen
    };
    assert_eq!(seen("00000000-0000-4000-8000-0000000000aa").await, "mine allan");
    assert_eq!(seen("00000000-0000-4000-8000-0000000000bb").await, "bob");
    assert_eq!(seen("").await, "");
    assert_eq!(one::<i64>(&client, "select count(*) from crm_contacts").await, 2, "the owner sees all");
    root.batch_execute(&format!("drop owned by {role}; drop role {role}")).await.unwrap();
}

#[tokio::test]
async fn smart_robbie_becomes_part_of_unified_with_all_its_rows() {
    let test = support::bare_pair().await;
    let mut master = support::connect(&test.master).await;
    let mut replica = support::connect(&test.replica).await;
    run(&master, &files("main-aurora")).await;
    master.batch_execute(AURORA_ROWS).await.unwrap();
    master.batch_execute("delete from robbie_personality_state").await.unwrap();
    for shape in [include_str!("deployed/smart-robbie.sql"), include_str!("deployed/pending-sync-nine.sql")] {
        replica.batch_execute(shape).await.unwrap();
    }
    replica
        .batch_execute(
            "insert into code_blocks (file_path, language, content, session_id) values ('a.rs', 'rust', 'fn a() {}', 's1');
             delete from pending_sync",
        )
        .await
        .unwrap();
    migrate(&mut master, Side::Master).await.unwrap();
    migrate(&mut replica, Side::Replica).await.unwrap();
    let tables = ["code_conversations", "code_messages", "code_blocks", "learned_patterns", "robbie_personality_state"];
    for table in tables {
        let queue = format!(
            "insert into pending_sync (table_name, operation, data) select '{table}', 'INSERT', to_jsonb(t) from {table} t"
        );
        assert!(replica.execute(&queue, &[]).await.unwrap() > 0, "{table} was empty: the test would show nothing");
    }
    let report = sync::cycle(&test.pair(), CycleOptions::default()).await.unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);

    for table in tables {
        let ids = format!("select id::text from {table}");
        assert_eq!(names(&master, &ids).await, names(&replica, &ids).await, "{table}");
    }
    let owners = "select distinct user_id from code_conversations union select user_id from learned_patterns";
    assert_eq!(names(&master, owners).await, ["00000000-0000-4000-8000-0000000000aa"], "allan, by the mapping");
    let both = "select bool_and(gandhi_genghis = gandhi_genghis_level and attraction = attraction_level)
                  from robbie_personality_state";
    assert!(one::<bool>(&master, both).await, "the short personality has the full names too");
    let left = "select count(*) from pending_sync where synced_at is null";
    assert_eq!(one::<i64>(&replica, left).await, 0);
}
