//! What it looks like.

use super::*;
use crate::panes::drawing;

pub(super) fn drawn(pane: &Schema, width: u16, height: u16) -> String {
    format!("[{}]\n{}", pane.answer(Now::at(0)).text, drawing::lines(pane, width, height, 0))
}

#[test]
fn each_view_at_three_sizes() {
    for (section, name) in SECTIONS {
        for (width, height) in [(80, 20), (140, 38), (200, 56)] {
            insta::assert_snapshot!(
                format!("{}_{width}x{height}", name.to_lowercase()),
                drawn(&on(section), width, height)
            );
        }
    }
}

#[test]
fn each_bad_day() {
    insta::assert_snapshot!("reading_80x20", drawn(&Schema::default(), 80, 20));
    let mut nobody = Schema::default();
    hear(&mut nobody, Message::Loaded(Box::new([Err(away("master")), Err(away("replica"))])));
    insta::assert_snapshot!("nobody_80x20", drawn(&nobody, 80, 20));
    let mut lost = shown();
    hear(&mut lost, Message::Loaded(Box::new([Err(away("master")), Ok(replica())])));
    insta::assert_snapshot!("lost_80x20", drawn(&lost, 80, 20));
    let mut typing = on(Section::Users);
    act(&mut typing, Action::Map);
    insta::assert_snapshot!("typing_80x20", drawn(&typing, 80, 20));
}

#[test]
fn names_are_text_and_never_obeyed() {
    let mut pane = on(Section::Inventory);
    for _ in 0..6 {
        go(&mut pane, Move::Down);
        assert!(!drawn(&pane, 140, 38).contains('\u{1b}'));
    }
}

#[test]
fn no_size_makes_it_panic_and_small_ones_show_data() {
    for (section, _) in SECTIONS {
        for (width, height) in [(0, 0), (1, 1), (2, 30), (5, 3), (19, 4), (40, 6), (60, 12), (300, 90)] {
            drawn(&on(section), width, height);
            drawn(&Schema::default(), width, height);
        }
    }
    let small = drawn(&on(Section::Comparison), 40, 10);
    let rows = ["Users", "Conversations", "Messages", "Vector", "Code Blocks", "Learned"];
    assert!(rows.iter().all(|r| small.contains(r)), "{small}");
}
