//! Weight decay.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::hyperparameter::Allowed;

/// What pulls parameters towards 0, besides the gradient. The two kinds are the same for plain
/// gradient descent and for no other optimizer.
///
/// | | in each step | the same as |
/// |---|---|---|
/// | [`L2`](Self::L2) | `g += λp` before anything else is done with `g` | a penalty `λ/2 Σp²` in the loss, [`L2`](crate::penalty::L2) |
/// | [`Decoupled`](Self::Decoupled) | `p -= rate · λ · p` besides the step, with the `p` of before it | AdamW's |
///
/// The rate is that of the step: a schedule scales the decay, too. It is not divided by the number
/// of examples or weights, and there is no factor of 2.
///
/// With an adaptive optimizer, L2 is divided by the root of squared gradients as the gradient is:
/// it hardly decays what has large gradients.
///
/// I. Loshchilov, F. Hutter, *Decoupled weight decay regularization*, ICLR 2019.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: Adam = Adam::new(1e-3).weight_decay(WeightDecay::Decoupled(0.004));
/// assert!(format!("{optimizer}").contains("p -= rate · 0.004 · p"));
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum WeightDecay {
    /// `g += λp`
    L2(f64),
    /// `p -= rate · λ · p`
    Decoupled(f64),
}

impl WeightDecay {
    /// The decay, if its number is allowed.
    #[track_caller]
    pub(super) fn checked(self, owner: &str) -> Self {
        let (WeightDecay::L2(decay) | WeightDecay::Decoupled(decay)) = self;
        Allowed::NotNegative.check(owner, "weight_decay", decay);
        self
    }

    /// `λ` in `g += λp`.
    pub(super) fn coupled(this: Option<Self>) -> f64 {
        if let Some(WeightDecay::L2(decay)) = this { decay } else { 0.0 }
    }

    /// `λ` in `p -= rate · λ · p`.
    pub(super) fn decoupled(this: Option<Self>) -> f64 {
        if let Some(WeightDecay::Decoupled(decay)) = this { decay } else { 0.0 }
    }
}

/// The formula.
impl fmt::Display for WeightDecay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WeightDecay::L2(decay) => write!(f, "g += {decay} · p"),
            WeightDecay::Decoupled(decay) => write!(f, "p -= rate · {decay} · p"),
        }
    }
}
