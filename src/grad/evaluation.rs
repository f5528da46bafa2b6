//! A recorded value that can be computed again at other parameters, in double precision.

use super::differences::Differences;
use super::kinks;
use crate::error::Error;
use crate::exec::{self, Bindings, Plan, Workspace};
use crate::graph::{Attached, Graph, NodeId, Tape, Var};
use crate::params::{ParamId, Params};
use crate::scalar::Scalar;
use crate::seed::Seed;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A recorded value that can be computed again at other parameters.
pub(super) struct Evaluation<'a> {
    graph: &'a Graph,
    params: Params<f64>,
    bound: Bound<'a>,
    forward: Plan,
    /// The analytic gradients, laid out as the parameters; 0 where the value depends on none.
    gradients: Vec<f64>,
    reached: Vec<bool>,
    value: f64,
    /// The nodes that say which side each branching operation takes.
    sides: Vec<NodeId>,
    /// The plan that computes them, once it is needed.
    branches: Option<Plan>,
}

/// What stays the same from one evaluation to the next: inputs, labels and noise.
struct Bound<'a> {
    inputs: Vec<Tensor<f64>>,
    attached: std::cell::Ref<'a, [Attached]>,
    seed: Seed,
    workspace: Workspace<f64>,
}

impl Bound<'_> {
    /// Runs a plan, with gradients if it computes any.
    fn run(&mut self, plan: &Plan, params: &Params<f64>, gradients: &mut [f64]) {
        let Self { inputs, attached, seed, workspace } = self;
        let bindings = Bindings { params: params.flat(), inputs, attached, seed: *seed };
        workspace.run(plan, &bindings, gradients);
    }

    /// A wanted value after a run.
    fn output<'a>(&'a self, plan: &'a Plan, i: usize, params: &'a Params<f64>) -> &'a [f64] {
        self.workspace.output(plan, i, params.flat(), &self.inputs).1
    }
}

impl<'a> Evaluation<'a> {
    pub(super) fn new<T: Scalar>(
        tape: &'a Tape<'_, T>,
        value: Var<'a>,
        params: &Params<T>,
    ) -> Result<Self, Error> {
        let graph = tape.graph();
        let swept = graph.swept_params(graph.sweep_params(value));
        let sides = kinks::sides(value);
        let plan = |wanted: &[(ParamId, _)]| {
            graph.with_nodes(|nodes, _| {
                exec::plan(nodes, &[value.id()], wanted, graph.layout(), true)
            })
        };
        let (forward, backward) = (plan(&[]), plan(&swept));
        let mut bound = Bound {
            inputs: tape.inputs_in_double(),
            // Nothing can be recorded from here on.
            attached: graph.attached(),
            seed: tape.seed(),
            workspace: Workspace::default(),
        };
        let params = params.cast();
        let mut gradients = vec![0.0; params.flat().len()];
        bound.run(&backward, &params, &mut gradients);
        let value = bound.output(&backward, 0, &params)[0];
        if !value.is_finite() {
            return Err(Error::Uncheckable(format!("the value is {value}")));
        }
        let reached = backward.reached.to_vec();
        for id in params.layout().ids() {
            let values = &mut gradients[params.layout().range(id)];
            if !reached[id.index()] {
                values.fill(0.0);
            }
            if let Some(bad) = values.iter().find(|g| !g.is_finite()) {
                let name = &params.layout().entry(id).name;
                return Err(Error::Uncheckable(format!("the gradient of `{name}` holds {bad}")));
            }
        }
        let branches = None;
        Ok(Self { graph, params, bound, forward, gradients, reached, value, sides, branches })
    }

    /// Whether the value depends on a parameter.
    pub(super) fn reaches(&self, id: ParamId) -> bool {
        self.reached[id.index()]
    }

    /// The analytic gradient with respect to one parameter.
    pub(super) fn gradient(&self, id: ParamId) -> &[f64] {
        &self.gradients[self.params.layout().range(id)]
    }

    /// The values around one entry of the parameters, by its place in the flat slice.
    pub(super) fn differences(&mut self, entry: usize) -> Differences {
        let x = self.params.flat()[entry];
        let found = Differences::new(x, self.value, |x| {
            self.params.flat_mut()[entry] = x;
            self.bound.run(&self.forward, &self.params, &mut []);
            self.bound.output(&self.forward, 0, &self.params)[0]
        });
        self.params.flat_mut()[entry] = x;
        found
    }

    /// Whether an operation branches in another way at other values of one entry than at its own.
    pub(super) fn branches_between(&mut self, entry: usize, others: [f64; 2]) -> bool {
        if self.sides.is_empty() {
            return false;
        }
        let here = self.sides_at(entry, self.params.flat()[entry]);
        others.into_iter().any(|other| self.sides_at(entry, other) != here)
    }

    /// A node's shape and numbers.
    pub(super) fn value_of(&mut self, id: NodeId) -> (Shape, Vec<f64>) {
        let (plan, shape) = self.graph.with_nodes(|nodes, _| {
            let plan = exec::plan(nodes, &[id], &[], self.graph.layout(), true);
            (plan, nodes[id.index()].shape.clone())
        });
        self.bound.run(&plan, &self.params, &mut []);
        (shape, self.bound.output(&plan, 0, &self.params).to_vec())
    }

    fn sides_at(&mut self, entry: usize, x: f64) -> Vec<f64> {
        let plan = self.branches.get_or_insert_with(|| {
            self.graph.with_nodes(|nodes, _| {
                exec::plan(nodes, &self.sides, &[], self.graph.layout(), true)
            })
        });
        let before = std::mem::replace(&mut self.params.flat_mut()[entry], x);
        self.bound.run(plan, &self.params, &mut []);
        let outputs = (0..self.sides.len()).map(|i| self.bound.output(plan, i, &self.params));
        let sides = outputs.collect::<Vec<_>>().concat();
        self.params.flat_mut()[entry] = before;
        sides
    }
}
