//! The normal distribution, cut off.

use rand::RngExt;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use super::{Fans, Initializer, Normal};
use crate::seed::Seed;
use crate::shape::Shape;

/// The standard deviation of the standard normal distribution cut off at -2 and 2.
const STD_WITHIN_TWO: f64 = 0.879_625_661_034_239_8;

/// A normal distribution of which only what lies in an interval is drawn.
///
/// ```
/// use gradtape::prelude::*;
///
/// let init = TruncatedNormal::new(0.0, 0.05);
/// let values = init.sample(&[100, 100].into(), Fans::dense(100, 100), Seed(1));
/// let variance = values.iter().map(|x| x * x).sum::<f64>() / 1e4;
/// assert!((variance.sqrt() / 0.05 - 1.0).abs() < 0.03);
/// assert!(values.iter().all(|x| x.abs() < 0.114));
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct TruncatedNormal {
    normal: Normal,
    low: f64,
    high: f64,
}

impl TruncatedNormal {
    /// Cut off at two standard deviations of the distribution that is cut, so that 4.55 % of it are
    /// lost. Mean and standard deviation are those of the result: what is cut is wider, by
    /// 1 / 0.8796. (Keras takes the number for that of what is cut.)
    pub fn new(mean: f64, std: f64) -> Self {
        let std = std / STD_WITHIN_TWO;
        Normal { mean, std }.within(mean - 2.0 * std, mean + 2.0 * std)
    }

    /// `shape.numel()` independent values.
    pub(super) fn draw(self, shape: &Shape, seed: Seed) -> Vec<f64> {
        let Self { normal: Normal { mean, std }, low, high } = self;
        let standard = seed.rng().sample_iter(StandardNormal);
        let values = standard.map(|z: f64| mean + std * z);
        values.filter(|value| (low..=high).contains(value)).take(shape.numel()).collect()
    }

    /// The part of the whole distribution that is kept.
    fn mass(&self) -> f64 {
        let Self { normal: Normal { mean, std }, low, high } = *self;
        if std == 0.0 {
            return if (low..=high).contains(&mean) { 1.0 } else { 0.0 };
        }
        let below = |bound: f64| libm::erf((bound - mean) / std / std::f64::consts::SQRT_2);
        (below(high) - below(low)) / 2.0
    }
}

impl Normal {
    /// This distribution cut off at two values, which may be infinite. Mean and standard deviation
    /// are those before the cut.
    pub fn within(self, low: f64, high: f64) -> TruncatedNormal {
        TruncatedNormal { normal: self, low, high }
    }
}

impl Initializer for TruncatedNormal {
    fn sample(&self, shape: &Shape, _: Fans, seed: Seed) -> Vec<f64> {
        let Self { normal, low, high } = *self;
        normal.check("TruncatedNormal");
        // Values outside are drawn again, so this bounds the time it takes.
        assert!(
            self.mass() >= 0.01,
            "TruncatedNormal: less than 1 % of N({}, {}) lies between {low} and {high}",
            normal.mean,
            normal.std
        );
        self.draw(shape, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FANS: Fans = Fans { fan_in: 1, fan_out: 1 };

    fn sample(init: TruncatedNormal) -> Vec<f64> {
        init.sample(&[300, 200].into(), FANS, Seed(7))
    }

    fn mean_and_std(values: &[f64]) -> (f64, f64) {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        (mean, variance.sqrt())
    }

    #[test]
    fn the_deviation_asked_for_is_the_one_that_results() {
        let values = sample(TruncatedNormal::new(-1.5, 0.25));
        let (mean, std) = mean_and_std(&values);
        let count = values.len() as f64;
        assert!((mean + 1.5).abs() < 5.0 * 0.25 / count.sqrt(), "mean {mean}");
        assert!((std / 0.25 - 1.0).abs() < 5.0 / (2.0 * count).sqrt(), "deviation {std}");
        let bound = 2.0 * 0.25 / STD_WITHIN_TWO;
        let largest = values.iter().fold(0.0, |largest: f64, x| largest.max((x + 1.5).abs()));
        assert!((0.995 * bound..=bound).contains(&largest), "{largest}");
    }

    #[test]
    fn half_of_a_normal_distribution_has_its_own_mean() {
        let values = sample(Normal { mean: 0.0, std: 2.0 }.within(0.0, f64::INFINITY));
        let (mean, std) = mean_and_std(&values);
        let count = values.len() as f64;
        // of the half-normal distribution: σ√(2/π) and σ√(1 - 2/π), kurtosis 3.87
        let (want, deviation) = (1.595_769_121_605_731, 1.205_620_488_663_643_6);
        assert!((mean - want).abs() < 5.0 * deviation / count.sqrt(), "mean {mean}");
        assert!((std / deviation - 1.0).abs() < 5.0 * (0.72 / count).sqrt(), "deviation {std}");
        assert!(values.iter().all(|&x| x >= 0.0));
    }

    #[test]
    fn no_deviation_gives_the_mean() {
        assert!(sample(TruncatedNormal::new(3.0, 0.0)).iter().all(|&x| x == 3.0));
    }

    #[test]
    #[should_panic(expected = "TruncatedNormal: less than 1 % of N(0, 1) lies between 4 and 5")]
    fn an_interval_far_out_panics() {
        sample(Normal { mean: 0.0, std: 1.0 }.within(4.0, 5.0));
    }

    #[test]
    #[should_panic(expected = "TruncatedNormal: less than 1 % of N(0, 1) lies between NaN and 5")]
    fn an_undefined_interval_panics() {
        sample(Normal { mean: 0.0, std: 1.0 }.within(f64::NAN, 5.0));
    }

    #[test]
    #[should_panic(expected = "TruncatedNormal: the standard deviation must be finite")]
    fn a_negative_deviation_panics() {
        sample(TruncatedNormal::new(0.0, -1.0));
    }
}
