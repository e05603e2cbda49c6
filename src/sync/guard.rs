//! Notices when one of the two databases is not the one it was: restored, promoted, replaced, copied.
//!
//! A cursor means something only on the master it was taken from. Whatever does not fit leads to a comparison of all
//! rows; where the master has lost history, that comparison overwrites and deletes nothing here.

use crate::postgres::{Fault, Side};
use tokio_postgres::Client;
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
    /// `bootstrapping`, `following` or `resync`.
    pub state: String,
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

/// Decides how to pull. `nonces` are those that this replica may have with the master.
pub fn judge(cursor: Option<&Cursor>, found: &Found, nonces: &[Option<Uuid>]) -> Pull {
    let Some(cursor) = cursor else { return Pull::First };
    let remembered = nonces.contains(&found.nonce);
    let same_time = cursor.timeline.is_none() || found.timeline.is_none() || cursor.timeline == found.timeline;
    if cursor.state == "bootstrapping" {
        Pull::First
    } else if cursor.state == "resync" {
        Pull::Rewound("one of the two databases was restored or copied")
    } else if cursor.system != found.system {
        Pull::Rewound("the master is another database than before")
    } else if found.behind || !remembered {
        Pull::Rewound("the master was restored to an earlier time")
    } else if !same_time {
        if found.acked.as_ref() == Some(&cursor.snapshot) {
            Pull::Trusted("the master failed over; it has all that was known of it")
        } else {
            Pull::Rewound("the master failed over and may have lost its last changes")
        }
    } else if found.pruned {
        Pull::Trusted("this replica was away longer than the master keeps its changelog")
    } else {
        Pull::Follow
    }
}

/// Whether the master refused this replica because another has its identity.
pub fn is_identity_clash(fault: &Fault) -> bool {
    fault.sqlstate.as_deref() == Some(IDENTITY_CLASH)
}

/// Takes a new identity, and has the next pull compare all rows.
pub async fn become_another(replica: &Client) -> Result<(), Fault> {
    replica
        .batch_execute(
            "BEGIN; UPDATE robbie_sync.this_node SET node_id = gen_random_uuid(), nonce = NULL, next_nonce = NULL;
             UPDATE robbie_sync.cursor SET state = 'resync' WHERE state = 'following';
             UPDATE robbie_sync.entry SET seen = NULL WHERE seen IS NOT NULL AND state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined'); COMMIT",
        )
        .await
        .map_err(|e| Fault::from_postgres(e, Side::Replica))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> Cursor {
        Cursor { system: "7/1".into(), timeline: Some(1), snapshot: "10:10:".into(), state: "following".into() }
    }

    fn found() -> Found {
        Found {
            system: "7/1".into(),
            timeline: Some(1),
            behind: false,
            pruned: false,
            nonce: Some(Uuid::nil()),
            acked: Some("10:10:".into()),
        }
    }

    const NONCES: &[Option<Uuid>] = &[Some(Uuid::nil())];

    #[test]
    fn the_same_master_is_followed_and_a_new_pair_compares_all_rows() {
        assert_eq!(judge(Some(&cursor()), &found(), NONCES), Pull::Follow);
        assert_eq!(judge(None, &found(), NONCES), Pull::First);
        assert_eq!(judge(Some(&cursor()), &Found { nonce: None, ..found() }, &[None]), Pull::Follow);
    }

    #[test]
    fn a_restored_or_replaced_master_is_never_followed() {
        for found in [
            Found { system: "8/1".into(), ..found() },
            Found { behind: true, ..found() },
            Found { nonce: Some(Uuid::max()), ..found() },
            Found { nonce: None, ..found() },
            Found { timeline: Some(2), acked: Some("9:9:".into()), ..found() },
        ] {
            assert!(matches!(judge(Some(&cursor()), &found, NONCES), Pull::Rewound(_)), "{found:?}");
        }
    }

    #[test]
    fn a_failover_without_loss_and_a_long_absence_trust_the_master() {
        for found in [Found { timeline: Some(2), ..found() }, Found { pruned: true, ..found() }] {
            assert!(matches!(judge(Some(&cursor()), &found, NONCES), Pull::Trusted(_)), "{found:?}");
        }
        assert_eq!(judge(Some(&cursor()), &Found { timeline: None, ..found() }, NONCES), Pull::Follow);
    }
}
