//! Sequences of everything that can happen, on two and three replicas of one master, and after each of them every
//! invariant, checked by a function of its name (`checks`). The model knows what was written where, by whom, in which
//! order, and what each replica had seen; values are unique, so that each is traced to its write.

use super::checks;
use super::steps::{self, Edit, Step, What};
use super::world::{self, Image, Key, Noted, Row, Table, World};
use super::{Draw, seed, size};
use crate::support;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use uuid::Uuid;

/// Sequences on one set of databases.
const PER_WORLD: u64 = 100;

/// An entry that a program queued.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: Uuid,
    pub site: usize,
    pub key: Key,
    pub op: &'static str,
    /// The values that only this entry's edit wrote.
    pub tokens: Vec<String>,
    /// Those it had before a person edited it.
    pub former: Vec<String>,
    pub edited: bool,
    pub baseless: bool,
}

impl Entry {
    pub fn new(id: Uuid, site: usize, key: Key, op: &'static str, tokens: Vec<String>) -> Self {
        Self { id, site, key, op, tokens, former: vec![], edited: false, baseless: false }
    }
}

/// An edit whose entry comes later.
#[derive(Clone, Debug)]
pub struct Late {
    pub site: usize,
    pub key: Key,
    pub op: &'static str,
    pub data: String,
    pub tokens: Vec<String>,
}

/// What is known of a sequence without asking the engine.
#[derive(Debug, Default)]
pub struct Model {
    pub run: u64,
    /// In the order in which they were queued.
    pub entries: Vec<Entry>,
    pub late: Vec<Late>,
    /// Entries that were given up by a person.
    pub discarded: BTreeSet<Uuid>,
    pub crashed: BTreeSet<usize>,
    pub clock_jumped: bool,
    pub added_columns: Vec<String>,
    /// The rows that programs edited, as they left them.
    pub local: BTreeMap<(usize, Key), Option<Row>>,
    /// The values that each replica has had before its eyes.
    pub seen: BTreeSet<(usize, String)>,
}

impl Model {
    /// All rows that can occur.
    pub fn ids(&self) -> Vec<Uuid> {
        let rows = [(Table::Conversation, 3), (Table::Message, 5), (Table::Personality, 2)];
        let keys = rows.into_iter().flat_map(|(table, n)| (0..n).map(move |n| Key { table, n }));
        let moved = (50..55).map(|n| Key { table: Table::Message, n });
        keys.chain(moved).map(|k| k.id(self.run)).collect()
    }
    /// A program wrote a row.
    pub fn wrote(&mut self, site: usize, key: Key) {
        self.local.insert((site, key), None);
    }
    pub fn of_site(&self, site: usize) -> Vec<Uuid> {
        self.entries.iter().filter(|e| e.site == site && !self.discarded.contains(&e.id)).map(|e| e.id).collect()
    }
    /// Notes what a replica shows.
    fn saw(&mut self, site: usize, image: &Image) {
        let values = image.values().flatten().flatten();
        self.seen.extend(values.map(|v| (site, v.clone())));
    }
    /// Whether an edit of the row is on its way: then nobody but its program may change the row there.
    pub fn is_open(&self, site: usize, key: Key, noted: &BTreeMap<Uuid, Noted>) -> bool {
        // What somebody wrote into the payload of a whole row's entry holds for what was written before, queued or not.
        let rewritten = self
            .entries
            .iter()
            .any(|e| (e.site, e.key) == (site, key) && e.edited && noted.get(&e.id).is_some_and(Noted::is_terminal));
        !rewritten && self.late.iter().any(|l| (l.site, l.key) == (site, key))
            || self.entries.iter().any(|e| {
                (e.site, e.key) == (site, key)
                    && !self.discarded.contains(&e.id)
                    && noted.get(&e.id).is_some_and(|n| !n.is_terminal())
            })
    }
}

/// Some sequence of a seed.
pub async fn workload(world: &mut World, seed: u64, run: u64) {
    let steps = steps::draw(&mut Draw::new(seed.wrapping_add(run << 20)), world.sites.len());
    let done = sequence(world, run, &steps).await;
    drop(done.unwrap_or_else(|e| panic!("seed {seed}, run {run}: {e}\n{steps:?}")));
}

/// Runs a sequence in parts, each under another clock of the replicas.
pub async fn under_clocks(
    world: &mut World,
    run: u64,
    parts: &[(&str, &[Step])],
) -> Result<(Model, checks::Evidence), String> {
    let mut model = Model { run, ..Model::default() };
    for (clock, steps) in parts {
        for site in 0..world.sites.len() {
            world.set_clock(site, clock).await;
        }
        go(world, &mut model, steps).await?;
    }
    rest(world, model).await
}

/// Runs a sequence to its rest and checks it; the error names the invariant.
async fn sequence(world: &mut World, run: u64, steps: &[Step]) -> Result<(Model, checks::Evidence), String> {
    let mut model = Model { run, ..Model::default() };
    go(world, &mut model, steps).await?;
    rest(world, model).await
}

async fn rest(world: &mut World, mut model: Model) -> Result<(Model, checks::Evidence), String> {
    settle(world, &mut model).await?;
    let evidence = checks::gather(world, &model).await;
    checks::all(world, &model, &evidence).await?;
    Ok((model, evidence))
}

async fn go(world: &mut World, model: &mut Model, steps: &[Step]) -> Result<(), String> {
    let ids = model.ids();
    for step in steps {
        let at = |e: String| format!("{e}\n  at step {step:?}");
        let acting = match step.what {
            What::Local(Edit { site, .. }) | What::EditPayload { site, .. } => Some(site),
            _ => None,
        };
        if let Some(site) = acting.filter(|s| model.crashed.contains(s)) {
            let image = world::image(&world.sites[site].client, &ids).await;
            model.saw(site, &image);
        }
        let report = steps::take(world, model, *step).await.map_err(at)?;
        match step.what {
            What::Local(Edit { site, .. }) => {
                let image = world::image(&world.sites[site].client, &ids).await;
                for ((s, key), row) in &mut model.local {
                    if *s == site {
                        *row = image.get(key).cloned();
                    }
                }
            }
            What::Cycle { site, pull, .. } => {
                look(world, model, site).await.map_err(at)?;
                if pull && report.is_some_and(|r| r.pull.is_some()) {
                    checks::i3_no_change_is_missed(world, model, site).await.map_err(at)?;
                }
            }
            What::Crash { site, .. } => look(world, model, site).await.map_err(at)?,
            _ => {}
        }
    }
    Ok(())
}

/// After the engine worked on a replica: what programs wrote there and is not settled stands as they left it.
async fn look(world: &World, model: &mut Model, site: usize) -> Result<(), String> {
    let client = &world.sites[site].client;
    let image = world::image(client, &model.ids()).await;
    let noted = world::noted(client, &model.of_site(site)).await;
    model.saw(site, &image);
    checks::i5_no_local_edit_is_lost(model, site, &image, &noted)?;
    let open: BTreeSet<_> =
        model.local.keys().filter(|(s, k)| *s != site || model.is_open(*s, *k, &noted)).copied().collect();
    model.local.retain(|k, _| open.contains(k));
    Ok(())
}

/// Lets everything come to rest: what is late comes, what waits is due, what nobody but a person can decide is given up.
async fn settle(world: &mut World, model: &mut Model) -> Result<(), String> {
    for site in 0..world.sites.len() {
        steps::queue_late(&world.sites[site].client, model, site).await;
        for add in &model.added_columns {
            world.sites[site].client.batch_execute(add).await.unwrap();
        }
    }
    for add in &model.added_columns {
        world.master.batch_execute(add).await.unwrap();
    }
    steps::map(&world.master, model.run).await;
    let mut stuck = String::new();
    for round in 0..12 {
        let mut resting = true;
        stuck.clear();
        for site in 0..world.sites.len() {
            let due = "update robbie_sync.entry set next_attempt_at = clock_timestamp()
                       where state in ('ready', 'retry', 'blocked') and next_attempt_at > clock_timestamp()";
            world.sites[site].client.batch_execute(due).await.unwrap();
            let report = world.cycle(site, true, true).await.map_err(|f| format!("a cycle failed at rest: {f:?}"))?;
            if !report.faults.is_empty() {
                return Err(format!("a cycle at rest met {:?}", report.faults));
            }
            resting &= report.is_idle();
            look(world, model, site).await.map_err(|e| format!("{e}\n  while coming to rest"))?;
            let noted = world::noted(&world.sites[site].client, &model.of_site(site)).await;
            for (id, n) in noted.iter().filter(|(_, n)| !n.is_terminal()) {
                resting = false;
                write!(stuck, "\n  {id} {n:?}").unwrap();
                let chosen = n.blocked_on == "choice" || (round >= 3 && n.blocked_on.starts_with("parent "));
                if chosen {
                    give_up(world, model, site, *id).await;
                }
            }
        }
        if resting {
            return Ok(());
        }
    }
    Err(format!("I1 conservation: it never came to rest: {stuck}"))
}

/// A person discards an entry, as the queue does it.
async fn give_up(world: &World, model: &mut Model, site: usize, id: Uuid) {
    world.sites[site]
        .client
        .batch_execute(&format!(
            "insert into robbie_sync.archive (entry_id, pending_row, data_text, actor)
             select p.id, to_jsonb(p), p.data::text, 'test' from pending_sync p where p.id = '{id}';
             delete from pending_sync where id = '{id}'"
        ))
        .await
        .unwrap();
    model.discarded.insert(id);
}

/// The steps that a failure needs: others are left out as long as the same invariant fails.
async fn smallest(steps: &[Step], sites: usize, why: &str) -> (Vec<Step>, String) {
    let name = |e: &str| e.split(['\n', ':']).next().unwrap_or_default().to_owned();
    let (mut kept, mut why, wanted) = (steps.to_vec(), why.to_owned(), name(why));
    let mut chunk = kept.len().div_ceil(2);
    let began = std::time::Instant::now();
    while chunk > 0 {
        let mut from = 0;
        while from < kept.len() && began.elapsed().as_secs() < 40 {
            let mut fewer = kept.clone();
            fewer.drain(from..(from + chunk).min(kept.len()));
            let mut world = World::new(sites).await;
            match sequence(&mut world, 1, &fewer).await {
                Err(e) if name(&e) == wanted => (kept, why) = (fewer, e),
                _ => from += chunk,
            }
        }
        chunk /= 2;
    }
    (kept, why)
}

/// Runs sequences `from..to` of a seed on worlds of their own.
async fn sequences(seed: u64, sites: usize, from: u64, to: u64) {
    let mut world = World::new(sites).await;
    let mut twin: Option<World> = None;
    checks::i15_the_role_is_an_ordinary_one(&world).await.unwrap();
    for run in from..to {
        if run > from && (run - from).is_multiple_of(PER_WORLD) {
            checks::i6_idle_cycles_write_nothing(&mut world).await.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            checks::i13_time_travel_is_noticed(&mut world).await.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            world = World::new(sites).await;
            twin = None;
        }
        let mut steps = steps::draw(&mut Draw::new(seed.wrapping_add(run << 20)), sites);
        let twice = run % 20 == 5;
        if twice {
            // Where a cycle dies is the one thing that no two runs share.
            steps.retain(|s| !matches!(s.what, What::Crash { .. }));
        }
        let done = sequence(&mut world, run, &steps).await;
        let done = match done {
            Ok((model, evidence)) if twice => {
                if twin.is_none() {
                    twin = Some(World::new(sites).await);
                }
                match sequence(twin.as_mut().expect("just made"), run, &steps).await {
                    Ok((other, again)) => checks::i17_the_same_inputs_give_the_same(&model, &evidence, &other, &again),
                    Err(e) => Err(e),
                }
            }
            Ok(_) => Ok(()),
            Err(e) => Err(e),
        };
        if let Err(why) = done {
            eprintln!("ROBBIE_SEED={seed}, sequence {run} with {sites} replicas: {why}");
            // The servers are gone with the test, and what they said of it with them.
            eprintln!("{}", support::last_words(40));
            let (kept, shown) = smallest(&steps, sites, &why).await;
            let list: Vec<String> = kept.iter().map(|s| format!("  {:2} {:?}", s.no, s.what)).collect();
            panic!(
                "ROBBIE_SEED={seed}, sequence {run} with {sites} replicas: {why}\nof {} steps these are enough:\n{}\n{shown}",
                steps.len(),
                list.join("\n")
            );
        }
    }
    checks::i6_idle_cycles_write_nothing(&mut world).await.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    checks::i7_counters_are_right(&world, None).await.unwrap();
    checks::i13_time_travel_is_noticed(&mut world).await.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
}

// Apart, since databases are dropped by waiting: what runs beside in one runtime would rest in the middle of a transaction.
#[tokio::test]
async fn whatever_happens_every_invariant_holds_with_two_replicas() {
    sequences(seed(), 2, 1, 1 + size(3, 5_000) as u64).await;
}

#[tokio::test]
async fn whatever_happens_every_invariant_holds_with_three_replicas() {
    sequences(seed(), 3, 5_001, 5_001 + size(2, 5_000) as u64).await;
}
