//! The master fails over to a streaming standby: the engine follows a URL with several hosts to whichever takes writes.

use crate::support;
use crate::sync::fixture::{Fixture, count, text, until};
use robbie_console::embedded::account::{give, run_as};
use robbie_console::embedded::{self, Home, Installation, Options, Servers, progress};
use robbie_console::postgres::{Pair, Side, Target};
use robbie_console::settings::Environment;
use robbie_console::sync::{Engine, EngineOptions};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_postgres::Client;
use uuid::Uuid;

const PORT: u16 = 5434;

/// A master with a standby, and a replica.
struct Availability {
    f: Fixture,
    standby: Child,
    home: Home,
    _servers: Servers,
    _folder: support::Folder,
    _data: TempDir,
}

impl Drop for Availability {
    fn drop(&mut self) {
        let _ = self.standby.kill();
        let _ = self.standby.wait();
    }
}

impl Availability {
    async fn new() -> Self {
        let folder = support::folder();
        let home = support::home_in(folder.path());
        let options = Options { fsync: false, watchdog: Some(support::robbie().into()), ..Options::default() };
        let servers = embedded::start(home.clone(), options, Arc::new(progress::silent)).await.unwrap();
        let home = servers.home().clone();
        let f = Fixture::with(support::pair_on(&servers).await).await;
        let data = tempfile::Builder::new().prefix("standby-").tempdir_in("/tmp").unwrap();
        give(data.path(), home.account()).unwrap();
        let standby = start_standby(&home, &f.test.superuser(Side::Master), data.path().join("data"));
        let this = Self { f, standby, home, _servers: servers, _folder: folder, _data: data };
        let since = Instant::now();
        while this.on_standby_if_up().await.is_none() {
            assert!(since.elapsed() < Duration::from_mins(1), "the standby does not come up");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        this
    }
    /// The URL of both servers: whichever takes writes.
    fn url(&self) -> String {
        let config = &self.f.test.master.config;
        let sockets = self.home.sockets().display().to_string();
        format!(
            "postgresql://{}:{}@/{}?host={sockets},{sockets}&port={},{PORT}&target_session_attrs=read-write",
            config.get_user().unwrap(),
            String::from_utf8_lossy(config.get_password().unwrap()),
            config.get_dbname().unwrap(),
            config.get_ports()[0],
        )
    }
    fn pair(&self) -> Pair {
        let master = Target::from_dsn(Side::Master, "master", &self.url(), &Environment::of_process()).unwrap();
        Pair::new(master, self.f.test.replica.clone())
    }
    fn standby_as(&self, mut target: Target) -> Target {
        let config = target.config.clone();
        target.config = tokio_postgres::Config::new();
        target.config.host_path(self.home.sockets()).port(PORT).dbname(config.get_dbname().unwrap());
        target.config.user(config.get_user().unwrap()).password(config.get_password().unwrap());
        target
    }
    async fn on_standby_if_up(&self) -> Option<Client> {
        let target = self.standby_as(self.f.test.superuser(Side::Master));
        let (client, connection) = target.config.connect(tokio_postgres::NoTls).await.ok()?;
        drop((client, connection));
        Some(support::connect(&target).await)
    }
    /// All is taken, and the primary was told.
    async fn at_rest(&self) {
        let cursor = "select snapshot::text from robbie_sync.cursor";
        let since = Instant::now();
        loop {
            let told = text(&self.f.master, "select snapshot::text from robbie_sync.node").await;
            let newer = format!("robbie_sync.changelog where not pg_visible_in_snapshot(xid, '{told}'::pg_snapshot)");
            if text(&self.f.replica, cursor).await == told && count(&self.f.master, &newer).await == 0 {
                return;
            }
            assert!(since.elapsed() < Duration::from_mins(1), "the engine does not come to rest");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    /// Everything that the primary has is on the standby too.
    async fn caught_up(&self) {
        let root = support::connect(&self.f.test.superuser(Side::Master)).await;
        until(&root, "(select coalesce(bool_and(replay_lsn >= pg_current_wal_lsn()), false) from pg_stat_replication)")
            .await;
    }
    /// The standby receives nothing any more: what is written now will be lost.
    async fn cut_off(&self) {
        self.caught_up().await;
        let standby = self.on_standby_if_up().await.unwrap();
        standby.batch_execute("alter system set primary_conninfo = ''").await.unwrap();
        standby.batch_execute("select pg_reload_conf()").await.unwrap();
        let root = support::connect(&self.f.test.superuser(Side::Master)).await;
        until(&root, "not exists (select from pg_stat_replication)").await;
    }
    /// The primary is gone for good; a session of the ordinary role on the new one.
    async fn fail_over(&self) -> Client {
        let cluster = embedded::Cluster::of(&self.home, Side::Master);
        cluster.stop_at_once();
        let standby = self.on_standby_if_up().await.unwrap();
        standby.batch_execute("select pg_promote()").await.unwrap();
        until(&standby, "not pg_is_in_recovery()").await;
        support::connect(&self.standby_as(self.f.test.master.clone())).await
    }
}

fn start_standby(home: &Home, primary: &Target, data: PathBuf) -> Child {
    let installation = Installation::find_or_fetch(&support::user_home(), &progress::silent).unwrap();
    let password = String::from_utf8_lossy(primary.config.get_password().unwrap()).into_owned();
    let command = |name: &str| {
        let mut command = Command::new(installation.program(name));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir("/tmp");
        run_as(&mut command, home.account());
        command
    };
    let output = command("pg_basebackup")
        .arg("-D")
        .arg(&data)
        .args(["-R", "--wal-method=stream", "--checkpoint=fast", "--no-sync", "--username"])
        .arg(primary.config.get_user().unwrap())
        .arg("--host")
        .arg(home.sockets())
        .arg("--port")
        .arg(primary.config.get_ports()[0].to_string())
        .env("PGPASSWORD", password)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut server = command("postgres");
    server.arg("-D").arg(data);
    for setting in [
        "listen_addresses=".to_owned(),
        format!("unix_socket_directories={}", home.sockets().display()),
        format!("port={PORT}"),
        "shared_buffers=32MB".into(),
        "dynamic_shared_memory_type=mmap".into(),
        "fsync=off".into(),
        "full_page_writes=off".into(),
        "wal_retrieve_retry_interval=200ms".into(),
    ] {
        server.arg("-c").arg(setting);
    }
    server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn every_second() -> EngineOptions {
    EngineOptions { interval: Duration::from_secs(1), ..EngineOptions::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_goes_on_against_a_promoted_standby_that_lost_nothing() {
    let ha = Availability::new().await;
    let f = &ha.f;
    let engine = Engine::start(ha.pair(), every_second());
    let id = Uuid::new_v4();
    f.conversation(id, "before").await;
    f.messages(id, 20).await;
    f.master.batch_execute("insert into code_conversations (session_id, title) values ('s', 'theirs')").await.unwrap();
    until(&f.replica, "(select count(*) from code_conversations) = 2").await;
    until(&f.replica, "not exists (select from pending_sync where synced_at is null)").await;
    ha.at_rest().await;
    ha.caught_up().await;
    let promoted = ha.fail_over().await;
    assert_eq!(count(&promoted, "robbie_sync.applied").await, 21);

    f.conversation(Uuid::new_v4(), "after, here").await;
    promoted.execute("update code_conversations set title = 'after, there' where id = $1", &[&id]).await.unwrap();
    until(&promoted, "exists (select from code_conversations where title = 'after, here')").await;
    until(&f.replica, "exists (select from code_conversations where title = 'after, there')").await;
    until(&f.replica, "not exists (select from pending_sync where synced_at is null)").await;
    assert_eq!(count(&promoted, "robbie_sync.applied").await, 22);
    assert_eq!(count(&promoted, "code_messages").await, 20);
    assert_eq!(count(&promoted, "robbie_sync.conflict").await, 0);
    // The run is written when its cycle ends.
    until(&f.replica, "exists (select from robbie_sync.run where reason like 'the master failed over; it has all%')")
        .await;
    assert_eq!(count(&f.replica, "robbie_sync.run where reason like '%restored%'").await, 0);
    assert_eq!(count(&f.replica, "robbie_sync.deferred").await, 0);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_promoted_standby_had_not_received_is_sent_again_and_nothing_is_overwritten() {
    let ha = Availability::new().await;
    let f = &ha.f;
    let engine = Engine::start(ha.pair(), every_second());
    let id = Uuid::new_v4();
    f.conversation(id, "before").await;
    f.messages(id, 5).await;
    until(&f.replica, "(select count(*) from pending_sync where synced_at is not null) = 6").await;
    until(&f.replica, "exists (select from robbie_sync.cursor)").await;
    ha.cut_off().await;
    // The lost tail: sent from here, and written there and taken here.
    f.messages(id, 30).await;
    f.replica.execute("update code_conversations set title = 'ours' where id = $1", &[&id]).await.unwrap();
    f.queue("code_conversations", "UPDATE", &format!(r#"{{"id":"{id}","title":"ours"}}"#)).await;
    f.master.batch_execute("insert into code_conversations (session_id, title) values ('s', 'theirs')").await.unwrap();
    until(&f.replica, "exists (select from code_conversations where title = 'theirs')").await;
    until(&f.replica, "not exists (select from pending_sync where synced_at is null)").await;
    assert_eq!(count(&f.master, "robbie_sync.applied").await, 37);

    let promoted = ha.fail_over().await;
    assert_eq!(count(&promoted, "robbie_sync.applied").await, 6);
    promoted.batch_execute("insert into code_conversations (session_id, title) values ('s', 'new')").await.unwrap();
    until(&promoted, "(select count(*) from robbie_sync.applied) = 37").await;
    until(&f.replica, "exists (select from code_conversations where title = 'new')").await;
    until(&f.replica, "not exists (select from pending_sync where synced_at is null)").await;
    assert_eq!(count(&promoted, "code_messages").await, 35);
    let titles = "select string_agg(title, ', ' order by title) from code_conversations";
    assert_eq!(text(&promoted, titles).await, "new, ours");
    // What others had written and only this side still has is not taken away.
    assert_eq!(text(&f.replica, titles).await, "new, ours, theirs");
    assert_eq!(count(&promoted, "robbie_sync.conflict").await, 0);
    until(&f.replica, "exists (select from robbie_sync.run where reason like '%or failed over too early%')").await;
    engine.stop().await;
}
