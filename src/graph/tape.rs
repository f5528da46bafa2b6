//! A graph being recorded, bound to the numbers that it is run over.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{
    Attached, Graph, IndexOperand, Input, Mode, NodeId, NonFinite, Operand, SavedGraph, Source,
    SweepId, Targets, Var,
};
use crate::error::Error;
use crate::exec::{self, Bindings, Plan, Request, Workspace, WorkspaceStore, oracle};
use crate::grad::sweep::differentiate;
use crate::ops::{Content, Op};
use crate::params::{Gradients, ParamId, Params};
use crate::scalar::Scalar;
use crate::seed::Seed;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A graph being recorded, bound to the numbers that it is run over: parameters, inputs and a
/// seed.
///
/// Recording computes nothing. Numbers are computed when they are asked for: by
/// [`value`](Self::value), [`item`](Self::item) and [`backward`](Self::backward). The result is a
/// pure function of parameters, inputs and seed: asking twice gives the same bits.
///
/// A tape is made for each step; recording the same structure as an earlier step reuses its plan
/// and its memory.
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::new(Seed(0));
/// let w = params.add_tensor("w", &Tensor::from([3.0_f32, -1.0]));
///
/// let mut optimizer = Sgd::new(0.1);
/// for step in 0..100 {
///     let tape = Tape::training(&params, Seed(1).derive(step));
///     let loss = (tape.param(w) - 2.0).square().sum(..);
///     let gradients = tape.backward(loss);
///     optimizer.step(&mut params, &gradients);
/// }
/// assert!(params.values(w).iter().all(|w| (w - 2.0).abs() < 1e-6));
/// ```
///
/// Printed, it lists the recorded graph:
///
/// ```
/// # use gradtape::prelude::*;
/// let params = Params::<f32>::new(Seed(0));
/// let tape = Tape::inference(&params);
/// let x = tape.input(&Tensor::from([[1.0, 2.0]]));
/// let y = (2.0 * x).tanh().sum(0);
/// let listing = [
///     "%0  [1, 2]  input",
///     "%2  [1, 2]  2 * %0",
///     "%3  [1, 2]  tanh(%2)",
///     "%4  [2]     sum(%3, axes=[0])",
/// ];
/// assert!(tape.to_string().lines().eq(listing));
/// ```
pub struct Tape<'p, T: Scalar = f32> {
    graph: Graph,
    params: &'p Params<T>,
    seed: Seed,
    session: RefCell<Session<T>>,
}

/// What running needs and changes.
struct Session<T: Scalar> {
    workspace: Workspace<T>,
    store: Arc<WorkspaceStore<T>>,
    inputs: Vec<Tensor<T>>,
    kept: SmallVec<[NodeId; 4]>,
    /// The last run, whose wanted values are still in the workspace.
    last: Option<(Request, Arc<Plan>)>,
}

impl<T: Scalar> Drop for Session<T> {
    fn drop(&mut self) {
        let mut workspace = std::mem::take(&mut self.workspace);
        workspace.return_inputs(std::mem::take(&mut self.inputs));
        self.store.put(workspace);
    }
}

impl<'p, T: Scalar> Tape<'p, T> {
    /// A tape for a training step: noise such as dropout is part of the graph, drawn from this
    /// seed.
    pub fn training(params: &'p Params<T>, seed: Seed) -> Self {
        Self::new(params, seed, Mode::Training)
    }

    /// A tape for inference: noise is left out. Where there is no inference without noise, as in
    /// fractional pooling, the seed is 0.
    pub fn inference(params: &'p Params<T>) -> Self {
        Self::new(params, Seed(0), Mode::Inference)
    }

    /// A tape for one of the networks that inference stands for: noise is drawn from this seed as
    /// in training, but running statistics are used as they are and nothing is updated. See
    /// [`noise::marginalize`](crate::noise::marginalize), which averages over many.
    pub fn sampling(params: &'p Params<T>, seed: Seed) -> Self {
        Self::new(params, seed, Mode::Sampling)
    }

    fn new(params: &'p Params<T>, seed: Seed, mode: Mode) -> Self {
        let store = params.workspaces().clone();
        let mut workspace = store.take();
        let inputs = workspace.take_inputs();
        let session = Session { workspace, store, inputs, kept: SmallVec::new(), last: None };
        let graph = Graph::new(mode, params.layout().clone(), params.traces().clone());
        Self { graph, params, seed, session: RefCell::new(session) }
    }

    /// The graph that is being recorded.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The seed of the tape's noise.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The tensors bound as inputs, in double precision.
    pub(crate) fn inputs_in_double(&self) -> Vec<Tensor<f64>> {
        self.session.borrow().inputs.iter().map(Tensor::cast).collect()
    }

    /// Binds a tensor, or anything else that is an [`Input`], to be worked on. The numbers are
    /// shared, not copied.
    #[track_caller]
    pub fn input(&self, x: &impl Input<T>) -> Var<'_> {
        x.bind(self)
    }

    #[track_caller]
    pub(super) fn bind_tensor(&self, x: &Tensor<T>) -> Var<'_> {
        self.session.borrow_mut().inputs.push(x.clone());
        self.graph.input(x.shape())
    }

    /// A parameter.
    ///
    /// # Panics
    ///
    /// If the id belongs to other `Params`.
    #[track_caller]
    pub fn param(&self, id: ParamId) -> Var<'_> {
        self.graph.param(id)
    }

    /// A constant number, as a scalar. Operators and methods take plain numbers themselves.
    #[track_caller]
    pub fn scalar(&self, value: f64) -> Var<'_> {
        self.graph.scalar(value)
    }

    /// 1 at each index along a new last axis of this size, 0 elsewhere: see [`Graph::one_hot`].
    #[track_caller]
    pub fn one_hot<'t>(&'t self, indices: impl IndexOperand<'t>, depth: usize) -> Var<'t> {
        self.graph.one_hot(indices, depth)
    }

    /// The sum of all parameters' penalties and of those that layers have added to the graph
    /// ([`Graph::add_penalty`]), a scalar; 0 if there are none.
    ///
    /// Ask for it after the forward pass: a layer that adds a penalty later panics, because it
    /// would be missed.
    #[track_caller]
    pub fn penalty(&self) -> Var<'_> {
        let layout = self.graph.layout();
        let mut sum: Option<Var<'_>> = None;
        for id in layout.ids() {
            let entry = layout.entry(id);
            let Some(penalty) = &entry.penalty else { continue };
            let penalty = penalty.penalty(self.param(id));
            let (name, shape) = (&entry.name, penalty.shape());
            assert!(
                shape.rank() == 0,
                "the penalty of `{name}` is of shape {shape}, not one number; end it in `sum(..)`"
            );
            sum = Some(sum.map_or(penalty, |sum| sum + penalty));
        }
        let added = self.graph.take_penalty();
        let all = [sum, added].into_iter().flatten().reduce(|sum, penalty| sum + penalty);
        all.unwrap_or_else(|| self.scalar(0.0))
    }

    /// Asks that this value be kept whenever the tape runs, so that [`value`](Self::value) and
    /// [`item`](Self::item) find it after [`backward`](Self::backward) instead of computing it
    /// again: predictions for a metric, a penalty to be reported.
    #[track_caller]
    pub fn keep<'t>(&'t self, var: Var<'t>) -> Var<'t> {
        let id = self.node(var, "keep");
        let kept = &mut self.session.borrow_mut().kept;
        if !kept.contains(&id) {
            kept.push(id);
        }
        var
    }

    /// The numbers of a value.
    #[track_caller]
    pub fn value(&self, var: Var<'_>) -> Tensor<T> {
        self.read(var, |shape, numbers| Tensor::from_fn(shape, |i| numbers[i]))
    }

    /// The number that a value of one element is.
    ///
    /// # Panics
    ///
    /// If there is not exactly one.
    #[track_caller]
    pub fn item(&self, var: Var<'_>) -> T {
        let shape = var.shape();
        assert!(shape.numel() == 1, "item: a value of shape {shape} is not one number");
        self.read(var, |_, numbers| numbers[0])
    }

    /// The gradients of a loss with respect to all trainable parameters.
    ///
    /// A parameter that the loss does not depend on has no gradient and is not moved by a step;
    /// [`Gradients::unreached`] names those.
    ///
    /// # Panics
    ///
    /// If the loss is not one number, or depends on no trainable parameter at all.
    #[track_caller]
    pub fn backward(&self, loss: Var<'_>) -> Gradients<T> {
        let id = self.number(loss, "backward");
        let sweep = self.graph.sweep_params(loss);
        let session = &mut *self.session.borrow_mut();
        let mut values = session.store.take_gradients(self.params.flat().len());
        let plan = self.run(session, id, Some(sweep), &mut values);
        let layout = self.params.layout().clone();
        assert!(
            layout.entries().iter().zip(&*plan.reached).any(|(entry, &r)| r && entry.trainable),
            "backward: the loss depends on no trainable parameter, so there is nothing to train{}",
            self.graph.of_trainer()
        );
        let (_, loss) = session.workspace.output(&plan, 0, self.params.flat(), &session.inputs);
        Gradients::computed(layout, values, plan.reached.clone(), loss[0], session.store.clone())
    }

    /// The gradients of a number with respect to other values, as values of this graph: they can
    /// be computed with and differentiated again. Zero where `y` does not depend on one.
    ///
    /// # Panics
    ///
    /// If `y` is not one number.
    #[track_caller]
    pub fn gradient<'t>(&'t self, y: Var<'t>, xs: &[Var<'t>]) -> Vec<Var<'t>> {
        let id = self.number(y, "gradient");
        let mut targets = Vec::with_capacity(xs.len());
        // A closure would hide the caller's line.
        for x in xs {
            targets.push(self.node(*x, "gradient"));
        }
        let sweep = self.graph.sweep(id, &Targets::Nodes(targets.clone()), || {
            let found = differentiate(y, &targets).into_iter().zip(xs);
            let zero = |x: &Var<'t>| self.scalar(0.0).broadcast_to(x.shape()).id();
            found.map(|(gradient, x)| Some(gradient.unwrap_or_else(|| zero(x)))).collect()
        });
        self.graph.swept(sweep).iter().flatten().map(|&id| self.graph.var(id)).collect()
    }

    /// The node of a value that has to be one number.
    #[track_caller]
    fn number(&self, y: Var<'_>, what: &str) -> NodeId {
        let shape = y.shape();
        assert!(
            shape.numel() == 1,
            "{what}: a value of shape {shape} is not one number; reduce it, as by `mean(..)`"
        );
        self.node(y, what)
    }

    /// The node of a value of this tape's that has numbers to be read.
    #[track_caller]
    fn node(&self, var: Var<'_>, what: &str) -> NodeId {
        let content = var.operand(&self.graph).content();
        assert!(content == Content::Numbers, "{what}: {}", content.refusal());
        var.id()
    }

    /// Hands the numbers of a value to `read`, after a run unless the last one kept them.
    #[track_caller]
    fn read<R>(&self, var: Var<'_>, read: impl FnOnce(&Shape, &[T]) -> R) -> R {
        let id = self.node(var, "value");
        let session = &mut *self.session.borrow_mut();
        let kept = session.last.as_ref().and_then(|(request, plan)| {
            let at = request.outputs.iter().position(|&output| output == id)?;
            Some((plan.clone(), at))
        });
        let (plan, at) = kept.unwrap_or_else(|| (self.run(session, id, None, &mut []), 0));
        let (shape, numbers) =
            session.workspace.output(&plan, at, self.params.flat(), &session.inputs);
        read(shape, numbers)
    }

    /// Runs the graph for a value, those that are kept, and the gradients of a sweep and updates of
    /// state.
    fn run(
        &self,
        session: &mut Session<T>,
        wanted: NodeId,
        sweep: Option<SweepId>,
        gradients: &mut [T],
    ) -> Arc<Plan> {
        let kept = session.kept.iter().copied().filter(|&id| id != wanted);
        let outputs = std::iter::once(wanted).chain(kept).collect();
        let updates = sweep.map_or(0, |_| self.graph.update_count());
        let swept = sweep.map(|sweep| self.graph.swept(sweep));
        let request = Request { outputs, gradients: swept, updates };
        let plan = self.graph.with_nodes(|nodes, trace| {
            session.workspace.plan(trace, &request, || {
                let targets = sweep.map_or(Vec::new(), |sweep| {
                    [self.graph.swept_params(sweep), self.graph.updates()].concat()
                });
                exec::plan(nodes, &request.outputs, &targets, self.graph.layout(), true)
            })
        });
        let attached = self.graph.attached();
        session.workspace.run(&plan, &self.bindings(&session.inputs, &attached), gradients);
        session.last = Some((request, plan.clone()));
        plan
    }

    fn bindings<'a>(
        &'a self,
        inputs: &'a [Tensor<T>],
        attached: &'a [Attached],
    ) -> Bindings<'a, T> {
        Bindings { params: self.params.flat(), inputs, attached, seed: self.seed }
    }

    /// What the outputs need, to be written to a file and run without the code that recorded it:
    /// see [`SavedGraph`].
    ///
    /// The inputs are what such a graph is given, in this order: what the tape was given or any
    /// other values, behind which nothing is saved. What else the tape was given and the outputs
    /// need, labels among it, follows without a name, in the order in which it was bound.
    ///
    /// # Errors
    ///
    /// If a name or an input is given twice, an output is not numbers, or needs an operation of
    /// your own.
    ///
    /// # Panics
    ///
    /// If a value was recorded on another tape.
    #[track_caller]
    pub fn save(
        &self,
        inputs: &[(&str, Var<'_>)],
        outputs: &[(&str, Var<'_>)],
    ) -> Result<SavedGraph, Error> {
        for (_, var) in inputs.iter().chain(outputs) {
            let _ = var.operand(&self.graph);
        }
        let [inputs, outputs] = [inputs, outputs].map(|named| -> Vec<(&str, NodeId)> {
            named.iter().map(|&(name, var)| (name, var.id())).collect()
        });
        SavedGraph::new(&self.graph, &inputs, &outputs)
    }

    /// The numbers of a value as the plain interpreter computes them: one operation at a time,
    /// in recording order, nothing fused or reused. Slow; what the executor is tested against.
    #[track_caller]
    pub fn interpret(&self, var: Var<'_>) -> Tensor<T> {
        let id = self.node(var, "interpret");
        let session = self.session.borrow();
        let attached = self.graph.attached();
        let bindings = self.bindings(&session.inputs, &attached);
        self.graph.with_nodes(|nodes, _| {
            oracle::value_of_last(&nodes[..=id.index()], &bindings, self.graph.layout())
        })
    }

    /// The first recorded operation whose result holds NaN or an infinity, if there is any: what
    /// it was, the range of its inputs and the line of your source that recorded it. Gradients are
    /// looked at too once they are recorded, by [`backward`](Self::backward) or
    /// [`gradient`](Self::gradient).
    ///
    /// Runs the plain interpreter over everything recorded, so it is slow: for finding out why a
    /// loss is not finite, not for every step.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let params = Params::<f32>::new(Seed(0));
    /// let tape = Tape::inference(&params);
    /// let x = tape.input(&Tensor::from([4.0, 0.0, -1.0]));
    /// let y = (x.sqrt() + 1.0).mean(..);
    /// assert!(tape.item(y).is_nan());
    /// let culprit = tape.find_non_finite().expect("the mean is NaN");
    /// assert_eq!((culprit.op, culprit.count), ("sqrt", 1));
    /// println!("{culprit}");
    /// ```
    pub fn find_non_finite(&self) -> Option<NonFinite> {
        let session = self.session.borrow();
        let attached = self.graph.attached();
        let bindings = self.bindings(&session.inputs, &attached);
        let bad = |x: &T| !x.is_finite();
        self.graph.with_nodes(|nodes, _| {
            // A constant infinity is meant, such as that which excludes a class.
            let counts = |at: usize| !matches!(nodes[at].op, Op::Source(Source::Scalar(_)));
            let values = oracle::interpret(nodes, &bindings, self.graph.layout(), |values| {
                let at = values.len() - 1;
                !(counts(at) && values[at].iter().any(bad))
            });
            let at = values.len().checked_sub(1)?;
            let value = *values[at].iter().find(|x| bad(x) && counts(at))?;
            let node = &nodes[at];
            let range = |id: &NodeId| {
                let numbers = values[id.index()].iter().map(|x| x.to_f64());
                let (low, high) = (numbers.clone().reduce(f64::min), numbers.reduce(f64::max));
                (self.graph.describe(*id), [low.unwrap_or(f64::NAN), high.unwrap_or(f64::NAN)])
            };
            Some(NonFinite {
                op: node.op.name(),
                definition: self.graph.describe(NodeId(at as u32)),
                value: value.to_f64(),
                count: values[at].iter().filter(|x| bad(x)).count(),
                total: values[at].len(),
                inputs: node.inputs.iter().map(range).collect(),
                location: node.location.to_string(),
                data: None,
            })
        })
    }
}

impl<T: Scalar> fmt::Display for Tape<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.graph, f)
    }
}
