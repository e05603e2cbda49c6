//! Taking back, doing again, and the archive.

use super::*;
use crate::queue::Discarded;
use crate::sync::discard::{Fate, Put};

fn undone(ids: &[u32], redo: bool, dry: bool, found: Vec<EntryOutcome>) -> Message {
    let ids = ids.iter().map(|n| id(*n)).collect();
    Message::Undone { ids, redo, dry, reason: "wrong row".into(), found: Ok(found) }
}

fn refused(n: u32) -> EntryOutcome {
    EntryOutcome { message: Some("the row was changed since".into()), sqlstate: None, ..outcome(n, Outcome::Failed) }
}

#[test]
fn a_replay_is_taken_back_and_done_again() {
    let mut pane = listed((120, 26));
    tell(&mut pane, Message::Replayed(vec![id(1)], Ok(vec![outcome(1, Outcome::Applied)])));
    assert!(action(&mut pane, Action::TakeBack).is_empty() && pane.text_focus(), "why is asked first");
    insta::assert_snapshot!("why_undo_80x24", drawn(&pane, 80, 20, 1));
    let effects = enter(&mut pane, "wrong row");
    let [Command::Undo { ids, redo: false, dry: true, reason }] = runs(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((&ids[..], reason.as_str()), (&[id(1)][..], "wrong row"));
    let changed = |text: &str| Some(format!("{{\"id\": 1, \"content\": \"{text}\"}}"));
    let back = EntryOutcome { before: changed("new"), after: changed("old"), ..outcome(1, Outcome::Applied) };
    let effects = tell(&mut pane, undone(&[1], false, true, vec![back]));
    let ask = question(&effects);
    assert_eq!((ask.question.as_str(), ask.danger), ("Undo 1 entry on master?", true));
    assert_eq!(ask.details[0], "dry run: changes back content");
    assert!(ask.details.contains(&"reason: wrong row".to_owned()));
    assert!(
        matches!(ask.then, Command::Undo { dry: false, redo: false, .. }) && Queue::policy(&ask.then) == Policy::Write
    );
    let effects = tell(&mut pane, undone(&[1], false, false, vec![outcome(1, Outcome::Applied)]));
    assert_eq!(toast(&effects), "1 entry undone; Z does it again");
    assert!(toast(&action(&mut pane, Action::TakeBack)).starts_with("Nothing was done here yet"));

    let effects = action(&mut pane, Action::DoAgain);
    assert!(matches!(runs(&effects)[..], [Command::Undo { redo: true, dry: true, .. }]));
    let effects = tell(&mut pane, undone(&[1], true, true, vec![outcome(1, Outcome::Applied)]));
    assert_eq!(question(&effects).question, "Redo 1 entry on master?");
    tell(&mut pane, undone(&[1], true, false, vec![outcome(1, Outcome::Applied)]));
    action(&mut pane, Action::TakeBack);
    assert!(pane.text_focus(), "what was done again can be taken back again");
}

#[test]
fn what_moved_on_is_refused_with_its_reason() {
    let mut pane = listed((120, 26));
    tell(&mut pane, Message::Replayed(vec![id(1)], Ok(vec![outcome(1, Outcome::Applied)])));
    let words = toast(&tell(&mut pane, undone(&[1], false, true, vec![refused(1)])));
    assert_eq!(words, "Nothing can be undone: the row was changed since");
    let some = vec![outcome(1, Outcome::Applied), refused(2)];
    let effects = tell(&mut pane, undone(&[1, 2], false, true, some));
    let ask = question(&effects);
    assert!(ask.details.iter().any(|line| line.contains("1 entry cannot be: the row was changed since")), "{ask:?}");
    assert!(matches!(&ask.then, Command::Undo { ids, .. } if ids[..] == [id(1)]), "only what can be is");
}

#[test]
fn a_new_deed_ends_what_could_be_done_again() {
    let mut pane = listed((120, 26));
    let discarded = |n| Message::Put(vec![id(n)], Putting::Discard, Ok(vec![put(n, Fate::Discarded)]));
    tell(&mut pane, discarded(1));
    tell(&mut pane, Message::Put(vec![id(1)], Putting::Restore, Ok(vec![put(1, Fate::Restored)])));
    assert!(matches!(runs(&action(&mut pane, Action::DoAgain))[..], [Command::Put { put: Putting::Look, .. }]));
    tell(&mut pane, discarded(2));
    assert!(toast(&action(&mut pane, Action::DoAgain)).starts_with("Nothing was taken back"));
    let effects = action(&mut pane, Action::TakeBack);
    assert!(matches!(&question(&effects).then, Command::Put { ids, put: Putting::Restore, .. } if ids[..] == [id(2)]));
}

#[test]
fn a_synced_entry_that_is_open_can_be_undone_without_having_been_replayed_here() {
    let mut pane = listed((120, 26));
    for _ in 0..3 {
        pane.update(Input::Move(Move::Down), Now::at(2));
    }
    assert_eq!(pane.window.selected().unwrap().state, State::Synced);
    action(&mut pane, Action::TakeBack);
    assert!(matches!(runs(&enter(&mut pane, "wrong"))[..], [Command::Undo { ids, .. }] if ids[..] == [id(3)]));
}

fn put(n: u32, fate: Fate) -> Put {
    Put { id: id(n), fate, message: None, remedy: None }
}

/// The list of what was discarded.
fn archive(size: (u16, u16)) -> Queue {
    let entries = (0..4).map(|n| crate::queue::Entry {
        state: State::Discarded,
        discarded: Some(Discarded {
            at: "2026-11-22 10:00:00+00".into(),
            age_s: 3_600 * i64::from(n + 1),
            actor: "allan".into(),
            reason: Some("written twice".into()),
        }),
        ..entry(n)
    });
    let mut pane = pane(Page { entries: entries.collect(), more: false }, Some(groups()), size);
    (pane.level, pane.tab, pane.touched) = (Level::List, Tab::Discarded, true);
    pane.shape = Some(Shape { archive: true, ..shape() });
    pane
}

#[test]
fn the_archive_says_who_when_and_why_and_gives_back() {
    let mut pane = archive((120, 26));
    insta::assert_snapshot!("archive_120x30", drawn(&pane, 120, 26, 1));
    insta::assert_snapshot!("archive_80x24", drawn(&archive((80, 20)), 80, 20, 1));
    for wanted in [Action::Fix, Action::TakeBack] {
        let effects = action(&mut pane, wanted);
        let ask = question(&effects);
        assert!(matches!(&ask.then, Command::Put { ids, put: Putting::Restore, .. } if ids[..] == [id(0)]));
    }
    pane.update(Input::Open, Now::at(2));
    let found = crate::queue::detail::Detail { entry: pane.window.selected().unwrap().clone(), ..detail(0) };
    tell(&mut pane, Message::Detail(id(0), Some(Box::new(found))));
    insta::assert_snapshot!("discarded_entry_80x24", drawn(&pane, 80, 20, 1));
    assert_eq!(question(&action(&mut pane, Action::Fix)).question, "Restore 1 entry to the queue of replica?");
}

#[test]
fn the_archive_is_among_the_states_where_there_is_one() {
    let mut pane = archive((120, 26));
    pane.tab = Tab::All;
    let effects = pane.update(Input::Move(Move::Right), Now::at(2));
    assert!(matches!(runs(&effects)[0], Command::Page { scope, .. } if scope.states == [State::Discarded]));
    pane.shape = Some(shape());
    pane.tab = Tab::All;
    pane.update(Input::Move(Move::Right), Now::at(2));
    assert_eq!(pane.tab, Tab::Open, "without an archive there is no such list");
}
