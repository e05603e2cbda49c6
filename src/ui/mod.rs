//! The pane contract, keys, theme and widgets: what every screen is made of.
//!
//! A pane imports [`pane`] for the contract and the widgets it draws with. Nothing here reads a terminal, a clock or a
//! network; the loop that does is the console's.

pub mod code;
pub mod editor;
pub mod field;
pub mod format;
pub mod header;
pub mod host;
pub mod keys;
pub mod links;
pub mod live;
pub mod markdown;
pub mod pane;
pub mod prose;
pub mod scene;
pub mod services;
pub mod table;
pub mod text;
pub mod theme;
pub mod work;

pub use keys::{ActionSpec, Chord, KeyNames};
pub use pane::{Answer, Ask, Choice, Effect, Input, Job, Level, Links, Move, Now, Pane, Policy, Route, Step};
pub use scene::Scene;
pub use services::Services;
pub use theme::{Role, Theme};
