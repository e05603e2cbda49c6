//! Faults, races and volumes: a sample of each in every run of the suite, the full size with `just torture`.
//!
//! `ROBBIE_TORTURE` says how much: unset a sample, `full` all of it, a number that many percent of all. `ROBBIE_SEED`
//! repeats a run whose seed was printed.
#![allow(dead_code, reason = "what one subject needs, another may not")]

pub mod account;
pub mod checks;
mod commits;
mod disk;
mod echo;
mod faults;
mod kills;
mod model;
mod partitions;
mod poison;
mod races;
mod skew;
mod steps;
mod world;
mod writers;

/// How many rounds of a subject: `sample` in every run of the suite, `full` where it was asked for.
pub fn size(sample: usize, full: usize) -> usize {
    match variable("ROBBIE_TORTURE").as_deref() {
        None | Some("") => sample,
        Some("full") => full,
        Some(percent) => {
            let percent: usize = percent.parse().expect("ROBBIE_TORTURE is `full` or a number of percent");
            (full * percent / 100).max(1)
        }
    }
}

/// Whether more than a sample was asked for.
pub fn is_full() -> bool {
    size(0, 1) > 0
}

/// The seed of this run. What is printed is shown when the test fails.
pub fn seed() -> u64 {
    let seed = variable("ROBBIE_SEED")
        .map_or_else(|| uuid::Uuid::new_v4().as_u64_pair().1 >> 32, |s| s.parse().expect("ROBBIE_SEED is a number"));
    eprintln!("ROBBIE_SEED={seed}");
    seed
}

/// A small generator, so that a failure is repeated by its seed.
pub struct Draw(u64);

impl Draw {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[expect(clippy::disallowed_methods, reason = "of the tests, not of the program, which does not know these")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
