//! Optimizers: from gradients to new parameters.
//!
//! | optimizer | step, times the rate |
//! |---|---|
//! | [`Sgd`] | `g` |
//! | [`Momentum`] | `v` with `v = μv + g` |
//! | [`Nesterov`] | `g + μv` with the same `v` |
//! | [`AdaGrad`] | `g / (√a + ε)` with `a = a + g²` |
//! | [`RmsProp`] | `g / (√s + ε)` with `s = ρs + (1-ρ)g²` |
//! | [`AdaDelta`] | `d = √(u + ε) / √(s + ε) · g` with running means `s` of `g²` and `u` of `d²` |
//! | [`Adam`] | `m̂ / (√v̂ + ε)` with running means `m` of `g` and `v` of `g²` |
//! | [`AdamW`] | the same and `λp` |
//! | [`AmsGrad`] | Adam's with the largest `v` so far |
//! | [`Adamax`] | `m̂ / (u + ε)` with `u = max(β₂u, |g|)` |
//! | [`NAdam`] | Adam's with Nesterov's look ahead |
//! | [`Lion`] | `sgn(β₁m + (1-β₁)g)` |
//!
//! An optimizer is a [`Chain`]: a [`Rule`] turns the gradient into a step, and the chain subtracts
//! the rate times the step. Two rules in a pair run one after the other. What is done around the
//! rule is the same for all optimizers: [clipping](Clip), [weight decay](WeightDecay), a proximal L1
//! and [groups](Group) of parameters with numbers of their own. Where the formulas of the frameworks
//! differ, those here are PyTorch's unless the other form is asked for by its name
//! ([`Convention`], [`Epsilon`]); each optimizer's page says how, and what the defaults are.
//!
//! Around an optimizer there may be others, which take its place: [`Lookahead`], [`Averaged`],
//! [`Accumulate`], [`Constrained`].
//!
//! ```
//! use gradtape::prelude::*;
//!
//! let adam = AdamW::new(1e-3).clip(Clip::global_norm(1.0)).exempt_biases_and_normalization();
//! let lookahead = Lookahead::new(adam, 5, 0.5);
//! let optimizer: Averaged<_> = Averaged::new(lookahead, Average::exponential(0.999));
//! ```
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

mod accumulate;
mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod amsgrad;
mod average;
mod chain;
mod clip;
mod constrained;
mod convention;
mod decay;
mod epsilon;
mod group_table;
mod groups;
mod hyperparameter;
mod lion;
mod lookahead;
mod momentum;
mod nadam;
mod nesterov;
mod optimizer_state;
mod pass;
mod rmsprop;
mod rule;
mod schedule;
mod sgd;
mod sparsity;
mod state;
mod state_file;

pub use accumulate::Accumulate;
pub use adadelta::AdaDelta;
pub use adagrad::AdaGrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use adamw::AdamW;
pub use amsgrad::AmsGrad;
pub use average::{Average, Averaged};
pub use chain::Chain;
pub use clip::Clip;
pub use constrained::{Constrained, Constraint};
pub use convention::Convention;
pub use decay::WeightDecay;
pub use epsilon::Epsilon;
pub use group_table::{GroupRow, GroupTable};
pub use groups::Group;
pub use lion::Lion;
pub use lookahead::Lookahead;
pub use momentum::{Momentum, Velocity};
pub use nadam::NAdam;
pub use nesterov::Nesterov;
pub use optimizer_state::{OptimizerState, Slot};
pub use rmsprop::{CenteredSquares, MeanSquares, RmsProp};
pub use rule::{Context, Rule};
pub use schedule::{
    CosineDecay, CosineRestarts, ExponentialDecay, InverseTimeDecay, OneCycle, Piecewise,
    PolynomialDecay, ReduceOnPlateau, Schedule, StepDecay,
};
pub use sgd::Sgd;
pub use sparsity::{Sparsity, sparsity};
pub use state::State;

use crate::error::Error;
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
///
/// Most optimizers of your own are a [`Rule`] in a [`Chain`]. What looks at a whole matrix at a time is
/// an `Optimizer`, which has two duties besides its formula: what has no gradient stays as it is
/// ([`Gradients::get`] is `None`; the flat slice holds other things at such places), and state, such as
/// running statistics, gets its new values ([`Gradients::apply_updates`]).
///
/// ```
/// use gradtape::optim::{Optimizer, OptimizerState, Schedule};
/// use gradtape::prelude::*;
///
/// /// A step of the same length for each parameter as a whole: `p -= rate · g / |g|`.
/// struct NormalizedSgd {
///     rate: f64,
///     steps: u64,
/// }
///
/// impl<T: Scalar> Optimizer<T> for NormalizedSgd {
///     fn step(&mut self, params: &mut Params<T>, gradients: &Gradients<T>) {
///         for id in gradients.layout().ids() {
///             let Some(gradient) = gradients.get(id) else { continue };
///             let norm = gradient.iter().map(|g| g.to_f64().powi(2)).sum::<f64>().sqrt();
///             let factor = T::from_f64(self.rate / norm.max(1e-12));
///             for (value, &g) in params.values_mut(id).iter_mut().zip(gradient) {
///                 *value = *value - factor * g;
///             }
///         }
///         gradients.apply_updates(params);
///         self.steps += 1;
///     }
///
///     fn steps(&self) -> u64 {
///         self.steps
///     }
///
///     fn rate(&self) -> f64 {
///         self.rate
///     }
///
///     fn set_rate(&mut self, rate: Schedule) {
///         self.rate = rate.at(self.steps);
///     }
///
///     fn state(&self, _params: &Params<T>) -> OptimizerState<T> {
///         let mut state = OptimizerState::new("NormalizedSgd");
///         state.set_count("steps", self.steps);
///         state
///     }
///
///     fn load(&mut self, _params: &Params<T>, state: &OptimizerState<T>) {
///         self.steps = state.count("steps").unwrap_or_default();
///     }
/// }
///
/// # let mut params = Params::<f32>::new(Seed(42));
/// # let w = params.add(Parameter::new("w", [2]));
/// # let gradients = Gradients::new(&params, vec![3.0, -4.0], 0.0);
/// # NormalizedSgd { rate: 5.0, steps: 0 }.step(&mut params, &gradients);
/// # approx::assert_relative_eq!(params.values(w), &[-3.0, 4.0][..]);
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

    /// The learning rate of the next step.
    fn rate(&self) -> f64;

    /// Replaces the learning rate; a schedule goes on from the steps taken so far.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    fn set_rate(&mut self, rate: Schedule);

    /// What is remembered from step to step, by the paths of the parameters: from the beginning all that
    /// there will ever be, with what it is at first, for [`restore`](Self::restore) takes names and shapes
    /// that a fresh optimizer does not have for those of another one.
    fn state(&self, params: &Params<T>) -> OptimizerState<T>;

    /// Takes over a state that has the names and shapes of [`state`](Self::state); for implementors.
    /// Others call [`restore`](Self::restore), which makes sure of that first.
    fn load(&mut self, params: &Params<T>, state: &OptimizerState<T>);

    /// Goes on where an optimizer of the same kind stopped, to the bit. The parameters may be in
    /// another order than they were when the state was taken.
    ///
    /// # Errors
    ///
    /// If the state is that of another kind of optimizer or of other parameters: all that is
    /// missing, unexpected or of another shape is listed, and nothing is changed.
    fn restore(&mut self, params: &Params<T>, state: &OptimizerState<T>) -> Result<(), Error> {
        state.matches(&self.state(params))?;
        self.load(params, state);
        Ok(())
    }
}

/// Passes all on to the optimizer that this type leads to.
macro_rules! through_pointer {
    ($(#[$doc:meta] $pointer:ty),*) => {$(
        #[$doc]
        impl<T: Scalar, O: Optimizer<T> + ?Sized> Optimizer<T> for $pointer {
            fn step(&mut self, params: &mut Params<T>, gradients: &Gradients<T>) {
                (**self).step(params, gradients);
            }

            fn steps(&self) -> u64 {
                (**self).steps()
            }

            fn rate(&self) -> f64 {
                (**self).rate()
            }

            fn set_rate(&mut self, rate: Schedule) {
                (**self).set_rate(rate);
            }

            fn state(&self, params: &Params<T>) -> OptimizerState<T> {
                (**self).state(params)
            }

            fn load(&mut self, params: &Params<T>, state: &OptimizerState<T>) {
                (**self).load(params, state);
            }
        }
    )*};
}

through_pointer! {
    /// One that is chosen when the program runs.
    Box<O>,
    /// One that is wanted back, such as from a [`Trainer`](crate::train::Trainer).
    &mut O
}

/// Makes an optimizer of a struct around a [`Chain`].
macro_rules! optimizer {
    ($name:ident) => {
        optimizer!([T: $crate::Scalar] $name<T>);
    };
    ([$($generics:tt)*] $type:ty) => {
        impl<$($generics)*> $type {
            /// Limits the gradients; see [`Chain::clip`](super::Chain::clip).
            ///
            /// # Panics
            ///
            /// If they are limited already.
            #[track_caller]
            pub fn clip(self, clip: $crate::optim::Clip) -> Self {
                Self(self.0.clip(clip))
            }

            /// Pulls parameters towards 0; see [`WeightDecay`](super::WeightDecay) for the formulas.
            ///
            /// # Panics
            ///
            /// If the number is negative, infinite or NaN.
            #[track_caller]
            pub fn weight_decay(self, decay: $crate::optim::WeightDecay) -> Self {
                Self(self.0.weight_decay(decay))
            }

            /// Draws parameters to exactly 0; see
            /// [`Chain::proximal_l1`](super::Chain::proximal_l1).
            ///
            /// # Panics
            ///
            /// If the number is negative, infinite or NaN.
            #[track_caller]
            pub fn proximal_l1(self, lambda: f64) -> Self {
                Self(self.0.proximal_l1(lambda))
            }

            /// Treats some parameters in another way; see [`Group`](super::Group).
            pub fn group(self, group: $crate::optim::Group) -> Self {
                Self(self.0.group(group))
            }

            /// Leaves biases and the scales and shifts of normalizations without weight decay and
            /// proximal L1.
            pub fn exempt_biases_and_normalization(self) -> Self {
                Self(self.0.exempt_biases_and_normalization())
            }

            /// Who is in which group, and what that means for the next step.
            ///
            /// # Panics
            ///
            /// If no parameter is in a group.
            #[track_caller]
            pub fn groups(&self, params: &$crate::Params<T>) -> $crate::optim::GroupTable {
                self.0.groups(params)
            }
        }

        impl<$($generics)*> $crate::optim::Optimizer<T> for $type {
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

            fn state(
                &self,
                params: &$crate::params::Params<T>,
            ) -> $crate::optim::OptimizerState<T> {
                self.0.state(params)
            }

            fn load(
                &mut self,
                params: &$crate::params::Params<T>,
                state: &$crate::optim::OptimizerState<T>,
            ) {
                self.0.load(params, state);
            }
        }

        /// All that was chosen, as `Debug` prints it.
        impl<$($generics)*> ::std::fmt::Display for $type
        where
            Self: ::std::fmt::Debug,
        {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Debug::fmt(self, f)
            }
        }
    };
}
use optimizer;

/// Makes methods that set numbers of a rule.
macro_rules! setters {
    (@allowed Fraction) => { "at least 0 and below 1" };
    (@allowed Positive) => { "finite and above 0 (in `f32`, too)" };
    (@allowed NotNegative) => { "finite and not negative" };
    ($name:ident { $($(#[doc = $doc:literal])* $method:ident: $allowed:ident = $($field:ident).+;)* }) => {
        impl<T: $crate::Scalar> $name<T> {
            $($(#[doc = $doc])*
            ///
            /// # Panics
            ///
            #[doc = concat!("If it is not ", $crate::optim::setters!(@allowed $allowed), ".")]
            #[track_caller]
            pub fn $method(mut self, $method: f64) -> Self {
                let allowed = $crate::optim::hyperparameter::Allowed::$allowed;
                let (owner, name) = (stringify!($name), stringify!($method));
                self.0.$($field).+ = allowed.check(owner, name, $method);
                self
            })*
        }
    };
}
use setters;

/// Passes on to the optimizer inside what a wrapper does not change.
macro_rules! through_inner {
    () => {
        fn steps(&self) -> u64 {
            self.inner.steps()
        }

        fn rate(&self) -> f64 {
            self.inner.rate()
        }

        fn set_rate(&mut self, rate: $crate::optim::Schedule) {
            self.inner.set_rate(rate);
        }
    };
}
use through_inner;

#[cfg(test)]
mod tests;
