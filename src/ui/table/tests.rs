//! Layout at widths, scrolling, and a drawn table.

use super::*;
use crate::ui::{Now, theme};
use ratatui::buffer::Buffer;

const COLUMNS: &[Column] = &[
    Column::text("table", 12).grows(1),
    Column::number("rows", 8).leaves(2),
    Column::number("failed", 6).leaves(1),
    Column::text("last", 6).leaves(3),
];

#[test]
fn columns_leave_in_order_of_importance() {
    let shown = |w| layout(COLUMNS, w).into_iter().map(|(i, _)| i).collect::<Vec<_>>();
    assert_eq!(shown(80), [0, 1, 2, 3]);
    assert_eq!(shown(41), [0, 1, 2]);
    assert_eq!(shown(30), [0, 2]);
    assert_eq!(shown(20), [0]);
    assert_eq!(shown(3), [0]);
}

#[test]
fn growing_columns_take_what_is_left() {
    let out = layout(COLUMNS, 80);
    assert_eq!(out.iter().map(|(_, w)| w).sum::<u16>() + GUTTER + 1 + 3 * GAP, 80);
    assert_eq!(&out[1..], &[(1, 8), (2, 6), (3, 6)]);
}

#[test]
fn scrolling_moves_as_little_as_it_can() {
    assert_eq!(scroll(0, Some(3), 100, 10), 0);
    assert_eq!(scroll(0, Some(10), 100, 10), 1);
    assert_eq!(scroll(50, Some(40), 100, 10), 40);
    assert_eq!(scroll(95, None, 100, 10), 90);
    assert_eq!(scroll(5, Some(2), 3, 10), 0);
    assert_eq!(scroll(5, Some(2), 3, 0), 2);
}

fn drawn(width: u16, height: u16, selected: Option<usize>) -> (Vec<String>, Vec<(&'static str, u16)>) {
    let theme = theme::built_in("robbie-dark").unwrap();
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    let mut scene = Scene::new(&mut buf, &theme, Now::at(0));
    let names = ["plain", "日本語", "esc\x1b[2J", "a very long name that is cut"];
    let row = |i: usize| {
        Row::new(vec![Cell::plain(names[i % 4]), Cell::plain(i.to_string()), Cell::plain("·"), Cell::plain("8s")])
    };
    let table = Table { zone: "t", columns: COLUMNS, len: 9, selected, focused: true, row: &row };
    table.draw(&mut scene, area, &mut 0);
    let viewports = scene.viewports.clone();
    let lines = (0..height).map(|y| (0..width).map(|x| buf[(x, y)].symbol()).collect()).collect();
    (lines, viewports)
}

#[test]
fn a_table_is_straight_safe_and_marks_the_selected_row() {
    let (lines, viewports) = drawn(50, 6, Some(1));
    assert_eq!(viewports, [("t", 5)]);
    assert!(lines[0].contains("table") && lines[0].contains("failed"));
    // A wide letter owns two cells; the second is blank.
    assert!(lines[2].starts_with(" ▸ 日 本 語"), "{lines:?}");
    assert!(lines[3].contains("esc␛[2J"));
}

#[test]
fn no_size_breaks_it() {
    for width in 0..40 {
        for height in 0..6 {
            drawn(width, height, Some(8));
        }
    }
}
