//! How numbers are spread.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scalar::Scalar;

/// How many numbers fall into each of some bins of equal width, from the smallest to the largest
/// number. What is infinite or NaN falls into none.
///
/// ```
/// use gradtape::train::Histogram;
///
/// let histogram = Histogram::of(&[0.0_f32, 0.1, 0.2, 0.9, 2.0], 4);
/// assert_eq!(histogram.counts(), [3, 1, 0, 1]);
/// assert_eq!(histogram.edges().collect::<Vec<_>>(), [0.0, 0.5, 1.0, 1.5, 2.0]);
/// assert_eq!(histogram.to_string(), "█▃ ▃");
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Histogram {
    low: f64,
    high: f64,
    counts: Vec<u64>,
}

impl Histogram {
    /// The histogram of these numbers. If all are the same, the bins reach from ½ below to ½
    /// above.
    ///
    /// # Panics
    ///
    /// If there is not at least one bin.
    #[track_caller]
    pub fn of<T: Scalar>(numbers: &[T], bins: usize) -> Self {
        assert!(bins > 0, "a histogram has at least one bin");
        let finite = || numbers.iter().filter(|x| x.is_finite()).map(|x| x.to_f64());
        let (low, high) = (finite().reduce(f64::min), finite().reduce(f64::max));
        let (low, high) = match (low.unwrap_or(0.0), high.unwrap_or(0.0)) {
            (low, high) if low < high => (low, high),
            (low, high) => (low - 0.5, high + 0.5),
        };
        let mut counts = vec![0; bins];
        // The width itself may be too large for a number, its part of a bin is not.
        let width = high / bins as f64 - low / bins as f64;
        for x in finite() {
            let bin = ((x / width - low / width) as usize).min(bins - 1);
            counts[bin] += 1;
        }
        Self { low, high, counts }
    }

    /// How many numbers each bin holds.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Where the bins begin and end: one more than there are bins.
    pub fn edges(&self) -> impl Iterator<Item = f64> {
        let bins = self.counts.len();
        let at = move |i: usize| i as f64 / bins as f64;
        (0..=bins).map(move |i| self.low * (1.0 - at(i)) + self.high * at(i))
    }
}

/// A column of up to eight eighths for each bin; of the smallest count that is not 0, one eighth.
impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const COLUMNS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
        let most = self.counts.iter().copied().max().unwrap_or(0).max(1);
        let mut heights = self.counts.iter().map(|count| (count * 8).div_ceil(most) as usize);
        heights.try_for_each(|height| f.write_str(COLUMNS[height.min(8)]))
    }
}
