//! What the pane does about each input, and what it looks like in each state.

mod looks;
mod samples;

use super::deeds::{Deed, Done};
use super::document::{Body, Document, Item};
use super::levels::Asked;
use super::work::{Opened, Told};
use super::*;
use crate::conversation::{From, Kind};
use crate::sync::memory::Written;
use samples::*;

fn act(pane: &mut Conversations, action: Action) -> Step<Conversations> {
    pane.update(Input::Action(action), Now::at(0))
}

fn go(pane: &mut Conversations, step: Move) -> Step<Conversations> {
    pane.update(Input::Move(step), Now::at(0))
}

fn typed(pane: &mut Conversations, text: &str) -> Step<Conversations> {
    pane.update(Input::Key("ctrl-u".parse().unwrap()), Now::at(0));
    pane.update(Input::Paste(text.to_owned()), Now::at(0));
    pane.update(Input::Key("enter".parse().unwrap()), Now::at(0))
}

/// What is asked of the databases.
fn asked(step: &Step<Conversations>) -> Vec<&Ask> {
    step.iter().filter_map(|e| if let Effect::Run(command) = e { Some(&command.ask) } else { None }).collect()
}

/// What a question would do.
fn deed(step: &Step<Conversations>) -> Deed {
    let found = step.iter().find_map(|e| match e {
        Effect::Ask(question) => match &question.then.ask {
            Ask::Do(deed) => Some(deed.clone()),
            _ => None,
        },
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no question in {step:?}"))
}

#[test]
fn the_list_is_read_when_it_is_shown_and_grows_before_one_gets_to_its_end() {
    let mut pane = Conversations::default();
    pane.update(Input::Resized(Size::new(140, 38)), Now::at(0));
    let first = pane.update(Input::Shown, Now::at(0));
    assert!(matches!(asked(&first)[..], [Ask::List { from: None, back: false, .. }, Ask::Facets { .. }]), "{first:?}");
    let question = pane.list.question;
    let then = hear(&mut pane, list_of(0..80, true, question));
    assert!(
        matches!(then[..], [Effect::Timer { id: "conversation-preview", .. }, Effect::Run(_)]),
        "the preview waits for the cursor: {then:?}"
    );
    let mut grown = Vec::new();
    for _ in 0..45 {
        grown = go(&mut pane, Move::Down);
        if !asked(&grown).is_empty() {
            break;
        }
    }
    let asks = asked(&grown);
    let Ask::List { from: Some(from), back: false, grow: true, question, .. } = asks[0] else { panic!("{asks:?}") };
    let (from, question) = (from.clone(), *question);
    assert!(asked(&go(&mut pane, Move::Down)).is_empty(), "one page at a time");
    let mut page = list_of(80..160, true, question);
    if let Told::Listed { grow, from: at, .. } = &mut page {
        (*grow, *at) = (true, Some(from));
    }
    hear(&mut pane, page);
    assert_eq!(pane.list.len(), 160);
    let old = list_of(0..3, false, 0);
    hear(&mut pane, old);
    assert_eq!(pane.list.len(), 160, "an answer to an older question is dropped");
}

#[test]
fn where_each_conversation_is_comes_after_the_list_and_only_for_the_list_that_is_shown() {
    let mut pane = Conversations::default();
    pane.update(Input::Resized(Size::new(140, 38)), Now::at(0));
    pane.update(Input::Shown, Now::at(0));
    let question = pane.list.question;
    let outline = |question| {
        let mut page = list_of(0..3, false, question);
        if let Told::Listed { page: Ok(page), .. } = &mut page {
            page.conversations.iter_mut().for_each(|listed| (listed.presence, listed.queued) = (Presence::Pending, 0));
        }
        page
    };
    let step = hear(&mut pane, outline(question));
    let ids = asked(&step).iter().find_map(|ask| match ask {
        Ask::Whereabouts { question: of, ids } if *of == question => Some(ids.clone()),
        _ => None,
    });
    let ids = ids.unwrap_or_else(|| panic!("{step:?}"));
    assert_eq!(ids.len(), 3);
    assert!(pane.answer(Now::at(0)).text.contains("comparing the sides"), "{}", pane.answer(Now::at(0)).text);
    let told = |question, presence| {
        let presence = ids.iter().map(|id| (*id, presence)).collect();
        let places = crate::conversation::Whereabouts { presence, ..Default::default() };
        Told::Whereabouts { question, ids: ids.clone(), places: Ok(places) }
    };
    hear(&mut pane, told(question, Presence::Equal));
    assert!(pane.answer(Now::at(0)).text.contains("the same on both sides"));
    // The list is read again: what was known stays until it is compared again, and older answers no longer count.
    pane.update(Input::Timer("conversations"), Now::at(0));
    let newer = pane.list.question;
    hear(&mut pane, outline(newer));
    assert!(pane.list.rows().all(|listed| listed.presence == Presence::Equal));
    hear(&mut pane, told(question, Presence::Different));
    assert!(pane.list.rows().all(|listed| listed.presence == Presence::Equal));
    let fault = crate::postgres::Fault::new(crate::postgres::Kind::Unreachable, "away");
    hear(&mut pane, Told::Whereabouts { question: newer, ids: ids.clone(), places: Err(fault) });
    assert!(pane.list.rows().all(|listed| listed.presence == Presence::Unknown));
}

#[test]
fn paging_far_down_and_up_again_holds_a_bounded_part() {
    let mut pane = listing();
    let (mut first, mut last) = (0, 80);
    for n in 0..200 {
        let step = if n < 100 { Move::PageDown } else { Move::PageUp };
        let effects = go(&mut pane, step);
        let wanted = asked(&effects).iter().find_map(|ask| match ask {
            Ask::List { back, question, grow: true, .. } => Some((*back, *question)),
            _ => None,
        });
        if let Some((back, question)) = wanted {
            let range = if back { first - 80..first } else { last..last + 80 };
            let mut page = list_of(range.clone(), range.start > 0 || !back, question);
            if let Told::Listed { grow, back: b, .. } = &mut page {
                (*grow, *b) = (true, back);
            }
            hear(&mut pane, page);
            let held: Vec<u32> = pane.list.rows().map(|l| l.conversation.id.as_u128() as u32 - 1).collect();
            assert!(held.windows(2).all(|p| p[1] == p[0] + 1), "in order and whole");
            (first, last) = (held[0], held[held.len() - 1] + 1);
        }
        assert!(pane.list.len() <= 400);
    }
    assert_eq!(pane.list.index(), Some(0));
    assert_eq!(first, 0);
}

#[test]
fn a_facet_narrows_the_list_and_its_counts() {
    let mut pane = listing();
    act(&mut pane, Action::Facets);
    let at = pane.list.choices().iter().position(|c| c.words().0 == "debug").unwrap();
    let effects = pane.update(Input::Click { zone: view::zones::FACETS, index: at, double: false }, Now::at(0));
    let asks = asked(&effects);
    assert!(matches!(asks[0], Ask::List { filter, .. } if filter.context.as_deref() == Some("debug")), "{asks:?}");
    assert!(matches!(asks[1], Ask::Facets { filter, .. } if filter.context.as_deref() == Some("debug")));
    assert!(pane.list.choosing.is_some(), "one can choose more");
    pane.update(Input::Back, Now::at(0));
    assert_eq!((pane.list.choosing, pane.breadcrumb().len()), (None, 0));
    let effects = act(&mut pane, Action::Everything);
    assert!(matches!(asked(&effects)[0], Ask::List { filter, .. } if filter.is_everything()));
}

#[test]
fn the_preview_follows_and_what_is_no_longer_wanted_is_dropped() {
    let mut pane = listing();
    go(&mut pane, Move::Down);
    let read = pane.update(Input::Timer("conversation-preview"), Now::at(0));
    let Ask::Preview { id, .. } = asked(&read)[0] else { panic!("{read:?}") };
    let id = *id;
    go(&mut pane, Move::Down);
    hear(&mut pane, Told::Previewed { id, opened: Ok(Box::new(opened(1))) });
    assert!(pane.preview.shown.is_none(), "it belongs to another row by now");
    pane.update(Input::Timer("conversation-preview"), Now::at(0));
    let id = pane.preview.wanted.unwrap();
    hear(&mut pane, Told::Previewed { id, opened: Ok(Box::new(opened(2))) });
    assert_eq!(pane.preview.shown.as_ref().unwrap().0, id);
}

#[test]
fn reading_jumps_by_message_and_by_code_and_copies_both() {
    let mut pane = reading();
    let copied = |step: Step<Conversations>| match &step[..] {
        [Effect::Copy(text)] => text.clone(),
        other => format!("{other:?}"),
    };
    assert!(copied(act(&mut pane, Action::Copy)).starts_with("How do I tune"));
    act(&mut pane, Action::NextMessage);
    assert!(copied(act(&mut pane, Action::Copy)).contains("## Lists"));
    act(&mut pane, Action::NextCode);
    assert!(copied(act(&mut pane, Action::CopyCode)).starts_with("CREATE INDEX"));
    act(&mut pane, Action::NextCode);
    assert!(copied(act(&mut pane, Action::CopyCode)).starts_with("SET ivfflat"));
    act(&mut pane, Action::PreviousCode);
    assert!(copied(act(&mut pane, Action::CopyCode)).starts_with("CREATE INDEX"));
    let like = act(&mut pane, Action::Similar);
    assert!(matches!(asked(&like)[..], [Ask::Like { kind: Kind::Message, .. }]), "{like:?}");
    assert_eq!(pane.breadcrumb().len(), 2);
    pane.update(Input::Back, Now::at(0));
    let other = act(&mut pane, Action::OtherSide);
    assert!(
        matches!(asked(&other)[..], [Ask::Open { side: Some(crate::postgres::Side::Master), at: Some(_), .. }]),
        "{other:?}"
    );
}

#[test]
fn a_search_opens_what_it_found_at_the_very_message() {
    let mut pane = listing();
    act(&mut pane, Action::Search);
    assert!(pane.text_focus());
    let search = typed(&mut pane, "ivfflat \"lists and probes\"");
    assert!(matches!(asked(&search)[..], [Ask::Search { mode: Mode::Hybrid, .. }]), "{search:?}");
    hear(&mut pane, Told::Found(Ok(found())));
    let open = pane.update(Input::Open, Now::at(0));
    let (id, at) = match asked(&open)[..] {
        [Ask::Open { id, at: Some(at), .. }] => (*id, *at),
        _ => panic!("{open:?}"),
    };
    assert_eq!(at, message_id(1));
    hear(&mut pane, Told::Opened { id, opened: Ok(Box::new(Opened { at: Some(at), ..opened(0) })) });
    assert_eq!(pane.document().unwrap().current().unwrap().id, at);
    pane.update(Input::Back, Now::at(0));
    let mode = act(&mut pane, Action::Mode);
    assert!(matches!(asked(&mode)[..], [Ask::Search { mode: Mode::Text, .. }]), "{mode:?}");
    assert_eq!(pane.breadcrumb().len(), 1, "it takes the place of the other search");
}

#[test]
fn more_messages_are_read_before_the_end_of_those_held() {
    let mut pane = reading();
    let mut first = opened(0);
    first.page = page(0..40, true);
    let id = first.listed.conversation.id;
    let near = hear(&mut pane, Told::Opened { id, opened: Ok(Box::new(first)) });
    assert!(asked(&near).is_empty());
    let mut asks = Vec::new();
    for _ in 0..40 {
        let effects = act(&mut pane, Action::NextMessage);
        if let [Ask::More { from, side, .. }] = asked(&effects)[..] {
            asks.push((from.clone(), *side));
        }
    }
    assert_eq!(asks.len(), 1, "asked once: {asks:?}");
    let (from, side) = asks.remove(0);
    assert!(matches!(&from, From::After((_, last)) if *last == message_id(39)));
    hear(&mut pane, Told::More { id, side, from, page: Ok(page(40..80, false)) });
    act(&mut pane, Action::NextMessage);
    assert_eq!(pane.document().unwrap().current().unwrap().id, message_id(40));
}

#[test]
fn a_long_conversation_scrolls_by_lines_there_and_back() {
    let items = |range: std::ops::Range<u32>| -> Vec<Item> {
        page(range, false).messages.iter().map(|m| items::message(m, None)).collect()
    };
    let mut document = Document::new(items(0..120), [false, false], 60, 20);
    let begin = document.screen();
    document.scroll(500);
    let middle = document.screen();
    assert_ne!(begin, middle);
    document.scroll(300);
    document.scroll(-300);
    assert_eq!(
        document.screen().iter().map(|(l, _)| l.clone()).collect::<Vec<_>>(),
        middle.iter().map(|(l, _)| l.clone()).collect::<Vec<_>>()
    );
    document.scroll(1_000_000 / 100);
    assert_eq!(document.screen().len(), 20, "the last screen is full");
    document.scroll(-1_000_000 / 100);
    assert_eq!(document.screen(), begin);
    document.go_end(true);
    let words: String = document.screen().into_iter().flat_map(|(l, _)| l).map(|(w, _)| w).collect();
    assert!(words.contains("message 119"), "{words}");
}

#[test]
fn rename_and_delete_ask_and_are_taken_back() {
    let mut pane = listing();
    act(&mut pane, Action::Rename);
    let ask = typed(&mut pane, "Another title");
    let Deed::Rename { id, title, from } = deed(&ask) else { panic!("{ask:?}") };
    assert_eq!((title.as_str(), from.as_deref()), ("Another title", Some("Conversation 0")));
    let how = Written::OnMaster { replica_later: None };
    let said = hear(&mut pane, Told::Done(Ok(Done::Renamed { id, from, to: title, how: how.clone() })));
    assert!(matches!(&said[0], Effect::Toast { text, .. } if text.contains("on the master")), "{said:?}");
    let back = act(&mut pane, Action::Undo);
    assert!(
        matches!(deed(&back), Deed::Rename { title, from: Some(from), .. } if title == "Conversation 0" && from == "Another title")
    );
    let delete = act(&mut pane, Action::Delete);
    assert!(matches!(deed(&delete), Deed::Delete { .. }));
    let archive = uuid::Uuid::from_u128(99);
    hear(&mut pane, Told::Done(Ok(Done::Deleted { archive, title: "x".into(), how })));
    let back = act(&mut pane, Action::Undo);
    assert!(matches!(deed(&back), Deed::Restore { archive: a, .. } if a == archive));
}

#[test]
fn blocks_are_paged_both_ways_and_narrowed() {
    let mut pane = listing();
    act(&mut pane, Action::Blocks);
    hear(&mut pane, Told::Blocks { after: None, found: Ok((blocks(3), true)) });
    let mut last = Vec::new();
    for _ in 0..3 {
        last = go(&mut pane, Move::Down);
    }
    let after = match asked(&last)[..] {
        [Ask::Blocks { after: Some(after), .. }] => *after,
        _ => panic!("{last:?}"),
    };
    assert_eq!(after, blocks(3)[2].id);
    hear(&mut pane, Told::Blocks { after: Some(after), found: Ok((blocks(2), false)) });
    let up = go(&mut pane, Move::Up);
    assert!(matches!(asked(&up)[..], [Ask::Blocks { after: None, .. }]), "{up:?}");
    act(&mut pane, Action::Search);
    let narrowed = typed(&mut pane, "lang:sql tag:index src/db");
    assert!(
        matches!(asked(&narrowed)[..], [Ask::Blocks { filter, .. }] if filter.language.as_deref() == Some("sql")
        && filter.tag.as_deref() == Some("index") && filter.file.as_deref() == Some("src/db")),
        "{narrowed:?}"
    );
}

#[test]
fn a_side_that_cannot_be_read_is_said() {
    let mut pane = Conversations::default();
    pane.update(Input::Shown, Now::at(0));
    let fault = crate::postgres::Fault::new(crate::postgres::Kind::Unreachable, "the replica does not answer");
    pane.update(Input::Message(Message { sides: Err(fault), told: Told::Nothing }), Now::at(0));
    assert!(pane.answer(Now::at(0)).text.contains("does not answer"));
    assert_eq!(Asked::Like(Kind::Block, uuid::Uuid::nil()), Asked::Like(Kind::Block, uuid::Uuid::nil()));
    assert!(matches!(items::pattern(&pattern()).body, Body::Markdown(text) if text.contains("````")));
}
