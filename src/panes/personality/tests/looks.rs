//! What it looks like.

use super::*;
use crate::panes::drawing;

pub(super) fn drawn(pane: &Personality, width: u16, height: u16) -> String {
    format!("[{}]\n{}", pane.answer(Now::at(0)).text, drawing::lines(pane, width, height, 0))
}

#[test]
fn each_state_at_three_sizes() {
    let mut edited = shown();
    keys(&mut edited, &["down", "right", "right", "down", "right"]);
    let mut maya = shown();
    act(&mut maya, Action::NextUser);
    for (name, pane) in [("state", shown()), ("edited", edited), ("differs", maya)] {
        for (width, height) in [(80, 20), (140, 38), (200, 56)] {
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), drawn(&pane, width, height));
        }
    }
}

#[test]
fn each_level_and_each_bad_day() {
    let mut history = shown();
    act(&mut history, Action::History);
    insta::assert_snapshot!("history_80x20", drawn(&history, 80, 20));
    insta::assert_snapshot!("history_140x38", drawn(&history, 140, 38));
    let mut presets = shown();
    act(&mut presets, Action::Presets);
    insta::assert_snapshot!("presets_80x20", drawn(&presets, 80, 20));
    insta::assert_snapshot!("clashes_80x20", drawn(&clashing(), 80, 20));
    let mut lost = shown();
    let [_, replica] = sides();
    hear(&mut lost, Message::Loaded(Box::new([Err(away("master")), replica])));
    insta::assert_snapshot!("lost_120x26", drawn(&lost, 120, 26));
    let mut typing = shown();
    act(&mut typing, Action::Save);
    keys(&mut typing, &["down", "right"]);
    act(&mut typing, Action::Save);
    insta::assert_snapshot!("typing_80x20", drawn(&typing, 80, 20));
    let mut absent = Personality::default();
    hear(&mut absent, Message::Loaded(Box::new([Ok(Sheet::default()), Err(away("replica"))])));
    insta::assert_snapshot!("absent_80x20", drawn(&absent, 80, 20));
}

#[test]
fn no_size_makes_it_panic_and_small_ones_show_data() {
    let mut panes = vec![shown(), clashing(), Personality::default()];
    for action in [Action::History, Action::Presets] {
        let mut pane = shown();
        act(&mut pane, action);
        panes.push(pane);
    }
    for pane in &panes {
        for (width, height) in [(0, 0), (1, 1), (2, 30), (5, 3), (19, 4), (40, 6), (60, 12), (300, 90)] {
            drawn(pane, width, height);
        }
    }
    let small = drawn(&panes[0], 40, 8);
    let rows = Field::ALL.iter().filter(|f| small.contains(f.label())).count();
    assert!(rows >= 6, "{rows} rows:\n{small}");
}
