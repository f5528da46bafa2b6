//! Points where a derivative is a convention: which operations branch, and what is accepted there.

use super::differences::{Differences, MARGIN, Slope};
use super::report::Report;
use crate::graph::{Graph, NodeId, Source, Var};
use crate::ops::Op;

/// What a check found of one entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// The analytic derivative is the slope.
    Smooth,
    /// At a kink, the analytic derivative lies between the slopes of both sides.
    Kink,
    /// At a kink, it does not.
    BadKink,
    /// There is no kink, and it is not the slope.
    Wrong,
}

/// What a check found of one entry, and by what.
pub(super) struct Finding {
    pub(super) class: Class,
    pub(super) analytic: f64,
    pub(super) numeric: Slope,
    /// The slopes of both sides, if the entry is at a kink.
    pub(super) one_sided: Option<[f64; 2]>,
    /// The difference that is left, relative to the scale of what is compared.
    pub(super) error: f64,
    /// The estimated numerical error on the same scale.
    pub(super) uncertainty: f64,
    /// Whether differences can tell the derivative from 0 at all.
    pub(super) resolved: bool,
}

/// Compares a derivative with differences. Entries far below `floor` are compared on that scale.
/// `branches` tells whether an operation changes sides between two points.
pub(super) fn judge(
    analytic: f64,
    differences: &Differences,
    floor: f64,
    branches: impl FnOnce([f64; 2]) -> bool,
) -> Finding {
    let numeric = differences.central();
    let smooth = compare(analytic, [numeric; 2], floor);
    let fits = smooth.error < Report::TOLERANCE;
    let [left, right] = differences.one_sided();
    let gap = (right.value - left.value).abs();
    let apart = gap > MARGIN * (left.error + right.error)
        && gap > Report::TOLERANCE * left.value.abs().max(right.value.abs()).max(floor);
    if fits && !apart || !branches(differences.closest()) {
        return Finding { class: if fits { Class::Smooth } else { Class::Wrong }, ..smooth };
    }
    let kink = compare(analytic, [left, right], floor);
    let accepted = kink.error < Report::TOLERANCE;
    Finding {
        class: if accepted { Class::Kink } else { Class::BadKink },
        numeric,
        one_sided: Some([left.value, right.value]),
        ..kink
    }
}

/// By how much a derivative lies outside of two slopes. What the slopes' own errors explain is
/// below the tolerance.
fn compare(analytic: f64, [left, right]: [Slope; 2], floor: f64) -> Finding {
    let (low, high) = (left.value.min(right.value), left.value.max(right.value));
    let outside = (low - analytic).max(analytic - high).max(0.0);
    let size = analytic.abs().max(low.abs()).max(high.abs());
    let uncertainty = left.error.max(right.error);
    let resolved = MARGIN * uncertainty < 1e-2 * size;
    let mut scale = size.max(floor).max(MARGIN * uncertainty / Report::TOLERANCE);
    if scale == 0.0 {
        // All that is compared is exactly zero.
        scale = 1.0;
    }
    let known = low.is_finite() && high.is_finite() && uncertainty.is_finite();
    let error = if known { outside / scale } else { f64::NAN };
    let uncertainty = if known { uncertainty / scale } else { f64::NAN };
    let (class, numeric) = (Class::Smooth, left);
    Finding { class, analytic, numeric, one_sided: None, error, uncertainty, resolved }
}

/// An operation that branches.
pub(super) struct Sides {
    pub(super) of: NodeId,
    /// The node whose numbers say which side each of its elements takes.
    pub(super) told_by: NodeId,
}

/// Records which side each branching operation between the trainable parameters and a value takes.
pub(super) fn sides(value: Var<'_>) -> Vec<Sides> {
    let graph = value.graph();
    let sides = path(value).into_iter().filter_map(|of| {
        let (op, inputs) = graph.with_nodes(|nodes, _| {
            let node = &nodes[of.index()];
            (node.op.clone(), node.inputs.clone())
        });
        let inputs: Vec<Var<'_>> = inputs.iter().map(|&id| graph.var(id)).collect();
        let told_by = op.sides(&inputs, graph.var(of))?.id();
        Some(Sides { of, told_by })
    });
    sides.collect()
}

/// The operations between the trainable parameters and a value, in recording order.
pub(super) fn path(value: Var<'_>) -> Vec<NodeId> {
    let graph: &Graph = value.graph();
    let end = value.id().index() + 1;
    graph.with_nodes(|nodes, _| {
        let layout = graph.layout();
        let mut depends = vec![false; end];
        for (i, node) in nodes[..end].iter().enumerate() {
            depends[i] = match node.op {
                Op::Source(Source::Param(id)) => layout.entry(id).trainable,
                _ => node.inputs.iter().any(|input| depends[input.index()]),
            };
        }
        let mut used = vec![false; end];
        used[end - 1] = true;
        for (i, node) in nodes[..end].iter().enumerate().rev().filter(|(i, _)| depends[*i]) {
            if used[i] {
                node.inputs.iter().for_each(|input| used[input.index()] = true);
            }
        }
        let on_path = |&i: &usize| depends[i] && used[i] && !matches!(nodes[i].op, Op::Source(_));
        (0..end).filter(on_path).map(|i| NodeId(i as u32)).collect()
    })
}
