//! The uniform distribution.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{Fans, Initializer};
use crate::seed::Seed;
use crate::shape::Shape;

/// A uniform distribution between two bounds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Uniform {
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl Uniform {
    /// `shape.numel()` independent values.
    pub(super) fn draw(self, shape: &Shape, seed: Seed) -> Vec<f64> {
        let bounds = self.low..=self.high;
        let mut rng = seed.rng();
        (0..shape.numel()).map(|_| rng.random_range(bounds.clone())).collect()
    }
}

impl Initializer for Uniform {
    fn sample(&self, shape: &Shape, _: Fans, seed: Seed) -> Vec<f64> {
        let Uniform { low, high } = *self;
        assert!(
            low <= high && (high - low).is_finite(),
            "Uniform: the bounds must be finite, and `low` not above `high`; they are {low}, {high}"
        );
        self.draw(shape, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(low: f64, high: f64, seed: Seed) -> Vec<f64> {
        let shape = Shape::from([300, 200]);
        Uniform { low, high }.sample(&shape, Fans { fan_in: 1, fan_out: 1 }, seed)
    }

    #[test]
    fn mean_variance_and_bounds_are_those_of_the_distribution() {
        let values = sample(-1.0, 3.0, Seed(7));
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        // Five standard errors: σ/√n of the mean, √(0.8/n) relatively of the variance (the
        // distribution's kurtosis is 1.8); σ² = 4²/12.
        assert!((mean - 1.0).abs() < 5.0 * (16.0 / 12.0 / count).sqrt(), "mean {mean}");
        let error = variance / (16.0 / 12.0) - 1.0;
        assert!(error.abs() < 5.0 * (0.8 / count).sqrt(), "variance {variance}");
        assert!(values.iter().all(|x| (-1.0..=3.0).contains(x)));
        // The bounds are approached: the chance that 60,000 values miss a margin of 0.001 is e⁻¹⁵.
        assert!(values.iter().any(|&x| x < -0.999) && values.iter().any(|&x| x > 2.999));
    }

    #[test]
    fn a_seed_fixes_the_values() {
        assert_eq!(sample(0.0, 1.0, Seed(7)), sample(0.0, 1.0, Seed(7)));
        let (a, b) = (sample(0.0, 1.0, Seed(7)), sample(0.0, 1.0, Seed(8)));
        assert!(a.iter().zip(&b).all(|(a, b)| a != b));
    }

    #[test]
    fn equal_bounds_give_their_value() {
        assert!(sample(3.0, 3.0, Seed(1)).iter().all(|&x| x == 3.0));
    }

    #[test]
    #[should_panic(expected = "`low` not above `high`; they are 1, 0")]
    fn crossed_bounds_panic() {
        sample(1.0, 0.0, Seed(1));
    }

    #[test]
    #[should_panic(expected = "Uniform: the bounds must be finite")]
    fn an_undefined_bound_panics() {
        sample(f64::NAN, 0.0, Seed(1));
    }

    #[test]
    #[should_panic(expected = "Uniform: the bounds must be finite")]
    fn an_infinite_bound_panics() {
        sample(0.0, f64::INFINITY, Seed(1));
    }
}
