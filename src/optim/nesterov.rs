//! Gradient descent with Nesterov's momentum.

use super::{Chain, Convention, Schedule, Velocity, optimizer};
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
/// | hyperparameter | here | PyTorch | Keras |
/// |---|---|---|---|
/// | [`momentum`](Self::momentum) `μ` | 0.9 | 0 | 0 |
/// | [`convention`](Self::convention) | PyTorch's | | |
///
/// Nesterov takes the gradient where the velocity is about to carry the parameters; the parameters
/// here are those points. With [`Convention::Keras`] it is `v = μv + rate · g`,
/// `p -= μv + rate · g`, which is the same as long as the rate does not change.
///
/// There is no dampening, with which this is not Nesterov's method any more:
///
/// ```compile_fail
/// use gradtape::prelude::*;
///
/// let optimizer: Nesterov = Nesterov::new(0.01).dampening(0.1);
/// ```
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
pub struct Nesterov<T: Scalar = f32>(Chain<Velocity, T>);

impl<T: Scalar> Nesterov<T> {
    /// Gradient descent with Nesterov's momentum at this rate.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn new(rate: impl Into<Schedule>) -> Self {
        let velocity = Velocity { nesterov: true, ..Velocity::new("Nesterov", 0.9) };
        Self(Chain::named("Nesterov", rate.into(), velocity))
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

    /// Which framework's form: PyTorch's by default.
    pub fn convention(mut self, convention: Convention) -> Self {
        self.0.rule.convention = convention;
        self
    }
}

optimizer!(Nesterov);
