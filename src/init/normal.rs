//! The normal distribution.

use rand::RngExt;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use super::{Fans, Initializer};
use crate::seed::Seed;
use crate::shape::Shape;

/// A normal distribution, not truncated; [`within`](Self::within) truncates it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Normal {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub std: f64,
}

impl Normal {
    /// Panics unless there is such a distribution.
    pub(super) fn check(self, name: &str) {
        let Normal { mean, std } = self;
        assert!(mean.is_finite(), "{name}: the mean must be finite, not {mean}");
        assert!(
            std.is_finite() && std >= 0.0,
            "{name}: the standard deviation must be finite and not negative, not {std}"
        );
    }

    /// `shape.numel()` independent values.
    pub(super) fn draw(self, shape: &Shape, seed: Seed) -> Vec<f64> {
        let standard = seed.rng().sample_iter(StandardNormal);
        standard.take(shape.numel()).map(|z: f64| self.mean + self.std * z).collect()
    }
}

impl Initializer for Normal {
    fn sample(&self, shape: &Shape, _: Fans, seed: Seed) -> Vec<f64> {
        self.check("Normal");
        self.draw(shape, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(mean: f64, std: f64, seed: Seed) -> Vec<f64> {
        let shape = Shape::from([300, 200]);
        Normal { mean, std }.sample(&shape, Fans { fan_in: 1, fan_out: 1 }, seed)
    }

    #[test]
    fn mean_variance_and_tails_are_those_of_the_distribution() {
        let values = sample(-1.5, 0.25, Seed(7));
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        // Five standard errors: std/√n of the mean, √(2/n) relatively of the variance.
        assert!((mean + 1.5).abs() < 5.0 * 0.25 / count.sqrt(), "mean {mean}");
        let error = variance / 0.0625 - 1.0;
        assert!(error.abs() < 5.0 * (2.0 / count).sqrt(), "variance {variance}");
        // Nothing is cut off: 4.55 % lie beyond two standard deviations, 0.27 % beyond three.
        for (sigmas, share) in [(2.0, 0.0455), (3.0, 0.0027)] {
            let beyond = values.iter().filter(|x| (*x + 1.5).abs() > sigmas * 0.25).count() as f64;
            let error = 5.0 * (share / count).sqrt();
            assert!((beyond / count - share).abs() < error, "{beyond} beyond {sigmas}");
        }
    }

    #[test]
    fn a_seed_fixes_the_values() {
        assert_eq!(sample(0.0, 1.0, Seed(7)), sample(0.0, 1.0, Seed(7)));
        let (a, b) = (sample(0.0, 1.0, Seed(7)), sample(0.0, 1.0, Seed(8)));
        assert!(a.iter().zip(&b).all(|(a, b)| a != b));
    }

    #[test]
    fn no_deviation_gives_the_mean() {
        assert!(sample(3.0, 0.0, Seed(1)).iter().all(|&x| x == 3.0));
    }

    #[test]
    #[should_panic(
        expected = "Normal: the standard deviation must be finite and not negative, not -1"
    )]
    fn a_negative_deviation_panics() {
        sample(0.0, -1.0, Seed(1));
    }

    #[test]
    #[should_panic(
        expected = "Normal: the standard deviation must be finite and not negative, not NaN"
    )]
    fn an_undefined_deviation_panics() {
        sample(0.0, f64::NAN, Seed(1));
    }

    #[test]
    #[should_panic(expected = "Normal: the mean must be finite, not inf")]
    fn an_infinite_mean_panics() {
        sample(f64::INFINITY, 1.0, Seed(1));
    }
}
