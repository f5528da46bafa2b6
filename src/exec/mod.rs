//! The executor: makes a plan of a graph and runs it over numbers.
//!
//! In the order in which a graph passes through: [`simplify`] drops what is not needed or said
//! twice, [`lower`] drafts fused groups, products and calls, [`remat`] repeats those of the
//! [`parts`] that are not to keep their values, [`buffers`] places the results in one arena,
//! [`run`] runs them, groups tile by tile in [`fused`], products of inputs that turn out to be mostly
//! zeros by their entries ([`compressed`]). [`compiled`] has that done in this crate.
//! [`oracle`] is the plain interpreter that all of this is tested against.

mod arena;
mod buffers;
pub(crate) mod compiled;
mod compressed;
mod draft;
mod fused;
pub(crate) mod kernels;
mod lower;
mod memory;
pub(crate) mod oracle;
mod parts;
mod plan;
mod remat;
mod run;
mod simplify;
mod tiling;
mod workspace;

#[cfg(test)]
mod tests;

pub(crate) use memory::Bindings;
pub(crate) use plan::{Plan, Request};
pub(crate) use workspace::{Workspace, WorkspaceStore};

use crate::graph::{Node, NodeId};
use crate::params::{Layout, ParamId};

/// Plans a run over these nodes. `gradients` are the nodes that hold the gradients of parameters
/// and the new values of state, if any are wanted.
pub(crate) fn plan(
    nodes: &[Node],
    outputs: &[NodeId],
    gradients: &[(ParamId, NodeId)],
    layout: &Layout,
    fuse: bool,
) -> Plan {
    let simplified = simplify::simplify(nodes, outputs, gradients);
    let mut lowered = lower::lower(nodes, &simplified, outputs, gradients, layout, fuse);
    if let Some(parts) = parts::Parts::find(nodes, &simplified) {
        lowered = remat::repeat(lowered, &parts);
    }
    let mut reached = vec![false; layout.entries().len()];
    gradients.iter().for_each(|(id, _)| reached[id.index()] = true);
    let shapes = outputs.iter().map(|id| nodes[id.index()].shape.clone());
    buffers::place(nodes, lowered, shapes, reached.into())
}
