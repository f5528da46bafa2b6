//! Ending in order when the loss is not finite.

use super::{Callback, Decision};
use crate::graph::NonFinite;

/// Ends the training in order when the loss of a batch is NaN or infinite, with the weights of
/// before that batch; the reason says which operation made the first such number. Without it the
/// training ends with [`Error::Diverged`](crate::Error::Diverged), which says the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct StopOnNonFinite;

impl Callback for StopOnNonFinite {
    fn name(&self) -> &str {
        "StopOnNonFinite"
    }

    fn on_non_finite(&mut self, trace: Option<&NonFinite>) -> Decision {
        Decision::Stop(match trace {
            Some(trace) => format!("the loss is not finite: {trace}"),
            None => "the loss is not finite".to_string(),
        })
    }
}
