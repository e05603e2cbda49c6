//! Frames: one snapshot for each visible state, and every size drawn once.

use super::*;
use crate::console::shell::Event;
use crate::console::test_pane::{links, press, running, shell, up};
use crate::postgres::Side;
use ratatui::layout::Position;
use std::sync::Arc;

fn frame(shell: &mut Shell, at: u64) -> String {
    let area = Rect::from((Position::ORIGIN, shell.size));
    let mut buf = Buffer::empty(area);
    // The first frame tells the pane its size; what people see is the second.
    for _ in 0..2 {
        buf = Buffer::empty(area);
        let frame = draw(shell, &mut buf, Now::at(at));
        shell.settle(frame.zones, &frame.viewports, frame.pane, Now::at(at));
    }
    let row = |y: u16| {
        let mut skip = 0;
        let mut out = String::new();
        for x in 0..area.width {
            let symbol = buf[(x, y)].symbol();
            if skip == 0 {
                out.push_str(symbol);
                skip = text::width(symbol).saturating_sub(1);
            } else {
                skip -= 1;
            }
        }
        out.trim_end().to_owned()
    };
    (0..area.height).map(row).collect::<Vec<_>>().join("\n")
}

fn lost(at: u64) -> LinkStatus {
    LinkStatus::Down {
        kind: crate::postgres::Kind::Unreachable,
        reason: "the server closed the connection\x1b[2J: terminating connection due to administrator command".into(),
        remedy: Some("it is tried again by itself".into()),
        since: Now::at(at).wall,
        retry_at: Now::at(at + 130).wall,
    }
}

#[test]
fn the_first_frame_knows_nothing_and_says_so() {
    insta::assert_snapshot!(frame(&mut shell(80, 24), 0));
}

#[test]
fn a_running_console() {
    let mut s = running(80, 24);
    press(&mut s, &["u", "j"], 0);
    insta::assert_snapshot!(frame(&mut s, 0));
}

#[test]
fn a_running_console_large() {
    let mut s = running(142, 42);
    press(&mut s, &["u", "j"], 0);
    insta::assert_snapshot!(frame(&mut s, 0));
}

#[test]
fn a_level_below_shows_the_way() {
    let mut s = running(80, 24);
    press(&mut s, &["j", "enter"], 0);
    insta::assert_snapshot!(frame(&mut s, 0));
}

#[test]
fn both_links_down() {
    let mut s = running(80, 24);
    s.update(Event::Links(Arc::new(links(lost(0), LinkStatus::Connecting))), Now::at(60));
    insta::assert_snapshot!(frame(&mut s, 125));
}

#[test]
fn a_console_that_cannot_begin() {
    let mut s = shell(80, 24);
    let remedy = Some("`robbie embedded start`, or `robbie demo`".to_owned());
    s.update(Event::Failed { message: "master: the embedded servers do not run".into(), remedy }, Now::at(0));
    insta::assert_snapshot!(frame(&mut s, 0));
}

#[test]
fn the_help() {
    let mut s = running(80, 24);
    press(&mut s, &["?"], 0);
    insta::assert_snapshot!(frame(&mut s, 0));
}

#[test]
fn the_help_large() {
    let mut s = running(142, 42);
    press(&mut s, &["?"], 0);
    insta::assert_snapshot!(frame(&mut s, 0));
}

#[test]
fn the_palette_while_searching() {
    let mut s = running(80, 24);
    press(&mut s, &[":", "t", "h", "e", "m"], 0);
    insta::assert_snapshot!(frame(&mut s, 0));
}

#[test]
fn a_question() {
    let mut s = running(80, 24);
    press(&mut s, &["a"], 0);
    insta::assert_snapshot!(frame(&mut s, 0));
}

#[test]
fn messages_and_running_work() {
    let mut s = running(80, 24);
    press(&mut s, &["y", "w"], 0);
    let text = "a long message that goes on and on so that it does not fit on one line of this terminal at all".into();
    s.update(Event::Say(crate::ui::Level::Info, text), Now::at(0));
    insta::assert_snapshot!(frame(&mut s, 1));
}

#[test]
fn the_list_of_messages() {
    let mut s = running(80, 24);
    press(&mut s, &["y", "y", "!"], 0);
    insta::assert_snapshot!(frame(&mut s, 90));
}

#[test]
fn themes_to_choose_from() {
    let mut s = running(80, 24);
    press(&mut s, &["T", "j"], 0);
    insta::assert_snapshot!(frame(&mut s, 0));
}

#[test]
fn forty_by_ten_shows_six_rows_with_a_lost_link_too() {
    let mut s = running(40, 10);
    s.update(Event::Links(Arc::new(links(lost(0), up(Side::Replica)))), Now::at(60));
    let shown = frame(&mut s, 60);
    assert!(shown.matches("8s ago").count() >= 6 || shown.lines().filter(|l| l.contains("997")).count() > 0, "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn too_small_says_so() {
    let notes: Vec<String> =
        [(5, 3), (19, 4), (12, 30)].map(|(w, h)| frame(&mut running(w, h), 0).trim_end().to_owned()).into();
    insta::assert_snapshot!(notes.join("\n---\n"));
}

#[test]
fn nothing_hostile_reaches_a_cell_and_no_size_breaks_anything() {
    let openers: [&[&str]; 7] = [&[], &["?"], &[":"], &["!"], &["T"], &["a"], &["/"]];
    for keys in openers {
        for (w, h) in (1..30).map(|n| (n, n)).chain([(0, 0), (200, 3), (3, 60), (40, 10), (80, 24), (200, 60), (1, 1)])
        {
            let mut s = running(w, h);
            press(&mut s, &["y", "w"], 0);
            press(&mut s, keys, 0);
            s.update(Event::Links(Arc::new(links(lost(0), lost(0)))), Now::at(1));
            let shown = frame(&mut s, 1);
            assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{w}×{h}: {shown}");
        }
    }
}

#[test]
fn without_colours_the_bar_is_still_seen() {
    let mut s = running(80, 24);
    s.theme = crate::ui::theme::built_in("robbie-dark").unwrap().at_depth(crate::ui::theme::Depth::None);
    let area = Rect::new(0, 0, 80, 24);
    let mut buf = Buffer::empty(area);
    draw(&mut s, &mut buf, Now::at(0));
    let row = (0..24).find(|&y| buf[(1, y)].symbol() == "▸").expect("a selected row");
    assert!(buf[(40, row)].modifier.contains(ratatui::style::Modifier::REVERSED));
    assert!(buf.content.iter().all(|c| c.fg == ratatui::style::Color::Reset && c.bg == ratatui::style::Color::Reset));
}

#[test]
fn waiting_is_shown_after_a_moment_only() {
    let mut s = running(80, 24);
    press(&mut s, &["r"], 5);
    assert!(!frame(&mut s, 5).contains(" read\n") && !frame(&mut s, 5).ends_with(" read"));
    assert!(frame(&mut s, 6).ends_with(" read"));
}
