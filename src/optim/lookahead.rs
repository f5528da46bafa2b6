//! Lookahead.

use std::fmt;

use super::hyperparameter::Allowed;
use super::{Optimizer, OptimizerState, through_inner};
use crate::params::{Gradients, Params};
use crate::scalar::Scalar;

/// Lookahead around any optimizer: after every `k` of its fast steps, slow weights follow a part of
/// the way, and the fast ones start again from there.
///
/// ```text
/// every k steps:  s += α(p - s),   p = s
/// ```
///
/// where `s = p` at first. What the optimizer remembers goes on as it is. The paper's numbers are
/// `k = 5` and `α = 0.5`. Frozen parameters stay as they are, as does state.
///
/// M. R. Zhang, J. Lucas, G. Hinton, J. Ba, *Lookahead optimizer: k steps forward, 1 step back*,
/// NeurIPS 2019.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: Lookahead<_> = Lookahead::new(AdamW::new(1e-3), 5, 0.5);
/// ```
#[derive(Clone)]
pub struct Lookahead<O, T: Scalar = f32> {
    inner: O,
    every: u64,
    alpha: f64,
    /// The slow weights, in the order of the layout.
    slow: Vec<T>,
}

impl<T: Scalar, O: Optimizer<T>> Lookahead<O, T> {
    /// Slow weights that follow by the part `alpha` after `every` so many steps.
    ///
    /// # Panics
    ///
    /// If `every` is 0, or `alpha` is not above 0 and at most 1.
    #[track_caller]
    pub fn new(inner: O, every: u64, alpha: f64) -> Self {
        assert!(every > 0, "Lookahead: the number of steps must be above 0");
        let alpha = Allowed::PositiveShare.check("Lookahead", "alpha", alpha);
        Self { inner, every, alpha, slow: Vec::new() }
    }

    /// The optimizer inside.
    pub fn inner(&self) -> &O {
        &self.inner
    }
}

impl<T: Scalar, O: Optimizer<T>> Optimizer<T> for Lookahead<O, T> {
    fn step(&mut self, params: &mut Params<T>, gradients: &Gradients<T>) {
        // Also what has been added since the last step.
        self.slow.extend_from_slice(params.flat().get(self.slow.len()..).unwrap_or_default());
        self.inner.step(params, gradients);
        if !self.inner.steps().is_multiple_of(self.every) {
            return;
        }
        let alpha = T::from_f64(self.alpha);
        let layout = params.layout().clone();
        for entry in layout.entries().iter().filter(|entry| entry.trainable) {
            let range = entry.range();
            let slow = self.slow[range.clone()].iter_mut();
            for (slow, fast) in slow.zip(&mut params.flat_mut()[range]) {
                *slow += alpha * (*fast - *slow);
                *fast = *slow;
            }
        }
    }

    through_inner!();

    fn state(&self, params: &Params<T>) -> OptimizerState<T> {
        let mut state = self.inner.state(params).within("Lookahead");
        let known = self.slow.len();
        let slow = [&self.slow[..], params.flat().get(known..).unwrap_or_default()].concat();
        state.set_column("slow", params.layout(), &slow, T::ZERO);
        state
    }

    fn load(&mut self, params: &Params<T>, state: &OptimizerState<T>) {
        self.inner.load(params, &state.inner());
        self.slow = params.flat().to_vec();
        state.column("slow", params.layout(), &mut self.slow);
    }
}

impl<T: Scalar, O: fmt::Debug> fmt::Debug for Lookahead<O, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, every, alpha, .. } = self;
        write!(f, "Lookahead({inner:?}, every {every} steps by {alpha})")
    }
}
