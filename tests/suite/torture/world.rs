//! One master with several replicas, their engines and their programs, used by many sequences with fresh keys each.

use crate::support::{self, TestPair};
use robbie_console::postgres::{Fault, Pair, Side};
use robbie_console::sync::{Asked, CycleOptions, CycleReport, EngineLock, Worker};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio_postgres::Client;
use uuid::Uuid;

/// A user of the master that every replica knows as `allan`.
pub const ALLAN: &str = "aaaaaaaa-0000-4000-8000-000000000001";

/// A synced table of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Conversation,
    Message,
    Personality,
}

pub const TABLES: [Table; 3] = [Table::Conversation, Table::Message, Table::Personality];

impl Table {
    pub fn name(self) -> &'static str {
        match self {
            Self::Conversation => "code_conversations",
            Self::Message => "code_messages",
            Self::Personality => "robbie_personality_state",
        }
    }
    /// The two columns that the model writes and looks at, as text.
    pub fn columns(self) -> [&'static str; 2] {
        match self {
            Self::Conversation => ["title", "metadata ->> 't'"],
            Self::Message => ["content", "metadata ->> 't'"],
            Self::Personality => ["context ->> 't'", "gandhi_genghis_level::text"],
        }
    }
}

/// A row of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub table: Table,
    pub n: u64,
}

impl Key {
    /// Its id in a run; no two runs share one.
    pub fn id(self, run: u64) -> Uuid {
        Uuid::from_u128((u128::from(run) << 64) | ((self.table as u128) << 32) | u128::from(self.n))
    }
    pub fn of(id: Uuid) -> Self {
        let low = id.as_u64_pair().1;
        Self { table: TABLES[(low >> 32) as usize], n: low & 0xffff_ffff }
    }
}

/// The two columns of a row.
pub type Row = [Option<String>; 2];
/// The rows of a sequence as one side has them.
pub type Image = BTreeMap<Key, Row>;

/// A replica: a session of its program, and its engine.
pub struct Site {
    pub pair: Pair,
    pub client: Client,
    /// What keeps its sessions between two cycles; none after a crash.
    engine: Option<(EngineLock, Worker)>,
}

impl Site {
    /// A replica whose engine does not run yet.
    pub fn new(pair: Pair, client: Client) -> Self {
        Self { pair, client, engine: None }
    }
    /// Its engine, started if it does not run.
    async fn worker(&mut self) -> Result<&mut Worker, Fault> {
        while self.engine.is_none() {
            match EngineLock::ask(&self.pair.replica, Duration::ZERO, None).await? {
                Asked::Held(lock) => {
                    let worker = Worker::new(self.pair.clone(), &lock);
                    self.engine = Some((lock, worker));
                }
                // The sessions of a dead engine live until the server has noticed.
                Asked::Taken(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
        Ok(&mut self.engine.as_mut().expect("it was just started").1)
    }
    /// Runs a cycle.
    pub async fn cycle(&mut self, push: bool, pull: bool) -> Result<CycleReport, Fault> {
        let options = CycleOptions { push, pull, ..CycleOptions::default() };
        self.worker().await?.cycle(&options).await
    }
    /// Ends its engine.
    pub fn stop(&mut self) {
        self.engine = None;
    }
}

/// All of them.
pub struct World {
    pub master: Client,
    pub sites: Vec<Site>,
    tests: Vec<TestPair>,
}

/// On the master: every change of the two columns, whoever made it. Written in its transaction.
const AUDIT: &str = "
    create table audit (seq bigint generated always as identity, xid text, tbl text, op text, pk uuid, origin uuid, old text[], new text[]);
    create index on audit (pk);
    create function audited() returns trigger language plpgsql as $$
    declare was text[]; is_now text[];
    begin
        if tg_op <> 'INSERT' then execute format('select array[($1).%s, ($1).%s]', tg_argv[0], tg_argv[1]) into was using old; end if;
        if tg_op <> 'DELETE' then execute format('select array[($1).%s, ($1).%s]', tg_argv[0], tg_argv[1]) into is_now using new; end if;
        if was is distinct from is_now then
            insert into audit (xid, tbl, op, pk, origin, old, new)
            values (pg_current_xact_id()::text, tg_table_name, left(tg_op, 1), coalesce(old.id, new.id), robbie_sync.origin(), was, is_now);
        end if;
        return null;
    end $$;";

impl World {
    /// A master that replicas share, all of them migrated; each has pulled once.
    pub async fn new(replicas: usize) -> Self {
        let mut tests = vec![];
        for _ in 0..replicas {
            tests.push(support::pair().await);
        }
        let master = support::connect(&tests[0].master).await;
        let mut audit = AUDIT.to_owned();
        for table in TABLES {
            let [a, b] = table.columns().map(|c| c.replace('\'', "''"));
            writeln!(
                audit,
                "create trigger zz_audit after insert or update or delete on {} for each row execute function audited('{a}', '{b}');",
                table.name()
            )
            .unwrap();
        }
        master
            .batch_execute(&format!(
                "insert into users (id, username, email, password_hash) values ('{ALLAN}', 'allan', 'a@x.org', '-');
                 insert into user_id_mapping (text_id, uuid_id, service) values ('allan', '{ALLAN}', 'robbie-code');
                 alter table code_conversations alter user_id set default '{ALLAN}'; {audit}"
            ))
            .await
            .unwrap();
        let mut sites = vec![];
        for test in &tests {
            let pair = Pair { master: tests[0].pair().master, replica: test.pair().replica };
            let client = support::connect(&test.replica).await;
            // The suite's databases are copies of one: each gets an identity of its own.
            let own = "update robbie_sync.this_node set node_id = gen_random_uuid();
                       alter table code_conversations alter user_id set default 'allan'";
            client.batch_execute(own).await.unwrap();
            sites.push(Site::new(pair, client));
        }
        let mut world = Self { master, sites, tests };
        for site in 0..replicas {
            world.cycle(site, true, true).await.unwrap();
        }
        world
    }
    /// Runs a cycle of one replica's engine.
    pub async fn cycle(&mut self, site: usize, push: bool, pull: bool) -> Result<CycleReport, Fault> {
        self.sites[site].cycle(push, pull).await
    }
    /// Runs a cycle that dies after it was polled so many times: its sessions go with it, whatever they were doing.
    pub async fn crash(&mut self, site: usize, polls: u64) {
        let site = &mut self.sites[site];
        if let Ok(worker) = site.worker().await {
            let options = CycleOptions::default();
            let cycle = Box::pin(worker.cycle(&options));
            Dying { cycle, polls }.await;
        }
        site.stop();
    }
    /// Has the programs of a replica stamp rows and entries by a clock that is so much off.
    pub async fn set_clock(&self, site: usize, off: &str) {
        let stamps =
            [("pending_sync", "created_at"), ("code_messages", "created_at"), ("code_conversations", "created_at")];
        let mut sql = format!(
            "create or replace function off_clock() returns trigger language plpgsql as $$ begin
                 if coalesce(current_setting('robbie_sync.apply', true), '') <> 'on' then
                     new.updated_at := now() + interval '{off}';
                 end if;
                 return new;
             end $$;"
        );
        for (table, column) in stamps {
            write!(sql, "alter table {table} alter {column} set default now() + interval '{off}';").unwrap();
        }
        for table in ["code_conversations", "robbie_personality_state"] {
            write!(
                sql,
                "create or replace trigger zz_off_clock before insert or update on {table} for each row execute function off_clock();"
            )
            .unwrap();
        }
        self.sites[site].client.batch_execute(&sql).await.unwrap();
    }
    /// The database of the master, as the superuser.
    pub fn superuser(&self, side: Side) -> robbie_console::postgres::Target {
        self.tests[0].superuser(side)
    }
    /// Who a replica is on the master.
    pub async fn node(&self, site: usize) -> Uuid {
        self.sites[site].client.query_one("select node_id from robbie_sync.this_node", &[]).await.unwrap().get(0)
    }
}

/// A future that is dropped half-way.
struct Dying<F> {
    cycle: Pin<Box<F>>,
    polls: u64,
}

impl<F: Future> Future for Dying<F> {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.polls == 0 {
            return Poll::Ready(());
        }
        self.polls -= 1;
        self.cycle.as_mut().poll(context).map(drop)
    }
}

/// The rows of `ids` as this side has them.
pub async fn image(client: &Client, ids: &[Uuid]) -> Image {
    let parts = TABLES.map(|t| {
        let [a, b] = t.columns();
        format!("select id, {a}, {b} from {} where id = any ($1)", t.name())
    });
    let rows = client.query(&parts.join(" union all "), &[&ids]).await.unwrap();
    rows.iter().map(|r| (Key::of(r.get(0)), [r.get(1), r.get(2)])).collect()
}

/// Rows of `ids` that a replica does not follow the master in, for a reason it noted: edited, queued or put off.
pub async fn unclean(replica: &Client, ids: &[Uuid]) -> BTreeSet<Key> {
    let texts: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    let rows = replica
        .query(
            "select pk ->> 'id' from robbie_sync.base where pk ->> 'id' = any ($1)
             union select pk ->> 'id' from robbie_sync.deferred where pk ->> 'id' = any ($1)
             union select pk ->> 'id' from robbie_sync.entry where pk ->> 'id' = any ($1)
                and state in ('ready', 'inflight', 'retry', 'blocked', 'quarantined')",
            &[&texts],
        )
        .await
        .unwrap();
    rows.iter().map(|r| Key::of(r.get::<_, String>(0).parse().unwrap())).collect()
}

/// What became of an entry, as its replica notes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    pub state: String,
    pub verdict: String,
    pub blocked_on: String,
    pub settled: bool,
    pub data: String,
}

impl Noted {
    pub fn is_terminal(&self) -> bool {
        ["applied", "superseded", "conflict_resolved"].contains(&self.state.as_str())
    }
}

/// What became of entries; an entry that is not in the queue is missing.
pub async fn noted(replica: &Client, entries: &[Uuid]) -> BTreeMap<Uuid, Noted> {
    let rows = replica
        .query(
            "select p.id, coalesce(e.state, 'not noted'), coalesce(e.verdict, ''), coalesce(e.blocked_on, ''), p.synced_at is not null,
                    p.data::text
             from pending_sync p left join robbie_sync.entry e on e.entry_id = p.id where p.id = any ($1)",
            &[&entries],
        )
        .await
        .unwrap();
    rows.iter()
        .map(|r| {
            let noted =
                Noted { state: r.get(1), verdict: r.get(2), blocked_on: r.get(3), settled: r.get(4), data: r.get(5) };
            (r.get(0), noted)
        })
        .collect()
}
