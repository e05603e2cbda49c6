//! What is asked of the databases and when; answers that come late, or not.

use super::*;

#[test]
fn a_late_answer_is_dropped() {
    let mut pane = listed((120, 26));
    let old = pane.question;
    action(&mut pane, Action::Sort(SortBy::Table));
    assert_ne!(pane.question, old);
    let late = Message::Paged { question: old, anchor: Anchor::First, edge: None, page: page(500..501, false) };
    pane.update(Input::Message(late), Now::at(2));
    assert_eq!(pane.window.len(), 200);
    assert!(pane.loading);
}

#[test]
fn the_next_page_is_asked_for_before_the_edge_and_only_once() {
    let mut pane = listed((120, 26));
    let mut asked = 0;
    for _ in 0..150 {
        asked += runs(&pane.update(Input::Move(Move::Down), Now::at(2))).len();
    }
    assert_eq!(asked, 1);
    let question = pane.question;
    let anchor = Anchor::After(entry(199).key);
    let message = Message::Paged { question, anchor, edge: Some(window::Edge::Back), page: page(200..400, true) };
    pane.update(Input::Message(message), Now::at(2));
    assert_eq!((pane.window.len(), pane.window.selected().unwrap().attempts), (400, 150));
}

#[test]
fn end_and_home_read_the_other_end() {
    let mut pane = listed((120, 26));
    let effects = pane.update(Input::Move(Move::Last), Now::at(2));
    assert!(matches!(runs(&effects)[0], Command::Page { anchor: Anchor::Last, edge: None, .. }));
    let question = pane.question;
    let message = Message::Paged { question, anchor: Anchor::Last, edge: None, page: page(800..1_000, true) };
    pane.update(Input::Message(message), Now::at(2));
    assert_eq!(pane.window.selected().unwrap().attempts, 999);
    let effects = pane.update(Input::Move(Move::First), Now::at(2));
    assert!(matches!(runs(&effects)[0], Command::Page { anchor: Anchor::First, .. }));
}

#[test]
fn a_refresh_keeps_the_cursor_and_the_marks() {
    let mut pane = listed((120, 26));
    for _ in 0..5 {
        action(&mut pane, Action::Mark);
    }
    assert_eq!(pane.marks.len(), 5);
    let selected = pane.window.selected().unwrap().id;
    let effects = pane.update(Input::Timer("refresh"), Now::at(4));
    assert!(matches!(runs(&effects)[0], Command::Refresh { from_start: true, .. }));
    let (question, total) = (pane.question, Total { entries: 1_300, exact: true });
    let entries = (3..203).map(entry).collect();
    let message = Message::Refreshed {
        question,
        from_start: true,
        page: Page { entries, more: true },
        total,
        pulse: Pulse::default(),
    };
    pane.update(Input::Message(message), Now::at(4));
    assert_eq!(pane.window.selected().unwrap().id, selected);
    assert_eq!(pane.marks.len(), 5);
}

#[test]
fn a_refresh_that_the_cursor_has_left_is_not_taken() {
    let mut pane = listed((120, 26));
    pane.update(Input::Timer("refresh"), Now::at(4));
    for _ in 0..150 {
        pane.update(Input::Move(Move::Down), Now::at(4));
    }
    let question = pane.question;
    let total = Total { entries: 1_204, exact: true };
    let message =
        Message::Refreshed { question, from_start: true, page: page(0..100, true), total, pulse: Pulse::default() };
    pane.update(Input::Message(message), Now::at(4));
    assert_eq!(pane.window.selected().unwrap().attempts, 150);
    assert_eq!(pane.window.len(), 200);
}

#[test]
fn a_lost_replica_leaves_what_was_read_and_its_return_reads_again() {
    let mut pane = listed((120, 26));
    pane.update(Input::LinksChanged(links(true, false)), Now::at(10));
    assert!(pane.is_stale(Now::at(11)));
    pane.update(Input::Move(Move::Down), Now::at(11));
    assert_eq!(pane.window.selected().unwrap().id, id(1));
    assert!(pane.answer(Now::at(41)).text.ends_with("as of 40s ago"), "{}", pane.answer(Now::at(41)).text);
    assert!(runs(&pane.update(Input::Timer("refresh"), Now::at(12))).is_empty(), "nobody is asked in vain");
    let effects = pane.update(Input::LinksChanged(links(true, true)), Now::at(42));
    assert!(matches!(runs(&effects)[0], Command::Refresh { pulse: None, .. }));
    assert_eq!(pane.window.selected().unwrap().id, id(1));
}

#[test]
fn what_was_asked_for_before_there_was_a_link_is_not_asked_for_again() {
    let mut pane = Queue::default();
    let mut made = (*links(true, true)).clone();
    made.replica.status = LinkStatus::Connecting;
    pane.update(Input::LinksChanged(Arc::new(made)), Now::at(0));
    assert!(matches!(runs(&pane.update(Input::Shown, Now::at(0)))[..], [Command::Open { .. }]));
    assert!(runs(&pane.update(Input::LinksChanged(links(true, true)), Now::at(0))).is_empty());
    // A link that was lost is another matter: what was asked for went with it.
    let question = Some(pane.question);
    let fault = Fault::new(Kind::Unreachable, "the connection was lost");
    pane.update(Input::LinksChanged(links(true, false)), Now::at(1));
    pane.update(Input::Message(Message::Failed { question, fault }), Now::at(1));
    assert!(matches!(
        runs(&pane.update(Input::LinksChanged(links(true, true)), Now::at(2)))[..],
        [Command::Open { .. }]
    ));
}

#[test]
fn reasons_that_take_longer_than_rows_come_to_their_end() {
    let asks =
        |effects: &[Effect<Command>]| runs(effects).iter().filter(|c| matches!(c, Command::Groups { .. })).count();
    let mut pane = pane(page(0..0, false), Some(groups()), (120, 26));
    pane.groups = None;
    let message = opened(&pane, page(0..80, true), None);
    let effects = pane.update(Input::Message(message), Now::at(1));
    assert_eq!((pane.level, asks(&effects)), (Level::List, 1));
    let refreshed = |pane: &Queue| Message::Refreshed {
        question: pane.question,
        from_start: true,
        page: page(0..80, true),
        total: Total::default(),
        pulse: Pulse::default(),
    };
    let message = refreshed(&pane);
    assert_eq!(asks(&pane.update(Input::Message(message), Now::at(4))), 0, "one is under way");
    pane.update(Input::Message(Message::Grouped(groups(), Duration::from_secs(6))), Now::at(7));
    assert_eq!(pane.level, Level::Groups, "what is wrong is shown first");
    let message = refreshed(&pane);
    assert_eq!(asks(&pane.update(Input::Message(message), Now::at(8))), 0, "not at once again");
    let message = refreshed(&pane);
    assert_eq!(asks(&pane.update(Input::Message(message), Now::at(600))), 1);
}

#[test]
fn what_is_behind_the_screen_is_read_when_somebody_moves_or_the_screen_is_tall() {
    let pages =
        |effects: &[Effect<Command>]| runs(effects).iter().filter(|c| matches!(c, Command::Page { .. })).count();
    let opened = |height: u16| {
        let mut pane = pane(page(0..0, false), None, (120, height));
        let message = opened(&pane, page(0..80, true), None);
        let effects = pane.update(Input::Message(message), Now::at(1));
        (pages(&effects), pane)
    };
    let (asked, mut pane) = opened(40);
    assert_eq!(asked, 0);
    assert_eq!(pages(&pane.update(Input::Move(Move::Down), Now::at(2))), 1);
    assert_eq!(opened(120).0, 1);
    let (_, mut pane) = opened(40);
    assert_eq!(pages(&pane.update(Input::Resized(Size::new(200, 100)), Now::at(2))), 1);
}

#[test]
fn another_replica_is_another_queue() {
    let mut pane = listed((120, 26));
    let mut other = (*links(true, true)).clone();
    other.replica.name = "town".into();
    let effects = pane.update(Input::LinksChanged(Arc::new(other)), Now::at(3));
    assert!(matches!(runs(&effects)[0], Command::Open { .. }));
    assert!(pane.window.is_empty() && pane.groups.is_none());
}

#[test]
fn hidden_it_asks_for_nothing() {
    let mut pane = listed((120, 26));
    pane.update(Input::Hidden, Now::at(3));
    assert!(pane.update(Input::Timer("refresh"), Now::at(6)).is_empty());
}

#[test]
fn beside_the_list_the_entry_follows_the_cursor_when_it_rests() {
    let mut pane = listed((160, 40));
    let effects = pane.update(Input::Move(Move::Down), Now::at(2));
    assert!(effects.iter().any(|e| matches!(e, Effect::Timer { id: "peek", .. })));
    let effects = pane.update(Input::Timer("peek"), Now::at(2));
    assert!(matches!(runs(&effects)[0], Command::Detail { id: wanted, .. } if *wanted == id(1)));
    let mut narrow = listed((100, 40));
    let effects = narrow.update(Input::Move(Move::Down), Now::at(2));
    assert!(!effects.iter().any(|e| matches!(e, Effect::Timer { .. })), "{effects:?}");
}

#[test]
fn a_refused_sort_goes_back_to_time() {
    let mut pane = listed((120, 26));
    action(&mut pane, Action::Sort(SortBy::Table));
    let fault = Fault::new(Kind::Settings, "no index holds the order by table");
    let failed = Message::Failed { question: Some(pane.question), fault };
    let effects = pane.update(Input::Message(failed), Now::at(3));
    assert!(toast(&effects).contains("no index"));
    assert_eq!(pane.scope.sort.by, SortBy::Time);
}
