//! One user who stands under two ids: the replica made a row of its own before it had met the master's. The two become one under the
//! master's id. Per column the newer value stays; a value that nobody ever set does not stand against one; the losing row is kept in
//! the conflict log, and what was queued for it in the archive.

use super::super::lock;
use super::super::side::{on_master, on_replica};
use crate::personality::{self, Attempt, Edit, Field, Values};
use crate::postgres::identifiers::quote;
use crate::postgres::{Fault, Pair};
use chrono::{DateTime, Duration, Utc};
use std::collections::BTreeMap;
use tokio_postgres::{Client, GenericClient};

const TABLE: &str = "robbie_personality_state";

/// Whether the replica shows a sign of it: a row that is put off, an entry that was not settled yet, two rows of one user. One short
/// statement; most cycles end here.
const SIGN: &str = "SELECT EXISTS (SELECT FROM robbie_sync.deferred d WHERE d.tbl = 'robbie_personality_state')
    OR EXISTS (SELECT FROM robbie_sync.entry e WHERE e.tbl = 'robbie_personality_state' AND e.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined'))
    OR EXISTS (SELECT FROM public.robbie_personality_state p GROUP BY p.user_id HAVING count(*) > 1)";

/// A row with everything that decides.
#[derive(Clone, Debug)]
struct Held {
    id: String,
    user: String,
    image: String,
    values: Values,
    written: Option<DateTime<Utc>>,
}

/// Whether there may be something to unite; nothing on a replica without the table.
pub async fn is_due(replica: &Client) -> Result<bool, Fault> {
    let there = "SELECT count(*) = 3 FROM pg_catalog.pg_attribute a WHERE a.attrelid = to_regclass('public.robbie_personality_state')
        AND a.attname IN ('id', 'user_id', 'updated_at') AND NOT a.attisdropped";
    if !replica.query_one(there, &[]).await.map_err(on_replica)?.get::<_, bool>(0) {
        return Ok(false);
    }
    Ok(replica.query_one(SIGN, &[]).await.map_err(on_replica)?.get(0))
}

/// Makes one row of each user's two; how many there were. The caller holds the engine's lock.
pub async fn unite(pair: &Pair, actor: &str) -> Result<usize, Fault> {
    let (mut master, mut replica) = (pair.master.dedicated("unite").await?, pair.replica.dedicated("unite").await?);
    // A replay that is under way has read entries which would go here: then another time.
    if !lock::keep_readers_out(&replica).await? {
        return Ok(0);
    }
    let shapes = (
        personality::shape(&master, pair.master.side()).await?,
        personality::shape(&replica, pair.replica.side()).await?,
    );
    if !shapes.0.state || !shapes.0.has_column("id") || !shapes.0.has_column("updated_at") {
        return Ok(0);
    }
    let texts = texts(&master, shapes.0.mapping).await?;
    let (there, here) = (rows(&master).await.map_err(on_master)?, rows(&replica).await.map_err(on_replica)?);
    let person = |user: &str| texts.get(user).cloned().unwrap_or_else(|| user.to_owned());
    let mut united = 0;
    for local in &here {
        let of_user: Vec<&Held> = there.iter().filter(|m| person(&m.user) == person(&local.user)).collect();
        // Two rows of one user on the master are for a person to look at.
        let [remote] = of_user.as_slice() else { continue };
        if there.iter().any(|m| m.id == local.id) {
            continue;
        }
        // Somebody who writes one of the rows right now comes first: the next cycle looks again.
        if let Some(result) = on_the_master(&mut master, remote, local, &person(&local.user), actor).await?
            && on_the_replica(&mut replica, (remote, local), &result, &shapes.1.columns, actor).await?
        {
            united += 1;
        }
    }
    Ok(united)
}

/// The text id of each uuid that is mapped to one.
async fn texts(master: &Client, mapping: bool) -> Result<BTreeMap<String, String>, Fault> {
    if !mapping {
        return Ok(BTreeMap::new());
    }
    let sql =
        "SELECT m.uuid_id::text, min(m.text_id) FROM public.user_id_mapping m WHERE m.uuid_id IS NOT NULL GROUP BY 1";
    let rows = master.query(sql, &[]).await.map_err(on_master)?;
    Ok(rows.iter().map(|r| (r.get(0), r.get(1))).collect())
}

async fn rows(client: &Client) -> Result<Vec<Held>, tokio_postgres::Error> {
    let sql = "SELECT p.id::text, p.user_id::text, to_jsonb(p)::text, p.updated_at::timestamptz, j.names, j.contents
        FROM public.robbie_personality_state p
        CROSS JOIN LATERAL (SELECT array_agg(k) AS names, array_agg(v::text) AS contents FROM jsonb_each(to_jsonb(p)) e(k, v)) j
        ORDER BY p.id";
    let held = |r: &tokio_postgres::Row| Held {
        id: r.get(0),
        user: r.get(1),
        image: r.get(2),
        written: r.get(3),
        values: personality::values_of(&r.get::<_, Vec<String>>(4), &r.get::<_, Vec<String>>(5)),
    };
    Ok(client.query(sql, &[]).await?.iter().map(held).collect())
}

/// When a value was said: by the last change of the history that made it so, else when the row was written. Nobody's clock counts for
/// more than five minutes ahead. A value that every new row has, and that no change made, was said by nobody.
async fn said(
    client: &impl GenericClient,
    held: &Held,
    field: Field,
    json: &str,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let columns: Vec<&str> = field.columns().to_vec();
    let users = vec![held.user.as_str()];
    let plain = field.plain(json);
    let sql = "SELECT max(h.changed_at)::timestamptz FROM public.mood_transitions h
        WHERE h.user_id::text = ANY ($1) AND h.field_changed = ANY ($2) AND h.new_value IS NOT DISTINCT FROM $3";
    let told = client
        .query_one(sql, &[&users, &columns, &plain])
        .await
        .ok()
        .and_then(|r| r.get::<_, Option<DateTime<Utc>>>(0));
    let at = told.or(if is_untouched(field, json) { None } else { held.written })?;
    Some(at.min(now + Duration::minutes(5)))
}

/// Whether a value is the one that a new row begins with.
fn is_untouched(field: Field, json: &str) -> bool {
    match field {
        Field::Mood => json == r#""friendly""#,
        Field::GandhiGenghis | Field::Attraction | Field::Turbo | Field::Auto | Field::Intensity => json == "5",
        Field::Public => json == "false",
        Field::ActiveUsers => json == "[]" || json == "null",
        Field::Context => json == "{}" || json == "null",
        Field::Expires | Field::Platform => json == "null",
    }
}

/// Gives the master's row the values that are newer here, and logs the losing row; the row as it is then.
async fn on_the_master(
    master: &mut Client,
    remote: &Held,
    local: &Held,
    person: &str,
    actor: &str,
) -> Result<Option<String>, Fault> {
    let t = master.transaction().await.map_err(on_master)?;
    let now = Utc::now();
    let mut edit = Edit::new(&remote.user, actor, "sync");
    edit.master = Some(remote.values.clone());
    edit.reason = Some("two rows of one user became one".to_owned());
    let mut lost = false;
    for (field, mine) in &local.values {
        let Some(theirs) = remote.values.get(field) else { continue };
        if field.same(mine, theirs) {
            continue;
        }
        // What the replica's history tells of its own changes is not on the master yet, so its row's time stands for them.
        let here =
            if is_untouched(*field, mine) { None } else { local.written.map(|at| at.min(now + Duration::minutes(5))) };
        let there = said(&t, remote, *field, theirs, now).await;
        let wins = here.is_some() && here > there && personality::limits::refusal(*field, mine, person, now).is_none();
        if wins {
            edit.set.insert(*field, mine.clone());
        }
        lost |= !wins || !is_untouched(*field, theirs);
    }
    if let Attempt::Clashes(_) = personality::write(&t, crate::postgres::Side::Master, &edit).await? {
        return Ok(None);
    }
    // The text id is the one that both sides know a person by.
    if remote.user != person {
        let sql = "UPDATE public.robbie_personality_state SET user_id = $2 WHERE id::text = $1 AND user_id::text <> $2";
        t.execute(sql, &[&remote.id, &person]).await.map_err(on_master)?;
    }
    let log = "INSERT INTO robbie_sync.conflict (kind, tbl, pk, local, remote, result, rule, resolved_at, resolved_by, resolution)
        SELECT 'insert_exists', $1, jsonb_build_object('id', $2::text), $3::text::jsonb, $4::text::jsonb,
            (SELECT to_jsonb(p) FROM public.robbie_personality_state p WHERE p.id::text = $2), 'newest column; one user under two ids',
            CASE WHEN NOT $5 THEN clock_timestamp() END, CASE WHEN NOT $5 THEN 'engine' END, CASE WHEN NOT $5 THEN 'nothing was lost' END
        WHERE NOT EXISTS (SELECT FROM robbie_sync.conflict c WHERE c.tbl = $1 AND c.local = $3::text::jsonb)";
    t.execute(log, &[&TABLE, &remote.id, &local.image, &remote.image, &lost]).await.map_err(on_master)?;
    let result = "SELECT to_jsonb(p)::text FROM public.robbie_personality_state p WHERE p.id::text = $1";
    let result = t.query_one(result, &[&remote.id]).await.map_err(on_master)?.get(0);
    t.commit().await.map_err(on_master)?;
    Ok(Some(result))
}

/// Makes the replica's row the master's, id and all, or removes it where that row is here too; the pull then makes it exact. False: the
/// row was changed since it was read.
async fn on_the_replica(
    replica: &mut Client,
    (remote, local): (&Held, &Held),
    result: &str,
    columns: &[String],
    actor: &str,
) -> Result<bool, Fault> {
    let t = replica.transaction().await.map_err(on_replica)?;
    t.batch_execute("SET LOCAL lock_timeout = '200ms'").await.map_err(on_replica)?;
    let same = "SELECT to_jsonb(p)::text = $2 FROM public.robbie_personality_state p WHERE p.id::text = $1 FOR UPDATE";
    match t.query_opt(same, &[&local.id, &local.image]).await {
        Ok(Some(row)) if row.get(0) => {}
        // An application has the row, or has changed it: the next cycle looks again.
        Ok(_) => return Ok(false),
        Err(e) if e.code().is_some_and(|c| c.code() == "55P03") => return Ok(false),
        Err(e) => return Err(on_replica(e)),
    }
    let discard = "SELECT count(*) FROM robbie_sync.discard(ARRAY(
            SELECT e.entry_id FROM robbie_sync.entry e JOIN public.pending_sync p ON p.id = e.entry_id
            WHERE e.tbl = $1 AND p.synced_at IS NULL AND (e.pk = jsonb_build_object('id', $2::text) OR p.data ->> 'id' = $2)), $3, $4)";
    let reason = format!("its row became one with the master's {}", remote.id);
    t.query_one(discard, &[&TABLE, &local.id, &actor, &reason]).await.map_err(on_replica)?;
    t.batch_execute("SET LOCAL robbie_sync.apply = 'on'").await.map_err(on_replica)?;
    let there = "SELECT EXISTS (SELECT FROM public.robbie_personality_state p WHERE p.id::text = $1)";
    if t.query_one(there, &[&remote.id]).await.map_err(on_replica)?.get(0) {
        let step = "DELETE FROM public.robbie_personality_state WHERE id::text = $1";
        t.execute(step, &[&local.id]).await.map_err(on_replica)?;
    } else {
        let sets: Vec<String> = columns.iter().map(|c| format!("{0} = r.{0}", quote(c))).collect();
        let step = format!(
            "UPDATE public.robbie_personality_state p SET {} FROM public.robbie_personality_state old
             CROSS JOIN LATERAL jsonb_populate_record(old, $2::text::jsonb) r WHERE p.id::text = $1 AND old.ctid = p.ctid",
            sets.join(", ")
        );
        t.execute(&step, &[&local.id, &result]).await.map_err(on_replica)?;
    }
    let forget = "WITH gone AS (DELETE FROM robbie_sync.base b WHERE b.tbl = $1 AND b.pk = jsonb_build_object('id', $2::text)),
            put_off AS (DELETE FROM robbie_sync.deferred d WHERE d.tbl = $1 AND d.pk = jsonb_build_object('id', $2::text))
        INSERT INTO robbie_sync.deferred AS d (tbl, pk, reason, snapshot)
        VALUES ($1, jsonb_build_object('id', $3::text), 'settled', coalesce((SELECT c.snapshot FROM robbie_sync.cursor c), pg_current_snapshot()))
        ON CONFLICT (tbl, pk) DO UPDATE SET reason = 'settled'";
    t.execute(forget, &[&TABLE, &local.id, &remote.id]).await.map_err(on_replica)?;
    t.commit().await.map_err(on_replica)?;
    Ok(true)
}
