//! What the pane looks like: the answer, the reasons, the list.

use super::window::Held;
use super::{Action, Level, Queue, Typing, empty, inside};
use crate::queue::groups::Group;
use crate::queue::{Entry, State, Verdict, diagnosis};
use crate::ui::format::{age, count, plural};
use crate::ui::table::{Cell, Column, Row, Table, put};
use crate::ui::{Answer, Now, Role, Scene, prose, text};
use ratatui::layout::Rect;
use std::time::Duration;

pub(super) const REASONS: &str = "queue-reasons";
pub(super) const ENTRIES: &str = "queue-entries";
pub(super) const TABS: &str = "queue-states";
pub(super) const SECTIONS: &str = "queue-sections";
pub(super) const PAYLOAD: &str = "queue-payload";
pub(super) const TRIES: &str = "queue-tries";

/// Layout memory.
#[derive(Debug, Default)]
pub struct View {
    reasons: usize,
    /// The number of the first row on the screen, in the window's numbers.
    first: i64,
    pub(super) images: usize,
    pub(super) payload: usize,
    pub(super) tries: usize,
    pub(super) editor: crate::ui::editor::Corner,
}

const REASON_COLUMNS: &[Column] = &[
    Column::number("count", 7),
    Column::text("table", 16).grows(1),
    Column::text("op", 6).leaves(5),
    Column::text("reason", 26).grows(4),
    Column::text("seen", 10).leaves(2),
    Column::text("1h/24h/7d", 12).leaves(6),
    Column::text("remedy", 30).grows(3).leaves(3),
];

const ENTRY_COLUMNS: &[Column] = &[
    Column::number("age", 4),
    Column::text("state", 9),
    Column::text("op", 6),
    Column::text("table", 14).grows(1),
    Column::text("row", 10).leaves(4),
    Column::text("reason", 16).grows(2).leaves(1),
    Column::number("tries", 5).leaves(3),
    Column::text("payload", 16).grows(2).leaves(2),
];

/// The pane's one-line answer.
pub(super) fn answer(pane: &Queue, now: Now) -> Answer {
    if let Some(fault) = pane.fault.as_ref().filter(|_| pane.shape.is_none()) {
        return Answer::new(Role::Bad, format!("The queue cannot be read: {}.", fault.message));
    }
    if pane.shape.is_none() {
        let words = if pane.replica_is_down() { "The replica is not connected." } else { "Reading the queue…" };
        return Answer::new(Role::Muted, words);
    }
    let total = pane.total.map_or_else(
        || "?".to_owned(),
        |total| {
            let about = if total.exact { "" } else { "~" };
            format!("{about}{}", about_count(total.entries, total.exact))
        },
    );
    let oldest = pane
        .oldest
        .and_then(|(age_s, at)| Queue::age_of(at, Some(age_s), now))
        .map(|oldest| format!(" · oldest {}", age(oldest)))
        .unwrap_or_default();
    let stale = match pane.read_at.filter(|_| pane.is_stale(now)) {
        Some(at) => format!(" · as of {} ago", age(now.uptime.saturating_sub(at))),
        None => String::new(),
    };
    let untracked = pane.worker.as_ref().is_some_and(|worker| !worker.retries_tracked);
    let stale = if untracked { format!(" · retries: not tracked{stale}") } else { stale };
    let stuck = pane.groups.as_ref();
    let role = match stuck {
        Some(groups) if !groups.groups.is_empty() => Role::Warn,
        Some(_) => Role::Ok,
        None => Role::Text,
    };
    if pane.level == Level::Groups {
        let words = match stuck {
            Some(groups) if groups.groups.is_empty() => {
                format!("Nothing is stuck. The queue has {total} entries{stale}.")
            }
            Some(groups) => format!(
                "{}{} of {total} entries {} stuck for {}{oldest}{stale}",
                if groups.cut { "more than " } else { "" },
                count(groups.entries.unsigned_abs()),
                if groups.entries == 1 { "is" } else { "are" },
                plural(groups.groups.len() as u64, "reason", "reasons"),
            ),
            None => format!("{total} entries; looking for what is stuck…"),
        };
        return Answer::new(role, words);
    }
    let matching = match (pane.matching, pane.window.is_whole() && !pane.loading) {
        (_, true) => count(pane.window.len() as u64),
        (Some(n), _) => count(n.unsigned_abs()),
        (None, _) => "…".to_owned(),
    };
    let marked = match pane.marks.len() {
        0 => String::new(),
        n => format!("marked {} of ", count(n as u64)),
    };
    let word = if pane.marks.is_empty() { "" } else { " matching" };
    let reasons = match stuck.map(|groups| groups.groups.len()) {
        Some(n) if n > 0 => format!(" · {}", plural(n as u64, "reason", "reasons")),
        _ => String::new(),
    };
    Answer::new(role, format!("{marked}{matching}{word} of {total} entries{oldest}{reasons}{stale}"))
}

/// An estimate is not shown to its last digit.
fn about_count(n: i64, exact: bool) -> String {
    match n {
        n if exact || n < 1_000_000 => count(n.unsigned_abs()),
        n if n < 1_000_000_000 => format!("{:.1}M", n as f64 / 1e6),
        n => format!("{:.1}G", n as f64 / 1e9),
    }
}

/// Draws the body.
pub(super) fn draw(pane: &Queue, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let area = area.intersection(scene.buf.area);
    if area.is_empty() {
        return;
    }
    if pane.shape.is_none() {
        empty::unreadable(pane, scene, area);
        return;
    }
    let starving = pane.worker.as_ref().and_then(|worker| worker.blocked.as_ref());
    let area = match starving.filter(|_| pane.level != Level::Entry && area.height > 6) {
        Some(blocked) => {
            prose::banner(scene, Rect { height: 1, ..area }, &blocked.words());
            Rect { y: area.y + 1, height: area.height - 1, ..area }
        }
        None => area,
    };
    let area = pane.prompt.draw(scene, area);
    match pane.level {
        Level::Groups => reasons(pane, scene, area, view),
        Level::List if pane.is_wide() && area.width >= 130 => {
            let left = area.width * 55 / 100;
            list(pane, scene, Rect { width: left, ..area }, view);
            for y in area.y..area.bottom() {
                put(scene, area, area.x + left, y, "│", scene.style(Role::Rule));
            }
            let right = Rect { x: area.x + left + 2, width: area.width - left - 2, ..area };
            inside::draw(pane, scene, right, view, false);
        }
        Level::List => list(pane, scene, area, view),
        Level::Entry => inside::draw(pane, scene, area, view, true),
    }
}

fn reasons(pane: &Queue, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let Some(groups) = &pane.groups else {
        empty::waiting(scene, area, "Looking for what is stuck…");
        return;
    };
    if groups.groups.is_empty() {
        empty::nothing_stuck(scene, area);
        return;
    }
    let below = if area.height >= 14 { 6 } else { 0 };
    let now = scene.now;
    let stale = pane.is_stale(now);
    let row = |i: usize| reason(pane, &groups.groups[i], now, stale);
    let table = Table {
        zone: REASONS,
        columns: REASON_COLUMNS,
        len: groups.groups.len(),
        selected: Some(pane.reason),
        focused: true,
        row: &row,
    };
    table.draw(scene, Rect { height: area.height - below, ..area }, &mut view.reasons);
    if let Some(group) = groups.groups.get(pane.reason).filter(|_| below > 0) {
        let place = Rect {
            x: area.x + 3,
            y: area.bottom() - below + 1,
            width: area.width.saturating_sub(4),
            height: below - 1,
        };
        explanation(scene, place, group, &pane.key_of(Action::Fix));
    }
}

fn reason(pane: &Queue, group: &Group, now: Now, stale: bool) -> Row {
    let seen = |s| Queue::age_of(pane.groups_at, s, now).map_or_else(|| "–".to_owned(), age);
    let found = &group.diagnosis;
    let code = found.sqlstate.as_ref().map(|code| format!("{code} ")).unwrap_or_default();
    let on = found.object.as_ref().map(|object| format!(" · {object}")).unwrap_or_default();
    let choice = if needs_choice(Some(found.verdict)) { " · needs a choice" } else { "" };
    let [hour, day, week] = group.recent.map(|n| if n == 0 { "·".to_owned() } else { count(n.unsigned_abs()) });
    let role = if group.state == State::Failed { Role::Bad } else { Role::Warn };
    Row {
        stale,
        ..Row::new(vec![
            Cell::new(count(group.count.unsigned_abs()), Role::Strong),
            Cell::plain(group.table.clone()),
            Cell::new(group.operation.clone(), Role::Muted),
            Cell::new(format!("{} {code}{}{on}{choice}", if role == Role::Bad { "✗" } else { "!" }, found.name), role),
            Cell::new(format!("{} – {}", seen(group.first_s), seen(group.last_s)), Role::Muted),
            Cell::new(format!("{hour} / {day} / {week}"), Role::Muted),
            Cell::plain(found.remedy.clone()),
        ])
    }
}

fn explanation(scene: &mut Scene<'_>, area: Rect, group: &Group, fix: &str) {
    let found = &group.diagnosis;
    let remedy = inside::remedy(found, 10_000, fix).into_iter().next().unwrap_or_default();
    let verdict = format!("{} ({})", found.verdict, found.proof);
    let [hour, day, week] = group.recent.map(|n| count(n.unsigned_abs()));
    let figures = format!("last hour {hour} · day {day} · week {week}");
    let origin = format!(" · such as {} · group {} by rules {}", group.sample, group.id, group.rules);
    let lines: [Vec<(&str, Role)>; 5] = [
        vec![(&verdict, Role::Strong), ("  ", Role::Text), (&found.cause, Role::Text)],
        remedy.iter().map(|(words, role)| (words.as_str(), *role)).collect(),
        vec![("risk: ", Role::Muted), (found.risk, Role::Muted)],
        vec![("words: ", Role::Dim), (&group.pattern, Role::Muted)],
        vec![(&figures, Role::Muted), (&origin, Role::Dim)],
    ];
    for (n, line) in lines.iter().take(usize::from(area.height)).enumerate() {
        prose::line(scene, Rect { y: area.y + n as u16, height: 1, ..area }, line);
    }
}

fn list(pane: &Queue, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let mut area = area;
    let take = |area: &mut Rect| {
        let line = Rect { height: area.height.min(1), ..*area };
        area.y += line.height;
        area.height -= line.height;
        line
    };
    match pane.typing {
        Some(Typing::Filter) => {
            pane.filter.draw(scene, take(&mut area), " / ");
            if let Some(error) = &pane.filter_error {
                prose::line(scene, take(&mut area), &[(" ! ", Role::Warn), (&error.to_string(), Role::Warn)]);
            }
        }
        Some(Typing::Jump) => pane.jump.draw(scene, take(&mut area), " go to % "),
        None if area.height > 8 => tabs(pane, scene, take(&mut area)),
        None => {}
    }
    if pane.window.is_empty() {
        if pane.loading {
            empty::waiting(scene, area, "Reading entries…");
        } else {
            empty::nothing_here(pane, scene, area);
        }
        return;
    }
    let now = scene.now;
    let stale = pane.is_stale(now);
    let row = |i: usize| pane.window.row(i).map_or_else(Row::default, |held| entry(pane, held, now, stale));
    let table = Table {
        zone: ENTRIES,
        columns: ENTRY_COLUMNS,
        len: pane.window.len(),
        selected: pane.window.index(),
        focused: pane.typing.is_none(),
        row: &row,
    };
    // The first row on the screen keeps its number while the window moves under it.
    let mut offset = usize::try_from(view.first - pane.window.base()).unwrap_or(0);
    table.draw(scene, area, &mut offset);
    view.first = pane.window.base() + offset as i64;
}

fn tabs(pane: &Queue, scene: &mut Scene<'_>, area: Rect) {
    let mut x = area.x + 3;
    for (n, tab) in pane.tabs().iter().copied().enumerate() {
        let (name, width) = (tab.name(), tab.name().len() as u16);
        if x + width >= area.right() {
            break;
        }
        let role = if tab == pane.tab && !pane.scope.filter.names_state() { Role::TabActive } else { Role::Tab };
        put(scene, area, x, area.y, name, scene.style(role));
        scene.zone(Rect { x, y: area.y, width, height: 1 }, TABS, n);
        x += width + 2;
    }
    let sort = pane.scope.sort;
    let indexed = pane.shape.as_ref().is_some_and(|shape| shape.time_is_indexed(pane.scope.open_only()));
    let right = if sort.by == crate::queue::SortBy::Time && !indexed {
        "by id: no index by time here".to_owned()
    } else {
        format!("by {}{}", sort.by.name(), if sort.descending { " ↓" } else { "" })
    };
    let rest = Rect { x, width: area.right().saturating_sub(x + 1), ..area };
    prose::line_right(scene, rest, &[(&right, Role::Dim)]);
}

/// The glyph and role of a state.
pub(super) fn state_look(state: State) -> (&'static str, Role) {
    match state {
        State::Pending => ("·", Role::Info),
        State::Failed => ("✗", Role::Bad),
        State::Blocked => ("!", Role::Warn),
        State::Synced => ("✓", Role::Ok),
        State::Discarded => ("–", Role::Dim),
    }
}

/// Whether the engine holds such an entry until a person chooses.
fn needs_choice(verdict: Option<Verdict>) -> bool {
    matches!(verdict, Some(Verdict::OverwritesNewer | Verdict::ZeroRows))
}

/// The state in a word: what is held waits for a person, not for anything else.
fn state_word(entry: &Entry) -> &'static str {
    match entry.state {
        State::Blocked if is_held(entry) => "choice",
        State::Discarded => "archive",
        state => state.name(),
    }
}

/// Whether an entry waits for a person's choice.
pub(super) fn is_held(entry: &Entry) -> bool {
    entry.state == State::Blocked && (entry.blocked_on.as_deref() == Some("choice") || needs_choice(entry.verdict))
}

fn entry(pane: &Queue, held: &Held, now: Now, stale: bool) -> Row {
    let entry = &held.entry;
    let (glyph, role) = state_look(entry.state);
    let reason = diagnosis::diagnose(&entry.evidence());
    let reason = reason.map_or_else(String::new, |found| {
        let code = found.sqlstate.map(|code| format!("{code} ")).unwrap_or_default();
        format!("{code}{}", found.name)
    });
    let payload = match &entry.preview {
        Some(preview) => preview.clone(),
        None => format!("{}, not read for the list", crate::ui::format::size(entry.bytes.unsigned_abs().into())),
    };
    let reason = entry.discarded.as_ref().map_or(reason, |gone| {
        let why = gone.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("{}{why}, {} ago", gone.actor, age(Duration::from_secs(gone.age_s.unsigned_abs())))
    });
    let older = Queue::age_of(held.at, entry.age_s, now);
    Row {
        marked: pane.marks.contains(&entry.id),
        stale,
        cells: vec![
            Cell::new(older.map_or_else(|| "–".to_owned(), age_text), Role::Muted),
            Cell::new(format!("{glyph} {}", state_word(entry)), role),
            Cell::plain(entry.operation.clone()),
            Cell::plain(entry.table.clone()),
            Cell::new(short_key(entry.row_key.as_deref()), Role::Muted),
            Cell::new(reason, if entry.state == State::Synced { Role::Dim } else { role }),
            Cell::new(if entry.attempts == 0 { "·".to_owned() } else { entry.attempts.to_string() }, Role::Muted),
            Cell::new(payload, Role::Muted),
        ],
    }
}

fn age_text(older: Duration) -> String {
    age(older)
}

/// An id by its beginning and end.
pub(super) fn short_id(id: uuid::Uuid) -> String {
    let id = id.to_string();
    format!("{}…{}", &id[..4], &id[34..])
}

/// A key's first value, short: a uuid by its beginning and end.
pub(super) fn short_key(key: Option<&str>) -> String {
    let Some(key) = key else { return "–".to_owned() };
    let value = super::payload::fields(key)
        .into_iter()
        .next()
        .map_or_else(|| key.to_owned(), |(_, value)| super::payload::shown(&value));
    let long = value.len() == 36 && value.bytes().filter(|b| *b == b'-').count() == 4 && value.is_ascii();
    if long { format!("{}…{}", &value[..4], &value[34..]) } else { text::safe(&value).into_owned() }
}
