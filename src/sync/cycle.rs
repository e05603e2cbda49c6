//! One cycle: a push and a pull.

use super::report::{CycleOptions, CycleReport};
use crate::postgres::{Fault, Kind, Pair};

/// Runs one cycle, unless another engine works on this replica.
pub async fn cycle(_pair: &Pair, _options: CycleOptions) -> Result<CycleReport, Fault> {
    Err(Fault::new(Kind::Other, "the engine is being built"))
}
