//! The words to the selected row.

use super::{differences, migration, rows, users};
use crate::panes::schema::judged::Kind;
use crate::panes::schema::{SIDES, Schema, Section};
use crate::ui::{Role, format};

type Lines = Vec<(String, Role)>;

/// What there is to say about a row of the shown list.
pub fn of(pane: &Schema, n: usize) -> Lines {
    match pane.section {
        Section::Score => deduction(pane, n),
        Section::Migrations => migrations(pane, n),
        Section::Inventory => node(pane, n),
        Section::Comparison => feature(pane, n),
        Section::Gaps => gap(pane, n),
        Section::Differences => difference(pane, n),
        Section::Users => user(pane, n),
    }
}

fn each<'a>(lines: &mut Lines, items: impl IntoIterator<Item = &'a String>) {
    lines.extend(items.into_iter().map(|item| (format!("  {item}"), Role::Text)));
}

fn deduction(pane: &Schema, n: usize) -> Lines {
    let Some((database, d)) = pane.judged.deductions.get(n) else { return Lines::new() };
    let head = format!("−{} {} of {}: {}", d.points, d.part.name(), pane.judged.names[*database], d.reason);
    let mut lines = vec![(head, Role::Strong)];
    each(&mut lines, &d.objects);
    lines
}

fn migrations(pane: &Schema, n: usize) -> Lines {
    let Some((side, status)) = migration(pane, n) else { return Lines::new() };
    let (word, role) = rows::state(status.state);
    let mut lines = vec![(status.name.clone(), Role::Strong), (word.to_owned(), role)];
    if let (Some(at), Some(by)) = (&status.applied_at, &status.applied_by) {
        lines.push((format!("{} by {by}", &at[..at.len().min(19)]), Role::Muted));
    }
    lines.push((format!("checksum {}", status.checksum.get(..12).unwrap_or_default()), Role::Dim));
    for sentence in status.note.iter().flat_map(|n| n.split("; ")) {
        lines.push((format!("  {sentence}"), Role::Text));
    }
    if !pane.ran[side as usize].is_empty() {
        lines.push((String::new(), Role::Text));
        for (i, line) in pane.ran[side as usize].iter().enumerate() {
            lines.push((line.clone(), if i == 0 { Role::Strong } else { Role::Muted }));
        }
    }
    lines
}

fn node(pane: &Schema, n: usize) -> Lines {
    let tree = pane.judged.tree(&pane.turned);
    let Some(node) = tree.get(n) else { return Lines::new() };
    let inventory = &pane.judged.inventories[node.database];
    match &node.kind {
        Kind::Database { .. } => {
            let mut lines = vec![(inventory.name.clone(), Role::Strong)];
            lines.push((
                format!(
                    "{}, {}",
                    inventory.recognition.family.name(),
                    format::plural(inventory.routines as u64, "function", "functions")
                ),
                Role::Muted,
            ));
            each(&mut lines, &inventory.recognition.evidence);
            each(&mut lines, &inventory.extensions);
            lines
        }
        Kind::Schema { name, .. } => {
            let tables = format::plural(node.count as u64, "table", "tables");
            vec![
                (name.clone(), Role::Strong),
                (format!("{tables}, {}", format::size(node.bytes.unsigned_abs())), Role::Muted),
            ]
        }
        Kind::Table(i) => {
            let entry = &inventory.entries[*i];
            let mut lines = vec![(entry.name.clone(), Role::Strong)];
            let key = if entry.primary_key.is_empty() {
                "no primary key".to_owned()
            } else {
                format!("key {}", entry.primary_key.join(", "))
            };
            let triggers = format::plural(entry.triggers as u64, "trigger", "triggers");
            lines.push((format!("{key}; {triggers}"), Role::Muted));
            let told = SIDES.iter().filter_map(|s| pane.sides[*s as usize].as_ref()).nth(node.database);
            let table = told.and_then(|t| t.database.catalog.table(&entry.schema, &entry.name));
            for column in table.iter().flat_map(|t| &t.columns) {
                let null = if column.not_null { "" } else { ", may be NULL" };
                lines.push((format!("  {} {}{null}", column.name, column.type_name), Role::Text));
            }
            lines
        }
    }
}

fn feature(pane: &Schema, n: usize) -> Lines {
    let Some(row) = pane.judged.rows.get(n) else { return Lines::new() };
    let mut lines = vec![(format!("{}: {}", row.feature, row.status), Role::Strong)];
    for (name, cell) in pane.judged.names.iter().zip(&row.cells) {
        let (glyph, role) = rows::presence(cell.presence);
        lines.push((format!("{glyph} {name}: {}", cell.text), role));
        each(&mut lines, &cell.evidence);
    }
    lines
}

fn gap(pane: &Schema, n: usize) -> Lines {
    let Some(gap) = pane.judged.gaps.get(n) else { return Lines::new() };
    let (word, role) = rows::gap_state(gap.state);
    let mut lines = vec![(gap.title.to_owned(), Role::Strong), (word.to_owned(), role)];
    each(&mut lines, &gap.evidence);
    if let Some(command) = gap.command {
        lines.push((format!("closed by {}", gap.migrations.join(", ")), Role::Muted));
        lines.push((format!("a runs them here; y copies: {command}"), Role::Muted));
    }
    lines
}

fn difference(pane: &Schema, n: usize) -> Lines {
    let all = differences(pane);
    let Some(d) = all.get(n) else { return Lines::new() };
    let replica = pane.name(crate::postgres::Side::Replica);
    let mut lines = vec![(format!("{} {}", d.part.name(), d.object), Role::Strong)];
    let why = if d.destroys { "; it takes away what is only there" } else { "" };
    lines.push((format!("What would bring {replica} to the master{why}. Nothing is run."), Role::Muted));
    lines.extend(d.sql.lines().map(|l| (l.to_owned(), if d.destroys { Role::Warn } else { Role::Text })));
    lines
}

fn user(pane: &Schema, n: usize) -> Lines {
    let Some(m) = users(pane).get(n) else { return Lines::new() };
    let mut lines = vec![(m.text.clone(), Role::Strong)];
    match (m.user, &m.name) {
        (Some(id), name) => {
            lines.push((
                format!("is {} on the master", name.as_deref().unwrap_or("a user without a name")),
                Role::Muted,
            ));
            lines.push((id.to_string(), Role::Dim));
        }
        (None, _) => lines.push(("is nobody on the master: e maps it to a user".to_owned(), Role::Warn)),
    }
    if m.waiting > 0 {
        let entries = format::plural(m.waiting.unsigned_abs(), "entry waits", "entries wait");
        lines.push((format!("{entries} for the mapping"), Role::Text));
    }
    if !m.tables.is_empty() {
        lines.push((format!("in the data of {}", m.tables.join(", ")), Role::Muted));
    }
    lines
}
