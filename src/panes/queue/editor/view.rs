//! How the editor looks.

use super::{Change, Check, Editing, Phase};
use crate::panes::queue::outcomes::said;
use crate::postgres::Fault;
use crate::sync::edit::{Edited, Problem};
use crate::ui::editor::Corner;
use crate::ui::format::{count, plural};
use crate::ui::{Role, Scene, prose, text};
use ratatui::layout::Rect;
use std::collections::BTreeSet;

/// The name under which clicks on lines come back.
pub const ZONE: &str = "queue-editor";
/// Problems listed at once, where there is room.
const LISTED: u16 = 6;

type Line = (String, Role);

/// Draws the editor over the pane.
pub fn draw(editing: &Editing, scene: &mut Scene<'_>, area: Rect, corner: &mut Corner) {
    let width = area.width.saturating_sub(if area.width > 100 { 12 } else { 4 }).min(150);
    // As tall as what it holds, with room to write; the checks and the keys stand below.
    let wanted = match &editing.phase {
        _ if editing.draft.is_none() => 1,
        Phase::Saving => 1,
        Phase::Overtaken(why) => overtaken(why, width.into()).len() as u16,
        Phase::Writing | Phase::Looking { .. } => (editing.lines() as u16).saturating_add(11).max(18),
    };
    let inner = prose::modal(scene, area, &title(editing), width, wanted.min(area.height.saturating_sub(2)));
    match &editing.phase {
        _ if editing.draft.is_none() => _ = prose::line(scene, inner, &[("Reading the entry…", Role::Muted)]),
        Phase::Saving => _ = prose::line(scene, inner, &[("Saving…", Role::Muted)]),
        Phase::Overtaken(why) => {
            prose::scrolled(scene, inner, "queue-edit-overtaken", &overtaken(why, inner.width.into()), &mut 0);
        }
        _ if inner.height < 4 => {}
        Phase::Writing => writing(editing, scene, inner, corner),
        Phase::Looking { changes, tried, scroll } => looking(scene, inner, changes, tried.as_ref(), *scroll),
    }
}

fn title(editing: &Editing) -> String {
    let Some(draft) = &editing.draft else { return "edit".to_owned() };
    let again = if draft.original.is_some() { " · edited before" } else { "" };
    format!("edit {} {} of {}{again}", draft.operation, draft.id, text::safe(&draft.table))
}

fn writing(editing: &Editing, scene: &mut Scene<'_>, area: Rect, corner: &mut Corner) {
    let width = usize::from(area.width);
    let mut lines = verdict(editing, width);
    let here = editing.editor.cursor().0 + 1;
    for problem in editing.check.problems() {
        lines.extend(problem_lines(problem, here, width));
    }
    let most = LISTED.min(area.height / 3).max(1);
    let listed = (lines.len() as u16).min(most);
    let all = lines.len();
    if all > usize::from(listed) {
        let hidden = all - usize::from(listed) + 1;
        lines.truncate(usize::from(listed).saturating_sub(1).max(1));
        if listed > 1 {
            lines.push((format!("… {hidden} lines more: F8 goes from one to the next"), Role::Muted));
        }
    }
    let marked: BTreeSet<usize> = editing.check.problems().iter().map(|p| p.line.saturating_sub(1)).collect();
    let text_area = Rect { height: area.height.saturating_sub(listed + 1), ..area };
    editing.editor.draw(scene, text_area, ZONE, &marked, corner);
    for (i, (words, role)) in lines.iter().enumerate() {
        let row = Rect { y: text_area.bottom() + 1 + i as u16, height: 1, ..area };
        if row.y < area.bottom() {
            prose::line(scene, row, &[(words, *role)]);
        }
    }
}

/// What is known of the text, in a line.
fn verdict(editing: &Editing, width: usize) -> Vec<Line> {
    let changed = if editing.changed { "changed, not saved · " } else { "" };
    let (words, role) = match &editing.check {
        _ if editing.leaving => {
            ("! Not saved. Esc again gives the changes up; any other key goes on.".to_owned(), Role::Warn)
        }
        Check::Awaited => (format!("{changed}checking…"), Role::Muted),
        Check::Whole(problems) if problems.is_empty() => (format!("✓ {changed}it fits the master's table"), Role::Ok),
        Check::Whole(problems) => {
            (format!("✗ {changed}{}", plural(problems.len() as u64, "problem", "problems")), Role::Bad)
        }
        Check::Partly(problems, why) => {
            let json = if problems.is_empty() { "it is JSON" } else { "it is no JSON" };
            let unmade = "not checked against the master: columns, types, lengths, keys";
            (format!("! {changed}{json}; {unmade} ({why})"), Role::Warn)
        }
    };
    text::wrap(&text::safe(&words), width).into_iter().map(|line| (line, role)).collect()
}

fn problem_lines(problem: &Problem, here: usize, width: usize) -> Vec<Line> {
    let mark = if problem.line == here { "▸" } else { " " };
    let path = if problem.path.is_empty() { String::new() } else { format!("{}: ", problem.path) };
    let head = format!("{mark} {}:{} ", problem.line, problem.column);
    let indent = " ".repeat(text::width(&head));
    let words =
        text::wrap(&text::safe(&format!("{path}{}", problem.reason)), width.saturating_sub(indent.len()).max(10));
    let head = |i: usize| if i == 0 { &head } else { &indent };
    words.iter().enumerate().map(|(i, part)| (format!("{}{part}", head(i)), Role::Bad)).collect()
}

fn looking(
    scene: &mut Scene<'_>,
    area: Rect,
    changes: &[Change],
    tried: Option<&Result<Box<Edited>, Fault>>,
    scroll: usize,
) {
    let below = found(tried, usize::from(area.width));
    let rows = (below.len() as u16).min(area.height / 2);
    let lines: Vec<Line> = changes
        .iter()
        .map(|change| match change {
            Change::Kept(line) => (format!("  {line}"), Role::Muted),
            Change::Gone(line) => (format!("- {line}"), Role::Bad),
            Change::New(line) => (format!("+ {line}"), Role::Ok),
            Change::Between(n) => (format!("  ⋯ {} as before", plural(*n as u64, "line", "lines")), Role::Dim),
        })
        .collect();
    let mut offset = scroll;
    let (gone, new) = changes.iter().fold((0, 0), |(gone, new), change| match change {
        Change::Gone(_) => (gone + 1, new),
        Change::New(_) => (gone, new + 1),
        _ => (gone, new),
    });
    let head = format!("what it changes: {} out, {} in", plural(gone, "line", "lines"), count(new));
    prose::line(scene, Rect { height: 1, ..area }, &[(&head, Role::Column)]);
    let place = Rect { y: area.y + 1, height: area.height.saturating_sub(rows + 2), ..area };
    prose::scrolled(scene, place, "queue-edit-diff", &lines, &mut offset);
    for (i, (words, role)) in below.iter().enumerate().take(rows.into()) {
        prose::line(scene, Rect { y: area.bottom() - rows + i as u16, height: 1, ..area }, &[(words, *role)]);
    }
}

/// What sending it would come to.
fn found(tried: Option<&Result<Box<Edited>, Fault>>, width: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut say =
        |words: &str, role| lines.extend(text::wrap(&text::safe(words), width).into_iter().map(|l| (l, role)));
    match tried {
        None => say("Trying it on the master, and undoing that…", Role::Muted),
        Some(Err(fault)) => {
            say(&format!("✗ It could not be tried: {fault}"), Role::Bad);
            say(
                "Not checked: columns, types, keys, and what sending it does. It is saved only when that is known.",
                Role::Warn,
            );
        }
        Some(Ok(edited)) => {
            for problem in &edited.problems {
                say(&format!("✗ line {} {}: {}", problem.line, problem.path, problem.reason), Role::Bad);
            }
            if let Some(outcome) = &edited.outcome {
                let (mark, role) = if outcome.outcome.is_settled() { ("✓", Role::Ok) } else { ("!", Role::Warn) };
                say(&format!("{mark} dry run: {}", said(outcome, true)), role);
            }
            if edited.can_be_saved() {
                say("The payload as it was queued is kept; nothing is sent before the next cycle.", Role::Muted);
            } else if edited.changes.is_empty() && edited.problems.is_empty() {
                say("Only the spelling changed: the payload is the same. There is nothing to save.", Role::Warn);
            } else {
                say("It is not saved like this: it would not go through.", Role::Bad);
            }
        }
    }
    lines
}

/// What can be done about an entry that somebody changed meanwhile.
fn overtaken(why: &str, width: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut say =
        |words: &str, role| lines.extend(text::wrap(&text::safe(words), width).into_iter().map(|l| (l, role)));
    say(&format!("✗ {why}."), Role::Bad);
    say("", Role::Text);
    say("k  keeps your text, over the entry as it is now; the difference shows what that changes", Role::Text);
    say("t  takes the entry as it is now, and gives your text up", Role::Text);
    lines
}

/// The keys, for the footer.
pub fn keys(editing: &Editing) -> Vec<(&'static str, &'static str)> {
    match &editing.phase {
        Phase::Writing if editing.draft.is_none() => vec![("Esc", "close")],
        Phase::Writing => vec![
            ("ctrl-s", "look and save"),
            ("ctrl-o", "$EDITOR"),
            ("F8", "next problem"),
            ("ctrl-u", "undo"),
            ("Esc", "close"),
        ],
        Phase::Looking { tried: Some(Ok(edited)), .. } if edited.can_be_saved() => {
            vec![("ctrl-s", "save"), ("Esc", "back to the text")]
        }
        Phase::Looking { tried: Some(Err(_)), .. } => vec![("ctrl-s", "try again"), ("Esc", "back to the text")],
        Phase::Looking { .. } => vec![("Esc", "back to the text")],
        Phase::Saving => vec![],
        Phase::Overtaken(_) => vec![("k", "keep mine"), ("t", "take theirs"), ("Esc", "back to the text")],
    }
}
