//! A frozen selection: which entries a person saw, as they were and as their rows on the master were.

use super::batch::DIGEST;
use super::replay::Sending;
use super::report::{EntryOutcome, Mode, Outcome, ReplayOptions};
use super::side::{on_master, on_replica};
use crate::postgres::{Fault, Pair};
use crate::queue::{Verdict, mask};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// Entries looked at in one round.
const PAGE: usize = 500;

/// An entry as it was when it was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct FrozenEntry {
    /// Its id.
    pub id: Uuid,
    /// The digest of its table, operation and payload; none: the queue did not have it.
    pub hash: Option<String>,
    /// The version of its row on the master, empty where there was none; none: its row is not known.
    pub row: Option<String>,
    /// What a replay would do.
    pub verdict: Option<Verdict>,
    /// What it would come to.
    pub outcome: Option<Outcome>,
}

/// Entries as they were when they were looked at, in the order in which they are applied.
#[derive(Clone, Debug, Serialize)]
pub struct Frozen {
    /// The run that a replay of them is.
    pub run: Uuid,
    /// Whether it applies over newer rows.
    pub force: bool,
    /// All of them: as many as are shown are acted on.
    pub entries: Vec<FrozenEntry>,
    /// How many would do what; empty where nothing was tried.
    pub by_verdict: BTreeMap<Verdict, u64>,
    /// How many would come to what.
    pub by_outcome: BTreeMap<Outcome, u64>,
    /// The error families that were foretold.
    pub families: BTreeSet<String>,
}

impl Frozen {
    /// The ids, in the order in which they are applied.
    pub fn ids(&self) -> Vec<Uuid> {
        self.entries.iter().map(|e| e.id).collect()
    }
}

/// Freezes entries without trying them.
pub async fn freeze(pair: &Pair, ids: &[Uuid], force: bool) -> Result<Frozen, Fault> {
    look(pair, ids, force, false).await
}

/// Freezes entries and says what a replay would do, by a dry run.
pub async fn preview(pair: &Pair, ids: &[Uuid], force: bool) -> Result<Frozen, Fault> {
    look(pair, ids, force, true).await
}

async fn look(pair: &Pair, ids: &[Uuid], force: bool, tried: bool) -> Result<Frozen, Fault> {
    let options = ReplayOptions { mode: Mode::Dry, actor: "preview".to_owned(), reason: None, force };
    let mut sending = Sending::open(pair, Uuid::new_v4(), options, false).await?;
    let planned: Vec<Uuid> = sending.plan(ids).await?.into_iter().map(|p| p.id).collect();
    let mut frozen = Frozen {
        run: Uuid::new_v4(),
        force,
        entries: Vec::with_capacity(ids.len()),
        by_verdict: BTreeMap::new(),
        by_outcome: BTreeMap::new(),
        families: BTreeSet::new(),
    };
    for page in planned.chunks(PAGE) {
        // First as it is, then what it would do: what changes in between has drifted.
        let mut page = versions(&sending, page).await?;
        if tried {
            let ids: Vec<Uuid> = page.iter().map(|e| e.id).collect();
            let outcomes = sending.send(&ids, &HashMap::new()).await?;
            let outcomes: HashMap<Uuid, EntryOutcome> = outcomes.into_iter().map(|o| (o.id, o)).collect();
            for entry in &mut page {
                let Some(outcome) = outcomes.get(&entry.id) else { continue };
                (entry.verdict, entry.outcome) = (Some(outcome.verdict), Some(outcome.outcome));
                *frozen.by_verdict.entry(outcome.verdict).or_default() += 1;
                *frozen.by_outcome.entry(outcome.outcome).or_default() += 1;
                frozen.families.extend(family(outcome));
            }
        }
        frozen.entries.extend(page);
    }
    let known: std::collections::HashSet<Uuid> = planned.into_iter().collect();
    let gone = ids.iter().filter(|id| !known.contains(id));
    let gone: Vec<FrozenEntry> = gone
        .map(|id| FrozenEntry { id: *id, hash: None, row: None, verdict: None, outcome: Some(Outcome::Missing) })
        .collect();
    if !gone.is_empty() {
        *frozen.by_outcome.entry(Outcome::Missing).or_default() += gone.len() as u64;
    }
    frozen.entries.extend(gone);
    Ok(frozen)
}

/// Entries and their rows as they are now.
async fn versions(sending: &Sending, ids: &[Uuid]) -> Result<Vec<FrozenEntry>, Fault> {
    let sql = format!(
        "SELECT p.id, {DIGEST}, e.tbl, e.pk::text
         FROM unnest($1::uuid[]) WITH ORDINALITY c(id, n) JOIN public.pending_sync p USING (id)
         LEFT JOIN robbie_sync.entry e ON e.entry_id = p.id ORDER BY c.n"
    );
    let rows = sending.s.replica.query(&sql, &[&ids]).await.map_err(on_replica)?;
    let keyed: Vec<_> = rows.iter().filter(|r| r.get::<_, Option<&str>>(3).is_some()).collect();
    let of: Vec<Uuid> = keyed.iter().map(|r| r.get(0)).collect();
    let tables: Vec<&str> = keyed.iter().map(|r| r.get(2)).collect();
    let keys: Vec<&str> = keyed.iter().map(|r| r.get(3)).collect();
    let found = sending
        .s
        .master
        .query(
            "SELECT v.id, v.version FROM robbie_sync.row_versions(NULL, $1, $2, $3, false) v",
            &[&of, &tables, &keys],
        )
        .await
        .map_err(on_master)?;
    let versions: HashMap<Uuid, String> = found.iter().map(|r| (r.get(0), r.get(1))).collect();
    let entry = |r: &tokio_postgres::Row| {
        let id: Uuid = r.get(0);
        FrozenEntry { id, hash: r.get(1), row: versions.get(&id).cloned(), verdict: None, outcome: None }
    };
    Ok(rows.iter().map(entry).collect())
}

/// What an entry that did not go through has in common with others: code, verdict, object and message without values.
pub fn family(outcome: &EntryOutcome) -> Option<String> {
    let failed = matches!(outcome.outcome, Outcome::Failed | Outcome::Blocked | Outcome::Held);
    failed.then(|| {
        let message = mask::mask(outcome.message.as_deref().unwrap_or_default());
        let object = outcome.object.as_deref().unwrap_or_default();
        let verdict = outcome.verdict.to_string();
        let parts = [outcome.sqlstate.as_deref().unwrap_or_default(), &verdict, object, &message];
        parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" · ")
    })
}
