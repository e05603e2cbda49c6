//! The engine, the diagnosis and the console behind `robbie`.
//!
//! Floors, lowest first; a lower one never imports a higher one (`tests/suite/floors.rs` holds this):
//! 0 [`settings`], [`observe`] · 1 [`postgres`], [`embedded`] · 2 the domains [`queue`], [`health`], [`schema`],
//! [`personality`], [`conversation`] · 3 [`sync`], [`sample`] · 4 [`metrics`], `ui` · 5 `panes` · 6 `console` · 7 [`cli`].

pub mod cli;
pub mod conversation;
pub mod embedded;
pub mod health;
pub mod metrics;
pub mod observe;
pub mod personality;
pub mod postgres;
pub mod queue;
pub mod sample;
pub mod schema;
pub mod settings;
pub mod sync;

#[cfg(feature = "tui")]
pub mod console;
#[cfg(feature = "tui")]
pub mod panes;
#[cfg(feature = "tui")]
pub mod ui;
