//! What is recorded: nodes that know shapes and where in the user's source they were written, but
//! no numbers.

mod attached;
mod dot;
mod input;
mod listing;
mod location;
mod node;
mod non_finite;
mod saved;
mod sources;
mod tape;
mod trace;
mod var;

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

pub(crate) use attached::Attached;
pub use input::Input;
pub use location::CodeLocation;
pub(crate) use node::{Node, NodeId, Source};
pub use non_finite::NonFinite;
pub use saved::{InputKind, SavedGraph, SavedInput, SavedParameter};
use smallvec::SmallVec;
pub use tape::Tape;
use trace::Sweep;
pub(crate) use trace::{Targets, Trace, TraceStore};
pub use var::{IndexOperand, Operand, Var};

use crate::grad::sweep::differentiate;
use crate::ops::Op;
use crate::ops::state::Update;
use crate::params::{Layout, ParamId, Role};
use crate::shape::Shape;

/// Whether a graph is recorded to train or to infer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Noise such as dropout is drawn; batch normalization uses the batch's statistics, and the
    /// running ones take them in.
    Training,
    /// Noise is left out, or made up for in the way that each layer names; statistics are the
    /// running ones.
    Inference,
    /// Noise is drawn as in training, but statistics are the running ones and nothing is updated:
    /// one of the many networks that inference stands for. See [`noise`](crate::noise).
    Sampling,
}

impl Mode {
    /// Whether noise is drawn.
    pub fn draws_noise(self) -> bool {
        self != Mode::Inference
    }
}

/// A graph being recorded: operations, shapes and parameter names, without any numbers.
///
/// Users meet it through [`Var`] and [`Tape`]; [`Var::graph`] leads here from inside a layer.
pub struct Graph {
    mode: Mode,
    layout: Arc<Layout>,
    recording: RefCell<Recording>,
    store: Arc<TraceStore>,
}

/// A reverse sweep of a graph.
#[derive(Clone, Copy)]
pub(crate) struct SweepId(usize);

/// The state of recording.
struct Recording {
    trace: Trace,
    /// How many nodes are recorded. A step that repeats an earlier one finds its next node here,
    /// so recording it again is a comparison; what lies behind belongs to the earlier step.
    cursor: usize,
    attached: Vec<Attached>,
    inputs: u32,
    streams: u32,
    updates: u32,
    /// The values that [`Var::watch`] gave a name. Room for the usual few, so that a model that
    /// is watched trains without allocations too.
    watched: SmallVec<[(Cow<'static, str>, NodeId); 8]>,
    /// The sum of the penalties that layers have added.
    added_penalty: Option<NodeId>,
    /// Whether the sum of all penalties is recorded, so that one added later would be missed.
    penalty_taken: bool,
    /// Where the trainer was made that the graph is recorded for, and on which of its data if not on
    /// those to train on.
    trainer: Option<CodeLocation>,
    data: Option<&'static str>,
}

impl Graph {
    pub(crate) fn new(mode: Mode, layout: Arc<Layout>, store: Arc<TraceStore>) -> Self {
        let mut trace = store.take_latest();
        let attached = std::mem::take(&mut trace.spare_attached);
        let recording = RefCell::new(Recording {
            trace,
            cursor: 0,
            attached,
            inputs: 0,
            streams: 0,
            updates: 0,
            watched: SmallVec::new(),
            added_penalty: None,
            penalty_taken: false,
            trainer: None,
            data: None,
        });
        Self { mode, layout, recording, store }
    }

    /// Whether this graph is recorded to train or to infer.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The parameters' names and shapes.
    pub(crate) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The ids of all parameters, in the order of their layout.
    pub fn param_ids(&self) -> impl Iterator<Item = ParamId> + use<> {
        self.layout.ids()
    }

    /// Has messages name where the trainer was made that the graph is recorded for. It calls model
    /// and loss through pointers, behind which a panic's place is the library's.
    pub(crate) fn set_trainer(&self, made_at: &CodeLocation) {
        self.recording.borrow_mut().trainer = Some(made_at.clone());
    }

    /// Has such messages name the data, too.
    pub(crate) fn set_data(&self, data: &'static str) {
        self.recording.borrow_mut().data = Some(data);
    }

    /// The end of a message: for which trainer the graph is recorded, if for one.
    pub(crate) fn of_trainer(&self) -> String {
        let Recording { trainer, data, .. } = &*self.recording.borrow();
        let data = data.map(|data| format!(", on {data}")).unwrap_or_default();
        let place = |place| format!("\n  in the `Trainer` made at {place}{data}");
        trainer.as_ref().map(place).unwrap_or_default()
    }

    pub(crate) fn watch(&self, name: Cow<'static, str>, id: NodeId) {
        self.recording.borrow_mut().watched.push((name, id));
    }

    /// The values that [`Var::watch`] gave a name, in the order in which it did.
    pub fn watched(&self) -> Vec<(Cow<'static, str>, Var<'_>)> {
        let watched = &self.recording.borrow().watched;
        watched.iter().map(|(name, id)| (name.clone(), self.var(*id))).collect()
    }

    /// The latest update of a parameter that is state, if one is recorded.
    pub(crate) fn latest_update(&self, id: ParamId) -> Option<Var<'_>> {
        let recording = self.recording.borrow();
        // What is remembered may be the earlier step's, or of nodes that are no longer there.
        let param = recording.param(id)?;
        let node = recording.trace.update(id).filter(|node| node.index() < recording.cursor)?;
        let update = &recording.trace.nodes[node.index()];
        (update.op == Op::Update(Update) && update.inputs[0] == param).then(|| self.var(node))
    }

    pub(crate) fn remember_update(&self, id: ParamId, update: Var<'_>) {
        let recording = &mut *self.recording.borrow_mut();
        recording.updates += 1;
        recording.trace.remember_update(id, update.id());
    }

    /// How many updates of state are recorded.
    pub(crate) fn update_count(&self) -> u32 {
        self.recording.borrow().updates
    }

    /// The new value of each parameter that is updated.
    pub(crate) fn updates(&self) -> Vec<(ParamId, NodeId)> {
        let layout = self.layout.ids().filter(|&id| self.layout.entry(id).role == Role::State);
        layout.filter_map(|id| Some((id, self.latest_update(id)?.id()))).collect()
    }

    /// Adds a scalar to what [`Tape::penalty`] gives, such as a penalty on a layer's values.
    ///
    /// # Panics
    ///
    /// If the penalty is not one number, or the tape's penalty is recorded already, which would
    /// miss this one.
    #[track_caller]
    pub fn add_penalty(&self, penalty: Var<'_>) {
        let shape = penalty.shape();
        assert!(shape.numel() == 1, "add_penalty: a value of shape {shape} is not one number");
        assert!(
            !self.recording.borrow().penalty_taken,
            "add_penalty: the tape's penalty is recorded already and would miss this one; ask for \
             `tape.penalty()` after the forward pass"
        );
        let penalty = penalty.operand(self).reshape(Shape::scalar());
        let before = self.recording.borrow().added_penalty;
        let sum = before.map_or(penalty, |before| self.var(before) + penalty);
        self.recording.borrow_mut().added_penalty = Some(sum.id());
    }

    /// The sum of the penalties that layers have added; none may be added from now on.
    fn take_penalty(&self) -> Option<Var<'_>> {
        let recording = &mut *self.recording.borrow_mut();
        recording.penalty_taken = true;
        recording.added_penalty.map(|id| self.var(id))
    }

    /// Records an operation on nodes of this graph, after inferring its shape.
    #[track_caller]
    #[inline]
    pub(crate) fn record(&self, op: impl Into<Op>, inputs: &[NodeId]) -> Var<'_> {
        self.record_at(op.into(), inputs, CodeLocation::caller())
    }

    /// Records an operation that was written at this place.
    #[track_caller]
    #[inline]
    fn record_at(&self, op: Op, inputs: &[NodeId], location: CodeLocation) -> Var<'_> {
        let mut recording = self.recording.borrow_mut();
        let next = recording.next();
        if !next.is_some_and(|node| node.op == op && node.inputs[..] == *inputs) {
            drop(recording);
            return self.record_new(op, inputs, location);
        }
        self.var(recording.advance(location, |_| unreachable!("the node is there")))
    }

    /// Records an operation that the earlier step does not have here.
    #[cold]
    #[track_caller]
    fn record_new(&self, op: Op, inputs: &[NodeId], location: CodeLocation) -> Var<'_> {
        let mut recording = self.recording.borrow_mut();
        let shape = {
            let nodes = &recording.trace.nodes;
            let read: Vec<&Node> = inputs.iter().map(|&id| &nodes[id.index()]).collect();
            let mut contents = read.iter().map(|node| node.content()).enumerate();
            match contents.find(|&(at, content)| content != op.reads_at(at)) {
                Some((_, content)) => Err(content.refusal().to_string()),
                None => op.infer(&read.iter().map(|node| &node.shape).collect::<Vec<_>>()),
            }
        };
        let shape = match shape {
            Ok(shape) if !shape.is_sensible() => {
                drop(recording);
                self.reject(&op, inputs, &format!("a result of shape {shape} is too large"));
            }
            Ok(shape) => shape,
            Err(reason) => {
                drop(recording);
                self.reject(&op, inputs, &reason);
            }
        };
        recording.diverge(&self.store, &op, inputs, &shape);
        self.var(recording.advance(location, |location| Node {
            op,
            inputs: inputs.into(),
            shape,
            location,
        }))
    }

    /// Panics with the operation, what is wrong and what its inputs are, at the user's line.
    #[cold]
    #[track_caller]
    fn reject(&self, op: &Op, inputs: &[NodeId], reason: &str) -> ! {
        let described: Vec<String> = inputs.iter().map(|&id| self.describe(id)).collect();
        let (inputs, trainer) = (described.join(", "), self.of_trainer());
        panic!("{}: {reason}\n  inputs: {inputs}{trainer}", op.name())
    }

    /// The handle of a node.
    #[inline]
    pub(crate) fn var(&self, id: NodeId) -> Var<'_> {
        Var::new(self, id)
    }

    /// The number of nodes recorded.
    pub(crate) fn len(&self) -> usize {
        self.recording.borrow().cursor
    }

    /// Looks at the recorded nodes and the identity of their trace.
    pub(crate) fn with_nodes<R>(&self, look: impl FnOnce(&[Node], u64) -> R) -> R {
        let recording = self.recording.borrow();
        look(&recording.trace.nodes[..recording.cursor], recording.trace.id)
    }

    /// The gradients of a number with respect to targets, one a target: those of a sweep made
    /// before, or by an earlier step at this same place, or else of a new one.
    pub(crate) fn sweep(
        &self,
        output: NodeId,
        targets: &Targets,
        differentiate: impl FnOnce() -> Vec<Option<NodeId>>,
    ) -> SweepId {
        let (at, mode) = (self.len(), self.mode);
        let before = {
            let recording = &mut *self.recording.borrow_mut();
            let known = recording.trace.sweeps.iter().position(|sweep| {
                let recorded = sweep.end <= at || sweep.at == at && !sweep.binds;
                recorded && sweep.is_of(output, targets, mode)
            });
            if let Some(index) = known {
                // The nodes that an earlier step has here now count as recorded.
                recording.cursor = at.max(recording.trace.sweeps[index].end);
                recording.trace.remember_params_of(index);
                return SweepId(index);
            }
            recording.bound()
        };
        let gradients = differentiate();
        let recording = &mut *self.recording.borrow_mut();
        let (end, targets) = (recording.cursor, targets.clone());
        let binds = recording.bound() != before;
        let read = recording.trace.nodes[at..end].iter().enumerate();
        let params = read.filter_map(|(i, node)| match node.op {
            Op::Source(Source::Param(id)) => Some((id, NodeId((at + i) as u32))),
            _ => None,
        });
        let (params, gradients) = (params.collect(), gradients.into());
        let sweep = Sweep { at, end, mode, binds, output, targets, gradients, params };
        SweepId(recording.trace.remember_sweep(sweep))
    }

    /// The gradients of a number with respect to all parameters recorded so far.
    #[track_caller]
    pub(crate) fn sweep_params(&self, output: Var<'_>) -> SweepId {
        self.sweep(output.id(), &Targets::Params, || {
            let layout = &self.layout;
            let trainable = layout.ids().filter(|&id| layout.entry(id).trainable);
            let (ids, nodes): (Vec<ParamId>, Vec<NodeId>) = {
                let recording = self.recording.borrow();
                trainable.filter_map(|id| Some((id, recording.param(id)?))).unzip()
            };
            let mut gradients = vec![None; layout.entries().len()];
            for (id, gradient) in ids.into_iter().zip(differentiate(output, &nodes)) {
                gradients[id.index()] = gradient;
            }
            gradients
        })
    }

    /// The nodes that reverse sweeps recorded.
    fn swept_ranges(&self) -> Vec<Range<usize>> {
        let recording = self.recording.borrow();
        let recorded = recording.trace.sweeps.iter().filter(|sweep| sweep.end <= recording.cursor);
        recorded.map(|sweep| sweep.at..sweep.end).collect()
    }

    /// The gradients that a sweep found, one a target.
    pub(crate) fn swept(&self, sweep: SweepId) -> Arc<[Option<NodeId>]> {
        self.recording.borrow().trace.sweeps[sweep.0].gradients.clone()
    }

    /// The parameters that a sweep found gradients of.
    pub(crate) fn swept_params(&self, sweep: SweepId) -> Vec<(ParamId, NodeId)> {
        let swept = self.swept(sweep);
        let gradients = self.layout.ids().zip(&swept[..]);
        gradients.filter_map(|(id, gradient)| Some((id, (*gradient)?))).collect()
    }
}

impl Recording {
    /// How much of what each step binds or draws for itself there is so far.
    fn bound(&self) -> [u32; 4] {
        [self.attached.len() as u32, self.inputs, self.streams, self.updates]
    }

    /// The node that the earlier step has at the cursor.
    #[inline(always)]
    fn next(&self) -> Option<&Node> {
        self.trace.nodes.get(self.cursor)
    }

    /// Counts the next node as recorded, adding it if the trace ends here.
    #[inline(always)]
    fn advance(
        &mut self,
        location: CodeLocation,
        node: impl FnOnce(CodeLocation) -> Node,
    ) -> NodeId {
        match self.trace.nodes.get_mut(self.cursor) {
            Some(node) => node.location = location,
            None => self.trace.nodes.push(node(location)),
        }
        self.cursor += 1;
        NodeId(self.cursor as u32 - 1)
    }

    /// The node of a parameter, if it is recorded.
    fn param(&self, id: ParamId) -> Option<NodeId> {
        let node = self.trace.param(id)?;
        // The entry may be the earlier step's, or of nodes that are no longer there.
        let recorded = node.index() < self.cursor;
        (recorded && self.trace.nodes[node.index()].op == Op::Source(Source::Param(id)))
            .then_some(node)
    }

    /// Leaves the earlier step, which goes on in another way than this one: continues along
    /// another trace that agrees so far and has this node next, or along a new one. The old trace
    /// stays as it is for a later step, so that alternating steps (a last batch that is smaller,
    /// a validation) keep their plans.
    fn diverge(&mut self, store: &TraceStore, op: &Op, inputs: &[NodeId], shape: &Shape) {
        if self.cursor == self.trace.nodes.len() {
            return;
        }
        let recorded = &self.trace.nodes[..self.cursor];
        let next = store.take(|trace| {
            let node = trace.nodes.get(recorded.len());
            node.is_some_and(|node| node.repeats(op, inputs, shape)) && trace.starts_with(recorded)
        });
        let next = match next {
            Some(mut next) => {
                next.remember_as(&self.trace);
                next
            }
            None => self.trace.prefix(self.cursor),
        };
        store.put(std::mem::replace(&mut self.trace, next));
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        let recording = self.recording.get_mut();
        let mut trace = std::mem::take(&mut recording.trace);
        trace.spare_attached = std::mem::take(&mut recording.attached);
        trace.spare_attached.clear();
        self.store.put(trace);
    }
}
