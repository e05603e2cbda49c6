//! Fresh databases on the servers of the suite.

use super::proxy::{Proxy, Upstream};
use super::servers;
use robbie_console::embedded::{Cluster, Home, Servers};
use robbie_console::postgres::{Link, Pair, Side, Target};
use robbie_console::schema::{self, Mode, Schema};
use robbie_console::settings::Environment;
use std::sync::Arc;
use tokio::sync::OnceCell;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, NoTls};

/// Two fresh databases, dropped with this.
pub struct TestPair {
    /// The master's.
    pub master: Target,
    /// The replica's.
    pub replica: Target,
    home: Home,
}

impl TestPair {
    /// The pair as the engine takes it; each call gives links of their own.
    pub fn pair(&self) -> Pair {
        let link = |target: &Target| Arc::new(Link::new(target.clone()));
        Pair { master: link(&self.master), replica: link(&self.replica) }
    }
    /// The database of a side.
    pub fn target(&self, side: Side) -> &Target {
        match side {
            Side::Master => &self.master,
            Side::Replica => &self.replica,
        }
    }
    /// The database of a side as a URL, for the command line.
    pub fn url(&self, side: Side) -> String {
        let config = &self.target(side).config;
        let [Host::Unix(folder)] = config.get_hosts() else { panic!("the suite's servers are reached by socket") };
        self.url_at(side, &folder.display().to_string(), config.get_ports()[0])
    }
    /// The database of a side as a URL, by another way to its server.
    pub fn url_at(&self, side: Side, host: &str, port: u16) -> String {
        let config = &self.target(side).config;
        format!(
            "postgresql://{}:{}@/{}?host={host}&port={port}",
            config.get_user().unwrap(),
            String::from_utf8_lossy(config.get_password().unwrap()),
            config.get_dbname().unwrap(),
        )
    }
    /// A proxy before the server of a side, and the database of that side through it.
    pub async fn behind_proxy(&self, side: Side) -> (Proxy, Target) {
        let mut target = self.target(side).clone();
        let [Host::Unix(folder)] = target.config.get_hosts() else {
            panic!("the suite's servers are reached by socket")
        };
        let socket = folder.join(format!(".s.PGSQL.{}", target.config.get_ports()[0]));
        let proxy = Proxy::start(Upstream::Unix(socket)).await;
        let url = self.url_at(side, "127.0.0.1", proxy.port());
        target = Target::from_dsn(side, &target.name, &url, &Environment::default()).unwrap();
        (proxy, target)
    }
    /// The database of a side, as the superuser.
    pub fn superuser(&self, side: Side) -> Target {
        let mut target = superuser(&self.home, side);
        target.config.dbname(self.target(side).config.get_dbname().unwrap());
        target
    }
}

impl Drop for TestPair {
    fn drop(&mut self) {
        let drops = [Side::Master, Side::Replica].map(|side| {
            let name = self.target(side).config.get_dbname().unwrap().to_owned();
            (superuser(&self.home, side), format!("drop database if exists {name} with (force)"))
        });
        // The test's own runtime is ending, and must not be waited on from inside. What fails here is removed with
        // the servers.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                for (target, statement) in drops {
                    if let Ok((client, connection)) = target.config.connect(NoTls).await {
                        let _ = tokio::select! {
                            done = client.batch_execute(&statement) => done,
                            ended = connection => ended,
                        };
                    }
                }
            });
        });
        let _ = dropping.join();
    }
}

/// Two databases with nothing in them but pgvector, owned by the ordinary role.
pub async fn bare_pair() -> TestPair {
    let servers = servers();
    let (master, replica) =
        tokio::join!(create(servers, Side::Master, "template1"), create(servers, Side::Replica, "template1"));
    TestPair { master, replica, home: servers.home().clone() }
}

/// Two databases with all migrations applied: the unified schema on the master, Smart Robbie on the replica.
///
/// They are copies of databases that are migrated once in a run.
pub async fn pair() -> TestPair {
    static TEMPLATES: OnceCell<(String, String)> = OnceCell::const_new();
    let servers = servers();
    let names = async || {
        let (master, replica) = tokio::join!(migrated(servers, Side::Master), migrated(servers, Side::Replica));
        (master.database().to_owned(), replica.database().to_owned())
    };
    let (master, replica) = TEMPLATES.get_or_init(names).await;
    let (master, replica) =
        tokio::join!(create(servers, Side::Master, master), create(servers, Side::Replica, replica));
    TestPair { master, replica, home: servers.home().clone() }
}

/// Two databases with all migrations applied on servers of the test's own.
pub async fn pair_on(servers: &Servers) -> TestPair {
    let (master, replica) = tokio::join!(migrated(servers, Side::Master), migrated(servers, Side::Replica));
    TestPair { master, replica, home: servers.home().clone() }
}

/// Creates a database with all migrations applied. Nobody is connected to it.
async fn migrated(servers: &Servers, side: Side) -> Target {
    let target = create(servers, side, "template1").await;
    let (mut client, connection) = target.config.connect(NoTls).await.unwrap();
    let migration = async move {
        schema::migrate(&mut client, side, Schema::of(side), Mode::Apply)
            .await
            .unwrap_or_else(|fault| panic!("{fault}: {fault:?}"));
        // Dropped here: a database that somebody is connected to cannot be copied.
    };
    let ((), ended) = tokio::join!(migration, connection);
    ended.unwrap();
    target
}

/// Creates a database on the server of `side` as a copy of `template`.
async fn create(servers: &Servers, side: Side, template: &str) -> Target {
    let name = format!("t_{}", uuid::Uuid::new_v4().simple());
    let client = connect(&superuser(servers.home(), side)).await;
    let statement = format!("create database {name} template {template} owner robbie strategy wal_log");
    client.batch_execute(&statement).await.unwrap();
    let mut target = if side == Side::Master { servers.master.clone() } else { servers.replica.clone() };
    target.config.dbname(&name);
    target
}

/// The server of a side, as the superuser and in a database that is nobody's template.
fn superuser(home: &Home, side: Side) -> Target {
    let mut target = Cluster::of(home, side).superuser().unwrap();
    target.config.dbname("postgres");
    target
}

/// A session on a database; it ends when the client is dropped.
#[expect(clippy::disallowed_methods, reason = "the connection ends with its client, and at the latest with the test")]
pub async fn connect(target: &Target) -> Client {
    let (client, connection) = target.config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
