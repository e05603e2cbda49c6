//! Dry runs, replays and copies of entries.

use super::*;

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
fn marked_entries_are_replayed_together_as_a_job() {
    let mut pane = listed((120, 26));
    action(&mut pane, Action::Mark);
    pane.update(Input::Move(Move::Down), Now::at(2));
    action(&mut pane, Action::MarkRange);
    assert_eq!(pane.marks.len(), 3);
    let effects = action(&mut pane, Action::Replay);
    assert!(matches!(runs(&effects)[0], Command::Dry { ids, .. } if ids.len() == 3));
    let found = vec![outcome(0, Outcome::Applied), outcome(1, Outcome::Failed), outcome(2, Outcome::NoChange)];
    let (ask, _) = jobs::asked(&mut pane, 3, found);
    assert_eq!(ask.question, "Replay 3 entries to master?");
    assert!(ask.details[2].contains("send the parent first"), "{:?}", ask.details);
    let effects = pane.update(Input::Chosen(vec![0, 0, 0]), Now::at(3));
    assert!(matches!(runs(&effects)[0], Command::Start { frozen, .. } if frozen.entries.len() == 3));
    assert!(pane.marks.is_empty(), "they are the job's now");
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
