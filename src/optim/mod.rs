//! Optimizers: from gradients to new parameters.
//!
//! | optimizer | step, times the rate |
//! |---|---|
//! | [`Sgd`] | `g` |
//! | [`Momentum`] | `v` with `v = μv + g` |
//! | [`Nesterov`] | `g + μv` with the same `v` |
//! | [`AdaGrad`] | `g / (√a + ε)` with `a = a + g²` |
//! | [`RmsProp`] | `g / (√s + ε)` with `s = ρs + (1-ρ)g²` |
//! | [`Adam`] | `m̂ / (√v̂ + ε)` with running means `m` of `g` and `v` of `g²` |
//!
//! An optimizer is a [`Chain`]: a [`Rule`] turns the gradient into a step, and the chain subtracts
//! the rate times the step. Two rules in a pair run one after the other. Where the formulas of the
//! frameworks differ, those here are PyTorch's; each optimizer's page says how.
//!
//! The rate is a number or a function of the step, a [`Schedule`]:
//!
//! ```
//! use gradtape::prelude::*;
//!
//! let constant: Adam = Adam::new(1e-3);
//! let decaying: Adam = Adam::new(CosineDecay::new(1e-3, 10_000).warmup(500));
//! let by_hand: Adam = Adam::new(|step: u64| 1e-3 * 0.99_f64.powf(step as f64));
//! assert_eq!([constant.rate(), decaying.rate(), by_hand.rate()], [1e-3, 0.0, 1e-3]);
//! ```

mod adagrad;
mod adam;
mod chain;
mod hyperparameter;
mod momentum;
mod nesterov;
mod rmsprop;
mod rule;
mod schedule;
mod sgd;
mod state;

pub use adagrad::AdaGrad;
pub use adam::Adam;
pub use chain::Chain;
pub use momentum::Momentum;
pub use nesterov::Nesterov;
pub use rmsprop::RmsProp;
pub use rule::Rule;
pub use schedule::{
    CosineDecay, CosineRestarts, ExponentialDecay, InverseTimeDecay, OneCycle, Piecewise,
    PolynomialDecay, ReduceOnPlateau, Schedule, StepDecay,
};
pub use sgd::Sgd;
pub use state::State;

use crate::params::{Gradients, Params};
use crate::scalar::Scalar;

/// What moves parameters along their gradients.
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::new(Seed(42));
/// let w = params.add(Parameter::new("w", [2]));
///
/// let mut optimizer = Sgd::new(0.5);
/// let gradients = Gradients::new(&params, vec![1.0_f32, -2.0], 0.0);
/// optimizer.step(&mut params, &gradients);
/// assert_eq!(params.values(w), [-0.5, 1.0]);
/// ```
pub trait Optimizer<T: Scalar = f32> {
    /// Moves the parameters that have a gradient; the others, and what the optimizer remembers of
    /// them, stay as they are. Parameters may be added from one step to the next.
    ///
    /// # Panics
    ///
    /// If the gradients, or those of earlier steps, are of other parameters, or if a schedule
    /// gives a number that makes no sense.
    #[track_caller]
    fn step(&mut self, params: &mut Params<T>, gradients: &Gradients<T>);

    /// The number of steps taken.
    fn steps(&self) -> u64;

    /// The rate of the next step.
    fn rate(&self) -> f64;

    /// Replaces the rate; a schedule goes on from the steps taken so far.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    fn set_rate(&mut self, rate: Schedule);
}

/// Makes an optimizer of a struct around a [`Chain`].
macro_rules! optimizer {
    ($name:ident) => {
        impl<T: $crate::Scalar> $crate::optim::Optimizer<T> for $name<T> {
            fn step(
                &mut self,
                params: &mut $crate::params::Params<T>,
                gradients: &$crate::params::Gradients<T>,
            ) {
                self.0.step(params, gradients);
            }

            fn steps(&self) -> u64 {
                self.0.steps()
            }

            fn rate(&self) -> f64 {
                self.0.rate()
            }

            fn set_rate(&mut self, rate: $crate::optim::Schedule) {
                self.0.set_rate(rate);
            }
        }
    };
}
use optimizer;

#[cfg(test)]
mod tests;
