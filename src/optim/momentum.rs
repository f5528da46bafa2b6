//! Gradient descent with momentum.

use super::hyperparameter::{Allowed, Hyperparameter};
use super::{Chain, Rule, Schedule, optimizer};
use crate::params::Gradients;
use crate::scalar::Scalar;

/// Gradient descent with momentum, the heavy ball.
///
/// ```text
/// v  = μv + g
/// p -= rate · v
/// ```
///
/// where `v = 0` at first.
///
/// | hyperparameter | default |
/// |---|---|
/// | [`momentum`](Self::momentum) `μ` | 0.9 |
///
/// This is PyTorch's form, without dampening: a steady gradient moves the parameters `1 / (1-μ)`
/// times as fast as [`Sgd`](super::Sgd) does, and a new rate acts on all of `v` at once. Keras
/// writes `v = μv - rate · g`, `p += v`, which is the same as long as the rate does not change.
///
/// B. T. Polyak, *Some methods of speeding up the convergence of iteration methods*, 1964.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: Momentum = Momentum::new(0.01).momentum(0.95);
/// ```
#[derive(Clone, Debug)]
pub struct Momentum<T: Scalar = f32>(Chain<Velocity, T>);

impl<T: Scalar> Momentum<T> {
    /// Gradient descent with momentum at this rate.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn new(rate: impl Into<Schedule>) -> Self {
        let momentum = Hyperparameter::new("Momentum", "momentum", Allowed::Fraction, 0.9.into());
        Self(Chain::named("Momentum", rate.into(), Velocity { momentum }))
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

optimizer!(Momentum);

/// The step is the sum of all gradients so far, each older one worth less.
#[derive(Clone, Debug)]
struct Velocity {
    momentum: Hyperparameter,
}

impl<T: Scalar> Rule<T> for Velocity {
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
            *velocity
        }
    }
}
