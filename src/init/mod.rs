//! Initializers: where the values of parameters start.
//!
//! | initializer | distribution |
//! |---|---|
//! | [`Zeros`], [`Ones`], [`Constant`] | one value |
//! | [`Normal`], [`Uniform`] | as given |
//! | [`GlorotNormal`], [`GlorotUniform`] | variance `2 / (fan_in + fan_out)`, for tanh and sigmoid |
//! | [`HeNormal`], [`HeUniform`] | variance `2 / fan_in`, for ReLU |
//! | [`LecunNormal`], [`LecunUniform`] | variance `1 / fan_in`, for SELU |
//!
//! The normal ones are plain normal distributions, as in PyTorch (`xavier_normal_`,
//! `kaiming_normal_`). Keras' of the same names are cut off at two standard deviations and widened
//! so that the variance comes out the same.

mod constant;
mod normal;
mod scaled;
mod uniform;

pub use constant::{Constant, Ones, Zeros};
pub use normal::Normal;
pub use scaled::{GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform};
use serde::{Deserialize, Serialize};
pub use uniform::Uniform;

use crate::seed::Seed;
use crate::shape::Shape;

/// Where the values of a parameter start.
///
/// ```
/// use gradtape::prelude::*;
///
/// let fans = Fans { fan_in: 784, fan_out: 512 };
/// let kernel = HeNormal.sample(&[784, 512].into(), fans, Seed(1));
/// assert_eq!(kernel.len(), 784 * 512);
/// assert_eq!(kernel, HeNormal.sample(&[784, 512].into(), fans, Seed(1)));
/// ```
pub trait Initializer: Send + Sync {
    /// The values of a parameter of this shape, row by row. They depend on the arguments only:
    /// the same seed gives the same bits.
    ///
    /// # Panics
    ///
    /// If the initializer's own numbers make no sense, such as a negative standard deviation.
    fn sample(&self, shape: &Shape, fans: Fans, seed: Seed) -> Vec<f64>;
}

/// How many inputs and outputs a unit of a layer has: rows and columns of a dense kernel, channels
/// times the receptive field of a convolution's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fans {
    /// The values that each output is computed from.
    pub fan_in: usize,
    /// The outputs that each input value has a part in.
    pub fan_out: usize,
}
