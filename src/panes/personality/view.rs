//! Draws the pane: the state with its sliders, the history, the presets, and what others changed meanwhile.

mod charts;
mod lists;
mod state;

use super::{Level, Personality, Typing};
use crate::postgres::Side;
use crate::ui::editor::Corner;
use crate::ui::table::put;
use crate::ui::{Role, Scene, prose, text};
use ratatui::layout::Rect;

/// The names of what can be clicked.
pub mod zones {
    /// The users.
    pub const USERS: &str = "personality-users";
    /// The moods.
    pub const MOODS: &str = "personality-moods";
    /// The cells of the sliders: row × 100 + level.
    pub const LEVELS: &str = "personality-levels";
    /// The fields.
    pub const FIELDS: &str = "personality-fields";
    /// The history.
    pub const HISTORY: &str = "personality-history";
    /// The presets.
    pub const PRESETS: &str = "personality-presets";
    /// The clashes.
    pub const CLASHES: &str = "personality-clashes";
}

/// Where the lists are scrolled to.
#[derive(Debug, Default)]
pub struct View {
    fields: usize,
    history: usize,
    presets: usize,
    clashes: usize,
    pub(super) editor: Corner,
}

/// Draws the whole pane.
pub fn draw(pane: &Personality, scene: &mut Scene<'_>, area: Rect, view: &mut View) {
    let area = area.intersection(scene.buf.area);
    if area.is_empty() {
        return;
    }
    let typed = u16::from(pane.typing.is_some());
    let body = Rect { height: area.height - typed.min(area.height), ..area };
    if pane.people.is_empty() {
        nobody(pane, scene, body);
    } else {
        match &pane.level {
            Level::State => state::draw(pane, scene, body, view),
            Level::History => lists::history(pane, scene, body, view),
            Level::Presets => lists::presets(pane, scene, body, view),
            Level::Clashes { side, clashes, mine, at, .. } => {
                lists::clashes(scene, body, view, side, (clashes, mine, *at));
            }
        }
    }
    if let Some((what, line)) = &pane.typing {
        let prompt = match what {
            Typing::Value(field) => format!(" {}{}: ", field.label(), hint(*field)),
            Typing::Reason => " why, for the history (Enter goes on): ".to_owned(),
            Typing::Preset => " name of the preset: ".to_owned(),
        };
        line.draw(scene, Rect { y: area.bottom() - 1, height: 1, ..area }, &prompt);
    }
}

fn hint(field: crate::personality::Field) -> &'static str {
    use crate::personality::Kind;
    match field.kind() {
        Kind::Moment => " (2h, 3d, a moment, or nothing)",
        Kind::List => " (names with commas)",
        _ => "",
    }
}

/// Nothing to show: why, and what to do about it.
fn nobody(pane: &Personality, scene: &mut Scene<'_>, area: Rect) {
    let mut lines: Vec<(String, Role)> = Vec::new();
    for side in [Side::Master, Side::Replica] {
        let role = if side == Side::Master { Role::Master } else { Role::Replica };
        let words = match (&pane.faults[side as usize], &pane.sides[side as usize]) {
            (Some(fault), _) => fault.clone(),
            (None, None) => "reading…".to_owned(),
            (None, Some(sheet)) if !sheet.shape.state => {
                format!("has no robbie_personality_state: robbie schema migrate --target {side} adds it")
            }
            (None, Some(_)) => {
                "no user has a state there: robbie personality set --mood friendly makes allan's".to_owned()
            }
        };
        lines.push((pane.name(side).to_uppercase(), role));
        lines.push((words, Role::Muted));
    }
    let width = area.width.saturating_sub(6);
    let mut y = area.y;
    for pair in lines.chunks(2) {
        let wrapped = text::wrap(&text::safe(&pair[1].0), width.into());
        for (words, role) in [(&pair[0].0, pair[0].1)].into_iter().chain(wrapped.iter().map(|w| (w, pair[1].1))) {
            if y < area.bottom() {
                prose::line(scene, Rect { x: area.x + 3, y, width, height: 1 }, &[(words, role)]);
                y += 1;
            }
        }
        y += 1;
    }
}

/// One line of the drawing per row, in the colour of the face.
fn face(scene: &mut Scene<'_>, area: Rect, mood: Option<crate::personality::Mood>) {
    for (i, line) in crate::personality::drawing(mood).lines().enumerate().take(usize::from(area.height)) {
        put(scene, area, area.x, area.y + i as u16, line, scene.style(Role::Accent));
    }
}
