//! Which classes are taken for which.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Decided, Predictions, Target};
use crate::error::Error;
use crate::tensor::Tensor;

/// How often each class was taken for each: a row for each actual class, a column for each
/// predicted one. Examples count by their weight.
///
/// ```
/// use gradtape::train::ConfusionMatrix;
/// use gradtape::{Indices, Tensor};
///
/// let logits = Tensor::from([[2.0, 0.5], [0.1, 0.3], [1.0, 3.0], [0.0, -1.0]]);
/// let matrix = ConfusionMatrix::of(&logits, &Indices::from([0, 1, 1, 1]))?;
/// assert_eq!(matrix.count(1, 0), 1.0);
/// assert_eq!((matrix.precision(1), matrix.recall(1)), (1.0, 2.0 / 3.0));
/// println!("{matrix}");
/// # Ok::<(), gradtape::Error>(())
/// ```
///
/// Precision, recall and F1 are 0 where they are `0 / 0`, but NaN of a class that occurs neither
/// among targets nor among predictions. If a prediction is NaN, so is all that depends on what was
/// decided for that class.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct ConfusionMatrix {
    classes: usize,
    /// Row by row, one row an actual class.
    counts: Vec<f64>,
}

impl ConfusionMatrix {
    /// The matrix of these predictions, where decisions are made as by
    /// [`Accuracy`](super::Accuracy).
    ///
    /// # Errors
    ///
    /// If predictions and targets are not those of classes.
    pub fn of<'a>(
        predicted: &'a Tensor<f32>,
        target: impl Into<Target<'a>>,
    ) -> Result<Self, Error> {
        let mut matrix = Self::default();
        matrix.add(&Predictions::new(predicted, target))?;
        Ok(matrix)
    }

    /// Counts more predictions, of the same number of classes.
    ///
    /// # Errors
    ///
    /// If predictions and targets are not those of classes, or of another number of them.
    pub fn add(&mut self, predictions: &Predictions<'_>) -> Result<(), Error> {
        add(&mut self.counts, predictions, "confusion matrix", 0.0)?;
        self.classes = self.counts.len().isqrt();
        Ok(())
    }

    /// The matrix that these are the counts of.
    pub(super) fn from_counts(counts: &[f64]) -> Self {
        Self { classes: counts.len().isqrt(), counts: counts.to_vec() }
    }

    /// The number of classes; 0 before anything was counted.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How often a class was predicted for an actual one.
    ///
    /// # Panics
    ///
    /// If there is no such class, as in all methods that take one.
    #[track_caller]
    pub fn count(&self, actual: usize, predicted: usize) -> f64 {
        self.check(actual);
        self.check(predicted);
        self.counts[actual * self.classes + predicted]
    }

    /// How often a class is the actual one: the sum of its row.
    #[track_caller]
    pub fn actual(&self, class: usize) -> f64 {
        (0..self.classes).map(|predicted| self.count(class, predicted)).sum()
    }

    /// How often a class is predicted: the sum of its column.
    #[track_caller]
    pub fn predicted(&self, class: usize) -> f64 {
        (0..self.classes).map(|actual| self.count(actual, class)).sum()
    }

    /// The sum of all counts.
    pub fn total(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// The share of right decisions: the sum of the diagonal over that of all.
    pub fn accuracy(&self) -> f64 {
        self.right() / self.total()
    }

    /// Of the predictions of a class, the share that is right.
    #[track_caller]
    pub fn precision(&self, class: usize) -> f64 {
        self.ratio(class, self.predicted(class))
    }

    /// Of the examples of a class, the share that is found.
    #[track_caller]
    pub fn recall(&self, class: usize) -> f64 {
        self.ratio(class, self.actual(class))
    }

    /// The harmonic mean of precision and recall of a class: twice the right ones over the sum of
    /// predicted and actual ones.
    #[track_caller]
    pub fn f1(&self, class: usize) -> f64 {
        self.ratio(class, 0.5 * (self.predicted(class) + self.actual(class)))
    }

    /// The right decisions for a class over something.
    #[track_caller]
    fn ratio(&self, class: usize, all: f64) -> f64 {
        let occurs = self.actual(class) != 0.0 || self.predicted(class) != 0.0;
        match (occurs, all == 0.0) {
            (false, _) => f64::NAN,
            (true, true) => 0.0,
            (true, false) => self.count(class, class) / all,
        }
    }

    /// The sum of the diagonal.
    fn right(&self) -> f64 {
        self.counts.iter().step_by(self.classes + 1).sum()
    }

    /// The classes that occur among targets or predictions.
    pub(super) fn occurring(&self) -> impl Iterator<Item = usize> {
        (0..self.classes).filter(|&class| self.actual(class) != 0.0 || self.predicted(class) != 0.0)
    }

    #[track_caller]
    fn check(&self, class: usize) {
        let classes = self.classes;
        assert!(class < classes, "confusion matrix: class {class} of {classes} classes");
    }
}

/// Counts decisions into a square matrix, which is empty at first.
pub(super) fn add(
    counts: &mut Vec<f64>,
    predictions: &Predictions<'_>,
    metric: &'static str,
    threshold: f64,
) -> Result<(), Error> {
    let mut others = None;
    predictions.decisions(metric, threshold, |decision, weight| {
        let Decided { actual, predicted, classes } = decision;
        if counts.is_empty() {
            counts.resize(classes * classes, 0.0);
        }
        if counts.len() != classes * classes {
            others = Some(classes);
            return;
        }
        let row = &mut counts[actual * classes..][..classes];
        match predicted {
            Some(predicted) => row[predicted] += weight,
            // It may have been any of them.
            None => row.fill(f64::NAN),
        }
    })?;
    match others {
        None => Ok(()),
        Some(classes) => {
            let expected = format!("{} classes as before", counts.len().isqrt());
            Err(Error::argument(metric, expected, classes))
        }
    }
}

impl From<ConfusionMatrix> for Vec<f64> {
    fn from(matrix: ConfusionMatrix) -> Self {
        matrix.counts
    }
}

impl TryFrom<Vec<f64>> for ConfusionMatrix {
    type Error = Error;

    fn try_from(counts: Vec<f64>) -> Result<Self, Error> {
        let classes = counts.len().isqrt();
        if classes * classes != counts.len() {
            let found = format!("{} counts", counts.len());
            return Err(Error::argument("confusion matrix", "a square of counts", found));
        }
        Ok(Self { classes, counts })
    }
}

/// A table: a row for each actual class, a column for each predicted one, and each class' recall
/// and precision at the margins.
impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes = 0..self.classes;
        let digits = self.counts.iter().map(|&count| number(count).len()).max().unwrap_or(0);
        let width = digits.max(6);
        write!(f, "actual \\ predicted")?;
        classes.clone().try_for_each(|class| write!(f, "  {class:>width$}"))?;
        writeln!(f, "  {:>6}", "recall")?;
        for actual in classes.clone() {
            write!(f, "{actual:>18}")?;
            let mut row = classes.clone().map(|predicted| number(self.count(actual, predicted)));
            row.try_for_each(|count| write!(f, "  {count:>width$}"))?;
            writeln!(f, "  {:>6.3}", self.recall(actual))?;
        }
        write!(f, "{:>18}", "precision")?;
        classes.clone().try_for_each(|class| write!(f, "  {:>width$.3}", self.precision(class)))?;
        write!(f, "  {:>6.3}", self.accuracy())
    }
}

/// A count, which is whole unless examples have weights.
fn number(count: f64) -> String {
    if count.fract() == 0.0 { count.to_string() } else { format!("{count:.2}") }
}
