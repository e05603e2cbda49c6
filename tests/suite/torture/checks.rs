//! The invariants, one function each, as docs/sync.md promises them. An error begins with the invariant's name.

use super::model::{Entry, Model};
use super::world::{self, Image, Key, Noted, World};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Client;
use uuid::Uuid;

type Check = Result<(), String>;

/// A change of a row's two columns on the master.
#[derive(Clone, Debug)]
pub struct Change {
    pub xid: String,
    pub op: String,
    pub key: Key,
    pub site: Option<usize>,
    pub old: Vec<Option<String>>,
    pub new: Vec<Option<String>>,
}

impl Change {
    /// The values that were not there before, and those that are not there any more.
    fn written(&self) -> impl Iterator<Item = &String> {
        self.new.iter().enumerate().filter(|(i, v)| self.old.get(*i) != Some(*v)).filter_map(|(_, v)| v.as_ref())
    }
    fn overwritten(&self) -> impl Iterator<Item = &String> {
        self.old.iter().enumerate().filter(|(i, v)| self.new.get(*i) != Some(*v)).filter_map(|(_, v)| v.as_ref())
    }
}

/// A row of the ledger.
#[derive(Clone, Debug)]
pub struct Applied {
    pub outcome: String,
    pub verdict: String,
    pub xid: String,
    pub seq: i64,
}

/// A row of the conflict log.
#[derive(Clone, Debug)]
pub struct Conflict {
    pub kind: String,
    pub entries: Vec<Uuid>,
    pub local: String,
}

/// What both sides show at rest.
#[derive(Debug)]
pub struct Evidence {
    pub master: Image,
    pub sites: Vec<Image>,
    pub noted: BTreeMap<Uuid, Noted>,
    pub changes: Vec<Change>,
    pub ledger: BTreeMap<Uuid, Applied>,
    pub conflicts: Vec<Conflict>,
}

/// Reads it.
pub async fn gather(world: &World, model: &Model) -> Evidence {
    let ids = model.ids();
    let texts: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    let entries: Vec<Uuid> = model.entries.iter().map(|e| e.id).collect();
    let (mut sites, mut noted, mut nodes) = (vec![], BTreeMap::new(), vec![]);
    for site in 0..world.sites.len() {
        let client = &world.sites[site].client;
        sites.push(world::image(client, &ids).await);
        noted.extend(world::noted(client, &model.of_site(site)).await);
        nodes.push(world.node(site).await);
    }
    let m = &world.master;
    let changes = "select xid, op, pk, origin, old, new from audit where pk = any ($1) order by seq";
    let changes = m.query(changes, &[&ids]).await.unwrap();
    let ledger = "select entry_id, outcome, verdict, xid::text, seq from robbie_sync.applied where entry_id = any ($1)";
    let ledger = m.query(ledger, &[&entries]).await.unwrap();
    let conflicts = "select kind, entry_ids, coalesce(local::text, '') from robbie_sync.conflict
                     where pk ->> 'id' = any ($1) and kind <> 'delete_missing' order by conflict_id";
    let conflicts = m.query(conflicts, &[&texts]).await.unwrap();
    let changed = |r: &tokio_postgres::Row| Change {
        xid: r.get(0),
        op: r.get(1),
        key: Key::of(r.get(2)),
        site: r.get::<_, Option<Uuid>>(3).and_then(|o| nodes.iter().position(|n| *n == o)),
        old: r.get::<_, Option<Vec<_>>>(4).unwrap_or_default(),
        new: r.get::<_, Option<Vec<_>>>(5).unwrap_or_default(),
    };
    let applied = |r: &tokio_postgres::Row| {
        let seq = r.get::<_, Option<i64>>(4).unwrap_or_default();
        (r.get(0), Applied { outcome: r.get(1), verdict: r.get(2), xid: r.get(3), seq })
    };
    Evidence {
        master: world::image(m, &ids).await,
        sites,
        noted,
        changes: changes.iter().map(changed).collect(),
        ledger: ledger.iter().map(applied).collect(),
        conflicts: conflicts.iter().map(|r| Conflict { kind: r.get(0), entries: r.get(1), local: r.get(2) }).collect(),
    }
}

/// Everything that can be said of a sequence at rest.
pub async fn all(world: &World, model: &Model, e: &Evidence) -> Check {
    i1_every_entry_is_accounted_for(world, model, e).await?;
    i2_every_effect_happens_once(model, e)?;
    nothing_is_overwritten_unseen(model, e)?;
    i8_both_sides_are_equal(e)?;
    i9_rows_keep_the_order_of_their_entries(model, e)?;
    i11_conflicts_keep_the_losing_image(model, e)?;
    no_value_is_lost_without_a_trace(model, e)?;
    i7_counters_are_right(world, Some(model)).await
}

/// I1: every entry ends in exactly one terminal state, with a row in the ledger; or a person gave it up.
async fn i1_every_entry_is_accounted_for(world: &World, model: &Model, e: &Evidence) -> Check {
    for entry in &model.entries {
        let (noted, applied) = (e.noted.get(&entry.id), e.ledger.get(&entry.id));
        let well = if model.discarded.contains(&entry.id) {
            noted.is_none() && (applied.is_none() || entry.edited)
        } else {
            noted.is_some_and(|n| n.is_terminal() && n.settled) && applied.is_some()
        };
        if !well {
            return Err(format!("I1 conservation: {entry:?} is {noted:?}, in the ledger {applied:?}"));
        }
    }
    let ids: Vec<String> = model.ids().iter().map(Uuid::to_string).collect();
    for (site, at) in world.sites.iter().enumerate() {
        let sql = "select count(*) from pending_sync where data ->> 'id' = any ($1)";
        let queued: i64 = at.client.query_one(sql, &[&ids]).await.unwrap().get(0);
        if queued != model.of_site(site).len() as i64 {
            return Err(format!("I1 conservation: {queued} entries in the queue of replica {site}"));
        }
    }
    Ok(())
}

/// I2: a value comes to the master as often as entries brought it, which is once for each.
fn i2_every_effect_happens_once(model: &Model, e: &Evidence) -> Check {
    for entry in &model.entries {
        for token in entry.tokens.iter().chain(&entry.former) {
            let times = e.changes.iter().filter(|c| c.site.is_some() && c.written().any(|w| w == token)).count();
            let brought = |o: &&Entry| {
                o.tokens.contains(token)
                    || o.former.contains(token)
                    || e.noted.get(&o.id).is_some_and(|n| n.data.contains(token.as_str()))
            };
            let entries = model.entries.iter().filter(brought).count();
            if times > entries {
                return Err(format!("I2 exactly once: {token} was written {times} times by {entries} entries"));
            }
        }
        let Some(applied) = e.ledger.get(&entry.id) else { continue };
        if applied.outcome != "applied"
            || entry.edited
            || !["insert", "update", "delete"].contains(&applied.verdict.as_str())
        {
            continue;
        }
        let done = e.changes.iter().any(|c| c.xid == applied.xid && c.key == entry.key && c.site == Some(entry.site));
        if !done && !is_folded(model, e, entry, applied) {
            return Err(format!("I2 exactly once: the ledger has {entry:?} as {applied:?}, but nothing was written"));
        }
    }
    Ok(())
}

/// Whether a later entry of the row went in the same transaction: then only what that left may be seen.
fn is_folded(model: &Model, e: &Evidence, entry: &Entry, applied: &Applied) -> bool {
    model.entries.iter().any(|o| {
        o.id != entry.id
            && (o.site, o.key) == (entry.site, entry.key)
            && e.ledger.get(&o.id).is_some_and(|a| a.xid == applied.xid && a.seq > applied.seq)
    })
}

/// A replica's entry takes no value from the master that this replica never had before its eyes.
fn nothing_is_overwritten_unseen(model: &Model, e: &Evidence) -> Check {
    for change in &e.changes {
        let Some(site) = change.site else { continue };
        let guessed =
            model.clock_jumped && model.entries.iter().any(|o| (o.site, o.key) == (site, change.key) && o.baseless);
        for value in change.overwritten().filter(|v| v.contains('.')) {
            let own = value.starts_with(&format!("l{site}."));
            if !own && !guessed && !model.seen.contains(&(site, value.clone())) {
                return Err(format!("nothing overwritten unseen: replica {site} had never seen {value}: {change:?}"));
            }
        }
    }
    Ok(())
}

/// I3: after a pull every row that is not edited, queued or put off is as the master has it.
pub async fn i3_no_change_is_missed(world: &World, model: &Model, site: usize) -> Check {
    let ids = model.ids();
    let client = &world.sites[site].client;
    let mut found: Option<(Image, String)> = None;
    for _ in 0..2 {
        let (theirs, ours, unclean) =
            tokio::join!(world::image(&world.master, &ids), world::image(client, &ids), world::unclean(client, &ids));
        let keys: BTreeSet<&Key> = theirs.keys().chain(ours.keys()).collect();
        let missed: Vec<&&Key> = keys.iter().filter(|k| !unclean.contains(k) && theirs.get(k) != ours.get(k)).collect();
        if missed.is_empty() {
            return Ok(());
        }
        let told = format!("{:?}", missed.iter().map(|k| (k, theirs.get(k), ours.get(k))).collect::<Vec<_>>());
        // What a dead engine had sent may still take effect.
        if found.as_ref().is_some_and(|(before, _)| *before != theirs) {
            return Ok(());
        }
        found = Some((theirs, told));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Err(format!("I3 no miss: replica {site} after a pull (row, master, replica): {}", found.unwrap().1))
}

/// I5: a local edit stands until its entry is settled.
pub fn i5_no_local_edit_is_lost(model: &Model, site: usize, image: &Image, noted: &BTreeMap<Uuid, Noted>) -> Check {
    for ((s, key), row) in &model.local {
        if *s == site && model.is_open(site, *key, noted) && image.get(key) != row.as_ref() {
            return Err(format!(
                "I5 no lost local edit: {key:?} on replica {site} was {row:?} and is {:?}",
                image.get(key)
            ));
        }
    }
    Ok(())
}

/// I7: `message_count` is the number of messages, on every side.
pub async fn i7_counters_are_right(world: &World, model: Option<&Model>) -> Check {
    let ids: Option<Vec<Uuid>> = model.map(Model::ids);
    let sql = "select c.id::text, c.message_count, count(m.id) from code_conversations c left join code_messages m on m.conversation_id = c.id
               where c.id = any ($1) or $1 is null group by c.id having c.message_count <> count(m.id)";
    for (side, client) in std::iter::once(("master".to_owned(), &world.master))
        .chain(world.sites.iter().enumerate().map(|(n, s)| (format!("replica {n}"), &s.client)))
    {
        if let Some(row) = client.query(sql, &[&ids]).await.unwrap().first() {
            let (id, noted, counted): (String, i32, i64) = (row.get(0), row.get(1), row.get(2));
            return Err(format!("I7 counters: {side} counts {noted} messages of {id} and has {counted}"));
        }
    }
    Ok(())
}

/// I8: at rest all sides have the same rows.
fn i8_both_sides_are_equal(e: &Evidence) -> Check {
    for (site, image) in e.sites.iter().enumerate() {
        if *image != e.master {
            return Err(format!("I8 convergence: replica {site} has {image:?}\n  the master {:?}", e.master));
        }
    }
    Ok(())
}

/// I9: what arrives of a row is a subsequence of what its replica queued. A value tells whose it is when it comes for the first time: an
/// entry of a whole row writes earlier ones too, and may even bring one whose own entry is queued after it; so an entry that all came
/// of goes before one that only a part came of.
fn i9_rows_keep_the_order_of_their_entries(model: &Model, e: &Evidence) -> Check {
    let mut last: BTreeMap<(usize, Key), usize> = BTreeMap::new();
    let mut came: BTreeSet<(Key, &String)> = BTreeSet::new();
    for change in &e.changes {
        let written: Vec<&String> = change.written().collect();
        let fresh: Vec<&String> = written.iter().copied().filter(|w| came.insert((change.key, w))).collect();
        let Some(site) = change.site else { continue };
        let last_that = |came: &dyn Fn(&Entry) -> bool| {
            model.entries.iter().rposition(|o| {
                (o.site, o.key) == (site, change.key)
                    && !o.edited
                    && fresh.iter().any(|w| o.tokens.contains(w))
                    && came(o)
            })
        };
        let whole = last_that(&|o| o.tokens.iter().all(|token| written.contains(&token)));
        let Some(place) = whole.or_else(|| last_that(&|_| true)) else { continue };
        if let Some(before) = last.insert((site, change.key), place).filter(|b| *b > place) {
            let (late, early) = (&model.entries[place], &model.entries[before]);
            let row: Vec<_> = e.changes.iter().filter(|c| c.key == change.key).collect();
            return Err(format!("I9 order: {late:?} came after {early:?}: {row:?}"));
        }
    }
    Ok(())
}

/// I11: every conflict stands in the log, with what the loser wanted.
fn i11_conflicts_keep_the_losing_image(model: &Model, e: &Evidence) -> Check {
    for entry in &model.entries {
        let of_entry: Vec<&Conflict> = e.conflicts.iter().filter(|c| c.entries.contains(&entry.id)).collect();
        let resolved = e.ledger.get(&entry.id).is_some_and(|a| a.outcome == "conflict_resolved");
        if resolved == of_entry.is_empty() && !entry.edited {
            return Err(format!("I11 conflicts: {entry:?} is {:?}, logged {of_entry:?}", e.ledger.get(&entry.id)));
        }
        let kept = |c: &&Conflict| entry.tokens.iter().all(|t| c.local.contains(t.as_str()));
        // What a person wrote into an entry that was resolved already, and then gave up, is in the archive.
        let given_up = entry.edited && model.discarded.contains(&entry.id);
        if resolved && entry.op != "DELETE" && !given_up && !of_entry.iter().any(kept) {
            return Err(format!("I11 conflicts: the log of {entry:?} lacks what it wanted: {of_entry:?}"));
        }
    }
    Ok(())
}

/// Whatever a settled entry wanted came to the master, or is in the conflict log, or a later entry stands for it.
fn no_value_is_lost_without_a_trace(model: &Model, e: &Evidence) -> Check {
    for entry in model.entries.iter().filter(|o| !o.edited) {
        let Some(applied) = e.ledger.get(&entry.id) else { continue };
        for token in &entry.tokens {
            let came = e.changes.iter().any(|c| c.written().any(|w| w == token));
            let logged = e.conflicts.iter().any(|c| c.local.contains(token.as_str()));
            if !came && !logged && !is_folded(model, e, entry, applied) {
                return Err(format!("no value lost: {token} of {entry:?} is nowhere, though it is {applied:?}"));
            }
        }
    }
    Ok(())
}

/// I17: two pairs to which the same happened have the same.
pub fn i17_the_same_inputs_give_the_same(one: &Model, a: &Evidence, two: &Model, b: &Evidence) -> Check {
    let told = |model: &Model, e: &Evidence| {
        let settled: Vec<_> =
            model.entries.iter().map(|o| e.ledger.get(&o.id).map(|l| (l.outcome.clone(), l.verdict.clone()))).collect();
        let conflicts: Vec<_> = e.conflicts.iter().map(|c| c.kind.clone()).collect();
        format!("{:?}\n{settled:?}\n{conflicts:?}", e.master)
    };
    let (a, b) = (told(one, a), told(two, b));
    if a == b { Ok(()) } else { Err(format!("I17 determinism:\n{a}\nand\n{b}")) }
}

/// I15: neither side is worked on by a superuser or a role that may replicate.
pub async fn i15_the_role_is_an_ordinary_one(world: &World) -> Check {
    for client in std::iter::once(&world.master).chain(world.sites.iter().map(|s| &s.client)) {
        let sql = "select rolsuper or rolreplication from pg_roles where rolname = current_user";
        if client.query_one(sql, &[]).await.unwrap().get(0) {
            return Err("I15 privileges: the suite's role is more than an ordinary one".into());
        }
    }
    Ok(())
}

/// I6: ten idle cycles of every replica write no row on any side.
pub async fn i6_idle_cycles_write_nothing(world: &mut World) -> Check {
    let before = written(world).await;
    for site in 0..world.sites.len() {
        for _ in 0..10 {
            let report = world.cycle(site, true, true).await.map_err(|f| format!("I6 quiet: {f:?}"))?;
            if !report.is_idle() {
                return Err(format!("I6 quiet: replica {site} did not rest: {report:?}"));
            }
        }
    }
    let after = written(world).await;
    if before == after { Ok(()) } else { Err(format!("I6 quiet: idle cycles wrote: {before:?} -> {after:?}")) }
}

/// Rows written by anybody, per side and table. The engines' sessions are closed for it: a session tells its last
/// counts when it ends.
async fn written(world: &mut World) -> Vec<BTreeMap<String, i64>> {
    let mut all = vec![];
    for site in &mut world.sites {
        site.stop();
    }
    for client in std::iter::once(&world.master).chain(world.sites.iter().map(|s| &s.client)) {
        all.push(rows_written(client).await);
    }
    all
}

/// Rows written per table, when all other sessions of the database have ended.
pub async fn rows_written(client: &Client) -> BTreeMap<String, i64> {
    let others =
        "select count(*) from pg_stat_activity where datname = current_database() and application_name like 'robbie%'";
    let mut left = 1;
    for _ in 0..500 {
        left = client.query_one(others, &[]).await.unwrap().get::<_, i64>(0);
        if left == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(left, 0, "the engine's sessions did not end");
    let flush = "do $$ begin if to_regproc('pg_stat_force_next_flush') is not null then perform pg_stat_force_next_flush(); end if; end $$";
    client.batch_execute(flush).await.unwrap();
    let sql = "select schemaname || '.' || relname, n_tup_ins + n_tup_upd + n_tup_del from pg_stat_user_tables";
    client.query(sql, &[]).await.unwrap().iter().map(|r| (r.get(0), r.get(1))).collect()
}

/// I13: a master that was put back to an earlier time is noticed, and nothing here is overwritten or deleted for it.
pub async fn i13_time_travel_is_noticed(world: &mut World) -> Check {
    let all = "select coalesce(array_agg(t order by t), '{}') from (
            select 'conversation ' || c.id || ' ' || coalesce(c.title, '') || ' ' || c.metadata from code_conversations c
            union all select 'message ' || m.id || ' ' || m.content || ' ' || m.metadata from code_messages m) t(t)";
    for site in 0..world.sites.len() {
        let here: Vec<String> = world.sites[site].client.query_one(all, &[]).await.unwrap().get(0);
        // What a restored backup shows: an older nonce, and fewer rows.
        let node = world.node(site).await;
        world
            .master
            .execute("update robbie_sync.node set nonce = gen_random_uuid() where node_id = $1", &[&node])
            .await
            .unwrap();
        let gone = "set session_replication_role = replica; delete from code_messages where ctid in (select ctid from code_messages limit 2); reset session_replication_role";
        let superuser = crate::support::connect(&world.superuser(robbie_console::postgres::Side::Master)).await;
        superuser.batch_execute(gone).await.unwrap();
        let report = world.cycle(site, false, true).await.map_err(|f| format!("I13 time travel: {f:?}"))?;
        if !report.pull.as_ref().is_some_and(|p| p.full && p.deleted == 0) {
            return Err(format!("I13 time travel: not noticed: {report:?}"));
        }
        let after: Vec<String> = world.sites[site].client.query_one(all, &[]).await.unwrap().get(0);
        if let Some(lost) = here.iter().find(|row| !after.contains(row)) {
            return Err(format!("I13 time travel: replica {site} does not have {lost:?} any more, after {report:?}"));
        }
    }
    Ok(())
}
