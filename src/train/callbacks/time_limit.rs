//! Pausing after some time.

use std::time::Duration;

use super::{Callback, Decision, Moment};
use crate::error::Error;

/// Ends a run after the batch in which the time runs out. How far such a run gets depends on the
/// machine. The training is not done: a [`ModelCheckpoint`](super::ModelCheckpoint), other than
/// one of the best, saves it then, wherever in an epoch it is, to go on where that is
/// [resumed](crate::train::Fit::resume).
#[derive(Clone, Copy, Debug)]
pub struct TimeLimit(pub Duration);

impl Callback for TimeLimit {
    fn name(&self) -> &str {
        "TimeLimit"
    }

    fn after_batch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        Ok(if moment.elapsed < self.0 {
            Decision::Continue
        } else {
            Decision::Pause(format!("{:.1?} are over", self.0))
        })
    }
}
