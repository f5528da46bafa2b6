//! All values the same.

use serde::{Deserialize, Serialize};

use super::{Fans, Initializer};
use crate::seed::Seed;
use crate::shape::Shape;

/// All values 0.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Zeros;

/// All values 1.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Ones;

/// All values the given number.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Constant(pub f64);

impl Initializer for Zeros {
    fn sample(&self, shape: &Shape, _: Fans, _: Seed) -> Vec<f64> {
        vec![0.0; shape.numel()]
    }
}

impl Initializer for Ones {
    fn sample(&self, shape: &Shape, _: Fans, _: Seed) -> Vec<f64> {
        vec![1.0; shape.numel()]
    }
}

impl Initializer for Constant {
    fn sample(&self, shape: &Shape, _: Fans, _: Seed) -> Vec<f64> {
        let value = self.0;
        assert!(value.is_finite(), "Constant: the value must be finite, not {value}");
        vec![value; shape.numel()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FANS: Fans = Fans { fan_in: 1, fan_out: 1 };

    #[test]
    fn all_values_are_the_constant() {
        let shape = Shape::from([2, 3]);
        assert_eq!(Zeros.sample(&shape, FANS, Seed(1)), [0.0; 6]);
        assert_eq!(Ones.sample(&shape, FANS, Seed(1)), [1.0; 6]);
        assert_eq!(Constant(-0.5).sample(&Shape::scalar(), FANS, Seed(1)), [-0.5]);
    }

    #[test]
    #[should_panic(expected = "Constant: the value must be finite, not NaN")]
    fn a_constant_is_finite() {
        Constant(f64::NAN).sample(&Shape::scalar(), FANS, Seed(1));
    }

    #[test]
    fn initializers_are_configuration() {
        assert_eq!(serde_json::to_string(&Constant(0.5)).unwrap(), "0.5");
        assert_eq!(serde_json::from_str::<Constant>("0.5").unwrap(), Constant(0.5));
    }
}
