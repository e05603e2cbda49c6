//! Frames: one snapshot for each visible state, and every size drawn once.

use super::*;
use crate::console::shell::Event;
use crate::console::test_pane::{links, press, progress, replay, running, shell, up};
use crate::postgres::Side;
use crate::sync::job::{JobState, JobSummary};
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
fn while_something_is_typed_messages_keep_off_the_pane() {
    let mut s = running(80, 24);
    press(&mut s, &["/"], 0);
    let before = frame(&mut s, 1);
    let text = "a long message that goes on and on so that it does not fit on one line of this terminal at all".into();
    s.update(Event::Say(crate::ui::Level::Info, text), Now::at(0));
    let during = frame(&mut s, 1);
    let differ: Vec<usize> =
        before.lines().zip(during.lines()).enumerate().filter(|(_, (a, b))| a != b).map(|(n, _)| n).collect();
    assert_eq!(differ, [2], "the answer's line and no other\n{during}");
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
    let openers: [&[&str]; 8] = [&[], &["?"], &[":"], &["!"], &["T"], &["a"], &["/"], &["J"]];
    for keys in openers {
        for (w, h) in (1..30).map(|n| (n, n)).chain([(0, 0), (200, 3), (3, 60), (40, 10), (80, 24), (200, 60), (1, 1)])
        {
            let mut s = running(w, h);
            press(&mut s, &["y", "w"], 0);
            press(&mut s, keys, 0);
            replay(&mut s, JobState::Running, 612, 0);
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

#[test]
fn a_replay_under_way_is_seen_from_everywhere() {
    let mut shown = Vec::new();
    for (w, h) in [(80, 24), (40, 10), (142, 30)] {
        let mut s = running(w, h);
        replay(&mut s, JobState::Running, 0, 2);
        replay(&mut s, JobState::Running, 612, 14);
        shown.push(frame(&mut s, 14));
        replay(&mut s, JobState::Paused, 700, 16);
        let paused = frame(&mut s, 16);
        shown.push(paused.lines().find(|line| line.contains("paused")).expect("a strip").to_owned());
    }
    insta::assert_snapshot!(shown.join("\n---\n"));
}

fn summary(n: u128, state: JobState, total: i64, done: i64, hours: u64) -> JobSummary {
    let at = Now::at(0).wall - std::time::Duration::from_hours(hours);
    JobSummary {
        job: uuid::Uuid::from_u128(n),
        actor: if n.is_multiple_of(2) { "console" } else { "lance" }.into(),
        reason: None,
        state,
        why: (state == JobState::Stopped).then(|| "an error that the preview did not foretell: 22001 too long".into()),
        total,
        done,
        created_at: chrono::DateTime::<chrono::Utc>::from(at).to_rfc3339(),
        by_outcome: [("applied".to_owned(), done - done / 9), ("failed".to_owned(), done / 9)].into(),
        rate: n.is_multiple_of(2).then_some(50),
        ramp: n.is_multiple_of(2),
        stop_on_new: !n.is_multiple_of(3),
        max_failures: n.is_multiple_of(4).then_some(0.1),
    }
}

fn with_jobs(width: u16, height: u16) -> Shell {
    let mut s = running(width, height);
    press(&mut s, &["J"], 0);
    let list = vec![
        summary(progress(JobState::Running, 0).job.as_u128(), JobState::Running, 1_204, 80, 0),
        summary(2, JobState::Done, 31, 31, 3),
        summary(3, JobState::Interrupted, 5_000, 2_100, 26),
        summary(4, JobState::Stopped, 80_000, 412, 50),
    ];
    let Some(Overlay::Replays(view)) = &mut s.overlay else { panic!("no list of jobs") };
    view.take_list(Ok(list));
    s
}

#[test]
fn the_jobs_and_one_of_them_at_work() {
    let mut shown = Vec::new();
    for (w, h) in [(80, 24), (142, 42), (40, 10)] {
        let mut s = with_jobs(w, h);
        replay(&mut s, JobState::Running, 0, 2);
        replay(&mut s, JobState::Running, 612, 14);
        press(&mut s, &["j", "j"], 14);
        shown.push(frame(&mut s, 14));
        press(&mut s, &["g", "enter"], 14);
        shown.push(frame(&mut s, 14));
    }
    insta::assert_snapshot!(shown.join("\n---\n"));
}

#[test]
fn jobs_that_are_not_there_yet_or_cannot_be_read() {
    let mut s = running(80, 24);
    press(&mut s, &["J"], 0);
    let mut shown = vec![frame(&mut s, 0)];
    for list in [Ok(Vec::new()), Err("replica: permission denied for schema robbie_sync [42501]".to_owned())] {
        let Some(Overlay::Replays(view)) = &mut s.overlay else { panic!("no list of jobs") };
        view.take_list(list);
        shown.push(frame(&mut s, 0));
    }
    insta::assert_snapshot!(shown.join("\n---\n"));
}

#[test]
fn a_job_that_was_stopped_says_why() {
    let mut s = with_jobs(80, 24);
    press(&mut s, &["G", "enter"], 0);
    let mut shown = vec![frame(&mut s, 0)];
    let Some(Overlay::Replays(view)) = &mut s.overlay else { panic!("no job") };
    view.take_standing(progress(JobState::Running, 412));
    shown.push(frame(&mut s, 0));
    insta::assert_snapshot!(shown.join("\n---\n"));
}

#[test]
fn leaving_with_a_replay_under_way() {
    let mut s = running(80, 24);
    replay(&mut s, JobState::Running, 612, 2);
    press(&mut s, &["q"], 3);
    insta::assert_snapshot!(frame(&mut s, 3));
}

#[test]
fn a_question_with_choices() {
    let mut shown = Vec::new();
    for (w, h) in [(80, 24), (40, 12)] {
        let mut s = running(w, h);
        let ask = crate::ui::Ask {
            question: "Replay 1 204 entries to aurora?".into(),
            details: vec![
                "dry run: 1 180 insert, 24 waits for parent".into(),
                "they would come to: 1 180 applied, 24 blocked".into(),
            ],
            confirm: "Replay 1 204 entries".into(),
            danger: false,
            type_the_name: Some("aurora".into()),
            then: crate::console::overlay::ask::Then::Choose(Vec::new()),
        };
        let choices = vec![
            crate::ui::Choice { name: "pace", values: vec!["as fast as it goes", "50 entries a second"], chosen: 1 },
            crate::ui::Choice { name: "begins", values: vec!["at full size"], chosen: 0 },
            crate::ui::Choice { name: "stops", values: vec!["at a failure the dry run did not foretell"], chosen: 0 },
        ];
        s.questions.push_back(crate::console::overlay::ask::Question::new(0, ask, choices));
        shown.push(frame(&mut s, 0));
        press(&mut s, &["up", "up"], 0);
        shown.push(frame(&mut s, 0));
    }
    insta::assert_snapshot!(shown.join("\n---\n"));
}
