//! The key that does what the diagnosis names.

use super::*;
use crate::panes::queue::fixing::{self, Mend, Plan};
use crate::queue::diagnosis::{Diagnosis, Fix, Proof};
use crate::sync::adopt::{Parent, Place};
use crate::sync::edit::Edited;

fn planned(pane: &mut Queue, plan: Plan) -> Step<Queue> {
    tell(pane, Message::Planned(id(1), Ok(plan)))
}

fn parent(place: Place) -> Parent {
    Parent { table: "code_conversations".into(), key: "{\"id\": \"9b1e\"}".into(), place, queued: None }
}

fn protected(mut pane: Queue) -> Queue {
    let mut links = (*links(true, true)).clone();
    (links.master.protected, links.replica.protected) = (true, true);
    pane.links = Some(Arc::new(links));
    pane
}

#[test]
fn the_remedy_is_looked_up_for_what_is_selected() {
    for (mut pane, wanted) in [(stuck(), id(1)), (listed((120, 26)), id(0)), (inside((120, 26)), id(1))] {
        let effects = action(&mut pane, Action::Fix);
        let [command @ Command::Plan { id, .. }] = runs(&effects)[..] else { panic!("{effects:?}") };
        assert_eq!((*id, Queue::policy(command)), (wanted, Policy::Read("queue-fix")));
    }
    let mut pane = inside((120, 26));
    pane.links = Some(links(false, true));
    assert!(toast(&action(&mut pane, Action::Fix)).contains("master is not connected"));
    pane.links = Some(links(true, true));
    tell(&mut pane, Message::Begun);
    assert!(toast(&action(&mut pane, Action::Fix)).contains("being written"));
}

#[test]
fn a_key_is_adopted_after_it_was_shown() {
    let mut pane = protected(inside((120, 26)));
    let changes = vec![("id".to_owned(), None, Some("\"4f2a\"".to_owned()))];
    let edited = Edited {
        changes: changes.clone(),
        problems: Vec::new(),
        outcome: Some(outcome(1, Outcome::Applied)),
        saved: false,
    };
    let effects = planned(&mut pane, Plan::Adopt(Box::new(edited.clone())));
    let ask = question(&effects);
    assert_eq!(ask.question, "Give the entry the key of its row on replica, and send it?");
    assert_eq!(ask.details[..2], ["id: \"4f2a\"", "dry run: It would be applied: insert"]);
    assert_eq!(ask.type_the_name.as_deref(), Some("replica"));
    let Command::Mend { mend: Mend::Adopt(shown), .. } = &ask.then else { panic!("{ask:?}") };
    assert_eq!((shown, Queue::policy(&ask.then)), (&changes, Policy::Write));
    assert!(!ask.details.iter().any(|line| line.contains("one of")), "it is about the open entry");
    let effects = planned(&mut stuck(), Plan::Adopt(Box::new(edited.clone())));
    assert!(question(&effects).details[3].ends_with("one of 31 entries of this reason."), "{effects:?}");
    let refused = Edited { outcome: Some(outcome(1, Outcome::Failed)), ..edited };
    let words = toast(&planned(&mut pane, Plan::Adopt(Box::new(refused))));
    assert!(words.contains("does not help") && words.contains("violates"), "{words}");
}

#[test]
fn a_user_is_named_found_and_then_asked_about() {
    let mut pane = protected(inside((120, 26)));
    let users = vec!["alice".to_owned(), "bob".to_owned()];
    planned(&mut pane, Plan::Map { text: "guest".into(), waiting: 3, users });
    assert!(pane.text_focus());
    insta::assert_snapshot!("map_a_user_80x24", drawn(&pane, 80, 20, 1));
    let effects = enter(&mut pane, "alice");
    let [Command::FindUser { text, named, waiting: 3, .. }] = runs(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((text.as_str(), named.as_str(), pane.text_focus()), ("guest", "alice", false));
    let found = |user| Message::UserFound { id: id(1), text: "guest".into(), waiting: 3, user };
    let effects = tell(&mut pane, found(Ok((id(77), Some("alice".into())))));
    let ask = question(&effects);
    assert_eq!(ask.question, "Map user guest to alice on master?");
    assert_eq!(ask.details[0], format!("user_id_mapping: guest → {} (alice)", id(77)));
    assert!(ask.details[1].starts_with("3 entries waiting"));
    assert_eq!(ask.type_the_name.as_deref(), Some("master"));
    assert!(
        matches!(&ask.then, Command::Mend { mend: Mend::Map { text, user }, .. } if text == "guest" && *user == id(77))
    );
    let nobody = Fault::new(Kind::Settings, "no user of the master: eve");
    assert!(toast(&tell(&mut pane, found(Err(nobody)))).contains("no user of the master: eve"));
}

#[test]
fn a_parent_is_queued_sent_first_or_gone_to() {
    let mut pane = inside((120, 26));
    let effects = planned(&mut pane, Plan::Queue(parent(Place::Replica)));
    let ask = question(&effects);
    assert_eq!(ask.question, "Queue the missing row of code_conversations on replica?");
    assert_eq!(ask.details[0], "code_conversations {\"id\": \"9b1e\"}");
    assert!(matches!(ask.then, Command::Mend { mend: Mend::Parent, .. }));
    let effects = planned(&mut pane, Plan::First(vec![id(5), id(1)]));
    assert!(matches!(runs(&effects)[0], Command::Dry { ids, then: Then::Ask } if ids[..] == [id(5), id(1)]));
    let effects = planned(&mut pane, Plan::GoTo(id(5), "It would fail: schema mismatch".into()));
    assert!(toast(&effects).starts_with("This one has to go first. It would fail"));
    assert_eq!((pane.inside.id, pane.trail.len()), (Some(id(5)), 1));
    pane.update(Input::Back, Now::at(3));
    assert_eq!((pane.inside.id, pane.level), (Some(id(1)), Level::Entry));
}

#[test]
fn what_no_key_can_do_is_said_and_what_a_replay_does_is_tried() {
    let mut pane = inside((120, 26));
    let effects = planned(&mut pane, Plan::Try);
    assert!(matches!(runs(&effects)[0], Command::Dry { ids, then: Then::Ask } if ids[..] == [id(1)]));
    let words = toast(&planned(&mut pane, Plan::Migrate("robbie schema migrate --target master".into())));
    assert!(words.ends_with("robbie schema migrate --target master"), "{words}");
    assert_eq!(toast(&planned(&mut pane, Plan::Words("GRANT it".into()))), "GRANT it");
    let fault = Fault::new(Kind::Data, "several rows here have all values");
    assert!(toast(&tell(&mut pane, Message::Planned(id(1), Err(fault)))).contains("several rows"));
    tell(&mut pane, Message::Begun);
    assert!(planned(&mut pane, Plan::Try).is_empty(), "nothing is begun over a write");
}

#[test]
fn a_remedy_that_was_done_is_said_and_read_again() {
    let mut pane = inside((120, 26));
    tell(&mut pane, Message::Begun);
    let effects = tell(&mut pane, Message::Mended(id(1), Ok("The entry has its key now, and is sent".into())));
    assert!(!pane.busy && toast(&effects).contains("its key"));
    let commands = runs(&effects);
    assert!(matches!(commands[..], [Command::Refresh { pulse: None, .. }, Command::Detail { .. }]), "{commands:?}");
}

#[test]
fn each_sort_of_remedy_that_a_key_can_do_is_named() {
    let named = |fix, verdict, sqlstate: Option<&str>| {
        fixing::verb(&Diagnosis {
            sqlstate: sqlstate.map(Into::into),
            name: "",
            verdict,
            proof: Proof::Proven,
            cause: String::new(),
            object: None,
            remedy: String::new(),
            fix,
            risk: "",
            stale: false,
        })
    };
    for fix in [Fix::Wait, Fix::Edit, Fix::MapUser, Fix::QueueParent, Fix::ChainFirst, Fix::AdoptKey, Fix::Migrate] {
        assert!(named(fix, Verdict::Fault, Some("x")).is_some(), "{fix:?}");
    }
    for fix in [Fix::Grant, Fix::Server, Fix::None] {
        assert_eq!(named(fix, Verdict::Fault, Some("x")), None, "{fix:?}");
    }
    assert_eq!(named(Fix::Choose, Verdict::OverwritesNewer, None), Some("choose"));
    assert_eq!(named(Fix::Choose, Verdict::Constraint, Some("23505")), None);
}

#[test]
fn the_chain_and_the_parent_are_gone_to_and_esc_comes_back_one_by_one() {
    let mut pane = inside((120, 26));
    let mut waiting = detail(1);
    waiting.entry.blocked_on = Some("parent code_conversations {\"id\": \"9b1e\"}".into());
    tell(&mut pane, Message::Detail(id(1), Some(Box::new(waiting))));
    pane.update(Input::Move(Move::Left), Now::at(2));
    assert_eq!(pane.inside.section, Section::Tries);
    insta::assert_snapshot!("chain_80x24", drawn(&pane, 80, 20, 1));
    let effects = pane.update(Input::Open, Now::at(2));
    assert!(matches!(runs(&effects)[..], [Command::Parent { id: wanted }] if *wanted == id(1)));
    for (place, words) in
        [(Place::Master, "is on the master"), (Place::Replica, "f queues it"), (Place::Nowhere, "neither")]
    {
        let effects = tell(&mut pane, Message::Parent(id(1), Ok(Some(parent(place)))));
        assert!(toast(&effects).contains(words), "{effects:?}");
    }
    let queued = parent(Place::Queued { entry: id(50), state: "quarantined".into() });
    let effects = tell(&mut pane, Message::Parent(id(1), Ok(Some(queued))));
    assert!(
        matches!(runs(&effects)[..], [Command::Detail { id: wanted, .. }, Command::Dry { .. }] if *wanted == id(50))
    );
    let mut other = detail(50);
    other.chain[0].before = true;
    tell(&mut pane, Message::Detail(id(50), Some(Box::new(other))));
    for _ in 0..2 {
        pane.update(Input::Move(Move::Down), Now::at(2));
    }
    pane.update(Input::Open, Now::at(2));
    assert_eq!((pane.inside.id, pane.breadcrumb().len()), (Some(id(900)), 4));
    for wanted in [Some(id(50)), Some(id(1))] {
        pane.update(Input::Back, Now::at(3));
        assert_eq!((pane.inside.id, pane.level), (wanted, Level::Entry));
    }
    pane.update(Input::Back, Now::at(3));
    assert_eq!(pane.level, Level::List);
    let late = parent(Place::Queued { entry: id(50), state: "ready".into() });
    assert!(tell(&mut pane, Message::Parent(id(1), Ok(Some(late)))).is_empty(), "nobody is sent about");
}
