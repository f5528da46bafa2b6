//! Gradient descent with Nesterov's momentum.

use super::hyperparameter::{Allowed, Hyperparameter};
use super::{Chain, Rule, Schedule, optimizer};
use crate::params::Gradients;
use crate::scalar::Scalar;

/// Gradient descent with Nesterov's momentum, which looks ahead.
///
/// ```text
/// v  = μv + g
/// p -= rate · (g + μv)
/// ```
///
/// where `v = 0` at first.
///
/// | hyperparameter | default |
/// |---|---|
/// | [`momentum`](Self::momentum) `μ` | 0.9 |
///
/// This is PyTorch's form, without dampening. Nesterov takes the gradient where the velocity is
/// about to carry the parameters; the parameters here are those points. Keras writes
/// `v = μv - rate · g`, `p += μv - rate · g`, which is the same as long as the rate does not change.
///
/// Y. Nesterov, *A method for solving the convex programming problem with convergence rate
/// O(1/k²)*, 1983; in this form I. Sutskever, J. Martens, G. Dahl, G. Hinton, *On the importance of
/// initialization and momentum in deep learning*, ICML 2013.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: Nesterov = Nesterov::new(0.01).momentum(0.95);
/// ```
#[derive(Clone, Debug)]
pub struct Nesterov<T: Scalar = f32>(Chain<LookAhead, T>);

impl<T: Scalar> Nesterov<T> {
    /// Gradient descent with Nesterov's momentum at this rate.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn new(rate: impl Into<Schedule>) -> Self {
        let momentum = Hyperparameter::new("Nesterov", "momentum", Allowed::Fraction, 0.9.into());
        Self(Chain::named("Nesterov", rate.into(), LookAhead { momentum }))
    }

    /// How much of the velocity is kept in a step: a number or a schedule.
    ///
    /// # Panics
    ///
    /// If it is not at least 0 and below 1.
    #[track_caller]
    pub fn momentum(mut self, momentum: impl Into<Schedule>) -> Self {
        self.0.rule.momentum.set(momentum.into());
        self
    }
}

optimizer!(Nesterov);

/// The step is what the velocity would be if the gradient came a second time.
#[derive(Clone, Debug)]
struct LookAhead {
    momentum: Hyperparameter,
}

impl<T: Scalar> Rule<T> for LookAhead {
    type State = [T; 1];

    fn init(&self) -> [T; 1] {
        [T::ZERO]
    }

    fn formula(
        &self,
        step: u64,
        _: &Gradients<T>,
    ) -> impl Fn(&mut [T; 1], T, T) -> T + Copy + Send + Sync {
        let momentum = T::from_f64(self.momentum.at(step));
        move |[velocity], _, gradient| {
            *velocity = momentum * *velocity + gradient;
            gradient + momentum * *velocity
        }
    }
}
