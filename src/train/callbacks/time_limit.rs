//! Stopping after some time.

use std::time::Duration;

use super::{Callback, Decision, Moment};
use crate::error::Error;

/// Stops after the batch in which the time runs out. What such a run arrives at depends on the
/// machine; a checkpoint of it can be resumed.
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
            Decision::Stop(format!("{:.1?} are over", self.0))
        })
    }
}
