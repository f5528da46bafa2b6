//! Adam.

use super::hyperparameter::Allowed;
use super::{Chain, Rule, Schedule, optimizer};
use crate::params::Gradients;
use crate::scalar::Scalar;

/// Adam: a running mean of the gradient, divided by the root of the running mean of its square,
/// both corrected for having started at 0.
///
/// ```text
/// m  = β₁m + (1-β₁)g
/// v  = β₂v + (1-β₂)g²
/// p -= rate · (m / (1-β₁ᵗ)) / (√(v / (1-β₂ᵗ)) + ε),   t = 1, 2, …
/// ```
///
/// | hyperparameter | default |
/// |---|---|
/// | [`beta1`](Self::beta1) `β₁` | 0.9 |
/// | [`beta2`](Self::beta2) `β₂` | 0.999 |
/// | [`eps`](Self::eps) `ε` | 1e-7 |
///
/// This is PyTorch's and the paper's form, where `ε` is 1e-8 by default and is added to the
/// corrected root. Keras adds it before the correction:
/// `p -= rate · √(1-β₂ᵗ) / (1-β₁ᵗ) · m / (√v + ε)`, whose first steps are smaller where gradients
/// are of the size of `ε`.
///
/// D. P. Kingma, J. Ba, *Adam: a method for stochastic optimization*, ICLR 2015.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: Adam = Adam::new(1e-3).beta1(0.95).eps(1e-8);
/// ```
#[derive(Clone, Debug)]
pub struct Adam<T: Scalar = f32>(Chain<Moments, T>);

impl<T: Scalar> Adam<T> {
    /// Adam at this rate.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn new(rate: impl Into<Schedule>) -> Self {
        let moments = Moments { beta1: 0.9, beta2: 0.999, eps: 1e-7 };
        Self(Chain::named("Adam", rate.into(), moments))
    }

    /// How much of the running mean of gradients is kept in a step.
    ///
    /// # Panics
    ///
    /// If it is not at least 0 and below 1.
    #[track_caller]
    pub fn beta1(mut self, beta1: f64) -> Self {
        self.0.rule.beta1 = Allowed::Fraction.check("Adam", "beta1", beta1);
        self
    }

    /// How much of the running mean of squares is kept in a step.
    ///
    /// # Panics
    ///
    /// If it is not at least 0 and below 1.
    #[track_caller]
    pub fn beta2(mut self, beta2: f64) -> Self {
        self.0.rule.beta2 = Allowed::Fraction.check("Adam", "beta2", beta2);
        self
    }

    /// What is added to the root: it bounds the step of a value whose gradients have been small.
    ///
    /// # Panics
    ///
    /// If it is not above 0.
    #[track_caller]
    pub fn eps(mut self, eps: f64) -> Self {
        self.0.rule.eps = Allowed::Positive.check("Adam", "eps", eps);
        self
    }
}

optimizer!(Adam);

/// Divides the running mean of gradients by the root of that of squares.
#[derive(Clone, Debug)]
struct Moments {
    beta1: f64,
    beta2: f64,
    eps: f64,
}

impl<T: Scalar> Rule<T> for Moments {
    type State = [T; 2];

    fn init(&self) -> [T; 2] {
        [T::ZERO; 2]
    }

    fn formula(
        &self,
        step: u64,
        _: &Gradients<T>,
    ) -> impl Fn(&mut [T; 2], T, T) -> T + Copy + Send + Sync {
        let Self { beta1, beta2, eps } = *self;
        let t = step as f64 + 1.0;
        let correct1 = T::from_f64(1.0 / (1.0 - beta1.powf(t)));
        let correct2 = T::from_f64(1.0 / (1.0 - beta2.powf(t)).sqrt());
        let [beta1, rest1] = [beta1, 1.0 - beta1].map(T::from_f64);
        let [beta2, rest2] = [beta2, 1.0 - beta2].map(T::from_f64);
        let eps = T::from_f64(eps);
        move |[mean, square], _, gradient| {
            *mean = beta1 * *mean + rest1 * gradient;
            *square = beta2 * *square + rest2 * (gradient * gradient);
            correct1 * *mean / (correct2 * square.sqrt() + eps)
        }
    }
}
