//! A closure as a callback.

use super::{Callback, Decision, Moment};
use crate::error::Error;

/// Calls a closure after each epoch, which decides how the training goes on.
///
/// ```
/// use gradtape::train::{Decision, OnEpoch};
///
/// let report = OnEpoch::new(|moment| {
///     println!("epoch {} after {:.1?}", moment.epoch + 1, moment.elapsed);
///     Ok(Decision::Continue)
/// });
/// ```
pub struct OnEpoch<F>(F);

impl<F: FnMut(&Moment<'_>) -> Result<Decision, Error>> OnEpoch<F> {
    /// A callback that is this closure.
    pub fn new(decide: F) -> Self {
        Self(decide)
    }
}

impl<F: FnMut(&Moment<'_>) -> Result<Decision, Error>> Callback for OnEpoch<F> {
    fn name(&self) -> &str {
        "OnEpoch"
    }

    fn after_epoch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        (self.0)(moment)
    }
}
