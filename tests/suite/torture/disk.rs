//! The disk of a side is full: what was under way is rolled back, nothing is lost or done twice, and when there is space again
//! the engine goes on by itself.
//!
//! The databases of both sides lie in tablespaces on disks of a few MiB (tmpfs), which are really filled: PostgreSQL meets the
//! kernel's ENOSPC where it extends a table, an index or a temporary table. The log (`pg_wal`) is not on these disks: a full one
//! there ends the whole server, and that is what the test of the kills is about. A small disk is mounted in a namespace of the servers'
//! own, which root may make, and others where the system lets them have user namespaces; where neither is so (most containers) this
//! test says so and ends, and what remains is the test in `sync/faults.rs`, where a trigger gives the same code.

use super::account::Account;
use super::{Draw, seed, size};
use crate::support;
use crate::sync::fixture::{Fixture, count, text};
use nix::unistd::{getgid, getuid};
use robbie_console::embedded::{self, Options, progress};
use robbie_console::postgres::{Fault, Side};
use robbie_console::sync::{self, CycleOptions, CycleReport};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Client;

const SIDES: [Side; 2] = [Side::Master, Side::Replica];
const DISK: &str = "96m";
const MANY: i64 = 400;

/// What the engine is doing when the disk is full.
#[derive(Clone, Copy, Debug)]
enum During {
    Push,
    Settling,
    Pull,
    /// Both at once, while the application goes on writing here as well as it can.
    Writing(Side),
}

const CASES: [During; 5] =
    [During::Push, During::Settling, During::Pull, During::Writing(Side::Replica), During::Writing(Side::Master)];

/// Starts servers that see two small disks in `folder`; false where this machine does not allow it.
fn start_on_small_disks(folder: &Path, home: &embedded::Home) -> bool {
    let owner = home.account().map_or_else(|| (getuid().as_raw(), getgid().as_raw()), |a| (a.uid, a.gid));
    let mounts: Vec<String> = SIDES
        .map(|side| {
            let place = folder.join(format!("disk-{side}"));
            std::fs::create_dir(&place).unwrap();
            format!(
                "mount -t tmpfs -o size={DISK},mode=700,uid={},gid={} tmpfs '{}'",
                owner.0,
                owner.1,
                place.display()
            )
        })
        .into();
    let mut unshare = Command::new("unshare");
    if !getuid().is_root() {
        unshare.args(["--user", "--map-current-user", "--keep-caps"]);
    }
    let robbie = support::command(folder);
    unshare.args(["--mount", "sh", "-c", &format!("{} && exec \"$0\" embedded start", mounts.join(" && "))]);
    unshare.arg(robbie.get_program()).env_clear().stdin(Stdio::null()).stdout(Stdio::null());
    unshare.envs(robbie.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let started = unshare.output();
    if let Ok(output) = &started {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    }
    started.is_ok_and(|output| output.status.success())
}

/// The disk of a side.
struct Disk {
    side: Side,
    root: Client,
    place: String,
}

impl Disk {
    /// Fills it but for about so many bytes.
    async fn fill(&self, spare: u64) {
        self.write("spare", spare / 8192).await.unwrap();
        let full = self.write("ballast", 1 << 20).await.unwrap_err();
        assert_eq!(full.code().map(tokio_postgres::error::SqlState::code), Some("53100"));
        self.write("spare", 0).await.unwrap();
    }
    async fn empty(&self) {
        self.write("ballast", 0).await.unwrap();
    }
    /// Has the server write a file of so many blocks.
    async fn write(&self, name: &str, blocks: u64) -> Result<(), tokio_postgres::Error> {
        let rows = format!("select repeat('x', 8191) from generate_series(1, {blocks})");
        self.root.batch_execute(&format!("copy ({rows}) to '{}/{name}'", self.place)).await
    }
}

/// Whether a cycle met the full disk of a side, and said so in a way that can be acted on.
fn told(done: &Result<CycleReport, Fault>, side: Side, context: &str) -> bool {
    let said = match done {
        Ok(report) => report.faults.join("; "),
        Err(fault) => fault.told(),
    };
    if !said.is_empty() {
        let well = said.starts_with(&side.to_string()) && said.contains("[53100]") && said.contains("disk is full");
        assert!(well, "{context}: {said}");
    }
    !said.is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_on_either_side_loses_nothing() {
    let seed = seed();
    let mut draw = Draw::new(seed);
    let folder = support::folder();
    let home = support::home_in(folder.path());
    if !start_on_small_disks(folder.path(), &home) {
        eprintln!("not tested: no small disk can be mounted here");
        return;
    }
    let options = Options { fsync: false, watchdog: Some(support::robbie().into()), ..Options::default() };
    let servers = embedded::start(home, options, Arc::new(progress::silent)).await.unwrap();
    let mut disks = vec![];
    for side in SIDES {
        let mut target = servers.superuser(side).unwrap();
        target.config.dbname("postgres");
        let root = support::connect(&target).await;
        let place = folder.path().join(format!("disk-{side}")).display().to_string();
        for statement in [
            "alter system set fsync = off".to_owned(),
            "select pg_reload_conf()".to_owned(),
            format!("create tablespace small location '{place}'"),
        ] {
            root.batch_execute(&statement).await.unwrap();
        }
        disks.push(Disk { side, root, place });
    }
    let [master, replica] = &disks[..] else { unreachable!() };
    for turn in 0..size(1, 20) {
        let test = support::pair_on(&servers).await;
        for disk in &disks {
            let name = test.target(disk.side).config.get_dbname().unwrap();
            disk.root.batch_execute(&format!("alter database {name} set tablespace small")).await.unwrap();
        }
        let mut account = Account::new(Fixture::with(test).await).await;
        for client in [&account.f.master, &account.f.replica] {
            // What is looked at here is sorted in memory.
            client.batch_execute("set work_mem = '64MB'").await.unwrap();
        }
        for during in CASES {
            let spare = draw.below(3) * draw.below(100_000);
            let context = format!("seed {seed}, turn {turn}: {during:?}, {spare} bytes left");
            let full = if matches!(during, During::Push | During::Writing(Side::Master)) { master } else { replica };
            once(&mut account, &mut draw, during, (full, spare), &context).await;
        }
    }
    servers.stop().await.unwrap();
}

async fn once(account: &mut Account, draw: &mut Draw, during: During, (full, spare): (&Disk, u64), context: &str) {
    // More than what is left holds.
    let name = uuid::Uuid::new_v4().simple();
    if matches!(during, During::Pull) {
        many(&account.f.master, &format!("r{name}"), false).await;
    } else {
        many(&account.f.replica, &format!("l{name}"), true).await;
    }
    account.write_here(draw, 5).await;
    account.write_there(draw, 5).await;
    full.fill(spare).await;
    let mut met = false;
    for _ in 0..3 {
        if let During::Writing(_) = during {
            for _ in 0..5 {
                // The disk is full for the application too: what it could not write, it did not write.
                for written in [account.try_here(draw, 1).await, account.try_there(draw, 1).await] {
                    let code = written.err().and_then(|e| e.code().map(|c| c.code().to_owned()));
                    assert!(code.as_deref().is_none_or(|c| c == "53100"), "{context}: {code:?}");
                }
            }
        }
        met |= told(&sync::cycle(&account.f.pair, CycleOptions::default()).await, full.side, context);
    }
    assert!(met, "{context}: nobody met it");
    nobody_is_blamed(account, context).await;
    if matches!(during, During::Settling) {
        let applied = count(&account.f.master, &format!("code_messages where content like 'l{name}%'")).await;
        let noted = count(&account.f.replica, "pending_sync where synced_at is null").await;
        // Some of them were deleted again.
        assert!(applied >= MANY - 5 && noted >= MANY, "{context}: {applied} applied, {noted} not noted");
    }
    full.empty().await;
    account.settle(Duration::from_mins(1), context).await;
    account.audit(context).await;
}

/// Some megabytes of new messages, with their entries where this is the replica.
async fn many(client: &Client, name: &str, queued: bool) {
    let chat = "(select id from code_conversations order by id limit 1)";
    let rows = format!(
        "insert into code_messages (conversation_id, role, content)
         select {chat}, 'user', '{name}-' || n || repeat(' ' || md5(n::text), 40) from generate_series(1, {MANY}) n returning *"
    );
    let entries = "insert into pending_sync (table_name, operation, data)
                   select 'code_messages', 'INSERT', to_jsonb(w) - 'embedding' from w";
    let sql = if queued { format!("with w as ({rows}) {entries}") } else { rows };
    client.batch_execute(&sql).await.unwrap();
}

/// A full disk is no failure of an entry: none is counted, none waits longer for it.
async fn nobody_is_blamed(account: &Account, context: &str) {
    let blamed = "select string_agg(distinct concat_ws(' ', e.state, e.verdict, e.sqlstate, p.error), '; ')
        from robbie_sync.entry e join pending_sync p on p.id = e.entry_id
        where e.sqlstate like '53%' or p.error like '%53100%' or (p.retry_count > 0 and p.synced_at is null)";
    assert_eq!(text(&account.f.replica, blamed).await, "", "{context}");
}
