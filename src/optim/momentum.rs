//! Gradient descent with momentum.

use super::hyperparameter::{Allowed, Hyperparameter};
use super::{Chain, Context, Convention, Rule, Schedule, optimizer};
use crate::scalar::Scalar;

/// Gradient descent with momentum, the heavy ball.
///
/// ```text
/// v  = μv + (1-d)g
/// p -= rate · v
/// ```
///
/// where `v = 0` at first, and the first step is not dampened.
///
/// | hyperparameter | here | PyTorch | Keras |
/// |---|---|---|---|
/// | [`momentum`](Self::momentum) `μ` | 0.9 | 0 | 0 |
/// | [`dampening`](Self::dampening) `d` | 0 | 0 | none |
/// | [`convention`](Self::convention) | PyTorch's | | |
///
/// A steady gradient moves the parameters `1 / (1-μ)` times as fast as [`Sgd`](super::Sgd) does.
/// With [`Convention::Keras`] it is `v = μv + rate · g`, `p -= v`, which is the same as long as the
/// rate does not change.
///
/// B. T. Polyak, *Some methods of speeding up the convergence of iteration methods*, 1964.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: Momentum = Momentum::new(0.01).momentum(0.95);
/// let keras: Momentum = Momentum::new(0.01).convention(Convention::Keras);
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
        Self(Chain::named("Momentum", rate.into(), Velocity::new("Momentum", 0.9)))
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

    /// How much of each gradient but that of the first step is left out of the velocity.
    ///
    /// PyTorch takes the first gradient of each parameter for the first step; here it is the first
    /// step of the optimizer.
    ///
    /// # Panics
    ///
    /// If it is not at least 0 and below 1.
    #[track_caller]
    pub fn dampening(mut self, dampening: f64) -> Self {
        self.0.rule.dampening = Allowed::Fraction.check("Momentum", "dampening", dampening);
        self
    }

    /// Which framework's form: PyTorch's by default.
    pub fn convention(mut self, convention: Convention) -> Self {
        self.0.rule.convention = convention;
        self
    }
}

optimizer!(Momentum);

/// The rule of [`Momentum`], [`Nesterov`](super::Nesterov) and the second one of
/// [`RmsProp`](super::RmsProp): the sum of all gradients so far, each older one worth less.
#[derive(Clone, Debug)]
pub struct Velocity {
    pub(super) momentum: Hyperparameter,
    pub(super) dampening: f64,
    pub(super) convention: Convention,
    pub(super) nesterov: bool,
}

impl Velocity {
    /// Without dampening, in PyTorch's form.
    #[track_caller]
    pub(super) fn new(owner: &'static str, momentum: impl Into<Schedule>) -> Self {
        let momentum = Hyperparameter::new(owner, "momentum", Allowed::Fraction, momentum.into());
        Self { momentum, dampening: 0.0, convention: Convention::PyTorch, nesterov: false }
    }

    /// Whether the rate is part of the velocity.
    fn includes_rate(&self) -> bool {
        self.convention == Convention::Keras
    }
}

impl<T: Scalar> Rule<T> for Velocity {
    type State = [T; 1];

    fn init(&self) -> [T; 1] {
        [T::ZERO]
    }

    fn slots(&self) -> Vec<&'static str> {
        // Not the same numbers, and so not the same name.
        vec![if self.includes_rate() { "velocity_times_rate" } else { "velocity" }]
    }

    fn formula(
        &self,
        context: Context<'_, T>,
    ) -> impl Fn(&mut [T; 1], T, T) -> T + Copy + Send + Sync {
        let momentum = self.momentum.at(context.step);
        let rate = if self.includes_rate() { context.rate } else { 1.0 };
        let dampening = if context.step == 0 { 0.0 } else { self.dampening };
        // How much of gradient and velocity the step consists of.
        let (ahead, kept) = if self.nesterov { (rate, momentum) } else { (0.0, 1.0) };
        let [momentum, taken, ahead, kept] =
            [momentum, rate * (1.0 - dampening), ahead, kept].map(T::from_f64);
        move |[velocity], _, gradient| {
            *velocity = momentum * *velocity + taken * gradient;
            ahead * gradient + kept * *velocity
        }
    }

    fn applies_rate(&self) -> bool {
        self.includes_rate()
    }
}
