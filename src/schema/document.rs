//! Reports as text for a terminal or as Markdown: the same headings, tables and lists, written either way.

use super::{Gap, GapState, Inventory, PARTS, Presence, Row, Score};
use crate::postgres::catalog::TableKind;
use std::fmt::Write as _;

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Aligned columns, for a terminal.
    #[default]
    Text,
    /// Markdown.
    Markdown,
}

/// A report in the making.
#[derive(Clone, Debug, Default)]
pub struct Document {
    blocks: Vec<Block>,
}

#[derive(Clone, Debug)]
enum Block {
    Title(String),
    Heading(String),
    Line(String),
    List(Vec<String>),
    Table { head: Vec<String>, rows: Vec<Vec<String>> },
    Sql(String),
}

impl Document {
    /// Begins the document.
    pub fn title(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Title(text.into()));
    }
    /// Begins a section.
    pub fn heading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Heading(text.into()));
    }
    /// Adds a paragraph.
    pub fn line(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Line(text.into()));
    }
    /// Adds a list; nothing where it is empty.
    pub fn list(&mut self, items: Vec<String>) {
        if !items.is_empty() {
            self.blocks.push(Block::List(items));
        }
    }
    /// Adds a table.
    pub fn table(&mut self, head: &[&str], rows: Vec<Vec<String>>) {
        let head = head.iter().map(|&h| h.to_owned()).collect();
        self.blocks.push(Block::Table { head, rows });
    }
    /// Adds statements.
    pub fn sql(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Sql(text.into()));
    }
    /// Writes it.
    pub fn write(&self, format: Format) -> String {
        let mut out = String::new();
        for block in &self.blocks {
            match format {
                Format::Text => text(block, &mut out),
                Format::Markdown => markdown(block, &mut out),
            }
        }
        out.trim_end().to_owned()
    }
}

fn text(block: &Block, out: &mut String) {
    match block {
        Block::Title(title) => put(out, &title.to_uppercase()),
        Block::Heading(heading) => {
            let gap = if out.is_empty() { "" } else { "\n" };
            put(out, &format!("{gap}{heading}"));
        }
        Block::Line(line) => put(out, &format!("  {line}")),
        Block::List(items) => {
            for item in items {
                put(out, &format!("  - {item}"));
            }
        }
        Block::Sql(sql) => put(out, sql),
        Block::Table { head, rows } => {
            let width = |text: &str| text.chars().count();
            let wide = |n: usize| {
                let cells = rows.iter().filter_map(|r| r.get(n)).chain(head.get(n));
                cells.map(|c| width(c)).max().unwrap_or(0)
            };
            let widths: Vec<usize> = (0..head.len()).map(wide).collect();
            for row in std::iter::once(head).chain(rows) {
                let mut line = String::from(" ");
                for (cell, wide) in row.iter().zip(&widths) {
                    let _ = write!(line, " {cell}{:gap$} ", "", gap = wide - width(cell));
                }
                put(out, line.trim_end());
            }
        }
    }
}

fn markdown(block: &Block, out: &mut String) {
    match block {
        Block::Title(title) => put(out, &format!("# {}\n", plain(title))),
        Block::Heading(heading) => put(out, &format!("## {}\n", plain(heading))),
        Block::Line(line) => put(out, &format!("{}\n", plain(line))),
        Block::List(items) => {
            for item in items {
                put(out, &format!("- {}", plain(item)));
            }
            out.push('\n');
        }
        Block::Sql(sql) => {
            // A fence longer than any in the text cannot be ended by it.
            let fence = "`".repeat(3.max(1 + longest_run(sql)));
            put(out, &format!("{fence}sql\n{sql}\n{fence}\n"));
        }
        Block::Table { head, rows } => {
            let row =
                |cells: &[String]| format!("| {} |", cells.iter().map(|c| plain(c)).collect::<Vec<_>>().join(" | "));
            put(out, &format!("{}\n|{}", row(head), "---|".repeat(head.len())));
            for cells in rows {
                put(out, &row(cells));
            }
            out.push('\n');
        }
    }
}

fn put(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

/// Names from a database are text in Markdown, and never its marks.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '|' | '*' | '`' | '[' | ']' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Bytes as people read them.
fn size(bytes: i64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.0} {}", UNITS[unit])
}

/// Writes the inventories.
pub fn inventories(document: &mut Document, all: &[Inventory]) {
    for one in all {
        document.heading(format!("Inventory: {} ({})", one.name, one.recognition.family.name()));
        document.line(format!(
            "{} tables, {} functions; extensions: {}",
            one.tables,
            one.routines,
            if one.extensions.is_empty() { "none".to_owned() } else { one.extensions.join(", ") }
        ));
        document.list(one.recognition.evidence.clone());
        let row = |e: &super::Entry| {
            let name = if e.schema == "public" { e.name.clone() } else { format!("{}.{}", e.schema, e.name) };
            let kind = match e.kind {
                TableKind::Ordinary => "table",
                TableKind::Partitioned => "partitioned",
                TableKind::View => "view",
                TableKind::MaterializedView => "materialised view",
                TableKind::Foreign => "foreign",
            };
            vec![
                name,
                kind.to_owned(),
                e.columns.to_string(),
                if e.primary_key.is_empty() { "–".to_owned() } else { e.primary_key.join(", ") },
                e.foreign_keys.to_string(),
                e.indexes.to_string(),
                e.triggers.to_string(),
                e.estimated_rows.map_or_else(|| "–".to_owned(), |rows| format!("~{rows:.0}")),
                e.bytes.map_or_else(|| "–".to_owned(), size),
            ]
        };
        let head = ["name", "kind", "columns", "key", "references", "indexes", "triggers", "rows", "size"];
        document.table(&head, one.entries.iter().map(row).collect());
    }
}

/// Writes the matrix, and the evidence of each cell that is not simply whole if `evidence`.
pub fn matrix(document: &mut Document, names: &[String], rows: &[Row], evidence: bool) {
    document.heading("Comparison");
    let mut head = vec!["Feature"];
    head.extend(names.iter().map(String::as_str));
    head.push("Status");
    let line = |row: &Row| {
        let mut cells = vec![row.feature.to_owned()];
        cells.extend(row.cells.iter().map(|cell| {
            let mark = match cell.presence {
                Presence::Present => "✓",
                Presence::Partial => "~",
                Presence::Missing => "✗",
                Presence::NotApplicable => "·",
            };
            format!("{mark} {}", cell.text)
        }));
        cells.push(row.status.clone());
        cells
    };
    document.table(&head, rows.iter().map(line).collect());
    if evidence {
        document.heading("Evidence");
        let said = |row: &Row| {
            let of_row = names.iter().zip(&row.cells).filter(|(_, cell)| !cell.evidence.is_empty());
            of_row.map(|(name, c)| format!("{} · {name}: {}", row.feature, c.evidence.join("; "))).collect::<Vec<_>>()
        };
        document.list(rows.iter().flat_map(said).collect());
    }
}

/// Writes the gaps.
pub fn gaps(document: &mut Document, gaps: &[Gap]) {
    document.heading("Gaps");
    let row = |gap: &Gap| {
        let state = match gap.state {
            GapState::Open => "open",
            GapState::Closed => "closed",
            GapState::Unknown => "unknown: its database is away",
        };
        let fix = if gap.migrations.is_empty() { "–".to_owned() } else { gap.migrations.join(", ") };
        vec![gap.number.to_string(), gap.title.to_owned(), state.to_owned(), fix]
    };
    document.table(&["", "gap", "state", "closed by"], gaps.iter().map(row).collect());
    let said = |gap: &Gap| gap.evidence.iter().map(|e| format!("{}: {e}", gap.number)).collect::<Vec<_>>();
    document.list(gaps.iter().flat_map(said).collect());
    let mut commands: Vec<&str> = gaps.iter().filter_map(|g| g.command).collect();
    commands.dedup();
    if commands.contains(&"robbie schema migrate") || commands.len() > 1 {
        commands = vec!["robbie schema migrate"];
    }
    if let [command] = commands[..] {
        document.line(format!("Look first with `{command} --dry-run`, then run `{command}`."));
    }
}

/// Writes the scores.
pub fn scores(document: &mut Document, scores: &[(String, Score)]) {
    document.heading("Score");
    let row = |(name, score): &(String, Score)| {
        let mut cells = vec![name.clone(), score.measured_by.name().to_owned()];
        cells.extend(PARTS.iter().map(|part| format!("{}%", score.part(*part))));
        cells.push(format!("{}%", score.total));
        cells
    };
    let head = ["database", "measured by", "completeness", "consistency", "performance", "sync-ready", "total"];
    document.table(&head, scores.iter().map(row).collect());
    for (name, score) in scores.iter().filter(|(_, s)| !s.deductions.is_empty()) {
        document.heading(format!("Deductions: {name}"));
        let said = |d: &super::Deduction| {
            let objects = if d.objects.is_empty() { String::new() } else { format!(": {}", d.objects.join("; ")) };
            format!("−{} {} · {}{objects}", d.points, d.part.name(), d.reason)
        };
        document.list(score.deductions.iter().map(said).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same_and_markdown_marks_in_names_stay_text() {
        let mut document = Document::default();
        document.heading("H");
        document.table(&["a", "b"], vec![vec!["x|y".into(), "é".into()], vec!["long name".into(), "`<b>".into()]]);
        document.list(vec!["one\ntwo".into()]);
        document.sql("select '```'");
        assert_eq!(
            document.write(Format::Markdown),
            "## H\n\n| a | b |\n|---|---|\n| x\\|y | é |\n| long name | \\`&lt;b> |\n\n- one two\n\n````sql\nselect '```'\n````"
        );
        assert_eq!(
            document.write(Format::Text),
            "H\n  a          b\n  x|y        é\n  long name  `<b>\n  - one\ntwo\nselect '```'"
        );
    }
}
