//! Reasons, entries and one entry: the way in and out, filters and states.

use super::*;

#[test]
fn it_opens_on_the_reasons_and_enter_goes_in_and_esc_out() {
    let mut pane = stuck();
    assert_eq!(pane.level, Level::Groups);
    assert!(pane.breadcrumb().is_empty());
    let effects = pane.update(Input::Open, Now::at(2));
    assert_eq!(pane.level, Level::List);
    let commands = runs(&effects);
    assert!(
        matches!(commands[0], Command::Page { scope, .. } if scope.members.as_ref().unwrap().id == "aa11bb22cc"),
        "{commands:?}"
    );
    let question = pane.question;
    let message = Message::Paged { question, anchor: Anchor::First, edge: None, page: page(0..3, false) };
    pane.update(Input::Message(message), Now::at(2));
    assert_eq!(pane.breadcrumb(), ["23503 code_messages"]);
    pane.update(Input::Open, Now::at(2));
    assert_eq!((pane.level, pane.inside.id), (Level::Entry, Some(id(0))));
    assert_eq!(pane.breadcrumb().len(), 2);
    pane.update(Input::Back, Now::at(2));
    assert_eq!(pane.level, Level::List);
    pane.update(Input::Back, Now::at(2));
    assert_eq!((pane.level, pane.reason), (Level::Groups, 0));
}

#[test]
fn with_nothing_stuck_it_opens_on_the_entries() {
    let pane = pane(page(0..3, false), Some(Groups::default()), (120, 26));
    assert_eq!(pane.level, Level::List);
    assert_eq!(pane.badge(), None);
    assert_eq!(stuck().badge().as_deref(), Some("37"));
}

#[test]
fn the_first_failure_brings_the_reasons_to_the_front_of_who_has_not_begun() {
    let mut pane = pane(page(0..3, false), Some(Groups::default()), (120, 26));
    pane.update(Input::Message(Message::Grouped(groups(), Duration::ZERO)), Now::at(2));
    assert_eq!(pane.level, Level::Groups);
}

#[test]
fn late_groups_do_not_take_the_list_away_from_someone_who_moves() {
    let mut quick = pane(page(0..200, true), None, (120, 26));
    assert_eq!(quick.level, Level::List, "rows do not wait for the reasons");
    let mut moved = pane(page(0..200, true), None, (120, 26));
    moved.update(Input::Move(Move::Down), Now::at(2));
    for pane in [&mut quick, &mut moved] {
        pane.update(Input::Message(Message::Grouped(groups(), Duration::ZERO)), Now::at(2));
    }
    assert_eq!((quick.level, moved.level), (Level::Groups, Level::List));
}

#[test]
fn a_percentage_goes_there() {
    let mut pane = listed((120, 26));
    action(&mut pane, Action::Jump);
    assert!(pane.text_focus());
    type_in(&mut pane, "50");
    let effects = pane.update(Input::Key(crate::ui::Chord::plain(KeyCode::Enter)), Now::at(2));
    assert!(matches!(runs(&effects)[0], Command::Page { anchor: Anchor::Share(s), .. } if (*s - 0.5).abs() < 1e-9));
    assert!(!pane.text_focus());
}

#[test]
fn the_filter_follows_typing_and_keeps_the_last_good_list() {
    let mut pane = listed((120, 26));
    action(&mut pane, Action::Filter);
    let effects = type_in(&mut pane, "state:failed");
    assert!(matches!(effects[0], Effect::Timer { id: "filter", .. }));
    let effects = pane.update(Input::Timer("filter"), Now::at(3));
    assert!(matches!(runs(&effects)[0], Command::Page { scope, .. } if scope.filter.names_state()));
    type_in(&mut pane, " colour:red");
    assert!(pane.update(Input::Timer("filter"), Now::at(3)).is_empty());
    assert_eq!(pane.filter_error.as_ref().unwrap().column, 14);
    assert_eq!(pane.scope.filter.to_string(), "state:failed");
    insta::assert_snapshot!("a_wrong_filter", drawn(&pane, 80, 12, 3));
    pane.update(Input::Key(crate::ui::Chord::plain(KeyCode::Esc)), Now::at(3));
    assert!(!pane.text_focus() && pane.filter_error.is_none() && pane.scope.filter.is_everything());
}

#[test]
fn esc_takes_the_filter_away_before_the_list() {
    let mut pane = stuck();
    pane.update(Input::Routed(Route::to("queue").filtered("state:failed table:code_messages")), Now::at(2));
    assert_eq!(pane.level, Level::List);
    assert_eq!(pane.breadcrumb(), ["open entries", "/state:failed table:code_messages"]);
    pane.update(Input::Back, Now::at(2));
    assert_eq!(pane.breadcrumb(), ["open entries"]);
    pane.update(Input::Back, Now::at(2));
    assert!(pane.breadcrumb().is_empty());
}

#[test]
fn a_wrong_route_is_said_and_changes_nothing() {
    let mut pane = stuck();
    let effects = pane.update(Input::Routed(Route::to("queue").filtered("(")), Now::at(2));
    assert!(toast(&effects).contains("column 2: expected"));
    assert_eq!(pane.level, Level::Groups);
}

#[test]
fn states_turn_both_ways() {
    let mut pane = listed((120, 26));
    pane.update(Input::Move(Move::Left), Now::at(2));
    assert_eq!(pane.tab, Tab::All);
    pane.update(Input::Move(Move::Right), Now::at(2));
    action(&mut pane, Action::NextStates);
    assert_eq!((pane.tab, pane.scope.states.as_slice()), (Tab::Pending, &[State::Pending][..]));
}

#[test]
fn every_key_of_the_table_is_read_and_none_twice() {
    let mut seen = std::collections::HashSet::new();
    for spec in Queue::actions() {
        for key in spec.keys {
            assert!(seen.insert(key.parse::<crate::ui::Chord>().unwrap()), "{key}");
        }
    }
    for pane in [stuck(), listed((120, 26)), inside((120, 26))] {
        assert!(pane.footer().len() <= 8);
    }
}

#[test]
fn the_reasons_know_nothing_of_the_choice_of_states_that_was_left() {
    let mut pane = stuck();
    action(&mut pane, Action::NextStates);
    pane.update(Input::Move(Move::Left), Now::at(2));
    assert_eq!(pane.tab, Tab::All);
    let question = pane.question;
    let message = Message::Paged { question, anchor: Anchor::First, edge: None, page: page(0..3, false) };
    pane.update(Input::Message(message), Now::at(2));
    assert_eq!(pane.breadcrumb(), ["all entries"]);
    pane.update(Input::Back, Now::at(2));
    assert_eq!((pane.level, pane.tab), (Level::Groups, Tab::Open));
    assert_eq!(pane.scope, Scope::default());
    // What a filter is tried on is what is open, and not the rows that were left.
    let effects = action(&mut pane, Action::Filter);
    assert!(matches!(runs(&effects)[0], Command::Page { scope, .. } if **scope == Scope::default()), "{effects:?}");
    assert_eq!(pane.breadcrumb(), ["open entries"]);
}
