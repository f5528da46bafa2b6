//! RMSProp.

use super::hyperparameter::Allowed;
use super::{Chain, Rule, Schedule, optimizer};
use crate::params::Gradients;
use crate::scalar::Scalar;

/// RMSProp: each gradient is divided by the root of the running mean of its squares.
///
/// ```text
/// s  = ρs + (1-ρ)g²
/// p -= rate · g / (√s + ε)
/// ```
///
/// where `s = 0` at first.
///
/// | hyperparameter | default |
/// |---|---|
/// | [`rho`](Self::rho) `ρ` | 0.9 |
/// | [`eps`](Self::eps) `ε` | 1e-7 |
///
/// This is PyTorch's form, where `ε` stands outside of the root (there `ρ` is called `alpha` and
/// is 0.99, `ε` 1e-8 by default); the defaults here are Keras', which divides by `√(s + ε)`. For
/// gradients far larger than `√ε` they agree.
///
/// T. Tieleman, G. Hinton, *Lecture 6.5: rmsprop*, Neural networks for machine learning, 2012.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: RmsProp = RmsProp::new(1e-3).rho(0.99);
/// ```
#[derive(Clone, Debug)]
pub struct RmsProp<T: Scalar = f32>(Chain<MeanOfSquares, T>);

impl<T: Scalar> RmsProp<T> {
    /// RMSProp at this rate.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn new(rate: impl Into<Schedule>) -> Self {
        Self(Chain::named("RmsProp", rate.into(), MeanOfSquares { rho: 0.9, eps: 1e-7 }))
    }

    /// How much of the running mean is kept in a step.
    ///
    /// # Panics
    ///
    /// If it is not at least 0 and below 1.
    #[track_caller]
    pub fn rho(mut self, rho: f64) -> Self {
        self.0.rule.rho = Allowed::Fraction.check("RmsProp", "rho", rho);
        self
    }

    /// What is added to the root: it bounds the step of a value whose gradients have been small.
    ///
    /// # Panics
    ///
    /// If it is not above 0.
    #[track_caller]
    pub fn eps(mut self, eps: f64) -> Self {
        self.0.rule.eps = Allowed::Positive.check("RmsProp", "eps", eps);
        self
    }
}

optimizer!(RmsProp);

/// Divides by the root of the running mean of squares.
#[derive(Clone, Debug)]
struct MeanOfSquares {
    rho: f64,
    eps: f64,
}

impl<T: Scalar> Rule<T> for MeanOfSquares {
    type State = [T; 1];

    fn init(&self) -> [T; 1] {
        [T::ZERO]
    }

    fn formula(
        &self,
        _: u64,
        _: &Gradients<T>,
    ) -> impl Fn(&mut [T; 1], T, T) -> T + Copy + Send + Sync {
        let [rho, rest, eps] = [self.rho, 1.0 - self.rho, self.eps].map(T::from_f64);
        move |[mean], _, gradient| {
            *mean = rho * *mean + rest * (gradient * gradient);
            gradient / (mean.sqrt() + eps)
        }
    }
}
