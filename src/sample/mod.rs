//! The demo's data and workload: texts that were written for it, a queue whose entries were really tried, and small
//! writes on both sides while somebody looks.

mod fill;
pub mod library;
mod markdown;
mod master;
mod replica;
pub mod story;
mod workload;

pub use fill::{Found, Seeded, look, others_data, seed};
pub use story::Expected;
pub use workload::{Pace, SESSION, Workload};

use crate::postgres::Fault;

/// What must have become of each entry of the story, for whoever checks it.
pub fn expected() -> Result<Vec<Expected>, Fault> {
    Ok(story::Story::read(chrono::Utc::now())?.expected())
}
