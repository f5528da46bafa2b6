//! Many numbers in a few.

use serde::Serialize;

use super::Histogram;
use crate::scalar::Scalar;

/// What many numbers look like. All but the last two fields are of the finite ones.
///
/// ```
/// use gradtape::train::Summary;
///
/// let summary = Summary::of(&[0.0_f32, 0.0, 3.0, 1.0, f32::NAN]);
/// assert_eq!((summary.mean, summary.smallest, summary.largest), (1.0, 0.0, 3.0));
/// assert_eq!((summary.zeros, summary.non_finite, summary.count), (0.5, 1, 5));
/// ```
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The mean; NaN if there are no numbers, as the next three.
    pub mean: f64,
    /// The standard deviation: the root of the mean squared distance from the mean.
    pub deviation: f64,
    /// The smallest number.
    pub smallest: f64,
    /// The largest number.
    pub largest: f64,
    /// The share of zeros.
    pub zeros: f64,
    /// How they are spread.
    pub histogram: Histogram,
    /// How many are infinite or NaN.
    pub non_finite: usize,
    /// How many there are.
    pub count: usize,
}

impl Summary {
    /// The number of bins of the histogram.
    pub const BINS: usize = 20;

    /// The summary of these numbers.
    pub fn of<T: Scalar>(numbers: &[T]) -> Self {
        let finite = || numbers.iter().filter(|x| x.is_finite()).map(|x| x.to_f64());
        let count = finite().count();
        let mean_of = |f: &dyn Fn(f64) -> f64| finite().map(f).sum::<f64>() / count as f64;
        let mean = mean_of(&|x| x);
        let histogram = Histogram::of(numbers, Self::BINS);
        Self {
            mean,
            deviation: mean_of(&|x| (x - mean).powi(2)).sqrt(),
            smallest: finite().reduce(f64::min).unwrap_or(f64::NAN),
            largest: finite().reduce(f64::max).unwrap_or(f64::NAN),
            zeros: mean_of(&|x| f64::from(x == 0.0)),
            histogram,
            non_finite: numbers.len() - count,
            count: numbers.len(),
        }
    }
}
