//! Notices when one of the two databases is not the one it was: restored, promoted, replaced, copied.
//!
//! A cursor means something only on the master it was taken from, and only while that master has all it had then: its
//! **witness** says so, a row that the pull left there before the cursor was stored. Whatever does not fit leads to a
//! comparison of all rows; where the master has lost history, that comparison overwrites and deletes nothing here, and
//! what was sent and lost with it is sent again (`lost`).

use super::lost::{self, Turn};
use super::session::Sessions;
use super::side::{at_one_snapshot, on_master, on_replica};
use crate::postgres::{Fault, Side};
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

/// The code with which `robbie_sync.greet` refuses a replica that has another's identity.
const IDENTITY_CLASH: &str = "RS001";

/// What the replica knows of the master from its last pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The master's system identifier and database.
    pub system: String,
    /// Its timeline, where it could be read.
    pub timeline: Option<i32>,
    /// Its snapshot.
    pub snapshot: String,
    /// `bootstrapping`, `comparing`, `following` or `resync`.
    pub state: String,
    /// What that pull left on the master, where it could.
    pub witness: Option<Uuid>,
}

/// What the master says of itself and of us, at the snapshot of this pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its system identifier and database.
    pub system: String,
    /// Its timeline, where it can be read.
    pub timeline: Option<i32>,
    /// Whether its transactions are behind the cursor's.
    pub behind: bool,
    /// Whether changes after the cursor were pruned.
    pub pruned: bool,
    /// The nonce it has of this replica.
    pub nonce: Option<Uuid>,
    /// How far it knows this replica to have pulled.
    pub acked: Option<String>,
    /// Whether it has the cursor's witness, if that has one.
    pub witnessed: Option<bool>,
}

/// What a look at the master came to.
pub struct Arrival {
    /// How to pull.
    pub mode: Pull,
    /// What it said.
    pub found: Found,
    /// Its snapshot.
    pub snapshot: String,
    /// What a person should know of it.
    pub warning: Option<String>,
}

/// How to pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// What changed since the cursor.
    Follow,
    /// All rows, for the first time: local rows that the master lacks stay.
    First,
    /// All rows; the master is as complete as it was: what it lacks and was synced goes here too.
    Trusted(&'static str),
    /// All rows; the master lost history: rows it lacks or that differ are left as they are.
    Rewound(&'static str),
}

/// The state of a cursor whose first load is under way.
pub const BOOTSTRAPPING: &str = "bootstrapping";
/// The state of a cursor of a master that can only be compared.
pub const COMPARING: &str = "comparing";

/// Why all rows are compared once more where there was no changelog until now.
const COMPARED: &str = "until now changes were found by comparing";
const RESTORED: &str = "the master was restored to an earlier time";

/// Decides how to pull. `remembered`: the nonce that the master has of this replica is one it may have.
pub fn judge(cursor: Option<&Cursor>, found: &Found, remembered: bool) -> Pull {
    let Some(cursor) = cursor else { return Pull::First };
    let other = cursor.system != found.system;
    let promoted = cursor.timeline.is_some() && found.timeline.is_some() && cursor.timeline != found.timeline;
    // Without a witness (bookkeeping of an earlier version) the acknowledgement is the next best proof.
    let complete = found
        .witnessed
        .unwrap_or_else(|| !other && !found.behind && (!promoted || found.acked.as_ref() == Some(&cursor.snapshot)));
    if cursor.state == COMPARING {
        if complete { Pull::Trusted(COMPARED) } else { Pull::First }
    } else if cursor.state == BOOTSTRAPPING && complete && remembered {
        Pull::First // goes on; whatever else there is about this master is looked at when all is loaded
    } else if cursor.state == "resync" {
        Pull::Rewound("the master was restored to an earlier time or failed over too early, or this replica was copied")
    } else if !complete && other {
        Pull::Rewound("the master is another database than before")
    } else if !complete && promoted {
        Pull::Rewound("the master failed over and may have lost its last changes")
    } else if !complete || !remembered {
        Pull::Rewound(RESTORED)
    } else if other || found.behind {
        Pull::Trusted("the master was moved; it has all that was known of it")
    } else if promoted {
        Pull::Trusted("the master failed over; it has all that was known of it")
    } else if found.pruned {
        Pull::Trusted("this replica was away longer than the master keeps its changelog")
    } else {
        Pull::Follow
    }
}

/// Looks at the master, within one snapshot of it, and decides how to pull. Where it is not the master it was, or this
/// replica not the only one with its identity, that is put in order first; repeating it is harmless. `thorough` also asks
/// the ledger for what was settled last.
pub async fn arrive(master: &Client, replica: &Client, thorough: bool) -> Result<Arrival, Fault> {
    let cursor = read_cursor(replica).await?;
    let row = replica
        .query_one("SELECT node_id, nonce, next_nonce FROM robbie_sync.this_node", &[])
        .await
        .map_err(on_replica)?;
    let (node, nonce, next): (Uuid, Option<Uuid>, Option<Uuid>) = (row.get(0), row.get(1), row.get(2));
    let (found, snapshot) = look(master, cursor.as_ref(), node).await?;
    let remembered = found.nonce == nonce || (next.is_some() && found.nonce == next);
    let mut mode = judge(cursor.as_ref(), &found, remembered);
    // What was sent is one nonce for many batches: before the master's word overrides ours, the ledger is asked for all of it.
    let sure = match mode {
        // Nothing was ever sent to a master that was only compared.
        Pull::Trusted(COMPARED) => true,
        Pull::Trusted(_) => false,
        Pull::Follow if thorough => lost::has_last(master, replica).await?,
        _ => true,
    };
    if !sure && lost::has_lost(master, replica).await? {
        mode = Pull::Rewound(RESTORED);
    }
    let mut warning = None;
    let in_order = cursor.as_ref().is_some_and(|c| c.state == "resync");
    if !remembered || (matches!(mode, Pull::Rewound(_)) && !in_order) {
        // Another life of this replica went further: the master lost nothing, and its changelog leads on from here.
        if !remembered && lost::has_another_life(master, replica, node).await? {
            mode = judge(cursor.as_ref(), &found, true);
        }
        let rewound = matches!(mode, Pull::Rewound(_)) && !in_order;
        let seen = found.acked.as_ref().map(|acked| {
            let timeline = found.timeline.map_or_else(|| "-".to_owned(), |t| t.to_string());
            format!("{} {timeline} {acked}", found.system)
        });
        warning = lost::recover(master, replica, Turn { rewound, clash: !remembered, seen }).await?;
    }
    Ok(Arrival { mode, found, snapshot, warning })
}

/// Looks at the master before anything is sent to it.
pub async fn check(s: &mut Sessions) -> Result<Arrival, Fault> {
    let transaction = at_one_snapshot(&mut s.master, Side::Master).await?;
    let arrival = arrive(transaction.client(), &s.replica, true).await?;
    transaction.commit().await.map_err(on_master)?;
    Ok(arrival)
}

/// What this replica knows of the master.
pub async fn read_cursor(replica: &Client) -> Result<Option<Cursor>, Fault> {
    let row = replica
        .query_opt("SELECT system_identifier, timeline, snapshot::text, state, witness FROM robbie_sync.cursor", &[])
        .await
        .map_err(on_replica)?;
    Ok(row.map(|r| Cursor {
        system: r.get(0),
        timeline: r.get(1),
        snapshot: r.get(2),
        state: r.get(3),
        witness: r.get(4),
    }))
}

/// Stores how far this replica is.
pub async fn write_cursor(replica: &Transaction<'_>, cursor: &Cursor) -> Result<(), Fault> {
    replica
        .execute(
            "INSERT INTO robbie_sync.cursor AS c (system_identifier, timeline, snapshot, state, witness)
             VALUES ($1, $2, $3::text::pg_snapshot, $4, $5)
             ON CONFLICT (only_row) DO UPDATE SET system_identifier = excluded.system_identifier, timeline = excluded.timeline,
                 snapshot = excluded.snapshot, state = excluded.state, witness = excluded.witness, pulled_at = clock_timestamp()",
            &[&cursor.system, &cursor.timeline, &cursor.snapshot, &cursor.state, &cursor.witness],
        )
        .await
        .map_err(on_replica)?;
    Ok(())
}

async fn look(master: &Client, cursor: Option<&Cursor>, node: Uuid) -> Result<(Found, String), Fault> {
    let snapshot = cursor.map(|c| c.snapshot.as_str());
    let witness = cursor.and_then(|c| c.witness);
    let row = master
        .query_one(
            "SELECT i.system_identifier, i.timeline, pg_current_snapshot()::text,
                    coalesce(pg_snapshot_xmax($1::text::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot()), false),
                    coalesce((SELECT p.below FROM robbie_sync.pruned p) > pg_snapshot_xmin($1::text::pg_snapshot), false),
                    n.nonce, n.snapshot::text,
                    CASE WHEN $3::uuid IS NOT NULL THEN EXISTS (SELECT 1 FROM robbie_sync.witness w WHERE w.token = $3) END
             FROM robbie_sync.incarnation() i LEFT JOIN robbie_sync.node n ON n.node_id = $2",
            &[&snapshot, &node, &witness],
        )
        .await
        .map_err(on_master)?;
    let found = Found {
        system: row.get(0),
        timeline: row.get(1),
        behind: row.get(3),
        pruned: row.get(4),
        nonce: row.get(5),
        acked: row.get(6),
        witnessed: row.get(7),
    };
    Ok((found, row.get(2)))
}

/// Leaves a witness on the master for the cursor that is about to be stored; none where it cannot be written.
pub async fn attest(master: &Client, node: Uuid, warnings: &mut Vec<String>) -> Option<Uuid> {
    let token = Uuid::new_v4();
    match master.execute("SELECT robbie_sync.attest($1, $2)", &[&token, &node]).await {
        Ok(_) => Some(token),
        Err(e) => {
            warnings.push(format!("the master could not be given a witness: {}", on_master(e)));
            None
        }
    }
}

/// Whether the master refused this replica because another has its identity.
pub fn is_identity_clash(fault: &Fault) -> bool {
    fault.sqlstate.as_deref() == Some(IDENTITY_CLASH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> Cursor {
        Cursor {
            system: "7/1".into(),
            timeline: Some(1),
            snapshot: "10:10:".into(),
            state: "following".into(),
            witness: Some(Uuid::nil()),
        }
    }

    fn found() -> Found {
        Found {
            system: "7/1".into(),
            timeline: Some(1),
            behind: false,
            pruned: false,
            nonce: Some(Uuid::nil()),
            acked: Some("10:10:".into()),
            witnessed: Some(true),
        }
    }

    #[test]
    fn the_same_master_is_followed_and_a_new_pair_compares_all_rows() {
        assert_eq!(judge(Some(&cursor()), &found(), true), Pull::Follow);
        assert_eq!(judge(None, &found(), true), Pull::First);
        assert_eq!(judge(Some(&cursor()), &Found { witnessed: None, ..found() }, true), Pull::Follow);
    }

    #[test]
    fn a_master_without_the_witness_is_never_followed() {
        for found in [
            found(),
            Found { system: "8/1".into(), ..found() },
            Found { behind: true, ..found() },
            Found { timeline: Some(2), ..found() },
        ] {
            let found = Found { witnessed: Some(false), ..found };
            assert!(matches!(judge(Some(&cursor()), &found, true), Pull::Rewound(_)), "{found:?}");
        }
        assert!(matches!(judge(Some(&cursor()), &found(), false), Pull::Rewound(_)));
        let resync = Cursor { state: "resync".into(), ..cursor() };
        assert!(matches!(judge(Some(&resync), &found(), true), Pull::Rewound(_)));
    }

    #[test]
    fn a_first_load_goes_on_with_the_same_master_only_and_what_was_compared_is_met_by_all_rows() {
        let loading = Cursor { state: BOOTSTRAPPING.into(), ..cursor() };
        assert_eq!(judge(Some(&loading), &found(), true), Pull::First);
        assert_eq!(judge(Some(&loading), &Found { pruned: true, ..found() }, true), Pull::First);
        for lost in [
            judge(Some(&loading), &Found { witnessed: Some(false), ..found() }, true),
            judge(Some(&loading), &found(), false),
        ] {
            assert!(matches!(lost, Pull::Rewound(_)), "{lost:?}");
        }
        let compared = Cursor { state: COMPARING.into(), witness: None, ..cursor() };
        let found = Found { witnessed: None, ..found() };
        assert_eq!(judge(Some(&compared), &found, true), Pull::Trusted(COMPARED));
        assert_eq!(judge(Some(&compared), &Found { behind: true, ..found }, true), Pull::First);
    }

    #[test]
    fn bookkeeping_without_a_witness_trusts_less() {
        for found in [
            Found { system: "8/1".into(), ..found() },
            Found { behind: true, ..found() },
            Found { timeline: Some(2), acked: Some("9:9:".into()), ..found() },
        ] {
            let found = Found { witnessed: None, ..found };
            assert!(matches!(judge(Some(&cursor()), &found, true), Pull::Rewound(_)), "{found:?}");
        }
    }

    #[test]
    fn a_failover_a_move_and_a_long_absence_without_loss_trust_the_master() {
        for found in [
            Found { timeline: Some(2), ..found() },
            Found { timeline: Some(2), witnessed: None, ..found() },
            Found { pruned: true, ..found() },
            Found { behind: true, system: "8/1".into(), ..found() },
        ] {
            assert!(matches!(judge(Some(&cursor()), &found, true), Pull::Trusted(_)), "{found:?}");
        }
        assert_eq!(judge(Some(&cursor()), &Found { timeline: None, ..found() }, true), Pull::Follow);
    }
}
