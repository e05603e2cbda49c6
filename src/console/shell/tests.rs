//! The state by itself: keys, levels, questions, late answers, leaving.

use super::*;
use crate::console::test_pane::{links, press, progress, ready, replay, running, shell, up};
use crate::postgres::{LinkStatus, Side};
use crate::sync::job::JobState;
use crate::ui::pane::Policy;
use ratatui::crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

fn said(shell: &Shell) -> String {
    shell.tabs[shell.active].pane.answer(Now::at(0)).text
}

fn spawned(orders: &[Order]) -> Vec<Question> {
    orders.iter().filter_map(|o| if let Order::Spawn(q, _) = o { Some(*q) } else { None }).collect()
}

fn quits(orders: &[Order]) -> bool {
    orders.iter().any(|o| matches!(o, Order::Quit))
}

fn answer(shell: &mut Shell, question: Question, text: &str) -> Vec<Order> {
    shell.update(Event::Answered(question, Box::new(text.to_owned())), Now::at(1))
}

#[test]
fn panes_hear_of_the_links_before_they_are_shown() {
    assert_eq!(said(&running(80, 24)), "Heard links, Shown.");
}

#[test]
fn nothing_reaches_a_pane_before_the_links_are_there() {
    let mut s = shell(80, 24);
    assert!(spawned(&press(&mut s, &["r", "enter", "j"], 0)).is_empty());
    assert_eq!(said(&s), "Heard .");
    assert!(spawned(&press(&mut s, &["tab"], 0)).is_empty(), "nor does the one that one goes to ask for anything");
    assert!(quits(&press(&mut s, &["q"], 0)), "but one can leave");
}

#[test]
fn a_late_answer_is_dropped() {
    let mut s = running(80, 24);
    let orders = press(&mut s, &["r", "r"], 1);
    let questions = spawned(&orders);
    assert!(orders.iter().any(|o| matches!(o, Order::Abort(q) if *q == questions[0])));
    answer(&mut s, questions[0], "late");
    answer(&mut s, questions[1], "in time");
    answer(&mut s, questions[1], "twice");
    assert_eq!(said(&s), "Heard links, Shown, in time.");
}

#[test]
fn progress_reaches_the_pane_while_the_question_is_open() {
    let mut s = running(80, 24);
    let question = spawned(&press(&mut s, &["w"], 1))[0];
    s.update(Event::Told(question, Box::new("half".to_owned())), Now::at(1));
    answer(&mut s, question, "all");
    s.update(Event::Told(question, Box::new("after".to_owned())), Now::at(1));
    assert_eq!(said(&s), "Heard links, Shown, half, all.");
}

#[test]
fn two_writes_run_side_by_side() {
    let mut s = running(80, 24);
    let orders = press(&mut s, &["w", "w"], 1);
    assert_eq!(spawned(&orders).len(), 2);
    assert!(!orders.iter().any(|o| matches!(o, Order::Abort(_))));
}

#[test]
fn a_question_defaults_to_no() {
    let mut s = running(80, 24);
    press(&mut s, &["a"], 1);
    assert!(spawned(&press(&mut s, &["enter"], 1)).is_empty());
    assert!(s.questions.is_empty());
    assert!(said(&s).ends_with("Declined."));
}

#[test]
fn a_yes_runs_the_command_and_nothing_ran_before() {
    let mut s = running(80, 24);
    assert!(spawned(&press(&mut s, &["a", "j", "r"], 1)).is_empty(), "keys go to the question");
    assert_eq!(spawned(&press(&mut s, &["y"], 1)).len(), 1);
}

#[test]
fn escape_unwinds_one_level_at_a_time_and_q_leaves_at_the_root() {
    let mut s = running(80, 24);
    press(&mut s, &["enter", "?"], 1);
    assert!(s.overlay.is_some() && s.depth() == 2);
    press(&mut s, &["esc"], 1);
    assert!(s.overlay.is_none() && s.depth() == 2);
    assert!(!quits(&press(&mut s, &["q"], 1)), "q closes a level first");
    assert_eq!(s.depth(), 0);
    assert!(!quits(&press(&mut s, &["esc"], 1)), "Esc never leaves");
    assert!(quits(&press(&mut s, &["q"], 1)));
}

#[test]
fn a_text_field_has_the_letters_but_not_control_c() {
    let mut s = running(80, 24);
    press(&mut s, &["/", "q", "?", "1", "s"], 1);
    assert!(s.overlay.is_none());
    assert!(quits(&press(&mut s, &["ctrl-c"], 1)));
    press(&mut s, &["esc"], 1);
    assert!(quits(&press(&mut s, &["q"], 1)));
}

#[test]
fn leaving_waits_for_writes_and_not_for_reads() {
    let mut s = running(80, 24);
    press(&mut s, &["r"], 1);
    assert!(quits(&press(&mut s, &["q"], 1)));
    let question = spawned(&press(&mut s, &["w"], 1))[0];
    assert!(!quits(&press(&mut s, &["q"], 1)));
    assert!(s.messages.all().last().unwrap().text.contains("under way"));
    assert!(quits(&answer(&mut s, question, "done")), "it leaves when the write is done");
}

#[test]
fn asking_again_leaves_at_once() {
    let mut s = running(80, 24);
    press(&mut s, &["w", "q"], 1);
    assert!(quits(&press(&mut s, &["ctrl-c"], 1)));
}

#[test]
fn a_defect_in_a_job_is_said_and_the_console_goes_on() {
    let mut s = running(80, 24);
    let question = spawned(&press(&mut s, &["w"], 1))[0];
    s.update(Event::Broke(question, "index out of bounds".into()), Now::at(1));
    assert!(s.messages.all()[0].text.contains("index out of bounds"));
    assert!(!s.jobs.is_busy());
}

#[test]
fn a_route_shows_the_other_pane_and_tells_it() {
    let mut s = running(80, 24);
    press(&mut s, &["x"], 1);
    assert_eq!(s.active, 1);
    assert!(said(&s).contains("Shown, Routed(Route { pane: \"other\", filter: Some(\"state:failed\") })"));
}

#[test]
fn panes_are_shown_by_number_and_tab() {
    let mut s = running(80, 24);
    for (key, active) in [("2", 1), ("1", 0), ("tab", 1), ("tab", 0), ("shift-tab", 1), ("7", 1)] {
        press(&mut s, &[key], 1);
        assert_eq!(s.active, active, "{key}");
    }
}

#[test]
fn timers_come_back_to_the_pane_that_set_them() {
    let mut s = running(80, 24);
    let orders = press(&mut s, &["t"], 1);
    assert!(matches!(orders[..], [Order::Wake(Timer::Pane(0, "again"), after)] if after.as_secs() == 2));
    press(&mut s, &["2"], 1);
    s.update(Event::Timer(Timer::Pane(0, "again")), Now::at(3));
    press(&mut s, &["1"], 3);
    assert!(said(&s).contains("Timer(\"again\")"));
}

#[test]
fn the_spinner_turns_only_while_something_runs() {
    let mut s = running(80, 24);
    let orders = press(&mut s, &["r"], 1);
    assert!(orders.iter().any(|o| matches!(o, Order::Wake(Timer::Spinner, _))));
    let question = spawned(&orders)[0];
    assert!(!s.update(Event::Timer(Timer::Spinner), Now::at(1)).is_empty());
    answer(&mut s, question, "done");
    assert!(s.update(Event::Timer(Timer::Spinner), Now::at(2)).is_empty(), "no heartbeat");
}

#[test]
fn a_slow_start_turns_the_spinner_until_the_links_are_there() {
    let mut s = shell(80, 24);
    assert!(!s.update(Event::Timer(Timer::Spinner), Now::at(1)).is_empty());
    s.update(ready(up(Side::Master), up(Side::Replica)), Now::at(2));
    assert!(s.update(Event::Timer(Timer::Spinner), Now::at(3)).is_empty());
}

#[test]
fn an_idle_console_has_no_timer() {
    let mut s = shell(80, 24);
    let orders = s.update(ready(up(Side::Master), up(Side::Replica)), Now::at(0));
    assert!(orders.is_empty(), "{orders:?}");
}

#[test]
fn layout_is_told_once_for_each_change() {
    let mut s = running(80, 24);
    let size = Size { width: 80, height: 19 };
    assert!(s.settle(Vec::new(), &[("rows", 18), ("@help", 5)], size, Now::at(0)).is_some());
    assert!(s.settle(Vec::new(), &[("rows", 18)], size, Now::at(0)).is_none());
    assert!(said(&s).contains("Resized") && said(&s).contains("rows: 18"));
    assert!(!said(&s).contains("@help"));
}

fn click(column: u16, row: u16) -> Event {
    let kind = MouseEventKind::Down(MouseButton::Left);
    Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
}

fn zone(name: &'static str, index: usize, y: u16) -> Zone {
    Zone { area: Rect::new(0, y, 80, 1), name, index }
}

#[test]
fn clicks_find_tabs_and_rows_but_not_through_an_overlay() {
    let mut s = running(80, 24);
    let zones = || vec![zone("@tab", 1, 1), zone("rows", 7, 9)];
    s.settle(zones(), &[], Size { width: 80, height: 19 }, Now::at(0));
    s.update(click(3, 9), Now::at(1));
    press(&mut s, &["?"], 1);
    s.update(click(3, 1), Now::at(1));
    assert_eq!(s.active, 0, "the help lies above the tabs");
    press(&mut s, &["esc"], 1);
    s.update(click(3, 1), Now::at(1));
    assert_eq!(s.active, 1);
}

#[test]
fn the_palette_runs_an_action_of_the_pane() {
    let mut s = running(80, 24);
    let orders = press(&mut s, &[":", "t", "e", "s", "t", ".", "w", "r", "enter"], 1);
    assert_eq!(spawned(&orders).len(), 1);
    assert!(s.overlay.is_none());
    assert_eq!(s.jobs.writes(), 1);
}

#[test]
fn a_theme_is_previewed_and_goes_back_with_escape() {
    let mut s = running(80, 24);
    press(&mut s, &["T", "j"], 1);
    assert_eq!(s.theme.name, "robbie-light");
    press(&mut s, &["esc"], 1);
    assert_eq!(s.theme.name, "robbie-dark");
    press(&mut s, &["T", "j", "j", "enter"], 1);
    assert_eq!(s.theme.name, "high-contrast");
}

#[test]
fn pause_without_an_engine_says_why_not_and_sync_runs_a_cycle_here() {
    let mut s = running(80, 24);
    let orders = press(&mut s, &["p"], 1);
    assert!(!orders.iter().any(|o| matches!(o, Order::PauseEngine(_))));
    assert!(s.messages.all()[0].text.contains("does not run in this process"));
    let orders = press(&mut s, &["s"], 1);
    assert_eq!(spawned(&orders).len(), 1);
    assert!(matches!(&orders[..], [.., Order::Spawn(_, work)] if work.policy == Policy::Write));
}

#[test]
fn the_engine_here_is_woken_and_paused() {
    let mut s = running(80, 24);
    s.update(Event::Engine(Arc::new(EngineStatus { running: true, ..EngineStatus::default() })), Now::at(0));
    assert!(press(&mut s, &["s"], 1).iter().any(|o| matches!(o, Order::WakeEngine)));
    assert!(press(&mut s, &["p"], 1).iter().any(|o| matches!(o, Order::PauseEngine(true))));
    s.update(Event::Engine(Arc::new(EngineStatus { paused: true, ..EngineStatus::default() })), Now::at(0));
    assert!(press(&mut s, &["p"], 1).iter().any(|o| matches!(o, Order::PauseEngine(false))));
}

#[test]
fn a_lost_link_changes_no_pane_and_opens_nothing() {
    let mut s = running(80, 24);
    let down = LinkStatus::Connecting;
    s.update(Event::Links(Arc::new(links(down, up(Side::Replica)))), Now::at(1));
    assert!(s.overlay.is_none() && s.questions.is_empty() && s.active == 0);
    assert!(said(&s).ends_with("links."));
}

#[test]
fn another_replica_begins_the_panes_anew() {
    let mut s = running(80, 24);
    let orders = press(&mut s, &["enter", "r", "w"], 1);
    let (read, write) = (spawned(&orders)[0], spawned(&orders)[1]);
    let orders = s.update(Event::Switched(Arc::new(links(up(Side::Master), up(Side::Replica)))), Now::at(2));
    assert!(orders.iter().any(|o| matches!(o, Order::Abort(q) if *q == read)));
    answer(&mut s, read, "of the one before");
    answer(&mut s, write, "written");
    assert_eq!(said(&s), "Heard links, Shown, written.");
    assert_eq!(s.depth(), 0);
}

#[test]
fn what_is_too_long_for_the_terminals_clipboard_is_said() {
    let mut s = running(80, 24);
    let orders = s.update(Event::CopyByTerminal("abc".into()), Now::at(1));
    assert!(orders.iter().any(|o| matches!(o, Order::CopyByTerminal(_))));
    let orders = s.update(Event::CopyByTerminal("x".repeat(80_000)), Now::at(1));
    assert!(!orders.iter().any(|o| matches!(o, Order::CopyByTerminal(_))));
    assert!(s.messages.all().last().unwrap().text.starts_with("not copied"));
}

#[test]
fn messages_leave_by_a_timer_and_not_by_a_heartbeat() {
    let mut s = running(80, 24);
    let orders = press(&mut s, &["y"], 1);
    assert!(matches!(orders[..], [Order::Wake(Timer::Message, after)] if after.as_secs() == 6));
    assert!(s.update(Event::Timer(Timer::Message), Now::at(7)).is_empty());
}

fn wishes(orders: &[Order]) -> Vec<Wish> {
    orders.iter().filter_map(|o| if let Order::Replay(_, wish) = o { Some(*wish) } else { None }).collect()
}

#[test]
fn a_replay_outlives_the_pane_and_the_panes_hear_of_its_end() {
    let mut s = running(80, 24);
    replay(&mut s, JobState::Running, 10, 1);
    s.update(Event::Switched(Arc::new(links(up(Side::Master), up(Side::Replica)))), Now::at(2));
    replay(&mut s, JobState::Running, 20, 2);
    assert_eq!(s.replays.running().count(), 1);
    assert_eq!(said(&s).matches("JobChanged").count(), 0, "progress is no news for a pane");
    replay(&mut s, JobState::Done, 1_204, 3);
    assert_eq!(said(&s).matches("JobChanged").count(), 1);
    assert!(s.messages.all().last().unwrap().text.contains("1 204 entries replayed: 1 154 applied"));
    assert_eq!(s.replays.running().count(), 0);
}

#[test]
fn leaving_asks_while_a_replay_is_under_way_and_no_is_the_default() {
    let mut s = running(80, 24);
    replay(&mut s, JobState::Running, 10, 1);
    assert!(!quits(&press(&mut s, &["q", "enter"], 1)), "No");
    assert!(s.questions.is_empty() && !s.leaving);
    let orders = press(&mut s, &["ctrl-c", "y"], 1);
    assert!(!quits(&orders), "it ends first");
    assert_eq!(wishes(&orders), [Wish::Cancel]);
    assert!(quits(&replay(&mut s, JobState::Cancelled, 12, 2)), "then it leaves");
}

#[test]
fn leaving_twice_does_not_wait_for_a_replay() {
    let mut s = running(80, 24);
    replay(&mut s, JobState::Running, 10, 1);
    assert!(quits(&press(&mut s, &["ctrl-c", "ctrl-c"], 1)));
    let mut s = running(80, 24);
    replay(&mut s, JobState::Running, 10, 1);
    press(&mut s, &["q", "y"], 1);
    assert!(quits(&press(&mut s, &["q"], 1)));
}

#[test]
fn a_replay_is_paused_cancelled_and_resumed() {
    let mut s = running(80, 24);
    assert!(wishes(&press(&mut s, &["J", "p", "X"], 1)).is_empty(), "there is none");
    press(&mut s, &["esc"], 1);
    replay(&mut s, JobState::Running, 10, 1);
    press(&mut s, &["J"], 1);
    assert_eq!(wishes(&press(&mut s, &["p"], 1)), [Wish::Pause]);
    replay(&mut s, JobState::Paused, 10, 1);
    assert_eq!(wishes(&press(&mut s, &["p", "r"], 1)), [Wish::GoOn, Wish::GoOn]);
    assert_eq!(wishes(&press(&mut s, &["X"], 1)), [Wish::Cancel]);
    replay(&mut s, JobState::Cancelled, 10, 1);
    let orders = press(&mut s, &["r"], 1);
    let question = spawned(&orders)[0];
    assert_eq!(s.jobs.writes(), 1, "resuming is a write");
    let job = progress(JobState::Running, 0).job;
    s.update(Event::Answered(question, Box::new(replays::Answer::Resumed(Ok(job)))), Now::at(2));
    replay(&mut s, JobState::Running, 10, 9);
    assert_eq!(s.replays.get(job).unwrap().since, Duration::from_secs(9));
    press(&mut s, &["esc", "esc"], 9);
    assert!(s.overlay.is_none(), "one level at a time");
}

#[test]
fn a_write_that_broke_is_told_to_its_pane() {
    let mut s = running(80, 24);
    let question = spawned(&press(&mut s, &["w"], 1))[0];
    s.update(Event::Broke(question, "index out of bounds".into()), Now::at(1));
    assert!(said(&s).ends_with("Broke."));
}
