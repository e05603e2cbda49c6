//! What the pane looks like in each state and size.

use super::*;
use crate::queue::Entry;

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
