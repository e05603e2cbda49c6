//! The console in a real terminal: first frame, signals, sizes, hostile names. No database is needed.

mod journey;
mod session;

use nix::sys::signal::Signal;
use session::Session;

#[test]
fn the_first_frame_needs_no_database_and_q_gives_the_terminal_back() {
    let mut s = Session::open(100, 30, &[]);
    s.wait("master");
    s.wait("1 Health");
    s.wait("lost");
    assert!(s.raw().contains("\x1b[?2026h"), "frames are synchronised updates");
    s.send("q");
    assert_eq!(s.ended(), 0);
    s.assert_given_back();
}

#[test]
fn signals_give_the_terminal_back() {
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGHUP, 129), (Signal::SIGINT, 130)] {
        let mut s = Session::open(80, 24, &[]);
        s.wait("1 Health");
        s.signal(signal);
        assert_eq!(s.ended(), code, "{signal}");
        s.assert_given_back();
    }
}

#[test]
fn control_c_leaves_from_under_an_overlay() {
    let mut s = Session::open(80, 24, &[]);
    s.wait("1 Health");
    s.send(":");
    s.wait("commands");
    s.send("\x03");
    assert_eq!(s.ended(), 0);
    s.assert_given_back();
}

#[test]
fn any_size_is_survived_and_said() {
    let mut s = Session::open(120, 40, &[]);
    s.wait("1 Health");
    s.resize(40, 10);
    s.wait_until("the compact frame", |text| text.contains("vengeance") && text.lines().count() <= 10);
    s.resize(5, 3);
    s.wait("too");
    s.resize(120, 40);
    s.wait("? help");
    s.send("q");
    assert_eq!(s.ended(), 0);
}

#[test]
fn keys_come_through_one_by_one_and_all_at_once() {
    let mut s = Session::open(120, 40, &[]);
    s.wait("1 Health");
    s.send("?");
    s.wait("Everywhere");
    s.send("?");
    s.wait_until("the help to go", |text| !text.contains("Everywhere"));
    s.send("?????");
    s.wait("Everywhere");
    s.send("\x1b[<64;10;10M");
    s.send("\x1b");
    s.wait_until("the help to go", |text| !text.contains("Everywhere"));
    s.send("q");
    assert_eq!(s.ended(), 0);
}

#[test]
fn a_hostile_name_is_shown_and_not_obeyed() {
    let name = "evil%1b]0;owned%07%c2%9b31m";
    let mut s = Session::open(140, 30, &["--replica", &format!("near=postgres://u@127.0.0.1:1/{name}")]);
    s.wait("evil␛]0;owned␇\\x9b31m");
    s.send("q");
    s.ended();
    let raw = s.raw();
    assert!(!raw.contains("\x1b]"), "no title, no clipboard");
    assert!(!raw.contains('\x07') && !raw.contains('\u{9b}'));
}

#[test]
fn stopping_where_no_shell_could_continue_it_changes_nothing() {
    let mut s = Session::open(80, 24, &[]);
    s.wait("1 Health");
    s.send("\x1a");
    s.send("?");
    s.wait("Everywhere");
    s.send("\x03");
    assert_eq!(s.ended(), 0);
    s.assert_given_back();
}

#[test]
fn the_editor_has_the_terminal_for_itself_and_gives_it_back() {
    let mut s = Session::with_editor("echo EDITOR RUNS; read line; echo \"# $line\" > \"$1\"");
    s.wait("1 Health");
    s.send(":");
    s.wait("commands");
    s.send("edit-config\r");
    s.wait("EDITOR RUNS");
    s.assert_given_back();
    s.send("quite a line? q\r");
    s.wait("config.toml is changed");
    assert_eq!(s.file("config.toml"), "# quite a line? q\n", "every key went to the editor");
    s.send("?");
    s.wait("Everywhere");
    s.send("\x03");
    assert_eq!(s.ended(), 0);
    s.assert_given_back();
}

#[test]
fn a_wrong_key_in_the_settings_is_an_error_before_the_terminal_is_touched() {
    let mut s = Session::with_config(80, 24, "[keys]\nquit = \"?\"\n");
    assert_eq!(s.ended(), 2);
    let raw = s.raw();
    assert!(raw.contains("the key ? is given to both `help` and `quit`"), "{raw}");
    assert!(!raw.contains("\x1b[?1049h"));
}

#[test]
fn without_a_terminal_there_is_advice_instead() {
    let home = tempfile::tempdir().unwrap();
    let out = session::command(home.path()).args(session::NOWHERE).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(out.stdout.is_empty());
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("needs a terminal") && said.contains("robbie status"), "{said}");
}
