//! A recorded value that can be computed again at other parameters, in double precision.

use std::ops::Range;

use super::differences::Differences;
use super::kinks::{self, Sides};
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
    /// The operations that branch.
    sides: Vec<Sides>,
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
    /// The parameters, none of which is trained.
    pub(super) fn frozen_params(&self) -> Params<f64> {
        let mut params = self.params.clone();
        params.freeze(|_| true);
        params
    }

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

    /// Whether an entry of the parameters is a number with others around it.
    pub(super) fn is_finite(&self, entry: usize) -> bool {
        self.params.flat()[entry].is_finite()
    }

    /// The values around some entries, which move together, by their places in the flat slice.
    pub(super) fn differences(&mut self, entries: &[Range<usize>]) -> Differences {
        let x = self.reference(entries);
        let value = self.value;
        Differences::new(x, value, |x| {
            self.moved(entries, x, |this| {
                this.bound.run(&this.forward, &this.params, &mut []);
                this.bound.output(&this.forward, 0, &this.params)[0]
            })
        })
    }

    /// Whether an operation branches in another way where some entries are moved than where they
    /// are.
    pub(super) fn branches_between(&mut self, entries: &[Range<usize>], others: [f64; 2]) -> bool {
        if self.sides.is_empty() {
            return false;
        }
        let here = self.current_sides();
        others.into_iter().any(|other| self.moved(entries, other, Self::current_sides) != here)
    }

    /// The operations that branch.
    pub(super) fn branching(&self) -> Vec<NodeId> {
        self.sides.iter().map(|side| side.of).collect()
    }

    /// The largest of some entries, whose value says how far they have moved.
    fn reference(&self, entries: &[Range<usize>]) -> f64 {
        let all = entries.iter().flat_map(|range| &self.params.flat()[range.clone()]);
        all.copied().reduce(|a, b| if b.abs() > a.abs() { b } else { a }).unwrap_or(0.0)
    }

    /// Does something while some entries are moved by as much as takes their reference to `to`.
    /// Those that equal it go exactly there, so that ties stay ties.
    fn moved<R>(
        &mut self,
        entries: &[Range<usize>],
        to: f64,
        run: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let from = self.reference(entries);
        let mut before = Vec::new();
        for range in entries {
            for x in &mut self.params.flat_mut()[range.clone()] {
                before.push(*x);
                *x = if *x == from { to } else { *x + (to - from) };
            }
        }
        let result = run(self);
        let mut before = before.into_iter();
        for range in entries {
            let values = &mut self.params.flat_mut()[range.clone()];
            values.iter_mut().zip(&mut before).for_each(|(x, before)| *x = before);
        }
        result
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

    /// Which side each branching operation takes, element by element.
    fn current_sides(&mut self) -> Vec<f64> {
        let plan = self.branches.get_or_insert_with(|| {
            let sides: Vec<NodeId> = self.sides.iter().map(|side| side.told_by).collect();
            self.graph
                .with_nodes(|nodes, _| exec::plan(nodes, &sides, &[], self.graph.layout(), true))
        });
        self.bound.run(plan, &self.params, &mut []);
        let outputs = (0..self.sides.len()).map(|i| self.bound.output(plan, i, &self.params));
        outputs.collect::<Vec<_>>().concat()
    }
}
