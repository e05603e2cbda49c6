//! Clashes, overrides, lookups.

use super::*;
use crate::ui::host::{ActionInfo, AnyPane};

fn pane(name: &'static str, actions: &[(&'static str, &'static [&'static str])]) -> Registration {
    let actions = actions.iter().map(|(name, keys)| ActionInfo { name, keys, short: "", help: "" }).collect();
    let build: fn() -> Box<dyn AnyPane> = || unreachable!("the keymap builds no pane");
    Registration { name, title: name, actions, build }
}

fn overrides(list: &[(&str, &[&str])]) -> Overrides {
    list.iter().map(|(n, k)| ((*n).to_owned(), k.iter().map(|k| (*k).to_owned()).collect())).collect()
}

fn key(text: &str) -> Chord {
    text.parse().unwrap()
}

#[test]
fn the_defaults_and_the_real_panes_do_not_clash() {
    Keymap::build(&crate::panes::registry(), &Overrides::new()).unwrap();
}

#[test]
fn the_same_key_may_mean_different_things_in_different_panes() {
    let map =
        Keymap::build(&[pane("a", &[("x", &["r"])]), pane("b", &[("y", &["e"]), ("z", &["r"])])], &Overrides::new())
            .unwrap();
    assert_eq!(map.meaning(0, key("r")), Some(Meaning::Pane(0)));
    assert_eq!(map.meaning(1, key("r")), Some(Meaning::Pane(1)));
    assert_eq!(map.meaning(0, key("e")), None);
    assert_eq!(map.meaning(1, key("q")), Some(Meaning::Global(Global::Quit)));
}

#[test]
fn a_clash_names_both() {
    let clash = Keymap::build(&[pane("a", &[("x", &["r"]), ("y", &["r"])])], &Overrides::new()).unwrap_err();
    assert_eq!(clash, "the key r is given to both `a.x` and `a.y`");
    let clash = Keymap::build(&[pane("a", &[("x", &["q"])])], &Overrides::new()).unwrap_err();
    assert_eq!(clash, "the key q is given to both `quit` and `a.x`");
    let user = overrides(&[("help", &["q"])]);
    assert!(Keymap::build(&[], &user).unwrap_err().contains("`help` and `quit`"));
}

#[test]
fn a_pane_refines_a_global_action_by_its_name() {
    let map = Keymap::build(&[pane("a", &[("sync-now", &["s"])]), pane("b", &[])], &Overrides::new()).unwrap();
    assert_eq!(map.meaning(0, key("s")), Some(Meaning::Pane(0)));
    assert_eq!(map.meaning(1, key("s")), Some(Meaning::Global(Global::SyncNow)));
    let global = map.global(Global::SyncNow).unwrap();
    assert!(map.is_refined(0, global) && !map.is_refined(1, global));
}

#[test]
fn a_user_moves_a_key_and_frees_the_old_one() {
    let panes = [pane("a", &[("x", &["r"])])];
    let map = Keymap::build(&panes, &overrides(&[("a.x", &["ctrl-r", "F5"]), ("mouse", &["r"])])).unwrap();
    assert_eq!(map.meaning(0, key("F5")), Some(Meaning::Pane(0)));
    assert_eq!(map.meaning(0, key("r")), Some(Meaning::Global(Global::Mouse)));
    assert_eq!(map.meaning(0, key("m")), None);
    assert_eq!(map.of(0)[0].all_keys(), "ctrl-r F5");
}

#[test]
fn no_keys_takes_an_action_off_the_keys_but_not_out_of_the_palette() {
    let map = Keymap::build(&[], &overrides(&[("suspend", &[])])).unwrap();
    assert_eq!(map.meaning(0, key("ctrl-z")), None);
    assert_eq!(map.global(Global::Suspend).unwrap().key(), "");
}

#[test]
fn a_wrong_name_or_key_is_said() {
    let wrong = |o| Keymap::build(&[], &o).unwrap_err();
    assert_eq!(wrong(overrides(&[("quite", &["x"])])), "[keys]: no action is called `quite`");
    assert!(wrong(overrides(&[("quit", &["hyper-x"])])).starts_with("[keys] quit: `hyper-x` is not a key"));
}

#[test]
fn nothing_destructive_hides_behind_a_control_key_of_vim() {
    let map = Keymap::build(&crate::panes::registry(), &Overrides::new()).unwrap();
    for chord in ["ctrl-d", "ctrl-u", "ctrl-f", "ctrl-b"] {
        assert!(matches!(map.meaning(0, key(chord)), Some(Meaning::Global(Global::Move(_)))), "{chord}");
    }
}
