//! The table of synced tables: its columns and what stands in them.

use super::parts::whole_age;
use crate::health::TableHealth;
use crate::health::words::{count, short_age};
use crate::ui::Role;
use crate::ui::table::{Cell, Column, GAP, GUTTER, layout};

/// All columns; master on the left of the rule, replica on the right. Where the room is short, `stuck` stands for
/// `failed` and `blocked` together.
const COLUMNS: [Column; 12] = [
    Column::text("table", 14).grows(2),
    Column::number("rows", 9).leaves(4),
    Column::number("changed/h", 9).leaves(9),
    Column::text("│", 1).leaves(3),
    Column::number("rows", 9).leaves(5),
    Column::number("behind", 9).grows(1),
    Column::number("pending", 7).leaves(6),
    Column::number("stuck", 6),
    Column::number("failed", 6),
    Column::number("blocked", 7),
    Column::number("last sync", 9).leaves(8),
    Column::text("", 1),
];

const MASTER: std::ops::Range<usize> = 1..3;
const RULE: usize = 3;
const BEHIND: usize = 5;
const STUCK: usize = 7;
const FAILED: usize = 8;
const BLOCKED: usize = 9;
const LAST_SYNC: usize = 10;
const STATE: usize = 11;
const NEVER: &str = "–";

/// The width beyond which the table gains nothing.
pub const WIDEST: u16 = 132;
/// The width from which failed and blocked stand apart.
const APART: u16 = 126;

/// The columns of a table of this width (before any leave), by their number; `heads` says whether they have titles.
pub fn columns(width: u16, heads: bool) -> (Vec<usize>, Vec<Column>) {
    let shown: Vec<usize> = (0..COLUMNS.len())
        .filter(|i| if width >= APART { *i != STUCK } else { ![FAILED, BLOCKED].contains(i) })
        .collect();
    let columns = shown.iter().map(|i| {
        let column = COLUMNS[*i].clone();
        if heads { column } else { Column { title: "", ..column } }
    });
    (shown.clone(), columns.collect())
}

/// Where the rule between master and replica stands in a table of this width, if it is shown.
pub fn rule_at(width: u16) -> Option<u16> {
    let (shown, columns) = columns(width, true);
    let mut x = GUTTER;
    for (column, cells) in layout(&columns, width) {
        if shown[column] == RULE {
            return Some(x);
        }
        x += cells + GAP;
    }
    None
}

/// Which sides' numbers are old.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stale {
    /// The master's.
    pub master: bool,
    /// The replica's.
    pub replica: bool,
}

/// The texts of a row, in the order of [`COLUMNS`].
pub fn texts(table: &TableHealth) -> [String; 12] {
    let unknown = || "?".to_owned();
    let dot = |n: Option<i64>| n.map_or_else(unknown, |n| if n == 0 { "·".to_owned() } else { short_count(n) });
    let rows = |n: Option<i64>, estimated| {
        n.map_or_else(|| NEVER.to_owned(), |n| format!("{}{}", if estimated { "~" } else { "" }, short_count(n)))
    };
    let behind = match (table.lag_changes, table.lag_s) {
        (Some(0), _) => "·".to_owned(),
        (Some(n), Some(s)) => format!("{} {}", tight_count(n), short_age(s)),
        (Some(n), None) => tight_count(n),
        (None, _) => unknown(),
    };
    let least = if table.changes_at_least { "≥" } else { "" };
    [
        table.name.clone(),
        rows(table.master_rows, table.master_rows_estimated),
        format!("{least}{}", dot(table.changes_per_hour)),
        "│".to_owned(),
        rows(table.replica_rows, table.replica_rows_estimated),
        behind,
        dot(table.pending),
        dot(table.failed.map(|n| n + table.blocked.unwrap_or(0))),
        dot(table.failed),
        dot(table.blocked),
        table.last_sync_s.map_or_else(|| NEVER.to_owned(), |s| format!("{} ago", whole_age(s))),
        state(table).0.to_owned(),
    ]
}

/// The glyph and the role that say how a table stands.
fn state(table: &TableHealth) -> (&'static str, Role) {
    let some = |n: Option<i64>| n.is_some_and(|n| n > 0);
    if table.paused.is_some() {
        ("✗", Role::Bad)
    } else if some(table.failed) || some(table.blocked) {
        ("!", Role::Warn)
    } else if table.failed.is_none() || table.lag_changes.is_none() {
        ("?", Role::Muted)
    } else if some(table.pending) || some(table.lag_changes) {
        ("·", Role::Info)
    } else if !(table.master_rows_estimated || table.replica_rows_estimated) && table.master_rows != table.replica_rows
    {
        ("≠", Role::Warn)
    } else {
        ("✓", Role::Ok)
    }
}

/// The cells of a row; `changed` says whether a column's text changed just now.
pub fn cells(table: &TableHealth, stale: Stale, changed: impl Fn(usize) -> bool) -> Vec<Cell> {
    let some = |n: Option<i64>| n.is_some_and(|n| n > 0);
    texts(table)
        .into_iter()
        .enumerate()
        .map(|(i, text)| {
            let old = if MASTER.contains(&i) { stale.master } else { stale.replica && i > RULE };
            let role = match i {
                RULE => Role::Rule,
                _ if old => Role::Dim,
                _ if changed(i) => Role::Changed,
                0 => Role::Text,
                FAILED | STUCK if some(table.failed) => Role::Bad,
                BLOCKED | STUCK if some(table.blocked) => Role::Warn,
                STATE => state(table).1,
                LAST_SYNC => Role::Muted,
                _ if text == "·" || text == "?" || text == NEVER => Role::Dim,
                _ => Role::Text,
            };
            Cell::new(text, role)
        })
        .collect()
}

/// The columns of each table whose number changed. Ages always do; they are not news.
pub fn differences(old: &[TableHealth], new: &[TableHealth]) -> Vec<(String, usize)> {
    let mut out = Vec::new();
    for table in new {
        let Some(before) = old.iter().find(|t| t.name == table.name) else { continue };
        let (before, after) = (texts(before), texts(table));
        let news = (0..after.len()).filter(|i| ![BEHIND, LAST_SYNC, STATE].contains(i) && before[*i] != after[*i]);
        out.extend(news.map(|i| (table.name.clone(), i)));
    }
    out
}

/// A count that fits nine cells: grouped, in millions from ten million on.
fn short_count(n: i64) -> String {
    if n < 10_000_000 { count(n) } else { format!("{:.1}M", n as f64 / 1e6) }
}

/// A count that fits four cells.
fn tight_count(n: i64) -> String {
    match n {
        n if n < 10_000 => n.to_string(),
        n if n < 1_000_000 => format!("{}k", n / 1_000),
        n => format!("{}M", n / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::text::width;

    fn busy() -> TableHealth {
        TableHealth {
            name: "code_messages".into(),
            master_rows: Some(184_201),
            replica_rows: Some(184_188),
            changes_per_hour: Some(312),
            lag_changes: Some(13),
            lag_s: Some(0.4),
            pending: Some(4),
            failed: Some(31),
            blocked: Some(0),
            last_sync_s: Some(8.2),
            ..TableHealth::default()
        }
    }

    #[test]
    fn a_row_reads_as_in_the_mock_up() {
        let texts = texts(&busy());
        assert_eq!(
            texts.each_ref().map(String::as_str),
            ["code_messages", "184 201", "312", "│", "184 188", "13 0.4s", "4", "31", "31", "·", "8s ago", "!"]
        );
    }

    #[test]
    fn the_widest_numbers_fit_their_columns() {
        let huge = TableHealth {
            master_rows: Some(999_999_999),
            master_rows_estimated: true,
            replica_rows: Some(9_999_999),
            lag_changes: Some(100_001),
            lag_s: Some(3e7),
            changes_per_hour: Some(10_000),
            changes_at_least: true,
            pending: Some(100_001),
            ..busy()
        };
        for (text, column) in texts(&huge).iter().zip(COLUMNS).skip(1) {
            assert!(width(text) <= usize::from(column.width), "{text} in {}", column.title);
        }
    }

    #[test]
    fn only_numbers_are_news() {
        let mut later = busy();
        later.last_sync_s = Some(10.0);
        later.lag_s = Some(2.4);
        assert!(differences(&[busy()], &[later.clone()]).is_empty());
        later.failed = Some(30);
        assert_eq!(
            differences(&[busy()], &[later]),
            [("code_messages".to_owned(), STUCK), ("code_messages".to_owned(), FAILED)]
        );
    }

    #[test]
    fn what_is_not_known_is_not_claimed() {
        let texts = texts(&TableHealth::default());
        assert_eq!(texts[STATE], "?");
        assert_eq!((texts[1].as_str(), texts[BEHIND].as_str(), texts[FAILED].as_str()), ("–", "?", "?"));
    }
}
