//! In which order the entries of a batch are applied: parents before children, deletes the other way round, and each
//! row's own entries in the order in which they were queued.

use std::collections::{HashMap, HashSet};

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
    /// The rows of its own table that it points at.
    pub points: Vec<&'a str>,
}

/// The places of `steps` in the order in which they are applied. `depth` is a table's distance from the tables that
/// point at nothing.
///
/// Entries are laid out in phases: upserts, deletes, upserts of rows deleted before, and so on. A row's entries never
/// change places; within a phase parents come first, or last where it deletes; so do rows of a table that others of it point at.
pub fn order(steps: &[Step<'_>], depth: &HashMap<String, i64>) -> Vec<usize> {
    let mut by_seq: Vec<usize> = (0..steps.len()).collect();
    by_seq.sort_by_key(|&i| steps[i].seq);
    let mut phase_of_row: HashMap<(&str, &str), i64> = HashMap::new();
    let level = levels(steps);
    let mut placed: Vec<(i64, i64, i64, i64, usize)> = Vec::with_capacity(steps.len());
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
        let level = step.key.and_then(|key| level.get(&(step.table, key))).copied().unwrap_or(0);
        let sign = if step.delete { -1 } else { 1 };
        placed.push((phase, sign * depth, sign * level, step.seq, i));
    }
    placed.sort_unstable();
    placed.into_iter().map(|(.., i)| i).collect()
}

/// How far each row is from those of its table that point at none of the others; only rows that point at one have a level. Rows that
/// point at each other in a circle come in any order.
fn levels<'a>(steps: &[Step<'a>]) -> HashMap<(&'a str, &'a str), i64> {
    let mut parents: HashMap<(&str, &str), Vec<(&str, &str)>> = HashMap::new();
    for step in steps {
        let Some(key) = step.key else { continue };
        let others = step.points.iter().filter(|other| **other != key).map(|other| (step.table, *other));
        let mut others = others.peekable();
        if others.peek().is_some() {
            parents.entry((step.table, key)).or_default().extend(others);
        }
    }
    let mut level: HashMap<(&str, &str), i64> = HashMap::new();
    let mut begun: HashSet<(&str, &str)> = HashSet::new();
    for &row in parents.keys() {
        // A line may be longer than a stack is deep.
        let mut way = if begun.insert(row) { vec![row] } else { vec![] };
        while let Some(&here) = way.last() {
            if let Some(&next) = parents[&here].iter().find(|p| parents.contains_key(*p) && !begun.contains(*p)) {
                begun.insert(next);
                way.push(next);
                continue;
            }
            let above = parents[&here].iter().map(|p| level.get(p).copied().unwrap_or(0)).max();
            level.insert(here, above.unwrap_or(0) + 1);
            way.pop();
        }
    }
    level
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn step<'a>(seq: i64, table: &'a str, key: &'a str, delete: bool) -> Step<'a> {
        Step { seq, table, key: Some(key), delete, points: vec![] }
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

    fn pointing<'a>(seq: i64, key: &'a str, points: &[&'a str]) -> Step<'a> {
        Step { points: points.to_vec(), ..step(seq, "parent", key, false) }
    }

    #[test]
    fn rows_of_a_table_come_after_those_that_they_point_at() {
        let steps = [
            pointing(1, "d", &["c", "a"]),
            pointing(2, "c", &["b"]),
            pointing(3, "b", &["a", "b"]),
            pointing(4, "a", &[]),
            pointing(5, "x", &["elsewhere"]),
        ];
        assert_eq!(order(&steps, &depths()), [3, 2, 4, 1, 0]);
        let circle = [pointing(1, "a", &["b"]), pointing(2, "b", &["a"])];
        assert_eq!(order(&circle, &depths()).len(), 2);
    }

    #[test]
    fn a_line_of_any_length_is_walked() {
        let keys: Vec<String> = (0..200_000).map(|n| n.to_string()).collect();
        let steps: Vec<Step<'_>> =
            (1..keys.len()).rev().map(|n| pointing(-(n as i64), &keys[n], &[&keys[n - 1]])).collect();
        let planned = order(&steps, &depths());
        assert!(planned.windows(2).all(|two| steps[two[0]].seq > steps[two[1]].seq));
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
