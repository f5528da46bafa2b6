//! Constraints on the weights.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::groups::{Asked, expect_some};
use super::hyperparameter::Allowed;
use super::{Optimizer, OptimizerState, through_inner};
use crate::params::{Entry, Gradients, Params};
use crate::scalar::Scalar;
use crate::shape::Shape;

/// What the weights of each unit must satisfy, `w` being all that go into it: a column of a dense
/// layer's kernel `[inputs, units]`, a filter of a convolution's `[filters, channels, ...]`, a
/// vector as a whole. The norm is Euclidean.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum Constraint {
    /// `w · min(1, limit / |w|)`
    ///
    /// N. Srebro, A. Shraibman, *Rank, trace-norm and max-norm*, COLT 2005.
    MaxNorm(f64),
    /// `w / |w|`; weights that are all 0 stay so.
    UnitNorm,
}

impl Constraint {
    /// What the weights of a unit are multiplied by.
    fn factor(self, norm: f64) -> f64 {
        match self {
            Constraint::MaxNorm(limit) if norm > limit => limit / norm,
            Constraint::UnitNorm if norm > 0.0 => 1.0 / norm,
            // NaN is left to be seen.
            _ => 1.0,
        }
    }
}

/// Puts parameters back to where a [`Constraint`] holds, after each step of any optimizer that moves
/// them.
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let w = params.add(Parameter::new("w", [2, 1]).role(Role::Weight));
/// let kernels = |entry: &gradtape::params::Entry| entry.role == Role::Weight;
/// let mut optimizer = Constrained::new(Sgd::new(1.0), kernels, Constraint::MaxNorm(1.0));
///
/// let gradients = Gradients::new(&params, vec![-3.0, -4.0], 0.0);
/// optimizer.step(&mut params, &gradients);
/// assert_eq!(params.values(w), [0.6, 0.8]);
/// ```
#[derive(Clone)]
pub struct Constrained<O> {
    inner: O,
    predicate: Arc<dyn Fn(&Entry) -> bool + Send + Sync>,
    constraint: Constraint,
    /// The parameters that the predicate was asked about, and what it said.
    chosen: Vec<bool>,
    asked: Asked,
    /// The norms of a parameter's units.
    norms: Vec<f64>,
}

impl<O> Constrained<O> {
    /// A constraint on the parameters for which this holds.
    ///
    /// # Panics
    ///
    /// If the limit is not finite and above 0. If the predicate holds for no parameter, the first
    /// step panics.
    #[track_caller]
    pub fn new(
        inner: O,
        predicate: impl Fn(&Entry) -> bool + Send + Sync + 'static,
        constraint: Constraint,
    ) -> Self {
        if let Constraint::MaxNorm(limit) = constraint {
            Allowed::Positive.check("Constrained", "the limit", limit);
        }
        let predicate = Arc::new(predicate);
        let (chosen, asked, norms) = Default::default();
        Self { inner, predicate, constraint, chosen, asked, norms }
    }

    /// The optimizer inside.
    pub fn inner(&self) -> &O {
        &self.inner
    }
}

impl<T: Scalar, O: Optimizer<T>> Optimizer<T> for Constrained<O> {
    fn step(&mut self, params: &mut Params<T>, gradients: &Gradients<T>) {
        let entries = params.layout().entries();
        if self.asked.is_outdated(params.layout()) {
            expect_some("Constrained: the predicate", params.layout(), &*self.predicate);
            self.chosen = entries.iter().map(|entry| (self.predicate)(entry)).collect();
        }
        let before = self.inner.steps();
        self.inner.step(params, gradients);
        if self.inner.steps() == before {
            return;
        }
        let layout = params.layout().clone();
        for (id, &chosen) in layout.ids().zip(&self.chosen) {
            if chosen && layout.entry(id).trainable {
                let shape = &layout.entry(id).shape;
                constrain(self.constraint, shape, params.values_mut(id), &mut self.norms);
            }
        }
    }

    through_inner!();

    fn state(&self, params: &Params<T>) -> OptimizerState<T> {
        self.inner.state(params).within("Constrained")
    }

    fn load(&mut self, params: &Params<T>, state: &OptimizerState<T>) {
        self.inner.load(params, &state.inner());
    }
}

/// Multiplies the weights of each unit by the factor of their norm.
fn constrain<T: Scalar>(
    constraint: Constraint,
    shape: &Shape,
    values: &mut [T],
    norms: &mut Vec<f64>,
) {
    let square = |x: &T| x.to_f64() * x.to_f64();
    let scaled = |x: T, factor: f64| T::from_f64(x.to_f64() * factor);
    norms.clear();
    if let [_, units] = shape[..] {
        // Units are columns.
        norms.resize(units, 0.0);
        let rows = values.chunks_exact(units.max(1));
        rows.for_each(|row| norms.iter_mut().zip(row).for_each(|(norm, x)| *norm += square(x)));
        norms.iter_mut().for_each(|norm| *norm = constraint.factor(norm.sqrt()));
        if norms.iter().all(|&factor| factor == 1.0) {
            return;
        }
        for row in values.chunks_exact_mut(units.max(1)) {
            row.iter_mut().zip(&*norms).for_each(|(x, &factor)| *x = scaled(*x, factor));
        }
    } else {
        // Units stand one after the other, or there is only one.
        let units = if shape.len() > 1 { shape[0] } else { 1 };
        for unit in values.chunks_mut((values.len() / units.max(1)).max(1)) {
            let factor = constraint.factor(unit.iter().map(square).sum::<f64>().sqrt());
            unit.iter_mut().for_each(|x| *x = scaled(*x, factor));
        }
    }
}

impl<O: fmt::Debug> fmt::Debug for Constrained<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Constrained({:?}, {:?})", self.inner, self.constraint)
    }
}
