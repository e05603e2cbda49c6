//! What the pane does about each input, and what it looks like in each state and size.

use super::samples::{detail, entry, groups, id};
use super::*;
use crate::postgres::{Kind, LinkStatus, Side};
use crate::queue::store::{Pulse, Total};
use crate::queue::{Page, SortBy, Verdict};
use crate::sync::Outcome;
use crate::ui::pane::{Ask, LinkView};
use crate::ui::{Level as Weight, Move, Route, theme};
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
    LinkView { side, name: side.to_string(), database: "robbie".into(), read_only: false, status }
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
fn a_replay_is_tried_dry_then_asked_then_done() {
    let mut pane = listed((120, 26));
    pane.update(Input::Move(Move::Down), Now::at(2));
    let effects = action(&mut pane, Action::Replay);
    assert!(matches!(runs(&effects)[0], Command::Dry { ids, then: Then::Ask } if ids[..] == [id(1)]));
    let dried = Message::Dried(vec![id(1)], Then::Ask, Ok(vec![outcome(1, Outcome::Applied)]));
    let effects = pane.update(Input::Message(dried), Now::at(2));
    let [Effect::Ask(Ask { question, details, confirm, danger, then, .. })] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!((question.as_str(), confirm.as_str()), ("Replay 1 entry to master?", "Replay 1 entry"));
    assert!(details[0].contains("would be applied: insert") && !danger);
    assert!(matches!(then, Command::Replay { force: false, .. }));
    assert_eq!(Queue::policy(then), Policy::Write);
    let done = Message::Replayed(vec![id(1)], Ok(vec![outcome(1, Outcome::Applied)]));
    let effects = pane.update(Input::Message(done), Now::at(3));
    assert_eq!(toast(&effects), "Applied: insert");
    assert!(matches!(runs(&effects)[0], Command::Refresh { pulse: None, .. }));
}

#[test]
fn marked_entries_are_replayed_together_and_settled_ones_lose_their_mark() {
    let mut pane = listed((120, 26));
    action(&mut pane, Action::Mark);
    pane.update(Input::Move(Move::Down), Now::at(2));
    action(&mut pane, Action::MarkRange);
    assert_eq!(pane.marks.len(), 3);
    let effects = action(&mut pane, Action::Replay);
    assert!(matches!(runs(&effects)[0], Command::Dry { ids, .. } if ids.len() == 3));
    let found = vec![outcome(0, Outcome::Applied), outcome(1, Outcome::Failed), outcome(2, Outcome::NoChange)];
    let ids = vec![id(0), id(1), id(2)];
    let dried = Message::Dried(ids.clone(), Then::Ask, Ok(found.clone()));
    let effects = pane.update(Input::Message(dried), Now::at(2));
    let [Effect::Ask(ask)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(ask.question, "Replay 3 entries to master?");
    assert_eq!(ask.details[0], "dry run: 1 applied, 1 failed, 1 no change");
    assert!(ask.details[1].contains("send the parent first"));
    let effects = pane.update(Input::Message(Message::Replayed(ids, Ok(found))), Now::at(3));
    assert!(matches!(&effects[0], Effect::Toast { level: Weight::Warn, .. }));
    assert_eq!(pane.marks.iter().copied().collect::<Vec<_>>(), [id(1)]);
    action(&mut pane, Action::Unmark);
    assert!(pane.marks.is_empty());
}

#[test]
fn what_is_held_asks_for_an_explicit_choice() {
    let mut pane = listed((120, 26));
    let held = EntryOutcome { verdict: Verdict::OverwritesNewer, ..outcome(0, Outcome::Held) };
    let dried = Message::Dried(vec![id(0)], Then::Ask, Ok(vec![held]));
    let effects = pane.update(Input::Message(dried), Now::at(2));
    let [Effect::Ask(ask)] = &effects[..] else { panic!("{effects:?}") };
    assert!(ask.danger && matches!(ask.then, Command::Replay { force: true, .. }));
    assert_eq!(ask.question, "Apply 1 entry to master?");
    let gone = EntryOutcome { verdict: Verdict::ZeroRows, ..outcome(0, Outcome::Held) };
    let effects = pane.update(Input::Message(Message::Dried(vec![id(0)], Then::Ask, Ok(vec![gone]))), Now::at(2));
    let [Effect::Ask(ask)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((ask.question.as_str(), ask.confirm.as_str()), ("Settle 1 entry as done?", "Settle 1 entry"));
}

#[test]
fn what_cannot_be_replayed_says_why() {
    let mut pane = listed((120, 26));
    pane.shape = Some(Shape { migrated: false, ..shape() });
    assert!(toast(&action(&mut pane, Action::Replay)).contains("20-sync-infrastructure"));
    pane.shape = Some(shape());
    pane.links = Some(links(false, true));
    assert!(toast(&action(&mut pane, Action::DryRun)).contains("master is not connected"));
    let mut read_only = (*links(true, true)).clone();
    read_only.master.read_only = true;
    pane.links = Some(Arc::new(read_only));
    assert!(toast(&action(&mut pane, Action::Replay)).contains("read-only"));
    let mut pane = stuck();
    assert!(toast(&action(&mut pane, Action::Replay)).contains("Enter shows the entries"));
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
fn opening_an_entry_reads_it_and_asks_for_the_predicted_row() {
    let mut pane = listed((120, 26));
    let effects = pane.update(Input::Open, Now::at(2));
    let commands = runs(&effects);
    assert!(matches!(commands[0], Command::Detail { .. }));
    assert!(matches!(commands[1], Command::Dry { then: Then::Show, .. }));
}

#[test]
fn ids_and_entries_are_copied() {
    let mut pane = listed((120, 26));
    assert!(matches!(&action(&mut pane, Action::CopyId)[..], [Effect::Copy(text)] if *text == id(0).to_string()));
    let effects = action(&mut pane, Action::CopyEntry);
    assert!(matches!(runs(&effects)[0], Command::Copy { .. }));
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

#[test]
fn reasons_at_every_size() {
    for (width, height) in [(120, 30), (80, 24), (140, 42), (200, 60), (40, 10)] {
        insta::assert_snapshot!(format!("reasons_{width}x{height}"), drawn(&stuck(), width, height - 4, 1));
    }
}

#[test]
fn entries_at_every_size() {
    for (width, height) in [(120, 30), (80, 24), (60, 16), (40, 10)] {
        let pane = listed((width, height - 4));
        insta::assert_snapshot!(format!("entries_{width}x{height}"), drawn(&pane, width, height - 4, 1));
    }
}

#[test]
fn list_and_entry_side_by_side() {
    for (width, height) in [(140, 42), (200, 60)] {
        let mut pane = inside((width, height - 4));
        pane.update(Input::Back, Now::at(1));
        action(&mut pane, Action::Mark);
        pane.update(Input::Move(Move::Up), Now::at(1));
        insta::assert_snapshot!(format!("beside_{width}x{height}"), drawn(&pane, width, height - 4, 1));
    }
}

#[test]
fn one_entry_at_every_size() {
    for (width, height) in [(120, 30), (80, 24), (200, 60), (40, 10)] {
        insta::assert_snapshot!(
            format!("entry_{width}x{height}"),
            drawn(&inside((width, height - 4)), width, height - 4, 1)
        );
    }
    let mut pane = inside((80, 20));
    pane.update(Input::Move(Move::Right), Now::at(1));
    insta::assert_snapshot!("entry_payload", drawn(&pane, 80, 20, 1));
    pane.update(Input::Move(Move::Right), Now::at(1));
    insta::assert_snapshot!("entry_tries", drawn(&pane, 80, 20, 1));
}

#[test]
fn each_empty_state_has_its_own_words() {
    let mut unread = Queue::default();
    insta::assert_snapshot!("empty_not_asked_yet", drawn(&unread, 80, 8, 0));
    unread.update(Input::LinksChanged(links(true, false)), Now::at(0));
    insta::assert_snapshot!("empty_not_connected", drawn(&unread, 80, 8, 9));

    let refused = |fault: Fault| {
        let mut pane = Queue::default();
        pane.update(Input::LinksChanged(links(true, true)), Now::at(0));
        let failed = Message::Failed { question: Some(pane.question), fault };
        pane.update(Input::Message(failed), Now::at(0));
        drawn(&pane, 80, 10, 1)
    };
    let no_table = Fault::new(Kind::Schema, "there is no table pending_sync")
        .on(Side::Replica)
        .remedy("robbie schema migrate --target replica adds it (20-sync-infrastructure)");
    insta::assert_snapshot!("empty_no_table", refused(no_table));
    let no_right = Fault::new(Kind::Privilege, "this role may not read public.pending_sync")
        .on(Side::Replica)
        .remedy("as its owner: GRANT SELECT ON public.pending_sync TO the role that connects here");
    insta::assert_snapshot!("empty_no_privilege", refused(no_right));

    let nothing = pane(page(0..0, false), Some(Groups::default()), (80, 20));
    insta::assert_snapshot!("empty_nothing_pending", drawn(&nothing, 80, 10, 1));
    let mut unmatched = pane(page(0..0, false), Some(Groups::default()), (80, 20));
    unmatched.scope.filter = crate::queue::filter::parse("table:nope age>1h").unwrap();
    insta::assert_snapshot!("empty_nothing_matches", drawn(&unmatched, 80, 10, 1));
}

#[test]
fn a_deployed_queue_and_a_lost_one() {
    let mut pane = listed((100, 12));
    pane.shape = Some(Shape { migrated: false, ..Shape::default() });
    pane.update(Input::LinksChanged(links(true, false)), Now::at(10));
    insta::assert_snapshot!("lost_and_deployed", drawn(&pane, 100, 12, 100));
}

#[test]
fn hostile_text_is_shown_and_keeps_the_columns() {
    let mut entries: Vec<Entry> = (0..4).map(entry).collect();
    entries[0].table = "a\u{1b}]0;title\u{7}\u{9b}31m".into();
    entries[1].operation = "x\r\n\u{202e}evil".into();
    entries[1].error = Some("\u{1b}]52;c;AAAA\u{7}".into());
    entries[2].preview = Some("日本語🤖\u{200d}\u{0}|".into());
    let pane = pane(Page { entries, more: false }, Some(Groups::default()), (120, 10));
    let shown = drawn(&pane, 120, 10, 1);
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    insta::assert_snapshot!("hostile", shown);
}

use crate::queue::Entry;

#[test]
fn no_size_panics() {
    let panes = [stuck(), listed((200, 60)), inside((200, 60)), Queue::default()];
    for pane in &panes {
        for width in (0..210).step_by(13) {
            for height in (0..64).step_by(3) {
                drawn(pane, width, height, 1);
            }
        }
    }
}
