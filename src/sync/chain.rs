//! A row's entries are applied in their order, also where they are sent in several batches: one that was not settled holds
//! the later ones back.

use super::batch::Entry;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// By table and key: the entry that is in the way of the row's later ones.
#[derive(Default)]
pub struct Chains(HashMap<(String, String), Uuid>);

impl Chains {
    /// Has entries wait for an earlier one of their row that was sent before them and not settled: it may not be noted yet.
    pub fn hold_back(&self, entries: &mut [Entry]) {
        if self.0.is_empty() {
            return;
        }
        let here: HashSet<Uuid> = entries.iter().map(|e| e.id).collect();
        for entry in entries {
            let before = row(entry).and_then(|r| self.0.get(&r)).copied().filter(|id| !here.contains(id));
            entry.waits = entry.waits.or(before);
        }
    }

    /// Remembers what became of entries that were sent, in the order of the queue.
    pub fn remember(&mut self, entries: &[Entry], settled: &HashSet<Uuid>) {
        if self.0.is_empty() && entries.iter().all(|e| settled.contains(&e.id)) {
            return;
        }
        for entry in entries {
            let Some(row) = row(entry) else { continue };
            if !settled.contains(&entry.id) {
                self.0.entry(row).or_insert(entry.id);
            } else if self.0.get(&row) == Some(&entry.id) {
                self.0.remove(&row);
            }
        }
    }
}

fn row(entry: &Entry) -> Option<(String, String)> {
    entry.pk.as_ref().map(|pk| (entry.table.clone(), pk.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(n: u128, row: &str) -> Entry {
        Entry {
            id: Uuid::from_u128(n),
            seq: n as i64,
            table: "t".into(),
            op: "UPDATE".into(),
            pk: Some(row.into()),
            payload: "{}".into(),
            base: None,
            seen: None,
            version: "1".into(),
            waits: None,
            rank: None,
        }
    }

    fn waits(chains: &Chains, entry: &Entry) -> Option<Uuid> {
        let mut one = [entry.clone()];
        chains.hold_back(&mut one);
        one[0].waits
    }

    #[test]
    fn an_unsettled_entry_holds_back_the_later_ones_of_its_row_until_it_is_settled() {
        let (first, second, third, other) = (entry(1, "a"), entry(2, "a"), entry(3, "a"), entry(4, "b"));
        let mut chains = Chains::default();
        chains.remember(&[first.clone(), second.clone(), other.clone()], &HashSet::from([other.id]));
        assert_eq!((waits(&chains, &third), waits(&chains, &other)), (Some(first.id), None));
        // In one batch the master keeps their order itself.
        let mut both = [first.clone(), third.clone()];
        chains.hold_back(&mut both);
        assert_eq!((both[0].waits, both[1].waits), (None, None));
        chains.remember(std::slice::from_ref(&first), &HashSet::from([first.id]));
        assert_eq!(waits(&chains, &third), None);
    }

    #[test]
    fn what_an_entry_waits_for_already_is_not_forgotten() {
        let mut chains = Chains::default();
        chains.remember(&[entry(1, "a")], &HashSet::new());
        let earlier = Some(Uuid::from_u128(9));
        assert_eq!(waits(&chains, &Entry { waits: earlier, ..entry(2, "a") }), earlier);
    }
}
