//! The payload editor.

use super::*;
use crate::panes::queue::editor::{Answer, Ask, Change, Check};
use crate::sync::edit::{Draft, Edited, Problem};
use crate::ui::Chord;

fn draft() -> Draft {
    Draft {
        id: id(1),
        table: "code_messages".into(),
        operation: "INSERT".into(),
        key: None,
        text: "{\n    \"id\": \"4f2a0d7e-1111-4222-8333-000000000001\",\n    \"role\": \"usr\",\n    \"tokens\": 9007199254740993,\n    \
               \"content\": \"How do I tune IVFFlat lists?\"\n}"
            .into(),
        original: None,
        version: "v1".into(),
    }
}

fn edits(effects: &[Effect<Command>]) -> Vec<&Ask> {
    runs(effects).into_iter().filter_map(|c| if let Command::Edit(ask) = c { Some(ask) } else { None }).collect()
}

fn told(pane: &mut Queue, answer: Answer) -> Step<Queue> {
    pane.update(Input::Message(Message::Edit(answer)), Now::at(3))
}

fn press(pane: &mut Queue, keys: &[&str]) -> Step<Queue> {
    keys.iter().flat_map(|key| pane.update(Input::Key(key.parse::<Chord>().unwrap()), Now::at(3))).collect()
}

/// An entry opened to be edited.
fn editing(size: (u16, u16)) -> Queue {
    let mut pane = listed(size);
    pane.update(Input::Move(Move::Down), Now::at(2));
    let effects = action(&mut pane, Action::Edit);
    assert!(matches!(edits(&effects)[..], [Ask::Open(opened)] if *opened == id(1)), "{effects:?}");
    assert!(pane.text_focus());
    told(&mut pane, Answer::Opened(id(1), Ok(Box::new(draft()))));
    pane
}

fn problem() -> Problem {
    let reason = "the check code_messages_role_check refuses it: 'usr' is none of user, assistant, system";
    Problem { line: 3, column: 13, path: "role".into(), reason: reason.into() }
}

/// One with a change, looked over.
fn looked(size: (u16, u16), settled: Outcome) -> Queue {
    let mut pane = editing(size);
    press(&mut pane, &["down", "down", "end", "left", "left", "left", "e"]);
    let effects = press(&mut pane, &["ctrl-s"]);
    let [Ask::Try { version, text, .. }] = edits(&effects)[..] else { panic!("{effects:?}") };
    assert!(text.contains("\"user\""), "{text}");
    let version = *version;
    let changes = vec![
        Change::Kept("{".into()),
        Change::Gone("    \"role\": \"usr\",".into()),
        Change::New("    \"role\": \"user\",".into()),
        Change::Between(3),
    ];
    told(&mut pane, Answer::Compared(version, changes));
    let changes = vec![("role".to_owned(), Some("\"usr\"".to_owned()), Some("\"user\"".to_owned()))];
    let edited = Edited { changes, problems: vec![], outcome: Some(outcome(1, settled)), saved: false };
    told(&mut pane, Answer::Tried(version, Ok(Box::new(edited))));
    pane
}

#[test]
fn typing_is_checked_when_it_rests_and_late_answers_are_dropped() {
    let mut pane = editing((120, 26));
    let effects = press(&mut pane, &["end", "x"]);
    assert!(matches!(effects[..], [Effect::Timer { id: "edit-check", after }] if after == Duration::from_millis(150)));
    let effects = pane.update(Input::Timer("edit-check"), Now::at(3));
    let [Ask::Check { version, text, .. }] = edits(&effects)[..] else { panic!("{effects:?}") };
    assert!(text.starts_with("{x"));
    let version = *version;
    press(&mut pane, &["y"]);
    told(&mut pane, Answer::Checked(version, Check::Whole(vec![problem()])));
    assert!(!drawn(&pane, 120, 26, 3).contains("refuses it"), "that was of an older text");
    told(&mut pane, Answer::Checked(version + 1, Check::Whole(vec![problem()])));
    assert!(drawn(&pane, 120, 26, 3).contains("refuses it"));
    press(&mut pane, &["F8"]);
    assert!(drawn(&pane, 120, 26, 3).contains("▸ 3:13 role"), "the cursor is on its line");
}

#[test]
fn keys_of_the_pane_do_nothing_while_one_types() {
    let mut pane = editing((120, 26));
    for key in ["r", "d", "x", "q", "j", ":"] {
        assert!(runs(&press(&mut pane, &[key])).is_empty(), "{key}");
    }
    assert!(runs(&action(&mut pane, Action::Discard)).is_empty());
    let keys: Vec<&str> = pane.field_keys().iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, ["ctrl-s", "ctrl-o", "F8", "ctrl-u", "Esc"]);
}

#[test]
fn what_is_not_saved_is_given_up_only_by_a_second_escape() {
    let mut pane = editing((120, 26));
    press(&mut pane, &["x", "esc"]);
    assert!(drawn(&pane, 120, 26, 3).contains("Esc again gives the changes up"));
    press(&mut pane, &["y", "esc"]);
    assert!(pane.editing.is_some(), "another key went on");
    press(&mut pane, &["esc"]);
    assert!(pane.editing.is_none());
    let mut pane = editing((120, 26));
    press(&mut pane, &["esc"]);
    assert!(pane.editing.is_none(), "nothing was changed");
}

#[test]
fn it_is_looked_over_and_saved_only_where_it_would_go_through() {
    let mut pane = looked((120, 26), Outcome::Failed);
    assert!(edits(&press(&mut pane, &["ctrl-s"])).is_empty(), "it would fail");
    let mut pane = looked((120, 26), Outcome::Applied);
    let effects = press(&mut pane, &["ctrl-s"]);
    assert!(matches!(edits(&effects)[..], [Ask::Save { .. }]));
    assert_eq!(Queue::policy(runs(&effects)[0]), Policy::Write);
    assert!(edits(&press(&mut pane, &["ctrl-s", "esc"])).is_empty(), "it is being saved");
    let done = Edited { changes: vec![], problems: vec![], outcome: None, saved: true };
    let effects = told(&mut pane, Answer::Saved(id(1), Ok(Box::new(done))));
    assert!(toast(&effects).starts_with("Saved") && pane.editing.is_none());
}

#[test]
fn nothing_changed_is_nothing_to_save() {
    let mut pane = editing((120, 26));
    assert!(toast(&press(&mut pane, &["ctrl-s"])).contains("Nothing is changed"));
}

#[test]
fn an_entry_that_changed_meanwhile_leaves_two_ways_on() {
    let fault = || Fault::new(Kind::Data, "the entry was changed since it was opened: nothing was saved");
    let newer = || Box::new(Draft { version: "v2".into(), text: draft().text.replace("IVFFlat", "HNSW"), ..draft() });
    for (key, kept) in [("k", true), ("t", false)] {
        let mut pane = looked((120, 26), Outcome::Applied);
        press(&mut pane, &["ctrl-s"]);
        told(&mut pane, Answer::Saved(id(1), Err(fault())));
        assert!(drawn(&pane, 120, 26, 3).contains("takes the entry as it is now"));
        assert!(matches!(edits(&press(&mut pane, &[key]))[..], [Ask::Open(_)]));
        let effects = told(&mut pane, Answer::Opened(id(1), Ok(newer())));
        match edits(&effects)[..] {
            [Ask::Try { draft, text, .. }] if kept => {
                assert!(draft.version == "v2" && text.contains("\"user\"") && text.contains("IVFFlat"));
            }
            [Ask::Check { text, .. }] if !kept => assert!(text.contains("HNSW") && text.contains("\"usr\"")),
            _ => panic!("{effects:?}"),
        }
    }
}

#[test]
fn the_editor_of_ones_own_has_the_text_and_gives_it_back() {
    let mut pane = editing((120, 26));
    let effects = press(&mut pane, &["ctrl-o"]);
    assert!(matches!(&effects[..], [Effect::Edit { initial, extension: "json", .. }] if initial.ends_with("}\n")));
    let text = Some("{\"a\": 1}\n".to_owned());
    let effects = pane.update(Input::Edited { tag: "payload", text }, Now::at(4));
    assert!(matches!(edits(&effects)[..], [Ask::Check { text, .. }] if text == "{\"a\": 1}"));
    assert!(
        pane.update(Input::Edited { tag: "payload", text: None }, Now::at(4)).is_empty(),
        "nothing was changed there"
    );
}

#[test]
fn a_protected_target_and_a_read_only_one() {
    let mut pane = looked((120, 26), Outcome::Applied);
    let mut protected = (*links(true, true)).clone();
    protected.replica.protected = true;
    pane.links = Some(Arc::new(protected.clone()));
    let effects = press(&mut pane, &["ctrl-s"]);
    assert!(matches!(&effects[..], [Effect::Ask(ask)] if ask.type_the_name.as_deref() == Some("replica")));
    protected.replica.read_only = true;
    let mut pane = listed((120, 26));
    pane.links = Some(Arc::new(protected));
    assert!(toast(&action(&mut pane, Action::Edit)).contains("read-only"));
}

#[test]
fn how_it_looks() {
    let mut shown = Vec::new();
    for size in [(80, 19), (140, 37), (40, 8)] {
        let mut pane = editing(size);
        shown.push(drawn(&pane, size.0, size.1, 3));
        press(&mut pane, &["x", "backspace"]);
        let version = 3;
        told(&mut pane, Answer::Checked(version, Check::Whole(vec![problem()])));
        shown.push(drawn(&pane, size.0, size.1, 3));
        told(&mut pane, Answer::Checked(version, Check::Whole(vec![])));
        shown.push(drawn(&pane, size.0, size.1, 3));
        let why = "master: connection refused".to_owned();
        told(&mut pane, Answer::Checked(version, Check::Partly(vec![], why)));
        shown.push(drawn(&pane, size.0, size.1, 3));
        for settled in [Outcome::Applied, Outcome::Failed] {
            shown.push(drawn(&looked(size, settled), size.0, size.1, 3));
        }
    }
    let mut pane = looked((80, 19), Outcome::Applied);
    let away = Fault::new(Kind::Unreachable, "connection refused").on(Side::Master);
    let version = 2;
    told(&mut pane, Answer::Tried(version, Err(away)));
    shown.push(drawn(&pane, 80, 19, 3));
    insta::assert_snapshot!(shown.join("\n---\n"));
}

#[test]
fn while_it_waits_and_when_somebody_was_faster() {
    let mut shown = Vec::new();
    for size in [(80, 19), (140, 37), (40, 8)] {
        let mut pane = listed(size);
        pane.update(Input::Move(Move::Down), Now::at(2));
        action(&mut pane, Action::Edit);
        shown.push(format!("reading\n{}", drawn(&pane, size.0, size.1, 3)));
        let mut pane = looked(size, Outcome::Applied);
        press(&mut pane, &["ctrl-s"]);
        shown.push(format!("saving\n{}", drawn(&pane, size.0, size.1, 3)));
        let fault = Fault::new(Kind::Data, "the entry was changed since it was opened: nothing was saved");
        told(&mut pane, Answer::Saved(id(1), Err(fault)));
        assert_eq!(pane.field_keys().first(), Some(&("k", "keep mine")));
        shown.push(format!("overtaken\n{}", drawn(&pane, size.0, size.1, 3)));
    }
    insta::assert_snapshot!(shown.join("\n---\n"));
}
