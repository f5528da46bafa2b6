//! How many equally probable classes a model wavers between.

use super::{Direction, Metric, Predictions, mean};
use crate::error::Error;

/// `exp(Σ w H / Σ w)`, with the cross-entropy `H = ln Σ exp(z) - z(label)` of logits `z` for each
/// label: the number of equally probable classes that would be as hard to tell apart. It is 1 of
/// certainty, and the number of classes of logits that say nothing.
///
/// ```
/// use gradtape::train::{Metric, Perplexity};
/// use gradtape::{Indices, Tensor};
///
/// let logits = Tensor::from([[0.0, 0.0, 0.0, 0.0]]);
/// assert_eq!(Perplexity.of(&logits, &Indices::from([2]))?, 4.0);
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Perplexity;

impl Metric for Perplexity {
    fn name(&self) -> &str {
        "perplexity"
    }

    fn direction(&self) -> Direction {
        Direction::Lower
    }

    fn add(&self, sums: &mut Vec<f64>, predictions: &Predictions<'_>) -> Result<(), Error> {
        sums.resize(2, 0.0);
        for each in predictions.classes("perplexity")? {
            let largest = f64::from(each.scores.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            let exps = each.scores.iter().map(|&score| (f64::from(score) - largest).exp());
            let total: f64 = exps.sum();
            let entropy = total.ln() - (f64::from(each.scores[each.label]) - largest);
            sums[0] += each.weight * entropy;
            sums[1] += each.weight;
        }
        Ok(())
    }

    fn value(&self, sums: &[f64]) -> f64 {
        mean(sums).exp()
    }
}
