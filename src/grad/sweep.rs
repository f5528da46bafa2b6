//! The reverse sweep: the only place that accumulates gradients and sums over broadcast axes.

use smallvec::SmallVec;

use crate::graph::{Graph, NodeId, Var};
use crate::ops::custom::Custom;
use crate::ops::{Op, Site};

/// Records the gradients of a number `y` with respect to nodes; `None` for those that `y` does not
/// depend on.
///
/// Nodes are visited once, from `y` down in recording order, so neither depth nor sharing matters.
pub(crate) fn differentiate(y: Var<'_>, targets: &[NodeId]) -> Vec<Option<NodeId>> {
    let graph = y.graph();
    let end = y.id().index() + 1;
    let needed = needed(graph, end, targets);
    let mut adjoints: Vec<Option<Var<'_>>> = vec![None; end];
    if needed[end - 1] {
        adjoints[end - 1] = Some(graph.scalar(1.0).broadcast_to(y.shape()));
    }
    for index in (0..end).rev() {
        let Some(g) = adjoints[index].filter(|_| needed[index]) else { continue };
        let y = graph.var(NodeId(index as u32));
        let (op, inputs) = graph.with_nodes(|nodes, _| {
            let node = &nodes[index];
            (node.op.clone(), node.inputs.clone())
        });
        let inputs: SmallVec<[Var<'_>; 4]> = inputs.iter().map(|&id| graph.var(id)).collect();
        let site = Site { g, inputs: &inputs, y };
        // A rule of one's own gives the gradients of all inputs at once. It is asked once, since it may
        // draw noise.
        let all = match &op {
            Op::Custom(custom) => custom.gradients(&site),
            _ => None,
        };
        for (i, &x) in inputs.iter().enumerate().filter(|(_, x)| needed[x.id().index()]) {
            let contribution = match &all {
                Some(all) => all[i],
                None => op.vjp(i, &site),
            };
            let Some(contribution) = contribution else { continue };
            if let Op::Custom(custom) = &op {
                assert_fits(custom, contribution, i, &site);
            }
            let contribution = unbroadcast(contribution, x);
            let adjoint = &mut adjoints[x.id().index()];
            *adjoint = Some(match *adjoint {
                Some(sum) => sum + contribution,
                None => contribution,
            });
        }
    }
    let found = |target: &NodeId| adjoints.get(target.index()).copied().flatten().map(Var::id);
    targets.iter().map(found).collect()
}

/// Panics unless what a rule of the user's own gives an input is of the input's shape, or of one to
/// which the input was broadcast.
fn assert_fits(custom: &Custom, contribution: Var<'_>, input: usize, site: &Site<'_, '_>) {
    let y = site.y;
    let (found, expected) = (contribution.shape(), site.inputs[input].shape());
    if expected.broadcasts_to(&found) {
        return;
    }
    let number = match custom {
        Custom::Rule(_) => input - 1,
        Custom::Kernel(_) => input,
    };
    let location = y.graph().with_nodes(|nodes, _| nodes[y.id().index()].location.clone());
    panic!(
        "the rule of `{}`, applied at {location}: a gradient of shape {found} for input {number} of \
         shape {expected}",
        y.op_name()
    );
}

/// Which of the first `end` nodes lie on a path from a target to the last.
fn needed(graph: &Graph, end: usize, targets: &[NodeId]) -> Vec<bool> {
    let mut needed = vec![false; end];
    for target in targets.iter().filter(|target| target.index() < end) {
        needed[target.index()] = true;
    }
    graph.with_nodes(|nodes, _| {
        for (index, node) in nodes[..end].iter().enumerate() {
            needed[index] |= node.inputs.iter().any(|input| needed[input.index()]);
        }
    });
    needed
}

/// Sums a gradient over the axes along which an operand was repeated.
fn unbroadcast<'t>(g: Var<'t>, x: Var<'t>) -> Var<'t> {
    let (from, to) = (g.shape(), x.shape());
    if from == to {
        return g;
    }
    let axes = from.axes_broadcast_from(&to);
    g.sum(axes).reshape(to)
}
