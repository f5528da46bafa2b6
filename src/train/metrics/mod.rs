//! Metrics: how good predictions are, in numbers that people read.
//!
//! A metric is a value of its own type, which knows its name and whether more is better, so that
//! nothing has to be guessed from a name. It holds no numbers: what it gathers from batch to batch
//! is a list of sums that whoever runs the loop owns. A single set of predictions is measured by
//! [`Metric::of`]:
//!
//! ```
//! use gradtape::train::{Accuracy, Metric};
//! use gradtape::{Indices, Tensor};
//!
//! let logits = Tensor::from([[2.0, 0.5], [0.1, 0.3], [1.0, 3.0], [0.0, -1.0]]);
//! let labels = Indices::from([0, 1, 1, 1]);
//! assert_eq!(Accuracy.of(&logits, &labels)?, 0.75);
//! # Ok::<(), gradtape::Error>(())
//! ```

mod accuracy;
mod auc;
mod confusion;
mod named;
mod perplexity;
mod precision;
mod predictions;
mod r2;
mod regression;
mod top_k;

pub use accuracy::{Accuracy, CategoricalAccuracy};
pub use auc::Auc;
pub use confusion::ConfusionMatrix;
pub use named::Named;
pub use perplexity::Perplexity;
pub use precision::{F1, Precision, Recall};
pub use predictions::{Decided, Predictions, Scored, Target, Valued};
pub use r2::R2;
pub use regression::{MeanAbsoluteError, MeanSquaredError};
use serde::{Deserialize, Serialize};
pub use top_k::TopKAccuracy;

use crate::error::Error;
use crate::tensor::Tensor;

/// Which of two values is the better one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Direction {
    /// The lower one, as of a loss.
    Lower,
    /// The higher one, as of an accuracy.
    Higher,
}

impl Direction {
    /// Whether a value is better than another by more than `margin`. NaN is never better, and
    /// anything else is better than NaN.
    ///
    /// ```
    /// use gradtape::train::Direction;
    ///
    /// assert!(Direction::Higher.better(0.9, 0.8, 0.05));
    /// assert!(!Direction::Lower.better(0.9, 0.8, 0.0));
    /// assert!(!Direction::Lower.better(f64::NAN, 0.8, 0.0));
    /// ```
    pub fn better(self, value: f64, than: f64, margin: f64) -> bool {
        if than.is_nan() {
            return !value.is_nan();
        }
        match self {
            Direction::Lower => value < than - margin,
            Direction::Higher => value > than + margin,
        }
    }

    /// What any value is better than.
    pub fn worst(self) -> f64 {
        match self {
            Direction::Lower => f64::INFINITY,
            Direction::Higher => f64::NEG_INFINITY,
        }
    }
}

/// A measure of predictions.
///
/// It is a pure function in two parts: [`add`](Self::add) gathers what it needs of some examples
/// into sums, [`value`](Self::value) turns the sums into the number. So the result does not depend
/// on how the examples were cut into batches, and a checkpoint can hold the sums.
///
/// The metrics here honour the examples' weights, and are NaN where a prediction is: a run that
/// diverges has no accuracy.
///
/// ```
/// use gradtape::train::{Direction, Metric, Predictions};
/// use gradtape::{Error, Tensor};
///
/// /// The mean of the error's sign: 0 if the model errs as often to one side as to the other.
/// struct Tendency;
///
/// impl Metric for Tendency {
///     fn name(&self) -> &str {
///         "tendency"
///     }
///
///     fn direction(&self) -> Direction {
///         Direction::Lower
///     }
///
///     fn add(&self, sums: &mut Vec<f64>, predictions: &Predictions<'_>) -> Result<(), Error> {
///         sums.resize(2, 0.0);
///         for each in predictions.values("tendency")? {
///             sums[0] += each.weight * (each.predicted - each.target).signum();
///             sums[1] += each.weight;
///         }
///         Ok(())
///     }
///
///     fn value(&self, sums: &[f64]) -> f64 {
///         (sums[0] / sums[1]).abs()
///     }
/// }
///
/// let (predicted, target) = (Tensor::from([1.0, 2.0, 3.0]), Tensor::from([0.5, 2.5, 2.0]));
/// assert!((Tendency.of(&predicted, &target)? - 1.0 / 3.0).abs() < 1e-12);
/// # Ok::<(), Error>(())
/// ```
pub trait Metric: Send + Sync {
    /// The name in histories and logs, such as `accuracy`.
    fn name(&self) -> &str;

    /// Whether lower or higher values are better.
    fn direction(&self) -> Direction;

    /// Adds what is needed of some examples to the sums, which are empty at first.
    ///
    /// # Errors
    ///
    /// If predictions and targets are not of the kind that the metric measures.
    fn add(&self, sums: &mut Vec<f64>, predictions: &Predictions<'_>) -> Result<(), Error>;

    /// The metric of all examples whose sums these are; NaN of none.
    fn value(&self, sums: &[f64]) -> f64;

    /// The metric of these predictions.
    ///
    /// # Errors
    ///
    /// If predictions and targets are not of the kind that the metric measures.
    fn of<'a>(
        &self,
        predicted: &'a Tensor<f32>,
        target: impl Into<Target<'a>>,
    ) -> Result<f64, Error>
    where
        Self: Sized,
    {
        self.measure(&Predictions::new(predicted, target))
    }

    /// The metric of these predictions, which may have weights.
    ///
    /// # Errors
    ///
    /// If predictions and targets are not of the kind that the metric measures.
    fn measure(&self, predictions: &Predictions<'_>) -> Result<f64, Error> {
        let mut sums = Vec::new();
        self.add(&mut sums, predictions)?;
        Ok(self.value(&sums))
    }

    /// The same metric by a name of its own, as two of one name need to have in a training.
    ///
    /// ```
    /// use gradtape::train::{F1, Metric};
    ///
    /// let strict = F1::binary().threshold(2.0).named("strict_f1");
    /// assert_eq!(strict.name(), "strict_f1");
    /// ```
    fn named(self, name: impl Into<String>) -> Named<Self>
    where
        Self: Sized,
    {
        Named::new(name.into(), self)
    }
}

/// The quotient of the first two sums, of values and of their weights; NaN of no examples.
fn mean(sums: &[f64]) -> f64 {
    match *sums {
        [sum, weight, ..] => sum / weight,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests;
