//! The share of right decisions.

use super::predictions::largest;
use super::{Decided, Direction, Metric, Predictions, mean};
use crate::error::Error;

/// The share of examples that are classified right.
///
/// With labels, predictions are `[.., classes]`, and the largest number of each row decides (logits
/// or probabilities, it is the same). With numbers of 0 and 1 as targets, or labels of 0 and 1 and
/// a single number for each, a logit decides for 1 if it is above 0. Numbers between 0 and 1 count as
/// what they are closer to, and -1, as of a hinge loss, as 0; any others are an error.
///
/// So targets `[n, classes]` are taken for `n · classes` decisions between yes and no, as in
/// classifications with several labels. If they are distributions over classes (one-hot, smoothed,
/// mixed), what is wanted is the [`CategoricalAccuracy`].
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

/// The share of examples whose largest prediction is at the place of the largest target: the accuracy
/// for targets that are distributions over classes, `[.., classes]`, as of
/// [`Dataset::one_hot`](crate::data::Dataset::one_hot) or [`Mixup`](crate::data::Mixup). Of equal
/// numbers the first one counts.
///
/// ```
/// use gradtape::Tensor;
/// use gradtape::train::{CategoricalAccuracy, Metric};
///
/// let logits = Tensor::from([[2.0, -1.0, 0.5], [-3.0, -1.0, -2.0], [0.0, 1.0, 0.5]]);
/// let targets = Tensor::from([[1.0, 0.0, 0.0], [0.0, 0.7, 0.3], [0.4, 0.0, 0.6]]);
/// assert_eq!(CategoricalAccuracy.of(&logits, &targets)?, 2.0 / 3.0);
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct CategoricalAccuracy;

impl Metric for CategoricalAccuracy {
    fn name(&self) -> &str {
        "categorical_accuracy"
    }

    fn direction(&self) -> Direction {
        Direction::Higher
    }

    fn add(&self, sums: &mut Vec<f64>, predictions: &Predictions<'_>) -> Result<(), Error> {
        sums.resize(2, 0.0);
        for (scores, targets, weight) in predictions.distributions("categorical accuracy")? {
            let right = match [scores, targets].map(largest) {
                [Some(predicted), Some(actual)] => f64::from(predicted == actual),
                _ => f64::NAN,
            };
            sums[0] += weight * right;
            sums[1] += weight;
        }
        Ok(())
    }

    fn value(&self, sums: &[f64]) -> f64 {
        mean(sums)
    }
}
