//! The pane contract, keys, themes and widgets.
