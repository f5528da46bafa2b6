//! What signals are multiplied by to make up for an activation that shrinks them.
//!
//! The values are PyTorch's (`calculate_gain`), to be used with the initializers that suppose no
//! activation, [`LecunNormal`](super::LecunNormal) and [`LecunUniform`](super::LecunUniform), as
//! well as Glorot's and [`Orthogonal`](super::Orthogonal). He's have that of ReLU built in.
//!
//! ```
//! use gradtape::init::gain;
//! use gradtape::prelude::*;
//!
//! let fans = Fans::dense(30, 30);
//! let by_gain = LecunNormal.gain(gain::RELU).sample(&[30, 30].into(), fans, Seed(1));
//! let built_in = HeNormal.sample(&[30, 30].into(), fans, Seed(1));
//! assert!(by_gain.iter().zip(&built_in).all(|(a, b)| (a - b).abs() < 1e-12));
//! ```

use serde::{Deserialize, Serialize};

use super::{Fans, Initializer};
use crate::seed::Seed;
use crate::shape::Shape;

/// No activation, and the logistic function.
pub const LINEAR: f64 = 1.0;

/// The hyperbolic tangent.
pub const TANH: f64 = 5.0 / 3.0;

/// ReLU: `√2`, since half of the signal is lost.
pub const RELU: f64 = std::f64::consts::SQRT_2;

/// SELU: less than 1, which lets deep networks settle at its fixed point.
pub const SELU: f64 = 0.75;

/// Leaky ReLU with this slope on the negative side: `√(2 / (1 + slope²))`.
pub fn leaky_relu(slope: f64) -> f64 {
    (2.0 / (1.0 + slope * slope)).sqrt()
}

/// The values of an initializer times a number: what [`Initializer::gain`] returns.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Gained<I> {
    /// What the values are drawn by.
    pub init: I,
    /// What they are multiplied by.
    pub factor: f64,
}

impl<I: Initializer> Initializer for Gained<I> {
    fn sample(&self, shape: &Shape, fans: Fans, seed: Seed) -> Vec<f64> {
        let factor = self.factor;
        assert!(factor.is_finite(), "gain: the factor must be finite, not {factor}");
        let mut values = self.init.sample(shape, fans, seed);
        values.iter_mut().for_each(|value| *value *= factor);
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::{GlorotNormal, Ones};

    #[test]
    fn values_are_multiplied() {
        let (shape, fans) = (Shape::from([2, 3]), Fans::dense(2, 3));
        let plain = GlorotNormal.sample(&shape, fans, Seed(3));
        let twice = GlorotNormal.gain(2.0).sample(&shape, fans, Seed(3));
        assert!(plain.iter().zip(twice).all(|(plain, twice)| 2.0 * plain == twice));
        assert_eq!(Ones.gain(3.0).gain(-0.5).sample(&shape, fans, Seed(3)), [-1.5; 6]);
    }

    #[test]
    #[should_panic(expected = "gain: the factor must be finite, not NaN")]
    fn a_gain_is_finite() {
        Ones.gain(f64::NAN).sample(&Shape::scalar(), Fans::dense(1, 1), Seed(1));
    }
}
