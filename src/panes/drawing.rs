//! What a pane's tests see of it: its lines as text.

use crate::ui::{Now, Pane, Scene, theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The lines of a pane of this size, `at` seconds after the start, without the blanks at their ends.
pub fn lines<P: Pane>(pane: &P, width: u16, height: u16, at: u64) -> String {
    let theme = theme::built_in("robbie-dark").unwrap();
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    pane.draw(&mut Scene::new(&mut buf, &theme, Now::at(at)), area, &mut P::View::default());
    let line = |y| (0..width).map(|x| buf[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| line(y).trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
