//! One folder per screen, and the registry: a pane is a `mod` line and a row here.

pub mod conversations;
#[cfg(test)]
mod drawing;
pub mod health;
pub mod personality;
pub mod queue;
pub mod schema;

use crate::ui::host::Registration;

/// Every pane, in the order of the tabs.
pub fn registry() -> Vec<Registration> {
    vec![
        Registration::of::<health::Health>(),
        Registration::of::<queue::Queue>(),
        Registration::of::<conversations::Conversations>(),
        Registration::of::<personality::Personality>(),
        Registration::of::<schema::Schema>(),
    ]
}
