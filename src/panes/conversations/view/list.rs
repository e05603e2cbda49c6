//! The list, its facets, and the preview.

use super::super::Conversations;
use super::super::document::flat;
use super::super::list::Choice;
use super::{View, document, nothing, places, zones};
use crate::conversation::snippet::Marker;
use crate::conversation::{Listed, Presence};
use crate::ui::format::{age, count, count_or_dot};
use crate::ui::table::{Cell, Column, Row, Table, bar, put, scroll};
use crate::ui::{Role, Scene, prose, text};
use ratatui::layout::Rect;
use std::time::Duration;

const COLUMNS: [Column; 7] = [
    Column::text("", 1),
    Column::text("title", 32).grows(1),
    Column::text("user", 8).leaves(2),
    Column::text("context", 8).leaves(3),
    Column::text("code", 12).leaves(4),
    Column::number("messages", 8).leaves(1),
    Column::number("last", 5),
];

/// The colour of a presence.
pub(super) fn role_of(presence: Presence) -> Role {
    match presence {
        Presence::Equal => Role::Dim,
        Presence::Different => Role::Warn,
        Presence::MasterOnly => Role::Master,
        Presence::ReplicaOnly => Role::Replica,
        Presence::Unknown | Presence::Pending => Role::Muted,
    }
}

fn row(listed: &Listed) -> Row {
    let c = &listed.conversation;
    let title = c.title.as_deref().filter(|t| !t.trim().is_empty());
    let mut name = flat(title.unwrap_or("(no title)"));
    if listed.queued > 0 {
        name = format!("↑{} {name}", listed.queued);
    }
    let role = match (title, listed.presence) {
        (None, _) => Role::Muted,
        (_, Presence::Equal | Presence::Unknown | Presence::Pending) => Role::Text,
        (_, presence) => role_of(presence),
    };
    let code = match (c.languages.is_empty(), c.has_code) {
        (false, _) => c.languages.join(" "),
        (true, true) => "fenced".to_owned(),
        (true, false) => "·".to_owned(),
    };
    Row::new(vec![
        Cell::new(listed.presence.glyph(), role_of(listed.presence)),
        Cell::new(name, role),
        Cell::new(c.user.clone().unwrap_or_else(|| "–".to_owned()), Role::Muted),
        Cell::new(c.context.clone().unwrap_or_else(|| "–".to_owned()), Role::Muted),
        Cell::new(code, Role::Muted),
        Cell::plain(count_or_dot(c.message_count.unwrap_or(0).unsigned_abs())),
        Cell::new(
            c.age_s.map_or_else(|| "–".to_owned(), |s| age(Duration::from_secs(s.max(0).unsigned_abs()))),
            Role::Muted,
        ),
    ])
}

/// Draws it.
pub(super) fn draw(pane: &Conversations, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let (beside, place, preview) = places(area, pane.list.choosing.is_some());
    if beside.width > 0 {
        facets(pane, scene, beside, view);
    }
    if place.width > 10 {
        rows(pane, scene, place, view);
    }
    if preview.width > 0 {
        look(pane, scene, preview);
    }
}

fn rows(pane: &Conversations, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let list = &pane.list;
    if list.len() == 0 {
        let words = match (&list.fault, list.read) {
            (Some(fault), _) => vec!["The conversations cannot be read.".to_owned(), fault.clone()],
            (None, false) => vec!["Reading…".to_owned()],
            (None, true) if list.narrow.words().is_empty() => {
                vec![
                    "Robbie remembers no conversation yet.".to_owned(),
                    "What the code assistant writes into code_conversations shows here.".to_owned(),
                ]
            }
            (None, true) => vec![
                "No conversation is so.".to_owned(),
                "x lists everything again, f chooses something else.".to_owned(),
            ],
        };
        return nothing(scene, area, &words);
    }
    let row = |i: usize| {
        let mut row = list.row(i).map(row).unwrap_or_default();
        row.stale = list.fault.is_some() || (list.waiting && !list.read);
        row
    };
    // Rows keep their number while others come before them: what is on the screen stays where it is.
    let mut offset = usize::try_from(view.list - list.base).unwrap_or(0);
    let table = Table {
        zone: zones::LIST,
        columns: &COLUMNS,
        len: list.len(),
        selected: list.index(),
        focused: list.choosing.is_none(),
        row: &row,
    };
    table.draw(scene, area, &mut offset);
    view.list = list.base + offset as i64;
}

fn facets(pane: &Conversations, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let choices = pane.list.choices();
    let height = usize::from(area.height);
    view.facets = scroll(view.facets, pane.list.choosing, choices.len(), height);
    for (i, choice) in choices.iter().enumerate().skip(view.facets).take(height) {
        let place =
            Rect { y: area.y + (i - view.facets) as u16, height: 1, width: area.width.saturating_sub(2), ..area };
        let (words, number) = choice.words();
        let words = text::safe(&words).into_owned();
        if matches!(choice, Choice::Head(_)) {
            prose::line(
                scene,
                Rect { x: place.x + 1, width: place.width.saturating_sub(1), ..place },
                &[(&words, Role::Column)],
            );
            continue;
        }
        let chosen = choice.is_chosen(&pane.list.narrow);
        let mark = if chosen { "● " } else { "  " };
        let number = number.map(|n| count(n.unsigned_abs())).unwrap_or_default();
        let room = usize::from(place.width).saturating_sub(text::width(&number) + 6);
        let role = if chosen { Role::Strong } else { Role::Text };
        let shown = text::left(&words, room);
        prose::line(
            scene,
            Rect { x: place.x + 2, width: place.width.saturating_sub(2), ..place },
            &[(mark, Role::Accent), (&shown, role), (" ", Role::Text), (&number, Role::Muted)],
        );
        scene.zone(place, zones::FACETS, i);
        if pane.list.choosing == Some(i) {
            put(scene, place, place.x + 1, place.y, "▸", scene.style(Role::Accent));
            bar(scene, place);
        }
    }
}

/// The conversation at the cursor: its facts, and how it begins.
fn look(pane: &Conversations, scene: &mut Scene<'_>, area: Rect) {
    let Some(listed) = pane.list.selected() else { return };
    let c = &listed.conversation;
    let inner = Rect { x: area.x + 2, width: area.width.saturating_sub(2), ..area };
    let title = flat(c.title.as_deref().unwrap_or("(no title)"));
    prose::line(scene, Rect { height: 1, ..inner }, &[(&title, Role::Strong)]);
    let words = listed.presence.words();
    let queued = if listed.queued > 0 { format!(" · ↑{} in the queue", listed.queued) } else { String::new() };
    let began = format!(" · begun {}", super::super::items::minute(c.created_at.as_deref()));
    let glyph = format!("{} ", listed.presence.glyph());
    let role = role_of(listed.presence);
    prose::line(
        scene,
        Rect { y: inner.y + 1, height: 1, ..inner },
        &[(&glyph, role), (words, role), (&queued, Role::Warn), (&began, Role::Muted)],
    );
    let text = Rect { x: area.x, y: area.y + 3, height: area.height.saturating_sub(3), ..area };
    match (&pane.preview.shown, &pane.preview.fault) {
        // The last one stays, dimmed by its own title, until the new one is there: no flicker.
        (Some((id, shown)), _) if *id == c.id => {
            document(scene, text, zones::PREVIEW, shown, &Marker::default(), false);
        }
        (_, Some(fault)) => nothing(scene, text, std::slice::from_ref(fault)),
        (Some((_, shown)), None) => {
            document(scene, text, zones::PREVIEW, shown, &Marker::default(), false);
            let dim = scene.style(Role::Dim);
            scene.buf.set_style(text, dim);
        }
        (None, None) => {}
    }
}
