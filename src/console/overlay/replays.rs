//! The replays of many entries: the list of all jobs, and one of them at work.

use crate::console::shell::replays::{Live, Replays, words};
use crate::sync::job::{JobState, JobSummary, Progress};
use crate::ui::format::{age, count, plural};
use crate::ui::pane::{Move, Now};
use crate::ui::table::{Cell, Column, Row, Table};
use crate::ui::{Role, Scene, prose, text};
use ratatui::layout::Rect;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// What is shown of the jobs.
#[derive(Debug, Default)]
pub struct View {
    /// The jobs of the shown replica, once they are read; or why they could not be.
    list: Option<Result<Vec<JobSummary>, String>>,
    /// The one that is open.
    pub open: Option<Uuid>,
    /// The cursor of the list.
    pub cursor: usize,
    /// The first row on the screen.
    offset: usize,
    /// The first line shown of the one that is open.
    scroll: usize,
    /// How far one is that is not of this process.
    standing: Option<Progress>,
}

/// A job in the list: how it is kept, and what this process knows of it.
struct Entry<'a> {
    job: Uuid,
    summary: Option<&'a JobSummary>,
    live: Option<&'a Live>,
}

impl Entry<'_> {
    /// What this process sees is newer than what was read, except where another one has gone on with it since.
    fn state(&self) -> JobState {
        match (self.live, self.summary) {
            (Some(live), Some(summary)) if live.progress.state.is_over() => {
                if summary.state == JobState::Running {
                    live.progress.state
                } else {
                    summary.state
                }
            }
            (Some(live), _) => live.progress.state,
            (None, Some(summary)) => summary.state,
            (None, None) => JobState::Interrupted,
        }
    }
    fn done(&self) -> (u64, u64) {
        match (self.live, self.summary) {
            (Some(live), _) => (live.progress.done, live.progress.total),
            (None, Some(summary)) => (summary.done.unsigned_abs(), summary.total.unsigned_abs()),
            (None, None) => (0, 0),
        }
    }
    fn outcomes(&self) -> String {
        match (self.live, self.summary) {
            (Some(live), _) => words(&live.progress.by_outcome.iter().map(|(o, n)| (o.name(), *n)).collect()),
            (None, Some(s)) => words(&s.by_outcome.iter().map(|(o, n)| (o.as_str(), n.unsigned_abs())).collect()),
            (None, None) => String::new(),
        }
    }
    fn why(&self) -> Option<&str> {
        let of_live = self.live.and_then(|live| live.progress.why.as_deref());
        of_live.or_else(|| self.summary.and_then(|summary| summary.why.as_deref()))
    }
}

impl View {
    /// The list, with one of them open.
    pub fn new(open: Option<Uuid>) -> Self {
        Self { open, ..Self::default() }
    }

    /// The jobs of the replica, as they were read.
    pub fn take_list(&mut self, list: Result<Vec<JobSummary>, String>) {
        self.list = Some(list);
    }

    /// How far one is that is not of this process.
    pub fn take_standing(&mut self, standing: Progress) {
        self.standing = Some(standing);
    }

    /// Opens one.
    pub fn show(&mut self, job: Uuid) {
        (self.open, self.scroll, self.standing) = (Some(job), 0, None);
    }

    /// The one that is meant: the open one, else the one under the cursor.
    pub fn job(&self, replays: &Replays) -> Option<Uuid> {
        self.open.or_else(|| self.entries(replays).get(self.cursor).map(|entry| entry.job))
    }

    /// Where one of them stands.
    pub fn state(&self, job: Uuid, replays: &Replays) -> Option<JobState> {
        self.entries(replays).iter().find(|entry| entry.job == job).map(Entry::state)
    }

    /// Moves the cursor, or what is shown of the open one.
    pub fn step(&mut self, step: Move, replays: &Replays) {
        let by: i64 = match step {
            Move::Up => -1,
            Move::Down => 1,
            Move::PageUp => -10,
            Move::PageDown => 10,
            Move::First => i64::MIN / 2,
            Move::Last => i64::MAX / 2,
            Move::Left | Move::Right => 0,
        };
        // Drawing keeps the text inside its end.
        let last = self.entries(replays).len().saturating_sub(1);
        let (at, most) = if self.open.is_some() { (&mut self.scroll, 10_000) } else { (&mut self.cursor, last) };
        *at = (*at as i64).saturating_add(by).clamp(0, most as i64) as usize;
    }

    /// Those of this process that are not in the list come first.
    fn entries<'a>(&'a self, replays: &'a Replays) -> Vec<Entry<'a>> {
        let listed: &[JobSummary] = self.list.as_ref().and_then(|l| l.as_ref().ok()).map_or(&[], Vec::as_slice);
        let new = replays.all().filter(|live| !listed.iter().any(|s| s.job == live.progress.job));
        let new = new.map(|live| Entry { job: live.progress.job, summary: None, live: Some(live) });
        new.chain(listed.iter().map(|s| Entry { job: s.job, summary: Some(s), live: replays.get(s.job) })).collect()
    }

    /// Draws the list, or the one that is open.
    pub fn draw(&mut self, scene: &mut Scene<'_>, area: Rect, replays: &Replays, now: Now) {
        let width = area.width.saturating_sub(if area.width > 60 { 8 } else { 4 }).min(108);
        match self.open {
            Some(job) => self.draw_one(scene, area, width, job, replays, now),
            None => self.draw_list(scene, area, width, replays, now),
        }
    }

    fn draw_list(&mut self, scene: &mut Scene<'_>, area: Rect, width: u16, replays: &Replays, now: Now) {
        const COLUMNS: [Column; 6] = [
            Column::text("started", 7),
            Column::number("entries", 7),
            Column::number("done", 5).leaves(3),
            Column::text("state", 13),
            Column::text("came to", 16).grows(1).leaves(2),
            Column::text("by", 10).leaves(1),
        ];
        let (mut offset, cursor) = (self.offset, self.cursor);
        let entries = self.entries(replays);
        let rows = (entries.len() as u16 + 1).clamp(2, area.height.saturating_sub(8).max(2));
        let inner = prose::modal(scene, area, "jobs: replays of many entries, kept for 30 days", width, rows + 2);
        if inner.height < 3 {
            return;
        }
        let body = Rect { height: inner.height - 2, ..inner };
        match &self.list {
            Some(Err(why)) if entries.is_empty() => {
                let place = Rect { height: body.height, ..body };
                let lines: Vec<_> = text::wrap(why, body.width.into()).into_iter().map(|l| (l, Role::Bad)).collect();
                prose::scrolled(scene, place, "@jobs-fault", &lines, &mut 0);
            }
            None if entries.is_empty() => _ = prose::line(scene, body, &[("Reading the jobs…", Role::Muted)]),
            _ if entries.is_empty() => {
                let words = "There is no job yet. Mark entries in the queue and replay them: a replay of more than one is a job.";
                let lines: Vec<_> =
                    text::wrap(words, body.width.into()).into_iter().map(|l| (l, Role::Muted)).collect();
                prose::scrolled(scene, body, "@jobs-none", &lines, &mut 0);
            }
            _ => {
                let row = |i: usize| {
                    let entry = &entries[i];
                    let state = entry.state();
                    let (glyph, role) = look(state);
                    let (done, total) = entry.done();
                    let share = if done == total { String::new() } else { format!("{} %", percent(done, total)) };
                    Row::new(vec![
                        Cell::new(started(entry, now), Role::Muted),
                        Cell::plain(count(total)),
                        Cell::new(share, Role::Strong),
                        Cell::new(format!("{glyph} {}", state.name()), role),
                        Cell::plain(entry.outcomes()),
                        Cell::new(entry.summary.map(|s| s.actor.clone()).unwrap_or_default(), Role::Muted),
                    ])
                };
                let (len, selected) = (entries.len(), Some(cursor.min(entries.len() - 1)));
                let table = Table { zone: "@jobs", columns: &COLUMNS, len, selected, focused: true, row: &row };
                table.draw(scene, body, &mut offset);
            }
        }
        let state = entries.get(cursor).map(Entry::state);
        hints(scene, inner, state, &[("Enter", "open"), ("Esc", "close")]);
        self.offset = offset;
    }

    fn draw_one(&mut self, scene: &mut Scene<'_>, area: Rect, width: u16, job: Uuid, replays: &Replays, now: Now) {
        let entries = self.entries(replays);
        let entry = entries.into_iter().find(|entry| entry.job == job);
        let Some(entry) = entry else { return };
        let (done, total) = entry.done();
        let state = entry.state();
        let progress = entry.live.map(|live| &live.progress).or(self.standing.as_ref());
        let lines = progress.map(|p| body(p, usize::from(width))).unwrap_or_default();
        let why: Vec<String> = entry.why().map(|why| text::wrap(&text::safe(why), width.into())).unwrap_or_default();
        let how: Vec<String> = entry.summary.map(|job| text::wrap(&how(job), width.into())).unwrap_or_default();
        let head = 5 + (how.len() + why.len()) as u16;
        let height = (head + lines.len().max(1) as u16 + 2).min(area.height.saturating_sub(2));
        let inner = prose::modal(scene, area, &format!("job {job}"), width, height);
        if inner.height < 3 {
            return;
        }
        let (glyph, role) = look(state);
        let of = entry.live.map(|live| format!(" of {}", live.replica)).unwrap_or_default();
        let by = entry.summary.map(|s| format!(" by {}", s.actor)).unwrap_or_default();
        let what = format!("Replay of {}{of}", plural(total, "entry", "entries"));
        let mut y = inner.y;
        let mut next = |rows: u16| {
            let row = Rect { y, height: u16::from(y < inner.bottom() - 1), ..inner };
            y += rows;
            row
        };
        let row = next(2);
        prose::line(scene, row, &[(&what, Role::Strong), (&by, Role::Muted)]);
        prose::line_right(scene, row, &[(&format!("{glyph} {}", state.name()), role)]);
        let row = next(1);
        let said = format!(" {:>3} %", percent(done, total));
        meter(scene, Rect { width: row.width.saturating_sub(6), ..row }, done, total, role);
        prose::line_right(scene, row, &[(&said, Role::Strong)]);
        let row = next(1);
        let mut parts = vec![format!("{} of {}", count(done), count(total))];
        if let Some(live) = entry.live {
            parts.extend(pace(live, now));
        } else {
            parts.push(format!("started {} ago", started(&entry, now)));
        }
        prose::line(scene, row, &[(&parts.join(" · "), Role::Muted)]);
        for line in how {
            prose::line(scene, next(1), &[(&line, Role::Muted)]);
        }
        for line in why {
            prose::line(scene, next(1), &[(&line, role)]);
        }
        next(1);
        let rest = Rect { y, height: inner.bottom().saturating_sub(y + 2), ..inner };
        let mut scroll = self.scroll;
        if lines.is_empty() {
            prose::line(scene, rest, &[("Reading what became of its entries…", Role::Muted)]);
        } else {
            prose::scrolled(scene, rest, "@job", &lines, &mut scroll);
        }
        hints(scene, inner, Some(state), &[("Esc", "all jobs")]);
        self.scroll = scroll;
    }
}

/// How it was told to go about it.
fn how(job: &JobSummary) -> String {
    let rate = job.rate.map_or_else(|| "as fast as it goes".to_owned(), |n| format!("at most {n}/s"));
    let ramp = if job.ramp { ", small at first" } else { "" };
    let share = job.max_failures.map(|share| format!("when over {:.0} % fail", share * 100.0));
    let stops = [job.stop_on_new.then(|| "at a new reason".to_owned()), share];
    let stops = stops.into_iter().flatten().collect::<Vec<_>>().join(" or ");
    format!(
        "{rate}{ramp} · {}",
        if stops.is_empty() { "never stops by itself".to_owned() } else { format!("stops {stops}") }
    )
}

/// What can be done about it, in the last line.
fn hints(scene: &mut Scene<'_>, inner: Rect, state: Option<JobState>, always: &[(&str, &str)]) {
    let own: &[(&str, &str)] = match state {
        Some(JobState::Running) => &[("p", "pause"), ("X", "cancel")],
        Some(JobState::Paused) => &[("p", "go on"), ("X", "cancel")],
        Some(JobState::Stopped | JobState::Cancelled | JobState::Interrupted) => &[("r", "resume")],
        Some(JobState::Done) | None => &[],
    };
    let row = Rect { y: inner.bottom() - 1, height: 1, ..inner };
    let parts: Vec<String> =
        own.iter().chain(always).flat_map(|(k, w)| [(*k).to_owned(), format!(" {w}   ")]).collect();
    let parts: Vec<(&str, Role)> = parts
        .iter()
        .enumerate()
        .map(|(i, part)| (part.as_str(), if i % 2 == 0 { Role::Accent } else { Role::Muted }))
        .collect();
    prose::line(scene, row, &parts);
}

/// What became of its entries: by outcome beside by verdict, then what failures have in common.
fn body(p: &Progress, width: usize) -> Vec<(String, Role)> {
    let mut lines: Vec<(String, Role)> = Vec::new();
    let column = (width / 2).saturating_sub(1).min(40);
    let outcomes: Vec<String> =
        p.by_outcome.iter().map(|(o, n)| format!("{:>9}  {}", count(*n), o.name().replace('_', " "))).collect();
    let verdicts: Vec<String> = p.by_verdict.iter().map(|(v, n)| format!("{:>9}  {v}", count(*n))).collect();
    if outcomes.is_empty() {
        lines.push(("No entry has its outcome yet.".to_owned(), Role::Muted));
        return lines;
    }
    lines.push((format!("{}{}", text::left("  outcomes", column), "  verdicts"), Role::Column));
    for i in 0..outcomes.len().max(verdicts.len()) {
        let part = |list: &[String]| list.get(i).cloned().unwrap_or_default();
        lines.push((format!("{}{}", text::left(&part(&outcomes), column), part(&verdicts)), Role::Text));
    }
    if !p.errors_by_family.is_empty() {
        lines.push((String::new(), Role::Text));
        lines.push(("  what did not go through, by reason".to_owned(), Role::Column));
        let mut families: Vec<_> = p.errors_by_family.iter().collect();
        families.sort_by_key(|(name, n)| (std::cmp::Reverse(**n), (*name).clone()));
        for (family, n) in families {
            for (i, part) in text::wrap(&text::safe(family), width.saturating_sub(12)).into_iter().enumerate() {
                let many = if i == 0 { count(*n) } else { String::new() };
                lines.push((format!("{many:>9}  {part}"), Role::Bad));
            }
        }
    }
    lines
}

/// How fast it is, since when, and how long it takes.
fn pace(live: &Live, now: Now) -> Vec<String> {
    let p = &live.progress;
    let took = live.until.unwrap_or(now.uptime).saturating_sub(live.since);
    if p.state.is_over() {
        return vec![format!("took {}", age(took))];
    }
    let mut parts = vec![format!("{:.0}/s", p.rate), format!("{} so far", age(took))];
    parts.extend(remaining(p).map(|left| format!("about {} left", age(left))));
    parts
}

/// How long it takes still, at the rate of the last seconds.
pub fn remaining(p: &Progress) -> Option<Duration> {
    let left = p.total.saturating_sub(p.done) as f64 / p.rate;
    (p.state == JobState::Running && p.rate > 0.05 && left.is_finite()).then(|| Duration::from_secs_f64(left))
}

/// The glyph and the colour of a state.
pub fn look(state: JobState) -> (&'static str, Role) {
    match state {
        JobState::Running => ("▶", Role::Accent),
        JobState::Paused => ("‖", Role::Warn),
        JobState::Done => ("✓", Role::Ok),
        JobState::Stopped => ("✗", Role::Bad),
        JobState::Cancelled => ("·", Role::Muted),
        JobState::Interrupted => ("!", Role::Warn),
    }
}

/// Whole percents; all of it only where it is all.
pub fn percent(done: u64, total: u64) -> u64 {
    done.saturating_mul(100).checked_div(total).unwrap_or(100)
}

/// A bar over the width of `area`.
pub fn meter(scene: &mut Scene<'_>, area: Rect, done: u64, total: u64, role: Role) {
    let cells = usize::from(area.width);
    let full = if total == 0 { cells } else { (done as f64 / total as f64 * cells as f64) as usize }.min(cells);
    prose::line(scene, area, &[(&"━".repeat(full), role), (&"─".repeat(cells - full), Role::Rule)]);
}

fn started(entry: &Entry<'_>, now: Now) -> String {
    let at = entry.summary.and_then(|s| chrono::DateTime::parse_from_rfc3339(&s.created_at).ok());
    match (at, entry.live) {
        (Some(at), _) => age(now.since(SystemTime::from(at))),
        (None, Some(live)) => age(now.uptime.saturating_sub(live.since)),
        (None, None) => String::new(),
    }
}
