//! Reads the state of one user from one side.

use super::State;
use crate::postgres::{Fault, Kind, Link};
use tokio_postgres::types::Type;

/// The columns a state is read from; `to_jsonb` of the row lets one statement serve every shape of the table.
const OF_USER: &str = "SELECT to_jsonb(p)::text FROM public.robbie_personality_state p
    WHERE p.user_id::text = $1 ORDER BY to_jsonb(p) ->> 'updated_at' DESC NULLS LAST LIMIT 1";

/// The same where user ids are UUIDs and a mapping says which one is meant.
const OF_MAPPED_USER: &str = "SELECT to_jsonb(p)::text FROM public.robbie_personality_state p
    WHERE p.user_id::text = $1
       OR p.user_id::text IN (SELECT m.uuid_id::text FROM public.user_id_mapping m WHERE m.text_id = $1)
    ORDER BY to_jsonb(p) ->> 'updated_at' DESC NULLS LAST LIMIT 1";

const HAS: &str = "SELECT to_regclass('public.robbie_personality_state') IS NOT NULL,
    to_regclass('public.user_id_mapping') IS NOT NULL";

/// The state of a user on a side; `None` where there is no such row or no such table.
pub async fn read(link: &Link, user: &str) -> Result<Option<State>, Fault> {
    let client = link.session().await?;
    let failed = |e| Fault::from_postgres(e, link.side());
    // Nothing is prepared: at the start of the console each round trip is one that the first rows wait for.
    let has = client.query_typed(HAS, &[]).await.map_err(failed)?;
    let has = |column: usize| has.first().is_some_and(|row| row.get(column));
    let (table, mapping) = (has(0), has(1));
    if !table {
        return Ok(None);
    }
    let sql = if mapping { OF_MAPPED_USER } else { OF_USER };
    let rows = client.query_typed(sql, &[(&user, Type::TEXT)]).await.map_err(failed)?;
    let Some(row) = rows.first() else { return Ok(None) };
    let text: String = row.get(0);
    let row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text)
        .map_err(|e| Fault::new(Kind::Other, "the personality's row could not be read").on(link.side()).because(e))?;
    Ok(Some(State::from_row(&row)))
}
