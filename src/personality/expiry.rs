//! A mood that was set for a time goes back by itself: on the master, once, whoever sees it first.

use crate::postgres::{Fault, Side};
use tokio_postgres::GenericClient;
use uuid::Uuid;

/// What an expired mood goes back to: what it replaced, as far as the history knows and the table allows.
const FALLBACK: &str = "friendly";

/// Moods whose time is over, with the row locked; another session's are left to it. A mood that is written with the same
/// moment again is not expired twice: the moment goes with it.
const DUE: &str = "SELECT p.id, p.user_id::text, p.current_mood FROM public.robbie_personality_state p
    WHERE p.mood_expires_at <= clock_timestamp() ORDER BY p.id FOR NO KEY UPDATE SKIP LOCKED";

const BACK: &str = "SELECT h.old_value FROM public.mood_transitions h
    WHERE h.user_id = $1 AND h.field_changed = 'current_mood' AND h.new_value = $2
      AND h.old_value IN ('friendly', 'focused', 'playful', 'bossy', 'surprised', 'blushing')
    ORDER BY h.changed_at DESC LIMIT 1";

const HAS: &str = "SELECT count(*) = 7 FROM pg_catalog.pg_attribute a WHERE NOT a.attisdropped AND (
    a.attrelid = to_regclass('public.robbie_personality_state') AND a.attname IN ('id', 'user_id', 'current_mood', 'mood_expires_at')
    OR a.attrelid = to_regclass('public.mood_transitions') AND a.attname IN ('old_value', 'field_changed', 'changed_at'))";

/// Takes back the moods of the master whose time is over, and writes that into the history; how many there were. Reads only where none
/// is due. Does nothing on a master without the columns.
pub async fn expire(master: &mut tokio_postgres::Client, actor: &str) -> Result<usize, Fault> {
    let on = |e| Fault::from_postgres(e, Side::Master).about("robbie_personality_state");
    if !master.query_one(HAS, &[]).await.map_err(on)?.get::<_, bool>(0) {
        return Ok(0);
    }
    let look =
        "SELECT EXISTS (SELECT FROM public.robbie_personality_state p WHERE p.mood_expires_at <= clock_timestamp())";
    if !master.query_one(look, &[]).await.map_err(on)?.get::<_, bool>(0) {
        return Ok(0);
    }
    let t = master.transaction().await.map_err(on)?;
    let due = t.query(DUE, &[]).await.map_err(on)?;
    for row in &due {
        let (id, user, mood): (Uuid, String, Option<String>) = (row.get(0), row.get(1), row.get(2));
        take_back(&t, id, &user, mood.as_deref(), actor).await?;
    }
    t.commit().await.map_err(on)?;
    Ok(due.len())
}

async fn take_back(t: &impl GenericClient, id: Uuid, user: &str, mood: Option<&str>, actor: &str) -> Result<(), Fault> {
    let on = |e| Fault::from_postgres(e, Side::Master).about("robbie_personality_state");
    let known = t.query_opt(BACK, &[&user, &mood]).await.map_err(on)?;
    let back: String = known.map_or_else(|| FALLBACK.to_owned(), |row| row.get(0));
    t.execute(
        "UPDATE public.robbie_personality_state SET current_mood = $2, mood_expires_at = NULL, updated_at = CURRENT_TIMESTAMP WHERE id = $1",
        &[&id, &back],
    )
    .await
    .map_err(on)?;
    t.execute(
        "INSERT INTO public.mood_transitions (user_id, field_changed, old_value, new_value, change_reason, triggered_by, platform)
         VALUES ($1, 'current_mood', $2, $3, 'its time was over', $4, 'expiry')",
        &[&user, &mood, &back, &actor],
    )
    .await
    .map(drop)
    .map_err(on)
}
