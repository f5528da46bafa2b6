//! Before planning: drops nodes that no wanted value needs, folds constants, removes identities
//! and merges nodes that compute the same.

use std::collections::HashMap;

use smallvec::SmallVec;

use crate::graph::{Node, NodeId, Source};
use crate::ops::custom::Custom;
use crate::ops::elementwise::{Elementwise, MAX_ARITY};
use crate::ops::view::View;
use crate::ops::{Constant, Op};
use crate::params::ParamId;

/// What is left of a graph.
pub(super) struct Simplified {
    /// The node that each node's value is taken from: itself, or an equal one before it.
    pub(super) canonical: Vec<NodeId>,
    /// The value of each node that is a constant.
    pub(super) constants: Vec<Option<Constant>>,
    /// Whether each node still has to be computed.
    pub(super) live: Vec<bool>,
    /// How many live nodes and wanted values read each node.
    pub(super) uses: Vec<u32>,
    /// The last live node that reads each node.
    pub(super) reader: Vec<Option<NodeId>>,
}

impl Simplified {
    pub(super) fn of(&self, id: NodeId) -> NodeId {
        self.canonical[id.index()]
    }
}

pub(super) fn simplify(
    nodes: &[Node],
    outputs: &[NodeId],
    gradients: &[(ParamId, NodeId)],
) -> Simplified {
    let wanted = || outputs.iter().copied().chain(gradients.iter().map(|&(_, node)| node));
    let live = reachable(nodes, wanted(), |input| input);
    let mut found = Simplified {
        canonical: (0..nodes.len() as u32).map(NodeId).collect(),
        constants: vec![None; nodes.len()],
        live: Vec::new(),
        uses: vec![0; nodes.len()],
        reader: vec![None; nodes.len()],
    };
    merge(nodes, &live, &mut found);

    found.live = reachable(nodes, wanted().map(|id| found.of(id)), |input| found.of(input));
    for (index, node) in nodes.iter().enumerate().filter(|(index, _)| found.live[*index]) {
        if found.constants[index].is_some() {
            continue;
        }
        for input in &node.inputs {
            let input = found.canonical[input.index()].index();
            found.uses[input] += 1;
            found.reader[input] = Some(NodeId(index as u32));
        }
    }
    wanted().for_each(|id| found.uses[found.canonical[id.index()].index()] += 1);
    found
}

/// Marks what the wanted nodes need.
fn reachable(
    nodes: &[Node],
    wanted: impl Iterator<Item = NodeId>,
    resolve: impl Fn(NodeId) -> NodeId,
) -> Vec<bool> {
    let mut live = vec![false; nodes.len()];
    wanted.for_each(|id| live[id.index()] = true);
    for index in (0..nodes.len()).rev() {
        if live[index] {
            nodes[index].inputs.iter().for_each(|&input| live[resolve(input).index()] = true);
        }
    }
    live
}

/// Finds constants, identities and repetitions among the live nodes, in order.
fn merge(nodes: &[Node], live: &[bool], found: &mut Simplified) {
    let mut seen: HashMap<(&Op, SmallVec<[NodeId; 4]>), NodeId> = HashMap::new();
    let mut numbers: HashMap<Constant, NodeId> = HashMap::new();
    for (index, node) in nodes.iter().enumerate().filter(|(index, _)| live[*index]) {
        let id = NodeId(index as u32);
        let inputs: SmallVec<[NodeId; 4]> = node.inputs.iter().map(|&id| found.of(id)).collect();
        if let Some(value) = constant(node, &inputs, &found.constants) {
            found.constants[index] = Some(value);
            found.canonical[index] = *numbers.entry(value).or_insert(id);
        } else if let Some(same) = identity(nodes, node, &inputs, &found.constants) {
            found.canonical[index] = same;
        } else {
            found.canonical[index] = *seen.entry((&node.op, inputs)).or_insert(id);
        }
    }
}

/// The value of a scalar made of constants.
fn constant(node: &Node, inputs: &[NodeId], constants: &[Option<Constant>]) -> Option<Constant> {
    match node.op {
        Op::Source(Source::Scalar(value)) => Some(value),
        Op::Elementwise(op) if node.shape.rank() == 0 => {
            let mut values = [0.0; MAX_ARITY];
            for (value, input) in values.iter_mut().zip(inputs) {
                *value = constants[input.index()]?.0;
            }
            let mut out = 0.0_f64;
            // SAFETY: one number is read of each input and one written.
            unsafe { op.apply(std::array::from_fn(|i| &raw const values[i]), &raw mut out, 1) };
            Some(Constant(out))
        }
        _ => None,
    }
}

/// The input that a node passes on unchanged.
fn identity(
    nodes: &[Node],
    node: &Node,
    inputs: &[NodeId],
    constants: &[Option<Constant>],
) -> Option<NodeId> {
    let is = |i: usize, value: f64| constants[inputs[i].index()] == Some(Constant(value));
    let same = match node.op {
        Op::View(View::Detach) | Op::Remat(_) | Op::Custom(Custom::Rule(_)) => inputs[0],
        Op::Elementwise(Elementwise::mul) if is(1, 1.0) => inputs[0],
        Op::Elementwise(Elementwise::mul) if is(0, 1.0) => inputs[1],
        Op::Elementwise(Elementwise::div) if is(1, 1.0) => inputs[0],
        // x + 0 is not x for x = -0, but x - 0 is.
        Op::Elementwise(Elementwise::sub) if is(1, 0.0) => inputs[0],
        _ => return None,
    };
    (nodes[same.index()].shape == node.shape).then_some(same)
}
