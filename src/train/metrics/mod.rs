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

pub use accuracy::Accuracy;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::tensor::{Indices, Tensor};

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

/// What predictions are compared with.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// Whole numbers, such as the labels of classes.
    Labels(&'a Indices),
    /// Numbers, as many as predictions.
    Values(&'a Tensor<f32>),
}

impl<'a> From<&'a Indices> for Target<'a> {
    fn from(labels: &'a Indices) -> Self {
        Target::Labels(labels)
    }
}

impl<'a> From<&'a Tensor<f32>> for Target<'a> {
    fn from(values: &'a Tensor<f32>) -> Self {
        Target::Values(values)
    }
}

/// Predictions for some examples, what they should have been, and how much each example counts.
#[derive(Clone, Copy, Debug)]
pub struct Predictions<'a> {
    /// What the model gave, an example at each place of the first axis.
    pub predicted: &'a Tensor<f32>,
    /// What was wanted.
    pub target: Target<'a>,
    /// The weight of each example; 1 if there are none.
    pub weights: Option<&'a [f32]>,
}

impl Predictions<'_> {
    /// The number of examples.
    pub fn len(&self) -> usize {
        self.predicted.shape().first().copied().unwrap_or(0)
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The weight of an example.
    pub fn weight(&self, example: usize) -> f64 {
        self.weights.map_or(1.0, |weights| f64::from(weights[example]))
    }

    /// Labels of classes, one for each row of predictions `[examples, classes]`.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there are others, in the name of a metric.
    pub fn classes(&self, metric: &'static str) -> Result<(&Indices, usize), Error> {
        let shape = self.predicted.shape();
        match (self.target, &shape[..]) {
            (Target::Labels(labels), &[.., classes])
                if labels.shape()[..] == shape[..shape.rank() - 1] =>
            {
                Ok((labels, classes))
            }
            (Target::Labels(labels), _) => {
                let expected = format!("a label for each row of predictions of shape {shape}");
                Err(Error::argument(
                    metric,
                    expected,
                    format!("labels of shape {}", labels.shape()),
                ))
            }
            (Target::Values(_), _) => Err(Error::argument(metric, "labels of classes", "numbers")),
        }
    }

    /// Target numbers, one for each predicted number.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there are others, in the name of a metric.
    pub fn values(&self, metric: &'static str) -> Result<&Tensor<f32>, Error> {
        let shape = self.predicted.shape();
        match self.target {
            Target::Values(values) if values.shape() == shape => Ok(values),
            Target::Values(values) => {
                let expected = format!("targets of the predictions' shape {shape}");
                Err(Error::argument(metric, expected, values.shape()))
            }
            Target::Labels(_) => Err(Error::argument(metric, "numbers", "labels of classes")),
        }
    }
}

/// A measure of predictions.
///
/// It is a pure function in two parts: [`add`](Self::add) gathers what it needs of some examples
/// into sums, [`value`](Self::value) turns the sums into the number. So the result does not depend
/// on how the examples were cut into batches, and a checkpoint can hold the sums.
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
///         let targets = predictions.values("tendency")?.data();
///         for (y, t) in predictions.predicted.data().iter().zip(targets) {
///             sums[0] += f64::from((y - t).signum());
///             sums[1] += 1.0;
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
        let mut sums = Vec::new();
        self.add(&mut sums, &Predictions { predicted, target: target.into(), weights: None })?;
        Ok(self.value(&sums))
    }
}

/// The quotient of the first two sums; NaN if there were no examples.
fn mean(sums: &[f64]) -> f64 {
    match *sums {
        [sum, weight, ..] => sum / weight,
        _ => f64::NAN,
    }
}
