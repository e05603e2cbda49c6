//! `robbie sync --once --dry-run`, and `robbie sync --runs`.

use super::{Line, Pair, SyncArgs};
use crate::cli::{Exit, output};
use crate::postgres::{Fault, Kind, Side};
use crate::sync::{self, CycleOptions};
use std::fmt::Write as _;

/// Says what a cycle would do.
pub async fn run(args: &SyncArgs, pairs: &[(String, Pair)], json: bool) -> Result<Exit, Fault> {
    let mut attention = false;
    for (name, pair) in pairs {
        let options = CycleOptions { push: !args.pull_only, pull: !args.push_only, ..CycleOptions::default() };
        let preview = sync::preview(pair, &options).await?;
        attention |= ["failed", "blocked", "held"].iter().any(|bad| preview.outcomes.contains_key(bad));
        if json {
            super::say(&Line { preview: Some(&preview), ..Line::of(name) }, true)?;
            continue;
        }
        let mut text = format!("{} due{}", preview.due, if preview.more_due { " and more" } else { "" });
        for (outcome, n) in &preview.outcomes {
            let _ = write!(text, ", {n} would be {}", outcome.replace('_', " "));
        }
        if preview.whole {
            text.push_str("; all rows of the master would be compared");
        } else {
            for (table, n) in &preview.changed {
                let _ = write!(text, "; {n} changed in {table}");
            }
        }
        output::line(format!("{name}: {text} (nothing was written)"))?;
    }
    Ok(if attention { Exit::Attention } else { Exit::Done })
}

const RUNS: &str = "
    SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY r.started_at DESC), '[]')::text, coalesce(string_agg(concat_ws('  ',
        to_char(r.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), rpad(r.kind, 7), rpad(coalesce(r.outcome, '…'), 7),
        rpad(r.actor, 8), format('sent %s, failed %s, waiting %s, taken %s, deleted %s', r.pushed, r.failed, r.blocked, r.pulled, r.deleted),
        r.reason, r.fault), E'\\n' ORDER BY r.started_at DESC), '')
    FROM (SELECT * FROM robbie_sync.run ORDER BY started_at DESC LIMIT $1) r";

/// Lists the last cycles that did something, and the last replays.
pub async fn runs(pairs: &[(String, Pair)], most: u16, json: bool) -> Result<Exit, Fault> {
    for (name, pair) in pairs {
        let session = pair.replica.session().await?;
        let row =
            session.query_one(RUNS, &[&i64::from(most)]).await.map_err(|e| Fault::from_postgres(e, Side::Replica))?;
        if json {
            let runs = serde_json::value::RawValue::from_string(row.get(0))
                .map_err(|e| Fault::new(Kind::Local, "the runs could not be written as JSON").because(e))?;
            super::say(&Line { runs: Some(&runs), ..Line::of(name) }, true)?;
            continue;
        }
        output::line(format!("{}  (times are UTC)", output::side_label(Side::Replica, name)))?;
        for line in row.get::<_, String>(1).lines() {
            output::line(line)?;
        }
    }
    Ok(Exit::Done)
}
