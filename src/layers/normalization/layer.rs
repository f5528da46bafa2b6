//! Layer normalization.

use super::{Affine, EPS, check_eps};
use crate::graph::Var;
use crate::layers::Layer;
use crate::params::{ParamId, Params};
use crate::scalar::Scalar;

/// Layer normalization: the features of each example, along the last axis, are shifted and scaled
/// to mean 0 and variance 1, then to a learned scale and shift (J. L. Ba et al., 2016):
///
/// ```text
/// y = (x - mean) / √(variance + ε) · scale + shift
/// ```
///
/// The same in training and in inference, for batches of any size. `ε` is 1e-5 (Keras: 1e-3). The
/// parameters are `name/scale` and `name/shift`, both `[features]`.
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let norm = LayerNorm::new(64).build(&mut params, "norm");
/// let tape = Tape::inference(&params);
/// let sequences = tape.input(&Tensor::zeros([8, 20, 64]));
/// assert_eq!(norm.forward(sequences).shape(), [8, 20, 64].into());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm {
    affine: Affine,
    eps: f64,
}

/// A [`LayerNorm`] that has no parameters yet.
#[must_use = "a layer has parameters once it is built"]
pub struct LayerNormBuilder {
    features: usize,
    eps: f64,
}

impl LayerNorm {
    /// A layer for so many features, to be built.
    #[allow(clippy::new_ret_no_self, reason = "a layer exists once it has parameters")]
    pub fn new(features: usize) -> LayerNormBuilder {
        LayerNormBuilder { features, eps: EPS }
    }

    /// The learned scale, `[features]`.
    pub fn scale(&self) -> ParamId {
        self.affine.scale
    }

    /// The learned shift, `[features]`.
    pub fn shift(&self) -> ParamId {
        self.affine.shift
    }
}

impl LayerNormBuilder {
    /// What is added to the variance.
    ///
    /// # Panics
    ///
    /// If it is not finite and above 0.
    #[track_caller]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = check_eps("LayerNorm", eps);
        self
    }

    /// Adds the layer's parameters, `name/scale` and `name/shift`.
    ///
    /// # Panics
    ///
    /// If there are parameters of these names already, or there are no features.
    #[track_caller]
    pub fn build<T: Scalar>(self, params: &mut Params<T>, name: &str) -> LayerNorm {
        LayerNorm { affine: Affine::build(params, name, self.features), eps: self.eps }
    }
}

impl Layer for LayerNorm {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let axis = x.axis(-1);
        self.affine.check("LayerNorm", x, axis);
        let (scale, shift) = self.affine.along(x, axis);
        x.normalize(-1, self.eps) * scale + shift
    }
}
