//! A cheap look at both sides: one statement each, which says whether a cycle would find anything.
//!
//! Notifications are held back for [`GATE`] per session. A change that was held back is in a transaction that had its
//! number by then; so a look that long after the last notification either sees the change, or sees its transaction open.
//! As long as one of those is open, looking goes on.

use super::report::CycleOptions;
use super::session::Sessions;
use crate::postgres::{Fault, Kind, Side};
use postgres_protocol::escape::escape_literal;
use std::time::Duration;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

/// How long the capture triggers of a session hold further notifications back (`robbie_sync.announce`).
pub const GATE: Duration = Duration::from_millis(250);

/// What one side shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// All transactions below this have ended.
    pub ended_below: u64,
    /// No transaction from this on had a number yet.
    pub begun_below: u64,
}

/// What a look found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Whether a cycle has something to do.
    pub anything: bool,
    /// Transactions of the replica, where it was asked.
    pub replica: Option<Open>,
    /// Transactions of the master, where it was asked.
    pub master: Option<Open>,
}

/// What the replica shows.
pub struct Here {
    due: bool,
    /// Age of the oldest entry that was never tried, in seconds.
    pub oldest_s: Option<f64>,
    put_off: bool,
    /// How far this replica has pulled, if it follows its master.
    pub cursor: Option<String>,
    open: Open,
}

const HERE: &str = "
    SELECT EXISTS (SELECT FROM robbie_sync.entry e WHERE e.state IN ('ready', 'retry', 'blocked') AND e.next_attempt_at <= now()),
           (SELECT extract(epoch FROM clock_timestamp() - e.next_attempt_at)::float8 FROM robbie_sync.entry e
            WHERE e.state IN ('ready', 'retry', 'blocked') AND e.state = 'ready' AND e.attempts = 0 AND e.next_attempt_at <= now()
            ORDER BY e.next_attempt_at LIMIT 1),
           EXISTS (SELECT FROM robbie_sync.deferred d WHERE d.reason IN ('settled', 'unsent entry') AND NOT EXISTS (
               SELECT FROM robbie_sync.entry e WHERE e.tbl = d.tbl AND e.pk = d.pk
               AND e.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined'))),
           (SELECT c.snapshot::text FROM robbie_sync.cursor c WHERE c.state = 'following'),
           pg_snapshot_xmin(s)::text, pg_snapshot_xmax(s)::text
    FROM pg_current_snapshot() s";

/// Looks at the replica.
pub async fn here(replica: &Client) -> Result<Here, Fault> {
    let row = asked(replica, HERE, Side::Replica).await?;
    Ok(Here {
        due: row.get(0) == Some("t"),
        oldest_s: row.get(1).and_then(|s| s.parse().ok()),
        put_off: row.get(2) == Some("t"),
        cursor: row.get(3).map(ToOwned::to_owned),
        open: open(&row, 4),
    })
}

/// One row in one round trip, as text.
async fn asked(client: &Client, sql: &str, side: Side) -> Result<SimpleQueryRow, Fault> {
    let answer = client.simple_query(sql).await.map_err(|e| Fault::from_postgres(e, side))?;
    let row = answer.into_iter().find_map(|m| if let SimpleQueryMessage::Row(row) = m { Some(row) } else { None });
    row.ok_or_else(|| Fault::new(Kind::Other, "a look was not answered with a row").on(side))
}

/// Looks at what a cycle with these options is about.
pub async fn look(s: &Sessions, options: &CycleOptions) -> Result<Look, Fault> {
    let here = here(&s.replica).await?;
    let mut look = Look { anything: options.push && here.due, ..Look::default() };
    if options.push {
        look.replica = Some(here.open);
    }
    if !options.pull {
        return Ok(look);
    }
    look.anything |= here.put_off;
    let Some(cursor) = here.cursor else { return Ok(Look { anything: true, ..look }) };
    let cursor = escape_literal(&cursor);
    let there = format!(
        "SELECT EXISTS (SELECT FROM robbie_sync.changelog c WHERE c.xid >= pg_snapshot_xmin({cursor}::pg_snapshot)
             AND NOT pg_visible_in_snapshot(c.xid, {cursor}::pg_snapshot)), pg_snapshot_xmin(s)::text, pg_snapshot_xmax(s)::text
         FROM pg_current_snapshot() s"
    );
    let row = asked(&s.master, &there, Side::Master).await?;
    look.anything |= row.get(0) == Some("t");
    look.master = Some(open(&row, 1));
    Ok(look)
}

fn open(row: &SimpleQueryRow, at: usize) -> Open {
    let number = |i: usize| row.get(i).and_then(|n| n.parse().ok()).unwrap_or(0);
    Open { ended_below: number(at), begun_below: number(at + 1) }
}

/// Whether what was held back can still be in an open transaction. Per side: what had begun when the gate was over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldBack {
    replica: Option<u64>,
    master: Option<u64>,
}

impl HeldBack {
    /// Notes the first look after the gate was over.
    pub fn since(look: &Look) -> Self {
        let mut held =
            Self { replica: look.replica.map(|o| o.begun_below), master: look.master.map(|o| o.begun_below) };
        held.release(look);
        held
    }
    /// Forgets what has ended by now; a side that was not looked at stays.
    pub fn release(&mut self, look: &Look) {
        for (held, seen) in [(&mut self.replica, look.replica), (&mut self.master, look.master)] {
            if let (Some(below), Some(seen)) = (*held, seen)
                && seen.ended_below >= below
            {
                *held = None;
            }
        }
    }
    /// Whether nothing is held back any more.
    pub fn is_over(&self) -> bool {
        self.replica.is_none() && self.master.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(replica: (u64, u64), master: (u64, u64)) -> Look {
        let open = |(ended_below, begun_below)| Some(Open { ended_below, begun_below });
        Look { anything: false, replica: open(replica), master: open(master) }
    }

    #[test]
    fn looking_goes_on_until_what_had_begun_has_ended() {
        assert!(HeldBack::since(&look((10, 10), (7, 7))).is_over());
        let mut held = HeldBack::since(&look((10, 10), (7, 9)));
        assert!(!held.is_over());
        // Others begin; the one that was open still is.
        held.release(&look((12, 12), (7, 30)));
        assert!(!held.is_over());
        held.release(&Look { master: None, ..look((12, 12), (0, 0)) });
        assert!(!held.is_over(), "a side that was not looked at says nothing");
        held.release(&look((12, 12), (9, 31)));
        assert!(held.is_over());
    }
}
