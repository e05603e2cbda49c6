//! Structural differences, proven by their SQL: run on the first, it makes it like the second.

use super::{bare, support};
use robbie_console::postgres::Side;
use robbie_console::schema::{self, Database, Difference};
use tokio_postgres::Client;

const FIRST: &str = "
    create table same (id uuid primary key, v text);
    create table old (id int);
    create table deals (id int, amount numeric(12,2) default 1, note varchar(20) not null, gone text, big int);
    create index deals_by_note on deals (note);
    create function f(a int) returns int language sql as 'select a';
    create function unused() returns int language sql as 'select 1';";

const SECOND: &str = "
    create table same (id uuid primary key, v text);
    create schema other;
    create table other.\"Odd \"\"name\" (\"a b\" int generated always as identity primary key);
    create table parents (id serial primary key, twice int generated always as (1 + 1) stored, name text unique);
    create table deals (id int primary key, amount numeric(14,2) default 2, note varchar(20), big bigint,
        parent int references parents on delete cascade, check (amount > 0), unique (note, big));
    create index deals_by_amount on deals (amount) where amount > 10;
    create function f(a int) returns int language sql as 'select a + 1';
    create function touch() returns trigger language plpgsql as 'begin return new; end';
    create trigger touched before update on deals for each row execute function touch();";

async fn read(client: &Client, name: &str) -> Database {
    Database::read(client, Side::Master, name).await.unwrap()
}

fn told(differences: &[Difference]) -> Vec<String> {
    let cell = |side: &Option<String>| side.clone().unwrap_or_else(|| "–".to_owned());
    differences
        .iter()
        .map(|d| format!("{} {}: {} → {}", d.part.name(), d.object, cell(&d.first), cell(&d.second)))
        .collect()
}

#[tokio::test]
async fn the_sql_of_the_differences_brings_the_first_to_the_second() {
    let (pair, first) = bare(Side::Master).await;
    let second = support::connect(&pair.replica).await;
    first.batch_execute(FIRST).await.unwrap();
    second.batch_execute(SECOND).await.unwrap();
    let (a, b) = (read(&first, "a").await, read(&second, "b").await);
    let differences = schema::diff(&a, &b);
    let told = told(&differences);
    for said in [
        "schema other: – → other",
        "table old: 1 columns → –",
        "type deals.amount: numeric(12,2) → numeric(14,2)",
        "default deals.amount: 1 → 2",
        "not null deals.note: NOT NULL → may be NULL",
        "column deals.gone: text → –",
        "primary key deals: – → id",
        "function unused(): there → –",
        "function f(a integer): AS $function$select a$function$ → AS $function$select a + 1$function$",
    ] {
        assert!(told.iter().any(|t| t == said), "{said}\n{told:#?}");
    }
    let script = schema::script(&differences);
    let taken: Vec<&str> = script.lines().filter(|l| l.starts_with("-- DROP") || l.contains("DROP COLUMN")).collect();
    assert!(taken.iter().all(|l| l.starts_with("-- ")), "what takes away is a comment: {taken:?}");

    // A person has looked, and takes all of it.
    let all = script.lines().map(|l| l.strip_prefix("-- ").filter(|l| l.ends_with(';')).unwrap_or(l));
    let all: Vec<&str> = all.filter(|l| !l.starts_with("--")).collect();
    first.batch_execute(&all.join("\n")).await.unwrap_or_else(|e| panic!("{e:?}\n{script}"));
    assert_eq!(self::told(&schema::diff(&read(&first, "a").await, &b)), [""; 0]);
    assert_eq!(schema::diff(&b, &b), []);
}
