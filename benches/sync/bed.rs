//! Two servers of the bench's own, and databases on them that are copies of prepared ones.

use robbie_console::embedded::{self, Cluster, Home, Installation, Options, Servers};
use robbie_console::postgres::{Pair, Side, Target};
use robbie_console::schema::{self, Mode, Schema};
use robbie_console::settings::{self, Environment};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, NoTls};

/// The program, which is also the watchdog.
pub const ROBBIE: &str = env!("CARGO_BIN_EXE_robbie");
const SIDES: [Side; 2] = [Side::Master, Side::Replica];

/// The servers, as the product starts them.
pub struct Bed {
    servers: Servers,
    made: AtomicU32,
    /// PostgreSQL's programs and version.
    pub installation: Installation,
}

/// A pair of databases.
#[derive(Clone)]
pub struct Two {
    /// The master's.
    pub master: Target,
    /// The replica's.
    pub replica: Target,
}

impl Two {
    /// As the engine takes it.
    pub fn pair(&self) -> Pair {
        Pair::new(self.master.clone(), self.replica.clone())
    }
}

impl Bed {
    /// Starts the servers in a temporary folder; they and it are gone when the bench ends, however it ends.
    pub async fn start() -> Self {
        let environment = Environment::of_process();
        let user = Home::of_user(&settings::Home::find(&environment).unwrap(), &environment).unwrap();
        let folder = std::env::temp_dir().join(format!("robbie-bench-{}", std::process::id()));
        let bindir = environment.get("ROBBIE_PG_BINDIR").map(PathBuf::from);
        let home = Home::at(&folder)
            .unwrap()
            .searching(bindir, environment.get("PATH").map(Into::into))
            .sharing_installations_of(&user);
        let installation = Installation::find_or_fetch(&home, &embedded::progress::on_stderr()).unwrap();
        let options = Options { ephemeral: true, watchdog: Some(ROBBIE.into()), ..Options::default() };
        let servers = embedded::start(home, options, Arc::new(embedded::progress::silent)).await.unwrap();
        Self { servers, made: AtomicU32::new(0), installation }
    }
    /// Stops them and removes everything.
    pub async fn stop(self) {
        self.servers.stop().await.unwrap();
    }
    /// Changes a setting of both servers and restarts them.
    pub async fn restart_with(&self, setting: &str) {
        for side in SIDES {
            self.root(side).await.batch_execute(&format!("ALTER SYSTEM SET {setting}")).await.unwrap();
            let cluster = Cluster::of(self.servers.home(), side);
            tokio::task::spawn_blocking(move || cluster.stop()).await.unwrap();
        }
        self.servers.ensure().await.unwrap();
    }
    /// A session as the superuser, in no database of the product.
    pub async fn root(&self, side: Side) -> Client {
        connect(&self.superuser(side, "postgres")).await
    }
    /// A database as the superuser sees it.
    pub fn superuser(&self, side: Side, database: &str) -> Target {
        let mut target = self.servers.superuser(side).unwrap();
        target.config.dbname(database);
        target
    }
    /// A migrated database of its own that nobody is connected to.
    pub async fn migrated(&self, side: Side) -> Target {
        let target = self.copy(side, "template1").await;
        let mut client = connect(&target).await;
        schema::migrate(&mut client, side, Schema::of(side), Mode::Apply).await.unwrap();
        close(client).await;
        target
    }
    /// A copy of a database. Files are copied, with a checkpoint before and after.
    pub async fn copy(&self, side: Side, template: &str) -> Target {
        let name = format!("b_{}", self.made.fetch_add(1, Ordering::Relaxed));
        self.root(side)
            .await
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template} OWNER robbie STRATEGY file_copy"))
            .await
            .unwrap();
        let mut target = match side {
            Side::Master => self.servers.master.clone(),
            Side::Replica => self.servers.replica.clone(),
        };
        target.config.dbname(&name);
        target
    }
    /// A copy of both databases. The copied replica has an identity of its own.
    pub async fn copy_of(&self, two: &Two) -> Two {
        let master = self.copy(Side::Master, two.master.database()).await;
        let replica = self.copy(Side::Replica, two.replica.database()).await;
        let itself = "UPDATE robbie_sync.this_node SET node_id = gen_random_uuid()";
        connect(&replica).await.batch_execute(itself).await.unwrap();
        Two { master, replica }
    }
    /// Drops a database and whoever is connected to it.
    pub async fn drop(&self, target: &Target) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", target.database());
        self.root(target.side).await.batch_execute(&statement).await.unwrap();
    }
    /// Drops both.
    pub async fn drop_both(&self, two: &Two) {
        self.drop(&two.master).await;
        self.drop(&two.replica).await;
    }
    /// Tidies a database, so that each measurement begins alike.
    pub async fn settle(&self, target: &Target) {
        let client = connect(&self.superuser(target.side, target.database())).await;
        for statement in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
            client.batch_execute(statement).await.unwrap();
        }
    }
    /// The processes of a server, for what they cost.
    pub fn processes(&self, side: Side) -> Vec<u32> {
        Cluster::of(self.servers.home(), side).processes()
    }
    /// Seconds of processor that both servers and the bench, which is the engine, have used.
    pub fn cpu(&self) -> f64 {
        cpu(&self.processes(Side::Master)) + cpu(&self.processes(Side::Replica)) + cpu(&[std::process::id()])
    }
}

/// The file of a server's socket.
pub fn socket(target: &Target) -> PathBuf {
    let [Host::Unix(folder)] = target.config.get_hosts() else { panic!("the bench's servers are reached by socket") };
    Path::new(folder).join(format!(".s.PGSQL.{}", target.config.get_ports()[0]))
}

/// A database as a URL, for a command line.
pub fn url(target: &Target) -> String {
    let config = &target.config;
    format!(
        "postgresql://{}:{}@/{}?host={}&port={}",
        config.get_user().unwrap(),
        String::from_utf8_lossy(config.get_password().unwrap()),
        target.database(),
        socket(target).parent().unwrap().display(),
        config.get_ports()[0],
    )
}

/// A session; it ends when the client is dropped.
#[expect(clippy::disallowed_methods, reason = "the connection ends with its client, and at the latest with the bench")]
pub async fn connect(target: &Target) -> Client {
    let (client, connection) = target.config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Ends a session and waits until the server has noticed: a database in use cannot be copied.
pub async fn close(client: Client) {
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    drop(client);
    while Path::new(&format!("/proc/{pid}")).exists() {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

/// A count.
pub async fn count(client: &Client, from: &str) -> u64 {
    let row = client.query_one(&format!("SELECT count(*) FROM {from}"), &[]).await.unwrap();
    row.get::<_, i64>(0) as u64
}

/// Seconds of processor that these processes and their ended children have used.
pub fn cpu(processes: &[u32]) -> f64 {
    let ticks: u64 = processes
        .iter()
        .filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok())
        .map(|stat| {
            // Behind the name, which may hold anything: user, system, children's user, children's system.
            let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(4);
            fields.filter_map(|f| f.parse::<u64>().ok()).sum::<u64>()
        })
        .sum();
    ticks as f64 / 100.0
}
