//! The share of examples whose class is among the first few.

use super::{Direction, Metric, Predictions, Scored, mean};
use crate::error::Error;

/// The share of examples whose class is among the `k` with the largest scores. Of equal scores the
/// first class comes first, so that of `k = 1` is the [`Accuracy`](super::Accuracy).
///
/// ```
/// use gradtape::train::{Metric, TopKAccuracy};
/// use gradtape::{Indices, Tensor};
///
/// let logits = Tensor::from([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [3.0, 2.0, 1.0]]);
/// let labels = Indices::from([0, 1, 2]);
/// assert_eq!(TopKAccuracy::new(2).of(&logits, &labels)?, 2.0 / 3.0);
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct TopKAccuracy {
    k: usize,
    name: String,
}

impl TopKAccuracy {
    /// The accuracy of the first `k` guesses.
    ///
    /// # Panics
    ///
    /// If `k` is 0.
    #[track_caller]
    pub fn new(k: usize) -> Self {
        assert!(k > 0, "top-k accuracy: k must be at least 1");
        Self { k, name: format!("top_{k}_accuracy") }
    }
}

impl Metric for TopKAccuracy {
    fn name(&self) -> &str {
        &self.name
    }

    fn direction(&self) -> Direction {
        Direction::Higher
    }

    fn add(&self, sums: &mut Vec<f64>, predictions: &Predictions<'_>) -> Result<(), Error> {
        sums.resize(2, 0.0);
        for each in predictions.classes("top-k accuracy")? {
            let right = rank(&each).map_or(f64::NAN, |rank| f64::from(rank < self.k));
            sums[0] += each.weight * right;
            sums[1] += each.weight;
        }
        Ok(())
    }

    fn value(&self, sums: &[f64]) -> f64 {
        mean(sums)
    }
}

/// How many classes come before the right one; none if a score is NaN.
fn rank(Scored { scores, label, .. }: &Scored<'_>) -> Option<usize> {
    let right = scores[*label];
    let before = |(class, &score): (usize, &f32)| score > right || score == right && class < *label;
    let known = !scores.iter().any(|score| score.is_nan());
    known.then(|| scores.iter().enumerate().filter(|&each| before(each)).count())
}
