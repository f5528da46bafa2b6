//! State, such as running statistics: parameters that a run gives new values instead of gradients.

use super::{Array, Content, Operation, Site};
use crate::graph::{Graph, Mode, Var};
use crate::params::{ParamId, Role};
use crate::scalar::Scalar;
use crate::shape::Shape;

/// The new value of a parameter, which is the first input; the second one is the value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Update;

impl Operation for Update {
    fn name(&self) -> &'static str {
        "update"
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let (state, value) = (inputs[0], inputs[1]);
        if state != value {
            return Err(format!("state of shape {state} cannot become a value of shape {value}"));
        }
        Ok(state.clone())
    }

    fn reads(&self) -> Option<&'static [Content]> {
        Some(&[Content::Numbers, Content::Numbers])
    }

    fn vjp<'t>(&self, _input: usize, _site: &Site<'_, 't>) -> Option<Var<'t>> {
        None
    }

    #[cfg(test)]
    fn rule(&self, _input: usize) -> &'static str {
        "none"
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], _shape: &Shape, out: &mut [T]) {
        out.copy_from_slice(inputs[1].numbers());
    }
}

impl Graph {
    /// The value of a parameter of the role [`Role::State`]: what an [`update`](Self::update)
    /// recorded before gives it, or else what it is.
    ///
    /// # Panics
    ///
    /// If the id belongs to other `Params`.
    #[track_caller]
    pub fn state(&self, id: ParamId) -> Var<'_> {
        self.latest_update(id).unwrap_or_else(|| self.param(id))
    }

    /// Gives a parameter of the role [`Role::State`] a new value, such as a running mean that takes
    /// in this batch's. This is for training: on other tapes nothing changes.
    ///
    /// Running a tape changes nothing by itself: the new value leaves it with the gradients, and
    /// the optimizer's step puts it in place
    /// ([`Gradients::apply_updates`](crate::Gradients::apply_updates)). No gradient passes.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let mut params = Params::<f32>::new(Seed(0));
    /// let w = params.add_tensor("w", &Tensor::from([2.0]));
    /// let count = params.add(Parameter::new("count", [1]).role(Role::State));
    ///
    /// let mut optimizer = Sgd::new(0.5);
    /// for step in 0..3 {
    ///     let tape = Tape::training(&params, Seed(step));
    ///     let graph = tape.graph();
    ///     graph.update(count, graph.state(count) + 1.0);
    ///     let gradients = tape.backward(tape.param(w).square().sum(..));
    ///     optimizer.step(&mut params, &gradients);
    /// }
    /// assert_eq!(params.values(count), [3.0]);
    /// ```
    ///
    /// # Panics
    ///
    /// If the parameter's role is another, or the value is not of its shape.
    #[track_caller]
    pub fn update(&self, id: ParamId, value: Var<'_>) {
        let entry = self.layout().entry(id);
        let (name, role) = (&entry.name, entry.role);
        assert!(
            role == Role::State,
            "update: `{name}` is a {role:?}, which optimizers change; only State is updated"
        );
        if self.mode() != Mode::Training {
            return;
        }
        let update = self.record(Update, &[self.param(id).id(), value.detach().id()]);
        self.remember_update(id, update);
    }
}
