//! Lion.

use super::{Chain, Context, Rule, Schedule, optimizer, setters};
use crate::scalar::Scalar;

/// Lion: every value moves by the rate, in the direction of a running mean.
///
/// ```text
/// p -= rate · sgn(β₁m + (1-β₁)g)
/// m  = β₂m + (1-β₂)g
/// ```
///
/// where `m = 0` at first and `sgn(0) = 0`.
///
/// | hyperparameter | here | optax | Keras |
/// |---|---|---|---|
/// | [`beta1`](Self::beta1) `β₁` | 0.9 | 0.9 | 0.9 |
/// | [`beta2`](Self::beta2) `β₂` | 0.99 | 0.99 | 0.99 |
/// | [`weight_decay`](Self::weight_decay) | none | 0.001 | none |
///
/// The weight decay that belongs to it is [decoupled](super::WeightDecay::Decoupled). Rates are 3 to
/// 10 times smaller than Adam's, and decays larger by as much.
///
/// X. Chen et al., *Symbolic discovery of optimization algorithms*, NeurIPS 2023.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: Lion = Lion::new(1e-4).weight_decay(WeightDecay::Decoupled(0.1));
/// ```
#[derive(Clone, Debug)]
pub struct Lion<T: Scalar = f32>(Chain<Direction, T>);

impl<T: Scalar> Lion<T> {
    /// Lion at this rate.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn new(rate: impl Into<Schedule>) -> Self {
        Self(Chain::named("Lion", rate.into(), Direction { beta1: 0.9, beta2: 0.99 }))
    }
}

setters!(Lion {
    /// How much of the running mean there is in the direction of the step.
    beta1: Fraction = rule.beta1;
    /// How much of the running mean is kept in a step.
    beta2: Fraction = rule.beta2;
});

optimizer!(Lion);

/// The sign of a running mean.
#[derive(Clone, Debug)]
struct Direction {
    beta1: f64,
    beta2: f64,
}

impl<T: Scalar> Rule<T> for Direction {
    type State = [T; 1];

    fn init(&self) -> [T; 1] {
        [T::ZERO]
    }

    fn slots(&self) -> Vec<&'static str> {
        vec!["mean"]
    }

    fn formula(&self, _: Context<'_, T>) -> impl Fn(&mut [T; 1], T, T) -> T + Copy + Send + Sync {
        let [beta1, rest1] = [self.beta1, 1.0 - self.beta1].map(T::from_f64);
        let [beta2, rest2] = [self.beta2, 1.0 - self.beta2].map(T::from_f64);
        move |[mean], _, gradient| {
            let direction = beta1 * *mean + rest1 * gradient;
            *mean = beta2 * *mean + rest2 * gradient;
            let negative = if direction < T::ZERO { -T::ONE } else { direction };
            // 0 stays 0, and NaN stays NaN.
            if direction > T::ZERO { T::ONE } else { negative }
        }
    }
}
