//! What the pane does about each input.

mod bulk;
mod jobs;
mod looks;
mod replays;

use super::samples::{detail, entry, groups, id};
use super::*;
use crate::postgres::{Kind, LinkStatus, Side};
use crate::queue::store::{Pulse, Total};
use crate::queue::{Page, SortBy, Verdict};
use crate::sync::Outcome;
use crate::ui::pane::{Ask, LinkView};
use crate::ui::{Move, Route, theme};
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyCode;

fn link(side: Side, up: bool) -> LinkView {
    let status = if up {
        LinkStatus::Up {
            latency: Duration::from_micros(300),
            version: "18.4".into(),
            tls: false,
            verified: false,
            role: "robbie".into(),
            pid: 1,
            superuser: false,
            in_recovery: false,
            read_only: false,
            host: "local".into(),
            since: Now::at(0).wall,
        }
    } else {
        LinkStatus::Down {
            reason: "connection refused".into(),
            kind: Kind::Unreachable,
            remedy: Some("start the server".into()),
            since: Now::at(0).wall,
            retry_at: Now::at(5).wall,
        }
    };
    LinkView { side, name: side.to_string(), database: "robbie".into(), read_only: false, protected: false, status }
}

fn links(master: bool, replica: bool) -> Arc<Links> {
    Arc::new(Links { master: link(Side::Master, master), replica: link(Side::Replica, replica) })
}

fn shape() -> Shape {
    Shape { migrated: true, has_error: true, has_retry_count: true, has_last_retry: true, ..Shape::default() }
}

fn page(numbers: std::ops::Range<u32>, more: bool) -> Page {
    Page { entries: numbers.map(entry).collect(), more }
}

fn opened(pane: &Queue, page: Page, groups: Option<Groups>) -> Message {
    Message::Opened {
        question: pane.question,
        shape: shape(),
        anchor: Anchor::First,
        page,
        total: Total { entries: 1_204, exact: true },
        pulse: Pulse::default(),
        groups,
    }
}

/// A pane that has read its first page.
fn pane(page: Page, groups: Option<Groups>, size: (u16, u16)) -> Queue {
    let mut pane = Queue::default();
    pane.update(Input::LinksChanged(links(true, true)), Now::at(0));
    pane.update(Input::Resized(Size::new(size.0, size.1)), Now::at(0));
    pane.update(Input::Shown, Now::at(0));
    let message = opened(&pane, page, groups);
    pane.update(Input::Message(message), Now::at(1));
    pane
}

fn stuck() -> Queue {
    pane(page(0..200, true), Some(groups()), (120, 26))
}

/// The list of all open entries.
fn listed(size: (u16, u16)) -> Queue {
    let mut pane = pane(page(0..200, true), None, size);
    pane.level = Level::List;
    pane.touched = true;
    pane.rows = 20;
    pane.groups = Some(groups());
    pane.matching = Some(800);
    pane
}

fn inside(size: (u16, u16)) -> Queue {
    let mut pane = listed(size);
    pane.update(Input::Move(Move::Down), Now::at(1));
    pane.update(Input::Open, Now::at(1));
    pane.update(Input::Message(Message::Detail(id(1), Some(Box::new(detail(1))))), Now::at(1));
    let replica = "{\"id\": \"4f2a0d7e-1111-4222-8333-000000000001\", \"conversation_id\": \
                   \"9b1e0000-0000-4000-8000-000000000007\", \"content\": \"How do I tune IVFFlat lists?\", \
                   \"created_at\": \"2026-11-22T08:14:02.5+00:00\", \"tokens\": 9007199254740992}";
    let images = [Ok(Image::Row(replica.into())), Ok(Image::Absent)];
    pane.update(Input::Message(Message::Images(id(1), Box::new(images))), Now::at(1));
    let predicted = vec![outcome(1, Outcome::Failed)];
    pane.update(Input::Message(Message::Dried(vec![id(1)], Then::Show, Ok(predicted))), Now::at(1));
    pane
}

fn outcome(n: u32, outcome: Outcome) -> EntryOutcome {
    let settled = outcome.is_settled();
    EntryOutcome {
        id: id(n),
        verdict: if settled { Verdict::Insert } else { Verdict::WaitsForParent },
        outcome,
        sqlstate: (!settled).then(|| "23503".into()),
        message: (!settled).then(|| "violates foreign key constraint \"fk\"".into()),
        detail: None,
        object: None,
        remedy: None,
        before: None,
        after: settled.then(|| detail(n).payload),
    }
}

fn drawn(pane: &Queue, width: u16, height: u16, now: u64) -> String {
    let theme = theme::built_in("robbie-dark").unwrap();
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    let mut view = View::default();
    let now = Now::at(now);
    pane.draw(&mut Scene::new(&mut buf, &theme, now), area, &mut view);
    let lines = (0..height).map(|y| {
        let line: String = (0..width).map(|x| buf[(x, y)].symbol()).collect();
        line.trim_end().to_owned()
    });
    let crumbs = pane.breadcrumb().join(" › ");
    format!("[{crumbs}] {}\n{}", pane.answer(now).text, lines.collect::<Vec<_>>().join("\n"))
}

fn action(pane: &mut Queue, action: Action) -> Step<Queue> {
    pane.update(Input::Action(action), Now::at(2))
}

fn type_in(pane: &mut Queue, text: &str) -> Step<Queue> {
    let mut effects = Vec::new();
    for c in text.chars() {
        effects = pane.update(Input::Key(crate::ui::Chord::plain(KeyCode::Char(c))), Now::at(2));
    }
    effects
}

fn runs(effects: &[Effect<Command>]) -> Vec<&Command> {
    effects.iter().filter_map(|e| if let Effect::Run(command) = e { Some(command) } else { None }).collect()
}

fn toast(effects: &[Effect<Command>]) -> String {
    effects.iter().find_map(|e| if let Effect::Toast { text, .. } = e { Some(text.clone()) } else { None }).unwrap()
}

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
    assert!(matches!(effects[..], [Effect::Timer { id: "peek", .. }]));
    let effects = pane.update(Input::Timer("peek"), Now::at(2));
    assert!(matches!(runs(&effects)[0], Command::Detail { id: wanted, .. } if *wanted == id(1)));
    let mut narrow = listed((100, 40));
    assert!(narrow.update(Input::Move(Move::Down), Now::at(2)).is_empty());
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
