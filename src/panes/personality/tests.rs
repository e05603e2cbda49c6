//! What the pane does about each input, and what it looks like in each state.
