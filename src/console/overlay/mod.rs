//! What may lie over a pane: help, palette, messages, themes; and questions above all of them.

pub mod ask;
pub mod lists;
pub mod palette;
pub mod replays;

/// One thing over the pane. There is never a second one below it.
#[derive(Debug)]
pub enum Overlay {
    /// The keys that work here.
    Help {
        /// The first line on the screen.
        offset: usize,
    },
    /// All actions by name.
    Palette(Box<palette::Palette>),
    /// What was said.
    Log {
        /// Lines scrolled back from the newest.
        offset: usize,
    },
    /// The replays of many entries.
    Replays(Box<replays::View>),
    /// The themes; the one under the cursor is in force.
    Themes {
        /// The cursor.
        selected: usize,
        /// The theme to go back to.
        before: String,
    },
}
