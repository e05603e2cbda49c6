//! What the pane does about each input.

mod bulk;
mod deeds;
mod edits;
mod fixes;
mod jobs;
mod levels;
mod looks;
mod payload;
mod reading;
mod replays;

use super::samples::{detail, entry, groups, id};
use super::*;
use crate::panes::drawing;
use crate::postgres::{Kind, LinkStatus, Side};
use crate::queue::images::Image;
use crate::queue::store::{Pulse, Total};
use crate::queue::{Columns, Page, SortBy, State, Verdict};
use crate::sync::{EntryOutcome, Outcome};
use crate::ui::pane::{Ask, LinkView};
use crate::ui::{Move, Route};
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
    let layout = json::Layout::new(detail(1).payload, 0);
    pane.update(Input::Message(Message::Laid(id(1), Arc::new(layout))), Now::at(1));
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
    let crumbs = pane.breadcrumb().join(" › ");
    format!("[{crumbs}] {}\n{}", pane.answer(Now::at(now)).text, drawing::lines(pane, width, height, now))
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

fn key(pane: &mut Queue, code: KeyCode) -> Step<Queue> {
    pane.update(Input::Key(crate::ui::Chord::plain(code)), Now::at(2))
}

/// Types a line and Enter.
fn enter(pane: &mut Queue, words: &str) -> Step<Queue> {
    type_in(pane, words);
    key(pane, KeyCode::Enter)
}

fn tell(pane: &mut Queue, message: Message) -> Step<Queue> {
    pane.update(Input::Message(message), Now::at(2))
}

/// The one question among the effects.
fn question(effects: &[Effect<Command>]) -> &Ask<Command> {
    let [Effect::Ask(ask)] = effects else { panic!("{effects:?}") };
    ask
}
