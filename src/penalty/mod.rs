//! Penalties: part of the loss, graph nodes like any other.
//!
//! | penalty | of `w` | gradient |
//! |---|---|---|
//! | [`L1`]`(λ)` | `λ Σ abs(w)` | `λ sgn(w)` |
//! | [`L2`]`(λ)` | `λ/2 Σ w²` | `λ w` |
//! | [`L1L2`] | both | both |
//! | [`Orthogonality`]`(λ)` | `λ ‖wᵀw - 1‖²` | `4λ w (wᵀw - 1)` |
//!
//! On parameters they are set where a layer is built, by `penalty` for its kernel and `bias_penalty`
//! for its bias; on the values that pass through a model they are added by the layer
//! [`ActivationPenalty`](crate::layers::ActivationPenalty) or by
//! [`Graph::add_penalty`](crate::Graph::add_penalty). All of them are part of
//! [`Tape::penalty`](crate::Tape::penalty), to be asked for after the forward pass.
//!
//! A factor `λ` that is negative or not finite panics where the penalty is recorded: it would
//! reward what it is to hold down. A reward that is meant is a penalty of one's own, by [`from_fn`].

mod orthogonality;

pub use orthogonality::Orthogonality;
use serde::{Deserialize, Serialize};

use crate::graph::Var;

/// A scalar that grows with a parameter and is added to the loss.
///
/// A penalty is ordinary recorded mathematics, so its gradient needs no rule. A function from
/// [`Var`] to [`Var`] is one; for a closure see [`from_fn`].
pub trait Penalty: Send + Sync {
    /// The penalty of a parameter: a scalar.
    fn penalty<'t>(&self, w: Var<'t>) -> Var<'t>;
}

impl<F: for<'t> Fn(Var<'t>) -> Var<'t> + Send + Sync> Penalty for F {
    fn penalty<'t>(&self, w: Var<'t>) -> Var<'t> {
        self(w)
    }
}

/// A penalty from a closure.
///
/// ```
/// use gradtape::{penalty, prelude::*};
///
/// let mut params = Params::<f32>::new(Seed(0));
/// let slow_growth = penalty::from_fn(|w| 1e-3 * (w.square() + 1.0).ln().sum(..));
/// params.add(Parameter::new("w", [3]).init(Ones).penalty(slow_growth));
///
/// let tape = Tape::inference(&params);
/// let expected = 3.0 * 1e-3 * 2.0_f32.ln();
/// assert!((tape.item(tape.penalty()) - expected).abs() < 1e-8);
/// ```
pub fn from_fn(f: impl for<'t> Fn(Var<'t>) -> Var<'t> + Send + Sync) -> impl Penalty {
    f
}

/// `λ · Σ |w|`: drives weights to zero, so that few connections remain (the lasso; R. Tibshirani,
/// 1996). Its gradient is `λ · sgn(w)`, 0 at 0.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct L1(pub f64);

impl Penalty for L1 {
    #[track_caller]
    fn penalty<'t>(&self, w: Var<'t>) -> Var<'t> {
        factor("L1", self.0) * w.abs().sum(..)
    }
}

/// `λ/2 · Σ w²`: keeps weights small (ridge regression; A. Hoerl and R. Kennard, 1970). Its
/// gradient is `λ · w`, so plain gradient descent multiplies weights by `1 - ηλ`.
///
/// Keras' `L2(λ)` has no ½: it is twice as strong, `L2(2.0 * lambda)` here.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct L2(pub f64);

impl Penalty for L2 {
    #[track_caller]
    fn penalty<'t>(&self, w: Var<'t>) -> Var<'t> {
        0.5 * factor("L2", self.0) * w.square().sum(..)
    }
}

/// Both together, `λ₁ · Σ |w| + λ₂/2 · Σ w²` (the elastic net; H. Zou and T. Hastie, 2005).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct L1L2 {
    /// The factor of the absolute values.
    pub l1: f64,
    /// The factor of half the squares.
    pub l2: f64,
}

impl Penalty for L1L2 {
    #[track_caller]
    fn penalty<'t>(&self, w: Var<'t>) -> Var<'t> {
        L1(self.l1).penalty(w) + L2(self.l2).penalty(w)
    }
}

/// The factor of a penalty, which must not be a reward.
#[track_caller]
fn factor(penalty: &str, factor: f64) -> f64 {
    let sensible = factor >= 0.0 && factor.is_finite();
    assert!(sensible, "{penalty}: the factor has to be finite and not negative, got {factor}");
    factor
}
