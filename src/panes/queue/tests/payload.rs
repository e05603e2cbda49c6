//! The payload in an entry: folded, searched, read on.

use super::*;

fn payload(size: (u16, u16)) -> Queue {
    let mut pane = inside(size);
    pane.update(Input::Move(Move::Right), Now::at(1));
    assert_eq!(pane.inside.section, Section::Payload);
    pane
}

#[test]
fn it_is_folded_by_enter_space_and_the_arrows() {
    let mut pane = payload((80, 20));
    for _ in 0..6 {
        pane.update(Input::Move(Move::Down), Now::at(1));
    }
    let all = drawn(&pane, 80, 30, 1);
    pane.update(Input::Open, Now::at(1));
    let folded = drawn(&pane, 80, 30, 1);
    assert!(folded.contains("\"metadata\": { … 2 }"), "{folded}");
    insta::assert_snapshot!("payload_folded_80x24", drawn(&pane, 80, 20, 1));
    action(&mut pane, Action::Mark);
    assert_eq!(drawn(&pane, 80, 30, 1), all);
    pane.update(Input::Move(Move::Left), Now::at(1));
    assert_eq!(drawn(&pane, 80, 30, 1), folded);
    pane.update(Input::Move(Move::Right), Now::at(1));
    assert_eq!((drawn(&pane, 80, 30, 1), pane.inside.section), (all, Section::Payload));
    pane.update(Input::Move(Move::Right), Now::at(1));
    assert_eq!(pane.inside.section, Section::Tries, "nothing to unfold: the next part");
}

#[test]
fn it_is_searched_and_the_hits_are_gone_through() {
    let mut pane = inside((80, 20));
    action(&mut pane, Action::Filter);
    assert!(pane.text_focus() && pane.level == Level::Entry && pane.inside.section == Section::Payload);
    type_in(&mut pane, "8");
    insta::assert_snapshot!("payload_search_80x24", drawn(&pane, 80, 20, 1));
    key(&mut pane, KeyCode::Enter);
    assert!(!pane.text_focus());
    let first = pane.inside.payload.cursor();
    action(&mut pane, Action::NextHit);
    assert!(pane.inside.payload.cursor() > first);
    action(&mut pane, Action::PreviousHit);
    assert_eq!(pane.inside.payload.cursor(), first);
    action(&mut pane, Action::Filter);
    assert!(toast(&enter(&mut pane, "nowhere")).contains("does not say"));
    assert!(toast(&action(&mut pane, Action::NextHit)).contains("/ searches"));
    pane.update(Input::Back, Now::at(2));
    assert_eq!(pane.level, Level::List);
}

#[test]
fn the_rest_of_a_long_one_is_read_when_it_is_asked_for() {
    let mut pane = payload((80, 20));
    let layout = json::Layout::new("[1, 2".into(), 9_000_000);
    tell(&mut pane, Message::Laid(id(1), Arc::new(layout)));
    pane.update(Input::Move(Move::Last), Now::at(1));
    assert!(drawn(&pane, 80, 30, 1).contains("… 9 000 000 more characters. Enter reads them"));
    let effects = pane.update(Input::Open, Now::at(1));
    assert!(matches!(runs(&effects)[..], [Command::Rest { id: wanted, .. }] if *wanted == id(1)));
    tell(&mut pane, Message::Laid(id(1), Arc::new(json::Layout::new("[1, 2, 3]".into(), 0))));
    assert_eq!(pane.inside.payload.rows(), 5);
    tell(&mut pane, Message::Laid(id(2), Arc::new(json::Layout::new("0".into(), 0))));
    assert_eq!(pane.inside.payload.rows(), 5, "of another entry");
}

#[test]
fn a_refresh_keeps_what_is_folded_and_where_one_is() {
    let mut pane = payload((80, 20));
    for _ in 0..6 {
        pane.update(Input::Move(Move::Down), Now::at(1));
    }
    pane.update(Input::Open, Now::at(1));
    let before = drawn(&pane, 80, 30, 1);
    tell(&mut pane, Message::Laid(id(1), Arc::new(json::Layout::new(detail(1).payload, 0))));
    tell(&mut pane, Message::Detail(id(1), Some(Box::new(detail(1)))));
    assert_eq!(drawn(&pane, 80, 30, 1), before);
}

#[test]
fn a_value_that_is_longer_than_its_line_stands_whole_below() {
    let mut pane = payload((80, 24));
    let long = format!("{{\"short\": 1, \"long\": \"{} end\"}}", "some words of it ".repeat(9));
    tell(&mut pane, Message::Laid(id(1), Arc::new(json::Layout::new(long, 0))));
    pane.update(Input::Move(Move::Down), Now::at(1));
    assert!(!drawn(&pane, 80, 24, 1).contains("it end"), "what fits needs no more room");
    pane.update(Input::Move(Move::Down), Now::at(1));
    insta::assert_snapshot!("payload_long_80x24", drawn(&pane, 80, 24, 1));
    assert!(drawn(&pane, 80, 24, 1).contains("it  end"));
    let endless = format!("[\"{}\"]", "endless ".repeat(1_000_000));
    tell(&mut pane, Message::Laid(id(1), Arc::new(json::Layout::new(endless, 0))));
    pane.update(Input::Move(Move::Up), Now::at(1));
    assert!(drawn(&pane, 80, 24, 1).contains("… and more: Y copies all of it"));
}
