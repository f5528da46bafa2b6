//! The area under the receiver operating characteristic.

use super::{Direction, Metric, Predictions};
use crate::error::Error;

/// The area under the receiver operating characteristic (ROC): the probability that an example of
/// yes gets a higher score than one of no, where equal scores count half (J. Hanley and
/// B. McNeil, 1982):
///
/// `Σ wᵢ wⱼ ([sᵢ > sⱼ] + ½ [sᵢ = sⱼ]) / (Σ wᵢ · Σ wⱼ)`, over all `i` that are yes and `j` that are
/// no, with their weights.
///
/// It is ½ of scores that say nothing, and NaN if all examples are of one kind. For decisions
/// between yes and no: single logits with numbers or labels of 0 and 1, or `[.., 2]` with labels.
///
/// The value is exact, so what is gathered grows with the number of examples: three numbers each.
///
/// ```
/// use gradtape::Tensor;
/// use gradtape::train::{Auc, Metric};
///
/// let scores = Tensor::from([0.1, 0.4, 0.35, 0.8]);
/// assert_eq!(Auc.of(&scores, &Tensor::from([0.0, 0.0, 1.0, 1.0]))?, 0.75);
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Auc;

impl Metric for Auc {
    fn name(&self) -> &str {
        "auc"
    }

    fn direction(&self) -> Direction {
        Direction::Higher
    }

    /// Not sums, but the score, the target and the weight of each example.
    fn add(&self, sums: &mut Vec<f64>, predictions: &Predictions<'_>) -> Result<(), Error> {
        predictions.binary("auc", |each| {
            sums.extend([each.predicted, each.target, each.weight]);
        })
    }

    fn value(&self, sums: &[f64]) -> f64 {
        let mut examples: Vec<_> = sums.chunks_exact(3).map(|x| (x[0], x[1], x[2])).collect();
        if examples.iter().any(|(score, ..)| score.is_nan()) {
            return f64::NAN;
        }
        examples.sort_by(|(a, ..), (b, ..)| a.total_cmp(b));
        let (mut area, mut all_yes, mut all_no) = (0.0, 0.0, 0.0);
        // Unlike the order by which they were sorted, equality sees no sign of zero.
        for equal in examples.chunk_by(|(a, ..), (b, ..)| a == b) {
            let yes: f64 = equal.iter().map(|(_, target, weight)| target * weight).sum();
            let no: f64 = equal.iter().map(|(_, target, weight)| (1.0 - target) * weight).sum();
            area += yes * (all_no + 0.5 * no);
            all_yes += yes;
            all_no += no;
        }
        area / (all_yes * all_no)
    }
}
