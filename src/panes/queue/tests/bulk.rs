//! Acting on many: a reason, all that match, the archive, protected targets.

use super::*;
use crate::queue::starvation::{Blocked, Worker};
use crate::sync::discard::{Fate, Put};

fn put(n: u32, fate: Fate) -> Put {
    Put { id: id(n), fate, message: (!fate.is_done()).then(|| "its effect is on the master".into()), remedy: None }
}

fn chosen(pane: &mut Queue, purpose: Purpose, n: u32) -> Step<Queue> {
    let message = Message::Chosen { question: pane.question, purpose, ids: (0..n).map(id).collect() };
    pane.update(Input::Message(message), Now::at(2))
}

#[test]
fn a_whole_reason_is_replayed_and_the_count_asked_about_is_the_count_acted_on() {
    let mut pane = stuck();
    let effects = action(&mut pane, Action::Replay);
    let [Command::Ids { scope, purpose: Purpose::Dry(Then::Ask), .. }] = runs(&effects)[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(scope.members.as_ref().unwrap().id, "aa11bb22cc");
    assert_eq!(scope.states, [State::Failed, State::Blocked]);
    let effects = chosen(&mut pane, Purpose::Dry(Then::Ask), 2_500);
    assert!(matches!(runs(&effects)[0], Command::Dry { ids, then: Then::Ask } if ids.len() == 2_500));
    let tried = (0..2_000).map(|n| outcome(n, Outcome::Held)).collect();
    let (ask, _) = jobs::asked(&mut pane, 2_500, tried);
    assert_eq!(ask.question, "Replay 2 500 entries to master?");
    assert!(ask.details[0].starts_with("dry run of the first 2 000: 2 000 "), "{:?}", ask.details);
    assert_eq!(ask.details[1], "they would come to: 2 000 held");
    let effects = pane.update(Input::Chosen(vec![0, 0, 0]), Now::at(3));
    let [Command::Start { frozen, .. }] = runs(&effects)[..] else { panic!("{effects:?}") };
    assert!(frozen.entries.len() == 2_500 && !frozen.force, "not all were tried");
}

#[test]
fn all_that_match_are_marked_beyond_the_screen() {
    let mut pane = listed((120, 26));
    let effects = action(&mut pane, Action::MarkAll);
    assert!(matches!(runs(&effects)[0], Command::Ids { purpose: Purpose::Marks, .. }));
    chosen(&mut pane, Purpose::Marks, 800);
    assert_eq!(pane.marks.len(), 800);
    assert!(pane.answer(Now::at(2)).text.starts_with("marked 800 of 800 matching of 1 204 entries"));
    let effects = action(&mut pane, Action::Replay);
    assert!(matches!(runs(&effects)[0], Command::Dry { ids, .. } if ids.len() == 800));
}

#[test]
fn marks_far_beyond_the_screen_survive_refreshes_and_the_way_through_the_list() {
    const ALL: u32 = 100_000;
    let mut pane = listed((120, 26));
    action(&mut pane, Action::MarkAll);
    chosen(&mut pane, Purpose::Marks, ALL);
    pane.update(
        Input::Message(Message::Counted { question: pane.question, count: ALL.into(), took: Duration::ZERO }),
        Now::at(2),
    );
    // New entries came, others are gone; then the cursor goes to the end, where other rows are read.
    for (at, from) in [(4, 40), (8, 80)] {
        pane.update(Input::Timer("refresh"), Now::at(at));
        let refreshed = Message::Refreshed {
            question: pane.question,
            from_start: true,
            page: Page { entries: (from..from + 200).map(entry).collect(), more: true },
            total: Total { entries: i64::from(ALL) + 204, exact: true },
            pulse: Pulse::default(),
        };
        pane.update(Input::Message(refreshed), Now::at(at));
    }
    pane.update(Input::Move(Move::Last), Now::at(9));
    let last = Message::Paged {
        question: pane.question,
        anchor: Anchor::Last,
        edge: None,
        page: Page { entries: (ALL - 200..ALL).map(entry).collect(), more: true },
    };
    pane.update(Input::Message(last), Now::at(9));
    assert!(drawn(&pane, 120, 26, 9).contains('◆'), "the rows read just now are marked");
    let answer = pane.answer(Now::at(9)).text;
    assert!(answer.starts_with("marked 100 000 of 100 000 matching of 100 204 entries"), "{answer}");
    let effects = action(&mut pane, Action::DryRun);
    assert!(matches!(runs(&effects)[0], Command::Dry { ids, .. } if ids.len() == ALL as usize));
}

#[test]
fn a_late_choice_of_another_list_is_dropped() {
    let mut pane = listed((120, 26));
    let question = pane.question;
    action(&mut pane, Action::Sort(SortBy::Table));
    let late = Message::Chosen { question, purpose: Purpose::Marks, ids: vec![id(1)] };
    pane.update(Input::Message(late), Now::at(2));
    assert!(pane.marks.is_empty());
}

#[test]
fn nothing_is_started_over_a_running_replay() {
    let mut pane = listed((120, 26));
    pane.update(Input::Message(Message::Begun), Now::at(2));
    for wanted in [Action::Replay, Action::Discard] {
        assert!(toast(&action(&mut pane, wanted)).contains("under way"));
    }
    let dried = Message::Dried(vec![id(1)], Then::Ask, Ok(vec![outcome(1, Outcome::Applied)]));
    assert!(pane.update(Input::Message(dried), Now::at(2)).is_empty(), "a late dry run does not ask");
    pane.update(Input::Message(Message::Replayed(vec![id(0)], Ok(vec![outcome(0, Outcome::Applied)]))), Now::at(3));
    assert_eq!(runs(&action(&mut pane, Action::Replay)).len(), 1);
}

#[test]
fn a_protected_target_wants_its_name() {
    let mut pane = listed((120, 26));
    let mut protected = (*links(true, true)).clone();
    (protected.master.protected, protected.replica.protected) = (true, true);
    pane.links = Some(Arc::new(protected));
    let dried = Message::Dried(vec![id(1)], Then::Ask, Ok(vec![outcome(1, Outcome::Applied)]));
    let effects = pane.update(Input::Message(dried), Now::at(2));
    assert_eq!(question(&effects).type_the_name.as_deref(), Some("master"));
    let looked = Message::Put(vec![id(1)], Putting::Look, Ok(vec![put(1, Fate::Discarded)]));
    pane.update(Input::Message(looked), Now::at(2));
    let effects = enter(&mut pane, "a test");
    assert_eq!(question(&effects).type_the_name.as_deref(), Some("replica"));
}

#[test]
fn a_discard_looks_then_asks_then_can_be_taken_back() {
    let mut pane = listed((120, 26));
    action(&mut pane, Action::Mark);
    action(&mut pane, Action::Mark);
    let effects = action(&mut pane, Action::Discard);
    assert!(matches!(runs(&effects)[0], Command::Put { ids, put: Putting::Look, .. } if ids.len() == 2));
    let ids = vec![id(0), id(1)];
    let looked = Message::Put(ids.clone(), Putting::Look, Ok(vec![put(0, Fate::Discarded), put(1, Fate::TookEffect)]));
    assert!(pane.update(Input::Message(looked), Now::at(2)).is_empty() && pane.text_focus());
    assert!(toast(&enter(&mut pane, " ")).contains("cannot be empty"));
    let effects = enter(&mut pane, "written twice");
    assert!(!pane.text_focus());
    let ask = question(&effects);
    assert!(matches!(&ask.then, Command::Put { reason, .. } if reason == "written twice"), "{ask:?}");
    assert_eq!((ask.question.as_str(), ask.danger), ("Discard 2 entries of replica?", true));
    assert_eq!(ask.details[0], "1 entry can be discarded · 1 not: its effect is on the master");
    assert_eq!(Queue::policy(&ask.then), Policy::Write);
    let done = Message::Put(ids, Putting::Discard, Ok(vec![put(0, Fate::Discarded), put(1, Fate::TookEffect)]));
    let effects = pane.update(Input::Message(done), Now::at(3));
    assert!(toast(&effects).starts_with("1 entry discarded · 1 not"), "{}", toast(&effects));
    assert!(pane.marks.is_empty());
    let effects = action(&mut pane, Action::TakeBack);
    assert!(matches!(&question(&effects).then, Command::Put { ids, put: Putting::Restore, .. } if ids[..] == [id(0)]));
    pane.update(
        Input::Message(Message::Put(vec![id(0)], Putting::Restore, Ok(vec![put(0, Fate::Restored)]))),
        Now::at(4),
    );
    assert!(toast(&action(&mut pane, Action::TakeBack)).starts_with("Nothing was done here yet"));
    let effects = action(&mut pane, Action::DoAgain);
    assert!(matches!(runs(&effects)[..], [Command::Put { put: Putting::Look, .. }]), "redo discards again");
}

#[test]
fn a_mapped_user_is_no_difference() {
    let mut pane = inside((200, 56));
    let columns = Columns { derived: ["tokens".to_owned()].into(), ..Columns::default() };
    assert!(drawn(&pane, 200, 56, 1).contains("≠  tokens"));
    pane.update(Input::Message(Message::Columns(id(1), columns)), Now::at(1));
    let shown = drawn(&pane, 200, 56, 1);
    assert!(shown.contains("≈  tokens (derived)") && !shown.contains("≠  tokens"), "{shown}");
}

#[test]
fn a_starving_worker_stands_above_the_reasons() {
    let mut pane = stuck();
    let by = "code_messages: violates foreign key".to_owned();
    let blocked = Blocked { by, starving: 1_104, at_least: false, oldest_s: Some(7_300) };
    pane.update(Input::Message(Message::Worker(Worker { blocked: Some(blocked), retries_tracked: false })), Now::at(1));
    insta::assert_snapshot!("starving_80x24", drawn(&pane, 80, 20, 1));
    insta::assert_snapshot!("starving_200x60", drawn(&pane, 200, 56, 1));
}

#[test]
fn what_is_held_needs_a_choice() {
    let mut held = entry(2);
    (held.verdict, held.blocked_on) = (Some(Verdict::OverwritesNewer), Some("choice".into()));
    let pane = pane(Page { entries: vec![held], more: false }, Some(Groups::default()), (120, 10));
    assert!(drawn(&pane, 120, 10, 1).contains("! choice"));
}

#[test]
fn what_is_asked_about_is_frozen_and_each_remedy_is_said_once() {
    let mut pane = listed((120, 26));
    let failed = vec![outcome(0, Outcome::Failed), outcome(1, Outcome::Failed)];
    let (ask, _) = jobs::asked(&mut pane, 2, failed);
    assert_eq!(ask.details.iter().filter(|line| line.contains("send the parent first")).count(), 1);
    pane.update(Input::Message(jobs::frozen(1)), Now::at(2));
    let one = Message::Dried(vec![id(0)], Then::Ask, Ok(vec![outcome(0, Outcome::Applied)]));
    let effects = pane.update(Input::Message(one), Now::at(2));
    assert!(matches!(&question(&effects).then, Command::Replay { frozen: Some(frozen), .. } if frozen.run == id(9)));
    assert!(pane.frozen.is_none(), "it belongs to one question");
}
