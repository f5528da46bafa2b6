//! The share of the variance that is explained.

use super::{Direction, Metric, Predictions};
use crate::error::Error;

/// The coefficient of determination, `1 - Σ w (y - t)² / Σ w (t - t̄)²`, with the targets' mean `t̄`:
/// 1 of perfect predictions, 0 of those that are always the mean, negative of worse ones.
///
/// Of several outputs (all axes but the first) it is the mean of the outputs' own; NaN if the
/// targets of one of them are all the same, for then there is no variance to be explained.
///
/// ```
/// use gradtape::Tensor;
/// use gradtape::train::{Metric, R2};
///
/// let (predicted, target) = (Tensor::from([1.0, 2.0, 4.0]), Tensor::from([1.0, 2.0, 3.0]));
/// assert_eq!(R2.of(&predicted, &target)?, 0.5);
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct R2;

/// What is gathered of each output: the weight, the mean of the targets, their squared distances
/// from it, and the squared errors.
const COLUMNS: usize = 4;

impl Metric for R2 {
    fn name(&self) -> &str {
        "r2"
    }

    fn direction(&self) -> Direction {
        Direction::Higher
    }

    /// The mean and the distances from it are updated example by example, which loses no digits
    /// where the mean is large (D. West, 1979).
    fn add(&self, sums: &mut Vec<f64>, predictions: &Predictions<'_>) -> Result<(), Error> {
        let values = predictions.values("r2")?;
        let outputs: usize = predictions.predicted.shape().iter().skip(1).product();
        if sums.is_empty() {
            sums.resize(COLUMNS * outputs, 0.0);
        }
        if sums.len() != COLUMNS * outputs {
            let expected = format!("{} outputs as before", sums.len() / COLUMNS);
            return Err(Error::argument("r2", expected, outputs));
        }
        for (i, each) in values.enumerate().filter(|(_, each)| each.weight != 0.0) {
            let output = &mut sums[i % outputs * COLUMNS..][..COLUMNS];
            let distance = each.target - output[1];
            output[0] += each.weight;
            output[1] += distance * each.weight / output[0];
            output[2] += each.weight * distance * (each.target - output[1]);
            output[3] += each.weight * (each.predicted - each.target).powi(2);
        }
        Ok(())
    }

    fn value(&self, sums: &[f64]) -> f64 {
        let of_output = |output: &[f64]| match output[2] {
            0.0 => f64::NAN,
            variance => 1.0 - output[3] / variance,
        };
        let outputs = sums.chunks_exact(COLUMNS);
        outputs.clone().map(of_output).sum::<f64>() / outputs.len() as f64
    }
}
