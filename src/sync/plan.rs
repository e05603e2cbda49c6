//! In which order the entries of a batch are applied: parents before children, deletes the other way round, and each
//! row's own entries in the order in which they were queued.

use std::collections::HashMap;

/// What the plan needs to know of an entry.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// Its place in the queue.
    pub seq: i64,
    /// Its table.
    pub table: &'a str,
    /// Its row, where it is known.
    pub key: Option<&'a str>,
    /// Whether it removes the row.
    pub delete: bool,
}

/// The places of `steps` in the order in which they are applied. `depth` is a table's distance from the tables that
/// point at nothing.
///
/// Entries are laid out in phases: upserts, deletes, upserts of rows deleted before, and so on. A row's entries never
/// change places; within a phase parents come first, or last where it deletes.
pub fn order(steps: &[Step<'_>], depth: &HashMap<String, i64>) -> Vec<usize> {
    let mut by_seq: Vec<usize> = (0..steps.len()).collect();
    by_seq.sort_by_key(|&i| steps[i].seq);
    let mut phase_of_row: HashMap<(&str, &str), i64> = HashMap::new();
    let mut placed: Vec<(i64, i64, i64, usize)> = Vec::with_capacity(steps.len());
    for i in by_seq {
        let step = &steps[i];
        let wanted = i64::from(step.delete);
        let phase = match step.key {
            None => wanted,
            Some(key) => {
                let phase = phase_of_row.entry((step.table, key)).or_insert(wanted);
                if *phase % 2 != wanted {
                    *phase += 1;
                }
                *phase
            }
        };
        let depth = depth.get(step.table).copied().unwrap_or(0);
        placed.push((phase, if step.delete { -depth } else { depth }, step.seq, i));
    }
    placed.sort_unstable();
    placed.into_iter().map(|(.., i)| i).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn step<'a>(seq: i64, table: &'a str, key: &'a str, delete: bool) -> Step<'a> {
        Step { seq, table, key: Some(key), delete }
    }

    fn depths() -> HashMap<String, i64> {
        HashMap::from([("parent".to_owned(), 0), ("child".to_owned(), 1)])
    }

    #[test]
    fn parents_first_and_deletes_the_other_way_round() {
        let steps = [
            step(1, "child", "c1", false),
            step(2, "parent", "p1", false),
            step(3, "parent", "p2", true),
            step(4, "child", "c2", true),
        ];
        assert_eq!(order(&steps, &depths()), [1, 0, 3, 2]);
    }

    #[test]
    fn a_row_that_is_deleted_and_made_again_keeps_its_order() {
        let steps = [
            step(1, "parent", "p", false),
            step(2, "parent", "p", true),
            step(3, "parent", "p", false),
            step(4, "parent", "q", false),
        ];
        assert_eq!(order(&steps, &depths()), [0, 3, 1, 2]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_row_changes_its_own_order(
            made in prop::collection::vec((0..2usize, 0..4usize, any::<bool>()), 0..60)
        ) {
            let (tables, keys) = (["parent", "child"], ["a", "b", "c", "d"]);
            let steps: Vec<Step<'_>> = made.iter().enumerate()
                .map(|(i, &(t, k, delete))| step(i as i64, tables[t], keys[k], delete)).collect();
            let planned = order(&steps, &depths());
            let mut all = planned.clone();
            all.sort_unstable();
            prop_assert_eq!(all, (0..steps.len()).collect::<Vec<_>>());
            let mut last: HashMap<(&str, &str), i64> = HashMap::new();
            for i in planned {
                let row = (steps[i].table, steps[i].key.unwrap_or_default());
                let before = last.insert(row, steps[i].seq);
                prop_assert!(before.is_none_or(|b| b < steps[i].seq));
            }
        }
    }
}
