//! Recordings of earlier steps, kept so that a step that repeats one need not be planned again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Attached, Mode, Node, NodeId};
use crate::params::ParamId;

/// The nodes of a step in recording order. Nodes are only ever added, so whatever was derived from
/// a trace stays valid for the identity of the trace.
pub(crate) struct Trace {
    pub(crate) id: u64,
    pub(crate) nodes: Vec<Node>,
    pub(crate) sweeps: Vec<Sweep>,
    /// The node of each parameter, by its position in the layout.
    params: Vec<Option<NodeId>>,
    /// The latest update of each parameter that is state, by its position in the layout.
    updates: Vec<Option<NodeId>>,
    /// Storage for the list of what the next step's graph holds.
    pub(crate) spare_attached: Vec<Attached>,
}

/// A reverse sweep: what was differentiated when, and which nodes came out.
#[derive(Clone)]
pub(crate) struct Sweep {
    /// The number of nodes when it began and when it ended.
    pub(crate) at: usize,
    pub(crate) end: usize,
    /// What the graph was recorded for, which rules of the user's own may ask for.
    pub(crate) mode: Mode,
    /// Whether such rules bound data or drew numbers, as each step has to do for itself.
    pub(crate) binds: bool,
    pub(crate) output: NodeId,
    pub(crate) targets: Targets,
    /// The gradient with respect to each target; `None` if the output does not depend on it.
    pub(crate) gradients: Arc<[Option<NodeId>]>,
    /// The parameters that such rules read for the first time.
    pub(crate) params: Vec<(ParamId, NodeId)>,
}

impl Sweep {
    pub(crate) fn is_of(&self, output: NodeId, targets: &Targets, mode: Mode) -> bool {
        self.output == output && self.mode == mode && self.targets == *targets
    }
}

/// With respect to what a reverse sweep differentiates.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Targets {
    /// All trainable parameters recorded before.
    Params,
    /// These nodes.
    Nodes(Vec<NodeId>),
}

impl Default for Trace {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            nodes: Vec::new(),
            sweeps: Vec::new(),
            params: Vec::new(),
            updates: Vec::new(),
            spare_attached: Vec::new(),
        }
    }
}

impl Trace {
    pub(crate) fn param(&self, id: ParamId) -> Option<NodeId> {
        self.params.get(id.index()).copied().flatten()
    }

    pub(crate) fn remember_param(&mut self, id: ParamId, node: NodeId) {
        remember(&mut self.params, id, node);
    }

    pub(crate) fn update(&self, id: ParamId) -> Option<NodeId> {
        self.updates.get(id.index()).copied().flatten()
    }

    pub(crate) fn remember_update(&mut self, id: ParamId, node: NodeId) {
        remember(&mut self.updates, id, node);
    }

    /// Adds a sweep, in place of an earlier step's at the same place; at which index.
    pub(crate) fn remember_sweep(&mut self, sweep: Sweep) -> usize {
        let Sweep { at, output, mode, .. } = sweep;
        let same = |known: &Sweep| known.at == at && known.is_of(output, &sweep.targets, mode);
        match self.sweeps.iter().position(same) {
            Some(index) => {
                self.sweeps[index] = sweep;
                index
            }
            None => {
                self.sweeps.push(sweep);
                self.sweeps.len() - 1
            }
        }
    }

    /// The parameters that a sweep reads are where it reads them.
    pub(crate) fn remember_params_of(&mut self, sweep: usize) {
        for &(id, node) in &self.sweeps[sweep].params {
            remember(&mut self.params, id, node);
        }
    }

    /// Takes over what another trace, with which this one agrees so far, remembers of its nodes.
    pub(crate) fn remember_as(&mut self, other: &Trace) {
        self.params.clone_from(&other.params);
        self.updates.clone_from(&other.updates);
    }

    /// Whether it begins with these nodes.
    pub(crate) fn starts_with(&self, nodes: &[Node]) -> bool {
        self.nodes.len() >= nodes.len()
            && self.nodes.iter().zip(nodes).all(|(a, b)| a.repeats(&b.op, &b.inputs, &b.shape))
    }

    /// A new trace of the first nodes of this one.
    pub(crate) fn prefix(&self, len: usize) -> Trace {
        let mut trace = Self::default();
        trace.nodes.extend_from_slice(&self.nodes[..len]);
        trace.remember_as(self);
        trace.sweeps.extend(self.sweeps.iter().filter(|sweep| sweep.end <= len).cloned());
        trace
    }
}

fn remember(nodes: &mut Vec<Option<NodeId>>, id: ParamId, node: NodeId) {
    if nodes.len() <= id.index() {
        nodes.resize(id.index() + 1, None);
    }
    nodes[id.index()] = Some(node);
}

/// The latest traces of the steps run with the same parameters.
#[derive(Default)]
pub(crate) struct TraceStore(Mutex<Vec<Trace>>);

impl TraceStore {
    /// How many traces are kept: training and validation, each with batches of several sizes.
    const CAPACITY: usize = 32;

    fn traces(&self) -> MutexGuard<'_, Vec<Trace>> {
        // A panic elsewhere cannot leave the list half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The trace used last, or a new one.
    pub(crate) fn take_latest(&self) -> Trace {
        self.traces().pop().unwrap_or_default()
    }

    /// The trace used last of those wanted.
    pub(crate) fn take(&self, wanted: impl Fn(&Trace) -> bool) -> Option<Trace> {
        let mut traces = self.traces();
        let at = traces.iter().rposition(wanted)?;
        Some(traces.remove(at))
    }

    /// Keeps a trace for a later step.
    pub(crate) fn put(&self, trace: Trace) {
        if trace.nodes.is_empty() {
            return;
        }
        let mut traces = self.traces();
        if traces.len() == Self::CAPACITY {
            traces.remove(0);
        }
        traces.push(trace);
    }
}
