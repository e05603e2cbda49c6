//! What is open above the list.

use super::super::Conversations;
use super::super::document::flat;
use super::super::items::minute;
use super::super::levels::{Level, Shown};
use super::{View, beside, document, nothing, zones};
use crate::conversation::search::{Found, Results};
use crate::conversation::{Block, Pattern};
use crate::ui::format::count;
use crate::ui::table::{Cell, Column, Row, Table, bar, put};
use crate::ui::{Role, Scene, prose};
use ratatui::layout::Rect;

/// Draws it.
pub(super) fn draw(pane: &Conversations, level: &Level, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    match &level.shown {
        Shown::Reading { about, document: shown, loading, fault, .. } => {
            let body = match about {
                Some(about) => {
                    let c = &about.listed.conversation;
                    let facts = [
                        c.user.clone(),
                        c.context.clone(),
                        c.message_count.map(|n| format!("{} messages", count(n.unsigned_abs()))),
                        c.session.as_deref().map(|s| format!("session {s}")),
                        Some(format!("begun {}", minute(c.created_at.as_deref()))),
                        c.metadata.clone().filter(|m| m != "{}"),
                    ];
                    let facts: Vec<String> = facts.into_iter().flatten().map(|f| flat(&f)).collect();
                    let line = facts.join(" · ");
                    let place = Rect { x: area.x + 2, width: area.width.saturating_sub(3), height: 1, ..area };
                    prose::line(scene, place, &[(&line, Role::Muted)]);
                    Rect { y: area.y + 1, height: area.height - 1, ..area }
                }
                None => area,
            };
            if shown.is_empty() {
                let words = match (fault, loading) {
                    (Some(fault), _) => fault.clone(),
                    (None, true) => "Reading…".to_owned(),
                    (None, false) => "It has no message on this side; a reads the other one.".to_owned(),
                };
                return nothing(scene, body, &[words]);
            }
            document(scene, body, zones::TEXT, shown, &level.marker, true);
        }
        Shown::Text { document: shown, .. } if shown.is_empty() => nothing(scene, area, &["Reading…".to_owned()]),
        Shown::Text { document: shown, .. } => document(scene, area, zones::TEXT, shown, &level.marker, true),
        Shown::Blocks { rows: Some(rows), at, .. } if !rows.is_empty() => {
            table(pane, scene, area, view, &BLOCKS, rows.len(), *at, &|i| block(&rows[i]));
        }
        Shown::Patterns { rows: Some(rows), at, .. } if !rows.is_empty() => {
            table(pane, scene, area, view, &PATTERNS, rows.len(), *at, &|i| pattern(&rows[i]));
        }
        Shown::Results { results: Some(Ok(found)), .. } if found.results.is_empty() => {
            let way =
                "Other words, w for another way to search; \"quotes\" are exact, OR takes either, -word leaves out.";
            nothing(scene, area, &["Nothing was found.".to_owned(), way.to_owned()]);
        }
        Shown::Results { results: Some(Ok(found)), at, .. } => results(scene, area, view, found, *at),
        _ => nothing(scene, area, &[level.sentence().text]),
    }
}

const BLOCKS: [Column; 5] = [
    Column::text("file", 24).grows(1),
    Column::text("language", 10),
    Column::number("lines", 5).leaves(2),
    Column::text("tags", 14).leaves(3),
    Column::text("made", 16).leaves(1),
];

fn block(b: &Block) -> Row {
    Row::new(vec![
        Cell::plain(flat(&b.file_path)),
        Cell::new(flat(&b.language), Role::Muted),
        Cell::plain(count(b.content.lines().count() as u64)),
        Cell::new(flat(&b.tags.join(" ")), Role::Muted),
        Cell::new(minute(b.created_at.as_deref()), Role::Muted),
    ])
}

const PATTERNS: [Column; 4] = [
    Column::text("pattern", 24).grows(1),
    Column::text("type", 17).leaves(1),
    Column::number("seen", 5),
    Column::text("last used", 16).leaves(2),
];

fn pattern(p: &Pattern) -> Row {
    Row::new(vec![
        Cell::plain(flat(&p.name)),
        Cell::new(flat(&p.pattern_type), Role::Muted),
        Cell::plain(count(p.frequency.unsigned_abs())),
        Cell::new(minute(p.last_used.as_deref()), Role::Muted),
    ])
}

#[expect(clippy::too_many_arguments, reason = "what a table needs, and where")]
fn table(
    pane: &Conversations,
    scene: &mut Scene<'_>,
    area: Rect,
    view: &mut View,
    columns: &[Column],
    len: usize,
    at: usize,
    row: &dyn Fn(usize) -> Row,
) {
    let (list, look) = beside(area);
    let table = Table { zone: zones::ROWS, columns, len, selected: Some(at), focused: true, row };
    table.draw(scene, list, &mut view.rows);
    if look.height > 0
        && let Some((_, shown)) = &pane.preview.shown
    {
        document(scene, look, zones::PREVIEW, shown, &crate::conversation::snippet::Marker::default(), false);
    }
}

/// Lines of a result: title, facts, snippet.
const LINES: usize = 3;

fn results(scene: &mut Scene<'_>, area: Rect, view: &mut View, found: &Results, at: usize) {
    let shown = (usize::from(area.height) / LINES).max(1);
    scene.viewport(zones::ROWS, area.height);
    view.rows = crate::ui::table::scroll(view.rows, Some(at), found.results.len(), shown);
    for (i, one) in found.results.iter().enumerate().skip(view.rows).take(shown) {
        let y = area.y + ((i - view.rows) * LINES) as u16;
        let place = Rect { y, height: (LINES as u16).min(area.bottom() - y), ..area };
        scene.zone(place, zones::ROWS, i);
        result(scene, place, one, i == at);
    }
}

fn result(scene: &mut Scene<'_>, area: Rect, one: &Found, selected: bool) {
    let line = |n: u16| Rect { x: area.x + 3, y: area.y + n, width: area.width.saturating_sub(4), height: 1 };
    let title = flat(one.title.as_deref().unwrap_or("(no title)"));
    let mut facts = vec![one.kind.name().to_owned()];
    facts.extend(one.detail.as_deref().map(flat));
    facts.extend(one.text_rank.map(|rank| format!("words #{rank}")));
    facts.extend(one.similar_rank.zip(one.cosine).map(|(rank, cosine)| format!("similar #{rank}, {cosine:.2}")));
    if one.hits > 1 {
        facts.push(format!("{} hits", one.hits));
    }
    if !one.missing.is_empty() {
        facts.push(format!("without {}", one.missing.join(", ")));
    }
    let facts = format!("  {}", facts.join(" · "));
    let rows = area.height;
    prose::line(scene, line(0), &[(&title, Role::Strong), (&facts, Role::Muted)]);
    if selected {
        put(scene, area, area.x + 1, area.y, "▸", scene.style(Role::Accent));
        bar(scene, Rect { height: 1, ..area });
    }
    if rows > 1 {
        let text = &one.snippet.text;
        let mut parts: Vec<(&str, Role)> = Vec::new();
        let mut from = 0;
        for mark in &one.snippet.marks {
            parts.push((&text[from..mark.start], Role::Text));
            parts.push((&text[mark.clone()], Role::Match));
            from = mark.end;
        }
        parts.push((&text[from..], Role::Text));
        prose::line(scene, Rect { x: area.x + 5, width: area.width.saturating_sub(6), ..line(1) }, &parts);
    }
}
