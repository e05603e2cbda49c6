//! A replay of many: the question with its choices, the start, and the end.

use super::*;
use crate::queue::Verdict;
use crate::sync::freeze::{Frozen, FrozenEntry};
use crate::sync::job::{JobState, Progress};
use crate::ui::Choice;

/// A selection as it was frozen.
pub(super) fn frozen(n: u32) -> Message {
    let entry = |n| FrozenEntry { id: id(n), hash: None, row: None, verdict: None, outcome: None };
    Message::Frozen(Box::new(Frozen {
        run: id(9),
        force: false,
        entries: (0..n).map(entry).collect(),
        by_verdict: [].into(),
        by_outcome: [].into(),
        families: [].into(),
    }))
}

/// What is asked after `n` entries were frozen and as many tried as there are outcomes.
pub(super) fn asked(pane: &mut Queue, n: u32, found: Vec<EntryOutcome>) -> (Ask<()>, Vec<Choice>) {
    pane.update(Input::Message(frozen(n)), Now::at(2));
    let dried = Message::Dried((0..n).map(id).collect(), Then::Ask, Ok(found));
    let mut effects = pane.update(Input::Message(dried), Now::at(2));
    match effects.pop() {
        Some(Effect::AskHow { ask, choices }) => (ask, choices),
        other => panic!("{other:?}"),
    }
}

fn progress(state: JobState) -> Input<Action, Message> {
    let none = Progress {
        job: id(9),
        done: 3,
        total: 3,
        rate: 0.0,
        by_verdict: [].into(),
        by_outcome: [].into(),
        errors_by_family: [].into(),
        state,
        why: None,
    };
    Input::JobChanged(Arc::new(none))
}

#[test]
fn the_question_says_what_was_frozen_and_how_it_can_go() {
    let mut pane = listed((120, 26));
    let waits = EntryOutcome { verdict: Verdict::WaitsForParent, ..outcome(1, Outcome::Blocked) };
    let (ask, choices) = asked(&mut pane, 3, vec![outcome(0, Outcome::Applied), waits, outcome(2, Outcome::NoChange)]);
    assert_eq!(ask.question, "Replay 3 entries to master?");
    assert_eq!(ask.details[1], "they would come to: 1 applied, 1 blocked, 1 no change");
    assert!(ask.details[0].starts_with("dry run: ") && ask.details[0].contains("1 waits for parent"));
    assert!(!ask.danger && ask.type_the_name.is_none());
    assert_eq!(choices.iter().map(|c| c.name).collect::<Vec<_>>(), ["pace", "begins", "stops"]);
    let effects = pane.update(Input::Chosen(vec![4, 1, 1]), Now::at(3));
    let [Command::Start { frozen, options }] = runs(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((frozen.entries.len(), frozen.force, frozen.families.len()), (3, false, 1));
    assert_eq!(
        (options.rate, options.ramp, options.stop_on_new, options.max_failures),
        (Some(50), true, false, Some(0.1))
    );
    assert_eq!(Queue::policy(runs(&effects)[0]), Policy::Write);
    assert!(runs(&pane.update(Input::Chosen(vec![0, 0, 0]), Now::at(4))).is_empty(), "one Yes is one start");
}

#[test]
fn a_no_forgets_what_was_frozen() {
    let mut pane = listed((120, 26));
    asked(&mut pane, 2, vec![outcome(0, Outcome::Applied), outcome(1, Outcome::Applied)]);
    pane.update(Input::Declined, Now::at(3));
    assert!(runs(&pane.update(Input::Chosen(vec![]), Now::at(3))).is_empty());
}

#[test]
fn all_that_is_held_is_applied_only_as_a_whole_and_in_two_steps() {
    let mut pane = listed((120, 26));
    let (ask, _) = asked(&mut pane, 2, vec![outcome(0, Outcome::Held), outcome(1, Outcome::Held)]);
    assert_eq!((ask.question.as_str(), ask.danger), ("Apply 2 entries to master?", true));
    let effects = pane.update(Input::Chosen(vec![0, 0, 0]), Now::at(3));
    assert!(matches!(runs(&effects)[0], Command::Start { frozen, .. } if frozen.force));
}

#[test]
fn while_a_replay_of_many_is_under_way_no_second_one_is_started() {
    let mut pane = listed((120, 26));
    pane.update(progress(JobState::Running), Now::at(2));
    pane.update(Input::Message(frozen(2)), Now::at(2));
    let found = vec![outcome(0, Outcome::Applied), outcome(1, Outcome::Applied)];
    let effects = pane.update(Input::Message(Message::Dried(vec![id(0), id(1)], Then::Ask, Ok(found))), Now::at(2));
    assert!(toast(&effects).contains("under way; J shows it"));
    let effects = pane.update(progress(JobState::Done), Now::at(3));
    assert!(matches!(runs(&effects)[0], Command::Refresh { pulse: None, .. }), "its end is looked at");
    assert!(!pane.replaying);
}

#[test]
fn a_write_that_broke_does_not_keep_the_pane_busy() {
    let mut pane = listed((120, 26));
    pane.update(Input::Message(Message::Begun), Now::at(2));
    assert!(toast(&action(&mut pane, Action::Replay)).contains("under way"));
    pane.update(Input::Broke, Now::at(3));
    assert!(matches!(runs(&action(&mut pane, Action::Replay))[0], Command::Dry { .. }));
}
