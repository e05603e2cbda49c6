//! The lists: the history, the presets, and what others changed meanwhile.

use super::{View, charts, zones};
use crate::panes::personality::{Level, Personality, SPANS};
use crate::personality::history::Transition;
use crate::personality::presets::Preset;
use crate::personality::{Clash, Field};
use crate::ui::table::{Cell, Column, Row, Table};
use crate::ui::{Role, Scene, format, prose};
use chrono::{DateTime, Utc};
use ratatui::layout::Rect;
use std::time::Duration;

const HISTORY: &[Column] = &[
    Column::number("ago", 4),
    Column::text("when", 16).leaves(3),
    Column::text("user", 8).leaves(2),
    Column::text("field", 14),
    Column::text("from", 9),
    Column::text("to", 9),
    Column::text("why", 12).grows(3).leaves(1),
    Column::text("by", 12).grows(1).leaves(4),
    Column::text("from where", 12).leaves(5),
];

const PRESETS: &[Column] = &[
    Column::text("preset", 14),
    Column::text("user", 8).leaves(2),
    Column::text("mood", 9),
    Column::number("strength", 8).leaves(3),
    Column::number("G–G", 3),
    Column::number("attr", 4),
    Column::number("turbo", 5).leaves(4),
    Column::number("auto", 4).leaves(5),
    Column::text("what for", 10).grows(1).leaves(1),
];

const CLASHES: &[Column] = &[
    Column::text("column", 14),
    Column::text("was", 9).grows(1),
    Column::text("mine", 9).grows(1),
    Column::text("theirs, there now", 17).grows(1),
    Column::text("becomes", 7).grows(1),
];

/// The history: the picture above, the table below.
pub fn history(pane: &Personality, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let picture = match area.height {
        ..12 => 0,
        12..28 => 2,
        _ => 14,
    };
    if picture > 0 && !pane.everybody {
        let _ = charts::draw(pane, scene, Rect { height: picture, ..area });
        let below = Rect { y: area.y + picture + 1, height: area.height - picture - 1, ..area };
        told(pane, scene, below, view, true);
    } else {
        told(pane, scene, area, view, true);
    }
}

/// The table of the history; quiet where the keys move elsewhere.
pub fn told(pane: &Personality, scene: &mut Scene<'_>, area: Rect, view: &mut View, focused: bool) {
    let line = Rect { x: area.x + 3, width: area.width.saturating_sub(3), height: 1, ..area };
    let told = match &pane.history {
        None => return say(scene, line, "reading the history…", Role::Muted),
        Some(Err(why)) => return say(scene, line, why, Role::Bad),
        Some(Ok(told)) if told.is_empty() => {
            let words = format!("nothing was changed in {}; d shows another span", SPANS[pane.span].0);
            return say(scene, line, &words, Role::Muted);
        }
        Some(Ok(told)) => told,
    };
    let mut area = area;
    if !pane.history_of_master {
        prose::line(scene, line, &[("the master is away: this is what the replica knows", Role::Warn)]);
        area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    }
    let now = DateTime::<Utc>::from(scene.now.wall);
    let row = |i: usize| transition(&told[i], now);
    let selected = focused.then_some(pane.chosen);
    Table { zone: zones::HISTORY, columns: HISTORY, len: told.len(), selected, focused, row: &row }.draw(
        scene,
        area,
        &mut view.history,
    );
}

fn transition(t: &Transition, now: DateTime<Utc>) -> Row {
    let ago = (now - t.at).to_std().unwrap_or(Duration::ZERO);
    let value = |v: &Option<String>| match (t.known(), v) {
        (Some(field), Some(text)) => field.shown(&field.from_plain(text)),
        (None, Some(text)) => text.clone(),
        (_, None) => "–".to_owned(),
    };
    Row::new(vec![
        Cell::new(format::age(ago), Role::Muted),
        Cell::new(t.at.format("%Y-%m-%d %H:%M").to_string(), Role::Dim),
        Cell::plain(t.user.clone()),
        Cell::plain(t.known().map_or_else(|| t.field.clone(), |f| f.label().to_owned())),
        Cell::new(value(&t.old), Role::Muted),
        Cell::new(value(&t.new), Role::Strong),
        Cell::plain(t.reason.clone().unwrap_or_default()),
        Cell::new(t.by.clone().unwrap_or_default(), Role::Muted),
        Cell::new(t.platform.clone().unwrap_or_default(), Role::Dim),
    ])
}

/// The presets.
pub fn presets(pane: &Personality, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let line = Rect { x: area.x + 3, width: area.width.saturating_sub(3), height: 1, ..area };
    let found = match &pane.presets {
        None => return say(scene, line, "reading the presets…", Role::Muted),
        Some(Err(why)) => return say(scene, line, why, Role::Bad),
        Some(Ok(found)) if found.is_empty() => {
            let words = "There is no preset. n makes one of the state as it is, edits and all.";
            return say(scene, line, words, Role::Muted);
        }
        Some(Ok(found)) => found,
    };
    let row = |i: usize| preset(&found[i]);
    let selected = (pane.level == Level::Presets).then_some(pane.preset);
    Table { zone: zones::PRESETS, columns: PRESETS, len: found.len(), selected, focused: true, row: &row }.draw(
        scene,
        area,
        &mut view.presets,
    );
}

fn preset(p: &Preset) -> Row {
    let of = |field: Field| p.values.get(&field).map_or_else(|| "·".to_owned(), |v| field.shown(v));
    Row::new(vec![
        Cell::plain(p.name.clone()),
        Cell::new(p.user.clone(), Role::Muted),
        Cell::plain(of(Field::Mood)),
        Cell::plain(of(Field::Intensity)),
        Cell::plain(of(Field::GandhiGenghis)),
        Cell::plain(of(Field::Attraction)),
        Cell::plain(of(Field::Turbo)),
        Cell::plain(of(Field::Auto)),
        Cell::new(p.description.clone().unwrap_or_default(), Role::Muted),
    ])
}

/// What others changed meanwhile, three ways, and what each column becomes.
pub fn clashes(
    scene: &mut Scene<'_>,
    area: Rect,
    view: &mut View,
    side: &str,
    (clashes, mine, at): (&[Clash], &[bool], usize),
) {
    let words = format!(
        "Somebody changed this on the {side} since it was loaded. Nothing was saved. Choose for each: ← mine, → theirs; Enter goes on."
    );
    let width = usize::from(area.width.saturating_sub(4));
    let lines = crate::ui::text::wrap(&words, width);
    for (i, line) in lines.iter().enumerate().take(usize::from(area.height)) {
        prose::line(
            scene,
            Rect { x: area.x + 3, y: area.y + i as u16, width: width as u16, height: 1 },
            &[(line, Role::Warn)],
        );
    }
    let used = lines.len() as u16 + 1;
    let rest = Rect { y: area.y + used, height: area.height.saturating_sub(used), ..area };
    let row = |i: usize| {
        let (c, mine) = (&clashes[i], mine[i]);
        let f = c.field;
        let becomes =
            if mine { format!("mine: {}", f.shown(&c.mine)) } else { format!("theirs: {}", f.shown(&c.theirs)) };
        Row::new(vec![
            Cell::plain(f.label()),
            Cell::new(f.shown(&c.loaded), Role::Muted),
            Cell::new(f.shown(&c.mine), if mine { Role::Strong } else { Role::Muted }),
            Cell::new(f.shown(&c.theirs), if mine { Role::Muted } else { Role::Strong }),
            Cell::new(becomes, Role::Changed),
        ])
    };
    Table { zone: zones::CLASHES, columns: CLASHES, len: clashes.len(), selected: Some(at), focused: true, row: &row }
        .draw(scene, rest, &mut view.clashes);
}

/// One line instead of a list.
fn say(scene: &mut Scene<'_>, line: Rect, words: &str, role: Role) {
    prose::line(scene, line, &[(words, role)]);
}
