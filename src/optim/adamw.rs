//! AdamW.

use super::adam::{Moments, moments};
use super::{Chain, Schedule, WeightDecay, optimizer};
use crate::scalar::Scalar;

/// Adam with decoupled weight decay.
///
/// ```text
/// m  = β₁m + (1-β₁)g
/// v  = β₂v + (1-β₂)g²
/// p -= rate · (m / (1-β₁ᵗ)) / (√(v / (1-β₂ᵗ)) + ε) + rate · λ · p,   t = 1, 2, …
/// ```
///
/// with the `p` of before on the right.
///
/// | hyperparameter | here | PyTorch | Keras |
/// |---|---|---|---|
/// | [`weight_decay`](Self::weight_decay) `λ` | `Decoupled(0.01)` | 0.01 | 0.004 |
/// | the others | [`Adam`](super::Adam)'s | | |
///
/// The decay is times the rate, in PyTorch, Keras and optax as well.
/// [`exempt_biases_and_normalization`](Self::exempt_biases_and_normalization) leaves out what is
/// better not decayed; no framework does so by itself.
///
/// I. Loshchilov, F. Hutter, *Decoupled weight decay regularization*, ICLR 2019.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: AdamW = AdamW::new(1e-3).weight_decay(WeightDecay::Decoupled(0.05));
/// ```
#[derive(Clone, Debug)]
pub struct AdamW<T: Scalar = f32>(Chain<Moments, T>);

impl<T: Scalar> AdamW<T> {
    /// AdamW at this rate.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn new(rate: impl Into<Schedule>) -> Self {
        let chain = Chain::named("AdamW", rate.into(), Moments::default());
        Self(chain.weight_decay(WeightDecay::Decoupled(0.01)))
    }
}

moments!(AdamW, rule);

optimizer!(AdamW);
