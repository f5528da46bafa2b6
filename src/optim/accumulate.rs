//! Gradient accumulation.

use std::fmt;

use super::chain::check_layout;
use super::optimizer_state::Slot;
use super::{Optimizer, OptimizerState, through_inner};
use crate::params::{Gradients, Params, Role};
use crate::scalar::Scalar;

/// Steps an optimizer with the mean gradients of several calls, for batches that are too large for
/// memory: four calls with the mean loss of 32 examples each are one step with that of 128.
///
/// A call that does not complete such a round moves nothing. [`steps`](Optimizer::steps) and
/// schedules count rounds. All calls of a round weigh the same, also where a batch was smaller.
/// Clipping, and all else, sees the mean.
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let w = params.add(Parameter::new("w", [1]));
/// let mut optimizer = Accumulate::new(Sgd::new(0.5), 2);
/// for (gradient, after) in [(1.0, 0.0), (3.0, -1.0)] {
///     let gradients = Gradients::new(&params, vec![gradient], 0.0);
///     optimizer.step(&mut params, &gradients);
///     assert_eq!(params.values(w), [after]);
/// }
/// ```
pub struct Accumulate<O, T: Scalar = f32> {
    inner: O,
    calls: u64,
    /// The calls of this round so far, and the sum of their gradients.
    gathered: u64,
    sum: Option<Gradients<T>>,
}

impl<T: Scalar, O: Optimizer<T>> Accumulate<O, T> {
    /// One step of this optimizer for so many calls.
    ///
    /// # Panics
    ///
    /// If the number of calls is 0.
    #[track_caller]
    pub fn new(inner: O, calls: u64) -> Self {
        assert!(calls > 0, "Accumulate: the number of calls must be above 0");
        Self { inner, calls, gathered: 0, sum: None }
    }

    /// The optimizer inside.
    pub fn inner(&self) -> &O {
        &self.inner
    }

    /// The calls since the last step.
    pub fn gathered(&self) -> u64 {
        self.gathered
    }

    /// Takes the step now, with the mean of the calls so far, such as at the end of the data; if
    /// there were none, nothing happens.
    pub fn flush(&mut self, params: &mut Params<T>) {
        if let (Some(sum), 1..) = (&mut self.sum, self.gathered) {
            sum.scale(1.0 / self.gathered as f64);
            self.inner.step(params, sum);
            self.gathered = 0;
        }
    }
}

impl<T: Scalar, O: Optimizer<T>> Optimizer<T> for Accumulate<O, T> {
    fn step(&mut self, params: &mut Params<T>, gradients: &Gradients<T>) {
        check_layout(params, gradients);
        match &mut self.sum {
            Some(sum) if self.gathered > 0 => sum.accumulate(gradients),
            Some(sum) => sum.copy_from(gradients),
            None => self.sum = Some(gradients.copy()),
        }
        self.gathered += 1;
        // Each of the calls updates running statistics, as if there were a step for each.
        gradients.apply_updates(params);
        // A state that was restored may come from longer rounds.
        if self.gathered >= self.calls {
            self.flush(params);
        }
    }

    through_inner!();

    fn state(&self, params: &Params<T>) -> OptimizerState<T> {
        let mut state = self.inner.state(params).within("Accumulate");
        state.set_count("gathered", self.gathered);
        let sum = self.sum.as_ref().filter(|_| self.gathered > 0);
        let layout = params.layout();
        state.set_column("sum", layout, sum.map_or(&[], |sum| sum.flat()), T::ZERO);
        for (id, entry) in layout.ids().zip(layout.entries()) {
            if entry.role == Role::State {
                continue;
            }
            let reached = sum.is_some_and(|sum| {
                id.index() < sum.layout().entries().len() && sum.get(id).is_some()
            });
            let values = vec![if reached { T::ONE } else { T::ZERO }];
            state.insert(&entry.name, "reached", Slot { shape: Vec::new(), values });
        }
        state
    }

    fn load(&mut self, params: &Params<T>, state: &OptimizerState<T>) {
        self.inner.load(params, &state.inner());
        self.gathered = state.count("gathered").unwrap_or_default();
        let layout = params.layout();
        let mut values = vec![T::ZERO; layout.len()];
        state.column("sum", layout, &mut values);
        let reached = layout.entries().iter().map(|entry| {
            let slot = state.get(&entry.name, "reached");
            entry.trainable && slot.is_some_and(|slot| slot.values.first() == Some(&T::ONE))
        });
        let (reached, store) = (reached.collect(), params.workspaces().clone());
        let sum = Gradients::computed(layout.clone(), values, reached, T::ZERO, store);
        self.sum = (self.gathered > 0).then_some(sum);
    }
}

impl<T: Scalar, O: fmt::Debug> fmt::Debug for Accumulate<O, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, calls, .. } = self;
        write!(f, "Accumulate({inner:?}, {calls} calls a step)")
    }
}
