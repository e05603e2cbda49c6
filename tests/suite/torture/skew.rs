//! A replica whose clock is wrong gets the same results as one whose clock is right.

use super::model;
use super::steps::{self, What};
use super::world::World;
use super::{Draw, checks, seed, size};

/// What the replica's clocks show, from the first step on and from the middle on.
const CLOCKS: [(&str, &str); 3] = [("-1 day", "-1 day"), ("1 day", "1 day"), ("1 hour", "-1 hour")];

#[tokio::test]
async fn the_clock_of_a_replica_decides_nothing() {
    let (seed, rounds) = (seed(), size(1, 100) as u64);
    let mut worlds = vec![];
    for _ in 0..=CLOCKS.len() {
        worlds.push(World::new(1).await);
    }
    for run in 1..=rounds {
        let mut steps = steps::draw(&mut Draw::new(seed + (run << 20)), 1);
        // Where an engine dies differs from run to run; a jump is what this test makes itself.
        steps.retain(|s| !matches!(s.what, What::Crash { .. } | What::ClockJump { .. }));
        let (head, tail) = steps.split_at(steps.len() / 2);
        let mut right = None;
        for (place, world) in worlds.iter_mut().enumerate() {
            let clocks = if place == 0 { ("0", "0") } else { CLOCKS[place - 1] };
            let halves = [(clocks.0, head), (clocks.1, tail)];
            let done = model::under_clocks(world, run, &halves).await;
            let done = done.unwrap_or_else(|e| panic!("seed {seed}, run {run}, clocks {clocks:?}: {e}\n{steps:?}"));
            match &right {
                None => right = Some(done),
                Some((model, evidence)) => {
                    let same = checks::i17_the_same_inputs_give_the_same(model, evidence, &done.0, &done.1);
                    same.unwrap_or_else(|e| panic!("seed {seed}, run {run}, clocks {clocks:?}: {e}\n{steps:?}"));
                }
            }
        }
    }
}
