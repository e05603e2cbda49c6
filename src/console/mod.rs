//! The event loop, the terminal, jobs, tabs and overlays.

pub mod keymap;
