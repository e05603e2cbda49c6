//! What it looks like.

use super::*;
use crate::panes::drawing;

fn drawn(pane: &Conversations, width: u16, height: u16) -> String {
    let crumbs = pane.breadcrumb().join(" › ");
    format!("[{crumbs}] {}\n{}", pane.answer(Now::at(0)).text, drawing::lines(pane, width, height, 0))
}

fn at(pane: &mut Conversations, width: u16, height: u16) -> String {
    pane.update(Input::Resized(Size::new(width, height)), Now::at(0));
    drawn(pane, width, height)
}

/// Every state that can be seen.
fn states() -> Vec<(&'static str, Conversations)> {
    let mut previewed = listing();
    let id = previewed.preview.wanted.unwrap();
    hear(&mut previewed, Told::Previewed { id, opened: Ok(Box::new(opened(0))) });
    let mut facets = listing();
    act(&mut facets, Action::Facets);
    let mut searching = listing();
    act(&mut searching, Action::Search);
    let mut results = listing();
    results.search("ivfflat".into());
    hear(&mut results, Told::Found(Ok(found())));
    let mut nothing = listing();
    nothing.search("nowhere".into());
    hear(&mut nothing, Told::Found(Ok(crate::conversation::search::Results::default())));
    let mut code = listing();
    act(&mut code, Action::Blocks);
    hear(&mut code, Told::Blocks { after: None, found: Ok((blocks(9), true)) });
    let mut patterns = listing();
    act(&mut patterns, Action::Patterns);
    hear(&mut patterns, Told::Patterns(Ok((vec![pattern(); 3], false))));
    let mut hostile = reading();
    act(&mut hostile, Action::NextMessage);
    act(&mut hostile, Action::NextMessage);
    let mut empty = Conversations::default();
    empty.update(Input::Shown, Now::at(0));
    let question = empty.list.question;
    hear(&mut empty, list_of(0..0, false, question));
    vec![
        ("list", previewed),
        ("facets", facets),
        ("typing", searching),
        ("reading", reading()),
        ("hostile", hostile),
        ("results", results),
        ("nothing", nothing),
        ("blocks", code),
        ("patterns", patterns),
        ("empty", empty),
        ("waiting", Conversations::default()),
    ]
}

#[test]
fn each_state_at_each_size() {
    for (name, mut pane) in states() {
        insta::assert_snapshot!(format!("{name}_80x20"), at(&mut pane, 80, 20));
        if matches!(name, "list" | "reading" | "results" | "blocks") {
            insta::assert_snapshot!(format!("{name}_140x38"), at(&mut pane, 140, 38));
        }
        if name == "list" {
            insta::assert_snapshot!(format!("{name}_200x56"), at(&mut pane, 200, 56));
        }
    }
}

#[test]
fn no_size_makes_it_panic_nothing_leaks_and_small_ones_show_data() {
    for (name, mut pane) in states() {
        for (width, height) in [(0, 0), (1, 1), (2, 30), (5, 3), (19, 4), (40, 6), (60, 12), (110, 8), (300, 90)] {
            let text = at(&mut pane, width, height);
            assert!(
                !text.lines().skip(1).any(|l| l.chars().any(|c| c.is_control() || c == '\u{202e}')),
                "{name} {width}x{height}"
            );
        }
    }
    let (_, mut list) = states().swap_remove(0);
    let small = at(&mut list, 40, 8);
    assert!(small.lines().filter(|l| l.contains(['=', '≠', '◂', '▸'])).count() >= 6, "{small}");
}
