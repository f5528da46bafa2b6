//! Group normalization and instance normalization.

use super::{Affine, EPS, check_eps};
use crate::graph::Var;
use crate::layers::Layer;
use crate::params::{ParamId, Params};
use crate::scalar::Scalar;

/// Group normalization: the channels, counted by axis 1, are cut into groups, and each group of
/// each example is shifted and scaled to mean 0 and variance 1, then each channel to a learned scale
/// and shift (Y. Wu and K. He, 2018):
///
/// ```text
/// y = (x - mean) / √(variance + ε) · scale + shift
/// ```
///
/// With groups of one channel, [`GroupNorm::instance`], this is instance normalization (D. Ulyanov
/// et al., 2016). The same in training and in inference, for batches of any size. `ε` is 1e-5
/// (Keras: 1e-3). The parameters are `name/scale` and `name/shift`, both `[channels]`.
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let norm = GroupNorm::new(4, 32).build(&mut params, "norm");
/// let tape = Tape::inference(&params);
/// let images = tape.input(&Tensor::zeros([8, 32, 7, 7]));
/// assert_eq!(norm.forward(images).shape(), [8, 32, 7, 7].into());
/// ```
///
/// # Panics
///
/// If a group holds a single value, which has no variance.
#[derive(Clone, Copy, Debug)]
pub struct GroupNorm {
    affine: Affine,
    groups: usize,
    eps: f64,
}

/// A [`GroupNorm`] that has no parameters yet.
#[must_use = "a layer has parameters once it is built"]
pub struct GroupNormBuilder {
    groups: usize,
    channels: usize,
    eps: f64,
}

impl GroupNorm {
    /// A layer that cuts so many channels into so many groups, to be built.
    ///
    /// # Panics
    ///
    /// If the channels do not divide into the groups.
    #[track_caller]
    #[allow(clippy::new_ret_no_self, reason = "a layer exists once it has parameters")]
    pub fn new(groups: usize, channels: usize) -> GroupNormBuilder {
        assert!(
            groups > 0 && channels.is_multiple_of(groups),
            "GroupNorm: {channels} channels do not divide into {groups} groups"
        );
        GroupNormBuilder { groups, channels, eps: EPS }
    }

    /// Instance normalization: groups of one channel each.
    #[track_caller]
    pub fn instance(channels: usize) -> GroupNormBuilder {
        Self::new(channels, channels)
    }

    /// The learned scale, `[channels]`.
    pub fn scale(&self) -> ParamId {
        self.affine.scale
    }

    /// The learned shift, `[channels]`.
    pub fn shift(&self) -> ParamId {
        self.affine.shift
    }
}

impl GroupNormBuilder {
    /// What is added to the variance.
    ///
    /// # Panics
    ///
    /// If it is not finite and above 0.
    #[track_caller]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = check_eps("GroupNorm", eps);
        self
    }

    /// Adds the layer's parameters, `name/scale` and `name/shift`.
    ///
    /// # Panics
    ///
    /// If there are parameters of these names already, or there are no channels.
    #[track_caller]
    pub fn build<T: Scalar>(self, params: &mut Params<T>, name: &str) -> GroupNorm {
        let Self { groups, channels, eps } = self;
        GroupNorm { affine: Affine::build(params, name, channels), groups, eps }
    }
}

impl Layer for GroupNorm {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.affine.check("GroupNorm", x, 1);
        let (shape, groups) = (x.shape(), self.groups);
        // The channels of a group lie side by side.
        let size = shape[1..].iter().product::<usize>() / groups;
        assert!(
            size > 1,
            "GroupNorm: an input of shape {shape} in {groups} groups has a single value in each, \
             which has no variance"
        );
        let (scale, shift) = self.affine.along(x, 1);
        x.reshape([shape[0], groups, size]).normalize(-1, self.eps).reshape(shape) * scale + shift
    }
}
