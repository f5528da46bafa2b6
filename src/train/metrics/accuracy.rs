//! The share of right decisions.

use super::{Decided, Direction, Metric, Predictions, mean};
use crate::error::Error;

/// The share of examples that are classified right.
///
/// With labels, predictions are `[.., classes]`, and the largest number of each row decides (logits
/// or probabilities, it is the same). With numbers of 0 and 1 as targets, or labels of 0 and 1 and
/// a single number for each, a logit decides for 1 if it is above 0. Numbers between 0 and 1 count as
/// what they are closer to, and -1, as of a hinge loss, as 0; any others are an error.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Accuracy;

impl Metric for Accuracy {
    fn name(&self) -> &str {
        "accuracy"
    }

    fn direction(&self) -> Direction {
        Direction::Higher
    }

    fn add(&self, sums: &mut Vec<f64>, predictions: &Predictions<'_>) -> Result<(), Error> {
        sums.resize(2, 0.0);
        predictions.decisions("accuracy", 0.0, |Decided { actual, predicted, .. }, weight| {
            let right = predicted.map_or(f64::NAN, |class| f64::from(class == actual));
            sums[0] += weight * right;
            sums[1] += weight;
        })
    }

    fn value(&self, sums: &[f64]) -> f64 {
        mean(sums)
    }
}
