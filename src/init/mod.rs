//! Initializers: where the values of parameters start.
//!
//! | initializer | distribution |
//! |---|---|
//! | [`Zeros`], [`Ones`], [`Constant`] | one value |
//! | [`Identity`] | 1 on the diagonal of a matrix, 0 elsewhere |
//! | [`Normal`], [`TruncatedNormal`], [`Uniform`] | as given |
//! | [`GlorotNormal`], [`GlorotUniform`] | variance `2 / (fan_in + fan_out)`, for tanh and sigmoid |
//! | [`HeNormal`], [`HeUniform`] | variance `2 / fan_in`, for ReLU |
//! | [`LecunNormal`], [`LecunUniform`] | variance `1 / fan_in`, for SELU |
//! | [`LinearDefault`] | `U(-1/√fan_in, 1/√fan_in)`, PyTorch's for kernels and biases |
//! | [`VarianceScaling`] | variance `scale / fan`, of any kind |
//! | [`Orthogonal`] | a random rotation |
//!
//! Each of them times a number, such as one of [`gain`], is [`Initializer::gain`]:
//! `GlorotUniform.gain(gain::TANH)`.
//!
//! The normal ones are plain normal distributions, as in PyTorch (`xavier_normal_`,
//! `kaiming_normal_`). Keras' of the same names are cut off at two standard deviations and widened
//! so that the variance comes out the same: `HeNormal.truncated()`. Whatever is cut off here, the
//! standard deviation that is asked for is the one that results.
//!
//! | elsewhere | here |
//! |---|---|
//! | Keras' `GlorotNormal`, `HeNormal`, `LecunNormal` | `GlorotNormal.truncated()`, … |
//! | Keras' `TruncatedNormal(stddev=s)`, whose result is narrower | `Normal { mean: 0.0, std: s }.within(-2.0 * s, 2.0 * s)` |
//! | PyTorch's `kaiming_uniform_(a=0.2)` | `LecunUniform.gain(gain::leaky_relu(0.2))` |
//! | `N(0, 1/√n)` and `N(0, 1/√(n/2))` of `n` inputs, by standard deviation | [`LecunNormal`] and [`HeNormal`] |

mod constant;
pub mod gain;
mod matrix;
mod normal;
mod scaled;
mod truncated;
mod uniform;

pub use constant::{Constant, Ones, Zeros};
pub use gain::Gained;
pub use matrix::{Identity, Orthogonal};
pub use normal::Normal;
pub use scaled::{
    Distribution, Fan, GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform,
    LinearDefault, VarianceScaling,
};
use serde::{Deserialize, Serialize};
pub use truncated::TruncatedNormal;
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

    /// The same values times a number, such as one of [`gain`].
    ///
    /// ```
    /// use gradtape::init::gain;
    /// use gradtape::prelude::*;
    ///
    /// let hidden = Dense::new(784, 512).init(Orthogonal.gain(gain::RELU));
    /// ```
    fn gain(self, factor: f64) -> Gained<Self>
    where
        Self: Sized,
    {
        Gained { init: self, factor }
    }
}

/// How many inputs and outputs a unit of a layer has, by which initializers scale.
///
/// They are a matter of the kind of layer and are never guessed from a shape.
///
/// ```
/// use gradtape::init::Fans;
///
/// assert_eq!(Fans::dense(784, 512), Fans { fan_in: 784, fan_out: 512 });
/// // 32 filters of 3 by 3 over 16 channels, and one filter of 3 by 3 for each of 32 channels
/// assert_eq!(Fans::conv(&[32, 16, 3, 3].into(), 1), Fans { fan_in: 144, fan_out: 288 });
/// assert_eq!(Fans::conv(&[32, 1, 3, 3].into(), 32), Fans { fan_in: 9, fan_out: 9 });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fans {
    /// The values that each output is computed from.
    pub fan_in: usize,
    /// The outputs that each input value has a part in.
    pub fan_out: usize,
}

impl Fans {
    /// Of a fully connected layer.
    pub fn dense(inputs: usize, outputs: usize) -> Self {
        Self { fan_in: inputs, fan_out: outputs }
    }

    /// Of a convolution with filters `[outputs, inputs / groups, …]`, the rest being the filter's
    /// own size: each output sees the channels of its group, each input is seen by the filters of
    /// its group, at as many places as a filter has.
    ///
    /// # Panics
    ///
    /// If there are less than two axes, or the groups do not divide the outputs.
    #[track_caller]
    pub fn conv(filters: &Shape, groups: usize) -> Self {
        let [outputs, inputs, field @ ..] = &filters[..] else {
            panic!("conv: filters of shape {filters} have no axes for outputs and inputs");
        };
        assert!(
            groups > 0 && outputs.is_multiple_of(groups),
            "conv: {outputs} filters cannot be cut into {groups} groups"
        );
        let field: usize = field.iter().product();
        Self { fan_in: inputs * field, fan_out: outputs / groups * field }
    }

    /// Of a table of vectors with so many numbers each: every number that is looked up is one of
    /// the table's, and every row is all numbers of its vector.
    pub fn embedding(dimensions: usize) -> Self {
        Self { fan_in: 1, fan_out: dimensions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Parameter, Params};

    #[test]
    fn one_initializer_gives_every_parameter_values_of_its_own() {
        let mut params = Params::<f64>::new(Seed(7));
        let init = HeUniform;
        let [a, b] = ["a", "b"]
            .map(|name| params.add(Parameter::new(name, [40]).init(init).fans(Fans::dense(10, 4))));
        assert!(params.values(a).iter().zip(params.values(b)).all(|(a, b)| a != b));
    }

    #[test]
    fn fans_are_those_of_the_layer() {
        assert_eq!(Fans::conv(&[16, 20, 5].into(), 1), Fans { fan_in: 100, fan_out: 80 });
        assert_eq!(Fans::conv(&[24, 3, 5, 2].into(), 4), Fans { fan_in: 30, fan_out: 60 });
        assert_eq!(Fans::embedding(64), Fans { fan_in: 1, fan_out: 64 });
    }

    #[test]
    #[should_panic(expected = "conv: 24 filters cannot be cut into 5 groups")]
    fn groups_have_equally_many_filters() {
        Fans::conv(&[24, 3, 5, 2].into(), 5);
    }

    #[test]
    #[should_panic(expected = "conv: filters of shape [24] have no axes for outputs and inputs")]
    fn filters_have_axes_for_outputs_and_inputs() {
        Fans::conv(&[24].into(), 1);
    }
}
