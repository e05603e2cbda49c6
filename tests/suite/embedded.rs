//! The embedded servers as the rest of the suite and a user at the command line meet them.

mod lifetime;

use crate::support;
use robbie_console::embedded::Cluster;
use robbie_console::postgres::Side;
use serde_json::Value;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Output;
use tokio_postgres::NoTls;

const SIDES: [Side; 2] = [Side::Master, Side::Replica];

#[tokio::test]
async fn a_bare_pair_has_vectors_and_an_ordinary_role() {
    let test = support::bare_pair().await;
    for side in SIDES {
        let client = support::connect(test.target(side)).await;
        let query = "select '[1,2]'::vector <-> '[1,4]'::vector, rolsuper, current_user::text
                       from pg_roles where rolname = current_user";
        let row = client.query_one(query, &[]).await.unwrap();
        assert!((row.get::<_, f64>(0) - 2.0).abs() < 1e-9);
        assert!(!row.get::<_, bool>(1));
        assert_eq!(row.get::<_, &str>(2), "robbie");
        client.batch_execute("create table t (id int)").await.unwrap();
        let root = support::connect(&test.superuser(side)).await;
        let query = "select (select count(*) from t), rolsuper from pg_roles where rolname = current_user";
        let row = root.query_one(query, &[]).await.unwrap();
        assert_eq!((row.get::<_, i64>(0), row.get::<_, bool>(1)), (0, true));
    }
}

#[tokio::test]
async fn a_migrated_pair_is_fresh_each_time() {
    let first = support::pair().await;
    let replica = support::connect(&first.replica).await;
    replica.batch_execute("create table mine (id int)").await.unwrap();
    let second = support::pair().await;
    let found = "select to_regclass('mine') is null, to_regclass('robbie_sync.entry') is not null";
    let row = support::connect(&second.replica).await.query_one(found, &[]).await.unwrap();
    assert_eq!((row.get::<_, bool>(0), row.get::<_, bool>(1)), (true, true));
    let found = "select to_regclass('robbie_sync.changelog') is not null";
    let row = support::connect(&second.master).await.query_one(found, &[]).await.unwrap();
    assert!(row.get::<_, bool>(0));
}

#[tokio::test]
async fn nobody_else_is_let_in() {
    let test = support::bare_pair().await;
    for side in SIDES {
        let client = support::connect(&test.superuser(side)).await;
        let setting = async |name: &str| -> String {
            client.query_one("select current_setting($1)", &[&name]).await.unwrap().get(0)
        };
        assert_eq!(setting("listen_addresses").await, "");
        assert_eq!(setting("unix_socket_permissions").await, "0700");
        let trusted = "select count(*) from pg_hba_file_rules where auth_method <> 'scram-sha-256'";
        assert_eq!(client.query_one(trusted, &[]).await.unwrap().get::<_, i64>(0), 0);

        let mut wrong = test.target(side).config.clone();
        wrong.password("wrong");
        let refused = wrong.connect(NoTls).await.err().unwrap();
        assert_eq!(refused.code().unwrap().code(), "28P01");

        let home = support::servers().home();
        let mode = |path: &Path| path.metadata().unwrap().mode() & 0o7777;
        assert_eq!(mode(&home.sockets()), 0o700);
        assert_eq!(mode(&home.data(side)), 0o700);
        assert_eq!(mode(&home.passwords(side)), 0o600);
        assert_eq!(mode(home.passwords(side).parent().unwrap()), 0o700);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(home: &Path, arguments: &[&str]) -> Output {
    support::command(home).args(["embedded"]).args(arguments).output().unwrap()
}

#[test]
fn the_commands_start_find_again_stop_and_destroy() {
    let folder = support::folder();
    let run = |arguments: &[&str]| run(folder.path(), arguments);
    let status = |arguments: &[&str]| -> Value { serde_json::from_slice(&run(arguments).stdout).unwrap() };
    assert_eq!(status(&["status", "--json"])["servers"][0]["state"], "absent");
    let refused = run(&["psql", "master"]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));

    let started = status(&["start", "--json"]);
    assert_eq!(started["servers"][0]["state"], "running", "{started:#}");
    assert_eq!(started["servers"][1]["state"], "running");
    assert_eq!(started["keep"], true);
    let made = run(&["psql", "replica", "--", "-Xqc", "create table kept as select 42 as answer"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert_eq!(run(&["psql", "master", "--", "-Xqc", "syntax error"]).status.code(), Some(1));
    // A second start joins what runs.
    assert_eq!(status(&["start", "--json"])["servers"], started["servers"]);

    let stopped = run(&["stop"]);
    assert_eq!((stopped.status.code(), text(&stopped.stdout)), (Some(0), "stopped\n".into()));
    let states = status(&["status", "--json"]);
    assert_eq!(
        (&states["servers"][0]["state"], &states["servers"][1]["state"]),
        (&"stopped".into(), &"stopped".into())
    );
    assert!(states["servers"][0]["pid"].is_null());
    let again = status(&["start", "--json"]);
    assert_eq!(again["servers"][1]["state"], "running", "{again:#}");
    let found = run(&["psql", "replica", "--", "-XAtc", "table kept"]);
    assert_eq!((text(&found.stdout), text(&found.stderr)), ("42\n".into(), String::new()));
    let user = run(&["psql", "master", "--superuser", "--", "-XAtc", "select current_user, current_database()"]);
    assert_eq!(text(&user.stdout), "postgres|aurora_unified\n");

    let asked = run(&["destroy"]);
    assert_eq!(asked.status.code(), Some(2));
    assert!(text(&asked.stderr).contains("destroy --yes"));
    assert!(run(&["destroy", "--yes"]).status.success());
    let left = status(&["status", "--json"]);
    assert_eq!((&left["servers"][0]["state"], &left["servers"][1]["state"]), (&"absent".into(), &"absent".into()));
    let home = support::home_in(folder.path());
    assert!(SIDES.iter().all(|&side| Cluster::of(&home, side).processes().is_empty()));
    assert!(!home.sockets().exists());
}

#[test]
fn a_machine_with_nothing_is_told_once_what_to_install() {
    let folder = support::folder();
    let home = folder.path().join("home");
    let mut command = support::command(&home);
    // No Python on this path. Where the system's own PostgreSQL has pgvector, it is used, and nothing is to be told.
    command.env_remove("ROBBIE_PG_BINDIR").env("PATH", folder.path()).args(["embedded", "start"]);
    let output = command.output().unwrap();
    if output.status.success() {
        assert!(run(&home, &["destroy", "--yes"]).status.success());
        return;
    }
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert_eq!(told.matches("robbie: ").count(), 1, "{told}");
    for command in ["sudo apt install python3-pip", "sudo dnf install python3-pip", "brew install python"] {
        assert!(told.contains(command), "{told}");
    }
}

#[test]
fn a_socket_folder_prepared_by_somebody_else_is_refused() {
    let folder = support::folder();
    let home = support::home_in(folder.path());
    // As another user would prepare it: anybody may enter.
    std::fs::create_dir(home.sockets()).unwrap();
    std::fs::set_permissions(home.sockets(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let output = run(folder.path(), &["start"]);
    std::fs::remove_dir(home.sockets()).unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("open to others") || told.contains("belongs to user"), "{told}");
    assert!(SIDES.iter().all(|&side| Cluster::of(&home, side).processes().is_empty()));
}
