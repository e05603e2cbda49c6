//! Every theme that comes with the program, and what a wrong one is told.

use super::*;
use ratatui::style::Color;

#[test]
fn every_theme_has_every_role() {
    for (name, _) in BUILT_IN {
        let theme = built_in(name).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(theme.styles.len(), Role::ALL.len());
        assert_ne!(theme.style(Role::Selected), theme.style(Role::Text), "{name}: the bar must be seen");
        assert_ne!(theme.style(Role::Master), theme.style(Role::Replica), "{name}: the sides must differ");
        assert_ne!(theme.style(Role::Ok), theme.style(Role::Bad), "{name}");
    }
}

#[test]
fn a_missing_role_is_named() {
    let (_, text) = BUILT_IN[0];
    let cut: String = text.split_inclusive('\n').filter(|l| !l.starts_with("warn")).collect();
    assert_eq!(Theme::parse("mine", &cut).unwrap_err(), "theme `mine`: the role `warn` is missing");
}

#[test]
fn an_unknown_role_and_colour_are_named() {
    let (_, text) = BUILT_IN[0];
    assert!(Theme::parse("mine", &format!("{text}\nwran = \"red\"\n")).unwrap_err().contains("no role `wran`"));
    let wrong = text.replacen("ok = \"", "ok = \"greenish ", 1);
    assert!(Theme::parse("mine", &wrong).unwrap_err().contains("`greenish` is neither a colour nor in the palette"));
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    assert!(built_in("solarised").unwrap_err().contains("robbie-dark"));
}

#[test]
fn without_colours_nothing_is_coloured_and_the_bar_is_reversed() {
    let theme = built_in("robbie-dark").unwrap().at_depth(Depth::None);
    for role in Role::ALL {
        let style = theme.style(*role);
        assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
    }
    assert!(theme.style(Role::Selected).add_modifier.contains(Modifier::REVERSED));
    assert!(theme.style(Role::Bad).add_modifier.contains(Modifier::BOLD));
}

#[test]
fn fewer_colours_leave_no_rgb() {
    for (name, _) in BUILT_IN {
        for depth in [Depth::Indexed, Depth::Sixteen] {
            let theme = built_in(name).unwrap().at_depth(depth);
            for role in Role::ALL {
                let style = theme.style(*role);
                assert!(![style.fg, style.bg].iter().flatten().any(|c| matches!(c, Color::Rgb(..))), "{name} {role:?}");
            }
        }
    }
}
